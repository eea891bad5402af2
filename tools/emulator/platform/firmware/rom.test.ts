// The ROM's code travels assembled: it must be what its source says.

import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { romCodeText } from "./rom-source.ts";

test("rom-code.ts is what rom-source.ts assembles", () => {
  const text = readFileSync(new URL("rom-code.ts", import.meta.url), "utf8");
  expect(
    text,
    "run: node --import ./tools/loader/register.mjs tools/emulator/platform/firmware/rom-source.ts",
  ).toBe(romCodeText());
});
