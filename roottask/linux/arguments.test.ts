// System calls with random arguments (testing/programs/arguments.c) answer as on Linux and leave files, positions and
// memory as it does. Linux is this host's: a tmpfs and root's rights are needed, and what belongs to the host is within
// the calls' reach (mode and owner of /dev/null, which are put back at the end). So it runs where it is asked for alone:
// ARGUMENTS=FIRST_SEED,SEEDS,CALLS npx vitest run --project all roottask/linux/arguments.test.ts

import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, statfsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { boot, makeSystem } from "../testing/boot.ts";
import { cc, compileProgram, output, program, startFile } from "../testing/c_programs.ts";
import { tarOf } from "../testing/samples.ts";

const TMPFS_MAGIC = 0x0102_1994;
const MEMORY = "/dev/shm";

function isTmpfs(path: string): boolean {
  try {
    return statfsSync(path).type === TMPFS_MAGIC;
  } catch {
    return false;
  }
}

const [first = 1, seeds = 1, calls = 90] = (process.env.ARGUMENTS ?? "")
  .split(",")
  .filter((word) => word !== "")
  .map(Number);
const asked = process.env.ARGUMENTS !== undefined;
const comparable = asked && cc !== undefined && process.getuid?.() === 0 && isTmpfs(MEMORY);

describe.skipIf(!comparable)("random arguments", () => {
  let folder = "";
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "arguments-"));
    makeSystem();
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it("are answered as on Linux", async () => {
    const file = compileProgram("arguments", folder);
    const numbers = Array.from({ length: seeds }, (_, i) => String(first + i));
    const expected = numbers.map((seed) => {
      const place = mkdtempSync(join(MEMORY, "arguments-"));
      return execFileSync(file, [seed, String(calls), place], { encoding: "latin1" });
    });
    const lines = numbers.map((seed) => `linux bin/arguments ${seed} ${calls} /tmp/arguments`);
    const { log } = boot(await tarOf([startFile(...lines), program("arguments", file)]));
    expect(output(log).split("\n")).toEqual(expected.join("").split("\n"));
  });
});
