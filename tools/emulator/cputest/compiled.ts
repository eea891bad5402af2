// The core with its compiled tier, for snippets: each one runs as WebAssembly that was made of it alone.

import type { CoreImports } from "../core/interface.ts";
import { coreBytes, instantiateCore } from "../core/load.ts";
import { builtCore } from "../host/core.ts";
import { Tier } from "../jit/tier.ts";
import { type Core, type CoreInstance, EmulatedCpu } from "./emulator.ts";
import type { StateRecord } from "./record.ts";

/** Entries after which the blocks of a loop are compiled: by then the core knows how they are linked. */
const LOOP_ENTRIES = 3;

/** Makes cores of one tier. Pages of code may change as often as they like. */
async function compiling(entries: number) {
  const core = await builtCore();
  const tier = new Tier(coreBytes(core) as Uint8Array, 0, Number.POSITIVE_INFINITY);
  const instantiate = async (imports: CoreImports): Promise<CoreInstance> => {
    const exports = await instantiateCore(core, imports, tier.imports);
    tier.attach(exports);
    if (entries > 1) exports.set_heat(entries);
    return { exports };
  };
  return { tier, cpu: await EmulatedCpu.create(instantiate) };
}

/** An emulated CPU that compiles every snippet: loops while they run, all others when they are entered. */
export class CompiledCpu implements Core {
  readonly #once: Awaited<ReturnType<typeof compiling>>;
  readonly #loops: Awaited<ReturnType<typeof compiling>>;

  static async create(): Promise<CompiledCpu> {
    return new CompiledCpu(await compiling(1), await compiling(LOOP_ENTRIES));
  }

  private constructor(
    once: Awaited<ReturnType<typeof compiling>>,
    loops: Awaited<ReturnType<typeof compiling>>,
  ) {
    this.#once = once;
    this.#loops = loops;
  }

  run(before: StateRecord): StateRecord {
    return this.#once.cpu.run(before);
  }

  runLoop(before: StateRecord): StateRecord {
    return this.#loops.cpu.run(before);
  }

  /** Regions that have been compiled, and instructions that they have executed. */
  get statistics(): { compilations: number; instructions: number } {
    const [once, loops] = [this.#once.tier.statistics, this.#loops.tier.statistics];
    return {
      compilations: once.compilations + loops.compilations,
      instructions: once.instructions + loops.instructions,
    };
  }
}
