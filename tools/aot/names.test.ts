// Names of modules are free: whatever they are, the program does what it does in V8, and its symbol
// table can be read.

import { describe, expect, test } from "vitest";
import { type ElfSymbol, linkElf, readElf } from "../elf/index.ts";
import type { ObjectFile } from "../elf/object.ts";
import { decodeModule } from "../wasm/decode.ts";
import { I32 } from "../wasm/types.ts";
import { ByteBuffer, buildModule, i32Const, type ModuleSpec } from "../wasm/writer.ts";
import { compile } from "./compile.ts";
import { type Call, canRunNative, difference, runNative, runV8 } from "./fuzz/harness.ts";
import { Random } from "./fuzz/random.ts";
import { LINUX_SEGMENTS, linkLinux } from "./link.ts";
import { exportSymbol } from "./names.ts";
import { HELPER, SEGMENT } from "./x64/symbols.ts";

/** Names of compiler, linker and sections, and names that symbol tables cannot show. */
const NAMES = [
  "__aot_globals",
  "__aot_traps_start",
  "__aot_traps_end",
  "__aot_trap_files",
  "__aot_table",
  "__aot_constants",
  "__aot_jump_tables",
  "__aot_entry_stack",
  "__aot_memory_pages",
  "__aot_text",
  ...Object.values(HELPER).map((name) => (name.endsWith(".") ? `${name}0` : name)),
  ...Object.values(SEGMENT).map((name) => `${name}0`),
  "_start",
  "__wasm_start",
  "__text_start",
  "__data_end",
  "__rodata_load_end",
  ".text",
  ".rodata",
  ".data",
  "function 0",
  "function 1",
  "external __aot_globals",
  "wasm:__aot_globals",
  "wasm:",
  "wasm:%00",
  "",
  "\0",
  "a\0b",
  "a%00b",
  "\ufeffmain",
  "main\ufeff",
  "\u202emain",
  "line\nbreak",
  "\u2028",
  "\u001b[31m",
  "ünïcode",
  "\u{1f600}",
  "wasm-function[0]",
  "main$1",
  "constructor",
  "__proto__",
  "x".repeat(100_000),
];

/** Each name exports a function that adds a global, a constant and a table entry's result to its number. */
function program(names: string[], extra: Partial<ModuleSpec> = {}): Uint8Array {
  const first = 1;
  return buildModule({
    types: [
      { params: [], results: [] },
      { params: [], results: [I32] },
    ],
    imports: [{ module: "stub", name: "run", type: 0 }],
    funcs: [
      { type: 1, locals: [], code: [0x10, 0, ...i32Const(0)] },
      ...names.map((_, i) => ({
        type: 1,
        locals: [],
        code: [
          ...[...i32Const(i * 3), 0x23, 0, 0x6a],
          // f64.const 0.5, i32.trunc_f64_s: a float literal; then the table's entry 0
          ...[0x44, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f, 0xaa, 0x6a],
          ...[...i32Const(0), 0x11, 1, 0, 0x6a],
          // memory.init of a passive segment
          ...[...i32Const(i), ...i32Const(0), ...i32Const(1), 0xfc, 8, 0, 0],
        ],
      })),
      { type: 1, locals: [], code: i32Const(1000) },
    ],
    table: 1,
    memory: { min: 1 },
    globals: [{ type: I32, mutable: true, init: i32Const(42) }],
    exports: [
      { name: "memory", kind: 2, index: 0 },
      { name: "main", kind: 0, index: first },
      ...names.map((name, i) => ({ name, kind: 0 as const, index: first + 1 + i })),
    ],
    elements: [{ offset: 0, funcs: [first + 1 + names.length] }],
    data: [{ bytes: [7] }],
    ...extra,
  });
}

const callsOf = (names: string[]): Call[] =>
  names.map((name) => ({ name, params: [], results: [I32], args: [] }));

/** The symbols of the program with a stub in place of the test driver. */
function symbolsOf(object: ObjectFile): ElfSymbol[] {
  const stub: ObjectFile = {
    name: "stub",
    sections: [
      {
        name: ".text",
        writable: false,
        executable: true,
        align: 1,
        data: Uint8Array.of(0xc3),
        memSize: 1,
      },
    ],
    symbols: [{ name: "run", section: 0, value: 0n, size: 1, kind: "func", global: true }],
    relocations: [],
  };
  const elf = linkElf({
    objects: [object, stub],
    segments: LINUX_SEGMENTS,
    entry: "_start",
    class: 64,
  });
  return readElf(elf).readSymbols();
}

test("different exports have different symbols, and those of compiler and linker are none of them", () => {
  const symbols = NAMES.map(exportSymbol);
  expect(new Set(symbols).size).toBe(NAMES.length);
  for (const symbol of symbols) {
    expect(symbol).toMatch(/^[^\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+$/u);
    expect(symbol).not.toMatch(/^(__aot_|__wasm_start$|_start$|__\w+_(start|end)$)/);
  }
  expect(["main", "kernel_main", "ünïcode", "a/b#c"].map(exportSymbol)).toEqual([
    "main",
    "kernel_main",
    "ünïcode",
    "a/b#c",
  ]);
});

describe.skipIf(!canRunNative)("programs with such names run as in V8", () => {
  const check = (wasm: Uint8Array, names: string[]): void => {
    const calls = callsOf(names);
    const native = runNative(wasm, calls, 1, { verify: true });
    expect(difference(calls, native, runV8(wasm, calls, 1))).toBeUndefined();
    expect(native.outcomes[1]?.results).toEqual([1046n]);
  };

  test("as names of exported functions", () => {
    check(program(NAMES), NAMES);
  });

  test("as names of exported globals", () => {
    const exports: ModuleSpec["exports"] = [
      { name: "memory", kind: 2, index: 0 },
      { name: "main", kind: 0, index: 1 },
      { name: "f0", kind: 0, index: 2 },
      { name: "f1", kind: 0, index: 3 },
      ...NAMES.map((name) => ({ name, kind: 3 as const, index: 0 })),
    ];
    check(program(["f0", "f1"], { exports }), ["f0", "f1"]);
  });

  test("in the name section, for several functions at once, for imports and for indices that are none", () => {
    const exported = ["f0", "f1", "f2"];
    for (const names of [NAMES, ["run", "main", "f0", "f1"], ["f2", "driver_calls"]]) {
      const funcNames = names.flatMap((name, i): [number, string][] => [
        ...[0, 1, 2, 3, 4].map((n): [number, string] => [
          n,
          names[(i + n) % names.length] as string,
        ]),
        [3, `${name}$1`],
        [77 + i, name],
        [0xffff_ffff, name],
      ]);
      check(program(exported, { funcNames }), exported);
      const same = [0, 1, 2, 3, 4].map((n): [number, string] => [n, names[0] as string]);
      check(program(exported, { funcNames: same }), exported);
    }
  });
});

test("symbol tables show all names, apart from each other, and exports as global symbols", () => {
  const funcNames: ModuleSpec["funcNames"] = NAMES.map((_, i) => [
    i + 2,
    ["", "\0", "same", "_start", "__aot_globals"][i % 5] as string,
  ]);
  const object = compile(program(NAMES, { funcNames }), { target: "linux", name: "names.wasm" });
  const symbols = symbolsOf(object);
  const names = symbols.map((symbol) => symbol.name);
  for (const name of names) expect(name).toMatch(/^[^\p{Cc}\p{Cf}\p{Zl}\p{Zp}]*$/u);
  const globals = symbols.filter((symbol) => symbol.binding === "global").map((s) => s.name);
  expect(new Set(globals).size).toBe(globals.length);
  expect(globals).toEqual(expect.arrayContaining(NAMES.map(exportSymbol)));
  expect(names).toEqual(expect.arrayContaining(["same", "same$1", "wasm:_start"]));
});

test("a stub is the global symbol of its name, whatever local functions are called", () => {
  const wasm = program(["f0"], { funcNames: [[2, "run"]] });
  const { relocations } = compile(wasm, { target: "linux", name: "stub.wasm" });
  expect(relocations).toContainEqual(expect.objectContaining({ symbol: "run", scope: "global" }));
});

test("a stub whose name no symbol can have is refused in one line", () => {
  for (const name of ["", "a\0b", "a\nb"]) {
    const wasm = program(["f0"], { imports: [{ module: "stub", name, type: 0 }] });
    expect(() => compile(wasm, { target: "linux", name: "stub.wasm" })).toThrow(
      /^stub\.wasm: import section, offset 0x[0-9a-f]+: stub\."[^\0\n]*" cannot be the name of a symbol$/,
    );
  }
});

test("messages quote names on one line, cut to a readable length", () => {
  const name = `\n\0${"y".repeat(10_000)}`;
  const twice = program([name, name]);
  expect(() => decodeModule(twice)).toThrow(/duplicate export name "\\u\{a\}\\u\{0\}y{98}…"$/);
  const bad = program(["f0"], { funcNames: [[2, name]] });
  const code = bad.lastIndexOf(0x11);
  bad[code] = 0x25;
  expect(() => compile(bad, { target: "linux", name: "bad.wasm" })).toThrow(/^[^\n\0]{1,300}$/);
});

test("what stands in custom sections never makes a module invalid", () => {
  const random = new Random(5);
  const base = program(["f0"]);
  for (let n = 0; n < 400; n++) {
    const bytes = Array.from({ length: random.below(40) }, () =>
      random.chance(50) ? random.below(8) : random.below(256),
    );
    const custom = random.pick(["name", "sourceMappingURL", "producers", "linking", ""]);
    const section = new ByteBuffer().name(custom).raw(bytes).content();
    const wasm = new ByteBuffer().raw(base).u8(0).vector(section).content();
    expect(WebAssembly.validate(wasm)).toBe(true);
    expect(decodeModule(wasm).funcs).toHaveLength(3);
  }
  // The name of the section itself must be UTF-8.
  const unnamed = new ByteBuffer().raw(base).u8(0).vector([1, 0xff]).content();
  expect(WebAssembly.validate(unnamed)).toBe(false);
  expect(() => decodeModule(unnamed)).toThrow("malformed UTF-8");
});

test("a program without the driver links alone", () => {
  const wasm = program(NAMES, {
    imports: [],
    funcs: [{ type: 1, locals: [], code: i32Const(0) }],
    exports: [{ name: "main", kind: 0, index: 0 }],
    elements: [],
    funcNames: [[0, "_start"]],
  });
  expect(linkLinux(compile(wasm, { target: "linux", name: "alone.wasm" })).length).toBeGreaterThan(
    0,
  );
});
