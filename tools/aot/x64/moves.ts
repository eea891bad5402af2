// Parallel moves: a set of moves that happen at once, turned into a sequence. Cycles are broken by
// XCHG for integers and through XMM15 for floats; memory to memory goes over the stack.

import { F32, F64, I32, type Type, V128, type Value } from "../ir/ir.ts";
import { FIRST_SLOT, type Move } from "../regalloc/lir.ts";
import { type Address, type Encoder, XMM0, XMM15 } from "./encoder.ts";
import type { ConstantPool } from "./pool.ts";
import { POOL_SYMBOL } from "./symbols.ts";

export interface MoveContext {
  e: Encoder;
  /** Address of a stack slot location. */
  slot(location: number): Address;
  constant(code: number): Value;
  pool: ConstantPool;
}

const _isSlot = (l: number): boolean => l >= FIRST_SLOT;
const isSse = (l: number): boolean => l >= XMM0 && l < FIRST_SLOT;
const isGeneral = (l: number): boolean => l >= 0 && l < XMM0;

function poolAddress(disp: number): Address {
  return { base: -1, index: -1, scale: 1, disp, symbol: POOL_SYMBOL };
}

/** Puts float bits into an SSE register. */
export function loadFloatConstant(
  c: { e: Encoder; pool: ConstantPool },
  to: number,
  bits: bigint,
  size: number,
): void {
  if (bits === 0n) c.e.rr(0, false, 0x0f57, to, to);
  else c.e.loadSse(size, to, poolAddress(c.pool.offset(bits, size)));
}

/** Bytes of an SSE value. */
export function sseBytes(type: Type): number {
  if (type === V128) return 16;
  return type === F32 ? 4 : 8;
}

/** One move between distinct locations. */
export function emitMove(c: MoveContext, from: number, to: number, type: Type): void {
  const { e } = c;
  if (from < 0) {
    moveConstant(c, c.constant(from), to);
  } else if (isGeneral(to)) {
    if (isGeneral(from)) e.movRR(type === I32 ? 4 : 8, to, from);
    else e.load(type === I32 ? 4 : 8, false, 8, to, c.slot(from));
  } else if (isSse(to)) {
    if (isSse(from)) e.rr(0, false, 0x0f28, to, from);
    else e.loadSse(sseBytes(type), to, c.slot(from));
  } else if (isGeneral(from)) e.store(8, from, c.slot(to));
  else if (isSse(from)) e.storeSse(sseBytes(type), from, c.slot(to));
  else {
    for (let i = 0; i < (type === V128 ? 16 : 8); i += 8) {
      const [source, target] = [c.slot(from), c.slot(to)];
      // POP takes its address after RSP has moved back.
      e.rm(0, false, 0xff, 6, { ...source, disp: source.disp + i });
      e.rm(0, false, 0x8f, 0, { ...target, disp: target.disp + i });
    }
  }
}

function moveConstant(c: MoveContext, v: Value, to: number): void {
  const { e } = c;
  const bits = v.type === I32 ? BigInt(v.imm >>> 0) : v.big;
  if (isGeneral(to)) {
    e.movImm(to, bits);
  } else if (isSse(to)) {
    loadFloatConstant(c, to, bits, sseBytes(v.type));
  } else {
    storeConstant(e, bits, c.slot(to));
    if (v.type === V128) {
      const slot = c.slot(to);
      storeConstant(e, bits >> 64n, { ...slot, disp: slot.disp + 8 });
    }
  }
}

/** Stores the low 64 bits. */
function storeConstant(e: Encoder, bits: bigint, slot: Address): void {
  const s = BigInt.asIntN(64, bits);
  if (s >= -0x80000000n && s <= 0x7fffffffn) e.storeImm(8, Number(s), slot);
  else {
    e.storeImm(4, Number(BigInt.asIntN(32, s)), slot);
    e.storeImm(4, Number(BigInt.asIntN(32, s >> 32n)), { ...slot, disp: slot.disp + 4 });
  }
}

/** Exchanges two integer locations, or saves the target of a float move in XMM15. */
function breakCycle(c: MoveContext, move: Move, pending: Move[]): void {
  const { e } = c;
  const { from, to } = move;
  if (isSse(from) || isSse(to) || move.type === V128) {
    // What is saved has the type of the move that still reads it.
    const reader = pending.find((other) => other.from === to) as Move;
    emitMove(c, to, XMM15, reader.type >= F32 ? reader.type : F64);
    for (const other of pending) if (other.from === to) other.from = XMM15;
    return;
  }
  if (isGeneral(from) && isGeneral(to)) e.xchg(8, from, to);
  else if (isGeneral(from)) e.rm(0, true, 0x87, from, c.slot(to));
  else if (isGeneral(to)) e.rm(0, true, 0x87, to, c.slot(from));
  else {
    const a = c.slot(from);
    const b = c.slot(to);
    e.rm(0, false, 0xff, 6, a);
    e.rm(0, false, 0xff, 6, { ...b, disp: b.disp + 8 });
    e.rm(0, false, 0x8f, 0, { ...a, disp: a.disp + 8 });
    e.rm(0, false, 0x8f, 0, b);
  }
  for (const other of pending) {
    if (other === move) continue;
    if (other.from === from) other.from = to;
    else if (other.from === to) other.from = from;
  }
  move.from = to;
}

/** Emits moves that read all their sources before any target is written. */
export function emitParallelMoves(c: MoveContext, moves: Move[]): void {
  let pending = moves.filter((m) => m.from !== m.to).map((m) => ({ ...m }));
  while (pending.length > 0) {
    const ready = pending.find((m) => !pending.some((other) => other !== m && other.from === m.to));
    if (ready) emitMove(c, ready.from, ready.to, ready.type);
    else breakCycle(c, pending[0] as Move, pending);
    pending = pending.filter((m) => m !== ready && m.from !== m.to);
  }
}
