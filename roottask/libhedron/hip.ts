// Reader of the hypervisor information page: memory map, modules, TSC frequency, ACPI entry points.
// Layout: include/hip.hpp of the published kernel. Works on a copy below 4 GiB; every offset is checked
// against the page, because a kernel of another version may lay it out differently.

/** "NOVA", little endian. */
const SIGNATURE: u32 = 0x4156_4f4e;

const LENGTH: u32 = 0x06;
const MEM_OFFSET: u32 = 0x10;
const MEM_SIZE: u32 = 0x12;
const API_VERSION: u32 = 0x18;
const FREQ_TSC: u32 = 0x34;
const XSDT: u32 = 0x68;
const PM1A_CNT: u32 = 0x70;
const PM1B_CNT: u32 = 0x7c;
const SERIAL_PORT: u32 = 0x88;

/** Memory descriptor types beyond those of E820. */
export const MEM_AVAILABLE: u32 = 1;
export const MEM_HYPERVISOR: u32 = 0xffff_ffff;
export const MEM_MODULE: u32 = 0xffff_fffe;

/** ACPI generic address structure, address space "system I/O". */
const GAS_IO: u8 = 1;

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
  if (load<u32>(hip) !== SIGNATURE) return false;
  const length = load<u16>(hip + LENGTH);
  const offset = load<u16>(hip + MEM_OFFSET);
  const size = load<u16>(hip + MEM_SIZE);
  return length <= 4096 && offset <= length && size >= 24 && size <= length;
}

export function hipApiVersion(hip: usize): u32 {
  return load<u32>(hip + API_VERSION);
}

/** TSC ticks per millisecond. */
export function hipTscKilohertz(hip: usize): u32 {
  return load<u32>(hip + FREQ_TSC);
}

export function hipMemoryCount(hip: usize): u32 {
  const bytes = (load<u16>(hip + LENGTH) - load<u16>(hip + MEM_OFFSET)) as u32;
  return bytes / (load<u16>(hip + MEM_SIZE) as u32);
}

export function hipMemory(hip: usize, index: u32): MemoryDescriptor {
  const base = hip + (load<u16>(hip + MEM_OFFSET) as usize);
  return changetype<MemoryDescriptor>(base + index * (load<u16>(hip + MEM_SIZE) as u32));
}

/** Physical address of the XSDT or RSDT, 0 where the kernel found none. */
export function hipSdt(hip: usize): u64 {
  return load<u64>(hip + XSDT);
}

/** I/O port of PM1a_CNT (`second` = false) or PM1b_CNT, 0 where there is none in I/O space. */
export function hipPm1Control(hip: usize, second: bool): u32 {
  const gas = hip + (second ? PM1B_CNT : PM1A_CNT);
  const port = load<u64>(gas + 4);
  return load<u8>(gas) === GAS_IO && port < 0x10000 ? (port as u32) : 0;
}

/** Base port of the serial line, 0 where the kernel does not know. */
export function hipSerialPort(hip: usize): u32 {
  const port = load<u64>(hip + SERIAL_PORT);
  return port < 0x10000 ? (port as u32) : 0;
}
