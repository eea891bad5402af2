// Puts a built UEFI loader into an image: the boot parameters, and with them the checksum of the PE file.

import { updateChecksum } from "../../../pe/index.ts";
import { BootImageError } from "../../error.ts";
import { type BootParameters, writeParameters } from "../../parameters.ts";

/**
 * Fills in the parameters of bootx64.efi as built (`buildUefiLoader`), in place. Throws `BootImageError` where it is none.
 */
export function installUefiLoader(file: Uint8Array, parameters: BootParameters): void {
  writeParameters(file, parameters, "bootx64.efi");
  try {
    updateChecksum(file);
  } catch (error) {
    throw new BootImageError(`bootx64.efi: ${(error as Error).message}; build it again`);
  }
}
