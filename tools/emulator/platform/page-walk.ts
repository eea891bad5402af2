// Translation of linear addresses by the guest's own page tables, for debugger and reports (Intel
// SDM vol. 3A, 4.3–4.5). It reads tables without setting accessed or dirty bits and checks presence alone, so that
// a debugger sees what is mapped whoever may use it.

import type { CpuAccess } from "./cpu-access.ts";
import type { GuestRam } from "./guest-ram.ts";

const PRESENT = 1n;
const LARGE = 0x80n;
const ADDRESS = 0x000f_ffff_ffff_f000n;
const CR0_PG = 0x8000_0000n;
const CR4_PSE = 0x10n;
const CR4_PAE = 0x20n;
const CR4_LA57 = 0x1000n;
const EFER_LMA = 0x400n;
/** Lowest bit of the index into each level's table, for 5-level paging; others leave out the first one or two. */
const SHIFTS = [48n, 39n, 30n, 21n, 12n] as const;

/** Memory that may hold page tables. */
type Tables = Pick<GuestRam, "read32" | "read64">;

/** Physical address of `linear` on this CPU, or undefined if it is not mapped to memory. */
export function translate(cpu: CpuAccess, tables: Tables, linear: bigint): number | undefined {
  if (!(cpu.wide("cr0") & CR0_PG)) return Number(linear & 0xffffffffn);
  const cr3 = cpu.wide("cr3");
  const cr4 = cpu.wide("cr4");
  if (!(cr4 & CR4_PAE)) return translate32(tables, cr3, cr4, linear);
  const long = (cpu.wide("efer") & EFER_LMA) !== 0n;
  let table = long ? cr3 & ADDRESS : cr3 & 0xffffffe0n;
  const skipped = !long ? 2 : cr4 & CR4_LA57 ? 0 : 1;
  for (const shift of SHIFTS.slice(skipped)) {
    const mask = !long && shift === 30n ? 3n : 0x1ffn;
    const entry = tables.read64(Number(table + ((linear >> shift) & mask) * 8n));
    if (entry === undefined || !(entry & PRESENT)) return undefined;
    const large = (entry & LARGE) !== 0n && (shift === 21n || (shift === 30n && long));
    if (shift === 12n || large) {
      const offset = (1n << shift) - 1n;
      return Number((entry & ADDRESS & ~offset) | (linear & offset));
    }
    table = entry & ADDRESS;
  }
  return undefined;
}

function translate32(tables: Tables, cr3: bigint, cr4: bigint, linear: bigint): number | undefined {
  const at = Number(linear & 0xffffffffn);
  const directory = tables.read32(Number(cr3 & 0xfffff000n) + (at >>> 22) * 4);
  if (directory === undefined || !(directory & 1)) return undefined;
  if (directory & 0x80 && cr4 & CR4_PSE) {
    // Bits 20:13 of a 4 MiB entry are address bits 39:32 (PSE-36).
    const low = ((directory & 0xffc00000) | (at & 0x3fffff)) >>> 0;
    return ((directory >>> 13) & 0xff) * 2 ** 32 + low;
  }
  const entry = tables.read32(((directory & 0xfffff000) >>> 0) + ((at >>> 12) & 0x3ff) * 4);
  if (entry === undefined || !(entry & 1)) return undefined;
  return ((entry & 0xfffff000) | (at & 0xfff)) >>> 0;
}

/** Up to `length` bytes at `linear`, ending before the first page that is not mapped to memory. */
export function readLinear(
  cpu: CpuAccess,
  memory: Tables & Pick<GuestRam, "read">,
  linear: bigint,
  length: number,
): Uint8Array {
  const out = new Uint8Array(length);
  let done = 0;
  while (done < length) {
    const at = BigInt.asUintN(64, linear + BigInt(done));
    const part = Math.min(length - done, 4096 - Number(at & 0xfffn));
    const physical = translate(cpu, memory, at);
    const bytes = physical === undefined ? undefined : memory.read(physical, part);
    if (bytes === undefined || bytes.length < part) {
      out.set(bytes ?? [], done);
      return out.slice(0, done + (bytes?.length ?? 0));
    }
    out.set(bytes, done);
    done += part;
  }
  return out;
}

/** Writes bytes at `linear`; false if a page of the range is not mapped to RAM (nothing is written then). */
export function writeLinear(
  cpu: CpuAccess,
  ram: GuestRam,
  linear: bigint,
  bytes: Uint8Array,
): boolean {
  if (readLinear(cpu, ram, linear, bytes.length).length < bytes.length) return false;
  let done = 0;
  while (done < bytes.length) {
    const at = BigInt.asUintN(64, linear + BigInt(done));
    const part = Math.min(bytes.length - done, 4096 - Number(at & 0xfffn));
    const physical = translate(cpu, ram, at);
    if (physical === undefined) return false;
    ram.write(physical, bytes.subarray(done, done + part));
    done += part;
  }
  return true;
}
