// boot.conf, the text in the image that says what is started: read with the lines of its mistakes, and written.
// docs/bootimage.md describes it. The loader has a reader of its own (loader/core); testing/configurations.ts holds
// both to the same cases.

import { nearest } from "../cli/nearest.ts";
import { BootImageError } from "./error.ts";

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

/** Where the loader looks for it in the image. */
export const CONFIGURATION_PATH = "boot/boot.conf";

const PROTOCOLS: readonly BootProtocol[] = ["multiboot1", "multiboot2", "linux"];
/** A day, in seconds. */
const LONGEST_TIMEOUT = 86_400;
/** What the loader has room for: bytes of the whole text and of a command line, entries, modules of all entries. */
const LONGEST_TEXT = 32_768;
const LONGEST_COMMAND_LINE = 4095;
const MOST_ENTRIES = 256;
const MOST_MODULES = 1024;
const DEPTHS = [8, 15, 16, 24, 32];
/** Pixels of a side. */
const LARGEST_SIDE = 16_384;

/** An entry while its lines are read. */
interface OpenEntry {
  line: number;
  title: string;
  kernel?: BootFile;
  modules: BootFile[];
  protocol?: BootProtocol;
  video?: VideoMode;
}

class Reader {
  readonly #name: string;
  #line = 0;
  #timeout: number | undefined;
  #default: number | undefined;
  #defaultLine = 0;
  #modules = 0;
  readonly #entries: OpenEntry[] = [];
  /** What each keyword does with the rest of its line. */
  readonly #keywords: Readonly<Record<string, (rest: string) => void>> = {
    timeout: (rest) => {
      if (this.#timeout !== undefined) throw this.#error("a second timeout");
      this.#timeout = this.#number(rest, 0, LONGEST_TIMEOUT, "timeout takes seconds");
    },
    default: (rest) => {
      if (this.#default !== undefined) throw this.#error("a second default");
      this.#default = this.#number(rest, 1, 0xffff, "default takes the number of an entry");
      this.#defaultLine = this.#line;
    },
    title: (rest) => {
      if (rest === "") throw this.#error("title has no text");
      if (this.#entries.length === MOST_ENTRIES) {
        throw this.#error(`more than ${MOST_ENTRIES} entries`);
      }
      this.#entries.push({ line: this.#line, title: rest, modules: [] });
    },
    kernel: (rest) => {
      const entry = this.#entry("kernel");
      if (entry.kernel !== undefined) {
        throw this.#error("a second kernel in one entry; title begins another entry");
      }
      entry.kernel = this.#file("kernel", rest);
    },
    module: (rest) => {
      if (++this.#modules > MOST_MODULES) throw this.#error(`more than ${MOST_MODULES} modules`);
      this.#entry("module").modules.push(this.#file("module", rest));
    },
    protocol: (rest) => {
      const entry = this.#entry("protocol");
      if (entry.protocol !== undefined) throw this.#error("a second protocol in one entry");
      const protocol = PROTOCOLS.find((name) => name === rest);
      if (protocol === undefined) {
        throw this.#error(`protocol is one of ${PROTOCOLS.join(", ")}, not ${shown(rest)}`);
      }
      entry.protocol = protocol;
    },
    video: (rest) => {
      const entry = this.#entry("video");
      if (entry.video !== undefined) throw this.#error("a second video in one entry");
      const match = /^(\d{1,5})x(\d{1,5})(?:x(\d{1,2}))?$/.exec(rest);
      const [width, height, depth] = (match?.slice(1) ?? []).map((text) => Number(text ?? 0));
      if (!width || !height || Math.max(width, height) > LARGEST_SIDE) {
        throw this.#error(`video takes a mode such as 1024x768x32, not ${shown(rest)}`);
      }
      if (depth && !DEPTHS.includes(depth)) {
        throw this.#error(`video: a pixel has ${DEPTHS.join(", ")} bits, not ${depth}`);
      }
      entry.video = { width, height, depth: depth ?? 0 };
    },
  };

  constructor(name: string) {
    this.#name = name;
  }

  read(text: string): BootConfiguration {
    if (Buffer.byteLength(text) > LONGEST_TEXT) {
      throw this.#error(`is longer than ${LONGEST_TEXT} bytes`);
    }
    for (const line of text.split("\n")) {
      this.#line++;
      this.#readLine(line);
    }
    this.#line = 0;
    const entries = this.#entries.map((entry): BootEntry => {
      const { line, kernel, ...rest } = entry;
      if (kernel === undefined) throw this.#error("the entry has no kernel", line);
      return { ...rest, kernel };
    });
    if (entries.length === 0) throw this.#error("has no entry; title begins one");
    const defaultEntry = this.#default ?? 1;
    if (defaultEntry > entries.length) {
      const count = entries.length === 1 ? "is one entry" : `are ${entries.length} entries`;
      throw this.#error(`default is ${defaultEntry}, but there ${count}`, this.#defaultLine);
    }
    return {
      ...(this.#timeout === undefined ? {} : { timeout: this.#timeout }),
      defaultEntry,
      entries,
    };
  }

  #readLine(line: string): void {
    if (line.includes("\0")) throw this.#error("has a NUL character");
    const text = trimmed(line);
    if (text === "" || text.startsWith("#")) return;
    const keyword = /^[^ \t]+/.exec(text)?.[0] ?? "";
    if (!Object.hasOwn(this.#keywords, keyword)) {
      const near = nearest(keyword, Object.keys(this.#keywords));
      const advice = near ? `; did you mean ${near}?` : "";
      throw this.#error(`${shown(keyword)} is no keyword${advice}`);
    }
    this.#keywords[keyword]?.(trimmed(text.slice(keyword.length)));
  }

  #entry(keyword: string): OpenEntry {
    const entry = this.#entries.at(-1);
    if (entry === undefined) throw this.#error(`${keyword} before the first title`);
    return entry;
  }

  #number(text: string, least: number, most: number, what: string): number {
    const number = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
    if (!(number >= least && number <= most)) {
      throw this.#error(`${what}, ${least} to ${most}, not ${shown(text)}`);
    }
    return number;
  }

  #file(keyword: string, text: string): BootFile {
    const match = text.startsWith('"')
      ? /^"(?<path>[^"]*)"(?<rest>$|[ \t][\s\S]*)/.exec(text)
      : /^(?<path>[^ \t]*)(?<rest>[\s\S]*)/.exec(text);
    if (match === null) {
      const closed = text.indexOf('"', 1) > 0;
      const what = closed
        ? "a blank is missing behind the closing quote"
        : "the quote is not closed";
      throw this.#error(`${keyword}: ${what}`);
    }
    const { path = "", rest = "" } = match.groups ?? {};
    const inside = path.replace(/^\//, "");
    if (inside === "") throw this.#error(`${keyword} has no path`);
    const commandLine = trimmed(rest);
    if (Buffer.byteLength(commandLine) > LONGEST_COMMAND_LINE) {
      throw this.#error(`more than ${LONGEST_COMMAND_LINE} bytes behind the path`);
    }
    return { path: inside, commandLine };
  }

  #error(what: string, line = this.#line): BootImageError {
    return new BootImageError(`${this.#name}${line ? `:${line}` : ""}: ${what}`);
  }
}

/** Without blanks around it, and without the carriage return of other systems' line ends. */
function trimmed(text: string): string {
  return text.replace(/^[ \t]+|[ \t\r]+$/g, "");
}

/** A word of a file in an error: short, and without what would upset a terminal. */
function shown(text: string): string {
  if (text === "") return "nothing";
  const short = text.length > 40 ? `${text.slice(0, 40)}…` : text;
  return JSON.stringify(short);
}

/** Reads boot.conf; `name` stands in errors, which say the line. Throws `BootImageError`. */
export function parseConfiguration(text: string, name: string): BootConfiguration {
  return new Reader(name).read(text);
}

/** boot.conf for a configuration. Throws `BootImageError` where a text cannot be written there. */
export function formatConfiguration(configuration: BootConfiguration): string {
  const { timeout, defaultEntry, entries } = configuration;
  const lines = timeout === undefined ? [] : [`timeout ${timeout}`];
  if (defaultEntry !== 1) lines.push(`default ${defaultEntry}`);
  for (const { title, kernel, modules, protocol, video } of entries) {
    lines.push(`title ${written("title", title)}`);
    lines.push(`kernel ${writtenFile(kernel)}`);
    for (const module of modules) lines.push(`module ${writtenFile(module)}`);
    if (protocol) lines.push(`protocol ${protocol}`);
    if (video)
      lines.push(`video ${video.width}x${video.height}${video.depth ? `x${video.depth}` : ""}`);
  }
  return `${lines.join("\n")}\n`;
}

function written(what: string, text: string): string {
  if (/[\n\r\0]/.test(text)) {
    throw new BootImageError(`${what} ${shown(text)}: must be one line`);
  }
  if (trimmed(text) !== text) {
    throw new BootImageError(`${what} ${shown(text)}: blanks around it would be lost`);
  }
  return text;
}

function writtenFile({ path, commandLine }: BootFile): string {
  const quoted = /^"|[ \t]|^$|^\//.test(path);
  if (quoted && path.includes('"')) {
    throw new BootImageError(`path ${shown(path)}: no quotes in a path with blanks`);
  }
  const name = written("path", quoted ? `"${path}"` : path);
  return commandLine === "" ? name : `${name} ${written("command line", commandLine)}`;
}
