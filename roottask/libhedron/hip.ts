// Reader of the hypervisor information page: memory map, modules, TSC frequency, ACPI entry points.
// Layout: include/hip.hpp of the published kernel. Works on a copy below 4 GiB; every offset is checked
// against the page, because a kernel of another version may lay it out differently.

import {
  HIP_API_FLG,
  HIP_API_VER,
  HIP_CPU_OFFS,
  HIP_CPU_SIZE,
  HIP_EXTENSION_ENTRY,
  HIP_EXTENSIONS,
  HIP_FEATURE_UEFI,
  HIP_FRAMEBUFFER,
  HIP_FREQ_TSC,
  HIP_IOAPIC_OFFS,
  HIP_LENGTH,
  HIP_MEM_BYTES,
  HIP_MEM_OFFS,
  HIP_MEM_SIZE,
  HIP_PM1A_CNT,
  HIP_PM1B_CNT,
  HIP_SERIAL_PORT,
  HIP_SIGNATURE,
  HIP_SIGNATURE_VALUE,
  HIP_XSDT,
} from "./abi";

/** ACPI generic address structure, address space "system I/O". */
const GAS_IO: u8 = 1;

/** Flag of a CPU's entry. */
const CPU_ONLINE: u8 = 1;

/** One entry of the memory map: `address` and `size` in bytes, physical. */
@unmanaged
export class MemoryDescriptor {
  address: u64;
  size: u64;
  type: u32;
  /** Physical address of the command line of a module, 0 for none. */
  aux: u32;
}

/** The page at `hip` has the signature, and its tables lie inside it. */
export function hipValid(hip: usize): bool {
  if (load<u32>(hip + HIP_SIGNATURE) !== HIP_SIGNATURE_VALUE) return false;
  const length = load<u16>(hip + HIP_LENGTH);
  const offset = load<u16>(hip + HIP_MEM_OFFS);
  const size = load<u16>(hip + HIP_MEM_SIZE);
  return length <= 4096 && offset <= length && size >= (HIP_MEM_BYTES as u16) && size <= length;
}

export function hipApiVersion(hip: usize): u32 {
  return load<u32>(hip + HIP_API_VER);
}

/** TSC ticks per millisecond. */
export function hipTscKilohertz(hip: usize): u32 {
  return load<u32>(hip + HIP_FREQ_TSC);
}

/** CPUs that the page has room for; which of them are there `hipCpuOnline` tells. */
export function hipCpus(hip: usize): u32 {
  const start = load<u16>(hip + HIP_CPU_OFFS) as u32;
  const end = load<u16>(hip + HIP_IOAPIC_OFFS) as u32;
  const size = load<u16>(hip + HIP_CPU_SIZE) as u32;
  return size === 0 || end > 4096 || start > end ? 0 : (end - start) / size;
}

/** CPU `number` of those runs. */
export function hipCpuOnline(hip: usize, number: u32): bool {
  const size = load<u16>(hip + HIP_CPU_SIZE) as u32;
  return (
    (load<u8>(hip + (load<u16>(hip + HIP_CPU_OFFS) as u32) + number * size) & CPU_ONLINE) !== 0
  );
}

export function hipMemoryCount(hip: usize): u32 {
  const bytes = (load<u16>(hip + HIP_LENGTH) - load<u16>(hip + HIP_MEM_OFFS)) as u32;
  return bytes / (load<u16>(hip + HIP_MEM_SIZE) as u32);
}

export function hipMemory(hip: usize, index: u32): MemoryDescriptor {
  const base = hip + (load<u16>(hip + HIP_MEM_OFFS) as usize);
  return changetype<MemoryDescriptor>(base + index * (load<u16>(hip + HIP_MEM_SIZE) as u32));
}

/** Physical address of the HIP_XSDT or RSDT, 0 where the kernel found none. */
export function hipSdt(hip: usize): u64 {
  return load<u64>(hip + HIP_XSDT);
}

/** I/O port of PM1a_CNT (`second` = false) or PM1b_CNT, 0 where there is none in I/O space. */
export function hipPm1Control(hip: usize, second: bool): u32 {
  const gas = hip + (second ? HIP_PM1B_CNT : HIP_PM1A_CNT);
  const port = load<u64>(gas + 4);
  return load<u8>(gas) === GAS_IO && port < 0x10000 ? (port as u32) : 0;
}

/** Whether the machine has EFI firmware, as far as the kernel knows. */
export function hipIsUefi(hip: usize): bool {
  return (load<u32>(hip + HIP_API_FLG) & (HIP_FEATURE_UEFI as u32)) !== 0;
}

/**
 * Address of the description of the framebuffer, 0 where there is none: Multiboot's, then its colour fields. The
 * published interface has no place for it: a kernel that knows no framebuffer has zeros there or more descriptors.
 */
export function hipFramebuffer(hip: usize): usize {
  const description = hip + HIP_FRAMEBUFFER;
  if (load<u16>(hip + HIP_LENGTH) > (HIP_FRAMEBUFFER as u16)) return 0;
  return load<u64>(description) === 0 ? 0 : description;
}

/** System calls of foreign ECs can enter user mode, and keep their frames (docs/kernel-interface.md). */
export function hipHasEntries(hip: usize): bool {
  // A kernel that has none of this has zeros there or more descriptors.
  if (load<u16>(hip + HIP_LENGTH) > (HIP_FRAMEBUFFER as u16)) return false;
  return (load<u32>(hip + HIP_EXTENSIONS) & HIP_EXTENSION_ENTRY) !== 0;
}

/** Base port of the serial line, 0 where the kernel does not know. */
export function hipSerialPort(hip: usize): u32 {
  const port = load<u64>(hip + HIP_SERIAL_PORT);
  return port < 0x10000 ? (port as u32) : 0;
}
