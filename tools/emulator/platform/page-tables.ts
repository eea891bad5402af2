// A guest's page tables as a whole: every page that is mapped, with the bits of its entry and the rights of all levels
// (Intel SDM vol. 3A, 4.3–4.5). Tables are read without setting accessed or dirty bits.

import type { CpuAccess } from "./cpu-access.ts";
import type { GuestRam } from "./guest-ram.ts";

export const PTE_PRESENT = 1n;
export const PTE_WRITE = 2n;
export const PTE_USER = 4n;
const PTE_LARGE = 0x80n;
const ADDRESS = 0x000f_ffff_ffff_f000n;
const CR0_PG = 0x8000_0000n;
const CR4_PSE = 0x10n;
const CR4_PAE = 0x20n;
const CR4_LA57 = 0x1000n;
const EFER_LMA = 0x400n;

export interface MappedPage {
  /** Linear address, canonical. */
  linear: bigint;
  /** Bytes: 4 KiB, 2 or 4 MiB, 1 GiB. */
  size: bigint;
  /** The entry that maps the page. */
  entry: bigint;
  /** User and write bits that all levels grant. */
  rights: bigint;
  /** An entry of an upper level maps it. */
  large: boolean;
}

/** How tables of a paging mode are built, level by level from the root. */
interface Level {
  shift: bigint;
  entries: number;
  bytes: 4 | 8;
  /** Entries with bit 7 map a page. */
  mayMap: boolean;
  /** Entries have rights. */
  hasRights: boolean;
}

const wide = (shift: bigint, mayMap: boolean): Level => ({
  shift,
  entries: 512,
  bytes: 8,
  mayMap,
  hasRights: true,
});

function levelsOf(cpu: CpuAccess): Level[] | undefined {
  if (!(cpu.wide("cr0") & CR0_PG)) return undefined;
  const cr4 = cpu.wide("cr4");
  if (!(cr4 & CR4_PAE)) {
    const narrow = { entries: 1024, bytes: 4, hasRights: true } as const;
    return [
      { ...narrow, shift: 22n, mayMap: (cr4 & CR4_PSE) !== 0n },
      { ...narrow, shift: 12n, mayMap: false },
    ];
  }
  const lower = [wide(21n, true), wide(12n, false)];
  if (!(cpu.wide("efer") & EFER_LMA)) {
    return [{ shift: 30n, entries: 4, bytes: 8, mayMap: false, hasRights: false }, ...lower];
  }
  const upper = [wide(39n, false), wide(30n, true)];
  return cr4 & CR4_LA57 ? [wide(48n, false), ...upper, ...lower] : [...upper, ...lower];
}

/** The whole address space: upper half behind the lower one. */
const canonical = (linear: bigint, topBit: bigint): bigint =>
  (linear >> topBit) & 1n ? BigInt.asUintN(64, linear | (-1n << topBit)) : linear;

/** Pages that CPU `cpu` has mapped, by ascending addresses; undefined while paging is off. */
export function mappedPages(cpu: CpuAccess, ram: GuestRam): Generator<MappedPage> | undefined {
  const levels = levelsOf(cpu);
  return levels && pagesOf(cpu, ram, levels);
}

function* pagesOf(cpu: CpuAccess, ram: GuestRam, levels: Level[]): Generator<MappedPage> {
  const [top] = levels as [Level];
  const topBit = top.entries === 512 ? top.shift + 8n : 63n;
  const root = top.bytes === 4 ? 0xfffff000n : top.entries === 4 ? 0xffffffe0n : ADDRESS;
  const mask = top.bytes === 4 ? 0xfffff000n : ADDRESS;
  function* table(at: bigint, depth: number, base: bigint, above: bigint): Generator<MappedPage> {
    const { shift, entries, bytes, mayMap, hasRights } = levels[depth] as Level;
    for (let i = 0; i < entries; i++) {
      const place = Number(at) + i * bytes;
      const entry = bytes === 8 ? ram.read64(place) : BigInt(ram.read32(place) ?? 0);
      if (entry === undefined || !(entry & PTE_PRESENT)) continue;
      const linear = base + (BigInt(i) << shift);
      const rights = hasRights ? above & entry : above;
      const large = mayMap && (entry & PTE_LARGE) !== 0n;
      if (large || depth === levels.length - 1) {
        yield { linear: canonical(linear, topBit), size: 1n << shift, entry, rights, large };
      } else {
        yield* table(entry & mask, depth + 1, linear, rights);
      }
    }
  }
  yield* table(cpu.wide("cr3") & root, 0, 0n, PTE_WRITE | PTE_USER);
}
