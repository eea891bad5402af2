// Static programs on another Linux kernel than this machine's, which QEMU boots: the oracle for results that depend on the
// kernel's version or on what this machine's users may do. The first process is init.c.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { QEMU } from "../../testing/host-tools.ts";
import { compile } from "../folder.ts";
import type { Outcome, Program } from "../program.ts";
import { cpioOf } from "./cpio.ts";

const INIT = fileURLToPath(new URL("init.c", import.meta.url));
/** Milliseconds of the host for one boot with all its programs. */
const PATIENCE = 30 * 60_000;
/** Programs of one boot. */
const PROGRAMS = 400;

/** What wait(2) says, in the words of an outcome. */
function endOf(status: number): string {
  const signal = status & 0x7f;
  if (signal === constants.signals.SIGKILL) return "no end: time is up";
  return signal ? `killed by signal ${signal}` : `exit status ${status >> 8}`;
}

/** Takes what each program wrote, and its end, out of the serial line's bytes. */
export function outcomesIn(text: string, count: number): Outcome[] {
  const outcomes: Outcome[] = Array.from({ length: count }, () => ({ text: "", end: "not run" }));
  const framed = /\[init\] start (\d+)\n([\s\S]*?)\[init\] end \1 (\d+)\n/g;
  for (const [, number, written = "", status] of text.matchAll(framed))
    outcomes[Number(number)] = { text: written, end: endOf(Number(status)) };
  return outcomes;
}

async function boot(kernel: string, programs: readonly Program[]): Promise<Outcome[]> {
  const init = compile(INIT);
  if (init === undefined) throw new Error("no C compiler for the first process of another kernel");
  const files = new Map(programs.flatMap((each) => each.files).map((file) => [file.name, file]));
  const jobs = programs.map(({ command }) => `${command.join(" ")}\n`).join("");
  const folder = mkdtempSync(join(tmpdir(), "other-kernel-"));
  try {
    const serial = join(folder, "serial");
    const initrd = join(folder, "initrd");
    const all = [{ name: "init", mode: 0o755, data: readFileSync(init) }, ...files.values()];
    writeFileSync(initrd, cpioOf([...all, { name: "jobs", data: jobs }]));
    // biome-ignore format: one option with its value a line
    const child = spawn(QEMU, [
      "-accel", "tcg", "-cpu", "max", "-machine", "q35", "-m", "1024M",
      "-kernel", kernel, "-initrd", initrd,
      "-append", "console=tty0 quiet panic=-1 mitigations=off rdinit=/init",
      "-serial", `file:${serial}`, "-display", "none", "-monitor", "none", "-no-reboot",
    ], { stdio: ["ignore", "ignore", "inherit"], timeout: PATIENCE });
    await once(child, "close");
    const text = readFileSync(serial, "latin1");
    const [, failed] = /\[init\] failed (.*)/.exec(text) ?? [];
    if (failed) throw new Error(`the first process of ${kernel}: ${failed}`);
    if (!text.includes("[init] ")) throw new Error(`${kernel} did not come to its first process`);
    return outcomesIn(text, programs.length);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Runs programs on the kernel of a file as QEMU boots it (-kernel), in as many boots as it takes. */
export async function runOnKernel(
  kernel: string,
  programs: readonly Program[],
): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (let from = 0; from < programs.length; from += PROGRAMS)
    outcomes.push(...(await boot(kernel, programs.slice(from, from + PROGRAMS))));
  return outcomes;
}
