// Where sources lie changes nothing in what is made of them, once their names are mapped.

import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { guestModule } from "../../asc/guest.ts";
import { mapPrefix, parsePrefixMap } from "../prefix.ts";

const directory = mkdtempSync(join(tmpdir(), "prefix-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const places = ["a", "another/place"].map((place) => join(directory, place));

beforeAll(async () => {
  const { wasm, sourceMap } = await guestModule({
    entry: "tools/aot/testdata/frames_guest.ts",
    args: ["--use", "abort="],
  });
  for (const place of places) {
    mkdirSync(place, { recursive: true });
    writeFileSync(join(place, "guest.wasm"), wasm);
    // As a compiler writes it that names its sources by their full paths.
    writeFileSync(
      join(place, "guest.wasm.map"),
      sourceMap.replaceAll('"tools/aot/', `"${place}/tools/aot/`),
    );
  }
});

/** Compiles in `place` and returns what comes out. */
function aot(place: string, ...options: string[]): Buffer {
  const output = join(directory, "output");
  const run = spawnSync(
    process.execPath,
    ["tools/bin/aot", join(place, "guest.wasm"), "-o", output, ...options],
    { encoding: "utf8" },
  );
  expect(run.stderr).toBe("");
  return readFileSync(output);
}

describe("aot --file-prefix-map", () => {
  test.each([[[]], [["-c"]]])("makes outputs of different places equal, %s", (more) => {
    const [first, second] = places.map((place) =>
      aot(place, "--file-prefix-map", `${place}=/src`, ...more),
    );
    expect(first?.includes("/src/tools/aot/testdata/frames_guest.ts")).toBe(true);
    expect(second?.equals(first as Buffer)).toBe(true);
  });

  test("is needed for that", () => {
    const [first, second] = places.map((place) => aot(place));
    expect(second?.equals(first as Buffer)).toBe(false);
  });
});

test("of several maps that fit the last one counts, and the last = divides", () => {
  const maps = ["/a=1", "/a/b=2", "/a/b=c=3"].map(parsePrefixMap);
  expect(maps.map(({ from, to }) => `${from} ${to}`)).toEqual(["/a 1", "/a/b 2", "/a/b=c 3"]);
  expect(["/a/x", "/a/b/x", "/a/b=c/x", "/c"].map((file) => mapPrefix(maps, file))).toEqual([
    "1/x",
    "2/x",
    "3/x",
    "/c",
  ]);
  expect(() => parsePrefixMap("/a")).toThrow('"/a" is not of the form OLD=NEW');
});
