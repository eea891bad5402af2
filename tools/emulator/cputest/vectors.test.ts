// Replays the recorded vectors in the CPU core, so that every host checks it against a real CPU; where the
// host is an x86-64 Linux machine, fresh snippets run on its own CPU as well.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadCore } from "../host/core.ts";
import { compareStates } from "./compare.ts";
import { CompiledCpu } from "./compiled.ts";
import { sentence } from "./convict.ts";
import { type Core, EmulatedCpu } from "./emulator.ts";
import { listForms } from "./forms.ts";
import { describeMismatch, fuzz } from "./fuzz.ts";
import { Generator } from "./generate.ts";
import { judge, type Verdict } from "./judge.ts";
import { loopAround } from "./loop.ts";
import { hostIsas, NativeCpu, whyNoHost } from "./native.ts";
import { type CodeSize, Field, Memory, StateRecord } from "./record.ts";
import { packVectors, recordedVectors, unpackVectors } from "./vectors.ts";

const files = recordedVectors();
const vectors = [...files.values()].flat();

/** What the host does not reproduce gets a skipped test of its own each, up to this number. */
const FINDINGS_SHOWN = 40;

// Judged before the tests are declared: what the host does not reproduce is skipped by name.
const native = whyNoHost() === undefined ? new NativeCpu() : undefined;
const verdicts = native ? judge(native, vectors) : new Map<CodeSize, Verdict>();

const cores = {} as Record<"interpreted" | "compiled", Core>;

beforeAll(async () => {
  cores.interpreted = await EmulatedCpu.create(loadCore);
  cores.compiled = await CompiledCpu.create();
});

describe.each(["interpreted", "compiled"] as const)("recorded from a CPU, %s", (tier) => {
  for (const [file, vectors] of files) {
    it(`${file}: the core reaches the same state`, () => {
      expect(vectors.length).toBeGreaterThan(100);
      const wrong: string[] = [];
      for (const vector of vectors) {
        const differences = compareStates(vector, vector.after, cores[tier].run(vector.before));
        if (differences.length > 0) {
          const code = Buffer.from(vector.before.bytes.subarray(Field.code, Field.code + 16));
          wrong.push(`${vector.name} [${code.toString("hex")}]: ${differences.join("; ")}`);
        }
      }
      expect(wrong.slice(0, 10)).toEqual([]);
    });
  }
});

describe("loops", () => {
  it("go through the body round by round", () => {
    const before = new StateRecord();
    // REX.B makes XCHG R8, RAX of what is PAUSE without; ADD RDX, RAX.
    before.setCode(loopAround(Uint8Array.of(0xf3, 0x49, 0x90, 0x48, 0x01, 0xc2)), Memory.code);
    before.setGpr(0, 1n);
    before.setGpr(1, 7n);
    before.setGpr(8, 10n);
    const { interpreted, compiled } = cores;
    for (const after of [interpreted.run(before), compiled.runLoop?.(before)]) {
      expect([0, 1, 2, 8].map((register) => after?.gpr(register))).toEqual([10n, 0n, 43n, 1n]);
    }
    before.setCode(loopAround(Uint8Array.of(0xf3, 0x49, 0x90)), Memory.code);
    for (const after of [interpreted.run(before), compiled.runLoop?.(before)]) {
      expect([after?.gpr(0), after?.gpr(8)]).toEqual([10n, 1n]);
    }
  });
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

  it("ignores which byte of a page CR2 tells of an x87 environment, and of nothing else", () => {
    const exact = { undefinedFlags: 0, undefinedFsw: 0, tolerance: "exact" } as const;
    const fault = (code: readonly number[], cr2: bigint): StateRecord => {
      const state = new StateRecord();
      state.setCode(Uint8Array.from(code), Memory.code);
      state.setU64(Field.rip, BigInt(Memory.code + 1));
      state.setU32(Field.vector, 14);
      state.setU64(Field.cr2, cr2);
      return state;
    };
    const differences = (code: readonly number[], other: bigint): number =>
      compareStates(exact, fault(code, 0x2000_5013n), fault(code, other)).length;
    const [fldenv, load] = [
      [0x90, 0xd9, 0x22],
      [0x90, 0x8b, 0x02],
    ] as const;
    expect(differences(fldenv, 0x2000_5000n)).toBe(0);
    expect(differences(fldenv, 0x2000_4ff8n)).toBe(1);
    expect(differences(load, 0x2000_5000n)).toBe(1);
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

describe("this host's CPU, judged by recorded vectors", () => {
  afterAll(() => native?.close());

  for (const bits of [64, 32] as const) {
    const whyNot = whyNoHost() ?? verdicts.get(bits)?.whyNoOracle;
    const name = `agrees with the core on fresh ${bits}-bit snippets`;
    if (!native || whyNot !== undefined) {
      it.skip(`${name}: the host is no oracle, ${whyNot}`, () => {});
      continue;
    }
    for (const { cause, wrong, all } of (verdicts.get(bits)?.findings ?? []).slice(
      0,
      FINDINGS_SHOWN,
    )) {
      it.skip(`${bits}-bit snippets, ${cause}: the host differs in ${wrong} of ${all} recorded vectors`, () => {});
    }
    it.for(["interpreted", "compiled"] as const)(`${name}, %s`, (tier, { annotate }) => {
      const emulator = cores[tier];
      const forms = listForms(hostIsas(), bits);
      const loops = tier === "compiled";
      const options = {
        cases: loops ? 2500 : 5000,
        seed: 1,
        stream: 0,
        alignment: false,
        bits,
        loops,
      };
      let verdict = verdicts.get(bits) as Verdict;
      let result = fuzz(forms, native, emulator, { ...options, verdict }, () => {});
      if (result.mismatched > 0) {
        // Judged again: a host may have got worse meanwhile.
        verdict = verdict.and(judge(native, vectors).get(bits) as Verdict);
        result = fuzz(forms, native, emulator, { ...options, verdict }, () => {});
      }
      const { convicted, acquitted } = sentence(result, verdict, forms, native, emulator);
      for (const mismatch of acquitted) void annotate(describeMismatch(mismatch), "warning");
      expect(convicted.map(describeMismatch)).toEqual([]);
      expect([...result.unimplemented.keys()]).toEqual([]);
    });
  }
});
