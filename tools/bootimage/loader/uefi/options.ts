// How the guest code of the loader for UEFI is compiled.

import type { GuestOptions } from "../../../asc/guest.ts";

export const UEFI_LOADER_GUEST: GuestOptions = {
  entry: "tools/bootimage/loader/uefi/guest/main.ts",
  args: ["--noAssert"],
};
