// When memory is out the program with most of it is ended, all its processes counted (testing/programs/crowd.c).

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runsLinuxPrograms } from "../../tools/testing/host-tools.ts";
import { boot, makeSystem } from "../testing/boot.ts";
import { cc, compileProgram, output, program, startFile } from "../testing/c_programs.ts";
import { tarOf } from "../testing/samples.ts";

describe.skipIf(!runsLinuxPrograms || !cc)("a crowd of small processes", () => {
  let folder = "";
  let crowd = "";
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "crowd-"));
    crowd = compileProgram("crowd", folder);
    makeSystem();
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it("is ended for memory, and not another program with a larger process", async () => {
    const archive = await tarOf([
      startFile("linux bin/crowd one &", "linux bin/crowd many"),
      program("crowd", crowd),
    ]);
    const { log } = boot(archive, ["-smp", "2", "-m", "48M"]);
    expect(output(log).trimEnd().split("\n").sort()).toEqual([
      "many: the first ended by signal 9",
      "one: unharmed",
    ]);
    expect(log).toMatch(/out of memory: ends process \d+ of 2 \(bin\/crowd\)/);
    expect(log).not.toMatch(/out of memory: ends process \d+ of 1 /);
  });
});
