// Checker of register allocations: follows which virtual registers every location holds through
// all paths and reports an operand that is read from a place that may not hold it. Independent of
// how the allocation was found; used by the tests and by the fuzzer.

import {
  FIRST_VREG,
  type Inst,
  type LBlock,
  type LFunc,
  type Move,
  predecessorIndex,
  Use,
} from "./lir.ts";
import type { Allocation } from "./resolve.ts";

/** Location → operand codes whose value it holds. */
type State = Map<number, Set<number>>;

function copy(state: State): State {
  return new Map([...state].map(([location, codes]) => [location, new Set(codes)]));
}

/** Keeps in `into` what both hold; returns whether anything was lost. */
function meet(into: State, other: State): boolean {
  let changed = false;
  for (const [location, codes] of into) {
    const others = other.get(location);
    for (const code of codes) {
      if (!others?.has(code)) {
        codes.delete(code);
        changed = true;
      }
    }
    if (codes.size === 0) into.delete(location);
  }
  return changed;
}

function parallel(state: State, moves: Move[]): void {
  const read = moves.map((m) => (m.from < 0 ? new Set([m.from]) : new Set(state.get(m.from))));
  moves.forEach((m, i) => {
    state.set(m.to, read[i] as Set<number>);
  });
}

class Checker {
  private readonly f: LFunc;
  private readonly a: Allocation;

  constructor(f: LFunc, a: Allocation) {
    this.f = f;
    this.a = a;
  }

  private fail(problem: string, k: number): never {
    throw new Error(`register allocation of ${this.f.name}, instruction ${k}: ${problem}`);
  }

  private instruction(state: State, inst: Inst, k: number): void {
    const at = (code: number, pos: number): number => this.a.locate(code, pos);
    const taken = new Map<number, number>();
    inst.srcs.forEach((code, i) => {
      if (code < FIRST_VREG) return;
      const kind = inst.kinds[i] as number;
      const location = at(code, k * 4);
      if (kind === Use.Temp) {
        if (taken.has(location)) this.fail(`temporary shares location ${location}`, k);
        taken.set(location, code);
        return;
      }
      if (!state.get(location)?.has(code)) {
        this.fail(`operand v${code} is not in location ${location}`, k);
      }
      const needsRegister = kind === Use.Reg || kind === Use.RegLate || kind === Use.RegMid;
      if (needsRegister && location >= FIRST_VREG) this.fail(`operand v${code} is in memory`, k);
      const beyondReading = kind >= Use.RegLate && kind < Use.Fixed;
      if (beyondReading && location < FIRST_VREG && (inst.clobbers >>> location) & 1) {
        this.fail(`operand v${code} is in register ${location}, which is overwritten`, k);
      }
      if (kind === Use.RegLate || kind === Use.AnyLate) taken.set(location, code);
    });
    for (let r = 0; r < FIRST_VREG; r++) if ((inst.clobbers >>> r) & 1) state.delete(r);
    inst.srcs.forEach((code, i) => {
      if (inst.kinds[i] === Use.Temp) state.delete(at(code, k * 4));
    });
    if (inst.dst >= FIRST_VREG) {
      const location = at(inst.dst, k * 4 + 2);
      if (location >= FIRST_VREG) this.fail(`result v${inst.dst} is in memory`, k);
      if (taken.has(location))
        this.fail(`result v${inst.dst} overwrites v${taken.get(location)} too early`, k);
      if (inst.lateClobber && (inst.clobbers >>> location) & 1) {
        this.fail(`result v${inst.dst} is in overwritten register ${location}`, k);
      }
      for (const codes of state.values()) codes.delete(inst.dst);
      state.set(location, new Set([inst.dst]));
    } else if (inst.dst >= 0) state.delete(inst.dst);
  }

  private block(state: State, block: LBlock): void {
    block.insts.forEach((inst, i) => {
      const k = block.first + i;
      for (const moves of this.a.moves.get(k) ?? []) parallel(state, moves);
      this.instruction(state, inst, k);
    });
  }

  /** What the successor's entry state is along this edge: phis take the value of their operand. */
  private enter(state: State, block: LBlock, succ: LBlock): State {
    const next = copy(state);
    const p = predecessorIndex(block, succ);
    for (const codes of next.values()) for (const phi of succ.phis) codes.delete(phi.dst);
    for (const phi of succ.phis) {
      for (const [location, codes] of state) {
        if (codes.has(phi.args[p] as number)) next.get(location)?.add(phi.dst);
      }
    }
    return next;
  }

  run(): void {
    const entry: (State | undefined)[] = [new Map()];
    const work = [this.f.blocks[0] as LBlock];
    while (work.length > 0) {
      const block = work.pop() as LBlock;
      const state = copy(entry[block.index] as State);
      // Entry states only shrink while this goes on, so an error found early stays one.
      this.block(state, block);
      for (const succ of block.succs) {
        const into = this.enter(state, block, succ);
        const known = entry[succ.index];
        if (!known) entry[succ.index] = into;
        else if (!meet(known, into)) continue;
        work.push(succ);
      }
    }
  }
}

/** Throws Error naming function, instruction and operand when the allocation is wrong. */
export function checkAllocation(f: LFunc, a: Allocation): void {
  new Checker(f, a).run();
}
