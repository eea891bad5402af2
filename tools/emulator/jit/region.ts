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
  /** Where the block is looked up: its heat record, which is found as long as nothing has changed. */
  readonly expected?: number;
}

export interface Node {
  readonly block: Block;
  readonly edges: readonly Edge[];
  /** The block executes seldom: its code is to be small, not quick. */
  readonly seldom: boolean;
}

export interface Region {
  /** In the order in which they were found, the hot one first. */
  readonly nodes: readonly Node[];
  /** Indices of blocks that can be entered, the hot one first. */
  readonly entries: readonly number[];
}

/** Most blocks and records of a region, and blocks that are watched to find it. */
const MAX_BLOCKS = 400;
export const MAX_RECORDS = 2000;
const MAX_WATCHED = 600;
const PAGE = 0x1000;

/**
 * Rounds of a hot block in which the blocks around it are watched: a part of those that have made it hot, so that what
 * executes once in a thousand rounds is in the region; and how often they have to execute in them.
 */
const ROUNDS_SHARE = 0.1;
const LEAST_ROUNDS = 128;
const SELDOM = 2;

/** A block executes seldom if it does so in less than one of so many rounds. */
const OFTEN = 4;

/**
 * From a block that executes in less than one of so many rounds no way leads into other regions' blocks: going there by
 * the interpreter costs less than compiling them once more.
 */
const RARELY = 512;

/** Rounds of a block that is hot after `threshold` entries. */
export function roundsOf(threshold: number): number {
  return Math.max(Math.floor(threshold * ROUNDS_SHARE), LEAST_ROUNDS);
}

/**
 * The region around the block `seed`, which executes: all that is known there, up to a number of records. How often each
 * block does is not known: some of them are taken for seldom, by where they are, so that both kinds of code are tried.
 */
export function discover(blocks: Blocks, seed: number, records: number = MAX_RECORDS): Region {
  const seldom = ({ offset }: Block): boolean => (offset & 1) !== 0;
  return new Discovery(blocks, () => true, MAX_BLOCKS, records, seldom).region(seed);
}

/** How often blocks had still to be entered when they were watched first, and whether they had been hot before. */
export type Watch = ReadonlyMap<number, { readonly left: number; readonly stage: number }>;

/** Lets the blocks around a hot one count, so that `watched` can tell later which of them really execute with it. */
export function watch(blocks: Blocks, seed: number): Watch {
  const around = new Discovery(blocks, () => true, MAX_WATCHED, Number.POSITIVE_INFINITY);
  const counts = new Map<number, { left: number; stage: number }>();
  for (const { block } of around.region(seed).nodes) {
    for (const which of linksOf(block.ends)) blocks.countLink(block.end - OP_SIZE, which);
    const { address } = block;
    counts.set(address, { left: blocks.left(address), stage: blocks.stage(address) });
  }
  return counts;
}

/**
 * How often a block has executed in the watched one's `rounds` since `watch`. What has been decoded since counts as seldom,
 * what has become hot as often as the watched one.
 */
function timesOf(blocks: Blocks, block: number, since: Watch, rounds: number): number {
  const before = since.get(block);
  if (before === undefined) return SELDOM;
  const counted = before.left - blocks.left(block);
  // Who has become hot since counts anew, and may have come to the same number; a count that has grown has been at its
  // end, too.
  return blocks.stage(block) !== before.stage || counted < 0 ? rounds : counted;
}

/**
 * The region around `seed` of the blocks that have executed since `watch` in its `rounds`, or have been decoded since.
 * What regions that are there have `compiled` has been hot already, and does not count any more.
 */
export function watched(
  blocks: Blocks,
  seed: number,
  since: Watch,
  rounds: number,
  compiled: (block: number) => boolean,
): Region {
  const times = (block: number): number => timesOf(blocks, block, since, rounds);
  const counts = (block: number): boolean => block !== seed && !compiled(block);
  const executes = (block: number): boolean => !counts(block) || times(block) >= SELDOM;
  const seldom = ({ address }: Block): boolean =>
    counts(address) && times(address) * OFTEN < rounds;
  const apart = (from: number, to: number): boolean =>
    counts(from) && compiled(to) && times(from) * RARELY < rounds;
  return new Discovery(blocks, executes, MAX_BLOCKS, MAX_RECORDS, seldom, apart).region(seed);
}

/** Records that the interpreter executes in the time that it takes to enter a region and to leave it. */
const ENTERING = 4;

/** Whether a region does more than lead elsewhere, which the interpreter does as fast. */
export function isWorthEntering({ nodes }: Region): boolean {
  return nodes.some(
    ({ block, edges }) => edges.length > 0 || (block.end - block.first) / OP_SIZE >= ENTERING,
  );
}

/**
 * What compiling a region costs and saves, in records: how many there are that are not compiled yet, and how many of these
 * the interpreter has executed in the watched block's rounds.
 */
export interface Worth {
  readonly records: number;
  readonly executed: number;
}

/** What compiling a region is worth that has been watched for `rounds` since `watch`. */
export function worthOf(
  blocks: Blocks,
  region: Region,
  since: Watch,
  rounds: number,
  compiled: (block: number) => boolean,
): Worth {
  let records = 0;
  let executed = 0;
  for (const [index, { block }] of region.nodes.entries()) {
    const { address } = block;
    if (index > 0 && compiled(address)) continue;
    const size = (block.end - block.first) / OP_SIZE;
    records += size;
    executed += size * (index === 0 ? rounds : timesOf(blocks, address, since, rounds));
  }
  return { records, executed };
}

/** The region around `seed` of blocks that are compiled together already. */
export function again(blocks: Blocks, seed: number, together: ReadonlySet<number>): Region {
  const wanted = (block: number): boolean => together.has(block);
  return new Discovery(blocks, wanted, MAX_BLOCKS, MAX_RECORDS).region(seed);
}

class Discovery {
  readonly #blocks: Blocks;
  readonly #wanted: (block: number) => boolean;
  readonly #maxBlocks: number;
  readonly #maxRecords: number;
  readonly #seldom: (block: Block) => boolean;
  /** Whether a block is not to be reached from another one. */
  readonly #apart: (from: number, to: number) => boolean;
  readonly #found: Block[] = [];
  /** RIP of the start of each block's page, as the code is mapped now. */
  readonly #bases: bigint[] = [];
  readonly #index = new Map<number, number>();
  readonly #entries = new Set<number>();
  #records = 0;

  constructor(
    blocks: Blocks,
    wanted: (block: number) => boolean,
    maxBlocks: number,
    maxRecords: number,
    seldom: (block: Block) => boolean = () => false,
    apart: (from: number, to: number) => boolean = () => false,
  ) {
    this.#blocks = blocks;
    this.#wanted = wanted;
    this.#maxBlocks = maxBlocks;
    this.#maxRecords = maxRecords;
    this.#seldom = seldom;
    this.#apart = apart;
  }

  region(seed: number): Region {
    const blocks = this.#blocks;
    this.#enter(seed, blocks.pageRip);
    const edges: Edge[][] = [];
    const computed = new Set<number>();
    for (let i = 0; i < this.#found.length; i++) {
      const block = this.#found[i] as Block;
      const base = this.#bases[i] as bigint;
      edges.push(this.#edgesOf(block, base));
      const { ends, frame } = block;
      if (ends !== End.ComputedJump && ends !== End.ComputedCall) continue;
      if (computed.has(frame)) continue;
      computed.add(frame);
      this.#takeTargets(block, base);
    }
    return {
      nodes: this.#found.map((block, i) => ({
        block,
        edges: edges[i] as Edge[],
        seldom: this.#seldom(block),
      })),
      entries: [...this.#entries],
    };
  }

  /** Index of a block, if it is wanted and there is room for it. */
  #take(address: number, base: bigint): number | undefined {
    const known = this.#index.get(address);
    if (known !== undefined) return known;
    // Loops that wait are skipped, not compiled.
    if (!this.#wanted(address) || this.#blocks.waits(address)) return undefined;
    const block = this.#blocks.block(address);
    const size = (block.end - block.first) / OP_SIZE;
    const { length } = this.#found;
    if (length > 0 && (length === this.#maxBlocks || this.#records + size > this.#maxRecords))
      return undefined;
    this.#records += size;
    this.#index.set(address, length);
    this.#found.push(block);
    this.#bases.push(base);
    return length;
  }

  /** The same of one that is reached from another block. */
  #reach({ address: from }: Block, to: number, base: bigint): number | undefined {
    return this.#index.get(to) ?? (this.#apart(from, to) ? undefined : this.#take(to, base));
  }

  #enter(address: number, base: bigint): void {
    const node = this.#take(address, base);
    if (node !== undefined) this.#entries.add(node);
  }

  #edgesOf(block: Block, base: bigint): Edge[] {
    const blocks = this.#blocks;
    const { ends } = block;
    const last = block.end - OP_SIZE;
    const edges: Edge[] = [];
    for (const which of linksOf(ends)) {
      const edge = this.#edge(block, which, base);
      if (edge === undefined) continue;
      edges.push(edge);
      if (ends === End.Call) this.#entries.add(edge.to);
    }
    if (ends === End.Other) {
      const edge = this.#lookedUp(block, 0, blocks.behind(last), base);
      if (edge !== undefined) edges.push(edge);
    }
    if (ends === End.Call || ends === End.ComputedCall) {
      const site = blocks.at(block.frame, blocks.behind(last), block.key);
      if (site !== 0) this.#enter(site, base);
    }
    return edges;
  }

  /** Where a branch leads: along its link, or into another page, to the block that a look-up finds there now. */
  #edge(block: Block, which: 0 | 1, base: bigint): Edge | undefined {
    const blocks = this.#blocks;
    const last = block.end - OP_SIZE;
    const link = blocks.link(last, which);
    if (link !== 0) {
      const to = this.#reach(block, blocks.linked(link), base);
      return to === undefined ? undefined : { which, to };
    }
    const target = which === 0 ? blocks.target(last) : blocks.behind(last);
    return target >= 0 && target < PAGE ? undefined : this.#lookedUp(block, which, target, base);
  }

  /** Where a look-up leads to now. */
  #lookedUp(block: Block, which: 0 | 1, target: number, base: bigint): Edge | undefined {
    const there = this.#blocks.cached(base + BigInt(target));
    if (there === 0) return undefined;
    const page = base + BigInt(Math.floor(target / PAGE) * PAGE);
    const to = this.#reach(block, there, page);
    return to === undefined ? undefined : { which, to, expected: heatOf(there) };
  }

  /**
   * What computed jumps and calls in the block's page lead to is not known: any block there that no other goes on to.
   * Entries inside of functions would take their loops apart.
   */
  #takeTargets({ frame, key }: Block, base: bigint): void {
    const blocks = this.#blocks;
    const inside = new Set<number>();
    for (const address of blocks.inPage(frame, key)) {
      const { end, ends } = blocks.block(address);
      const last = end - OP_SIZE;
      if (ends === End.Call || ends === End.ComputedCall) {
        inside.add(blocks.at(frame, blocks.behind(last), key));
        continue;
      }
      for (const which of linksOf(ends)) {
        const link = blocks.link(last, which);
        if (link !== 0) inside.add(blocks.linked(link));
      }
    }
    for (const address of blocks.inPage(frame, key))
      if (!inside.has(address)) this.#enter(address, base);
  }
}

function linksOf(ends: End): readonly (0 | 1)[] {
  if (ends === End.Branch) return [0, 1];
  return ends === End.Jump || ends === End.Call || ends === End.Falls ? [0] : [];
}

/** Number of the region that a block is an entry of, or 0. */
export function regionOf(blocks: Blocks, block: number): number {
  return blocks.u32(block + BLOCK_REGION);
}
