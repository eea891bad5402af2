// INVLPG of a large page: all parts of it leave the TLB, also those that the instruction's address is not in (Intel SDM
// vol. 3A, 4.10.4.1), whatever the page tables say by then.

import { expect, test } from "vitest";
import { type Assembler, cr3, mem, qword, rax, rbx, rcx, rdi } from "../../asm/index.ts";
import { benchKernel } from "../bench/frame.ts";
import { DATA_AREA, type Workload } from "../bench/workload.ts";
import { Machine } from "../host/machine.ts";
import type { Accel } from "../jit/accel.ts";

const TABLES = DATA_AREA;
const RESULTS = DATA_AREA + 0x1_0000;
const MAP = 3;
const LARGE = 0x83;
/** Two frames of 2 MiB that no code is in. */
const [FIRST, SECOND] = [0x100_0000, 0x120_0000];
/** Where the page under test is: the third GiB. */
const PAGE = 0x8000_0000n;
const PARTS = [0x8, 0x5008, 0x1f_f008];

interface Case {
  name: string;
  /** Offset in the page from where its `PARTS` are, and its entry in the tables, before and after. */
  entry: number;
  before: number;
  after: number;
}

/** PML4, PDPT, one directory for the first GiB and one for the page under test. */
const [PDPT, LOW, HIGH] = [TABLES + 0x1000, TABLES + 0x2000, TABLES + 0x3000];
const cases: Case[] = [
  { name: "2 MiB", entry: HIGH, before: FIRST | LARGE, after: SECOND | LARGE },
  // A page of 1 GiB at address 0 becomes a directory whose first entry is another frame.
  { name: "1 GiB", entry: PDPT + 16, before: LARGE, after: HIGH | MAP },
];

function tables({ name }: Case): Uint8Array {
  const words = new BigUint64Array(4 * 512);
  words[0] = BigInt(PDPT | MAP);
  words[512] = BigInt(LOW | MAP);
  words[512 + 2] = name === "2 MiB" ? BigInt(HIGH | MAP) : BigInt(LARGE);
  for (let i = 0; i < 512; i++) words[1024 + i] = (BigInt(i) * 0x20_0000n) | BigInt(LARGE);
  words[1536] = BigInt(name === "2 MiB" ? FIRST | LARGE : SECOND | LARGE);
  return new Uint8Array(words.buffer);
}

function workload(each: Case): Workload {
  // The page of 1 GiB has frame 0 as its first 2 MiB; the system's own bytes are left alone.
  const before = each.name === "2 MiB" ? FIRST : 0;
  return {
    name: "invlpg",
    what: "INVLPG of a large page",
    rounds: 1,
    image: { bytes: tables(each), address: TABLES, entry: 0 },
    code(a: Assembler): void {
      a.mov(rax, TABLES).mov(cr3, rax);
      PARTS.forEach((part, i) => {
        if (before !== 0) a.mov(qword(before + part), 0x100 + i);
        a.mov(qword(SECOND + part), 0x200 + i);
      });
      a.mov(rbx, PAGE).mov(rdi, RESULTS).mov(rcx, 100);
      a.label("round");
      a.mov(rax, each.before).mov(qword(each.entry), rax);
      a.mov(rax, cr3).mov(cr3, rax);
      for (const part of PARTS.slice(0, 2)) a.mov(rax, qword(rbx, { disp: part }));
      a.mov(rax, each.after).mov(qword(each.entry), rax);
      // The last part has not been touched yet.
      a.invlpg(mem(rbx, { disp: PARTS[2] as number }));
      PARTS.forEach((part, i) => {
        a.mov(rax, qword(rbx, { disp: part })).mov(qword(rdi, { disp: i * 8 }), rax);
      });
      a.dec(rcx).jnz("round").ret();
    },
  };
}

const accels: Accel[] = [{ kind: "interp" }, { kind: "jit", threshold: 20 }];

test.each(accels)("INVLPG drops all parts of a large page, with $kind", async (accel) => {
  for (const each of cases) {
    const machine = await Machine.create({
      kernel: benchKernel(workload(each)),
      memory: "32M",
      accel,
    });
    machine.runSync({ nanoseconds: 2_000_000 });
    const results = new BigUint64Array(machine.readPhysical(RESULTS, 24).slice().buffer);
    expect([each.name, ...results]).toEqual([each.name, 0x200n, 0x201n, 0x202n]);
  }
});
