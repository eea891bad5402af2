// Areas of memory: random calls beside a model that knows each page, and what many areas come to.

import { beforeEach, describe, expect, it } from "vitest";
import { Random } from "../../tools/emulator/cputest/random.ts";
import { Machine } from "../testing/machine.ts";
import { sampleProgram, tarOf } from "../testing/samples.ts";
import * as numbers from "./numbers.ts";

const PAGE = 4096n;
const PRIVATE_ANON = 0x22;
const SHARED_ANON = 0x21;
const FIXED = 0x10;
const ENOMEM = -12n;
/** Searches for room go downwards from here (space.ts). */
const TOP = 0x7fff_f000_0000n;
const ROOM = 400;

interface Area {
  start: bigint;
  end: bigint;
  rights: number;
}

let machine: Machine;
let room = 0;

beforeEach(async () => {
  machine = await Machine.create();
  const tar = await tarOf([{ name: "bin/sample", mode: 0o755, data: sampleProgram() }]);
  expect(machine.unpack(tar)).toBe(true);
  expect(machine.launch("linux bin/sample")).toBe(0);
  room = machine.exports.storage(ROOM * 24);
});

function areas(): Area[] {
  const view = new DataView(machine.exports.memory.buffer);
  const count = machine.exports.areasOf(1, room, ROOM);
  return Array.from({ length: count }, (_, index) => ({
    start: view.getBigUint64(room + index * 24, true),
    end: view.getBigUint64(room + index * 24 + 8, true),
    rights: Number(view.getBigUint64(room + index * 24 + 16, true)),
  }));
}

function map(at: bigint, length: bigint, rights: number, flags: number): bigint {
  return machine.call(1, numbers.SYS_mmap, at, length, rights, flags, -1, 0);
}

/** The highest free range below the top. */
function highestRoom(length: bigint): bigint {
  let best = 0n;
  let floor = 0x1_0000n;
  for (const { start, end } of [...areas(), { start: TOP, end: TOP }]) {
    const limit = start < TOP ? start : TOP;
    if (limit - floor >= length) best = limit - length;
    if (end > floor) floor = end;
  }
  return best;
}

describe("areas", () => {
  const BASE = 0x1_0000_0000n;
  const PAGES = 48;

  it.each([1, 2, 3, 4])("are what each page of them was made, seed %i", (seed) => {
    const random = new Random(seed);
    const below = (limit: number) => random.below(limit);
    /** Rights of each page, 8 where it is locked, or undefined. */
    const pages: (number | undefined)[] = new Array(PAGES).fill(undefined);
    const effective = (rights: number) => (rights === 0 ? 0 : rights | 1);
    /** Does `change` with the pages from `first` up to the first that is not there; true where all are. */
    const change = (first: number, count: number, to: (old: number) => number) => {
      for (let i = first; i < first + count; i++) {
        const old = pages[i];
        if (old === undefined) return false;
        pages[i] = to(old);
      }
      return true;
    };
    for (let step = 0; step < 1500; step++) {
      const first = below(PAGES);
      const count = 1 + below(PAGES - first);
      const at = BASE + BigInt(first) * PAGE;
      const length = BigInt(count) * PAGE;
      const rights = [0, 1, 3, 3, 5][below(5)] as number;
      switch (below(7)) {
        case 0:
        case 1:
          expect(map(at, length, rights, PRIVATE_ANON | FIXED)).toBe(at);
          pages.fill(effective(rights), first, first + count);
          break;
        case 2:
          expect(machine.call(1, numbers.SYS_munmap, at, length)).toBe(0n);
          pages.fill(undefined, first, first + count);
          break;
        case 3: {
          const whole = change(first, count, (old) => effective(rights) | (old & 8));
          const result = machine.call(1, numbers.SYS_mprotect, at, length, rights);
          expect(result).toBe(whole ? 0n : ENOMEM);
          break;
        }
        case 4: {
          const whole = change(first, count, (old) => old & ~8);
          expect(machine.call(1, numbers.SYS_munlock, at, length)).toBe(whole ? 0n : ENOMEM);
          break;
        }
        case 5: {
          const whole = change(first, count, (old) => old | 8);
          // Locked on fault, so that rights do not count.
          const result = machine.call(1, numbers.SYS_mlock2, at, length, 1);
          expect(result).toBe(whole ? 0n : ENOMEM);
          break;
        }
        default: {
          const wanted = highestRoom(length);
          const place = map(0n, length, 3, PRIVATE_ANON);
          expect(place).toBe(wanted);
          expect(machine.call(1, numbers.SYS_munmap, place, length)).toBe(0n);
        }
      }
      expect(machine.exports.faultOfAreas(1)).toBe(0);
      const runs: Area[] = [];
      for (const [index, page] of pages.entries()) {
        if (page === undefined) continue;
        const start = BASE + BigInt(index) * PAGE;
        const last = runs.at(-1);
        if (last !== undefined && last.end === start && last.rights === page) last.end += PAGE;
        else runs.push({ start, end: start + PAGE, rights: page });
      }
      const end = BASE + BigInt(PAGES) * PAGE;
      const own = areas().filter((area) => area.start >= BASE && area.start < end);
      expect(own, `step ${step}`).toEqual(runs);
    }
  });

  it("find the highest gap that is wide enough", () => {
    const base = BASE + (1n << 30n);
    // Every second page, and gaps of 1 to 20 pages between them, in an order of their own.
    const gaps = Array.from({ length: 20 }, (_, index) => BigInt(((index * 7) % 20) + 1));
    let at = base;
    for (const gap of gaps) {
      expect(map(at, PAGE, 3, PRIVATE_ANON | FIXED)).toBe(at);
      at += PAGE * (gap + 1n);
    }
    expect(map(at, TOP - at, 0, PRIVATE_ANON | FIXED)).toBe(at);
    for (let width = 20n; width > 0n; width--) {
      const wanted = highestRoom(width * PAGE);
      expect(map(0n, width * PAGE, 1, PRIVATE_ANON)).toBe(wanted);
      expect(machine.exports.faultOfAreas(1)).toBe(0);
    }
  });

  it("of a file become one where they continue each other", () => {
    const shared = map(0n, 16n * PAGE, 3, SHARED_ANON);
    const within = () =>
      areas().filter((area) => area.start >= shared && area.start < shared + 16n * PAGE);
    expect(within()).toHaveLength(1);
    expect(machine.call(1, numbers.SYS_mprotect, shared + 4n * PAGE, PAGE, 1)).toBe(0n);
    expect(within()).toHaveLength(3);
    expect(machine.call(1, numbers.SYS_mprotect, shared + 4n * PAGE, PAGE, 3)).toBe(0n);
    expect(within()).toHaveLength(1);
    expect(machine.exports.faultOfAreas(1)).toBe(0);
  });
});

describe("the most areas", () => {
  const MOST = 65530;

  /** Makes areas of two pages apart, until there is one more than may be. */
  function fill(): { first: bigint; made: number } {
    const first = 0x2_0000_0000n;
    for (let made = 0; ; made++) {
      const at = first + BigInt(made) * 2n * PAGE;
      const result = map(at, PAGE, 1, PRIVATE_ANON | FIXED);
      if (result === at) continue;
      expect(result).toBe(ENOMEM);
      return { first, made };
    }
  }

  it("are 65530 and one, beyond which nothing is mapped and no area is cut", () => {
    const before = areas().length;
    const big = map(0x1_8000_0000n, 8n * PAGE, 3, PRIVATE_ANON | FIXED);
    const { first, made } = fill();
    // Some are not the program's own.
    expect(made).toBeGreaterThan(MOST - before - 1);
    expect(made).toBeLessThanOrEqual(MOST);
    expect(map(0n, PAGE, 3, PRIVATE_ANON)).toBe(ENOMEM);
    expect(machine.call(1, numbers.SYS_munmap, big + 2n * PAGE, PAGE)).toBe(ENOMEM);
    expect(machine.call(1, numbers.SYS_mprotect, big + 2n * PAGE, PAGE, 1)).toBe(ENOMEM);
    expect(machine.call(1, numbers.SYS_mprotect, big, 8n * PAGE, 1)).toBe(0n);
    expect(machine.call(1, numbers.SYS_madvise, big + PAGE, PAGE, 10)).toBe(-11n);
    expect(machine.call(1, numbers.SYS_mlock2, big + PAGE, PAGE, 1)).toBe(ENOMEM);
    expect(machine.call(1, numbers.SYS_mremap, big, 8n * PAGE, 9n * PAGE, 3, 0x1_9000_0000n)).toBe(
      ENOMEM,
    );
    // Ends may be cut, and what is next to an area alike makes that larger.
    expect(machine.call(1, numbers.SYS_munmap, big + 7n * PAGE, PAGE)).toBe(0n);
    expect(machine.call(1, numbers.SYS_munmap, first, PAGE)).toBe(0n);
    expect(machine.call(1, numbers.SYS_munmap, first + 2n * PAGE, PAGE)).toBe(0n);
    expect(machine.call(1, numbers.SYS_munmap, big + 2n * PAGE, PAGE)).toBe(0n);
    expect(machine.exports.faultOfAreas(1)).toBe(0);
    expect(machine.call(1, numbers.SYS_munmap, first, BigInt(made) * 2n * PAGE)).toBe(0n);
    expect(areas().length).toBe(before + 2);
    expect(machine.exports.faultOfAreas(1)).toBe(0);
  });
});
