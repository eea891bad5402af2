// Access to single entries of tables as IR: a bounds check, and loads and stores at the entry's address
// (core specification 2.0, 4.4.6). What works on many entries is a routine of the run time.

import { FUNCREF } from "../../wasm/types.ts";
import type { Builder, TablePlace } from "./build.ts";
import { Cond, I32, I64, NONE, Op, TrapKind, type Type, type Value } from "./ir.ts";

/** Entries of functions have 16 bytes, of host references 8. */
const FUNCTION_SHIFT = 4n;
const REFERENCE_SHIFT = 3n;
const FUNCTION_NUMBER_OFFSET = 12;

function symbolAddress(b: Builder, symbol: string): Value {
  const v = b.emit(Op.SymbolAddress, I64, []);
  v.aux = symbol;
  return v;
}

function load(b: Builder, type: Type, address: Value, size: number, offset: number): Value {
  const v = b.emit(Op.LoadAbs, type, [address]);
  v.size = size;
  v.imm = offset;
  return v;
}

function store(b: Builder, address: Value, value: Value, offset: number): void {
  const v = b.emit(Op.StoreAbs, NONE, [address, value]);
  v.size = 8;
  v.imm = offset;
}

function entryAddress(b: Builder, symbol: string, type: number, index: Value): Value {
  const shift = b.f.bits(I64, type === FUNCREF ? FUNCTION_SHIFT : REFERENCE_SHIFT);
  const offset = b.binary(Op.Shl, b.unary(Op.ExtendU, I64, index), shift);
  return b.binary(Op.Add, symbolAddress(b, symbol), offset);
}

/** `table.size`. */
export function tableSize(b: Builder, { sizeSymbol, min }: TablePlace): Value {
  if (sizeSymbol === undefined) return b.f.i32(min);
  return load(b, I32, symbolAddress(b, sizeSymbol), 4, 0);
}

/** The checked address of an entry. */
function tableEntry(b: Builder, table: TablePlace, index: Value): Value {
  b.trapIf(b.icmp(Cond.GeU, index, tableSize(b, table)), TrapKind.TableBounds);
  return entryAddress(b, table.symbol, table.type, index);
}

/** `table.get` of table `index`. */
export function tableGet(b: Builder, index: number): void {
  const table = b.context.tables[index] as TablePlace;
  const address = tableEntry(b, table, b.pop());
  b.push(
    table.type === FUNCREF
      ? load(b, I32, address, 4, FUNCTION_NUMBER_OFFSET)
      : load(b, I64, address, 8, 0),
  );
}

/** `table.set` of table `index`: the entry that a function's number stands for is copied whole. */
export function tableSet(b: Builder, index: number): void {
  const table = b.context.tables[index] as TablePlace;
  const reference = b.pop();
  const address = tableEntry(b, table, b.pop());
  if (table.type !== FUNCREF) {
    store(b, address, reference, 0);
    return;
  }
  const from = entryAddress(b, b.context.functions, FUNCREF, reference);
  const [first, second] = [0, 8].map((offset) => load(b, I64, from, 8, offset));
  store(b, address, first as Value, 0);
  store(b, address, second as Value, 8);
}
