// What a system call of a Linux program costs: the emulator goes some rounds of a loop around the call and then steps
// through one. What is counted begins with SYSCALL and ends with the instruction that leads behind it.

import { loadDisassembler } from "../../tools/emulator/host/disassemble.ts";
import { Machine } from "../../tools/emulator/host/machine.ts";
import { elfSymbols, type SymbolTable } from "../../tools/emulator/inspect/symbols.ts";
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

/** Rounds before the one that is counted: pages are touched then, and slots filled. */
const WARM_UP = 4;
const MAX_INSTRUCTION = 15;
/** Instructions up to the loop; far more than there are. */
const LIMIT = 400_000_000;
/** The roottask's code is linked there (asm/layout.ts). */
const ROOTTASK_START = 0x7000_0000n;
const ROOTTASK_END = 0x7100_0000n;

/** Lists one round of every call, started with `line` of the start file, which names the program. */
export async function listCalls(
  { kernel, roottask }: System,
  line = "linux calls",
): Promise<Map<string, Step[]>> {
  const disassemble = await loadDisassembler();
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
  const tables: Record<Room, SymbolTable | undefined> = {
    user: userSymbols,
    kernel: machine.symbols(),
    roottask: elfSymbols({ name: "roottask", data: roottask }),
  };
  const [cpu] = machine.cpus;
  if (cpu === undefined) throw new Error("the machine has no CPU");
  const roomAt = (rip: bigint): Room => {
    if (cpu.cpl === 0) return "kernel";
    return rip >= ROOTTASK_START && rip < ROOTTASK_END ? "roottask" : "user";
  };
  const address = (symbol: string): bigint => {
    const found = userSymbols.address(symbol);
    if (found === undefined) throw new Error(`the program has no symbol "${symbol}"`);
    return found;
  };

  const listings = new Map<string, Step[]>();
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
    const steps: Step[] = [];
    while (cpu.wide("rip") !== behind) {
      const at = cpu.wide("rip");
      const room = roomAt(at);
      const code = machine.readLinear(at, MAX_INSTRUCTION);
      const describe = (target: bigint) => tables[room]?.describe(target) ?? "";
      const text = disassemble(code, at, 64, 1, describe)[0]?.text ?? "?";
      steps.push({ room, place: describe(at), text });
      machine.step();
    }
    const first = steps.findIndex(({ text }) => text === "syscall");
    listings.set(name, steps.slice(first));
  }
  return listings;
}
