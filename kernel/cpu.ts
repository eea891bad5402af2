// Per-CPU state: what runs, the ready queue, the timer, and what the entry stubs need, in one object
// whose address is in GS while the kernel runs. The first fields are fixed by layout.ts.

import { NUM_CPU } from "./abi";
import { hasOption } from "./command_line";
import { Ec } from "./ec";
import { ALL_STATE, fpuHasXsaveopt, loadFpu, saveFpu } from "./fpu";
import { addRef, dropRef } from "./kobject";
import {
  CPU_ATTENTION,
  CPU_EC,
  CPU_FOREIGN,
  CPU_HAZARD,
  CPU_SCRATCH,
  CPU_SELF,
  CPU_STACK,
  CPU_TLB_REQUEST,
  EC_REGS,
  FRAME_SIZE,
  IOMAP_BYTES,
  IOMAP_NONE,
  TSS_IOMAP,
  TSS_IOMAP_BASE,
  TSS_RSP0,
} from "./layout";
import { IA32_FS_BASE, IA32_KERNEL_GS_BASE } from "./msr_number";
import { allocPage, allocPages } from "./page";
import { kernelRoot } from "./page_table";
import { CR3_KEEP } from "./pcid";
import { Pd } from "./pd";
import { Sc } from "./sc";
import {
  cpuid,
  gs_load64,
  rdfsbase,
  rdgsbase,
  rdmsr,
  set_cr3,
  swapgs,
  window,
  wrfsbase,
  wrgsbase,
  wrmsr,
  xrstor,
  xsaveopt,
} from "./x86";

/** CPU hazard: another SC should run. */
export const HAZARD_SCHEDULE: u32 = 1;
/** CPU hazard: released SCs or timeouts of this CPU are left over from a piece of work (run.ts). */
export const HAZARD_WORK: u32 = 2;
/** CPU hazard: the machine goes to sleep (suspend.ts). */
export const HAZARD_PARK: u32 = 4;

@unmanaged
export class Cpu {
  self: u64;
  /** Virtual addresses. */
  stackEnd: u64;
  /** The current EC; with the word behind it, where its registers are. */
  ec: Ec;
  windowHigh: u32;
  /** What keeps system calls from the shortest way (CPU_ATTENTION): hazards, or that the domain is foreign. */
  hazard: u32;
  foreign: u32;
  scratch: u64;
  tlbRequest: u64;
  /** Deadline the timer is set to, 0 after it has fired; end of the current SC's budget, 0 for none. */
  timerAt: u64;
  budgetEnd: u64;
  id: u32;
  apicId: u32;
  acpiId: u32;
  online: bool;
  /** All state is in memory: the CPU waits, or is off (suspend.ts). */
  parked: bool;
  sc: Sc;
  pd: Pd;
  idleEc: Ec;
  /** Ready queues: one u32, the head, per priority. */
  ready: usize;
  /** First of the ECs with SCs that may run again and are not in the ready queue yet (sc.ts). */
  releasing: Ec;
  topPrio: u32;
  /** Where the call chain to the current EC has been entered: the current SC's EC, or a handler that is helped. */
  chainStart: Ec;
  /** How often a busy handler has been helped since the SC was scheduled. */
  helpCount: u32;
  /** The EC with the earliest deadline: the root of a heap (timeout_heap.ts). */
  timeouts: Ec;
  tss: usize;
  gdt: usize;
  /** Which I/O permission bitmap is in the TSS (Pd.portMapVersion), 0 for none. */
  portMapVersion: u64;
}

if (offsetof<Cpu>("self") !== CPU_SELF) ERROR("CPU_SELF");
if (offsetof<Cpu>("stackEnd") !== CPU_STACK) ERROR("CPU_STACK");
if (offsetof<Cpu>("ec") !== CPU_EC) ERROR("CPU_EC");
if (offsetof<Cpu>("windowHigh") !== CPU_EC + 4) ERROR("CPU_EC");
if (offsetof<Cpu>("hazard") !== CPU_HAZARD) ERROR("CPU_HAZARD");
if (offsetof<Cpu>("foreign") !== CPU_FOREIGN) ERROR("CPU_FOREIGN");
if (CPU_HAZARD !== CPU_ATTENTION || CPU_FOREIGN !== CPU_ATTENTION + 4) ERROR("CPU_ATTENTION");
if (offsetof<Cpu>("scratch") !== CPU_SCRATCH) ERROR("CPU_SCRATCH");
if (offsetof<Cpu>("tlbRequest") !== CPU_TLB_REQUEST) ERROR("CPU_TLB_REQUEST");

/** Addresses of the Cpu objects, one u32 per CPU number. */
const table: usize = memory.data(256);
let count: u32 = 0;

// What the boot CPU can do; the others are taken to be the same.
let hasFsgsbase: bool = false;
/** FSGSBASE and XSAVEOPT: segment bases and FPU state are switched by a few instructions each. */
let hasQuickState: bool = false;
/** log2 of the largest page, bytes: 21 or 30. */
let largestPage: u32 = 21;
let physicalBits: u32 = 36;
let hasTscDeadline: bool = false;

export function thisCpu(): Cpu {
  return changetype<Cpu>(<usize>gs_load64(CPU_SELF));
}

export function cpuById(id: u32): Cpu {
  return changetype<Cpu>(<usize>load<u32>(table + (id << 2)));
}

/** CPUs known, whether they run or not. */
export function cpuCount(): u32 {
  return count;
}

export function isOnline(id: u64): bool {
  return id < <u64>count && cpuById(<u32>id).online;
}

/** Registers a CPU found in the MADT; null if there are too many or memory is out. */
export function addCpu(apicId: u32, acpiId: u32): Cpu {
  if (count >= <u32>NUM_CPU) return changetype<Cpu>(0);
  const cpu = changetype<Cpu>(allocPage());
  if (changetype<usize>(cpu) === 0) return cpu;
  cpu.self = <u64>changetype<usize>(cpu);
  cpu.windowHigh = <u32>(window() >> 32);
  cpu.id = count;
  cpu.apicId = apicId;
  cpu.acpiId = acpiId;
  cpu.ready = changetype<usize>(cpu) + 1024;
  store<u32>(table + (count << 2), <u32>changetype<usize>(cpu));
  count++;
  return cpu;
}

/** Makes `cpu` number 0: the boot CPU is not always the first in the MADT. */
export function makeFirst(cpu: Cpu): void {
  const first = cpuById(0);
  store<u32>(table + (cpu.id << 2), <u32>changetype<usize>(first));
  store<u32>(table, <u32>changetype<usize>(cpu));
  first.id = cpu.id;
  cpu.id = 0;
}

/** A TSS with its I/O bitmap, in three pages in a row. */
export function allocTss(cpu: Cpu): bool {
  cpu.tss = allocPages(3);
  if (cpu.tss === 0) return false;
  store<u64>(cpu.tss, window(), TSS_RSP0);
  store<u16>(cpu.tss, <u16>IOMAP_NONE, TSS_IOMAP_BASE);
  memory.fill(cpu.tss + TSS_IOMAP, 0xff, <usize>IOMAP_BYTES + 1);
  return true;
}

/** Reads CPUID once, on the boot CPU. */
export function detectFeatures(): void {
  const out = memory.data(16);
  cpuid(0, 0, out);
  const maxLeaf = load<u32>(out);
  cpuid(1, 0, out);
  hasTscDeadline = (load<u32>(out, 8) & (1 << 24)) !== 0 && !hasOption("nodl");
  if (maxLeaf >= 7) {
    cpuid(7, 0, out);
    hasFsgsbase = (load<u32>(out, 4) & 1) !== 0;
  }
  cpuid(0x80000000, 0, out);
  const maxExtended = load<u32>(out);
  if (maxExtended >= 0x80000001) {
    cpuid(0x80000001, 0, out);
    if (load<u32>(out, 12) & (1 << 26)) largestPage = 30;
  }
  if (maxExtended >= 0x80000008) {
    cpuid(0x80000008, 0, out);
    physicalBits = load<u32>(out) & 0xff;
  }
}

/** After `detectFeatures` and `detectFpu`, on the boot CPU. */
export function detectQuickState(): void {
  hasQuickState = hasFsgsbase && fpuHasXsaveopt();
}

export function cpuHasFsgsbase(): bool {
  return hasFsgsbase;
}

export function cpuHasTscDeadline(): bool {
  return hasTscDeadline;
}

export function largestPageOrder(): u32 {
  return largestPage;
}

/** Width of physical addresses, bits. */
export function physicalAddressBits(): u32 {
  return physicalBits;
}

/** Saves the segment bases and FPU state of the current EC; the idle EC has no FPU state. */
export function saveState(ec: Ec): void {
  if (hasFsgsbase) {
    ec.fsBase = rdfsbase();
    // In the kernel the user's GS base is the one that SWAPGS brings.
    swapgs();
    ec.gsBase = rdgsbase();
    swapgs();
  } else {
    ec.fsBase = rdmsr(IA32_FS_BASE);
    ec.gsBase = rdmsr(IA32_KERNEL_GS_BASE);
  }
  if (ec.fpu !== 0) saveFpu(ec.fpu);
}

/** Loads what `saveState` saves. */
export function loadState(ec: Ec): void {
  if (hasFsgsbase) {
    wrfsbase(ec.fsBase);
    swapgs();
    wrgsbase(ec.gsBase);
    swapgs();
  } else {
    wrmsr(IA32_FS_BASE, ec.fsBase);
    wrmsr(IA32_KERNEL_GS_BASE, ec.gsBase);
  }
  if (ec.fpu !== 0) loadFpu(ec.fpu);
}

/** What old CPUs and the idle EC need: the segment bases and FPU state of `old` are saved, those of `ec` loaded. */
function switchStateSlowly(old: Ec, ec: Ec): void {
  saveState(old);
  loadState(ec);
}

/** Puts a domain's I/O permissions into the TSS. They are copied only when they have changed. */
export function loadPortMap(cpu: Cpu, pd: Pd): void {
  if (pd.portMap0 === 0) {
    store<u16>(cpu.tss, <u16>IOMAP_NONE, TSS_IOMAP_BASE);
    return;
  }
  if (cpu.portMapVersion !== pd.portMapVersion) {
    memory.copy(cpu.tss + TSS_IOMAP, pd.portMap0, 4096);
    memory.copy(cpu.tss + TSS_IOMAP + 4096, pd.portMap1, 4096);
    cpu.portMapVersion = pd.portMapVersion;
  }
  store<u16>(cpu.tss, <u16>TSS_IOMAP, TSS_IOMAP_BASE);
}

/** What CR3 gets for a domain: its translations stay in the TLB unless they are stale, or not told from others'. */
function rootOf(cpu: Cpu, pd: Pd): u64 {
  if (pd.isKernel) return kernelRoot();
  const root = <u64>pd.pageTable | <u64>pd.pcid;
  const self: u64 = (<u64>1) << cpu.id;
  if (pd.pcid !== 0 && (pd.staleOn & self) === 0) return root | CR3_KEEP;
  pd.staleOn &= ~self;
  return root;
}

/** Loads the domain's address space; the kernel's own has no user half. */
export function switchPd(cpu: Cpu, pd: Pd): void {
  if (cpu.pd === pd) return;
  addRef(pd);
  if (changetype<usize>(cpu.pd) !== 0) dropRef(cpu.pd);
  cpu.pd = pd;
  cpu.foreign = <u32>pd.foreign;
  set_cr3(rootOf(cpu, pd));
  loadPortMap(cpu, pd);
}

/** Part of those who use it: see ipc.ts. */
export class Switch {
  /**
   * Makes `ec` the one whose registers the exit stubs load, in place of `old`; state outside the frame is switched
   * here. Both have FPU state. The CPU's reference has to go from one to the other (`switchEc`, ipc.ts).
   */
  @inline static to(cpu: Cpu, old: Ec, ec: Ec): void {
    if (hasQuickState) {
      old.fsBase = rdfsbase();
      wrfsbase(ec.fsBase);
      swapgs();
      old.gsBase = rdgsbase();
      wrgsbase(ec.gsBase);
      swapgs();
      xsaveopt(window() + <u64>old.fpu, ALL_STATE);
      xrstor(window() + <u64>ec.fpu, ALL_STATE);
    } else switchStateSlowly(old, ec);
    cpu.ec = ec;
    store<u32>(cpu.tss, <u32>changetype<usize>(ec) + EC_REGS + FRAME_SIZE, TSS_RSP0);
    const pd = ec.domain;
    if (cpu.pd !== pd) switchPd(cpu, pd);
  }
}

/** Makes `ec` current with all that belongs to it, whatever was before. */
export function switchEc(cpu: Cpu, ec: Ec): void {
  const old = cpu.ec;
  if (old === ec) return;
  addRef(ec);
  dropRef(old);
  if (old !== cpu.idleEc && ec !== cpu.idleEc) {
    Switch.to(cpu, old, ec);
    return;
  }
  switchStateSlowly(old, ec);
  cpu.ec = ec;
  store<u32>(cpu.tss, <u32>changetype<usize>(ec) + EC_REGS + FRAME_SIZE, TSS_RSP0);
  switchPd(cpu, ec.domain);
}

/**
 * The FPU state of `to` becomes that of `from`, MTD bit FPU; one of the two, the handler, is running.
 * Its own state is as saved when it last gave up the CPU: it works on the other's meanwhile.
 */
export function copyFpuState(cpu: Cpu, from: Ec, to: Ec): void {
  if (from === to) return;
  if (cpu.ec === from) saveFpu(to.fpu);
  loadFpu(from.fpu);
}
