// The tables of the page's measurements, and the guest that draws.

import { expect, test } from "vitest";
import { Machine } from "../../host/machine.ts";
import type { Workload } from "../workload.ts";
import { formatFirstScreen, formatMeans, formatRedraw, formatSpeed } from "./bench.ts";
import { type Drawing, drawingGuest } from "./drawing-guest.ts";
import type { SpeedRow } from "./speed.ts";

const workload: Workload = { name: "loop", what: "nothing", rounds: 1, code() {} };

const row = (accel: SpeedRow["accel"], nodeMs: number, tabMs: number): SpeedRow => ({
  workload,
  accel,
  node: { instructions: 1e8, ms: nodeMs },
  tab: { instructions: 1e8, ms: tabMs },
});

test("a ratio above 1 is a slower tab, and the mean is geometric", () => {
  const rows = [row("interp", 500, 1000), row("jit", 100, 50)];
  expect(formatSpeed(rows)).toMatch(/^loop +200 +100 +2\.00 +1000 +2000 +0\.50$/);
  expect(formatSpeed(rows.slice(1))).toMatch(/^loop +- +- +- +1000 +2000 +0\.50$/);
  expect(formatMeans([...rows, row("interp", 800, 100)])).toMatch(/^geometric mean +0\.50 +0\.50$/);
});

test("the first screen is told with what takes how long and what travels", () => {
  const steps = { script: 100.4, files: 200, machine: 300, picture: 310, text: 400 };
  const text = formatFirstScreen({
    ...{ cold: { ...steps, text: 2000 }, warm: steps, mainMs: 12 },
    ...{ transferred: { page: 320_400, guest: 3_600_000 }, whole: 700_000, longTasks: [] },
  });
  expect(text).toMatch(/^the page's script begins +100 +100$/m);
  expect(text).toMatch(/^the guest has written something +2000 +400$/m);
  expect(text).toContain("320 KB travel, compressed, and 3600 KB of the guest");
  expect(text).toContain("system boots: none;");
});

test("a changing screen is told by pictures and by what the guest keeps", () => {
  const row = {
    ...{ place: "display" as const, mode: { width: 1024, height: 768 }, rate: 29.6 },
    ...{ share: 0.951, lookMs: 1.25, serverMs: 6, pageMs: 4, browserMs: 12.34 },
  };
  expect(formatRedraw({ ...row, change: "noise" })).toMatch(
    /^-display web, 1024 × 768, noise +30\/s +95 % +1\.3 ms +6\.0 ms +4\.0 ms +12\.3 ms$/,
  );
  const tab = { ...row, place: "tab" as const, serverMs: undefined };
  expect(formatRedraw({ ...tab, change: "pixels", share: undefined, lookMs: undefined })).toMatch(
    /^tab, 1024 × 768, pixels +30\/s +- +- +- +4\.0 ms +12\.3 ms$/,
  );
});

test.each(["pixels", "lines", "text", "gradient", "noise", "nothing"] satisfies Drawing[])(
  "a guest that draws %s changes the whole picture, a good part of it, or none of it",
  async (drawing) => {
    const kernel = drawingGuest({ width: 64, height: 16 }, drawing);
    const machine = await Machine.create({ kernel, memory: "16M" });
    machine.runSync({ nanoseconds: 1e7 });
    const first = new Uint32Array(machine.screenRgba()?.data.slice().buffer as ArrayBuffer);
    expect(first.length).toBe(64 * 16);
    const seen = new Set<number>();
    for (let i = 0; i < 20; i++) {
      machine.runSync({ nanoseconds: drawing === "pixels" ? 23_456 : 1_234_567 });
      const next = new Uint32Array(machine.screenRgba()?.data.buffer as ArrayBuffer);
      seen.add(next.filter((pixel, at) => pixel !== first[at]).length);
    }
    const most = Math.max(...seen) / first.length;
    if (drawing === "text") expect(most).toBeGreaterThan(0.2);
    else expect(most).toBe(drawing === "nothing" ? 0 : 1);
  },
);
