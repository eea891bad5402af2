// Boot images from what is on the host: of kernels with their modules, or of a folder with a boot.conf.

import { basename } from "node:path";
import {
  type BootEntry,
  type BootFile,
  type BootProtocol,
  CONFIGURATION_PATH,
  parseConfiguration,
  type VideoMode,
} from "./config.ts";
import { BootImageError } from "./error.ts";
import { filesOfFolder } from "./folder.ts";
import {
  type BootImage,
  type ImageFile,
  OWN_PATHS,
  type StopSignal,
  writeBootImage,
} from "./image.ts";
import type { LoaderFiles } from "./loader-files.ts";
import { examineSource, readBeginning, type Source } from "./sources.ts";

/** A kernel or module: path on the host, or contents with a name. */
export interface SystemFile {
  file: string | { name: string; contents: Uint8Array };
  /** Command line of a kernel, the text that comes with a module. */
  commandLine?: string;
}

/** What the menu offers: one kernel with its modules. */
export interface BootSystem {
  /** The kernel's name by default. */
  title?: string;
  kernel: SystemFile;
  /** With Linux the first one is the initial RAM disk. */
  modules?: readonly SystemFile[];
  /** Found from the kernel's file by default. */
  protocol?: BootProtocol;
  video?: VideoMode;
}

interface Common {
  /** Where the image goes; it appears only when it is complete. An older file is replaced. */
  output: string;
  /** Name of the medium: up to 16 capital letters, digits and underscores; TRIHEDRON by default. */
  volume?: string;
  /** The loader; the one of this package by default. */
  loader?: LoaderFiles;
  /** Ends the work; nothing is left of the image. */
  signal?: StopSignal;
}

export interface SystemsOptions extends Common {
  systems: readonly BootSystem[];
  /** Seconds until the default system starts; without it, a menu of several waits for a key. */
  timeout?: number;
  /** Number of the system that starts by itself, from 1; the first by default. */
  defaultSystem?: number;
}

export interface FolderOptions extends Common {
  /** All its files go into the image. */
  folder: string;
  /** boot.conf: path of a file of the host. */
  configuration: string;
}

/** Compilers stand behind it: they are loaded when everything else is found to be right. */
async function builtLoader(): Promise<LoaderFiles> {
  const built = await import("./loader/built.ts");
  return built.builtLoader();
}

/** Most bytes of a boot.conf that are read; the reader of its text has a limit of its own. */
const LONGEST_CONFIGURATION = 256 * 1024;

/**
 * Makes a boot image of kernels with their modules, for BIOS and UEFI, disk, stick and CD. Throws `BootImageError`
 * for everything that a person can mend, and the signal's reason where that ends the work.
 */
export async function makeBootImage(options: SystemsOptions): Promise<BootImage> {
  const { systems, timeout, defaultSystem = 1, loader = builtLoader, ...common } = options;
  if (systems.length === 0) throw new BootImageError("there is no kernel to make an image of");
  const files = new SystemFiles();
  const entries = systems.map((system): BootEntry => {
    const { title, kernel, modules = [], protocol, video } = system;
    return {
      title: title ?? nameOf(kernel),
      kernel: files.add(kernel),
      modules: modules.map((module) => files.add(module)),
      ...(protocol === undefined ? {} : { protocol }),
      ...(video === undefined ? {} : { video }),
    };
  });
  const configuration = {
    ...(timeout === undefined ? {} : { timeout }),
    defaultEntry: defaultSystem,
    entries,
  };
  return writeBootImage({
    ...common,
    files: files.list(),
    configuration,
    loader,
  });
}

/** Makes a boot image of a folder's files, as `makeBootImage`. */
export async function makeBootImageOfFolder(options: FolderOptions): Promise<BootImage> {
  const { folder, configuration, loader = builtLoader, ...common } = options;
  const text = await readConfiguration(configuration);
  // What is wrong with the text is said with the name under which it is known here.
  parseConfiguration(text, configuration);
  const files = await filesOfFolder(folder);
  const own = files.find(({ path }) => path === CONFIGURATION_PATH);
  if (own !== undefined && !(await isSameFile(own.source, configuration))) {
    throw new BootImageError(
      `${folder}/${CONFIGURATION_PATH}: ${configuration} would take its place; remove one of them`,
    );
  }
  return writeBootImage({
    ...common,
    files: files.filter((file) => file !== own),
    configuration: text,
    loader,
  });
}

async function readConfiguration(path: string): Promise<string> {
  const bytes = await readBeginning(await examineSource(path), LONGEST_CONFIGURATION);
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new BootImageError(`${path}: is no text in UTF-8`);
  }
}

async function isSameFile(a: Source, b: Source): Promise<boolean> {
  const [left, right] = await Promise.all([examineSource(a), examineSource(b)]);
  const { dev, ino } = left.identity ?? {};
  return dev !== undefined && dev === right.identity?.dev && ino === right.identity.ino;
}

function nameOf({ file }: SystemFile): string {
  return typeof file === "string" ? basename(file) : file.name;
}

/** Gives files their paths in the image: boot/NAME, or boot/2-NAME for another file of that name. */
class SystemFiles {
  readonly #paths = new Map<unknown, string>();
  readonly #files = new Map<string, ImageFile>();

  add(system: SystemFile): BootFile {
    const { file, commandLine = "" } = system;
    const name = nameOf(system);
    const source = typeof file === "string" ? file : file.contents;
    let path = this.#paths.get(source);
    if (path === undefined) {
      path = this.#free(name);
      this.#paths.set(source, path);
      this.#files.set(path, { path, source });
    }
    return { path, commandLine: commandLine.trim() };
  }

  list(): ImageFile[] {
    return [...this.#files.values()];
  }

  #free(name: string): string {
    for (let number = 1; ; number++) {
      const path = number === 1 ? `boot/${name}` : `boot/${number}-${name}`;
      if (!this.#files.has(path) && !OWN_PATHS.includes(path)) return path;
    }
  }
}
