// What the `max` model can forbid beyond page rights and privileged instructions: a guest turns each protection on,
// tries what it is about at CPL 0 and 3 and prints what happened, here and on QEMU, and the lines are compared.
// Follows Intel SDM vol. 3A, 2.5 (CR4) and 4.6.2 (protection keys).

import { beforeAll, describe, expect, test } from "vitest";
import type { Assembler } from "../../asm/index.ts";
import * as o from "../../asm/index.ts";
import { hasQemu } from "../../testing/host-tools.ts";
import { Machine } from "../host/machine.ts";
import { runOnQemu } from "../platform/testdata/qemu.ts";
import { exceptionsGuest, type Snippet } from "./testdata/exceptions_guest.ts";

const { eax, ecx, rax, rsp, cr4 } = o;

const UMIP = 1 << 11;

const snippets: Snippet[] = [];
/** What each snippet must report, "vector code". */
const expected: string[] = [];
const DONE = "40 0";
const GP0 = "d 0";
const add = (cpl: 0 | 3, name: string, write: (a: Assembler) => void, outcome: string): void => {
  snippets.push({ name: `CPL ${cpl}: ${name}`, cpl, write });
  expected.push(outcome);
};
const setCr4 = (name: string, bits: number, on: boolean): void =>
  add(
    0,
    `${on ? "set" : "clear"} CR4.${name}`,
    (a) => {
      a.mov(rax, cr4);
      if (on) a.or(eax, bits);
      else a.and(eax, ~bits);
      a.mov(cr4, rax);
    },
    DONE,
  );
/** CPUID leaf 7 must have these bits of `register`; #UD if not. */
const leaf7 = (name: string, register: o.Reg, bits: number): void =>
  add(
    0,
    `CPUID has ${name}`,
    (a) => {
      a.mov(eax, 7).xor(ecx, ecx).cpuid().and(register, bits).cmp(register, bits);
      a.db(0x74, 2).ud2();
    },
    DONE,
  );

// User-mode instruction prevention. Memory operands are below the stack's end.
const SHOWING: readonly (readonly [name: string, write: (a: Assembler) => void])[] = [
  ["SGDT", (a) => a.sub(rsp, 32).db(0x0f, 0x01, 0x04, 0x24)],
  ["SIDT", (a) => a.sub(rsp, 32).db(0x0f, 0x01, 0x0c, 0x24)],
  ["SLDT to a register", (a) => a.db(0x0f, 0x00, 0xc0)],
  ["SLDT to memory", (a) => a.sub(rsp, 32).db(0x0f, 0x00, 0x04, 0x24)],
  ["STR to a register", (a) => a.db(0x0f, 0x00, 0xc8)],
  ["STR to memory", (a) => a.sub(rsp, 32).db(0x0f, 0x00, 0x0c, 0x24)],
  ["SMSW to a register", (a) => a.db(0x0f, 0x01, 0xe0)],
  ["SMSW to memory", (a) => a.sub(rsp, 32).db(0x0f, 0x01, 0x24, 0x24)],
];
leaf7("UMIP", ecx, 1 << 2);
for (const on of [false, true]) {
  setCr4("UMIP", UMIP, on);
  for (const cpl of [0, 3] as const) {
    for (const [name, write] of SHOWING) {
      add(cpl, `${name}, UMIP ${on ? "on" : "off"}`, write, on && cpl === 3 ? GP0 : DONE);
    }
  }
}
setCr4("UMIP", UMIP, false);

const guest = exceptionsGuest(snippets);

/** Runs the guest in this core; one line per snippet. */
async function here(cpu: "default" | "max"): Promise<string[]> {
  let text = "";
  const machine = await Machine.create({
    kernel: guest,
    memory: "64M",
    cpu,
    debugExit: { iobase: 0xf4, iosize: 4 },
    onDebugConsole: (b) => {
      text += String.fromCharCode(b);
    },
  });
  expect(machine.runSync({ instructions: 50_000_000 }).kind).toBe("debug-exit");
  return text.trimEnd().split("\n");
}

/** "vector code" of a line. */
const outcome = (line: string | undefined): string =>
  (line ?? "")
    .split(" ")
    .slice(0, 2)
    .map((field) => BigInt(`0x${field}`).toString(16))
    .join(" ");

describe("protections of the max model", () => {
  let lines: string[] = [];
  beforeAll(async () => {
    lines = await here("max");
  });
  const named = (all: readonly string[]): string[] =>
    snippets.map(({ name }, i) => `${name}: ${all[i]?.trim()}`);

  test("vector and error code are the manual's", () => {
    expect(named(lines.map(outcome))).toEqual(named(expected));
  });

  test.skipIf(!hasQemu)("vector, error code, RIP, CS, flags and CR2 are QEMU's", () => {
    const oracle = runOnQemu(guest, [], ["-cpu", "max"]).debugcon.trimEnd().split("\n");
    expect(named(lines)).toEqual(named(oracle));
  });

  test("the default model has none of them", async () => {
    const all = named((await here("default")).map(outcome));
    for (const line of all.filter((l) => /: CPUID has/.test(l))) expect(line).toMatch(/: 6 0$/);
    for (const line of all.filter((l) => /: set CR4/.test(l))) expect(line).toMatch(/: d 0$/);
  });
});
