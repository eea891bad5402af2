// The line number program of a compilation unit: rows of source positions become .debug_line, DWARF 4, 6.2.

import type { LineRow } from "../object.ts";
import type { Bytes } from "./bytes.ts";

/** A section of code where the linker put it. */
export interface PlacedCode {
  address: bigint;
  size: number;
  rows: LineRow[];
}

/** Where functions start and how long they are. */
export interface PlacedFunction {
  address: bigint;
  size: number;
}

const LineOpcode = { copy: 1, advancePc: 2, advanceLine: 3, setFile: 4, setColumn: 5 } as const;
const ExtendedOpcode = { endSequence: 1, setAddress: 2 } as const;
const LINE_BASE = -5;
const LINE_RANGE = 14;
const OPCODE_BASE = 13;
/** Operands of the standard opcodes 1 to 12. */
const OPCODE_LENGTHS = [0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1];

/** Appends the program of one unit; `files` has the number of every file, from 1 on, in that order. */
export function appendLineProgram(
  line: Bytes,
  pieces: PlacedCode[],
  functions: readonly PlacedFunction[],
  files: ReadonlyMap<string, number>,
): void {
  const start = line.length;
  line.u32(0).u16(4);
  const headerLength = line.length;
  line.u32(0).u8(1).u8(1).u8(1).u8(LINE_BASE).u8(LINE_RANGE).u8(OPCODE_BASE);
  for (const length of OPCODE_LENGTHS) line.u8(length);
  line.u8(0);
  for (const file of files.keys()) line.text(file).uleb(0).uleb(0).uleb(0);
  line.u8(0);
  line.patch32(headerLength, line.length - headerLength - 4);
  for (const code of pieces) {
    appendSequence(line, { ...code, rows: withFunctionStarts(code, functions) }, files);
  }
  line.patch32(start, line.length - start - 4);
}

/** The rows in order, and one at the start of each function that has none there: its first own position. */
function withFunctionStarts(code: PlacedCode, functions: readonly PlacedFunction[]): LineRow[] {
  const rows = [...code.rows].sort((a, b) => a.offset - b.offset);
  const starts: LineRow[] = [];
  let next = 0;
  for (const { address, size } of [...functions].sort((a, b) => (a.address < b.address ? -1 : 1))) {
    const offset = Number(address - code.address);
    if (offset < 0 || offset >= code.size) continue;
    while ((rows[next]?.offset ?? Number.POSITIVE_INFINITY) < offset) next++;
    let own = next;
    while ((rows[own]?.line ?? 1) === 0) own++;
    const first = rows[own];
    if (first && first.offset > offset && first.offset < offset + size)
      starts.push({ ...first, offset });
  }
  return [...rows, ...starts].sort((a, b) => a.offset - b.offset);
}

function appendSequence(line: Bytes, code: PlacedCode, files: ReadonlyMap<string, number>): void {
  const { rows } = code;
  const first = rows[0];
  if (!first) return;
  line
    .u8(0)
    .uleb(1 + line.addressSize)
    .u8(ExtendedOpcode.setAddress);
  line.address(code.address + BigInt(first.offset));
  let offset = first.offset;
  let file = 1;
  let number = 1;
  let column = 0;
  for (const [index, row] of rows.entries()) {
    // Of several rows at one address the last one holds.
    if (rows[index + 1]?.offset === row.offset) continue;
    // Code without a source keeps the file and has line 0, DWARF 4, 6.2.2.
    const index1 = files.get(row.file) ?? file;
    if (index1 !== file) line.u8(LineOpcode.setFile).uleb(index1);
    if (row.column !== column) line.u8(LineOpcode.setColumn).uleb(row.column);
    const delta = row.line - number;
    const advance = row.offset - offset;
    const special = delta - LINE_BASE + LINE_RANGE * advance + OPCODE_BASE;
    if (delta >= LINE_BASE && delta < LINE_BASE + LINE_RANGE && special <= 255) {
      line.u8(special);
    } else {
      if (advance > 0) line.u8(LineOpcode.advancePc).uleb(advance);
      if (delta !== 0) line.u8(LineOpcode.advanceLine).sleb(delta);
      line.u8(LineOpcode.copy);
    }
    offset = row.offset;
    file = index1;
    number = row.line;
    column = row.column;
  }
  line.u8(LineOpcode.advancePc).uleb(code.size - offset);
  line.u8(0).uleb(1).u8(ExtendedOpcode.endSequence);
}
