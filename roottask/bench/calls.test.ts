// The table of calls must count whole calls. What the counts are is no test's business.

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { beforeAll, expect, it } from "vitest";
import { makeSystem } from "../testing/boot.ts";
import { listCalls } from "./calls.ts";
import { calls } from "./program.ts";

const built = (file: string) =>
  readFileSync(fileURLToPath(new URL(`../../build/${file}`, import.meta.url)));

beforeAll(makeSystem);

it("follows every call from SYSCALL through kernel and roottask and back", async () => {
  const system = { kernel: built("kernel.elf32"), roottask: built("roottask-bin") };
  const listings = await listCalls(system);
  expect([...listings.keys()]).toEqual(calls.map(({ name }) => name));
  for (const steps of listings.values()) {
    expect(steps[0]).toMatchObject({ room: "user", text: "syscall" });
    expect(steps.at(-1)).toMatchObject({ room: "kernel" });
    expect(steps.at(-1)?.text).toMatch(/^(sysret|iret)/);
    expect(steps.filter(({ text }) => text === "syscall")).toHaveLength(2);
    expect(new Set(steps.map(({ room }) => room))).toEqual(new Set(["user", "kernel", "roottask"]));
  }
});
