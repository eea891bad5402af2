// Puts a boot image into memory and CPU 0 into the state its boot protocol promises: flat segments
// with a GDT that holds them, or real mode; interrupts off (Multiboot 0.6.96, 3.2; Linux x86 boot protocol, "32-bit"
// and "64-bit boot protocol", "Running the Kernel").

import type { CpuAccess, Segment } from "../platform/cpu-access.ts";
import type { GuestRam } from "../platform/guest-ram.ts";
import { enterRealMode, realSegment } from "../platform/real-mode.ts";
import type { BootImage, EntryState, RealEntry } from "./boot-image.ts";

/** In the BIOS segment, where a guest cannot spoil it. */
const GDT_ADDRESS = 0xf5b00;
/** null, null, 64-bit code 0x08 or 32-bit code, data, as each protocol numbers them. */
const CODE32 = 0x00cf9b000000ffffn;
const CODE64 = 0x00af9b000000ffffn;
const DATA = 0x00cf93000000ffffn;

const CR0_PE = 1n;
const CR0_ET = 0x10n;
const CR0_PG = 0x8000_0000n;
const CR4_PAE = 0x20n;
const EFER_LME_LMA = 0x500n;

/** Multiboot in QEMU uses 8 and 0x10, Linux wants 0x10 and 0x18. */
interface Selectors {
  code: number;
  data: number;
}

function flat(selector: number, attributes: number): Segment {
  return { selector, base: 0n, limit: 0xffffffff, attributes, valid: true };
}

function enter(cpu: CpuAccess, entry: EntryState, selectors: Selectors): void {
  const long = entry.mode === "long64";
  cpu.setTable("gdt", BigInt(GDT_ADDRESS), 0x27);
  cpu.setTable("idt", 0n, 0);
  cpu.setWide("cr0", long ? CR0_PE | CR0_ET | CR0_PG : CR0_PE | CR0_ET);
  cpu.setWide("cr3", BigInt(entry.cr3 ?? 0));
  cpu.setWide("cr4", long ? CR4_PAE : 0n);
  cpu.setWide("efer", long ? EFER_LME_LMA : 0n);
  cpu.setSegment("cs", flat(selectors.code, long ? 0xa09b : 0xc09b));
  for (const name of ["ds", "es", "fs", "gs", "ss"] as const) {
    cpu.setSegment(name, flat(selectors.data, 0xc093));
  }
  cpu.setGeneral("rax", entry.rax);
  cpu.setGeneral("rbx", entry.rbx);
  cpu.setGeneral("rsi", entry.rsi);
  cpu.setGeneral("rdx", 0n);
  // A stack for kernels that forget theirs, below the boot information.
  cpu.setGeneral("rsp", 0x6f00n);
  cpu.setWide("rip", entry.rip);
  cpu.rflags = 2n;
  cpu.activate();
  cpu.commit();
}

/** Writes what an image consists of to memory. */
export function loadImage(image: BootImage, ram: GuestRam): void {
  for (const chunk of image.chunks) {
    ram.write(chunk.address, chunk.data);
    if (chunk.size > chunk.data.length) {
      ram.fill(chunk.address + chunk.data.length, chunk.size - chunk.data.length);
    }
  }
}

/** Makes `cpu`, freshly reset, ready to execute the first instruction of `image`, which has been loaded. */
export function enterImage({ entry }: BootImage, cpu: CpuAccess, ram: GuestRam): void {
  if (entry.mode === "real16") enterSetup(cpu, entry);
  else enterFlat(cpu, entry, ram);
}

/** Setup code is entered 0x20 paragraphs behind its first byte, with all data segments there. */
function enterSetup(cpu: CpuAccess, { segment, stack }: RealEntry): void {
  for (const name of ["ds", "es", "fs", "gs", "ss"] as const)
    cpu.setSegment(name, realSegment(segment));
  cpu.setGeneral("rsp", BigInt(stack));
  enterRealMode(cpu, segment + 0x20, 0);
}

function enterFlat(cpu: CpuAccess, entry: EntryState, ram: GuestRam): void {
  const linux = entry.rsi !== 0n;
  const code = entry.mode === "long64" ? CODE64 : CODE32;
  const gdt = linux ? [0n, 0n, code, DATA, 0n] : [0n, code, DATA, 0n, 0n];
  const bytes = new Uint8Array(40);
  const view = new DataView(bytes.buffer);
  gdt.forEach((d, i) => {
    view.setBigUint64(i * 8, d, true);
  });
  ram.write(GDT_ADDRESS, bytes);
  enter(cpu, entry, linux ? { code: 0x10, data: 0x18 } : { code: 8, data: 0x10 });
}
