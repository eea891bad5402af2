// What gdb shows of a compiled program: functions with parameters, variables, inlined calls and types.

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { guestModule } from "../../asc/guest.ts";
import { hasGdb, hasTool, runsLinuxPrograms } from "../../testing/host-tools.ts";
import { compile, linkLinux } from "../index.ts";

const directory = mkdtempSync(join(tmpdir(), "debugger-"));
const program = join(directory, "program");

beforeAll(async () => {
  const { wasm, sourceMap } = await guestModule({
    entry: "tools/aot/testdata/frames_guest.ts",
    args: ["--use", "abort="],
  });
  const object = compile(wasm, { target: "linux", name: "frames", sourceMap });
  writeFileSync(program, linkLinux(object), { mode: 0o755 });
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

function gdb(...commands: string[]): string {
  const run = spawnSync(
    "gdb",
    ["-q", "-batch", "-nx", ...commands.flatMap((command) => ["-ex", command]), program],
    { encoding: "utf8", env: { ...process.env, LC_ALL: "C", DEBUGINFOD_URLS: "" } },
  );
  return run.stdout + run.stderr;
}

describe.skipIf(!hasGdb || !runsLinuxPrograms)("gdb on a program of the compiler's", () => {
  test("stops at a function by its name and shows its arguments", () => {
    const out = gdb("tbreak many", "run", "bt", "info args", "finish");
    expect(out).toMatch(/#0 +many \(a=0, b=2, c=3.5, d=3, e=4, f=5, g=6, h=7, i=8\)/);
    expect(out).toMatch(/#1 .* in main \(\) at tools\/aot\/testdata\/frames_guest.ts:\d+\n/);
    expect(out).toMatch(/^h = 7$/m);
    expect(out).toMatch(/Value returned is \$1 = -?\d+/);
  });

  test("shows calls that were inlined as frames", () => {
    const out = gdb("break add", "run", "bt", "up", "info frame");
    expect(out).toMatch(/#0 +add \(a=2, b=1\)/);
    expect(out).toMatch(/#1 .* in apply \(.*\) at .*frames_guest.ts/);
    expect(out).toMatch(/#2 +main \(\) at .*frames_guest.ts/);
    expect(out).toMatch(/inlined into frame 2/);
  });

  test("shows a call of the function itself that was inlined as a frame", () => {
    const out = gdb("break fib if n == 3", "run", "break fib", "continue", "bt");
    expect(out).toMatch(/fib \(n=3\) at/);
    expect(out).toMatch(/#0 +fib \(\) at .*\n#1 +fib \(n=.*\) at .*\n#2 .* in (?!fib)/);
  });

  test("shows variables and walks through objects", () => {
    const out = gdb("break visit", "run", "print *node", "print node->value", "ptype node", "bt");
    expect(out).toMatch(/\$1 = \{value = 30, weight = 7, next = \d+\}/);
    expect(out).toMatch(/\$2 = 30/);
    expect(out).toMatch(
      /type = struct Node \{\n +i32 value;\n +u64 weight;\n +Node_offset next;\n\} \*/,
    );
  });

  test("knows the types of functions", () => {
    const out = gdb("ptype many", "ptype visit", "whatis fib");
    expect(out).toMatch(/type = i64 \(i32, i64, f64, i32, i32, i32, i32, i64, i32\)/);
    expect(out).toMatch(/type = i32 \(struct Node \*, i32\)/);
    expect(out).toMatch(/type = i32 \(i32\)/);
  });
});

test.skipIf(!hasTool("readelf"))("readelf decodes the information without complaint", () => {
  const run = spawnSync("readelf", ["--debug-dump=info,loc,Ranges,decodedline", program]);
  expect(run.stderr.toString()).toBe("");
  expect(run.stdout.toString()).toMatch(/DW_TAG_inlined_subroutine/);
});
