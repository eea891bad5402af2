// Faults, error codes and privilege rules of long mode: a guest prints what each snippet caused, here and
// on QEMU, and the lines are compared. Follows Intel SDM vol. 3A, chapters 4 to 6.

import { beforeAll, describe, expect, test } from "vitest";
import type { Assembler } from "../../asm/index.ts";
import * as o from "../../asm/index.ts";
import { hasQemu } from "../../testing/host-tools.ts";
import { runOnQemu } from "../platform/testdata/qemu.ts";
import {
  ABSENT,
  BEYOND,
  CODE32,
  CODE64,
  DATA,
  exceptionsGuest,
  NO_EXECUTE,
  NOT_PRESENT,
  READ_ONLY,
  RESERVED,
  type Snippet,
  SPARE,
  SUPERVISOR,
  TSS,
  USER_CODE64,
  USER_DATA,
} from "./testdata/exceptions_guest.ts";
import { runSnippets } from "./testdata/run_snippets.ts";

const { al, ax, dx, eax, ecx, edx, rax, rbp, rcx, rsp, ds, es, fs, ss, cr0, cr3, cr4, dr7 } = o;
const NON_CANONICAL = 0x8000_0000_0000n;

const snippets: Snippet[] = [];
/** Snippets on which TCG of QEMU differs from the manual: what the manual says, as "vector code". */
const manual = new Map<number, string>();
/** Snippets that TCG does not survive. */
const alone = new Set<number>();
const add = (
  cpl: 0 | 3,
  name: string,
  write: (a: Assembler) => void,
  byManual?: string | Record<0 | 3, string>,
): void => {
  const expected = typeof byManual === "object" ? byManual[cpl] : byManual;
  if (expected !== undefined) manual.set(snippets.length, expected);
  snippets.push({ name: `CPL ${cpl}: ${name}`, cpl, write });
};
const both = (
  name: string,
  write: (a: Assembler) => void,
  byManual?: string | Record<0 | 3, string>,
): void => {
  add(0, name, write, byManual);
  add(3, name, write, byManual);
};

// Instructions that fault by themselves.
both("nothing", (a) => a.nop());
both("UD2", (a) => a.ud2());
both("INT3", (a) => a.int3());
both("division by zero", (a) => a.xor(ecx, ecx).div(ecx));
both("division overflow", (a) => a.mov(edx, 5).mov(eax, 0).mov(ecx, 4).div(ecx));
// The error code is vector * 8 + 2 (vol. 3A, 6.13); TCG has vector * 16 + 2.
both("INT to a gate of DPL 0", (a) => a.int(0x20), { 0: "20 0", 3: "d 102" });
both("INT beyond the IDT", (a) => a.int(0x80), "d 402");
both("single step", (a) => a.push(0x102).popfq().nop().nop());
both("LOCK on a register", (a) => a.db(0xf0, 0x01, 0xc0));
both("an instruction of 16 bytes", (a) => a.db(...Array(15).fill(0x66), 0x90));

// Addresses.
const at = (address: number | bigint) => (a: Assembler) => a.mov(rax, address).mov(ecx, o.mem(rax));
const to = (address: number | bigint) => (a: Assembler) => a.mov(rax, address).mov(o.mem(rax), ecx);
const execute = (address: number | bigint) => (a: Assembler) => a.mov(rax, address).jmp(rax);
for (const [name, address] of [
  ["a page that is not present", NOT_PRESENT],
  ["a read-only page", READ_ONLY],
  ["a supervisor page", SUPERVISOR],
  ["a no-execute page", NO_EXECUTE],
  ["the last bytes before an absent page", NOT_PRESENT - 2],
  ["a non-canonical address", NON_CANONICAL],
] as const) {
  both(`read ${name}`, at(address));
  both(`write ${name}`, to(address));
}
for (const [name, address] of [
  ["a page that is not present", NOT_PRESENT],
  ["a no-execute page", NO_EXECUTE],
] as const) {
  both(`execute ${name}`, execute(address));
}
// P is set with RSVD (vol. 3A, 4.7); TCG leaves it clear.
both("read a page with reserved bits", at(RESERVED), { 0: "e 9", 3: "e d" });
both("write a page with reserved bits", to(RESERVED), { 0: "e b", 3: "e f" });
both("execute a page with reserved bits", execute(RESERVED), { 0: "e 19", 3: "e 1d" });
both("read-modify-write of a read-only page", (a) => a.mov(rax, READ_ONLY).add(o.dword(rax), 1));
both("CMPXCHG on a read-only page", (a) => a.mov(rcx, READ_ONLY).cmpxchg(o.mem(rcx), edx));
add(0, "write a read-only page with CR0.WP clear", (a) => {
  a.mov(rax, cr0).and(eax, ~0x1_0000).mov(cr0, rax);
  a.mov(rcx, READ_ONLY).mov(o.mem(rcx), al);
  a.or(eax, 0x1_0000).mov(cr0, rax);
});
// A processor (AMD EPYC) looks at the first eight bytes of ten, and at the first element of an x87 environment, before it
// looks at the rest.
for (const [name, address, code] of [
  ["FSTP m80", 0x7fff_ffff_fff8n, [0xdb, 0x38]],
  ["FBSTP", 0x7fff_ffff_fff8n, [0xdf, 0x30]],
  ["FNSTENV", 0x7fff_ffff_fffcn, [0xd9, 0x30]],
  ["FNSAVE", 0x7fff_ffff_fffcn, [0xdd, 0x30]],
] as const) {
  const across = (at: bigint) => (a: Assembler) => a.mov(rax, at).db(...code);
  both(`${name} from an absent page on`, across(address), { 0: "e 2", 3: "e 6" });
  both(`${name} with its first piece across the end`, across(address + 1n), "d 0");
}
// Stack references raise #SS (vol. 3A, 6.15, interrupt 12), and RET faults itself (vol. 2, RET).
const stack = (a: Assembler) => a.mov(rsp, NON_CANONICAL + 8n).push(rax);
both("PUSH to a non-canonical stack", stack, "c 0");
const frame = (a: Assembler) => a.mov(rbp, NON_CANONICAL).mov(eax, o.mem(rbp));
both("read through a non-canonical RBP", frame, "c 0");
const back = (a: Assembler) => a.mov(rax, NON_CANONICAL).push(rax).ret();
both("RET to a non-canonical address", back, "d 0");

// Segments and descriptors.
for (const [name, selector] of [
  ["beyond the GDT", 0x200],
  ["an absent segment", ABSENT],
  ["a TSS", TSS],
  ["code", CODE64],
  ["data of DPL 0", DATA],
  ["data of DPL 3", USER_DATA],
] as const) {
  both(`MOV DS, ${name}`, (a) => a.mov(eax, selector).mov(ds, ax));
  both(`MOV SS, ${name}`, (a) => a.mov(eax, selector).mov(ss, ax));
}
both("MOV ES, null", (a) => a.xor(eax, eax).mov(es, ax));
both("MOV SS, null", (a) => a.xor(eax, eax).mov(ss, ax));
both("MOV FS with RPL 3 of DPL 0 data", (a) => a.mov(eax, DATA | 3).mov(fs, ax));
const farReturn = (selector: number) => (a: Assembler) => {
  a.lea(rax, o.mem("digits")).push(selector).push(rax).db(0x48, 0xcb);
};
both("RETF to a data segment", farReturn(DATA));
both("RETF to a null selector", farReturn(0));
both("RETF to an absent segment", farReturn(ABSENT));
add(3, "RETF to more privilege", farReturn(CODE64));
both("IRETQ to a null selector", (a) => a.push(0).push(rsp).push(2).push(0).push(0).iretq());
add(3, "IRETQ to CPL 0", (a) => a.push(DATA).push(rsp).push(2).push(CODE64).push(0).iretq());
add(0, "IRETQ to CPL 3 with SS of DPL 0", (a) =>
  a.push(DATA).push(rsp).push(2).push(USER_CODE64).push(0).iretq(),
);
add(0, "IRETQ with NT", (a) =>
  a.push(0x4002).popfq().push(DATA).push(rsp).push(2).push(CODE64).push(0).iretq(),
);
// IRETQ to segments of all kinds: the code segment that is returned to, or the stack's, is SPARE, which is accessed then.
// TCG does not set that bit, has #NP for a stack that is absent, and neither looks at D nor at the address.
for (const [from, rpl] of [
  [0, 0],
  [0, 3],
  [3, 3],
] as const) {
  const usual = { code: rpl === 0 ? CODE64 : USER_CODE64, stack: rpl === 0 ? DATA : USER_DATA };
  const returnTo = (
    what: string,
    descriptor: bigint,
    code: number,
    stack: number,
    byManual?: string,
  ): void => {
    const accessed = `accessed${snippets.length}`;
    const write = (a: Assembler): void => {
      a.mov(rax, descriptor)
        .mov(o.qword(o.sym("gdt", SPARE)), rax)
        .mov(rax, rsp);
      a.push(stack).push(rax).push(2).push(code);
      // LEA RAX, behind IRETQ.
      a.db(0x48, 0x8d, 0x05, 3, 0, 0, 0).push(rax).iretq();
      a.bt(o.dword(o.sym("gdt", SPARE + 4)), 8)
        .jc(accessed)
        .ud2();
      a.label(accessed);
    };
    add(from, `IRETQ to CPL ${rpl}, ${what}`, write, byManual);
  };
  const own = BigInt(rpl) << 45n;
  const other = BigInt(3 - rpl) << 45n;
  const long = 1n << 53n;
  for (const [what, rights, byManual] of [
    ["", 0x9b00_0000_0000n | own | long],
    ["not accessed", 0x9a00_0000_0000n | own | long, "40 0"],
    ["execute only", 0x9900_0000_0000n | own | long],
    ["absent", 0x1b00_0000_0000n | own | long],
    ["of another DPL", 0x9b00_0000_0000n | other | long],
    ["conforming", 0x9f00_0000_0000n | own | long],
    ["conforming of another DPL", 0x9f00_0000_0000n | other | long],
    ["with L and D", 0x9b00_0000_0000n | own | long | (1n << 54n), "d 58"],
    ["which is data", 0x9300_0000_0000n | own | long],
    ["which is a gate", 0x8c00_0000_0000n | own | long],
    ["with base and limit", 0x128f_9b34_5678_9abcn | own | long],
  ] as readonly [string, bigint, string?][])
    returnTo(`code ${what}`, rights, SPARE | rpl, usual.stack, byManual);
  for (const [what, rights, byManual] of [
    ["", 0x9300_0000_0000n | own],
    ["not accessed", 0x9200_0000_0000n | own, "40 0"],
    ["absent", 0x1300_0000_0000n | own, "c 58"],
    ["of another DPL", 0x9300_0000_0000n | other],
    ["read only", 0x9100_0000_0000n | own],
    ["that expands down", 0x9700_0000_0000n | own],
    ["which is code", 0x9b00_0000_0000n | own | long],
    ["which is a TSS", 0x8900_0000_0000n | own],
    ["with base and limit", 0x12cf_9334_5678_9abcn | own],
  ] as readonly [string, bigint, string?][])
    returnTo(`stack ${what}`, rights, usual.code, SPARE | rpl, byManual);
  const good = 0x9b00_0000_0000n | own | long;
  const data = 0x9300_0000_0000n | own;
  returnTo("code beyond the GDT", 0n, BEYOND | rpl, usual.stack);
  returnTo("stack beyond the GDT", 0n, usual.code, BEYOND | rpl);
  returnTo("code in the LDT", good, SPARE | 4 | rpl, usual.stack);
  returnTo("stack in the LDT", data, usual.code, SPARE | 4 | rpl);
  returnTo("a null stack", 0n, usual.code, rpl);
  returnTo("a stack of another RPL", data, usual.code, SPARE | (3 - rpl));
  const away = (a: Assembler): void => {
    a.mov(rax, NON_CANONICAL).push(usual.stack).push(rsp).push(2).push(usual.code).push(rax);
    a.iretq();
  };
  add(from, `IRETQ to CPL ${rpl}, a non-canonical address`, away, "d 0");
  add(from, `IRETQ to CPL ${rpl} with flags`, (a) => {
    a.push(usual.stack).push(rsp).push(0x4_0cd5).push(usual.code);
    a.db(0x48, 0x8d, 0x05, 3, 0, 0, 0).push(rax).iretq();
  });
}
both("CALL through a call gate", (a) => a.db(0xff, 0x1c, 0x25).dd(o.sym("far_pointer")));
both("LTR of a busy TSS", (a) => a.mov(eax, TSS).ltr(ax));
both("LLDT of a TSS", (a) => a.mov(eax, TSS).lldt(ax));
both("LAR and LSL", (a) => a.mov(ecx, CODE32).lar(eax, ecx).lsl(edx, ecx).lar(eax, ecx));

// Privileged instructions.
both("CLI", (a) => a.cli());
both("IN", (a) => a.in(al, 0x80));
both("OUT", (a) => a.mov(dx, 0x80).out(dx, al));
both("MOV from CR3", (a) => a.mov(rax, cr3));
for (const cpl of [0, 3] as const) {
  alone.add(snippets.length);
  add(cpl, "MOV to CR4 of a reserved bit", (a) => a.mov(eax, 0x8000_0000).mov(cr4, rax), "d 0");
  alone.add(snippets.length);
  add(cpl, "MOV to CR0, PG without PE", (a) => a.mov(eax, 0x8000_0000).mov(cr0, rax), "d 0");
}
both("MOV to CR1", (a) => a.db(0x0f, 0x22, 0xc8));
both("MOV from DR7", (a) => a.mov(rax, dr7));
// TCG ignores MSRs it does not know and reserved bits.
both("RDMSR of one that is not there", (a) => a.mov(ecx, 0x1234_5678).rdmsr(), "d 0");
const fsBase = (a: Assembler) => a.mov(ecx, 0xc000_0100).mov(edx, 0x100_0000).xor(eax, eax).wrmsr();
both("WRMSR of a non-canonical FS base", fsBase, "d 0");
const efer = (a: Assembler) => a.mov(ecx, 0xc000_0080).mov(eax, 0x901).mov(edx, 1).wrmsr();
both("WRMSR of reserved EFER bits", efer, "d 0");
both("LGDT", (a) => a.lgdt(o.mem("gdt_pointer")));
both("INVLPG", (a) => a.invlpg(o.mem("gdt")));
both("CLTS", (a) => a.clts());
both("SWAPGS", (a) => a.swapgs().db(0x0f, 0x01, 0xf8));
both("WBINVD", (a) => a.wbinvd());
add(3, "HLT", (a) => a.hlt());
// #UD without OSXSAVE comes before the privilege check (vol. 2, XSETBV).
both("XSETBV without OSXSAVE", (a) => a.xor(ecx, ecx).xsetbv(), "6 0");
add(3, "SYSRET", (a) => a.db(0x0f, 0x07));
// TCG's `max` is an AMD processor here, which has no SYSENTER in long mode.
both("SYSENTER with no target", (a) => a.sysenter(), "d 0");
both("POPFQ of IOPL", (a) => a.push(0x3002).popfq().pushfq().pop(rax).nop());
add(0, "SSE while CR0.TS is set", (a) => {
  a.mov(rax, cr0).or(eax, 8).mov(cr0, rax).db(0x0f, 0x57, 0xc0);
});
add(0, "SSE after CLTS", (a) => a.clts().db(0x0f, 0x57, 0xc0));

// What is undefined in 64-bit mode.
for (const opcode of [0x06, 0x27, 0x37, 0x60, 0x62, 0x82, 0x9a, 0xc4, 0xce, 0xd4, 0xd6, 0xea]) {
  add(3, `opcode ${opcode.toString(16)} in 64-bit mode`, (a) => a.db(opcode, 0, 0, 0, 0, 0, 0));
}

const guest = exceptionsGuest(snippets);

describe("exceptions in long mode", () => {
  let lines: string[] = [];
  let oracle: string[] = [];
  beforeAll(async () => {
    ({ lines } = await runSnippets(guest, "max"));
    const shared = exceptionsGuest(snippets.filter((_, i) => !alone.has(i)));
    if (hasQemu) oracle = runOnQemu(shared, [], ["-cpu", "max"]).debugcon.trimEnd().split("\n");
  });

  test("every snippet reports, and what completes reports the end", () => {
    expect(lines).toHaveLength(snippets.length);
    expect(lines[0]).toMatch(/^0{14}40 /);
  });

  test("what TCG gets wrong is as the manual says", () => {
    const short = (line: string | undefined): string =>
      (line ?? "")
        .split(" ")
        .slice(0, 2)
        .map((field) => BigInt(`0x${field}`).toString(16))
        .join(" ");
    for (const [i, expected] of manual) {
      expect(`${snippets[i]?.name}: ${short(lines[i])}`).toBe(`${snippets[i]?.name}: ${expected}`);
    }
  });

  test.skipIf(!hasQemu)("vector, error code, RIP, CS, flags and CR2 are QEMU's", () => {
    // The oracle's guest has no snippets of `alone`.
    const shared = snippets.map((_, i) => i).filter((i) => !alone.has(i));
    const name = (i: number, line: string | undefined): string =>
      `${snippets[i]?.name}: ${manual.has(i) ? "" : (line ?? "").trim()}`;
    const ours = shared.map((i) => name(i, lines[i]));
    expect(ours).toEqual(shared.map((i, n) => name(i, oracle[n])));
  });
});
