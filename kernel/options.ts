// How the kernel's guest code is compiled by asc.

import { KERNEL_MEMORY_BASE } from "./layout.ts";

/** Guest file that asc compiles, relative to the repository. */
export const KERNEL_ENTRY = "kernel/main.ts";

/** Options for asc besides entry and output files. */
export const KERNEL_ASC_OPTIONS: readonly string[] = [
  "--runtime",
  "stub",
  "-O3",
  "--noAssert",
  "--memoryBase",
  String(KERNEL_MEMORY_BASE),
];
