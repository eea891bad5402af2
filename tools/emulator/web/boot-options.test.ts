// What addresses and files that were dropped ask for.

import { expect, test } from "vitest";
import { tarOf } from "../../../roottask/testing/samples.ts";
import { LoadError } from "../load-error.ts";
import { guest } from "../platform/testdata/guest.ts";
import { type BootPlan, kindOfFile, NO_PLAN, optionsOfFiles, planOf } from "./boot-options.ts";

const SYSTEM: BootPlan = { ...NO_PLAN, kernel: "kernel.elf32", memory: "512M", cpus: 2 };
const plan = (query: string): BootPlan => planOf(new URLSearchParams(query), SYSTEM);

test("without files in the address the default guest boots, with the options given", () => {
  expect(plan("")).toEqual(SYSTEM);
  expect(plan("memory=1G&cpus=4&clock=vm&paused&vga=none&append=a%20b")).toMatchObject({
    ...{ kernel: "kernel.elf32", memory: "1G", cpus: 4, realTime: false, paused: true },
    ...{ vga: false, append: "a b" },
  });
});

test("a kernel with modules, or media, take the place of the default guest", () => {
  expect(plan("kernel=https://a.example/k.elf&module=m/one.bin%20x=1%20y&module=two")).toEqual({
    ...NO_PLAN,
    kernel: "https://a.example/k.elf",
    modules: [
      { url: "m/one.bin", commandLine: "one.bin x=1 y" },
      { url: "two", commandLine: "two" },
    ],
  });
  expect(plan("cdrom=a.iso&accel=interp")).toMatchObject({
    ...{ kernel: undefined, disks: [{ url: "a.iso", kind: "cdrom" }], accel: { kind: "interp" } },
  });
});

test.each([
  ["kernel=a&kernel=b", /^\?kernel: given 2 times$/],
  ["kernel=", /^\?kernel: expected the address of a file$/],
  ["kernel=k&module=%20x=1", /^\?module: expected the address of a file$/],
  ["module=m", /^\?module: expected \?kernel, too, which gets it$/],
  ["disk=d&module=m", /^\?module: expected \?kernel, too, which gets it$/],
  ["hidden=x", /^\?hidden=x: expected run or pause$/],
  ["kernal=x", /^\?kernal: unknown option; there are kernel, /],
  ["cpus=two", /^\?cpus=two: expected a number$/],
  ["clock=rt", /^\?clock=rt: expected host or vm$/],
  ["vga=cirrus", /^\?vga=cirrus: expected std or none$/],
  ["accel=kvm", /^\?accel=kvm: expected interp, jit or jit,threshold=N$/],
])("?%s is refused in a sentence", (query, message) => {
  expect(() => plan(query)).toThrow(LoadError);
  expect(() => plan(query)).toThrow(message);
});

const sector = (bytes: number): Uint8Array => {
  const disk = new Uint8Array(bytes);
  disk.set([0x55, 0xaa], 510);
  return disk;
};
const iso = new Uint8Array(0x9000);
iso.set(new TextEncoder().encode("CD001"), 0x8001);
const linux = new Uint8Array(1024);
linux.set(new TextEncoder().encode("HdrS"), 0x202);
const multiboot = new Uint8Array(100);
new DataView(multiboot.buffer).setUint32(8, 0x1badb002, true);
new DataView(multiboot.buffer).setInt32(16, -0x1badb002, true);
const unsummed = multiboot.slice();
unsummed[16] = 1;

test("files are known by their contents", async () => {
  expect(kindOfFile(guest(() => {}))).toBe("kernel");
  expect(kindOfFile(linux)).toBe("kernel");
  expect(kindOfFile(multiboot)).toBe("kernel");
  expect(kindOfFile(unsummed)).toBe("module");
  expect(kindOfFile(iso)).toBe("cdrom");
  expect(kindOfFile(sector(512))).toBe("disk");
  expect(kindOfFile(Uint8Array.of(0x51, 0x46, 0x49, 0xfb, 0, 0, 0, 3))).toBe("disk");
  expect(kindOfFile(sector(1_474_560))).toBe("floppy");
  expect(kindOfFile(sector(10 << 20))).toBe("disk");
  expect(kindOfFile(await tarOf([{ name: "a", data: "b" }]))).toBe("module");
  for (let length = 0; length < 600; length += 7) kindOfFile(new Uint8Array(length));
});

test("a kernel takes the other files as modules; media boot without one", () => {
  const kernel = { name: "k", bytes: guest(() => {}) };
  const module = { name: "m", bytes: new Uint8Array(3) };
  expect(optionsOfFiles([module, kernel])).toMatchObject({
    kernel,
    modules: [{ ...module, commandLine: "m" }],
    disks: [],
  });
  expect(optionsOfFiles([{ name: "a.iso", bytes: iso }])).toMatchObject({
    ...{ kernel: undefined, modules: [], disks: [{ name: "a.iso", kind: "cdrom" }] },
  });
  const disk = { name: "d", bytes: sector(512) };
  expect(optionsOfFiles([disk, kernel, { ...kernel, name: "other" }])).toMatchObject({
    ...{ kernel, modules: [{ name: "d" }, { name: "other" }], disks: [] },
  });
  expect(() => optionsOfFiles([module])).toThrow(/^m: nothing that boots; expected /);
  expect(() => optionsOfFiles([])).toThrow(/^no file: nothing that boots; expected /);
});
