// The rows that a machine's screen is told by make up its picture, also where looks were left out for want of room.

import { expect, test } from "vitest";
import { Random } from "../cputest/random.ts";
import { toRgba } from "../devices/pixel-order.ts";
import { Machine } from "../host/machine.ts";
import { guest } from "../platform/testdata/guest.ts";
import { ScreenFeed, type ScreenRows, type SlotMemory } from "./screen-feed.ts";

const FRAMEBUFFER = 0xfd00_0000;
const TEXT = 0xb8000;

const halted = guest((a) => {
  a.cli().hlt();
});

/** A picture that is kept by what a feed sends, when it is told to read that. */
class Kept {
  readonly rows: ScreenRows[] = [];
  #memory: SlotMemory[] = [];
  #pixels = new Uint32Array(0);
  #order: ScreenRows["order"] = "rgba";
  lines = 0;

  read(feed: ScreenFeed): void {
    for (const rows of this.rows.splice(0)) {
      const { width, height, order, isFresh, stretches, slot } = rows;
      if (rows.memory !== undefined) this.#memory[slot] = rows.memory;
      const given = new Uint32Array(this.#memory[slot] as SlotMemory, 0, width * height);
      if (isFresh) {
        this.#pixels = new Uint32Array(width * height);
        this.#order = order;
      }
      for (const [y, lines] of stretches) {
        this.#pixels.set(given.subarray(y * width, (y + lines) * width), y * width);
        this.lines += lines;
      }
      feed.giveBack(slot);
    }
  }

  get rgba(): Uint32Array {
    const pixels = this.#pixels.slice();
    if (this.#order === "bgrx") toRgba(pixels);
    return pixels;
  }
}

async function fed(): Promise<{ machine: Machine; feed: ScreenFeed; kept: Kept }> {
  const machine = await Machine.create({ kernel: halted, memory: "16M" });
  const kept = new Kept();
  const feed = ScreenFeed.of(machine, (rows) => kept.rows.push(rows), true);
  if (feed === undefined) throw new Error("there is no display adapter");
  return { machine, feed, kept };
}

function expectPicture(machine: Machine, kept: Kept): void {
  const { data } = machine.screenRgba() as { data: Uint8ClampedArray };
  const want = new Uint32Array(data.slice().buffer);
  expect(kept.rgba.length).toBe(want.length);
  expect(kept.rgba.findIndex((pixel, at) => pixel !== want[at])).toBe(-1);
}

test.each([1, 2, 3, 4])("text and graphics of all depths, seed %i", async (seed) => {
  const { machine, feed, kept } = await fed();
  const random = new Random(seed);
  const { board } = machine;
  for (let round = 0; round < 60; round++) {
    if (random.oneIn(6)) {
      const depth = random.pick([8, 15, 16, 24, 32]);
      board.vga?.setMode({
        width: 8 * (1 + random.below(60)),
        height: 1 + random.below(200),
        depth,
      });
    } else if (random.oneIn(8)) {
      board.vga?.leaveLinearMode();
    }
    for (let i = random.below(40); i > 0; i--) {
      board.mmio.write(FRAMEBUFFER + random.below(200_000), random.below(1 << 30), 4);
      board.mmio.write(TEXT + random.below(4000), random.below(65536), 2);
    }
    feed.look();
    expect(kept.rows.length).toBeLessThanOrEqual(2);
    if (!random.oneIn(3)) continue;
    // What was left out is found when there is room.
    kept.read(feed);
    feed.look();
    kept.read(feed);
    expectPicture(machine, kept);
  }
});

test("a changed line is told alone, and nothing where nothing has changed", async () => {
  const { machine, feed, kept } = await fed();
  machine.board.vga?.setMode({ width: 1024, height: 64, depth: 32 });
  feed.look();
  kept.read(feed);
  feed.look();
  expect(kept.rows).toEqual([]);
  machine.board.mmio.write(FRAMEBUFFER + 1024 * 4 * 9, 1, 4);
  feed.look();
  expect(kept.rows).toMatchObject([{ isFresh: false, stretches: [[9, 1]] }]);
});

test("what has been forgotten comes whole, into memory that is there", async () => {
  const { machine, feed, kept } = await fed();
  feed.look();
  expect(kept.rows[0]?.memory?.byteLength).toBe(720 * 400 * 4);
  kept.read(feed);
  kept.lines = 0;
  feed.forget();
  feed.look();
  expect(kept.rows).toMatchObject([{ isFresh: true }]);
  kept.read(feed);
  expect(kept.lines).toBe(400);
  expectPicture(machine, kept);
  feed.forget();
  feed.look();
  expect(kept.rows[0]?.memory).toBeUndefined();
});

test("memory that is handed over is used again when it comes back", async () => {
  const { machine } = await fed();
  const sent: ScreenRows[] = [];
  const feed = ScreenFeed.of(machine, (rows) => sent.push(rows), false) as ScreenFeed;
  const next = (): ScreenRows => {
    feed.forget();
    feed.look();
    return sent.at(-1) as ScreenRows;
  };
  const { slot, memory } = next();
  expect(memory).toBeInstanceOf(ArrayBuffer);
  const second = next();
  expect(second.memory).not.toBe(memory);
  expect(feed.isReady).toBe(false);
  const ready = feed.ready();
  feed.giveBack(slot, memory as ArrayBuffer);
  await ready;
  expect(next()).toMatchObject({ slot, isFresh: true });
  expect(sent.at(-1)?.memory).toBe(memory);
  expect(sent.length).toBe(3);
});
