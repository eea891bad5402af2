// Compilers of the host: found where they can do what is asked of them, else their programs are left out by name.

import { spawnSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test } from "vitest";
import { foreignPrograms } from "../../static-foreign-apps/programs.ts";
import { isLinux } from "../testing/host-tools.ts";

const directory = mkdtempSync(join(tmpdir(), "foreign-make-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));
const make = fileURLToPath(new URL("../bin/make", import.meta.url));

/** Programs of host compilers, by compiler. */
function namesOf(...compilers: string[]): string[] {
  return foreignPrograms
    .filter(({ compiler }) => compilers.includes(compiler))
    .map(({ name }) => name);
}

/** What a dry run of make says where PATH has these programs, scripts of the shell, and no others. */
function dryRun(scripts: Record<string, string>): { status: number | null; note: string } {
  const folder = mkdtempSync(join(directory, "path-"));
  for (const [name, text] of Object.entries(scripts)) {
    writeFileSync(join(folder, name), `#!/bin/sh\n${text}\n`);
    chmodSync(join(folder, name), 0o755);
  }
  const { status, stderr } = spawnSync(process.execPath, [make, "-n", "static_foreign_apps"], {
    env: { PATH: folder },
    encoding: "utf8",
  });
  return { status, note: stderr.split("\n").find((line) => line.startsWith("left out: ")) ?? "" };
}

/** A gcc for the right target, of a version nobody has seen, that compiles as `compile` does. */
const gcc = (compile: string): string => `case $1 in
-dumpmachine) echo x86_64-linux-gnu;;
-print-file-name=libc.a) echo /lib/libc.a;;
--version) echo "gcc ${randomUUID()}";;
*) ${compile};;
esac`;

test.skipIf(!isLinux)("programs without a compiler are left out by name, and nothing fails", () => {
  const { status, note } = dryRun({});
  expect(status).toBe(0);
  for (const name of namesOf("gcc", "rustc", "go")) expect(note).toContain(name);
  expect(note).toContain("gcc with a static glibc is not installed");
});

test.skipIf(!isLinux)("a compiler that cannot link statically counts as none", () => {
  const { status, note } = dryRun({ gcc: gcc("exit 1") });
  expect(status).toBe(0);
  for (const name of namesOf("gcc")) expect(note).toContain(name);
});

test.skipIf(!isLinux)("a compiler for another C library counts as none", () => {
  const script = gcc('while [ "$1" != -o ]; do shift; done; : >"$2"');
  const { note } = dryRun({ gcc: script.replace("linux-gnu", "linux-musl") });
  expect(note).toContain("gcc with a static glibc is not installed");
});

test.skipIf(!isLinux)("a compiler that makes an executable is used", () => {
  const { status, note } = dryRun({ gcc: gcc('while [ "$1" != -o ]; do shift; done; : >"$2"') });
  expect(status).toBe(0);
  expect(note).not.toContain("gcc with a static glibc");
  for (const name of namesOf("rustc", "go")) expect(note).toContain(name);
});
