// Programs with the mediator and without: what they print is what they print on Linux. And programs that attack it.

import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { hasTool, runsLinuxPrograms } from "../../tools/testing/host-tools.ts";
import { boot, makeSystem } from "../testing/boot.ts";
import { cc, compileProgram, output, program, startFile } from "../testing/c_programs.ts";
import { tarOf } from "../testing/samples.ts";

const directory = mkdtempSync(join(tmpdir(), "mediator-"));

beforeAll(makeSystem);
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** What a program prints on Linux, with a folder of its own as the argument. */
function onLinux(file: string): string {
  const tmpfs = existsSync("/dev/shm") ? "/dev/shm" : directory;
  const folder = mkdtempSync(join(tmpfs, "mediator-"));
  const { stdout } = spawnSync("sh", ["-c", `true | '${file}' '${folder}/' | cat`], {
    encoding: "utf8",
  });
  rmSync(folder, { recursive: true });
  return stdout;
}

describe.skipIf(!runsLinuxPrograms || !cc)("programs", () => {
  it.each(["contents", "names", "faults", "threads"])("need no mediator: %s", async (name) => {
    const file = compileProgram(name, directory);
    const lines = startFile("mediator off", `linux bin/${name} /tmp/`);
    const { log } = boot(await tarOf([lines, program(name, file)]));
    expect(output(log)).toBe(onLinux(file));
  });

  const compilers: [string, readonly string[] | undefined][] = [
    ["musl", cc],
    ["glibc", hasTool("gcc") ? ["gcc"] : undefined],
  ];
  it.each(compilers)(
    "get the same answers with it, without it, and on Linux: %s",
    async (...each) => {
      const [, compiler] = each;
      if (compiler === undefined) return;
      const file = compileProgram("answers", directory, compiler);
      const lines = startFile("linux bin/answers", "mediator off", "linux bin/answers");
      const { log } = boot(await tarOf([lines, program("answers", file)]));
      const expected = onLinux(file);
      expect(expected).toContain("signals handled 25, wrong 0");
      expect(output(log)).toBe(expected + expected);
    },
  );

  it.each(compilers)("read clocks without system calls, on any kernel: %s", async (...each) => {
    const [, compiler] = each;
    if (compiler === undefined) return;
    const file = compileProgram("clocks", directory, compiler);
    const lines = startFile("mediator off", "linux bin/clocks");
    const { log } = boot(await tarOf([lines, program("clocks", file)]));
    expect(output(log)).toBe("wrong 0, image 1\n");
    expect(log).toContain("[roottask] end 1: exit status 0\n");
    expect(Number(/(\d+) calls/.exec(log)?.[1])).toBeLessThan(100);
  });
});

describe.skipIf(!runsLinuxPrograms || !cc)("files that are read in small pieces", () => {
  it("have the contents and positions that they have on Linux, whoever changes them", async () => {
    const file = compileProgram("pieces", directory);
    const lines = startFile("linux bin/pieces /tmp/", "mediator off", "linux bin/pieces /tmp/");
    const { log } = boot(await tarOf([lines, program("pieces", file)]));
    const expected = onLinux(file);
    expect(expected).toContain("round 2: wrong 0, missing or twice 0\n");
    expect(output(log)).toBe(expected + expected);
  });
});

describe.skipIf(!runsLinuxPrograms || !cc)("memory", () => {
  it.each(["1", "2"])("is what it is on Linux, whoever hands it out: seed %s", async (seed) => {
    const file = compileProgram("memory", directory);
    const run = `linux bin/memory ${seed} 400`;
    const lines = startFile(
      ...[run, "mediator off", run, "mediator on"],
      ...["pregrant 4K", run, "pregrant 100K", run, "pregrant 8M", run],
    );
    const { log } = boot(await tarOf([lines, program("memory", file)]));
    const { stdout } = spawnSync(file, [seed, "400"], { encoding: "utf8" });
    expect(stdout).toContain("threads, wrong 0, grown 1\n");
    expect(output(log)).toBe(stdout.repeat(5));
  });
});

describe.skipIf(!cc)("a program that attacks the mediator", () => {
  const ATTACKS = ["remap", "overwrite", "stacks", "forge", "words", "race", "grants", "regrant"];
  // As where nothing is mapped, but that nothing can be: what is unmapped stays.
  const refused = "0 -12 -12 -14 -12 -14 -14 -14\n";
  const EXPECTED = [
    [0, 1, 2, 3].map((place) => `place ${place}: ${refused}`).join(""),
    "vdso: 0 0\nsame process 1\n",
    [0, 1, 2].map((place) => `write to place ${place}: signal 11\n`).join(""),
    "overwritten\nstacks, wrong 0\n",
    [0, 1, 2, 3, 4].map((place) => `forged ${place}: signal 11\n`).join(""),
    "words, wrong 0, read 1, write to a window: signal 11\n",
    "raced\n",
    "grants, wrong 0\n",
    "regranted\n",
  ].join("");

  it("gains nothing, disturbs nobody and comes to its end", async () => {
    const file = compileProgram("attacks", directory);
    const other = compileProgram("threads", directory);
    const lines = startFile(
      "pregrant 64K",
      ...ATTACKS.map((name) => `linux bin/attacks ${name}`),
      // Beside one that goes about its business.
      "linux bin/attacks leap",
      "linux bin/attacks race &",
      "linux bin/attacks leap &",
      "linux bin/threads",
    );
    const archive = [lines, program("attacks", file), program("threads", other)];
    const { log, serial, status } = boot(await tarOf(archive));
    expect(output(log).startsWith(EXPECTED)).toBe(true);
    for (const [index] of ATTACKS.entries()) {
      expect(log).toContain(`[roottask] end ${index + 1}: exit status 9\n`);
    }
    // It has called what chance would have it, its own end as well maybe.
    const count = ATTACKS.length;
    expect(log).toContain(`[roottask] end ${count + 1}: `);
    expect(log).toContain(`[roottask] end ${count + 4}: exit status 3\n`);
    expect(log).toContain("turns 40\n");
    expect(serial).not.toMatch(/EC killed|panic/);
    expect(status).toBe(0);
  });
});
