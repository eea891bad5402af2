// What the portability check finds, and what it lets pass.

import { expect, test } from "vitest";
import { checkPortable } from "./portable.ts";

/** Complaints about the files a.ts, the entry, and b.ts. */
function complaints(a: string, b = ""): string[] {
  const sources = new Map([
    ["a.ts", a],
    ["b.ts", b],
  ]);
  return checkPortable(sources, "a.ts").map((text) => text.replace(/, but .*/, ""));
}

test.each([
  ['import { readFileSync } from "node:fs";', "a.ts:1: imports node:fs"],
  ['import fs from "fs";', "a.ts:1: imports fs"],
  ['export * from "node:net";', "a.ts:1: imports node:net"],
  ['import type { Server } from "node:net";', "a.ts:1: imports node:net"],
  ['const f = () => import("iced-x86");', "a.ts:1: imports iced-x86"],
  ["let x = 1;\nx = Buffer.from([x])[0];", "a.ts:2: names Buffer"],
  ["type F = (b: Buffer) => void;", "a.ts:1: names Buffer"],
  ["const e = {} as NodeJS.ErrnoException;", "a.ts:1: names NodeJS"],
  ["const t = typeof process;", "a.ts:1: names process"],
  ["const p = globalThis.process;", "a.ts:1: names process"],
  ["const o = { setImmediate };", "a.ts:1: names setImmediate"],
])("%s is found", (text, complaint) => {
  expect(complaints(text)).toEqual([complaint]);
});

test.each([
  'import "./b.ts";',
  'export { b } from "./b.ts";',
  'const f = () => import("./b.ts");',
  'import type { B } from "./b.ts";',
])("what an imported file does is found: %s", (form) => {
  expect(complaints(form, "process.exit();")).toEqual(["b.ts:1: names process"]);
});

test("members, keys, comments and portable packages pass", () => {
  const text = `// process and Buffer
import { sha256 } from "@noble/hashes/sha2.js";
const o = { process: 1, require: sha256, "node:fs": 2 };
class C { process = o.process; setImmediate() { return o.require; } }
interface I { setImmediate: number }
`;
  expect(complaints(text)).toEqual([]);
});
