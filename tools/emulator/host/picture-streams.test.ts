// What pages get of a screen that changes: the same pixels however slowly they read, and never more than two pictures ahead.

import { afterEach, describe, expect, test, vi } from "vitest";
import { Random } from "../cputest/random.ts";
import type { KeptPicture } from "../pictures/kept-picture.ts";
import { emptyPicture, pixelsOf } from "../pictures/testing/pictures.ts";
import { type ReadBytes, readFrames } from "../remote/picture-frames.ts";
import type { ScreenRows } from "../remote/screen-feed.ts";
import { PictureStreams, paceFor, type Sink } from "./picture-streams.ts";

afterEach(() => {
  vi.useRealTimers();
});

/** A screen whose rows come in two slots, as a machine's feed sends them. */
class Source {
  readonly streams: PictureStreams;
  readonly free = [0, 1];
  readonly #memory: SharedArrayBuffer[] = [];
  width = 0;
  height = 0;
  pixels = new Int32Array(0);

  constructor(streams: PictureStreams) {
    this.streams = streams;
    streams.onRead = (slot) => this.free.push(slot);
  }

  /** Sends stretches of lines; false if there is no slot for them. */
  send(stretches: [number, number][], isFresh = false): boolean {
    const slot = this.free.pop();
    if (slot === undefined) return false;
    const { width, height, pixels } = this;
    const known = this.#memory[slot];
    const isNew = known === undefined || known.byteLength < pixels.byteLength;
    const memory = isNew ? new SharedArrayBuffer(pixels.byteLength) : known;
    this.#memory[slot] = memory;
    const shared = new Int32Array(memory);
    // What is in no stretch is not to be read.
    shared.fill(0x5555_5555);
    for (const [y, lines] of stretches) {
      shared.set(pixels.subarray(y * width, (y + lines) * width), y * width);
    }
    const rows: ScreenRows = { width, height, order: "rgba", isFresh, stretches, slot };
    this.streams.take(isNew ? { ...rows, memory } : rows);
    return true;
  }

  resize(width: number, height: number): void {
    Object.assign(this, { width, height, pixels: new Int32Array(width * height) });
  }
}

/** A page that reads when it is told to. */
class Page implements Sink {
  readonly #chunks: [bytes: Uint8Array, written: () => void][] = [];
  readonly #picture: KeptPicture;
  /** Pictures that have come whole. */
  pictures = 0;
  hasEnded = false;

  private constructor(picture: KeptPicture) {
    this.#picture = picture;
  }

  static async open(): Promise<Page> {
    return new Page(await emptyPicture());
  }

  get pixels(): Int32Array {
    return pixelsOf(this.#picture);
  }

  write(bytes: Uint8Array, written: () => void): void {
    this.#chunks.push([bytes, written]);
  }

  end(): void {
    this.hasEnded = true;
  }

  get unread(): number {
    return this.#chunks.length;
  }

  get unreadBytes(): number {
    return this.#chunks.reduce((sum, [bytes]) => sum + bytes.length, 0);
  }

  /** Reads what has been written first. */
  async read(): Promise<boolean> {
    const first = this.#chunks.shift();
    if (first === undefined) return false;
    const [bytes, written] = first;
    let at = 0;
    const from: ReadBytes = async (into) => {
      if (at + into.length > bytes.length) return undefined;
      into.set(bytes.subarray(at, at + into.length));
      at += into.length;
      return into;
    };
    for await (const frame of readFrames(from, (room) => new ArrayBuffer(room))) {
      if (frame.kind === "shown") {
        this.pictures++;
      } else if (frame.kind === "size") {
        this.#picture.resize(frame.width, frame.height);
      } else {
        expect(this.#picture.unpack(frame, frame.bytes)).toBe(true);
      }
    }
    written();
    return true;
  }
}

const OPAQUE = 0xff00_0000;

/** Changes some pixels of some lines, and tells of these and of others. */
function scribble(source: Source, random: Random): [number, number][] {
  const stretches: [number, number][] = [];
  let y = random.below(source.height);
  while (y < source.height) {
    const lines = 1 + random.below(Math.min(40, source.height - y));
    for (let i = random.below(30); i > 0; i--) {
      const at = (y + random.below(lines)) * source.width + random.below(source.width);
      source.pixels[at] = random.below(0x100_0000) | OPAQUE;
    }
    if (random.oneIn(4)) {
      source.pixels.fill(random.below(256) | OPAQUE, y * source.width, (y + lines) * source.width);
    }
    stretches.push([y, lines]);
    y += lines + 1 + random.below(30);
  }
  return stretches;
}

describe.each([1, 2, 3])("random changes, seed %i", (seed) => {
  test("pages of any speed end with the same pixels, two pictures ahead at most", async () => {
    const random = new Random(seed);
    const streams = new PictureStreams(await emptyPicture());
    const source = new Source(streams);
    source.resize(64, 70);
    source.pixels.fill(OPAQUE | 0);
    source.send([[0, 70]], true);
    const pages = await Promise.all(
      [1, 4, 40].map(async (oneIn) => ({ page: await Page.open(), oneIn, number: oneIn })),
    );
    for (const { page, number } of pages) streams.add(number, page);
    let lost = false;
    for (let round = 0; round < 600; round++) {
      if (!lost && random.oneIn(60)) {
        source.resize(1 + random.below(90), 1 + random.below(90));
        source.pixels.fill(random.below(0x100_0000) | OPAQUE);
        lost = true;
      }
      // Without a slot the changes stay to be told of.
      if (lost) lost = !source.send([[0, source.height]], true);
      else if (source.free.length > 0) source.send(scribble(source, random));
      for (const { page, oneIn, number } of pages) {
        expect(page.unread).toBeLessThanOrEqual(2);
        if (random.oneIn(oneIn) && (await page.read())) streams.drawn(number);
      }
    }
    if (lost) {
      for (const { page, number } of pages) {
        while (await page.read()) streams.drawn(number);
      }
      source.send([[0, source.height]], true);
    }
    const settled = streams.upToDate();
    for (let left = true; left; ) {
      left = false;
      for (const { page, number } of pages) {
        if (!(await page.read())) continue;
        left = true;
        streams.drawn(number);
      }
    }
    await settled;
    for (const { page } of pages) expect(page.pixels).toEqual(source.pixels);
    const [quick, , slow] = pages.map(({ page }) => page.pictures);
    expect(slow).toBeLessThan((quick as number) / 4);
    expect(source.free.length).toBe(2);
  });
});

const plain = async (): Promise<{
  streams: PictureStreams;
  source: Source;
  step: () => boolean;
}> => {
  const streams = new PictureStreams(await emptyPicture());
  const source = new Source(streams);
  source.resize(32, 32);
  source.send([[0, 32]], true);
  let colour = 0;
  const step = (): boolean => {
    source.pixels.fill(++colour | OPAQUE);
    return source.send([[0, 32]]);
  };
  return { streams, source, step };
};

test("a page that never reads holds nobody else up, and nothing piles up for it", async () => {
  const { streams, source, step } = await plain();
  const [dead, alive] = [await Page.open(), await Page.open()];
  streams.add(1, dead);
  streams.add(2, alive);
  for (let i = 0; i < 500; i++) {
    expect(step()).toBe(true);
    while (await alive.read()) streams.drawn(2);
  }
  expect(alive.pixels).toEqual(source.pixels);
  expect(dead.unread).toBe(2);
});

test("a page that says that it draws and does not read gets two pictures", async () => {
  const { streams, step } = await plain();
  const liar = await Page.open();
  streams.add(1, liar);
  for (let i = 0; i < 500; i++) {
    step();
    for (let n = 0; n < 3; n++) streams.drawn(1);
  }
  expect(liar.unread).toBe(2);
  expect(liar.unreadBytes).toBeLessThan(10_000);
});

test("nobody is ready: the machine is not asked for more than two pictures", async () => {
  const { streams, step } = await plain();
  streams.add(1, await Page.open());
  const steps = Array.from({ length: 10 }, step);
  // Two have been sent, with the first one of all; two wait.
  expect(steps.filter((taken) => taken).length).toBe(3);
});

test("pages that go give free what waited for them, and the machine hears of the last one", async () => {
  const { streams, source, step } = await plain();
  const heard: boolean[] = [];
  streams.onWatched = (isWatched) => heard.push(isWatched);
  const pages = [await Page.open(), await Page.open()];
  for (const [number, page] of pages.entries()) streams.add(number, page);
  while (step());
  expect(source.free.length).toBe(0);
  streams.remove(0);
  expect(heard).toEqual([true]);
  streams.remove(1);
  expect(heard).toEqual([true, false]);
  expect(source.free.length).toBe(2);
  expect(pages.every(({ hasEnded }) => hasEnded)).toBe(true);
});

test("a page that nobody sees gets nothing until it is seen, and the last picture at the end", async () => {
  const { streams, source, step } = await plain();
  const heard: boolean[] = [];
  streams.onWatched = (isWatched) => heard.push(isWatched);
  const [hidden, seen] = [await Page.open(), await Page.open()];
  streams.seen(1, false);
  streams.add(1, hidden);
  expect(heard).toEqual([]);
  streams.add(2, seen);
  expect(heard).toEqual([true]);
  for (let i = 0; i < 10; i++) {
    step();
    while (await seen.read()) streams.drawn(2);
  }
  expect(hidden.unread).toBe(0);
  streams.seen(1, true);
  await hidden.read();
  streams.drawn(1);
  expect(hidden.pictures).toBe(1);
  expect(hidden.pixels).toEqual(source.pixels);
  streams.seen(1, false);
  streams.seen(2, false);
  expect(heard).toEqual([true, false]);
  step();
  expect([hidden.unread, seen.unread]).toEqual([0, 0]);
  const settled = streams.upToDate();
  for (const [number, page] of [hidden, seen].entries()) {
    await page.read();
    streams.drawn(1 + number);
    expect(page.pixels).toEqual(source.pixels);
  }
  await settled;
});

test("a page's new stream ends its old one and begins with the whole picture", async () => {
  const { streams, source, step } = await plain();
  const [old, young] = [await Page.open(), await Page.open()];
  streams.add(7, old);
  step();
  streams.add(7, young);
  expect(old.hasEnded).toBe(true);
  // The response of the old one closes later.
  streams.remove(7, old);
  await young.read();
  streams.drawn(7);
  expect(young.pixels).toEqual(source.pixels);
  step();
  await young.read();
  expect(young.pixels).toEqual(source.pixels);
});

test("a page that joins before there is a picture gets the first one", async () => {
  const streams = new PictureStreams(await emptyPicture());
  const page = await Page.open();
  streams.add(1, page);
  expect(page.unread).toBe(0);
  const source = new Source(streams);
  source.resize(5, 3);
  source.pixels.fill(OPAQUE | 9);
  source.send([[0, 3]], true);
  await page.read();
  expect(page.pixels).toEqual(source.pixels);
});

test("with two processors one picture is on its way, and a page rests after one of many bytes", async () => {
  vi.useFakeTimers();
  const streams = new PictureStreams(await emptyPicture(), paceFor(2));
  const source = new Source(streams);
  source.resize(1024, 512);
  source.send([[0, 512]], true);
  const page = await Page.open();
  streams.add(1, page);
  const random = new Random(1);
  const grain = source.pixels.map(() => random.below(0x100_0000));
  let pictures = 0;
  const noise = (): void => {
    pictures++;
    source.pixels = grain.map((pixel) => (pixel ^ pictures) | OPAQUE);
    source.send([[0, 512]]);
  };
  noise();
  expect(page.unread).toBe(1);
  await page.read();
  streams.drawn(1);
  // Black has few bytes.
  expect(page.unread).toBe(1);
  const rest = Math.floor((page.unreadBytes / 1e6) * 6);
  expect(rest).toBeGreaterThan(8);
  await page.read();
  streams.drawn(1);
  noise();
  vi.advanceTimersByTime(rest - 1);
  expect(page.unread).toBe(0);
  vi.advanceTimersByTime(1);
  expect(page.unread).toBe(1);
  await page.read();
  streams.drawn(1);
  expect(page.pixels).toEqual(source.pixels);
});
