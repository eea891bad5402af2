// The kernel's entry points, called by the stubs in kernel/asm, and its start: console, memory, ACPI,
// CPUs, information page, roottask.

import { CRD_PIO, NUM_CPU, NUM_PORTS } from "./abi";
import { enableAcpi, hasLegacyPic, parseAcpi } from "./acpi";
import {
  beginLine,
  endLine,
  initConsole,
  print,
  printDecimal,
  printHex,
  printLine,
} from "./console";
import {
  addCpu,
  allocTss,
  Cpu,
  cpuById,
  cpuCount,
  cpuHasFsgsbase,
  detectFeatures,
  makeFirst,
  switchPd,
  thisCpu,
} from "./cpu";
import { setKernelPd } from "./delegate";
import { buildDescriptors, buildIdt, loadDescriptors, stackPages } from "./descriptor";
import { CONT_IDLE, CONT_IRET, CONT_SYSRET, Ec } from "./ec";
import { detectFpu, enableFpu } from "./fpu";
import { initGsis } from "./gsi";
import { addHipCpu, buildHip, finishHip, hipLapicInfo } from "./hip";
import { ioapicAddress, ioapicCount } from "./ioapic";
import { addRef, TYPE_EC } from "./kobject";
import {
  calibrate,
  findLapic,
  initLapic,
  lapicAddress,
  ownApicId,
  startTimer,
  tscKilohertz,
} from "./lapic";
import { KERNEL_END, KERNEL_POOL, KERNEL_START } from "./layout";
import { allocMdb, Mdb } from "./mdb";
import { MULTIBOOT_MAGIC, modulesAreUsable, setBootInfo } from "./multiboot";
import { insertNode } from "./node_table";
import { allocPages, availablePages, initPages } from "./page";
import { kernelRoot } from "./page_table";
import { fatal, panic, trapsAreReady } from "./panic";
import { createPd, initKobject, Pd } from "./pd";
import { disablePic } from "./pic";
import { createRoot } from "./root";
import { run } from "./run";
import { createSc } from "./sc";
import { allocObject } from "./slab";
import { startProcessors } from "./smp";
import { claimDevicePage, setHipPage } from "./space_mem";
import { insertObject } from "./space_obj";
import { syscall } from "./syscall";
import { interrupt, kernelTrap, userException } from "./trap";
import { cr4, rdtsc, set_cr3, set_cr4, window } from "./x86";

const CR4_PGE: u64 = 1 << 7;
const CR4_FSGSBASE: u64 = 1 << 16;

let kernelPd: Pd = changetype<Pd>(0);

/** The domain that owns the machine: all ports, interrupts and physical memory. */
function createKernelPd(): Pd {
  const pd = createPd(changetype<Pd>(0), 0, 0, true);
  if (changetype<usize>(pd) === 0) panic("out of memory for the kernel's domain");
  setKernelPd(pd);
  const ports: Mdb = allocMdb(pd, CRD_PIO, 0, 0, 16, 1);
  if (changetype<usize>(ports) === 0 || !insertNode(pd.ports, ports, NUM_PORTS)) {
    panic("out of memory for the I/O ports");
  }
  ports.attr = 7;
  return pd;
}

/** The EC that runs when nothing else does, with priority 0. */
function createIdle(cpu: Cpu): void {
  const ec = changetype<Ec>(allocObject(offsetof<Ec>()));
  if (changetype<usize>(ec) === 0) panic("out of memory for an idle EC");
  initKobject(ec, TYPE_EC, kernelPd, 0, 0);
  addRef(kernelPd);
  ec.domain = kernelPd;
  ec.utcbDomain = kernelPd;
  ec.isGlobal = true;
  ec.cpu = cpu.id;
  ec.cont = CONT_IDLE;
  const sc = createSc(kernelPd, cpu.id, ec, 0, 1000000);
  if (changetype<usize>(sc) === 0 || !insertObject(sc)) panic("out of memory for an idle SC");
  addRef(ec);
  addRef(sc);
  sc.since = rdtsc();
  cpu.idleEc = ec;
  cpu.ec = ec;
  cpu.sc = sc;
}

/** Per-CPU structures, made by the boot CPU for all. */
export function prepareCpu(cpu: Cpu): void {
  const stack = allocPages(stackPages());
  if (stack === 0 || !allocTss(cpu) || !buildDescriptors(cpu)) panic("out of memory for a CPU");
  cpu.stackEnd = window() + <u64>(stack + ((<usize>stackPages()) << 12));
}

/** What every CPU does for itself before it runs anything. */
export function startCpu(cpu: Cpu): void {
  loadDescriptors(cpu);
  enableFpu();
  set_cr4(cr4() | CR4_PGE | (cpuHasFsgsbase() ? CR4_FSGSBASE : 0));
  set_cr3(kernelRoot());
  initLapic(hipLapicInfo(cpu));
  createIdle(cpu);
  switchPd(cpu, kernelPd);
  addHipCpu(cpu);
}

/** Entry of an application processor, while the boot CPU waits for it with the kernel lock. */
export function ap_start(address: usize): void {
  const cpu = changetype<Cpu>(address);
  startCpu(cpu);
  startTimer();
  cpu.online = true;
}

/** What it does then, with the lock; the value is that of `run`. */
export function ap_run(): i32 {
  return run(thisCpu());
}

/** The boot CPU is number 0, whatever the MADT's order. */
function findBootCpu(): Cpu {
  const id = ownApicId();
  for (let i: u32 = 0; i < cpuCount(); i++) {
    const cpu = cpuById(i);
    if (cpu.apicId !== id) continue;
    makeFirst(cpu);
    return cpu;
  }
  if (cpuCount() >= <u32>NUM_CPU) panic("the boot CPU is not in the MADT");
  const cpu = addCpu(id, 0);
  if (changetype<usize>(cpu) === 0) panic("out of memory for the boot CPU");
  makeFirst(cpu);
  return cpu;
}

/** Entry from the boot stub, on the boot CPU; the value is that of `run`. */
export function kernel_main(magic: u32, bootInfo: u32): i32 {
  const serialPort = initConsole();
  printLine("Trihedron microhypervisor, Hedron API 5004");
  if (magic !== MULTIBOOT_MAGIC) fatal("not started by a Multiboot 1 loader");
  setBootInfo(<usize>bootInfo);
  if (!modulesAreUsable()) {
    fatal(
      "the boot loader put a module into the kernel's memory, 1 to 64 MiB, or gave it a wrong size",
    );
  }
  // asc puts static data from its memoryBase on; what is all zero is in no segment of the image.
  if (__heap_base > <usize>KERNEL_POOL) panic("the kernel's static data reaches into its pool");
  initPages(KERNEL_POOL, KERNEL_END);
  detectFeatures();
  detectFpu();
  if (!findLapic()) fatal("no local APIC in xAPIC mode at 0xfee00000");
  if (!buildIdt()) panic("out of memory for the IDT");
  if (!parseAcpi()) printLine("ACPI: not usable, one CPU and no power management");
  if (hasLegacyPic()) disablePic();
  enableAcpi();
  claimDevicePage(lapicAddress());
  for (let i: u32 = 0; i < ioapicCount(); i++) claimDevicePage(ioapicAddress(i));
  const cpu = findBootCpu();
  kernelPd = createKernelPd();
  const hip = allocPages(1);
  if (hip === 0) panic("out of memory for the information page");
  setHipPage(<u64>hip);
  buildHip(hip, serialPort);
  prepareCpu(cpu);
  startCpu(cpu);
  trapsAreReady();
  calibrate();
  startTimer();
  cpu.online = true;
  if (!initGsis(kernelPd)) panic("out of memory for interrupts");
  startProcessors();
  finishHip();
  beginLine("memory ");
  printHex(KERNEL_START);
  print("-");
  printHex(KERNEL_END);
  print(", TSC ");
  printDecimal(<u64>tscKilohertz());
  print(" kHz, CPUs ");
  printDecimal(onlineCount());
  print(", free pages ");
  printDecimal(<u64>availablePages());
  endLine();
  createRoot(cpu, kernelPd);
  return run(cpu);
}

function onlineCount(): u64 {
  let online: u64 = 0;
  for (let i: u32 = 0; i < cpuCount(); i++) if (cpuById(i).online) online++;
  return online;
}

/** Entry from SYSCALL. */
export function on_syscall(): i32 {
  const cpu = thisCpu();
  const ec = cpu.ec;
  ec.cont = CONT_SYSRET;
  syscall(cpu, ec);
  return run(cpu);
}

/** Entry from an exception or interrupt in user mode. */
export function on_trap(): i32 {
  const cpu = thisCpu();
  const ec = cpu.ec;
  ec.cont = CONT_IRET;
  if (ec.vec < 32) userException(ec);
  else interrupt(<u32>ec.vec);
  return run(cpu);
}

/** Entry from an exception or interrupt in kernel mode; `frame` as in `kernelTrap`. */
export function on_kernel_trap(frame: usize): void {
  kernelTrap(frame);
}

/** Offset of the UTCB's address in an EC, for tests and debuggers. */
export function ec_utcb_offset(): i32 {
  return <i32>offsetof<Ec>("utcb");
}
