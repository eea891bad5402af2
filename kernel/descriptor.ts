// Segment and interrupt descriptors: GDT and TSS per CPU, one IDT for all. Intel SDM vol. 3A, 3.4.5,
// 6.14.1, 8.7.

import { EXC_BP, EXC_DF, EXC_MC, EXC_NMI, EXC_OF } from "./abi";
import { Cpu } from "./cpu";
import {
  GDT_SIZE,
  IOMAP_BYTES,
  ISR_STRIDE,
  IST_DF,
  IST_MC,
  IST_NMI,
  KERNEL_STACK_SIZE,
  SEL_KERN_CODE,
  SEL_KERN_DATA,
  SEL_TSS,
  SEL_USER_CODE,
  SEL_USER_CODE_L,
  SEL_USER_DATA,
  TSS_IOMAP,
  TSS_IST1,
} from "./layout";
import { IA32_FMASK, IA32_GS_BASE, IA32_KERNEL_GS_BASE, IA32_LSTAR, IA32_STAR } from "./msr_number";
import { allocPages } from "./page";
import { hasSmap } from "./protection";
import { isr_stubs, isr_stubs_smap, syscall_entry } from "./symbol";
import { unmapWindowPage } from "./window";
import { lgdt, lidt, ltr, window, wrmsr } from "./x86";

const CODE_64: u64 = ((<u64>0x00af_9b00) << 32) | 0xffff;
const DATA: u64 = ((<u64>0x00cf_9300) << 32) | 0xffff;
const DPL_3: u64 = (<u64>3) << 45;
const TSS_AVAILABLE: u64 = 0x89;
const GATE_INTERRUPT: u64 = 0x8e;
/** NMI, double fault, machine check. */
const IST_STACKS: usize = 3;

let idt: usize = 0;

function setGate(stubs: u64, vector: u32, dpl: u64, ist: u64): void {
  const handler = stubs + <u64>vector * ISR_STRIDE;
  const at = idt + (vector << 4);
  const attributes = GATE_INTERRUPT | (dpl << 5);
  store<u64>(
    at,
    (handler & 0xffff) |
      ((<u64>SEL_KERN_CODE) << 16) |
      (ist << 32) |
      (attributes << 40) |
      (((handler >> 16) & 0xffff) << 48),
  );
  store<u64>(at, handler >> 32, 8);
}

/** Makes the IDT; false if memory is out. */
export function buildIdt(): bool {
  idt = allocPages(1);
  if (idt === 0) return false;
  const stubs = hasSmap() ? isr_stubs_smap() : isr_stubs();
  for (let vector: u32 = 0; vector < 256; vector++) {
    const dpl: u64 = vector === EXC_BP || vector === EXC_OF ? 3 : 0;
    let ist: u64 = 0;
    if (vector === EXC_NMI) ist = IST_NMI;
    if (vector === EXC_DF) ist = IST_DF;
    if (vector === EXC_MC) ist = IST_MC;
    setGate(stubs, vector, dpl, ist);
  }
  return true;
}

/**
 * A stack of `pages` pages with a page below that is not there, so that whatever outgrows it faults; the
 * virtual address of its end, 0 if memory is out.
 */
function allocStack(pages: u32): u64 {
  const guard = allocPages(1 + pages);
  if (guard === 0 || !unmapWindowPage(guard)) return 0;
  return window() + <u64>(guard + ((<usize>pages + 1) << 12));
}

/** Makes stacks and GDT of a CPU, whose TSS exists; false if memory is out. */
export function buildDescriptors(cpu: Cpu): bool {
  const stack = allocStack(KERNEL_STACK_SIZE >> 12);
  cpu.gdt = allocPages(1);
  if (stack === 0 || cpu.gdt === 0) return false;
  // The last word leads those who walk the stack to the current EC's registers: asm/frame.ts.
  cpu.stackEnd = stack - 16;
  store<u64>(<usize>(cpu.stackEnd - window()), window() + <u64>changetype<usize>(cpu));
  for (let i: usize = 0; i < IST_STACKS; i++) {
    // One page each is enough for handlers that only report and stop, or return at once.
    const end = allocStack(1);
    if (end === 0) return false;
    store<u64>(cpu.tss + TSS_IST1 + (i << 3), end);
  }
  const gdt = cpu.gdt;
  store<u64>(gdt + SEL_KERN_CODE, CODE_64);
  store<u64>(gdt + SEL_KERN_DATA, DATA);
  store<u64>(gdt + (SEL_USER_CODE & ~3), CODE_64 | DPL_3);
  store<u64>(gdt + (SEL_USER_DATA & ~3), DATA | DPL_3);
  store<u64>(gdt + (SEL_USER_CODE_L & ~3), CODE_64 | DPL_3);
  const base = window() + <u64>cpu.tss;
  const limit: u64 = TSS_IOMAP + IOMAP_BYTES;
  store<u64>(
    gdt + SEL_TSS,
    (limit & 0xffff) |
      ((base & 0xffffff) << 16) |
      (TSS_AVAILABLE << 40) |
      (((base >> 24) & 0xff) << 56),
  );
  store<u64>(gdt + SEL_TSS + 8, base >> 32);
  return true;
}

function loadTable(address: usize, limit: u32, isIdt: bool): void {
  const operand = memory.data(16);
  store<u16>(operand, <u16>limit);
  store<u64>(operand, window() + <u64>address, 2);
  if (isIdt) lidt(window() + <u64>operand);
  else lgdt(window() + <u64>operand);
}

/** Loads the tables, GS and the SYSCALL registers of the CPU this runs on. */
export function loadDescriptors(cpu: Cpu): void {
  // LTR marks the TSS as busy and faults on one that is: the CPU may have loaded it before a sleep state.
  store<u8>(cpu.gdt + SEL_TSS, <u8>TSS_AVAILABLE, 5);
  loadTable(cpu.gdt, GDT_SIZE - 1, false);
  loadTable(idt, 4095, true);
  ltr(SEL_TSS);
  wrmsr(IA32_GS_BASE, window() + <u64>changetype<usize>(cpu));
  wrmsr(IA32_KERNEL_GS_BASE, 0);
  wrmsr(IA32_STAR, ((<u64>SEL_USER_CODE) << 48) | ((<u64>SEL_KERN_CODE) << 32));
  wrmsr(IA32_LSTAR, syscall_entry());
  // Every flag that can be cleared is: the kernel runs with interrupts off and DF, TF, NT, AC clear.
  wrmsr(IA32_FMASK, 0x257fd5);
}
