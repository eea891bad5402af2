// Reading and writing a CPU's registers from the host: by debugger, crash report and boot loaders.
// Offsets are those of core/state.ts; RFLAGS is put together from the core's lazy flags.

import type { CoreExports } from "../core/interface.ts";
import {
  ACTIVE,
  APIC_BITS_IRR,
  APIC_BITS_ISR,
  APIC_BITS_TMR,
  APIC_DFR,
  APIC_DIVIDE,
  APIC_ESR,
  APIC_EXPIRY,
  APIC_ICR_HIGH,
  APIC_ICR_LOW,
  APIC_ID,
  APIC_INITIAL,
  APIC_LDR,
  APIC_LVT,
  APIC_STRIDE,
  APIC_SVR,
  APIC_TPR_LOW,
  APICS,
  LVT_LINT0,
  LVT_LINT1,
  M_A20,
  REGS,
  S_ACTIVITY,
  S_CPL,
  S_CR0,
  S_CR2,
  S_CR3,
  S_CR4,
  S_CR8,
  S_DR,
  S_EFER,
  S_EFLAGS,
  S_FCW,
  S_FPR,
  S_FSW,
  S_FTAG,
  S_FTOP,
  S_GDT_BASE,
  S_GDT_LIMIT,
  S_IDT_BASE,
  S_IDT_LIMIT,
  S_KERNEL_GS,
  S_LF_AUX,
  S_LF_RES,
  S_MTRR_DEF,
  S_MTRR_FIX,
  S_MTRR_VAR,
  S_MXCSR,
  S_RIP,
  S_SEG,
  S_SHADOW,
  S_XCR0,
  S_YMM,
  SEG_ATTR,
  SEG_BASE,
  SEG_LIMIT,
  SEG_SELECTOR,
  SEG_STRIDE,
  SEG_VALID,
  STATE,
} from "../core/state.ts";

export const GENERAL_NAMES = [
  "rax",
  "rcx",
  "rdx",
  "rbx",
  "rsp",
  "rbp",
  "rsi",
  "rdi",
  "r8",
  "r9",
  "r10",
  "r11",
  "r12",
  "r13",
  "r14",
  "r15",
] as const;
export type GeneralName = (typeof GENERAL_NAMES)[number];

export const SEGMENT_NAMES = ["es", "cs", "ss", "ds", "fs", "gs", "ldtr", "tr"] as const;
export type SegmentName = (typeof SEGMENT_NAMES)[number];

/** A segment register with its hidden part. */
export interface Segment {
  selector: number;
  base: bigint;
  /** Last valid offset, bytes. */
  limit: number;
  /** Descriptor bits 40–55 with the limit bits zero: type 0–3, S 4, DPL 5–6, P 7, L 13, D/B 14, G 15. */
  attributes: number;
  valid: boolean;
}

/** Registers that hold 64 bits, other than the general ones. */
const WIDE = {
  rip: S_RIP,
  cr0: S_CR0,
  cr2: S_CR2,
  cr3: S_CR3,
  cr4: S_CR4,
  cr8: S_CR8,
  efer: S_EFER,
  kernel_gs_base: S_KERNEL_GS,
} as const;
export type WideName = keyof typeof WIDE;

/** IA32_MTRR_FIX64K_00000 to FIX4K_F8000 (Intel SDM vol. 3A, 12.11.2.2). */
const FIXED_MTRRS = 11;

const A20_BIT = 1 << 20;
const CR4_OSXSAVE = 0x40000n;
const XCR0_YMM = 6n;

const CF = 1n;
const PF = 4n;
const AF = 0x10n;
const ZF = 0x40n;
const SF = 0x80n;
const OF = 0x800n;
const STATUS = CF | PF | AF | ZF | SF | OF;

function evenParity(byte: number): boolean {
  let b = byte & 0xff;
  b ^= b >> 4;
  b ^= b >> 2;
  b ^= b >> 1;
  return (b & 1) === 0;
}

/** What a local APIC's registers hold. */
export interface LocalApic {
  id: number;
  ldr: number;
  dfr: number;
  spurious: number;
  /** Low and high half. */
  icr: readonly [number, number];
  esr: number;
  divide: number;
  initialCount: number;
  /** Virtual time at which the timer fires, ns; undefined while it is off. */
  timerExpiry: number | undefined;
  /** Task priority register. */
  priority: number;
  /** Timer, thermal, performance, LINT0, LINT1, error. */
  lvt: readonly number[];
  /** Vectors in service, level triggered, requested. */
  isr: readonly number[];
  tmr: readonly number[];
  irr: readonly number[];
}

export class CpuAccess {
  readonly cpu: number;
  readonly #core: CoreExports;
  #lastView: DataView;

  constructor(core: CoreExports, cpu: number) {
    this.#core = core;
    this.cpu = cpu;
    this.#lastView = new DataView(core.memory.buffer);
  }

  /** The core's memory, which moves when it grows. */
  get #view(): DataView {
    const { buffer } = this.#core.memory;
    if (this.#lastView.buffer !== buffer) this.#lastView = new DataView(buffer);
    return this.#lastView;
  }

  #at(field: number): number {
    return this.#core.cpu_state(this.cpu) + (field - STATE);
  }

  #get64(field: number): bigint {
    return this.#view.getBigUint64(this.#at(field), true);
  }

  #set64(field: number, value: bigint): void {
    this.#view.setBigUint64(this.#at(field), BigInt.asUintN(64, value), true);
  }

  #get32(field: number): number {
    return this.#view.getUint32(this.#at(field), true);
  }

  #set32(field: number, value: number): void {
    this.#view.setUint32(this.#at(field), value >>> 0, true);
  }

  /** Must be called after registers were written, before the machine runs on. */
  commit(): void {
    this.#core.cpu_state_changed(this.cpu);
  }

  general(name: GeneralName): bigint {
    return this.#get64(REGS + 8 * GENERAL_NAMES.indexOf(name));
  }

  setGeneral(name: GeneralName, value: bigint): void {
    this.#set64(REGS + 8 * GENERAL_NAMES.indexOf(name), value);
  }

  wide(name: WideName): bigint {
    return this.#get64(WIDE[name]);
  }

  setWide(name: WideName, value: bigint): void {
    this.#set64(WIDE[name], value);
  }

  debug(n: number): bigint {
    return this.#get64(S_DR + 8 * n);
  }

  setDebug(n: number, value: bigint): void {
    this.#set64(S_DR + 8 * n, value);
  }

  get rflags(): bigint {
    const res = this.#get64(S_LF_RES);
    const aux = this.#get64(S_LF_AUX);
    const cf = aux >> 63n;
    const of = cf ^ ((aux >> 62n) & 1n);
    const sf = (res >> 63n) ^ (aux & 1n);
    let flags = (BigInt(this.#get32(S_EFLAGS)) & ~STATUS) | 2n;
    if (cf) flags |= CF;
    if (evenParity(Number((res ^ (aux >> 8n)) & 0xffn))) flags |= PF;
    if (aux & 8n) flags |= AF;
    if (res === 0n) flags |= ZF;
    if (sf) flags |= SF;
    if (of) flags |= OF;
    return flags;
  }

  set rflags(value: bigint) {
    const zf = (value & ZF) !== 0n;
    const cf = (value & CF) !== 0n;
    const of = (value & OF) !== 0n;
    // Result 0 or 1, both with a clear sign; parity of 0 is even, of 1 odd.
    const pf = (value & PF) !== 0n;
    let aux = 0n;
    if (cf) aux |= 1n << 63n;
    if (cf !== of) aux |= 1n << 62n;
    if (value & AF) aux |= 8n;
    if (value & SF) aux |= 1n;
    if (pf !== zf) aux |= 1n << 8n;
    this.#set64(S_LF_RES, zf ? 0n : 1n);
    this.#set64(S_LF_AUX, aux);
    this.#set32(S_EFLAGS, Number((value & ~STATUS & 0xffffffffn) | 2n));
  }

  segment(name: SegmentName): Segment {
    const at = S_SEG + SEGMENT_NAMES.indexOf(name) * SEG_STRIDE;
    return {
      selector: this.#get32(at + SEG_SELECTOR) & 0xffff,
      base: this.#get64(at + SEG_BASE),
      limit: this.#get32(at + SEG_LIMIT),
      attributes: this.#get32(at + SEG_ATTR),
      valid: this.#get32(at + SEG_VALID) !== 0,
    };
  }

  setSegment(name: SegmentName, s: Segment): void {
    const at = S_SEG + SEGMENT_NAMES.indexOf(name) * SEG_STRIDE;
    this.#set32(at + SEG_SELECTOR, s.selector);
    this.#set64(at + SEG_BASE, s.base);
    this.#set32(at + SEG_LIMIT, s.limit);
    this.#set32(at + SEG_ATTR, s.attributes);
    this.#set32(at + SEG_VALID, s.valid ? 1 : 0);
  }

  /** GDTR or IDTR. */
  table(name: "gdt" | "idt"): { base: bigint; limit: number } {
    return name === "gdt"
      ? { base: this.#get64(S_GDT_BASE), limit: this.#get32(S_GDT_LIMIT) }
      : { base: this.#get64(S_IDT_BASE), limit: this.#get32(S_IDT_LIMIT) };
  }

  setTable(name: "gdt" | "idt", base: bigint, limit: number): void {
    this.#set64(name === "gdt" ? S_GDT_BASE : S_IDT_BASE, base);
    this.#set32(name === "gdt" ? S_GDT_LIMIT : S_IDT_LIMIT, limit);
  }

  /** Linear address of the next instruction. */
  get linearRip(): bigint {
    const rip = this.wide("rip");
    return this.codeBits === 64 ? rip : BigInt.asUintN(32, this.segment("cs").base + rip);
  }

  /** Current privilege level, 0–3. */
  get cpl(): number {
    return this.#get32(S_CPL);
  }

  /** Width of the code that executes. */
  get codeBits(): 16 | 32 | 64 {
    const cs = this.segment("cs");
    if (this.wide("efer") & 0x400n && cs.attributes & 0x2000) return 64;
    return cs.attributes & 0x4000 ? 32 : 16;
  }

  /** Interrupts are held back until the next instruction is over: behind STI, MOV SS and POP SS. */
  get interruptShadow(): boolean {
    return this.#get32(S_SHADOW) !== 0;
  }

  /** Address line 20 passes. */
  get a20(): boolean {
    return (this.#view.getUint32(M_A20, true) & A20_BIT) !== 0;
  }

  /** The guest has turned on AVX: CR4.OSXSAVE, and the SSE and YMM states in XCR0 (Intel SDM vol. 1, 14.3). */
  get avxEnabled(): boolean {
    return (this.wide("cr4") & CR4_OSXSAVE) !== 0n && (this.#get64(S_XCR0) & XCR0_YMM) === XCR0_YMM;
  }

  /** 0 active, 1 halted, 2 waiting for SIPI, 3 shut down. */
  get activity(): number {
    return this.#get32(S_ACTIVITY);
  }

  /** Ends a HLT or a shutdown, for a debugger that moves RIP. */
  activate(): void {
    this.#set32(S_ACTIVITY, ACTIVE);
  }

  /** Registers of the local APIC (Intel SDM vol. 3A, table 11-1). */
  localApic(): LocalApic {
    const at = APICS + APIC_STRIDE * this.cpu;
    const get = (field: number): number => this.#view.getUint32(at + field, true);
    const bits = (field: number): number[] =>
      Array.from({ length: 256 }, (_, n) => n).filter(
        (n) => (get(field + 4 * (n >> 5)) >>> (n & 31)) & 1,
      );
    const expiry = this.#view.getFloat64(at + APIC_EXPIRY, true);
    return {
      id: get(APIC_ID),
      ldr: get(APIC_LDR),
      dfr: get(APIC_DFR),
      spurious: get(APIC_SVR),
      icr: [get(APIC_ICR_LOW), get(APIC_ICR_HIGH)],
      esr: get(APIC_ESR),
      divide: get(APIC_DIVIDE),
      initialCount: get(APIC_INITIAL),
      timerExpiry: expiry === Number.POSITIVE_INFINITY ? undefined : expiry,
      priority: (Number(this.wide("cr8")) << 4) | get(APIC_TPR_LOW),
      lvt: Array.from({ length: 6 }, (_, n) => get(APIC_LVT + 4 * n)),
      isr: bits(APIC_BITS_ISR),
      tmr: bits(APIC_BITS_TMR),
      irr: bits(APIC_BITS_IRR),
    };
  }

  /** Spurious vector register and LINT entries of the local APIC, as firmware programs them. */
  setLocalApic(spurious: number, lint0: number, lint1: number): void {
    const at = APICS + APIC_STRIDE * this.cpu;
    this.#view.setUint32(at + APIC_SVR, spurious, true);
    this.#view.setUint32(at + APIC_LVT + 4 * LVT_LINT0, lint0, true);
    this.#view.setUint32(at + APIC_LVT + 4 * LVT_LINT1, lint1, true);
  }

  /** MTRRs: default type with enable bits, all fixed ranges alike, first variable range. */
  setMemoryTypes(defaultType: bigint, fixed: bigint, base: bigint, mask: bigint): void {
    this.#set64(S_MTRR_DEF, defaultType);
    for (let i = 0; i < FIXED_MTRRS; i++) this.#set64(S_MTRR_FIX + 8 * i, fixed);
    this.#set64(S_MTRR_VAR, base);
    this.#set64(S_MTRR_VAR + 8, mask);
  }

  /** Bytes of YMM n, 32; the lower half is XMM n. */
  vector(n: number): Uint8Array {
    const at = this.#at(S_YMM) + 32 * n;
    return new Uint8Array(this.#core.memory.buffer.slice(at, at + 32));
  }

  setVector(n: number, bytes: Uint8Array): void {
    new Uint8Array(this.#core.memory.buffer).set(bytes, this.#at(S_YMM) + 32 * n);
  }

  get mxcsr(): number {
    return this.#get32(S_MXCSR);
  }

  set mxcsr(value: number) {
    this.#set32(S_MXCSR, value);
  }

  /** x87 control, status (with TOP) and full tag word is left to callers that need it. */
  get x87(): { control: number; status: number; inUse: number; top: number } {
    const top = this.#get32(S_FTOP) & 7;
    const status = (this.#get32(S_FSW) & 0xc7ff) | (top << 11);
    return { control: this.#get32(S_FCW), status, inUse: this.#get32(S_FTAG), top };
  }

  /** ST(n) as 10 bytes. */
  st(n: number): Uint8Array {
    const at = this.#at(S_FPR) + 16 * ((n + this.x87.top) & 7);
    return new Uint8Array(this.#core.memory.buffer.slice(at, at + 10));
  }
}
