// What happens before main: segments, their bounds and the start function, as V8 instantiates.

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { HANG_MS } from "../testing/host-tools.ts";
import { I32 } from "../wasm/types.ts";
import { type Bytes, buildModule, i32Const, type ModuleSpec } from "../wasm/writer.ts";
import { compile } from "./compile.ts";
import { canRunNative } from "./fuzz/harness.ts";
import { linkLinux } from "./link.ts";

const directory = mkdtempSync(join(tmpdir(), "instantiate-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** A program whose main is `code`; function 1 returns 7 and sets global 0. */
function program(code: Bytes, extra: Partial<ModuleSpec>): Uint8Array {
  return buildModule({
    types: [
      { params: [], results: [I32] },
      { params: [], results: [] },
    ],
    imports: [],
    funcs: [
      { type: 0, locals: [], code },
      { type: 0, locals: [], code: i32Const(7) },
      { type: 1, locals: [], code: [...i32Const(9), 0x24, 0] },
    ],
    memory: { min: 1 },
    table: 4,
    globals: [{ type: I32, mutable: true, init: i32Const(5) }],
    exports: [{ name: "main", kind: 0, index: 0 }],
    elements: [],
    data: [],
    ...extra,
  });
}

function native(wasm: Uint8Array): string {
  const file = join(directory, "program");
  const object = compile(wasm, { target: "linux", name: "program.wasm", verify: true });
  writeFileSync(file, linkLinux(object), { mode: 0o755 });
  const run = spawnSync(file, { timeout: HANG_MS });
  return run.signal ? "trap" : `exit ${run.status}`;
}

function v8(wasm: Uint8Array): string {
  const module = new WebAssembly.Module(wasm as BufferSource);
  try {
    const { exports } = new WebAssembly.Instance(module);
    return `exit ${(exports.main as () => number)() & 255}`;
  } catch (error) {
    if (error instanceof WebAssembly.RuntimeError) return "trap";
    throw error;
  }
}

const load = [...i32Const(0), 0x2d, 0, 0];
const callEntry = (n: number): Bytes => [...i32Const(n), 0x11, 0, 0];
const bulk = (sub: number, tail: Bytes, ...operands: number[]): Bytes => [
  ...operands.flatMap(i32Const),
  0xfc,
  sub,
  ...tail,
  ...i32Const(42),
];
const passive = { data: [{ bytes: [1, 2] }], elements: [{ funcs: [1, 1] }] };

describe.skipIf(!canRunNative)("instantiation and lengths of 0 (needs x86-64 Linux)", () => {
  const cases: [string, Bytes, Partial<ModuleSpec>][] = [
    ["a data segment up to the end", load, { data: [{ offset: 65534, bytes: [1, 2] }] }],
    ["a data segment one byte too far", load, { data: [{ offset: 65535, bytes: [1, 2] }] }],
    ["an empty data segment at the end", load, { data: [{ offset: 65536, bytes: [] }] }],
    ["an empty data segment behind the end", load, { data: [{ offset: 65537, bytes: [] }] }],
    ["an empty data segment at -1", load, { data: [{ offset: -1, bytes: [] }] }],
    ["a data segment at -1", load, { data: [{ offset: -1, bytes: [3] }] }],
    [
      "a good segment before a bad one",
      load,
      {
        data: [
          { offset: 0, bytes: [3] },
          { offset: 70000, bytes: [] },
        ],
      },
    ],
    ["no memory pages", i32Const(1), { memory: { min: 0 }, data: [{ offset: 0, bytes: [] }] }],
    [
      "a byte without pages",
      i32Const(1),
      { memory: { min: 0 }, data: [{ offset: 0, bytes: [1] }] },
    ],
    [
      "later segments overwrite earlier ones",
      load,
      {
        data: [
          { offset: 0, bytes: [3, 4, 5] },
          { offset: 0, bytes: [9] },
        ],
      },
    ],
    ["elements up to the end", callEntry(3), { elements: [{ offset: 2, funcs: [1, 1] }] }],
    ["elements one too far", callEntry(3), { elements: [{ offset: 3, funcs: [1, 1] }] }],
    ["empty elements at the end", i32Const(1), { elements: [{ offset: 4, funcs: [] }] }],
    ["empty elements behind the end", i32Const(1), { elements: [{ offset: 5, funcs: [] }] }],
    ["empty elements at -1", i32Const(1), { elements: [{ offset: -1, funcs: [] }] }],
    ["a null entry", callEntry(0), { elements: [{ offset: 1, funcs: [1] }] }],
    ["an entry of another type", callEntry(0), { elements: [{ offset: 0, funcs: [2] }] }],
    ["a start function", [0x23, 0], { start: 2 }],
    [
      "a start function behind a bad segment",
      [0x23, 0],
      {
        start: 2,
        data: [{ offset: 65537, bytes: [] }],
      },
    ],
    ["memory.init of nothing", bulk(8, [0, 0], 65536, 2, 0), passive],
    ["memory.init of nothing behind the memory", bulk(8, [0, 0], 65537, 0, 0), passive],
    ["memory.init of nothing behind the segment", bulk(8, [0, 0], 0, 3, 0), passive],
    [
      "memory.init of an active segment",
      bulk(8, [0, 0], 0, 0, 1),
      {
        data: [{ offset: 0, bytes: [1] }],
      },
    ],
    [
      "memory.init of nothing of an active segment",
      bulk(8, [0, 0], 0, 0, 0),
      {
        data: [{ offset: 0, bytes: [1] }],
      },
    ],
    ["memory.copy of nothing", bulk(10, [0, 0], 65536, 65536, 0), {}],
    ["memory.copy of nothing to behind", bulk(10, [0, 0], 65537, 0, 0), {}],
    ["memory.copy of nothing from behind", bulk(10, [0, 0], 0, 65537, 0), {}],
    ["memory.copy of nothing from -1", bulk(10, [0, 0], 0, -1, 0), {}],
    ["memory.fill of nothing", bulk(11, [0], 65536, 1, 0), {}],
    ["memory.fill of nothing behind", bulk(11, [0], 65537, 1, 0), {}],
    ["table.init of nothing", bulk(12, [0, 0], 4, 2, 0), passive],
    ["table.init of nothing behind the table", bulk(12, [0, 0], 5, 0, 0), passive],
    ["table.init of nothing behind the segment", bulk(12, [0, 0], 0, 3, 0), passive],
    [
      "table.init of an active segment",
      bulk(12, [0, 0], 0, 0, 1),
      {
        elements: [{ offset: 0, funcs: [1] }],
      },
    ],
    ["table.copy of nothing", bulk(14, [0, 0], 4, 4, 0), {}],
    ["table.copy of nothing to behind", bulk(14, [0, 0], 5, 0, 0), {}],
    ["table.copy of nothing from behind", bulk(14, [0, 0], 0, 5, 0), {}],
    ["table.init, then a call", [...bulk(12, [0, 0], 2, 1, 1), 0x1a, ...callEntry(2)], passive],
    ["a large table of nulls", callEntry(999_999), { table: 1_000_000 }],
    [
      "the last entry of a large table",
      callEntry(199_999),
      {
        table: 200_000,
        elements: [{ offset: 199_999, funcs: [1] }],
      },
    ],
    [
      "table.copy within a large table",
      [...bulk(14, [0, 0], 150_000, 1, 1), 0x1a, ...callEntry(150_000)],
      { table: 200_000, elements: [{ offset: 0, funcs: [1, 1] }] },
    ],
  ];

  test.each(cases)("%s", (_, code, extra) => {
    const wasm = program(code, extra);
    expect(native(wasm)).toBe(v8(wasm));
  });

  test("a table of nulls takes no room in the file", () => {
    const wasm = program(i32Const(1), { table: 10_000_000 });
    const object = compile(wasm, { target: "linux", name: "table.wasm" });
    expect(linkLinux(object).length).toBeLessThan(32_768);
  });
});

test("targets without a start of their own refuse segments that cannot be placed", () => {
  const wasm = program(i32Const(1), { elements: [{ offset: 5, funcs: [] }] });
  expect(() => compile(wasm, { target: "kernel", name: "k.wasm" })).toThrow(
    "k.wasm: element segment 0 reaches beyond the table of 4 entries",
  );
});
