// The text screen as pixels: the firmware's font in plane 2, a guest's own font, attributes, cursor.
// Expected pixels follow from the VGA's rules (FreeVGA, text modes) and from what the guest wrote.

import { expect, test } from "vitest";
import { al, dword, dx, eax, mem } from "../../../asm/index.ts";
import { Machine } from "../../host/machine.ts";
import { guest } from "../testdata/guest.ts";
import { GLYPH_STRIDE, vgaFont } from "./vga-font.ts";

const out = (a: Parameters<Parameters<typeof guest>[0]>[0], port: number, ...pairs: number[][]) => {
  for (const [index, value] of pairs as [number, number][]) {
    a.mov(dx, port).mov(al, index).out(dx, al);
    a.mov(dx, port + 1)
      .mov(al, value)
      .out(dx, al);
  }
};

async function screenOf(kernel: Uint8Array): Promise<Machine> {
  const machine = await Machine.create({ kernel, memory: "16M" });
  expect(machine.runSync()).toEqual({ kind: "power-off" });
  return machine;
}

/** A character cell of the screen as lines of its pixels' colours. */
function cell(machine: Machine, column: number, row: number): number[][] {
  const picture = machine.screen();
  if (picture === undefined) throw new Error("there is no screen");
  return Array.from({ length: 16 }, (_, y) => {
    const at = (row * 16 + y) * picture.width + column * 9;
    return [...picture.pixels.subarray(at, at + 8)];
  });
}

const line = (bits: number, front: number, back: number): number[] =>
  Array.from({ length: 8 }, (_, x) => (bits & (0x80 >> x) ? front : back));

test("text shows in the colours of its attribute, with the cursor as the CRTC says", async () => {
  const machine = await screenOf(
    guest((a) => {
      // "H" white on blue, "i" light green on black (bit 7 blinks), cursor on the "i".
      a.mov(dword(0xb8000), 0x8a691f48);
      out(a, 0x3d4, [0x0e, 0], [0x0f, 1]);
    }),
  );
  const font = vgaFont();
  const glyph = (code: number, y: number) => font[code * GLYPH_STRIDE + y] as number;
  const h = cell(machine, 0, 0);
  const i = cell(machine, 1, 0);
  for (let y = 0; y < 16; y++) {
    expect(h[y]).toEqual(line(glyph(0x48, y), 0xffffff, 0x0000a8));
    const cursor = y === 13 || y === 14;
    expect(i[y]).toEqual(line(cursor ? 0xff : glyph(0x69, y), 0x57ff57, 0));
  }
  const rgba = machine.screenRgba();
  expect([rgba?.width, rgba?.height, rgba?.data.length]).toEqual([720, 400, 720 * 400 * 4]);
  expect([...(rgba?.data.subarray(0, 4) ?? [])]).toEqual([0, 0, 0xa8, 0xff]);
});

test("a font that the guest loads into plane 2 is the one that shows", async () => {
  const machine = await screenOf(
    guest((a) => {
      out(a, 0x3c4, [2, 4], [4, 7]);
      out(a, 0x3ce, [5, 0], [6, 4]);
      for (let y = 0; y < 16; y += 4) a.mov(dword(0xa0000 + 0x41 * 32 + y), 0x0ff05aa5);
      out(a, 0x3c4, [2, 3], [4, 2]);
      out(a, 0x3ce, [5, 0x10], [6, 0x0e]);
      out(a, 0x3d4, [0x0a, 0x20]);
      a.mov(eax, 0x07410741).mov(mem(0xb8000), eax);
    }),
  );
  const pattern = [0xa5, 0x5a, 0xf0, 0x0f];
  cell(machine, 0, 0).forEach((pixels, y) => {
    expect(pixels).toEqual(line(pattern[y % 4] as number, 0xa8a8a8, 0));
  });
});
