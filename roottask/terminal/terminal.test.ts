// Terminals: the same bytes are typed to the same programs on Linux and at the guest's serial line, and the same is shown.

import { beforeAll, describe, expect, it } from "vitest";
import { busybox } from "../../tools/compare-linux/file-tree.ts";
import { hasTool } from "../../tools/testing/host-tools.ts";
import { makeSystem } from "../testing/boot.ts";
import { type Dialogue, inGuest, onLinux } from "../testing/dialogue.ts";

const BUSYBOX = "bin/busybox";
/** Makes a shell say when it is ready, runs a command and says how it ended. */
const shell = (script: string): string[] => [BUSYBOX, "sh", "-c", script];

const dialogues: Record<string, Dialogue> = {
  "lines are edited": {
    command: shell("echo ready; cat; echo end"),
    steps: [
      ["ready", "abc\x7f\x7fxy\n"],
      ["axy\r\n", "one two  three\x17\x17zwei\n"],
      ["one zwei\r\n", "all of it\x15rest\n"],
      ["rest\r\nrest\r\n", "a\x16\x7fb\x16\x03\n"],
      ["\x7fb\x03\r\n", "tab\there\x7f\x7f\x7f\x7f\x7f\tx\n"],
      ["tab\tx\r\n", "again\x12 more\n"],
      ["again more\r\nagain more\r\n", "no end\x04"],
      ["no endno end", "\x04"],
    ],
  },
  "characters that end lines are settings": {
    command: shell("stty eol x eof y; echo ready; cat; echo end"),
    steps: [
      ["ready", "abcx"],
      ["abcxabcx", "dey"],
      ["dede", "\n"],
      ["\r\n\r\n", "y"],
    ],
  },
  "without echo nothing is shown, but newlines where they are asked for": {
    command: shell("stty -echo; echo ready; head -n 1; stty echonl; echo again; head -n 1"),
    steps: [
      ["ready", "hidden\x7f\n"],
      ["again", "also\n"],
    ],
  },
  "echo has kinds": {
    command: shell(
      "stty -echoctl -echoke -echoe; echo ready; head -n 1; echo once; head -n 1; stty echoprt; echo again; cat",
    ),
    steps: [
      ["ready", "ab\x7f\x7fc\x01d\n"],
      ["once", "kill\x15x\n"],
      ["again", "abc\x7f\x7fd\x15efg\n"],
      ["efg\r\n", "\x04"],
    ],
  },
  "carriage returns and newlines are mapped": {
    command: shell(
      "stty -icrnl; echo ready; head -n 1 | od -c; stty inlcr igncr -onlcr; echo again; cat | od -c",
    ),
    steps: [
      ["ready", "a\rb\n"],
      ["again", "a\rb\x04\x04"],
    ],
  },
  "tabs become blanks": {
    command: shell("stty tab3; printf 'a\\tb\\tc\\n\\td\\n'; echo ready; head -n 1"),
    steps: [["ready", "x\ty\x7f\x7fz\n"]],
  },
  "bytes are read without lines": {
    command: shell(
      "stty -icanon min 3 time 0; echo ready; dd bs=10 count=1 2>/dev/null | od -c; stty min 0 time 1; dd bs=10 count=1 2>/dev/null | od -c; echo end",
    ),
    steps: [
      ["ready", "a"],
      ["a", "\x04"],
      ["^D", "\n"],
    ],
  },
  "raw mode passes everything": {
    command: shell(
      "stty raw -echo; echo ready; dd bs=1 count=6 2>/dev/null | od -c; stty sane; echo end",
    ),
    steps: [["ready", "\x03\x04\r\n\x7f\x11"]],
  },
  "an interrupt ends what is in the foreground": {
    command: shell("trap 'echo trapped' INT; echo ready; cat; echo then; cat; echo end"),
    steps: [
      ["ready", "up\n"],
      ["up\r\nup\r\n", "not read"],
      ["not read", "\x03"],
      ["then", "line\n"],
      ["line\r\nline", "\x04"],
    ],
  },
  "a quit kills": {
    command: shell("ulimit -c 0; trap 'echo trapped' QUIT; echo ready; cat; echo $?"),
    steps: [
      ["ready", "line\n"],
      ["line\r\nline", "\x1c"],
    ],
  },
  "output stops and goes on": {
    command: shell("echo ready; head -n 1; echo one; echo two; head -n 1"),
    steps: [
      ["ready", "\x13\x11a\n"],
      ["two", "b\n"],
    ],
  },
  "an interactive shell runs a script": {
    command: [BUSYBOX, "sh"],
    environment: { PS1: "> ", HOME: "/", PATH: "/bin:/usr/bin" },
    steps: [
      ["> ", "echo hi | busybox tr h j\n"],
      ["ji\r\n> ", "x=3; echo $((x * 14))\n"],
      ["42\r\n> ", "tty >/dev/null && echo terminal\n"],
      ["terminal\r\n> ", "sh -c 'echo u''p; exec sleep 100'\n"],
      ["up\r\n", "\x03"],
      ["> ", "echo $?\n"],
      ["130\r\n> ", "exit\n"],
    ],
  },
};

describe.skipIf(busybox === undefined || !hasTool("python3"))(
  "the terminal at the serial line",
  () => {
    beforeAll(makeSystem);

    it.each(Object.entries(dialogues))("shows what Linux shows: %s", async (_name, dialogue) => {
      expect(await inGuest(dialogue)).toBe(onLinux(dialogue));
    });
  },
);
