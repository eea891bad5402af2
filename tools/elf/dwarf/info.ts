// The debugging entries of a compilation unit: .debug_info with its .debug_abbrev, .debug_loc and .debug_ranges. DWARF 4,
// chapters 2, 3 and 5 (entries and attributes) and 7.5 (their encoding). Types come first, then one abstract entry for
// each function that is inlined somewhere, then the functions.

import type { DebugType, DebugVariable, InlinedCall } from "../object.ts";
import { Bytes } from "./bytes.ts";

/** A function where the linker put it; what its parts say are offsets from `base`. */
export interface UnitFunction {
  /** The symbol. */
  symbol: string;
  address: bigint;
  size: number;
  /** The name as the source has it, where that is known. */
  name?: string;
  file?: string;
  line?: number;
  result?: number | undefined;
  variables?: DebugVariable[];
  inlined?: InlinedCall[];
  /** Address of the section. */
  base: bigint;
}

/** A compilation unit's head. */
export interface UnitHead {
  name: string;
  lineOffset: number;
  pieces: { address: bigint; size: number }[];
  files: ReadonlyMap<string, number>;
}

const Tag = {
  formalParameter: 0x05,
  member: 0x0d,
  pointerType: 0x0f,
  compileUnit: 0x11,
  structureType: 0x13,
  typedef: 0x16,
  inlinedSubroutine: 0x1d,
  baseType: 0x24,
  subprogram: 0x2e,
  variable: 0x34,
} as const;

const Attribute = {
  location: 0x02,
  name: 0x03,
  byteSize: 0x0b,
  stmtList: 0x10,
  lowPc: 0x11,
  highPc: 0x12,
  language: 0x13,
  compDir: 0x1b,
  inline: 0x20,
  producer: 0x25,
  prototyped: 0x27,
  abstractOrigin: 0x31,
  dataMemberLocation: 0x38,
  declFile: 0x3a,
  declLine: 0x3b,
  encoding: 0x3e,
  frameBase: 0x40,
  type: 0x49,
  ranges: 0x55,
  callFile: 0x58,
  callLine: 0x59,
} as const;

const Form = {
  addr: 0x01,
  data2: 0x05,
  data4: 0x06,
  string: 0x08,
  data1: 0x0b,
  udata: 0x0f,
  ref4: 0x13,
  secOffset: 0x17,
  exprloc: 0x18,
  flagPresent: 0x19,
} as const;

/** DW_LANG_C99: nothing is nearer to functions and machine integers in debuggers of today. */
const LANGUAGE = 0x0c;
const ENCODING = { boolean: 2, float: 4, signed: 5, unsigned: 7 } as const;
/** DW_INL_inlined. */
const INLINED = 1;
/** DW_OP_call_frame_cfa. */
const CFA_EXPRESSION = 0x9c;

type Field = [attribute: number, form: number, write: (out: Bytes) => void];

/** Collects the entries of all units. */
export class DebugInfo {
  readonly info: Bytes;
  readonly abbreviations: Bytes;
  readonly locations: Bytes;
  readonly ranges: Bytes;
  private readonly addressSize: 4 | 8;
  private readonly known = new Map<string, number>();

  constructor(addressSize: 4 | 8) {
    this.addressSize = addressSize;
    this.info = new Bytes(addressSize);
    this.abbreviations = new Bytes(addressSize);
    this.locations = new Bytes(addressSize);
    this.ranges = new Bytes(addressSize);
  }

  /** Appends a unit with its types and functions. */
  unit(head: UnitHead, types: readonly DebugType[], functions: readonly UnitFunction[]): void {
    const { info } = this;
    const start = info.length;
    info.u32(0).u16(4).sectionOffset(".debug_abbrev", 0).u8(this.addressSize);
    this.entry(Tag.compileUnit, true, [
      text(Attribute.producer, "Trihedron"),
      [Attribute.language, Form.data2, (out) => out.u16(LANGUAGE)],
      text(Attribute.name, head.name),
      text(Attribute.compDir, "."),
      [
        Attribute.stmtList,
        Form.secOffset,
        (out) => out.sectionOffset(".debug_line", head.lineOffset),
      ],
      [Attribute.lowPc, Form.addr, (out) => out.word(0n)],
      this.rangeList(
        head.pieces.map(({ address, size }) => [address, address + BigInt(size)] as const),
      ),
    ]);
    new UnitWriter(this, start, head.files, types).write(functions);
    info.u8(0);
    info.patch32(start, info.length - start - 4);
  }

  /** Ends the abbreviations; nothing may be added behind it. */
  finish(): void {
    this.abbreviations.uleb(0);
  }

  /** Appends an entry; children follow it, and a zero byte, where `children` says so. */
  entry(tag: number, children: boolean, fields: readonly Field[]): number {
    const offset = this.info.length;
    const key = [
      tag,
      children,
      ...fields.map(([attribute, form]) => `${attribute}:${form}`),
    ].join();
    let code = this.known.get(key);
    if (code === undefined) {
      code = this.known.size + 1;
      this.known.set(key, code);
      this.abbreviations
        .uleb(code)
        .uleb(tag)
        .u8(children ? 1 : 0);
      for (const [attribute, form] of fields) this.abbreviations.uleb(attribute).uleb(form);
      this.abbreviations.uleb(0).uleb(0);
    }
    this.info.uleb(code);
    for (const [, , write] of fields) write(this.info);
    return offset;
  }

  /** A list of address ranges. */
  rangeList(pieces: readonly (readonly [bigint, bigint])[]): Field {
    const { ranges } = this;
    const at = ranges.length;
    for (const [from, to] of pieces) ranges.address(from).address(to);
    ranges.word(0n).word(0n);
    return [Attribute.ranges, Form.secOffset, (out) => out.sectionOffset(".debug_ranges", at)];
  }
}

function text(attribute: number, value: string): Field {
  return [attribute, Form.string, (out) => out.text(value)];
}

function number(attribute: number, value: number): Field {
  return [attribute, Form.udata, (out) => out.uleb(value)];
}

class UnitWriter {
  private readonly d: DebugInfo;
  private readonly start: number;
  private readonly files: ReadonlyMap<string, number>;
  private readonly types: readonly DebugType[];
  private readonly typeOffsets: number[] = [];
  /** References to types, which may stand before them. */
  private readonly openTypes: { at: number; type: number }[] = [];
  private readonly abstract = new Map<string, number>();

  constructor(
    d: DebugInfo,
    start: number,
    files: ReadonlyMap<string, number>,
    types: readonly DebugType[],
  ) {
    this.d = d;
    this.start = start;
    this.files = files;
    this.types = types;
  }

  write(functions: readonly UnitFunction[]): void {
    for (const type of this.types) this.typeOffsets.push(this.type(type));
    for (const { at, type } of this.openTypes) {
      this.d.info.patch32(at, (this.typeOffsets[type] as number) - this.start);
    }
    const places = new Map<string, { file: string; line: number }>();
    for (const { name, file, line } of functions) {
      if (name !== undefined && file && line) places.set(name, { file, line });
    }
    for (const f of functions) this.abstracts(f.inlined ?? [], places);
    for (const f of functions) this.function(f);
  }

  private typeField(type: number): Field {
    return [
      Attribute.type,
      Form.ref4,
      (out) => {
        const known = this.typeOffsets[type];
        if (known === undefined) this.openTypes.push({ at: out.length, type });
        out.u32(known === undefined ? 0 : known - this.start);
      },
    ];
  }

  private type(type: DebugType): number {
    const { d } = this;
    switch (type.kind) {
      case "base":
        return d.entry(Tag.baseType, false, [
          text(Attribute.name, type.name),
          [Attribute.encoding, Form.data1, (out) => out.u8(ENCODING[type.encoding])],
          [Attribute.byteSize, Form.data1, (out) => out.u8(type.size)],
        ]);
      case "pointer":
        return d.entry(Tag.pointerType, false, [
          [Attribute.byteSize, Form.data1, (out) => out.u8(type.size)],
          this.typeField(type.to),
        ]);
      case "typedef":
        return d.entry(Tag.typedef, false, [
          text(Attribute.name, type.name),
          this.typeField(type.to),
        ]);
      case "struct": {
        const offset = d.entry(Tag.structureType, true, [
          text(Attribute.name, type.name),
          number(Attribute.byteSize, type.size),
        ]);
        for (const member of type.members) {
          d.entry(Tag.member, false, [
            text(Attribute.name, member.name),
            this.typeField(member.type),
            number(Attribute.dataMemberLocation, member.offset),
          ]);
        }
        d.info.u8(0);
        return offset;
      }
    }
  }

  private place(file: string | undefined, line: number | undefined): Field[] {
    const index = file === undefined ? undefined : this.files.get(file);
    if (index === undefined || !line) return [];
    return [number(Attribute.declFile, index), number(Attribute.declLine, line)];
  }

  private abstracts(
    inlined: readonly InlinedCall[],
    places: ReadonlyMap<string, { file: string; line: number }>,
  ): void {
    for (const call of inlined) {
      if (!this.abstract.has(call.name)) {
        const place = places.get(call.name);
        const offset = this.d.entry(Tag.subprogram, false, [
          text(Attribute.name, call.name),
          ...this.place(place?.file, place?.line),
          [Attribute.inline, Form.data1, (out) => out.u8(INLINED)],
        ]);
        this.abstract.set(call.name, offset);
      }
      this.abstracts(call.inlined, places);
    }
  }

  private function(f: UnitFunction): void {
    const children = [...(f.variables ?? []), ...(f.inlined ?? [])];
    const name = f.name ?? f.symbol;
    this.d.entry(Tag.subprogram, children.length > 0, [
      text(Attribute.name, name),
      ...this.place(f.file, f.line),
      [Attribute.prototyped, Form.flagPresent, () => undefined],
      ...(f.result === undefined ? [] : [this.typeField(f.result)]),
      [Attribute.lowPc, Form.addr, (out) => out.address(f.address)],
      [Attribute.highPc, Form.data4, (out) => out.u32(f.size)],
      [Attribute.frameBase, Form.exprloc, (out) => out.uleb(1).u8(CFA_EXPRESSION)],
    ]);
    if (children.length === 0) return;
    for (const variable of f.variables ?? []) this.variable(variable, f);
    for (const call of f.inlined ?? []) this.inlined(call, f);
    this.d.info.u8(0);
  }

  private variable(variable: DebugVariable, f: UnitFunction): void {
    const { locations } = this.d;
    const fields = [text(Attribute.name, variable.name), this.typeField(variable.type)];
    if (variable.ranges.length > 0) {
      const at = locations.length;
      for (const { start, end, expression } of variable.ranges) {
        locations.address(f.base + BigInt(start)).address(f.base + BigInt(end));
        locations.u16(expression.length);
        for (const byte of expression) locations.u8(byte);
      }
      locations.word(0n).word(0n);
      fields.push([
        Attribute.location,
        Form.secOffset,
        (out) => out.sectionOffset(".debug_loc", at),
      ]);
    }
    this.d.entry(variable.parameter ? Tag.formalParameter : Tag.variable, false, fields);
  }

  private inlined(call: InlinedCall, f: UnitFunction): void {
    const at = (offset: number): bigint => f.base + BigInt(offset);
    const pieces = call.ranges.map(({ start, end }) => [at(start), at(end)] as const);
    const first = call.ranges[0];
    const file = this.files.get(call.file);
    const children = call.variables.length + call.inlined.length > 0;
    const origin = (this.abstract.get(call.name) as number) - this.start;
    this.d.entry(Tag.inlinedSubroutine, children, [
      [Attribute.abstractOrigin, Form.ref4, (out) => out.u32(origin)],
      ...(first && pieces.length === 1
        ? ([
            [Attribute.lowPc, Form.addr, (out) => out.address(at(first.start))],
            [Attribute.highPc, Form.data4, (out) => out.u32(first.end - first.start)],
          ] satisfies Field[])
        : [this.d.rangeList(pieces)]),
      ...(file !== undefined && call.line > 0
        ? [number(Attribute.callFile, file), number(Attribute.callLine, call.line)]
        : []),
    ]);
    if (!children) return;
    for (const variable of call.variables) this.variable(variable, f);
    for (const inner of call.inlined) this.inlined(inner, f);
    this.d.info.u8(0);
  }
}
