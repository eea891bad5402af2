// Runs the kernel's wasm module in Node: linear memory is physical memory, the modules x86, stub and
// symbol are replaced by a small model of the machine. The test plays the user side: it sets registers,
// enters the kernel, and reads the registers the kernel would leave with.

import { guestModule } from "../../tools/asc/guest.ts";
import * as abi from "../abi.ts";
import {
  CPU_ATTENTION,
  EC_REGS,
  EXIT_IRET,
  EXIT_SYSRET,
  FAST_NOT,
  FRAME_ERR,
  FRAME_RIP,
  FRAME_VEC,
  KERNEL_END,
  KERNEL_POOL,
} from "../layout.ts";
import { IA32_APIC_BASE, IA32_GS_BASE, IA32_TSC_DEADLINE } from "../msr_number.ts";
import { KERNEL_GUEST } from "../options.ts";
import { crd } from "./crd.ts";

const WINDOW = 0xffff_fffe_0000_0000n;
const MEMORY_PAGES = 1088;
/** Scratch memory of the audit, behind physical memory. */
const AUDIT_SCRATCH = MEMORY_PAGES * 65536;
/** Where the model puts firmware tables, boot information and modules. */
const BOOT_INFO = 0x9000;
const MEMORY_MAP = 0x9100;
const MODULES = 0x9200;
const KERNEL_PML4 = 0x10_8000;
/** The window's page tables as the boot stub makes them: pointers, then four directories of large pages. */
const WINDOW_PDPT = 0x10_9000;
const BOOT_STACK = 0x60_4000;
/** A page of low memory for the interrupt frame of an idle CPU. */
const IDLE_FRAME = 0x8000;
const ROOT_MODULE = 0x410_0000;

/** Register offsets in the EC, by name. */
const REGISTERS = [
  ..."r15 r14 r13 r12 r11 r10 r9 r8 rdi rsi rbp cr2 rbx rdx rcx rax".split(" "),
  ..."vec err rip cs rflags rsp ss".split(" "),
];

export type Registers = Partial<Record<string, bigint | number>>;

/** The idle kernel waits for an interrupt: there is nothing to run. */
export class Idle extends Error {}
export class Panic extends Error {}

let compiled: Promise<WebAssembly.Module> | undefined;

async function compileKernel(): Promise<WebAssembly.Module> {
  const { wasm } = await guestModule({ ...KERNEL_GUEST, entry: "kernel/testing/audited.ts" });
  return new WebAssembly.Module(wasm);
}

/** A minimal executable for the root module: one page at 4 MiB. */
export function rootElf(): Uint8Array {
  const image = new Uint8Array(4096);
  const view = new DataView(image.buffer);
  view.setUint32(0, 0x464c457f, true);
  view.setUint16(4, 0x0102, true);
  view.setUint16(16, 2, true);
  view.setUint16(18, 62, true);
  view.setBigUint64(24, 0x40_0000n, true);
  view.setBigUint64(32, 64n, true);
  view.setUint16(56, 1, true);
  view.setUint32(64, 1, true);
  view.setUint32(68, 7, true);
  view.setBigUint64(72, 0n, true);
  view.setBigUint64(80, 0x40_0000n, true);
  view.setBigUint64(96, 4096n, true);
  view.setBigUint64(104, 4096n, true);
  return image;
}

/** A module as the loader describes it: physical addresses of its bytes and of its command line. */
export interface BootModule {
  start: number;
  end: number;
  text: number;
}

interface Exports {
  memory: WebAssembly.Memory;
  kernel_main(magic: number, info: number): number;
  on_syscall(): number;
  on_call(cpu: number): number;
  on_reply(cpu: number): number;
  on_sm_ctrl(arg1: bigint, arg2: bigint, arg3: bigint, cpu: number): number;
  on_pt_ctrl(arg1: bigint, arg2: bigint, arg3: bigint, cpu: number): number;
  ec_utcb_offset(): number;
  on_trap(): number;
  on_kernel_trap(frame: number): void;
  audit(scratch: number, baseline: number): number;
  audit_bytes(): number;
  audit_where(): number;
  available_pages(): number;
}

/** The owners of pages that the audit tells apart; indices are those of audit.ts. */
const OWNERS = [
  "nobody",
  "the kernel itself",
  "free",
  "never used",
  "slab",
  "node table",
  "page table",
  "UTCB",
  "FPU state",
  "port map",
] as const;

/** What the audit finds wrong; indices are those of audit.ts. */
const FAULTS = [
  "",
  "has two owners",
  "has no owner",
  "is a slot with two owners",
  "is a slab with a lost slot",
  "is where the count of free pages is wrong",
  "is out of its ring",
  "is in a table and should not be",
  "is mapped to user space",
  "is a slab with a wrong count",
  "is no object",
];

export class Machine {
  readonly exports: Exports;
  readonly view: DataView;
  log = "";
  tsc = 0n;
  /** TSC value the deadline timer is set to. */
  deadline = 0n;
  /** Set while the kernel idles: what to do instead of waiting. */
  onIdle: (() => void) | undefined;
  /** Whether hypercalls take the entries that the stub has for them, or all the general one. */
  fastPaths = true;
  /** How the kernel last wanted to leave. */
  exit: number = EXIT_SYSRET;
  cr3 = 0n;
  private gsBase = 0n;
  readonly msrs = new Map<number, bigint>();

  /** Boots with `root` as the first module at the physical address `at`, followed by `more` modules that are empty. */
  static async boot(
    root: Uint8Array = rootElf(),
    at = ROOT_MODULE,
    more: BootModule[] = [],
  ): Promise<Machine> {
    compiled ??= compileKernel();
    return new Machine(await compiled, root, at, more);
  }

  private constructor(
    module: WebAssembly.Module,
    root: Uint8Array,
    at: number,
    more: BootModule[],
  ) {
    const instance = new WebAssembly.Instance(module, this.imports(module));
    this.exports = instance.exports as unknown as Exports;
    const { memory } = this.exports;
    const scratchPages = Math.ceil(this.exports.audit_bytes() / 65536);
    memory.grow(MEMORY_PAGES + scratchPages - memory.buffer.byteLength / 65536);
    this.view = new DataView(memory.buffer);
    this.msrs.set(IA32_APIC_BASE, 0xfee0_0900n);
    this.write(BOOT_INFO, [0x48]);
    const modules = [{ start: at, end: at + root.length, text: 0 }, ...more];
    this.write(BOOT_INFO + 20, [modules.length, MODULES]);
    this.write(BOOT_INFO + 44, [24, MEMORY_MAP]);
    this.write(MEMORY_MAP, [20, 0, 0, 0x8000_0000, 0, 1]);
    this.write(
      MODULES,
      modules.flatMap(({ start, end, text }) => [start, end, text, 0]),
    );
    new Uint8Array(memory.buffer).set(root, at);
    this.mapWindow();
    this.exit = this.exports.kernel_main(0x2badb002, BOOT_INFO);
    this.runAudit(true);
  }

  /** Free pages of the kernel's pool. */
  get freePages(): number {
    return this.exports.available_pages();
  }

  /**
   * Checks that every page of the kernel's pool and every slot of its slabs has exactly one owner, and that user
   * space maps none but UTCBs and the information page; how many pages each owner has. Throws what is wrong.
   */
  audit(): Map<(typeof OWNERS)[number], number> {
    return this.runAudit(false);
  }

  private runAudit(baseline: boolean): Map<(typeof OWNERS)[number], number> {
    const fault = this.exports.audit(AUDIT_SCRATCH, baseline ? 1 : 0);
    if (fault !== 0) {
      throw new Error(`audit: 0x${this.exports.audit_where().toString(16)} ${FAULTS[fault]}`);
    }
    const counts = new Map(OWNERS.map((owner) => [owner, 0]));
    for (let page = KERNEL_POOL; page < KERNEL_END; page += 4096) {
      const at = AUDIT_SCRATCH + (page - KERNEL_POOL) / 4096;
      const owner = OWNERS[this.view.getUint8(at)] ?? "nobody";
      counts.set(owner, (counts.get(owner) ?? 0) + 1);
    }
    return counts;
  }

  private write(at: number, words: number[]): void {
    for (const [i, word] of words.entries()) this.view.setUint32(at + i * 4, word, true);
  }

  private mapWindow(): void {
    const entry = (at: number, value: bigint) => this.view.setBigUint64(at, value, true);
    entry(KERNEL_PML4 + 511 * 8, BigInt(WINDOW_PDPT | 3));
    for (let i = 0; i < 4; i++) {
      const directory = WINDOW_PDPT + 0x1000 * (i + 1);
      entry(WINDOW_PDPT + (504 + i) * 8, BigInt(directory | 3));
      for (let j = 0; j < 512; j++) {
        entry(directory + j * 8, (1n << 63n) | (BigInt(i * 512 + j) << 21n) | 0x183n);
      }
    }
  }

  private imports(module: WebAssembly.Module): WebAssembly.Imports {
    const ports = new Map<number, number>([[0x3f8 + 7, 0x5a]]);
    const x86: Record<string, (...args: never[]) => unknown> = {
      window: () => WINDOW,
      inb: (port: number) => {
        if (port === 0x42) return this.pit();
        return port === 0x3fd ? 0x20 : (ports.get(port) ?? 0);
      },
      inw: () => 0,
      inl: () => 0,
      outb: (port: number, value: number) => {
        if (port === 0xe9) this.print(value);
      },
      rdtsc: () => (this.tsc += 1000n),
      rdmsr: (msr: number) => this.msrs.get(msr >>> 0) ?? 0n,
      wrmsr: (msr: number, value: bigint) => {
        this.msrs.set(msr >>> 0, value);
        if (msr >>> 0 === IA32_GS_BASE) this.gsBase = BigInt.asUintN(64, value) - WINDOW;
        if (msr === IA32_TSC_DEADLINE) this.deadline = BigInt.asUintN(64, value);
      },
      cpuid: (leaf: number, _subleaf: number, out: number) => {
        // TSC deadline timer, no XSAVE, physical addresses of 40 bits.
        const ecx = leaf === 1 ? 1 << 24 : 0;
        const eax = { 0: 1, [0x80000000 | 0]: 0x80000008, [0x80000008 | 0]: 40 }[leaf] ?? 0;
        this.write(out, [eax, 0, ecx, 0]);
      },
      gs_load64: (offset: number) => this.view.getBigUint64(Number(this.gsBase) + offset, true),
      load32: () => 0n,
      load64: () => 0n,
      cr3: () => this.cr3,
      set_cr3: (value: bigint) => {
        this.cr3 = value;
      },
      ud2: () => {
        throw new Panic(this.log);
      },
      hlt: () => {
        throw new Panic(this.log);
      },
      cr0: () => 0n,
      cr2: () => 0n,
      cr4: () => 0n,
    };
    const symbols: Record<string, () => bigint> = {
      kernel_pml4: () => BigInt(KERNEL_PML4),
      boot_stack: () => WINDOW + BigInt(BOOT_STACK),
    };
    const stub: Record<string, (...args: never[]) => unknown> = {
      idle: () => {
        if (!this.onIdle) throw new Idle("idle");
        this.onIdle();
      },
      rdmsr_safe: () => 0,
      wrmsr_safe: () => 0,
    };
    const imports: Record<string, Record<string, WebAssembly.ImportValue>> = {};
    for (const { module: name, name: field } of WebAssembly.Module.imports(module)) {
      const given = { x86, stub, symbol: symbols }[name]?.[field];
      imports[name] ??= {};
      imports[name][field] = given ?? (() => (name === "symbol" ? 0n : undefined));
    }
    return imports;
  }

  private pitReads = 0;

  /** PIT channel 2, low and high byte in turn: 1.193182 MHz at a TSC of 1 GHz. */
  private pit(): number {
    this.tsc += 50_000n;
    const count = (0xffff - Math.floor(Number(this.tsc) * 0.001193182)) & 0xffff;
    return this.pitReads++ % 2 === 0 ? count & 0xff : count >> 8;
  }

  private print(byte: number): void {
    this.log += String.fromCharCode(byte);
  }

  /** Linear-memory address of the current EC. */
  get ec(): number {
    const frame = this.view.getBigUint64(Number(this.gsBase) + 0x10, true) - WINDOW;
    return Number(frame) - EC_REGS;
  }

  get(register: string): bigint {
    return this.view.getBigUint64(this.ec + EC_REGS + this.offset(register), true);
  }

  set(registers: Registers): void {
    for (const [name, value] of Object.entries(registers)) {
      const at = this.ec + EC_REGS + this.offset(name);
      this.view.setBigUint64(at, BigInt.asUintN(64, BigInt(value ?? 0)), true);
    }
  }

  private offset(register: string): number {
    const index = REGISTERS.indexOf(register);
    if (index < 0) throw new Error(`no register ${register}`);
    return index * 8;
  }

  /** SYSCALL with these registers; returns how the kernel leaves. */
  syscall(registers: Registers): number {
    this.set(registers);
    this.exit = this.enter();
    return this.exit;
  }

  /** What the entry stub does: some hypercalls have entries of their own while nothing asks for attention. */
  private enter(): number {
    const { exports } = this;
    const cpu = Number(this.gsBase);
    if (!this.fastPaths || this.view.getBigUint64(cpu + CPU_ATTENTION, true) !== 0n) {
      return exports.on_syscall();
    }
    const arg1 = this.get("rdi");
    const id = Number(arg1 & 0xffn);
    if (id === abi.HC_CALL) return exports.on_call(cpu);
    if (id === abi.HC_REPLY) return exports.on_reply(cpu);
    const handler = { [abi.HC_SM_CTRL]: "on_sm_ctrl", [abi.HC_PT_CTRL]: "on_pt_ctrl" } as const;
    const name = handler[id as keyof typeof handler];
    if (name === undefined) return exports.on_syscall();
    if (exports[name](arg1, this.get("rsi"), this.get("rdx"), cpu) === FAST_NOT) {
      return exports.on_syscall();
    }
    this.set({ rdi: abi.SUCCESS });
    return EXIT_SYSRET;
  }

  /** A hypercall that returns to the same EC; its status. */
  hypercall(
    id: number,
    selector: bigint | number = 0,
    flags = 0,
    rest: {
      rsi?: bigint | number;
      rdx?: bigint | number;
      rax?: bigint | number;
      r8?: bigint | number;
    } = {},
  ): number {
    const before = this.ec;
    this.syscall({
      rsi: 0,
      rdx: 0,
      rax: 0,
      r8: 0,
      ...rest,
      rdi: (BigInt(selector) << 12n) | BigInt(flags << 8) | BigInt(id),
      rcx: 0x40_0000,
    });
    if (this.ec !== before) throw new Error("the hypercall has not returned to its caller");
    return Number(this.get("rdi") & 0xffn);
  }

  /** An exception or interrupt in user mode. */
  trap(vector: number, error = 0, rip = 0x40_0000): number {
    const frame = this.ec + EC_REGS;
    this.view.setBigUint64(frame + FRAME_VEC, BigInt(vector), true);
    this.view.setBigUint64(frame + FRAME_ERR, BigInt(error), true);
    this.view.setBigUint64(frame + FRAME_RIP, BigInt(rip), true);
    this.exit = this.exports.on_trap();
    return this.exit;
  }

  /** The timer interrupt at TSC value `at`, in user mode or while idle. */
  timer(at: bigint): void {
    this.tsc = at;
    this.trap(224);
  }

  /** An interrupt while the kernel idles. */
  interruptIdle(vector: number): void {
    this.view.setBigUint64(IDLE_FRAME, BigInt(vector), true);
    this.exports.on_kernel_trap(IDLE_FRAME);
  }

  /** Linear-memory address of the current EC's UTCB, 0 for the idle EC. */
  get utcb(): number {
    return this.view.getUint32(this.ec + this.exports.ec_utcb_offset(), true);
  }

  /** Physical address of the page mapped at a user address of the current address space, or undefined. */
  translate(address: bigint, root = Number(this.cr3)): { phys: number; entry: bigint } | undefined {
    let table = root;
    for (let level = 3; level >= 0; level--) {
      const shift = BigInt(12 + 9 * level);
      const entry = this.view.getBigUint64(table + Number((address >> shift) & 511n) * 8, true);
      if ((entry & 1n) === 0n) return undefined;
      if (level === 0 || entry & 0x80n) {
        const base = entry & 0x000f_ffff_ffff_f000n & ~((1n << shift) - 1n);
        return { phys: Number(base + (address & ((1n << shift) - 1n))), entry };
      }
      table = Number(entry & 0x000f_ffff_ffff_f000n);
    }
    return undefined;
  }

  /** Writes 64-bit words at a user address of the current address space. */
  poke(address: bigint, ...words: (bigint | number)[]): void {
    const page = this.translate(address);
    if (!page) throw new Error(`0x${address.toString(16)} is not mapped`);
    for (const [i, word] of words.entries()) {
      this.view.setBigUint64(page.phys + i * 8, BigInt.asUintN(64, BigInt(word)), true);
    }
  }

  peek(address: bigint): bigint {
    const page = this.translate(address);
    if (!page) throw new Error(`0x${address.toString(16)} is not mapped`);
    return this.view.getBigUint64(page.phys, true);
  }

  // --- Interface helpers, all for the current EC ---

  createPd(selector: number, foreignBase?: number): number {
    const rax = foreignBase === undefined ? 0 : (foreignBase << 1) | 1;
    return this.hypercall(abi.HC_CREATE_PD, selector, 0, { rsi: abi.ROOT_SEL_PD, rax });
  }

  createEc(
    selector: number,
    options: {
      pd?: number;
      global?: boolean;
      utcb?: bigint;
      stack?: bigint;
      events?: number;
      cpu?: number;
    } = {},
  ): number {
    return this.hypercall(abi.HC_CREATE_EC, selector, options.global ? 1 : 0, {
      rsi: options.pd ?? abi.ROOT_SEL_PD,
      rdx: (options.utcb ?? 0n) | BigInt(options.cpu ?? 0),
      rax: options.stack ?? 0,
      r8: options.events ?? 0,
    });
  }

  createPt(selector: number, ec: number, mtd: bigint | number, ip: bigint | number): number {
    return this.hypercall(abi.HC_CREATE_PT, selector, 0, {
      rsi: abi.ROOT_SEL_PD,
      rdx: ec,
      rax: mtd,
      r8: ip,
    });
  }

  createSc(selector: number, ec: number, prio: number, quantum: number): number {
    return this.hypercall(abi.HC_CREATE_SC, selector, 0, {
      rsi: abi.ROOT_SEL_PD,
      rdx: ec,
      rax: (BigInt(quantum) << 12n) | BigInt(prio),
    });
  }

  createSm(selector: number, count: number): number {
    return this.hypercall(abi.HC_CREATE_SM, selector, 0, { rsi: abi.ROOT_SEL_PD, rdx: count });
  }

  /** pd_ctrl_delegate from one domain to another. */
  delegate(from: number, to: number, source: bigint, target: bigint, flags = 1n): number {
    return this.hypercall(abi.HC_PD_CTRL, from, abi.PD_CTRL_DELEGATE, {
      rsi: to,
      rdx: source,
      rax: flags,
      r8: target,
    });
  }

  /** What pd_ctrl_lookup says about a selector or port: a CRD, 0 for nothing. */
  lookup(kind: number, base: number): bigint {
    this.hypercall(abi.HC_PD_CTRL, 0, abi.PD_CTRL_LOOKUP, { rsi: crd(kind, base) });
    return this.get("rsi");
  }
}

export { crd, EXIT_IRET, EXIT_SYSRET };
