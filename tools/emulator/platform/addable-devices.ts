// The devices that `-device` adds to a board, with their options: a list of its own, so that the command
// line need not load the whole board.

import { addedAhci } from "../devices/ata/ahci.ts";
import type { DeviceKind } from "../devices/device.ts";
import { debugExit } from "../devices/isa-debug-exit.ts";
import { e1000 } from "../devices/net/e1000.ts";
import { e1000e } from "../devices/net/e1000e.ts";
import { pcTestDevice } from "../devices/pc-testdev.ts";
import { virtioBlk } from "../devices/virtio/virtio-blk.ts";
import { virtioSerial } from "../devices/virtio/virtio-console.ts";
import { virtioNet } from "../devices/virtio/virtio-net.ts";
import { virtConsole, virtSerialPort } from "../devices/virtio/virtio-port.ts";
import { virtioRng } from "../devices/virtio/virtio-rng.ts";

export const ADDABLE_DEVICES: readonly DeviceKind[] = [
  debugExit,
  addedAhci,
  e1000,
  e1000e,
  pcTestDevice,
  virtioBlk,
  virtioNet,
  virtioRng,
  virtioSerial,
  virtConsole,
  virtSerialPort,
];
