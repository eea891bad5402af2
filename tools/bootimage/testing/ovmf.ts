// UEFI on QEMU: OVMF, from Debian's package of that name or where QEMU_OVMF says, with a store of variables of its own
// for each machine, and its serial line to read and to type on.

import { type ChildProcess, spawn } from "node:child_process";
import { copyFileSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { HANG_MS, hasQemu, QEMU } from "../../testing/host-tools.ts";

const FOLDER = process.env.QEMU_OVMF ?? "/usr/share/OVMF";
export const OVMF_CODE = join(FOLDER, "OVMF_CODE_4M.fd");
export const OVMF_VARIABLES = join(FOLDER, "OVMF_VARS_4M.fd");

export const hasOvmf = hasQemu && existsSync(OVMF_CODE) && existsSync(OVMF_VARIABLES);

/** What a terminal acts on: ECMA-48, 5.4. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: it is what is looked for
const SEQUENCES = /\u001b\[[0-9;=?]*[A-Za-z]|\r/g;

/** A q35 without display that starts OVMF. To be ended in any case. */
export class OvmfMachine {
  readonly #child: ChildProcess;
  readonly #folder = mkdtempSync(join(tmpdir(), "trihedron-ovmf-"));
  #output = "";

  constructor(options: readonly string[]) {
    const variables = join(this.#folder, "variables.fd");
    copyFileSync(OVMF_VARIABLES, variables);
    this.#child = spawn(
      QEMU,
      [
        ...["-machine", "q35", "-display", "none", "-no-reboot", "-net", "none"],
        ...["-drive", `if=pflash,format=raw,readonly=on,file=${OVMF_CODE}`],
        ...["-drive", `if=pflash,format=raw,file=${variables}`],
        ...["-serial", "stdio", "-monitor", "none"],
        ...options,
      ],
      { stdio: ["pipe", "pipe", "pipe"] },
    );
    const collect = (chunk: Buffer): void => {
      this.#output += chunk.toString("latin1");
    };
    this.#child.stdout?.on("data", collect);
    this.#child.stderr?.on("data", collect);
    // Who writes to a QEMU that has ended learns it from its exit.
    this.#child.stdin?.on("error", () => {});
  }

  /** Everything that came so far, without control sequences. */
  get text(): string {
    return this.#output.replace(SEQUENCES, "");
  }

  /** The text as soon as it contains `what`, or fits to it; with a last line that says so where that does not come. */
  async seen(what: string | RegExp, limit = HANG_MS): Promise<string> {
    for (const start = Date.now(); Date.now() - start < limit; ) {
      const ended = this.#child.exitCode ?? this.#child.signalCode;
      const { text } = this;
      if (typeof what === "string" ? text.includes(what) : what.test(text)) return text;
      if (ended !== null) return `${text}\nQEMU ended with ${ended}`;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    return `${this.text}\nQEMU has been stopped after ${limit} ms`;
  }

  type(keys: string): void {
    this.#child.stdin?.write(keys);
  }

  end(): void {
    this.#child.kill("SIGKILL");
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** Boots and returns the text as soon as it contains `until`, or fits to it, see `OvmfMachine.seen`. */
export async function bootOnOvmf(
  options: readonly string[],
  until: string | RegExp,
  limit?: number,
): Promise<string> {
  const machine = new OvmfMachine(options);
  try {
    return await machine.seen(until, limit);
  } finally {
    machine.end();
  }
}
