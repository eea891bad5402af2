// Where firmware lies: a ROM, or chips of flash, whose contents are one stretch of memory up to 4 GiB.

import type { FlashMemory } from "../../devices/device.ts";
import { LoadError } from "../../load-error.ts";
import type { ImageSource } from "../../media/image.ts";
import type { BoardMemory } from "../core-pages.ts";

const BLOCK = 0x1000;
const MAX_CHIPS = 2;
const MAX_BYTES = 0x80_0000;

export interface FlashChip {
  readonly image: ImageSource;
  readonly readOnly: boolean;
  readonly persistent: boolean;
}

/** Contents of all chips, the first one last, as they lie below 4 GiB. Throws `LoadError` for what is no flash. */
export function flashContents(chips: readonly FlashChip[]): Uint8Array {
  if (chips.length > MAX_CHIPS) {
    throw new LoadError(`${chips.length} chips of flash: expected at most ${MAX_CHIPS}`);
  }
  for (const { image, persistent } of chips) {
    if (image.size === 0 || image.size % BLOCK !== 0) {
      throw new LoadError(`flash ${image.name}: ${image.size} bytes, expected a multiple of 4 KiB`);
    }
    if (persistent && image.write === undefined) {
      throw new LoadError(
        `flash ${image.name}: its image cannot be changed, so it must be read-only`,
      );
    }
  }
  const bytes = chips.reduce((sum, { image }) => sum + image.size, 0);
  if (bytes > MAX_BYTES) {
    throw new LoadError(`flash: ${bytes} bytes, of which at most 8 MiB have room below 4 GiB`);
  }
  const all = new Uint8Array(bytes);
  for (const [i, { image }] of chips.entries())
    all.set(image.read(0, image.size), offsetOf(chips, i));
  return all;
}

/** Where the contents of a chip begin among those of all. */
function offsetOf(chips: readonly FlashChip[], unit: number): number {
  return chips.slice(unit + 1).reduce((sum, { image }) => sum + image.size, 0);
}

/** The chips on the board. `onFailure` is told what the host could not do. */
export function flashMemories(
  chips: readonly FlashChip[],
  memory: BoardMemory,
  onFailure: (what: string) => void,
): FlashMemory[] {
  return chips.map(({ image, readOnly, persistent }, unit) =>
    memory.chip(offsetOf(chips, unit), image.size, (offset, bytes) => {
      if (readOnly) return false;
      if (!persistent) return true;
      try {
        image.write?.(offset, bytes);
        return true;
      } catch (error) {
        onFailure(`flash ${image.name}: cannot write it: ${(error as Error).message}`);
        return false;
      }
    }),
  );
}
