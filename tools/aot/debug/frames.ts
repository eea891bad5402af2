// Call frame information of compiled code: how to find the caller's frame at each instruction. The frame's layout is
// that of x64/emit.ts: saved registers below the return address, the first one at CFA - 16.

import type { CallFrame, FrameRow, RegisterRule } from "../../elf/index.ts";
import { dwarfRegister } from "../../elf/index.ts";
import type { FunctionFrame } from "../x64/emit.ts";
import { RSP } from "../x64/encoder.ts";

/** DWARF's number of the return address. */
const RETURN_ADDRESS = 16;

/**
 * A routine that is made by hand. `leaf`: it moves RSP nowhere; `frame`: it does, `moves` says from where on the CFA is
 * `depth` bytes above RSP; `outermost`: it is called by nobody.
 */
export type RoutineFrame = { start: number; end: number } & (
  | { kind: "leaf" | "outermost" }
  | { kind: "frame"; moves: { offset: number; depth: number }[] }
);

/** Frames of section 0, ascending. */
export function callFrames(functions: FunctionFrame[], routines: RoutineFrame[]): CallFrame[] {
  return [...functions.map(functionFrame), ...routines.map(routineFrame)];
}

function functionFrame({ start, end, rows }: FunctionFrame): CallFrame {
  const out: FrameRow[] = [];
  for (const { offset, depth, saved } of rows) {
    if (offset >= end) continue;
    const rules = new Map<number, RegisterRule>([[RETURN_ADDRESS, { offset: -8 }]]);
    saved.forEach((register, i) => {
      rules.set(dwarfRegister(register), { offset: -16 - i * 8 });
    });
    out.push({ offset, cfa: { register: dwarfRegister(RSP), offset: depth }, rules });
  }
  return { section: 0, start, end, signal: false, rows: out };
}

function routineFrame(routine: RoutineFrame): CallFrame {
  const { start, end, kind } = routine;
  const rule: RegisterRule = kind === "outermost" ? "undefined" : { offset: -8 };
  const moves = kind === "frame" ? routine.moves : [];
  const rows = [{ offset: start, depth: 8 }, ...moves].map(
    ({ offset, depth }): FrameRow => ({
      offset,
      cfa: { register: dwarfRegister(RSP), offset: depth },
      rules: new Map([[RETURN_ADDRESS, rule]]),
    }),
  );
  return { section: 0, start, end, signal: false, rows };
}
