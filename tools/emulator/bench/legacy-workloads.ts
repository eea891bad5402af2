// One loop of loads, stores, stack and calls in the ways in which old programs run: in flat segments, in segments that are
// not, and in real mode with 16-bit code. What it costs beyond the flat one is the segments' and the small operands'.
// Source: Intel SDM vol. 3A, 3.4.5 (descriptors) and 9.9 (to real mode and back).

import {
  type Assembler,
  ax,
  bx,
  cr0,
  di,
  diff,
  ds,
  dx,
  eax,
  ebp,
  ebx,
  ecx,
  edi,
  edx,
  es,
  esi,
  esp,
  far,
  mem,
  sp,
  ss,
} from "../../asm/index.ts";
import { DATA_AREA, type Workload } from "./workload.ts";

/** Selectors of the frame: flat. */
const CODE = 0x08;
const DATA = 0x10;
/** Selectors of `loadTables`: 16-bit code and data at 0, and data at DATA_AREA. */
const CODE16 = 0x18;
const DATA16 = 0x20;
const BASED = 0x28;

/** Where 16-bit code goes, the end of its stack, and the real-mode segment of its data. */
const LOW_CODE = 0x8000;
const LOW_STACK = 0x7c00;
const LOW_SEGMENT = 0x2000;

const BYTES = 0x4000;

/** A GDT that begins as the frame's does. EAX is lost. */
function loadTables(a: Assembler): void {
  const base = BigInt(DATA_AREA);
  a.section(".data").align(8).label("tables");
  a.dq(0, 0x00cf_9a00_0000_ffffn, 0x00cf_9200_0000_ffffn);
  a.dq(0x0000_9a00_0000_ffffn, 0x0000_9200_0000_ffffn);
  a.dq(0x00cf_9200_0000_ffffn | ((base & 0xff_ffffn) << 16n) | ((base >> 24n) << 56n));
  a.label("tables_pointer");
  a.dw(47).dd("tables");
  a.section(".text");
  a.lgdt(mem("tables_pointer"));
}

/** The loop in 32-bit code: ECX rounds over data at EDI, the result in EDX:EAX. */
function loop32(a: Assembler): void {
  a.mov(eax, 0x1234_5678).mov(ebx, edi);
  a.label("fill");
  a.mov(mem(ebx), eax).add(eax, 0x1357_9bdf).add(ebx, 4);
  a.lea(edx, mem(edi, { disp: BYTES + 32 }))
    .cmp(ebx, edx)
    .jne("fill");
  a.xor(ebx, ebx).xor(edx, edx);
  a.label("loop");
  a.mov(eax, mem(edi, { index: ebx })).add(eax, mem(edi, { index: ebx, disp: 4 }));
  a.push(ebx).call("mix").pop(ebx);
  a.mov(mem(edi, { index: ebx, disp: 8 }), eax).add(edx, eax);
  a.add(ebx, 8)
    .and(ebx, BYTES - 8)
    .dec(ecx)
    .jnz("loop");
  a.mov(eax, edx).xor(edx, edx).jmp("over");
  a.label("mix");
  a.xor(eax, edx).rol(eax, 3).ret();
  a.label("over");
}

/** The same in 16-bit code. */
function loop16(a: Assembler): void {
  a.mov(ax, 0x1234).mov(bx, di);
  a.label("fill");
  a.mov(mem(bx), ax).add(ax, 0x1357).add(bx, 2);
  a.cmp(bx, BYTES + 32).jne("fill");
  a.xor(bx, bx).xor(dx, dx);
  a.label("loop");
  a.mov(ax, mem(bx, { index: di })).add(ax, mem(bx, { index: di, disp: 4 }));
  a.push(bx).call("mix").pop(bx);
  a.mov(mem(bx, { index: di, disp: 8 }), ax).add(dx, ax);
  a.add(bx, 8)
    .and(bx, BYTES - 8)
    .dec(ecx)
    .jnz("loop");
  a.jmp("over");
  a.label("mix");
  a.xor(ax, dx).rol(ax, 3).ret();
  a.label("over");
}

/** From protected mode with paging to real mode and back: SDM 9.9.2 and 9.9.1. */
function inRealMode(a: Assembler): void {
  const low = (label: string) => diff(label, "low_code", LOW_CODE);
  a.mov(ecx, esi).mov(ebp, esp);
  a.push(ecx);
  a.mov(esi, "low_code").mov(edi, LOW_CODE);
  a.mov(ecx, diff("low_end", "low_code")).rep.movsb().pop(ecx);
  a.jmp(far(CODE16, LOW_CODE));
  a.label("low_code");
  a.bits(16);
  a.mov(ax, DATA16).mov(ds, ax).mov(es, ax).mov(ss, ax);
  a.mov(eax, cr0).and(eax, 0x7fff_fffe).mov(cr0, eax);
  a.db(0xea).dw(low("real")).dw(0);
  a.label("real");
  a.xor(ax, ax).mov(ss, ax).mov(sp, LOW_STACK);
  a.mov(ax, LOW_SEGMENT).mov(ds, ax).mov(es, ax).xor(di, di);
  loop16(a);
  a.mov(eax, cr0).or(eax, 0x8000_0001).mov(cr0, eax);
  // A far jump with an offset of 32 bits.
  a.db(0x66, 0xea).dd("protected").dw(CODE);
  a.label("low_end");
  a.bits(32);
  a.label("protected");
  a.mov(ax, DATA).mov(ds, ax).mov(es, ax).mov(ss, ax).mov(esp, ebp);
  a.movzx(eax, dx).xor(edx, edx).ret();
}

export const legacyWorkloads: Workload[] = [
  {
    name: "flat segments (32-bit)",
    what: "loads, stores, calls; the measure of those below",
    rounds: 32_000_000,
    extra: true,
    bits: 32,
    code(a) {
      a.mov(ecx, esi).mov(edi, DATA_AREA);
      loop32(a);
      a.ret();
    },
  },
  {
    name: "based segments (32-bit)",
    what: "the same, data in a segment with a base",
    rounds: 32_000_000,
    extra: true,
    bits: 32,
    code(a) {
      loadTables(a);
      a.mov(ecx, esi).mov(ax, BASED).mov(ds, ax).mov(es, ax).xor(edi, edi);
      loop32(a);
      a.mov(bx, DATA).mov(ds, bx).mov(es, bx).ret();
    },
  },
  {
    name: "real mode (16-bit)",
    what: "the same in 16 bits",
    rounds: 32_000_000,
    extra: true,
    bits: 32,
    code(a) {
      loadTables(a);
      inRealMode(a);
    },
  },
];
