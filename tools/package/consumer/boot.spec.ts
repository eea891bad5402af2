// Vitest as it comes. A machine is there long before its limit of 5 s a test; a boot of the whole system takes a
// second on a machine that has nothing else to do.

import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { boot, bootImage, compiled, refusal, webSerial } from "./boot.ts";
import { bootDisk } from "./disk.ts";

test("the entry for browsers takes bytes", async () => {
  expect(await webSerial(readFileSync("build/kernel.elf32"))).toContain("[kernel]");
});

test("a machine without files is executed compiled, shown, and answers", async () => {
  expect(await bootDisk()).toBe("debug-exit A 720x400 compiled PNG VM status: paused");
});

test("the system boots, twice", { timeout: 60_000 }, async () => {
  const { stop, again, serial } = await boot();
  expect([stop, again]).toEqual([{ kind: "power-off" }, { kind: "power-off" }]);
  expect(serial).toContain("exit status 0");
});

test("errors are the package's own", async () => {
  expect(await refusal()).toMatch(/^[^\n]*nowhere[^\n]*$/);
});

test("a module is compiled", () => {
  expect(compiled().subarray(0, 4)).toEqual(new Uint8Array([0x7f, 0x45, 0x4c, 0x46]));
});

test("a boot image is made", async () => {
  expect(await bootImage("build/kernel.elf32")).toBeGreaterThan(1_000_000);
  expect(await bootImage("nowhere")).toMatch(/^nowhere: [^\n]*$/);
});
