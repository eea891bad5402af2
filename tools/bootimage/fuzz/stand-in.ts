// Loaders and kernels that are none, for tests of the image alone: they have the places that the image's writer
// fills in and the headers that it looks for.

import type { LoaderFiles } from "../loader-files.ts";

/** Bytes that differ from file to file. */
function pattern(length: number, seed: number): Buffer {
  return Buffer.from(Uint8Array.from({ length }, (_, at) => (at * 31 + (at >> 8) + seed) & 0x7f));
}

/** A loader of chosen sizes. */
export function standInLoader(biosBytes = 30_000, efiBytes = 50_001): LoaderFiles {
  const loader = {
    mbr: pattern(440, 1),
    bios: pattern(biosBytes, 2),
    efi: pattern(efiBytes, 3),
  };
  loader.bios.write("TRIHBOOT", 5000, "latin1");
  loader.efi.write("TRIHBOOT", 7001, "latin1");
  // The signatures of a PE file, whose checksum is set.
  loader.efi.write("MZ", 0, "latin1");
  loader.efi.writeUInt32LE(0x40, 0x3c);
  loader.efi.write("PE\0\0", 0x40, "latin1");
  return loader;
}

/** A file with a Multiboot header, at least 48 bytes. */
export function standInMultiboot(length = 5000): Uint8Array {
  const bytes = pattern(length, 4);
  const flags = 0x1_0000;
  bytes.writeUInt32LE(0x1bad_b002, 16);
  bytes.writeUInt32LE(flags, 20);
  bytes.writeUInt32LE(-(0x1bad_b002 + flags) >>> 0, 24);
  return bytes;
}

/** A file with a Multiboot 2 header. */
export function standInMultiboot2(length = 5000): Uint8Array {
  const bytes = pattern(length, 5);
  const words = [0xe852_50d6, 0, 24];
  const sum = words.reduce((total, word) => total + word, 0);
  for (const [index, word] of [...words, -sum >>> 0, 0, 8].entries()) {
    bytes.writeUInt32LE(word >>> 0, 64 + 4 * index);
  }
  return bytes;
}

/** A file with the header of a Linux bzImage. */
export function standInLinux(
  length = 5000,
  version = 0x020f,
  longestCommandLine = 2047,
): Uint8Array {
  const bytes = pattern(length, 6);
  bytes.writeUInt16LE(0xaa55, 0x1fe);
  bytes.write("HdrS", 0x202, "latin1");
  bytes.writeUInt16LE(version, 0x206);
  bytes.writeUInt8(1, 0x211);
  bytes.writeUInt32LE(longestCommandLine, 0x238);
  return bytes;
}
