// What is told of pages: of those of an area in smaps (proc_pid_smaps(5)), of each in pagemap (proc_pid_pagemap(5)).

import { MEM_W } from "../libhedron/abi";
import { Area, areaAt, Space } from "../libroottask/areas";
import { CAP_SYS_ADMIN, capable } from "../libroottask/credentials";
import { EFAULT, EINVAL } from "../libroottask/errno";
import { othersWith } from "../libroottask/frames";
import { frameOfPage, isAnonymous, nextPresent } from "../libroottask/space";
import { fillBytes, Transfer } from "../libroottask/transfer";
import { kibibytes } from "./writer";

const PAGE: u64 = 4096;
const PAGE_KIB: u64 = 4;

/** How many mappings have the page in `frame`: of a file's, the file has it as well. */
function mappingsOf(frame: usize, anonymous: bool): u32 {
  return anonymous ? othersWith(frame) + 1 : max<u32>(othersWith(frame), 1);
}

/** The lines behind that of [start, end) in smaps. */
export function areaDetails(space: Space, area: Area, start: u64, end: u64): void {
  let own: u64 = 0;
  let shared: u64 = 0;
  let anonymous: u64 = 0;
  let bytes: u64 = 0;
  let page = nextPresent(space, start, end);
  while (page < end) {
    const frame = frameOfPage(space, page);
    const copy = isAnonymous(area, page, frame);
    const mappings = mappingsOf(frame, copy);
    if (mappings > 1) shared++;
    else own++;
    if (copy) anonymous++;
    bytes += PAGE / (mappings as u64);
    page = nextPresent(space, page + PAGE, end);
  }
  const writable = (area.rights & MEM_W) !== 0;
  kibibytes("Size", (end - start) / 1024);
  kibibytes("KernelPageSize", PAGE_KIB);
  kibibytes("MMUPageSize", PAGE_KIB);
  kibibytes("Rss", (own + shared) * PAGE_KIB);
  kibibytes("Pss", bytes / 1024);
  kibibytes("Shared_Clean", writable ? 0 : shared * PAGE_KIB);
  kibibytes("Shared_Dirty", writable ? shared * PAGE_KIB : 0);
  kibibytes("Private_Clean", writable ? 0 : own * PAGE_KIB);
  kibibytes("Private_Dirty", writable ? own * PAGE_KIB : 0);
  kibibytes("Referenced", (own + shared) * PAGE_KIB);
  kibibytes("Anonymous", anonymous * PAGE_KIB);
  kibibytes("LazyFree", 0);
  kibibytes("AnonHugePages", 0);
  kibibytes("ShmemPmdMapped", 0);
  kibibytes("FilePmdMapped", 0);
  kibibytes("Shared_Hugetlb", 0);
  kibibytes("Private_Hugetlb", 0);
  kibibytes("Swap", 0);
  kibibytes("SwapPss", 0);
  kibibytes("Locked", area.locked === 0 ? 0 : bytes / 1024);
}

/** An entry of pagemap: it is there, of a file or shared memory, mapped here alone. */
const PRESENT: u64 = 1 << 63;
const OF_FILE: u64 = 1 << 61;
const EXCLUSIVE: u64 = 1 << 56;
/** Bytes of an entry. */
const ENTRY: u64 = 8;
const entry = memory.data(8);

function entryAt(space: Space, address: u64): u64 {
  const frame = frameOfPage(space, address);
  const area = areaAt(space, address);
  if (frame === 0 || area === null || area.fixed !== 0) return 0;
  let value = PRESENT;
  const copy = isAnonymous(area, address, frame);
  if (!copy) value |= OF_FILE;
  if (mappingsOf(frame, copy) === 1) value |= EXCLUSIVE;
  return capable(CAP_SYS_ADMIN) ? value | ((frame as u64) / PAGE) : value;
}

/** The pages of `space`, null for none, as entries from byte `position` on: bytes, or a negative error. */
export function readPagemap(space: Space | null, transfer: Transfer, position: i64): i64 {
  if (position % (ENTRY as i64) !== 0 || transfer.left % ENTRY !== 0) return -EINVAL;
  let done: i64 = 0;
  let address = ((position as u64) / ENTRY) * PAGE;
  while (space !== null && transfer.left !== 0 && address < SPACE_TOP) {
    store<u64>(entry, entryAt(space, address));
    if (fillBytes(transfer, entry, ENTRY as u32) !== (ENTRY as u32))
      return done === 0 ? -EFAULT : done;
    done += ENTRY as i64;
    address += PAGE;
  }
  return done;
}

/** Where a program's addresses end. */
const SPACE_TOP: u64 = 0x7fff_ffff_f000;
