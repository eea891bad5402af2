// Routines behind bulk memory and table instructions and memory.grow, emitted once per object and
// only where used. They take 32-bit operands zero-extended in the registers given, may overwrite
// any caller-saved register.

import { FUNCREF } from "../../wasm/types.ts";
import type { TablePlace } from "../ir/build.ts";
import { TrapKind } from "../ir/ir.ts";
import { emitCopy, emitFill } from "./copy.ts";
import type { TrapSite } from "./emit.ts";
import {
  type Address,
  ALU,
  at,
  CC,
  type Encoder,
  R8,
  R9,
  R10,
  R15,
  RAX,
  RCX,
  RDI,
  RDX,
  RSI,
  SHIFT,
} from "./encoder.ts";
import { FUNCTIONS_SYMBOL, HELPER, helperNumbers, PAGES_SYMBOL, SEGMENT } from "./symbols.ts";

/** Entries that a table can get beyond its initial ones; their room is zeros that no file stores. */
const TABLE_GROWTH = 65536;

/** Entries that there is room for in a table that grows. */
export function tableCapacity({ min, max }: TablePlace): number {
  return Math.min(max ?? Number.MAX_SAFE_INTEGER, min + TABLE_GROWTH);
}

export interface RuntimeContext {
  e: Encoder;
  traps: TrapSite[];
  window: boolean;
  /** Size of memory in pages of 64 KiB where it never changes. */
  fixedPages: number | undefined;
  /** Whether SSE registers may be used. */
  sse: boolean;
  maxPages: number;
  tables: TablePlace[];
}

function symbol(name: string): Address {
  return { base: -1, index: -1, scale: 1, disp: 0, symbol: name };
}

class Runtime {
  private readonly c: RuntimeContext;
  private readonly e: Encoder;
  private bounds: number[] = [];

  constructor(c: RuntimeContext) {
    this.c = c;
    this.e = c.e;
  }

  emit(name: string): void {
    this.bounds = [];
    const [first, second] = helperNumbers(name) as [number, number];
    if (name === HELPER.copy) this.copy();
    else if (name === HELPER.fill) this.fill();
    else if (name === HELPER.grow) this.grow();
    else if (name.startsWith(HELPER.tableCopy))
      this.tableCopy(this.table(first), this.table(second));
    else if (name.startsWith(HELPER.tableFill)) this.tableFill(this.table(first));
    else if (name.startsWith(HELPER.tableGrow)) this.tableGrow(this.table(first));
    else if (name.startsWith(HELPER.init)) this.init(first);
    else if (name.startsWith(HELPER.drop)) this.drop(SEGMENT.dataSize + first);
    else if (name.startsWith(HELPER.tableInit)) this.tableInit(first, this.table(second));
    else this.drop(SEGMENT.elementsSize + first);
  }

  private table(index: number): TablePlace {
    return this.c.tables[index] as TablePlace;
  }

  /** Puts the memory size in bytes into R9. */
  private limit(): void {
    const { fixedPages } = this.c;
    if (fixedPages === undefined) {
      this.e.load(4, false, 4, R9, symbol(PAGES_SYMBOL));
      this.e.shiftImm(8, SHIFT.SHL, R9, 16);
    } else this.e.movImm(R9, BigInt(fixedPages) << 16n);
  }

  /** Traps unless `start + length` ≤ R9. */
  private check(start: number, length: number): void {
    this.e.lea(8, R10, at(start, 0, length));
    this.e.aluRR(8, ALU.CMP, R10, R9);
    this.bounds.push(this.e.skip(CC.A));
  }

  /** The trap of all failed checks. */
  private trap(kind: number): void {
    for (const from of this.bounds) this.e.land(from);
    this.c.traps.push({ offset: this.e.length, kind, pos: 0 });
    this.e.ud2();
  }

  private rebase(...registers: number[]): void {
    if (this.c.window) for (const r of registers) this.e.aluRR(8, ALU.ADD, r, R15);
  }

  /** memory.copy: RDI target, RSI source, RDX length. */
  private copy(): void {
    this.limit();
    this.check(RDI, RDX);
    this.check(RSI, RDX);
    const fine = this.e.skip(-1);
    this.trap(TrapKind.MemoryBounds);
    this.e.land(fine);
    this.rebase(RDI, RSI);
    emitCopy(this.e, this.c.sse);
  }

  /** memory.fill: RDI target, AL value, RDX length. */
  private fill(): void {
    const { e } = this;
    this.limit();
    this.check(RDI, RDX);
    const fine = this.e.skip(-1);
    this.trap(TrapKind.MemoryBounds);
    this.e.land(fine);
    this.rebase(RDI);
    emitFill(e, this.c.sse);
  }

  /** memory.init: RDI target, RSI offset in the segment, RDX length. */
  private init(segment: number): void {
    const { e } = this;
    e.load(4, false, 4, R9, symbol(SEGMENT.dataSize + segment));
    this.check(RSI, RDX);
    this.limit();
    this.check(RDI, RDX);
    this.rebase(RDI);
    e.lea(8, RAX, symbol(SEGMENT.data + segment));
    e.aluRR(8, ALU.ADD, RSI, RAX);
    e.movRR(8, RCX, RDX);
    e.raw([0xf3, 0xa4]);
    this.e.ret();
    this.trap(TrapKind.MemoryBounds);
  }

  private drop(size: string): void {
    this.e.storeImm(4, 0, symbol(size));
    this.e.ret();
  }

  /** Turns entry numbers in the registers into byte offsets. */
  private scale({ type }: TablePlace, ...registers: number[]): void {
    for (const r of registers) this.e.shiftImm(8, SHIFT.SHL, r, type === FUNCREF ? 4 : 3);
  }

  /** Puts the size of a table into R9. */
  private entries({ sizeSymbol, min }: TablePlace): void {
    if (sizeSymbol === undefined) this.e.movImm32(R9, min);
    else this.e.load(4, false, 4, R9, symbol(sizeSymbol));
  }

  /** table.init: RDI target, RSI offset in the segment, RDX length. */
  private tableInit(segment: number, table: TablePlace): void {
    const { e } = this;
    e.load(4, false, 4, R9, symbol(SEGMENT.elementsSize + segment));
    this.check(RSI, RDX);
    this.entries(table);
    this.check(RDI, RDX);
    this.scale(table, RDI, RSI, RDX);
    e.lea(8, RAX, symbol(table.symbol));
    e.aluRR(8, ALU.ADD, RDI, RAX);
    e.lea(8, RAX, symbol(SEGMENT.elements + segment));
    e.aluRR(8, ALU.ADD, RSI, RAX);
    e.movRR(8, RCX, RDX);
    e.raw([0xf3, 0xa4]);
    this.e.ret();
    this.trap(TrapKind.TableBounds);
  }

  /** table.copy: RDI target, RSI source, RDX length. */
  private tableCopy(to: TablePlace, from: TablePlace): void {
    const { e } = this;
    this.entries(to);
    this.check(RDI, RDX);
    if (from !== to) this.entries(from);
    this.check(RSI, RDX);
    const fine = this.e.skip(-1);
    this.trap(TrapKind.TableBounds);
    this.e.land(fine);
    this.scale(to, RDI, RSI, RDX);
    e.lea(8, RAX, symbol(to.symbol));
    e.aluRR(8, ALU.ADD, RDI, RAX);
    if (from !== to) e.lea(8, RAX, symbol(from.symbol));
    e.aluRR(8, ALU.ADD, RSI, RAX);
    emitCopy(this.e, this.c.sse);
  }

  /** Stores reference RSI into RDX entries from RDI on; leaves RCX alone. */
  private storeEntries(table: TablePlace): void {
    const { e } = this;
    const functions = table.type === FUNCREF;
    this.scale(table, RDI);
    e.lea(8, RAX, symbol(table.symbol));
    e.aluRR(8, ALU.ADD, RDI, RAX);
    if (functions) {
      e.lea(8, RAX, symbol(FUNCTIONS_SYMBOL));
      this.scale(table, RSI);
      e.load(8, false, 8, R8, at(RAX, 8, RSI));
      e.load(8, false, 8, RSI, at(RAX, 0, RSI));
    }
    const loop = e.length;
    e.aluRI(8, ALU.SUB, RDX, 1);
    const done = this.e.skip(CC.B);
    e.store(8, RSI, at(RDI));
    if (functions) e.store(8, R8, at(RDI, 8));
    e.aluRI(8, ALU.ADD, RDI, functions ? 16 : 8);
    this.e.jumpBack(-1, loop);
    this.e.land(done);
  }

  /** table.fill: RDI start, RSI reference, RDX length. */
  private tableFill(table: TablePlace): void {
    this.entries(table);
    this.check(RDI, RDX);
    this.storeEntries(table);
    this.e.ret();
    this.trap(TrapKind.TableBounds);
  }

  /** table.grow: RSI reference, RDX entries more; returns the old size or -1 in EAX. */
  private tableGrow(table: TablePlace): void {
    const { e } = this;
    const size = symbol(table.sizeSymbol as string);
    e.load(4, false, 4, RDI, size);
    e.movRR(4, RCX, RDI);
    e.lea(8, R9, at(RDI, 0, RDX));
    e.aluRI(8, ALU.CMP, R9, tableCapacity(table));
    const tooLarge = this.e.skip(CC.A);
    e.store(4, R9, size);
    this.storeEntries(table);
    e.movRR(4, RAX, RCX);
    this.e.ret();
    this.e.land(tooLarge);
    e.movImm32(RAX, -1);
    this.e.ret();
  }

  /** memory.grow on Linux: RDI pages; returns the old size or -1 in EAX. */
  private grow(): void {
    const { e } = this;
    e.load(4, false, 4, R8, symbol(PAGES_SYMBOL));
    e.lea(8, R9, at(R8, 0, RDI));
    e.aluRI(8, ALU.CMP, R9, this.c.maxPages);
    const tooLarge = this.e.skip(CC.A);
    e.movRR(8, RSI, RDI);
    e.shiftImm(8, SHIFT.SHL, RSI, 16);
    const nothing = this.e.skip(CC.E);
    e.movRR(8, RDI, R8);
    e.shiftImm(8, SHIFT.SHL, RDI, 16);
    e.aluRR(8, ALU.ADD, RDI, R15);
    // mprotect(address, length, PROT_READ | PROT_WRITE)
    e.movImm32(RDX, 3);
    e.movImm32(RAX, 10);
    e.raw([0x0f, 0x05]);
    e.testRR(8, RAX, RAX);
    const failed = this.e.skip(CC.NE);
    e.store(4, R9, symbol(PAGES_SYMBOL));
    this.e.land(nothing);
    e.movRR(4, RAX, R8);
    this.e.ret();
    this.e.land(tooLarge);
    this.e.land(failed);
    e.movImm32(RAX, -1);
    this.e.ret();
  }
}

/** Appends the routine of the given HELPER name. */
export function emitRuntime(c: RuntimeContext, name: string): void {
  new Runtime(c).emit(name);
}
