// Compiled guest programs, and their cache: what makes it compile again, and what does not.

import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type GuestModule, guestModule } from "./guest.ts";
import { AscError } from "./run.ts";

const repository = fileURLToPath(new URL("../../", import.meta.url));
const cache = join(repository, "build/guest-cache");

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(repository, "build/guest-test-"));
  write(
    "main.ts",
    'import { VALUE } from "./part";\nexport function value(): i32 { return VALUE; }',
  );
  write("part/index.ts", "export const VALUE: i32 = 1;");
});
afterEach(() => {
  rmSync(folder, { recursive: true });
  for (const name of own()) rmSync(join(cache, name));
});

function write(name: string, text: string): void {
  mkdirSync(dirname(join(folder, name)), { recursive: true });
  writeFileSync(join(folder, name), text);
}
/** Files of this test's program in the cache, which other tests may use at the same time. */
function own(): string[] {
  const names = readdirSync(cache);
  const about = names.filter(
    (name) => name.endsWith(".json") && readFileSync(join(cache, name), "utf8").includes(entry()),
  );
  return names.filter((name) => about.some((each) => name.startsWith(basename(each, ".json"))));
}
const entry = (): string => join(folder, "main.ts").slice(repository.length);
const compiled = (): Promise<GuestModule> => guestModule({ entry: entry(), optimize: 0 });

async function value(): Promise<number> {
  const { instance } = await WebAssembly.instantiate((await compiled()).wasm, {});
  return (instance.exports.value as () => number)();
}

test("a program becomes wasm that runs, with names, a source map and the files it is made of", async () => {
  const program = "tools/asc/testdata/guest.ts";
  const { wasm, sourceMap, reads } = await guestModule({ entry: program });
  const { instance } = await WebAssembly.instantiate(wasm, {});
  expect((instance.exports.gcd as (a: number, b: number) => number)(84, 36)).toBe(12);
  expect(
    Object.keys(reads)
      .filter((path) => reads[path] !== "missing")
      .sort(),
  ).toEqual([
    "tools/asc/describe.ts",
    "tools/asc/run.ts",
    program,
    "tools/asc/testdata/guest_part.ts",
    "tools/wasm/description.ts",
  ]);
  expect((JSON.parse(sourceMap) as { sources: string[] }).sources).toContain(program);
  expect(Buffer.from(wasm).includes("guest_part/remainder")).toBe(true);
});

test("an error is asc's own, with file and line", async () => {
  const broken = "tools/asc/testdata/broken_guest.ts";
  const error = await guestModule({ entry: broken }).catch((problem) => problem);
  expect(error).toBeInstanceOf(AscError);
  expect((error as Error).message).toMatch(
    /ERROR TS\d+: .*\n(?:.*\n)*?.*broken_guest\.ts\(5,\d+\)/,
  );
});

test("an edit anywhere counts, and the cache does not grow by it", async () => {
  expect(await value()).toBe(1);
  const files = own();
  write("part/index.ts", "export const VALUE: i32 = 2;");
  expect(await value()).toBe(2);
  expect(own()).toEqual(files);
});

test("a file that shadows one that was imported counts", async () => {
  expect(await value()).toBe(1);
  write("part.ts", "export const VALUE: i32 = 3;");
  expect(await value()).toBe(3);
  rmSync(join(folder, "part.ts"));
  expect(await value()).toBe(1);
});

test("what asc looked for in vain is told", async () => {
  const { reads } = await compiled();
  const path = (name: string): string => join(folder, name).slice(repository.length);
  expect(reads[path("part.ts")]).toBe("missing");
  expect(reads[path("part/index.ts")]).toMatch(/^[0-9a-f]{64}$/);
});

test("a damaged file of the cache is not used", async () => {
  const { wasm, sourceMap } = await compiled();
  expect(own().length).toBe(3);
  for (const name of own()) {
    truncateSync(join(cache, name), 20);
    expect(await compiled()).toMatchObject({ wasm, sourceMap });
  }
});

test("a program that stands in memory, and one without debugging information", async () => {
  const program = (result: number) => ({
    entry: "build/nowhere/main.ts",
    debug: false,
    sources: { "build/nowhere/main.ts": `export function value(): i32 { return ${result}; }` },
  });
  for (const result of [1, 2]) {
    const { wasm, sourceMap } = await guestModule(program(result));
    const { instance } = await WebAssembly.instantiate(wasm, {});
    expect((instance.exports.value as () => number)()).toBe(result);
    expect(sourceMap).toBe("");
    expect(WebAssembly.Module.customSections(new WebAssembly.Module(wasm), "name")).toEqual([]);
  }
});
