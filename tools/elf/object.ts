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

export interface ObjectFile {
  /** Where it came from, for messages. */
  name: string;
  sections: ObjectSection[];
  symbols: ObjectSymbol[];
  relocations: Relocation[];
  addressTables?: AddressTable[];
  /** The linker makes DWARF line tables of it. */
  lines?: LineRow[];
}
