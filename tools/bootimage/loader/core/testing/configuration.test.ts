// The loader's reader of boot.conf means by every case what the host's reader means, and finds mistakes in the same
// lines; random texts never make it leave its memory.

import { describe, expect, it } from "vitest";
import { generator } from "../../../../../kernel/testing/random.ts";
import { type BootConfiguration, parseConfiguration } from "../../../config.ts";
import { CONFIGURATION_CASES } from "../../../testing/configurations.ts";
import { LoaderMachine } from "./machine.ts";

const PROTOCOLS = [undefined, "multiboot1", "multiboot2", "linux"] as const;

interface Reading {
  means?: BootConfiguration;
  line?: number;
  says?: string;
}

function read(machine: LoaderMachine, text: string): Reading {
  const { exports } = machine;
  const bytes = new TextEncoder().encode(text);
  const start = exports.scratch.value as number;
  const linear = Buffer.from(exports.memory.buffer);
  linear.fill(0x61, start, start + 0x1_1000);
  linear.set(bytes.subarray(0, 0x1_0000), start);
  if (exports.parseConfiguration(start, bytes.length) === 0) {
    const at = exports.mistakeText();
    const says = linear.toString("utf16le", at, at + 2 * exports.mistakeLength());
    return { line: exports.mistakeLine.value as number, says };
  }
  const slice = (at: number, length: number) => linear.toString("utf8", at, at + length);
  const timeout = exports.timeout.value as number;
  const entries = Array.from({ length: exports.entryCount.value as number }, (_, index) => {
    const field = (number: number) => exports.entryField(index, number);
    const protocol = PROTOCOLS[field(7)];
    return {
      title: slice(field(0), field(1)),
      kernel: { path: slice(field(2), field(3)), commandLine: slice(field(4), field(5)) },
      modules: Array.from({ length: field(6) }, (_, module) => {
        const part = (number: number) => exports.moduleField(index, module, number);
        return { path: slice(part(0), part(1)), commandLine: slice(part(2), part(3)) };
      }),
      ...(protocol ? { protocol } : {}),
      ...(field(8) ? { video: { width: field(9), height: field(10), depth: field(11) } } : {}),
    };
  });
  return {
    means: {
      ...(timeout < 0 ? {} : { timeout }),
      defaultEntry: (exports.defaultEntry.value as number) + 1,
      entries,
    },
  };
}

function hostReading(text: string): Reading {
  try {
    return { means: parseConfiguration(text, "boot.conf") };
  } catch (error) {
    const line = /^boot\.conf(?::(\d+))?: /.exec((error as Error).message)?.[1];
    return { line: Number(line ?? 0) };
  }
}

describe("boot.conf in the loader", () => {
  it.each(CONFIGURATION_CASES)(
    "is read as the host reads it: $name",
    async ({ text, means, wrong }) => {
      const machine = await LoaderMachine.create();
      const reading = read(machine, text);
      if (means) expect(reading).toEqual({ means });
      else expect(reading.line).toBe(wrong?.line);
    },
  );

  it("is read as the host reads it where random edits have been made", async () => {
    const machine = await LoaderMachine.create();
    const random = generator(11);
    const words = ["title", "kernel", "module", "video", "default", "timeout", "protocol", "linux"];
    words.push(
      "\n",
      " ",
      "\t",
      '"',
      "/",
      "x",
      "0",
      "9",
      "#",
      "\r",
      "8",
      "multiboot1",
      "1024x768",
      "é",
    );
    const sources = CONFIGURATION_CASES.map(({ text }) => text).filter(
      (text) => text.length < 1000,
    );
    for (let i = 0; i < 3000; i++) {
      let text = sources[random(sources.length)] as string;
      for (let edits = random(4); edits >= 0; edits--) {
        const at = random(text.length + 1);
        const word = words[random(words.length)] as string;
        text = text.slice(0, at) + (random(3) ? word : "") + text.slice(at + random(3) * random(6));
      }
      const { line, means } = read(machine, text);
      expect({ text, line, means }).toEqual({
        text,
        line: undefined,
        means: undefined,
        ...hostReading(text),
      });
    }
  });

  it("is refused where it is too long, or has too many entries or modules", async () => {
    const machine = await LoaderMachine.create();
    const says = (text: string) => read(machine, text).says;
    expect(says(`title t\nkernel k\n#${"x".repeat(0x8000)}`)).toContain("longer than 32768 bytes");
    expect(says("title t\nkernel k\n".repeat(257))).toContain("more than 256 entries");
    expect(says(`title t\nkernel k\n${"module m\n".repeat(1025)}`)).toContain("1024 modules");
    expect(says(`title t\nkernel k ${"x".repeat(4096)}`)).toContain("more than 4095 bytes");
  });
});
