// A boot image and what goes into it.

import type { BootConfiguration } from "./config.ts";
import type { LoaderFiles } from "./loader-files.ts";

/** A file of the image. */
export interface ImageFile {
  /** Path in the image, from its root, `/` between folders. */
  path: string;
  /** Path on the host, or the contents. */
  source: string | Uint8Array;
}

export interface BootImageOptions {
  /** Where the image goes; it appears only when it is complete. */
  output: string;
  files: readonly ImageFile[];
  configuration: BootConfiguration;
  loader: LoaderFiles;
  /** Name of the medium, up to 16 characters. */
  volume?: string;
}
