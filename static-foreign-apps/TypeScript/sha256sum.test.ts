// sha256sum in TypeScript, compiled by our compiler, against the one of GNU coreutils: same output, same
// messages, same exit status.

import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildLinuxApp } from "../../roottask/build.ts";
import { apps, type GuestProgram } from "../../roottask/programs.ts";
import { guestModule } from "../../tools/asc/guest.ts";
import { hasToolOf, runsLinuxPrograms } from "../../tools/testing/host-tools.ts";

const hasCoreutils = hasToolOf("sha256sum", "GNU coreutils");

const directory = mkdtempSync(join(tmpdir(), "sha256sum-"));
const ours = join(directory, "sha256sum");
const lists = {
  good: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  empty\n",
  bad: `${"0".repeat(64)}  empty\n`,
  mixed:
    "# comment\ngarbage\n\nE3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855 *empty\n" +
    `${"1".repeat(64)}  missing\n${"2".repeat(64)}  small\nSHA256 (empty) = ${"3".repeat(64)}\n`,
  none: "nothing useful\n",
};

beforeAll(async () => {
  const { entry, args } = apps.find(({ name }) => name === "sha256sum") as GuestProgram;
  const { wasm, sourceMap } = await guestModule({ entry, args });
  writeFileSync(ours, buildLinuxApp(wasm, sourceMap));
  chmodSync(ours, 0o755);
  const file = (name: string, data: string | Buffer) => writeFileSync(join(directory, name), data);
  file("empty", "");
  file("small", "abc");
  for (const size of [55, 56, 63, 64, 65, 119, 120, 65535, 65537]) {
    file(`size-${size}`, Buffer.alloc(size, "0123456789abcdef"));
  }
  file("large", Buffer.alloc(3_000_001, "The quick brown fox jumps over the lazy dog. "));
  file("new\nline\\", "escaped");
  for (const [name, text] of Object.entries(lists)) file(`list-${name}`, text);
  mkdirSync(join(directory, "folder"));
  symlinkSync("loop", join(directory, "loop"));
});

afterAll(() => rmSync(directory, { recursive: true, force: true }));

function run(program: string, args: string[], input: string) {
  const options = { cwd: directory, input, encoding: "utf8" as const, env: { LC_ALL: "C" } };
  const { status, stdout, stderr } = spawnSync(program, args, options);
  return { status, stdout, stderr: stderr.replaceAll(program, "sha256sum") };
}

const sizes = [55, 56, 63, 64, 65, 119, 120, 65535, 65537].map((size) => `size-${size}`);

describe.skipIf(!runsLinuxPrograms || !hasCoreutils)("sha256sum", () => {
  it.each([
    ["empty and short files", ["empty", "small", ...sizes]],
    ["a file of megabytes", ["large"]],
    ["standard input without arguments", []],
    ["standard input by name", ["small", "-"]],
    ["binary marks", ["-b", "small"]],
    ["text marks", ["-b", "-t", "small"]],
    ["BSD style", ["--tag", "small", "new\nline\\"]],
    ["names that need escapes", ["new\nline\\", "-z"]],
    ["escaped names", ["small", "new\nline\\"]],
    ["a missing file between others", ["small", "missing", "empty"]],
    ["a directory", ["folder", "small"]],
    ["a path below a file", ["small/x"]],
    ["a name that is too long", ["n".repeat(300), "small"]],
    ["a link to itself", ["loop", "small"]],
    ["names that look like options", ["--", "-b", "small"]],
    ["an unknown option", ["-x", "small"]],
    ["an unknown long option", ["--unknown"]],
    ["a list that holds", ["-c", "list-good"]],
    ["a list that does not hold", ["--check", "list-bad"]],
    ["a list with everything", ["-c", "list-mixed"]],
    ["warnings", ["-c", "-w", "list-mixed"]],
    ["strictness", ["-c", "--strict", "list-mixed"]],
    ["only failures", ["-c", "--quiet", "list-mixed", "list-good"]],
    ["only the status", ["-c", "--status", "list-bad"]],
    ["a list without lines", ["-c", "list-none"]],
    ["a missing list", ["-c", "missing"]],
  ])("agrees with coreutils on %s", (_, args) => {
    expect(run(ours, args, "from stdin")).toEqual(run("sha256sum", args, "from stdin"));
  });

  it.each([
    ["a full device", ">/dev/full"],
    ["a closed output", ">&-"],
  ])("says as coreutils that it cannot write to %s", (_, redirection) => {
    const shell = (program: string) => run("sh", ["-c", `"$0" small ${redirection}`, program], "");
    const { status, stdout, stderr } = shell(ours);
    const expected = shell("sha256sum");
    expect(expected.status).toBe(1);
    expect({ status, stdout, stderr: stderr.replaceAll(ours, "sha256sum") }).toEqual(expected);
  });
});
