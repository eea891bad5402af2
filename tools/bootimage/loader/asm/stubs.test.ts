// The stubs on physical memory, run as a Linux program on the host CPU: both ways of making a CRC-32C against a
// bitwise one here and the published check values, copies and zeros against the same in JavaScript.

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { generator } from "../../../../kernel/testing/random.ts";
import {
  Assembler,
  dword,
  eax,
  edi,
  edx,
  mem,
  rdi,
  rdx,
  rip,
  rsi,
  type Value,
} from "../../../asm/index.ts";
import { linkElf } from "../../../elf/index.ts";
import { emitPhysicalStubs } from "./stubs.ts";

const SYS_WRITE = 1;
const SYS_EXIT = 60;
const DATA = 5000;

function crc32c(bytes: Uint8Array, seed = 0): number {
  let crc = ~seed >>> 0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let i = 0; i < 8; i++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  }
  return ~crc >>> 0;
}

interface Call {
  stub: string;
  arguments: [Value, Value, Value?];
}

/** What `data` and the results of the calls are after a program on the host has made them, `way` set before. */
function run(
  data: Uint8Array,
  way: number,
  calls: Call[],
): { data: Uint8Array; results: number[] } {
  const a = new Assembler({ bits: 64, name: "stubs" });
  emitPhysicalStubs(a);
  a.section(".data");
  a.align(8);
  a.label("data");
  a.db(data);
  a.align(8);
  a.label("results");
  a.space(4 * calls.length + 4);
  a.section(".text");
  a.label("_start", { global: true });
  a.mov(dword(rip("crc32c_way")), way);
  for (const [index, call] of calls.entries()) {
    const [first, second, third] = call.arguments;
    a.mov(rdi, first).mov(rsi, second);
    if (third !== undefined) a.mov(rdx, third);
    a.call(call.stub).mov(dword(rip("results", 4 * index)), eax);
  }
  a.mov(edi, 1)
    .lea(rsi, mem(rip("data")))
    .mov(edx, data.length + ((-data.length & 7) + 4 * calls.length));
  a.mov(eax, SYS_WRITE).syscall();
  a.xor(edi, edi).mov(eax, SYS_EXIT).syscall();
  const image = linkElf({
    objects: [a.object()],
    segments: [
      { name: "text", flags: "rx", vaddr: 0x40_0000n, sections: [".text", ".rodata"] },
      { name: "data", flags: "rw", sections: [".data"] },
    ],
    entry: "_start",
    class: 64,
  });
  const folder = mkdtempSync(join(tmpdir(), "trihedron-stubs-"));
  try {
    const file = join(folder, "stubs");
    writeFileSync(file, image, { mode: 0o755 });
    const { status, stdout } = spawnSync(file, { maxBuffer: 1 << 24 });
    expect(status).toBe(0);
    const at = stdout.length - 4 * calls.length;
    return {
      data: new Uint8Array(stdout.subarray(0, data.length)),
      results: calls.map((_, i) => stdout.readUInt32LE(at + 4 * i)),
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const random = generator(7);
const bytes = (length: number) => Uint8Array.from({ length }, () => random(256));
const place = (offset: number): Value => ({ kind: "symbol", name: "data", addend: BigInt(offset) });

describe.skipIf(process.platform !== "linux" || process.arch !== "x64")("stubs", () => {
  it.each([
    ["by what CPUID says", 0],
    ["by tables", 2],
  ])("crc32c %s has the check value of every length and alignment", (_name, way) => {
    const check = new TextEncoder().encode("123456789");
    expect(crc32c(check)).toBe(0xe3069283);
    const data = new Uint8Array([...check, ...bytes(DATA)]);
    const cases: [number, number, number][] = [[0, 9, 0]];
    for (let length = 0; length < 140; length++) {
      cases.push([9 + random(64), length, length % 3 === 0 ? 0 : random(0x1_0000_0000)]);
    }
    for (let i = 0; i < 60; i++)
      cases.push([random(900), random(DATA - 900), random(0x1_0000_0000)]);
    const calls = cases.map(([at, length, seed]): Call => {
      return { stub: "crc32c", arguments: [place(at), length, seed] };
    });
    const expected = cases.map(([at, length, seed]) =>
      crc32c(data.subarray(at, at + length), seed),
    );
    expect(run(data, way, calls).results).toEqual(expected);
  });

  it("copies and zeroes exactly the bytes asked for, and moves down in place", () => {
    const data = bytes(DATA);
    const expected = data.slice();
    const calls: Call[] = [];
    for (let i = 0; i < 60; i++) {
      const length = i < 20 ? i : random(700);
      const from = random(DATA - 701);
      // Every third one overlaps what it is copied from.
      const to = i % 3 === 0 ? Math.max(0, from - random(length + 1)) : random(DATA - 701);
      if (to > from && to < from + length) continue;
      if (i % 4 === 0) {
        calls.push({ stub: "zero_physical", arguments: [place(to), length] });
        expected.fill(0, to, to + length);
      } else {
        calls.push({ stub: "copy_physical", arguments: [place(to), place(from), length] });
        expected.copyWithin(to, from, from + length);
      }
    }
    expect(run(data, 0, calls).data).toEqual(expected);
  });
});
