// Debug traps of 32-bit protected mode (SYSENTER, task switches, virtual-8086 programs) and virtual interrupts: a guest
// prints what each snippet caused. Without CR4.VME the lines are compared with QEMU's; TCG has no VME and no T bit, so
// there the manual's answer stands here. Follows Intel SDM vol. 3B, 18.3.1 (debug traps), 20.3 (virtual-8086 mode
// extensions) and 20.4 (protected-mode virtual interrupts), and vol. 2, POPF, PUSHF, STI, INT n.

import { describe, expect, test } from "vitest";
import type { Assembler } from "../../asm/index.ts";
import * as o from "../../asm/index.ts";
import { hasQemu } from "../../testing/host-tools.ts";
import { runOnQemu } from "../platform/testdata/qemu.ts";
import {
  type ProtectedSnippet,
  protectedGuest,
  TASK,
  TASK_GATE,
  TASK_TRAPS,
  TASK_VECTOR,
  TASK_VM86,
  VM86_IRET,
  VM86_IRETD,
  VM86_UD2,
} from "./testdata/protected_guest.ts";
import { runSnippets } from "./testdata/run_snippets.ts";

const { ax, cx, ecx, edx, esp, ss } = o;
const TF = 0x100;
const IF = 0x200;
const IOPL3 = 0x3000;
const VIF = 0x8_0000;
const VIP = 0x10_0000;
const VME = 1;
const PVI = 2;

interface Case extends ProtectedSnippet {
  /** The lines by the manual where QEMU is no oracle; "*" is any address. */
  manual?: readonly string[];
}
const cases: Case[] = [];
const add = (
  name: string,
  settings: Omit<Case, "name" | "write" | "manual">,
  write: (a: Assembler) => void,
  manual?: readonly string[],
): void => {
  cases.push({ name, ...settings, write, manual });
};

// SYSENTER leaves TF as it is.
const sysenter = (a: Assembler): void => {
  // CALL to POP EDX, which comes next; SYSEXIT goes behind SYSENTER.
  a.mov(ecx, esp).db(0xe8, 0, 0, 0, 0).pop(edx).add(edx, 6).sysenter().nop().nop();
};
add("SYSENTER and SYSEXIT", { mode: "ring3" }, sysenter);
add("SYSENTER and SYSEXIT with TF", { mode: "ring3", flags: TF }, sysenter);

// Task switches: the T bit traps before the task's first instruction, and JMP and CALL are not stepped (18.3.1.5,
// 18.4.4). CALL leaves NT set.
for (const [name, selector, traps] of [
  ["a task", TASK, false],
  ["a task with the T bit", TASK_TRAPS, true],
  ["a task gate to a task with the T bit", TASK_GATE, true],
] as const) {
  for (const flags of [0, TF]) {
    for (const [how, opcode, nt] of [
      ["JMP", 0xea, "0"],
      ["CALL", 0x9a, "4000"],
    ] as const) {
      const trap = traps ? [`1 0 * 8 ${nt} 8000`] : [];
      add(
        `${how} to ${name}${flags === 0 ? "" : ", with TF"}`,
        { mode: "ring0", flags },
        (a) => a.db(opcode).dd(0).dw(selector).nop(),
        traps || flags !== 0 ? [...trap, `40 0 * 8 ${nt}`] : undefined,
      );
    }
  }
}
for (const mode of ["ring0", "ring3"] as const) {
  const interrupt = (a: Assembler) => a.int(TASK_VECTOR).nop();
  add(`INT to a task with the T bit, ${mode}`, { mode }, interrupt, [
    "1 0 * 8 4000 8000",
    "40 0 * 8 4000",
  ]);
}
// By the local APIC, which sends itself the vector: the trap comes before the interrupted CPU executes anything.
add(
  "an interrupt to a task with the T bit",
  { mode: "ring0", flags: IF },
  (a) => {
    a.mov(o.dword(0xfee0_00f0 | 0), 0x1ff).mov(o.dword(0xfee0_0300 | 0), 0x4_0000 | TASK_VECTOR);
    for (let i = 0; i < 300; i++) a.nop();
  },
  ["1 0 * 8 4000 8000", "40 0 * 8 4000"],
);
const toVm86 = (a: Assembler) => a.db(0xea).dd(0).dw(TASK_VM86);
// TCG does not load VIF and VIP from a TSS.
add("JMP to a virtual-8086 task", { mode: "ring0" }, toVm86, ["6 0 * 1000 1a0000 1000 0 0 0"]);

// Virtual-8086 programs, stepped.
for (const flags of [TF, TF | IOPL3]) {
  const when = flags & IOPL3 ? "IOPL 3" : "IOPL 0";
  const vm86 = { mode: "vm86", flags } as const;
  add(`step NOP, MOV, PUSH, POP, ${when}`, vm86, (a) => a.nop().mov(ax, 5).push(ax).pop(cx).nop());
  add(`step a loop, ${when}`, vm86, (a) => {
    a.mov(cx, 3);
    const again = a.label();
    a.loop(again);
  });
  add(`step MOV SS, ${when}`, vm86, (a) => a.mov(ax, ss).mov(ss, ax).nop().nop());
  add(`step PUSHF, ${when}`, vm86, (a) => a.pushf().pop(ax).nop());
  add(`step POPF, ${when}`, vm86, (a) => a.push(2).popf().nop());
  add(`step CLI, ${when}`, vm86, (a) => a.cli().nop());
  add(`step INT n, ${when}`, vm86, (a) => a.int(VM86_UD2).nop());
  add(`step INT3, ${when}`, vm86, (a) => a.int3().nop());
}
// TCG holds the trap behind STI back; blocking by STI does not (vol. 3C, 26.3.1.5 and 26.7.3).
add("step STI, IOPL 3", { mode: "vm86", flags: TF | IOPL3 }, (a) => a.sti().nop(), [
  "1 0 1 1000 23300 4000 1000 0 0 0",
  "1 0 2 1000 23300 4000 1000 0 0 0",
  "6 0 2 1000 23300 1000 0 0 0",
]);

// Instructions that look at IF. `pushed` is what POPF and IRET find; IRET goes to offset D.
const popf = (pushed: number) => (a: Assembler) => a.db(0x68).dw(pushed).popf();
const iret =
  (pushed: number, wide = false) =>
  (a: Assembler): void => {
    // PUSH flags, PUSH CS, CALL to the next, POP BX, LEA AX, [BX + 6].
    a.db(0x68).dw(pushed).db(0x0e, 0xe8, 0, 0, 0x5b, 0x8d, 0x47, 6).push(ax);
    if (wide) a.db(0x66);
    a.iret();
  };
for (const flags of [0, IF, IOPL3, IOPL3 | IF, VIF, VIP, IOPL3 | VIF | VIP]) {
  const vm86 = { mode: "vm86", flags } as const;
  const when = `flags ${flags.toString(16)}, no VME`;
  add(`CLI, ${when}`, vm86, (a) => a.cli());
  add(`STI, ${when}`, vm86, (a) => a.sti().nop());
  add(`PUSHF, ${when}`, vm86, (a) => a.pushf());
  add(`PUSHFD, ${when}`, vm86, (a) => a.db(0x66).pushf());
  for (const pushed of [2, 0x202, 0x3002, 0x4ed7]) {
    add(`POPF of ${pushed.toString(16)}, ${when}`, vm86, popf(pushed));
    add(`IRET with ${pushed.toString(16)}, ${when}`, vm86, iret(pushed));
  }
  add(`INT n, ${when}`, vm86, (a) => a.int(VM86_UD2));
  add(`CLI at CPL 3, ${when}`, { mode: "ring3", flags }, (a) => a.cli());
  add(`STI at CPL 3, ${when}`, { mode: "ring3", flags }, (a) => a.sti());
}

// With CR4.VME and IOPL below 3, IF is VIF: 20.3.3.2 and the instructions' pages.
const vme = (flags: number, redirected = 0) =>
  ({ mode: "vm86", cr4: VME, flags, redirected }) as const;
const ended = (at: string, flags: string, stack = "1000 0 0 0"): string[] => [
  `6 0 ${at} 1000 ${flags} ${stack}`,
];
const refused = (at: string, flags: string, stack = "1000 0 0 0"): string[] => [
  `d 0 ${at} 1000 ${flags} ${stack}`,
];
add("CLI clears VIF", vme(VIF), (a) => a.cli(), ended("1", "20000"));
add("CLI leaves IF", vme(VIF | IF), (a) => a.cli(), ended("1", "20200"));
add("STI sets VIF", vme(0), (a) => a.sti(), ended("1", "a0000"));
add("STI with VIP", vme(VIP), (a) => a.sti(), refused("0", "120000"));
add("PUSHF of VIF", vme(VIF), (a) => a.pushf(), ended("1", "a0000", "ffe 3202 0 0"));
add("PUSHF without VIF", vme(IF), (a) => a.pushf(), ended("1", "20200", "ffe 3002 0 0"));
add("PUSHFD", vme(VIF), (a) => a.db(0x66).pushf(), refused("0", "a0000"));
add("POPF of IF sets VIF", vme(0), popf(0x202), ended("4", "a0000"));
add("POPF of IF, IF set", vme(IF), popf(0x202), ended("4", "a0200"));
add("POPF clears VIF, not IF", vme(VIF | IF), popf(2), ended("4", "20200"));
add("POPF of other flags, not of IOPL", vme(0), popf(0x7cd7), ended("4", "24cd5"));
add("POPF of IF with VIP", vme(VIP), popf(0x202), refused("3", "120000", "ffe 202 0 0"));
add("POPF without IF with VIP", vme(VIP), popf(2), ended("4", "120000"));
add("POPF of TF", vme(0), popf(0x102), refused("3", "20000", "ffe 102 0 0"));
add("POPFD", vme(0), (a) => a.db(0x68).dw(2).db(0x66).popf(), refused("3", "20000", "ffe 2 0 0"));
add("IRET with IF sets VIF", vme(0), iret(0x202), ended("d", "a0000"));
add("IRET clears VIF, not IF", vme(VIF | IF), iret(2), ended("d", "20200"));
add("IRET with other flags, not IOPL", vme(0), iret(0x7cd7), ended("d", "24cd5"));
add("IRET with IF and VIP", vme(VIP), iret(0x202), refused("c", "120000", "ffa * 1000 202"));
add("IRET without IF with VIP", vme(VIP), iret(2), ended("d", "120000"));
add("IRET with TF", vme(0), iret(0x102), refused("c", "20000", "ffa * 1000 102"));
add("IRETD", vme(0), iret(2, true), refused("c", "20000", "ffa * 1000 2"));
add("IRET with IOPL 3", vme(IOPL3 | VIP), iret(0x202), ended("d", "123200"));
add("PUSHF with IOPL 3", vme(IOPL3 | VIF), (a) => a.pushf(), ended("1", "a3000", "ffe 3002 0 0"));
add("CLI with IOPL 3", vme(IOPL3 | VIF | IF), (a) => a.cli(), ended("1", "a3000"));
// VIF and VIP when a program is entered (20.3.2).
add("entered with VIF and VIP", vme(VIF | VIP), (a) => a.nop(), refused("0", "1a0000"));
add(
  "entered with VIF and VIP, IOPL 3",
  vme(IOPL3 | VIF | VIP),
  (a) => a.nop(),
  ended("1", "1a3000"),
);
add(
  "entered by a task switch with both",
  { mode: "ring0", cr4: VME },
  toVm86,
  refused("*", "1a0000"),
);
// INT n: methods 3 to 6 of table 20-2.
const int = (vector: number) => (a: Assembler) => a.int(vector);
const bit = (vector: number): number => 1 << vector;
add("INT n for the monitor", vme(VIF), int(VM86_UD2), refused("0", "a0000"));
add("INT n for the handler", vme(IOPL3), int(VM86_UD2), ["10 0 2 1000 23000 1000 0 0 0"]);
for (const [name, flags, pushed, left] of [
  ["VIF set", VIF, "3202", "20000"],
  ["VIF clear, IF set", IF, "3002", "20200"],
  ["IOPL 3, IF set", IOPL3 | IF, "3202", "23000"],
  ["IOPL 3, VIF set", IOPL3 | VIF, "3002", "a3000"],
] as const) {
  add(
    `INT n for the program, ${name}`,
    vme(flags, bit(VM86_UD2)),
    int(VM86_UD2),
    ended("*", left, `ffa * 1000 ${pushed}`),
  );
}
add(
  "INT n for the program and back",
  vme(VIF, bit(VM86_IRET)),
  int(VM86_IRET),
  ended("2", "a0000"),
);
add(
  "INT n and IRETD",
  vme(VIF, bit(VM86_IRETD)),
  int(VM86_IRETD),
  refused("*", "20000", "ffa * 1000 3202"),
);
add("INT3 is the handler's", vme(0, bit(3)), (a) => a.int3(), ["3 0 1 1000 20000 1000 0 0 0"]);
// The INT is not stepped, nor is IRET, which sets TF.
const intAndNop = (a: Assembler) => a.int(VM86_IRET).nop();
add("INT n for the program, stepped", vme(TF | IOPL3, bit(VM86_IRET)), intAndNop, [
  "1 0 3 1000 23100 4000 1000 0 0 0",
  "6 0 3 1000 23100 1000 0 0 0",
]);

// At CPL 3 with CR4.PVI, CLI and STI alone (20.4).
const pvi = (flags: number) => ({ mode: "ring3", cr4: PVI, flags }) as const;
add("PVI: CLI", pvi(VIF | IF), (a) => a.cli(), ["40 0 3 1b 200"]);
add("PVI: STI", pvi(0), (a) => a.sti(), ["40 0 3 1b 80000"]);
add("PVI: STI with VIP", pvi(VIP), (a) => a.sti(), ["d 0 0 1b 100000"]);
add("PVI: PUSHF and POPF", pvi(IF), (a) => a.pushf().db(0x80, 0x64, 0x24, 1, 0xfd).popf(), [
  "40 0 b 1b 200",
]);
add("PVI: CLI with IOPL 3", pvi(IOPL3 | VIF | IF), (a) => a.cli(), ["40 0 3 1b 83000"]);

/** The lines of each case, without leading zeros; every exception but a debug exception ends one. */
function byCase(text: string): string[][] {
  const groups: string[][] = [[]];
  for (const line of text.trimEnd().split("\n")) {
    const fields = line.trim().split(" ");
    groups.at(-1)?.push(fields.map((field) => field.replace(/^0+(?=.)/, "")).join(" "));
    if (!/^0*1$/.test(fields[0] as string)) groups.push([]);
  }
  groups.pop();
  return groups;
}

describe("32-bit protected mode", () => {
  const byManual = cases.filter(({ manual }) => manual !== undefined);
  const shared = cases.filter(({ manual }) => manual === undefined);
  const named = (list: readonly Case[], groups: readonly (readonly string[])[]): unknown =>
    Object.fromEntries(list.map(({ name }, i) => [name, groups[i]]));

  test("what TCG does not have is as the manual says", async () => {
    const ours = byCase((await runSnippets(protectedGuest(byManual))).text);
    expect(ours).toHaveLength(byManual.length);
    const known = ours.map((group, at) =>
      group.map((line, i) => {
        const wanted = byManual[at]?.manual?.[i]?.split(" ") ?? [];
        return line
          .split(" ")
          .map((field, n) => (wanted[n] === "*" ? "*" : field))
          .join(" ");
      }),
    );
    const expected = byManual.map(({ manual = [] }) => manual);
    expect(named(byManual, known)).toEqual(named(byManual, expected));
  });

  test.skipIf(!hasQemu)("the rest is QEMU's, with the same flags, DR6 and stack", async () => {
    const ours = byCase((await runSnippets(protectedGuest(shared))).text);
    expect(ours).toHaveLength(shared.length);
    const oracle = byCase(runOnQemu(protectedGuest(shared), [], ["-cpu", "max"]).debugcon);
    expect(named(shared, ours)).toEqual(named(shared, oracle));
  });
});
