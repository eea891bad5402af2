// The ready-made steps and the command line: real tar and (where installed) Zig.

import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { extract } from "tar-stream";
import { afterAll, describe, expect, test } from "vitest";
import { hasToolOf } from "../testing/host-tools.ts";
import { type ForeignProgram, foreignStep } from "./foreign.ts";
import { makeTar } from "./tar.ts";
import { MakeError } from "./task.ts";
import { zigBinary } from "./zig.ts";

const directory = mkdtempSync(join(tmpdir(), "steps-test-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));
const make = fileURLToPath(new URL("../bin/make", import.meta.url));

describe("tar", () => {
  const entries = ["etc/start.txt", "bin/tool"].map((name) => ({
    name,
    data: Buffer.from(`content of ${name}`),
    executable: name.startsWith("bin"),
  }));

  test("the same entries give the same bytes", async () => {
    expect(Buffer.from(await makeTar(entries))).toEqual(Buffer.from(await makeTar(entries)));
  });

  test.skipIf(!hasToolOf("tar", "GNU tar"))(
    "GNU tar lists owner 0, a fixed time and the modes",
    async () => {
      const path = join(directory, "a.tar");
      writeFileSync(path, await makeTar(entries));
      const text = execFileSync("tar", ["--numeric-owner", "--utc", "-tvf", path]).toString();
      expect(text.split("\n").map((line) => line.replace(/ +/g, " "))).toEqual([
        "drwxr-xr-x 0/0 0 2020-01-01 00:00 etc/",
        "-rw-r--r-- 0/0 24 2020-01-01 00:00 etc/start.txt",
        "drwxr-xr-x 0/0 0 2020-01-01 00:00 bin/",
        "-rwxr-xr-x 0/0 19 2020-01-01 00:00 bin/tool",
        "",
      ]);
    },
  );

  test("content comes back", async () => {
    const found = new Map<string, string>();
    const reader = extract();
    reader.end(Buffer.from(await makeTar(entries)));
    for await (const entry of reader) {
      const chunks: Buffer[] = [];
      for await (const chunk of entry) chunks.push(chunk as Buffer);
      found.set(entry.header.name, Buffer.concat(chunks).toString());
    }
    expect(found.get("bin/tool")).toBe("content of bin/tool");
  });

  test("paths that leave the archive or repeat are refused", async () => {
    for (const name of ["/etc/passwd", "../up", "", "etc/start.txt"]) {
      const bad = { name, data: new Uint8Array(0), executable: false };
      await expect(makeTar([...entries, bad])).rejects.toThrow(MakeError);
    }
  });
});

describe.skipIf(!zigBinary())("C programs", () => {
  const program: ForeignProgram = {
    source: "p/p.c",
    compiler: "zig cc",
    name: "p",
    archivePath: "bin/p",
  };

  /** What the step tells Zig to do and the person, where linking with the small library says `problem`. */
  async function step(problem?: string): Promise<{ calls: string[]; notes: string[] }> {
    const calls: string[] = [];
    const notes: string[] = [];
    await foreignStep(program).run({
      force: false,
      output: (path) => path,
      scratch: () => mkdtempSync(join(directory, "musl-")),
      job: () => {
        throw new Error("no job is needed");
      },
      program: async (_command, [verb = ""], options) => {
        calls.push(options?.env?.ZIG_LIBC === undefined ? verb : `${verb} with the small library`);
        if (options?.env?.ZIG_LIBC !== undefined && problem) throw new MakeError(problem);
      },
      note: (line) => notes.push(line),
    });
    return { calls, notes };
  }

  test("are linked with a library of the files they need", async () => {
    const { calls, notes } = await step();
    expect(calls).toEqual([
      "build-lib",
      "build-obj",
      "build-obj",
      "build-obj",
      "cc with the small library",
    ]);
    expect(notes).toEqual([]);
  });

  test("get the whole library where they need more, which is said", async () => {
    const { calls, notes } = await step("ld.lld: error: undefined symbol: regcomp");
    expect(calls.slice(-2)).toEqual(["cc with the small library", "cc"]);
    expect(notes).toEqual(["p/p.c needs the whole C library, which Zig compiles now, once"]);
  });

  test("are not compiled twice when they are wrong", async () => {
    await expect(step("p/p.c:1:1: error: expected ';'")).rejects.toThrow("expected ';'");
  });
});

describe("the command line", () => {
  const run = (...args: string[]): { status: number | null; output: string } => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [make, ...args], {
      cwd: directory,
      encoding: "utf8",
    });
    return { status, output: stdout + stderr };
  };

  test("help lists every target of Makefile.ts, from any directory", () => {
    const { status, output } = run("help");
    expect(status).toBe(0);
    for (const name of ["check", "static_foreign_apps", "clean"]) expect(output).toContain(name);
  });

  test("an unknown target names the nearest one in one line", () => {
    expect(run("static_foreign_app")).toEqual({
      status: 1,
      output:
        "make: no target is called static_foreign_app; did you mean static_foreign_apps? make help lists all\n",
    });
  });

  test("an unknown option or a bad number is one line", () => {
    for (const args of [["--fast"], ["-j", "0"], ["-j-1"], ["-jmany"], ["--jobs=2.5"]]) {
      const { status, output } = run(...args);
      expect(status).toBe(1);
      expect(output).toMatch(/^make: [^\n]+(\n\(Did you mean[^\n]+)?\n$/);
    }
  });

  test("-n, and -j without a number before a target or at the end, are as in GNU make", () => {
    for (const args of [
      ["-n", "-j", "clean"],
      ["clean", "-nj"],
      ["-nj", "2", "clean"],
    ]) {
      expect(run(...args)).toEqual({ status: 0, output: "would run clean\n" });
    }
    expect(run("-j", "many").output).toMatch(/^make: no target is called many; [^\n]+\n$/);
  });

  test("a reader that stops early is no defect", () => {
    const { stderr } = spawnSync("sh", ["-c", `"$0" "$1" check | :`, process.execPath, make], {
      encoding: "utf8",
    });
    expect(stderr).toBe("");
  });

  test("check prints three groups and is content here", () => {
    const { status, output } = run("check");
    expect(status).toBe(0);
    for (const title of ["Tooling", "Repository", "Machine"]) expect(output).toContain(title);
    expect(output).toContain("✅ Node");
    const { dependencies } = JSON.parse(
      readFileSync(new URL("../../package.json", import.meta.url), "utf8"),
    ) as { dependencies: Record<string, string> };
    for (const name of Object.keys(dependencies)) expect(output).toContain(`✅ ${name} `);
  });
});
