// Block devices that programs serve: a native one as it should, one of Linux as it should not. The programs check their
// results themselves.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { boot, engines, makeTargets } from "../testing/boot.ts";
import { cc, compileProgram, output, program, startFile } from "../testing/c_programs.ts";
import { tarOf } from "../testing/samples.ts";

const RAMDISK = fileURLToPath(new URL("../../build/apps/ramdisk", import.meta.url));

describe.skipIf(cc === undefined)("block devices that programs serve", () => {
  let folder = "";
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "block-"));
    makeTargets("microkernel", "roottask", "userland_tarball");
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  async function run(name: string, start: string[], options: string[] = [], engine = engines[0]) {
    const archive = await tarOf([
      startFile(...start),
      program("ramdisk", RAMDISK),
      program(name, compileProgram(name, folder)),
    ]);
    return boot(archive, options, engine);
  }

  it.each(engines)("are Linux's to those who use them, on %s", async (engine) => {
    for (const processors of ["1", "2"]) {
      const start = ["native bin/ramdisk 256 &", "linux bin/block_device"];
      const { log } = await run("block_device", start, ["-smp", processors], engine);
      expect(output(log)).toBe("0 wrong\n");
      expect(log).toContain("end 1: exit status 0\n");
      expect(log).toContain("end 2: exit status 0\n");
    }
  });

  it("survive servers that do what they should not and clients that are killed, and give their memory back", async () => {
    const { log } = await run("block_server", [
      "native bin/ramdisk 256 &",
      "linux bin/block_server",
    ]);
    expect(output(log)).toBe("0 wrong\n");
    expect(log).toContain("end 1: exit status 0\n");
  });

  it("are refused with a size that is none", async () => {
    const { log } = await run("block_server", ["native bin/ramdisk 0", "native bin/ramdisk x"]);
    expect(log.match(/exit status 1,/g)).toHaveLength(2);
  });
});
