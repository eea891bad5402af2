// The interpreter's decoded blocks as the compiler reads them from the core's memory; the layout is core/state.ts.

import type { CoreExports } from "../core/interface.ts";
import {
  BLOCK_END,
  BLOCK_FIRST,
  BLOCK_HEADER,
  BLOCK_KEY,
  HEAT_ENTRY,
  HEAT_FRAME,
  HEAT_LEFT,
  HEAT_OFFSET,
  OP_COUNT,
  OP_DISP,
  OP_HANDLER,
  OP_IMM,
  OP_OFFSET,
  OP_SIZE,
  PAGE_CODEMAP,
  S_RIP_BASE,
} from "../core/state.ts";

/** How a block ends, by the handler of its last record (core/guest/decode/branch_links.ts). */
export const End = {
  Other: 0,
  Jump: 1,
  Branch: 2,
  Call: 3,
  Falls: 4,
  ComputedJump: 5,
  ComputedCall: 6,
} as const;
export type End = (typeof End)[keyof typeof End];

/** A decoded block with a heat record. */
export interface Block {
  /** Address of its header. */
  readonly address: number;
  readonly key: number;
  /** Page frame, and offset in the page, of its first byte. */
  readonly frame: number;
  readonly offset: number;
  /** Address of its first record of an instruction, and behind its last record. */
  readonly first: number;
  readonly end: number;
  readonly ends: End;
}

/** Address of the heat record. */
export function heatOf(block: number): number {
  return block + BLOCK_HEADER;
}

export class Blocks {
  readonly #core: CoreExports;
  /** The core's memory, as of the last `refresh`. */
  view: DataView;
  readonly #ends = new Map<number, End>();
  readonly #plain = new Map<number, number>();
  readonly #waits: number;

  constructor(core: CoreExports) {
    this.#core = core;
    this.#waits = core.wait_handler();
    this.view = new DataView(core.memory.buffer);
  }

  /** Looks at the core's memory anew: it moves when it grows. */
  refresh(): this {
    if (this.view.buffer !== this.#core.memory.buffer)
      this.view = new DataView(this.#core.memory.buffer);
    return this;
  }

  u32(address: number): number {
    return this.view.getUint32(address, true);
  }

  /** Handler of a record: of its own instruction, where the interpreter executes the next one together with it. */
  handler(record: number): number {
    const handler = this.u32(record + OP_HANDLER);
    let plain = this.#plain.get(handler);
    if (plain === undefined) {
      plain = this.#core.plain_handler(handler);
      this.#plain.set(handler, plain);
    }
    return plain;
  }

  /** Links of the record that ends a block; 0 where there is none (yet). */
  link(record: number, which: 0 | 1): number {
    return this.u32(record + OP_IMM + 4 * which);
  }

  /** Page-relative target of a branch that is taken. */
  target(record: number): number {
    return Number(this.view.getBigInt64(record + OP_DISP, true));
  }

  /** Page offset behind the instruction of a record. */
  behind(record: number): number {
    const offset = this.view.getUint16(record + OP_OFFSET, true);
    return (offset & 0xfff) + (offset >> 12);
  }

  /** Instructions of the block before that of the record. */
  before(record: number): number {
    return this.view.getUint16(record + OP_COUNT, true);
  }

  endOf(handler: number): End {
    let end = this.#ends.get(handler);
    if (end === undefined) {
      end = this.#core.branch_links(handler) as End;
      this.#ends.set(handler, end);
    }
    return end;
  }

  block(address: number): Block {
    const heat = heatOf(address);
    const end = this.u32(address + BLOCK_END);
    return {
      address,
      key: this.u32(address + BLOCK_KEY),
      frame: this.u32(heat + HEAT_FRAME),
      offset: this.u32(heat + HEAT_OFFSET),
      first: this.u32(address + BLOCK_FIRST),
      end,
      ends: this.endOf(this.handler(end - OP_SIZE)),
    };
  }

  /** Whether the block is a loop that waits: its heat record is one that skips iterations. */
  waits(block: number): boolean {
    return this.handler(heatOf(block)) === this.#waits;
  }

  /** The block that a link leads to: to its heat record, or to the first record of an instruction. */
  linked(link: number): number {
    const loops = link - BLOCK_HEADER;
    return this.u32(loops + BLOCK_FIRST) === link + OP_SIZE ? loops : loops - OP_SIZE;
  }

  /** RIP of the start of the page that executes. */
  get pageRip(): bigint {
    return this.view.getBigUint64(S_RIP_BASE, true);
  }

  /** The block that a look-up of this RIP would find without a page walk, or 0. */
  cached(rip: bigint): number {
    return this.#core.cached_block(rip) >>> 0;
  }

  /** How often a block may still be entered until it is hot. */
  left(block: number): number {
    return this.u32(heatOf(block) + HEAT_LEFT);
  }

  /** How far a block that enters no region has come on its way to one (tier.ts). */
  stage(block: number): number {
    return this.u32(heatOf(block) + HEAT_ENTRY);
  }

  /** Makes a link that has been made lead to the heat record of its block, so that what takes it counts. */
  countLink(record: number, which: 0 | 1): void {
    const link = this.link(record, which);
    if (link === 0) return;
    this.view.setUint32(record + OP_IMM + 4 * which, heatOf(this.linked(link)), true);
  }

  /** All blocks of mode `key` in a page frame. */
  *inPage(frame: number, key: number): Generator<number> {
    const map = this.codeMap(frame);
    if (map === 0) return;
    for (let offset = 0; offset < 0x1000; offset++) {
      const block = this.u32(map + offset * 4);
      if (block !== 0 && this.u32(block + BLOCK_KEY) === key) yield block;
    }
  }

  /** Code map of a page frame, or 0. */
  codeMap(frame: number): number {
    return this.u32(PAGE_CODEMAP + frame * 4);
  }

  /** The block of mode `key` at a place in memory, or 0. */
  at(frame: number, offset: number, key: number): number {
    const map = this.codeMap(frame);
    if (map === 0 || offset >= 0x1000) return 0;
    const block = this.u32(map + offset * 4);
    return block !== 0 && this.u32(block + BLOCK_KEY) === key ? block : 0;
  }
}
