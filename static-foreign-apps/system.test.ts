// The programs in C, Zig, Rust and Go under the roottask: the same binaries print what they print on Linux, in the
// emulator and on QEMU. Where a program tells about its surroundings, that is left out of the comparison.

import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, expect, test } from "vitest";
import { boot, engines, makeSystem } from "../roottask/testing/boot.ts";
import { tarOf } from "../roottask/testing/samples.ts";
import { canCompile, foreignOutput } from "../tools/make/foreign.ts";
import { HANG_MS, runsLinuxPrograms } from "../tools/testing/host-tools.ts";
import { foreignPrograms } from "./programs.ts";

const root = fileURLToPath(new URL("../", import.meta.url));
const programs = foreignPrograms.filter(canCompile);
const ARGUMENTS = ["2.5", "two words"];
const GREETING = "good morning";

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

function onLinux(path: string): Run {
  const words = [path, ...ARGUMENTS].map((word) => `"${word}"`).join(" ");
  const { stdout, status } = spawnSync("sh", ["-c", `exec ${words} 2>&1 </dev/null`], {
    cwd: join(root, "build/static-foreign-apps"),
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

beforeAll(() => {
  makeSystem();
  execFileSync(process.execPath, [join(root, "tools/bin/make"), "--quiet", "static_foreign_apps"]);
});

test.skipIf(!runsLinuxPrograms || programs.length === 0).each(engines)(
  "they print in %s what they print on Linux",
  async (engine) => {
    const words = ARGUMENTS.map((word) => `"${word}"`).join(" ");
    const lines = programs.map(({ name }) => `linux ${name} ${words}`);
    const archive = await tarOf([
      { name: "userland.conf", data: [`env GREETING="${GREETING}"`, ...lines, ""].join("\n") },
      ...programs.map((program) => ({
        name: program.name,
        mode: 0o755,
        data: readFileSync(join(root, foreignOutput(program))),
      })),
    ]);
    const { log } = boot(archive, [], engine);
    const runs = runsOf(log);
    expect(runs.map(comparable)).toEqual(programs.map(({ name }) => comparable(onLinux(name))));
    expect(log).not.toContain("not supported (ENOSYS)");
  },
);
