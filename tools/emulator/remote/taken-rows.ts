// What a machine's thread sends of its screen, taken over into a picture that is kept.

import { BAND_LINES, type Rectangle } from "../picture-difference.ts";
import type { KeptPicture } from "../pictures/kept-picture.ts";
import type { ScreenRows, SlotMemory } from "./screen-feed.ts";

/** Takes lines over, and tells in which parts they are others than before, each within a band. */
export function takeRows(
  picture: KeptPicture,
  { width, height, order, stretches, isFresh }: ScreenRows,
  memory: SlotMemory,
  changed: (part: Rectangle) => void,
): void {
  if (isFresh) picture.resize(width, height);
  const given = new Uint32Array(memory, 0, width * height);
  for (const [first, lines] of stretches) {
    const end = first + lines;
    for (let y = first; y < end; ) {
      const next = Math.min(end, (Math.floor(y / BAND_LINES) + 1) * BAND_LINES);
      const part = picture.take(y, given.subarray(y * width, next * width), order);
      if (part !== undefined) changed(part);
      y = next;
    }
  }
}
