// Debug exceptions: single steps, breakpoints and what holds them back, around every instruction that changes TF, IF
// or RF. A guest reports each one, here and on QEMU, and the lines are compared. Follows Intel SDM vol. 3B, 18.3,
// and vol. 3A, 6.8.

import { beforeAll, describe, expect, test } from "vitest";
import type { Assembler } from "../../asm/index.ts";
import * as o from "../../asm/index.ts";
import { hasQemu } from "../../testing/host-tools.ts";
import { runOnQemu } from "../platform/testdata/qemu.ts";
import {
  CODE64,
  DATA,
  exceptionsGuest,
  type Snippet,
  USER_CODE64,
  USER_DATA,
} from "./testdata/exceptions_guest.ts";
import { runSnippets } from "./testdata/run_snippets.ts";

const { al, ax, eax, ecx, edi, edx, esi, rax, rbx, rsp, ss, dr0, dr7 } = o;
/** A page of the guest that may be read and written. */
const SCRATCH = 0x8000;
/** DR7: breakpoint 0 on, on execution, or on a write or access of four bytes. */
const ON_EXECUTION = 1;
const ON_WRITE = 0xd_0001;
const ON_ACCESS = 0xf_0001;

const snippets: Snippet[] = [];
/** Snippets on which TCG of QEMU differs from the manual: what the manual says. */
const manual = new Map<number, readonly string[]>();
const add = (
  cpl: 0 | 3,
  name: string,
  write: (a: Assembler) => void,
  byManual?: readonly string[],
): void => {
  if (byManual !== undefined) manual.set(snippets.length, byManual);
  snippets.push({ name: `CPL ${cpl}: ${name}`, cpl, write });
};
const both = (
  name: string,
  write: (a: Assembler) => void,
  byManual?: (cs: string) => readonly string[],
): void => {
  add(0, name, write, byManual?.("8"));
  add(3, name, write, byManual?.("23"));
};
const setTf = (a: Assembler): Assembler => a.push(0x102).popfq();
const clearTf = (a: Assembler): Assembler => a.push(2).popfq();
const iret = (a: Assembler, cpl: 0 | 3, flags: number): void => {
  a.mov(rbx, rsp)
    .push(cpl === 0 ? DATA : USER_DATA)
    .push(rbx)
    .push(flags);
  a.push(cpl === 0 ? CODE64 : USER_CODE64);
  // LEA RAX, [RIP + 3]: behind PUSH RAX and IRETQ.
  a.db(0x48, 0x8d, 0x05, 3, 0, 0, 0).push(rax).iretq();
};
/** Breakpoint 0 at the address in RAX. */
const breakpoint = (a: Assembler, control: number): Assembler =>
  a.mov(dr0, rax).mov(eax, control).mov(dr7, rax);
const noBreakpoint = (a: Assembler): Assembler => a.xor(eax, eax).mov(dr7, rax);

// TF changed by the instruction itself.
both("POPF sets and clears TF", (a) => clearTf(setTf(a).nop().nop()).nop());
for (const cpl of [0, 3] as const) {
  add(cpl, "IRETQ sets TF", (a) => {
    iret(a, cpl, 0x102);
    clearTf(a.nop()).nop();
  });
  add(cpl, "IRETQ clears TF", (a) => {
    setTf(a);
    iret(a, cpl, 2);
    a.nop();
  });
  add(cpl, "IRETQ sets TF and RF", (a) => {
    iret(a, cpl, 0x1_0102);
    clearTf(a.nop()).nop();
  });
}
add(0, "SYSRET and SYSCALL are told whether TF is masked", (a) => {
  a.mov(ecx, 0xc000_0084).mov(eax, 0x100).xor(edx, edx).wrmsr();
});
add(3, "SYSCALL with TF, which FMASK clears", (a) => clearTf(setTf(a).nop().syscall().nop()));
add(0, "from here on TF is not masked", (a) => {
  a.mov(ecx, 0xc000_0084).xor(eax, eax).xor(edx, edx).wrmsr();
});
add(3, "SYSCALL with TF, which stays set", (a) => clearTf(setTf(a).nop().syscall().nop()));
add(0, "SYSRET sets TF", (a) => {
  a.db(0x48, 0x8d, 0x0d, 10, 0, 0, 0).mov(o.r11d, 0x102); // lea rcx, [rip + 10], behind SYSRET
  a.nop().db(0x48, 0x0f, 0x07);
  clearTf(a.mov(rsp, "user_stack_end").nop());
});

// What comes between.
both("PUSHF shows TF", (a) => clearTf(setTf(a).pushfq().pop(rax).nop()));
both("INT n and INT3 do not trap", (a) => setTf(a).int3());
both("UD2 with TF", (a) => setTf(a).ud2());
both("division by zero with TF", (a) => setTf(a.xor(ecx, ecx)).div(ecx));
both("a page fault with TF", (a) => setTf(a.mov(eax, 0x40_0000)).mov(al, o.mem(rax)));
// TCG takes INT1 for an invalid opcode. The manual: a debug exception that leaves DR6 alone (vol. 2, INT1).
both(
  "ICEBP",
  (a) => a.db(0xf1).nop(),
  (cs) => [`db 1 ${cs} 0 0`, `end 40 0 4 ${cs} 2`],
);
both(
  "ICEBP with TF",
  (a) => clearTf(setTf(a).db(0xf1).nop()),
  (cs) => [
    `db 7 ${cs} 0 100`,
    `db 8 ${cs} 4000 100`,
    `db a ${cs} 4000 100`,
    `db b ${cs} 4000 0`,
    `end 40 0 d ${cs} 2`,
  ],
);
both("MOV SS with TF", (a) => clearTf(setTf(a.mov(eax, ss)).mov(ss, ax).nop().nop()));
both("CPUID and RDTSC", (a) => clearTf(setTf(a.push(rbx).xor(eax, eax)).cpuid().rdtsc()).pop(rbx));
add(0, "STI, CLI, HLT's kin, control registers", (a) => {
  clearTf(setTf(a.push(rbx)).cli().mov(rax, o.cr0).mov(o.cr0, rax).mov(rax, o.cr3)).pop(rbx);
});
const string = (a: Assembler, count: number): Assembler =>
  a
    .mov(esi, SCRATCH)
    .mov(edi, SCRATCH + 64)
    .mov(ecx, count);
for (const count of [0, 1, 3]) {
  both(`REP MOVSB of ${count}`, (a) => clearTf(setTf(string(a, count)).db(0xf3, 0xa4)));
  both(`REPNE SCASB of ${count}`, (a) =>
    clearTf(setTf(string(a, count)).mov(al, 1).db(0xf2, 0xae)),
  );
}
// Breakpoints.
add(0, "on the execution of NOP", (a) => {
  // LEA RAX, [RIP + n]: the NOP behind MOV DR0, MOV EAX and MOV DR7.
  a.db(0x48, 0x8d, 0x05, 11, 0, 0, 0);
  noBreakpoint(breakpoint(a, ON_EXECUTION).nop());
});
// TCG hits before every iteration, though RF is set. The manual: before the instruction.
add(
  0,
  "on the execution of REP MOVSB",
  (a) => {
    string(a, 3).db(0x48, 0x8d, 0x05, 11, 0, 0, 0);
    noBreakpoint(breakpoint(a, ON_EXECUTION).db(0xf3, 0xa4));
  },
  ["db 21 8 1 0", "end 40 0 2a 8 46"],
);
add(0, "on a write", (a) => {
  breakpoint(a.mov(eax, SCRATCH), ON_WRITE).mov(o.dword(SCRATCH), eax).nop();
  noBreakpoint(a);
});
add(0, "on a write, not on a read", (a) => {
  breakpoint(a.mov(eax, SCRATCH), ON_WRITE).mov(eax, o.dword(SCRATCH)).nop();
  noBreakpoint(a);
});
add(0, "on an access that overlaps", (a) => {
  breakpoint(a.mov(eax, SCRATCH), ON_ACCESS)
    .mov(al, o.byte(SCRATCH + 3))
    .nop();
  noBreakpoint(a);
});
// TCG never comes out of the first debug exception. The manual: one that reports both (vol. 3B, 18.2.3).
add(
  0,
  "on an access, with TF",
  (a) => {
    breakpoint(a.mov(eax, SCRATCH), ON_ACCESS);
    setTf(a).mov(al, o.byte(SCRATCH + 3));
    noBreakpoint(clearTf(a));
  },
  ["db 1d 8 4001 100", "db 1f 8 4000 100", "db 20 8 4000 0", "end 40 0 27 8 46"],
);

// IA32_DEBUGCTL.BTF: the step goes to the next branch that is taken, and is one instruction again after that (vol. 3B,
// 18.4.4). TCG does not have it.
const setBtf = (a: Assembler): Assembler => a.mov(ecx, 0x1d9).mov(eax, 2).xor(edx, edx).wrmsr();
/** #UD unless BTF is as it should be. */
const checkBtf = (a: Assembler, value: number): Assembler =>
  a.mov(ecx, 0x1d9).rdmsr().cmp(eax, value).db(0x74, 2).ud2();
for (const [name, ...code] of [
  ["JMP", 0xeb, 1, 0x90],
  ["JZ", 0x75, 1, 0x74, 1, 0x90],
  ["CALL", 0xe8, 1, 0, 0, 0, 0x90],
  ["LOOP", 0xe2, 1, 0x90],
  ["JMP RAX", 0x48, 0x8d, 0x05, 4, 0, 0, 0, 0xff, 0xe0, 0x90, 0x90],
  ["RET", 0x48, 0x8d, 0x05, 3, 0, 0, 0, 0x50, 0xc3, 0x90],
] as const) {
  // Behind POPF, at 13, NOP and XOR, which are not stepped; then the instructions up to POPF are.
  const at = 0x17 + code.length;
  const line = (offset: number, flags: string): string =>
    `db ${offset.toString(16)} 8 4000 ${flags}`;
  add(
    0,
    `BTF up to ${name}`,
    (a) => {
      setTf(setBtf(a)).nop().xor(edx, edx);
      a.db(...code);
      checkBtf(clearTf(a.nop()), 0);
    },
    [
      ...[line(at, "100"), line(at + 1, "100"), line(at + 3, "100"), line(at + 4, "0")],
      `end 40 0 ${(at + 0x14).toString(16)} 8 46`,
    ],
  );
}
add(
  0,
  "BTF without a branch",
  (a) => {
    clearTf(
      setTf(string(setBtf(a), 3))
        .nop()
        .db(0xf3, 0xa4),
    );
    checkBtf(a, 2);
    a.mov(ecx, 0x1d9).xor(eax, eax).xor(edx, edx).wrmsr();
  },
  ["end 40 0 44 8 46"],
);

const guest = exceptionsGuest(snippets, { steps: true });

/** A debug exception's line has four fields, that of a snippet's end five or six. */
function bySnippet(text: string): string[][] {
  const groups: string[][] = [[]];
  for (const line of text.trimEnd().split("\n")) {
    const fields = line.trim().split(" ");
    const short = fields.map((field) => BigInt(`0x${field}`).toString(16)).join(" ");
    groups.at(-1)?.push(fields.length === 4 ? `db ${short}` : `end ${short}`);
    if (fields.length !== 4) groups.push([]);
  }
  groups.pop();
  return groups;
}

describe("debug exceptions", () => {
  let ours: string[][] = [];
  let oracle: string[][] = [];
  beforeAll(async () => {
    ours = bySnippet((await runSnippets(guest, "max")).text);
    if (hasQemu) oracle = bySnippet(runOnQemu(guest, [], ["-cpu", "max"]).debugcon);
  });

  test("every snippet comes to its end", () => {
    expect(ours).toHaveLength(snippets.length);
  });

  test.skipIf(!hasQemu)("come where QEMU's come, with the same DR6 and flags", () => {
    const named = (groups: string[][]): Record<string, string[]> =>
      Object.fromEntries(
        snippets.flatMap(({ name }, i) => (manual.has(i) ? [] : [[name, groups[i] ?? []]])),
      );
    expect(named(ours)).toEqual(named(oracle));
  });

  test("what TCG gets wrong is as the manual says", () => {
    for (const [i, expected] of manual) expect(ours[i], snippets[i]?.name).toEqual(expected);
  });
});
