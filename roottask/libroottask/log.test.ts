// Which of the roottask's lines are printed, and how they look: levels, modules and programs of the `log=` option.

import { beforeEach, describe, expect, it } from "vitest";
import { Machine } from "../testing/machine.ts";
import { sampleProgram, tarOf } from "../testing/samples.ts";

const EXC_UD = 6;
const STDOUT = 0;

let machine: Machine;

beforeEach(async () => {
  machine = await Machine.create();
  machine.unpack(
    await tarOf([
      { name: "bin/sample", mode: 0o755, data: sampleProgram() },
      { name: "bin/other", mode: 0o755, data: sampleProgram() },
    ]),
  );
});

function option(text: string): void {
  const bytes = Buffer.from(text, "latin1");
  machine.exports.logOption(machine.place(bytes), bytes.length);
}

/** Lines about a service call, a crash and the event that it comes from, of one program. */
function linesOf(program: string): string[] {
  machine.log = "";
  expect(machine.launch(`native ${program}`)).toBe(0);
  const id = machine.exports.count();
  machine.service(id, STDOUT, Buffer.from([0]));
  try {
    machine.event(id, EXC_UD, { rip: 0x40_1002n });
  } catch {
    // The program has ended.
  }
  return machine.log.split("\n").filter((line) => line !== "");
}

const bare = (lines: string[]) =>
  lines.map((line) => line.replace(/^\[roottask\] (\d+\.\d{6} )?/, ""));

describe("the log", () => {
  it("has bare lines without the option, up to information", () => {
    const lines = linesOf("bin/sample");
    expect(lines).toHaveLength(6);
    expect(lines[0]).toBe("[roottask] crash 1 (bin/sample): #UD invalid opcode at RIP 0x401002");
    expect(lines[1]).toMatch(/^\[roottask\] {3}rax 0x0{16} rbx /);
  });

  it("has time, level and module with the option", () => {
    option("info");
    expect(linesOf("bin/sample")[0]).toMatch(
      /^\[roottask\] \d+\.\d{6} error exceptions: crash 1 \(bin\/sample\): #UD/,
    );
  });

  it("grows with the level", () => {
    const counts: number[] = [];
    for (const level of ["off", "error", "warn", "info", "debug", "trace"]) {
      option(level);
      counts.push(linesOf("bin/sample").length);
    }
    // Registers and place at "error"; event and further state at "debug"; the service call at "trace".
    expect(counts).toEqual([0, 6, 6, 6, 8, 9]);
  });

  it("is chosen by module", () => {
    option("off:services=trace");
    expect(bare(linesOf("bin/sample"))).toEqual(["trace services: 1: stdout: 0"]);
    option("trace:services=info:exceptions=off");
    expect(linesOf("bin/sample")).toEqual([]);
  });

  it("is chosen by program, by its path or the last part of it, before the module", () => {
    option("off:sample=trace:services=off");
    expect(linesOf("bin/sample")).toHaveLength(9);
    expect(linesOf("bin/other")).toEqual([]);
    option("services=trace:bin/sample=off");
    expect(linesOf("bin/sample")).toEqual([]);
    expect(linesOf("bin/other").filter((line) => line.includes("services"))).toHaveLength(1);
  });

  it("keeps the last of two", () => {
    option("trace:off:services=off:services=trace");
    expect(bare(linesOf("bin/sample"))).toEqual(["trace services: 1: stdout: 0"]);
  });

  it.each(["", "loud", "=trace", "sample=", "sample=loud", "INFO", "info:", `${"x".repeat(600)}`])(
    "says what is wrong with the option %j and goes on",
    (text) => {
      option(text);
      expect(machine.log).toMatch(
        /^\[roottask\] option log=: expected "LEVEL" or "NAME=LEVEL" .*\n$/,
      );
      expect(linesOf("bin/sample")).toHaveLength(6);
    },
  );

  it("takes sixteen names", () => {
    option(Array.from({ length: 17 }, (_, index) => `p${index}=off`).join(":"));
    expect(machine.log).toBe("[roottask] option log=: more than 16 names\n");
  });

  it("shows nothing of an option that a terminal would act on", () => {
    option("\x1b[31m=");
    expect(machine.log).toContain('not "?[31m="');
  });
});
