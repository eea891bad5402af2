// Guest memory as network cards read it.

import type { Slot } from "../device.ts";
import type { PciFunction } from "../pci.ts";

/** `length` bytes at `address`, zeros where there is no memory, which is an error of the guest's. */
export function fetchMemory(
  slot: Slot,
  { dma }: PciFunction,
  address: number,
  length: number,
): Uint8Array {
  const bytes = dma.read(address, length);
  if (bytes.length === length) return bytes;
  slot.log.guestError(
    `${slot.name}: ${length} bytes at 0x${address.toString(16)} are not all memory that it can read`,
  );
  const out = new Uint8Array(length);
  out.set(bytes);
  return out;
}
