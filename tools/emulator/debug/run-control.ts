// Stopping and going on: who may let the machine run, and what it tells those who watch. The gdb
// stub, the monitor and the command line share one of these.

import type { Machine, RunLimits, Stop } from "../machine.ts";
import type { Disk } from "../media/disk.ts";
import type { DiskFailure } from "../media/disk-failures.ts";

/** What a watchpoint reacts to. */
export type WatchKind = "write" | "read" | "access";

export interface Watchpoint {
  kind: WatchKind;
  address: bigint;
  /** Bytes: 1, 2, 4 or 8. */
  length: number;
}

/** Why the machine stands still, as a debugger hears it. */
export type Halt =
  | { kind: "paused" }
  /** A disk's failure that stops the machine; going on is trying again. */
  | { kind: "io-error" }
  | { kind: "breakpoint"; cpu: number }
  | { kind: "watchpoint"; cpu: number; watch: Watchpoint }
  | { kind: "step"; cpu: number }
  /** The guest is over: what ended it. */
  | { kind: "ended"; stop: Stop };

/** What happens to a machine beside its coming to a halt. */
export type RunEvent =
  | { kind: "resume" }
  /** It has been reset: by the guest, or from outside. */
  | { kind: "reset"; by: "guest" | "host" }
  /** The power button was pressed. */
  | { kind: "power-button" }
  /** The tray of a drive has been opened or closed. */
  | { kind: "tray"; disk: Disk; open: boolean }
  /** The host has failed a request to a disk. */
  | { kind: "disk-failure"; disk: Disk; failure: DiskFailure };

export class RunControl {
  readonly machine: Machine;
  #paused: boolean;
  #pauseAsked = false;
  #wake: (() => void) | undefined;
  readonly #watchers: (() => void)[] = [];
  readonly #breakpoints = new Set<bigint>();
  readonly #watchpoints: Watchpoint[] = [];
  #ended: Stop | undefined;
  /** `run` has been called and has not returned. */
  #inRun = false;
  /** The machine came to a halt. */
  readonly onHalt = new Set<(halt: Halt) => void>();
  /** What else happens to the machine. */
  readonly onEvent = new Set<(event: RunEvent) => void>();

  constructor(machine: Machine, paused: boolean) {
    this.machine = machine;
    this.#paused = paused;
    machine.onReset = (by) => this.#tell({ kind: "reset", by });
    machine.onDiskFailure = (disk, failure) => this.#tell({ kind: "disk-failure", disk, failure });
    machine.onTray = (disk, open) => this.#tell({ kind: "tray", disk, open });
    machine.onWaitingInput = () => this.#poke();
  }

  #tell(event: RunEvent): void {
    for (const listener of this.onEvent) listener(event);
  }

  get paused(): boolean {
    return this.#paused;
  }

  /** It stands still since a disk has failed. */
  get failed(): boolean {
    return this.#paused && this.machine.waitingDisks.length > 0;
  }

  /** Stops at the next slice, or at once while the machine waits for something from outside. */
  pause(): void {
    if (this.#paused) return;
    if (this.#inRun) {
      this.#pauseAsked = true;
      this.machine.stop();
    } else {
      this.#halt({ kind: "paused" });
    }
    this.#poke();
  }

  /** Stops; resolves when the machine stands still. */
  async standstill(): Promise<void> {
    this.pause();
    if (this.#paused) return;
    await new Promise<void>((resolve) => {
      const halted = (): void => {
        this.onHalt.delete(halted);
        resolve();
      };
      this.onHalt.add(halted);
    });
  }

  resume(): void {
    if (this.#ended !== undefined) return;
    this.#pauseAsked = false;
    if (this.#paused) {
      this.#paused = false;
      this.#tell({ kind: "resume" });
    }
    this.#wake?.();
    this.#wake = undefined;
    this.#poke();
  }

  /** Lets a guest that was over run: the machine has been reset, or got another state. */
  revive(): void {
    this.#ended = undefined;
    this.resume();
  }

  /** Wakes a machine that sleeps; false if it is awake. */
  wakeUp(): boolean {
    const { asleep } = this.machine;
    if (asleep) this.machine.input({ kind: "wake-up" });
    return asleep;
  }

  /** Resets the machine, which then runs or stands still as before. */
  reset(): void {
    this.machine.input({ kind: "reset" });
  }

  pressPowerButton(): void {
    this.#tell({ kind: "power-button" });
    this.machine.input({ kind: "power-button" });
  }

  /** Resolves when the machine is paused, resumed, reset or woken, or has got input. */
  poked(): Promise<void> {
    return new Promise((resolve) => this.#watchers.push(resolve));
  }

  #poke(): void {
    for (const watcher of this.#watchers.splice(0)) watcher();
  }

  #halt(halt: Halt): void {
    this.#paused = true;
    for (const listener of this.onHalt) listener(halt);
  }

  /** A non-maskable interrupt. */
  raiseNmi(cpu: number): void {
    this.machine.input({ kind: "nmi", cpu });
  }

  /** Virtual time at which a run ends, ns. */
  end = Number.POSITIVE_INFINITY;

  // ---- Breakpoints, by linear address

  setBreakpoint(address: bigint): void {
    this.#breakpoints.add(address);
    this.machine.core.set_breakpoint(address, 1);
  }

  clearBreakpoint(address: bigint): boolean {
    if (!this.#breakpoints.delete(address)) return false;
    this.machine.core.set_breakpoint(address, 0);
    return true;
  }

  breakpoints(): readonly bigint[] {
    return [...this.#breakpoints];
  }

  watchpoints(): readonly Watchpoint[] {
    return this.#watchpoints;
  }

  /** False if there is no room for another one. */
  setWatchpoint(watch: Watchpoint): boolean {
    if (this.#watchpoints.length >= MAX_WATCHPOINTS) return false;
    this.#watchpoints.push(watch);
    this.#loadWatchpoints();
    return true;
  }

  clearWatchpoint(watch: Watchpoint): boolean {
    const at = this.#watchpoints.findIndex(
      (w) => w.kind === watch.kind && w.address === watch.address && w.length === watch.length,
    );
    if (at < 0) return false;
    this.#watchpoints.splice(at, 1);
    this.#loadWatchpoints();
    return true;
  }

  #loadWatchpoints(): void {
    const { core } = this.machine;
    core.clear_watchpoints();
    for (const w of this.#watchpoints) core.add_watchpoint(w.address, w.length, WATCH_BITS[w.kind]);
  }

  // ---- Running

  /** Executes one instruction of `cpu` while the machine is paused. */
  step(cpu: number): Halt {
    const stop = this.machine.step(cpu);
    const halt: Halt = this.#haltOf(stop) ?? { kind: "step", cpu };
    this.#halt(halt);
    return halt;
  }

  #haltOf(stop: Stop): Halt | undefined {
    switch (stop.kind) {
      case "debug": {
        const watch = this.#watchpoints[stop.detail - 1];
        return watch === undefined
          ? { kind: "breakpoint", cpu: stop.cpu }
          : { kind: "watchpoint", cpu: stop.cpu, watch };
      }
      case "io-error":
        return { kind: "io-error" };
      case "limit":
      case "stopped":
      case "matched":
      case "idle":
      case "suspended":
        return undefined;
      default:
        this.#ended = stop;
        return { kind: "ended", stop };
    }
  }

  /** Runs until the guest is over or idle for ever; halts for the debugger are waited out. */
  async run(): Promise<Stop> {
    this.#inRun = true;
    try {
      return await this.#run();
    } finally {
      this.#inRun = false;
    }
  }

  async #run(): Promise<Stop> {
    for (;;) {
      if (this.#paused) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        continue;
      }
      if (this.#pauseAsked) {
        this.#pauseAsked = false;
        this.#halt({ kind: "paused" });
        continue;
      }
      const stop = this.#leaveBreakpoints() ?? (await this.machine.run(this.#limits()));
      if (stop.kind === "stopped") continue;
      const halt = this.#haltOf(stop);
      if (halt === undefined) return stop;
      if (halt.kind === "ended") {
        for (const listener of this.onHalt) listener(halt);
        return stop;
      }
      this.#halt(halt);
    }
  }

  #limits(): RunLimits {
    return { nanoseconds: this.end - this.machine.core.time() };
  }

  /** A CPU that stands on a breakpoint must get past it: its instruction is stepped. */
  #leaveBreakpoints(): Stop | undefined {
    for (const cpu of this.machine.cpus) {
      if (cpu.activity !== 0 || !this.#breakpoints.has(cpu.linearRip)) continue;
      const stop = this.machine.step(cpu.cpu);
      if (stop.kind !== "limit") return stop;
    }
    return undefined;
  }
}

/** As many as the core has comparators. */
const MAX_WATCHPOINTS = 8;
const WATCH_BITS = { write: 1, read: 2, access: 3 } as const;
