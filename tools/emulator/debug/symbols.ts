// Names for addresses, from the symbol table of the kernel's ELF (System V ABI, "Symbol table"), and
// source lines from its DWARF where the linker kept it.

import { readElf, SymbolType } from "../../elf/index.ts";
import { isElf } from "../loader/elf-image.ts";
import type { Input } from "../loader/load-error.ts";

export interface Symbol {
  name: string;
  address: bigint;
  /** Bytes, 0 where the file does not say. */
  size: bigint;
}

export class SymbolTable {
  /** Ascending by address. */
  readonly #symbols: Symbol[];

  constructor(symbols: Symbol[]) {
    this.#symbols = symbols.sort((a, b) =>
      a.address < b.address ? -1 : a.address > b.address ? 1 : 0,
    );
  }

  get size(): number {
    return this.#symbols.length;
  }

  /** The symbol that contains `address`, or the nearest one below within 1 MiB if that has no size. */
  find(address: bigint): { symbol: Symbol; offset: bigint } | undefined {
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
      if (offset < symbol.size || (symbol.size === 0n && offset < 0x100000n))
        return { symbol, offset };
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

  /** Address of a symbol by name. */
  address(name: string): bigint | undefined {
    return this.#symbols.find((s) => s.name === name)?.address;
  }
}

/** Functions and untyped labels of an ELF file; an empty table for any other file or a stripped one. */
export function elfSymbols(kernel: Input): SymbolTable {
  if (!isElf(kernel.data)) return new SymbolTable([]);
  try {
    const elf = readElf(kernel.data, kernel.name);
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
    // A 64-bit kernel in an ELF32 wrapper has 32-bit symbol values: link addresses above 2 GiB are cut.
    return new SymbolTable(named.map((s) => ({ name: s.name, address: s.value, size: s.size })));
  } catch {
    // A broken symbol table costs names, not the report it is wanted for.
    return new SymbolTable([]);
  }
}
