// How what keeps and packs pictures (guest/*.ts) is compiled.

import type { GuestOptions } from "../../asc/guest.ts";

// biome-ignore format: one option with its value a line
export const PICTURES_GUEST: GuestOptions = {
  entry: "tools/emulator/pictures/guest/index.ts",
  debug: false,
  args: [
    "--enable", "simd",
    "--initialMemory", "1",
    "--use", "abort=",
  ],
};
