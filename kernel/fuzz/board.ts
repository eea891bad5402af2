// The machines that the booted kernel runs on: the emulator, and QEMU, whose memory is a file that this process reads
// and writes while the machine runs. What is told to and heard from agents goes through memory alone.

import { type ChildProcess, execFile } from "node:child_process";
import {
  closeSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { builtCore, Machine } from "../../tools/emulator/host/index.ts";
import { QEMU } from "../../tools/testing/host-tools.ts";
import { kernelOptions } from "../testing/qemu.ts";
import { IMAGE_BASE } from "./agent.ts";

export interface Board {
  readonly cpus: number;
  /** Physical address of the agents' image. Throws when they do not start. */
  image(): number;
  /** 64-bit words and bytes of physical memory. */
  read(at: number): bigint;
  write(at: number, value: bigint): void;
  writeByte(at: number, value: number): void;
  /** Lets the machine run until something is so; false when that takes too long. */
  runUntil(isSo: () => boolean): boolean;
  /** Lets it run for a moment. */
  run(): void;
  /** What is on the serial line. */
  readonly log: string;
  close(): void;
}

/** What is booted. */
export interface Images {
  kernel: Uint8Array;
  agents: Uint8Array;
  cpus: number;
}

const MEMORY_BYTES = 256 * 2 ** 20;
const PAGE = 4096;

/** The emulator, one instruction at a time and the same in every run. */
export class EmulatedBoard implements Board {
  readonly cpus: number;
  private readonly machine: Machine;
  /** Instructions of all CPUs that something may take. */
  private static readonly PATIENCE = 20_000_000;

  static async boot({ kernel, agents, cpus }: Images, cpu: "default" | "max"): Promise<Board> {
    const modules = [{ file: agents, name: "agents" }];
    const memory = `${MEMORY_BYTES / 2 ** 20}M`;
    const core = await builtCore();
    const options = { core, kernel, modules, cpu, cpus, memory, vga: false };
    return new EmulatedBoard(await Machine.create(options), cpus);
  }

  private constructor(machine: Machine, cpus: number) {
    this.machine = machine;
    this.cpus = cpus;
  }

  image(): number {
    this.machine.runSync({ nanoseconds: 60_000_000 });
    const image = this.machine.translate(BigInt(IMAGE_BASE));
    if (image === undefined) throw new Error(`the agents' image is not mapped\n${this.log}`);
    return image;
  }

  /** The machine's memory, which may move while it runs. */
  private get view(): DataView {
    const ram = this.machine.ram.view();
    return new DataView(ram.buffer, ram.byteOffset, ram.byteLength);
  }

  read(at: number): bigint {
    return this.view.getBigUint64(at, true);
  }

  write(at: number, value: bigint): void {
    this.view.setBigUint64(at, value, true);
  }

  writeByte(at: number, value: number): void {
    this.view.setUint8(at, value);
  }

  runUntil(isSo: () => boolean): boolean {
    const end = this.machine.core.instructions() + EmulatedBoard.PATIENCE;
    while (!isSo()) {
      const stop = this.machine.runSync({ nanoseconds: 20_000 });
      if (stop.kind !== "limit" || this.machine.core.instructions() > end) return false;
    }
    return true;
  }

  run(): void {
    this.machine.runSync({ nanoseconds: 60_000 });
  }

  get log(): string {
    return this.machine.serialOutput;
  }

  close(): void {}
}

/** QEMU, where each CPU is a thread of the host. */
export class QemuBoard implements Board {
  readonly cpus: number;
  private readonly folder = mkdtempSync(join(tmpdir(), "trihedron-board-"));
  private readonly child: ChildProcess;
  private readonly memory: number;
  private readonly word = Buffer.alloc(8);
  /** The first bytes of the image. */
  private readonly start: Uint8Array;
  /** In ms: a host may do something else for long. */
  private static readonly PATIENCE = 60_000;
  private static readonly NAP = new Int32Array(new SharedArrayBuffer(4));

  constructor({ kernel, agents, cpus }: Images, cpu: string) {
    this.cpus = cpus;
    const header = new DataView(agents.buffer, agents.byteOffset, agents.byteLength);
    // The offset of its only segment in the file. System V ABI, ELF-64 program header.
    const offset = Number(header.getBigUint64(Number(header.getBigUint64(32, true)) + 8, true));
    this.start = agents.subarray(offset, offset + 64);
    const file = (name: string) => join(this.folder, name);
    writeFileSync(file("kernel"), kernel);
    writeFileSync(file("agents"), agents);
    writeFileSync(file("memory"), "");
    this.child = execFile(QEMU, [
      ...["-machine", "pc,memory-backend=ram", "-m", `${MEMORY_BYTES / 2 ** 20}M`],
      "-object",
      `memory-backend-file,id=ram,size=${MEMORY_BYTES},mem-path=${file("memory")},share=on`,
      ...["-smp", `${cpus}`, "-cpu", cpu, "-display", "none", "-no-reboot"],
      ...["-serial", `file:${file("serial")}`],
      ...kernelOptions(file("kernel"), { file: file("agents"), args: "agents" }),
    ]);
    this.memory = openSync(file("memory"), "r+");
  }

  image(): number {
    const isUp = () => / free pages \d+\r?\n/.test(this.log);
    if (!this.runUntil(isUp)) throw new Error(`the kernel does not start\n${this.log}`);
    const all = Buffer.alloc(MEMORY_BYTES);
    readSync(this.memory, all, 0, MEMORY_BYTES, 0);
    for (let at = 0; at < MEMORY_BYTES; at += PAGE) {
      if (this.start.every((byte, i) => all[at + i] === byte)) return at;
    }
    throw new Error(`the agents' image is not in memory\n${this.log}`);
  }

  read(at: number): bigint {
    readSync(this.memory, this.word, 0, 8, at);
    return this.word.readBigUInt64LE();
  }

  write(at: number, value: bigint): void {
    this.word.writeBigUInt64LE(value);
    writeSync(this.memory, this.word, 0, 8, at);
  }

  writeByte(at: number, value: number): void {
    writeSync(this.memory, Uint8Array.of(value), 0, 1, at);
  }

  runUntil(isSo: () => boolean): boolean {
    const start = Date.now();
    for (let tries = 0; !isSo(); tries++) {
      if (Date.now() - start > QemuBoard.PATIENCE) return false;
      if (tries > 20) Atomics.wait(QemuBoard.NAP, 0, 0, tries > 200 ? 1 : 0.1);
    }
    return true;
  }

  run(): void {
    Atomics.wait(QemuBoard.NAP, 0, 0, 1);
  }

  get log(): string {
    try {
      return readFileSync(join(this.folder, "serial"), "latin1");
    } catch {
      return "";
    }
  }

  close(): void {
    this.child.kill("SIGKILL");
    closeSync(this.memory);
    rmSync(this.folder, { recursive: true, force: true });
  }
}
