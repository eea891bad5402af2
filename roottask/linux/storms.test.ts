// Programs that take all they can get (testing/programs/storms.c), several at once: an innocent one beside them is
// unharmed, each comes to the end that is meant for it, and what they took is back. All there are:
// STORMS=all npx vitest run --project all roottask/linux/storms.test.ts
// STORMS names storms; STORMS_LIMITED=yes gives takers limits, STORMS_PROCESSORS is a number, STORMS_MEMORY of the machine, and
// STORMS_SEED begins the random calls elsewhere, and STORMS_GENERATIONS is how many processes each taker of "generations"
// makes: 1667 are 10,000 in all, which take QEMU 40 s on a machine that has nothing else to do.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runsLinuxPrograms } from "../../tools/testing/host-tools.ts";
import { boot, makeSystem } from "../testing/boot.ts";
import { cc, compileProgram, output, program, startFile } from "../testing/c_programs.ts";
import { tarOf } from "../testing/samples.ts";

/** How takers come to their end, by storm. */
const ENDS: Readonly<Record<string, string>> = {
  // The largest is ended when memory is out, and the last one when it is the largest itself.
  anonymous: "signal 9 signal 9 signal 9",
  // Threads, forks, execve, signals, pipes and terminals of many processes at once.
  clashes: "done done done",
  connections: "No buffer space available No buffer space available No buffer space available",
  cycles: "done done done",
  // Processes that trace each other, are killed in their stops, and end while they trace.
  tracers: "done done done",
  // Calls with any arguments, by several processes at once.
  random: "done done done",
  // Calls meet the end of memory as accesses do.
  reads: "signal 9 signal 9 signal 9",
  streams: "No buffer space available No buffer space available No buffer space available",
};

describe.skipIf(!runsLinuxPrograms || !cc)("programs that take all they can get", () => {
  let folder = "";
  let storms = "";
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "storms-"));
    storms = compileProgram("storms", folder);
    makeSystem();
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  async function run(lines: string[], processors: string, memory: string): Promise<string> {
    const { STORMS_SEED = "1", STORMS_GENERATIONS = "200" } = process.env;
    const words = [
      `env STORMS_SEED=${STORMS_SEED}`,
      `env STORMS_GENERATIONS=${STORMS_GENERATIONS}`,
      ...lines.map((line) => `linux bin/storms ${line}`),
    ];
    const archive = await tarOf([startFile(...words), program("storms", storms)]);
    const { log } = boot(archive, ["-smp", processors, "-m", memory]);
    expect(log).toContain(`[roottask] end ${lines.length}: exit status 0\n`);
    return log;
  }

  it("harm nobody, and leave nothing", async () => {
    const log = await run([Object.keys(ENDS).join(" "), "-l bomb", "threads"], "2", "64M");
    const text = output(log).trimEnd().split("\n");
    // What free slots of threads keep is a small part of memory.
    expect(text.pop()).toMatch(/^threads: .*, innocent unharmed, memory is back$/);
    const bomb = text.pop();
    const lines = Object.entries(ENDS).map(
      ([name, end]) => `${name}: ${end}, innocent unharmed, memory is back`,
    );
    expect(text.sort()).toEqual(lines.sort());
    expect(log).toMatch(
      /^\[roottask\] out of memory: ends process \d+ of 1 \(bin\/storms\) with /m,
    );
    // How many threads there were at a time, whose stacks are kept, is nobody's choice.
    expect(bomb).toMatch(/^bomb: signal 9 signal 9 signal 9, innocent unharmed/);
  });

  const asked = process.env.STORMS;
  it.skipIf(asked === undefined)("harm nobody, whichever is asked for", async () => {
    const source = readFileSync(new URL("../testing/programs/storms.c", import.meta.url), "utf8");
    const all = [...source.matchAll(/\{"(\w+)", \w+\}/g)].map(([, name = ""]) => name);
    const limited = process.env.STORMS_LIMITED ? "-l " : "";
    const { STORMS_PROCESSORS = "2", STORMS_MEMORY = "128M" } = process.env;
    for (const name of asked === "all" ? all : (asked ?? "").split(",")) {
      const text = output(await run([limited + name], STORMS_PROCESSORS, STORMS_MEMORY));
      console.log(text.trimEnd());
      expect.soft(text).toMatch(/^\w+: .*, innocent unharmed, memory is back\n$/);
    }
  });
});
