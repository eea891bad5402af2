// Walks the kernel's stack, for panics: from frame to frame by the table that stack_table.ts makes of the compiler's
// call frame information (sorted rows of 8 bytes: i32 distance from kernel_main, u32 bytes from RSP to the CFA, 0 where
// no compiled code is). The entry stubs are not in it; behind one, words that look like return addresses are shown.

import { PAGE_SIZE } from "./abi";
import { print, printHex } from "./console";
import { isCompiled, printPosition, rowOf } from "./source_line";
import { kernel_frames, kernel_frames_end } from "./symbol";
import { isInWindow, isWindowPage } from "./window";
import { window } from "./x86";

const FRAME_ROW: usize = 8;
/** Frames that are shown at most. */
const MAX_FRAMES: u32 = 48;
/** Stack words that are looked at where there are no frames, and how many of them are shown. */
const SCANNED_WORDS: u32 = 256;
const MAX_FOUND: u32 = 8;

function isReadable(address: u64): bool {
  return isInWindow(address) && isWindowPage(address);
}

function word(address: u64): u64 {
  return load<u64>(<usize>(address - window()));
}

/** Bytes from RSP to the CFA at `address`, or 0 where that is not known. */
function depthAt(address: u64): u32 {
  const row = rowOf(kernel_frames(), kernel_frames_end(), FRAME_ROW, address);
  return row === 0 ? 0 : load<u32>(row, 4);
}

/** Prints where `address`, behind a call, comes from. */
function printCaller(how: string, address: u64): void {
  print("\n[kernel]   ");
  print(how);
  printHex(address);
  // A return address belongs to the call in front of it.
  printPosition(address - 1);
}

/** Prints the words from `stack` upwards that look like return addresses into compiled code. */
function printFound(stack: u64): void {
  let shown: u32 = 0;
  for (let i: u32 = 0; i < SCANNED_WORDS && shown < MAX_FOUND; i++) {
    const at = stack + ((<u64>i) << 3);
    if (!isReadable(at)) return;
    if (!isCompiled(word(at) - 1)) continue;
    printCaller("perhaps from ", word(at));
    shown++;
  }
}

/** Prints the callers of the code at `rip`, which has been interrupted with RSP at `stack`. */
export function printBacktrace(rip: u64, stack: u64): void {
  // A stack that is too small: what there is of it begins above the page that is missing.
  if (isInWindow(stack) && !isWindowPage(stack))
    stack = (stack & ~(<u64>PAGE_SIZE - 1)) + PAGE_SIZE;
  let at = rip;
  for (let frame: u32 = 0; frame < MAX_FRAMES; frame++) {
    const depth = depthAt(at);
    if (depth === 0 || !isReadable(stack + depth - 8)) break;
    stack += depth;
    const caller = word(stack - 8);
    if (!isCompiled(caller - 1)) break;
    printCaller("from ", caller);
    at = caller - 1;
  }
  printFound(stack);
}
