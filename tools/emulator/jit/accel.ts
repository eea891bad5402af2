// How guest code is executed: interpreted, or with what is hot compiled to WebAssembly. Nothing that a guest can see
// depends on it.

import { LoadError } from "../load-error.ts";

/** The interpreter alone, or with the compiled tier beside it. */
export type Accel = { kind: "interp" } | { kind: "jit"; threshold?: number };

export const DEFAULT_ACCEL: Accel = { kind: "jit" };

/**
 * Entries of a block after which it is compiled: about as many as make interpreting cost what compiling does, which is
 * 0.2 ms for each of its instructions, the engine's part included.
 */
export const DEFAULT_THRESHOLD = 60_000;
const MAX_THRESHOLD = 2 ** 31 - 1;

/** Parses `interp`, `jit` or `jit,threshold=N`. Throws `LoadError`; `option` is what stands in front of the text. */
export function parseAccel(text: string, option = "-accel "): Accel {
  const match = /^(interp|jit)(?:,threshold=(\d+))?$/.exec(text);
  const [, kind, threshold] = match ?? [];
  if (match === null || (kind === "interp" && threshold !== undefined)) {
    throw new LoadError(`${option}${text}: expected interp, jit or jit,threshold=N`);
  }
  if (kind === "interp") return { kind };
  if (threshold === undefined) return { kind: "jit" };
  return checkedAccel({ kind: "jit", threshold: Number(threshold) });
}

/** `accel` with all that it leaves open. */
export type CheckedAccel = { kind: "interp" } | { kind: "jit"; threshold: number };

/** Throws `LoadError` for what is no way of execution. */
export function checkedAccel(accel: Accel): CheckedAccel {
  if (accel.kind === "interp") return accel;
  const { kind, threshold = DEFAULT_THRESHOLD } = accel;
  if (kind !== "jit") throw new LoadError(`accel ${kind}: expected interp or jit`);
  if (!Number.isInteger(threshold) || threshold < 0 || threshold > MAX_THRESHOLD) {
    throw new LoadError(`accel threshold ${threshold}: expected 0 to ${MAX_THRESHOLD}`);
  }
  return { kind, threshold };
}
