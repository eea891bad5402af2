// Linking modules at compile time against what V8 makes of the same modules: shared tables, memory, mutable
// globals and functions, start functions in order; and what cannot be linked.

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { FUNCREF, I32 } from "../wasm/types.ts";
import { buildModule, emptyModule, i32Const, type ModuleSpec } from "../wasm/writer.ts";
import { CompileError } from "./error.ts";
import { canRunNative } from "./fuzz/harness.ts";
import { linkInstances } from "./instances.ts";

const EMPTY: ModuleSpec = {
  ...emptyModule(),
  types: [
    { params: [], results: [I32] },
    { params: [], results: [] },
  ],
};

/** Has everything: a table, memory, a counter, a constant, and functions. */
const library = buildModule({
  ...EMPTY,
  funcs: [
    // count: adds 1 to the counter and returns it
    { type: 0, locals: [], code: [0x23, 0, ...i32Const(1), 0x6a, 0x24, 0, 0x23, 0] },
    { type: 0, locals: [], code: i32Const(5) },
    // start: the counter is 10 then
    { type: 1, locals: [], code: [...i32Const(10), 0x24, 0] },
  ],
  tables: [{ type: FUNCREF, min: 4, max: 8 }],
  memory: { min: 1, max: 2 },
  globals: [
    { type: I32, mutable: true, init: i32Const(1) },
    { type: I32, mutable: false, init: i32Const(2) },
  ],
  exports: [
    { name: "count", kind: 0, index: 0 },
    { name: "five", kind: 0, index: 1 },
    { name: "table", kind: 1, index: 0 },
    { name: "memory", kind: 2, index: 0 },
    { name: "counter", kind: 3, index: 0 },
    { name: "two", kind: 3, index: 1 },
  ],
  start: 2,
  elements: [{ offset: 0, funcs: [0] }],
  data: [{ offset: 8, bytes: [1, 2, 3, 4] }],
});

/** Between both: passes on what the library has, and changes it. */
const middle = buildModule({
  ...EMPTY,
  imports: [
    { module: "library", name: "five", type: 0 },
    { module: "library", name: "counter", global: I32, mutable: true },
    { module: "library", name: "memory", memory: { min: 1 } },
  ],
  funcs: [
    // start: counter × 3
    { type: 1, locals: [], code: [0x23, 0, ...i32Const(3), 0x6c, 0x24, 0] },
  ],
  exports: [
    { name: "five", kind: 0, index: 0 },
    { name: "counter", kind: 3, index: 0 },
  ],
  start: 1,
  data: [{ offset: 10, bytes: [7] }],
});

const main = buildModule({
  ...EMPTY,
  imports: [
    { module: "library", name: "count", type: 0 },
    { module: "middle", name: "five", type: 0 },
    { module: "library", name: "table", table: { min: 3 } },
    { module: "library", name: "memory", memory: { min: 1, max: 3 } },
    { module: "middle", name: "counter", global: I32, mutable: true },
    { module: "library", name: "two", global: I32, mutable: false },
  ],
  funcs: [
    { type: 0, locals: [], code: [0x23, 1] },
    {
      type: 0,
      locals: [],
      code: [
        // count() by the table, five() and two by the own segment at offset two, and a word of memory
        ...[...i32Const(0), 0x11, 0, 0, ...i32Const(2), 0x11, 0, 0, 0x6a],
        ...[...i32Const(3), 0x11, 0, 0, 0x6a, 0x10, 0, 0x6a, 0x23, 0, 0x6a],
        ...[...i32Const(8), 0x28, 2, 0, 0x6a, ...i32Const(255), 0x71],
      ],
    },
  ],
  exports: [{ name: "main", kind: 0, index: 3 }],
  elements: [{ offset: [0x23, 1], funcs: [1, 2] }],
});

const files = {
  main: { file: "main.wasm", bytes: main },
  library: { name: "library", file: "library.wasm", bytes: library },
  middle: { name: "middle", file: "middle.wasm", bytes: middle },
};

function inV8(): number {
  const instance = (bytes: Uint8Array, imports: WebAssembly.Imports) =>
    new WebAssembly.Instance(new WebAssembly.Module(bytes as BufferSource), imports).exports;
  const first = instance(library, {});
  const second = instance(middle, { library: first });
  const last = instance(main, { library: first, middle: second });
  return (last.main as () => number)();
}

describe("modules linked with each other", () => {
  test.skipIf(!canRunNative)("share what they import (needs x86-64 Linux)", () => {
    const directory = mkdtempSync(join(tmpdir(), "aot-"));
    try {
      const paths = Object.entries(files).map(([name, { bytes }]) => {
        const path = join(directory, `${name}.wasm`);
        writeFileSync(path, bytes);
        return path;
      });
      const tool = fileURLToPath(new URL("../bin/aot", import.meta.url));
      const output = join(directory, "program");
      const links = ["--link", `library=${paths[1]}`, "--link", `middle=${paths[2]}`];
      const run = spawnSync(process.execPath, [tool, paths[0] as string, "-o", output, ...links], {
        encoding: "utf8",
      });
      expect(run.stderr).toBe("");
      expect(spawnSync(output).status).toBe(inV8());
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  });

  test("that do not fit are one error that says why", () => {
    const refusal = (others: Parameters<typeof linkInstances>[1], program = files.main): string => {
      try {
        linkInstances(program, others);
        return "";
      } catch (error) {
        expect(error).toBeInstanceOf(CompileError);
        return (error as Error).message;
      }
    };
    // A name that no module has keeps its meaning, which a table has not.
    expect(refusal([])).toBe(
      'main.wasm: cannot be linked: table "library.table" is of no linked module',
    );
    expect(refusal([files.library, files.library])).toMatch(/two modules are called "library"$/);
    expect(refusal([{ ...files.library, bytes: buildModule(EMPTY) }])).toMatch(
      /unknown import: func "library.count"$/,
    );
    const twice = { ...files.middle, bytes: library };
    expect(refusal([files.library, twice])).toMatch(/several memories in one program$/);
    const other = buildModule({
      ...EMPTY,
      funcs: [{ type: 1, locals: [], code: [] }],
      exports: [{ name: "count", kind: 0, index: 0 }],
    });
    expect(refusal([{ ...files.library, bytes: other }])).toMatch(
      /incompatible import type: func "library.count"$/,
    );
    expect(refusal([{ ...files.library, bytes: other.subarray(0, 20) }])).toMatch(
      /^library.wasm: .*, offset 0x/,
    );
  });
});
