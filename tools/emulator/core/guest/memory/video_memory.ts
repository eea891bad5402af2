// Memory of a display adapter, which CPUs access as they do RAM: where it is, and which of its pages were written since
// the platform looked. A page that is not noted as written has a bit in its write tags that keeps fast paths from
// matching. A look puts that bit there and takes nothing else from the TLB, so that no guest can tell.

import { TLB_LOGS, VIDEO_WRITTEN } from "../../state";

/** In a write tag: the page can be written, but is not noted as written. */
export const UNNOTED: u64 = 4;

const PAGE_SHIFT: u32 = 12;
/** As many pages as there are notes for. */
export const MAX_VIDEO_BYTES: u32 = (TLB_LOGS - VIDEO_WRITTEN) << PAGE_SHIFT;

/** Host address of the first byte, and how many there are. */
let base: u32 = 0;
let length: u32 = 0;

/** `bytes` of the core's memory from `host` on become video memory; false if there are too many to be noted. */
export function placeVideoMemory(host: u32, bytes: u32): bool {
  if (bytes > MAX_VIDEO_BYTES) return false;
  base = host;
  length = bytes;
  return true;
}

export function videoBase(): u32 {
  return base;
}

export function videoLength(): u32 {
  return length;
}

/** The byte at a host address is written: its page is noted if it is one of video memory. */
export function noteWrite(host: u32): void {
  const offset = host - base;
  if (offset < length) store<u8>(VIDEO_WRITTEN + (offset >> PAGE_SHIFT), 1);
}

/** Whether a write to the page of a host address has still to be noted. */
export function unnoted(host: u32): bool {
  const offset = host - base;
  return offset < length && load<u8>(VIDEO_WRITTEN + (offset >> PAGE_SHIFT)) == 0;
}

/** Forgets which pages were written; the TLBs' write tags have to follow. */
export function forgetWrites(): void {
  memory.fill(VIDEO_WRITTEN, 0, length >> PAGE_SHIFT);
}
