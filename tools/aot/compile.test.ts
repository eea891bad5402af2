// The contract of docs/toolchain.md: targets, import modules, traps, symbols and data.

import { Decoder, DecoderOptions, Mnemonic, OpKind, Register } from "iced-x86";
import { beforeAll, describe, expect, test } from "vitest";
import { guestModule } from "../asc/guest.ts";
import { linkElf } from "../elf/index.ts";
import type { ObjectFile } from "../elf/object.ts";
import { F64, I32, I64, type ValType } from "../wasm/types.ts";
import {
  type Bytes,
  buildModule,
  i32Const,
  i64Const,
  type ModuleSpec,
  uleb,
} from "../wasm/writer.ts";
import { compile } from "./compile.ts";
import { type Call, canRunNative, runNative, runV8 } from "./fuzz/harness.ts";
import { TrapKind } from "./ir/ir.ts";
import type { TargetName } from "./targets/target.ts";

interface FunctionSpec {
  name: string;
  params?: ValType[];
  results?: ValType[];
  locals?: ValType[];
  code: Bytes;
}

/** A module of exported functions. */
function moduleOf(functions: FunctionSpec[], extra: Partial<ModuleSpec> = {}): Uint8Array {
  const imports = extra.imports ?? [];
  const types = extra.types ?? [];
  return buildModule({
    memory: { min: 1, max: 3 },
    globals: [],
    elements: [],
    data: [],
    ...extra,
    imports,
    types: [
      ...types,
      ...functions.map((f) => ({ params: f.params ?? [], results: f.results ?? [] })),
    ],
    funcs: functions.map((f, i) => ({
      type: types.length + i,
      locals: f.locals ?? [],
      code: f.code,
    })),
    exports: [
      ...functions.map((f, i) => ({ name: f.name, kind: 0 as const, index: imports.length + i })),
      ...(extra.exports ?? []),
    ],
  });
}

function object(wasm: Uint8Array, target: TargetName, sourceMap?: string): ObjectFile {
  return compile(wasm, {
    target,
    name: "test.wasm",
    verify: true,
    ...(sourceMap ? { sourceMap } : {}),
  });
}

/** Instructions of a function by its symbol, in text and decoded. */
function disassemble(o: ObjectFile, name: string) {
  const symbol = o.symbols.find((s) => s.name === name);
  if (!symbol) throw new Error(`no symbol ${name}`);
  const start = Number(symbol.value);
  const code = o.sections[0]?.data.subarray(start, start + symbol.size) as Uint8Array;
  const decoder = new Decoder(64, code, DecoderOptions.None);
  const out = [];
  while (decoder.canDecode) out.push(decoder.decode());
  return out;
}

function text(o: ObjectFile, name: string): string[] {
  return disassemble(o, name).map((i) => i.toString());
}

const get = (n: number): Bytes => [0x20, ...uleb(n)];

describe("target kernel", () => {
  test("memory is addressed through R15 and pointers stay 32 bit", () => {
    const wasm = moduleOf([
      { name: "load", params: [I32], results: [I32], code: [...get(0), 0x28, 2, ...uleb(0x1234)] },
    ]);
    const lines = text(object(wasm, "kernel"), "load");
    expect(lines).toContain("mov edi,edi");
    expect(lines.some((l) => l.includes("[r15+rdi+1234h]"))).toBe(true);
  });

  test("no instruction touches an SSE, MMX or x87 register", async () => {
    const wasm = moduleOf(
      [
        {
          name: "fill",
          params: [I32, I32, I32],
          code: [...get(0), ...get(1), ...get(2), 0xfc, 11, 0],
        },
        {
          name: "copy",
          params: [I32, I32, I32],
          code: [...get(0), ...get(1), ...get(2), 0xfc, 10, 0, 0],
        },
        { name: "count", params: [I64], results: [I64], code: [...get(0), 0x7b] },
      ],
      {},
    );
    const o = object(wasm, "kernel");
    const decoder = new Decoder(64, o.sections[0]?.data as Uint8Array, DecoderOptions.None);
    const touched = new Set<string>();
    while (decoder.canDecode) {
      const instruction = decoder.decode();
      for (let i = 0; i < instruction.opCount; i++) {
        if (
          instruction.opKind(i) === OpKind.Register &&
          instruction.opRegister(i) >= Register.XMM0
        ) {
          touched.add(instruction.toString());
        }
      }
    }
    expect([...touched]).toEqual([]);
  });

  test("floating point is refused with function and offset", () => {
    const wasm = moduleOf([
      { name: "half", params: [], results: [I32], code: [0x44, 0, 0, 0, 0, 0, 0, 0, 0, 0xaa] },
    ]);
    expect(() => object(wasm, "kernel")).toThrow(
      /test\.wasm: code section, function 0, offset 0x[0-9a-f]+: f64\.const needs floating point, which target kernel does not use/,
    );
  });

  test("data segments stand at window + offset and are zero in between and up to the heap", () => {
    const wasm = moduleOf([], {
      data: [
        { offset: 0x1000, bytes: [1, 2] },
        { offset: 0x1010, bytes: [3] },
        { offset: 0x9000, bytes: [4] },
      ],
      globals: [{ type: I32, mutable: false, init: i32Const(0xa000) }],
      exports: [{ name: "__heap_base", kind: 3, index: 0 }],
    });
    const sections = object(wasm, "kernel").sections.filter((s) => s.name === ".wasm.data");
    expect(sections.map((s) => [s.address, s.data.length, s.memSize])).toEqual([
      [0xfffffffe00001000n, 0x11, 0x8000],
      [0xfffffffe00009000n, 1, 0x1000],
    ]);
    expect([...(sections[0]?.data ?? [])]).toEqual([1, 2, ...new Array(14).fill(0), 3]);
  });

  test("memory.size is the window and memory.grow fails", () => {
    const wasm = moduleOf([{ name: "size", results: [I32], code: [0x3f, 0] }]);
    expect(text(object(wasm, "kernel"), "size")).toEqual(["mov eax,10000h", "ret"]);
  });
});

describe("target native", () => {
  test("pointers are addresses and R15 belongs to the program", () => {
    const wasm = moduleOf([
      { name: "store", params: [I32, I64], code: [...get(0), ...get(1), 0x37, 3, 8] },
    ]);
    const lines = text(object(wasm, "native"), "store");
    expect(lines.join("\n")).not.toContain("r15");
    expect(lines.some((l) => l.includes("mov [rdi+8],rsi"))).toBe(true);
  });

  test("hypercall puts ARG1…ARG5 into RDI, RSI, RDX, RAX, R8 and returns RDI", () => {
    const five: ValType[] = [I64, I64, I64, I64, I64];
    const wasm = moduleOf(
      [
        {
          name: "go",
          params: five,
          results: [I64],
          code: [0, 1, 2, 3, 4].flatMap(get).concat(0x10, 0),
        },
      ],
      {
        types: [{ params: five, results: [I64] }],
        imports: [{ module: "lib/hedron", name: "hypercall", type: 0 }],
      },
    );
    const lines = text(object(wasm, "native"), "go");
    const call = lines.indexOf("syscall");
    expect(call).toBeGreaterThan(0);
    // ARG4 arrives in RCX by the System V convention.
    expect(lines.slice(0, call)).toContain("mov rax,rcx");
    expect(lines.slice(call)).toContain("mov rax,rdi");
  });

  test("hypercall3 stores OUT2 and OUT3 at its last argument", () => {
    const six: ValType[] = [I64, I64, I64, I64, I64, I32];
    const wasm = moduleOf(
      [
        {
          name: "go",
          params: six,
          results: [I64],
          code: [0, 1, 2, 3, 4, 5].flatMap(get).concat(0x10, 0),
        },
      ],
      {
        types: [{ params: six, results: [I64] }],
        imports: [{ module: "lib/hedron", name: "hypercall3", type: 0 }],
      },
    );
    const lines = text(object(wasm, "native"), "go");
    const call = lines.indexOf("syscall");
    const behind = lines.slice(call + 1, call + 4);
    expect(behind).toEqual(["pop rcx", "mov [rcx],rsi", "mov [rcx+8],rdx"]);
  });
});

describe("import modules", () => {
  const imported = (
    module: string,
    name: string,
    params: ValType[],
    results: ValType[],
  ): Uint8Array =>
    moduleOf(
      [{ name: "f", params, results, code: [...params.flatMap((_, i) => get(i)), 0x10, 0] }],
      {
        types: [{ params, results }],
        imports: [{ module, name, type: 0 }],
      },
    );

  test("x86 functions become their instructions", () => {
    const cases: [string, ValType[], ValType[], Mnemonic[]][] = [
      ["inb", [I32], [I32], [Mnemonic.In]],
      ["outl", [I32, I32], [], [Mnemonic.Out]],
      ["rdmsr", [I32], [I64], [Mnemonic.Rdmsr]],
      ["wrmsr", [I32, I64], [], [Mnemonic.Wrmsr]],
      ["rdtsc", [], [I64], [Mnemonic.Rdtsc]],
      ["cpuid", [I32, I32, I32], [], [Mnemonic.Cpuid]],
      ["sti_hlt", [], [], [Mnemonic.Sti, Mnemonic.Hlt]],
      ["invlpg", [I64], [], [Mnemonic.Invlpg]],
      ["xsave", [I64, I64], [], [Mnemonic.Xsave64]],
      ["xrstor", [I64, I64], [], [Mnemonic.Xrstor64]],
      ["xsaveopt", [I64, I64], [], [Mnemonic.Xsaveopt64]],
      ["fxsave", [I64], [], [Mnemonic.Fxsave64]],
      ["fxrstor", [I64], [], [Mnemonic.Fxrstor64]],
      ["xgetbv", [I32], [I64], [Mnemonic.Xgetbv]],
      ["xsetbv", [I32, I64], [], [Mnemonic.Xsetbv]],
      ["rdfsbase", [], [I64], [Mnemonic.Rdfsbase]],
      ["wrfsbase", [I64], [], [Mnemonic.Wrfsbase]],
      ["rdgsbase", [], [I64], [Mnemonic.Rdgsbase]],
      ["wrgsbase", [I64], [], [Mnemonic.Wrgsbase]],
      ["swapgs", [], [], [Mnemonic.Swapgs]],
      ["lgdt", [I64], [], [Mnemonic.Lgdt]],
      ["lidt", [I64], [], [Mnemonic.Lidt]],
      ["ltr", [I32], [], [Mnemonic.Ltr]],
      ["ldmxcsr", [I32], [], [Mnemonic.Ldmxcsr]],
      ["fninit", [], [], [Mnemonic.Fninit]],
      ["wbinvd", [], [], [Mnemonic.Wbinvd]],
      ["clts", [], [], [Mnemonic.Clts]],
      ["mfence", [], [], [Mnemonic.Mfence]],
      ["pause", [], [], [Mnemonic.Pause]],
      ["umulh", [I64, I64], [I64], [Mnemonic.Mul]],
      ["ud2", [], [], [Mnemonic.Ud2]],
    ];
    for (const [name, params, results, expected] of cases) {
      const found = disassemble(
        object(imported("kernel/x86", name, params, results), "kernel"),
        "f",
      ).map((i) => i.mnemonic);
      expect(found, name).toEqual(expect.arrayContaining(expected));
      expect(found, name).not.toContain(Mnemonic.INVALID);
    }
  });

  test("control registers are read and written by number", () => {
    expect(text(object(imported("x86", "cr3", [], [I64]), "kernel"), "f")).toEqual([
      "mov rax,cr3",
      "ret",
    ]);
    expect(text(object(imported("x86", "set_cr4", [I64], []), "kernel"), "f")).toEqual([
      "mov rax,rdi",
      "mov cr4,rax",
      "ret",
    ]);
    expect(text(object(imported("x86", "dr6", [], [I64]), "kernel"), "f")).toEqual([
      "mov rax,dr6",
      "ret",
    ]);
    expect(text(object(imported("x86", "set_dr7", [I64], []), "kernel"), "f")).toEqual([
      "mov rax,rdi",
      "mov dr7,rax",
      "ret",
    ]);
  });

  test("gs_load64 uses the GS segment", () => {
    expect(text(object(imported("x86", "gs_load64", [I32], [I64]), "kernel"), "f")).toContain(
      "mov rax,gs:[rax]",
    );
  });

  test("stub calls a symbol of another object and clears the upper half of a 32-bit result", () => {
    const o = object(imported("stub", "switch_to", [I64], [I32]), "kernel");
    expect(o.relocations).toContainEqual(
      expect.objectContaining({ symbol: "switch_to", kind: "pc32" }),
    );
    expect(text(o, "f")).toContain("mov eax,eax");
  });

  test("symbol is the address of a symbol", () => {
    const o = object(imported("symbol", "idt_entry", [], [I64]), "kernel");
    expect(o.relocations).toContainEqual(
      expect.objectContaining({ symbol: "idt_entry", kind: "abs64", addend: 0 }),
    );
  });

  test("an unknown module, function or signature is one error that names it", () => {
    expect(() => object(imported("env", "abort", [], []), "kernel")).toThrow(
      'target kernel has no import module "env"; it has x86, stub, symbol',
    );
    expect(() => object(imported("x86", "vmxon", [I64], []), "kernel")).toThrow(
      'import module "x86" has no function "vmxon"',
    );
    expect(() => object(imported("x86", "inb", [I64], [I32]), "kernel")).toThrow(
      "x86.inb must be declared as (i32) → i32, not (i64) → i32",
    );
  });
});

describe("symbols, traps and lines of a module asc compiled", () => {
  let wasm: Uint8Array;
  let map: string;
  const source = [
    "function divide(a: i32, b: i32): i32 {",
    "  return a / b;",
    "}",
    "export function main(): i32 {",
    "  let sum = 0;",
    "  for (let i = 1; i < 10; i++) sum += divide(load<i32>(i << 2), load<i32>(i));",
    "  return sum + divide(load<i32>(4), load<i32>(8));",
    "}",
  ].join("\n");

  beforeAll(async () => {
    ({ wasm, sourceMap: map } = await guestModule({
      entry: "app.ts",
      optimize: 0,
      sources: { "app.ts": source },
    }));
  });

  test("exports are global symbols, other functions local ones by their TypeScript name", () => {
    const { symbols } = object(wasm, "linux");
    expect(symbols).toContainEqual(
      expect.objectContaining({ name: "main", global: true, kind: "func" }),
    );
    expect(symbols).toContainEqual(
      expect.objectContaining({ name: "app/divide", global: false, kind: "func" }),
    );
    expect(symbols).toContainEqual(expect.objectContaining({ name: "_start", global: true }));
  });

  test("the trap table names kind, file and line of each UD2", () => {
    const o = object(wasm, "linux", map);
    const index = o.sections.findIndex((s) => s.name === ".rodata.traps");
    const table = o.sections[index]?.data as Uint8Array;
    const view = new DataView(table.buffer, table.byteOffset);
    const code = o.sections[0]?.data as Uint8Array;
    const kinds: number[] = [];
    const addresses = o.addressTables?.find((t) => t.section === index);
    for (const [i, offset] of addresses?.addends.entries() ?? []) {
      expect([code[offset], code[offset + 1]]).toEqual([0x0f, 0x0b]);
      kinds.push(view.getUint16(i * 16 + 8, true));
      expect(view.getUint16(i * 16 + 10, true)).toBe(1);
      expect(view.getUint32(i * 16 + 12, true)).toBe(2);
    }
    expect(kinds).toEqual(
      expect.arrayContaining([TrapKind.DivideByZero, TrapKind.IntegerOverflow]),
    );
  });

  test("line rows are in order of code and lead to the source", () => {
    const rows = object(wasm, "linux", map).lines ?? [];
    expect(rows.map((r) => r.offset)).toEqual(rows.map((r) => r.offset).sort((a, b) => a - b));
    const divide = rows.filter((r) => r.file.endsWith("app.ts") && r.line === 2);
    expect(divide.length).toBeGreaterThan(0);
  });
});

describe.skipIf(!canRunNative)("programs run (needs x86-64 Linux)", () => {
  const RUN: Partial<ModuleSpec> = {
    types: [{ params: [], results: [] }],
    imports: [{ module: "stub", name: "run", type: 0 }],
  };
  const main: FunctionSpec = { name: "main", results: [I32], code: [0x10, 0, ...i32Const(0)] };

  /** Runs calls in both engines and returns both outcomes. */
  function both(
    functions: FunctionSpec[],
    calls: [string, ...bigint[]][],
    extra: Partial<ModuleSpec> = {},
  ) {
    const wasm = moduleOf([...functions, main], {
      ...RUN,
      ...extra,
      exports: [{ name: "memory", kind: 2, index: 0 }],
    });
    const list = calls.map(([name, ...args]): Call => {
      const f = functions.find((x) => x.name === name) as FunctionSpec;
      return { name, params: f.params ?? [], results: f.results ?? [], args };
    });
    return { native: runNative(wasm, list, 1, { verify: true }), v8: runV8(wasm, list, 1) };
  }

  test("each trap has its kind", () => {
    const { native, v8 } = both(
      [
        { name: "unreachable", code: [0x00] },
        { name: "div", params: [I32, I32], results: [I32], code: [...get(0), ...get(1), 0x6d] },
        { name: "rem", params: [I64, I64], results: [I64], code: [...get(0), ...get(1), 0x81] },
        { name: "load", params: [I32], results: [I64], code: [...get(0), 0x29, 3, 0] },
        {
          name: "far",
          params: [I32],
          results: [I32],
          code: [...get(0), 0x28, 2, ...uleb(0xffffffff)],
        },
        { name: "trunc", params: [I64], results: [I32], code: [...get(0), 0xbf, 0xaa] },
        {
          name: "fill",
          params: [I32, I32],
          code: [...get(0), ...i32Const(1), ...get(1), 0xfc, 11, 0],
        },
        { name: "atomic", params: [I32], results: [I32], code: [...get(0), 0xfe, 0x10, 2, 0] },
      ],
      [
        ["unreachable"],
        ["div", 1n, 0n],
        ["div", -(2n ** 31n), -1n],
        ["div", 7n, -2n],
        ["rem", 1n, 0n],
        ["rem", -(2n ** 63n), -1n],
        ["load", 65528n],
        ["load", 65529n],
        ["load", -1n],
        ["far", -1n],
        ["trunc", 0x7ff8000000000000n],
        ["trunc", 0x41dfffffffc00000n],
        ["trunc", 0x41e0000000000000n],
        ["fill", 65536n, 0n],
        ["fill", 65530n, 7n],
        ["fill", 65537n, 0n],
        ["atomic", 6n],
      ],
    );
    expect(native.outcomes).toEqual(v8.outcomes);
    expect(native.outcomes.map((o) => o.trap)).toEqual([
      1, 2, 3, 0, 2, 0, 0, 7, 7, 7, 4, 0, 4, 0, 7, 7, 9,
    ]);
    expect(native.memory).toEqual(v8.memory);
  });

  test("memory grows to its maximum and what is beyond traps", () => {
    const { native, v8 } = both(
      [
        { name: "size", results: [I32], code: [0x3f, 0] },
        { name: "grow", params: [I32], results: [I32], code: [...get(0), 0x40, 0] },
        { name: "store", params: [I32, I32], code: [...get(0), ...get(1), 0x36, 2, 0] },
        { name: "load", params: [I32], results: [I32], code: [...get(0), 0x28, 2, 0] },
      ],
      [
        ["size"],
        ["store", 65536n, 1n],
        ["grow", 2n],
        ["store", 65536n, 1n],
        ["load", 65536n],
        ["load", 196604n],
        ["load", 196608n],
        ["grow", 1n],
        ["grow", 0n],
        ["size"],
      ],
    );
    expect(native.outcomes).toEqual(v8.outcomes);
    expect(native.outcomes.at(-1)?.results).toEqual([3n]);
  });

  test("overlapping copies of every small size and distance are exact", () => {
    const calls: [string, ...bigint[]][] = [];
    for (let n = 0; n < 70; n++) {
      for (const d of [-33, -17, -9, -8, -7, -1, 0, 1, 7, 8, 9, 16, 31])
        calls.push(["copy", BigInt(1000 + d), 1000n, BigInt(n)]);
    }
    calls.push(
      ["copy", 3000n, 3001n, 1000n],
      ["copy", 3001n, 3000n, 1000n],
      ["copy", 9000n, 100n, 5000n],
    );
    const bytes = Array.from({ length: 8000 }, (_, i) => (i * 31 + (i >> 8)) & 255);
    const { native, v8 } = both(
      [
        {
          name: "copy",
          params: [I32, I32, I32],
          code: [...get(0), ...get(1), ...get(2), 0xfc, 10, 0, 0],
        },
      ],
      calls,
      { data: [{ offset: 0, bytes }] },
    );
    expect(native.memory).toEqual(v8.memory);
  });

  test("many parameters and many results go over the stack", () => {
    const params: ValType[] = [I64, F64, I32, I64, F64, I64, I32, I64, I64, F64, I64];
    const results: ValType[] = [I64, I64, F64, I64, I32, F64, F64];
    const spread: FunctionSpec = {
      name: "outer",
      params: [I64],
      results: [I64],
      locals: [I64, I64, F64, I64, I32, F64, F64],
      code: [
        ...params.flatMap((t, i) =>
          t === F64
            ? [...get(0), ...i64Const(BigInt(i)), 0x7c, 0xb9]
            : t === I64
              ? [...get(0), ...i64Const(BigInt(i * 3)), 0x7c]
              : [...get(0), 0xa7, ...i32Const(i), 0x6a],
        ),
        0x10,
        ...uleb(2),
        ...[7, 6, 5, 4, 3, 2, 1].flatMap((n) => [0x21, n]),
        ...get(1),
        ...get(2),
        ...i64Const(3n),
        0x7e,
        0x7c,
        ...get(3),
        0xb0,
        0x7c,
        ...get(4),
        ...i64Const(7n),
        0x7e,
        0x7c,
        ...get(5),
        0xac,
        0x7c,
        ...get(6),
        0xb0,
        0x7c,
        ...get(7),
        0xb0,
        0x7c,
      ],
    };
    const inner: FunctionSpec = {
      name: "inner",
      params,
      results,
      code: [...get(10), ...get(8), ...get(9), ...get(7), ...get(6), ...get(4), ...get(1)],
    };
    const { native, v8 } = both(
      [spread, inner],
      [
        ["outer", 1000n],
        ["outer", -5n],
      ],
    );
    expect(native.outcomes).toEqual(v8.outcomes);
  });

  test("multiplication replaces division by every kind of constant", () => {
    const divisors = [
      3n,
      5n,
      6n,
      7n,
      9n,
      10n,
      11n,
      13n,
      14n,
      25n,
      60n,
      100n,
      125n,
      641n,
      1000n,
      1000003n,
      4294967295n,
      2147483647n,
      4294967297n,
      2n ** 63n - 1n,
      2n ** 63n + 1n,
      2n ** 64n - 1n,
      -3n,
      -7n,
      -10n,
      8n,
      -8n,
      1n << 31n,
      1n << 40n,
    ];
    const operands = [
      0n,
      1n,
      -1n,
      2n,
      9n,
      10n,
      11n,
      99n,
      100n,
      101n,
      2n ** 31n - 1n,
      2n ** 31n,
      -(2n ** 31n),
      2n ** 32n - 1n,
      2n ** 62n,
      2n ** 63n - 1n,
      -(2n ** 63n),
      1234567890123456789n,
      -9876543210987654321n % 2n ** 63n,
    ];
    const functions: FunctionSpec[] = [];
    const calls: [string, ...bigint[]][] = [];
    divisors.forEach((d, i) => {
      const wide = (op: number, name: string): FunctionSpec => ({
        name: `${name}${i}`,
        params: [I64],
        results: [I64],
        code: [...get(0), ...i64Const(BigInt.asIntN(64, d)), op],
      });
      const narrow = (op: number, name: string): FunctionSpec => ({
        name: `${name}${i}`,
        params: [I32],
        results: [I32],
        code: [...get(0), ...i32Const(Number(BigInt.asIntN(32, d)) || 3), op],
      });
      const all = [
        wide(0x7f, "ds"),
        wide(0x80, "du"),
        wide(0x81, "rs"),
        wide(0x82, "ru"),
        narrow(0x6d, "es"),
        narrow(0x6e, "eu"),
        narrow(0x6f, "ss"),
        narrow(0x70, "su"),
      ];
      functions.push(...all);
      for (const f of all) for (const x of operands) calls.push([f.name, x]);
    });
    const { native, v8 } = both(functions, calls);
    native.outcomes.forEach((o, i) => {
      expect(o, `${calls[i]}`).toEqual(v8.outcomes[i]);
    });
  });
});

test("an object of target native links into an executable with its data in place", () => {
  const wasm = moduleOf([{ name: "main", results: [I32], code: i32Const(42) }], {
    data: [{ offset: 0x600000, bytes: [7] }],
  });
  const elf = linkElf({
    objects: [object(wasm, "native")],
    segments: [
      { name: "text", flags: "rx", vaddr: 0x400000n, sections: [".text"] },
      { name: "rodata", flags: "r", sections: [".rodata", ".rodata.*"] },
      { name: "wasm", flags: "rw", sections: [".wasm.data"] },
    ],
    entry: "main",
    class: 64,
  });
  expect(elf.length).toBeGreaterThan(64);
});
