// Recordings of instances that are linked while the program runs: what they share is one thing in the
// replayed module too, and a replay that differs from its recording says where.

import { describe, expect, test } from "vitest";
import { I32 } from "../../wasm/types.ts";
import { buildModule, i32Const, type ModuleSpec } from "../../wasm/writer.ts";
import { canRunNative } from "../fuzz/harness.ts";
import { replay } from "./program.ts";
import { NotRecordable, type Recording, record } from "./record.ts";

const shared: ModuleSpec["imports"] = [
  { module: "env", name: "memory", memory: { min: 1 } },
  { module: "env", name: "table", table: { min: 2 } },
  { module: "env", name: "level", global: I32, mutable: true },
];
const unary = { params: [I32], results: [I32] } as ModuleSpec["types"][number];
const binary = { params: [I32, I32], results: [I32] } as ModuleSpec["types"][number];

/** raise(n): level += n, stored at 0. through(slot, n): calls the table. */
const main = buildModule({
  types: [unary, binary],
  imports: shared,
  funcs: [
    {
      type: 0,
      locals: [],
      code: [0x23, 0, 0x20, 0, 0x6a, 0x24, 0, 0x41, 0, 0x23, 0, 0x36, 2, 0, 0x23, 0],
    },
    { type: 1, locals: [], code: [0x20, 1, 0x20, 0, 0x11, 0, 0] },
  ],
  globals: [],
  exports: [
    { name: "raise", kind: 0, index: 0 },
    { name: "through", kind: 0, index: 1 },
  ],
  elements: [],
  data: [],
});

/** In the table at 1: scale(n) = raise(n) * level + host(n), with the host's number from the data. */
const side = buildModule({
  types: [binary, unary],
  imports: [
    { module: "env", name: "raise", type: 1 },
    { module: "env", name: "host", type: 1 },
    ...shared,
  ],
  funcs: [
    {
      type: 1,
      locals: [],
      code: [...[0x20, 0, 0x10, 0, 0x23, 0, 0x6c], ...[...i32Const(8), 0x28, 2, 0, 0x10, 1, 0x6a]],
    },
  ],
  globals: [],
  exports: [],
  elements: [{ offset: 1, funcs: [2] }],
  data: [{ offset: 8, bytes: [77, 0, 0, 0] }],
});

/** Runs both modules in V8, with `more` at the end. */
async function recordLinked(more: (table: WebAssembly.Table) => void = () => {}) {
  const seen: number[] = [];
  const recordings = await record(() => {
    const memory = new WebAssembly.Memory({ initial: 1 });
    const table = new WebAssembly.Table({ initial: 2, element: "anyfunc" });
    const level = new WebAssembly.Global({ value: "i32", mutable: true }, 3);
    const env = { memory, table, level };
    const first = new WebAssembly.Instance(new WebAssembly.Module(main), { env });
    const { raise, through } = first.exports as Record<string, (...n: number[]) => number>;
    if (!raise || !through) throw new Error("no exports");
    const host = (n: number): number => raise(n) + 1;
    new WebAssembly.Instance(new WebAssembly.Module(side), { env: { ...env, raise, host } });
    seen.push(raise(1), through(1, 5));
    level.value = 1000;
    table.grow(1);
    table.set(2, raise);
    expect(table.get(2)).toBe(raise);
    seen.push(through(2, 7));
    more(table);
  });
  return { recordings, seen };
}

describe.skipIf(!canRunNative)("instances linked at run time (need x86-64 Linux)", () => {
  test("share functions, globals, memory and a table that JavaScript changes", async () => {
    const { recordings, seen } = await recordLinked();
    // The level goes 3, 4, 9, and by the host 86; JavaScript sets it.
    expect(seen).toEqual([4, 9 * 9 + 87, 1007]);
    expect(recordings.map(({ instances }) => instances.length)).toEqual([2]);
    expect(recordings.map((recording) => replay(recording))).toEqual([undefined]);
  });

  test("are told apart from a recording with another value anywhere", async () => {
    const { recordings } = await recordLinked();
    const [recording] = recordings as [Recording];
    const at = recording.tape.lastIndexOf(1007n);
    recording.tape[at] = 1008n;
    expect(replay(recording)).toBe(
      `word ${at} of ${recording.tape.length}: compiled 0x3ef, V8 0x3f0`,
    );
    recording.tape[at] = 1007n;
    recording.memory[9] = 1;
    expect(replay(recording)).toBe("memory at 9: compiled 0, V8 1");
  });

  test("cannot be recorded where a table entry is replaced, or set to a hidden function", async () => {
    for (const [slot, from] of [
      [1, 2],
      [0, 1],
    ] as const) {
      const recorded = recordLinked((table) => table.set(slot, table.get(from))).then(() => {});
      await expect(recorded).rejects.toThrow(NotRecordable);
    }
  });
});
