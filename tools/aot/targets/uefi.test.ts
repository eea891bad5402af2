// Programs of target uefi: start, memory, calls of the firmware and the way back to it, each run as a Linux process
// beside firmware that breaks whatever the Microsoft x64 convention lets it break (fuzz/firmware.ts).

import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import { guestModule } from "../../asc/guest.ts";
import { HANG_MS } from "../../testing/host-tools.ts";
import { I32, I64, type ValType } from "../../wasm/types.ts";
import { buildModule, i32Const, i64Const, type ModuleSpec } from "../../wasm/writer.ts";
import { compile } from "../compile.ts";
import { firmwareProcess, IMAGE_HANDLE, weigh, weighOffset } from "../fuzz/firmware.ts";
import { canRunNative } from "../fuzz/harness.ts";
import { linkUefi } from "../link.ts";
import { MAX_ARGUMENTS } from "./uefi.ts";

const directory = mkdtempSync(join(tmpdir(), "uefi-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** The exit status of a program: the low byte of what it returns to the firmware. */
function run(wasm: Uint8Array, features = {}): number | NodeJS.Signals | null {
  const file = join(directory, "program");
  const object = compile(wasm, { target: "uefi", name: "program.wasm", verify: true, features });
  writeFileSync(file, firmwareProcess(linkUefi(object)), { mode: 0o755 });
  const { status, signal } = spawnSync(file, { timeout: HANG_MS });
  return signal ?? status;
}

const IMPORTS = `
export declare function image_handle(): u64;
export declare function system_table(): u64;
export declare function exit(status: u64): void;
${Array.from({ length: MAX_ARGUMENTS + 1 }, (_, count) => {
  const args = Array.from({ length: count }, (_, i) => `, a${i}: u64`).join("");
  return `export declare function call${count}(address: u64${args}): u64;`;
}).join("\n")}
`;

/** Compiles AssemblyScript; `load` is `x86.load64`. */
async function asc(text: string): Promise<Uint8Array> {
  const { wasm } = await guestModule({
    entry: "probe/main.ts",
    sources: {
      "probe/main.ts": `import * as uefi from "./uefi";\nimport { load64 as at } from "./x86";\n${text}`,
      "probe/uefi.ts": IMPORTS,
      "probe/x86.ts": "export declare function load64(address: u64): u64;",
    },
    debug: false,
  });
  return wasm;
}

/** A module whose main is `code`; a start function 1 sets global 0 to 2. */
function program(code: number[], extra: Partial<ModuleSpec> = {}): Uint8Array {
  return buildModule({
    types: [{ params: [], results: [I64] }],
    imports: [],
    funcs: [
      { type: 0, locals: [], code },
      ...(extra.start === 1 ? [{ type: 1, locals: [], code: [...i64Const(2n), 0x24, 0] }] : []),
    ],
    memory: { min: 2 },
    table: 0,
    globals: [],
    exports: [{ name: "main", kind: 0, index: 0 }],
    elements: [],
    data: [],
    ...extra,
  });
}

describe.skipIf(!canRunNative)("programs of target uefi (need x86-64 Linux)", () => {
  test("firmware functions get every argument, whatever their number", async () => {
    const args = Array.from(
      { length: MAX_ARGUMENTS },
      (_, i) => 0x0123_4567_89ab_cdefn * BigInt(i + 3),
    );
    const calls = Array.from({ length: MAX_ARGUMENTS + 1 }, (_, count) => {
      const given = args.slice(0, count);
      const list = given.map((x) => `, 0x${BigInt.asUintN(64, x).toString(16)}`).join("");
      const expected = `0x${weigh(given).toString(16)}`;
      return `if (uefi.call${count}(at(services + ${weighOffset(count)})${list}) != ${expected}) return ${count + 1};`;
    });
    const wasm = await asc(`export function main(): u64 {
      const services = at(uefi.system_table() + 96);
      ${calls.join("\n")}
      return 42;
    }`);
    expect(run(wasm)).toBe(42);
  });

  test("values live across a call of the firmware", async () => {
    const wasm = await asc(`
      export let total: f64 = 0;
      function deep(n: u64, x: f64): u64 {
        const services = at(uefi.system_table() + 96);
        const r = uefi.call6(at(services + ${weighOffset(6)}), n, n, n, n, n, n);
        total += x;
        return n == 0 ? r : r + deep(n - 1, x * 2) - n * 21;
      }
      export function main(): u64 { return deep(5, 0.25) + <u64>total; }`);
    // Six calls return 6 and 21 n; the powers of two from 1/4 to 8 are 15.75.
    expect(run(wasm)).toBe(36 + 15);
  });

  test("the entry point's arguments are there", async () => {
    const wasm = await asc(`export function main(): u64 {
      return uefi.image_handle() == ${IMAGE_HANDLE} ? 42 : 1;
    }`);
    expect(run(wasm)).toBe(42);
  });

  test("exit returns to the firmware from any depth", async () => {
    const wasm = await asc(`
      let depth: i32 = 0;
      function down(): void { if (depth++ == 1000) uefi.exit(42); down(); down(); }
      export function main(): u64 { down(); return 1; }`);
    expect(run(wasm)).toBe(42);
  });

  test.each<[string, ValType[], number[], number]>([
    ["i64", [I64], i64Const(0x1_0000_002an), 42],
    ["i32", [I32], i32Const(42), 42],
    ["nothing", [], [], 0],
  ])("main may return %s", (_, results, code, status) => {
    expect(run(program(code, { types: [{ params: [], results }] }))).toBe(status);
  });

  test("memory begins as zeros with its data, behind the start function", () => {
    // The sum of what the start function stored, two bytes of data, one beside them and the last one.
    const bytes = [70000, 70001, 70002, 131071];
    const load = (x: number): number[] => [...i32Const(x), 0x31, 0, 0];
    const wasm = program([0x23, 0, ...bytes.flatMap((x) => [...load(x), 0x7c])], {
      types: [
        { params: [], results: [I64] },
        { params: [], results: [] },
      ],
      globals: [{ type: I64, mutable: true, init: i64Const(0n) }],
      data: [{ offset: 70000, bytes: [10, 30] }],
      start: 1,
    });
    expect(run(wasm)).toBe(42);
  });

  test("memory has the size that the module says and does not grow", () => {
    // size = 2, grow(0) = 2, grow(1) = -1: 2 * 16 + 2 * 4 - -1 + 1
    const grow = (by: number): number[] => [...i32Const(by), 0x40, 0];
    const code = [0x3f, 0, ...i32Const(16), 0x6c, ...grow(0), ...i32Const(4), 0x6c, 0x6a];
    const sum = [...code, ...grow(1), 0x6b, ...i32Const(1), 0x6a, 0xad];
    expect(run(program(sum, { memory: { min: 2, max: 9 } }))).toBe(42);
  });

  test("bulk operations stay inside the memory", () => {
    const fill = (to: number, size: number): number[] => [
      ...[to, 1, size].flatMap(i32Const),
      0xfc,
      11,
      0,
    ];
    expect(run(program([...fill(131070, 2), ...i64Const(42n)]))).toBe(42);
    expect(run(program([...fill(131070, 3), ...i64Const(42n)]))).toBe("SIGILL");
  });

  test("a program without memory needs none", () => {
    expect(run(program(i64Const(42n), { memory: undefined }))).toBe(42);
  });

  test("a program for x86-64-v2 looks at the CPU and runs", () => {
    expect(run(program(i64Const(42n)), { sse41: true, popcnt: true })).toBe(42);
  });
});

describe("the command", () => {
  const tool = fileURLToPath(new URL("../../bin/aot", import.meta.url));
  const aot = (wasm: Uint8Array) => {
    const [input, output] = [join(directory, "app.wasm"), join(directory, "app.efi")];
    writeFileSync(input, wasm);
    const args = [tool, input, "-o", output, "--target", "uefi"];
    const { status, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
    return { status, stderr, output };
  };

  test("writes the EFI application", () => {
    const wasm = program(i64Const(0n));
    const { status, output } = aot(wasm);
    expect(status).toBe(0);
    const name = join(directory, "app.wasm");
    const expected = linkUefi(compile(wasm, { target: "uefi", name }));
    expect(Buffer.compare(readFileSync(output), expected)).toBe(0);
  });

  test("says in one line what it cannot compile", () => {
    const { status, stderr } = aot(program(i64Const(0n), { exports: [] }));
    expect(status).toBe(1);
    expect(stderr).toMatch(/^aot: .*app\.wasm: target uefi needs an exported function main.*\n$/);
  });
});

describe("modules that target uefi refuses", () => {
  const refusal = (wasm: Uint8Array): string => {
    try {
      compile(wasm, { target: "uefi", name: "m.wasm" });
    } catch (error) {
      return (error as Error).message;
    }
    return "none";
  };

  test.each([
    [
      "no main",
      program(i64Const(0n), { exports: [] }),
      "m.wasm: target uefi needs an exported function main(): u64",
    ],
    [
      "a main with arguments",
      program(i64Const(0n), { types: [{ params: [I32], results: [I64] }] }),
      "m.wasm: target uefi calls the export main without arguments; declare it as main(): u64",
    ],
    [
      "data behind the memory",
      program(i64Const(0n), { data: [{ offset: 131071, bytes: [1, 2] }] }),
      "m.wasm: data segment 0 at offset 131071 reaches beyond the memory of 131072 bytes",
    ],
    [
      "elements behind the table",
      program(i64Const(0n), { table: 1, elements: [{ offset: 1, funcs: [0] }] }),
      "m.wasm: element segment 0 reaches beyond the table of 1 entries",
    ],
  ])("%s", (_, wasm, message) => {
    expect(refusal(wasm)).toBe(message);
  });

  test("a firmware call with other types", async () => {
    const { wasm } = await guestModule({
      entry: "probe/main.ts",
      sources: {
        "probe/main.ts": `import { call1 } from "./uefi";\nexport function main(): u64 { return call1(1, 2); }`,
        "probe/uefi.ts": "export declare function call1(address: u64, a: i32): u64;",
      },
      debug: false,
    });
    expect(refusal(wasm)).toContain(
      "uefi.call1 must be declared as (i64, i64) → i64, not (i64, i32)",
    );
  });
});
