// The function of a region: the blocks' records in structured control flow, with a dispatcher for entries, returns and
// what else has no known target. Its type is that of a handler: it takes the record by which it is entered, and returns
// the one at which the interpreter goes on, or 0.

import { I32 } from "../../wasm/types.ts";
import { ByteBuffer, buildModule, emptyModule, i32Const } from "../../wasm/writer.ts";
import { HEAT_ENTRY, OP_HANDLER, OP_SIZE } from "../core/state.ts";
import type { Blocks } from "./blocks.ts";
import { type Flow, structure } from "./flow.ts";
import type { Node, Region } from "./region.ts";

const BLOCK = 0x02;
const LOOP = 0x03;
const IF = 0x04;
const END = 0x0b;
const BR = 0x0c;
const BR_IF = 0x0d;
const BR_TABLE = 0x0e;
const CALL_INDIRECT = 0x11;
const GET = 0x20;
const SET = 0x21;
const TEE = 0x22;
const LOAD32 = 0x28;
const UNREACHABLE = 0x00;
const EMPTY = 0x40;
const EQ = 0x46;
const NE = 0x47;

/** Locals: the record (parameter, and what is returned), and the number of the dispatcher's next target. */
const RECORD = 0;
const TARGET = 1;

/** Emits the function of a region whose place in the core's table is `slot`; the core's table and memory are imported. */
export function emitRegion(blocks: Blocks, region: Region, slot: number): Uint8Array<ArrayBuffer> {
  const { nodes } = region;
  const flow = structure(
    nodes.map(({ edges }) => edges.map(({ to }) => to)),
    region.entries,
  );
  const writer = new Writer(blocks, nodes, flow, slot);
  const code = writer.body();
  const module = emptyModule();
  module.types.push({ params: [I32], results: [I32] });
  module.imports.push(
    { module: "core", name: "memory", memory: { min: 0 } },
    { module: "core", name: "table", table: { min: 0 } },
  );
  module.funcs.push({ type: 0, locals: [I32], code });
  module.exports.push({ name: "region", kind: 0, index: 0 });
  return buildModule(module);
}

class Writer {
  readonly #out = new ByteBuffer();
  readonly #blocks: Blocks;
  readonly #nodes: readonly Node[];
  readonly #flow: Flow;
  readonly #slot: number;
  #depth = 0;
  /** Depths of labels: behind which a node's code begins, of its loop, of the dispatcher, of the end. */
  readonly #begins = new Map<number, number>();
  readonly #loops = new Map<number, number>();
  #dispatcher = 0;
  #exit = 0;

  constructor(blocks: Blocks, nodes: readonly Node[], flow: Flow, slot: number) {
    this.#blocks = blocks;
    this.#nodes = nodes;
    this.#flow = flow;
    this.#slot = slot;
  }

  body(): Uint8Array {
    const out = this.#out;
    this.#load(RECORD, HEAT_ENTRY);
    out.u8(SET).u32(TARGET);
    this.#exit = this.#open(BLOCK);
    this.#dispatcher = this.#open(LOOP);
    this.#tree(this.#nodes.length, () => {
      const { targets } = this.#flow;
      out.u8(GET).u32(TARGET).u8(BR_TABLE).u32(targets.length);
      for (const target of targets) out.u32(this.#label(this.#begins.get(target) as number));
      out.u32(this.#label(this.#exit));
    });
    this.#close();
    this.#close();
    out.u8(GET).u32(RECORD);
    return out.content();
  }

  #open(kind: number): number {
    this.#out.u8(kind).u8(EMPTY);
    return ++this.#depth;
  }

  #close(): void {
    this.#out.u8(END);
    this.#depth--;
  }

  #label(depth: number): number {
    return this.#depth - depth;
  }

  #branch(depth: number): void {
    this.#out.u8(BR).u32(this.#label(depth));
  }

  #load(local: number, offset: number): void {
    this.#out.u8(GET).u32(local).u8(LOAD32).u32(2).u32(offset);
  }

  /** The code of a node, and behind it that of the nodes that it dominates. */
  #tree(node: number, head: () => void): void {
    const children = this.#flow.children[node] as readonly number[];
    const loops = this.#flow.loops.has(node);
    if (loops) this.#loops.set(node, this.#open(LOOP));
    for (const child of [...children].reverse()) this.#begins.set(child, this.#open(BLOCK));
    head();
    for (const child of children) {
      this.#close();
      this.#tree(child, () => this.#node(child));
    }
    if (loops) {
      this.#out.u8(UNREACHABLE);
      this.#close();
    }
    this.#out.u8(UNREACHABLE);
  }

  #node(node: number): void {
    const { block, edges } = this.#nodes[node] as Node;
    const out = this.#out;
    for (let record = block.first; record < block.end; record += OP_SIZE) {
      out.raw(i32Const(record)).raw(i32Const(this.#blocks.handler(record)));
      out.u8(CALL_INDIRECT).u32(0).u32(0).u8(TEE).u32(RECORD);
      if (record + OP_SIZE < block.end) {
        out.raw(i32Const(record + OP_SIZE)).u8(NE);
        out.u8(BR_IF).u32(this.#label(this.#exit));
      }
    }
    const last = block.end - OP_SIZE;
    for (const { which, to } of edges) {
      out
        .raw(i32Const(this.#blocks.link(last, which)))
        .u8(EQ)
        .u8(IF)
        .u8(EMPTY);
      this.#depth++;
      this.#go(node, to);
      this.#close();
      out.u8(GET).u32(RECORD);
    }
    // Any other record: it may be one by which this region is entered.
    out.u8(LOAD32).u32(2).u32(OP_HANDLER).raw(i32Const(this.#slot)).u8(NE);
    out.u8(BR_IF).u32(this.#label(this.#exit));
    this.#load(RECORD, HEAT_ENTRY);
    out.u8(SET).u32(TARGET);
    this.#branch(this.#dispatcher);
  }

  #go(from: number, to: number): void {
    const how = this.#flow.edge(from, to);
    if (how === "forward") this.#branch(this.#begins.get(to) as number);
    else if (how === "back") this.#branch(this.#loops.get(to) as number);
    else {
      this.#out
        .raw(i32Const(this.#flow.targets.indexOf(to)))
        .u8(SET)
        .u32(TARGET);
      this.#branch(this.#dispatcher);
    }
  }
}
