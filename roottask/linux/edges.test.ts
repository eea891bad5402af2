// Calls at the edge of memory (testing/programs/edges.c): whatever is asked for, with whatever number of pages free, a call
// says that there is no memory or no room, or a process is ended for it, as on Linux; what was taken is back.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runsLinuxPrograms } from "../../tools/testing/host-tools.ts";
import { boot, makeSystem } from "../testing/boot.ts";
import { cc, compileProgram, output, program, startFile } from "../testing/c_programs.ts";
import { tarOf } from "../testing/samples.ts";

describe.skipIf(!runsLinuxPrograms || !cc)("calls at the edge of memory", () => {
  let folder = "";
  let edges = "";
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "edges-"));
    edges = compileProgram("edges", folder);
    makeSystem();
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it("end as they should", async () => {
    const archive = await tarOf([startFile("linux bin/edges"), program("edges", edges)]);
    const { log } = boot(archive, ["-smp", "2", "-m", "64M"]);
    const lines = output(log).trimEnd().split("\n");
    expect(lines.length).toBe(26);
    // What may not be has a "!".
    for (const line of lines) expect(line).toMatch(/^\w+: [^!]+; memory is back$/);
    expect(log).toContain("[roottask] end 1: exit status 0\n");
  });
});
