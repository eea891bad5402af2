// What firmware by others (SeaBIOS, OVMF) is told about the machine: the files of the firmware configuration device (QEMU
// docs/specs/fw_cfg.rst) and CMOS memory's boot order (QEMU hw/i386/pc.c).

import type { FirmwareFile } from "../../devices/device.ts";
import { LoadError } from "../../load-error.ts";
import { type RamSizes, ramPieces } from "../memory-map.ts";
import { acpiFiles } from "./acpi-loader.ts";
import type { AcpiFacts } from "./acpi-tables.ts";
import type { BootKind, BootOrder } from "./bios-state.ts";

const UNIT = 0x10000;
const MAX_BYTES = 0x100_0000;

/** Looks at a firmware image: whole 64 KiB, up to 16 MiB, as flash is. Throws `LoadError`. */
export function checkedFirmware(name: string, image: Uint8Array): Uint8Array {
  if (image.length > 0 && image.length % UNIT === 0 && image.length <= MAX_BYTES) return image;
  throw new LoadError(
    `firmware ${name}: ${image.length} bytes, expected a multiple of 64 KiB up to 16 MiB`,
  );
}

/** Expansion ROMs are as large as what decodes them: a power of two. */
export function expansionRom(image: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(Math.max(2048, 2 ** Math.ceil(Math.log2(image.length))));
  bytes.set(image);
  return bytes;
}

const RANGE_BYTES = 20;

/** RAM as INT 15h, E820 describes it: address and bytes (64 bits each) and type 1 (32 bits). */
function memoryFile(ram: RamSizes): Uint8Array {
  const ranges = ramPieces(ram);
  const bytes = new Uint8Array(RANGE_BYTES * ranges.length);
  const view = new DataView(bytes.buffer);
  ranges.forEach(([start, length], i) => {
    view.setBigUint64(RANGE_BYTES * i, BigInt(start), true);
    view.setBigUint64(RANGE_BYTES * i + 8, BigInt(length), true);
    view.setUint32(RANGE_BYTES * i + 16, 1, true);
  });
  return bytes;
}

/** What firmware is told about its menu of boot devices. */
export interface BootMenu {
  /** It is offered. */
  show?: boolean;
  /** How long, milliseconds; as long as the firmware sees fit unless given. */
  waitMs?: number;
  /** Where nothing boots, the machine starts anew after so long, milliseconds; never unless given. */
  failWaitMs?: number;
}

const FOR_EVER = 0xffffffff;

function word(value: number, bytes: 2 | 4): Uint8Array {
  const all = new Uint8Array(4);
  new DataView(all.buffer).setUint32(0, value, true);
  return all.subarray(0, bytes);
}

/** The files; `facts` are asked for when firmware reads the ACPI tables, which depend on where it has put things. */
export function firmwareFiles(
  ram: RamSizes,
  menu: BootMenu,
  facts: (() => AcpiFacts) | undefined,
): FirmwareFile[] {
  const { show = false, waitMs, failWaitMs = FOR_EVER } = menu;
  const file = (name: string, contents: Uint8Array): FirmwareFile => ({
    name,
    contents: () => contents,
  });
  return [
    file("etc/e820", memoryFile(ram)),
    file("etc/boot-fail-wait", word(failWaitMs, 4)),
    file("etc/show-boot-menu", word(show ? 1 : 0, 2)),
    ...(waitMs === undefined ? [] : [file("etc/boot-menu-wait", word(waitMs, 2))]),
    ...(facts === undefined ? [] : acpiFiles(facts)),
  ];
}

/** Kinds in CMOS memory's boot order. */
const CMOS_KINDS: Readonly<Record<BootKind, number>> = {
  floppy: 1,
  disk: 2,
  cdrom: 3,
  network: 4,
};

/** CMOS bytes 38h and 3Dh for a boot order: the third device in the high half of the one, the first two in the other. */
export function cmosBootOrder(order: BootOrder): { 0x38: number; 0x3d: number } {
  const [first = 0, second = 0, third = 0] = order.map((kind) => CMOS_KINDS[kind]);
  return { 56: third << 4, 61: first | (second << 4) };
}
