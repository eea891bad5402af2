// What the reader and validator refuse. V8 is the oracle for what is valid; proposals it has and
// this compiler lacks must be named.

import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { decodeModule } from "../../wasm/decode.ts";
import { WasmError } from "../../wasm/reader.ts";
import { type Bytes, buildModule, type ModuleSpec } from "../../wasm/writer.ts";
import { generateModule } from "../fuzz/generate.ts";
import { Random } from "../fuzz/random.ts";
import { validateBody } from "./validate.ts";

/** The error of a module, or undefined when it is accepted. Anything but WasmError is rethrown. */
function problem(bytes: Uint8Array): string | undefined {
  try {
    const module = decodeModule(bytes);
    module.funcs.forEach((_, i) => {
      validateBody(module, i);
    });
    return undefined;
  } catch (error) {
    if (error instanceof WasmError) return error.message;
    throw error;
  }
}

function body(code: Bytes, extra: Partial<ModuleSpec> = {}): Uint8Array {
  return buildModule({
    types: [{ params: [], results: [] }],
    imports: [],
    funcs: [{ type: 0, locals: [], code }],
    memory: { min: 1 },
    table: 2,
    globals: [],
    exports: [],
    elements: [],
    data: [],
    ...extra,
  });
}

const HEADER = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];

describe("proposals that are not supported are named with section and offset", () => {
  const at = "code section, function 0, offset 0x";
  test.each([
    ["relaxed SIMD", body([0xfd, 0x80, 0x02]), at],
    ["exception handling", body([0x06, 0x40, 0x0b]), at],
    ["exception handling", body([0x1f, 0x40, 0x00, 0x0b]), at],
    ["garbage collection", body([0xfb, 0x00, 0x00, 0x1a]), at],
    ["typed function references", body([0x14, 0x00]), at],
    ["threads", body([0x41, 0, 0x41, 0, 0x42, 0, 0xfe, 1, 2, 0, 0x1a]), at],
    ["multi-memory", body([0x3f, 1, 0x1a]), at],
    [
      "multi-memory",
      Uint8Array.from([...HEADER, 5, 5, 2, 0, 1, 0, 1]),
      "memory section, offset 0xd",
    ],
    ["memory64", Uint8Array.from([...HEADER, 5, 3, 1, 4, 1]), "memory section, offset 0xb"],
    [
      "shared-everything threads",
      Uint8Array.from([...HEADER, 4, 5, 1, 0x70, 3, 1, 1]),
      "table section, offset 0xc",
    ],
    [
      "garbage collection",
      Uint8Array.from([...HEADER, 1, 4, 1, 0x5f, 0, 0]),
      "type section, offset 0xb",
    ],
    [
      "exception handling",
      Uint8Array.from([...HEADER, 13, 3, 1, 0, 0]),
      "section header, offset 0x8",
    ],
    [
      "extended constant expressions",
      Uint8Array.from([...HEADER, 6, 10, 1, 0x7f, 0, 0x41, 1, 0x41, 1, 0x6a, 0x0b, 0]),
      "global section, offset 0xf",
    ],
    [
      "component model",
      Uint8Array.from([0, 0x61, 0x73, 0x6d, 0x0d, 0, 1, 0]),
      "header, offset 0x4",
    ],
  ])("%s", (proposal, bytes, place) => {
    const message = problem(bytes);
    expect(message).toContain(`belongs to the ${proposal} proposal, which is not supported`);
    expect(message?.startsWith(place)).toBe(true);
  });
});

test("a shared memory with a maximum is accepted, one without is invalid", () => {
  const withMaximum = Uint8Array.from([...HEADER, 5, 4, 1, 3, 1, 1]);
  expect(WebAssembly.validate(withMaximum)).toBe(true);
  expect(problem(withMaximum)).toBeUndefined();
  const without = Uint8Array.from([...HEADER, 5, 3, 1, 2, 1]);
  expect(WebAssembly.validate(without)).toBe(false);
  expect(problem(without)).toBe("memory section, offset 0xb: a shared memory must have a maximum");
});

test("unreachable code takes any type, and one value may be of several", () => {
  // block (result f64) block (result f32) unreachable, i32.const 1, br_table 0 1 1
  const inner: Bytes = [0x02, 0x7d, 0x00, 0x41, 1, 0x0e, 2, 0, 1, 1, 0x0b, 0x1a];
  const meet = [0x02, 0x7c, ...inner, 0x44, 0, 0, 0, 0, 0, 0, 0, 0, 0x0b, 0x1a];
  for (const code of [
    meet,
    [0x00, 0x41, 0, 0x1b, 0x1a],
    [0x00, 0x43, 0, 0, 0, 0, 0x41, 0, 0x1b, 0x41, 0, 0x6a, 0x1a],
    [0x00, 0x43, 0, 0, 0, 0, 0x41, 0, 0x1b, 0x8b, 0x1a],
  ]) {
    const wasm = body(code);
    expect(problem(wasm) === undefined).toBe(WebAssembly.validate(wasm as BufferSource));
  }
  expect(problem(body(meet))).toBeUndefined();
});

test("a table's maximum may be beyond what anybody gives it", () => {
  const wasm = Uint8Array.from([...HEADER, 4, 9, 1, 0x70, 1, 0, 0xff, 0xff, 0xff, 0xff, 0x0f]);
  expect(WebAssembly.validate(wasm)).toBe(true);
  expect(problem(wasm)).toBeUndefined();
});

test("every truncation of a module is one error", () => {
  const { bytes } = generateModule(3, { floats: true, functions: 4 });
  expect(problem(bytes)).toBeUndefined();
  // A cut at a section boundary can leave a valid shorter module: V8 decides.
  for (let length = 0; length < bytes.length; length += length < 400 ? 1 : 7) {
    const part = bytes.subarray(0, length);
    expect(problem(part) === undefined, `${length} bytes`).toBe(WebAssembly.validate(part.slice()));
  }
});

test("damaged modules are judged as V8 judges them", () => {
  const r = new Random(77);
  let accepted = 0;
  for (let seed = 0; seed < 20; seed++) {
    const { bytes } = generateModule(seed, { floats: true, functions: 5, extended: seed > 7 });
    for (let n = 0; n < 250; n++) {
      const damaged = bytes.slice();
      for (let changes = 1 + r.below(2); changes > 0; changes--)
        damaged[8 + r.below(bytes.length - 8)] = r.below(256);
      const valid = WebAssembly.validate(damaged);
      const message = problem(damaged);
      if (message === undefined) {
        accepted++;
        expect(valid, `seed ${seed}, change ${n}: accepted`).toBe(true);
      } else if (valid)
        expect(message, `seed ${seed}, change ${n}`).toMatch(/proposal|not supported/);
    }
  }
  expect(accepted).toBeGreaterThan(100);
});

test("the command prints one line, exits 1 and leaves no file", () => {
  const directory = mkdtempSync(join(tmpdir(), "aot-"));
  try {
    const input = join(directory, "bad.wasm");
    const output = join(directory, "out.elf");
    writeFileSync(input, generateModule(1, { floats: true, functions: 3 }).bytes.subarray(0, 300));
    const tool = fileURLToPath(new URL("../../bin/aot", import.meta.url));
    const run = spawnSync(process.execPath, [tool, input, "-o", output], {
      encoding: "utf8",
      cwd: "/",
    });
    expect(run.status).toBe(1);
    expect(run.stdout).toBe("");
    expect(run.stderr.trim().split("\n")).toHaveLength(1);
    expect(run.stderr).toMatch(/^aot: .*bad\.wasm: [^:]*section[^:]*, offset 0x[0-9a-f]+: /);
    expect(existsSync(output)).toBe(false);
    expect(readdirSync(directory)).toEqual(["bad.wasm"]);
    const missing = spawnSync(
      process.execPath,
      [tool, join(directory, "none.wasm"), "-o", output],
      { encoding: "utf8" },
    );
    expect(missing.status).toBe(1);
    expect(missing.stderr).toMatch(/cannot read the module .*none\.wasm: ENOENT/);
    const help = spawnSync(process.execPath, [tool, "--help"], { encoding: "utf8" });
    expect(help.status).toBe(0);
    expect(help.stderr).toBe("");
    expect(help.stdout).toMatch(/default:\s+0x400000/);
    const unsaid = spawnSync(process.execPath, [tool, input], { encoding: "utf8" });
    expect(unsaid.status).toBe(1);
    expect(unsaid.stderr).toMatch(/^aot: required option '-o, --output <file>'/);
    const map = join(directory, "bad.map");
    writeFileSync(map, "null");
    writeFileSync(input, generateModule(1, { floats: true, functions: 3 }).bytes);
    const noMap = spawnSync(
      process.execPath,
      [tool, input, "-o", output, "--source-map", map, "-t", "native"],
      { encoding: "utf8" },
    );
    expect(noMap.status).toBe(1);
    expect(noMap.stderr).toContain('the source map lacks "sources" or "mappings"');
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});
