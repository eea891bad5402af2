// The programs that measure, where they measure: each prints every name that it should once, with numbers that can be, and
// the emulator's count of instructions is that of QEMU's clock.

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeSystem } from "../../roottask/testing/boot.ts";
import { tarOf } from "../../roottask/testing/samples.ts";
import { foreignPrograms } from "../../static-foreign-apps/programs.ts";
import { canCompile } from "../make/foreign.ts";
import { hasQemu, runsLinuxPrograms } from "../testing/host-tools.ts";
import {
  EMPTY,
  HYBRID,
  MEDIATED,
  NATIVE,
  namesOf,
  PROCESS,
  ROOTTASK,
  type System,
} from "./names.ts";
import {
  BUILT,
  measureInEmulator,
  measureInQemu,
  measureOnLinux,
  type SystemFiles,
} from "./places.ts";
import { find, type Run } from "./results.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "bench-"));

/** Few repetitions, and none with more calls than this. */
const REPETITIONS = 3;
const MOST_CALLS = 20;
const LIMITS = `${REPETITIONS} ${MOST_CALLS}`;
const START = [
  `native ${NATIVE} ${LIMITS}`,
  "mediator off",
  `linux ${HYBRID} ${LIMITS}`,
  "mediator on",
  `linux ${HYBRID} ${LIMITS} /tmp ${MEDIATED}`,
  `optional linux ${PROCESS} ${LIMITS}`,
  "",
].join("\n");

let files: SystemFiles = BUILT;
/** What the program in C prints: nothing where its compiler is not here. */
const namesOfProcess = foreignPrograms.some(
  (each) => each.archivePath === PROCESS && canCompile(each),
)
  ? namesOf(PROCESS)
  : [];

beforeAll(async () => {
  makeSystem();
  const make = join(root, "tools/bin/make");
  execFileSync(process.execPath, [make, "--quiet", "runtime_environment", "static_foreign_apps"]);
  const program = (name: string, path = `build/apps/${name.replace("bin/", "")}`) => ({
    name,
    mode: 0o755,
    data: readFileSync(join(root, path)),
  });
  const archive = await tarOf([
    { name: "bench.conf", data: START },
    program(NATIVE),
    program(HYBRID),
    ...(namesOfProcess.length > 0 ? [program(PROCESS, BUILT.process)] : []),
  ]);
  const inBuild = (path: string) => join(root, path);
  files = {
    kernel: inBuild(BUILT.kernel),
    roottask: inBuild(BUILT.roottask),
    archive: join(folder, "userland.tar"),
    hybrid: inBuild(BUILT.hybrid),
    process: namesOfProcess.length > 0 ? inBuild(BUILT.process) : "",
  };
  writeFileSync(files.archive, archive);
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

function namesBy(run: Run, program: string): string[] {
  return run.measurements.filter((each) => each.program === program).map(({ name }) => name);
}

/** All names of the system, printed once, by whom they should be. */
function checkSystem(run: Run): void {
  expect(namesBy(run, ROOTTASK)).toEqual(namesOf(ROOTTASK));
  expect(namesBy(run, NATIVE)).toEqual(namesOf(NATIVE, "hedron", MOST_CALLS));
  const hybrid = namesOf(HYBRID, "hedron", MOST_CALLS);
  expect(namesBy(run, HYBRID)).toEqual([...hybrid, ...hybrid.map((name) => MEDIATED + name)]);
  expect(namesBy(run, PROCESS)).toEqual(namesOfProcess);
  expect(run.measurements.filter(({ ticks }) => ticks.min === 0)).toEqual([]);
}

describe("measuring", () => {
  let emulated: Run | undefined;

  it("prints all names in the emulator, and instructions are counted for each", async () => {
    emulated = await measureInEmulator(files);
    checkSystem(emulated);
    for (const { name, n, instructions } of emulated.measurements) {
      expect([name, instructions !== undefined]).toEqual([name, true]);
      if (!name.endsWith(EMPTY)) expect(instructions?.min).toBeGreaterThan(0);
      expect(n).toBeGreaterThan(0);
    }
  });

  it.skipIf(!hasQemu)("prints all names on QEMU, whose clock counts the same", async () => {
    const run = await measureInQemu(files);
    checkSystem(run);
    // Neither of these switches domains, for which QEMU 7.2 lacks PCIDs.
    for (const name of ["syscall.native", "ipc.raw.same", "roottask.allocate.1", "exception"]) {
      const instructions = find(emulated, name)?.instructions?.median ?? 0;
      const { median = 0 } = find(run, name)?.ticks ?? {};
      expect([name, Math.abs(median - instructions) <= 2]).toEqual([name, true]);
    }
  });

  it.skipIf(!runsLinuxPrograms)("prints what there is of it on Linux, by the same binary", () => {
    const system: System = "linux";
    const run = measureOnLinux(files, [REPETITIONS, MOST_CALLS]);
    expect(namesBy(run, HYBRID)).toEqual(namesOf(HYBRID, system, MOST_CALLS));
    expect(namesBy(run, PROCESS)).toEqual(namesOfProcess);
  });
});
