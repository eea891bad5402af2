// The compiled tier of one machine: answers the core when a block is hot, installs regions in the core's table, and
// forgets them when the code that they were made of is gone.

import type { CoreExports, TierImports } from "../core/interface.ts";
import { type CoreSource, coreBytes } from "../core/load.ts";
import { BLOCK_REGION, HEAT_ENTRY, MAP_REGIONS, OP_HANDLER } from "../core/state.ts";
import { type Accel, checkedAccel, DEFAULT_ACCEL } from "./accel.ts";
import { Blocks, heatOf } from "./blocks.ts";
import { Imports } from "./code.ts";
import { CoreCode } from "./core-code.ts";
import { emitRegion } from "./emit.ts";
import { instantiateRegion, regionModule } from "./module.ts";
import { discover, regionOf } from "./region.ts";

/** Table slots that are added at once. */
const SLOTS_STEP = 64;
const EVERY_PAGE = 0xffffffff;

/** A region that is installed. */
interface Installed {
  readonly number: number;
  readonly slot: number;
  /** Blocks whose heat records enter it. */
  readonly entries: Set<number>;
  readonly frames: ReadonlySet<number>;
}

/** What the tier has done, for measurements: none of it can be seen by a guest. */
export interface TierStatistics {
  /** Regions compiled since the machine was made, and the host's time for that, ms. */
  compilations: number;
  compileMs: number;
  /** Regions that are installed, and their size as WebAssembly. */
  regions: number;
  codeBytes: number;
}

/** Cores that have been decoded, by their bytes: machines share them. */
const decoded = new WeakMap<Uint8Array, CoreCode>();

/**
 * The compiled tier that `accel` asks for. Regions are made of the core's own code: a core whose bytes are not known is
 * interpreted alone. Throws `LoadError` for what is no way of execution.
 */
export function tierOf(source: CoreSource, accel: Accel = DEFAULT_ACCEL): Tier | undefined {
  const checked = checkedAccel(accel);
  if (checked.kind === "interp") return undefined;
  const bytes = coreBytes(source);
  return bytes && new Tier(bytes, checked.threshold);
}

export class Tier {
  /** What the core calls. */
  readonly imports: TierImports = {
    hot: (block) => this.#hot(block >>> 0),
    code_dropped: (frame) => this.#dropped(frame >>> 0),
  };

  readonly #bytes: Uint8Array;
  readonly #threshold: number;
  #core: CoreExports | undefined;
  #blocks: Blocks | undefined;
  /** Handler of heat records. */
  #heat = 0;
  readonly #freeSlots: number[] = [];
  #nextNumber = 1;
  readonly #installed = new Map<number, Installed>();
  readonly #statistics: TierStatistics = {
    compilations: 0,
    compileMs: 0,
    regions: 0,
    codeBytes: 0,
  };

  /**
   * `bytes` are those of the core. `threshold`: entries of a block after which it is compiled; 0 compiles every block
   * when it is first entered.
   */
  constructor(bytes: Uint8Array, threshold: number) {
    this.#bytes = bytes;
    this.#threshold = threshold;
  }

  /** The core's code, decoded when it is needed. */
  get #code(): CoreCode {
    let code = decoded.get(this.#bytes);
    if (code === undefined) {
      code = new CoreCode(this.#bytes);
      decoded.set(this.#bytes, code);
    }
    return code;
  }

  /** Starts to work for a core that has been instantiated with `imports`. */
  attach(core: CoreExports): void {
    this.#core = core;
    this.#blocks = new Blocks(core);
    core.set_heat(Math.max(this.#threshold, 1));
  }

  get statistics(): Readonly<TierStatistics> {
    return { ...this.#statistics, regions: this.#installed.size };
  }

  #hot(block: number): number {
    const blocks = (this.#blocks as Blocks).refresh();
    const start = performance.now();
    this.#heat = blocks.handler(heatOf(block));
    const core = this.#core as CoreExports;
    const region = discover(blocks, block);
    const slot = this.#takeSlot();
    const imports = new Imports();
    const code = emitRegion(this.#code, blocks, region, slot, imports);
    const bytes = regionModule(this.#code, imports.names, code);
    core.table.set(slot, instantiateRegion(bytes, core));
    const installed: Installed = {
      number: this.#nextNumber++,
      slot,
      entries: new Set(),
      frames: new Set(region.nodes.map((node) => node.block.frame)),
    };
    this.#installed.set(installed.number, installed);
    for (const frame of installed.frames) this.#countRegion(frame);
    for (const [number, node] of region.entries.entries()) {
      const { address } = (region.nodes[node] as { block: { address: number } }).block;
      this.#release(regionOf(blocks, address), address);
      installed.entries.add(address);
      const heat = heatOf(address);
      blocks.view.setUint32(address + BLOCK_REGION, installed.number, true);
      blocks.view.setUint32(heat + HEAT_ENTRY, number, true);
      blocks.view.setUint32(heat + OP_HANDLER, slot, true);
    }
    this.#statistics.compilations++;
    this.#statistics.compileMs += performance.now() - start;
    this.#statistics.codeBytes += bytes.length;
    return 0;
  }

  /** The block is no entry of that region any more. */
  #release(number: number, block: number): void {
    const region = this.#installed.get(number);
    if (region === undefined) return;
    region.entries.delete(block);
    if (region.entries.size === 0) this.#remove(region);
  }

  #remove(region: Installed): void {
    this.#installed.delete(region.number);
    (this.#core as CoreExports).table.set(region.slot, null);
    this.#freeSlots.push(region.slot);
  }

  #countRegion(frame: number): void {
    const blocks = this.#blocks as Blocks;
    const count = blocks.codeMap(frame) + MAP_REGIONS;
    blocks.view.setUint32(count, blocks.u32(count) + 1, true);
  }

  #takeSlot(): number {
    const { table } = this.#core as CoreExports;
    if (this.#freeSlots.length === 0) {
      const first = table.grow(SLOTS_STEP);
      for (let slot = first + SLOTS_STEP - 1; slot >= first; slot--) this.#freeSlots.push(slot);
    }
    return this.#freeSlots.pop() as number;
  }

  /** Decoded code is gone; what was compiled from it is not entered any more. */
  #dropped(frame: number): void {
    const blocks = (this.#blocks as Blocks).refresh();
    for (const region of this.#installed.values()) {
      if (frame !== EVERY_PAGE && !region.frames.has(frame)) continue;
      if (frame !== EVERY_PAGE) this.#cool(blocks, region);
      this.#remove(region);
    }
  }

  /** Blocks of other pages that enter the region count again. */
  #cool(blocks: Blocks, region: Installed): void {
    for (const block of region.entries) {
      const heat = heatOf(block);
      blocks.view.setUint32(block + BLOCK_REGION, 0, true);
      blocks.view.setUint32(heat + OP_HANDLER, this.#heat, true);
    }
  }
}
