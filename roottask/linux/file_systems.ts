// What kinds of file systems there are, and how much room one has, by calls that statfs(2) and /proc/filesystems have
// replaced: sysfs(2), ustat(2). fs/filesystems.c and fs/statfs.c of Linux 6.1.

import { Utcb } from "../libhedron/utcb";
import { majorOf, minorOf } from "../libroottask/device_numbers";
import { EFAULT, EINVAL, ENOENT } from "../libroottask/errno";
import {
  pagesForFiles,
  SYSTEM_TYPES,
  systemOfDevice,
  systemTypeName,
} from "../libroottask/file_system";
import { totalPages } from "../libroottask/pages";
import { Program } from "../libroottask/program";
import { copyTo } from "../libroottask/space";
import { copyLiteral, equalsLiteral } from "../libroottask/text";
import { path, readPath } from "./lookup";
import { fillStatfs, freeFiles, freeRoom } from "./stat";

/** Options of sysfs(2): a type's index by its name, the name by the index, and how many there are. */
const INDEX: u32 = 1;
const NAME: u32 = 2;
const COUNT: u32 = 3;

/** struct ustat: blocks free, pad, inodes free, two names that nobody fills in, pad. */
const USTAT_BYTES: u32 = 32;
const record = memory.data(32);
const typeName = memory.data(16);

function indexOf(program: Program, address: u64): i64 {
  const length = readPath(program, path, address);
  if (length < 0) return length;
  if (length === 0) return -ENOENT;
  for (let index: u32 = 0; index < SYSTEM_TYPES; index++) {
    if (equalsLiteral(path, length as u32, systemTypeName(index))) return index as i64;
  }
  return -EINVAL;
}

/** sysfs(option, …). */
export function sysSysfs(program: Program, regs: Utcb): i64 {
  switch (regs.rdi as u32) {
    case INDEX:
      return indexOf(program, regs.rsi);
    case NAME: {
      const index = regs.rsi as u32;
      if (index >= SYSTEM_TYPES) return -EINVAL;
      const length = copyLiteral(typeName, systemTypeName(index));
      store<u8>(typeName + length, 0);
      return copyTo(program.space, regs.rdx, typeName, length + 1) ? 0 : -EFAULT;
    }
    case COUNT:
      return SYSTEM_TYPES as i64;
    default:
      return -EINVAL;
  }
}

/** ustat(device, ustat). */
export function sysUstat(program: Program, regs: Utcb): i64 {
  const device = regs.rdi as u32;
  const system = majorOf(device) === 0 ? systemOfDevice(minorOf(device)) : null;
  if (system === null) return -EINVAL;
  fillStatfs(null, system.root, totalPages(), pagesForFiles());
  memory.fill(record, 0, USTAT_BYTES);
  store<u32>(record, freeRoom() as u32);
  store<u64>(record + 8, freeFiles());
  return copyTo(program.space, regs.rsi, record, USTAT_BYTES) ? 0 : -EFAULT;
}
