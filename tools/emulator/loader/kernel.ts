// Finds out which boot protocol a kernel file speaks and lays it out by that.

import type { MemoryMap } from "../platform/memory-map.ts";
import { isElf } from "./elf-image.ts";
import { type BootImage, type Input, LoadError } from "./load-error.ts";
import type { Module } from "./modules.ts";
import { findHeader, multiboot1 } from "./multiboot1.ts";

/** Throws `LoadError` where the file is none of the supported kinds. */
export function loadKernel(
  kernel: Input,
  modules: readonly Module[],
  append: string,
  map: MemoryMap,
): BootImage {
  if (findHeader(kernel.data) !== undefined) return multiboot1(kernel, modules, append, map);
  const what = isElf(kernel.data)
    ? "an ELF file without a Multiboot header"
    : `not an ELF file and without a Multiboot header (it starts with ${[...kernel.data.subarray(0, 4)].map((b) => b.toString(16).padStart(2, "0")).join(" ") || "nothing"})`;
  throw new LoadError(
    `kernel ${kernel.name}: it is ${what}; expected Multiboot magic 0x1BADB002 in its first 8192 bytes`,
  );
}
