// RAM above 4 GiB. The core's memory is smaller than that: a page is there from an access on until others need its place,
// and the platform keeps what is put out (page_out, page_in). Places are given back between instructions alone, so that a
// host address holds as long as one; until then there is some room more.

import { PAGE_RAM } from "../../protocol";
import {
  HIGH_ACCESSED,
  HIGH_FRAME,
  HIGH_FREE,
  HIGH_OWNERS,
  MAX_RESIDENT,
  PAGE_CODEBITS,
  PAGE_HOST,
  RESIDENT_ROOM,
} from "../../state";
import { page_in, page_out } from "../processor/env";
import { dropCode } from "./code_pages";
import { flushAllCpus } from "./tlb";
import { MAX_VIDEO_BYTES } from "./video_memory";
import { isZero } from "./zero_pages";

const PAGE: u32 = 0x1000;
/** Where a module's memory ends. */
const END: u64 = 0x1_0000_0000;
/** Physical address bits of the first page, by page number. */
const FIRST_PAGE: u64 = 0x100000;

/** `frameOf`: there is no RAM, or not as frames are numbered. */
export const NO_FRAME: u32 = 0xffffffff;

/** Of an entry of the map: the rest is where the platform has the page. 0 is a page of zeros, others a place + 1. */
const OUT: u32 = 0x80000000;

/** An entry per page, u32; how many there are. */
let map: usize = 0;
let pageCount: u32 = 0;
/** The first place, how many pages may stay in theirs, and how many are there at most, until some are put out. */
let places: u32 = 0;
let allowed: u32 = 0;
let placeCount: u32 = 0;
/** Pages that are there; places that have ever been taken, those below are taken or free. */
let resident: u32 = 0;
let everTaken: u32 = 0;
let freePlaces: u32 = 0;
/** The place that is considered next for being put out. */
let hand: u32 = 0;

/** More pages are there than may stay: `makeRoom` is to be called as soon as no instruction holds a host address. */
export let crowded: bool = false;

/**
 * Makes room for `pages` pages from 4 GiB on, of which up to `stay` stay in the core's memory: MAX_RESIDENT at most, and as
 * many as there is room for beside video memory, which comes later. Where their map begins, or 0 if the host has no room.
 */
export function placeHighMemory(pages: u32, stay: u32): usize {
  const start = (<usize>memory.size()) << 16;
  const mapBytes = ((pages << 2) + (PAGE - 1)) & ~(PAGE - 1);
  const fits = (END - <u64>start - <u64>mapBytes - <u64>MAX_VIDEO_BYTES) >> 12;
  allowed = min<u32>(min<u32>(stay, MAX_RESIDENT), <u32>fits - RESIDENT_ROOM);
  placeCount = min<u32>(pages, allowed + RESIDENT_ROOM);
  const bytes = <u64>mapBytes + ((<u64>placeCount) << 12);
  if (memory.grow(<i32>((bytes + 0xffff) >> 16)) < 0) return 0;
  map = start;
  pageCount = pages;
  places = <u32>start + mapBytes;
  for (let place: u32 = 0; place < placeCount; place++)
    store<u32>(PAGE_HOST + ((HIGH_FRAME + place) << 2), (places + (place << 12)) | PAGE_RAM);
  return start;
}

/** Number of the page frame at a physical address, which is in the core's memory from now on; or NO_FRAME. */
export function frameOf(physical: u64): u32 {
  if (physical >> 32 == 0) return <u32>(physical >> 12);
  const page = (physical >> 12) - FIRST_PAGE;
  if (page >= <u64>pageCount) return NO_FRAME;
  const entry = load<u32>(map + ((<usize>page) << 2));
  const place = entry != 0 && entry < OUT ? entry - 1 : bringIn(<u32>page, entry);
  store<u8>(HIGH_ACCESSED + place, 1);
  return HIGH_FRAME + place;
}

/** The place where a page is from now on that is not there. */
function bringIn(page: u32, entry: u32): u32 {
  let place: u32;
  if (freePlaces != 0) {
    freePlaces--;
    place = load<u32>(HIGH_FREE + (freePlaces << 2));
  } else {
    if (everTaken == placeCount) unreachable();
    place = everTaken++;
  }
  const host = places + (place << 12);
  if (entry != 0) page_in(entry & ~OUT, host);
  else memory.fill(host, 0, PAGE);
  store<u32>(map + (page << 2), place + 1);
  store<u32>(HIGH_OWNERS + (place << 2), page + 1);
  resident++;
  if (resident > allowed) crowded = true;
  return place;
}

/** Puts pages out, those first that have not been accessed lately, so that more may come. */
export function makeRoom(): void {
  const few = allowed >> 4;
  putOut(allowed - (few != 0 ? few : allowed));
}

/** Puts all pages out: where they are depends no more on what has happened. */
export function putAllOut(): void {
  if (everTaken != 0) putOut(0);
}

function putOut(stay: u32): void {
  while (resident > stay) {
    const place = hand;
    hand = hand + 1 >= everTaken ? 0 : hand + 1;
    const page = load<u32>(HIGH_OWNERS + (place << 2));
    if (page == 0) continue;
    if (stay != 0 && load<u8>(HIGH_ACCESSED + place) != 0) store<u8>(HIGH_ACCESSED + place, 0);
    else putPageOut(place, page - 1);
  }
  if (resident == 0) {
    everTaken = 0;
    freePlaces = 0;
    hand = 0;
  }
  crowded = false;
  flushAllCpus();
}

function putPageOut(place: u32, page: u32): void {
  const frame = HIGH_FRAME + place;
  if (load<u64>(PAGE_CODEBITS + (frame << 3)) != 0) dropCode(frame);
  const host = places + (place << 12);
  store<u32>(map + (page << 2), isZero(host) ? 0 : OUT | page_out(host));
  store<u32>(HIGH_OWNERS + (place << 2), 0);
  store<u32>(HIGH_FREE + (freePlaces << 2), place);
  freePlaces++;
  resident--;
}
