// The comparison loop: makes snippets in batches, runs them on the host and in the emulator, and reduces
// what differs to one short example per instruction form and kind of difference.
import { Decoder, Formatter, FormatterSyntax } from "iced-x86";
import { compareStates, describeInput } from "./compare.ts";
import { type EmulatedCpu, NotImplemented } from "./emulator.ts";
import type { Form } from "./forms.ts";
import { Generator, stoppedAt, type TestCase, undefinedAfter } from "./generate.ts";
import type { NativeCpu } from "./native.ts";
import {
  CODE_SIZE,
  type CodeSize,
  Field,
  RECORD_SIZE,
  StateRecord,
  VECTOR_TIMEOUT,
} from "./record.ts";

export interface Mismatch {
  /** What the examples have in common: the form and the first field that differs. */
  key: string;
  count: number;
  test: TestCase;
  differences: string[];
}

export interface FuzzResult {
  cases: number;
  /** Cases per mnemonic (of the snippet's last instruction). */
  mnemonics: Map<string, number>;
  mismatches: Map<string, Mismatch>;
  mismatched: number;
  /** Snippets per form that the core said it does not implement. */
  unimplemented: Map<string, number>;
}

const BATCH = 4096;

/** Compares `cases` snippets. `progress` is called after every batch. */
export function fuzz(
  forms: readonly Form[],
  native: NativeCpu,
  emulator: EmulatedCpu,
  options: { cases: number; seed: number; stream: number; alignment: boolean; bits: CodeSize },
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
    mnemonics: new Map(),
    mismatches: new Map(),
    mismatched: 0,
    unimplemented: new Map(),
  };
  while (result.cases < options.cases) {
    const count = Math.min(BATCH, options.cases - result.cases);
    const tests = Array.from({ length: count }, () => generator.next());
    const input = new Uint8Array(count * RECORD_SIZE);
    for (const [i, test] of tests.entries()) input.set(test.before.bytes, i * RECORD_SIZE);
    const output = native.run(input);
    for (const [i, test] of tests.entries()) {
      const host = new StateRecord(output.subarray(i * RECORD_SIZE, (i + 1) * RECORD_SIZE));
      check(stoppedAt(test, host), host, emulator, result);
    }
    result.cases += count;
    progress(result);
  }
  return result;
}

function check(test: TestCase, host: StateRecord, emulator: EmulatedCpu, result: FuzzResult): void {
  const last = test.forms[test.forms.length - 1] as Form;
  result.mnemonics.set(last.mnemonic, (result.mnemonics.get(last.mnemonic) ?? 0) + 1);
  const name = test.forms.length === 1 ? last.name : "(several)";
  const differences = differ(test, host, emulator);
  if (!differences) {
    result.unimplemented.set(name, (result.unimplemented.get(name) ?? 0) + 1);
    return;
  }
  if (differences.length === 0) return;
  result.mismatched++;
  const key = `${name} ${fieldOf(differences)}`;
  const known = result.mismatches.get(key);
  if (known) {
    known.count++;
    if (test.length < known.test.length) Object.assign(known, { test, differences });
  } else {
    result.mismatches.set(key, { key, count: 1, test, differences });
  }
}

/** What the emulator does differently, or undefined if it says that an instruction is not implemented. */
function differ(test: TestCase, host: StateRecord, emulator: EmulatedCpu): string[] | undefined {
  // KVM gave up on it: nothing to compare with.
  if (test.before.bits === 16 && host.u32(Field.vector) === VECTOR_TIMEOUT) return [];
  // A load of MXCSR's bit 17, AMD's mask of alignment faults, is #GP on CPUs without it.
  if ((host.u32(Field.mxcsr) & 0x2_0000) !== 0) return [];
  try {
    return compareStates(test, host, emulator.run(test.before));
  } catch (error) {
    if (error instanceof NotImplemented) return undefined;
    if (error instanceof WebAssembly.RuntimeError) return [`core crashed: ${error.message}`];
    throw error;
  }
}

/** The first field that differs, without its number; empty when nothing differs. */
function fieldOf(differences: readonly string[]): string {
  return (differences[0] ?? "").replace(/[0-9a-fx]*:.*/, "");
}

/** Shortens a mismatching snippet: fewer instructions, then plainer control words, as long as it still differs. */
export function minimise(mismatch: Mismatch, native: NativeCpu, emulator: EmulatedCpu): Mismatch {
  let best = mismatch;
  const attempt = (before: StateRecord, length: number): boolean => {
    const code = before.bytes.slice(Field.code, Field.code + CODE_SIZE);
    const defined = undefinedAfter(code, before.bits, length);
    if (!defined) return false;
    const host = new StateRecord(native.run(before.bytes.slice()));
    const test = stoppedAt({ ...best.test, ...defined, before, length }, host);
    const differences = differ(test, host, emulator);
    if (!differences || fieldOf(differences) !== fieldOf(mismatch.differences)) return false;
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
  const kept = [
    ...code.subarray(0, from),
    ...code.subarray(from + (lengths[index] as number), total),
  ];
  const before = test.before.clone();
  before.setCode(Uint8Array.from(kept), address);
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
