// `_start` of the targets that begin by themselves, linux and uefi: instantiates the module as the specification orders,
// 4.5.4, then runs it. What is around it may assume that all functions are compiled.

import { funcTypeOf, type Module } from "../wasm/types.ts";
import { CompileError } from "./error.ts";
import { type CompiledCode, type ImageBuilder, segmentOffset, strayElements } from "./image.ts";
import { I32, I64, TrapKind } from "./ir/ir.ts";
import { irType } from "./ir/numeric.ts";
import { emitLinuxStart, WRONG_CPU_MESSAGE } from "./targets/linux.ts";
import type { StartSegment } from "./targets/segments.ts";
import { importModule, type Target } from "./targets/target.ts";
import {
  EXIT_SYMBOL,
  emitFirmwareCall,
  emitUefiStart,
  firmwareCall,
  IMAGE_HANDLE_SYMBOL,
  MAX_ARGUMENTS,
  SYSTEM_TABLE_SYMBOL,
} from "./targets/uefi.ts";
import { CPU_SYMBOL, PAGES_SYMBOL, SEGMENT, STACK_SYMBOL } from "./x64/symbols.ts";

export interface StartOptions {
  /** Whether the program needs a CPU of level x86-64-v2. */
  level2: boolean;
  /** Reference to a function by its index. */
  reference: (index: number) => string;
}

/** Appends `_start` to the code and what it needs to the image. Throws `CompileError`. */
export function emitStart(code: CompiledCode, image: ImageBuilder, options: StartOptions): void {
  const { module: m, target, emission } = code;
  const { level2, reference } = options;
  const { e } = emission;
  const main = mainFunction(m, target);
  e.align(16);
  const start = e.length;
  emission.positions.push({ offset: start, pos: 0 });
  const { segments, trap } = startSegments(m, target, image);
  const common = {
    main: reference(main.index),
    startFunction: m.start === undefined ? undefined : reference(m.start),
    pages: m.memory?.min ?? 0,
    segments,
  };
  const routine = (name: string, from: number, to: number): void => {
    code.routines.push({ name, start: from, end: to, kind: "outermost" });
  };
  if (target.name === "linux") {
    if (level2) {
      image.define("rodata", CPU_SYMBOL, new TextEncoder().encode(WRONG_CPU_MESSAGE), 1);
    }
    const trapAt = emitLinuxStart(e, {
      ...common,
      traps: trap !== undefined,
      mainReturns: main.returns !== 0,
      wrongCpu: level2 ? CPU_SYMBOL : undefined,
    });
    if (trap !== undefined) emission.traps.push({ offset: trapAt, kind: trap, pos: 0 });
    routine("_start", start, e.length);
    const size = new Uint8Array(4);
    new DataView(size.buffer).setUint32(0, common.pages, true);
    image.define("data", PAGES_SYMBOL, size, 8);
  } else {
    const exit = emitUefiStart(e, { ...common, mainReturns: main.returns, level2 });
    routine("_start", start, exit);
    routine(EXIT_SYMBOL, exit, e.length);
    firmwareCalls(code);
    for (const word of [IMAGE_HANDLE_SYMBOL, SYSTEM_TABLE_SYMBOL]) {
      image.define("data", word, new Uint8Array(8), 8);
    }
  }
  image.define("data", STACK_SYMBOL, new Uint8Array(8), 8);
}

/** The export that `_start` calls, and the bytes of the status it returns. */
function mainFunction(m: Module, target: Target): { index: number; returns: 0 | 4 | 8 } {
  const entry = (name: string) => m.exports.find((x) => x.kind === "func" && x.name === name);
  const linux = target.name === "linux";
  const declared = linux ? "main(): i32" : "main(): u64";
  const main = entry("main") ?? (linux ? entry("_start") : undefined);
  if (!main || main.index < m.funcImports.length) {
    throw new CompileError(
      `target ${target.name} needs an exported function ${declared}${linux ? ", or _start()" : ""}`,
    );
  }
  const { params, results } = funcTypeOf(m, main.index);
  const [result] = results.map(irType);
  const fits = linux || result === undefined || result === I32 || result === I64;
  if (params.length > 0 || results.length > 1 || !fits) {
    throw new CompileError(
      `target ${target.name} calls the export ${main.name} without arguments; declare it as ${main.name === "main" ? declared : "_start()"}`,
    );
  }
  const returns = main.name !== "main" || result === undefined ? 0 : result === I64 ? 8 : 4;
  return { index: main.index, returns };
}

/**
 * The active segments that are copied, each behind a symbol of its own, and the trap that ends the program behind them.
 * Only programs for Linux can trap there: the others refuse such a module.
 */
function startSegments(
  m: Module,
  target: Target,
  image: ImageBuilder,
): { segments: StartSegment[]; trap: number | undefined } {
  const size = (m.memory?.min ?? 0) * 65536;
  const segments: StartSegment[] = [];
  let trap: number | undefined = strayElements(m) >= 0 ? TrapKind.TableBounds : undefined;
  for (const [i, segment] of m.data.entries()) {
    if (trap !== undefined) break;
    if (segment.mode !== "active") continue;
    const { bytes } = segment;
    const offset = segmentOffset(segment.offset);
    // An empty segment has bounds too.
    if (offset + bytes.length > size) {
      if (target.memory === "fixed") {
        throw new CompileError(
          `data segment ${i} at offset ${offset} reaches beyond the memory of ${size} bytes`,
        );
      }
      trap = TrapKind.MemoryBounds;
    } else if (bytes.length > 0) {
      const symbol = SEGMENT.initial + i;
      image.define("rodata", symbol, bytes, 16);
      segments.push({ symbol, offset, length: bytes.length });
    }
  }
  return { segments, trap };
}

/** The routines behind `uefi.call0` to `call10`, those that the module imports. */
function firmwareCalls({ module: m, emission, routines }: CompiledCode): void {
  const { e } = emission;
  const imports = m.funcImports.filter(({ module }) => importModule(module) === "uefi");
  const imported = new Set(imports.map(({ name }) => name));
  for (let count = 0; count <= MAX_ARGUMENTS; count++) {
    if (!imported.has(`call${count}`)) continue;
    e.align(16);
    const start = e.length;
    emission.positions.push({ offset: start, pos: 0 });
    const moves = emitFirmwareCall(e, count);
    routines.push({ name: firmwareCall(count), start, end: e.length, kind: "frame", moves });
  }
}
