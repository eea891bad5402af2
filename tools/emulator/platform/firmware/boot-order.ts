// The file "bootorder" of the firmware configuration device: disks and network cards that have a place in the boot order, as
// paths of Open Firmware, a line each (QEMU docs/bootindex.txt, softmmu/bootdevice.c).

import { Ahci } from "../../devices/ata/ahci.ts";
import type { AttachedMedia, FirmwareFile } from "../../devices/device.ts";
import { XHCI_DEVICE } from "../../devices/usb/xhci-registers.ts";
import { VirtioBlk } from "../../devices/virtio/virtio-blk.ts";
import { VirtioPci } from "../../devices/virtio/virtio-pci.ts";
import type { Disk } from "../../media/disk.ts";
import type { Board } from "../pc.ts";

const BUS = "/pci@i0cf8";

/** Where firmware finds a disk; undefined for one that it cannot reach so. */
function pathOf(disk: Disk, board: Board, attached: AttachedMedia): string | undefined {
  const virtio = board
    .all(VirtioPci)
    .find((device) => device.function instanceof VirtioBlk && device.function.disk === disk);
  if (virtio !== undefined) return `${BUS}/scsi@${virtio.slotNumber.toString(16)}/disk@0,0`;
  const usb = attached.usb.indexOf(disk);
  if (usb >= 0)
    return `${BUS}/usb@${XHCI_DEVICE.toString(16)}/storage@${usb + 1}/channel@0/disk@0,0`;
  const added = attached.ahci?.findIndex((ports) => ports.includes(disk)) ?? -1;
  if (added >= 0) {
    const slot = board.find(Ahci, `ahci.${added}`)?.slotNumber ?? 0;
    const port = attached.ahci?.[added]?.indexOf(disk);
    return `${BUS}/pci8086,2922@${slot.toString(16)}/drive@${port}/disk@0`;
  }
  const place = attached.ata.indexOf(disk);
  if (place < 0) return undefined;
  return board.find(Ahci, "ich9-ahci") === undefined
    ? `${BUS}/ide@1,1/drive@${place >> 1}/disk@${place & 1}`
    : `${BUS}/pci8086,2922@1f,2/drive@${place}/disk@0`;
}

/** A network card with a place in the boot order. */
export interface BootCard {
  /** Device number on bus 0. */
  readonly slot: number;
  readonly bootIndex: number;
}

const pathOfCard = (slot: number): string => `${BUS}/ethernet@${slot.toString(16)}/ethernet-phy@0`;

/** An expansion ROM among the files, with a place in the boot order. */
export interface BootRom {
  /** Of its file. */
  readonly name: string;
  readonly bootIndex: number;
}

/** The file; nothing where neither disk, card nor ROM has a place. */
export function bootOrderFile(
  media: readonly { disk: Disk; bootIndex: number }[],
  cards: readonly BootCard[],
  attached: AttachedMedia,
  board: () => Board,
  roms: readonly BootRom[] = [],
): FirmwareFile[] {
  const placed = [
    ...roms.map(({ name, bootIndex }) => ({ bootIndex, path: () => `/rom@${name}` })),
    ...media.map(({ disk, bootIndex }) => ({
      bootIndex,
      path: () => pathOf(disk, board(), attached),
    })),
    ...cards.map(({ slot, bootIndex }) => ({ bootIndex, path: () => pathOfCard(slot) })),
  ]
    .filter(({ bootIndex }) => bootIndex !== Number.POSITIVE_INFINITY)
    .sort((a, b) => a.bootIndex - b.bootIndex);
  if (placed.length === 0) return [];
  const contents = (): Uint8Array => {
    const paths = placed.flatMap(({ path }) => path() ?? []);
    return new TextEncoder().encode(`${paths.join("\n")}\0`);
  };
  return [{ name: "bootorder", contents }];
}
