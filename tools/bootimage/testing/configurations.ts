// Cases of boot.conf, to which both of its readers are held: the host's (config.ts) and the loader's.

import type { BootConfiguration, BootEntry } from "../config.ts";

export interface ConfigurationCase {
  name: string;
  text: string;
  /** What it means, or the line of its mistake (0: no line of its own) with what the host says. */
  means?: BootConfiguration;
  wrong?: { line: number; says: string };
}

const entry = (title: string, rest: Partial<BootEntry> = {}): BootEntry => ({
  title,
  kernel: { path: "k", commandLine: "" },
  modules: [],
  ...rest,
});
const one = (rest: Partial<BootEntry> = {}): BootConfiguration => ({
  defaultEntry: 1,
  entries: [entry("T", rest)],
});
const kernel = (path: string, commandLine = "") => one({ kernel: { path, commandLine } });
const many = (count: number) => Array.from({ length: count }, (_, index) => `T${index}`);

export const CONFIGURATION_CASES: readonly ConfigurationCase[] = [
  { name: "the least", text: "title T\nkernel k", means: one() },
  {
    name: "everything",
    text: `# what is started
timeout 5
default 2
title Trihedron
kernel boot/kernel.elf32 serial novga
module boot/roottask-bin roottask
module boot/userland.tar userland
title Linux
kernel boot/vmlinuz console=ttyS0 quiet
module boot/initrd.gz
protocol linux
video 1024x768x32
`,
    means: {
      timeout: 5,
      defaultEntry: 2,
      entries: [
        {
          title: "Trihedron",
          kernel: { path: "boot/kernel.elf32", commandLine: "serial novga" },
          modules: [
            { path: "boot/roottask-bin", commandLine: "roottask" },
            { path: "boot/userland.tar", commandLine: "userland" },
          ],
        },
        {
          title: "Linux",
          kernel: { path: "boot/vmlinuz", commandLine: "console=ttyS0 quiet" },
          modules: [{ path: "boot/initrd.gz", commandLine: "" }],
          protocol: "linux",
          video: { width: 1024, height: 768, depth: 32 },
        },
      ],
    },
  },
  { name: "blanks and tabs", text: "\t title\t T \t\n  kernel\t \tk\t\n", means: one() },
  {
    name: "line ends of other systems",
    text: "title T\r\nkernel k a b\r\n",
    means: kernel("k", "a b"),
  },
  { name: "empty lines", text: "\n\n  \n\ttitle T\n\n\nkernel k\n\n", means: one() },
  { name: "comments", text: "#\n # title X\ntitle T\n\t#kernel x\nkernel k", means: one() },
  { name: "# inside a line", text: "title T\nkernel k a=#1 # b", means: kernel("k", "a=#1 # b") },
  {
    name: "blanks inside a command line",
    text: "title T\nkernel k  a  b\t c ",
    means: kernel("k", "a  b\t c"),
  },
  { name: "quotes", text: 'title T\nkernel "a b/c d" e', means: kernel("a b/c d", "e") },
  { name: "quotes without need", text: 'title T\nkernel "k"', means: one() },
  {
    name: "quotes in a command line",
    text: 'title T\nkernel k "a b" c',
    means: kernel("k", '"a b" c'),
  },
  { name: "a quote inside a path", text: 'title T\nkernel a"b c', means: kernel('a"b', "c") },
  { name: "a slash in front", text: "title T\nkernel /boot/k", means: kernel("boot/k") },
  {
    name: "letters of the world",
    text: "title Grüße ☃\nkernel größe/☃ ü",
    means: {
      defaultEntry: 1,
      entries: [entry("Grüße ☃", { kernel: { path: "größe/☃", commandLine: "ü" } })],
    },
  },
  {
    name: "quotes in a title",
    text: 'title "T" \nkernel k',
    means: { defaultEntry: 1, entries: [entry('"T"')] },
  },
  { name: "timeout 0", text: "timeout 0\ntitle T\nkernel k", means: { timeout: 0, ...one() } },
  {
    name: "timeout at the end",
    text: "title T\nkernel k\ntimeout 86400",
    means: { timeout: 86_400, ...one() },
  },
  {
    name: "zeros in front",
    text: "timeout 007\ndefault 01\ntitle T\nkernel k",
    means: { timeout: 7, ...one() },
  },
  {
    name: "kernel behind modules",
    text: "title T\nvideo 640x480\nmodule m x\nprotocol multiboot1\nkernel k",
    means: one({
      modules: [{ path: "m", commandLine: "x" }],
      protocol: "multiboot1",
      video: { width: 640, height: 480, depth: 0 },
    }),
  },
  {
    name: "the same title twice",
    text: "title T\nkernel k\ntitle T\nkernel k",
    means: { defaultEntry: 1, entries: [entry("T"), entry("T")] },
  },
  {
    name: "many entries",
    text: many(40)
      .map((title) => `title ${title}\nkernel k`)
      .join("\n"),
    means: { defaultEntry: 1, entries: many(40).map((title) => entry(title)) },
  },
  {
    name: "a long command line",
    text: `title T\nkernel k ${"x".repeat(4095)} `,
    means: kernel("k", "x".repeat(4095)),
  },

  { name: "nothing", text: "", wrong: { line: 0, says: "has no entry; title begins one" } },
  {
    name: "comments alone",
    text: "# title T\n",
    wrong: { line: 0, says: "has no entry; title begins one" },
  },
  {
    name: "no kernel",
    text: "title T\nkernel k\n\ntitle U\nmodule m",
    wrong: { line: 4, says: "the entry has no kernel" },
  },
  { name: "no title", text: "kernel k", wrong: { line: 1, says: "kernel before the first title" } },
  {
    name: "title without text",
    text: "title \t\nkernel k",
    wrong: { line: 1, says: "title has no text" },
  },
  {
    name: "kernel without path",
    text: "title T\nkernel",
    wrong: { line: 2, says: "kernel has no path" },
  },
  {
    name: "kernel with an empty path",
    text: 'title T\nkernel "" x',
    wrong: { line: 2, says: "kernel has no path" },
  },
  {
    name: "kernel with a slash alone",
    text: "title T\nkernel / x",
    wrong: { line: 2, says: "kernel has no path" },
  },
  {
    name: "a quote that is not closed",
    text: 'title T\nkernel k\nmodule "a b',
    wrong: { line: 3, says: "module: the quote is not closed" },
  },
  {
    name: "text at the closing quote",
    text: 'title T\nkernel "a"b',
    wrong: { line: 2, says: "kernel: a blank is missing behind the closing quote" },
  },
  {
    name: "two kernels",
    text: "title T\nkernel k\nkernel l",
    wrong: { line: 3, says: "a second kernel in one entry; title begins another entry" },
  },
  {
    name: "an unknown keyword",
    text: "title T\nkernle k",
    wrong: { line: 2, says: '"kernle" is no keyword; did you mean kernel?' },
  },
  {
    name: "a keyword in capitals",
    text: "title T\nKERNEL k",
    wrong: { line: 2, says: '"KERNEL" is no keyword' },
  },
  {
    name: "a keyword of the language",
    text: "toString 1",
    wrong: { line: 1, says: '"toString" is no keyword' },
  },
  {
    name: "an unknown protocol",
    text: "title T\nkernel k\nprotocol chain",
    wrong: { line: 3, says: 'protocol is one of multiboot1, multiboot2, linux, not "chain"' },
  },
  {
    name: "two protocols",
    text: "title T\nkernel k\nprotocol linux\nprotocol linux",
    wrong: { line: 4, says: "a second protocol in one entry" },
  },
  {
    name: "a video mode of words",
    text: "title T\nkernel k\nvideo large",
    wrong: { line: 3, says: 'video takes a mode such as 1024x768x32, not "large"' },
  },
  {
    name: "a video mode without width",
    text: "title T\nkernel k\nvideo 0x480x32",
    wrong: { line: 3, says: 'video takes a mode such as 1024x768x32, not "0x480x32"' },
  },
  {
    name: "a video mode of odd depth",
    text: "title T\nkernel k\nvideo 640x480x31",
    wrong: { line: 3, says: "video: a pixel has 8, 15, 16, 24, 32 bits, not 31" },
  },
  {
    name: "a timeout of words",
    text: "timeout soon\ntitle T\nkernel k",
    wrong: { line: 1, says: 'timeout takes seconds, 0 to 86400, not "soon"' },
  },
  {
    name: "a negative timeout",
    text: "timeout -1\ntitle T\nkernel k",
    wrong: { line: 1, says: 'timeout takes seconds, 0 to 86400, not "-1"' },
  },
  {
    name: "a timeout over a day",
    text: "timeout 86401\ntitle T\nkernel k",
    wrong: { line: 1, says: 'timeout takes seconds, 0 to 86400, not "86401"' },
  },
  {
    name: "a timeout over 32 bits",
    text: "timeout 4294967301\ntitle T\nkernel k",
    wrong: { line: 1, says: 'timeout takes seconds, 0 to 86400, not "4294967301"' },
  },
  {
    name: "a timeout without number",
    text: "title T\nkernel k\ntimeout",
    wrong: { line: 3, says: "timeout takes seconds, 0 to 86400, not nothing" },
  },
  {
    name: "two timeouts",
    text: "timeout 1\ntitle T\nkernel k\ntimeout 1",
    wrong: { line: 4, says: "a second timeout" },
  },
  {
    name: "default 0",
    text: "default 0\ntitle T\nkernel k",
    wrong: { line: 1, says: 'default takes the number of an entry, 1 to 65535, not "0"' },
  },
  {
    name: "a default that is not there",
    text: "\ndefault 3\ntitle T\nkernel k\ntitle U\nkernel k",
    wrong: { line: 2, says: "default is 3, but there are 2 entries" },
  },
  {
    name: "a command line that is too long",
    text: `title T\nkernel k ${"x".repeat(4094)}ü`,
    wrong: { line: 2, says: "more than 4095 bytes behind the path" },
  },
  {
    name: "too many entries",
    text: many(257)
      .map((title) => `title ${title}\nkernel k\n`)
      .join(""),
    wrong: { line: 513, says: "more than 256 entries" },
  },
  {
    name: "too many modules",
    text: `title T\nkernel k\n${"module m\n".repeat(1025)}`,
    wrong: { line: 1027, says: "more than 1024 modules" },
  },
  {
    name: "a text that is a byte too long",
    text: `title T\nkernel k\n#${"\n".repeat(32_751)}`,
    wrong: { line: 0, says: "is longer than 32768 bytes" },
  },
  { name: "NUL", text: "title T\nkernel k a\0b", wrong: { line: 2, says: "has a NUL character" } },
];
