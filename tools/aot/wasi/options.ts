// How the WASI layer (guest/*.ts) is compiled. Light to load: the Makefile reads it in every run.

import type { GuestOptions } from "../../asc/guest.ts";

export const WASI_GUEST: GuestOptions = {
  entry: "tools/aot/wasi/guest/index.ts",
  args: ["--noAssert", "--initialMemory", "0", "--use", "abort="],
};
