// The judge before hosts that get things wrong: each is the emulator with one fault of a kind that real
// hypervisors, kernels and other CPUs have. No host may make the core look guilty, and on each of them a core
// that is really wrong must still be found out.
import { beforeAll, describe, expect, it } from "vitest";
import { loadCore } from "../host/core.ts";
import { sentence } from "./convict.ts";
import { type Core, EmulatedCpu } from "./emulator.ts";
import { type Form, ISA_FEATURES, listForms } from "./forms.ts";
import { type FuzzResult, fuzz } from "./fuzz.ts";
import { judge, type Verdict } from "./judge.ts";
import type { Host } from "./native.ts";
import { Random } from "./random.ts";
import { type CodeSize, Field, RECORD_SIZE, StateRecord, VECTOR_NO_ANSWER } from "./record.ts";
import { formsIn, traitsOf } from "./traits.ts";
import { recordedVectors } from "./vectors.ts";

/** What the wrong core gets wrong. */
const BROKEN = /^(Add|Cvtdq2ps)_/;
/** A part of the vectors and forms is enough to know these hosts by. */
const vectors = [...recordedVectors().values()]
  .flat()
  .filter(({ name }, i) => i % 3 === 0 || BROKEN.test(name));
const FORMS = { 64: someForms(64, 4), 32: someForms(32, 4) };
/** Fewer, so that every form which the wrong core gets wrong comes often enough to be convicted, whatever the seed. */
const FEW_FORMS = someForms(64, 40);

/** One of so many, and those that the wrong core gets wrong. */
function someForms(bits: 32 | 64, many: number): Form[] {
  const forms = listForms(Object.keys(ISA_FEATURES), bits);
  return forms.filter(({ name }, i) => i % many === 0 || BROKEN.test(name));
}

let emulator: EmulatedCpu;
beforeAll(async () => {
  emulator = await EmulatedCpu.create(loadCore);
});

/** Changes an answer; may look at what was asked. */
type Fault = (before: StateRecord, after: StateRecord) => void;

/** A host that answers as the emulator does, but for its fault. */
class FaultyHost implements Host {
  readonly #fault: Fault;
  /** Right answers: the judge asks the same several times. */
  readonly #right = new WeakMap<Uint8Array, Uint8Array>();

  constructor(fault: Fault) {
    this.#fault = fault;
  }

  run(records: Uint8Array): Uint8Array {
    let right = this.#right.get(records);
    if (!right) {
      right = new Uint8Array(records.length);
      for (let at = 0; at < records.length; at += RECORD_SIZE) {
        right.set(emulator.run(recordAt(records, at)).bytes, at);
      }
      this.#right.set(records, right);
    }
    const out = right.slice();
    for (let at = 0; at < out.length; at += RECORD_SIZE) {
      this.#fault(recordAt(records, at), recordAt(out, at));
    }
    return out;
  }
}

function recordAt(bytes: Uint8Array, at: number): StateRecord {
  return new StateRecord(bytes.subarray(at, at + RECORD_SIZE));
}

/** Makes `after` an exception before the first instruction. */
function refuse(before: StateRecord, after: StateRecord, vector: number): void {
  after.bytes.set(before.bytes);
  after.setU32(Field.vector, vector);
  after.setU64(Field.errorCode, 0n);
  after.setU64(Field.rflags, before.u64(Field.rflags) | 0x1_0000n);
}

const firstForm = (before: StateRecord): string => formsIn(before, 1)[0] ?? "";
const AVX2 = new Set(
  listForms(["base", "avx2"], 64)
    .filter(({ isa }) => isa === "avx2")
    .map(({ name }) => name),
);
const random = new Random(5);

const HOSTS: readonly [what: string, fault: Fault, finding: Partial<Record<CodeSize, RegExp>>][] = [
  ["that is right", () => {}, {}],
  [
    "whose IRET raises #GP for a non-canonical RSP",
    (before, after) => {
      if (before.gpr(4) > 0x7fff_ffff_ffffn) refuse(before, after, 13);
    },
    { 64: /^RSP not canonical$/ },
  ],
  [
    "that interprets 32-bit code and does not know some instructions",
    (before, after) => {
      if (before.bits !== 32) return;
      if (/^(VEX_)?V?(cvtdq2ps|sqrtpd|mulpd)_/i.test(firstForm(before))) refuse(before, after, 13);
    },
    { 32: /^(V?CVTDQ2PS|V?SQRTPD|V?MULPD)$/ },
  ],
  [
    "that loses the bases of FS and GS now and then",
    (_, after) => {
      if (!random.oneIn(100)) return;
      after.setU64(Field.fsBase, 0n);
      after.setU64(Field.gsBase, 0n);
    },
    {},
  ],
  [
    "that cannot set the bases of FS and GS for 32-bit code",
    (before, after) => {
      const { kinds } = traitsOf(before, 1, [after]);
      const uses = kinds.some((kind) => /through (FS|GS)/.test(kind));
      if (before.bits === 32 && uses) refuse(before, after, 13);
    },
    { 32: /^an address through (FS|GS)$/ },
  ],
  [
    "that has no AVX2",
    (before, after) => {
      if (AVX2.has(firstForm(before))) refuse(before, after, 6);
    },
    { 64: /^instructions of avx2$/ },
  ],
  [
    // Upper halves of registers are answered as they were asked (runner.ts).
    "that has no AVX, nor what needs its prefix",
    (before, after) => {
      if (/^VEX_/.test(firstForm(before))) refuse(before, after, 6);
    },
    { 64: /^instructions of avx$/, 32: /^instructions of avx$/ },
  ],
  [
    "that takes LZCNT for BSR and TZCNT for BSF",
    (before, after) => {
      if (/^[LT]zcnt_/.test(firstForm(before))) after.setU64(Field.rflags, 0x246n);
    },
    { 64: /^[LT]ZCNT/ },
  ],
  [
    "whose CPU leaves other condition codes behind FPREM",
    (before, after) => {
      if (/^Fprem/.test(firstForm(before))) after.setU16(Field.fsw, after.u16(Field.fsw) ^ 0x4000);
    },
    { 64: /^FPREM/ },
  ],
  [
    "that ends the runner where an x87 exception is pending",
    (before, after) => {
      if (before.u16(Field.fsw) & 0x80) after.setU32(Field.vector, VECTOR_NO_ANSWER);
    },
    { 64: /an x87 exception pending|#MF/ },
  ],
  [
    "that fails in two of a hundred runs",
    (before, after) => {
      if (random.oneIn(50)) refuse(before, after, 13);
    },
    {},
  ],
  [
    "that is wrong about one state in a thousand for no visible reason",
    (before, after) => {
      let hash = 0;
      for (let i = Field.gpr; i < Field.code; i++)
        hash = (hash * 31 + (before.bytes[i] as number)) | 0;
      if ((hash >>> 8) % 1000 === 0) after.setGpr(0, after.gpr(0) ^ 1n);
    },
    {},
  ],
  [
    "that refuses everything",
    (before, after) => refuse(before, after, 13),
    { 64: /not reproduce/ },
  ],
];

/** What the test on this host's CPU does. */
function compare(
  host: Host,
  core: Core,
  verdict: Verdict,
  forms: readonly Form[],
): { convicted: string[]; result: FuzzResult } {
  const { bits } = verdict;
  const options = { cases: 600, seed: 3, stream: 0, alignment: false, bits, verdict };
  const result = fuzz(forms, host, core, options, () => {});
  const { convicted } = sentence(result, verdict, forms, host, core);
  return { convicted: convicted.map(({ key }) => key), result };
}

/** A core that computes AF of ADD wrongly, and in CVTDQ2PS the lowest lane. */
const brokenCore: Core = {
  run(before) {
    const after = emulator.run(before);
    const form = firstForm(before);
    if (after.u32(Field.vector) !== 3) return after;
    if (/^Add_/.test(form)) after.setU64(Field.rflags, after.u64(Field.rflags) ^ 0x10n);
    if (/^Cvtdq2ps_/.test(form)) {
      for (let i = 0; i < 8; i++) after.setU32(Field.xmm + 16 * i, 0);
    }
    return after;
  },
};

/** Hosts of which nothing can be learnt. */
const NO_ORACLE = new Set(["that refuses everything"]);

describe.each(HOSTS)("a host %s", (what, fault, expected) => {
  let verdicts: ReadonlyMap<CodeSize, Verdict>;
  let host: FaultyHost;
  beforeAll(() => {
    host = new FaultyHost(fault);
    verdicts = judge(host, vectors);
  });

  it("is known for what it gets wrong", () => {
    for (const bits of [64, 32] as const) {
      const verdict = verdicts.get(bits) as Verdict;
      const pattern = expected[bits];
      const said = [verdict.whyNoOracle ?? "", ...verdict.findings.map(({ cause }) => cause)];
      if (pattern) expect(said).toContainEqual(expect.stringMatching(pattern));
      if (!NO_ORACLE.has(what)) expect(verdict.whyNoOracle).toBeUndefined();
    }
  });

  it("does not make a core guilty that is right", () => {
    for (const bits of [64, 32] as const) {
      const verdict = verdicts.get(bits) as Verdict;
      if (verdict.whyNoOracle !== undefined) continue;
      expect(compare(host, emulator, verdict, FORMS[bits]).convicted).toEqual([]);
    }
  });

  it("finds a core guilty that is wrong", () => {
    const verdict = verdicts.get(64) as Verdict;
    if (verdict.whyNoOracle !== undefined) return;
    const { convicted } = compare(host, brokenCore, verdict, FEW_FORMS);
    expect(convicted.join()).toMatch(/Add_\S+ rflags/);
    expect(convicted.join()).toMatch(/Cvtdq2ps_\S+ xmm/);
  });
});

describe("a verdict", () => {
  it("does not vouch for what no recorded vector has", () => {
    const verdict = judge(new FaultyHost(() => {}), vectors).get(64) as Verdict;
    const cells = ["Add_rm32_r32 with registers"];
    expect(verdict.assess({ cells, kinds: [], causes: [] }).standing).toBe("vouched");
    expect(verdict.assess({ cells, kinds: ["AC set"], causes: [] })).toEqual({
      standing: "unjudged",
      reason: "AC set",
    });
    expect(
      verdict.assess({ cells: ["Vmcall with registers"], kinds: [], causes: [] }).standing,
    ).toBe("unjudged");
  });

  it("says why a host could not be asked", () => {
    const host: Host = {
      run() {
        throw new Error("the runner cannot be started: EACCES");
      },
    };
    expect(judge(host, vectors).get(64)?.whyNoOracle).toContain("EACCES");
  });
});
