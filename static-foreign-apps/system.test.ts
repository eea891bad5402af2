// The programs in C, Zig, Rust and Go, and the hybrid ones in TypeScript, under the roottask: the same binaries print what they print on Linux, in the
// emulator and on QEMU. Where a program tells about its surroundings, that is left out of the comparison.

import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, test } from "vitest";
import { boot, type Engine, engines, makeSystem } from "../roottask/testing/boot.ts";
import { tarOf } from "../roottask/testing/samples.ts";
import { canCompile, foreignOutput } from "../tools/make/foreign.ts";
import { HANG_MS, runsLinuxPrograms } from "../tools/testing/host-tools.ts";
import { foreignPrograms } from "./programs.ts";

const root = fileURLToPath(new URL("../", import.meta.url));
/** Where programs in other languages are built; they run there on Linux. */
const FOLDER = "build/static-foreign-apps";

interface Program {
  /** Its path in the archive. */
  name: string;
  /** Where it is, seen from the root. */
  file: string;
}

const programs = foreignPrograms
  .filter(canCompile)
  .map((program): Program => ({ name: program.name, file: foreignOutput(program) }));
const isHybrid = ({ name }: Program): boolean => name.endsWith("/hybrid_benchmark");
/** What programs measure alone is looked at where measurements are (tools/bench/system.test.ts). */
const plain = programs.filter(({ name }) => !name.endsWith("_benchmark"));
const hybrid: Program[] = [
  { name: "TypeScript/hybrid_benchmark", file: "build/apps/hybrid_benchmark" },
  ...programs.filter(isHybrid),
];
const greeter: Program = { name: "TypeScript/hello_hybrid", file: "build/apps/hello_hybrid" };
const ARGUMENTS = ["2.5", "two words"];
const GREETING = "good morning";

/** What hybrid programs measure when no repetition may make more than 20 calls (docs/benchmarks.md). */
const OVERHEAD = ["timer.overhead"];
const THREE = ["set_tid_address", "fstat", "open"];
const NATIVE = [
  ...["syscall.hybrid", "hybrid.ipc.raw", "hybrid.ipc.regular"],
  ...THREE.map((call) => `hop.${call}`),
  ...THREE.map((call) => `hybrid.${call}`),
];
const LINUX_ALONE = [
  ...["syscall.linux", ...THREE.map((call) => `call.${call}`)],
  ...["4k", "16k", "32k", "64k"].flatMap((size) => [
    `file.write.64k.${size}`,
    `file.read.64k.${size}`,
  ]),
  ...["64k", "128k", "256k", "1m"].flatMap((size) => [
    `file.write.1m.${size}`,
    `file.read.1m.${size}`,
  ]),
];

/** What a program printed, to either output in the order of its calls, and how it ended. */
interface Run {
  text: string;
  status: number | null;
}

/** Without what Linux and the roottask may choose: values of entries of the auxiliary vector, and some entries. */
function comparable({ text, status }: Run): Run {
  return {
    text: text
      .replace(/^ +\d+ AT_(SYSINFO_EHDR|MINSIGSTKSZ|HWCAP\d|RSEQ_\w+) .*\n/gm, "")
      .replace(/^( +\d+ AT_(?:HWCAP|RANDOM|E?UID|E?GID) +).*$/gm, "$1…")
      // The shell tells its folder.
      .replace(/^ {2}(LINUX_UNDER_HEDRON=true|PWD=.*)\n/gm, "")
      .replace(/^\d+( environment variables)$/gm, "…$1"),
    status,
  };
}

function onLinux({ file }: Program, args: readonly string[]): Run {
  const words = [relative(FOLDER, file), ...args].map((word) => `"${word}"`).join(" ");
  const { stdout, status } = spawnSync("sh", ["-c", `exec ${words} 2>&1 </dev/null`], {
    cwd: join(root, FOLDER),
    env: { GREETING },
    encoding: "utf8",
    timeout: HANG_MS,
  });
  return { text: stdout, status };
}

/** Per program what stands between its start and its end in the log. */
function runsOf(log: string): Run[] {
  const pattern =
    /^\[roottask\] start \d+: .*\n([\s\S]*?)^\[roottask\] end \d+: exit status (\d+)\n/gm;
  return [...log.matchAll(pattern)].map(([, text = "", status]) => ({
    text: Buffer.from(text, "latin1").toString(),
    status: Number(status),
  }));
}

/** Runs programs with arguments in the system; the log, and what stands in it for each. */
async function runHere(
  run: readonly Program[],
  args: readonly string[],
  engine: Engine,
): Promise<{ log: string; runs: Run[] }> {
  const words = args.map((word) => `"${word}"`).join(" ");
  const lines = run.map(({ name }) => `linux ${name} ${words}`);
  const archive = await tarOf([
    { name: "userland.conf", data: [`env GREETING="${GREETING}"`, ...lines, ""].join("\n") },
    ...run.map(({ name, file }) => ({
      name,
      mode: 0o755,
      data: readFileSync(join(root, file)),
    })),
  ]);
  const { log } = boot(archive, [], engine);
  return { log, runs: runsOf(log) };
}

/** Names of the measurements in what a program printed, in order. */
function measured({ text }: Run): string[] {
  const line = /^BENCH (\S+) n=\d+ min=\d+ median=\d+ p99=\d+$/gm;
  return [...text.matchAll(line)].map(([, name = ""]) => name);
}

beforeAll(() => {
  makeSystem();
  execFileSync(process.execPath, [join(root, "tools/bin/make"), "--quiet", "static_foreign_apps"]);
});

describe.skipIf(!runsLinuxPrograms || programs.length === 0).each(engines)("in %s", (engine) => {
  test("programs print what they print on Linux", async () => {
    const { log, runs } = await runHere(plain, ARGUMENTS, engine);
    expect(runs.map(comparable)).toEqual(plain.map((each) => comparable(onLinux(each, ARGUMENTS))));
    expect(log).not.toContain("not supported (ENOSYS)");
  });

  test("hybrid programs measure what they measure on Linux, and native calls between", async () => {
    const args = ["3", "20"];
    const { runs } = await runHere(hybrid, args, engine);
    const linux = hybrid.map((each) => onLinux(each, args));
    expect(linux.map(({ status }) => status)).toEqual(hybrid.map(() => 0));
    expect(runs.map(({ status }) => status)).toEqual(hybrid.map(() => 0));
    for (const each of linux) {
      expect(each.text).toMatch(/^This program for Linux runs on Linux\.\n/);
      expect(measured(each)).toEqual([...OVERHEAD, ...LINUX_ALONE]);
    }
    for (const each of runs) {
      expect(each.text).toMatch(/^This program for Linux runs on Hedron\.\n/);
      expect(each.text).toContain("This line goes through a portal.\n");
      expect(measured(each)).toEqual([...OVERHEAD, ...NATIVE, ...LINUX_ALONE]);
    }
  });

  test("a greeter creates kernel objects and calls services on Hedron alone", async () => {
    const [greeting, ...rest] = onLinux(greeter, ["again"]).text.split("\n");
    expect(rest).toEqual(["done", ""]);
    const { runs } = await runHere([greeter], ["again"], engine);
    expect(runs).toEqual([{ text: expect.any(String), status: 0 }]);
    expect(runs[0]?.text.split("\n")).toEqual([
      greeting,
      "this kernel is Hedron, so it takes hypercalls too:",
      "  create a semaphore: status 0",
      "  take it: status 0",
      "  give it back: status 0",
      "  call the echo service: status 0",
      "  create a domain: status 0",
      "  This line goes through the portal of standard error.",
      "  print by it: status 0",
      ...rest,
    ]);
  });
});
