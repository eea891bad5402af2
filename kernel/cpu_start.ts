// What a CPU needs before it can run anything: stacks and descriptors, made by the boot CPU for all, then its
// own registers, local APIC and idle EC.

import { allocTss, Cpu, cpuHasFsgsbase, switchPd } from "./cpu";
import { buildDescriptors, loadDescriptors } from "./descriptor";
import { CONT_IDLE, Ec } from "./ec";
import { enableFpu } from "./fpu";
import { addHipCpu, hipLapicInfo } from "./hip";
import { kernelPd } from "./kernel_pd";
import { addRef, TYPE_EC } from "./kobject";
import { describeLapic, enableLapic, initLapic } from "./lapic";
import { kernelRoot } from "./page_table";
import { panic } from "./panic";
import { enableWriteCombining } from "./pat";
import { initKobject } from "./pd";
import { enableProtection } from "./protection";
import { createSc } from "./sc";
import { allocObject } from "./slab";
import { insertObject } from "./space_obj";
import { cr4, rdtsc, set_cr3, set_cr4 } from "./x86";

const CR4_FSGSBASE: u64 = 1 << 16;

/** The EC that runs when nothing else does, with priority 0. */
function createIdle(cpu: Cpu): void {
  const ec = changetype<Ec>(allocObject(offsetof<Ec>()));
  if (changetype<usize>(ec) === 0) panic("out of memory for an idle EC");
  initKobject(ec, TYPE_EC, kernelPd(), 0, 0);
  addRef(kernelPd());
  ec.domain = kernelPd();
  ec.utcbDomain = kernelPd();
  ec.isGlobal = true;
  ec.cpu = cpu.id;
  ec.cont = CONT_IDLE;
  const sc = createSc(kernelPd(), cpu.id, ec, 0, 1000000);
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
  if (!allocTss(cpu) || !buildDescriptors(cpu)) panic("out of memory for a CPU");
}

/** The registers of a CPU that comes from reset. */
export function initRegisters(cpu: Cpu): void {
  loadDescriptors(cpu);
  enableFpu();
  if (cpuHasFsgsbase()) set_cr4(cr4() | CR4_FSGSBASE);
  set_cr3(kernelRoot());
  enableProtection();
  enableWriteCombining();
  enableLapic();
}

/** What every CPU does for itself before it runs anything. */
export function startCpu(cpu: Cpu): void {
  initRegisters(cpu);
  describeLapic(hipLapicInfo(cpu));
  initLapic();
  createIdle(cpu);
  switchPd(cpu, kernelPd());
  addHipCpu(cpu);
}
