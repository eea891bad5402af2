// What is compiled together: the blocks that can be reached from a hot one inside its page, by branches, calls and to
// where calls return.

import { BLOCK_REGION, OP_SIZE } from "../core/state.ts";
import { type Block, type Blocks, End } from "./blocks.ts";

/** A way from the last record of a block to another block of the region. */
export interface Edge {
  /** The link that the interpreter has there. */
  readonly which: 0 | 1;
  /** Index of the block. */
  readonly to: number;
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
const MAX_RECORDS = 1500;

/** Blocks that are hot or entries of regions that this one replaces come first in `seeds`. */
export function discover(blocks: Blocks, seeds: readonly number[]): Region {
  const found: Block[] = [];
  const index = new Map<number, number>();
  const entries = new Set<number>();
  let records = 0;
  /** Index of a block, if it has room. */
  const take = (address: number): number | undefined => {
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
    return found.length - 1;
  };
  const enter = (address: number): void => {
    const node = take(address);
    if (node !== undefined) entries.add(node);
  };
  for (const seed of seeds) enter(seed);
  const edges: Edge[][] = [];
  for (let i = 0; i < found.length; i++) {
    const block = found[i] as Block;
    const last = block.end - OP_SIZE;
    const links = block.ends === End.Other ? [] : block.ends === End.Branch ? [0, 1] : [0];
    const out: Edge[] = [];
    for (const which of links as (0 | 1)[]) {
      const link = blocks.link(last, which);
      if (link === 0) continue;
      const to = take(blocks.linked(link));
      if (to === undefined) continue;
      out.push({ which, to });
      if (block.ends === End.Call) entries.add(to);
    }
    if (block.ends === End.Call) {
      const site = blocks.at(block.frame, blocks.behind(last), block.key);
      if (site !== 0) enter(site);
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
