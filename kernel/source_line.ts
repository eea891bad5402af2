// Says which source line an address in the kernel's code belongs to. The table is made by build.ts from
// the compiler's line rows: sorted rows of 8 bytes (i32 distance from kernel_main, u16 file, u16 line),
// and file names separated by zero bytes, file 1 first; file 0 is "not compiled code".

import { PAGE_SIZE } from "./abi";
import { print, printDecimal, printHex, printZeroTerminated } from "./console";
import { kernel_line_files, kernel_lines, kernel_lines_end, kernel_main } from "./symbol";
import { isInWindow, isWindowPage } from "./window";
import { window } from "./x86";

const ROW_BYTES: usize = 8;
/** Stack words looked at for return addresses, and how many of these are shown. */
const SCANNED_WORDS: u64 = 256;
const SHOWN: u32 = 12;

/** The row that covers `address`, or 0. */
function findRow(address: u64): usize {
  const first = <usize>(kernel_lines() - window());
  const count = <usize>(kernel_lines_end() - kernel_lines()) / ROW_BYTES;
  const distance = <i64>(address - kernel_main());
  if (count === 0 || distance < <i64>load<i32>(first)) return 0;
  let low: usize = 0;
  let high = count;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (<i64>load<i32>(first + middle * ROW_BYTES) <= distance) low = middle;
    else high = middle;
  }
  const row = first + low * ROW_BYTES;
  return load<u16>(row, 4) === 0 ? 0 : row;
}

/** Prints ` at FILE:LINE`, or nothing if the address is in no compiled code. */
export function printPosition(address: u64): bool {
  const row = findRow(address);
  if (row === 0) return false;
  let file = <usize>(kernel_line_files() - window());
  for (let skip = load<u16>(row, 4); skip > 1; skip--) {
    while (load<u8>(file) !== 0) file++;
    file++;
  }
  print(" at ");
  printZeroTerminated(file);
  print(":");
  printDecimal(load<u16>(row, 6));
  return true;
}

/** Prints the words from `stack` upwards that look like return addresses into compiled code, newest first. */
export function printBacktrace(stack: u64): void {
  let shown: u32 = 0;
  if (!isInWindow(stack)) return;
  // A stack that is too small: what there is of it begins above the page that is missing.
  if (!isWindowPage(stack)) stack = (stack & ~(<u64>PAGE_SIZE - 1)) + PAGE_SIZE;
  for (let i: u64 = 0; i < SCANNED_WORDS && shown < SHOWN; i++) {
    const at = stack + (i << 3);
    if (!isInWindow(at) || !isWindowPage(at)) return;
    const word = load<u64>(<usize>(at - window()));
    // A return address belongs to the call in front of it.
    if (findRow(word - 1) === 0) continue;
    print("\n[kernel]   from ");
    printHex(word);
    printPosition(word - 1);
    shown++;
  }
}
