// What is told of pages: of those of an area in smaps, of all in smaps_rollup (proc_pid_smaps(5)), of each in pagemap (proc_pid_pagemap(5)).

import { MEM_W } from "../libhedron/abi";
import { Area, areaAt, ownAreaFrom, Space } from "../libroottask/areas";
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

/** Pages, but bytes where the name says so, of what has been summed up since `beginSums`. */
let ownClean: u64 = 0;
let ownDirty: u64 = 0;
let sharedClean: u64 = 0;
let sharedDirty: u64 = 0;
let anonymous: u64 = 0;
let bytes: u64 = 0;
let dirtyBytes: u64 = 0;
let anonymousBytes: u64 = 0;
let lockedBytes: u64 = 0;

function beginSums(): void {
  ownClean = 0;
  ownDirty = 0;
  sharedClean = 0;
  sharedDirty = 0;
  anonymous = 0;
  bytes = 0;
  dirtyBytes = 0;
  anonymousBytes = 0;
  lockedBytes = 0;
}

/** Adds the pages of [start, end) of `area`, all of which are taken for written to where they may be. */
function addPages(space: Space, area: Area, start: u64, end: u64): void {
  const writable = (area.rights & MEM_W) !== 0;
  let page = nextPresent(space, start, end);
  while (page < end) {
    const frame = frameOfPage(space, page);
    const copy = isAnonymous(area, page, frame);
    const mappings = mappingsOf(frame, copy);
    const part = PAGE / (mappings as u64);
    if (mappings > 1) {
      if (writable) sharedDirty++;
      else sharedClean++;
    } else if (writable) ownDirty++;
    else ownClean++;
    if (copy) {
      anonymous++;
      anonymousBytes += part;
    }
    bytes += part;
    if (writable) dirtyBytes += part;
    if (area.locked !== 0) lockedBytes += part;
    page = nextPresent(space, page + PAGE, end);
  }
}

/** The lines about pages, of an area or, with `all`, of all areas. */
function showSums(all: bool): void {
  const pages = ownClean + ownDirty + sharedClean + sharedDirty;
  kibibytes("Rss", pages * PAGE_KIB);
  kibibytes("Pss", bytes / 1024);
  kibibytes("Pss_Dirty", dirtyBytes / 1024);
  if (all) {
    kibibytes("Pss_Anon", anonymousBytes / 1024);
    kibibytes("Pss_File", (bytes - anonymousBytes) / 1024);
    kibibytes("Pss_Shmem", 0);
  }
  kibibytes("Shared_Clean", sharedClean * PAGE_KIB);
  kibibytes("Shared_Dirty", sharedDirty * PAGE_KIB);
  kibibytes("Private_Clean", ownClean * PAGE_KIB);
  kibibytes("Private_Dirty", ownDirty * PAGE_KIB);
  kibibytes("Referenced", pages * PAGE_KIB);
  kibibytes("Anonymous", anonymous * PAGE_KIB);
  kibibytes("LazyFree", 0);
  kibibytes("AnonHugePages", 0);
  kibibytes("ShmemPmdMapped", 0);
  kibibytes("FilePmdMapped", 0);
  kibibytes("Shared_Hugetlb", 0);
  kibibytes("Private_Hugetlb", 0);
  kibibytes("Swap", 0);
  kibibytes("SwapPss", 0);
  kibibytes("Locked", lockedBytes / 1024);
}

/** The lines behind that of [start, end) in smaps. */
export function areaDetails(space: Space, area: Area, start: u64, end: u64): void {
  beginSums();
  addPages(space, area, start, end);
  kibibytes("Size", (end - start) / 1024);
  kibibytes("KernelPageSize", PAGE_KIB);
  kibibytes("MMUPageSize", PAGE_KIB);
  showSums(false);
}

/** The lines of smaps_rollup behind the first: sums over all areas of `space`. */
export function spaceDetails(space: Space): void {
  beginSums();
  let area = ownAreaFrom(space, 0);
  while (area !== null) {
    addPages(space, area, area.start, area.end);
    area = ownAreaFrom(space, area.end);
  }
  showSums(true);
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
