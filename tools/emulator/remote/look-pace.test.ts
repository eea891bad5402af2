// How often is looked, for looks that take as long as the test says.

import { expect, test } from "vitest";
import { LookPace, TICK_MS } from "./look-pace.ts";

/** Looks in five minutes, and the part of these that they take. */
function fiveMinutes(lookMs: number): { looks: number; share: number } {
  let now = 0;
  let looks = 0;
  const pace = new LookPace(() => now);
  while (now < 300_000) {
    pace.tick(() => {
      looks++;
      now += lookMs;
    });
    now += TICK_MS - (now % TICK_MS);
  }
  return { looks, share: (looks * lookMs) / now };
}

test("thirty looks a second that take next to nothing", () => {
  expect(fiveMinutes(0).looks).toBeGreaterThan(29 * 300);
  expect(fiveMinutes(3).looks).toBeGreaterThan(29 * 300);
});

test.each([5, 20, 100, 1000])("looks of %i ms leave the guest most of the time", (ms) => {
  const { looks, share } = fiveMinutes(ms);
  expect(looks).toBeGreaterThan(0);
  expect(share).toBeLessThan(0.15);
});
