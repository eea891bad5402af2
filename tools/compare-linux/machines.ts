// What the system boots on for a comparison: our emulator in this process, or QEMU beside it. Either is asked again and
// again what the log has got.

import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Machine } from "../emulator/host/machine.ts";
import { QEMU } from "../testing/host-tools.ts";

export const ENGINES = ["emulator", "qemu"] as const;
export type Engine = (typeof ENGINES)[number];

const MEMORY = "2048M";
const ROOTTASK = "novga roottask";
const USERLAND = "userland";
/** Nanoseconds of the machine between looks at its log. */
const LOOK = 20e6;
/**
 * How many times slower than the emulator's virtual time QEMU may be: its time is the host's, which other programs
 * have a share in.
 */
const SLOWNESS = 8;

const builtFile = (name: string) => fileURLToPath(new URL(`../../build/${name}`, import.meta.url));
const KERNEL = builtFile("kernel.elf32");
const ROOTTASK_FILE = builtFile("roottask-bin");

/** What came of a machine since it was last asked. */
export interface Progress {
  /** Bytes of the debug console as Latin-1 characters. */
  text: string;
  /** Nanoseconds since the machine was started. */
  now: number;
  /** Why it runs no more. */
  stopped?: string;
}

export interface RunningMachine {
  /** Lets it run on for a while. */
  goOn(): Promise<Progress>;
  end(): void;
}

async function onEmulator(archive: Uint8Array, processors: number): Promise<RunningMachine> {
  const bytes: number[] = [];
  const machine = await Machine.create({
    kernel: readFileSync(KERNEL),
    memory: MEMORY,
    cpus: processors,
    cpu: "max",
    modules: [
      { file: readFileSync(ROOTTASK_FILE), commandLine: ROOTTASK },
      { file: archive, commandLine: USERLAND },
    ],
    onDebugConsole: (byte) => bytes.push(byte),
  });
  return {
    async goOn() {
      const { kind } = machine.runSync({ nanoseconds: LOOK });
      const text = Buffer.from(bytes.splice(0)).toString("latin1");
      return { text, now: machine.core.time(), stopped: kind === "limit" ? undefined : kind };
    },
    end() {},
  };
}

function onQemu(archive: Uint8Array, processors: number): RunningMachine {
  const folder = mkdtempSync(join(tmpdir(), "compare-linux-"));
  const userland = join(folder, "userland.tar");
  writeFileSync(userland, archive);
  // biome-ignore format: one option with its value a line
  const child = spawn(QEMU, [
    "-accel", "tcg", "-cpu", "max", "-machine", "q35", "-m", MEMORY, "-smp", `${processors}`,
    "-kernel", KERNEL,
    "-initrd", `${ROOTTASK_FILE} ${ROOTTASK},${userland} ${USERLAND}`,
    "-debugcon", "stdio", "-serial", "null", "-display", "none", "-no-reboot",
    "-device", "isa-debug-exit,iobase=0xf4,iosize=4",
  ], { stdio: ["ignore", "pipe", "pipe"] });
  const begin = process.hrtime.bigint();
  let text = "";
  let stopped: string | undefined;
  child.stdout.setEncoding("latin1").on("data", (chunk: string) => {
    text += chunk;
  });
  let complaint = "";
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
    complaint += chunk;
  });
  child.on("error", ({ message }) => {
    stopped = message;
  });
  child.on("close", (status) => {
    stopped ??= `QEMU ended with status ${status}${complaint && `: ${complaint.trim()}`}`;
  });
  return {
    async goOn() {
      await new Promise((resolve) => setTimeout(resolve, LOOK / 1e6));
      const now = Number(process.hrtime.bigint() - begin) / SLOWNESS;
      const progress = { text, now, stopped };
      text = "";
      return progress;
    },
    end() {
      child.kill("SIGKILL");
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Boots kernel and roottask, which must have been made, with `archive` as their userland. */
export async function startMachine(
  engine: Engine,
  archive: Uint8Array,
  processors: number,
): Promise<RunningMachine> {
  return engine === "qemu" ? onQemu(archive, processors) : onEmulator(archive, processors);
}
