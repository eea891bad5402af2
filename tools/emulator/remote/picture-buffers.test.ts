// Buffers are used again where they are large enough, and the small ones go.

import { expect, test } from "vitest";
import { PictureBuffers } from "./picture-buffers.ts";

test("a buffer that has come back is used again for as much or less", () => {
  const buffers = new PictureBuffers();
  const first = buffers.take(100);
  expect([first.length, first.buffer.byteLength]).toEqual([100, 400]);
  buffers.giveBack(first.buffer);
  const second = buffers.take(60);
  expect([second.buffer === first.buffer, second.length]).toEqual([true, 60]);
  expect(buffers.take(60).buffer).not.toBe(first.buffer);
});

test("the smallest that is large enough is taken, and a larger one made where none is", () => {
  const buffers = new PictureBuffers();
  const [large, small] = [buffers.take(100), buffers.take(10)];
  buffers.giveBack(large.buffer);
  buffers.giveBack(small.buffer);
  expect(buffers.take(5).buffer).toBe(small.buffer);
  expect(buffers.take(101).buffer).not.toBe(large.buffer);
  expect(buffers.take(100).buffer).toBe(large.buffer);
});

test("four are kept, the largest", () => {
  const buffers = new PictureBuffers();
  const all = [50, 10, 40, 30, 20].map((pixels) => buffers.take(pixels));
  for (const { buffer } of all) buffers.giveBack(buffer);
  const sizes = [1, 1, 1, 1, 1].map((pixels) => buffers.take(pixels).buffer.byteLength);
  expect(sizes).toEqual([80, 120, 160, 200, 4]);
});
