// The loader's files as they are built once, without the parameters of any image: build/loader/ holds them.

export interface LoaderFiles {
  /** mbr.bin: the first 440 bytes of a disk, code that loads bios.bin from there. */
  mbr: Uint8Array;
  /** bios.bin: the 2048-byte boot sector of a CD and the loader for BIOS behind it. */
  bios: Uint8Array;
  /** bootx64.efi: the loader for UEFI. */
  efi: Uint8Array;
}

/** Names of the loader's files in build/loader/. */
export const LOADER_FILE_NAMES: Readonly<Record<keyof LoaderFiles, string>> = {
  mbr: "mbr.bin",
  bios: "bios.bin",
  efi: "bootx64.efi",
};
