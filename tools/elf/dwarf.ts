// Line information for debuggers: turns the line tables of the objects into DWARF 4 (.debug_line 6.2,
// .debug_info and .debug_abbrev 7.5, .debug_ranges 2.17.3). One compilation unit an object with a line table;
// functions have names and ranges; types, variables and call frames are left out.

import type { LineRow } from "./object.ts";

/** A section of code where the linker put it. */
export interface PlacedCode {
  address: bigint;
  size: number;
  rows: LineRow[];
}

export interface DebugUnit {
  name: string;
  code: PlacedCode[];
  functions: { name: string; address: bigint; size: number }[];
}

export interface DebugSection {
  name: string;
  data: Uint8Array;
}

const Tag = { compileUnit: 0x11, subprogram: 0x2e } as const;
const Attribute = {
  name: 0x03,
  stmtList: 0x10,
  lowPc: 0x11,
  highPc: 0x12,
  language: 0x13,
  compDir: 0x1b,
  producer: 0x25,
  ranges: 0x55,
} as const;
const Form = { addr: 0x01, data2: 0x05, data4: 0x06, string: 0x08, secOffset: 0x17 } as const;
/** DW_LANG_C99: nothing is nearer to functions and machine integers in debuggers of today. */
const LANGUAGE = 0x0c;

const LineOpcode = { copy: 1, advancePc: 2, advanceLine: 3, setFile: 4, setColumn: 5 } as const;
const ExtendedOpcode = { endSequence: 1, setAddress: 2 } as const;
const LINE_BASE = -5;
const LINE_RANGE = 14;
const OPCODE_BASE = 13;
/** Operands of the standard opcodes 1 to 12. */
const OPCODE_LENGTHS = [0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1];

const ABBREVIATIONS: [number, boolean, [number, number][]][] = [
  [
    Tag.compileUnit,
    true,
    [
      [Attribute.producer, Form.string],
      [Attribute.language, Form.data2],
      [Attribute.name, Form.string],
      [Attribute.compDir, Form.string],
      [Attribute.stmtList, Form.secOffset],
      [Attribute.lowPc, Form.addr],
      [Attribute.ranges, Form.secOffset],
    ],
  ],
  [
    Tag.subprogram,
    false,
    [
      [Attribute.name, Form.string],
      [Attribute.lowPc, Form.addr],
      [Attribute.highPc, Form.data4],
    ],
  ],
];

/** A growing little-endian byte string. */
class Bytes {
  readonly #bytes: number[] = [];
  readonly #addressSize: 4 | 8;

  constructor(addressSize: 4 | 8) {
    this.#addressSize = addressSize;
  }

  get length(): number {
    return this.#bytes.length;
  }

  u8(value: number): this {
    this.#bytes.push(value & 0xff);
    return this;
  }

  u16(value: number): this {
    return this.u8(value).u8(value >> 8);
  }

  u32(value: number): this {
    return this.u16(value).u16(value >>> 16);
  }

  address(value: bigint): this {
    for (let i = 0; i < this.#addressSize; i++) this.u8(Number((value >> BigInt(8 * i)) & 0xffn));
    return this;
  }

  uleb(value: number): this {
    let rest = value;
    while (rest >= 0x80) {
      this.u8((rest % 0x80) | 0x80);
      rest = Math.floor(rest / 0x80);
    }
    return this.u8(rest);
  }

  sleb(value: number): this {
    let rest = value;
    for (;;) {
      const low = rest & 0x7f;
      rest >>= 7;
      const done = (rest === 0 && (low & 0x40) === 0) || (rest === -1 && (low & 0x40) !== 0);
      this.u8(done ? low : low | 0x80);
      if (done) return this;
    }
  }

  text(value: string): this {
    for (const byte of new TextEncoder().encode(value)) this.u8(byte);
    return this.u8(0);
  }

  append(other: Bytes): this {
    for (const byte of other.#bytes) this.#bytes.push(byte);
    return this;
  }

  /** Overwrites a 32-bit field. */
  patch32(offset: number, value: number): void {
    for (let i = 0; i < 4; i++) this.#bytes[offset + i] = (value >>> (8 * i)) & 0xff;
  }

  data(): Uint8Array {
    return Uint8Array.from(this.#bytes);
  }
}

/** The debug sections of the units; `addressSize` is 4 bytes where the ELF file keeps low address halves only. */
export function debugSections(units: DebugUnit[], addressSize: 4 | 8): DebugSection[] {
  const line = new Bytes(addressSize);
  const info = new Bytes(addressSize);
  const ranges = new Bytes(addressSize);
  for (const unit of units) {
    const lineOffset = line.length;
    appendLineProgram(line, unit, addressSize);
    const rangesOffset = ranges.length;
    for (const code of unit.code) {
      ranges.address(code.address).address(code.address + BigInt(code.size));
    }
    ranges.address(0n).address(0n);
    appendUnit(info, unit, addressSize, lineOffset, rangesOffset);
  }
  return [
    { name: ".debug_line", data: line.data() },
    { name: ".debug_info", data: info.data() },
    { name: ".debug_abbrev", data: abbreviations() },
    { name: ".debug_ranges", data: ranges.data() },
  ];
}

function abbreviations(): Uint8Array {
  const bytes = new Bytes(8);
  for (const [index, [tag, children, attributes]] of ABBREVIATIONS.entries()) {
    bytes
      .uleb(index + 1)
      .uleb(tag)
      .u8(children ? 1 : 0);
    for (const [attribute, form] of attributes) bytes.uleb(attribute).uleb(form);
    bytes.uleb(0).uleb(0);
  }
  return bytes.uleb(0).data();
}

function appendUnit(
  info: Bytes,
  unit: DebugUnit,
  addressSize: 4 | 8,
  lineOffset: number,
  rangesOffset: number,
): void {
  const start = info.length;
  info.u32(0).u16(4).u32(0).u8(addressSize);
  info.uleb(1).text("Trihedron").u16(LANGUAGE).text(unit.name).text(".");
  info.u32(lineOffset).address(0n).u32(rangesOffset);
  for (const { name, address, size } of unit.functions) {
    info.uleb(2).text(name).address(address).u32(size);
  }
  info.u8(0);
  info.patch32(start, info.length - start - 4);
}

function appendLineProgram(line: Bytes, unit: DebugUnit, addressSize: 4 | 8): void {
  const files = new Map<string, number>();
  for (const { rows } of unit.code) {
    for (const { file } of rows) {
      if (file !== "" && !files.has(file)) files.set(file, files.size + 1);
    }
  }
  const start = line.length;
  line.u32(0).u16(4);
  const headerLength = line.length;
  line.u32(0).u8(1).u8(1).u8(1).u8(LINE_BASE).u8(LINE_RANGE).u8(OPCODE_BASE);
  for (const length of OPCODE_LENGTHS) line.u8(length);
  line.u8(0);
  for (const file of files.keys()) line.text(file).uleb(0).uleb(0).uleb(0);
  line.u8(0);
  line.patch32(headerLength, line.length - headerLength - 4);
  for (const code of unit.code) {
    const rows = withFunctionStarts(code, unit.functions);
    appendSequence(line, { ...code, rows }, files, addressSize);
  }
  line.patch32(start, line.length - start - 4);
}

/** The rows in order, and one at the start of each function that has none there: its first own position. */
function withFunctionStarts(code: PlacedCode, functions: DebugUnit["functions"]): LineRow[] {
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

function appendSequence(
  line: Bytes,
  code: PlacedCode,
  files: Map<string, number>,
  addressSize: 4 | 8,
): void {
  const { rows } = code;
  const first = rows[0];
  if (!first) return;
  line
    .u8(0)
    .uleb(1 + addressSize)
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
