// Runs the kernel's wasm module in Node: linear memory is physical memory, the modules x86, stub and
// symbol are replaced by a small model of the machine. The test plays the user side: it sets registers,
// enters the kernel, and reads the registers the kernel would leave with.

import { guestModule } from "../../tools/asc/guest.ts";
import { fontTable } from "../../tools/screen/object.ts";
import * as abi from "../abi.ts";
import {
  CPU_EC,
  CPU_FOREIGN,
  CPU_HAZARD,
  CPU_TLB_REQUEST,
  EC_REGS,
  EXIT_IRET,
  EXIT_SYSRET,
  FAST_NOT,
  FRAME_ERR,
  FRAME_RIP,
  FRAME_VEC,
  LAPIC_BASE,
  SEL_TSS,
  TSS_IOMAP_BASE,
  VEC_IPI_TLB,
} from "../layout.ts";
import { IA32_APIC_BASE, IA32_GS_BASE, IA32_TSC_DEADLINE, IA32_X2APIC } from "../msr_number.ts";
import { KERNEL_GUEST } from "../options.ts";
import { crd } from "./crd.ts";
import { ExtendedState } from "./modern_cpu.ts";

const WINDOW = 0xffff_fffe_0000_0000n;
/** Bytes of physical memory unless stated; what the map says beyond is not there. */
const MEMORY_BYTES = 0x440_0000;
/** Where the model puts firmware tables, boot information and modules. */
const BOOT_INFO = 0x9000;
const MEMORY_MAP = 0x9100;
const MODULES = 0x9200;
const KERNEL_PML4 = 0x10_8000;
/** The window's page tables as the boot stub makes them: pointers, then four directories of large pages. */
const WINDOW_PDPT = 0x10_9000;
const BOOT_STACK = 0x60_4000;
const SCREEN_DIRECTORY = 0x10_f000;
const FONT = 0x40_0000;
/** Where a starting processor finds its Cpu object. */
const AP_CPU = 0x60_0100;
/** Where the model has the word that tells the TLB stub of x2APIC mode. */
const LAPIC_X2 = AP_CPU + 8;
/** ACPI tables, and the IOAPIC they describe. */
const RSDP = 0xe_0000;
const RSDT = 0xe_0040;
const MADT = 0xe_0080;
const MCFG = 0xe_0400;
const HPET = 0xe_0480;
/** What the MCFG table and the HPET table describe: PCI configuration space of two buses, and the timer's registers. */
export const PCI_CONFIG = 0xb000_0000;
export const PCI_CONFIG_BYTES = 2 << 20;
export const HPET_BASE = 0xfed0_0000;
const IOAPIC = 0xfec0_0000;
const IOAPIC_PINS = 24;
/** Local APIC registers, offsets. */
const APIC_ID = 0x20;
const APIC_ICR_LOW = 0x300;
const APIC_ICR_HIGH = 0x310;
/** ICR delivery modes, bits 10:8. */
const ICR_FIXED = 0;
const ICR_STARTUP = 6;
/** CPUID bits: leaf 1 ECX. */
const CPUID_PCID = 1 << 17;
const CPUID_X2APIC = 1 << 21;
const IA32_X2APIC_ID = IA32_X2APIC + 2;
const IA32_X2APIC_ICR = IA32_X2APIC + 0x30;
const CPUID_TSC_DEADLINE = 1 << 24;
/** Leaf 1 EDX. */
const CPUID_PAT = 1 << 16;
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

/** What the loaders leave in EAX. */
const MULTIBOOT1 = 0x2badb002;
const MULTIBOOT2 = 0x36d76289;

let compiled: Promise<WebAssembly.Module> | undefined;

async function compileKernel(): Promise<WebAssembly.Module> {
  const { wasm } = await guestModule({ ...KERNEL_GUEST, entry: "kernel/testing/audited.ts" });
  return new WebAssembly.Module(wasm);
}

function moduleOfKernel(): Promise<WebAssembly.Module> {
  compiled ??= compileKernel();
  return compiled;
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

/** What a machine can be told to be; all optional. */
export interface Hardware {
  /** Processors; where it is stated there are ACPI tables and an IOAPIC, otherwise there is one. */
  cpus?: number;
  /** Whether CPUs have process-context identifiers. */
  pcid?: boolean;
  /** Whether their local APICs have x2APIC mode. */
  x2apic?: boolean;
  /** Whether they have FSGSBASE, XSAVE and XSAVEOPT (modern_cpu.ts). */
  modern?: boolean;
  /** Bytes of physical memory, a multiple of 64 KiB. */
  memory?: number;
  /** The compiled kernel, if not that of the sources as they are. */
  kernel?: WebAssembly.Module;
}

/** What a CPU keeps to itself. */
interface CpuState {
  gsBase: bigint;
  /** Linear-memory address of the GDT. */
  gdt: number;
  cr3: bigint;
  deadline: bigint;
  exit: number;
  icrHigh: number;
  /** Vectors of interrupts other CPUs have sent and that have not been taken. */
  pending: number[];
}

interface Exports {
  memory: WebAssembly.Memory;
  kernel_main(magic: number, info: number): number;
  on_syscall(cpu: number): number;
  on_foreign_syscall(cpu: number): number;
  on_call(cpu: number): number;
  on_reply(cpu: number): number;
  on_sm_ctrl(arg1: bigint, arg2: bigint, arg3: bigint, cpu: number): number;
  on_pt_ctrl(arg1: bigint, arg2: bigint, arg3: bigint, cpu: number): number;
  ec_utcb_offset(): number;
  ec_cont_offset(): number;
  ec_refs_offset(): number;
  on_trap(): number;
  on_kernel_trap(frame: number): void;
  audit(scratch: number, baseline: number): number;
  audit_bytes(): number;
  audit_where(): number;
  pool_start(): number;
  pool_end(): number;
  available_pages(): number;
  ap_start(cpu: number): void;
  ap_run(): number;
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
  "is a table that is empty or counted wrongly",
];

export class Machine {
  readonly exports: Exports;
  readonly view: DataView;
  log = "";
  tsc = 0n;
  /** Set while the kernel idles: what to do instead of waiting. */
  onIdle: (() => void) | undefined;
  /** Called where a long operation lets others in between two of its pieces. */
  onWindow: (() => void) | undefined;
  /** Whether hypercalls take the entries that the stub has for them, or all the general one. */
  fastPaths = true;
  /** Told of every load of CR3, bit 63 included. */
  onCr3: ((cpu: number, value: bigint) => void) | undefined;
  /** The CPU that runs: `ec`, `cr3`, `deadline` and `exit` are its own. */
  cpu = 0;
  protected readonly cpus: CpuState[];
  private readonly hardware: Hardware;
  readonly msrs = new Map<number, bigint>();
  /** Registers that are in no frame. */
  readonly extended = new ExtendedState(this.msrs, () => this.view, WINDOW);

  /** Boots with `root` as the first module at the physical address `at`, followed by `more` modules that are empty. */
  static async boot(
    root: Uint8Array = rootElf(),
    at = ROOT_MODULE,
    more: BootModule[] = [],
    hardware: Hardware = {},
  ): Promise<Machine> {
    const machine = new Machine(hardware.kernel ?? (await moduleOfKernel()), hardware);
    machine.write(BOOT_INFO, [0x48]);
    const modules = [{ start: at, end: at + root.length, text: 0 }, ...more];
    machine.write(BOOT_INFO + 20, [modules.length, MODULES]);
    machine.write(BOOT_INFO + 44, [24, MEMORY_MAP]);
    machine.write(MEMORY_MAP, [20, 0, 0, 0x8000_0000, 0, 1]);
    machine.write(
      MODULES,
      modules.flatMap(({ start, end, text }) => [start, end, text, 0]),
    );
    machine.start(MULTIBOOT1, root, at);
    return machine;
  }

  /** Boots with this Multiboot 2 information, up to a page of it, and `root` at the physical address `at`. */
  static async boot2(information: Uint8Array, root: Uint8Array, at: number): Promise<Machine> {
    const machine = new Machine(await moduleOfKernel(), {});
    new Uint8Array(machine.view.buffer).set(information, BOOT_INFO);
    machine.start(MULTIBOOT2, root, at);
    return machine;
  }

  private constructor(module: WebAssembly.Module, hardware: Hardware) {
    this.hardware = hardware;
    const cpu = { gsBase: 0n, gdt: 0, cr3: 0n, deadline: 0n, exit: EXIT_SYSRET, icrHigh: 0 };
    const count = hardware.cpus ?? 1;
    this.cpus = Array.from({ length: count }, () => ({ ...cpu, pending: [] }));
    const instance = new WebAssembly.Instance(module, this.imports(module));
    this.exports = instance.exports as unknown as Exports;
    const { memory } = this.exports;
    const scratchPages = Math.ceil(this.exports.audit_bytes() / 65536);
    memory.grow(this.auditScratch / 65536 + scratchPages - memory.buffer.byteLength / 65536);
    this.view = new DataView(memory.buffer);
    new Uint8Array(memory.buffer).set(fontTable(), FONT);
    this.msrs.set(IA32_APIC_BASE, 0xfee0_0900n);
  }

  /** Scratch memory of the audit, behind physical memory. */
  private get auditScratch(): number {
    return this.hardware.memory ?? MEMORY_BYTES;
  }

  private start(magic: number, root: Uint8Array, at: number): void {
    new Uint8Array(this.view.buffer).set(root, at);
    this.mapWindow();
    if (this.hardware.cpus !== undefined) this.addAcpi(this.hardware.cpus);
    this.exit = this.exports.kernel_main(magic, BOOT_INFO);
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
    const fault = this.exports.audit(this.auditScratch, baseline ? 1 : 0);
    if (fault !== 0) {
      throw new Error(`audit: 0x${this.exports.audit_where().toString(16)} ${FAULTS[fault]}`);
    }
    const counts = new Map(OWNERS.map((owner) => [owner, 0]));
    const [start, end] = [this.exports.pool_start(), this.exports.pool_end()];
    for (let page = start; page < end; page += 4096) {
      const at = this.auditScratch + (page - start) / 4096;
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

  /** RSDP, RSDT, a MADT with all processors and an IOAPIC, an MCFG table and an HPET table. */
  private addAcpi(processors: number): void {
    const bytes = new Uint8Array(this.view.buffer);
    const sum = (at: number, length: number, where: number) => {
      let total = 0;
      for (let i = 0; i < length; i++) total += bytes[at + i] ?? 0;
      bytes[at + where] = -total;
    };
    this.write(RSDP, [0x20445352, 0x20525450, 0, 0, RSDT]);
    sum(RSDP, 20, 8);
    const tables = [MADT, MCFG, HPET];
    const rsdtBytes = 36 + 4 * tables.length;
    this.write(RSDT, [0x54445352, rsdtBytes]);
    this.write(RSDT + 36, tables);
    sum(RSDT, rsdtBytes, 9);
    this.write(MCFG, [0x4746434d, 60]);
    // Segment 0, first and last bus.
    this.write(MCFG + 44, [PCI_CONFIG, 0, (PCI_CONFIG_BYTES / 2 ** 20 - 1) << 24]);
    sum(MCFG, 60, 9);
    this.write(HPET, [0x54455048, 56]);
    this.write(HPET + 44, [HPET_BASE, 0]);
    sum(HPET, 56, 9);
    const length = 44 + 8 * processors + 12;
    this.write(MADT, [0x43495041, length]);
    for (let i = 0; i < processors; i++) {
      bytes.set([0, 8, i, i, 1], MADT + 44 + 8 * i);
    }
    bytes.set([1, 12], MADT + 44 + 8 * processors);
    this.write(MADT + 44 + 8 * processors + 4, [IOAPIC, 0]);
    sum(MADT, length, 9);
  }

  private get state(): CpuState {
    return this.cpus[this.cpu] as CpuState;
  }

  /** TSC value the CPU's deadline timer is set to. */
  get deadline(): bigint {
    return this.state.deadline;
  }

  /** How the kernel last wanted to leave. */
  get exit(): number {
    return this.state.exit;
  }

  set exit(value: number) {
    this.state.exit = value;
  }

  get cr3(): bigint {
    return this.state.cr3;
  }

  private setCr3(value: bigint): void {
    this.onCr3?.(this.cpu, value);
    this.state.cr3 = BigInt.asUintN(63, value);
  }

  /** Takes the oldest interrupt that another CPU has sent to this one, if there is any. */
  pendingInterrupt(): number | undefined {
    return this.state.pending.shift();
  }

  /** What user space reaches by hypercalls: registers that are not there fault. */
  safeMsrs = new Map<number, bigint>();

  /** CR2. */
  faultAddress = 0n;
  private ioapicIndex = 0;

  private load32(address: bigint): bigint {
    const at = Number(BigInt.asUintN(64, address) - WINDOW);
    if (at === LAPIC_BASE + APIC_ID) return BigInt(this.cpu << 24);
    // Of the IOAPIC's registers only the version matters, which says how many pins there are.
    if (at === IOAPIC + 0x10) return this.ioapicIndex === 1 ? BigInt((IOAPIC_PINS - 1) << 16) : 0n;
    return at + 4 <= this.view.byteLength ? BigInt(this.view.getUint32(at, true)) : 0n;
  }

  private store32(address: bigint, value: bigint): void {
    const at = Number(BigInt.asUintN(64, address) - WINDOW);
    const word = Number(BigInt.asUintN(32, value));
    if (at === LAPIC_BASE + APIC_ICR_HIGH) this.state.icrHigh = word;
    else if (at === LAPIC_BASE + APIC_ICR_LOW) this.interruptOther(this.state.icrHigh >>> 24, word);
    else if (at === IOAPIC) this.ioapicIndex = word;
    else if (at + 4 <= this.view.byteLength) this.view.setUint32(at, word, true);
  }

  /** An inter-processor interrupt. That of TLBs is answered by the entry stub at once. */
  private interruptOther(target: number, command: number): void {
    const cpu = this.cpus[target];
    const mode = (command >> 8) & 7;
    if (cpu === undefined || target === this.cpu) return;
    const sender = this.cpu;
    this.cpu = target;
    if (mode === ICR_STARTUP) this.exports.ap_start(this.view.getUint32(AP_CPU, true));
    else if (mode === ICR_FIXED && (command & 0xff) === VEC_IPI_TLB) {
      this.setCr3(cpu.cr3);
      this.view.setBigUint64(Number(cpu.gsBase) + CPU_TLB_REQUEST, 0n, true);
    } else if (mode === ICR_FIXED) cpu.pending.push(command & 0xff);
    this.cpu = sender;
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
      rdmsr: (msr: number) =>
        msr === IA32_X2APIC_ID ? BigInt(this.cpu) : (this.msrs.get(msr >>> 0) ?? 0n),
      wrmsr: (msr: number, value: bigint) => {
        this.msrs.set(msr >>> 0, value);
        if (msr >>> 0 === IA32_GS_BASE) this.state.gsBase = BigInt.asUintN(64, value) - WINDOW;
        if (msr === IA32_X2APIC_ICR) {
          this.interruptOther(Number(value >> 32n), Number(value & 0xffff_ffffn));
        }
        if (msr === IA32_TSC_DEADLINE) this.state.deadline = BigInt.asUintN(64, value);
      },
      cpuid: (leaf: number, _subleaf: number, out: number) => {
        // TSC deadline timer, no XSAVE, physical addresses of 40 bits.
        const features =
          CPUID_TSC_DEADLINE |
          (this.hardware.pcid ? CPUID_PCID : 0) |
          (this.hardware.x2apic ? CPUID_X2APIC : 0);
        const ecx = leaf === 1 ? features : 0;
        const eax = { 0: 1, [0x80000000 | 0]: 0x80000008, [0x80000008 | 0]: 40 }[leaf] ?? 0;
        this.write(out, [eax, 0, ecx, leaf === 1 ? CPUID_PAT : 0]);
      },
      gs_load64: (offset: number) =>
        this.view.getBigUint64(Number(this.state.gsBase) + offset, true),
      load8: (address: bigint) => this.load32(address) & 0xffn,
      load16: (address: bigint) => this.load32(address) & 0xffffn,
      load32: (address: bigint) => this.load32(address),
      load64: (address: bigint) => this.load32(address),
      store32: (address: bigint, value: bigint) => this.store32(address, value),
      lgdt: (pointer: bigint) => {
        const at = Number(BigInt.asUintN(64, pointer) - WINDOW);
        this.state.gdt = Number(this.view.getBigUint64(at + 2, true) - WINDOW);
      },
      cr3: () => this.cr3,
      set_cr3: (value: bigint) => this.setCr3(BigInt.asUintN(64, value)),
      ud2: () => {
        throw new Panic(this.log);
      },
      hlt: () => {
        throw new Panic(this.log);
      },
      cr0: () => 0n,
      cr2: () => this.faultAddress,
      cr4: () => 0n,
      ...this.extended.oldInstructions(),
      ...(this.hardware.modern
        ? this.extended.modernInstructions((at, words) => this.write(at, words))
        : {}),
    };
    const symbols: Record<string, () => bigint> = {
      kernel_pml4: () => BigInt(KERNEL_PML4),
      ap_cpu: () => WINDOW + BigInt(AP_CPU),
      ap_wakes: () => WINDOW + BigInt(AP_CPU) + 8n,
      screen_font: () => WINDOW + BigInt(FONT),
      screen_directory: () => BigInt(SCREEN_DIRECTORY),
      lapic_x2: () => WINDOW + BigInt(LAPIC_X2),
      boot_stack: () => WINDOW + BigInt(BOOT_STACK),
    };
    const stub: Record<string, (...args: never[]) => unknown> = {
      idle: () => {
        if (!this.onIdle) throw new Idle("idle");
        this.onIdle();
      },
      open_window: () => this.onWindow?.(),
      rdmsr_safe: (msr: number, out: number) => {
        const value = this.safeMsrs.get(msr >>> 0);
        if (value === undefined) return 0;
        this.view.setBigUint64(out, value, true);
        return 1;
      },
      wrmsr_safe: (msr: number, value: bigint) => {
        if (!this.safeMsrs.has(msr >>> 0)) return 0;
        this.safeMsrs.set(msr >>> 0, BigInt.asUintN(64, value));
        return 1;
      },
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

  /** Linear-memory address of the per-CPU area. */
  get cpuArea(): number {
    return Number(this.state.gsBase);
  }

  /** Linear-memory address of the current EC. */
  get ec(): number {
    return this.view.getUint32(this.cpuArea + CPU_EC, true);
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

  /** What the entry stub does: some hypercalls have entries of their own while the CPU has no hazard. */
  enter(): number {
    const { exports, view } = this;
    const cpu = this.cpuArea;
    const isForeign = view.getUint32(cpu + CPU_FOREIGN, true) !== 0;
    if (isForeign && (view.getUint32(this.utcb + abi.UTCB_FLAGS, true) & abi.UTCB_NSCT) === 0) {
      return exports.on_foreign_syscall(cpu);
    }
    if (!this.fastPaths || view.getUint32(cpu + CPU_HAZARD, true) !== 0) {
      return exports.on_syscall(cpu);
    }
    const arg1 = this.get("rdi");
    const id = Number(arg1 & 0xffn);
    if (id === abi.HC_CALL) return exports.on_call(cpu);
    if (id === abi.HC_REPLY) return exports.on_reply(cpu);
    const handler = { [abi.HC_SM_CTRL]: "on_sm_ctrl", [abi.HC_PT_CTRL]: "on_pt_ctrl" } as const;
    const name = handler[id as keyof typeof handler];
    if (name === undefined) return exports.on_syscall(cpu);
    if (exports[name](arg1, this.get("rsi"), this.get("rdx"), cpu) === FAST_NOT) {
      return exports.on_syscall(cpu);
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
  translate(
    address: bigint,
    root = Number(this.cr3 & 0x000f_ffff_ffff_f000n),
  ): { phys: number; entry: bigint } | undefined {
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

  /** Whether the TSS of the CPU lets user code use an I/O port (Intel SDM vol. 1, 19.5.2). */
  mayUsePort(port: number): boolean {
    const gdt = this.state.gdt;
    const descriptor = this.view.getBigUint64(gdt + SEL_TSS, true);
    const high = this.view.getBigUint64(gdt + SEL_TSS + 8, true);
    const low = ((descriptor >> 16n) & 0xff_ffffn) | ((descriptor >> 56n) << 24n);
    const tss = Number(((high << 32n) | low) - WINDOW);
    const map = this.view.getUint16(tss + TSS_IOMAP_BASE, true);
    const limit = Number(descriptor & 0xffffn);
    if (map + (port >> 3) > limit) return false;
    return (this.view.getUint8(tss + map + (port >> 3)) & (1 << (port & 7))) === 0;
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
