// How the kernel's guest code is compiled.

import type { GuestOptions } from "../tools/asc/guest.ts";
import { KERNEL_MEMORY_BASE } from "./layout.ts";

export const KERNEL_GUEST: GuestOptions = {
  entry: "kernel/main.ts",
  args: ["--noAssert", "--memoryBase", String(KERNEL_MEMORY_BASE)],
};
