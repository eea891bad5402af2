// The instruction set sorted for the generator: by the type that an instruction yields, and by kind.

import {
  ATOMIC,
  MEMORY,
  type MemoryOp,
  NUMERIC,
  type NumericOp,
  SATURATING,
} from "../../wasm/opcodes.ts";
import { VECTOR, type VectorOp } from "../../wasm/simd.ts";
import { EXTERNREF, F32, F64, FUNCREF, I32, I64, V128, type ValType } from "../../wasm/types.ts";
import { type Bytes, uleb } from "../../wasm/writer.ts";

export const OPS: Record<ValType, { opcode: Bytes; op: NumericOp }[]> = {
  [I32]: [],
  [I64]: [],
  [F32]: [],
  [F64]: [],
  [V128]: [],
  [FUNCREF]: [],
  [EXTERNREF]: [],
};
NUMERIC.forEach((op, opcode) => {
  if (op) OPS[op.result].push({ opcode: [opcode], op });
});
SATURATING.forEach((op, sub) => {
  OPS[op.result].push({ opcode: [0xfc, sub], op });
});
export const LOADS: Record<ValType, { opcode: Bytes; op: MemoryOp }[]> = {
  [I32]: [],
  [I64]: [],
  [F32]: [],
  [F64]: [],
  [V128]: [],
  [FUNCREF]: [],
  [EXTERNREF]: [],
};
export const STORES: { opcode: Bytes; op: MemoryOp }[] = [];
MEMORY.forEach((op, opcode) => {
  if (!op) return;
  if (op.kind === "load") LOADS[op.type].push({ opcode: [opcode], op });
  else STORES.push({ opcode: [opcode], op });
});
/** Vector instructions without memory, by result. */
export const VECTORS: Record<ValType, { opcode: Bytes; op: VectorOp }[]> = {
  [I32]: [],
  [I64]: [],
  [F32]: [],
  [F64]: [],
  [V128]: [],
  [FUNCREF]: [],
  [EXTERNREF]: [],
};
export const VECTOR_LOADS: { opcode: Bytes; op: VectorOp }[] = [];
export const VECTOR_STORES: { opcode: Bytes; op: VectorOp }[] = [];
VECTOR.forEach((op, sub) => {
  if (!op || op.kind === "const") return;
  const entry = { opcode: [0xfd, ...uleb(sub)], op };
  if (op.result === undefined) VECTOR_STORES.push(entry);
  else if (op.size > 0) VECTOR_LOADS.push(entry);
  else VECTORS[op.result].push(entry);
});
export const ATOMICS: { opcode: Bytes; op: MemoryOp }[] = [];
ATOMIC.forEach((op, sub) => {
  if (op && op.kind !== "wait" && op.kind !== "notify")
    ATOMICS.push({ opcode: [0xfe, ...uleb(sub)], op });
});
