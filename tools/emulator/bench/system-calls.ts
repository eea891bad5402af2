// A Linux program in the built system that makes one system call over and over: SYSCALL into the kernel, an exception
// message to its personality, a reply. Kernel and roottask are those that `make` has built; the same files run in QEMU.

import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { pack } from "tar-stream";
import { Assembler, byte, eax, ebx, edi, edx, r12b, r12d, rip, rsi } from "../../asm/index.ts";
import { linkElf } from "../../elf/index.ts";
import { Machine, type MachineOptions } from "../host/machine.ts";
import {
  type Measurement,
  type OwnMeasurement,
  processorMs,
  qemuProcessMs,
  tierOf,
} from "./measure.ts";
import type { Workload } from "./workload.ts";

const built = (file: string): string =>
  fileURLToPath(new URL(`../../../build/${file}`, import.meta.url));
const KERNEL = built("kernel.elf32");
const ROOTTASK = built("roottask-bin");
const MEMORY_MIB = 512;

/** Linux's numbers (arch/x86/entry/syscalls/syscall_64.tbl). */
const SYS_WRITE = 1;
const SYS_GETPID = 39;
const SYS_EXIT = 60;
const STDOUT = 1;
const TEXT = 0x40_0000n;
/** What the program says before its loop, and behind it in front of a letter for what the calls have returned. */
const BEGINS = "the calls begin\n";
const ENDS = "the calls end: ";
const LETTERS = 16;

/** The row of the table. */
export const systemCalls: Workload = {
  name: "foreign calls",
  what: "getpid of a Linux program in the built system",
  rounds: 3_000_000,
  extra: true,
  // Its frame is the system.
  code: () => {},
};

/** Whether the system is built. */
export const hasSystem = existsSync(KERNEL) && existsSync(ROOTTASK);

function program(rounds: number): Uint8Array {
  const a = new Assembler({ bits: 64, name: "calls" });
  const write = (label: string, bytes: number): void => {
    a.mov(edi, STDOUT).lea(rsi, rip(label)).mov(edx, bytes).mov(eax, SYS_WRITE).syscall();
  };
  a.label("_start", { global: true });
  write("begins", BEGINS.length);
  a.mov(ebx, rounds).xor(r12d, r12d);
  a.label("loop");
  a.mov(eax, SYS_GETPID).syscall().add(r12d, eax).dec(ebx).jnz("loop");
  a.and(r12d, LETTERS - 1).add(r12d, "a".charCodeAt(0));
  a.mov(byte(rip("letter")), r12b);
  write("ends", ENDS.length + 2);
  a.xor(edi, edi).mov(eax, SYS_EXIT).syscall();
  a.section(".data", { writable: true });
  a.label("begins");
  a.db(Buffer.from(BEGINS));
  a.label("ends");
  a.db(Buffer.from(ENDS));
  a.label("letter");
  a.db(Buffer.from("?\n"));
  return linkElf({
    objects: [a.object()],
    segments: [
      { name: "text", flags: "rx", vaddr: TEXT, sections: [".text"] },
      { name: "data", flags: "rw", sections: [".data"] },
    ],
    entry: "_start",
    class: 64,
  });
}

/** The archive with the program and what starts it. */
async function userland(rounds: number): Promise<Buffer> {
  const archive = pack();
  archive.entry({ name: "userland.conf", mtime: new Date(0) }, "linux calls\n");
  archive.entry({ name: "calls", mode: 0o755, mtime: new Date(0) }, Buffer.from(program(rounds)));
  archive.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of archive) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

function resultOf(output: string, who: string): bigint {
  const at = output.indexOf(ENDS);
  if (at < 0)
    throw new Error(`bench: ${systemCalls.name}: ${who} did not come to its end\n${output}`);
  return BigInt(output.charCodeAt(at + ENDS.length));
}

/** Runs it in the emulator; time and instructions are those between what the program says. */
export async function runSystemHere(
  rounds: number,
  accel: MachineOptions["accel"],
): Promise<OwnMeasurement> {
  let output = "";
  let ms = 0;
  let instructions = 0;
  const machine = await Machine.create({
    kernel: KERNEL,
    memory: `${MEMORY_MIB}M`,
    cpu: "max",
    modules: [
      { file: ROOTTASK, commandLine: "roottask" },
      { file: await userland(rounds), name: "userland.tar", commandLine: "userland" },
    ],
    ...(accel === undefined ? {} : { accel }),
    onDebugConsole: (byte) => {
      output += String.fromCharCode(byte);
      if (output.endsWith(BEGINS.trim())) {
        instructions = machine.core.instructions();
        ms = processorMs();
      } else if (output.endsWith(ENDS.trim())) {
        ms = processorMs() - ms;
        instructions = machine.core.instructions() - instructions;
      }
    },
  });
  const stop = machine.runSync();
  if (stop.kind !== "power-off") {
    throw new Error(`bench: ${systemCalls.name}: ${stop.kind}\n${await machine.report(0)}`);
  }
  return { ms, instructions, result: resultOf(output, "the emulator"), ...tierOf(machine) };
}

/** Runs it in QEMU; the time is that of the whole process. */
export async function runSystemInQemu(rounds: number): Promise<Measurement> {
  const directory = await mkdtemp(join(tmpdir(), "emu-bench-"));
  try {
    const archive = join(directory, "userland.tar");
    const console = join(directory, "console");
    await writeFile(archive, await userland(rounds));
    const ms = await qemuProcessMs([
      ...["-m", `${MEMORY_MIB}M`, "-debugcon", `file:${console}`, "-kernel", KERNEL],
      ...["-initrd", `${ROOTTASK} roottask,${archive} userland`],
    ]);
    return { ms, result: resultOf(await readFile(console, "latin1"), "QEMU") };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
