// Replays the recorded vectors in the CPU core, so that every host checks it against a real CPU; where the
// host is an x86-64 Linux machine, fresh snippets run on its own CPU as well.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadCore } from "../host/core.ts";
import { compareStates } from "./compare.ts";
import { EmulatedCpu } from "./emulator.ts";
import { listForms } from "./forms.ts";
import { describeMismatch, fuzz } from "./fuzz.ts";
import { Generator } from "./generate.ts";
import { hostIsas, NativeCpu, whyNoHost } from "./native.ts";
import { Field, StateRecord } from "./record.ts";
import { packVectors, unpackVectors } from "./vectors.ts";

const DIRECTORY = join(import.meta.dirname, "vectors");

let emulator: EmulatedCpu;

beforeAll(async () => {
  emulator = await EmulatedCpu.create(loadCore);
});

describe("recorded from a CPU", () => {
  for (const file of readdirSync(DIRECTORY).sort()) {
    it(`${file}: the core reaches the same state`, () => {
      const vectors = unpackVectors(readFileSync(join(DIRECTORY, file)), file);
      expect(vectors.length).toBeGreaterThan(100);
      const wrong: string[] = [];
      for (const vector of vectors) {
        const differences = compareStates(vector, vector.after, emulator.run(vector.before));
        if (differences.length > 0) {
          const code = Buffer.from(vector.before.bytes.subarray(Field.code, Field.code + 16));
          wrong.push(`${vector.name} [${code.toString("hex")}]: ${differences.join("; ")}`);
        }
      }
      expect(wrong.slice(0, 10)).toEqual([]);
    });
  }
});

describe("comparison", () => {
  it("notices every part of the state that differs", () => {
    const exact = { undefinedFlags: 0, undefinedFsw: 0, tolerance: "exact" } as const;
    const fields = [
      Field.vector,
      Field.rip,
      Field.rflags,
      Field.gpr + 40,
      Field.fsw,
      Field.st + 16,
      Field.mxcsr,
      Field.xmm + 17,
      Field.ymmHigh + 255,
      Field.windowA,
      Field.windowB + 255,
      Field.fsBase,
    ];
    for (const field of fields) {
      const a = new StateRecord();
      const b = new StateRecord();
      b.bytes[field] = 1;
      expect(compareStates(exact, a, b), `offset ${field}`).toHaveLength(1);
    }
  });

  it("ignores flags that the manual leaves undefined, and only those", () => {
    const a = new StateRecord();
    const b = new StateRecord();
    b.setU64(Field.rflags, 0x10n);
    expect(
      compareStates({ undefinedFlags: 0x10, undefinedFsw: 0, tolerance: "exact" }, a, b),
    ).toEqual([]);
    b.setU64(Field.rflags, 0x11n);
    expect(
      compareStates({ undefinedFlags: 0x10, undefinedFsw: 0, tolerance: "exact" }, a, b),
    ).toHaveLength(1);
  });
});

describe("vectors", () => {
  it("read back as they were written", () => {
    const generator = new Generator(listForms(["base", "sse2"]), 7);
    const vectors = Array.from({ length: 20 }, () => {
      const test = generator.next();
      const after = test.before.clone();
      after.setGpr(3, 0x1234n);
      return { ...test, name: test.forms.map((form) => form.name).join(" "), after };
    });
    const read = unpackVectors(packVectors(vectors), "test");
    expect(read.map((vector) => vector.name)).toEqual(vectors.map((vector) => vector.name));
    for (const [i, vector] of read.entries()) {
      expect(Buffer.compare(vector.before.bytes, vectors[i]?.before.bytes as Uint8Array)).toBe(0);
      expect(vector.after.gpr(3)).toBe(0x1234n);
    }
  });

  it("of another format are refused with the file's name", () => {
    expect(() => unpackVectors(new Uint8Array([1, 2, 3]), "x.gz")).toThrow("x.gz");
  });
});

describe.skipIf(whyNoHost() !== undefined)("this host's CPU", () => {
  let native: NativeCpu;
  beforeAll(() => {
    native = new NativeCpu();
  });
  afterAll(() => native.close());

  it.each([64, 32] as const)("agrees with the core on fresh %i-bit snippets", (bits) => {
    const forms = listForms(hostIsas(), bits);
    const options = { cases: 5000, seed: 1, stream: 0, alignment: false, bits };
    const result = fuzz(forms, native, emulator, options, () => {});
    const report = [...result.mismatches.values()].map(describeMismatch);
    expect(report).toEqual([]);
    expect([...result.unimplemented.keys()]).toEqual([]);
  });
});
