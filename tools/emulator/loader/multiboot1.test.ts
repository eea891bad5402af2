// The Multiboot 1 loader against QEMU: what a guest finds in memory must be the same bytes. And
// what it says about files that are none.

import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { HANG_MS, hasQemu, QEMU } from "../../testing/host-tools.ts";
import { type Access, busGuest, encodeScript } from "../platform/testdata/bus-guest.ts";
import type { BootImage } from "./boot-image.ts";
import { loadKernel } from "./kernel.ts";
import { parseModules } from "./modules.ts";
import { multiboot1 } from "./multiboot1.ts";

const MIB = 1 << 20;
const ramBytes = 256 * MIB;
const kernel = busGuest();
const machine = { ramBytes, hasDisplay: true };
const file = (data: Uint8Array, name = "k") => ({ name, data });

/** The four bytes at a physical address of a loaded image. */
function dwordAt(image: BootImage, address: number): number {
  let value = 0;
  for (let i = 3; i >= 0; i--) {
    const at = address + i;
    const chunk = image.chunks.find((c) => at >= c.address && at < c.address + c.size);
    value = value * 256 + (chunk?.data[at - (chunk?.address ?? 0)] ?? 0);
  }
  return value;
}

test.skipIf(!hasQemu)("information, memory map, module list and strings are QEMU's", () => {
  const directory = mkdtempSync(join(tmpdir(), "mb1-"));
  const name = join(directory, "kernel");
  const path = (n: string): string => join(directory, n);
  const base = multiboot1(file(kernel, name), [], "", ramBytes);
  const listPage = Math.max(...base.chunks.filter((c) => c.address >= MIB).map((c) => c.address));
  const look: Access[] = [];
  for (let at = 0x9000; at < 0x9048 + 24 * 9; at += 4) look.push(["load", at, 4]);
  for (let at = 0x9500; at < 0x9540; at += 4) look.push(["load", at, 4]);
  for (let at = listPage; at < listPage + 0x50; at += 4) look.push(["load", at, 4]);
  const script = encodeScript(look);
  const modules = [
    { file: file(script), commandLine: `${path("m0")} first` },
    { file: file(new Uint8Array(5000).fill(7)), commandLine: path("m1") },
  ];
  try {
    writeFileSync(name, kernel);
    writeFileSync(path("m0"), script);
    writeFileSync(path("m1"), modules[1]?.file.data ?? "");
    spawnSync(
      QEMU,
      [
        ...["-accel", "tcg", "-machine", "q35", "-m", "256M", "-display", "none", "-no-reboot"],
        ...["-kernel", name, "-initrd", `${path("m0")} first,${path("m1")}`, "-append", "a=b c"],
        ...["-debugcon", `file:${path("out")}`, "-serial", "null", "-monitor", "none"],
        ...["-device", "isa-debug-exit,iobase=0xf4,iosize=4"],
      ],
      { timeout: HANG_MS },
    );
    const oracle = readFileSync(path("out"), "latin1").trim().split("\n");
    const image = multiboot1(file(kernel, name), modules, "a=b c", ramBytes);
    const ours = look.map((a) => dwordAt(image, a[1]).toString(16).padStart(8, "0"));
    expect(ours).toEqual(oracle);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});

test("modules lie page-aligned behind the kernel and keep their bytes", () => {
  const modules = [1, 2].map((n) => ({
    file: file(new Uint8Array(5000).fill(n)),
    commandLine: `m${n}`,
  }));
  const image = multiboot1(file(kernel), modules, "", ramBytes);
  const placed = image.chunks.filter((c) => c.what.startsWith("module"));
  expect(placed.map((c) => [c.address % 4096, c.size, c.data[0]])).toEqual([
    [0, 5000, 1],
    [0, 5000, 2],
  ]);
  expect(image.entry.rax).toBe(0x2badb002n);
});

/** A flat image with the header's address fields. */
function flat(fields: number[], size = 64): Uint8Array {
  const data = new Uint8Array(size);
  const view = new DataView(data.buffer);
  const flags = 0x10003;
  [0x1badb002, flags, -(0x1badb002 + flags), ...fields].forEach((v, i) => {
    view.setUint32(i * 4, v, true);
  });
  return data;
}

test("address fields place a flat image", () => {
  const image = multiboot1(file(flat([MIB, MIB, 0, MIB + 256, MIB + 32])), [], "", ramBytes);
  expect(image.entry.rip).toBe(BigInt(MIB + 32));
  expect(image.chunks[0]).toMatchObject({ address: MIB, size: 256 });
});

const bad: [what: string, build: () => unknown, message: RegExp][] = [
  [
    "random bytes",
    () => loadKernel(file(new Uint8Array(100)), [], "", machine),
    /Multiboot header/,
  ],
  ["an empty file", () => loadKernel(file(new Uint8Array(0)), [], "", machine), /nothing/],
  [
    "an ELF file cut in the middle",
    () => loadKernel(file(kernel.subarray(0, 0x1010)), [], "", machine),
    /kernel k: .*(truncated|ends)/,
  ],
  [
    "load addresses that contradict each other",
    () => multiboot1(file(flat([MIB - 4, MIB, 0, 0, MIB])), [], "", ramBytes),
    /header_addr/,
  ],
  [
    "an image longer than its file",
    () => multiboot1(file(flat([MIB, MIB, MIB + 4096, 0, MIB])), [], "", ramBytes),
    /truncated/,
  ],
  [
    "more than the machine has RAM for",
    () => multiboot1(file(flat([MIB, MIB, 0, 0x7fffffff, MIB])), [], "", ramBytes),
    /no usable RAM.*-m/,
  ],
  ["a module list with a gap", () => parseModules("a b, c"), /entry 2/],
];
for (const [what, build, message] of bad) {
  test(`refuses ${what} with one line`, () => {
    expect(build).toThrow(message);
    try {
      build();
    } catch (error) {
      expect((error as Error).message).not.toContain("\n");
    }
  });
}
