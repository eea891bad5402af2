// 5-level paging and 57-bit linear addresses, which the `max` model has: a guest with five levels and one with four
// try accesses, branches, stacks and registers with addresses of both widths and print what happened, here and on
// QEMU, and the lines are compared. Follows Intel SDM vol. 1, 3.3.7.1, and vol. 3A, 2.5 (CR4.LA57) and 4.5.

import { beforeAll, describe, expect, test } from "vitest";
import type { Assembler } from "../../asm/index.ts";
import * as o from "../../asm/index.ts";
import { hasQemu } from "../../testing/host-tools.ts";
import { Machine } from "../host/machine.ts";
import { runOnQemu } from "../platform/testdata/qemu.ts";
import {
  CODE64,
  DATA,
  exceptionsGuest,
  NOT_PRESENT,
  READ_ONLY,
  type Snippet,
  TSS,
  USER_CODE64,
  USER_DATA,
} from "./testdata/exceptions_guest.ts";
import { outcomeOf, runSnippets } from "./testdata/run_snippets.ts";

const { al, eax, ecx, edx, rax, rbp, rbx, rcx, rdx, rsp, cr3, cr4 } = o;

const LA57 = 1 << 12;
const DONE = "40 0";
const GP0 = "d 0";
const SS0 = "c 0";
const LOWER = 0x1_0000_0000_0000n;
const UPPER = 0xff00_0000_0000_0000n;
/** Canonical in neither width. */
const NOWHERE = 0x0100_0000_0000_0000n;
/** Where INT 0x40 stands; snippets start and end there. */
const END = 0x5000;

/** Where a direct branch stands, in physical memory, and its forms, which all go beyond the next 2 MiB. */
const LAST = 0x1f_ffe5;
const BRANCHES = [
  ["JMP rel8", 0xeb, 0x30],
  ["JMP rel32", 0xe9, 0x30, 0, 0, 0],
  ["CALL", 0xe8, 0x30, 0, 0, 0],
  ["JZ rel8", 0x74, 0x30],
  ["JZ rel32", 0x0f, 0x84, 0x30, 0, 0, 0],
  ["LOOP", 0xe2, 0x30],
  ["JRCXZ", 0xe3, 0x30],
] as const;
const OVER_THE_END = "over the end of the lower half";

interface Case extends Snippet {
  /** "vector code" */
  outcome: string;
  /** TCG of QEMU differs from the manual. */
  manual: boolean;
}

/** The cases of a guest with `levels` of paging, on the `max` model. */
function casesOf(levels: 4 | 5): Case[] {
  const cases: Case[] = [];
  const five = levels === 5;
  const add = (
    cpl: 0 | 3,
    name: string,
    outcome: string,
    write: (a: Assembler) => void,
    manual = false,
  ): void => {
    cases.push({ name: `CPL ${cpl}: ${name}`, cpl, write, outcome, manual });
  };
  const both = (name: string, outcome: string, write: (a: Assembler) => void, manual = false) => {
    for (const cpl of [0, 3] as const) add(cpl, name, outcome, write, manual);
  };
  /** #UD unless the condition of opcode `jump`, the skipping one, holds. */
  const unless = (a: Assembler, jump: number): Assembler => a.db(jump, 2).ud2();

  add(0, "INT 0x40 for branches", DONE, (a) => a.mov(o.word(END), 0x40cd));
  add(0, "CPUID has LA57", DONE, (a) =>
    unless(a.mov(eax, 7).xor(ecx, ecx).cpuid().bt(ecx, 16), 0x72),
  );
  add(0, "CPUID has 57 bits", DONE, (a) =>
    unless(a.mov(eax, 0x8000_0008).cpuid().shr(eax, 8).cmp(al, 57), 0x74),
  );
  add(0, "CR4.LA57 cannot change in long mode", GP0, (a) =>
    a.mov(rax, cr4).xor(eax, LA57).mov(cr4, rax),
  );
  add(0, "CR4.LA57 can be written as it is", DONE, (a) => a.mov(rax, cr4).mov(cr4, rax));

  const places = [
    ["a 57-bit address of the lower half", LOWER, five],
    ["a 57-bit address of the upper half", UPPER, five],
    ["a non-canonical address", NOWHERE, false],
  ] as const;
  for (const [name, base, reached] of places) {
    const at = (offset: number): bigint => base + BigInt(offset);
    const when = (otherwise: string): string => (reached ? DONE : otherwise);
    both(`read ${name}`, when(GP0), (a) => a.mov(rax, at(END)).mov(ecx, o.mem(rax)));
    both(`write ${name}`, when(GP0), (a) => a.mov(rax, at(END + 8)).mov(o.mem(rax), ecx));
    both(`exchange at ${name}`, when(GP0), (a) => a.mov(rbx, at(END + 8)).cmpxchg(o.mem(rbx), ecx));
    both(`read ${name} into XMM0`, when(GP0), (a) => a.mov(rax, at(END)).db(0x0f, 0x10, 0x00));
    // TCG has #GP (vol. 3A, 6.15, interrupt 12: #SS).
    both(`push to ${name}`, when(SS0), (a) => a.mov(rsp, at(END + 32)).push(rax), !reached);
    const frame = (a: Assembler) => a.mov(rbp, at(END)).mov(eax, o.mem(rbp));
    both(`read through RBP at ${name}`, when(SS0), frame, !reached);
    // TCG faults when it fetches, with RIP at the target; RET, CALL and JMP fault themselves (vol. 2).
    both(`JMP to ${name}`, when(GP0), (a) => a.mov(rax, at(END)).jmp(rax), !reached);
    both(`CALL to ${name}`, when(GP0), (a) => a.mov(rax, at(END)).db(0xff, 0xd0), !reached);
    both(`RET to ${name}`, when(GP0), (a) => a.mov(rax, at(END)).push(rax).ret(), !reached);
    for (const cpl of [0, 3] as const) {
      add(
        cpl,
        `IRETQ to ${name}`,
        when(GP0),
        (a) => {
          a.mov(rax, at(END))
            .mov(rbx, rsp)
            .push(cpl === 0 ? DATA : USER_DATA)
            .push(rbx)
            .push(2);
          a.push(cpl === 0 ? CODE64 : USER_CODE64)
            .push(rax)
            .iretq();
        },
        !reached,
      );
      add(
        cpl,
        `RETF to ${name}`,
        when(GP0),
        (a) => {
          a.mov(rax, at(END))
            .push(cpl === 0 ? CODE64 : USER_CODE64)
            .push(rax)
            .db(0x48, 0xcb);
        },
        !reached,
      );
    }
    // TCG does not check RCX.
    add(
      0,
      `SYSRET to ${name}`,
      when(GP0),
      (a) => {
        a.mov(ecx, 0xc000_0081)
          .xor(eax, eax)
          .mov(edx, CODE64 | (0x13 << 16))
          .wrmsr();
        a.mov(rcx, at(END)).mov(o.r11d, 2).db(0x48, 0x0f, 0x07);
      },
      !reached,
    );
    // TCG's `max` is an AMD processor here, without SYSENTER in long mode.
    add(
      0,
      `SYSEXIT to ${name}`,
      when(GP0),
      (a) => {
        a.mov(ecx, 0x174)
          .mov(eax, DATA - 8)
          .xor(edx, edx)
          .wrmsr();
        a.mov(rdx, at(END)).mov(rcx, rsp).db(0x48, 0x0f, 0x35);
      },
      true,
    );
    both(`through FS at ${name}`, when(GP0), (a) => a.mov(rax, at(END)).db(0x64, 0x8b, 0x00));
    // IST 3 for INT 0x40 alone, so that the fault finds another stack.
    add(
      0,
      `handler's stack at ${name}`,
      when(SS0),
      (a) => {
        a.mov(rax, at(END + 256)).mov(o.qword(o.sym("tss", 0x34)), rax);
        a.mov(o.byte(o.sym("idt", 0x404)), 3);
      },
      !reached,
    );
    add(0, "the stack of INT 0x40 as it was", DONE, (a) => a.mov(o.byte(o.sym("idt", 0x404)), 1));
    add(0, `INVLPG of ${name}`, DONE, (a) => a.mov(rax, at(END)).invlpg(o.mem(rax)));
  }

  // Direct branches over the end of the lower half fault themselves, before CALL pushes; TCG goes there first. The
  // last 2 MiB of it are mapped as low memory is.
  const end = 1n << (five ? 56n : 47n);
  add(0, "memory up to the end of the lower half", DONE, (a) => {
    if (five) a.mov(o.dword(o.sym("pml5", 255 * 8)), o.sym("pml4", 7));
    for (const n of [255, 511]) a.mov(o.dword(o.sym("pml4", n * 8)), o.sym("pdpt", 7));
    a.mov(o.dword(o.sym("pdpt", 511 * 8)), o.sym("pd", 7)).mov(o.dword(o.sym("pd", 511 * 8)), 0x87);
    a.mov(rax, cr3).mov(cr3, rax);
  });
  for (const [name, ...code] of BRANCHES) {
    add(0, `${name} stands at the end of the lower half`, DONE, (a) => {
      for (const [i, byte] of code.entries()) a.mov(o.byte(LAST + i), byte);
    });
    both(
      `${name} ${OVER_THE_END}`,
      GP0,
      (a) => {
        // What is pushed would be a page fault.
        a.mov(rsp, READ_ONLY + 64).mov(rax, end - 0x20_0000n + BigInt(LAST));
        a.mov(ecx, name === "LOOP" ? 2 : 0)
          .xor(edx, edx)
          .jmp(rax);
      },
      true,
    );
  }

  // What is loaded for later takes what the processor has; TCG checks nothing here.
  const values = [
    ["48 bits", 0xffff_aaaa_0000_0000n, true],
    ["57 bits", 0xffaa_aaaa_0000_0000n, true],
    ["64 bits", 0xaaaa_aaaa_0000_0000n, false],
  ] as const;
  for (const [width, value, taken] of values) {
    const outcome = taken ? DONE : GP0;
    for (const [name, msr] of [
      ["FS base", 0xc000_0100],
      ["GS base", 0xc000_0101],
      ["kernel GS base", 0xc000_0102],
      ["LSTAR", 0xc000_0082],
      ["CSTAR", 0xc000_0083],
      ["SYSENTER_ESP", 0x175],
      ["SYSENTER_EIP", 0x176],
    ] as const) {
      const write = (a: Assembler) =>
        a
          .mov(ecx, msr)
          .mov(edx, Number(value >> 32n))
          .xor(eax, eax)
          .wrmsr();
      add(0, `WRMSR of ${name}, ${width}`, outcome, write, !taken);
    }
    for (const [name, group] of [
      ["WRFSBASE", 0xd0],
      ["WRGSBASE", 0xd8],
    ] as const) {
      const write = (a: Assembler): void => {
        a.mov(rax, cr4).or(eax, 0x1_0000).mov(cr4, rax);
        a.mov(rax, value).db(0xf3, 0x48, 0x0f, 0xae, group);
      };
      add(0, `${name}, ${width}`, outcome, write, !taken);
    }
    for (const [name, store, load] of [
      ["LGDT", 0x04, 0x14],
      ["LIDT", 0x0c, 0x1c],
    ] as const) {
      const write = (a: Assembler): void => {
        // Where it was is loaded again before anything needs it.
        a.sub(rsp, 64).db(0x0f, 0x01, store, 0x24).mov(rax, value);
        a.mov(o.word(rsp, { disp: 32 }), 0xfff).mov(o.mem(rsp, { disp: 34 }), rax);
        a.db(0x0f, 0x01, load | 0x40, 0x24, 32).db(0x0f, 0x01, load, 0x24);
      };
      add(0, `${name}, ${width}`, outcome, write, !taken);
    }
    add(
      0,
      `LLDT, ${width}`,
      taken ? DONE : `d ${TSS.toString(16)}`,
      (a) => {
        a.mov(rbx, "gdt").mov(o.byte(rbx, { disp: TSS + 5 }), 0x82);
        a.mov(o.dword(rbx, { disp: TSS + 8 }), Number(value >> 32n))
          .mov(eax, TSS)
          .lldt(o.ax);
      },
      !taken,
    );
    add(0, "the descriptor as it was", DONE, (a) => {
      a.mov(rbx, "gdt").mov(o.dword(rbx, { disp: TSS + 8 }), 0);
      a.mov(o.byte(rbx, { disp: TSS + 5 }), 0x8b);
    });
    add(
      0,
      `INVPCID, ${width}`,
      outcome,
      (a) => {
        a.sub(rsp, 64)
          .mov(rax, value)
          .mov(o.qword(rsp), 0)
          .mov(o.mem(rsp, { disp: 8 }), rax);
        a.xor(eax, eax).db(0x66, 0x0f, 0x38, 0x82, 0x04, 0x24);
      },
      true,
    );
    // DR0 to DR3 take anything (vol. 3B, 18.2.6).
    add(0, `MOV to DR0, ${width}`, DONE, (a) => a.mov(rax, value).mov(o.dr0, rax));
  }

  if (five) {
    const entry = (name: string, index: number, low: number, code: string, high = 0): void => {
      const address = BigInt(index) << 48n;
      const slot = o.sym("pml5", index * 8);
      add(
        0,
        `read where the PML5 entry ${name}`,
        code,
        (a) => {
          a.mov(o.dword(slot), o.sym("pml4", low)).mov(o.dword(o.sym("pml5", index * 8 + 4)), high);
          a.mov(rax, cr3).mov(cr3, rax).mov(rax, address).mov(ecx, o.mem(rax));
        },
        code.endsWith("9"),
      );
    };
    add(0, "read where the PML5 entry is not present", "e 0", (a) =>
      a.mov(rax, 0x7n << 48n).mov(ecx, o.mem(rax)),
    );
    add(3, "read where the PML5 entry is not present", "e 4", (a) =>
      a.mov(rax, 0x7n << 48n).mov(ecx, o.mem(rax)),
    );
    // P is set with RSVD (vol. 3A, 4.7); TCG leaves it clear.
    entry("has bit 7", 2, 0x87, "e 9");
    entry("has reserved address bits", 2, 7, "e 9", 0x8_0000);
    entry("is good", 2, 7, DONE);
    entry("is the supervisor's", 3, 3, DONE);
    add(3, "read where the PML5 entry is the supervisor's", "e 5", (a) =>
      a.mov(rax, 0x3n << 48n).mov(ecx, o.mem(rax)),
    );
    entry("is read-only", 4, 5, DONE);
    add(3, "write where the PML5 entry is read-only", "e 7", (a) =>
      a.mov(rax, 0x4_0000_0000_5008n).mov(o.mem(rax), ecx),
    );
    entry("has NX", 5, 7, DONE, 0x8000_0000 | 0);
    add(3, "execute where the PML5 entry has NX", "e 15", (a) =>
      a.mov(rax, 0x5_0000_0000_5000n).jmp(rax),
    );
    add(0, "the PML5 entry is marked accessed and not dirty", DONE, (a) =>
      unless(
        a
          .mov(eax, o.dword(o.sym("pml5", 16)))
          .and(eax, 0x60)
          .cmp(eax, 0x20),
        0x74,
      ),
    );
    add(0, "the address of a fault has 57 bits", "e 0", (a) =>
      a.mov(rax, UPPER + BigInt(NOT_PRESENT)).mov(ecx, o.mem(rax)),
    );
  }
  return cases;
}

describe.each([4, 5] as const)("with %i levels of paging", (levels) => {
  const cases = casesOf(levels);
  const guest = exceptionsGuest(cases, { levels });
  let lines: string[] = [];
  let machine: Machine;
  beforeAll(async () => {
    ({ machine, lines } = await runSnippets(guest, "max"));
  });
  const named = (all: readonly string[]): string[] =>
    cases.map(({ name }, i) => `${name}: ${all[i]?.trim()}`);

  test("vector and error code are the manual's", () => {
    expect(named(lines.map(outcomeOf))).toEqual(named(cases.map((c) => c.outcome)));
  });

  test.skipIf(!hasQemu)("vector, error code, RIP, CS, flags and CR2 are QEMU's", () => {
    const oracle = runOnQemu(guest, [], ["-cpu", "max"]).debugcon.trimEnd().split("\n");
    const shared = (all: readonly string[]): string[] =>
      named(all).filter((_, i) => !cases[i]?.manual);
    expect(shared(lines)).toEqual(shared(oracle));
  });

  test("a direct branch that would leave the canonical addresses is where the fault is", () => {
    const found = lines.filter((_, i) => cases[i]?.name.endsWith(OVER_THE_END));
    expect(found).toHaveLength(2 * BRANCHES.length);
    // Snippets begin at multiples of 16.
    for (const line of found) {
      const offset = BigInt(`0x${line.split(" ")[2]}`);
      expect(offset & 15n).toBe(BigInt(LAST) & 15n);
      expect(offset >> 40n).toBeGreaterThan(0n);
    }
  });

  test("a machine goes on from a snapshot in the same mode", async () => {
    const options = { kernel: guest, memory: "64M", cpu: "max" } as const;
    const first = await Machine.create({ ...options, debugExit: { iobase: 0xf4, iosize: 4 } });
    first.runSync({ instructions: 100_000 });
    expect((first.cpus[0]?.wide("cr4") ?? 0n) & BigInt(LA57)).toBe(levels === 5 ? 0x1000n : 0n);
    const other = await first.clone();
    expect(other.runSync().kind).toBe("debug-exit");
    first.runSync();
    expect(other.stateHash()).toBe(first.stateHash());
  });

  test("a debugger finds memory through all levels", () => {
    const bytes = (address: bigint): number[] => [...machine.readLinear(address, 2, 0)];
    const end = [0xcd, 0x40];
    expect(bytes(BigInt(END))).toEqual(end);
    expect(bytes(LOWER + BigInt(END))).toEqual(end);
    // With four levels these bits are nobody's: a debugger sees what is mapped.
    expect(bytes((0x7n << 48n) + BigInt(END))).toEqual(levels === 5 ? [] : end);
  });

  if (levels === 4)
    test("the default model has 48 bits", async () => {
      const outcomes = (await runSnippets(guest)).lines.map(outcomeOf);
      const of = (name: string): string | undefined =>
        outcomes[cases.findIndex((c) => c.name === `CPL 0: ${name}`)];
      expect(of("CPUID has LA57")).toBe("6 0");
      expect(of("CPUID has 57 bits")).toBe("6 0");
      for (const name of ["FS base", "LSTAR", "SYSENTER_EIP"]) {
        expect(of(`WRMSR of ${name}, 48 bits`)).toBe(DONE);
        expect(of(`WRMSR of ${name}, 57 bits`)).toBe(GP0);
      }
      expect(of("LGDT, 57 bits")).toBe(GP0);
    });
});
