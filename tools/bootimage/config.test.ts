// boot.conf as the host reads and writes it.

import { describe, expect, test } from "vitest";
import { formatConfiguration, parseConfiguration } from "./config.ts";
import { BootImageError } from "./error.ts";
import { CONFIGURATION_CASES } from "./testing/configurations.ts";

describe("what a file means, or which line is wrong", () => {
  for (const { name, text, means, wrong } of CONFIGURATION_CASES) {
    test(name, () => {
      const parse = () => parseConfiguration(text, "boot.conf");
      if (means) expect(parse()).toEqual(means);
      if (wrong) {
        const place = wrong.line === 0 ? "boot.conf" : `boot.conf:${wrong.line}`;
        expect(parse).toThrow(new BootImageError(`${place}: ${wrong.says}`));
      }
    });
  }
});

test("what is written is read again as it was", () => {
  for (const { means } of CONFIGURATION_CASES) {
    if (means) expect(parseConfiguration(formatConfiguration(means), "again")).toEqual(means);
  }
});

test("what no line can hold is refused", () => {
  const format = (path: string, commandLine = "", title = "T") =>
    formatConfiguration({
      defaultEntry: 1,
      entries: [{ title, kernel: { path, commandLine }, modules: [] }],
    });
  expect(() => format("k", "a\nmodule b")).toThrow('command line "a\\nmodule b": must be one line');
  expect(() => format("k", "a ")).toThrow('command line "a ": blanks around it would be lost');
  expect(() => format("k", "", "a\rb")).toThrow('title "a\\rb": must be one line');
  expect(() => format('a "b"')).toThrow('path "a \\"b\\"": no quotes in a path with blanks');
  expect(() => format("a\nb")).toThrow('path "a\\nb": must be one line');
});
