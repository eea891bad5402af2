// The runner of specification scripts must tell right from wrong: a small script of each kind of
// command, as wast2json writes them, once with right and once with wrong expectations.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { F32, I32, I64 } from "../../wasm/types.ts";
import { buildModule, emptyModule, type ModuleSpec } from "../../wasm/writer.ts";
import { canRunNative } from "../fuzz/harness.ts";
import { SpecScript } from "./suite.ts";

const directory = mkdtempSync(join(tmpdir(), "spec-test-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const empty = emptyModule();

beforeAll(() => {
  const write = (name: string, spec: Partial<ModuleSpec>): void =>
    writeFileSync(join(directory, name), buildModule({ ...empty, ...spec }));
  write("m.0.wasm", {
    types: [
      { params: [I32, I32], results: [I32] },
      { params: [F32], results: [F32, I64] },
      { params: [], results: [] },
    ],
    imports: [
      { module: "spectest", name: "print", type: 2 },
      { module: "spectest", name: "global_i32", global: I32, mutable: false },
    ],
    funcs: [
      { type: 0, locals: [], code: [0x20, 0, 0x20, 1, 0x6d] },
      { type: 1, locals: [], code: [0x20, 0, 0x20, 0, 0x92, 0x42, 7] },
      { type: 2, locals: [], code: [0x10, 0, 0x10, 3] },
    ],
    exports: [
      { name: "div", kind: 0, index: 1 },
      { name: "main", kind: 0, index: 2 },
      { name: "forever", kind: 0, index: 3 },
      { name: "global", kind: 3, index: 0 },
    ],
  });
  write("m.1.wasm", { exports: [{ name: "none", kind: 0, index: 0 }] });
  write("m.2.wasm", { memory: { min: 1 }, data: [{ offset: 65537, bytes: [] }] });
  write("m.3.wasm", {
    types: [{ params: [I32, I32], results: [I32] }],
    imports: [{ module: "other", name: "div", type: 0 }],
    exports: [{ name: "div", kind: 0, index: 0 }],
  });
  write("m.4.wasm", {
    types: [{ params: [], results: [] }],
    imports: [{ module: "other", name: "div", type: 0 }],
  });
});

const invoke = (field: string, ...args: [string, string][]) => ({
  type: "invoke",
  field,
  args: args.map(([type, value]) => ({ type, value })),
});
const div = (a: number, b: number) => invoke("div", ["i32", String(a)], ["i32", String(b)]);

function run(commands: object[]) {
  const path = join(directory, "script.json");
  const numbered = commands.map((command, i) => ({ line: i + 1, ...command }));
  const load = { type: "module", line: 0, filename: "m.0.wasm" };
  writeFileSync(path, JSON.stringify({ commands: [load, ...numbered] }));
  return new SpecScript(path).run();
}

describe.skipIf(!canRunNative)("scripts of the specification (needs x86-64 Linux)", () => {
  test("what holds passes, and what cannot be judged is skipped with its reason", () => {
    const nan = [
      { type: "f32", value: "nan:canonical" },
      { type: "i64", value: "7" },
    ];
    const result = run([
      { type: "assert_return", action: div(7, 2), expected: [{ type: "i32", value: "3" }] },
      { type: "assert_trap", action: div(1, 0), text: "integer divide by zero" },
      { type: "assert_trap", action: div(0x80000000, -1), text: "integer overflow" },
      { type: "assert_return", action: invoke("main", ["f32", "2143289344"]), expected: nan },
      { type: "assert_exhaustion", action: invoke("forever"), text: "call stack exhausted" },
      {
        type: "assert_return",
        action: { type: "get", field: "global" },
        expected: [{ type: "i32", value: "666" }],
      },
      { type: "assert_invalid", filename: "m.1.wasm", module_type: "binary", text: "unknown" },
      { type: "assert_malformed", filename: "x.wat", module_type: "text", text: "syntax" },
      {
        type: "assert_uninstantiable",
        filename: "m.2.wasm",
        text: "out of bounds memory access",
      },
      { type: "register", as: "other" },
      { type: "module", filename: "m.3.wasm" },
      { type: "assert_return", action: div(9, 2), expected: [{ type: "i32", value: "4" }] },
      { type: "assert_unlinkable", filename: "m.4.wasm", text: "incompatible import type" },
    ]);
    expect(result.failures).toEqual([]);
    expect(result.passed).toBe(12);
    expect([...result.skipped]).toEqual([["a module in the text format", 1]]);
  });

  test("what does not hold fails with its line", () => {
    const result = run([
      { type: "assert_return", action: div(7, 2), expected: [{ type: "i32", value: "4" }] },
      { type: "assert_trap", action: div(1, 0), text: "integer overflow" },
      { type: "assert_trap", action: div(1, 1), text: "integer divide by zero" },
      { type: "assert_return", action: div(1, 0), expected: [{ type: "i32", value: "0" }] },
      {
        type: "assert_return",
        action: invoke("main", ["f32", "0"]),
        expected: [{ type: "f32", value: "nan:canonical" }],
      },
      { type: "assert_exhaustion", action: div(1, 1), text: "call stack exhausted" },
      { type: "assert_invalid", filename: "m.0.wasm", module_type: "binary", text: "unknown" },
      { type: "assert_uninstantiable", filename: "m.0.wasm", text: "out of bounds" },
      { type: "module", filename: "m.1.wasm" },
      { type: "module", filename: "m.4.wasm" },
    ]);
    const lines = result.failures.map((failure) => Number(failure.split(":")[0]));
    // That V8 accepts what the script calls invalid is a matter of versions: line 7 is skipped.
    expect(lines.sort((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 8, 9, 10]);
    expect(result.skipped.get("valid by a later version")).toBe(1);
  });
});
