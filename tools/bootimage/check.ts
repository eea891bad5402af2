// Whether what boot.conf names can be started: the files are in the image, kernels are kernels, sizes and command
// lines can be told to them.

import type { BootConfiguration, BootEntry, BootFile } from "./config.ts";
import { BootImageError } from "./error.ts";
import { shownPath } from "./iso9660/tree.ts";
import { examineKernel, KERNEL_HEADER_BYTES } from "./kernel-file.ts";
import { readBeginning, type SourceFile } from "./sources.ts";

/** Addresses and lengths of all protocols have 32 bits. */
const ADDRESS_SPACE = 2 ** 32;

/** Throws `BootImageError` with the first thing that is wrong. `files` are those of the image, by path. */
export async function checkEntries(
  { entries }: BootConfiguration,
  files: ReadonlyMap<string, SourceFile>,
): Promise<void> {
  for (const entry of entries) {
    const kernel = fileOf(entry, entry.kernel, files);
    for (const module of entry.modules) fileOf(entry, module, files);
    const sizes = [entry.kernel, ...entry.modules].map(({ path }) => files.get(path)?.size ?? 0);
    if (sizes.reduce((sum, size) => sum + size, 0) >= ADDRESS_SPACE) {
      throw wrong(
        entry,
        "kernel and modules have 4 GiB or more together, which no protocol can tell",
      );
    }
    await checkKernel(entry, kernel);
  }
}

function fileOf(
  entry: BootEntry,
  { path }: BootFile,
  files: ReadonlyMap<string, SourceFile>,
): SourceFile {
  const file = files.get(path);
  if (file === undefined) throw wrong(entry, `${shownPath(path)} is not in the image`);
  return file;
}

async function checkKernel(entry: BootEntry, kernel: SourceFile): Promise<void> {
  const name = shownPath(typeof kernel.source === "string" ? kernel.source : entry.kernel.path);
  const found = examineKernel(await readBeginning(kernel, KERNEL_HEADER_BYTES));
  if (typeof found === "string") throw new BootImageError(`${name}: ${found}`);
  const protocol = entry.protocol ?? found.protocols[0];
  if (protocol === undefined || !found.protocols.includes(protocol)) {
    throw wrong(entry, `${name} is started by ${found.protocols.join(" or ")}, not by ${protocol}`);
  }
  const bytes = Buffer.byteLength(entry.kernel.commandLine);
  if (protocol === "linux" && bytes > (found.longestCommandLine ?? 0)) {
    throw wrong(
      entry,
      `the command line has ${bytes} bytes, ${name} takes ${found.longestCommandLine}`,
    );
  }
}

function wrong(entry: BootEntry, what: string): BootImageError {
  return new BootImageError(`entry ${JSON.stringify(entry.title)}: ${what}`);
}
