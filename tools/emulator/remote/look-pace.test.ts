// How often is looked, for looks that take as long as the test says.

import { expect, test } from "vitest";
import { LookPace, TICK_MS } from "./look-pace.ts";

/** Looks in five minutes, and the part of these that they take, with a tick every `tickMs`. */
function fiveMinutes(lookMs: number, tickMs = TICK_MS): { looks: number; share: number } {
  let now = 0;
  let looks = 0;
  const pace = new LookPace(() => now);
  while (now < 300_000) {
    pace.tick(() => {
      looks++;
      now += lookMs;
    });
    now += tickMs - (now % tickMs);
  }
  return { looks, share: (looks * lookMs) / now };
}

test("thirty looks a second that take next to nothing", () => {
  expect(fiveMinutes(0).looks).toBeGreaterThan(29 * 300);
  expect(fiveMinutes(3).looks).toBeGreaterThan(29 * 300);
});

test.each([12.5, 14, 20, 26, 33])("thirty looks a second where ticks come every %d ms", (ms) => {
  const { looks } = fiveMinutes(1, ms);
  expect(looks).toBeGreaterThan(29 * 300);
  expect(looks).toBeLessThanOrEqual(30 * 300 + 1);
});

test("looks that take as much as they may come as often with late ticks as with early ones", () => {
  for (const ms of [1, 8, 13, 21]) {
    const { share } = fiveMinutes(8, ms);
    expect(share).toBeGreaterThan(0.135);
  }
});

test("what could not be looked at is not made up for", () => {
  let now = 0;
  let looks = 0;
  const pace = new LookPace(() => now);
  const run = (until: number): void => {
    for (; now < until; now += TICK_MS) pace.tick(() => looks++);
  };
  run(1000);
  now = 60_000;
  looks = 0;
  run(61_000);
  expect(looks).toBeLessThanOrEqual(31);
});

test.each([5, 20, 100, 1000])("looks of %i ms leave the guest most of the time", (ms) => {
  const { looks, share } = fiveMinutes(ms);
  expect(looks).toBeGreaterThan(0);
  expect(share).toBeLessThan(0.15);
});
