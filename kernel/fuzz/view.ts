// What the kernel and its machine really have: capabilities where the kernel looks them up, translations in
// the page tables as a CPU walks them, ports in the bitmap of the TSS, registers of ECs. Reads memory alone.

import { EC_REGS, TSS_IOMAP, TSS_IOMAP_BASE } from "../layout.ts";
import type { Machine } from "../testing/machine.ts";
import { EXECUTE, KEPT, READ, UNKNOWN, WRITE } from "./memory.ts";

/** The fields that inspect_offset of kernel/testing/inspect.ts knows, in its order. */
const INSPECTED = [
  ..."target base order attr holder type pageTable portMap0 portMap1".split(" "),
  ..."cont caller domain utcb waiting counter id cpuEc cpuPd tss idleEc refs".split(" "),
] as const;

/** Continuations of ec.ts. */
export const CONT_RECEIVE = 0;
export const CONT_SYSRET = 1;
export const CONT_IRET = 2;
export const CONT_RECV_ITEMS = 5;
export const CONT_DEAD = 10;
export const CONT_HYPERCALL = 12;

const REGISTER_ORDER = "r15 r14 r13 r12 r11 r10 r9 r8 rdi rsi rbp cr2 rbx rdx rcx rax".split(" ");

interface Inspect {
  inspect_next(pd: number, kind: number, index: number): number;
  inspect_cpu(id: number): number;
  inspect_offset(field: number): number;
  inspect_free_pages(): number;
  /** Of a kernel with a pattern in free memory (poison.ts). */
  check_free_pages?(): void;
  stray_at?(): number;
}

export class View {
  readonly m: Machine;
  readonly exports: Inspect;
  private readonly offsets = new Map<string, number>();
  readonly words: Uint32Array;
  readonly bytes: Uint8Array;

  constructor(m: Machine) {
    this.m = m;
    this.exports = m.exports as unknown as Inspect;
    for (const [i, name] of INSPECTED.entries()) {
      this.offsets.set(name, this.exports.inspect_offset(i));
    }
    this.words = new Uint32Array(m.view.buffer);
    this.bytes = new Uint8Array(m.view.buffer);
  }

  /** A 32-bit field of an object at `address`. */
  field(address: number, name: string): number {
    const offset = this.offsets.get(name);
    if (offset === undefined) throw new Error(`no field ${name}`);
    return this.words[(address + offset) >> 2] ?? 0;
  }

  wide(address: number, name: string): bigint {
    const offset = this.offsets.get(name);
    if (offset === undefined) throw new Error(`no field ${name}`);
    return this.m.view.getBigUint64(address + offset, true);
  }

  byteField(address: number, name: string): number {
    return this.field(address & ~3, name);
  }

  register(ec: number, name: string): bigint {
    return this.m.view.getBigUint64(ec + EC_REGS + 8 * REGISTER_ORDER.indexOf(name), true);
  }

  /** Capabilities of a kind in a domain's space from index `first` to below `end`, ascending. */
  *caps(
    pd: number,
    kind: number,
    first: number,
    end: number,
  ): Generator<{ base: number; order: number; attr: number; target: number; at: number }> {
    for (let index = first; ; ) {
      const at = this.exports.inspect_next(pd, kind, index) >>> 0;
      if (at === 0) return;
      const base = this.field(at, "base");
      if (base >= end) return;
      const order = this.field(at, "order");
      yield { base, order, attr: this.field(at, "attr"), target: this.field(at, "target"), at };
      index = base + 2 ** order;
    }
  }

  /** What a CPU finds for a user page in the tables from `root`: physical page number and rights, 0 for none. */
  walk(root: number, page: number): { phys: number; rights: number } {
    let table = root;
    for (let level = 3; level >= 0; level--) {
      const index = Math.floor(page / 2 ** (9 * level)) & 511;
      const at = (table >> 2) + 2 * index;
      const low = this.words[at] ?? 0;
      const high = this.words[at + 1] ?? 0;
      if ((low & 1) === 0) return { phys: 0, rights: 0 };
      if (level === 0 || low & 0x80) {
        // Only user pages count: the tables above have all rights.
        if ((low & 4) === 0) return { phys: 0, rights: 0 };
        const frame = (low >>> 12) + (high & 0xf_ffff) * 2 ** 20;
        const offset = page % 2 ** (9 * level);
        const first = frame - (frame % 2 ** (9 * level));
        const rights =
          READ | (low & 2 ? WRITE : 0) | (high >>> 31 ? 0 : EXECUTE) | (low & 0x200 ? KEPT : 0);
        return { phys: first + offset, rights };
      }
      table = (low & 0xffff_f000) >>> 0;
    }
    return { phys: 0, rights: 0 };
  }

  /**
   * The first of `count` pages from `first` on, which lie in one leaf table's reach, where `phys` and `rights` from
   * index `at` on say something else than the tables from `root`; -1 for none.
   */
  differs(
    root: number,
    first: number,
    count: number,
    phys: Uint32Array,
    rights: Uint8Array,
    at: number,
  ): number {
    let table = root;
    for (let level = 3; level >= 1; level--) {
      const entry = (table >> 2) + 2 * (Math.floor(first / 2 ** (9 * level)) & 511);
      const low = this.words[entry] ?? 0;
      if ((low & 1) === 0) {
        for (let i = 0; i < count; i++) if ((rights[at + i] ?? 0) & ~UNKNOWN) return first + i;
        return -1;
      }
      if (low & 0x80) {
        for (let i = 0; i < count; i++) {
          if (rights[at + i] === UNKNOWN) continue;
          const seen = this.walk(root, first + i);
          if (seen.rights !== rights[at + i] || seen.phys !== phys[at + i]) return first + i;
        }
        return -1;
      }
      table = (low & 0xffff_f000) >>> 0;
    }
    for (let i = 0; i < count; i++) {
      const entry = (table >> 2) + 2 * ((first + i) & 511);
      const low = this.words[entry] ?? 0;
      const wanted = rights[at + i] ?? 0;
      if (wanted === UNKNOWN) continue;
      if ((low & 5) !== 5) {
        if (wanted !== 0) return first + i;
        continue;
      }
      const high = this.words[entry + 1] ?? 0;
      const seen =
        READ | (low & 2 ? WRITE : 0) | (high >>> 31 ? 0 : EXECUTE) | (low & 0x200 ? KEPT : 0);
      const frame = (low >>> 12) + (high & 0xf_ffff) * 2 ** 20;
      if (seen !== wanted || frame !== phys[at + i]) return first + i;
    }
    return -1;
  }

  /** The bitmap of denied ports in a TSS, as hardware finds it; undefined where all are. */
  portMap(tss: number): Uint8Array | undefined {
    const base = this.m.view.getUint16(tss + TSS_IOMAP_BASE, true);
    return base === TSS_IOMAP ? this.bytes.subarray(tss + base, tss + base + 8192) : undefined;
  }

  /** Whether the CPU lets user code use a port. */
  portAllowed(tss: number, port: number): boolean {
    return ((this.portMap(tss)?.[port >> 3] ?? 0xff) & (1 << (port & 7))) === 0;
  }
}
