// Segments as real mode has them (Intel SDM vol. 3A, 20.1.1), and how a host starts a CPU there.

import type { CpuAccess, Segment } from "./cpu-access.ts";

/** A present, writable data segment, accessed: what segments of real mode are. */
const ATTRIBUTES = 0x93;

export function realSegment(selector: number): Segment {
  const base = BigInt(selector << 4);
  return { selector, base, limit: 0xffff, attributes: ATTRIBUTES, valid: true };
}

/** Lets `cpu`, freshly reset, go on at an address of real mode, interrupts off. */
export function enterRealMode(cpu: CpuAccess, segment: number, offset: number): void {
  cpu.setSegment("cs", realSegment(segment));
  cpu.setWide("rip", BigInt(offset));
  cpu.activate();
  cpu.commit();
}
