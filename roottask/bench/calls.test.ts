// The table of calls must count whole calls. What the counts are is no test's business.

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { beforeAll, expect, it } from "vitest";
import { makeSystem } from "../testing/boot.ts";
import { listCalls, PREGRANTED } from "./calls.ts";
import { calls } from "./program.ts";

const built = (file: string) =>
  readFileSync(fileURLToPath(new URL(`../../build/${file}`, import.meta.url)));

beforeAll(makeSystem);

const system = () => ({ kernel: built("kernel.elf32"), roottask: built("roottask-bin") });

it("follows every call from SYSCALL through kernel and roottask and back", async () => {
  const listings = await listCalls(system(), "mediator off\nlinux calls");
  expect([...listings.keys()]).toEqual(calls.map(({ name }) => name));
  for (const steps of listings.values()) {
    expect(steps[0]).toMatchObject({ room: "user", text: "syscall" });
    expect(steps.at(-1)).toMatchObject({ room: "kernel" });
    expect(steps.at(-1)?.text).toMatch(/^(sysret|iret)/);
    expect(steps.filter(({ text }) => text === "syscall")).toHaveLength(2);
    expect(new Set(steps.map(({ room }) => room))).toEqual(new Set(["user", "kernel", "roottask"]));
  }
});

it("sees which calls the mediator answers, and that it passes on the others", async () => {
  for (const [name, steps] of await listCalls(system(), `${PREGRANTED}\nlinux calls`)) {
    const calls = steps.filter(({ text }) => text === "syscall").length;
    const isForwarded = steps.some(({ room }) => room === "roottask");
    expect([name, calls]).toEqual([name, isForwarded ? 3 : 1]);
    if (/^get.?id$|clock|brk|mmap|random/.test(name))
      expect([name, isForwarded]).toEqual([name, false]);
    if (name === "lseek") expect(isForwarded).toBe(true);
  }
});
