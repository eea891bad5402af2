// Call frame information of compiled programs, judged by gdb: at every instruction of a run the callers that gdb finds
// are those that the calls executed so far have left behind.

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { guestModule } from "../../asc/guest.ts";
import { hasGdb, hasTool, runsLinuxPrograms } from "../../testing/host-tools.ts";
import { compile, linkLinux } from "../index.ts";

const hasPython = hasGdb && hasTool("gdb", ["-batch", "-nx", "-ex", "python import gdb"]);

/** Steps through a program up to exit_group and prints where gdb's callers are not the real ones. */
const SCRIPT = `
import gdb
for setting in ("pagination off", "backtrace past-main on", "backtrace past-entry on"):
    gdb.execute("set " + setting)
gdb.execute("starti", to_string=True)
process = gdb.selected_inferior()
calls = []
steps = wrong = deepest = 0
while True:
    frame = gdb.newest_frame()
    pc = frame.pc()
    code = frame.architecture().disassemble(pc)[0]
    found = []
    # The frame around an inlined one is at the same place in the code.
    while frame is not None and frame.is_valid():
        caller = frame.older()
        if caller is not None and frame.type() != gdb.INLINE_FRAME:
            found.append(caller.pc())
        frame = caller
    if found != calls[::-1]:
        wrong += 1
        if wrong < 5:
            print("at %x %s: %s" % (pc, code["asm"], [hex(each) for each in found]))
    deepest = max(deepest, len(calls))
    steps += 1
    if code["asm"].startswith("syscall") and int(gdb.parse_and_eval("$rax")) == 231:
        break
    if code["asm"].startswith("call"):
        calls.append(pc + code["length"])
    if code["asm"].startswith("ret"):
        calls.pop()
    gdb.execute("stepi", to_string=True)
print("steps %d, wrong %d, deepest %d" % (steps, wrong, deepest))
gdb.execute("kill")
`;

describe("call frame information", () => {
  const directory = mkdtempSync(join(tmpdir(), "frames-"));
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  async function build(): Promise<string> {
    const entry = "tools/aot/testdata/frames_guest.ts";
    const { wasm, sourceMap } = await guestModule({ entry, args: ["--use", "abort="] });
    const program = join(directory, "program");
    const object = compile(wasm, { target: "linux", name: "frames", sourceMap });
    writeFileSync(program, linkLinux(object), { mode: 0o755 });
    return program;
  }

  test.skipIf(!hasPython || !runsLinuxPrograms)(
    "gdb finds the callers at every instruction",
    async () => {
      const program = await build();
      const script = join(directory, "step.py");
      writeFileSync(script, SCRIPT);
      const run = spawnSync("gdb", ["-q", "-batch", "-nx", "-x", script, program], {
        encoding: "utf8",
        env: { ...process.env, LC_ALL: "C", DEBUGINFOD_URLS: "" },
      });
      const summary = /steps (\d+), wrong (\d+), deepest (\d+)/.exec(run.stdout);
      expect(summary, run.stdout + run.stderr).not.toBeNull();
      const [, steps, wrong, deepest] = summary ?? [];
      expect(wrong, run.stdout).toBe("0");
      expect(Number(steps)).toBeGreaterThan(1000);
      expect(Number(deepest)).toBeGreaterThan(6);
    },
  );

  test.skipIf(!hasTool("readelf"))("readelf decodes all of it", async () => {
    const run = spawnSync("readelf", ["--debug-dump=frames,info,loc,Ranges", await build()]);
    expect(run.stderr.toString()).toBe("");
    expect(run.stdout.toString()).toMatch(/DW_CFA_def_cfa_offset/);
  });
});
