// The model's side of memory: which physical page a domain has at which address, with which rights, for the
// parts of the address space that the fuzzer looks at. They lie where page tables branch: at the bottom, on
// both sides of a 512 GiB boundary, and below the end of user space.

import * as abi from "../abi.ts";
import { KERNEL_END, KERNEL_POOL, KERNEL_START, LAPIC_BASE } from "../layout.ts";

/** Ranges of pages: first page number and count. */
export const ARENAS: readonly { first: number; count: number }[] = [
  { first: 0, count: 2048 },
  { first: 2 ** 27 - 2048, count: 4096 },
  { first: abi.USER_ADDR / 4096 - 2048, count: 2048 },
];
const TOTAL = ARENAS.reduce((sum, arena) => sum + arena.count, 0);

export const READ = 1;
export const WRITE = 2;
export const EXECUTE = 4;
/** A UTCB: cannot be passed on. */
export const KEPT = 8;
/** Copied from a page that is not followed: anything may be there. */
export const UNKNOWN = 0x80;

/** First page number that is no user page any more. */
const USER_PAGES = abi.USER_ADDR / 4096;
/** Pages beyond these do not exist: 40 bits of physical address. */
const PHYSICAL_PAGES = 2 ** 28;

/** Index of a page in the arrays, -1 for one outside the arenas. */
export function arenaIndex(page: number): number {
  let start = 0;
  for (const { first, count } of ARENAS) {
    if (page >= first && page < first + count) return start + page - first;
    start += count;
  }
  return -1;
}

export class Memory {
  readonly phys = new Uint32Array(TOTAL);
  readonly rights = new Uint8Array(TOTAL);

  set(page: number, phys: number, rights: number): void {
    const at = arenaIndex(page);
    if (at < 0) return;
    this.phys[at] = rights === 0 ? 0 : phys;
    this.rights[at] = rights;
  }

  get(page: number): { phys: number; rights: number } {
    const at = arenaIndex(page);
    return at < 0
      ? { phys: 0, rights: UNKNOWN }
      : { phys: this.phys[at] ?? 0, rights: this.rights[at] ?? 0 };
  }
}

/** Pages of the machine that the kernel has taken, beside its image and devices. */
export interface KernelPages {
  informationPage: number;
  /** First page and the one behind the last. */
  pool: { first: number; end: number };
}

/** The pool where nothing is in its way. */
export const USUAL_POOL = { first: KERNEL_POOL / 4096, end: KERNEL_END / 4096 };

/** What a page of the machine can be given away with; the information page is read-only. */
export function physicalRights(page: number, { informationPage, pool }: KernelPages): number {
  if (page >= PHYSICAL_PAGES) return 0;
  if (page === informationPage) return READ;
  if (page >= KERNEL_START / 4096 && page < KERNEL_POOL / 4096) return 0;
  if (page >= pool.first && page < pool.end) return 0;
  if (page === LAPIC_BASE / 4096 || page === 0xfec0_0000 / 4096) return 0;
  return READ | WRITE | EXECUTE;
}

/** Whether 2^order pages from `first` on are user pages; `first` is aligned. */
function isUserRange(first: number, order: number): boolean {
  return order < 35 && first < USER_PAGES && 2 ** order <= USER_PAGES - first;
}

/** Rights asked for by a CRD's permissions; any of the five bits lets read. */
function wantedRights(permissions: number): number {
  if (permissions === 0) return 0;
  return READ | (permissions & abi.MEM_W ? WRITE : 0) | (permissions & abi.MEM_X ? EXECUTE : 0);
}

/**
 * Delegation of 2^order pages: every page of the receiver becomes what the sender has, without what was not
 * asked for; what the sender lacks, the receiver loses. `from` is undefined for the machine's own memory.
 * Returns the pages that may have changed, as first page and count.
 */
export function delegatePages(
  to: Memory,
  from: Memory | undefined,
  kernel: KernelPages,
  sndBase: number,
  rcvBase: number,
  order: number,
  permissions: number,
): { first: number; count: number } | undefined {
  if (!isUserRange(rcvBase, order)) return undefined;
  const wanted = wantedRights(permissions);
  if (wanted !== 0 && !isUserRange(sndBase, order)) return undefined;
  const count = 2 ** order;
  for (const arena of ARENAS) {
    const first = Math.max(rcvBase, arena.first);
    const end = Math.min(rcvBase + count, arena.first + arena.count);
    for (let page = first; page < end; page++) {
      if (wanted === 0) {
        to.set(page, 0, 0);
        continue;
      }
      const source = page - rcvBase + sndBase;
      let phys = source;
      let rights: number;
      if (from === undefined) rights = physicalRights(source, kernel);
      else ({ phys, rights } = from.get(source));
      if (rights & KEPT) rights = 0;
      to.set(page, phys, rights & UNKNOWN ? UNKNOWN : rights & wanted);
    }
  }
  return { first: rcvBase, count };
}
