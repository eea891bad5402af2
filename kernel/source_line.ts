// Says which source line and function an address in the kernel's code belongs to. The tables are made by stack_table.ts:
// sorted line rows of 12 bytes (i32 distance from kernel_main, u16 file, u16 line, u16 scope), scopes of 8 bytes (u16
// name; of the call, if it is inlined, u16 file, u16 line, u16 scope around it), and names separated by zero bytes.
// Numbers count from 1; 0 is none.

import { print, printDecimal, printZeroTerminated } from "./console";
import {
  kernel_line_files,
  kernel_lines,
  kernel_lines_end,
  kernel_main,
  kernel_scope_names,
  kernel_scopes,
} from "./symbol";
import { window } from "./x86";

const LINE_ROW: usize = 12;
const SCOPE_ROW: usize = 8;
/** Functions inlined into each other that are shown, at most. */
const MAX_SCOPES: u32 = 16;

/** The row of `size` bytes that covers `address`, in a table sorted by i32 distances from kernel_main; or 0. */
export function rowOf(table: u64, end: u64, size: usize, address: u64): usize {
  const first = <usize>(table - window());
  const count = <usize>(end - table) / size;
  const distance = <i64>(address - kernel_main());
  if (count === 0 || distance < <i64>load<i32>(first)) return 0;
  let low: usize = 0;
  let high = count;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (<i64>load<i32>(first + middle * size) <= distance) low = middle;
    else high = middle;
  }
  return first + low * size;
}

/** Whether `address` is in compiled code. */
export function isCompiled(address: u64): bool {
  const row = rowOf(kernel_lines(), kernel_lines_end(), LINE_ROW, address);
  return row !== 0 && load<u16>(row, 8) !== 0;
}

function printName(names: u64, number: u32): void {
  let name = <usize>(names - window());
  for (let skip = number; skip > 1; skip--) {
    while (load<u8>(name) !== 0) name++;
    name++;
  }
  printZeroTerminated(name);
}

function printPlace(file: u32, line: u32): void {
  print(" at ");
  printName(kernel_line_files(), file);
  print(":");
  printDecimal(line);
}

/** Prints ` at FILE:LINE in FUNCTION`, and a line for each function that this one is inlined into; nothing in other code. */
export function printPosition(address: u64): void {
  const row = rowOf(kernel_lines(), kernel_lines_end(), LINE_ROW, address);
  if (row === 0) return;
  if (load<u16>(row, 4) !== 0) printPlace(load<u16>(row, 4), load<u16>(row, 6));
  const scopes = <usize>(kernel_scopes() - window());
  let scope: usize = load<u16>(row, 8);
  for (let shown: u32 = 0; scope !== 0 && shown < MAX_SCOPES; shown++) {
    const entry = scopes + scope * SCOPE_ROW;
    print(" in ");
    printName(kernel_scope_names(), load<u16>(entry));
    scope = load<u16>(entry, 6);
    if (scope === 0) return;
    print("\n[kernel]     inlined");
    if (load<u16>(entry, 4) !== 0) printPlace(load<u16>(entry, 2), load<u16>(entry, 4));
  }
}
