// The public API of the emulator: build a PC, run it, talk to its serial line, look into it. The
// machine is deterministic: virtual time advances with executed instructions and jumps over idle
// time, and input arrives only between slices of virtual time.

import { loadCore } from "./core/build.ts";
import { elfSymbols } from "./debug/symbols.ts";
import type { Picture } from "./devices/vga.ts";
import type { CoreExports, CoreImports } from "./interface.ts";
import { RunExit } from "./interface.ts";
import { loadKernel } from "./loader/kernel.ts";
import type { BootImage, Input } from "./loader/load-error.ts";
import { LoadError } from "./loader/load-error.ts";
import type { Module } from "./loader/modules.ts";
import { parseModules, readInput } from "./loader/modules.ts";
import { bootImage } from "./platform/boot-entry.ts";
import { mapBoardMemory } from "./platform/core-pages.ts";
import { CpuAccess } from "./platform/cpu-access.ts";
import { acpiTables } from "./platform/firmware/acpi-tables.ts";
import type { Bios } from "./platform/firmware/bios.ts";
import { firmwareData } from "./platform/firmware/low-memory.ts";
import { leaveAsFirmwareDoes } from "./platform/firmware/post-firmware.ts";
import { GuestRam } from "./platform/guest-ram.ts";
import { MAX_RAM, MIB, MIN_RAM, memoryMap } from "./platform/memory-map.ts";
import { readLinear, translate } from "./platform/page-walk.ts";
import { Board, type BoardEvent } from "./platform/pc.ts";
import { captureSnapshot, restoreSnapshot, type Snapshot, stateHash } from "./platform/snapshot.ts";

export type { Picture } from "./devices/vga.ts";
export { LoadError } from "./loader/load-error.ts";
export { CpuAccess } from "./platform/cpu-access.ts";
export type { Snapshot } from "./platform/snapshot.ts";

/** CPU models by their name on the command line, and their number in the core. */
export const CPU_MODELS = { default: 0, max: 1 } as const;
export type CpuModel = keyof typeof CPU_MODELS;

export const MAX_CPUS = 32;
/** Virtual time between looks at the outside world, ns. Fixed, so that it cannot change a run. */
const SLICE_NS = 2_000_000;
/** Host time after which an asynchronous run lets the event loop turn, ms. */
const YIELD_MS = 12;
/** Power-on time of the RTC unless told otherwise: runs must not depend on the host's clock. */
const DEFAULT_EPOCH = Date.UTC(2026, 0, 1) / 1000;

export interface ModuleOptions {
  /** Path, or contents. */
  file: string | Uint8Array;
  /** The string the kernel sees for the module; the path by default. */
  commandLine?: string;
}

/** A disk image: path, or contents. */
export interface DiskOptions {
  kind: "disk" | "cdrom";
  image: string | Uint8Array;
}

export interface MachineOptions {
  /** RAM in bytes, or as on the command line: "2048M", "1G". 128 MiB by default. */
  memory?: number | string;
  /** 1–32, 1 by default. */
  cpus?: number;
  cpu?: CpuModel;
  /** Kernel: path, or contents. */
  kernel?: string | Uint8Array;
  /** The kernel's name on its command line and in messages; its path by default. */
  kernelName?: string;
  /** Boot modules, or the value of -initrd: "FILE ARGS,FILE ARGS". */
  modules?: ModuleOptions[] | string;
  /** Kernel command line behind the kernel's name. */
  append?: string;
  /** Disk images for the BIOS, where there is no kernel. Images are not changed. */
  disks?: DiskOptions[];
  /** Kinds of media the BIOS tries, in order; hard disks first by default. */
  bootOrder?: ("disk" | "cdrom")[];
  /** RTC at power-on; 2026-01-01 by default. */
  clockStart?: Date;
  /** COM1; on by default. */
  serialPort?: boolean;
  /** The console at port 0xE9; on by default. */
  debugConsole?: boolean;
  debugExit?: { iobase: number; iosize: number };
  /** VGA; on by default. */
  vga?: boolean;
  /** A guest's reset starts it again; otherwise it ends the run (the default). */
  reboot?: boolean;
  /** Idle time is waited out instead of skipped; runs are then not repeatable. */
  realTime?: boolean;
  onSerial?: (byte: number) => void;
  onDebugConsole?: (byte: number) => void;
  onUnimplemented?: (what: string) => void;
  onAbsent?: (what: string) => void;
  onGuestError?: (what: string) => void;
  onTrace?: CoreImports["trace"];
}

/** Why a run ended. */
export type Stop =
  /** ACPI S5. */
  | { kind: "power-off" }
  | { kind: "debug-exit"; status: number }
  /** A guest's reset, with reboot off. */
  | { kind: "reset" }
  | { kind: "triple-fault"; cpu: number }
  /** All CPUs halt with interrupts off. */
  | { kind: "dead" }
  /** All CPUs halt, and no timer is set that could wake one. */
  | { kind: "idle" }
  /** The BIOS has found no medium that boots; the guest may go on to wait for one. */
  | { kind: "unbootable" }
  | { kind: "unimplemented"; cpu: number; detail: number }
  /** The limit given to `run` was reached. */
  | { kind: "limit" }
  /** `until` matched the serial output. */
  | { kind: "matched" }
  /** `stop()` was called. */
  | { kind: "stopped" }
  /** A breakpoint, watchpoint or step. */
  | { kind: "debug"; cpu: number; detail: number };

export interface RunLimits {
  /** Instructions of all CPUs, checked at every slice. */
  instructions?: number;
  /** Virtual nanoseconds. */
  nanoseconds?: number;
  /** Ends the run when serial output since the call matches. */
  until?: string | RegExp;
}

/** Parses a size as -m takes it: bytes with a suffix K, M or G, mebibytes without. Throws `LoadError`. */
export function parseMemory(value: string): number {
  const match = /^(?:size=)?(\d+)([kKmMgGbB]?)$/.exec(value);
  if (match === null) {
    throw new LoadError(`-m ${value}: expected a number with K, M or G, such as 2048M`);
  }
  const unit =
    { "": MIB, b: 1, k: 1024, m: MIB, g: 2 ** 30 }[(match[2] as string).toLowerCase()] ?? 1;
  return Number(match[1]) * unit;
}

function checkedRam(memory: number | string | undefined): number {
  const bytes = typeof memory === "string" ? parseMemory(memory) : (memory ?? 128 * MIB);
  if (!Number.isInteger(bytes) || bytes < MIN_RAM || bytes > MAX_RAM || bytes % 4096 !== 0) {
    throw new LoadError(
      `memory of ${bytes} bytes: expected ${MIN_RAM / MIB}M to ${MAX_RAM / MIB}M`,
    );
  }
  return bytes;
}

function checkedCpus(cpus: number | undefined): number {
  const n = cpus ?? 1;
  if (!Number.isInteger(n) || n < 1 || n > MAX_CPUS) {
    throw new LoadError(`${n} CPUs: expected 1 to ${MAX_CPUS}`);
  }
  return n;
}

function moduleList(modules: MachineOptions["modules"]): Module[] {
  if (modules === undefined) return [];
  if (typeof modules === "string") {
    return parseModules(modules).map((m) => ({
      file: readInput(m.path, "module"),
      commandLine: m.commandLine,
    }));
  }
  return modules.map((m, i) => {
    const file =
      typeof m.file === "string"
        ? readInput(m.file, "module")
        : { name: `module${i}`, data: m.file };
    return { file, commandLine: m.commandLine ?? file.name };
  });
}

export class Machine {
  readonly core: CoreExports;
  readonly board: Board;
  readonly ram: GuestRam;
  readonly cpus: readonly CpuAccess[];
  readonly options: MachineOptions;
  /** The kernel given, for its symbols. */
  readonly kernel: Input | undefined;

  readonly #image: BootImage | undefined;
  #bios: Bios | undefined;
  #event: BoardEvent | { kind: "unbootable" } | undefined;
  #stopAsked = false;
  /** The deadline `core.run` was given. */
  #deadline = 0;
  #running = false;
  /** Host time (ms) at which virtual time was 0, in real time runs. */
  #hostStart: number | undefined;
  #serial: number[] = [];
  #serialText = "";
  #pattern: { wanted: string | RegExp; from: number; found: boolean } | undefined;

  private constructor(
    core: CoreExports,
    ramBytes: number,
    cpus: number,
    options: MachineOptions,
    image?: BootImage,
  ) {
    this.core = core;
    this.options = options;
    this.#image = image;
    this.kernel = image?.kernel;
    this.ram = new GuestRam(core, ramBytes);
    this.cpus = Array.from({ length: cpus }, (_, n) => new CpuAccess(core, n));
    this.board = new Board(
      {
        map: memoryMap(ramBytes),
        cpus,
        epoch: options.clockStart ? Math.floor(options.clockStart.getTime() / 1000) : DEFAULT_EPOCH,
        serialPort: options.serialPort ?? true,
        debugConsole: options.debugConsole ?? true,
        debugExit: options.debugExit,
        vga: options.vga ?? true,
      },
      {
        setIntr: (level) => core.set_intr(level ? 1 : 0),
        apicMessage: (...m) => core.apic_message(...m) !== 0,
        setA20: (on) => core.set_a20(on ? 1 : 0),
      },
      {
        now: () => core.time(),
        shorten: (when) => {
          if (this.#running && when < this.#deadline) {
            this.#deadline = when;
            core.shorten_deadline(when);
          }
        },
      },
      this.ram,
      {
        unimplemented: (what) => options.onUnimplemented?.(what),
        absent: (what) => options.onAbsent?.(what),
        guestError: (what) => options.onGuestError?.(what),
      },
    );
    this.board.onEvent = (event) => this.#ask(event);
    const { uart, debugConsole } = this.board;
    if (uart !== undefined) uart.onTransmit = (byte) => this.#transmitted(byte);
    if (debugConsole !== undefined) {
      debugConsole.onByte = (byte) => options.onDebugConsole?.(byte);
    }
  }

  /** Builds a machine and boots it up to the kernel's first instruction. Throws `LoadError`. */
  static async create(options: MachineOptions = {}): Promise<Machine> {
    const ramBytes = checkedRam(options.memory);
    const cpus = checkedCpus(options.cpus);
    const model = CPU_MODELS[options.cpu ?? "default"];
    if (model === undefined) {
      throw new LoadError(
        `CPU model ${options.cpu}: the models are ${Object.keys(CPU_MODELS).join(" and ")}`,
      );
    }
    let image: BootImage | undefined;
    if (options.kernel !== undefined) {
      const input =
        typeof options.kernel === "string"
          ? readInput(options.kernel, "kernel")
          : { name: options.kernelName ?? "kernel", data: options.kernel };
      const modules = moduleList(options.modules);
      image = loadKernel(input, modules, options.append ?? "", {
        map: memoryMap(ramBytes),
        cpus,
        hasDisplay: options.vga ?? true,
      });
    }
    // The core calls back into a board that needs the core: the machine is filled in below.
    const holder: { machine?: Machine } = {};
    const board = (): Board => (holder.machine as Machine).board;
    const { exports: core } = await loadCore({
      port_read: (_cpu, port, size) => board().ports.read(port, size),
      port_write: (_cpu, port, size, value) => board().ports.write(port, value, size),
      mmio_read: (_cpu, address, size) => board().mmio.read(address, size),
      mmio_write: (_cpu, address, size, value) => board().mmio.write(address, value, size),
      interrupt_acknowledge: () => board().pic.acknowledge(),
      apic_eoi: (vector) => board().ioapic.endOfInterrupt(vector),
      trace: (...event) => options.onTrace?.(...event),
    });
    core.create(cpus, ramBytes, model);
    const machine = new Machine(core, ramBytes, cpus, options, image);
    holder.machine = machine;
    mapBoardMemory(core, ramBytes);
    if (options.kernel === undefined) await machine.#addBios();
    machine.powerOn();
    return machine;
  }

  /** A BIOS that boots from disks; its assembler is loaded only here, since it takes a while. */
  async #addBios(): Promise<void> {
    const [{ Bios }, { openDisk }] = await Promise.all([
      import("./platform/firmware/bios.ts"),
      import("./platform/firmware/image-file.ts"),
    ]);
    const disks = (this.options.disks ?? []).map((d, i) => openDisk(`disk${i}`, d.kind, d.image));
    for (const disk of disks) this.board.add(disk);
    const { board, cpus, ram } = this;
    const order = this.options.bootOrder ?? ["disk", "cdrom"];
    this.#bios = new Bios({ board, cpus, ram, map: memoryMap(ram.size) }, disks, order);
    this.#bios.onUnbootable = () => this.#ask({ kind: "unbootable" });
  }

  /** Resets the whole machine and loads the kernel again, as after switching it on. */
  powerOn(): void {
    this.#event = undefined;
    for (const cpu of this.cpus) this.core.reset_cpu(cpu.cpu);
    this.board.reset();
    const map = memoryMap(this.ram.size);
    this.#bios?.install();
    for (const p of [...firmwareData(), ...acpiTables(map, this.cpus.length)]) {
      this.ram.write(p.address, p.data);
    }
    if (this.#image === undefined) return;
    const boot = this.cpus[0] as CpuAccess;
    leaveAsFirmwareDoes(this.board, this.cpus);
    bootImage(this.#image, boot, this.ram);
    if (this.#image.framebuffer !== undefined) this.board.vga?.setMode(this.#image.framebuffer);
  }

  /** Ends `run` after the current instruction because of something outside the CPUs. */
  #ask(event: BoardEvent | { kind: "unbootable" }): void {
    this.#event ??= event;
    this.core.request_exit();
  }

  // ---- Running

  /** Runs until something ends it; lets the event loop turn, so that input, timers and signals come through. */
  async run(limits: RunLimits = {}): Promise<Stop> {
    const end = this.#begin(limits);
    let turned = performance.now();
    for (;;) {
      const stop = this.#slice(end);
      if (stop !== undefined) return this.#finish(stop);
      const ahead = this.options.realTime ? this.#aheadOfHost() : 0;
      if (ahead > 1 || performance.now() - turned > YIELD_MS) {
        this.beforeYield?.();
        await new Promise((resolve) => {
          if (ahead > 1) setTimeout(resolve, ahead);
          else setImmediate(resolve);
        });
        turned = performance.now();
      }
    }
  }

  /** Called before the event loop turns during `run`: where output is flushed. */
  beforeYield: (() => void) | undefined;

  /** Milliseconds by which virtual time since the first call is ahead of the host's clock. */
  #aheadOfHost(): number {
    const virtual = this.core.time() / 1e6;
    this.#hostStart ??= performance.now() - virtual;
    return virtual - (performance.now() - this.#hostStart);
  }

  /** Like `run`, without letting the event loop turn. */
  runSync(limits: RunLimits = {}): Stop {
    const end = this.#begin(limits);
    for (;;) {
      const stop = this.#slice(end);
      if (stop !== undefined) return this.#finish(stop);
    }
  }

  /** Executes one instruction of one CPU, for a debugger; {kind: "limit"} means that nothing else happened. */
  step(cpu = 0): Stop {
    this.board.scheduler.runDue(this.core.time());
    const exit = this.core.step(cpu);
    return this.#afterRun(exit, this.core.time(), this.core.time()) ?? { kind: "limit" };
  }

  /** Ends `run` at the next slice. */
  stop(): void {
    this.#stopAsked = true;
  }

  #begin(limits: RunLimits): { time: number; instructions: number } {
    this.#stopAsked = false;
    this.#pattern =
      limits.until === undefined
        ? undefined
        : { wanted: limits.until, from: this.serialOutput.length, found: false };
    return {
      time: this.core.time() + (limits.nanoseconds ?? Number.POSITIVE_INFINITY),
      instructions: this.core.instructions() + (limits.instructions ?? Number.POSITIVE_INFINITY),
    };
  }

  #finish(stop: Stop): Stop {
    this.#pattern = undefined;
    return stop;
  }

  /** One slice up to the next point of the virtual time grid; undefined if the run goes on. */
  #slice(end: { time: number; instructions: number }): Stop | undefined {
    const { core, board } = this;
    const grid = (Math.floor(core.time() / SLICE_NS) + 1) * SLICE_NS;
    const left = end.instructions - core.instructions();
    const target = Math.min(grid, end.time, core.time() + left);
    while (core.time() < target) {
      board.scheduler.runDue(core.time());
      this.#deadline = Math.min(target, board.scheduler.next());
      this.#running = true;
      const exit = core.run(this.#deadline);
      this.#running = false;
      const stop = this.#afterRun(exit, target, end.time);
      if (stop !== undefined) return stop;
    }
    if (this.#pattern !== undefined && this.#matches()) return { kind: "matched" };
    if (this.#stopAsked) return { kind: "stopped" };
    if (core.time() >= end.time || core.instructions() >= end.instructions)
      return { kind: "limit" };
    return undefined;
  }

  #afterRun(exit: number, target: number, endTime: number): Stop | undefined {
    const { core } = this;
    switch (exit) {
      case RunExit.Deadline:
        return undefined;
      case RunExit.Idle:
        return this.#idle(target, endTime);
      case RunExit.Requested:
        return this.#requested();
      case RunExit.TripleFault:
        if (!this.options.reboot) return { kind: "triple-fault", cpu: core.exit_cpu() };
        this.powerOn();
        return undefined;
      case RunExit.Unimplemented:
        return { kind: "unimplemented", cpu: core.exit_cpu(), detail: core.exit_detail() };
      case RunExit.Dead:
        return { kind: "dead" };
      case RunExit.Debug:
        return { kind: "debug", cpu: core.exit_cpu(), detail: core.exit_detail() };
      default:
        throw new Error(`the core's run returned ${exit}, which is not a RunExit`);
    }
  }

  /** All CPUs wait: jump to what comes next, however far away, but not past the caller's limit. */
  #idle(target: number, endTime: number): Stop | undefined {
    const { core, board } = this;
    const next = Math.min(board.scheduler.next(), core.next_timer());
    if (next === Number.POSITIVE_INFINITY) return { kind: "idle" };
    const limit = this.options.realTime ? target : Math.max(target, endTime);
    core.advance_to(Math.min(Math.max(next, core.time()), limit));
    return undefined;
  }

  #requested(): Stop | undefined {
    if (this.#pattern?.found) return { kind: "matched" };
    const event = this.#event;
    this.#event = undefined;
    if (event === undefined) return undefined;
    if (event.kind === "reset" && this.options.reboot) {
      this.powerOn();
      return undefined;
    }
    return event;
  }

  // ---- Serial line

  #transmitted(byte: number): void {
    this.#serial.push(byte);
    this.options.onSerial?.(byte);
    const p = this.#pattern;
    if (p === undefined) return;
    // A string is looked for at its last character, an expression at the end of each line.
    const last =
      typeof p.wanted === "string" ? p.wanted.charCodeAt(p.wanted.length - 1) & 0xff : 10;
    if (byte === last || typeof p.wanted === "string") {
      if (this.#matches()) {
        p.found = true;
        this.core.request_exit();
      }
    }
  }

  #matches(): boolean {
    const p = this.#pattern;
    if (p === undefined) return false;
    const text = this.serialOutput.slice(p.from);
    return typeof p.wanted === "string" ? text.includes(p.wanted) : p.wanted.test(text);
  }

  /** Everything the guest has sent on COM1, as Latin-1 characters. */
  get serialOutput(): string {
    if (this.#serial.length > 0) {
      this.#serialText += String.fromCharCode(...this.#serial.splice(0, this.#serial.length));
    }
    return this.#serialText;
  }

  /** Replaces the record of what was sent, for a restored snapshot. */
  setSerialOutput(text: string): void {
    this.#serial = [];
    this.#serialText = text;
  }

  /** Types into COM1. */
  sendSerial(input: string | Uint8Array): void {
    const bytes = typeof input === "string" ? new TextEncoder().encode(input) : input;
    this.board.uart?.receive(bytes);
  }

  /** True while input from outside could wake an idle guest. */
  get listens(): boolean {
    return this.board.uart?.listens ?? false;
  }

  // ---- Looking inside

  /** Physical memory, RAM alone; shorter where RAM ends. */
  readPhysical(address: number, length: number): Uint8Array {
    return this.ram.read(address, length);
  }

  /** Memory as CPU `cpu` sees it at a linear address; shorter where nothing is mapped. */
  readLinear(address: bigint, length: number, cpu = 0): Uint8Array {
    return readLinear(this.cpus[cpu] as CpuAccess, this.ram, address, length);
  }

  /** Physical address of a linear one, or undefined. */
  translate(address: bigint, cpu = 0): number | undefined {
    return translate(this.cpus[cpu] as CpuAccess, this.ram, address);
  }

  /** The text screen, one string a row with trailing blanks cut off; undefined in graphics modes. */
  screenText(): string[] | undefined {
    const text = this.board.vga?.textCells();
    if (text === undefined) return undefined;
    return Array.from({ length: text.rows }, (_, y) => {
      let row = "";
      for (let x = 0; x < text.columns; x++) {
        const c = text.cells[(y * text.columns + x) * 2] as number;
        row += c >= 0x20 && c < 0x7f ? String.fromCharCode(c) : c === 0 ? " " : ".";
      }
      return row.trimEnd();
    });
  }

  /** The screen in pixels: graphics modes, and text in the font of plane 2 with colours and cursor. */
  screen(): Picture | undefined {
    return this.board.vga?.picture();
  }

  /** The screen as bytes R, G, B, A (always 255) row by row, as image libraries and canvases take it. */
  screenRgba(): { width: number; height: number; data: Uint8ClampedArray } | undefined {
    const picture = this.screen();
    if (picture === undefined) return undefined;
    const { width, height, pixels } = picture;
    const data = new Uint8ClampedArray(width * height * 4);
    pixels.forEach((p, i) => {
      data.set([(p >> 16) & 0xff, (p >> 8) & 0xff, p & 0xff, 0xff], i * 4);
    });
    return { width, height, data };
  }

  /** Functions and objects of the kernel's ELF. */
  symbols() {
    return this.kernel === undefined ? undefined : elfSymbols(this.kernel);
  }

  /** Registers, code around RIP and the stack of a CPU, as text. */
  async report(cpu = 0): Promise<string> {
    const { crashReport } = await import("./debug/report.ts");
    return crashReport(this, cpu);
  }

  // ---- Snapshots

  snapshot(): Snapshot {
    return captureSnapshot(this);
  }

  restore(snapshot: Snapshot): void {
    restoreSnapshot(this, snapshot);
  }

  /** A second machine in the same state, independent of this one. */
  async clone(): Promise<Machine> {
    const other = await Machine.create({ ...this.options });
    other.restore(this.snapshot());
    return other;
  }

  /** SHA-256 over registers, memory and devices, as hexadecimal digits. */
  stateHash(): string {
    return stateHash(this);
  }
}
