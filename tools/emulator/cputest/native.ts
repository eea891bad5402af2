// Runs state records on the host CPU: hands them to the runner program (runner.ts) in one batch. Works on
// Linux on an x86-64 CPU with FSGSBASE; elsewhere recorded vectors take its place.
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
import { type CodeSize, Field, RECORD_SIZE } from "./record.ts";
import { assembleRunner } from "./runner.ts";

/** Records per process; bounds the memory of one batch to some 40 MB. */
const BATCH = 8192;

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
export class NativeCpu {
  readonly #directory: string;
  readonly #program: string;

  /** For real-mode records (`bits` 16) the CPU runs in a virtual machine. */
  constructor(bits: CodeSize = 64) {
    const reason = bits === 16 ? whyNoKvm() : whyNoHost();
    if (reason) throw new Error(`no host CPU to ask: ${reason}`);
    this.#directory = mkdtempSync(join(tmpdir(), "cputest-"));
    this.#program = join(this.#directory, "runner");
    writeFileSync(this.#program, bits === 16 ? assembleKvmRunner() : assembleRunner());
    chmodSync(this.#program, 0o755);
  }

  close(): void {
    rmSync(this.#directory, { recursive: true, force: true });
  }

  /** Runs all records (concatenated) and returns the states after them, in the same order. */
  run(records: Uint8Array): Uint8Array {
    const count = records.length / RECORD_SIZE;
    const out = new Uint8Array(records.length);
    for (let first = 0; first < count; first += BATCH) {
      const from = first * RECORD_SIZE;
      const to = Math.min(count, first + BATCH) * RECORD_SIZE;
      const input = records.subarray(from, to);
      const inputPath = join(this.#directory, "in");
      const outputPath = join(this.#directory, "out");
      writeFileSync(inputPath, input);
      const stdin = openSync(inputPath, "r");
      const stdout = openSync(outputPath, "w");
      const result = spawnSync(this.#program, { stdio: [stdin, stdout, "inherit"] });
      closeSync(stdin);
      closeSync(stdout);
      if (result.error) throw result.error;
      const output = readFileSync(outputPath);
      if (result.status !== 0 || output.length !== input.length) {
        const done = first + Math.floor(output.length / RECORD_SIZE);
        const code = done * RECORD_SIZE + Field.code;
        throw new Error(
          `the runner stopped (${result.signal ?? `status ${result.status}`}) in snippet ${done}, code ` +
            Buffer.from(records.subarray(code, code + 24)).toString("hex"),
        );
      }
      out.set(output, from);
    }
    return out;
  }
}

/** Instruction sets (names of `ISA_FEATURES`) that the host CPU has, from /proc/cpuinfo. */
export function hostIsas(): string[] {
  const line = /^flags\s*:(.*)$/m.exec(readFileSync("/proc/cpuinfo", "utf8"))?.[1] ?? "";
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
