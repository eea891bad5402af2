// Source lines for addresses from .debug_line, DWARF 2 to 5 (DWARF 5 section 6.2; the older headers are in
// the same section of their versions). Input may be hostile: a broken unit costs its own lines and nothing
// else. Leaves out columns, statement flags, segments, big-endian files and compressed sections.

import type { ElfFile } from "../../elf/index.ts";

export interface SourceLine {
  /** As the compiler wrote it, behind its directory where the table names one. */
  file: string;
  /** From 1 on. */
  line: number;
}

/** Sections the table reads; those that are missing are empty. */
export interface LineSections {
  line: Uint8Array;
  /** .debug_line_str and .debug_str: names of DWARF 5 tables. */
  lineStrings: Uint8Array;
  strings: Uint8Array;
}

/** A row of a sequence: `offset` bytes behind its start; `file` is an index into the table's names, -1 for none. */
interface Row {
  offset: number;
  file: number;
  line: number;
}

/** Rows of consecutive code [start, start + size), ascending by offset. */
interface Sequence {
  start: bigint;
  size: number;
  rows: Row[];
}

/** The table ends early or contradicts itself; never leaves this file. */
class Malformed extends Error {}

/** Standard opcodes, DWARF 5, 6.2.5.2. */
const Op = {
  copy: 1,
  advancePc: 2,
  advanceLine: 3,
  setFile: 4,
  constAddPc: 8,
  fixedAdvancePc: 9,
} as const;
/** Extended opcodes, 6.2.5.3. */
const Extended = { endSequence: 1, setAddress: 2, defineFile: 3 } as const;
/** Content types of DWARF 5 names, 6.2.4.1. */
const Content = { path: 1, directoryIndex: 2 } as const;
/** Attribute forms that names may have, 7.5.6. */
const Form = {
  block2: 0x03,
  block4: 0x04,
  data2: 0x05,
  data4: 0x06,
  data8: 0x07,
  string: 0x08,
  block: 0x09,
  block1: 0x0a,
  data1: 0x0b,
  strp: 0x0e,
  udata: 0x0f,
  data16: 0x1e,
  lineStrp: 0x1f,
} as const;

const WIDE_LENGTH = 0xffff_ffff;
const FIRST_VERSION = 2;
const LAST_VERSION = 5;
/** How many sequences below an address may contain it: they rarely overlap. */
const OVERLAPS = 4;

/** A bounds-checked little-endian cursor over [at, end) of some bytes. */
class Cursor {
  readonly #view: DataView;
  at: number;
  readonly end: number;

  constructor(bytes: Uint8Array, at = 0, end = bytes.length) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.at = at;
    this.end = end;
  }

  /** Skips `size` bytes; returns where they start. */
  skip(size: number): number {
    const at = this.at;
    if (!(size >= 0 && size <= this.end - at)) throw new Malformed();
    this.at += size;
    return at;
  }

  u8(): number {
    return this.#view.getUint8(this.skip(1));
  }

  i8(): number {
    return this.#view.getInt8(this.skip(1));
  }

  u16(): number {
    return this.#view.getUint16(this.skip(2), true);
  }

  u32(): number {
    return this.#view.getUint32(this.skip(4), true);
  }

  u64(): bigint {
    return this.#view.getBigUint64(this.skip(8), true);
  }

  /** An offset or length of 32- or 64-bit DWARF. */
  offset(wide: boolean): number {
    return wide ? Number(this.u64()) : this.u32();
  }

  uleb(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 0x80) {
      const byte = this.u8();
      value += (byte & 0x7f) * scale;
      if (value > Number.MAX_SAFE_INTEGER) throw new Malformed();
      if (byte < 0x80) return value;
    }
  }

  sleb(): number {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.u8();
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return Number(BigInt.asIntN(Number(shift) + 7, value));
    }
    throw new Malformed();
  }

  /** Text up to a zero byte. */
  text(): string {
    const start = this.at;
    while (this.u8() !== 0);
    const { buffer, byteOffset } = this.#view;
    return new TextDecoder().decode(
      new Uint8Array(buffer, byteOffset + start, this.at - 1 - start),
    );
  }
}

interface Header {
  minimumInstruction: number;
  operations: number;
  lineBase: number;
  lineRange: number;
  opcodeBase: number;
  /** Operand counts of the standard opcodes; index 0 is opcode 1. */
  operands: number[];
}

interface Name {
  path: string;
  directory: number;
}

function isAbsolute(path: string): boolean {
  return path.startsWith("/") || /^[a-z]:[\\/]/i.test(path);
}

export class LineTable {
  /** Ascending by start. */
  readonly #sequences: Sequence[] = [];
  readonly #files: string[] = [];
  readonly #sections: LineSections;

  constructor(sections: LineSections) {
    this.#sections = sections;
    const { line } = sections;
    let at = 0;
    while (at < line.length) {
      const begin = at;
      const cursor = new Cursor(line, begin);
      try {
        const short = cursor.u32();
        const wide = short === WIDE_LENGTH;
        const length = wide ? cursor.offset(true) : short;
        const end = Math.min(cursor.at + length, line.length);
        at = end;
        this.#readUnit(new Cursor(line, cursor.at, end), wide);
      } catch (error) {
        if (!(error instanceof Malformed)) throw error;
        // Without a length there is no next unit.
        if (at === begin) break;
      }
    }
    this.#sequences.sort((a, b) => (a.start < b.start ? -1 : a.start > b.start ? 1 : 0));
  }

  /** The line of the instruction at `address`, undefined where the table says none. */
  find(address: bigint): SourceLine | undefined {
    let low = 0;
    let high = this.#sequences.length;
    while (low < high) {
      const mid = (low + high) >> 1;
      if ((this.#sequences[mid] as Sequence).start <= address) low = mid + 1;
      else high = mid;
    }
    for (let i = low - 1; i >= 0 && i >= low - OVERLAPS; i--) {
      const sequence = this.#sequences[i] as Sequence;
      if (address - sequence.start >= BigInt(sequence.size)) continue;
      return this.#findRow(sequence.rows, Number(address - sequence.start));
    }
    return undefined;
  }

  /** Of several rows at one address the last one holds. */
  #findRow(rows: Row[], offset: number): SourceLine | undefined {
    let low = 0;
    let high = rows.length;
    while (low < high) {
      const mid = (low + high) >> 1;
      if ((rows[mid] as Row).offset <= offset) low = mid + 1;
      else high = mid;
    }
    const row = rows[low - 1];
    const file = row === undefined ? undefined : this.#files[row.file];
    // Line 0 is code without a source.
    return row === undefined || file === undefined || row.line <= 0
      ? undefined
      : { file, line: row.line };
  }

  #readUnit(cursor: Cursor, wide: boolean): void {
    const version = cursor.u16();
    if (version < FIRST_VERSION || version > LAST_VERSION) throw new Malformed();
    // Address size and segment selector size.
    if (version >= 5) cursor.skip(2);
    const headerLength = cursor.offset(wide);
    const program = cursor.at + headerLength;
    const minimumInstruction = cursor.u8();
    const operations = version >= 4 ? cursor.u8() : 1;
    // Whether rows start as statements.
    cursor.skip(1);
    const header: Header = {
      minimumInstruction,
      operations,
      lineBase: cursor.i8(),
      lineRange: cursor.u8(),
      opcodeBase: cursor.u8(),
      operands: [],
    };
    if (header.lineRange === 0 || header.operations === 0) throw new Malformed();
    for (let i = 1; i < header.opcodeBase; i++) header.operands.push(cursor.u8());
    const files = version >= 5 ? this.#readNames5(cursor, wide) : this.#readNames(cursor);
    cursor.at = 0;
    cursor.skip(program);
    this.#runProgram(cursor, header, files);
  }

  /** Directories and files before DWARF 5; the result's index is the file number, index 0 is none. */
  #readNames(cursor: Cursor): number[] {
    const directories = [""];
    for (let path = cursor.text(); path !== ""; path = cursor.text()) directories.push(path);
    const files = [-1];
    for (let path = cursor.text(); path !== ""; path = cursor.text()) {
      files.push(this.#addFile(this.#fileEntry(cursor, path), directories));
    }
    return files;
  }

  /** What follows the path in an old file entry: directory, time, length. */
  #fileEntry(cursor: Cursor, path: string): Name {
    const directory = cursor.uleb();
    cursor.uleb();
    cursor.uleb();
    return { path, directory };
  }

  #readNames5(cursor: Cursor, wide: boolean): number[] {
    const directories = this.#readEntries(cursor, wide).map(({ path }) => path);
    return this.#readEntries(cursor, wide).map((name) => this.#addFile(name, directories));
  }

  #readEntries(cursor: Cursor, wide: boolean): Name[] {
    const format: { content: number; form: number }[] = [];
    const fields = cursor.u8();
    for (let i = 0; i < fields; i++) format.push({ content: cursor.uleb(), form: cursor.uleb() });
    const count = cursor.uleb();
    // Every field takes at least a byte.
    if (count * Math.max(fields, 1) > cursor.end - cursor.at) throw new Malformed();
    const names: Name[] = [];
    for (let i = 0; i < count; i++) {
      const name: Name = { path: "", directory: 0 };
      for (const { content, form } of format) {
        const value = this.#readForm(cursor, form, wide);
        if (content === Content.path && typeof value === "string") name.path = value;
        if (content === Content.directoryIndex && typeof value === "number") name.directory = value;
      }
      names.push(name);
    }
    return names;
  }

  #readForm(cursor: Cursor, form: number, wide: boolean): string | number | undefined {
    const { lineStrings, strings } = this.#sections;
    const skip = (size: number): undefined => {
      cursor.skip(size);
      return undefined;
    };
    switch (form) {
      case Form.string:
        return cursor.text();
      case Form.lineStrp:
        return this.#textAt(lineStrings, cursor.offset(wide));
      case Form.strp:
        return this.#textAt(strings, cursor.offset(wide));
      case Form.udata:
        return cursor.uleb();
      case Form.data1:
        return cursor.u8();
      case Form.data2:
        return cursor.u16();
      case Form.data4:
        return cursor.u32();
      case Form.data8:
        return Number(cursor.u64());
      case Form.data16:
        return skip(16);
      case Form.block:
        return skip(cursor.uleb());
      case Form.block1:
        return skip(cursor.u8());
      case Form.block2:
        return skip(cursor.u16());
      case Form.block4:
        return skip(cursor.u32());
      default:
        throw new Malformed();
    }
  }

  #textAt(section: Uint8Array, offset: number): string {
    const cursor = new Cursor(section);
    cursor.skip(offset);
    return cursor.text();
  }

  /** Directory 0 is that of the compilation; only DWARF 5 says its name here. */
  #addFile({ path, directory }: Name, directories: string[]): number {
    const join = (folder: string | undefined, rest: string): string =>
      folder === undefined || folder === "" || isAbsolute(rest) ? rest : `${folder}/${rest}`;
    const own = join(directories[directory], path);
    return this.#files.push(directory === 0 ? own : join(directories[0], own)) - 1;
  }

  /** The state machine of 6.2.2. A sequence counts when its end has been read. */
  #runProgram(cursor: Cursor, header: Header, files: number[]): void {
    const { minimumInstruction, operations, lineBase, lineRange, opcodeBase, operands } = header;
    let start = 0n;
    let offset = 0;
    let operation = 0;
    let file = 1;
    let line = 1;
    let rows: Row[] = [];
    const advance = (by: number): void => {
      offset += minimumInstruction * Math.floor((operation + by) / operations);
      operation = (operation + by) % operations;
      if (offset > Number.MAX_SAFE_INTEGER) throw new Malformed();
    };
    const emit = (): void => {
      rows.push({ offset, file: files[file] ?? -1, line });
    };
    while (cursor.at < cursor.end) {
      const opcode = cursor.u8();
      if (opcode >= opcodeBase) {
        const adjusted = opcode - opcodeBase;
        advance(Math.floor(adjusted / lineRange));
        line += lineBase + (adjusted % lineRange);
        emit();
        continue;
      }
      if (opcode === 0) {
        const length = cursor.uleb();
        const next = cursor.skip(length) + length;
        if (length === 0) continue;
        cursor.at = next - length;
        switch (cursor.u8()) {
          case Extended.endSequence:
            // Rows are in order by definition; a table in which they are not would be searched in vain.
            rows.sort((a, b) => a.offset - b.offset);
            if (offset > 0 && rows.length > 0) this.#sequences.push({ start, size: offset, rows });
            rows = [];
            start = 0n;
            offset = operation = 0;
            file = line = 1;
            break;
          case Extended.setAddress: {
            const address = length - 1 >= 8 ? cursor.u64() : BigInt(cursor.u32());
            if (rows.length === 0) {
              start = address;
              offset = 0;
            } else {
              const distance = Number(address - start);
              if (distance < 0 || distance > Number.MAX_SAFE_INTEGER) throw new Malformed();
              offset = distance;
            }
            operation = 0;
            break;
          }
          case Extended.defineFile:
            files.push(this.#addFile(this.#fileEntry(cursor, cursor.text()), [""]));
            break;
        }
        cursor.at = next;
        continue;
      }
      switch (opcode) {
        case Op.copy:
          emit();
          break;
        case Op.advancePc:
          advance(cursor.uleb());
          break;
        case Op.advanceLine:
          line += cursor.sleb();
          break;
        case Op.setFile:
          file = cursor.uleb();
          break;
        case Op.constAddPc:
          advance(Math.floor((255 - opcodeBase) / lineRange));
          break;
        case Op.fixedAdvancePc:
          offset += cursor.u16();
          operation = 0;
          break;
        default:
          for (let i = operands[opcode - 1] ?? 0; i > 0; i--) cursor.uleb();
      }
    }
  }
}

/** The line table of an ELF file, without lines where it has none or its sections are broken. */
export function elfLines(elf: ElfFile): LineTable {
  const empty = new Uint8Array(0);
  const sections = new Map<string, Uint8Array>();
  const compressed = 0x800n;
  try {
    for (const { name, flags, data } of elf.readSections()) {
      if ((flags & compressed) === 0n) sections.set(name, data);
    }
  } catch {
    // The section table is broken: no lines.
  }
  return new LineTable({
    line: sections.get(".debug_line") ?? empty,
    lineStrings: sections.get(".debug_line_str") ?? empty,
    strings: sections.get(".debug_str") ?? empty,
  });
}
