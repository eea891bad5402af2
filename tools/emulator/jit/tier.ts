// The compiled tier of one machine: answers the core when a block is hot, installs regions in the core's table, and
// forgets them when the code that they were made of is gone.

import type { CoreExports, TierImports } from "../core/interface.ts";
import { type CoreSource, coreBytes } from "../core/load.ts";
import { HEAT_ENTRY, HEAT_FRAME, OP_SIZE, TIER_ENTRIES, TIER_RETIRED } from "../core/state.ts";
import { type Accel, checkedAccel, DEFAULT_ACCEL } from "./accel.ts";
import { Blocks, heatOf } from "./blocks.ts";
import { Imports } from "./code.ts";
import { CoreCode } from "./core-code.ts";
import { emitRegion } from "./emit.ts";
import { InstalledRegions } from "./installed.ts";
import { instantiate, moduleOf } from "./module.ts";
import {
  again,
  discover,
  isWorthEntering,
  MAX_RECORDS,
  type Region,
  roundsOf,
  type Watch,
  type Worth,
  watch,
  watched,
  worthOf,
} from "./region.ts";

/** The name of a region's function in its module. */
const ENTRY = "region";

/** `code_dropped`: the code of all pages. */
const EVERY_PAGE = 0xffffffff;

/** Most regions at a time, and most bytes of their modules: engines make about ten times as much machine code of it. */
const MAX_REGIONS = 2000;
const MAX_BYTES = 8 << 20;
/** Times as many where everything is compiled at once: each block is a region of its own there. */
const ROOM_AT_ONCE = 10;

/**
 * How often the code of a page may be dropped together with regions before it has to run longer each time until it is
 * compiled again; and the same where everything is compiled at once: there regions become smaller each time.
 */
const PATIENCE = 2;
const PATIENCE_AT_ONCE = 30;
const MOST_DOUBLINGS = 16;

/** How far a block has come that is hot: it has just become so, has been put off, or is watched with those around it. */
const MAX_WATCHES = 64;
const NEW = 0;
const WAITED = 1;
const WATCHING = 2;
/** … and the same once more, after it has been put off because most of its region is compiled already. */
const DEFERRED = 3;
const WATCHING_AGAIN = 4;
/** It is watched before it is hot, since it may be what most of a young run is. */
const WATCHING_EARLY = 5;

/**
 * The part of the entries that make a block hot after which it is looked at first, and the part of all that the interpreter
 * has executed so far that its region has to be by then to be compiled at once: what has been so much of a run will be.
 */
const EARLY = 0.2;
const EARLY_SHARE = 0.2;
/** Records of a large region, of which all execute each time: what there may be around a block, before one has looked. */
const EARLY_RECORDS = 500;

/** A block has to be entered as often again as makes it hot for each so many records that other regions have, too. */
const REPEATED_RECORDS = 64;

/**
 * How often a region's records have to have been executed on the average, as a part of the entries that make a block hot:
 * less than these, as what is compiled together costs less and needs no ways out.
 */
const WORTH = 0.5;

/**
 * How often what a region takes for granted may fail to be so until it is compiled anew, with what is so then; so many
 * times as often before the next time, and how many times at most.
 */
const FAILURES = 500;
const FAILURES_AT_ONCE = 2;
const FAILURES_GROW = 8;
const MOST_REPLACEMENTS = 5;

/**
 * How often a region is compiled anew because the precision flag has changed, until it is compiled for both: programs set
 * it with their first inexact result, and hardly any clears it.
 */
const MOST_PRECISIONS = 1;

/** How often a block's region has been compiled anew because the precision flag was another one, or for all else. */
interface Replaced {
  readonly precision: number;
  readonly others: number;
}

const NOT_REPLACED: Replaced = { precision: 0, others: 0 };

/** Greatest count of a heat record. */
const MAX_COUNT = 2 ** 31 - 1;

/** What the tier has done, for measurements: none of it can be seen by a guest. */
export interface TierStatistics {
  /** Instructions that regions have executed. */
  instructions: number;
  /** How often the interpreter has entered a region. */
  entries: number;
  /** Regions compiled since the machine was made, and the host's time for that, ms. */
  compilations: number;
  compileMs: number;
  /** Regions that are installed, and the size of their modules. */
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
    hot: (block) => this.#attached().hot(block >>> 0),
    code_dropped: (frame) => this.#attached().dropped(frame >>> 0),
  };

  readonly #bytes: Uint8Array;
  readonly #threshold: number;
  readonly #patience: number;
  #tier: AttachedTier | undefined;

  /**
   * `bytes` are those of the core. `threshold`: entries of a block after which it is compiled; 0 compiles every block
   * when it is first entered. `patience`: how often the code of a page may change until blocks there have to wait.
   */
  constructor(
    bytes: Uint8Array,
    threshold: number,
    patience: number = threshold === 0 ? PATIENCE_AT_ONCE : PATIENCE,
  ) {
    this.#bytes = bytes;
    this.#threshold = threshold;
    this.#patience = patience;
  }

  /** Starts to work for a core that has been instantiated with `imports`. */
  attach(core: CoreExports): void {
    this.#tier = new AttachedTier(core, this.#bytes, this.#threshold, this.#patience);
    core.set_heat(this.#tier.first);
  }

  #attached(): AttachedTier {
    if (this.#tier === undefined) throw new Error("the compiled tier is attached to no core");
    return this.#tier;
  }

  get statistics(): TierStatistics {
    return this.#attached().statistics;
  }
}

class AttachedTier {
  readonly threshold: number;
  /** Entries after which a block is looked at first. */
  readonly first: number;
  /** Entries for which it is watched. */
  readonly #rounds: number;
  readonly #core: CoreExports;
  readonly #bytes: Uint8Array;
  readonly #blocks: Blocks;
  readonly #regions: InstalledRegions;
  /** Every block is compiled when it is first entered. */
  readonly #atOnce: boolean;
  readonly #patience: number;
  /** How often the code of page frames has been dropped together with regions. */
  readonly #drops = new Map<number, number>();
  /** Hot blocks that are watched. */
  readonly #watches = new Map<number, Watch>();
  /** How often the regions of blocks have been compiled anew because what they took for granted was not so. */
  readonly #replaced = new Map<number, Replaced>();
  /** Handler of heat records. */
  #heat = 0;
  #compilations = 0;
  #compileMs = 0;

  constructor(core: CoreExports, bytes: Uint8Array, threshold: number, patience: number) {
    this.#core = core;
    this.#patience = patience;
    this.#bytes = bytes;
    this.threshold = Math.max(threshold, 1);
    this.#rounds = roundsOf(this.threshold);
    const early = Math.floor(this.threshold * EARLY);
    this.first = early < this.#rounds ? this.threshold : early;
    this.#atOnce = threshold === 0;
    this.#blocks = new Blocks(core);
    this.#regions = new InstalledRegions(core, this.#blocks);
  }

  get statistics(): TierStatistics {
    const { view } = this.#blocks.refresh();
    return {
      instructions: Number(view.getBigUint64(TIER_RETIRED, true)),
      entries: Number(view.getBigUint64(TIER_ENTRIES, true)),
      compilations: this.#compilations,
      compileMs: this.#compileMs,
      regions: this.#regions.count,
      codeBytes: this.#regions.bytes,
    };
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

  /** Instructions that the interpreter has executed. */
  get #interpreted(): number {
    const { view } = this.#blocks;
    return this.#core.instructions() - Number(view.getBigUint64(TIER_RETIRED, true));
  }

  /** What the core's import `hot` answers. */
  hot(block: number): number {
    const blocks = this.#blocks.refresh();
    const heat = heatOf(block);
    const start = performance.now();
    const together = this.#regions.blocksWith(block);
    if (together) return this.#replace(block, together, start);
    // The field is free until the block enters a region: how far it has come.
    const stage = blocks.stage(block);
    const later = (next: number, entries: number): number => {
      blocks.view.setUint32(heat + HEAT_ENTRY, next, true);
      return entries;
    };
    const wait = stage === NEW ? this.#wait(heat) : 0;
    if (wait > 0) return later(WAITED, wait);
    const early = this.first < this.threshold && (stage === NEW || stage === WATCHING_EARLY);
    const asUsual = (entries: number): number => later(WAITED, this.threshold - entries);
    if (early && stage === NEW && !this.#isMuch(this.first * EARLY_RECORDS))
      return asUsual(this.first);
    const deferred = stage === DEFERRED || stage === WATCHING_AGAIN;
    const since = this.#watches.get(block);
    const watching = deferred ? WATCHING_AGAIN : early ? WATCHING_EARLY : WATCHING;
    if (!this.#atOnce && (stage !== watching || since === undefined)) {
      if (this.#watches.size >= MAX_WATCHES) this.#watches.clear();
      this.#watches.set(block, watch(blocks, block));
      return later(watching, this.#rounds);
    }
    this.#watches.delete(block);
    this.#heat = blocks.handler(heat);
    const room = this.#atOnce ? ROOM_AT_ONCE : 1;
    if (this.#regions.count >= MAX_REGIONS * room || this.#regions.bytes >= MAX_BYTES * room)
      this.#regions.coolAll(this.#heat, this.first);
    const region = since
      ? watched(blocks, block, since, this.#rounds, (other) => this.#regions.has(other))
      : this.#atFirst(block);
    if (since !== undefined && !isWorthEntering(region)) return later(WAITED, this.threshold);
    if (since !== undefined && !deferred) {
      const worth = this.#worth(region, since);
      const entries = this.first + this.#rounds;
      if (early && !this.#isMuch((worth.executed / this.#rounds) * entries))
        return asUsual(entries);
      const wanting = this.#wanting(region, worth);
      if (wanting > 0) return later(DEFERRED, Math.min(this.threshold * wanting, MAX_COUNT));
    }
    return this.#compile(region, start) ? 0 : MAX_COUNT;
  }

  /**
   * The region of a block that is compiled when it is first entered. Where that is mostly others' code it is a small one:
   * what can be reached of a program that has run for a while is all of it, from each block that comes new.
   */
  #atFirst(block: number): Region {
    const most = MAX_RECORDS >> Math.min(this.#dropsAround(heatOf(block)), MOST_DOUBLINGS);
    const region = discover(this.#blocks, block, most);
    if (this.#repeated(region) < REPEATED_RECORDS) return region;
    return discover(this.#blocks, block, Math.min(most, REPEATED_RECORDS));
  }

  /**
   * Compiles and installs a region that has been looked for since `start`. False if the host has no room for it, or
   * none where it would have to wait for the engine: the interpreter needs no more.
   */
  #compile(region: Region, start: number): boolean {
    const { precision, others } = this.#replacedMost(region);
    const replaced = precision + others;
    const failures =
      replaced > MOST_REPLACEMENTS
        ? MAX_COUNT
        : (this.#atOnce ? FAILURES_AT_ONCE : FAILURES) * FAILURES_GROW ** replaced;
    const slot = this.#regions.takeSlot();
    this.#regions.collect();
    const imports = new Imports();
    const code = emitRegion(this.#code, this.#blocks, region, slot, imports, {
      segmentsStay: others === 0,
      precisionStays: precision <= MOST_PRECISIONS,
    });
    const bytes = moduleOf(this.#code, imports.functions, [{ name: ENTRY, code }]);
    let entry: CallableFunction;
    try {
      entry = instantiate(bytes, imports.functions, this.#core)[ENTRY] as CallableFunction;
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      this.#regions.giveBack(slot);
      return false;
    }
    this.#regions.install(region, slot, bytes.length, entry, failures);
    this.#compilations++;
    this.#compileMs += performance.now() - start;
    return true;
  }

  /** How often any block of a region has been compiled anew, at most. */
  #replacedMost({ nodes }: Region): Replaced {
    let [precision, others] = [0, 0];
    for (const { block } of nodes) {
      const times = this.#replaced.get(block.address) ?? NOT_REPLACED;
      precision = Math.max(precision, times.precision);
      others = Math.max(others, times.others);
    }
    return { precision, others };
  }

  /** Compiles a region anew, which takes other things for granted than are so; returns what `hot` does. */
  #replace(block: number, together: ReadonlySet<number>, start: number): number {
    const changed = this.#regions.precisionChanged(block);
    for (const other of together) {
      const { precision, others } = this.#replaced.get(other) ?? NOT_REPLACED;
      const times = changed
        ? { precision: precision + 1, others }
        : { precision, others: others + 1 };
      this.#replaced.set(other, times);
    }
    return this.#compile(again(this.#blocks, block, together), start) ? 0 : MAX_COUNT;
  }

  /** Whether so many instructions are much of what the interpreter has executed so far. */
  #isMuch(instructions: number): boolean {
    return instructions >= EARLY_SHARE * this.#interpreted;
  }

  /** What compiling a region costs and saves. */
  #worth(region: Region, since: Watch): Worth {
    const compiled = (block: number): boolean => this.#regions.has(block);
    return worthOf(this.#blocks, region, since, this.#rounds, compiled);
  }

  /**
   * How many times as often as makes it hot the first block of a region has to be entered again until the region is worth
   * compiling; 0 if it is now. Interpreting all its blocks has to cost as much, and so that other regions are not compiled
   * once more by each of their ways out, these count, too.
   */
  #wanting(region: Region, { records, executed }: Worth): number {
    const seldom = (WORTH * records * this.#rounds) / executed - 1;
    const repeated = this.#repeated(region) / REPEATED_RECORDS;
    const wanting = Math.max(seldom, repeated);
    return wanting >= 1 ? wanting : 0;
  }

  /** Records of a region that other regions have, too. */
  #repeated(region: Region): number {
    let records = 0;
    for (const { block } of region.nodes)
      if (this.#regions.has(block.address)) records += (block.end - block.first) / OP_SIZE;
    return records;
  }

  /** How often regions with code of a block's page have been dropped. */
  #dropsAround(heat: number): number {
    return this.#drops.get(this.#blocks.u32(heat + HEAT_FRAME)) ?? 0;
  }

  /** Entries for which a hot block has to wait because the code of its page changes again and again; 0 if it need not. */
  #wait(heat: number): number {
    const doublings = Math.min(this.#dropsAround(heat) - this.#patience, MOST_DOUBLINGS);
    if (doublings <= 0) return 0;
    return Math.min(this.threshold * 2 ** doublings, MAX_COUNT);
  }

  /** What the core's import `code_dropped` does: regions of that code are not entered any more. */
  dropped(frame: number): void {
    this.#blocks.refresh();
    if (frame === EVERY_PAGE) {
      this.#regions.dropAll();
      this.#watches.clear();
      this.#drops.clear();
      this.#replaced.clear();
    } else {
      this.#drops.set(frame, (this.#drops.get(frame) ?? 0) + 1);
      this.#regions.dropFrame(frame, this.#heat, this.first);
    }
  }
}
