// The comparison loop: makes snippets in batches, runs them on the host and in the emulator, and reduces
// what differs to one short example per instruction form and kind of difference.
import { Decoder, Formatter, FormatterSyntax } from "iced-x86";
import { compareStates, describeInput } from "./compare.ts";
import { type Core, NotImplemented } from "./emulator.ts";
import type { Form } from "./forms.ts";
import { Generator, stoppedAt, type TestCase, undefinedAfter } from "./generate.ts";
import type { Assessment, Standing, Verdict } from "./judge.ts";
import { loopAround, looped } from "./loop.ts";
import type { Host } from "./native.ts";
import {
  CODE_SIZE,
  type CodeSize,
  Field,
  RECORD_SIZE,
  StateRecord,
  VECTOR_NO_ANSWER,
  VECTOR_TIMEOUT,
} from "./record.ts";
import { repeatsOverCode, traitsOf } from "./traits.ts";

export interface Mismatch {
  /** What the examples have in common: the form and the first field that differs. */
  key: string;
  /** Whether the host is known to be right about such snippets. */
  standing: Exclude<Standing, "unfit">;
  count: number;
  test: TestCase;
  differences: string[];
}

export interface FuzzResult {
  /** Snippets made. */
  cases: number;
  /** Those that were bodies of loops. */
  looped: number;
  /** Snippets compared that recorded vectors vouch for. */
  vouched: number;
  /** Snippets compared of forms or kinds of state that no recorded vector has, by that trait. */
  unjudged: Map<string, number>;
  /** Snippets not compared, by what the host does not reproduce. */
  skipped: Map<string, number>;
  /** Cases per mnemonic (of the snippet's last instruction). */
  mnemonics: Map<string, number>;
  mismatches: Map<string, Mismatch>;
  /** Snippets that differ, vouched for and unjudged. */
  mismatched: number;
  /** Snippets per form that the core said it does not implement. */
  unimplemented: Map<string, number>;
}

export interface FuzzOptions {
  cases: number;
  seed: number;
  stream: number;
  alignment: boolean;
  bits: CodeSize;
  /** Snippets are bodies of loops where that is possible. */
  loops?: boolean;
  /** What recorded vectors say about the host. Without it everything is compared and nothing vouched for. */
  verdict?: Verdict | undefined;
}

const BATCH = 4096;
/** Times that a snippet that differs runs again on the host. */
const REPEATS = 3;
/** Mismatches of one kind that run again; what a host does every time it has done by then. */
const REPEATED_PER_KIND = 20;

/** Reasons for not comparing that do not come from recorded vectors. */
const NO_ANSWER = "no answer from the host";
const ALIGNMENT_MASK = "MXCSR with AMD's mask of alignment faults";
const WAVERING = "another answer when asked again";
const OVERWRITTEN = "a repeated string instruction over code";

/** Compares `cases` snippets. `progress` is called after every batch. */
export function fuzz(
  forms: readonly Form[],
  native: Host,
  emulator: Core,
  options: FuzzOptions,
  progress: (result: FuzzResult) => void,
): FuzzResult {
  const generator = new Generator(
    forms,
    options.seed,
    options.stream,
    options.alignment,
    options.bits,
  );
  const result: FuzzResult = {
    cases: 0,
    looped: 0,
    vouched: 0,
    unjudged: new Map(),
    skipped: new Map(),
    mnemonics: new Map(),
    mismatches: new Map(),
    mismatched: 0,
    unimplemented: new Map(),
  };
  while (result.cases < options.cases) {
    const count = Math.min(BATCH, options.cases - result.cases);
    const tests = Array.from({ length: count }, () => {
      const test = generator.next();
      return (options.loops ? looped(test) : undefined) ?? test;
    });
    const input = new Uint8Array(count * RECORD_SIZE);
    for (const [i, test] of tests.entries()) input.set(test.before.bytes, i * RECORD_SIZE);
    const output = native.run(input);
    for (const [i, test] of tests.entries()) {
      const host = new StateRecord(output.subarray(i * RECORD_SIZE, (i + 1) * RECORD_SIZE));
      check(stoppedAt(test, host), host, native, emulator, options.verdict, result);
    }
    result.cases += count;
    progress(result);
  }
  return result;
}

function check(
  test: TestCase,
  host: StateRecord,
  native: Host,
  emulator: Core,
  verdict: Verdict | undefined,
  result: FuzzResult,
): void {
  const last = test.forms[test.forms.length - 1] as Form;
  count(result.mnemonics, last.mnemonic);
  if (test.looped) result.looped++;
  const name = test.forms.length === 1 ? last.name : "(several)";
  const answer = ask(test, emulator);
  if (answer === undefined) {
    count(result.unimplemented, name);
    return;
  }
  const ours = answer instanceof StateRecord ? answer : undefined;
  const { standing, reason } = worthOf(test, host, ours, verdict);
  if (standing === "unfit") {
    count(result.skipped, reason);
    return;
  }
  const differences = ours ? compareStates(test, host, ours) : [answer as string];
  const key = `${name} ${fieldOf(differences)}`;
  const known = result.mismatches.get(key);
  if (
    differences.length > 0 &&
    (known?.count ?? 0) < REPEATED_PER_KIND &&
    wavers(test, host, native)
  ) {
    count(result.skipped, WAVERING);
    return;
  }
  if (standing === "vouched") result.vouched++;
  else count(result.unjudged, reason);
  if (differences.length === 0) return;
  result.mismatched++;
  if (!known) {
    result.mismatches.set(key, { key, standing, count: 1, test, differences });
    return;
  }
  known.count++;
  // What a recorded vector vouches for is the better example, then what is shorter.
  const better = standing === "vouched" && known.standing !== "vouched";
  const shorter = standing === known.standing && test.length < known.test.length;
  if (better || shorter) Object.assign(known, { standing, test, differences });
}

function worthOf(
  test: TestCase,
  host: StateRecord,
  ours: StateRecord | undefined,
  verdict: Verdict | undefined,
): Assessment {
  const vector = host.u32(Field.vector);
  const endless = vector === VECTOR_TIMEOUT && ours?.u32(Field.vector) !== VECTOR_TIMEOUT;
  if (vector === VECTOR_NO_ANSWER || endless) return { standing: "unfit", reason: NO_ANSWER };
  // A load of MXCSR's bit 17 is #GP on CPUs without it.
  if ((host.u32(Field.mxcsr) & 0x2_0000) !== 0) {
    return { standing: "unfit", reason: ALIGNMENT_MASK };
  }
  // What writes over itself goes on as it was, or is read anew.
  if (repeatsOverCode(test.before, test.length, ours ? [host, ours] : [host]))
    return { standing: "unfit", reason: OVERWRITTEN };
  if (!verdict) return { standing: "unjudged", reason: "no recorded vectors" };
  return verdict.assess(traitsOf(test.before, test.length, ours ? [host, ours] : [host]));
}

/** Whether the host does not give the same answer each time. */
function wavers(test: TestCase, host: StateRecord, native: Host): boolean {
  const input = new Uint8Array(REPEATS * RECORD_SIZE);
  for (let i = 0; i < REPEATS; i++) input.set(test.before.bytes, i * RECORD_SIZE);
  const output = native.run(input);
  return Array.from({ length: REPEATS }, (_, i) =>
    compareStates(
      test,
      host,
      new StateRecord(output.slice(i * RECORD_SIZE, (i + 1) * RECORD_SIZE)),
    ),
  ).some((differences) => differences.length > 0);
}

/** The emulator's answer, what it died of, or undefined if it says that an instruction is not implemented. */
function ask(
  { before, looped }: Pick<TestCase, "before" | "looped">,
  emulator: Core,
): StateRecord | string | undefined {
  try {
    return looped && emulator.runLoop ? emulator.runLoop(before) : emulator.run(before);
  } catch (error) {
    if (error instanceof NotImplemented) return undefined;
    if (error instanceof WebAssembly.RuntimeError) return `core crashed: ${error.message}`;
    throw error;
  }
}

function count(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}

/** The first field that differs, without its number; empty when nothing differs. */
function fieldOf(differences: readonly string[]): string {
  return (differences[0] ?? "").replace(/[0-9a-fx]*:.*/, "");
}

/** Shortens a mismatching snippet: fewer instructions, then plainer control words, as long as it still differs. */
export function minimise(mismatch: Mismatch, native: Host, emulator: Core): Mismatch {
  let best = mismatch;
  const attempt = (before: StateRecord, length: number): boolean => {
    const code = before.bytes.slice(Field.code, Field.code + CODE_SIZE);
    const { looped } = mismatch.test;
    const defined = undefinedAfter(code, before.bits, length, undefined, looped);
    if (!defined) return false;
    const host = new StateRecord(native.run(before.bytes.slice()));
    const test = stoppedAt({ ...best.test, ...defined, before, length }, host);
    const answer = ask(test, emulator);
    if (answer === undefined) return false;
    const differences =
      answer instanceof StateRecord ? compareStates(test, host, answer) : [answer];
    if (fieldOf(differences) !== fieldOf(mismatch.differences)) return false;
    best = { ...best, test, differences };
    return true;
  };
  for (let i = 0; i < best.test.length && best.test.length > 1; ) {
    const shorter = withoutInstruction(best.test, i);
    if (!(shorter && attempt(shorter, best.test.length - 1))) i++;
  }
  const plainer: ((record: StateRecord) => void)[] = [
    (record) => record.setU32(Field.mxcsr, 0x1f80),
    (record) => record.setU64(Field.rflags, 0x202n),
    (record) => {
      record.setU16(Field.fcw, 0x37f);
      record.setU16(Field.fsw, record.u16(Field.fsw) & 0x7f00);
    },
    (record) => record.bytes.fill(0, Field.ymmHigh, Field.windowA),
    ...Array.from(
      { length: 16 },
      (_, i) => (record: StateRecord) =>
        record.bytes.fill(0, Field.xmm + 16 * i, Field.xmm + 16 * i + 16),
    ),
    ...Array.from({ length: 16 }, (_, i) => (record: StateRecord) => record.setGpr(i, 0n)),
  ];
  for (const change of plainer) {
    const before = best.test.before.clone();
    change(before);
    if (Buffer.compare(before.bytes, best.test.before.bytes) !== 0)
      attempt(before, best.test.length);
  }
  return best;
}

function withoutInstruction(test: TestCase, index: number): StateRecord | undefined {
  const address = Number(test.before.u64(Field.rip));
  const lengths = instructionLengths(test);
  if (index >= lengths.length) return undefined;
  const starts = lengths.map((_, i) => lengths.slice(0, i).reduce((a, b) => a + b, 0));
  const code = test.before.bytes.slice(Field.code, Field.code + CODE_SIZE);
  const total = lengths.reduce((a, b) => a + b, 0);
  const from = starts[index] as number;
  const kept = Uint8Array.of(
    ...code.subarray(0, from),
    ...code.subarray(from + (lengths[index] as number), total),
  );
  const last = lengths.length - 1;
  if (test.looped && index === last) return undefined;
  const before = test.before.clone();
  const body = (): Uint8Array => kept.subarray(0, kept.length - (lengths[last] as number));
  before.setCode(test.looped ? loopAround(body()) : kept, address);
  return before;
}

function instructionLengths(test: TestCase): number[] {
  const decoder = new Decoder(
    test.before.bits,
    test.before.bytes.slice(Field.code, Field.code + CODE_SIZE),
    0,
  );
  const lengths: number[] = [];
  for (let i = 0; i < test.length; i++) {
    const instruction = decoder.decode();
    lengths.push(instruction.length);
    instruction.free();
  }
  decoder.free();
  return lengths;
}

/** A mismatch as text: code, disassembly, input and differences. */
export function describeMismatch(mismatch: Mismatch): string {
  const { test } = mismatch;
  const bytes = test.before.bytes.slice(Field.code, Field.code + CODE_SIZE);
  const decoder = new Decoder(test.before.bits, bytes, 0);
  decoder.ip = test.before.u64(Field.rip);
  const formatter = new Formatter(FormatterSyntax.Intel);
  const lines: string[] = [];
  let at = 0;
  for (let i = 0; i < test.length; i++) {
    const instruction = decoder.decode();
    const hex = Buffer.from(bytes.subarray(at, at + instruction.length)).toString("hex");
    lines.push(`    ${hex.padEnd(24)} ${formatter.format(instruction)}`);
    at += instruction.length;
    instruction.free();
  }
  decoder.free();
  formatter.free();
  return [
    `${mismatch.key} (${mismatch.count} cases)`,
    ...lines,
    `    ${describeInput(test.before)}`,
    ...mismatch.differences.map((line) => `  * ${line}`),
  ].join("\n");
}
