// Which devices there are, by number: a node with a number of none can be made, but not opened (mknod(2), ENXIO).

import { EIO, ENXIO } from "./errno";
import { newOperations, OpenFile, setKind } from "./open_file";
import { Thread } from "./program";
import { KIND_DEVICE } from "./tree";

/** Number of a device as Linux packs it (include/linux/kdev_t.h): the low 8 bits of the minor number are lowest. */
export function majorOf(device: u32): u32 {
  return (device >> 8) & 0xfff;
}

export function minorOf(device: u32): u32 {
  return (device & 0xff) | ((device >> 12) & 0xf_ff00);
}

/** The number of a device whose major number is 0 (include/linux/kdev_t.h: new_encode_dev()). */
export function packedMinor(minor: u32): u32 {
  return (minor & 0xff) | ((minor & 0xf_ff00) << 12);
}

/** Slaves of pseudoterminals are reached in /dev/pts alone. */
const FIRST_SLAVE: u32 = 136;
const LAST_SLAVE: u32 = 143;

const DEVICES_MAX: u32 = 16;
/** Number and operations of each. */
const devices = memory.data(128);
let count: u32 = 0;
const absent = memory.data(64);

/** Nodes with `device` have `operations`, a FileOperations, from now on. */
export function registerDevice(device: u32, operations: usize): void {
  if (count === DEVICES_MAX) return;
  store<u32>(devices + count * 8, device);
  store<usize>(devices + count * 8 + 4, operations);
  count++;
}

/** Operations of the character device with that number, 0 where there is none. */
export function operationsOfDevice(device: u32): usize {
  for (let i: u32 = 0; i < count; i++) {
    if (load<u32>(devices + i * 8) === device) return load<usize>(devices + i * 8 + 4);
  }
  return 0;
}

/** open(2) of a device that is not there. */
export function openAbsent(_thread: Thread, file: OpenFile): i64 {
  const node = file.node;
  const major = majorOf(node.device);
  const slave = node.kind === KIND_DEVICE && major >= FIRST_SLAVE && major <= LAST_SLAVE;
  return slave ? -EIO : -ENXIO;
}

/** Comes before the first device. */
export function initDevices(): void {
  count = 0;
  const operations = newOperations(absent);
  operations.open = openAbsent;
  setKind(KIND_DEVICE, operations);
}
