// A Linux image for firmware by others: what the firmware configuration device has of it, from which QEMU's expansion ROM
// "linuxboot", or OVMF by itself, starts it (QEMU hw/i386/x86.c, x86_load_linux; docs/specs/fw_cfg.rst; Linux
// Documentation/x86/boot.rst). Images that are loaded high, protocol 2.00 and later.

import { LoadError } from "../load-error.ts";
import type { Input } from "./boot-image.ts";
import { isLinux } from "./linux.ts";
import type { Module } from "./modules.ts";

/** Keys of the items. */
const ITEM = {
  kernelAddress: 0x07,
  kernelSize: 0x08,
  initrdAddress: 0x0a,
  initrdSize: 0x0b,
  kernelData: 0x11,
  initrdData: 0x12,
  lineAddress: 0x13,
  lineSize: 0x14,
  lineData: 0x15,
  setupAddress: 0x16,
  setupSize: 0x17,
  setupData: 0x18,
} as const;

const SECTOR = 512;
const PAGE = 4096;
/** Where QEMU has the parts go. */
const SETUP = 0x1_0000;
const COMMAND_LINE = 0x2_0000;
const KERNEL = 0x10_0000;
/** RAM at the end of what is below 4 GiB that stays free for firmware's tables. */
const TABLES = 0x2_8000;
/** The last byte of a RAM disk for kernels that do not say. */
const RAMDISK_LAST = 0x37ff_ffff;

const SETUP_SECTS = 0x1f1;
const VERSION = 0x206;
const TYPE_OF_LOADER = 0x210;
const LOADFLAGS = 0x211;
const RAMDISK_IMAGE = 0x218;
const RAMDISK_SIZE = 0x21c;
const HEAP_END_PTR = 0x224;
const CMD_LINE_PTR = 0x228;
const INITRD_ADDR_MAX = 0x22c;
const LOADED_HIGH = 1;
const CAN_USE_HEAP = 0x80;
/** QEMU's number among boot loaders. */
const LOADER = 0xb0;

/** The items by their keys. `lowBytes` is RAM below 4 GiB. Throws `LoadError` for what is no such image. */
export function linuxItems(
  kernel: Input,
  modules: readonly Module[],
  append: string,
  lowBytes: number,
): Map<number, Uint8Array> {
  const { name, data } = kernel;
  if (!isLinux(data)) {
    throw new LoadError(
      `kernel ${name}: firmware starts Linux images alone; without -bios others are started, too`,
    );
  }
  const header = new DataView(data.buffer, data.byteOffset, data.length);
  const version = header.getUint16(VERSION, true);
  if (!(header.getUint8(LOADFLAGS) & LOADED_HIGH)) {
    throw new LoadError(
      `kernel ${name}: it is to be loaded low (a zImage), which is not done here`,
    );
  }
  const [disk, second] = modules;
  if (second !== undefined) {
    throw new LoadError(`kernel ${name}: Linux takes one initial RAM disk, not several modules`);
  }
  const setupBytes = ((header.getUint8(SETUP_SECTS) || 4) + 1) * SECTOR;
  if (setupBytes > data.length) {
    throw new LoadError(
      `kernel ${name}: ${data.length} bytes, its setup code alone has ${setupBytes}`,
    );
  }
  const setup = data.slice(0, setupBytes);
  const view = new DataView(setup.buffer);
  view.setUint8(TYPE_OF_LOADER, LOADER);
  view.setUint32(CMD_LINE_PTR, COMMAND_LINE, true);
  if (version >= 0x0201) {
    view.setUint8(LOADFLAGS, view.getUint8(LOADFLAGS) | CAN_USE_HEAP);
    view.setUint16(HEAP_END_PTR, COMMAND_LINE - SETUP - SECTOR, true);
  }
  const items = new Map<number, Uint8Array>();
  const number = (key: number, value: number): void => {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setUint32(0, value, true);
    items.set(key, bytes);
  };
  if (disk !== undefined) {
    const { length } = disk.file.data;
    const wanted = version >= 0x0203 ? header.getUint32(INITRD_ADDR_MAX, true) : RAMDISK_LAST;
    const last = Math.min(wanted, lowBytes - TABLES - 1);
    const at = Math.floor((last - length) / PAGE) * PAGE;
    if (at < KERNEL + data.length - setupBytes) {
      throw new LoadError(
        `initial RAM disk ${disk.file.name}: ${length} bytes do not fit into RAM`,
      );
    }
    view.setUint32(RAMDISK_IMAGE, at, true);
    view.setUint32(RAMDISK_SIZE, length, true);
    number(ITEM.initrdAddress, at);
    number(ITEM.initrdSize, length);
    items.set(ITEM.initrdData, disk.file.data);
  }
  const line = new TextEncoder().encode(`${append}\0`);
  number(ITEM.kernelAddress, KERNEL);
  number(ITEM.kernelSize, data.length - setupBytes);
  items.set(ITEM.kernelData, data.subarray(setupBytes));
  number(ITEM.lineAddress, COMMAND_LINE);
  number(ITEM.lineSize, line.length);
  items.set(ITEM.lineData, line);
  number(ITEM.setupAddress, SETUP);
  number(ITEM.setupSize, setupBytes);
  items.set(ITEM.setupData, setup);
  return items;
}
