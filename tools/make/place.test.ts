// The build does not depend on where the repository lies: a copy in another folder makes the same bytes.

import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const root = fileURLToPath(new URL("../../", import.meta.url));
const COPIED = [
  "kernel",
  "roottask",
  "tools",
  "static-foreign-apps",
  "Makefile.ts",
  "package.json",
];
const TARGETS = ["microkernel"];
const OUTPUTS = ["guest/kernel.wasm.map", "kernel.elf32", "kernel.elf64"];

function make(place: string): void {
  const run = spawnSync(process.execPath, ["tools/bin/make", "--quiet", ...TARGETS], {
    cwd: place,
    encoding: "utf8",
  });
  expect(run.stderr + run.stdout).toBe("");
}

test("a copy of the repository builds the same files", () => {
  const folder = mkdtempSync(join(tmpdir(), "some place "));
  try {
    for (const name of COPIED) cpSync(join(root, name), join(folder, name), { recursive: true });
    symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
    make(folder);
    make(root);
    for (const output of OUTPUTS) {
      const [here, there] = [root, folder].map((place) =>
        readFileSync(join(place, "build", output)),
      );
      expect(there?.equals(here as Buffer), output).toBe(true);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});
