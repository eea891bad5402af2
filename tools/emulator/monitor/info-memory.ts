// info tlb, mem and mtree, laid out as QEMU lays them out.

import type { Machine } from "../machine.ts";
import type { CpuAccess } from "../platform/cpu-access.ts";
import { FOUR_GIB, type RamSizes } from "../platform/memory-map.ts";
import { mappedPages, PTE_USER, PTE_WRITE } from "../platform/page-tables.ts";
import type { Board } from "../platform/pc.ts";

/** Lines that an answer has at most: a hostile guest can map all of 256 TiB to one page. */
const MAX_LINES = 200_000;
/** Entries that are looked at. */
const MAX_PAGES = 5_000_000;

const hex16 = (value: bigint): string => value.toString(16).padStart(16, "0");

const PAGING_OFF = "PG disabled";
const CUT = "… and more than is shown";

/** Bits of an entry as QEMU shows them (Intel SDM vol. 3A, tables 4-15 to 4-20). */
const FLAGS: readonly [bit: bigint, letter: string][] = [
  [1n << 63n, "X"],
  [0x100n, "G"],
  [0x80n, "P"],
  [0x40n, "D"],
  [0x20n, "A"],
  [0x10n, "C"],
  [0x08n, "T"],
  [0x04n, "U"],
  [0x02n, "W"],
];
const PAT_OF_SMALL = 0x80n;
const PAGE_FRAME = 0x3_ffff_ffff_f000n;

/** A line for every page that CPU `index` has mapped. */
export function translations(machine: Machine, index: number): string {
  const pages = mappedPages(machine.cpus[index] as CpuAccess, machine.ram);
  if (pages === undefined) return PAGING_OFF;
  const lines: string[] = [];
  for (const { linear, size, entry, large } of pages) {
    if (lines.length === MAX_LINES) {
      lines.push(CUT);
      break;
    }
    // Bit 7 of the last level is the PAT bit and no page size.
    const shown = large ? entry : entry & ~PAT_OF_SMALL;
    const flags = FLAGS.map(([bit, letter]) => (shown & bit ? letter : "-")).join("");
    lines.push(`${hex16(linear)}: ${hex16(entry & PAGE_FRAME & ~(size - 1n))} ${flags}`);
  }
  return lines.join("\n");
}

/** A line for every stretch of pages with the same rights. */
export function mappedRanges(machine: Machine, index: number): string {
  const pages = mappedPages(machine.cpus[index] as CpuAccess, machine.ram);
  if (pages === undefined) return PAGING_OFF;
  const lines: string[] = [];
  let range: { start: bigint; end: bigint; rights: bigint } | undefined;
  const finish = (): void => {
    if (range === undefined) return;
    const { start, end, rights } = range;
    const letters = `${rights & PTE_USER ? "u" : "-"}r${rights & PTE_WRITE ? "w" : "-"}`;
    lines.push(`${hex16(start)}-${hex16(end)} ${hex16(end - start)} ${letters}`);
  };
  let seen = 0;
  for (const { linear, size, rights } of pages) {
    if (++seen > MAX_PAGES || lines.length >= MAX_LINES) {
      lines.push(CUT);
      return lines.join("\n");
    }
    if (range !== undefined && range.end === linear && range.rights === rights) {
      range.end = linear + size;
      continue;
    }
    finish();
    range = { start: linear, end: linear + size, rights };
  }
  finish();
  return lines.join("\n");
}

const region = (first: number, last: number, kind: string, name: string, indent: number): string =>
  `${" ".repeat(indent)}${hex16(BigInt(first))}-${hex16(BigInt(last))} (prio 0, ${kind}): ${name}`;

/** Who answers at which physical addresses and ports. */
export function addressSpaces(board: Board, { lowBytes, highBytes }: RamSizes): string {
  const memory = board.mmio.regions();
  return [
    "address-space: memory",
    `  ${hex16(0n)}-${hex16(0xffff_ffff_ffff_ffffn)} (prio 0, i/o): system`,
    region(0, lowBytes - 1, "ram", "ram", 4),
    ...memory.map(({ name, first, last }) => region(first, last, "i/o", name, 4)),
    ...(highBytes > 0
      ? [region(FOUR_GIB, FOUR_GIB + highBytes - 1, "ram", "ram above 4 GiB", 4)]
      : []),
    "",
    "address-space: I/O",
    region(0, 0xffff, "i/o", "io", 2),
    ...board.ports.regions().map(({ name, first, last }) => region(first, last, "i/o", name, 4)),
    "",
  ].join("\n");
}
