// The loader in a scratch copy of the repository's bones: what it strips, keeps, leaves alone and says.

import { spawnSync } from "node:child_process";
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

const repository = fileURLToPath(new URL("../../", import.meta.url));
const STRIPPER = "node_modules/@swc/wasm-typescript";

let root: string;
beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), "loader-test-")));
  cpSync(join(repository, "tools/loader"), join(root, "tools/loader"), { recursive: true });
  write("package.json", '{"type":"module"}');
  write(
    "start.mjs",
    'import { launch } from "./tools/loader/launch.mjs";\nawait launch("tool", "main.ts");',
  );
  mkdirSync(join(root, dirname(STRIPPER)), { recursive: true });
  symlinkSync(join(repository, STRIPPER), join(root, STRIPPER));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function write(path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}

function run(): { status: number | null; stdout: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(root, "start.mjs")], {
    encoding: "utf8",
    cwd: tmpdir(),
  });
  return { status, stdout, stderr };
}
const prints = (stdout: string) => ({ status: 0, stdout, stderr: "" });
const kept = (): string[] =>
  (readdirSync(join(root, "build/.stripped"), { recursive: true }) as string[])
    .filter((name) => name.endsWith(".js"))
    .sort();

describe("stripping", () => {
  test("runs TypeScript that imports TypeScript, with lines and columns as they are in the source", () => {
    write("main.ts", 'import { place } from "./part.ts";\nconsole.log(place({ a: 1 }));');
    write(
      "part.ts",
      [
        "type Gone = {",
        "  a: number;",
        "};",
        "export function place(x: Gone): string | undefined {",
        "  const here: string = new Error('one'.repeat(x.a)).stack ?? '';",
        "  return /part.ts:\\d+:\\d+/.exec(here)?.[0];",
        "}",
      ].join("\n"),
    );
    expect(run()).toEqual(prints("part.ts:5:24\n"));
  });

  test("what is stripped is kept, and the stripper not loaded again", () => {
    write("main.ts", "const text: string = 'one';\nconsole.log(text);");
    expect(run()).toEqual(prints("one\n"));
    expect(kept()).toEqual(["main.ts.js"]);
    rmSync(join(root, STRIPPER));
    cpSync(join(repository, STRIPPER, "package.json"), join(root, STRIPPER, "package.json"));
    expect(run()).toEqual(prints("one\n"));
    write("main.ts", "console.log('changed' as string);");
    expect(run().status).not.toBe(0);
  });

  test("an edit or another version of the stripper counts, and takes no more room", () => {
    write("main.ts", "console.log('one' as string);");
    run();
    write("main.ts", "console.log('two' as string);");
    expect(run()).toEqual(prints("two\n"));
    expect(kept()).toEqual(["main.ts.js"]);
    const before = readFileSync(join(root, "build/.stripped/main.ts.js"), "utf8");
    rmSync(join(root, STRIPPER));
    cpSync(join(repository, STRIPPER), join(root, STRIPPER), { recursive: true });
    const manifest = JSON.parse(readFileSync(join(root, STRIPPER, "package.json"), "utf8"));
    write(`${STRIPPER}/package.json`, JSON.stringify({ ...manifest, version: "0.0.1" }));
    expect(run()).toEqual(prints("two\n"));
    expect(readFileSync(join(root, "build/.stripped/main.ts.js"), "utf8")).not.toBe(before);
  });

  test("a kept file that was cut off is not used", () => {
    write("main.ts", "console.log('one' as string);\nconsole.log('two');");
    run();
    truncateSync(join(root, "build/.stripped/main.ts.js"), 30);
    expect(run()).toEqual(prints("one\ntwo\n"));
  });

  test("a tree that cannot be written to is no obstacle", () => {
    write("build", "a file where the folder should be");
    write("main.ts", "console.log('works' as string);");
    expect(run()).toEqual(prints("works\n"));
  });

  test("packages are left to Node, which refuses their TypeScript", () => {
    write("main.ts", 'import "package";');
    write("node_modules/package/package.json", '{"type":"module","exports":"./index.ts"}');
    write("node_modules/package/index.ts", "console.log('package' as string);");
    const { status, stderr } = run();
    expect(status).not.toBe(0);
    expect(stderr).toMatch(
      /ERR_UNKNOWN_FILE_EXTENSION|ERR_UNSUPPORTED_NODE_MODULES_TYPE_STRIPPING/,
    );
  });
});

describe("what cannot be loaded is one line", () => {
  const says = (line: string) => ({ status: 1, stdout: "", stderr: `tool: ${line}\n` });

  test("a syntax error names file, line and column, also behind imports", () => {
    write("main.ts", 'import "./part.ts";');
    write("part.ts", "const a: number = 1;\nconst b = {\n  c: ;\n};");
    expect(run()).toEqual(says(`${join(root, "part.ts")}:3:6: Expression expected`));
  });

  test("so does TypeScript that is more than types", () => {
    write("main.ts", "\nenum Colour { red }\nconsole.log(Colour.red);");
    const { status, stderr } = run();
    expect(status).toBe(1);
    expect(stderr).toMatch(/^tool: [^\n]*main\.ts:2:1: [^\n]*enum[^\n]*\n$/);
  });

  test("a package that is not installed is named with what to do", () => {
    const advice = (name: string) =>
      says(`the package ${name} is not installed; run npm ci in ${root}/ first`);
    write("main.ts", 'import "commander";');
    expect(run()).toEqual(advice("commander"));
    rmSync(join(root, "node_modules"), { recursive: true });
    expect(run()).toEqual(advice("@swc/wasm-typescript/package.json"));
  });

  test("an error of the program itself keeps its trace", () => {
    write("main.ts", "throw new Error('of the program');");
    const { status, stderr } = run();
    expect(status).toBe(1);
    expect(stderr).toMatch(/Error: of the program\n +at .*main\.ts:1:7/);
  });
});
