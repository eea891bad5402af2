// The instruction set sorted for the generator: by the type that an instruction yields, and by kind.

import {
  ATOMIC,
  MEMORY,
  type MemoryOp,
  NUMERIC,
  type NumericOp,
  SATURATING,
} from "../../wasm/opcodes.ts";
import { EXTERNREF, F32, F64, FUNCREF, I32, I64, type ValType } from "../../wasm/types.ts";
import { type Bytes, uleb } from "../../wasm/writer.ts";

export const OPS: Record<ValType, { opcode: Bytes; op: NumericOp }[]> = {
  [I32]: [],
  [I64]: [],
  [F32]: [],
  [F64]: [],
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
  [FUNCREF]: [],
  [EXTERNREF]: [],
};
export const STORES: { opcode: Bytes; op: MemoryOp }[] = [];
MEMORY.forEach((op, opcode) => {
  if (!op) return;
  if (op.kind === "load") LOADS[op.type].push({ opcode: [opcode], op });
  else STORES.push({ opcode: [opcode], op });
});
export const ATOMICS: { opcode: Bytes; op: MemoryOp }[] = [];
ATOMIC.forEach((op, sub) => {
  if (op && op.kind !== "wait" && op.kind !== "notify")
    ATOMICS.push({ opcode: [0xfe, ...uleb(sub)], op });
});
