// The machines that measurements run on: our emulator, QEMU counting instructions, KVM, and Linux itself.

import { spawnSync } from "node:child_process";
import { accessSync, constants, existsSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, isAbsolute } from "node:path";
import { extract } from "tar-stream";
import { bootOnQemu } from "../../kernel/testing/qemu.ts";
import { Machine } from "../emulator/host/machine.ts";
import { hasQemu, QEMU, runsLinuxPrograms } from "../testing/host-tools.ts";
import { type Measurement, readLog } from "./lines.ts";
import { runMeasuring } from "./markers.ts";
import { EMPTY, HYBRID, PROCESS, ROOTTASK } from "./names.ts";
import { describeHost, now, type Place, type Run } from "./results.ts";

/** Files of the system. */
export interface SystemFiles {
  kernel: string;
  roottask: string;
  archive: string;
  /** The executables that also run on Linux; the second one where its compiler is here. */
  hybrid: string;
  process: string;
}

export const BUILT: SystemFiles = {
  kernel: "build/kernel.elf32",
  roottask: "build/roottask-bin",
  archive: "build/userland.tar",
  hybrid: "build/apps/hybrid_benchmark",
  process: "build/static-foreign-apps/C/process_benchmark",
};

const MEMORY = "2048M";
/** One processor, so that nothing but what is measured runs. */
const CPUS = 1;
/** The last line of a run. */
const END = "[roottask] power off";
/** For QEMU, which counts a billion instructions in ten seconds or in sixty; ms. */
const QEMU_LIMIT_MS = 45 * 60_000;
/** What KVM needs for all, and up to the first line; where it cannot run a kernel it may hang. */
const KVM_LIMIT_MS = 10 * 60_000;
const KVM_JUDGE_MS = 20_000;
/** Linux' files in memory. */
const TMPFS = "/dev/shm";

function run(place: Place, what: string, tick: string, command: string, all: Measurement[]): Run {
  const noted = { place, what, tick, command, date: now(), host: describeHost() };
  return { ...noted, measurements: all };
}

/** The programs of an archive by their paths. */
async function programsOf(archive: Uint8Array): Promise<Map<string, Uint8Array>> {
  const programs = new Map<string, Uint8Array>();
  const reader = extract();
  reader.end(Buffer.from(archive));
  for await (const entry of reader) {
    const chunks: Buffer[] = [];
    for await (const chunk of entry) chunks.push(chunk as Buffer);
    const name = entry.header.name.replace(/^\.\//, "");
    if (entry.header.type === "file" && name.startsWith("bin/")) {
      programs.set(name, Buffer.concat(chunks));
    }
  }
  return programs;
}

const initrd = ({ roottask, archive }: SystemFiles): string =>
  `${roottask} bench roottask,${archive} userland`;

/** Measures in the emulator, ticks and instructions. */
export async function measureInEmulator(
  files: SystemFiles,
  onLine?: (line: string) => void,
): Promise<Run> {
  const programs = await programsOf(readFileSync(files.archive));
  programs.set(ROOTTASK, readFileSync(files.roottask));
  const machine = await Machine.create({
    kernel: files.kernel,
    modules: initrd(files),
    memory: MEMORY,
    cpus: CPUS,
  });
  const options = `-m ${MEMORY} -kernel ${files.kernel} -initrd "${initrd(files)}"`;
  return run(
    "emulator",
    "this kernel in this emulator",
    "virtual time; instructions are counted beside it",
    `tools/bin/emu ${options}`,
    runMeasuring(machine, programs, onLine),
  );
}

/** A command of QEMU as a record has it: without the folders of files that are not of this repository. */
function shown(options: readonly string[]): string {
  const words = options.map((word) => (isAbsolute(word) ? basename(word) : word));
  return [QEMU, ...words.map((word) => (word.includes(" ") ? `"${word}"` : word))].join(" ");
}

function measuredIn(output: string, what: string): Measurement[] {
  if (!output.includes(END)) {
    const last = output.trim().split(/\r?\n/).slice(-3).join(" / ");
    throw new Error(`${what} did not come to the end of its measurements: ${last}`);
  }
  return readLog(output);
}

/** Measures in QEMU, where a tick is an instruction. `what` says which kernel it is. */
export async function measureInQemu(
  files: SystemFiles,
  place: "qemu" | "reference" = "qemu",
  what = "this kernel on QEMU",
): Promise<Run> {
  // biome-ignore format: one option with its value a line
  const options = [
    "-accel", "tcg",
    "-icount", "shift=0",
    "-cpu", "max",
    "-m", MEMORY,
    "-append", "serial",
    "-kernel", files.kernel,
    "-initrd", initrd(files),
  ];
  const output = await bootOnQemu(options, END, QEMU_LIMIT_MS);
  return run(place, what, "an instruction", shown(options), measuredIn(output, what));
}

/** Why KVM is not measured here; undefined where it can be tried. */
export function kvmProblem(): string | undefined {
  if (!hasQemu) return "QEMU is not installed";
  try {
    accessSync("/dev/kvm", constants.R_OK | constants.W_OK);
    return undefined;
  } catch {
    return "/dev/kvm is not there, or not for this user";
  }
}

/** Measures under KVM, in cycles. Throws an error where KVM does not run the kernel. */
export async function measureUnderKvm(files: SystemFiles): Promise<Run> {
  // biome-ignore format: one option with its value a line
  const options = [
    "-accel", "kvm",
    "-cpu", "host,arch-capabilities=off",
    "-m", MEMORY,
    "-kernel", files.kernel,
    "-initrd", initrd(files),
  ];
  const first = await bootOnQemu(options, `BENCH ${EMPTY}`, KVM_JUDGE_MS);
  if (!first.includes(`BENCH ${EMPTY}`)) throw new Error("it does not run the kernel here");
  const output = await bootOnQemu(options, END, KVM_LIMIT_MS);
  const what = "this kernel under KVM";
  return run("kvm", what, "a cycle of the TSC", shown(options), measuredIn(output, what));
}

/** Why Linux is not measured here; undefined where it is. */
export function linuxProblem(): string | undefined {
  return runsLinuxPrograms ? undefined : "this host does not run static Linux executables";
}

/** What a program for Linux measures on this host. Throws an error where it does not come to its end. */
function measuredBy(program: string, name: string, args: readonly string[]): Measurement[] {
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`${program} ended with status ${status}: ${stderr.trim()}`);
  return readLog(stdout, name);
}

/** Measures the programs for Linux on this host; files are on its tmpfs, where there is one. */
export function measureOnLinux(files: SystemFiles, limits: readonly number[] = []): Run {
  const folder = existsSync(TMPFS) ? TMPFS : tmpdir();
  const most = [0, 0].map((none, at) => `${limits[at] ?? none}`);
  const args = [...most, folder];
  return run(
    "linux",
    `Linux on this host, files in ${folder}`,
    "a cycle of the TSC",
    [files.hybrid, ...args].join(" "),
    [
      ...measuredBy(files.hybrid, HYBRID, args),
      ...(existsSync(files.process) ? measuredBy(files.process, PROCESS, most) : []),
    ],
  );
}
