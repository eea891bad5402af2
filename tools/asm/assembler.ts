// The assembler: collects instructions, labels and data section by section and turns them into a
// relocatable object or a flat binary. Instruction names are the Intel SDM's in lower case, operands are in
// Intel order. What becomes of a line is decided in forms.ts, where it goes in layout.ts.

import type { Code } from "iced-x86";
import type { ObjectFile, ObjectSymbol, Relocation, RelocationKind } from "../elf/index.ts";
import {
  AsmError,
  type Bits,
  type Encoded,
  encode,
  encodeForm,
  type Fixup,
  type MnemonicName,
  mnemonicNames,
  type Prefixes,
} from "./forms.ts";
import { CALLED, type FrameState, follow, framesOf } from "./frame.ts";
import { FIELD_SIZE, type Item, layOut, type OpenField, type SectionLayout } from "./layout.ts";
import { type Operand, type Reg, sym, type Value } from "./operands.ts";
import { callerPosition } from "./position.ts";

export interface SectionOptions {
  writable?: boolean;
  executable?: boolean;
  /** Alignment in bytes, a power of two; 16 for code and 8 for the rest by default. */
  align?: number;
  /** Virtual address the section must have. */
  address?: bigint;
}

export interface LabelOptions {
  /** Visible to other objects. */
  global?: boolean;
  /** Symbol type; `func` for global labels of executable sections, `none` for the rest by default. */
  kind?: ObjectSymbol["kind"];
}

export interface AssemblerOptions {
  /** Mode of the code that follows until `bits()` changes it. */
  bits: Bits;
  /** Name of the object in messages. */
  name?: string;
  /** Records the source position of every instruction, so that debuggers show the TypeScript line. */
  lines?: boolean;
}

/** A flat binary and the absolute address of every label. */
export interface FlatBinary {
  bytes: Uint8Array;
  map: Map<string, bigint>;
}

interface Section {
  name: string;
  writable: boolean;
  executable: boolean;
  align: number;
  address: bigint | undefined;
  items: Item[];
  /** Call frame of the code that follows, where it has one. */
  frame: FrameState | undefined;
}

interface Label extends Required<LabelOptions> {
  section: Section;
}

class AssemblerBase {
  readonly #name: string;
  #bits: Bits;
  readonly #sections = new Map<string, Section>();
  #section: Section;
  readonly #labels = new Map<string, Label>();
  readonly #constants = new Map<string, { value: bigint; global: boolean }>();
  #prefixes: Prefixes = {};
  #anonymous = 0;
  readonly #lines: boolean;

  constructor(options: AssemblerOptions) {
    this.#name = options.name ?? "asm";
    this.#bits = options.bits;
    this.#lines = options.lines ?? false;
    this.#section = this.#open(".text", {});
  }

  /** Switches between 16-, 32- and 64-bit code; what the CPU decodes must be switched by the program. */
  bits(bits: Bits): this {
    this.#bits = bits;
    return this;
  }

  /** Continues or begins a section; properties are told by its name (`.text`, `.data`, `.bss`, …) and the options of its first mention. */
  section(name: string, options: SectionOptions = {}): this {
    this.#section = this.#open(name, options);
    return this;
  }

  #open(name: string, options: SectionOptions): Section {
    let section = this.#sections.get(name);
    if (!section) {
      const executable = options.executable ?? name.startsWith(".text");
      section = {
        name,
        executable,
        writable: options.writable ?? /^\.(data|bss)/.test(name),
        align: options.align ?? (executable ? 16 : 8),
        address: options.address,
        items: [],
        frame: undefined,
      };
      this.#sections.set(name, section);
    }
    return section;
  }

  /** Defines a label here and returns its name; without a name, a fresh one that stays out of the symbol table. */
  label(name = `.L${this.#anonymous++}`, options: LabelOptions = {}): string {
    this.#claim(name);
    const section = this.#section;
    const global = options.global ?? false;
    const kind = options.kind ?? (global && section.executable ? "func" : "none");
    this.#labels.set(name, { section, kind, global });
    section.items.push({ kind: "label", name });
    return name;
  }

  /** Defines a constant that instructions and data name like a label. */
  equ(name: string, value: number | bigint, options: { global?: boolean } = {}): this {
    this.#claim(name);
    this.#constants.set(name, { value: BigInt(value), global: options.global ?? false });
    return this;
  }

  #claim(name: string): void {
    if (this.#labels.has(name) || this.#constants.has(name)) {
      throw new AsmError(`${this.#name}: ${name} is defined twice`);
    }
  }

  /** Pads to a multiple of `align` bytes, with NOPs in code and zeros elsewhere unless `fill` is given. */
  align(align: number, fill?: number): this {
    const section = this.#section;
    section.align = Math.max(section.align, align);
    const rest = section.executable && this.#bits !== 16 ? "nop" : section.executable ? 0x90 : 0;
    section.items.push({ kind: "align", align, fill: fill ?? rest });
    return this;
  }

  /** Pads the section to `offset` bytes from its start; an error if it is longer already. */
  padTo(offset: number, fill = 0): this {
    this.#section.items.push({ kind: "pad", offset, fill });
    return this;
  }

  /**
   * States how the caller's frame is found from here on: of a function by default. Pushes, pops and what is added to
   * RSP is followed; everything else, and what holds at a label that is jumped to from elsewhere, is stated again.
   * `undefined` ends it.
   */
  frame(state: FrameState | undefined = CALLED): this {
    this.#section.frame = state;
    this.#section.items.push({ kind: "frame", state });
    return this;
  }

  /** Changes parts of the current call frame. */
  frameChange(change: Partial<FrameState>): this {
    const state = this.#section.frame;
    if (!state) throw new AsmError(`${this.#name}: there is no call frame to change`);
    return this.frame({ ...state, ...change });
  }

  /** `size` zero bytes; at the end of a section they take no room in the file. */
  space(size: number): this {
    this.#section.items.push({ kind: "space", size });
    return this;
  }

  /** Bytes; a string stands for its UTF-8 bytes. */
  db(...values: (Value | Uint8Array)[]): this {
    for (const value of values) {
      if (typeof value === "string") this.#bytes(Buffer.from(value, "utf8"));
      else if (value instanceof Uint8Array) this.#bytes(value.slice());
      else this.#data(value, "abs8");
    }
    return this;
  }

  /** 16-bit words; a string names a symbol, here and in `dd` and `dq`. */
  dw(...values: Value[]): this {
    for (const value of values) this.#data(value, "abs16");
    return this;
  }

  dd(...values: Value[]): this {
    for (const value of values) this.#data(value, "abs32");
    return this;
  }

  dq(...values: Value[]): this {
    for (const value of values) this.#data(value, "abs64");
    return this;
  }

  #bytes(bytes: Uint8Array, fixups: Fixup[] = []): void {
    this.#section.items.push({ kind: "bytes", bytes, fixups });
  }

  #data(value: Value, kind: RelocationKind): void {
    const size = FIELD_SIZE[kind];
    const bytes = new Uint8Array(size);
    const target = typeof value === "string" ? sym(value) : value;
    if (typeof target === "object") {
      this.#bytes(bytes, [{ offset: 0, kind, value: target }]);
      return;
    }
    const where = `${this.#name}: data in section ${this.#section.name}`;
    store(bytes, 0, kind, BigInt(target), where);
    this.#bytes(bytes);
  }

  /** Prefixes of the next instruction. */
  get lock(): this {
    this.#prefixes.lock = true;
    return this;
  }

  get rep(): this {
    this.#prefixes.rep = true;
    return this;
  }

  get repe(): this {
    return this.rep;
  }

  get repne(): this {
    this.#prefixes.repne = true;
    return this;
  }

  /** Segment override of the next instruction's implicit memory operand. */
  override(segment: Reg): this {
    this.#prefixes.segment = segment;
    return this;
  }

  /** An instruction by its name, for loops over names; the same as calling the method of that name. */
  instruction(mnemonic: MnemonicName, ...operands: Operand[]): this {
    const prefixes = this.#prefixes;
    this.#prefixes = {};
    this.#add(encode(mnemonic, operands, this.#bits, prefixes));
    return this.#follow(mnemonic, operands);
  }

  /** Exactly the form that iced-x86 calls `name`, such as `Mov_r64_imm64` or `Retfq`. */
  form(name: keyof typeof Code, ...operands: Operand[]): this {
    const prefixes = this.#prefixes;
    this.#prefixes = {};
    this.#add(encodeForm(name, operands, this.#bits, prefixes));
    return this.#follow(name, operands);
  }

  #follow(name: string, operands: readonly Operand[]): this {
    const state = this.#section.frame;
    const next = state && follow(state, name, operands);
    return next === state ? this : this.frame(next);
  }

  #add(encoded: Encoded): this {
    const position = this.#lines ? callerPosition() : undefined;
    if (position) this.#section.items.push({ kind: "position", position });
    if ("bytes" in encoded) this.#bytes(encoded.bytes, encoded.fixups);
    else this.#section.items.push({ kind: "branch", forms: encoded, near: false });
    return this;
  }

  /** The relocatable object; what is not defined here is left to the linker. Throws `AsmError`. */
  object(): ObjectFile {
    const laid = this.#layOut();
    const sections = [...laid.keys()];
    const relocations: Relocation[] = [];
    for (const [index, section] of sections.entries()) {
      const layout = laid.get(section) as SectionLayout;
      for (const field of layout.fields) {
        const relocation = this.#settle(section, layout, field, laid, undefined);
        if (relocation) relocations.push({ section: index, ...relocation });
      }
    }
    const referenced = new Set(relocations.map((relocation) => relocation.symbol));
    return {
      name: this.#name,
      sections: sections.map((section) => {
        const { bytes } = laid.get(section) as SectionLayout;
        return {
          name: section.name,
          writable: section.writable,
          executable: section.executable,
          align: section.align,
          data: bytes.subarray(0, bytes.length - trailingSpace(section, bytes)),
          memSize: bytes.length,
          ...(section.address === undefined ? {} : { address: section.address }),
        };
      }),
      symbols: this.#symbols(sections, laid, referenced),
      relocations,
      frames: sections.flatMap((section, index) => {
        const { bytes, frames } = laid.get(section) as SectionLayout;
        return framesOf(index, bytes.length, frames);
      }),
      lines: sections.flatMap((section, index) =>
        (laid.get(section) as SectionLayout).positions.map(({ offset, position }) => ({
          section: index,
          offset,
          ...position,
        })),
      ),
    };
  }

  #symbols(
    sections: Section[],
    laid: Map<Section, SectionLayout>,
    referenced: Set<string>,
  ): ObjectSymbol[] {
    const symbols: ObjectSymbol[] = [];
    for (const [name, label] of this.#labels) {
      if (name.startsWith(".L") && !referenced.has(name)) continue;
      const layout = laid.get(label.section) as SectionLayout;
      const offset = layout.labels.get(name) as number;
      const next = [...layout.labels]
        .filter(([other, at]) => at > offset && this.#labels.get(other)?.kind !== "none")
        .map(([, at]) => at);
      symbols.push({
        name,
        section: sections.indexOf(label.section),
        value: BigInt(offset),
        size: label.kind === "none" ? 0 : Math.min(layout.bytes.length, ...next) - offset,
        kind: label.kind,
        global: label.global,
      });
    }
    for (const [name, { value, global }] of this.#constants) {
      symbols.push({ name, section: -1, value, size: 0, kind: "none", global });
    }
    return symbols;
  }

  /**
   * The program as it lies in memory from `origin` on: sections in the order of their first mention, each
   * aligned; sections that hold only `space` come last and take no bytes. Throws `AsmError` listing every
   * symbol that is not defined.
   */
  flat(options: { origin: number | bigint }): FlatBinary {
    const laid = this.#layOut();
    const isEmpty = (section: Section): boolean => {
      const { bytes } = laid.get(section) as SectionLayout;
      return trailingSpace(section, bytes) === bytes.length;
    };
    const order = [...laid.keys()].sort((a, b) => Number(isEmpty(a)) - Number(isEmpty(b)));
    const origin = BigInt(options.origin);
    const bases = new Map<Section, bigint>();
    let end = origin;
    let fileEnd = origin;
    for (const section of order) {
      const { bytes } = laid.get(section) as SectionLayout;
      const unit = BigInt(section.align);
      const base = section.address ?? ((end + unit - 1n) / unit) * unit;
      if (base < end) {
        throw new AsmError(
          `${this.#name}: section ${section.name} at 0x${base.toString(16)} overlaps what ends at 0x${end.toString(16)}`,
        );
      }
      bases.set(section, base);
      end = base + BigInt(bytes.length);
      if (!isEmpty(section)) fileEnd = end - BigInt(trailingSpace(section, bytes));
    }
    const image = new Uint8Array(Number(fileEnd - origin));
    const missing = new Set<string>();
    for (const section of order) {
      const layout = laid.get(section) as SectionLayout;
      for (const field of layout.fields) {
        const open = this.#settle(section, layout, field, laid, bases);
        if (open) missing.add(open.symbol);
      }
      if (isEmpty(section)) continue;
      const room = layout.bytes.subarray(
        0,
        layout.bytes.length - trailingSpace(section, layout.bytes),
      );
      image.set(room, Number((bases.get(section) as bigint) - origin));
    }
    if (missing.size > 0) {
      throw new AsmError(`${this.#name}: undefined: ${[...missing].join(", ")}`);
    }
    const map = new Map<string, bigint>();
    for (const [name, label] of this.#labels) {
      const offset = laid.get(label.section)?.labels.get(name) as number;
      map.set(name, (bases.get(label.section) as bigint) + BigInt(offset));
    }
    return { bytes: image, map };
  }

  #layOut(): Map<Section, SectionLayout> {
    const used = [...this.#sections.values()].filter((section) => section.items.length > 0);
    return new Map(
      used.map((section) => [section, layOut(`${this.#name}:${section.name}`, section.items)]),
    );
  }

  /** Writes the field where its value is known and returns undefined, or returns the relocation that is left. */
  #settle(
    section: Section,
    layout: SectionLayout,
    field: OpenField,
    laid: Map<Section, SectionLayout>,
    bases: Map<Section, bigint> | undefined,
  ): Omit<Relocation, "section"> | undefined {
    const { offset, kind, value } = field;
    const where = `${this.#name}: ${section.name}+0x${offset.toString(16)}`;
    const put = (number: bigint, what: string): undefined => {
      store(layout.bytes, offset, kind, number, `${where}: ${what}`);
    };
    if (value.kind === "difference") {
      const from = this.#position(value.from, laid, where);
      const to = this.#position(value.to, laid, where);
      if (from.section !== to.section && !bases) {
        throw new AsmError(`${where}: ${value.to} and ${value.from} are in different sections`);
      }
      const at = (each: typeof from): bigint =>
        BigInt(each.offset) + (bases?.get(each.section) ?? 0n);
      return put(at(to) - at(from) + value.addend, `${value.to}-${value.from}`);
    }
    const constant = this.#constants.get(value.name);
    const relative = kind.startsWith("pc");
    if (constant && !relative) return put(constant.value + value.addend, value.name);
    const label = this.#labels.get(value.name);
    if (label) {
      const target =
        BigInt(laid.get(label.section)?.labels.get(value.name) as number) + value.addend;
      if (relative && label.section === section) return put(target - BigInt(offset), value.name);
      const base = label.section.address ?? bases?.get(label.section);
      if (bases && base !== undefined) {
        const place = (bases.get(section) as bigint) + BigInt(offset);
        return put(base + target - (relative ? place : 0n), value.name);
      }
    } else if (constant && bases) {
      const place = (bases.get(section) as bigint) + BigInt(offset);
      return put(constant.value + value.addend - place, value.name);
    }
    const addend = Number(value.addend);
    if (BigInt(addend) !== value.addend) {
      throw new AsmError(`${where}: ${value.name}: the addend ${value.addend} is no exact double`);
    }
    return { offset, kind, symbol: value.name, addend };
  }

  #position(
    name: string,
    laid: Map<Section, SectionLayout>,
    where: string,
  ): { section: Section; offset: number } {
    const label = this.#labels.get(name);
    if (!label) throw new AsmError(`${where}: label ${name} is not defined`);
    return { section: label.section, offset: laid.get(label.section)?.labels.get(name) as number };
  }
}

/** Bytes of `space` at the end of a section. */
function trailingSpace(section: Section, bytes: Uint8Array): number {
  let size = 0;
  for (const item of [...section.items].reverse()) {
    if (item.kind === "space") size += item.size;
    else if (item.kind !== "label") break;
  }
  return Math.min(size, bytes.length);
}

function store(
  bytes: Uint8Array,
  offset: number,
  kind: RelocationKind,
  value: bigint,
  where: string,
): void {
  const size = FIELD_SIZE[kind];
  const bits = BigInt(size * 8);
  const low = -(1n << (bits - 1n));
  const high = kind.startsWith("abs") && kind !== "abs32s" ? 1n << bits : 1n << (bits - 1n);
  const number = kind === "abs32s" ? BigInt.asIntN(64, value) : value;
  if (number < low || number >= high) {
    throw new AsmError(
      `${where}: 0x${value.toString(16)} does not fit a field of ${bits} bits (${kind})`,
    );
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  for (let i = 0; i < size; i++) {
    view.setUint8(offset + i, Number(BigInt.asUintN(8, number >> BigInt(8 * i))));
  }
}

type Own = keyof AssemblerBase;
type Mnemonics = {
  [Name in Exclude<MnemonicName, Own>]: (...operands: Operand[]) => Assembler;
};

/** An assembler with one method for each instruction of iced-x86's tables. */
export type Assembler = AssemblerBase & Mnemonics;

export const Assembler = AssemblerBase as unknown as new (options: AssemblerOptions) => Assembler;

for (const name of mnemonicNames) {
  if (name in AssemblerBase.prototype) continue;
  Object.defineProperty(AssemblerBase.prototype, name, {
    value(this: Assembler, ...operands: Operand[]): Assembler {
      return this.instruction(name as MnemonicName, ...operands);
    },
  });
}
