// The memory map against a model that knows the type of every page, and the allocator against what the map and
// earlier answers allow.

import { describe, expect, it } from "vitest";
import { generator } from "../../../../../kernel/testing/random.ts";
import { LoaderMachine, type MapRange } from "./machine.ts";

const PAGE = 4096;
/** From what may be done with everything to what may not be touched. */
const ORDER = [0, 1, 7, 3, 4, 2, 5];

interface Settled {
  base: bigint;
  length: bigint;
  type: number;
}

async function settled(map: MapRange[]): Promise<[LoaderMachine, Settled[]]> {
  const m = await LoaderMachine.create({ map });
  const usable = m.exports.readMap() !== 0;
  expect(usable).toBe(map.some(({ type }) => type === 1) && usable);
  const ranges = Array.from({ length: m.exports.rangeCount() }, (_, i) => ({
    base: BigInt.asUintN(64, m.exports.rangeBase(i)),
    length: BigInt.asUintN(64, m.exports.rangeEnd(i) - m.exports.rangeBase(i)),
    type: m.exports.rangeType(i),
  }));
  return [m, ranges];
}

describe("the memory map", () => {
  it("is sorted, has no overlaps, and joins equal neighbours", async () => {
    const random = generator(5);
    for (let round = 0; round < 60; round++) {
      const map = Array.from({ length: 1 + random(30) }, () => ({
        base: random(100) * PAGE,
        length: random(20) * PAGE,
        type: ORDER[1 + random(6)] as number,
      }));
      const [, ranges] = await settled(map);
      const model = Array.from({ length: 120 }, (_, page) =>
        map
          .filter(
            ({ base, length }) =>
              Number(base) <= page * PAGE && page * PAGE < Number(base) + Number(length),
          )
          .reduce(
            (type, range) => (ORDER.indexOf(range.type) > ORDER.indexOf(type) ? range.type : type),
            0,
          ),
      );
      const told = model.map(
        (_, page) =>
          ranges.find(
            ({ base, length }) =>
              base <= BigInt(page * PAGE) && BigInt(page * PAGE) < base + length,
          )?.type ?? 0,
      );
      expect(told).toEqual(model);
      for (const [i, { base, length, type }] of ranges.entries()) {
        const next = ranges[i + 1];
        expect(length).toBeGreaterThan(0n);
        if (!next) continue;
        expect(next.base).toBeGreaterThanOrEqual(base + length);
        expect(next.base === base + length && next.type === type).toBe(false);
      }
    }
  });

  it("takes ranges that reach beyond the address space, and types that it does not know", async () => {
    const [, ranges] = await settled([
      { base: 0x1000, length: 0x1000, type: 1 },
      { base: 0x2000, length: 0x1000, type: 12 },
      { base: 2n ** 64n - 0x1000n, length: 0x5000, type: 1 },
    ]);
    expect(ranges).toEqual([
      { base: 0x1000n, length: 0x1000n, type: 1 },
      { base: 0x2000n, length: 0x1000n, type: 2 },
      { base: 2n ** 64n - 0x1000n, length: 0xfffn, type: 1 },
    ]);
  });

  it("is refused with more ranges than there is room for, and without memory", async () => {
    const many = Array.from({ length: 513 }, (_, i) => ({
      base: i * 0x2000,
      length: 0x1000,
      type: 1,
    }));
    const m = await LoaderMachine.create({ map: many });
    expect(m.exports.readMap()).toBe(0);
    const none = await LoaderMachine.create({ map: [{ base: 0, length: 0x1000, type: 2 }] });
    expect(none.exports.readMap()).toBe(0);
  });
});

describe("the allocator", () => {
  it("gives pages of usable memory below the limit, each once", async () => {
    const random = generator(6);
    for (let round = 0; round < 20; round++) {
      const map = Array.from({ length: 12 }, () => ({
        base: random(0x400) * 0x800,
        length: random(0x80) * 0x800,
        type: random(4) ? 1 : 2,
      }));
      const [m, ranges] = await settled([...map, { base: 0x8_0000, length: 0x30_0000, type: 1 }]);
      const given: [bigint, bigint][] = [];
      for (let i = 0; i < 60; i++) {
        const size = BigInt(1 + random(0x8000));
        const claim = random(3) === 0;
        const limit = BigInt(random(0x40_0000));
        const at = claim ? limit : BigInt.asUintN(64, m.exports.allocateFromMap(size, limit));
        if (claim ? m.exports.claimFromMap(limit, size) === 0 : at === 0n) continue;
        if (!claim) expect([at % 4096n, at + size <= limit]).toEqual([0n, true]);
        const inRange = ranges.some(
          ({ base, length, type }) => type === 1 && base <= at && at + size <= base + length,
        );
        expect(inRange).toBe(true);
        const [start, end] = [at & ~4095n, (at + size + 4095n) & ~4095n];
        expect(given.filter(([from, to]) => from < end && start < to)).toEqual([]);
        given.push([start, end]);
      }
    }
  });
});
