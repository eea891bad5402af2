// The PE room's public face: UEFI applications from linked programs.

export { updateChecksum } from "./checksum.ts";
export { FIRST_SECTION, IMAGE_BASE, PeError, writePe } from "./write.ts";
