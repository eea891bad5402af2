// Pictures of every kind of mode, pixel by pixel as QEMU's `screendump` has them.

import { beforeAll, describe, expect, test } from "vitest";
import { readPixmap } from "../screen/testing/picture.ts";
import { HANG_MS, hasQemu } from "../testing/host-tools.ts";
import { Machine } from "./host/machine.ts";
import { VIDEO_MODES, type VideoMode } from "./platform/firmware/video-modes.ts";
import { screensOnQemu } from "./platform/testdata/qemu.ts";
import { type Screen, screensGuest } from "./platform/testdata/screens.ts";
import type { Picture } from "./screen.ts";

const mode = (number: number): VideoMode => VIDEO_MODES.get(number) as VideoMode;

const SCREENS: Record<string, Screen> = {
  "80 columns of text": { mode: mode(3) },
  "text from the middle of memory": { mode: mode(3), crtc: { 12: 3, 13: 0x21 } },
  "text with 8 dots a character": { mode: mode(3), sequencer: { 1: 1 } },
  "text with two fonts": { mode: mode(3), sequencer: { 3: 0x2d } },
  "text with 50 rows": { mode: mode(3), crtc: { 9: 0x47 } },
  "text on lines of 96 columns": { mode: mode(3), crtc: { 19: 0x30 } },
  "40 columns of text": { mode: mode(1) },
  "CGA, 4 colours": { mode: mode(4) },
  "16 colours, 320×200": { mode: mode(0x0d) },
  "16 colours, 640×200": { mode: mode(0x0e) },
  "16 colours, 640×350": { mode: mode(0x10) },
  "2 colours, 640×480": { mode: mode(0x11) },
  "16 colours, 640×480": { mode: mode(0x12) },
  "16 colours, split and scrolled": {
    mode: mode(0x12),
    crtc: { 12: 0x10, 13: 0x04, 19: 0x30, 24: 0x90, 7: 0x2e, 9: 0 },
  },
  "256 colours, 320×200": { mode: mode(0x13) },
  "linear, 8 bits": { width: 640, height: 480, depth: 8 },
  "linear, 15 bits": { width: 320, height: 200, depth: 15 },
  "linear, 16 bits": { width: 320, height: 200, depth: 16 },
  "linear, 24 bits": { width: 320, height: 200, depth: 24 },
  "linear, 32 bits": { width: 800, height: 600, depth: 32 },
  "linear, 32 bits, 1920×1200": { width: 1920, height: 1200, depth: 32 },
  "linear, a part of a larger picture": {
    ...{ width: 320, height: 200, depth: 32, virtualWidth: 400, x: 24, y: 10 },
  },
};

/** What the emulator shows at each of the guest's bytes. */
async function screensHere(kernel: Uint8Array): Promise<(Picture | undefined)[]> {
  const machine = await Machine.create({ kernel, memory: "16M" });
  const pictures: (Picture | undefined)[] = [];
  for (;;) {
    const stop = machine.runSync({ until: "." });
    if (stop.kind !== "matched") return pictures;
    pictures.push(machine.screen());
    machine.sendSerial(".");
  }
}

describe.skipIf(!hasQemu)("pictures as QEMU shows them", () => {
  const names = Object.keys(SCREENS);
  let theirs: Uint8Array[];
  let ours: (Picture | undefined)[];

  beforeAll(async () => {
    const kernel = screensGuest(Object.values(SCREENS));
    [theirs, ours] = await Promise.all([screensOnQemu(kernel), screensHere(kernel)]);
  }, HANG_MS);

  test.each(names.map((name, i) => [name, i] as const))("%s", (_, i) => {
    const want = readPixmap(theirs[i] as Uint8Array);
    const got = ours[i] as Picture;
    expect([got.width, got.height]).toEqual([want.width, want.height]);
    const wrong = want.pixels.findIndex((pixel, at) => pixel !== got.pixels[at]);
    const place = { x: wrong % want.width, y: Math.floor(wrong / want.width) };
    expect({ wrong, ...place, pixel: got.pixels[wrong] }).toEqual({
      ...{ wrong: -1, ...place, pixel: want.pixels[wrong] },
    });
  });
});
