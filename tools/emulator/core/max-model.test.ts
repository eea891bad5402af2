// What the `max` model has and the default one lacks, apart from what computes: a guest turns each protection on, tries
// what it is about at CPL 0 and 3 and prints what happened, here and on QEMU, and the lines are compared. Follows
// Intel SDM vol. 2 and vol. 3A, 2.5 (CR4).

import { beforeAll, describe, expect, test } from "vitest";
import type { Assembler } from "../../asm/index.ts";
import * as o from "../../asm/index.ts";
import { hasQemu } from "../../testing/host-tools.ts";
import { Machine } from "../host/machine.ts";
import { runOnQemu } from "../platform/testdata/qemu.ts";
import {
  exceptionsGuest,
  NO_EXECUTE,
  NOT_PRESENT,
  READ_ONLY,
  type Snippet,
  SUPERVISOR,
} from "./testdata/exceptions_guest.ts";

const { eax, ebx, ecx, rax, rsp, cr4 } = o;

const UMIP = 1 << 11;

const snippets: Snippet[] = [];
/** What each snippet must report, "vector code". */
const expected: string[] = [];
const DONE = "40 0";
const UD = "6 0";
const GP0 = "d 0";
/** Snippets on which TCG of QEMU differs from the manual. */
const manual = new Set<number>();
/** What the default model reports where it must differ. */
const onDefault = new Map<number, string>();
const add = (cpl: 0 | 3, name: string, write: (a: Assembler) => void, outcome: string): void => {
  snippets.push({ name: `CPL ${cpl}: ${name}`, cpl, write });
  expected.push(outcome);
};
const setCr4 = (name: string, bits: number, on: boolean): void => {
  if (on) onDefault.set(snippets.length, GP0);
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
};
/** CPUID leaf 7 must have these bits of `register`; #UD if not. */
const leaf7 = (name: string, register: o.Reg, bits: number): void => {
  onDefault.set(snippets.length, UD);
  add(
    0,
    `CPUID has ${name}`,
    (a) => {
      a.mov(eax, 7).xor(ecx, ecx).cpuid().and(register, bits).cmp(register, bits);
      a.db(0x74, 2).ud2();
    },
    DONE,
  );
};

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

// Cache lines: the address is checked as a read's is.
leaf7("CLFLUSHOPT and CLWB", ebx, 3 << 23);
for (const cpl of [0, 3] as const) {
  for (const [name, group] of [
    ["CLFLUSHOPT", 7],
    ["CLWB", 6],
  ] as const) {
    const line = (where: string, address: number, outcome: string): void => {
      // TCG does not look at the page.
      if (outcome !== DONE) manual.add(snippets.length);
      if (group === 6) onDefault.set(snippets.length, UD);
      const write = (a: Assembler) => a.mov(rax, address).db(0x66, 0x0f, 0xae, group << 3);
      add(cpl, `${name} of ${where}`, write, outcome);
    };
    line("a read-only page", READ_ONLY, DONE);
    line("a no-execute page", NO_EXECUTE, DONE);
    line("a supervisor page", SUPERVISOR, cpl === 3 ? "e 5" : DONE);
    line("a page that is not present", NOT_PRESENT, cpl === 3 ? "e 4" : "e 0");
    const lock = (a: Assembler) => a.mov(rax, READ_ONLY).db(0xf0, 0x66, 0x0f, 0xae, group << 3);
    add(cpl, `${name} with LOCK`, lock, UD);
  }
}

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
    const shared = (all: readonly string[]): string[] =>
      named(all).filter((_, i) => !manual.has(i));
    expect(shared(lines)).toEqual(shared(oracle));
  });

  test("the default model has none of it", async () => {
    const all = (await here("default")).map(outcome);
    for (const [i, expected] of onDefault) expect(all[i], snippets[i]?.name).toBe(expected);
  });
});
