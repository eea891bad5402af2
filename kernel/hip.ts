// Hypervisor information page: what the roottask learns about the machine. Layout: abi.ts, from the
// reference's hip.hpp. No virtualisation features and no IOMMU are announced.

import {
  API_VERSION,
  HIP_API_FLG,
  HIP_API_VER,
  HIP_CFG_PAGE,
  HIP_CFG_UTCB,
  HIP_CHECKSUM,
  HIP_CPU_BYTES,
  HIP_CPU_OFFS,
  HIP_CPU_SIZE,
  HIP_CPUS,
  HIP_DMAR_TABLE,
  HIP_EXTENSION_ENTRY,
  HIP_EXTENSIONS,
  HIP_FEATURE_UEFI,
  HIP_FRAMEBUFFER,
  HIP_FREQ_BUS,
  HIP_FREQ_TSC,
  HIP_HPET_BASE,
  HIP_IOAPIC_BYTES,
  HIP_IOAPIC_OFFS,
  HIP_IOAPIC_SIZE,
  HIP_IOAPICS,
  HIP_LENGTH,
  HIP_MCFG_BASE,
  HIP_MCFG_SIZE,
  HIP_MEM_BYTES,
  HIP_MEM_OFFS,
  HIP_MEM_SIZE,
  HIP_MEM_TYPE_HYPERVISOR,
  HIP_MEM_TYPE_MODULE,
  HIP_MEMS,
  HIP_PCI_BUS_START,
  HIP_PM1A_CNT,
  HIP_PM1B_CNT,
  HIP_SEL_EXC,
  HIP_SEL_GSI,
  HIP_SEL_NUM,
  HIP_SEL_VMI,
  HIP_SERIAL_PORT,
  HIP_SIGNATURE,
  HIP_SIGNATURE_VALUE,
  HIP_XSDT,
  NUM_EXC,
  NUM_GSI,
  NUM_SELECTORS,
  NUM_VMI,
  PAGE_SIZE,
} from "./abi";
import {
  acpiRootTable,
  describePm1Control,
  dmarTable,
  hpetAddress,
  mcfgBase,
  mcfgBytes,
  mcfgFirstBus,
} from "./acpi";
import {
  firstMapEntry,
  firstModule,
  framebuffer,
  framebufferColors,
  isEfi,
  moduleEnd,
  moduleStart,
  moduleString,
  nextMapEntry,
  nextModule,
} from "./boot_info";
import { printLine } from "./console";
import { Cpu } from "./cpu";
import { describeIoapic, ioapicCount } from "./ioapic";
import { busKilohertz, tscKilohertz } from "./lapic";
import { KERNEL_POOL, KERNEL_START } from "./layout";
import { poolEnd, poolStart } from "./pool";
import { cpuid } from "./x86";

/** Bit 0 of a CPU's flags. */
const CPU_ONLINE: u8 = 1;

const FRAMEBUFFER_BYTES: usize = 22;
const FRAMEBUFFER_COLOR_BYTES: usize = 6;

let page: usize = 0;
/** Where the next memory description goes. */
let next: usize = 0;

export function hipAddress(): usize {
  return page;
}

function addMemory(address: u64, bytes: u64, type: u32, aux: u32): void {
  if (next + HIP_MEM_BYTES > page + <usize>HIP_FRAMEBUFFER) {
    printLine("HIP: full, a memory region is left out");
    return;
  }
  store<u64>(next, address);
  store<u64>(next, bytes, 8);
  store<u32>(next, type, 16);
  store<u32>(next, aux, 20);
  next += HIP_MEM_BYTES;
}

/** Fills everything but CPUs, frequencies and checksum into the zeroed page at `address`. */
export function buildHip(address: usize, serialPort: u32): void {
  page = address;
  next = page + HIP_MEMS;
  store<u32>(page, HIP_SIGNATURE_VALUE, HIP_SIGNATURE);
  store<u16>(page, HIP_CPUS, HIP_CPU_OFFS);
  store<u16>(page, HIP_CPU_BYTES, HIP_CPU_SIZE);
  store<u16>(page, HIP_IOAPICS, HIP_IOAPIC_OFFS);
  store<u16>(page, HIP_IOAPIC_BYTES, HIP_IOAPIC_SIZE);
  store<u16>(page, HIP_MEMS, HIP_MEM_OFFS);
  store<u16>(page, HIP_MEM_BYTES, HIP_MEM_SIZE);
  store<u32>(page, API_VERSION, HIP_API_VER);
  store<u32>(page, NUM_SELECTORS, HIP_SEL_NUM);
  store<u32>(page, NUM_EXC, HIP_SEL_EXC);
  store<u32>(page, NUM_VMI, HIP_SEL_VMI);
  store<u32>(page, NUM_GSI, HIP_SEL_GSI);
  store<u32>(page, PAGE_SIZE, HIP_CFG_PAGE);
  store<u32>(page, PAGE_SIZE, HIP_CFG_UTCB);
  store<u32>(page, mcfgFirstBus(), HIP_PCI_BUS_START);
  store<u64>(page, mcfgBase(), HIP_MCFG_BASE);
  store<u64>(page, mcfgBytes(), HIP_MCFG_SIZE);
  store<u64>(page, dmarTable(), HIP_DMAR_TABLE);
  store<u64>(page, hpetAddress(), HIP_HPET_BASE);
  store<u64>(page, acpiRootTable(), HIP_XSDT);
  describePm1Control(page + HIP_PM1A_CNT, false);
  describePm1Control(page + HIP_PM1B_CNT, true);
  store<u64>(page, serialPort, HIP_SERIAL_PORT);
  for (let i: u32 = 0; i < ioapicCount(); i++) {
    describeIoapic(i, page + HIP_IOAPICS + i * HIP_IOAPIC_BYTES);
  }
  for (let entry = firstMapEntry(); entry !== 0; entry = nextMapEntry(entry)) {
    addMemory(load<u64>(entry), load<u64>(entry, 8), load<u32>(entry, 16), 0);
  }
  for (let module = firstModule(); module !== 0; module = nextModule(module)) {
    const bytes: u64 = moduleEnd(module) - moduleStart(module);
    addMemory(moduleStart(module), bytes, HIP_MEM_TYPE_MODULE, moduleString(module));
  }
  describeKernel();
  if (isEfi()) store<u32>(page, HIP_FEATURE_UEFI, HIP_API_FLG);
  describeFramebuffer();
  store<u32>(page, HIP_EXTENSION_ENTRY, HIP_EXTENSIONS);
}

/** One entry where the pool lies behind the image. */
function describeKernel(): void {
  const image: u64 = KERNEL_POOL - KERNEL_START;
  const pool = <u64>(poolEnd() - poolStart());
  const isOne = poolStart() === <usize>KERNEL_POOL;
  addMemory(KERNEL_START, isOne ? image + pool : image, HIP_MEM_TYPE_HYPERVISOR, 0);
  if (!isOne) addMemory(poolStart(), pool, HIP_MEM_TYPE_HYPERVISOR, 0);
}

/** Behind the interface's part of the page, where programs that do not know it do not look. */
function describeFramebuffer(): void {
  const from = framebuffer();
  if (from === 0) return;
  memory.copy(page + HIP_FRAMEBUFFER, from, FRAMEBUFFER_BYTES);
  const colors = framebufferColors();
  if (colors !== 0) {
    memory.copy(page + HIP_FRAMEBUFFER + FRAMEBUFFER_BYTES, colors, FRAMEBUFFER_COLOR_BYTES);
  }
}

/** Where the local APIC's description of a CPU goes: ten u32. */
export function hipLapicInfo(cpu: Cpu): usize {
  return page + HIP_CPUS + cpu.id * HIP_CPU_BYTES + 8;
}

/** log2, rounded up. */
function bitsFor(count: u32): u32 {
  return count <= 1 ? 0 : 32 - clz<u32>(count - 1);
}

/** Marks the CPU this runs on as online, with its place in the topology (CPUID leaves 1 and 4). */
export function addHipCpu(cpu: Cpu): void {
  const out = memory.data(16);
  cpuid(0, 0, out);
  const maxLeaf = load<u32>(out);
  let cores: u32 = 1;
  if (maxLeaf >= 4) {
    cpuid(4, 0, out);
    cores = (load<u32>(out) >> 26) + 1;
  }
  cpuid(1, 0, out);
  const apicId = load<u32>(out, 4) >> 24;
  let threads = load<u32>(out, 12) & (1 << 28) ? (load<u32>(out, 4) >> 16) & 0xff : 1;
  if (threads < cores) threads = cores;
  const threadBits = bitsFor(threads / cores);
  const coreBits = bitsFor(cores);
  const at = page + HIP_CPUS + cpu.id * HIP_CPU_BYTES;
  store<u8>(at, CPU_ONLINE);
  store<u8>(at, <u8>(apicId & (((<u32>1) << threadBits) - 1)), 1);
  store<u8>(at, <u8>((apicId >> threadBits) & (((<u32>1) << coreBits) - 1)), 2);
  store<u8>(at, <u8>(apicId >> (threadBits + coreBits)), 3);
  store<u8>(at, <u8>cpu.acpiId, 4);
}

/** Enters what is known last: frequencies, length, checksum (the 16-bit words add up to 0). */
export function finishHip(): void {
  store<u32>(page, tscKilohertz(), HIP_FREQ_TSC);
  store<u32>(page, busKilohertz(), HIP_FREQ_BUS);
  const length = <u32>(next - page);
  store<u16>(page, <u16>length, HIP_LENGTH);
  store<u16>(page, 0, HIP_CHECKSUM);
  let sum: u32 = 0;
  for (let i: u32 = 0; i < length; i += 2) sum += <u32>load<u16>(page + i);
  store<u16>(page, <u16>(0 - sum), HIP_CHECKSUM);
}
