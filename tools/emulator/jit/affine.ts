// What a block makes of registers, as sums of multiples of those with which it begins: by how much an address changes in
// each round of a loop.

import { EXTEND_U, I32_ADD, I32_SUB, I64_ADD, I64_AND, I64_SHL, I64_SUB, WRAP } from "./fold.ts";
import { bitsOf, CONST, LOCAL, type Value } from "./value.ts";

/**
 * How a value follows from the sum: it is the sum in 64 bits; the sum's low half, extended with zeros; or only its low
 * half is the sum's.
 */
export type Fit = "exact" | "short" | "low";

/** Locals that hold what registers are where the block begins. */
export interface Registers {
  /** The field that a local is for, if it is a general register's or that of RIP's page, or -1. */
  registerOf(local: number): number;
}

/** A sum of fields of the state, each a number of times, and a constant: all modulo 2^64. */
export interface Affine {
  /** How many times each field, by its number; none 0 times. */
  readonly terms: ReadonlyMap<number, bigint>;
  readonly plus: bigint;
  readonly fit: Fit;
}

const LOW_HALF = 0xffffffffn;
/** How deep expressions are looked at. */
const MAX_DEPTH = 8;

const signed = (bits: bigint): bigint => BigInt.asIntN(64, bits);

/** The field `f` itself. */
export function fieldItself(f: number): Affine {
  return { terms: new Map([[f, 1n]]), plus: 0n, fit: "exact" };
}

/** `x` and `times` times `y`. */
function sum(x: Affine, y: Affine, times: bigint, fit: Fit): Affine {
  const terms = new Map(x.terms);
  for (const [f, n] of y.terms) {
    const total = signed((terms.get(f) ?? 0n) + n * times);
    if (total === 0n) terms.delete(f);
    else terms.set(f, total);
  }
  return { terms, plus: signed(x.plus + y.plus * times), fit };
}

const NOTHING: Affine = { terms: new Map(), plus: 0n, fit: "exact" };

/** A value over the fields at the block's start; undefined where it is no such sum. */
export function affineOf(
  value: Value | undefined,
  registers: Registers,
  depth = MAX_DEPTH,
): Affine | undefined {
  if (value === undefined || depth === 0) return undefined;
  if (value.affine !== undefined) return value.affine;
  const { op, a, b } = value;
  if (op === CONST) return { ...NOTHING, plus: signed(bitsOf(value)) };
  if (op === LOCAL) {
    const f = registers.registerOf(value.n);
    return f < 0 ? undefined : fieldItself(f);
  }
  const over = (operand: Value | undefined): Affine | undefined =>
    affineOf(operand, registers, depth - 1);
  if (op === WRAP || op === EXTEND_U || (op === I64_AND && isLowHalf(b))) {
    const whole = over(a);
    return whole && { ...whole, fit: op === WRAP ? "low" : "short" };
  }
  if (op === I64_ADD || op === I64_SUB || op === I32_ADD || op === I32_SUB) {
    const [x, y] = [over(a), over(b)];
    if (x === undefined || y === undefined) return undefined;
    const wide = op === I64_ADD || op === I64_SUB;
    const exact = wide && x.fit === "exact" && y.fit === "exact";
    return sum(x, y, op === I64_ADD || op === I32_ADD ? 1n : -1n, exact ? "exact" : "low");
  }
  if (op === I64_SHL && b?.op === CONST) {
    const x = over(a);
    const by = bitsOf(b) & 63n;
    return x && sum(NOTHING, x, 1n << by, x.fit === "exact" ? "exact" : "low");
  }
  return undefined;
}

function isLowHalf(mask: Value | undefined): boolean {
  return mask?.op === CONST && bitsOf(mask) === LOW_HALF;
}

/** `form` over other fields: each of its own is what `fields` has for it, or unknown. */
export function substituted(
  form: Affine,
  fields: (f: number) => Affine | undefined,
): Affine | undefined {
  let result: Affine = { ...NOTHING, plus: form.plus };
  let exact = true;
  for (const [f, n] of form.terms) {
    const known = fields(f);
    if (known === undefined) return undefined;
    if (form.terms.size === 1 && n === 1n && form.plus === 0n && form.fit === "exact") return known;
    exact &&= known.fit === "exact";
    result = sum(result, known, n, "exact");
  }
  return { ...result, fit: form.fit === "exact" && !exact ? "low" : form.fit };
}

/** Whether two are the same sum, and the value follows from it alike. */
export function sameAffine(x: Affine, y: Affine): boolean {
  if (x.fit !== y.fit || x.plus !== y.plus || x.terms.size !== y.terms.size) return false;
  return [...x.terms].every(([f, n]) => y.terms.get(f) === n);
}
