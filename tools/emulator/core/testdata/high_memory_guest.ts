// A workload whose memory is above 4 GiB: 1024 pages far from each other, which it writes, reads and copies at random
// places, in which it has page tables of its own, and code that it copies there, calls and changes. Its result is a sum of
// all that it has read.

import {
  type Assembler,
  byte,
  cr3,
  eax,
  ecx,
  mem,
  qword,
  r8,
  r9,
  r10,
  r12,
  r13,
  r14,
  r15,
  rax,
  rbx,
  rcx,
  rdi,
  rdx,
  rsi,
  sym,
} from "../../../asm/index.ts";
import type { Workload } from "../../bench/workload.ts";

const PAGE_BITS = 12;
/** So many pages, every 0x505th of 5 GiB from 4 GiB on. */
const PAGES = 0x400;
const STRIDE = 0x505;
const FOUR_GIB = 0x1_0000_0000n;
/** The page tables map this GiB by pages of 4 KiB, each of which is one of the random pages. */
const WINDOW = 16n << 30n;
/** Its tables are in the first of the pages. */
const [DIRECTORY, TABLE] = [FOUR_GIB, FOUR_GIB + 0x1000n];
const GIB_PAGE = 0x87n;
const MAP = 7n;

/** RAX = address of a random page, with R14 as the generator; RCX is the random number it was made of. Changes RDX. */
function randomPage(a: Assembler): void {
  a.mov(rcx, 6364136223846793005n).imul(r14, rcx);
  a.mov(rcx, 1442695040888963407n).add(r14, rcx);
  a.mov(rcx, r14).shr(rcx, 33);
  a.mov(eax, ecx)
    .and(eax, PAGES - 1)
    .imul(eax, eax, STRIDE)
    .add(eax, 2);
  a.shl(rax, PAGE_BITS).mov(rdx, FOUR_GIB).add(rax, rdx);
}

export const highMemoryWorkload = (rounds: number, cpus: 1 | 2 = 1): Workload => ({
  name: "high memory",
  what: "RAM above 4 GiB",
  rounds,
  cpus,
  code(a: Assembler): void {
    // Pages of 1 GiB from 4 GiB on, and a window of small ones.
    for (let gib = 4; gib < 12; gib++) {
      a.mov(rax, (BigInt(gib) << 30n) | GIB_PAGE).mov(qword(sym("pdpt", gib * 8)), rax);
    }
    a.mov(rax, cr3).mov(cr3, rax);
    a.mov(rbx, DIRECTORY)
      .mov(rax, TABLE | MAP)
      .mov(qword(rbx), rax);
    a.mov(rax, DIRECTORY | MAP).mov(qword(sym("pdpt", 16 * 8)), rax);
    // The stack tells the CPUs apart.
    a.mov(r14, 12345).mov(rax, "second_seed").mov(rcx, 1).db(0xf0, 0x48, 0x0f, 0xc1, 0x08); // lock xadd [rax], rcx
    a.add(r14, rcx).mov(r13, 0);
    a.label("high_round");
    // A number is added to another one.
    randomPage(a);
    a.shr(ecx, 12).and(ecx, 0xff8).add(rax, rcx).add(qword(rax), r14).add(r13, qword(rax));
    // A stretch that crosses pages is copied from one to another.
    randomPage(a);
    a.mov(rsi, rax).mov(r8, rcx);
    randomPage(a);
    a.mov(rdi, rax).add(rdi, 0x123);
    a.mov(rcx, r8).shr(rcx, 13).and(rcx, 0x1fff).rep.movsb();
    // Code: it changes a number in its own page.
    randomPage(a);
    a.mov(r9, rax).mov(rdi, rax).mov(rsi, "high_code").mov(rcx, 32).rep.movsb();
    a.mov(rax, r14).call(r9).add(r13, rax);
    a.mov(byte(r9, { disp: 3 }), 0x11)
      .call(r9)
      .add(r13, rax);
    // A page of the window.
    randomPage(a);
    a.mov(r10, rax).mov(rdx, MAP).or(r10, rdx);
    a.mov(r12, rcx).shr(r12, 12).and(r12, 0x1ff);
    a.mov(rbx, TABLE).mov(mem(rbx, { index: r12, scale: 8 }), r10);
    a.mov(rax, r12).shl(rax, PAGE_BITS).mov(rbx, WINDOW).add(rbx, rax);
    a.invlpg(mem(rbx))
      .add(qword(rbx, { disp: 0x18 }), r14)
      .add(r13, qword(rbx, { disp: 0x18 }));
    // Accessed and dirty bits.
    a.mov(rbx, TABLE).add(r13, qword(rbx, { index: r12, scale: 8 }));
    a.dec(r15).jnz("high_round");
    a.mov(rax, r13).ret();
    a.align(16).label("high_code");
    a.db(0x48, 0x8d, 0x40, 0x05); // lea rax, [rax + 5]
    a.db(0x48, 0x01, 0x05, 0x79, 0, 0, 0); // add [rip + 0x79], rax
    a.db(0x48, 0x03, 0x05, 0x72, 0, 0, 0); // add rax, [rip + 0x72]
    a.db(0xc3).space(32);
    a.align(8).label("second_seed");
    a.dq(0);
  },
});
