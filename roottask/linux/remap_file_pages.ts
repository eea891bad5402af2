// remap_file_pages(2): a part of a shared mapping shows another part of its file. As in Linux since version 4.0 that is a
// mapping of its own in place of the old one (mm/mmap.c of Linux 6.1).

import { Utcb } from "../libhedron/utcb";
import { Area, areaAt, Space } from "../libroottask/areas";
import { EINVAL } from "../libroottask/errno";
import { dropMount, keepMount } from "../libroottask/mount_users";
import { grant, takeBack } from "../libroottask/pregrant";
import { Program } from "../libroottask/program";
import { dispose } from "../libroottask/tree";
import { populate } from "./memory";
import { mapAlike } from "./mremap";

const PAGE: u64 = 4096;
const MAP_NONBLOCK: u64 = 0x1_0000;

/** Areas alike follow each other without a gap from `area` up to `end`. */
function reaches(area: Area, end: u64): bool {
  let last = area;
  while (last.end < end) {
    const next = last.next;
    if (next === null || next.start !== last.end || next.fixed !== 0) return false;
    if (next.node !== area.node || next.shared !== area.shared) return false;
    if (next.rights !== area.rights || next.locked !== area.locked) return false;
    last = next;
  }
  return true;
}

function remap(space: Space, start: u64, size: u64, page: u64, flags: u64): i64 {
  const area = areaAt(space, start);
  if (area === null || area.fixed !== 0 || area.shared === 0) return -EINVAL;
  const node = area.node;
  if (node === null || !reaches(area, start + size)) return -EINVAL;
  const mount = area.mount;
  // The old mapping may be the last that has the file.
  node.users++;
  if (mount !== null) keepMount(mount);
  const from = area.start + page * PAGE - area.offset;
  const error = mapAlike(space, area, from, start, size);
  dropMount(mount);
  node.users--;
  dispose(node);
  if (error === 0 && (flags & MAP_NONBLOCK) === 0) populate(space, start, start + size);
  return error;
}

/** remap_file_pages(address, size, protection, page, flags): 0 or a negative error. */
export function sysRemapFilePages(program: Program, regs: Utcb): i64 {
  const start = regs.rdi & ~(PAGE - 1);
  const size = regs.rsi & ~(PAGE - 1);
  const page = regs.r10;
  if (regs.rdx !== 0 || start + size <= start) return -EINVAL;
  if (page + size / PAGE < page || page > (u64.MAX_VALUE - size) / PAGE) return -EINVAL;
  const space = program.space;
  takeBack(space);
  const result = remap(space, start, size, page, regs.r8);
  grant(space);
  return result;
}
