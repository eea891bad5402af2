// The check of storeys, on small made-up repositories and on this one.

import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { importsOf, readSources } from "./imports.ts";
import { BUILDINGS, type Building, checkStoreys } from "./storeys.ts";

const house: Building = {
  root: "house",
  storeys: [["cellar"], ["kitchen", "hall"], ["attic.ts"]],
  outside: ["door.ts"],
};

const check = (files: Record<string, string>): string[] =>
  checkStoreys(new Map(Object.entries(files)), house);

describe("storeys", () => {
  test("an import downwards, inside a room, or of another package is right", () => {
    const files = {
      "house/cellar/wine.ts": 'import { readFileSync } from "node:fs";\n',
      "house/kitchen/stove.ts":
        'import { wine } from "../cellar/wine";\nimport { pot } from "./pot";\n',
      "house/kitchen/pot.ts": "",
      "house/attic.ts": 'export { stove } from "./kitchen/stove.ts";\n',
    };
    expect(check(files)).toEqual([]);
  });

  test("an import upwards is a complaint with file and line", () => {
    const files = {
      "house/cellar/wine.ts": '// A comment.\nimport {\n  stove,\n} from "../kitchen/stove";\n',
      "house/kitchen/stove.ts": "",
    };
    expect(check(files)).toEqual([
      "house/cellar/wine.ts:2: cellar imports house/kitchen/stove.ts, a higher storey",
    ]);
  });

  test("rooms of one storey do not know each other, not even by type or at run time", () => {
    const files = {
      "house/kitchen/stove.ts": 'import type { Hat } from "../hall/hat.ts";\n',
      "house/hall/hat.ts": 'const stove = await import("../kitchen/stove.ts");\n',
    };
    expect(check(files)).toEqual([
      "house/kitchen/stove.ts:1: kitchen imports house/hall/hat.ts, a room of the same storey",
      "house/hall/hat.ts:1: hall imports house/kitchen/stove.ts, a room of the same storey",
    ]);
  });

  test("a file without a room is a complaint, unless it stands outside or is a test", () => {
    const files = {
      "house/garden/tree.ts": "",
      "house/door.ts": 'import "./attic.ts";\n',
      "house/cellar/wine.test.ts": 'import { attic } from "../attic.ts";\n',
      "house/attic.ts": "",
      "street.ts": "",
    };
    expect(check(files)).toEqual([
      "house/garden/tree.ts: belongs to no room; give it a storey in tools/lint/storeys.ts",
    ]);
  });
});

test("an import is found by its resolved file, with its kind and line", () => {
  const sources = new Map([
    ["a/x.ts", 'import "./y";\nimport type { T } from "../b";\nimport { z } from "zlib";\n'],
    ["a/y.ts", ""],
    ["b/index.ts", ""],
  ]);
  expect(importsOf("a/x.ts", sources)).toEqual([
    { from: "a/x.ts", to: "a/y.ts", line: 1, typeOnly: false },
    { from: "a/x.ts", to: "b/index.ts", line: 2, typeOnly: true },
    { from: "a/x.ts", to: "zlib", line: 3, typeOnly: false },
  ]);
});

test("this repository keeps its order", () => {
  const sources = readSources(fileURLToPath(new URL("../..", import.meta.url)));
  expect(BUILDINGS.flatMap((building) => checkStoreys(sources, building))).toEqual([]);
});
