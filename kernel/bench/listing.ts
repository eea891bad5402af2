// Which instructions a round of each path executes: the emulator goes some rounds of it and then steps through one.

import { Machine } from "../../tools/emulator/host/machine.ts";
import { loadDisassembler } from "../../tools/emulator/inspect/iced.ts";
import { elfSymbols } from "../../tools/emulator/inspect/symbols.ts";
import { buildPathBench, loopSymbol } from "./guest.ts";
import { BENCH_MACHINE } from "./measure.ts";
import { type PathName, paths } from "./paths.ts";

/** An instruction of the kernel, or one of the user's that enters it. */
export interface Step {
  /** The function or label it belongs to, and its distance from there; "user" for the user's. */
  place: string;
  text: string;
}

export interface Listing {
  steps: Step[];
  /** Instructions of a round that the user executes beside those that enter the kernel. */
  user: number;
}

/** Rounds before the one that is listed: what is done once, such as filling in a page table, is done. */
const WARM_UP = 10;
const MAX_INSTRUCTION = 15;
/** Instructions up to the loop; far more than there are. */
const LIMIT = 100_000_000;

/** Lists one round of every path. Throws an error if the roottask does not come to it. */
export async function listPaths(kernel: Uint8Array): Promise<Map<PathName, Listing>> {
  const disassemble = await loadDisassembler();
  const roottask = buildPathBench({ few: WARM_UP + 2, more: 1, samples: 1 });
  const module = { file: roottask, name: "bench" };
  const machine = await Machine.create({ ...BENCH_MACHINE, kernel, modules: [module] });
  const symbols = machine.symbols();
  const userSymbols = elfSymbols({ name: "bench", data: roottask });
  const [cpu] = machine.cpus;
  if (cpu === undefined) throw new Error("the machine has no CPU");

  const listings = new Map<PathName, Listing>();
  for (const { name } of paths) {
    const loop = userSymbols.address(loopSymbol(name));
    if (loop === undefined) throw new Error(`the roottask has no loop for "${name}"`);
    machine.core.set_breakpoint(loop, 1);
    for (let round = 0; round <= WARM_UP; round++) {
      if (round > 0) machine.step();
      const stop = machine.runSync({ instructions: LIMIT });
      if (stop.kind !== "debug") {
        throw new Error(`the benchmark's roottask did not come to "${name}": ${stop.kind}`);
      }
    }
    machine.core.set_breakpoint(loop, 0);
    const listing: Listing = { steps: [], user: 0 };
    do {
      const at = cpu.wide("rip");
      const isKernel = cpu.cpl === 0;
      const describe = (target: bigint) => (isKernel ? (symbols?.describe(target) ?? "") : "");
      const code = machine.readLinear(at, MAX_INSTRUCTION);
      const text = disassemble(code, at, 64, 1, describe)[0]?.text ?? "?";
      machine.step();
      if (isKernel) listing.steps.push({ place: describe(at), text });
      else if (cpu.cpl === 0) listing.steps.push({ place: "user", text });
      else listing.user++;
    } while (cpu.wide("rip") !== loop);
    listings.set(name, listing);
  }
  return listings;
}
