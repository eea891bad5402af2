// The archive for another kernel's first process, and what its serial line says.

import { spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { hasTool } from "../../testing/host-tools.ts";
import { cpioOf } from "./cpio.ts";
import { outcomesIn } from "./other-kernel.ts";

describe("an archive for the first process", () => {
  const archive = cpioOf([
    { name: "init", mode: 0o755, data: "#!" },
    { name: "a/b/c", data: "five!" },
  ]);

  it.skipIf(!hasTool("cpio"))("is what cpio reads", () => {
    const { stdout } = spawnSync("cpio", ["-tv"], { input: archive, encoding: "utf8" });
    const lines = stdout.trim().split("\n");
    const modesAndNames = lines
      .map((line) => line.split(/\s+/))
      .map((words) => [words[0], words[4], words.at(-1)]);
    expect(modesAndNames).toEqual([
      ["drwxr-xr-x", "0", "a"],
      ["drwxr-xr-x", "0", "a/b"],
      ["-rwxr-xr-x", "2", "init"],
      ["-rw-r--r--", "5", "a/b/c"],
    ]);
  });

  it("has every entry at a multiple of four bytes", () => {
    const text = archive.toString("latin1");
    const starts = [...text.matchAll(/070701/g)].map(({ index }) => index % 4);
    expect(starts).toEqual([0, 0, 0, 0, 0]);
  });
});

describe("the serial line of another kernel", () => {
  it("has outputs and ends of programs, and may stop before the last", () => {
    const text =
      "[init] start 0\nab\nc[init] end 0 768\n[init] start 1\n[init] end 1 11\n[init] start 2\nx";
    expect(outcomesIn(text, 3)).toEqual([
      { text: "ab\nc", end: "exit status 3" },
      { text: "", end: "killed by signal 11" },
      { text: "", end: "not run" },
    ]);
  });
});
