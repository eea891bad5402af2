// The boot loader that belongs to this checkout: compiled from its sources where they have changed.

import { guestModule } from "../../asc/guest.ts";
import type { LoaderFiles } from "../loader-files.ts";
import { buildBiosLoader } from "./bios/build.ts";
import { BIOS_LOADER_GUEST } from "./bios/options.ts";
import { buildUefiLoader } from "./uefi/build.ts";
import { UEFI_LOADER_GUEST } from "./uefi/options.ts";

/** The loader's files. Throws the compiler's messages if its sources do not compile. */
export async function builtLoader(): Promise<LoaderFiles> {
  const bios = await guestModule(BIOS_LOADER_GUEST);
  const uefi = await guestModule(UEFI_LOADER_GUEST);
  const { mbr, image } = buildBiosLoader(bios.wasm, bios.sourceMap);
  return { mbr, bios: image, efi: buildUefiLoader(uefi.wasm, uefi.sourceMap) };
}
