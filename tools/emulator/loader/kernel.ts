// Finds out which boot protocol a kernel file speaks and lays it out by that.

import { LoadError } from "../load-error.ts";
import type { BootImage, BootMachine, Input } from "./boot-image.ts";
import { isElf } from "./elf-image.ts";
import { isLinux, linuxImage } from "./linux.ts";
import type { Module } from "./modules.ts";
import { findHeader, multiboot1 } from "./multiboot1.ts";
import { findHeader2, multiboot2 } from "./multiboot2.ts";

/** Throws `LoadError` where the file is none of the supported kinds. */
export function loadKernel(
  kernel: Input,
  modules: readonly Module[],
  append: string,
  machine: BootMachine,
): BootImage {
  const { ramBytes, chipset } = machine;
  if (findHeader(kernel.data) !== undefined) {
    return multiboot1(kernel, modules, append, ramBytes, chipset);
  }
  const header = findHeader2(kernel);
  if (header !== undefined) {
    return multiboot2(kernel, header, modules, append, machine);
  }
  if (isLinux(kernel.data)) return linuxImage(kernel, modules, append, machine);
  const what = isElf(kernel.data)
    ? "an ELF file without a Multiboot header"
    : `not an ELF file and without a Multiboot header (it starts with ${[...kernel.data.subarray(0, 4)].map((b) => b.toString(16).padStart(2, "0")).join(" ") || "nothing"})`;
  throw new LoadError(
    `kernel ${kernel.name}: it is ${what}; expected Multiboot 1 magic 0x1BADB002 in its first 8192 bytes, Multiboot 2 magic 0xE85250D6 in its first 32768, or a Linux bzImage`,
  );
}
