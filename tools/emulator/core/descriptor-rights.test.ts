// Descriptors are read with supervisor rights, by the translations that are valid for these: in a page of users CR4.SMAP
// forbids it, whatever EFLAGS.AC allows the program that executes (Intel SDM vol. 3A, 4.6.1), and INVLPG counts.

import { expect, test } from "vitest";
import {
  type Assembler,
  ax,
  cr3,
  cr4,
  eax,
  ecx,
  edi,
  es,
  mem,
  qword,
  r8w,
  rax,
  rbx,
  rdi,
  rsi,
  rsp,
} from "../../asm/index.ts";
import { DATA_AREA, type Workload } from "../bench/workload.ts";
import type { Accel } from "../jit/accel.ts";
import { loadLongerGdt } from "./testdata/longer-gdt.ts";
import { resultsOf } from "./testdata/workload-results.ts";

const TABLES = DATA_AREA;
/** PDPT, directories of the first GiB and of the third one. */
const [PDPT, LOW, HIGH] = [TABLES + 0x1000, TABLES + 0x2000, TABLES + 0x3000];
const GDT = DATA_AREA + 0x1_0000;
const RESULTS = DATA_AREA + 0x2_0000;
/** Two frames with an LDT each: a data segment that is present, and one that is not. */
const [FIRST, SECOND] = [0x120_0000, 0x140_0000];
/** Where the LDT is, in a page of users. */
const LDT = 0x8000_0000n;
const LDT_DESCRIPTOR = 0x8000_8200_0000_0007n;
const [PRESENT, ABSENT] = [0x00cf_9300_0000_ffffn, 0x00cf_1300_0000_ffffn];
const SELECTOR = 4;
const ROUNDS = 100;
const [SUPERVISOR, USER] = [0x83, 0x87];
const SMAP = 1 << 21;

function tables(): Uint8Array {
  const words = new BigUint64Array(4 * 512);
  words[0] = BigInt(PDPT | 7);
  words[512] = BigInt(LOW | 7);
  words[512 + 2] = BigInt(HIGH | 7);
  for (let i = 0; i < 512; i++) words[1024 + i] = (BigInt(i) << 21n) | BigInt(SUPERVISOR);
  return new Uint8Array(words.buffer);
}

/** A handler that notes its error code and goes on behind what has faulted, whose address is in RSI. */
function handler(a: Assembler, label: string): void {
  a.align(16).label(label);
  a.pop(rax).mov(qword(rdi), rax).add(rdi, 8).mov(qword(rsp), rsi).iretq();
}

const workload: Workload = {
  name: "descriptors",
  what: "descriptors in a page of users",
  rounds: ROUNDS,
  gates: { 11: "not_present", 14: "page_fault" },
  image: { bytes: tables(), address: TABLES, entry: 0 },
  code(a) {
    a.mov(rax, TABLES).mov(cr3, rax);
    // The GDT with a descriptor of the LDT behind it.
    loadLongerGdt(a, GDT, LDT_DESCRIPTOR);
    a.mov(rax, PRESENT).mov(qword(FIRST), rax).mov(rax, ABSENT).mov(qword(SECOND), rax);
    a.mov(rbx, LDT).mov(ecx, ROUNDS);
    const loadSegment = (behind: string): void => {
      a.lea(rsi, mem(behind)).mov(eax, SELECTOR).mov(es, ax);
      a.label(behind);
    };
    const map = (frame: number): void => {
      a.mov(rax, frame | USER)
        .mov(qword(HIGH), rax)
        .invlpg(mem(rbx));
    };
    a.label("round");
    a.mov(edi, RESULTS);
    map(FIRST);
    a.lldt(r8w);
    loadSegment("first");
    a.mov(rax, cr4).or(eax, SMAP).mov(cr4, rax).stac();
    // The program may.
    a.mov(rax, qword(rbx));
    loadSegment("with_smap");
    a.clac().mov(rax, cr4).and(eax, ~SMAP).mov(cr4, rax);
    loadSegment("without_smap");
    map(SECOND);
    loadSegment("second");
    a.mov(qword(rdi), -1).dec(ecx).jnz("round").ret();
    handler(a, "not_present");
    handler(a, "page_fault");
  },
};

const accels: Accel[] = [{ kind: "interp" }, { kind: "jit", threshold: 20 }];

test.each(accels)("descriptors are read as a supervisor's data, with $kind", async (accel) => {
  const results = await resultsOf(workload, accel, RESULTS, 3);
  // #PF of a supervisor's read of what is present, #NP with the selector, nothing else.
  expect(results).toEqual([1n, BigInt(SELECTOR), 0xffff_ffff_ffff_ffffn]);
});
