// What is made of measurements: logs read, results kept, tables, comparisons, figures and the page.

import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { hasTool } from "../testing/host-tools.ts";
import { compareResults, formatComparison } from "./compare.ts";
import { drawFigures } from "./figures.ts";
import { type Measurement, readLog, spreadOf } from "./lines.ts";
import { HYBRID, MEDIATED, NATIVE, namesOf, PROCESS, ROOTTASK } from "./names.ts";
import { figureFile, formatPage } from "./page.ts";
import {
  formatResults,
  type Place,
  parseResults,
  type Results,
  type Run,
  readResults,
} from "./results.ts";
import { formatForeignCalls, formatKernelParts, formatTable } from "./table.ts";
import { foreignCalls, ipc, largeFile, smallFile, systemCalls } from "./thesis.ts";

const LOG = [
  "[kernel] Trihedron microhypervisor",
  "[roottask] BENCH timer.overhead n=10 min=17 median=17 p99=18",
  "BENCH ipc.raw.same n=10 min=313 median=313 p99=320",
  "[roottask] start 1: native bin/bench_native 10",
  "BENCH syscall.native n=1000 min=86 median=86 p99=90",
  "a line that a program prints: BENCH and more",
  "[roottask] start 2: linux bin/hybrid_benchmark",
  "BENCH file.write.64k.4k n=100 min=1 median=20 p99=300",
  "[roottask] power off",
].join("\r\n");

function measurement(
  name: string,
  median: number,
  program = NATIVE,
  instructions?: number,
): Measurement {
  const spread = (value: number) => ({ min: value - 1, median: value, p99: value + 1 });
  return {
    program,
    name,
    n: 10,
    ticks: spread(median),
    instructions: instructions === undefined ? undefined : spread(instructions),
  };
}

function run(place: Place, ...measurements: Measurement[]): Run {
  const texts = { tick: "a tick", command: "emu <&>", date: "2020-01-01T00:00Z", host: "a host" };
  return { place, what: `what ran on ${place}`, ...texts, measurements };
}

const results = (...runs: Run[]): Results => ({ version: 1, runs });

/** Every measurement of every program, with a value that tells them apart. */
const everything = results(
  run(
    "emulator",
    ...[ROOTTASK, NATIVE, HYBRID].flatMap((program) =>
      namesOf(program).map((name, at) => measurement(name, 100 + at, program, 200 + at)),
    ),
  ),
  run("linux", ...namesOf(HYBRID, "linux").map((name, at) => measurement(name, 300 + at, HYBRID))),
);

describe("a log of measurements", () => {
  it("tells which program measured what", () => {
    expect(readLog(LOG).map(({ program, name, n }) => [program, name, n])).toEqual([
      ["roottask", "timer.overhead", 10],
      ["roottask", "ipc.raw.same", 10],
      ["bin/bench_native", "syscall.native", 1000],
      ["bin/hybrid_benchmark", "file.write.64k.4k", 100],
    ]);
    expect(readLog(LOG).at(-1)?.ticks).toEqual({ min: 1, median: 20, p99: 300 });
  });

  it.each([
    ["BENCH", "BENCH x n=1 min=1 median=1"],
    ["BENCH", "BENCH X n=1 min=1 median=1 p99=1"],
    ["cannot be", "BENCH x n=0 min=1 median=1 p99=1"],
    ["cannot be", "BENCH x n=1 min=2 median=1 p99=1"],
    ["cannot be", "BENCH x n=1 min=1 median=2 p99=1"],
    ["cannot be", "BENCH x n=1 min=1 median=1 p99=99999999999999999999"],
    ["twice", "BENCH x n=1 min=1 median=1 p99=1\nBENCH x n=1 min=1 median=1 p99=1"],
  ])("is refused where something is wrong (%s), case %#", (message, log) => {
    expect(() => readLog(log)).toThrow(message);
  });

  it("has percentiles by nearest rank", () => {
    expect(spreadOf([3, 1, 2])).toEqual({ min: 1, median: 2, p99: 3 });
    expect(spreadOf([4, 3, 2, 1])).toEqual({ min: 1, median: 2, p99: 4 });
    expect(spreadOf(Array.from({ length: 200 }, (_, at) => 200 - at))).toEqual({
      min: 1,
      median: 100,
      p99: 198,
    });
  });
});

describe("results", () => {
  it("are the same after they have been kept", () => {
    expect(parseResults(formatResults(everything), "file")).toEqual(
      JSON.parse(JSON.stringify(everything)),
    );
  });

  it.each([
    ["", "x.json: not JSON: "],
    ["null", "x.json: not results"],
    ['{"version":2,"runs":[]}', "x.json: not results"],
    ['{"version":1}', "x.json: has no list of runs"],
    ['{"version":1,"runs":[3]}', "x.json: runs[0] is not a run"],
    [
      formatResults(results(run("emulator"), { ...run("qemu"), place: "moon" as Place })),
      "x.json: runs[1] is not a run",
    ],
    [
      formatResults(results(run("qemu", { ...measurement("a", 1), ticks: { min: 1 } as never }))),
      "x.json: runs[0] is not a run",
    ],
  ])("are refused with the file's name, case %#", (text, message) => {
    expect(() => parseResults(text, "x.json")).toThrow(message);
  });

  it("that are not there are asked for by the file's name", () => {
    expect(() => readResults("none.json")).toThrow(/^none\.json: cannot be read \(ENOENT\); .*$/);
  });

  it("of the reference kernel are recorded with host, date and command", () => {
    const [reference, ...others] = readResults(
      new URL("./reference.json", import.meta.url).pathname,
    ).runs;
    expect(others).toEqual([]);
    expect(reference?.place).toBe("reference");
    // It has no mediator.
    expect(reference?.measurements.filter(({ name }) => name.startsWith(MEDIATED))).toEqual([]);
    expect(reference?.command).toContain("-icount shift=0");
    expect(reference?.host).toMatch(/\S/);
    expect(reference?.date).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\dZ$/);
    for (const program of [ROOTTASK, NATIVE, HYBRID]) {
      const names = reference?.measurements.filter((each) => each.program === program);
      expect(names?.map(({ name }) => name).slice(0, namesOf(program).length)).toEqual(
        namesOf(program),
      );
    }
  });
});

describe("tables", () => {
  it("relate every value to the cheapest native call of its machine", () => {
    const text = formatTable([
      run(
        "emulator",
        measurement("syscall.native", 999, NATIVE, 50),
        measurement("x", 999, NATIVE, 125),
      ),
      run("linux", measurement("x", 70, HYBRID)),
    ]).split("\n");
    expect(text[0]).toMatch(/^median +emulator +ratio +Linux +ratio +thesis +ratio$/);
    expect(text[1]).toMatch(/^syscall\.native +50 +1\.00 +- +- +124 +1\.00$/);
    expect(text[2]).toMatch(/^x +125 +2\.50 +70 +- +- +-$/);
  });

  it("relate Linux to this kernel where the same processor ran both", () => {
    const text = formatTable([
      run("kvm", measurement("syscall.native", 100)),
      run("linux", measurement("call.set_tid_address", 150, HYBRID)),
    ]);
    expect(text).toMatch(/call\.set_tid_address +- +- +150 +1\.50 /);
  });

  it("say how the three foreign calls of the thesis relate", () => {
    const text = formatForeignCalls([
      run(
        "qemu",
        measurement("syscall.native", 100),
        measurement("call.open", 400, HYBRID),
        measurement("hop.open", 500, HYBRID),
        measurement("hybrid.open", 300, HYBRID),
        measurement("mediated.call.open", 250, HYBRID),
      ),
    ]);
    expect(text).toMatch(/^set_tid_address +thesis +1\.28 +13\.1 +19\.9 +- +-$/m);
    expect(text).toMatch(
      /^open +thesis +41\.0 +45\.0 +65\.1 +- +-\n +QEMU +- +4\.00 +5\.00 +3\.00 +2\.50$/m,
    );
  });

  it("relate processes to the parts of them that are the kernel's, where all are known", () => {
    const text = formatKernelParts([
      run(
        "emulator",
        measurement("semaphore.switch", 300),
        measurement("exception", 100),
        measurement("process.pipe", 1500, PROCESS),
        measurement("memory.fault", 1500, PROCESS),
      ),
      run("linux", measurement("process.pipe", 9, PROCESS)),
    ]).split("\n");
    expect(text.slice(1)).toEqual([
      expect.stringMatching(/^process\.pipe +emulator +1500 +600 +2\.50$/),
    ]);
  });

  it("know all that the thesis measured", () => {
    for (const { name } of [...systemCalls, ...ipc, ...foreignCalls, ...smallFile, ...largeFile]) {
      expect([ROOTTASK, NATIVE, HYBRID].flatMap((program) => namesOf(program))).toContain(name);
    }
  });
});

describe("a comparison", () => {
  const before = results(
    run("emulator", measurement("a", 5, NATIVE, 100), measurement("b", 7), measurement("gone", 1)),
    run("qemu", measurement("a", 1)),
  );

  it("names what differs, what is new and what is gone", () => {
    const after = results(
      run("emulator", measurement("a", 5, NATIVE, 150), measurement("b", 7), measurement("new", 2)),
    );
    const changes = compareResults(before, after);
    expect(changes.map(({ name, before, after }) => [name, before, after])).toEqual([
      ["a", 100, 150],
      ["new", undefined, 2],
      ["gone", 1, undefined],
    ]);
    expect(formatComparison(changes).split("\n")).toEqual([
      expect.stringMatching(/^a +100 +150 +\+50\.0 % +emulator, bin\/bench_native$/),
      expect.stringMatching(/^new +- +2 +new /),
      expect.stringMatching(/^gone +1 +- +gone /),
    ]);
  });

  it("takes ticks where only one of the two has counted instructions", () => {
    const after = results(
      run("emulator", measurement("a", 6), measurement("b", 7), measurement("gone", 1)),
    );
    expect(compareResults(before, after)).toMatchObject([{ name: "a", before: 5, after: 6 }]);
  });

  it("says that nothing differs", () => {
    expect(formatComparison(compareResults(before, before))).toBe("no measurement differs");
  });
});

describe("figures", () => {
  const figures = drawFigures(everything.runs);

  it("are those of the thesis, with its values and those measured", () => {
    expect(figures.map(({ number }) => number)).toEqual(["5.2", "5.3", "5.4", "5.5", "5.6"]);
    const text = (number: string) => figures.find((each) => each.number === number)?.svg ?? "";
    for (const value of ["124", "125", "159", "thesis (ticks)", "Linux on this host (ticks)"]) {
      expect(text("5.2")).toContain(`>${value}<`);
    }
    for (const { ticks } of ipc) expect(text("5.3")).toContain(`>${ticks}<`);
    for (const { ticks } of foreignCalls) expect(text("5.4")).toContain(`>${ticks}<`);
    for (const label of ["1 B", "16 KiB", "64 KiB"]) expect(text("5.5")).toContain(`>${label}<`);
    expect(text("5.5")).not.toContain(">128 KiB<");
    expect(text("5.6")).toContain(">1 MiB<");
  });

  it("are drawn of what there is", () => {
    expect(drawFigures([]).every(({ svg }) => svg.includes("thesis"))).toBe(true);
    const nothing = run("qemu", measurement("syscall.native", 0));
    expect(
      drawFigures([nothing])
        .map(({ svg }) => svg)
        .join(),
    ).not.toMatch(/NaN|Infinity/);
  });

  it.skipIf(!hasTool("python3"))("are well-formed, as is the page's body", () => {
    const folder = mkdtempSync(join(tmpdir(), "figures-"));
    try {
      for (const figure of figures) writeFileSync(join(folder, figureFile(figure)), figure.svg);
      const script =
        "import sys, xml.dom.minidom as d\nfor f in sys.argv[1:]: print(d.parse(f).documentElement.tagName)";
      const files = figures.map((figure) => join(folder, figureFile(figure)));
      const output = execFileSync("python3", ["-c", script, ...files], { encoding: "utf8" });
      expect(output.trim().split("\n")).toEqual(figures.map(() => "svg"));
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it("stand on a page that says what was measured where, with nothing taken for markup", () => {
    const page = formatPage(everything, figures);
    for (const figure of figures) expect(page).toContain(`<img src="${figureFile(figure)}"`);
    expect(page).toContain("what ran on linux");
    expect(page).toContain("emu &lt;&amp;&gt;");
    expect(page).not.toContain("<&>");
  });
});
