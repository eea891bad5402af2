// Judges a host before the host judges the core: runs the vectors recorded on bare hardware on it, finds out
// for which instruction forms and kinds of state it does not reproduce them, and says of any other snippet
// whether the host's answer counts. Nothing here knows the core, and no host's faults are listed.
import { compareStates } from "./compare.ts";
import type { Host } from "./native.ts";
import { type CodeSize, RECORD_SIZE, StateRecord } from "./record.ts";
import { type Cause, type Traits, traitsOf } from "./traits.ts";
import { transplant } from "./transplant.ts";
import type { Vector } from "./vectors.ts";

/** What a host's answer to a snippet is worth. */
export type Standing =
  /** Recorded vectors with the same forms and kinds of state came out right. */
  | "vouched"
  /** No recorded vector has this form or kind of state. */
  | "unjudged"
  /** The host does not reproduce recorded vectors of this kind. */
  | "unfit";

export interface Assessment {
  standing: Standing;
  /** The cause or the trait that decided; empty for "vouched". */
  reason: string;
}

/** Something that recorded vectors have in common which the host does not reproduce. */
export interface Finding {
  /** The form or kind of state, or both. */
  cause: string;
  /** Recorded vectors with this cause that the host did not reproduce, and all of them. */
  wrong: number;
  all: number;
  /** One of them: forms and first difference. */
  example: string;
}

interface Evidence {
  traits: Traits;
  /** Right in every run. */
  reproduced: boolean;
  /** The same in every run, right or wrong. */
  steady: boolean;
  example: string;
}

/** Times that every vector runs: a fault that appears now and then must not slip through. */
const PASSES = 3;
/** Vectors that decide whether a host is worth asking at all. */
const SAMPLE = 32;
/** Parts of the vectors that take turns in being predicted from the rest. */
const FOLDS = 5;

/**
 * A cause is what explains most of the disagreements that are left, if at least this share of the vectors
 * that have it disagree, and at least so many of them. Broad causes come first, and clear ones. In the end every
 * steady disagreement has a cause; the others need none, because what differs is always asked again.
 */
const CRITERIA: readonly { levels: readonly Cause["level"][]; share: number; least: number }[] = [
  { levels: ["kind"], share: 0.7, least: 5 },
  { levels: ["set"], share: 0.7, least: 5 },
  { levels: ["form", "narrow"], share: 0.9, least: 1 },
  { levels: ["kind"], share: 0.4, least: 5 },
  { levels: ["form", "narrow"], share: 0.25, least: 2 },
  { levels: ["narrow"], share: 0, least: 1 },
];

/** What recorded vectors say about a host running code of one size. */
export class Verdict {
  readonly bits: CodeSize;
  readonly findings: readonly Finding[];
  readonly judged: number;
  readonly disagreements: number;
  /** Steady disagreements that the findings from the other vectors did not foresee. */
  readonly surprises: number;
  readonly #evidence: readonly Evidence[];
  readonly #causes: ReadonlySet<string>;
  readonly #vouched: ReadonlySet<string>;

  /** Why the host's answers to code of this size are worth nothing, or undefined. */
  readonly whyNoOracle: string | undefined;

  /** `failure`: why the host could not be asked. */
  constructor(bits: CodeSize, evidence: readonly Evidence[], failure?: string) {
    this.bits = bits;
    this.#evidence = evidence;
    this.judged = evidence.length;
    this.disagreements = evidence.filter((one) => !one.reproduced).length;
    this.findings = explain(evidence);
    this.#causes = new Set(this.findings.map((finding) => finding.cause));
    this.#vouched = vouchedBy(evidence);
    this.surprises = countSurprises(evidence);
    this.whyNoOracle = failure;
    if (this.disagreements * 2 > this.judged) {
      this.whyNoOracle = `it does not reproduce ${this.disagreements} of ${this.judged} recorded vectors`;
    }
  }

  /** What the host's answer to a snippet with these traits is worth. */
  assess(traits: Traits): Assessment {
    return assess(traits, this.#causes, this.#vouched);
  }

  /**
   * How many of `cases` fresh snippets the host may get wrong without contradicting what its recorded vectors
   * have shown: the upper end of a 95 % interval (three events where none was seen, Poisson).
   */
  allowance(cases: number): number {
    const seen = this.surprises;
    return Math.ceil(((seen + 2 * Math.sqrt(seen) + 3) * cases) / Math.max(1, this.judged));
  }

  /** With further runs of the same vectors on the same host. */
  and(other: Verdict): Verdict {
    const evidence = this.#evidence.map((one, i) => {
      const again = other.#evidence[i];
      if (!again || again.reproduced) return again ? { ...one, steady: one.reproduced } : one;
      return { ...again, steady: !one.reproduced && one.steady && again.steady };
    });
    return new Verdict(this.bits, evidence, this.whyNoOracle ?? other.whyNoOracle);
  }
}

/**
 * Runs recorded vectors on the host, and transplanted ones in 32-bit code. A host that fails a small sample is
 * not troubled with the rest.
 */
export function judge(host: Host, vectors: readonly Vector[]): ReadonlyMap<CodeSize, Verdict> {
  return new Map(([64, 32] as const).map((bits) => [bits, judgeSize(host, vectors, bits)]));
}

function judgeSize(host: Host, vectors: readonly Vector[], bits: CodeSize): Verdict {
  const chosen = vectors.filter((vector) => vector.before.bits === bits);
  if (bits === 32) {
    for (const vector of vectors) {
      const transplanted = transplant(vector);
      if (transplanted) chosen.push(transplanted);
    }
  }
  const step = Math.ceil(chosen.length / SAMPLE);
  try {
    const sample = gather(
      host,
      chosen.filter((_, i) => i % step === 0),
    );
    const first = new Verdict(bits, sample);
    return first.whyNoOracle === undefined ? new Verdict(bits, gather(host, chosen)) : first;
  } catch (error) {
    return new Verdict(bits, [], error instanceof Error ? error.message : String(error));
  }
}

function gather(host: Host, vectors: readonly Vector[]): Evidence[] {
  const input = new Uint8Array(vectors.length * RECORD_SIZE);
  for (const [i, { before }] of vectors.entries()) input.set(before.bytes, i * RECORD_SIZE);
  const outputs = Array.from({ length: PASSES }, () => host.run(input));
  return vectors.map((vector, i) => {
    // The recorded outcome only: how a host ends what it gets wrong explains nothing.
    const traits = traitsOf(vector.before, vector.name.split(" ").length, [vector.after]);
    const differences = outputs
      .map((output) => new StateRecord(output.slice(i * RECORD_SIZE, (i + 1) * RECORD_SIZE)))
      .map((answer) => compareStates(vector, vector.after, answer)[0])
      .filter((difference) => difference !== undefined);
    const words = differences[0]?.replace("host", "recorded").replace("emulator", "host");
    return {
      traits,
      reproduced: differences.length === 0,
      steady: differences.length === 0 || differences.length === PASSES,
      example: `${vector.name}: ${words}`,
    };
  });
}

/** The fewest and broadest causes that cover all disagreements. */
function explain(evidence: readonly Evidence[]): Finding[] {
  let open = evidence.filter((one) => !one.reproduced);
  if (open.length === 0) return [];
  const right = new Map<string, number>();
  for (const { traits, reproduced } of evidence) {
    if (reproduced) for (const { name } of traits.causes) increase(right, name, 1);
  }
  const findings: Finding[] = [];
  for (const { levels, share, least } of CRITERIA) {
    if (share === 0) open = open.filter(({ steady }) => steady);
    const wrong = new Map<string, number>();
    const candidates = ({ traits }: Evidence): string[] =>
      traits.causes.filter(({ level }) => levels.includes(level)).map(({ name }) => name);
    for (const one of open) for (const name of candidates(one)) increase(wrong, name, 1);
    for (;;) {
      const best = strongest(wrong, right, share, least);
      if (best === undefined) break;
      const [covered, rest] = partition(open, (one) => hasCause(one.traits, best));
      findings.push({
        cause: best,
        wrong: covered.length,
        all: covered.length + (right.get(best) ?? 0),
        example: (covered[0] as Evidence).example,
      });
      for (const one of covered) for (const name of candidates(one)) increase(wrong, name, -1);
      open = rest;
    }
  }
  return findings;
}

/** The cause that explains most of what is left, if any meets the criterion. */
function strongest(
  wrong: ReadonlyMap<string, number>,
  right: ReadonlyMap<string, number>,
  share: number,
  least: number,
): string | undefined {
  let best: string | undefined;
  let bestRank = 0;
  for (const [name, count] of wrong) {
    const rate = count / (count + (right.get(name) ?? 0));
    if (count < least || rate < share) continue;
    // Without a clear share the rate decides, so that an innocent neighbour in a snippet is not blamed.
    const rank = share > 0 ? count + rate : rate + count / 1e6;
    if (rank > bestRank) [best, bestRank] = [name, rank];
  }
  return best;
}

function vouchedBy(evidence: readonly Evidence[]): Set<string> {
  const vouched = new Set<string>();
  for (const { traits, reproduced } of evidence) {
    if (!reproduced) continue;
    for (const cell of traits.cells) vouched.add(cell);
    for (const kind of traits.kinds) vouched.add(kind);
  }
  return vouched;
}

function assess(
  traits: Traits,
  causes: ReadonlySet<string>,
  vouched: ReadonlySet<string>,
): Assessment {
  for (const { name } of traits.causes) {
    if (causes.has(name)) return { standing: "unfit", reason: name };
  }
  for (const trait of [...traits.kinds, ...traits.cells]) {
    if (!vouched.has(trait)) return { standing: "unjudged", reason: trait };
  }
  return { standing: "vouched", reason: "" };
}

/** Predicts each part of the evidence from the other parts and counts the disagreements that come unforeseen. */
function countSurprises(evidence: readonly Evidence[]): number {
  if (evidence.every((one) => one.reproduced)) return 0;
  let surprises = 0;
  for (let fold = 0; fold < FOLDS; fold++) {
    const [held, known] = partition(evidence, (_, i) => i % FOLDS === fold);
    const wrong = held.filter((one) => one.steady && !one.reproduced);
    if (wrong.length === 0) continue;
    const causes = new Set(explain(known).map((finding) => finding.cause));
    const vouched = vouchedBy(known);
    for (const { traits } of wrong) {
      if (assess(traits, causes, vouched).standing === "vouched") surprises++;
    }
  }
  return surprises;
}

function hasCause(traits: Traits, cause: string): boolean {
  return traits.causes.some(({ name }) => name === cause);
}

function increase(counts: Map<string, number>, name: string, by: number): void {
  counts.set(name, (counts.get(name) ?? 0) + by);
}

function partition<T>(
  values: readonly T[],
  belongs: (value: T, index: number) => boolean,
): [T[], T[]] {
  const inside: T[] = [];
  const outside: T[] = [];
  for (const [i, value] of values.entries()) (belongs(value, i) ? inside : outside).push(value);
  return [inside, outside];
}
