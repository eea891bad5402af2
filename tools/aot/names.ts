// ELF symbols of what a module names. Symbols that compiler and linker define for the whole program
// (docs/toolchain.md) and names of exports meet in one symbol table: an export whose name is one of
// theirs, or that a symbol table cannot show, gets a form that no other name has.

import { isVisible, percentEncode } from "../wasm/names.ts";

/** Start of every escaped name; a name that begins like this is escaped itself. */
const ESCAPED = "wasm:";
/** `__aot_…`, `__wasm_start`, and what the linker defines for its segments: `__text_start`, …. */
const RESERVED = /^(?:__aot_.*|__\w+_(?:start|end)|_start)$/s;

/** The global symbol of an export; different names have different symbols. */
export function exportSymbol(name: string): string {
  const plain = name !== "" && !RESERVED.test(name) && !name.startsWith(ESCAPED) && isVisible(name);
  return plain ? name : ESCAPED + percentEncode(name);
}

/** Hands out local symbols of functions: names repeat in modules, a debugger wants them apart. */
export class LocalNames {
  private readonly taken: Set<string>;
  private readonly next = new Map<string, number>();

  /** `taken` are symbols that no local one may equal. */
  constructor(taken: Iterable<string>) {
    this.taken = new Set(taken);
  }

  /** `name`, or `name$1`, `name$2`, …, as it is the first, second, third of that name. */
  unique(name: string): string {
    let symbol = name;
    let n = this.next.get(name) ?? 1;
    while (this.taken.has(symbol)) symbol = `${name}$${n++}`;
    this.next.set(name, n);
    this.taken.add(symbol);
    return symbol;
  }
}
