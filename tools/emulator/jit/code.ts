// The body of a function under construction: wasm instructions as bytes, in pieces that can be filled in any order,
// and the function's locals. Follows the WebAssembly core specification 2.0, 5.4 "Instructions".

import { I32, type ValType } from "../../wasm/types.ts";
import type { BranchHint } from "../../wasm/writer.ts";

export const OP_UNREACHABLE = 0x00;
export const OP_BLOCK = 0x02;
export const OP_LOOP = 0x03;
export const OP_IF = 0x04;
export const OP_ELSE = 0x05;
export const OP_END = 0x0b;
export const OP_BR = 0x0c;
export const OP_BR_IF = 0x0d;
export const OP_BR_TABLE = 0x0e;
export const OP_RETURN = 0x0f;
export const OP_CALL = 0x10;
export const OP_CALL_INDIRECT = 0x11;
export const OP_LOCAL_GET = 0x20;
export const OP_LOCAL_SET = 0x21;
export const OP_LOCAL_TEE = 0x22;
export const OP_GLOBAL_GET = 0x23;
export const OP_GLOBAL_SET = 0x24;
export const OP_I32_CONST = 0x41;
export const OP_I64_CONST = 0x42;

/** Block type of a construct without parameters and results. */
const EMPTY = 0x40;

export interface Mark {
  readonly bytes: number;
  readonly children: number;
  readonly hints: number;
  readonly rare: boolean;
  readonly depth: number;
  readonly known: number;
}

interface Known {
  readonly local: number;
  readonly at: number;
}

/** Orders what is noted and put in. */
let clock = 0;

/** A stretch of instructions; others may be put in at positions of it, and be written later. */
export class Chunk {
  readonly bytes: number[] = [];
  /** Constructs that enclose the chunk's next instruction, counted from the function's body. */
  depth: number;
  readonly parent: Chunk | undefined;
  /** Locals that hold values computed in this chunk, by whatever names the values, and when that was noted. */
  readonly known = new Map<object, Known>();
  /** When the chunk was put in: what its parent computes later stands behind it. */
  private readonly since: number;
  private readonly children: { at: number; chunk: Chunk }[] = [];
  private readonly hints: BranchHint[] = [];
  /** What stands in the chunk executes seldom: a call of the core, or the way out of the region. */
  rare = false;

  constructor(depth: number, parent?: Chunk) {
    this.depth = depth;
    this.parent = parent;
    this.since = clock++;
  }

  /** Notes that a local holds a value from here on. */
  note(key: object, local: number): void {
    this.known.set(key, { local, at: clock++ });
  }

  /** The local that holds a value at the chunk's end. */
  find(key: object): number | undefined {
    let before = Number.POSITIVE_INFINITY;
    for (let chunk: Chunk | undefined = this; chunk; chunk = chunk.parent) {
      const known = chunk.known.get(key);
      if (known && known.at < before) return known.local;
      before = chunk.since;
    }
    return undefined;
  }

  /** Takes over what is known at the end of a chunk inside this one, the only way to what follows. */
  adopt(inner: Chunk): void {
    let before = Number.POSITIVE_INFINITY;
    for (let chunk: Chunk | undefined = inner; chunk && chunk !== this; chunk = chunk.parent) {
      for (const [key, { local, at }] of chunk.known) if (at < before) this.note(key, local);
      before = chunk.since;
    }
  }

  get empty(): boolean {
    return this.bytes.length === 0 && this.children.length === 0;
  }

  /** A chunk at this position. */
  insert(): Chunk {
    const chunk = new Chunk(this.depth, this);
    this.children.push({ at: this.bytes.length, chunk });
    return chunk;
  }

  /** Notes for the engine whether the `if` or `br_if` at position `at` of the chunk's bytes is mostly taken. */
  hint(at: number, likely: boolean): void {
    this.hints.push({ at, likely });
  }

  /** Where the chunk ends now, for `rewind`. */
  mark(): Mark {
    const { bytes, children, hints, rare, depth, known } = this;
    return {
      bytes: bytes.length,
      children: children.length,
      hints: hints.length,
      rare,
      depth,
      known: known.size,
    };
  }

  /** Forgets everything that has been written since. */
  rewind(mark: Mark): void {
    this.bytes.length = mark.bytes;
    this.children.length = mark.children;
    this.hints.length = mark.hints;
    this.rare = mark.rare;
    this.depth = mark.depth;
    this.forget(mark.known);
  }

  /** Forgets which values are in locals, but for the first `count`. */
  forget(count: number): void {
    if (this.known.size === count) return;
    let n = 0;
    for (const key of this.known.keys()) if (n++ >= count) this.known.delete(key);
  }

  /** Bytes of the chunk and those put into it. */
  get size(): number {
    let size = this.bytes.length;
    for (const { chunk } of this.children) size += chunk.size;
    return size;
  }

  /** Writes the chunk's bytes from a position on; returns where they end. */
  writeTo(out: Uint8Array, start: number, hints: BranchHint[]): number {
    const { bytes, children } = this;
    // A hint may have been given after those of branches behind it.
    const own = this.hints.length > 1 ? this.hints.sort((a, b) => a.at - b.at) : this.hints;
    let next = 0;
    let from = 0;
    let end = start;
    const copy = (to: number): void => {
      for (let hint = own[next]; hint && hint.at < to; hint = own[++next])
        hints.push({ at: end + hint.at - from, likely: hint.likely });
      while (from < to) out[end++] = bytes[from++] as number;
    };
    for (const { at, chunk } of children) {
      copy(at);
      end = chunk.writeTo(out, end, hints);
    }
    copy(bytes.length);
    return end;
  }
}

/** A function of the core that a region calls: one that it exports, or a handler, by its place in the core's table. */
export type ImportedFunction = { readonly name: string } | { readonly handler: number };

/** Where a module of regions has a function of the core: its place in the module's table, and its type there. */
export interface Place {
  readonly index: number;
  readonly type: number;
}

/** The type of handlers; behind it come those of the functions that the core exports, in the order of their places. */
const HANDLER_TYPE = 0;

/** The core's functions that the regions of a module call, in the order of their places in the module's table. */
export class Imports {
  readonly functions: ImportedFunction[] = [];
  private readonly places = new Map<string, Place>();
  private types = HANDLER_TYPE;

  /** Place of the core's exported function. */
  named(name: string): Place {
    return this.places.get(name) ?? this.take(name, { name }, ++this.types);
  }

  /** Place of a handler. */
  handler(handler: number): Place {
    const key = String(handler);
    return this.places.get(key) ?? this.take(key, { handler }, HANDLER_TYPE);
  }

  private take(key: string, imported: ImportedFunction, type: number): Place {
    const place = { index: this.functions.push(imported) - 1, type };
    this.places.set(key, place);
    return place;
  }
}

/** A function's body: where the next instruction goes (`chunk`), and locals. */
export class Code {
  readonly imports: Imports;
  /** Types of all locals, parameters first. */
  readonly locals: ValType[];
  readonly root = new Chunk(0);
  chunk: Chunk = this.root;
  /** How often memory may have changed. */
  changes = 0;
  private free = new Map<ValType, number[]>();
  private taken: number[] = [];
  /** Locals that are read by chunks, which somebody fills in. */
  private readonly reads = new Map<number, Chunk[]>();

  constructor(imports: Imports, parameters: readonly ValType[] = [I32]) {
    this.imports = imports;
    this.locals = [...parameters];
  }

  /** Constructs that enclose the next instruction: a branch to the construct opened at depth d is `br(depth - d)`. */
  get depth(): number {
    return this.chunk.depth;
  }

  /** Up to four bytes, with a parameter for each: to go through an array of them takes long until V8 optimizes it. */
  bytes(first: number, second?: number, third?: number, fourth?: number): this {
    const { bytes } = this.chunk;
    bytes.push(first);
    if (second !== undefined) bytes.push(second);
    if (third !== undefined) bytes.push(third);
    if (fourth !== undefined) bytes.push(fourth);
    return this;
  }

  /** Unsigned LEB128 of 32 bits. */
  u32(value: number): this {
    const { bytes } = this.chunk;
    let rest = value >>> 0;
    for (; rest > 0x7f; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80);
    bytes.push(rest);
    return this;
  }

  private s32(value: number): this {
    const { bytes } = this.chunk;
    let rest = value | 0;
    while (rest < -64 || rest > 63) {
      bytes.push((rest & 0x7f) | 0x80);
      rest >>= 7;
    }
    bytes.push(rest & 0x7f);
    return this;
  }

  i32Const(value: number): this {
    this.chunk.bytes.push(OP_I32_CONST);
    return this.s32(value);
  }

  i64Const(value: bigint): this {
    const { bytes } = this.chunk;
    bytes.push(OP_I64_CONST);
    let rest = BigInt.asIntN(64, value);
    if (rest >= -0x80000000n && rest <= 0x7fffffffn) return this.s32(Number(rest));
    while (rest < -64n || rest > 63n) {
      bytes.push(Number(rest & 0x7fn) | 0x80);
      rest >>= 7n;
    }
    bytes.push(Number(rest & 0x7fn));
    return this;
  }

  get(local: number): this {
    const reads = this.reads.get(local);
    if (reads !== undefined) {
      reads.push(this.chunk.insert());
      return this;
    }
    this.chunk.bytes.push(OP_LOCAL_GET);
    return this.u32(local);
  }

  /** From now on a chunk stands wherever a local would be read, until `readsFilled`. Returns these. */
  leaveReads(local: number): readonly Chunk[] {
    const reads: Chunk[] = [];
    this.reads.set(local, reads);
    return reads;
  }

  /** The chunks in the place of a local's reads are about to be filled in; it is read as others are. */
  readsFilled(local: number): void {
    this.reads.delete(local);
  }

  /** Writes into a chunk that stands among code with temporaries of its own: none of these is taken. `free` are others. */
  writeApart(chunk: Chunk, free: Map<ValType, number[]>, write: () => void): void {
    const before = { chunk: this.chunk, free: this.free, taken: this.taken };
    Object.assign(this, { chunk, free, taken: [] });
    write();
    this.release(new Set());
    Object.assign(this, before);
  }

  set(local: number): this {
    this.chunk.bytes.push(OP_LOCAL_SET);
    return this.u32(local);
  }

  tee(local: number): this {
    this.chunk.bytes.push(OP_LOCAL_TEE);
    return this.u32(local);
  }

  /** Calls a function of the core by its exported name: for what is rare. */
  call(name: string): this {
    this.chunk.rare = true;
    return this.callAt(this.imports.named(name));
  }

  /** Calls the handler at a place in the core's table. */
  callHandler(handler: number): this {
    return this.callAt(this.imports.handler(handler));
  }

  private callAt({ index, type }: Place): this {
    this.i32Const(index).chunk.bytes.push(OP_CALL_INDIRECT);
    return this.u32(type).u32(0);
  }

  /** Opens a construct; returns the depth inside, by which `branch` knows it. */
  block(): number {
    this.chunk.bytes.push(OP_BLOCK, EMPTY);
    return ++this.chunk.depth;
  }

  loop(): number {
    this.chunk.bytes.push(OP_LOOP, EMPTY);
    return ++this.chunk.depth;
  }

  if(): number {
    this.chunk.bytes.push(OP_IF, EMPTY);
    return ++this.chunk.depth;
  }

  else(): void {
    this.chunk.bytes.push(OP_ELSE);
  }

  end(): void {
    this.chunk.bytes.push(OP_END);
    this.chunk.depth--;
  }

  /** Branches to the construct that was opened with depth `label` inside. */
  branch(label: number): this {
    this.chunk.bytes.push(OP_BR);
    return this.u32(this.chunk.depth - label);
  }

  /** The same if what is on the stack is not 0, which it seldom is. */
  branchIf(label: number): this {
    this.chunk.hint(this.chunk.bytes.length, false);
    this.chunk.bytes.push(OP_BR_IF);
    return this.u32(this.chunk.depth - label);
  }

  /** A new local that is never given back. */
  local(type: ValType): number {
    this.locals.push(type);
    return this.locals.length - 1;
  }

  /** A local until `release`. */
  temporary(type: ValType): number {
    const local = this.free.get(type)?.pop() ?? this.local(type);
    this.taken.push(local);
    return local;
  }

  /** Gives all temporaries back but those in `kept`. */
  release(kept: ReadonlySet<number>): void {
    const still: number[] = [];
    for (const local of this.taken) {
      if (kept.has(local)) still.push(local);
      else {
        const type = this.locals[local] as ValType;
        const list = this.free.get(type);
        if (list) list.push(local);
        else this.free.set(type, [local]);
      }
    }
    this.taken = still;
  }

  /** The local that holds the value named `key` at this place, if one does. */
  find(key: object): number | undefined {
    return this.chunk.find(key);
  }

  /** The instructions, without the final `end`, and what is known of their branches. */
  content(): { code: Uint8Array; hints: BranchHint[] } {
    const code = new Uint8Array(this.root.size);
    const hints: BranchHint[] = [];
    this.root.writeTo(code, 0, hints);
    return { code, hints };
  }
}
