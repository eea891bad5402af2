// The task runner: what runs, in which order, and what is left behind when a step fails or is interrupted.

import { type ChildProcess, spawn } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { hashOf, MISSING } from "../cache/files.ts";
import { Builder, type BuildOptions } from "./build.ts";
import { runMake, type Target } from "./cli.ts";
import type { Task } from "./task.ts";

let root: string;
let ran: string[];
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "make-test-"));
  ran = [];
  write("src/a.txt", "a");
  write("src/b.txt", "b");
});
afterEach(() => {
  vi.restoreAllMocks();
  rmSync(root, { recursive: true, force: true });
});

function write(path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}

function read(path: string): string {
  return readFileSync(join(root, path), "utf8");
}

/** Joins its inputs into its output. */
function join2(name: string, inputs: string[], output: string, change: Partial<Task> = {}): Task {
  return {
    name,
    inputs,
    outputs: [output],
    run: async (context) => {
      ran.push(name);
      const text = inputs.filter((path) => !path.includes("*")).map(read);
      writeFileSync(context.output(output), text.join("+"));
      return undefined;
    },
    ...change,
  };
}

const upper = (): Task => join2("upper", ["src/a.txt"], "build/upper");
const lower = (): Task => join2("lower", ["src/b.txt"], "build/lower");
function both(): Task {
  return join2("both", ["build/upper", "build/lower"], "build/both", { after: [upper(), lower()] });
}

async function build(tasks: Task[], options: BuildOptions = {}): Promise<string[]> {
  ran = [];
  await new Builder(root, { quiet: true, ...options }).build(tasks);
  return ran;
}

describe("what runs", () => {
  test("everything once, what is needed first, and then nothing", async () => {
    const first = await build([both()]);
    expect(first.slice(0, 2).sort()).toEqual(["lower", "upper"]);
    expect(first[2]).toBe("both");
    expect(read("build/both")).toBe("a+b");
    expect(await build([both()])).toEqual([]);
  });

  test("a changed input runs what depends on it and nothing else", async () => {
    await build([both()]);
    write("src/b.txt", "B");
    expect(await build([both()])).toEqual(["lower", "both"]);
    expect(read("build/both")).toBe("a+B");
  });

  test("a touched input with the same content runs nothing", async () => {
    await build([both()]);
    write("src/b.txt", "b");
    expect(await build([both()])).toEqual([]);
  });

  test("a step whose output did not change stops what follows", async () => {
    const constant = (): Task =>
      join2("upper", ["src/a.txt"], "build/upper", {
        run: async (context) => {
          ran.push("upper");
          writeFileSync(context.output("build/upper"), "same");
          return undefined;
        },
      });
    const end = (): Task => join2("end", ["build/upper"], "build/end", { after: [constant()] });
    await build([end()]);
    write("src/a.txt", "other");
    expect(await build([end()])).toEqual(["upper"]);
  });

  test("a damaged or removed output is made again", async () => {
    await build([both()]);
    write("build/upper", "damaged");
    rmSync(join(root, "build/both"));
    expect((await build([both()])).sort()).toEqual(["both", "upper"]);
    expect(read("build/both")).toBe("a+b");
  });

  test("a changed option runs the step", async () => {
    await build([{ ...upper(), options: { level: 1 } }]);
    expect(await build([{ ...upper(), options: { level: 1 } }])).toEqual([]);
    expect(await build([{ ...upper(), options: { level: 2 } }])).toEqual(["upper"]);
  });

  test("a new file that a glob names is an input", async () => {
    const all = (): Task => join2("all", ["src/*.txt", "!src/x*"], "build/all");
    await build([all()]);
    write("src/xtra.txt", "");
    expect(await build([all()])).toEqual([]);
    write("src/c.txt", "");
    expect(await build([all()])).toEqual(["all"]);
    rmSync(join(root, "src/c.txt"));
    expect(await build([all()])).toEqual(["all"]);
  });

  test("a file found while running is an input from then on", async () => {
    const finding = (): Task => {
      const task = upper();
      const run = async (context: Parameters<Task["run"]>[0]) => {
        await task.run(context);
        return { discovered: { "src/b.txt": hashOf(read("src/b.txt")) } };
      };
      return { ...task, run };
    };
    await build([finding()]);
    expect(await build([finding()])).toEqual([]);
    write("src/b.txt", "changed");
    expect(await build([finding()])).toEqual(["upper"]);
  });

  test("a file that was looked for and not found is an input by its absence", async () => {
    const probing = (): Task => {
      const task = upper();
      const run = async (context: Parameters<Task["run"]>[0]) => {
        await task.run(context);
        return { discovered: { "src/a/index.txt": MISSING } };
      };
      return { ...task, run };
    };
    await build([probing()]);
    expect(await build([probing()])).toEqual([]);
    write("src/a/index.txt", "shadows");
    expect(await build([probing()])).toEqual(["upper"]);
  });

  test("a found file that changes while the step runs counts as what was read", async () => {
    const task = upper();
    const run = async (context: Parameters<Task["run"]>[0]) => {
      await task.run(context);
      const discovered = { "src/b.txt": hashOf(read("src/b.txt")) };
      write("src/b.txt", "edited meanwhile");
      return { discovered };
    };
    await build([{ ...task, run }]);
    expect(await build([upper()])).toEqual(["upper"]);
  });

  test("code is an input with all it imports, and the version of the packages behind it", async () => {
    write("tool/main.ts", 'import { a } from "./part.ts";\nimport type { T } from "./type.ts";');
    write("tool/part.ts", 'export {\n  b,\n} from "../lib/b.ts";\nawait import("@scope/tool/x");');
    write("lib/b.ts", "export const b = 1;");
    write("tool/type.ts", "export type T = 1;");
    const version = (text: string): void =>
      write("node_modules/@scope/tool/package.json", JSON.stringify({ version: text }));
    version("1.0.0");
    const coded = (): Task => ({ ...upper(), code: ["tool/main.ts"] });
    await build([coded()]);
    write("tool/type.ts", "export type T = 2;");
    expect(await build([coded()])).toEqual([]);
    write("lib/b.ts", "export const b = 2;");
    expect(await build([coded()])).toEqual(["upper"]);
    version("1.0.1");
    expect(await build([coded()])).toEqual(["upper"]);
    expect(await build([coded()])).toEqual([]);
  });

  test("an output that can no longer be executed, or now can, is made again", async () => {
    const tool = (): Task =>
      join2("tool", ["src/a.txt"], "build/tool", {
        run: async (context) => {
          ran.push("tool");
          writeFileSync(context.output("build/tool"), "#!/bin/sh", { mode: 0o755 });
          return undefined;
        },
      });
    await build([tool()]);
    expect(await build([tool()])).toEqual([]);
    chmodSync(join(root, "build/tool"), 0o644);
    expect(await build([tool()])).toEqual(["tool"]);
    expect(statSync(join(root, "build/tool")).mode & 0o111).not.toBe(0);
    await build([lower()]);
    chmodSync(join(root, "build/lower"), 0o755);
    expect(await build([lower()])).toEqual(["lower"]);
  });

  test("another version of Node runs nothing again", async () => {
    await build([both()]);
    vi.spyOn(process, "version", "get").mockReturnValue("v99.0.0");
    expect(await build([both()])).toEqual([]);
  });

  test("--force runs all, --dry-run none", async () => {
    await build([both()]);
    expect((await build([both()], { force: true })).length).toBe(3);
    write("src/a.txt", "new");
    expect(await build([both()], { dryRun: true })).toEqual([]);
    expect(read("build/both")).toBe("a+b");
    expect(await build([both()])).toEqual(["upper", "both"]);
  });

  test("a lost or damaged state file means building again, not failing", async () => {
    await build([both()]);
    write("build/.make/state.json", '{"version":1,"tasks"');
    expect((await build([both()])).length).toBe(3);
  });
});

describe("in parallel", () => {
  test("independent steps run at the same time, no more than --jobs", async () => {
    for (const [jobs, expected] of [
      [4, 4],
      [2, 2],
      [1, 1],
    ] as const) {
      let running = 0;
      let most = 0;
      let allRun = (): void => {};
      const together = new Promise<void>((resolve) => {
        allRun = resolve;
      });
      const slow = (index: number): Task =>
        join2(`slow${index}`, [], `build/slow${index}`, {
          options: jobs,
          run: async (context) => {
            most = Math.max(most, ++running);
            // As many as may are waited for; one more would have time to come.
            if (running === expected) setTimeout(allRun, 30);
            await together;
            running--;
            writeFileSync(context.output(`build/slow${index}`), "");
            return undefined;
          },
        });
      await build([0, 1, 2, 3].map(slow), { jobs });
      expect(most).toBe(expected);
    }
  });
});

describe("when a step fails", () => {
  const failing = (): Task =>
    join2("upper", ["src/a.txt"], "build/upper", {
      run: async (context) => {
        writeFileSync(context.output("build/upper"), "half");
        await context.program("sh", ["-c", "echo 'src/a.txt:1: bad letter' >&2; exit 3"]);
        return undefined;
      },
    });

  test("its own message is shown, nothing half-written stays, what depends on it does not run", async () => {
    const lines: string[] = [];
    vi.spyOn(process.stderr, "write").mockImplementation((text) => lines.push(`${text}`) > 0);
    const end = join2("end", ["build/upper"], "build/end", { after: [failing()] });
    await expect(build([end])).rejects.toThrow("make: failed: upper");
    const shown = lines.join("");
    expect(shown).toContain("src/a.txt:1: bad letter\n");
    expect(shown).not.toContain("at ");
    expect(ran).toEqual([]);
    expect(existsSync(join(root, "build/upper"))).toBe(false);
    expect(readdirSync(join(root, "build/.make"))).toEqual([]);
  });

  test("the last good output stays", async () => {
    await build([upper()]);
    write("src/a.txt", "new");
    vi.spyOn(process.stderr, "write").mockReturnValue(true);
    await expect(build([failing()])).rejects.toThrow("failed");
    expect(read("build/upper")).toBe("a");
    vi.restoreAllMocks();
    expect(await build([upper()])).toEqual(["upper"]);
  });

  test("a missing input is named with the step that needs it", async () => {
    const lines: string[] = [];
    vi.spyOn(process.stderr, "write").mockImplementation((text) => lines.push(`${text}`) > 0);
    await expect(build([join2("x", ["src/none.txt"], "build/x")])).rejects.toThrow("failed: x");
    expect(lines.join("")).toContain("src/none.txt: no such file, but x needs it");
  });
});

describe("what stands behind --", () => {
  const seen: unknown[] = [];
  const target = (name: string, takes: boolean): Target => ({
    name,
    summary: "",
    options: takes
      ? (command) => command.argument("[part...]").option("--compare <file>")
      : undefined,
    action: (command) => {
      seen.push([name, command.args, command.opts()]);
      return 0;
    },
  });
  const targets = [target("first", true), target("plain", false), target("last", true)];
  const run = (...argv: string[]) => {
    seen.length = 0;
    vi.spyOn(process.stderr, "write").mockReturnValue(true);
    vi.spyOn(process.stdout, "write").mockReturnValue(true);
    return runMake(root, targets, argv);
  };

  test("goes to the last target", async () => {
    expect(await run("first", "last", "--", "x", "--compare", "y", "z")).toBe(0);
    expect(seen).toEqual([
      ["first", [], {}],
      ["last", ["x", "z"], { compare: "y" }],
    ]);
  });

  test("is refused, before anything runs, where the target takes none of it", async () => {
    expect(await run("first", "plain", "--", "x")).toBe(1);
    expect(await run("first", "last", "--", "--unknown")).toBe(1);
    expect(await run("first", "last", "--", "--compare")).toBe(1);
    expect(seen).toEqual([]);
  });

  test("may ask for help", async () => {
    expect(await run("last", "--", "--help")).toBe(0);
    expect(seen).toEqual([]);
  });
});

describe("where files cannot be written", () => {
  test("the command line says so in one line and fails", async () => {
    write("build", "a file where the folder should be");
    const said = vi.spyOn(console, "error").mockImplementation(() => undefined);
    const target: Target = { name: "all", summary: "", steps: () => [upper()] };
    expect(await runMake(root, [target], ["--quiet"])).toBe(1);
    expect(said).toHaveBeenCalledOnce();
    expect(said.mock.calls[0]?.[0]).toMatch(
      /^make: E\w+: [^\n]*build\/\.make[^\n]*make check[^\n]*$/,
    );
  });

  test("a step that meets it fails without a stack trace", async () => {
    const lines: string[] = [];
    vi.spyOn(process.stderr, "write").mockImplementation((text) => lines.push(String(text)) > 0);
    write("build/folder", "a file where the folder should be");
    const step = join2("x", ["src/a.txt"], "build/folder/x");
    await expect(build([step])).rejects.toThrow("failed: x");
    expect(lines.join("")).toMatch(/E(EXIST|NOTDIR): /);
    expect(lines.join("")).not.toContain("    at ");
  });
});

describe("several processes", () => {
  /** A make in a process of its own: one step that appends to a log, waits and appends again. */
  function start(seconds: number): ChildProcess {
    const script = join(root, "slow.mjs");
    writeFileSync(
      script,
      `import { appendFileSync, writeFileSync } from "node:fs";
       import { Builder } from ${JSON.stringify(new URL("./build.ts", import.meta.url).pathname)};
       await new Builder(${JSON.stringify(root)}, { quiet: true, force: true }).build([{
         name: "slow", inputs: [], outputs: ["build/slow"],
         run: async (context) => {
           writeFileSync(context.output("build/slow"), "half");
           appendFileSync(${JSON.stringify(join(root, "log"))}, "begin ");
           await context.program("sleep", ["${seconds}"]);
           appendFileSync(${JSON.stringify(join(root, "log"))}, "end ");
           return undefined;
         },
       }]);`,
    );
    const loader = new URL("../loader/register.mjs", import.meta.url).href;
    return spawn(process.execPath, ["--import", loader, script], { stdio: "ignore" });
  }
  const ended = (child: ChildProcess): Promise<number | null> =>
    new Promise((resolve) => child.once("exit", (code) => resolve(code)));
  const began = async (): Promise<void> => {
    while (!existsSync(join(root, "log"))) await sleep(20);
  };

  test("two makes at once take turns", async () => {
    await Promise.all([ended(start(0.3)), ended(start(0.3))]);
    expect(read("log")).toBe("begin end begin end ");
  });

  test("an interrupted make ends at once, with its children, and leaves nothing half-written", async () => {
    const child = start(1000);
    const end = ended(child);
    await began();
    await sleep(100);
    child.kill("SIGINT");
    expect(await end).toBe(130);
    expect(existsSync(join(root, "build/slow"))).toBe(false);
    expect(readdirSync(join(root, "build/.make")).filter((name) => name !== "state.json")).toEqual(
      [],
    );
    expect(read("log")).toBe("begin ");
  });

  test("the lock of a process that is gone is taken over, and its half-written files go", async () => {
    const child = start(1000);
    const end = ended(child);
    await began();
    child.kill("SIGKILL");
    await end;
    expect(existsSync(join(root, "build/.make/lock"))).toBe(true);
    expect(readdirSync(join(root, "build/.make"))).toContain(`aside-${child.pid}`);
    expect(await build([upper()])).toEqual(["upper"]);
    expect(readdirSync(join(root, "build/.make"))).toEqual(["state.json"]);
  });
});
