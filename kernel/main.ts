// The kernel's entry points, called by the stubs in kernel/asm, and its start: console, memory, ACPI,
// CPUs, information page, roottask.

import { NUM_CPU } from "./abi";
import { enableAcpi, hasLegacyPic, parseAcpi } from "./acpi";
import { setBootInfo } from "./boot_info";
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
  Cpu,
  cpuById,
  cpuCount,
  detectFeatures,
  detectQuickState,
  makeFirst,
  thisCpu,
} from "./cpu";
import { prepareCpu, startCpu } from "./cpu_start";
import { buildIdt } from "./descriptor";
import { CONT_IRET, CONT_SYSRET, Ec } from "./ec";
import { detectFpu } from "./fpu";
import { initGsis } from "./gsi";
import { buildHip, finishHip } from "./hip";
import { ioapicAddress, ioapicCount } from "./ioapic";
import { Ipc } from "./ipc";
import { createKernelPd } from "./kernel_pd";
import { calibrate, findLapic, lapicAddress, ownApicId, startTimer, tscKilohertz } from "./lapic";
import { KERNEL_POOL, KERNEL_START, STAY } from "./layout";
import { allocPages, availablePages, initPages, PAGE_BYTES } from "./page";
import { fatal, panic, trapsAreReady } from "./panic";
import { disablePic } from "./pic";
import { choosePool, modulesAreUsable, poolEnd, poolStart } from "./pool";
import { detectProtection, hasAllProtection } from "./protection";
import { createRoot } from "./root";
import { run } from "./run";
import { openScreen } from "./screen";
import { startProcessors } from "./smp";
import { claimDevicePage, setHipPage } from "./space_mem";
import { comeBack, wakeCpu, wakeMachine } from "./suspend";
import { boot_stack } from "./symbol";
import { fastPtCtrl, fastSmCtrl, foreignSyscall, hypercall } from "./syscall";
import { interrupt, kernelTrap, prepareEvent } from "./trap";
import { unmapWindowPage } from "./window";
import { hlt, window } from "./x86";

/** Entry of an application processor, while the boot CPU waits for it with the kernel lock. */
export function ap_start(address: usize): void {
  const cpu = changetype<Cpu>(address);
  // A CPU that can do less than the boot CPU cannot share its descriptors and address spaces: it stays offline.
  while (!hasAllProtection()) hlt();
  if (cpu.parked) wakeCpu(cpu);
  else {
    startCpu(cpu);
    startTimer();
  }
  cpu.online = true;
}

/** What it does then, with the lock; the value is that of `run`. */
export function ap_run(): i32 {
  const cpu = thisCpu();
  if (cpu.parked) comeBack(cpu);
  return run(cpu);
}

/** Entry of the boot CPU after a sleep state, with the lock, before any other CPU runs. */
export function on_wake(address: usize): i32 {
  const cpu = changetype<Cpu>(address);
  wakeMachine(cpu);
  return run(cpu);
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
  const isBooted = setBootInfo(magic, <usize>bootInfo);
  if (isBooted) openScreen();
  printLine("Trihedron microhypervisor, Hedron API 5004");
  if (!isBooted) fatal("not started by a Multiboot loader");
  if (!modulesAreUsable()) {
    fatal(
      "the boot loader put a module into the kernel's memory, 1 to 7 MiB, or gave it a wrong size",
    );
  }
  if (!choosePool()) {
    fatal("the boot loader's memory map has too little memory behind the kernel and below 4 GiB");
  }
  // asc puts static data from its memoryBase on; what is all zero is in no segment of the image.
  if (__heap_base > <usize>KERNEL_POOL) panic("the kernel's static data reaches beyond its image");
  initPages(poolStart(), poolEnd());
  detectFeatures();
  detectProtection();
  detectFpu();
  detectQuickState();
  if (!findLapic()) fatal("no local APIC in x2APIC mode or at 0xfee00000");
  if (!buildIdt()) panic("out of memory for the IDT");
  if (!parseAcpi()) printLine("ACPI: not usable, one CPU and no power management");
  if (hasLegacyPic()) disablePic();
  enableAcpi();
  claimDevicePage(lapicAddress());
  for (let i: u32 = 0; i < ioapicCount(); i++) claimDevicePage(ioapicAddress(i));
  const cpu = findBootCpu();
  const kernelPd = createKernelPd();
  const hip = allocPages(1);
  if (hip === 0) panic("out of memory for the information page");
  setHipPage(<u64>hip);
  buildHip(hip, serialPort);
  prepareCpu(cpu);
  if (!unmapWindowPage(<usize>(boot_stack() - window()) - PAGE_BYTES)) {
    panic("out of memory for the boot stack's guard page");
  }
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
  printHex(KERNEL_POOL);
  print(" and ");
  printHex(poolStart());
  print("-");
  printHex(poolEnd());
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

// Entries from SYSCALL, with the frame of a trap. The stub has decided which of the two it is.

/** A hypercall. */
export function on_syscall(cpu: Cpu): i32 {
  const ec = cpu.ec;
  ec.cont = CONT_SYSRET;
  hypercall(cpu, ec);
  return run(cpu);
}

/** A foreign system call. */
export function on_foreign_syscall(cpu: Cpu): i32 {
  const exit = foreignSyscall(cpu, cpu.ec);
  return exit === STAY || cpu.hazard !== 0 ? run(cpu) : exit;
}

// Entries of hypercalls while the CPU has no hazard: a hazard that another CPU makes meanwhile comes with an
// interrupt, which waits until the kernel is left. The frame has the general registers alone.

/** The `call` hypercall. */
export function on_call(cpu: Cpu): i32 {
  const exit = Ipc.call(cpu, cpu.ec);
  return exit === STAY || cpu.hazard !== 0 ? run(cpu) : exit;
}

/** The `reply` hypercall. */
export function on_reply(cpu: Cpu): i32 {
  const exit = Ipc.reply(cpu, cpu.ec);
  return exit === STAY || cpu.hazard !== 0 ? run(cpu) : exit;
}

/** The `pt_ctrl` hypercall, given its arguments: FAST_DONE or FAST_NOT. */
export function on_pt_ctrl(arg1: u64, arg2: u64, _arg3: u64, cpu: Cpu): i32 {
  return fastPtCtrl(cpu, arg1, arg2);
}

/** The `sm_ctrl` hypercall, likewise. */
export function on_sm_ctrl(arg1: u64, _arg2: u64, _arg3: u64, cpu: Cpu): i32 {
  return fastSmCtrl(cpu, arg1);
}

/** Entry from an exception or interrupt in user mode. */
export function on_trap(): i32 {
  const cpu = thisCpu();
  const ec = cpu.ec;
  ec.cont = CONT_IRET;
  if (ec.vec >= 32) {
    interrupt(<u32>ec.vec);
    return run(cpu);
  }
  prepareEvent(ec);
  const exit = Ipc.raiseEvent(cpu, ec);
  return exit === STAY || cpu.hazard !== 0 ? run(cpu) : exit;
}

/** Entry from an exception or interrupt in kernel mode; `frame` as in `kernelTrap`. */
export function on_kernel_trap(frame: usize): void {
  kernelTrap(frame);
}

/** Offset of the UTCB's address in an EC, for tests and debuggers. */
export function ec_utcb_offset(): i32 {
  return <i32>offsetof<Ec>("utcb");
}

/** The same of the count of pointers to it. */
export function ec_refs_offset(): i32 {
  return <i32>offsetof<Ec>("refs");
}

/** The same of its continuation. */
export function ec_cont_offset(): i32 {
  return <i32>offsetof<Ec>("cont");
}
