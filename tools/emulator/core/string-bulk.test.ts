// Repeated string instructions work many elements at a time, where nothing forbids it. A guest of random ones, in every
// size and direction, overlapping, in pages that lie in another order, with segments that are not flat, with limits hit
// and pages that fault, must go the same way as where all its memory is watched, so that the core does one by one.

import { expect, test } from "vitest";
import {
  type Assembler,
  byte,
  cr0,
  cr3,
  cr4,
  ds,
  dword,
  eax,
  ecx,
  edi,
  es,
  esi,
  esp,
  mem,
} from "../../asm/index.ts";
import { Random } from "../cputest/random.ts";
import { Machine } from "../host/machine.ts";
import { guest, loadIdt } from "../platform/testdata/guest.ts";

const PAGE = 0x1000;
/** The memory that the instructions use: as much as can be watched. */
const AREA = 0x80_0000;
const WATCHES = 8;
const AREA_BYTES = 2 * WATCHES * PAGE;
/** What it holds, but for so many bytes. */
const FILL = 0x5555_5555;
const DIFFERENT = 20;
/** Page directory and table. */
const DIRECTORY = 0x50_0000;
const TABLE = DIRECTORY + PAGE;
const WRITABLE = 3;
const LARGE = 0x83;
/** Pages of the area that cannot be used, and not be written. */
const ABSENT = 5;
const READ_ONLY = 11;
/** What the guest resumes at after a fault. */
const RESUME = 0x40_0000;
const STACK = 0x9_0000;
const GENERAL_PROTECTION = 13;
const PAGE_FAULT = 14;
const CR4_PSE = 0x10;
const CR0_PG_WP = 0x8001_0000;
const BASED = 0x18;
const DOWN = 0x20;
const FLAT = 0x10;
const OPERATIONS = 150;
const SEEDS = [1, 2, 3, 4];

/** MOVS, CMPS, STOS, LODS, SCAS of bytes; one more is the wider form. */
const OPCODES = [0xa4, 0xa6, 0xaa, 0xac, 0xae];

function operation(a: Assembler, random: Random, n: number): void {
  const flat = random.below(2) === 0;
  const near = 1 + random.below(20);
  const selector = flat ? FLAT : random.below(4) === 0 ? DOWN : BASED;
  const base = flat ? AREA : 0;
  const short = !flat && random.below(2) === 0;
  const count = [near, random.below(300), random.below(0x2800), random.below(0x2800)] as const;
  const source = 8 + random.below(AREA_BYTES - 0x100);
  const overlapping = Math.min(source + near, AREA_BYTES - 0x100);
  const target = random.below(3) === 0 ? overlapping : 8 + random.below(AREA_BYTES - 0x100);
  a.mov(dword(RESUME), `after${n}`).mov(eax, selector).mov(ds, eax).mov(es, eax);
  a.mov(esi, base + source).mov(edi, base + target);
  a.mov(ecx, count[random.below(count.length)] as number).mov(eax, FILL);
  if (random.below(3) === 0) a.std();
  else a.cld();
  a.db(random.below(3) === 0 ? 0xf2 : 0xf3);
  if (short) a.db(0x67);
  if (random.below(4) === 0) a.db(0x66);
  a.db((OPCODES[random.below(OPCODES.length)] as number) + random.below(2));
  a.pushfd();
  a.label(`after${n}`);
  a.mov(esp, STACK);
}

const strings = (seed: number): Uint8Array =>
  guest((a) => {
    const random = new Random(seed);
    a.lgdt(mem("gdt_pointer"));
    loadIdt(a, { [GENERAL_PROTECTION]: "fault", [PAGE_FAULT]: "fault" });
    // The pages of the area lie in reversed order.
    a.mov(dword(DIRECTORY), LARGE).mov(dword(DIRECTORY + 4), LARGE | 0x40_0000);
    a.mov(dword(DIRECTORY + 8), TABLE | WRITABLE);
    const pages = AREA_BYTES / PAGE;
    const entry = (page: number) => dword(TABLE + page * 4);
    for (let i = 0; i < pages; i++) a.mov(entry(i), (AREA + (pages - 1 - i) * PAGE) | WRITABLE);
    a.mov(eax, cr4).or(eax, CR4_PSE).mov(cr4, eax).mov(eax, DIRECTORY).mov(cr3, eax);
    a.mov(eax, cr0).or(eax, CR0_PG_WP).mov(cr0, eax);
    // Mostly the same, so that comparisons take long to end.
    a.mov(edi, AREA)
      .mov(eax, FILL)
      .mov(ecx, AREA_BYTES / 4)
      .rep.stosd();
    for (let i = 0; i < DIFFERENT; i++)
      a.mov(byte(AREA + random.below(AREA_BYTES)), random.below(256));
    a.and(entry(ABSENT), ~1).and(entry(READ_ONLY), ~2).mov(eax, cr3).mov(cr3, eax);
    a.label("again");
    for (let n = 0; n < OPERATIONS; n++) operation(a, random, n);
    a.mov(eax, FLAT).mov(ds, eax).mov(es, eax).jmp("again");
    a.label("fault");
    a.mov(eax, FLAT).mov(ds, eax).mov(es, eax);
    a.mov(esp, STACK).jmp(dword(RESUME));
    a.align(8).label("gdt");
    a.dq(0, 0x00cf9a000000ffffn, 0x00cf92000000ffffn);
    // Base AREA + 3, limit 0xFBFF; the same with the limit's other side.
    a.dq(0x00409280_0003_fbffn, 0x00409680_0003_03ffn);
    a.label("gdt_end");
    a.label("gdt_pointer");
    a.dw(5 * 8 - 1).dd("gdt");
  });

/** Hashes of the state after pieces of uneven length, with the area watched or not. */
async function states(seed: number, watched: boolean): Promise<string[]> {
  const machine = await Machine.create({ kernel: strings(seed), memory: "16M" });
  // Watched for no kind of access: nothing is reported.
  for (let i = 0; watched && i < WATCHES; i++)
    machine.core.add_watchpoint(BigInt(AREA + i * 2 * PAGE), PAGE + 1, 0);
  const hashes: string[] = [];
  for (let step = 0; step < 48; step++) {
    expect(machine.runSync({ nanoseconds: 500 + ((step * 7919) % 9001) }).kind).toBe("limit");
    if (step % 6 === 5) hashes.push(machine.stateHash());
  }
  return hashes;
}

test.each(SEEDS)(
  "string instructions go the same way in bulk as one by one (seed %i)",
  async (seed) => {
    const bulk = await states(seed, false);
    expect(new Set(bulk).size).toBe(bulk.length);
    expect(bulk).toEqual(await states(seed, true));
  },
);
