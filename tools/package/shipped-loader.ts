// What tools/bootimage/loader/built.ts is in the repository, for the npm package: the loader's files are there.

import { readFile } from "node:fs/promises";
import { LOADER_FILE_NAMES, type LoaderFiles } from "../bootimage/loader-files.ts";

/** The loader's files. */
export async function builtLoader(): Promise<LoaderFiles> {
  const read = async (kind: keyof LoaderFiles): Promise<Uint8Array> => {
    const url = new URL(`../boot-loader/${LOADER_FILE_NAMES[kind]}`, import.meta.url);
    return new Uint8Array(await readFile(url));
  };
  return { mbr: await read("mbr"), bios: await read("bios"), efi: await read("efi") };
}
