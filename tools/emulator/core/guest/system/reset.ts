// Power-on, INIT and start-up IPI states of a CPU. Follows Intel SDM vol. 3A, 10.1.1 (table 10-1) and
// 10.4.4.

import {
  ACTIVE,
  REGS,
  S_ACTIVITY,
  S_APIC_BASE,
  S_CPL,
  S_CPU,
  S_CR0,
  S_DR,
  S_EFLAGS,
  S_EVENTS,
  S_FCW,
  S_GDT_BASE,
  S_GDT_LIMIT,
  S_IDT_BASE,
  S_IDT_LIMIT,
  S_LF_AUX,
  S_LF_RES,
  S_MISC_ENABLE,
  S_MXCSR,
  S_PAT,
  S_RIP,
  S_UCODE,
  S_XCR0,
  STATE,
  STATE_SIZE,
  WAIT_SIPI,
} from "../../state";
import { CS, DS, ES, FS, GS, LDTR, SS, setSegment, TR, updateMode } from "../memory/segments";
import { flushTlb } from "../memory/tlb";
import { resetApic, setApicBase, sipiVector } from "../processor/apic";
import { MISC_ENABLE_UNAVAILABLE } from "../processor/model";
import { traceReset } from "../processor/tracing";

/** Resets the executing CPU; the BSP starts at 0xFFFFFFF0, the others wait for SIPI. */
export function powerOn(): void {
  const cpu = load<i32>(S_CPU);
  memory.fill(STATE, 0, STATE_SIZE);
  store<i32>(S_CPU, cpu);
  resetApic(cpu, false);
  setApicBase(0xfee00800 | (cpu == 0 ? 0x100 : 0));
  store<u64>(S_PAT, 0x0007040600070406);
  // Fast strings.
  store<u64>(S_MISC_ENABLE, MISC_ENABLE_UNAVAILABLE | 1);
  store<u64>(S_XCR0, 1);
  store<u32>(S_FCW, 0x40);
  store<u32>(S_MXCSR, 0x1f80);
  store<u64>(S_UCODE, 0x2100000000);
  store<u64>(S_CR0, 0x60000010);
  initRegisters();
  store<u32>(S_ACTIVITY, cpu == 0 ? ACTIVE : WAIT_SIPI);
}

/** What power-on and INIT have in common. */
function initRegisters(): void {
  for (let i = 0; i < 16; i++) store<u64>(REGS + (i << 3), 0);
  store<u64>(REGS + 16, 0x000306a9);
  store<u64>(S_RIP, 0xfff0);
  store<u32>(S_EFLAGS, 0);
  store<u64>(S_LF_RES, 0x100);
  store<u64>(S_LF_AUX, 0x100);
  store<u32>(S_CPL, 0);
  setSegment(CS, 0xf000, 0xffff0000, 0xffff, 0x93);
  setSegment(SS, 0, 0, 0xffff, 0x93);
  setSegment(DS, 0, 0, 0xffff, 0x93);
  setSegment(ES, 0, 0, 0xffff, 0x93);
  setSegment(FS, 0, 0, 0xffff, 0x93);
  setSegment(GS, 0, 0, 0xffff, 0x93);
  setSegment(LDTR, 0, 0, 0xffff, 0x82);
  setSegment(TR, 0, 0, 0xffff, 0x8b);
  store<u64>(S_GDT_BASE, 0);
  store<u32>(S_GDT_LIMIT, 0xffff);
  store<u64>(S_IDT_BASE, 0);
  store<u32>(S_IDT_LIMIT, 0xffff);
  for (let i = 0; i < 4; i++) store<u64>(S_DR + (i << 3), 0);
  store<u64>(S_DR + 48, 0xffff0ff0);
  store<u64>(S_DR + 56, 0x400);
  flushTlb();
  updateMode();
}

/** INIT: FPU, SSE, MTRR and most MSRs survive. */
export function init(): void {
  const cpu = load<i32>(S_CPU);
  traceReset(0);
  resetApic(cpu, true);
  store<u64>(S_CR0, (load<u64>(S_CR0) & 0x60000000) | 0x10);
  for (let p: usize = S_CR0 + 8; p < <usize>(S_CR0 + 48); p += 8) store<u64>(p, 0);
  initRegisters();
  store<u32>(S_EVENTS, 0);
  const bsp = (load<u64>(S_APIC_BASE) & 0x100) != 0;
  store<u32>(S_ACTIVITY, bsp ? ACTIVE : WAIT_SIPI);
}

/** Start-up IPI: real mode at vector * 4 KiB. */
export function startUp(): void {
  const vector = sipiVector(load<i32>(S_CPU));
  traceReset(vector);
  setSegment(CS, vector << 8, <u64>(vector << 12), 0xffff, 0x93);
  store<u64>(S_RIP, 0);
  store<u32>(S_ACTIVITY, ACTIVE);
  updateMode();
}
