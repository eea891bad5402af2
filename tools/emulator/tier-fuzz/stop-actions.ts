// What is done to the machines where they stand still: what a debugger, a device and a snapshot do. Two machines that
// were in one state must be in one state again, and go on alike.

import { Random } from "../cputest/random.ts";
import type { Machine } from "../machine.ts";
import { CODE_FRAMES, type Environment, WINDOW_PAGES } from "./environment.ts";

/** A guest's code that devices write to: its first bytes. */
const WRITTEN = 0x400;
const TRACE_BLOCKS = 8;
const READS_AND_WRITES = 3;

/** Actions of one program, which its seed decides. */
export class StopActions {
  readonly #random: Random;
  readonly #environment: Environment;
  readonly #believed: Machine;
  readonly #doubted: Machine;
  #breakpoint: bigint | undefined;
  #isTraced = false;
  #snapshots = 0;

  constructor(seed: number, environment: Environment, believed: Machine, doubted: Machine) {
    this.#random = new Random(seed, 0x570b);
    this.#environment = environment;
    this.#believed = believed;
    this.#doubted = doubted;
  }

  /**
   * Something at a stop, to both machines: snapshots and traces drop translations, which a guest can tell that has changed
   * page tables and invalidated nothing, or only on another CPU.
   */
  act(): void {
    const random = this.#random;
    const both = [this.#believed, this.#doubted];
    const { code, data } = this.#environment;
    switch (random.below(8)) {
      case 0:
        for (const machine of both) machine.step();
        break;
      case 1:
        this.#goOnFromSnapshots();
        break;
      case 2: {
        this.end();
        const address = BigInt(code + random.below(WRITTEN));
        for (const machine of both) machine.core.set_breakpoint(address, 1);
        this.#breakpoint = address;
        break;
      }
      case 3: {
        const address = BigInt(data + 8 * random.below((WINDOW_PAGES * 4096) / 8));
        const kinds = 1 + random.below(READS_AND_WRITES);
        for (const machine of both) machine.core.add_watchpoint(address, 8, kinds);
        break;
      }
      case 4: {
        const blocks = random.oneIn(2) ? TRACE_BLOCKS : 0;
        for (const { core } of both) core.set_trace(blocks);
        this.#isTraced = true;
        break;
      }
      case 5: {
        // As a device does that is a bus master.
        const address = CODE_FRAMES + random.below(WRITTEN);
        const bytes = Uint8Array.of(random.below(256));
        for (const machine of both) machine.ram.write(address, bytes);
        break;
      }
    }
  }

  /** From their own and, every other time, from each other's: the state of one tier has to do for the other. */
  #goOnFromSnapshots(): void {
    const [own, other] = [this.#believed.snapshot(), this.#doubted.snapshot()];
    const exchanged = this.#snapshots++ % 2 === 0;
    this.#believed.restore(exchanged ? other : own);
    this.#doubted.restore(exchanged ? own : other);
  }

  /** No breakpoints, watchpoints and traces any more. Decoded code stays where it was not traced. */
  end(): void {
    for (const { core } of [this.#believed, this.#doubted]) {
      if (this.#breakpoint !== undefined) core.set_breakpoint(this.#breakpoint, 0);
      core.clear_watchpoints();
      if (this.#isTraced) core.set_trace(0);
    }
    this.#breakpoint = undefined;
    this.#isTraced = false;
  }
}
