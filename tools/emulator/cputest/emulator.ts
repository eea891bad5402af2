// Runs state records in the emulator's CPU core: a flat long-mode address space with the pages of
// `Memory` for ring 3, and an IDT whose handlers write to a port and so end the run. The exception is
// read from the stack frame that the core pushed, as an operating system would (Intel SDM vol. 3A, 6.14).

import { type CoreExports, type CoreImports, PageKind, RunExit } from "../core/interface.ts";
import * as S from "../core/state.ts";
import {
  Field,
  Memory,
  RECORD_SIZE,
  RealMode,
  readOnlyByte,
  StateRecord,
  VECTOR_TIMEOUT,
} from "./record.ts";

/** The supervisor's pages are mapped at the start of the upper half. */
const SUPERVISOR = 0xffff_8000_0000_0000n;

/** Guest-physical addresses. */
const PML4 = 0x1000;
const PDPT = 0x2000;
const PD = 0x3000;
const PT_CODE = 0x4000;
const PT_DATA = 0x5000;
const PDPT_HIGH = 0x6000;
const PD_HIGH = 0x7000;
const IDT = 0x8000;
const GDT = 0x9000;
const TSS = 0xa000;
const HANDLERS = 0xb000;
const STACK_TOP = 0xe000;
const CODE_PAGES = 0x10_0000;
const DATA_PAGES = 0x11_0000;
const READ_ONLY_PAGE = 0x12_0000;
const RAM_SIZE = 0x40_0000;
const EXIT_PORT = 0xf4;

const PRESENT = 1;
const WRITABLE = 2;
const USER = 4;
/** Of data pages, as the host has them: a snippet may return there. */
const NO_EXECUTE = 1n << 63n;
const ACCESSED_DIRTY = 0x60;
const LARGE = 0x80;

/** Selectors as Linux has them in 64-bit user mode. */
const KERNEL_CS = 0x10;
const USER_CS = 0x33;
const USER_CS_32 = 0x23;
const USER_SS = 0x2b;
const TSS_SELECTOR = 0x40;

/** PE MP ET NE WP AM PG; PAE OSFXSR OSXMMEXCPT FSGSBASE OSXSAVE; SCE LME LMA NXE. */
const CR0 = 0x8005_0033n;
const CR4 = 0x5_0620n;
const EFER = 0xd01n;

/** Exceptions with an error code on the stack. */
const HAS_ERROR = new Set([8, 10, 11, 12, 13, 14, 17]);

/** Instructions, iterations of string instructions included, that a snippet may take before it counts as endless. */
const STEP_LIMIT = 20_000;

/** What a snippet may find changed: control registers, and 32-bit code in a compatibility-mode segment. */
export interface Environment {
  cr0: bigint;
  cr4: bigint;
  xcr0: bigint;
  code32: boolean;
}

/** What user code finds on Linux: everything enabled. */
export const USUAL: Environment = { cr0: CR0, cr4: CR4, xcr0: 7n, code32: false };

export interface CoreInstance {
  exports: CoreExports;
}

/** Thrown when the core says that an instruction is not implemented. */
export class NotImplemented extends Error {
  override name = "NotImplemented";
}

/** What is compared with a host: the core, or in tests something that is wrong on purpose. */
export interface Core {
  /** Runs one record and returns the state after it. Throws `NotImplemented`. */
  run(before: StateRecord): StateRecord;
  /** The same for a record whose code is a loop (loop.ts), where that makes a difference. */
  runLoop?(before: StateRecord): StateRecord;
}

/** An emulated CPU that runs state records. */
export class EmulatedCpu implements Core {
  readonly #core: CoreExports;
  readonly #state: number;
  readonly #ram: number;

  /** `instantiate` makes a fresh core with the given imports. `model` is `CoreExports.create`'s. */
  static async create(
    instantiate: (imports: CoreImports) => Promise<CoreInstance>,
    model = 1,
  ): Promise<EmulatedCpu> {
    let core: CoreExports | undefined;
    const imports: CoreImports = {
      port_read: () => 0xff,
      port_write: () => core?.request_exit(),
      mmio_read: () => 0,
      mmio_write: () => {},
      interrupt_acknowledge: () => 0,
      apic_eoi: () => {},
      trace: () => {},
    };
    core = (await instantiate(imports)).exports;
    return new EmulatedCpu(core, model);
  }

  private constructor(core: CoreExports, model: number) {
    this.#core = core;
    core.create(1, RAM_SIZE, model);
    core.map_pages(0, RAM_SIZE / 4096, PageKind.Ram);
    core.reset_cpu(0);
    this.#state = core.cpu_state(0) - S.STATE;
    this.#ram = core.ram_base();
    this.#buildAddressSpace();
  }

  #view(): DataView {
    return new DataView(this.#core.memory.buffer);
  }

  #buildAddressSpace(): void {
    const view = this.#view();
    const put = (address: number, value: bigint): void =>
      view.setBigUint64(this.#ram + address, value, true);
    const entry = (page: number, bits: number): bigint =>
      BigInt(page | bits | PRESENT | ACCESSED_DIRTY);
    put(PML4, entry(PDPT, WRITABLE | USER));
    put(PDPT, entry(PD, WRITABLE | USER));
    put(PML4 + 8 * 256, entry(PDPT_HIGH, WRITABLE));
    put(PDPT_HIGH, entry(PD_HIGH, WRITABLE));
    put(PD_HIGH, entry(0, WRITABLE | LARGE));
    put(PD + 8 * (Memory.code >>> 21), entry(PT_CODE, WRITABLE | USER));
    put(PD + 8 * (Memory.data >>> 21), entry(PT_DATA, WRITABLE | USER));
    for (let i = 0; i < 2; i++) {
      put(PT_CODE + 8 * i, entry(CODE_PAGES + 4096 * i, WRITABLE | USER));
      put(PT_DATA + 8 * i, entry(DATA_PAGES + 4096 * i, WRITABLE | USER) | NO_EXECUTE);
    }
    put(
      PT_DATA + 8 * ((Memory.readOnly - Memory.data) >>> 12),
      entry(READ_ONLY_PAGE, USER) | NO_EXECUTE,
    );
    for (let i = 0; i < Memory.readOnlySize; i++)
      view.setUint8(this.#ram + READ_ONLY_PAGE + i, readOnlyByte(i));

    put(GDT + KERNEL_CS, 0x00af_9b00_0000_ffffn);
    put(GDT + (USER_SS & ~7), 0x00cf_f300_0000_ffffn);
    put(GDT + (USER_CS & ~7), 0x00af_fb00_0000_ffffn);
    put(GDT + (USER_CS_32 & ~7), 0x00cf_fb00_0000_ffffn);
    put(GDT + TSS_SELECTOR, 0x0000_8b00_0000_0067n | (BigInt(TSS) << 16n));
    put(GDT + TSS_SELECTOR + 8, SUPERVISOR >> 32n);
    view.setBigUint64(this.#ram + TSS + 4, SUPERVISOR + BigInt(STACK_TOP), true);
    view.setUint16(this.#ram + TSS + 0x66, 0x68, true);
    for (let vector = 0; vector < 256; vector++) {
      const handler = HANDLERS + vector * 16;
      // OUT EXIT_PORT, AL; JMP to itself.
      new Uint8Array(view.buffer).set([0xe6, EXIT_PORT, 0xeb, 0xfe], this.#ram + handler);
      const dpl = vector === 3 || vector === 4 ? 3n : 0n;
      put(
        IDT + vector * 16,
        BigInt(handler & 0xffff) | (BigInt(KERNEL_CS) << 16n) | (0x8e00n << 32n) | (dpl << 45n),
      );
      put(IDT + vector * 16 + 8, SUPERVISOR >> 32n);
    }
  }

  /** Runs one record and returns the state after it. Throws `NotImplemented`. */
  run(before: StateRecord, environment: Environment = USUAL): StateRecord {
    const core = this.#core;
    if (before.bits === 16) this.#loadReal(before);
    else this.#load(before, environment);
    const exit = core.run(core.time() + STEP_LIMIT);
    if (exit === RunExit.Unimplemented) {
      throw new NotImplemented(`not implemented: detail 0x${core.exit_detail().toString(16)}`);
    }
    if (before.bits === 16) return this.#collectReal(exit !== RunExit.Deadline);
    return this.#collect(before, exit === RunExit.Requested);
  }

  #load(before: StateRecord, environment: Environment): void {
    const core = this.#core;
    const view = this.#view();
    const memory = new Uint8Array(view.buffer);
    const at = this.#state;
    const ram = this.#ram;
    const u32 = (offset: number, value: number): void => view.setUint32(at + offset, value, true);
    const u64 = (offset: number, value: bigint): void =>
      view.setBigUint64(at + offset, value, true);

    memory.fill(0xcc, ram + CODE_PAGES, ram + CODE_PAGES + Memory.codeSize);
    const code = before.u32(Field.codeAddress) - Memory.code;
    memory.set(
      before.bytes.subarray(Field.code, Field.code + before.u32(Field.codeLength)),
      ram + CODE_PAGES + code,
    );
    core.ram_written(CODE_PAGES, Memory.codeSize);
    memory.fill(0, ram + DATA_PAGES, ram + DATA_PAGES + Memory.dataSize);
    memory.set(
      before.bytes.subarray(Field.windowA, Field.windowA + Memory.windowASize),
      ram + DATA_PAGES + Memory.windowA - Memory.data,
    );
    memory.set(
      before.bytes.subarray(Field.windowB, Field.windowB + Memory.windowBSize),
      ram + DATA_PAGES + Memory.windowB - Memory.data,
    );

    u32(S.S_FAULT, 0);
    u32(S.S_STOP, 0);
    u32(S.S_CPL, 3);
    u32(S.S_ACTIVITY, S.ACTIVE);
    u32(S.S_EVENTS, 0);
    u32(S.S_SHADOW, 0);
    u32(S.S_TRAP, 0);
    u64(S.S_CR0, environment.cr0);
    u64(S.S_CR2, 0n);
    u64(S.S_CR3, BigInt(PML4));
    u64(S.S_CR4, environment.cr4);
    u64(S.S_EFER, EFER);
    u64(S.S_XCR0, environment.xcr0);
    u64(S.S_GDT_BASE, SUPERVISOR + BigInt(GDT));
    u32(S.S_GDT_LIMIT, 0x7f);
    u64(S.S_IDT_BASE, SUPERVISOR + BigInt(IDT));
    u32(S.S_IDT_LIMIT, 0xfff);
    const segment = (
      index: number,
      selector: number,
      attributes: number,
      limit: number,
      base: bigint,
    ): void => {
      const field = S.S_SEG + index * S.SEG_STRIDE;
      u64(field + S.SEG_BASE, base);
      u32(field + S.SEG_LIMIT, limit);
      u32(field + S.SEG_SELECTOR, selector);
      u32(field + S.SEG_ATTR, attributes);
      u32(field + S.SEG_VALID, attributes === 0 ? 0 : 1);
    };
    const data = (index: number, base: bigint): void =>
      segment(index, USER_SS, 0xc0f3, 0xffff_ffff, base);
    if (before.bits === 32 || environment.code32) segment(1, USER_CS_32, 0xc0fb, 0xffff_ffff, 0n);
    else segment(1, USER_CS, 0xa0fb, 0xffff_ffff, 0n);
    for (const index of [0, 2, 3]) data(index, 0n);
    data(4, before.u64(Field.fsBase));
    data(5, before.u64(Field.gsBase));
    segment(6, 0, 0, 0, 0n);
    segment(7, TSS_SELECTOR, 0x8b, 0x67, SUPERVISOR + BigInt(TSS));

    this.#loadRegisters(before);
    core.cpu_state_changed(0);
  }

  /** Everything that is the same in all modes: general registers, RIP, flags, x87, vectors; no pending events. */
  #loadRegisters(before: StateRecord): void {
    const view = this.#view();
    const memory = new Uint8Array(view.buffer);
    const at = this.#state;
    const u32 = (offset: number, value: number): void => view.setUint32(at + offset, value, true);
    const u64 = (offset: number, value: bigint): void =>
      view.setBigUint64(at + offset, value, true);
    for (let i = 0; i < 16; i++) u64(S.REGS + 8 * i, before.gpr(i));
    u64(S.S_RIP, before.u64(Field.rip));
    this.#loadFlags(before.u32(Field.rflags), u64);
    const fsw = before.u16(Field.fsw);
    const top = (fsw >> 11) & 7;
    u32(S.S_FCW, before.u16(Field.fcw));
    u32(S.S_FSW, fsw & ~0x3800);
    u32(S.S_FTOP, top);
    u32(S.S_FOP, before.u16(Field.fop));
    u64(S.S_FIP, before.u64(Field.fip) & 0xffff_ffffn);
    u64(S.S_FDP, before.u64(Field.fdp) & 0xffff_ffffn);
    u32(S.S_FCS, 0);
    u32(S.S_FDS, 0);
    u32(S.S_FTAG, before.bytes[Field.ftw] as number);
    for (let i = 0; i < 8; i++) {
      const register = S.S_FPR + 16 * ((top + i) & 7);
      u64(register, before.u64(Field.st + 16 * i));
      u64(register + 8, BigInt(before.u16(Field.st + 16 * i + 8)));
    }
    u32(S.S_MXCSR, before.u32(Field.mxcsr));
    for (let i = 0; i < 16; i++) {
      const register = at + S.S_YMM + 32 * i;
      memory.set(before.bytes.subarray(Field.xmm + 16 * i, Field.xmm + 16 * i + 16), register);
      memory.set(
        before.bytes.subarray(Field.ymmHigh + 16 * i, Field.ymmHigh + 16 * i + 16),
        register + 16,
      );
    }
  }

  /** Real mode as kvm-runner.ts sets it up: HLT behind every vector, everything else as in `RealMode`. */
  #loadReal(before: StateRecord): void {
    const core = this.#core;
    const view = this.#view();
    const memory = new Uint8Array(view.buffer);
    const at = this.#state;
    const ram = this.#ram;
    const u32 = (offset: number, value: number): void => view.setUint32(at + offset, value, true);
    const u64 = (offset: number, value: bigint): void =>
      view.setBigUint64(at + offset, value, true);
    memory.fill(0, ram, ram + RealMode.memorySize);
    for (let vector = 0; vector < 256; vector++) {
      view.setUint32(ram + 4 * vector, RealMode.handlers + vector, true);
      memory[ram + RealMode.handlers + vector] = 0xf4;
    }
    memory.fill(0xf4, ram + RealMode.code, ram + RealMode.code + RealMode.codeSize);
    const put = (field: number, length: number, address: number): void =>
      memory.set(before.bytes.subarray(field, field + length), ram + address);
    put(Field.code, before.u32(Field.codeLength), before.u32(Field.codeAddress));
    put(Field.windowA, Memory.windowASize, RealMode.windowA);
    put(Field.windowB, Memory.windowBSize, RealMode.windowB);
    core.ram_written(0, RealMode.memorySize);
    for (const field of [S.S_FAULT, S.S_STOP, S.S_CPL, S.S_EVENTS, S.S_SHADOW, S.S_TRAP])
      u32(field, 0);
    u32(S.S_ACTIVITY, S.ACTIVE);
    u64(S.S_CR0, BigInt(RealMode.cr0));
    u64(S.S_CR3, 0n);
    u64(S.S_CR4, BigInt(RealMode.cr4));
    u64(S.S_EFER, 0n);
    u64(S.S_IDT_BASE, 0n);
    u32(S.S_IDT_LIMIT, 0x3ff);
    for (let i = 0; i < 6; i++) {
      const field = S.S_SEG + i * S.SEG_STRIDE;
      const selector = before.u16(Field.segments + 2 * i);
      u64(field + S.SEG_BASE, BigInt(selector * 16));
      u32(field + S.SEG_LIMIT, 0xffff);
      u32(field + S.SEG_SELECTOR, selector);
      u32(field + S.SEG_ATTR, i === 1 ? 0x9b : 0x93);
      u32(field + S.SEG_VALID, 1);
    }
    this.#loadRegisters(before);
    core.cpu_state_changed(0);
  }

  #collectReal(stopped: boolean): StateRecord {
    const view = this.#view();
    const memory = new Uint8Array(view.buffer);
    const at = this.#state;
    const after = new StateRecord();
    after.setU32(Field.mode, 16);
    const u64 = (offset: number): bigint => view.getBigUint64(at + offset, true);
    for (let i = 0; i < 6; i++) {
      const field = S.S_SEG + i * S.SEG_STRIDE + S.SEG_SELECTOR;
      after.setU16(Field.segments + 2 * i, view.getUint32(at + field, true));
    }
    const rip = u64(S.S_RIP);
    const handler = after.u16(Field.segments + 2) * 16 + Number(rip) - RealMode.handlers - 1;
    const ended = handler >= 0 && handler < 256 ? handler : RealMode.vectorEnd;
    after.setU32(Field.vector, stopped ? ended : VECTOR_TIMEOUT);
    after.setU64(Field.rip, rip);
    after.setU64(Field.rflags, BigInt(this.#flags()));
    for (let i = 0; i < 16; i++) after.setGpr(i, u64(S.REGS + 8 * i));
    this.#collectVectors(after);
    after.bytes.fill(0, Field.ymmHigh, Field.windowA);
    const take = (field: number, length: number, address: number): void =>
      after.bytes.set(memory.subarray(this.#ram + address, this.#ram + address + length), field);
    take(Field.windowA, Memory.windowASize, RealMode.windowA);
    take(Field.windowB, Memory.windowBSize, RealMode.windowB);
    // The protected-mode snippets that may follow find their address space again.
    memory.fill(0, this.#ram, this.#ram + RealMode.memorySize);
    this.#buildAddressSpace();
    this.#core.ram_written(0, RealMode.memorySize);
    return after;
  }

  /** x87, MXCSR and vector registers. */
  #collectVectors(after: StateRecord): void {
    const view = this.#view();
    const memory = new Uint8Array(view.buffer);
    const at = this.#state;
    const u32 = (offset: number): number => view.getUint32(at + offset, true);
    const u64 = (offset: number): bigint => view.getBigUint64(at + offset, true);
    const top = u32(S.S_FTOP);
    after.setU16(Field.fcw, u32(S.S_FCW));
    after.setU16(Field.fsw, u32(S.S_FSW) | (top << 11));
    after.bytes[Field.ftw] = u32(S.S_FTAG);
    for (let i = 0; i < 8; i++) {
      const register = S.S_FPR + 16 * ((top + i) & 7);
      after.setU64(Field.st + 16 * i, u64(register));
      after.setU16(Field.st + 16 * i + 8, u32(register + 8) & 0xffff);
    }
    after.setU32(Field.mxcsr, u32(S.S_MXCSR));
    for (let i = 0; i < 16; i++) {
      const register = at + S.S_YMM + 32 * i;
      after.bytes.set(memory.subarray(register, register + 16), Field.xmm + 16 * i);
      after.bytes.set(memory.subarray(register + 16, register + 32), Field.ymmHigh + 16 * i);
    }
  }

  /** EFLAGS, the status flags from their lazy form. */
  #flags(): number {
    const view = this.#view();
    const result = view.getBigUint64(this.#state + S.S_LF_RES, true);
    const aux = view.getBigUint64(this.#state + S.S_LF_AUX, true);
    let parity = Number((result ^ (aux >> 8n)) & 0xffn);
    for (const shift of [4, 2, 1]) parity ^= parity >> shift;
    const carry = Number(aux >> 63n);
    let flags = view.getUint32(this.#state + S.S_EFLAGS, true) | carry | 2;
    if ((parity & 1) === 0) flags |= 4;
    if (aux & 8n) flags |= 0x10;
    if (result === 0n) flags |= 0x40;
    if ((result >> 63n) ^ (aux & 1n)) flags |= 0x80;
    if (carry ^ Number((aux >> 62n) & 1n)) flags |= 0x800;
    return flags;
  }

  /** Flags in the lazy form that state.ts describes: a zero or non-zero result and the deltas to the real flags. */
  #loadFlags(flags: number, u64: (offset: number, value: bigint) => void): void {
    const bit = (n: number): bigint => BigInt((flags >>> n) & 1);
    const zero = bit(6);
    const parityDelta = zero === 1n ? 1n - bit(2) : bit(2);
    u64(S.S_LF_RES, 1n - zero);
    u64(
      S.S_LF_AUX,
      (bit(0) << 63n) | ((bit(0) ^ bit(11)) << 62n) | (bit(4) << 3n) | (parityDelta << 8n) | bit(7),
    );
    u64(S.S_EFLAGS, BigInt((flags & ~0x8d5) | 2));
  }

  #collect(before: StateRecord, stopped: boolean): StateRecord {
    const view = this.#view();
    const memory = new Uint8Array(view.buffer);
    const at = this.#state;
    const after = new StateRecord(new Uint8Array(RECORD_SIZE));
    const u64 = (offset: number): bigint => view.getBigUint64(at + offset, true);
    let vector = VECTOR_TIMEOUT;
    const rip = Number(u64(S.S_RIP) - SUPERVISOR);
    if (stopped && rip >= HANDLERS && rip < HANDLERS + 256 * 16) vector = (rip - HANDLERS) >>> 4;
    after.setU32(Field.vector, vector);
    after.setU32(Field.codeAddress, before.u32(Field.codeAddress));
    for (let i = 0; i < 16; i++) after.setGpr(i, u64(S.REGS + 8 * i));
    if (vector !== VECTOR_TIMEOUT) {
      let frame = this.#ram + Number(u64(S.REGS + 8 * 4) - SUPERVISOR);
      if (HAS_ERROR.has(vector)) {
        after.setU64(Field.errorCode, view.getBigUint64(frame, true));
        frame += 8;
      }
      after.setU64(Field.rip, view.getBigUint64(frame, true));
      after.setU64(Field.rflags, view.getBigUint64(frame + 16, true));
      after.setGpr(4, view.getBigUint64(frame + 24, true));
    }
    after.setU64(Field.cr2, u64(S.S_CR2));
    after.setU64(Field.fsBase, u64(S.S_SEG + 4 * S.SEG_STRIDE));
    after.setU64(Field.gsBase, u64(S.S_SEG + 5 * S.SEG_STRIDE));
    after.bytes.set(before.bytes.subarray(Field.code, Field.code + 64), Field.code);
    this.#collectVectors(after);
    const data = this.#ram + DATA_PAGES - Memory.data;
    after.bytes.set(
      memory.subarray(data + Memory.windowA, data + Memory.windowA + Memory.windowASize),
      Field.windowA,
    );
    after.bytes.set(
      memory.subarray(data + Memory.windowB, data + Memory.windowB + Memory.windowBSize),
      Field.windowB,
    );
    return after;
  }
}
