// What tests may find on the host, or not: the one place that asks. A test whose oracle or ability is absent is
// skipped under its name. Each question is asked once a process.

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as r from "../asm/index.ts";
import { linkElf } from "../elf/index.ts";

/**
 * Milliseconds after which a program that a test started is taken to hang. Far beyond what any takes on a loaded
 * machine of two cores: no test may depend on how fast the host is.
 */
export const HANG_MS = 15 * 60_000;

const answers = new Map<string, boolean>();

/** Whether a program can be run: `program --version`, or the given arguments, ends with status 0. */
export function hasTool(program: string, args: readonly string[] = ["--version"]): boolean {
  const question = [program, ...args].join(" ");
  let answer = answers.get(question);
  if (answer === undefined) {
    answer = spawnSync(program, args, { stdio: "ignore", timeout: HANG_MS }).status === 0;
    answers.set(question, answer);
  }
  return answer;
}

/** Whether `program --version` names `maker`: "GNU tar", "GNU coreutils". */
export function hasToolOf(program: string, maker: string): boolean {
  const { stdout } = spawnSync(program, ["--version"], { encoding: "utf8", timeout: HANG_MS });
  return stdout?.includes(maker) ?? false;
}

/** Whether a GNU tool of the binutils is there and was built for x86-64, which those of other hosts seldom are. */
export function hasBinutil(tool: "as" | "objdump" | "addr2line"): boolean {
  const { stdout } = spawnSync(tool, ["--help"], { encoding: "utf8", timeout: HANG_MS });
  return stdout?.includes(tool === "as" ? "--64" : "elf64-x86-64") ?? false;
}

/** Whether gdb is there and knows x86-64. */
export const hasGdb = hasTool("gdb", ["-batch", "-nx", "-ex", "set architecture i386:x86-64"]);

export const QEMU = "qemu-system-x86_64";
export const hasQemu = hasTool(QEMU);

/** The host claims to be Linux on x86-64. */
export const isLinux = process.platform === "linux" && process.arch === "x64";

/** Whether static Linux executables for x86-64 run from the folder of temporary files (not when it is noexec). */
export const runsLinuxPrograms = isLinux && runsProgram();

function runsProgram(): boolean {
  const a = new r.Assembler({ bits: 64, name: "probe" });
  a.section(".text");
  a.label("_start", { global: true });
  a.mov(r.edi, 42).mov(r.eax, 231).syscall(); // exit_group(42)
  const image = linkElf({
    objects: [a.object()],
    segments: [{ name: "text", flags: "rx", vaddr: 0x40_0000n, sections: [".text"] }],
    entry: "_start",
    class: 64,
  });
  const directory = mkdtempSync(join(tmpdir(), "host-tools-"));
  try {
    const program = join(directory, "probe");
    writeFileSync(program, image, { mode: 0o755 });
    return spawnSync(program, { timeout: HANG_MS }).status === 42;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
