// Regions that are installed: their places in the core's table, the blocks that enter them, and which must go when the
// code of a page is gone.

import type { CoreExports } from "../core/interface.ts";
import {
  BLOCK_REGION,
  HEAT_ENTRY,
  HEAT_LEFT,
  MAP_REGIONS,
  OP_HANDLER,
  S_MXCSR,
} from "../core/state.ts";
import { type Blocks, heatOf } from "./blocks.ts";
import { type Region, regionOf } from "./region.ts";
import { MXCSR_PE } from "./state-locals.ts";

/** Table slots that are added at once. */
const SLOTS_STEP = 64;
/** Regions that are removed until their code is freed, and bytes that V8 collects garbage for. */
const MAX_REMOVED = 1000;
const NOTICED = 64 << 20;

interface Entered {
  readonly number: number;
  readonly slot: number;
  /** Size of its module. */
  readonly bytes: number;
  /** MXCSR's precision flag, as it was when the region was compiled. */
  readonly precision: number;
  /** Blocks whose heat records enter it. */
  readonly entries: Set<number>;
  /** All blocks that are compiled in it. */
  readonly blocks: readonly number[];
  readonly frames: ReadonlySet<number>;
}

export class InstalledRegions {
  readonly #core: CoreExports;
  readonly #blocks: Blocks;
  readonly #freeSlots: number[] = [];
  #nextNumber = 1;
  readonly #regions = new Map<number, Entered>();
  readonly #byFrame = new Map<number, Set<Entered>>();
  readonly #byBlock = new Map<number, Set<Entered>>();
  /** Size of the modules of all regions. */
  bytes = 0;
  /** Regions that have been removed since `collect` had their code freed. */
  #removed = 0;

  constructor(core: CoreExports, blocks: Blocks) {
    this.#core = core;
    this.#blocks = blocks;
  }

  get count(): number {
    return this.#regions.size;
  }

  /**
   * Has the engine free the code of regions that are removed, once there are many. Their modules are next to nothing in
   * its heap, which alone decides when it looks for garbage, but each has mappings of its own, of which a process gets
   * some ten thousand: V8 ends the process then. A large buffer that is never touched makes it look.
   */
  collect(): void {
    if (this.#removed < MAX_REMOVED) return;
    this.#removed = 0;
    new ArrayBuffer(NOTICED);
  }

  /** A place in the core's table, for `install` or `giveBack`. */
  takeSlot(): number {
    const { table } = this.#core;
    if (this.#freeSlots.length === 0) {
      const first = table.grow(SLOTS_STEP);
      for (let slot = first + SLOTS_STEP - 1; slot >= first; slot--) this.#freeSlots.push(slot);
    }
    return this.#freeSlots.pop() as number;
  }

  giveBack(slot: number): void {
    this.#freeSlots.push(slot);
  }

  /** All blocks that are compiled in the region that a block enters, if it enters one. */
  blocksWith(block: number): ReadonlySet<number> | undefined {
    const region = this.#regions.get(regionOf(this.#blocks, block));
    return region && new Set(region.blocks);
  }

  get #precision(): number {
    return this.#blocks.u32(S_MXCSR) & MXCSR_PE;
  }

  /** Whether MXCSR's precision flag is another one than when the region was compiled that a block enters. */
  precisionChanged(block: number): boolean {
    const region = this.#regions.get(regionOf(this.#blocks, block));
    return region !== undefined && region.precision !== this.#precision;
  }

  /**
   * Makes the heat records of a region's entries enter its function. Other regions lose the entries. After `failures` of
   * what it takes for granted the block is hot again.
   */
  install(
    region: Region,
    slot: number,
    bytes: number,
    entry: CallableFunction,
    failures: number,
  ): void {
    const blocks = this.#blocks;
    this.#core.table.set(slot, entry);
    const installed: Entered = {
      number: this.#nextNumber++,
      slot,
      bytes,
      precision: this.#precision,
      entries: new Set(),
      blocks: region.nodes.map((node) => node.block.address),
      frames: new Set(region.nodes.map((node) => node.block.frame)),
    };
    this.#regions.set(installed.number, installed);
    this.bytes += bytes;
    for (const frame of installed.frames) this.#note(frame, installed);
    for (const block of installed.blocks) add(this.#byBlock, block, installed);
    for (const [number, node] of region.entries.entries()) {
      const address = region.nodes[node]?.block.address as number;
      this.#release(regionOf(blocks, address), address);
      installed.entries.add(address);
      blocks.view.setUint32(address + BLOCK_REGION, installed.number, true);
      blocks.view.setUint32(heatOf(address) + HEAT_ENTRY, number, true);
      blocks.view.setUint32(heatOf(address) + HEAT_LEFT, failures, true);
      blocks.view.setUint32(heatOf(address) + OP_HANDLER, slot, true);
    }
  }

  /** The core tells of a page frame's code once it is dropped. */
  #note(frame: number, region: Entered): void {
    const blocks = this.#blocks;
    blocks.view.setUint32(blocks.codeMap(frame) + MAP_REGIONS, 1, true);
    add(this.#byFrame, frame, region);
  }

  /** Whether a region has the block, as an entry or inside. */
  has(block: number): boolean {
    return this.#byBlock.has(block);
  }

  #release(number: number, block: number): void {
    const region = this.#regions.get(number);
    if (region === undefined) return;
    region.entries.delete(block);
    if (region.entries.size === 0) this.#remove(region);
  }

  #remove(region: Entered): void {
    this.#regions.delete(region.number);
    this.#removed++;
    this.bytes -= region.bytes;
    for (const frame of region.frames) remove(this.#byFrame, frame, region);
    for (const block of region.blocks) remove(this.#byBlock, block, region);
    this.#core.table.set(region.slot, null);
    this.#freeSlots.push(region.slot);
  }

  /** Removes the regions with code of a page frame. Blocks that enter them count again, `left` entries. */
  dropFrame(frame: number, handler: number, left: number): void {
    for (const region of this.#byFrame.get(frame) ?? []) this.#cool(region, handler, left);
  }

  /** Removes all regions, while their blocks stay. */
  coolAll(handler: number, left: number): void {
    for (const region of this.#regions.values()) this.#cool(region, handler, left);
  }

  #cool(region: Entered, handler: number, left: number): void {
    const { view } = this.#blocks;
    for (const block of region.entries) {
      view.setUint32(block + BLOCK_REGION, 0, true);
      view.setUint32(heatOf(block) + OP_HANDLER, handler, true);
      view.setUint32(heatOf(block) + HEAT_ENTRY, 0, true);
      view.setUint32(heatOf(block) + HEAT_LEFT, left, true);
    }
    this.#remove(region);
  }

  /** Removes all regions, whose blocks are gone. */
  dropAll(): void {
    for (const region of this.#regions.values()) this.#remove(region);
  }
}

function add(map: Map<number, Set<Entered>>, key: number, region: Entered): void {
  const others = map.get(key);
  if (others) others.add(region);
  else map.set(key, new Set([region]));
}

function remove(map: Map<number, Set<Entered>>, key: number, region: Entered): void {
  const others = map.get(key);
  others?.delete(region);
  if (others?.size === 0) map.delete(key);
}
