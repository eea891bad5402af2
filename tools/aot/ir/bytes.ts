// Byte order: what shifts, rotates and masks put together from the bytes of one value in reverse order
// is one operation. Each value is seen as bytes of a source, or zeros.
// May assume SSA form with blocks in dominance order; leaves dead instructions behind.

import { constBig } from "./fold.ts";
import { type Func, I32, I64, Op, type Value } from "./ir.ts";

/** Where each byte of a value comes from, lowest first: a byte of `source`, or -1 for zero. */
interface Bytes {
  source: Value;
  from: number[];
}

function identity(v: Value): Bytes {
  return { source: v, from: Array.from({ length: v.type === I32 ? 4 : 8 }, (_, i) => i) };
}

/** The bytes of `v` by those of its operands, or undefined where it is no mere rearrangement. */
function arrange(v: Value, known: Map<Value, Bytes>): Bytes | undefined {
  const [a, b] = v.args as [Value, Value];
  const size = v.type === I32 ? 4 : 8;
  if (v.op === Op.Or || v.op === Op.Xor || v.op === Op.Add) {
    const [x, y] = [known.get(a), known.get(b)];
    if (!x || !y || x.source !== y.source) return undefined;
    if (x.from.some((from, i) => from >= 0 && (y.from[i] as number) >= 0)) return undefined;
    return { source: x.source, from: x.from.map((from, i) => Math.max(from, y.from[i] as number)) };
  }
  if (b?.op !== Op.Const) return undefined;
  const c = constBig(b);
  if (v.op === Op.And) {
    const { source, from } = known.get(a) ?? identity(a);
    const kept: number[] = [];
    for (let i = 0; i < size; i++) {
      const byte = (c >> BigInt(i * 8)) & 0xffn;
      if (byte !== 0n && byte !== 0xffn) return undefined;
      kept.push(byte === 0n ? -1 : (from[i] as number));
    }
    return { source, from: kept };
  }
  const bits = Number(c & BigInt(size * 8 - 1));
  if (bits % 8 !== 0) return undefined;
  const by = bits / 8;
  const { source, from } = known.get(a) ?? identity(a);
  const at = (i: number): number => from[i] ?? -1;
  switch (v.op) {
    case Op.Shl:
      return { source, from: from.map((_, i) => at(i - by)) };
    case Op.ShrU:
      return { source, from: from.map((_, i) => at(i + by)) };
    case Op.Rotl:
      return { source, from: from.map((_, i) => at((i - by + size) % size)) };
    case Op.Rotr:
      return { source, from: from.map((_, i) => at((i + by) % size)) };
  }
  return undefined;
}

/** Turns reversals of a value's bytes into single operations. */
export function findByteSwaps(f: Func): void {
  const known = new Map<Value, Bytes>();
  for (const block of f.blocks) {
    for (const v of block.insts) {
      if (v.op < Op.Add || v.op > Op.Rotr || (v.type !== I32 && v.type !== I64)) continue;
      const bytes = arrange(v, known);
      if (!bytes) continue;
      known.set(v, bytes);
      const last = bytes.from.length - 1;
      if (!bytes.from.every((from, i) => from === last - i)) continue;
      v.op = Op.Bswap;
      v.args = [bytes.source];
    }
  }
}
