// Runs state records on the host CPU: hands them to the runner program (runner.ts) in one batch. Works on
// Linux on an x86-64 CPU; elsewhere recorded vectors take its place. What the host does is not believed
// before judge.ts has compared it with recorded vectors.
import { spawnSync } from "node:child_process";
import {
  accessSync,
  chmodSync,
  closeSync,
  constants,
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ISA_FEATURES } from "./forms.ts";
import { assembleKvmRunner } from "./kvm-runner.ts";
import { type CodeSize, Field, RECORD_SIZE, VECTOR_NO_ANSWER } from "./record.ts";
import { assembleRunner } from "./runner.ts";

/** Records per process; bounds the memory of one batch to some 40 MB. */
const BATCH = 8192;
/** Milliseconds after which a batch (of some 0.2 s) is taken to hang: only where the runner's timer does not work. */
const HANG = 120_000;
/** Snippets that may end the runner before it is given up: some, and one in fifty. */
const ENDED_ALLOWED = 20;
const ENDED_SHARE = 50;

/** Whatever runs state records: the host CPU, or in tests something that misbehaves. */
export interface Host {
  /** Runs all records (concatenated) and returns the states after them, in the same order. */
  run(records: Uint8Array): Uint8Array;
}

/** Why the host cannot serve as an oracle, or undefined if it can. */
export function whyNoHost(): string | undefined {
  if (process.platform !== "linux")
    return `the host runs ${process.platform}, the runner is a Linux program`;
  if (process.arch !== "x64") return `the host CPU is ${process.arch}, not x86-64`;
  return undefined;
}

/** Why KVM cannot run real-mode code here, or undefined if it can. */
export function whyNoKvm(): string | undefined {
  const reason = whyNoHost();
  if (reason) return reason;
  try {
    accessSync("/dev/kvm", constants.R_OK | constants.W_OK);
    return undefined;
  } catch {
    return "/dev/kvm cannot be opened";
  }
}

/** Whether KVM runs real mode on the CPU itself, or in software (as nested and older ones do). */
export function kvmEmulatesRealMode(): boolean {
  if (existsSync("/sys/module/kvm_amd")) return false;
  try {
    const parameter = "/sys/module/kvm_intel/parameters/unrestricted_guest";
    return readFileSync(parameter, "utf8").trim() !== "Y";
  } catch {
    return true;
  }
}

/** The host CPU behind the runner program. */
export class NativeCpu implements Host {
  readonly #directory: string;
  readonly #command: readonly string[];

  /**
   * For real-mode records (`bits` 16) the CPU runs in a virtual machine. `launcher` is a command that runs the
   * runner program, such as `["qemu-x86_64", "-cpu", "max"]`, which then is the CPU that answers.
   */
  constructor(bits: CodeSize = 64, launcher: readonly string[] = []) {
    const reason = bits === 16 ? whyNoKvm() : whyNoHost();
    if (reason) throw new Error(`no host CPU to ask: ${reason}`);
    this.#directory = mkdtempSync(join(tmpdir(), "cputest-"));
    const program = join(this.#directory, "runner");
    writeFileSync(program, bits === 16 ? assembleKvmRunner() : assembleRunner());
    chmodSync(program, 0o755);
    this.#command = [...launcher, program];
  }

  close(): void {
    rmSync(this.#directory, { recursive: true, force: true });
  }

  /**
   * Runs all records (concatenated) and returns the states after them, in the same order. A snippet that ends
   * the runner itself has the vector `VECTOR_NO_ANSWER`. Throws when the runner cannot be started, hangs, or when
   * too many snippets end it.
   */
  run(records: Uint8Array): Uint8Array {
    const count = records.length / RECORD_SIZE;
    const out = new Uint8Array(records.length);
    const view = new DataView(out.buffer);
    let ended = 0;
    for (let next = 0; next < count; ) {
      const end = Math.min(count, next + BATCH);
      const { output, how, hung } = this.#runBatch(
        records.subarray(next * RECORD_SIZE, end * RECORD_SIZE),
      );
      const answered = Math.floor(output.length / RECORD_SIZE);
      out.set(output.subarray(0, answered * RECORD_SIZE), next * RECORD_SIZE);
      next += answered;
      if (next === end) continue;
      view.setUint32(next * RECORD_SIZE + Field.vector, VECTOR_NO_ANSWER, true);
      const code = next * RECORD_SIZE + Field.code;
      next++;
      if (hung || ++ended > ENDED_ALLOWED + next / ENDED_SHARE) {
        throw new Error(
          `the runner ${how} after ${next} snippets, ${ended} of which had ended it; the last one's code begins with ` +
            Buffer.from(records.subarray(code, code + 24)).toString("hex"),
        );
      }
    }
    return out;
  }

  /** What one process answers, and how it ended. */
  #runBatch(input: Uint8Array): { output: Uint8Array; how: string; hung: boolean } {
    const inputPath = join(this.#directory, "in");
    const outputPath = join(this.#directory, "out");
    writeFileSync(inputPath, input);
    const stdin = openSync(inputPath, "r");
    const stdout = openSync(outputPath, "w");
    const [file, ...args] = this.#command;
    const result = spawnSync(file as string, args, {
      stdio: [stdin, stdout, "pipe"],
      timeout: HANG,
      killSignal: "SIGKILL",
    });
    closeSync(stdin);
    closeSync(stdout);
    const hung = (result.error as NodeJS.ErrnoException | undefined)?.code === "ETIMEDOUT";
    if (result.error && !hung) {
      throw new Error(`the runner cannot be started: ${result.error.message}`);
    }
    const output = readFileSync(outputPath);
    const said = result.stderr.toString().trim().split("\n")[0];
    const how = hung
      ? "hangs"
      : `stopped (${said || (result.signal ?? `status ${result.status}`)})`;
    return { output, how, hung };
  }
}

/** Instruction sets (names of `ISA_FEATURES`) that the host CPU has, from /proc/cpuinfo; the oldest where it says nothing. */
export function hostIsas(): string[] {
  let text = "";
  try {
    text = readFileSync("/proc/cpuinfo", "utf8");
  } catch {
    // Without /proc: what every x86-64 CPU has.
  }
  const line = /^flags\s*:(.*)$/m.exec(text)?.[1] ?? "fpu mmx fxsr sse sse2";
  const flags = new Set(line.trim().split(/\s+/));
  return Object.keys(ISA_FEATURES).filter(
    (isa) => isa === "base" || isa === "x87" || flags.has(HOST_FLAGS[isa] ?? isa),
  );
}

/** Linux' names of CPU features where they differ from ours. */
const HOST_FLAGS: Readonly<Record<string, string>> = {
  sse3: "pni",
  pclmul: "pclmulqdq",
  lzcnt: "abm",
  sha: "sha_ni",
};
