// Vitest as it comes, with its limit of 5 s a test.

import { expect, test } from "vitest";
import { boot, compiled, refusal } from "./boot.ts";

test("the system boots, twice", async () => {
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
