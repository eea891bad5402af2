// What is compiled together: the blocks that can be reached from a hot one by branches, calls and to where calls return,
// as far as the interpreter has been there.

import { BLOCK_REGION, OP_SIZE } from "../core/state.ts";
import { type Block, type Blocks, End, heatOf } from "./blocks.ts";

/** A way from the last record of a block to another block of the region. */
export interface Edge {
  /** The link that the interpreter has there. */
  readonly which: 0 | 1;
  /** Index of the block. */
  readonly to: number;
  /** Where the block is in another page: its heat record, which a look-up finds as long as nothing has changed. */
  readonly expected?: number;
}

export interface Node {
  readonly block: Block;
  readonly edges: readonly Edge[];
}

export interface Region {
  /** In the order in which they were found, the hot one first. */
  readonly nodes: readonly Node[];
  /** Indices of blocks that can be entered. */
  readonly entries: readonly number[];
}

/** Most blocks and records of a region. */
const MAX_BLOCKS = 150;
const MAX_RECORDS = 600;
const PAGE = 0x1000;

/** The region around a block that executes. */
export function discover(blocks: Blocks, seed: number): Region {
  const found: Block[] = [];
  /** RIP of the start of each block's page, as the code is mapped now. */
  const bases: bigint[] = [];
  const index = new Map<number, number>();
  const entries = new Set<number>();
  let records = 0;
  /** Index of a block, if it has room. */
  const take = (address: number, base: bigint): number | undefined => {
    const known = index.get(address);
    if (known !== undefined) return known;
    const block = blocks.block(address);
    const size = (block.end - block.first) / OP_SIZE;
    if (found.length === MAX_BLOCKS || (records + size > MAX_RECORDS && found.length > 0)) {
      return undefined;
    }
    records += size;
    index.set(address, found.length);
    found.push(block);
    bases.push(base);
    return found.length - 1;
  };
  entries.add(take(seed, blocks.pageRip) as number);
  const edges: Edge[][] = [];
  for (let i = 0; i < found.length; i++) {
    const block = found[i] as Block;
    const base = bases[i] as bigint;
    const last = block.end - OP_SIZE;
    const links = block.ends === End.Other ? [] : block.ends === End.Branch ? [0, 1] : [0];
    const out: Edge[] = [];
    for (const which of links as (0 | 1)[]) {
      const link = blocks.link(last, which);
      const target = which === 0 ? blocks.target(last) : blocks.behind(last);
      let edge: Edge | undefined;
      if (link !== 0) {
        const to = take(blocks.linked(link), base);
        if (to !== undefined) edge = { which, to };
      } else if (target < 0 || target >= PAGE) {
        const there = blocks.cached(base + BigInt(target));
        const to = there === 0 ? undefined : take(there, base + BigInt(target & ~(PAGE - 1)));
        if (to !== undefined) edge = { which, to, expected: heatOf(there) };
      }
      if (edge === undefined) continue;
      out.push(edge);
      if (block.ends === End.Call) entries.add(edge.to);
    }
    if (block.ends === End.Call) {
      const site = blocks.at(block.frame, blocks.behind(last), block.key);
      const to = site === 0 ? undefined : take(site, base);
      if (to !== undefined) entries.add(to);
    }
    edges.push(out);
  }
  return {
    nodes: found.map((block, i) => ({ block, edges: edges[i] as Edge[] })),
    entries: [...entries],
  };
}

/** Number of the region that a block is an entry of, or 0. */
export function regionOf(blocks: Blocks, block: number): number {
  return blocks.u32(block + BLOCK_REGION);
}
