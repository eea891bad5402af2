// What programs do on Linux they do in the guest: a small part of the programs in cases/, a list of which differ, and
// some sequences. `npm run compare:linux` and `compare:sequences` do the rest.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, it, test } from "vitest";
import { hostCompiler } from "../make/host-compilers.ts";
import { comparable, compare, isSame } from "./compare.ts";
import { diff } from "./diff.ts";
import { readFolder } from "./folder.ts";
import { runInGuest } from "./guest.ts";
import { makeSystem, whatIsMissing } from "./host.ts";
import { runOnLinux } from "./linux.ts";
import type { Program } from "./program.ts";
import { differingSeeds, familyNames, sequenceProgram } from "./sequences/campaign.ts";
import { chunks, kept, without } from "./sequences/shrink.ts";

const cases = (name: string) => fileURLToPath(new URL(`cases/${name}`, import.meta.url));

/** Folders, and the programs of them that are quick. */
const QUICK: [folder: string, names: RegExp][] = [
  ["applets", / (cat|wc|sort|sed|ls|stat|cp|mkdir|rm|expr|test|id|env|sh) /],
  ["dynamic", /./],
  ["host", /bin\/(cat|comm|dd|grep|head|sed|sort|wc) /],
  ["shell", /^(arithmetic|case|expansion|loops|quoting|redirection|trap)-?[a-z-]*$/],
];

test("parts of sequences are ranges of what is kept", () => {
  expect(chunks(7, 3)).toEqual([
    { from: 0, to: 3 },
    { from: 3, to: 6 },
    { from: 6, to: 7 },
  ]);
  expect(without([4, 5, 6, 9], [{ from: 1, to: 3 }])).toEqual([4, 9]);
  expect(kept([0, 1, 2, 5, 7, 8])).toBe("0-2,5,7-8");
});

test("a difference is what stands between common lines", () => {
  expect(diff("a\nb\nc\n", "a\nx\ny\nc\n")).toEqual(["-b", "+x", "+y"]);
  expect(diff("a\n", "a\nb\n")).toEqual(["+b"]);
});

test("numbers of processes, addresses and times are not compared", () => {
  const end = "exit status 0";
  expect(comparable({ text: "pid 12 at 0x7ffd12345678, 10:11:12", end })).toBe(
    "pid PID at ADDRESS, TIME\nend: exit status 0\n",
  );
  expect(comparable({ text: "", end })).toBe("end: exit status 0\n");
});

describe.skipIf(whatIsMissing() !== undefined)("against Linux", () => {
  beforeAll(makeSystem);

  it.skipIf(!hostCompiler("gcc"))("counts a program that hangs alone", async () => {
    const folder = mkdtempSync(join(tmpdir(), "compare-test-"));
    writeFileSync(join(folder, "a.c"), 'int main(void) { return puts("first") > 0 ? 3 : 0; }\n');
    writeFileSync(join(folder, "b.c"), 'int main(void) { puts("begun"), fflush(0); for (;;); }\n');
    writeFileSync(join(folder, "c.c"), 'int main(void) { printf("last"); abort(); }\n');
    writeFileSync(join(folder, "b.txt"), "begun\nend: killed by signal 9\n");
    try {
      const { programs } = readFolder(folder);
      expect(await runInGuest(programs, { seconds: 0.2 })).toEqual([
        { text: "first\n", end: "exit status 3" },
        { text: "begun\n", end: "no end: time is up" },
        { text: "", end: "killed by signal 6" },
      ]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it("differs in what is known alone", async () => {
    const programs: Program[] = [];
    const known: string[] = [];
    for (const [name, pattern] of QUICK) {
      const folder = readFolder(cases(name));
      const quick = folder.programs.filter((each) => pattern.test(each.name));
      programs.push(...quick);
      known.push(...quick.map((each) => each.name).filter((each) => folder.known.has(each)));
    }
    expect(programs.length).toBeGreaterThan(60);
    const differing = (await compare(programs)).filter((each) => !isSame(each));
    expect(differing.map(({ program }) => program.name).sort()).toEqual(known.sort());
  });

  it.skipIf(!hostCompiler("gcc"))("goes through sequences of calls as Linux does", async () => {
    const data = sequenceProgram() as Uint8Array;
    const families = familyNames()
      .slice(0, 1)
      .map((name) => ({ data, name, runOnLinux }));
    expect(await differingSeeds(families, { first: 33, seeds: 4, calls: 12 })).toEqual(new Map());
  });
});
