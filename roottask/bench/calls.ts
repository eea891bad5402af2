// What a system call of a Linux program costs: the emulator goes some rounds of a loop around the call and then steps
// through one. What is counted begins with SYSCALL and ends with the instruction that leads behind it.

import { Machine } from "../../tools/emulator/host/machine.ts";
import { loadDisassembler } from "../../tools/emulator/inspect/iced.ts";
import { elfSymbols, type SymbolTable } from "../../tools/emulator/inspect/symbols.ts";
import type { CpuAccess } from "../../tools/emulator/platform/cpu-access.ts";
import { tarOf } from "../testing/samples.ts";
import { behindSymbol, callProgram, calls, FILE_BYTES, loopSymbol } from "./program.ts";

export type Room = "user" | "kernel" | "roottask";

export interface Step {
  room: Room;
  /** The function or label it belongs to, and its distance from there. */
  place: string;
  text: string;
}

export interface System {
  kernel: Uint8Array;
  roottask: Uint8Array;
}

/** Line of the start file for a program whose mediator has memory to hand out. */
export const PREGRANTED = "pregrant 1M";

/** Rounds before the one that is counted: pages are touched then, and slots filled. */
const WARM_UP = 4;
const MAX_INSTRUCTION = 15;
/** Instructions up to the loop; far more than there are. */
const LIMIT = 400_000_000;
/** The roottask's code is linked there (asm/layout.ts). */
const ROOTTASK_START = 0x7000_0000n;
const ROOTTASK_END = 0x7100_0000n;

/** What is told of each instruction: the call, the machine, and the program's symbols. */
export interface Visit {
  name: string;
  machine: Machine;
  cpu: CpuAccess;
  symbols: SymbolTable;
}

/**
 * Goes one round of every call, in a program started with `line` of the start file; `visit` is called in front of each
 * instruction and at the end of the round.
 */
export async function traceCalls(
  { kernel, roottask }: System,
  line: string,
  visit: (at: Visit) => void,
): Promise<void> {
  const program = callProgram(WARM_UP + 3);
  const archive = await tarOf([
    { name: "userland.conf", data: `${line}\n` },
    { name: "calls", mode: 0o755, data: program },
    { name: "data", data: new Uint8Array(FILE_BYTES) },
  ]);
  const machine = await Machine.create({
    kernel,
    memory: "512M",
    cpu: "max",
    append: "serial",
    modules: [
      { file: roottask, name: "roottask", commandLine: "roottask" },
      { file: archive, name: "userland.tar", commandLine: "userland" },
    ],
  });
  const userSymbols = elfSymbols({ name: "calls", data: program });
  const [cpu] = machine.cpus;
  if (cpu === undefined) throw new Error("the machine has no CPU");
  const address = (symbol: string): bigint => {
    const found = userSymbols.address(symbol);
    if (found === undefined) throw new Error(`the program has no symbol "${symbol}"`);
    return found;
  };

  for (const { name } of calls) {
    const loop = address(loopSymbol(name));
    const behind = address(behindSymbol(name));
    machine.core.set_breakpoint(loop, 1);
    for (let round = 0; round <= WARM_UP; round++) {
      if (round > 0) machine.step();
      const stop = machine.runSync({ instructions: LIMIT });
      if (stop.kind !== "debug") {
        throw new Error(
          `the program did not come to "${name}": ${stop.kind}\n${machine.serialOutput}`,
        );
      }
    }
    machine.core.set_breakpoint(loop, 0);
    const at = { name, machine, cpu, symbols: userSymbols };
    for (; cpu.wide("rip") !== behind; machine.step()) visit(at);
    visit(at);
  }
}

/** Lists one round of every call, started with `line` of the start file, which names the program. */
export async function listCalls(
  system: System,
  line = "linux calls",
): Promise<Map<string, Step[]>> {
  const disassemble = await loadDisassembler();
  const roottask = elfSymbols({ name: "roottask", data: system.roottask });
  const listings = new Map<string, Step[]>();
  await traceCalls(system, line, ({ name, machine, cpu, symbols }) => {
    const at = cpu.wide("rip");
    let room: Room = "user";
    if (cpu.cpl === 0) room = "kernel";
    else if (at >= ROOTTASK_START && at < ROOTTASK_END) room = "roottask";
    const tables = { user: symbols, kernel: machine.symbols(), roottask };
    const describe = (target: bigint) => tables[room]?.describe(target) ?? "";
    const text = disassemble(machine.readLinear(at, MAX_INSTRUCTION), at, 64, 1, describe)[0]?.text;
    const steps = listings.get(name) ?? [];
    listings.set(name, steps);
    // What leads to the call is not part of it.
    if (steps.length > 0 || text === "syscall")
      steps.push({ room, place: describe(at), text: text ?? "?" });
  });
  // The last one is behind the call.
  for (const steps of listings.values()) steps.pop();
  return listings;
}
