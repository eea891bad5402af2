// State of a port of an AHCI host bus adapter: its registers (AHCI 1.3.1, 3.3) by their names, and what is between them.

import { CMD, NO_SIGNATURE, NO_STATUS, PORT } from "./ahci-registers.ts";
import type { DeviceState } from "./ata-device.ts";

export interface PortState {
  clb: number;
  clbu: number;
  fb: number;
  fbu: number;
  is: number;
  ie: number;
  cmd: number;
  tfd: number;
  sig: number;
  sctl: number;
  serr: number;
  sact: number;
  ci: number;
  /** The device has not sent its signature since its last reset. */
  signatureWaits: boolean;
  /** The device control register holds the device in reset. */
  held: boolean;
  /** After a fatal error commands wait until the guest has stopped the port. */
  halted: boolean;
  /** The slot whose command waits for its medium. */
  waiting: number | undefined;
  device: DeviceState | undefined;
}

export const freshPort = (device?: DeviceState): PortState => ({
  clb: 0,
  clbu: 0,
  fb: 0,
  fbu: 0,
  is: 0,
  ie: 0,
  cmd: CMD.spinUp | CMD.powerOn,
  tfd: NO_STATUS,
  sig: NO_SIGNATURE,
  sctl: 0,
  serr: 0,
  sact: 0,
  ci: 0,
  signatureWaits: true,
  held: false,
  halted: false,
  waiting: undefined,
  device,
});

/** Registers that read as they are kept, by their offset. */
export const PORT_NAMES: ReadonlyMap<number, Exclude<keyof typeof PORT, "ssts">> = new Map(
  Object.entries(PORT)
    .filter(([name]) => name !== "ssts")
    .map(([name, offset]) => [offset, name as Exclude<keyof typeof PORT, "ssts">]),
);
