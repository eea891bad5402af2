// How the CPU core's guest code (guest/*.ts) is compiled. Light to load: the Makefile reads it in every run.

import type { GuestOptions } from "../../asc/guest.ts";
import { RAM_BASE } from "./state.ts";

/** Static data of the core starts above CPU state (see state.ts). */
const MEMORY_BASE = 0x20000;

const PAGE = 65536;

// biome-ignore format: one option with its value a line
export const CORE_GUEST: GuestOptions = {
  entry: "tools/emulator/core/guest/index.ts",
  debug: false,
  args: [
    "--enable", "simd",
    "--memoryBase", String(MEMORY_BASE),
    "--initialMemory", String(RAM_BASE / PAGE),
    "--maximumMemory", "65536",
    "--disableWarning", "201",
    "--use", "abort=",
    "--exportTable",
  ],
};
