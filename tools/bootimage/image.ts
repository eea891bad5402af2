// A boot image and what goes into it.

import type { LoaderFiles } from "./loader-files.ts";

/** A file that the loader hands to the kernel, or the kernel itself. */
export interface BootFile {
  /** Path in the image, from its root: `boot/kernel.elf32`. */
  path: string;
  /** What the kernel gets as its command line, or with the module. */
  commandLine: string;
}

export type BootProtocol = "multiboot1" | "multiboot2" | "linux";

/** A wish; 0 leaves it to the loader. */
export interface VideoMode {
  /** Pixels. */
  width: number;
  height: number;
  /** Bits of a pixel. */
  depth: number;
}

/** What the menu offers: one system. */
export interface BootEntry {
  title: string;
  kernel: BootFile;
  /** With Linux the first one is the initial RAM disk. */
  modules: readonly BootFile[];
  /** Found from the kernel's file by default. */
  protocol?: BootProtocol;
  video?: VideoMode;
}

/** What /boot/boot.conf says. */
export interface BootConfiguration {
  /** Seconds until the default entry starts; without it, a menu of several waits for a key. */
  timeout?: number;
  /** Number of the entry that starts by itself, from 1. */
  defaultEntry: number;
  entries: readonly BootEntry[];
}

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
