// The relocatable object: what the assembler and the wasm compiler produce and the linker places.
// It is the in-memory counterpart of an ELF64 ET_REL file (System V ABI, "Object files"), reduced to
// what this project emits.

/** Relocation kinds. The value stored is S + A, or S + A - P for the pc-relative ones; P is the address of the field itself. */
export type RelocationKind =
  | "abs8"
  | "abs16"
  | "abs32"
  | "abs32s"
  | "abs64"
  | "pc8"
  | "pc16"
  | "pc32";

export interface Relocation {
  /** Index into `ObjectFile.sections` of the section that is patched. */
  section: number;
  /** Byte offset of the field in that section. */
  offset: number;
  kind: RelocationKind;
  /** Name of the symbol S. */
  symbol: string;
  /**
   * Where the name is looked up. Without it: in this object first, then among the global symbols of
   * all objects. `global`: among the global symbols only, whatever local ones the object has. A
   * number: S is the start of that section of this object, and the name only serves messages.
   */
  scope?: "global" | number;
  addend: number;
}

/**
 * Many addresses of one section in another one, as tables of functions hold: what takes a
 * `Relocation` of kind abs64 each, in a few bytes.
 */
export interface AddressTable {
  /** Index of the section that is patched. */
  section: number;
  /** Byte offset of the first field, and from one field to the next. */
  offset: number;
  stride: number;
  /** Index of the section the addresses lie in. */
  target: number;
  /** Offset in the target by field, or `NO_ADDRESS` for a field that stays as it is. */
  addends: Uint32Array;
}

export const NO_ADDRESS = 0xffff_ffff;

export interface ObjectSection {
  /** ELF name: `.text`, `.rodata`, `.data`, `.bss`, or a name of its own such as `.multiboot`. */
  name: string;
  writable: boolean;
  executable: boolean;
  /** Power of two, in bytes. */
  align: number;
  data: Uint8Array;
  /** Size in memory in bytes, at least `data.length`; what is beyond the data is zero. */
  memSize: number;
  /** Virtual address the section must have, or undefined where the linker is free. */
  address?: bigint;
}

export interface ObjectSymbol {
  name: string;
  /** Index into `ObjectFile.sections`, or -1 for an absolute value. */
  section: number;
  /** Byte offset in the section, or the absolute value. */
  value: bigint;
  size: number;
  kind: "func" | "object" | "none";
  /** Visible to other objects. */
  global: boolean;
}

/** One row of a line table: the code from `offset` on belongs to this source position; file "" and line 0 where there is none. */
export interface LineRow {
  section: number;
  offset: number;
  file: string;
  line: number;
  column: number;
}

/**
 * Where the caller's value of a register is, DWARF 4, 6.4.1: at an offset in bytes from the CFA, in a register, or
 * equal to the CFA plus an offset; `undefined`: nowhere. A register without a rule keeps its value.
 */
export type RegisterRule =
  | { offset: number }
  | { register: number }
  | { value: number }
  | "undefined";

/** The CFA: a register plus an offset in bytes, or the DWARF expression that computes it. */
export type CfaRule = { register: number; offset: number } | { expression: readonly number[] };

/** How to find the caller's frame while the instruction at `offset`, or one up to the next row, is about to run. */
export interface FrameRow {
  /** In the section, bytes. */
  offset: number;
  cfa: CfaRule;
  /** By DWARF register number of the AMD64 psABI, figure 3.36; 16 is the return address. */
  rules: ReadonlyMap<number, RegisterRule>;
}

/** Call frame information of a piece of code: a function, or an entry point. */
export interface CallFrame {
  section: number;
  start: number;
  end: number;
  /** Interrupted, not called: the return address is the next instruction itself, not one behind a call. */
  signal: boolean;
  /** Ascending; the first one is at `start`. */
  rows: FrameRow[];
}

/** A type as debuggers show it. References are indices in the list of types. */
export type DebugType =
  | {
      kind: "base";
      name: string;
      size: number;
      encoding: "signed" | "unsigned" | "float" | "boolean";
    }
  | { kind: "pointer"; size: 4 | 8; to: number }
  | { kind: "typedef"; name: string; to: number }
  | {
      kind: "struct";
      name: string;
      size: number;
      members: { name: string; type: number; offset: number }[];
    };

/** A parameter or variable. Where no range covers, its value is nowhere. */
export interface DebugVariable {
  name: string;
  type: number;
  parameter: boolean;
  /** Offsets in the section of the function; `expression` is DWARF, see dwarf/expression.ts. */
  ranges: { start: number; end: number; expression: readonly number[] }[];
}

/** Code of another function that stands inside this one. */
export interface InlinedCall {
  name: string;
  /** Offsets in the section of the function, ascending. */
  ranges: { start: number; end: number }[];
  /** Where it is called from: file "" and line 0 where that is not known. */
  file: string;
  line: number;
  variables: DebugVariable[];
  inlined: InlinedCall[];
}

/** What debuggers are told about the function symbol that starts at `start`. */
export interface DebugFunction {
  section: number;
  start: number;
  /** The name as the source has it. */
  name: string;
  file: string;
  line: number;
  /** Type of the result, if there is one. */
  result: number | undefined;
  variables: DebugVariable[];
  inlined: InlinedCall[];
}

export interface ObjectFile {
  /** Where it came from, for messages. */
  name: string;
  sections: ObjectSection[];
  symbols: ObjectSymbol[];
  relocations: Relocation[];
  addressTables?: AddressTable[];
  /** The linker makes DWARF line tables of it. */
  lines?: LineRow[];
  /** The linker makes DWARF call frame information of it. */
  frames?: CallFrame[];
  /** Names and types beyond the symbols. */
  functions?: DebugFunction[];
  types?: DebugType[];
}
