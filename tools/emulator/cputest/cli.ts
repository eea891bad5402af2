// `npm run fuzz:cpu`: compares the emulator's CPU core with the host CPU, or records vectors from the host.
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { Command, InvalidArgumentError, Option } from "commander";
import { loadCore } from "../host/core.ts";
import { CompiledCpu } from "./compiled.ts";
import { type Core, EmulatedCpu } from "./emulator.ts";
import { ISA_FEATURES, listForms } from "./forms.ts";
import { describeMismatch, type FuzzResult, fuzz, minimise } from "./fuzz.ts";
import { Generator, stoppedAt } from "./generate.ts";
import { judge, type Verdict } from "./judge.ts";
import { hostIsas, kvmEmulatesRealMode, NativeCpu, whyNoHost, whyNoKvm } from "./native.ts";
import { type CodeSize, RECORD_SIZE, StateRecord } from "./record.ts";
import { packVectors, recordedVectors, thin, type Vector } from "./vectors.ts";

interface Options {
  cases: number;
  seed: number;
  shard: number;
  only: RegExp;
  isa: string[];
  show: number;
  alignment: boolean;
  bits: CodeSize;
  record?: string;
  counts?: boolean;
  tier: "interp" | "jit";
}

function natural(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0)
    throw new InvalidArgumentError("expected a whole number");
  return value;
}

function codeSize(text: string): number {
  if (!["16", "32", "64"].includes(text)) throw new InvalidArgumentError("expected 16, 32 or 64");
  return Number(text);
}

function pattern(text: string): RegExp {
  try {
    return new RegExp(text, "i");
  } catch {
    throw new InvalidArgumentError("expected a regular expression");
  }
}

function isaList(text: string): string[] {
  const names = text.split(",").map((name) => name.trim().toLowerCase());
  const unknown = names.filter((name) => !(name in ISA_FEATURES));
  if (unknown.length > 0) {
    throw new InvalidArgumentError(
      `unknown: ${unknown.join(", ")}; known: ${Object.keys(ISA_FEATURES).join(", ")}`,
    );
  }
  return names;
}

const program = new Command("fuzz:cpu")
  .description("Compares the emulator's CPU with the host CPU, instruction by instruction.")
  .option("--cases <n>", "snippets to run", natural, 100_000)
  .option("--seed <n>", "seed of the generator", natural, 1)
  .option("--shard <n>", "stream of the seed, for runs side by side", natural, 0)
  .option("--only <regex>", "forms by iced-x86's names, such as ^Add_ or Vpmull", pattern, /./)
  .option(
    "--isa <list>",
    `instruction sets: ${Object.keys(ISA_FEATURES).join(",")}`,
    isaList,
    Object.keys(ISA_FEATURES),
  )
  .option("--show <n>", "mismatches to print in full", natural, 20)
  .option(
    "--bits <size>",
    "code size: 64, 32 for compatibility mode, 16 for real mode (needs KVM)",
    codeSize,
    64,
  )
  .addOption(
    new Option(
      "--tier <name>",
      "interp, or jit: each snippet is compiled, where possible inside a loop",
    )
      .choices(["interp", "jit"])
      .default("interp"),
  )
  .option("--alignment", "set EFLAGS.AC in some snippets", false)
  .option("--counts", "print the number of cases per mnemonic")
  .option("--record <file>", "write vectors from the host instead of comparing");

async function main(): Promise<number> {
  program.parse();
  const options = program.opts<Options>();
  const reason = options.bits === 16 ? whyNoKvm() : whyNoHost();
  if (reason) {
    console.error(
      `fuzz:cpu needs an x86-64 Linux host: ${reason}. The recorded vectors run with npm test.`,
    );
    return 1;
  }
  if (options.bits === 16 && kvmEmulatesRealMode()) {
    console.log("note: KVM runs real mode in software here; a difference may be its mistake");
  }
  const host = new Set(hostIsas());
  const missing = options.isa.filter((isa) => !host.has(isa));
  if (missing.length > 0) console.log(`skipped, the host CPU lacks them: ${missing.join(", ")}`);
  const forms = listForms(
    options.isa.filter((isa) => host.has(isa)),
    options.bits,
  ).filter((form) => options.only.test(form.name));
  if (forms.length === 0) {
    console.error(
      `no instruction form matches --only ${options.only.source} in ${options.isa.join(",")}`,
    );
    return 1;
  }
  const native = new NativeCpu(options.bits);
  try {
    if (options.record !== undefined) {
      record(
        native,
        new Generator(forms, options.seed, options.shard, false, options.bits),
        options.cases,
        options.record,
      );
      return 0;
    }
    const verdict = options.bits === 16 ? undefined : judgeHost(native, options.bits);
    if (verdict?.whyNoOracle !== undefined) {
      console.error(`fuzz:cpu: this host is no oracle: ${verdict.whyNoOracle}`);
      return 1;
    }
    const compiled = options.tier === "jit" ? await CompiledCpu.create() : undefined;
    const emulator = compiled ?? (await EmulatedCpu.create(loadCore));
    const result = fuzz(
      forms,
      native,
      emulator,
      {
        cases: options.cases,
        seed: options.seed,
        stream: options.shard,
        alignment: options.alignment,
        bits: options.bits,
        loops: compiled !== undefined,
        verdict,
      },
      (state) => {
        if (process.stderr.isTTY)
          process.stderr.write(`\r${state.cases} snippets, ${state.mismatched} mismatches `);
      },
    );
    if (process.stderr.isTTY) process.stderr.write("\n");
    report(result, forms.length, options, native, emulator);
    if (compiled) {
      const { compilations, instructions } = compiled.statistics;
      console.log(
        `${result.looped} of the snippets as loops; ${compilations} regions compiled, which executed ${instructions} instructions`,
      );
    }
    return result.mismatched === 0 && result.unimplemented.size === 0 ? 0 : 1;
  } finally {
    native.close();
  }
}

/** Lets recorded vectors judge the host, and says what they found. */
function judgeHost(native: NativeCpu, bits: CodeSize): Verdict {
  const vectors = [...recordedVectors().values()].flat();
  const verdict = judge(native, vectors).get(bits) as Verdict;
  console.log(
    `host judged by ${verdict.judged} vectors recorded on bare hardware: ` +
      `${verdict.judged - verdict.disagreements} reproduced`,
  );
  for (const { cause, wrong, all, example } of verdict.findings) {
    console.log(`  no oracle for ${cause}: ${wrong} of ${all} not reproduced, such as ${example}`);
  }
  return verdict;
}

function report(
  result: FuzzResult,
  forms: number,
  options: Options,
  native: NativeCpu,
  emulator: Core,
): void {
  if (options.counts) {
    const rows = [...result.mnemonics].sort(([a], [b]) => a.localeCompare(b));
    console.log(rows.map(([name, count]) => `${name.toLowerCase()} ${count}`).join(", "));
  }
  const mismatches = [...result.mismatches.values()].sort((a, b) => b.count - a.count);
  for (const mismatch of mismatches.slice(0, options.show)) {
    const standing =
      mismatch.standing === "unjudged" ? "\n    no recorded vector vouches for the host here" : "";
    console.log(describeMismatch(minimise(mismatch, native, emulator)) + standing);
  }
  const rest = mismatches.slice(options.show);
  if (rest.length > 0)
    console.log(`also: ${rest.map(({ key, count }) => `${key} (${count})`).join("; ")}`);
  if (result.unimplemented.size > 0)
    console.log(`not implemented: ${listed(result.unimplemented)}`);
  if (result.skipped.size > 0) console.log(`not compared: ${listed(result.skipped)}`);
  if (result.unjudged.size > 0) {
    console.log(`compared, but the host is not vouched for: ${listed(result.unjudged, 12)}`);
  }
  const unjudged = total(result.unjudged);
  console.log(
    `${result.cases} snippets, ${result.mnemonics.size} mnemonics, ${forms} forms, seed ${options.seed}/${options.shard}: ` +
      `${result.vouched + unjudged} compared (${unjudged} without a recorded vector to vouch for the host), ` +
      `${total(result.skipped)} not compared, ${result.mismatched} mismatches of ${result.mismatches.size} kinds, ` +
      `${result.unimplemented.size} forms not implemented`,
  );
}

/** Names with their counts, the most frequent first. */
function listed(counts: ReadonlyMap<string, number>, most = Number.POSITIVE_INFINITY): string {
  const rows = [...counts].sort(([, a], [, b]) => b - a);
  const shown = rows.slice(0, most).map(([name, count]) => `${name} (${count})`);
  if (rows.length > most) shown.push(`and ${rows.length - most} more`);
  return shown.join("; ");
}

function total(counts: ReadonlyMap<string, number>): number {
  return [...counts.values()].reduce((sum, count) => sum + count, 0);
}

/** Records `count` vectors from the host. */
function record(native: NativeCpu, generator: Generator, count: number, file: string): void {
  const tests = Array.from({ length: count }, () => generator.next());
  const inputs = tests.map(thin);
  const input = new Uint8Array(count * RECORD_SIZE);
  for (const [i, before] of inputs.entries()) input.set(before.bytes, i * RECORD_SIZE);
  const output = native.run(input);
  const vectors: Vector[] = tests.map((made, i) => {
    const after = new StateRecord(output.slice(i * RECORD_SIZE, (i + 1) * RECORD_SIZE));
    const { undefinedFlags, undefinedFsw, tolerance } = stoppedAt(made, after);
    const name = made.forms.map((form) => form.name).join(" ");
    return {
      name,
      undefinedFlags,
      undefinedFsw,
      tolerance,
      before: inputs[i] as StateRecord,
      after,
    };
  });
  const packed = packVectors(vectors);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, packed);
  console.log(`${file}: ${count} vectors, ${packed.length} bytes`);
}

process.exitCode = await main();
