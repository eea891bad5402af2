// Names for addresses, from the symbol table of the kernel's ELF (System V ABI, "Symbol table"), and
// source lines from its DWARF where the linker kept it.

import { readElf, SectionFlag, SymbolType } from "../../elf/index.ts";
import type { Input } from "../loader/boot-image.ts";
import { isElf } from "../loader/elf-image.ts";
import { elfLines, type LineTable, type SourceLine } from "./line-table.ts";

export interface Symbol {
  name: string;
  address: bigint;
  /** Bytes, 0 where the file does not say. */
  size: bigint;
  /** Bytes from the address that may belong to it: its size, or else up to the end of its section. */
  reach: bigint;
  /** False for data. */
  code: boolean;
}

/** Lowest canonical address of the upper half, where 64-bit kernels live, with 5-level paging. */
const UPPER_HALF = 0xff00_0000_0000_0000n;

/** The upper 32 bits of addresses near its end, where kernels are linked: those of the last 8 GiB. */
const UPPER_PARTS = [0xffff_fffen, 0xffff_ffffn] as const;

export class SymbolTable {
  /** Code, ascending by address. */
  readonly #symbols: Symbol[];
  /** Of code and data. */
  readonly #addresses: ReadonlyMap<string, bigint>;
  readonly #narrow: boolean;
  readonly #readLines: () => LineTable | undefined;
  #lines: LineTable | undefined;

  /**
   * `narrow`: the file has the low 32 bits of addresses only, as a 64-bit kernel in an ELF32 wrapper does.
   * `readLines` is called when a line is asked for.
   */
  constructor(
    symbols: Symbol[],
    narrow = false,
    readLines = (): LineTable | undefined => undefined,
  ) {
    // Of several symbols at an address those with a size come last, where they are found first.
    const order = (a: bigint, b: bigint): number => (a < b ? -1 : a > b ? 1 : 0);
    this.#symbols = symbols
      .filter((s) => s.code)
      .sort((a, b) => order(a.address, b.address) || order(a.size, b.size));
    this.#addresses = new Map([...symbols].reverse().map((s) => [s.name, s.address]));
    this.#narrow = narrow;
    this.#readLines = readLines;
  }

  /** The address as the file has it; those of the upper half lose what the file does not keep. */
  #inFile(address: bigint): bigint {
    return this.#narrow && address >= UPPER_HALF ? BigInt.asUintN(32, address) : address;
  }

  /**
   * The addresses that the file cannot tell from this one: where it keeps 32 bits, a function of a 64-bit kernel is in the
   * upper half.
   */
  alike(address: bigint): readonly bigint[] {
    if (!this.#narrow) return [address];
    const low = this.#inFile(address);
    if (low > 0xffff_ffffn) return [address];
    return [low, ...UPPER_PARTS.map((part) => (part << 32n) | low)];
  }

  get size(): number {
    return this.#symbols.length;
  }

  /** The function or label of code that contains `at`, or the nearest one below in its section if that has no size. */
  find(at: bigint): { symbol: Symbol; offset: bigint } | undefined {
    const address = this.#inFile(at);
    let low = 0;
    let high = this.#symbols.length;
    while (low < high) {
      const mid = (low + high) >> 1;
      if ((this.#symbols[mid] as Symbol).address <= address) low = mid + 1;
      else high = mid;
    }
    for (let i = low - 1; i >= 0 && i >= low - 8; i--) {
      const symbol = this.#symbols[i] as Symbol;
      const offset = address - symbol.address;
      if (offset < symbol.reach) return { symbol, offset };
    }
    return undefined;
  }

  /** "name+0x12", or "" where nothing is known. */
  describe(address: bigint): string {
    const found = this.find(address);
    if (found === undefined) return "";
    return found.offset === 0n
      ? found.symbol.name
      : `${found.symbol.name}+0x${found.offset.toString(16)}`;
  }

  /** The source line of the instruction at `address`, where the file has line tables. */
  line(address: bigint): SourceLine | undefined {
    this.#lines ??= this.#readLines();
    return this.#lines?.find(this.#inFile(address));
  }

  /** "name+0x12 (file:34)" as far as it is known. */
  locate(address: bigint): string {
    const name = this.describe(address);
    const line = this.line(address);
    const text = line === undefined ? "" : `(${line.file}:${line.line})`;
    return `${name} ${text}`.trim();
  }

  /** `locate` for a return address: the function and the line of the call in front of it. */
  locateCall(back: bigint): string {
    const call = this.find(back - 1n);
    const name =
      call === undefined ? "" : `${call.symbol.name}+0x${(call.offset + 1n).toString(16)}`;
    const line = this.line(back - 1n);
    const text = line === undefined ? "" : `(${line.file}:${line.line})`;
    return `${name} ${text}`.trim();
  }

  /** Address of a symbol by name. */
  address(name: string): bigint | undefined {
    return this.#addresses.get(name);
  }
}

/** Functions, labels and objects of an ELF file; an empty table for any other file or a stripped one. */
export function elfSymbols(kernel: Input): SymbolTable {
  if (!isElf(kernel.data)) return new SymbolTable([]);
  try {
    const elf = readElf(kernel.data, kernel.name);
    const sections = elf.readSections();
    const rest = (section: number, address: bigint): bigint => {
      const home = sections[section];
      return home === undefined ? 0n : home.address + home.size - address;
    };
    const isCode = (section: number): boolean =>
      (Number(sections[section]?.flags ?? 0n) & SectionFlag.Execute) !== 0;
    const named = elf
      .readSymbols()
      .filter(
        (s) =>
          s.name !== "" &&
          s.section !== 0 &&
          (s.type === SymbolType.Function ||
            s.type === SymbolType.Object ||
            s.type === SymbolType.None),
      );
    return new SymbolTable(
      named.map((s) => ({
        name: s.name,
        address: s.value,
        size: s.size,
        reach: s.size > 0n ? s.size : rest(s.section, s.value),
        code: s.type === SymbolType.Function || (s.type === SymbolType.None && isCode(s.section)),
      })),
      elf.class === 32,
      () => elfLines(elf),
    );
  } catch {
    // A broken symbol table costs names, not the report it is wanted for.
    return new SymbolTable([]);
  }
}
