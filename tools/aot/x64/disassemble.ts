// The machine code of one wasm function as text, for tests of what the compiler makes of it.

import { Decoder, DecoderOptions } from "iced-x86";
import { I32, type ValType } from "../../wasm/types.ts";
import { type Bytes, buildModule, i32Const } from "../../wasm/writer.ts";
import { compile } from "../compile.ts";
import type { TargetName } from "../targets/target.ts";

export interface TestFunction {
  params?: ValType[];
  results?: ValType[];
  locals?: ValType[];
  code: Bytes;
}

export interface Line {
  /** Offset in the code of the module. */
  address: number;
  text: string;
}

/**
 * The instructions of the first function, compiled for `target` in a module of functions, with one memory
 * and a mutable i32 global. The functions listed are not exported.
 */
export function listingOf(listed: TestFunction[], target: TargetName = "kernel"): Line[] {
  // A program for Linux begins somewhere.
  const functions: TestFunction[] = target === "linux" ? [...listed, { code: [] }] : listed;
  const wasm = buildModule({
    memory: { min: 1, max: 3 },
    globals: [{ type: I32, mutable: true, init: i32Const(0) }],
    elements: [],
    data: [],
    imports: [],
    types: functions.map((f) => ({ params: f.params ?? [], results: f.results ?? [] })),
    funcs: functions.map((f, i) => ({ type: i, locals: f.locals ?? [], code: f.code })),
    exports: target === "linux" ? [{ name: "main", kind: 0, index: listed.length }] : [],
    funcNames: functions.map((_, i) => [i, `f${i}`]),
  });
  const object = compile(wasm, { target, name: "test.wasm", verify: true });
  const symbol = object.symbols.find((s) => s.name === "f0");
  if (!symbol) throw new Error("the object has no symbol of the first function");
  const start = Number(symbol.value);
  const code = object.sections[0]?.data.subarray(start, start + symbol.size) as Uint8Array;
  const decoder = new Decoder(64, code, DecoderOptions.None);
  decoder.ip = BigInt(start);
  const lines: Line[] = [];
  while (decoder.canDecode) {
    const instruction = decoder.decode();
    lines.push({ address: Number(instruction.ip), text: instruction.toString() });
  }
  return lines;
}

/** As `listingOf`, the texts alone. */
export function codeOf(functions: TestFunction[], target: TargetName = "kernel"): string[] {
  return listingOf(functions, target).map((line) => line.text);
}
