// The mediator's image as a part of the roottask: a header with the places of its labels (layout.ts), then code that
// is linked for its address in programs.

import { compile } from "../../tools/aot/index.ts";
import { linkElf, type ObjectFile, readElf } from "../../tools/elf/index.ts";
import {
  IMAGE_CODE,
  IMAGE_COMMITTED,
  IMAGE_EXIT,
  IMAGE_FORWARD,
  IMAGE_FORWARDED,
  IMAGE_SAVED,
  IMAGE_SIZE,
  MEDIATOR,
  MEDIATOR_BYTES,
} from "../libhrstd/mediator_layout.ts";
import { copyStub, LABELS, mediatorStub, wipeStub } from "./asm.ts";

/** Bytes as an object for a program that carries them: from a global symbol to that symbol with `_end`. */
export function bytesObject(symbol: string, data: Uint8Array): ObjectFile {
  return {
    name: symbol,
    sections: [
      {
        name: `.rodata.${symbol}`,
        writable: false,
        executable: false,
        align: 16,
        data,
        memSize: data.length,
      },
    ],
    symbols: [
      { name: symbol, section: 0, value: 0n, size: data.length, global: true, kind: "object" },
      {
        name: `${symbol}_end`,
        section: 0,
        value: BigInt(data.length),
        size: 0,
        global: true,
        kind: "object",
      },
    ],
    relocations: [],
  };
}

/**
 * The code as an ELF file. The target is the kernel's, whose code touches no floating-point register: they are the
 * program's. Its linear memory is not there, and nothing uses it: the mediator has no static data.
 */
export function linkMediator(wasm: Uint8Array, sourceMap?: string): Uint8Array {
  const compiled = compile(wasm, { target: "kernel", name: "mediator", sourceMap });
  return linkElf({
    objects: [mediatorStub(), copyStub(), wipeStub(), compiled],
    segments: [
      {
        name: "text",
        flags: "rx",
        vaddr: BigInt(MEDIATOR),
        sections: [".text.entry", ".text", ".text.*", ".rodata", ".rodata.*"],
      },
    ],
    entry: "mediator_entry",
    class: 64,
  });
}

/** Header and code. Throws an error where the code has data of its own or is larger than its place. */
export function mediatorImage(elf: Uint8Array): Uint8Array {
  const file = readElf(elf, "mediator");
  const [text, ...others] = file.segments.filter(({ memSize }) => memSize > 0n);
  if (text === undefined || others.length !== 0) throw new Error("the mediator has data");
  if (text.memSize > BigInt(MEDIATOR_BYTES))
    throw new Error("the mediator is larger than its place");
  const image = new Uint8Array(IMAGE_CODE + text.data.length);
  image.set(text.data, IMAGE_CODE);
  const view = new DataView(image.buffer);
  const symbols = file.readSymbols();
  const place = (name: string): number => {
    const symbol = symbols.find((each) => each.name === name);
    if (symbol === undefined) throw new Error(`the mediator has no ${name}`);
    return Number(symbol.value - BigInt(MEDIATOR));
  };
  if (place("mediator_entry") !== 0) throw new Error("the mediator's entry is not its first byte");
  view.setUint32(IMAGE_SIZE, text.data.length, true);
  view.setUint32(IMAGE_SAVED, place(LABELS.saved), true);
  view.setUint32(IMAGE_COMMITTED, place(LABELS.committed), true);
  view.setUint32(IMAGE_EXIT, place(LABELS.exit), true);
  view.setUint32(IMAGE_FORWARD, place(LABELS.forward), true);
  view.setUint32(IMAGE_FORWARDED, place(LABELS.forwarded), true);
  return image;
}

/** What the roottask carries, from the compiled module. */
export function mediatorObject(wasm: Uint8Array, sourceMap?: string): ObjectFile {
  return bytesObject("mediator_image", mediatorImage(linkMediator(wasm, sourceMap)));
}
