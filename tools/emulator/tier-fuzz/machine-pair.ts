// Two machines that differ in their tier alone, and what a program does to them: at every stop they must be in one
// state, and have sent the same.

import {
  S_CPL,
  S_LSTAR,
  S_STAR,
  S_SYSENTER_CS,
  S_SYSENTER_EIP,
  S_SYSENTER_ESP,
  S_XCR0,
  STATE,
} from "../core/state.ts";
import { Random } from "../cputest/random.ts";
import { Machine, type MachineOptions } from "../host/machine.ts";
import type { Stop } from "../machine.ts";
import { GENERAL_NAMES } from "../platform/cpu-access.ts";
import { observationsBesideRam, type Snapshot } from "../snapshot.ts";
import { differences } from "../snapshot-fuzz/difference.ts";
import { assemble, type Built } from "./assemble.ts";
import {
  CODE64,
  kernelStackOf,
  MOST_CPUS,
  NO_CODE,
  stackOf,
  taskRegister,
  UNUSED,
} from "./environment.ts";
import { EXIT_PORT, handlersOf } from "./handlers.ts";
import type { Program } from "./program.ts";
import { StopActions } from "./stop-actions.ts";

/** What a machine of the pair is made with: its tier, or a core that is wrong on purpose. */
export type Variant = Pick<MachineOptions, "core" | "accel">;

const MEMORY = 2 << 20;
const GENERAL = 16;
const VECTORS = 16;
/** Times that breakpoints and watchpoints stop a program before they are removed. */
const MOST_DEBUG_STOPS = 20;
/** Differences that are told of. */
const SHOWN = 6;
const USUAL_MXCSR = 0x1f80;
/** STAR: the kernel's selectors are CODE64 and the one behind it, a user's those from 0x18 on (Intel SDM vol. 3A, 5.8.8). */
const SYSTEM_CALL_SELECTORS = 0x001b_0008_0000_0000n;
/** Reserved bit, IF. */
const USUAL_FLAGS = 0x202n;

/** A Multiboot kernel of one HLT: what the machine boots is overwritten. */
function idleKernel(): Uint8Array {
  const view = new DataView(new ArrayBuffer(64));
  const address = 0x10_0000;
  // Magic, flags (addresses follow), checksum, header, load address, end of data, end of BSS, entry.
  const header = [0x1bad_b002, 0x1_0000, -(0x1bad_b002 + 0x1_0000), address, address, address + 64];
  for (const [i, value] of [...header, address + 64, address + 32].entries()) {
    view.setUint32(4 * i, value, true);
  }
  view.setUint8(32, 0xf4);
  return new Uint8Array(view.buffer);
}

/** One machine that runs program after program. */
class Runner {
  readonly machine: Machine;
  readonly #empty: Snapshot;

  constructor(machine: Machine) {
    this.machine = machine;
    machine.ram.write(UNUSED, new Uint8Array(MEMORY - UNUSED).fill(NO_CODE));
    this.#empty = machine.snapshot();
  }

  static async create(variant: Variant, cpus: number, model: Program["model"]): Promise<Runner> {
    const machine = await Machine.create({
      ...variant,
      kernel: idleKernel(),
      memory: MEMORY,
      cpus,
      cpu: model,
      vga: false,
      debugExit: { iobase: EXIT_PORT, iosize: 4 },
    });
    return new Runner(machine);
  }

  load(program: Program, { environment, chunks, entries }: Built): void {
    const { machine } = this;
    machine.restore(this.#empty);
    for (const { address, bytes } of chunks) machine.ram.write(address, bytes);
    const random = new Random(program.data);
    const { registers, segments } = environment;
    for (const [n, rip] of entries.entries()) {
      const cpu = machine.cpus[n];
      if (cpu === undefined) throw new Error(`a program for ${entries.length} CPUs`);
      for (const name of ["cr0", "cr3", "cr4", "efer"] as const) cpu.setWide(name, registers[name]);
      const state = new DataView(machine.core.memory.buffer, machine.core.cpu_state(n));
      state.setBigUint64(S_XCR0 - STATE, registers.xcr0, true);
      if (environment.paging === "long") {
        const { systemCall, fastSystemCall } = handlersOf(environment);
        const msr = (field: number, content: bigint | number): void =>
          state.setBigUint64(field - STATE, BigInt(content), true);
        msr(S_STAR, SYSTEM_CALL_SELECTORS);
        msr(S_LSTAR, systemCall);
        msr(S_SYSENTER_CS, CODE64);
        msr(S_SYSENTER_ESP, kernelStackOf(n));
        msr(S_SYSENTER_EIP, fastSystemCall);
      }
      state.setUint32(S_CPL - STATE, environment.ring, true);
      for (const name of ["gdt", "idt"] as const) {
        cpu.setTable(name, registers[name].base, registers[name].limit);
      }
      for (const [name, segment] of Object.entries(segments)) {
        cpu.setSegment(name as keyof typeof segments, segment);
      }
      cpu.setSegment("tr", taskRegister(environment, n));
      for (let i = 0; i < (environment.bits === 64 ? GENERAL : GENERAL / 2); i++) {
        const value = random.integer();
        const wide = environment.bits === 64 ? value : BigInt.asUintN(32, value);
        cpu.setGeneral(GENERAL_NAMES[i] as (typeof GENERAL_NAMES)[number], wide);
      }
      cpu.setGeneral("rsp", BigInt(stackOf(environment, n)));
      for (let i = 0; i < VECTORS; i++) {
        const bytes = new Uint8Array(32);
        const view = new DataView(bytes.buffer);
        for (let at = 0; at < 32; at += 8) {
          view.setBigUint64(at, random.oneIn(2) ? random.float64() : random.integer(), true);
        }
        cpu.setVector(i, bytes);
      }
      cpu.mxcsr = USUAL_MXCSR;
      cpu.rflags = USUAL_FLAGS;
      cpu.setWide("rip", BigInt(rip));
      cpu.activate();
      cpu.commit();
    }
  }
}

/** Whether nothing differs that a guest can observe. */
function inOneState(a: Machine, b: Machine): boolean {
  if (Buffer.compare(a.ram.view(), b.ram.view()) !== 0) return false;
  const [left, right] = [observationsBesideRam(a), observationsBesideRam(b)];
  for (;;) {
    const [x, y] = [left.next(), right.next()];
    if (x.done || y.done) return x.done === y.done;
    const same =
      typeof x.value === "string" || typeof y.value === "string"
        ? x.value === y.value
        : Buffer.compare(x.value, y.value) === 0;
    if (!same) return false;
  }
}

/** In words, what is different in a machine that should be in the other's state. */
function describe(expected: Machine, found: Machine): string {
  const lines: string[] = [];
  for (const line of differences(found.snapshot(), expected.snapshot())) {
    // What a CPU keeps for the interpreter alone may differ.
    if (
      !/S_(LF_|RIP_BASE|FAULT|STOP|BUDGET|RESERVE|INSN_INDEX|HELD|COARSE|AGAIN|WRAPPING|TMP)/.test(
        line,
      )
    ) {
      lines.push(line);
    }
    if (lines.length === SHOWN) break;
  }
  const flags = found.cpus.flatMap(({ rflags }, n) => {
    const right = expected.cpus[n]?.rflags;
    return rflags === right ? [] : [`CPU ${n}, RFLAGS: ${rflags}, expected ${right}`];
  });
  return [...flags, ...lines].join("; ");
}

const stopText = (stop: Stop): string => JSON.stringify(stop);

export interface Outcome {
  /** What ended the program, its instructions, and how many of them the doubted machine ran compiled. */
  end: string;
  instructions: number;
  compiled: number;
  /** The first difference, with its stop. */
  difference?: string;
}

export class MachinePair {
  readonly #variants: readonly [Variant, Variant];
  readonly #runners = new Map<string, readonly [Runner, Runner]>();

  /** The first variant is the one that is believed. */
  constructor(believed: Variant, doubted: Variant) {
    this.#variants = [believed, doubted];
  }

  async #pair(program: Program): Promise<readonly [Runner, Runner]> {
    const cpus = program.entries.length > 1 ? MOST_CPUS : 1;
    const name = `${cpus} ${program.model}`;
    let pair = this.#runners.get(name);
    if (pair === undefined) {
      const [a, b] = this.#variants;
      pair = [
        await Runner.create(a, cpus, program.model),
        await Runner.create(b, cpus, program.model),
      ];
      this.#runners.set(name, pair);
    }
    return pair;
  }

  /** The machine that is believed, which has run `program`. */
  async believed(program: Program): Promise<Machine> {
    return (await this.#pair(program))[0].machine;
  }

  /** The other one. */
  async doubted(program: Program): Promise<Machine> {
    return (await this.#pair(program))[1].machine;
  }

  /** Machines that have run nothing: what a program does must not depend on the one before it. */
  refresh(): void {
    this.#runners.clear();
  }

  /** Runs a program on both, up to the first difference. Throws `TooLong`. */
  async run(program: Program): Promise<Outcome> {
    const built = assemble(program);
    const pair = await this.#pair(program);
    for (const runner of pair) runner.load(program, built);
    const [a, b] = pair.map(({ machine }) => machine) as [Machine, Machine];
    const started = a.core.instructions();
    const compiled = (): number => b.tierStatistics?.instructions ?? 0;
    const compiledBefore = compiled();
    const outcome = (end: Stop, found?: string): Outcome => ({
      end: end.kind,
      instructions: a.core.instructions() - started,
      compiled: compiled() - compiledBefore,
      ...(found === undefined ? {} : { difference: found }),
    });
    const actions = new StopActions(program.data, built.environment, a, b);
    try {
      const began = a.core.time();
      for (const [index, until] of program.stops.entries()) {
        const where = `stop ${index} at ${until} ns`;
        // A breakpoint or watchpoint is a stop on the way there; what stops again and again is given up.
        for (let stops = 0; ; stops++) {
          const limits = { nanoseconds: Math.max(until - (a.core.time() - began), 0) };
          const x = a.runSync(limits);
          const y = attempt(() => b.runSync(limits));
          if (typeof y === "string") return outcome(x, `${where}: ${y}`);
          if (stopText(x) !== stopText(y)) {
            return outcome(x, `${where}: ended with ${stopText(y)}, expected ${stopText(x)}`);
          }
          if (!inOneState(a, b)) return outcome(x, `${where}: ${describe(a, b)}`);
          if (a.serialOutput !== b.serialOutput) return outcome(x, `${where}: serial output`);
          if (x.kind !== "debug") {
            if (x.kind !== "limit" || index === program.stops.length - 1) return outcome(x);
            break;
          }
          if (stops === MOST_DEBUG_STOPS) actions.end();
          for (const machine of [a, b]) machine.step(x.cpu);
        }
        actions.act();
      }
      return outcome({ kind: "limit" });
    } finally {
      actions.end();
    }
  }
}

/** The result, or what the machine died of. */
function attempt(run: () => Stop): Stop | string {
  try {
    return run();
  } catch (error) {
    if (error instanceof WebAssembly.RuntimeError || error instanceof WebAssembly.CompileError) {
      return `it crashed: ${error.message}`;
    }
    throw error;
  }
}
