// The line table against GNU addr2line, on the kernel's image and on what gcc writes in every version of
// DWARF; broken tables only lose lines.

import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import { readElf } from "../../elf/index.ts";
import { hasBinutil, hasTool, isLinux } from "../../testing/host-tools.ts";
import { elfLines, LineTable } from "./line-table.ts";
import { elfSymbols } from "./symbols.ts";

const KERNEL = fileURLToPath(new URL("../../../build/kernel.elf32", import.meta.url));
const hasAddr2line = hasBinutil("addr2line");

const directory = mkdtempSync(join(tmpdir(), "line-table-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** What addr2line says about the addresses; undefined for "??" and line 0. */
function oracle(file: string, addresses: bigint[]): (string | undefined)[] {
  const { stdout } = spawnSync("addr2line", ["-e", file], {
    input: addresses.map((a) => `0x${a.toString(16)}\n`).join(""),
    maxBuffer: 1 << 28,
  });
  return stdout
    .toString()
    .trimEnd()
    .split("\n")
    .map((text) => {
      const [, path, line] = /^(.*):(\d+|\?)/.exec(text) ?? [];
      if (path === undefined || path === "??" || line === "?" || line === "0") return undefined;
      return `${normalize(path)}:${line}`;
    });
}

/** Every `step`-th address of the executable sections. */
function codeAddresses(bytes: Uint8Array, step: number): bigint[] {
  const out: bigint[] = [];
  for (const { name, address, size } of readElf(bytes).readSections()) {
    if (!name.startsWith(".text")) continue;
    for (let at = address; at < address + size; at += BigInt(step)) out.push(at);
  }
  return out;
}

test.skipIf(!hasAddr2line || !existsSync(KERNEL))(
  "names the lines of the kernel as addr2line does",
  () => {
    const bytes = readFileSync(KERNEL);
    const table = elfLines(readElf(bytes));
    const addresses = codeAddresses(bytes, 3);
    const ours = addresses.map((a) => {
      const found = table.find(a);
      return found && `${normalize(found.file)}:${found.line}`;
    });
    expect(ours).toEqual(oracle(KERNEL, addresses));
    expect(ours.filter((line) => line?.includes("kernel/")).length).toBeGreaterThan(1000);
  },
);

test.skipIf(!hasAddr2line || !existsSync(KERNEL))(
  "finds the kernel where it runs, at window addresses",
  () => {
    const symbols = elfSymbols({ name: KERNEL, data: readFileSync(KERNEL) });
    const address = symbols.address("kernel_main") as bigint;
    const [first, call] = oracle(KERNEL, [address, address + 4n]);
    const window = 0xffff_fffe_0000_0000n;
    expect(symbols.locate(window + address)).toBe(`kernel_main (${first})`);
    // A return address belongs to the call in front of it.
    expect(symbols.locateCall(window + address + 5n)).toBe(`kernel_main+0x5 (${call})`);
  },
);

const SOURCE = `#include "part.h"
int table[64];
static int twice(int x) {
  return x * 2;
}

int spread(int n) {
  int sum = 0;
  for (int i = 0; i < n; i++) {
    sum += part(twice(table[i & 63]));



    table[i & 63] = sum;
  }
  return sum;
}
int main(int argc, char **argv) { return spread(argc); }
`;
const PART =
  "static inline int part(int x) {\n  if (x > 100)\n    return x - 100;\n  return x;\n}\n";

/** A program of two sections of code, with debug information of a version. */
function compileC(version: number, options: string[] = []): string {
  writeFileSync(join(directory, "spread.c"), SOURCE);
  writeFileSync(join(directory, "part.h"), PART);
  const out = join(directory, `spread-${version}${options.join("")}`);
  const { status, stderr } = spawnSync(
    "gcc",
    [
      "-g",
      `-gdwarf-${version}`,
      "-ffunction-sections",
      "-static-pie",
      "-o",
      out,
      "spread.c",
    ].concat(["-nostdlib", "-ffreestanding", "-Wl,-e,main"], options),
    { cwd: directory },
  );
  expect(status, String(stderr)).toBe(0);
  return out;
}

describe.skipIf(!hasAddr2line || !isLinux || !hasTool("gcc"))("gcc's tables", () => {
  const builds = [2, 3, 4, 5].flatMap((version) =>
    [["-O0"], ["-O2"], ["-O1", "-gdwarf64"], ["-O1", "-gno-as-loc-support"]].map(
      (options) => [version, options] as const,
    ),
  );
  test.each(builds.filter(([version, options]) => version >= 3 || options[1] !== "-gdwarf64"))(
    "of DWARF %i, %j",
    (version, options) => {
      const file = compileC(version, [...options]);
      const bytes = readFileSync(file);
      const table = elfLines(readElf(bytes));
      const addresses = codeAddresses(bytes, 1);
      const base = (text: string | undefined): string | undefined => text && basename(text);
      const ours = addresses.map((a) => {
        const found = table.find(a);
        return found && `${basename(found.file)}:${found.line}`;
      });
      // binutils 2.40 takes DWARF 5's file 1 for file 0; the same code with DWARF 4 tells it the lines.
      const judged = version === 5 ? compileC(4, [...options]) : file;
      expect(ours).toEqual(oracle(judged, addresses).map(base));
      expect(new Set(ours.map((line) => line?.split(":")[0]))).toContain("part.h");
      if (version === 5)
        expect(dirname(table.find(addresses[0] as bigint)?.file ?? "")).toBe(directory);
    },
  );

  test("cut off or with wrong bytes only lose lines", () => {
    let seed = 1;
    const random = (below: number): number => {
      seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
      return Math.floor((seed / 2 ** 32) * below);
    };
    for (const version of [2, 4, 5]) {
      const bytes = readFileSync(compileC(version, ["-O1"]));
      const sections = readElf(bytes).readSections();
      const data = (name: string): Uint8Array =>
        sections.find((s) => s.name === name)?.data ?? new Uint8Array(0);
      const [line, lineStrings] = [data(".debug_line"), data(".debug_line_str")];
      const [first] = codeAddresses(bytes, 1) as [bigint];
      const tryTable = (changed: Uint8Array, strings = lineStrings): boolean =>
        new LineTable({
          line: changed,
          lineStrings: strings,
          strings: new Uint8Array(0),
        }).find(first) !== undefined;
      expect(tryTable(line)).toBe(true);
      for (let length = 0; length < line.length; length++) tryTable(line.slice(0, length));
      expect(tryTable(line.slice(0, 20))).toBe(false);
      if (version === 5) expect(tryTable(line, new Uint8Array(3))).toBe(false);
      for (let i = 0; i < 5000; i++) {
        const changed = line.slice();
        for (let k = random(4); k >= 0; k--) changed[random(changed.length)] = random(256);
        tryTable(changed);
      }
    }
  });
});

test("a file without lines, or none at all, has none", () => {
  const empty = new Uint8Array(0);
  const table = new LineTable({ line: empty, lineStrings: empty, strings: empty });
  expect(table.find(0n)).toBeUndefined();
  const symbols = elfSymbols({ name: "text", data: Buffer.from("no ELF file") });
  expect(symbols.locate(0x1000n)).toBe("");
});
