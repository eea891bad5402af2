// How the BIOS loader's guest code is compiled.

import type { GuestOptions } from "../../../asc/guest.ts";
import { DATA } from "./layout.ts";

export const BIOS_LOADER_GUEST: GuestOptions = {
  entry: "tools/bootimage/loader/bios/guest/main.ts",
  args: ["--noAssert", "--memoryBase", String(DATA)],
};
