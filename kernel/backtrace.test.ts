// What a panic says about where it comes from: every caller with file, line and function, inlined ones too.

import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { guestModule } from "../tools/asc/guest.ts";
import { readElf } from "../tools/elf/index.ts";
import { Machine } from "../tools/emulator/host/machine.ts";
import { WINDOW } from "./asm/index.ts";
import { buildKernelFiles } from "./build.ts";
import { KERNEL_GUEST } from "./options.ts";

/** Line of the call of `callee` in a file of the kernel. */
function lineOf(file: string, callee: string): number {
  const lines = readFileSync(new URL(file, import.meta.url), "utf8").split("\n");
  return (
    lines.findIndex((line) => line.includes(callee) && !/^(import|export|\/\/)/.test(line)) + 1
  );
}

it("a panic names all callers with their lines, whether they are inlined or not", async () => {
  const { wasm, sourceMap } = await guestModule(KERNEL_GUEST);
  const { image, symbols } = buildKernelFiles(wasm, sourceMap);
  const machine = await Machine.create({ kernel: image, append: "serial", memory: "128M" });
  const start = readElf(symbols)
    .readSymbols()
    .find(({ name }) => name === "kernel/sm/createSm");
  if (!start) throw new Error("createSm is inlined everywhere: choose another function");
  // Its first instruction becomes UD2.
  const place = Number(start.value - WINDOW);
  const run = machine.runSync({ instructions: 1 });
  expect(run.kind).toBe("limit");
  machine.ram.write(place, Uint8Array.of(0x0f, 0x0b));
  machine.runSync({ nanoseconds: 5_000_000_000, until: "panic: trap in kernel code" });
  machine.runSync({ instructions: 2_000_000 });
  const text = machine.serialOutput.replaceAll("\r", "");
  const lines = text.slice(text.indexOf("panic:")).split("\n");
  const places = lines.flatMap((line) => / at (\S+) in (\S+)/.exec(line)?.slice(1) ?? []);
  expect(places.slice(1, 6)).toEqual([
    "createSm",
    `kernel/gsi.ts:${lineOf("gsi.ts", "createSm(")}`,
    "initGsis",
    `kernel/main.ts:${lineOf("main.ts", "initGsis(")}`,
    "kernel_main",
  ]);
  expect(lines[0]).toMatch(/ at kernel\/sm\.ts:\d+ in createSm$/);
});
