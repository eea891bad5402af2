// What the CPUs' TLBs still hold: every translation a CPU has ever used stays until the kernel makes it go, by
// the rules of Intel SDM vol. 3A, 4.10.4.1. A real TLB forgets more; one that forgets nothing is the strictest
// judge of whether the kernel flushes what it has to.

const CR3_KEEP = 1n << 63n;
const ROOT = 0x000f_ffff_ffff_f000n;

interface Entry {
  phys: number;
  rights: number;
}

class CpuTlb {
  /** Translations by PCID, then by page. */
  readonly spaces = new Map<number, Map<number, Entry>>();
  pcid = 0;
  root = 0;
}

export class Tlbs {
  private readonly cpus: CpuTlb[];
  private readonly hasPcids: boolean;

  constructor(cpus: number, hasPcids: boolean) {
    this.cpus = Array.from({ length: cpus }, () => new CpuTlb());
    this.hasPcids = hasPcids;
  }

  /** MOV to CR3. */
  load(cpu: number, value: bigint): void {
    const tlb = this.cpus[cpu] as CpuTlb;
    tlb.pcid = this.hasPcids ? Number(value & 0xfffn) : 0;
    tlb.root = Number(value & ROOT);
    if (!this.hasPcids || (value & CR3_KEEP) === 0n) tlb.spaces.delete(tlb.pcid);
  }

  root(cpu: number): number {
    return (this.cpus[cpu] as CpuTlb).root;
  }

  /** The translation user code on this CPU gets for a page: what is cached, else what `walk` finds, which stays. */
  use(cpu: number, page: number, walk: (root: number, page: number) => Entry): Entry {
    const tlb = this.cpus[cpu] as CpuTlb;
    let space = tlb.spaces.get(tlb.pcid);
    if (space === undefined) {
      space = new Map();
      tlb.spaces.set(tlb.pcid, space);
    }
    const cached = space.get(page);
    if (cached !== undefined) return cached;
    const found = walk(tlb.root, page);
    if (found.rights !== 0) space.set(page, found);
    return found;
  }
}
