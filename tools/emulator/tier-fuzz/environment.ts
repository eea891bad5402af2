// Where a program finds what, in each mode: descriptors, page tables, code, data, stacks. Everything lies in the first
// 576 KiB of RAM, so that real mode reaches it too. Sources: Intel SDM vol. 3A 3.4.5 (descriptors), 4.3 and 4.5
// (paging), 7.7 (64-bit TSS), 6.14 (IDT).

import type { Segment } from "../platform/cpu-access.ts";
import type { Mode } from "./program.ts";

/** Physical addresses. */
export const PML4 = 0x1000;
const PDPT = 0x2000;
const DIRECTORY = 0x3000;
const DIRECTORY_HIGH = 0x4000;
const CODE_TABLE = 0x5000;
const DATA_TABLE = 0x6000;
const IDT = 0x7000;
const GDT = 0x8000;
const TSS = 0x8800;
const TSS_SIZE = 0x80;
/** What the handlers write: see handlers.ts. */
export const RECORDS = 0x9000;
export const HANDLERS = 0xc000;
/** Length of the instruction at each byte of code, 0 where none begins. */
export const LENGTHS = 0x1_0000;
export const CODE_FRAMES = 0x2_0000;
export const CODE_SIZE = 0x8000;
export const DATA_FRAMES = 0x3_0000;
/** Frames of data; the window shows some of them, some twice. */
export const DATA_FRAME_COUNT = 16;
const STACKS = 0x4_0000;
const STACK_SIZE = 0x1000;
const KERNEL_STACKS = 0x5_0000;
export const MOST_CPUS = 4;
/**
 * What is in RAM where nothing is, from `UNUSED` on: who gets lost there, or runs past the end of the code, faults, where
 * what zeros do would be done for pages. It is the prefix LOCK, of which more than 14 are a general-protection fault.
 */
export const NO_CODE = 0xf0;
export const UNUSED = LENGTHS + CODE_SIZE;

/** Pages of the window of data. */
export const WINDOW_PAGES = 12;
/** The last page holds counters, jump tables and moving pointers. */
export const LOCALS_PAGE = 11;
/** Frame behind each page of the window where there is paging, and its entry's flags. */
const HPET = 0xfed0_0000;
const PRESENT = 1;
const WRITABLE = 2;
const USER = 4;
const LARGE = 0x80;
const READ_WRITE = PRESENT | WRITABLE | USER;
const WINDOW: readonly [frame: number, flags: number][] = [
  [DATA_FRAMES, READ_WRITE],
  [DATA_FRAMES + 0x1000, READ_WRITE],
  [DATA_FRAMES + 0x2000, PRESENT | USER],
  // Page 0 again.
  [DATA_FRAMES, READ_WRITE],
  [DATA_FRAMES + 0x4000, WRITABLE | USER],
  [DATA_FRAMES + 0x5000, READ_WRITE],
  // Page 1 again, for reading.
  [DATA_FRAMES + 0x1000, PRESENT | USER],
  [HPET, READ_WRITE],
  [DATA_FRAMES + 0x8000, PRESENT | WRITABLE],
  // The first page of code.
  [CODE_FRAMES, READ_WRITE],
  [DATA_FRAMES + 0x9000, READ_WRITE],
  [DATA_FRAMES + 0xa000, READ_WRITE],
];
export const READ_ONLY_PAGE = 2;
export const ABSENT_PAGE = 4;
export const DEVICE_PAGE = 7;
export const CODE_PAGE = 9;

const LINEAR_CODE = 0x40_0000;
const LINEAR_CODE_ALIAS = 0x48_0000;
const LINEAR_DATA = 0x60_0000;
export const APIC = 0xfee0_0000;

export const FLAT_DATA = 0x10;
export const CODE64 = 0x08;
export const CODE32 = 0x18;
const USER_DATA = 0x23;
const USER_CODE64 = 0x2b;
const USER_CODE32 = 0x33;
const BASED_CODE32 = 0x38;
export const BASED_CODE16 = 0x40;
const BASED_DATA = 0x48;
const BASED_EXTRA = 0x50;
const BASED_STACK = 0x58;
const BASED_GS = 0x60;
const FIRST_TSS = 0x70;
const GDT_LIMIT = FIRST_TSS + 16 * MOST_CPUS - 1;

/** Bases of segments that are not flat. */
const CODE_BASE = CODE_FRAMES - 0x1000;
/** Real mode's selector of that. */
export const REAL_CODE = CODE_BASE >>> 4;
const DATA_BASE = DATA_FRAMES - 0x1000;
const EXTRA_BASE = DATA_FRAMES - 0x2000;
const STACK_BASE = STACKS - 0x1000;
/** Of GS in all modes, counted from the data. */
const GS_OFFSET = 0x80;

const CR0 = 0x8005_0033n;
const PAGING = 0x8000_0000n;
const CR4 = 0x5_0600n;
const PAE = 0x20n;
const PSE = 0x10n;
const EFER_LONG = 0xd01n;
const XCR0 = 7n;

export interface Chunk {
  address: number;
  bytes: Uint8Array;
}

export interface Registers {
  cr0: bigint;
  cr3: bigint;
  cr4: bigint;
  efer: bigint;
  xcr0: bigint;
  gdt: { base: bigint; limit: number };
  idt: { base: bigint; limit: number };
}

/** Code of another size that the mode can reach by far jumps. */
export interface OtherCode {
  bits: 16 | 32 | 64;
  selector: number;
  /** What its offsets have above those of the mode's own code segment. */
  shift: number;
}

export interface Environment {
  mode: Mode;
  bits: 16 | 32 | 64;
  other: OtherCode | undefined;
  /** Code size of the handlers. */
  handlerBits: 16 | 32 | 64;
  ring: 0 | 3;
  paging: "long" | "legacy" | undefined;
  /** Linear addresses of code, of the same code once more, and of the window of data. */
  code: number;
  codeAlias: number;
  data: number;
  /** Bases of the segments: what linear address offset 0 has. */
  bases: Record<"es" | "cs" | "ss" | "ds" | "fs" | "gs", number>;
  segments: Record<"es" | "cs" | "ss" | "ds" | "fs" | "gs" | "ldtr", Segment>;
  registers: Registers;
}

function descriptor(base: number, limit: number, attributes: number): bigint {
  const big = limit > 0xf_ffff;
  const field = BigInt(big ? limit >>> 12 : limit);
  return (
    (field & 0xffffn) |
    ((BigInt(base) & 0xff_ffffn) << 16n) |
    (BigInt(attributes & 0xff) << 40n) |
    ((field >> 16n) << 48n) |
    (BigInt((attributes >> 12) | (big ? 8 : 0)) << 52n) |
    (BigInt(base >>> 24) << 56n)
  );
}

const FLAT_LIMIT = 0xffff_ffff;
/** Ends of the segments that are not flat: of the code, of the window. */
const limitOf = (base: number, end: number): number => end - base - 1;
const WINDOW_END = DATA_FRAMES + WINDOW_PAGES * 0x1000;

/** Selector, base, limit, attributes as in `Segment`. */
const DESCRIPTORS: Readonly<Record<number, readonly [base: number, limit: number, attr: number]>> =
  {
    [CODE64]: [0, FLAT_LIMIT, 0xa09b],
    [FLAT_DATA]: [0, FLAT_LIMIT, 0xc093],
    [CODE32]: [0, FLAT_LIMIT, 0xc09b],
    [USER_DATA & ~3]: [0, FLAT_LIMIT, 0xc0f3],
    [USER_CODE64 & ~3]: [0, FLAT_LIMIT, 0xa0fb],
    [USER_CODE32 & ~3]: [0, FLAT_LIMIT, 0xc0fb],
    [BASED_CODE32]: [CODE_BASE, limitOf(CODE_BASE, CODE_FRAMES + CODE_SIZE), 0x409b],
    [BASED_CODE16]: [CODE_BASE, limitOf(CODE_BASE, CODE_FRAMES + CODE_SIZE), 0x009b],
    [BASED_DATA]: [DATA_BASE, limitOf(DATA_BASE, WINDOW_END), 0x4093],
    [BASED_EXTRA]: [EXTRA_BASE, limitOf(EXTRA_BASE, WINDOW_END), 0x4093],
    [BASED_STACK]: [STACK_BASE, 0xffff, 0x4093],
    [BASED_GS]: [DATA_FRAMES + GS_OFFSET, 0x2fff, 0x4093],
  };

function segmentOf(selector: number, base?: number): Segment {
  const [start, limit, attributes] = DESCRIPTORS[selector & ~3] as [number, number, number];
  const attr = attributes | (limit > 0xf_ffff ? 0x8000 : 0);
  return { selector, base: BigInt(base ?? start), limit, attributes: attr, valid: true };
}

function realSegment(base: number, limit = 0xffff): Segment {
  return { selector: base >>> 4, base: BigInt(base), limit, attributes: 0x93, valid: true };
}

const NO_SEGMENT: Segment = { selector: 0, base: 0n, limit: 0, attributes: 0, valid: false };

function segmentsOf(mode: Mode, data: number): Environment["segments"] {
  const ldtr = NO_SEGMENT;
  if (mode === "real") {
    // FS is flat in every mode: what writes to code uses it.
    return {
      es: realSegment(EXTRA_BASE),
      cs: { ...realSegment(CODE_BASE), attributes: 0x9b },
      ss: realSegment(STACK_BASE),
      ds: realSegment(DATA_BASE),
      fs: realSegment(0, FLAT_LIMIT),
      gs: realSegment(DATA_FRAMES + GS_OFFSET),
      ldtr,
    };
  }
  if (mode === "segmented" || mode === "segmented-16") {
    return {
      es: segmentOf(BASED_EXTRA),
      cs: segmentOf(mode === "segmented" ? BASED_CODE32 : BASED_CODE16),
      ss: segmentOf(BASED_STACK),
      ds: segmentOf(BASED_DATA),
      fs: segmentOf(FLAT_DATA),
      gs: segmentOf(BASED_GS),
      ldtr,
    };
  }
  const user = mode === "long-user" || mode === "compatibility" || mode === "protected-user";
  const flat = segmentOf(user ? USER_DATA : FLAT_DATA);
  const cs = {
    long: CODE64,
    "long-user": USER_CODE64,
    compatibility: USER_CODE32,
    protected: CODE32,
    "protected-user": USER_CODE32,
  }[mode];
  const gs = segmentOf(flat.selector, data + GS_OFFSET);
  return { es: flat, cs: segmentOf(cs), ss: flat, ds: flat, fs: flat, gs, ldtr };
}

function otherCode(mode: Mode): OtherCode | undefined {
  const to = (bits: OtherCode["bits"], selector: number, shift = 0) => ({ bits, selector, shift });
  switch (mode) {
    case "long":
      return to(32, CODE32);
    case "long-user":
      return to(32, USER_CODE32);
    case "compatibility":
      return to(64, USER_CODE64);
    case "protected":
      // Below 1 MiB everything is where it is.
      return to(16, BASED_CODE16, CODE_FRAMES - CODE_BASE - LINEAR_CODE);
    case "segmented":
      return to(16, BASED_CODE16);
    case "segmented-16":
    case "real":
      return to(32, BASED_CODE32);
    case "protected-user":
      return undefined;
  }
}

function describeMode(mode: Mode): Environment {
  const paging = { l: "long", c: "long", p: "legacy" }[mode[0] as string] as Environment["paging"];
  const data = paging ? LINEAR_DATA : DATA_FRAMES;
  const segments = segmentsOf(mode, data);
  const baseOf = (name: keyof Environment["bases"]): number => Number(segments[name].base);
  const real = mode === "real";
  const bits = mode.startsWith("long") ? 64 : real || mode === "segmented-16" ? 16 : 32;
  return {
    mode,
    bits,
    other: otherCode(mode),
    handlerBits: paging === "long" ? 64 : real ? 16 : 32,
    ring: segments.cs.selector & 3 && !real ? 3 : 0,
    paging,
    code: paging ? LINEAR_CODE : CODE_FRAMES,
    codeAlias: paging ? LINEAR_CODE_ALIAS : CODE_FRAMES,
    data,
    bases: {
      es: baseOf("es"),
      cs: baseOf("cs"),
      ss: baseOf("ss"),
      ds: baseOf("ds"),
      fs: baseOf("fs"),
      gs: baseOf("gs"),
    },
    segments,
    registers: {
      cr0: real ? CR0 & ~(PAGING | 1n) : paging ? CR0 : CR0 & ~PAGING,
      cr3: BigInt(paging === "legacy" ? DIRECTORY : PML4),
      cr4: paging === "long" ? CR4 | PAE : CR4 | PSE,
      efer: paging === "long" ? EFER_LONG : 0n,
      xcr0: XCR0,
      gdt: { base: BigInt(GDT), limit: GDT_LIMIT },
      idt: { base: BigInt(real ? 0 : IDT), limit: 0xfff },
    },
  };
}

const environments = new Map<Mode, Environment>();

export function environmentOf(mode: Mode): Environment {
  let environment = environments.get(mode);
  if (environment === undefined) {
    environment = describeMode(mode);
    environments.set(mode, environment);
  }
  return environment;
}

/** Offset behind SS of the stack's end of a CPU, below what another CPU has. */
export function stackOf(environment: Environment, cpu: number): number {
  return STACKS + (cpu + 1) * STACK_SIZE - environment.bases.ss;
}

export const kernelStackOf = (cpu: number): number => KERNEL_STACKS + (cpu + 1) * STACK_SIZE;
export const taskRegister = (environment: Environment, cpu: number): Segment => ({
  selector: environment.mode === "real" ? 0 : FIRST_TSS + 16 * cpu,
  base: BigInt(TSS + cpu * TSS_SIZE),
  limit: 0x67,
  attributes: 0x8b,
  valid: true,
});

/** Physical address of the entry of a page of the window. */
export function entryAddress(environment: Environment, page: number): number {
  return environment.paging === "legacy" ? CODE_TABLE + 0x800 + 4 * page : DATA_TABLE + 8 * page;
}

/** The entry that makes an absent page present, 0 for the others. */
export function repairOf(page: number): number {
  const [frame, flags] = WINDOW[page] as [number, number];
  return page === ABSENT_PAGE ? frame | flags | PRESENT : 0;
}

function pageTables(environment: Environment): Chunk[] {
  const long = environment.paging === "long";
  const put = (table: number, entries: readonly [index: number, value: number][]): Chunk => {
    const view = new DataView(new ArrayBuffer(4096));
    for (const [index, value] of entries) {
      if (long) view.setBigUint64(8 * index, BigInt(value), true);
      else view.setUint32(4 * index, value, true);
    }
    return { address: table, bytes: new Uint8Array(view.buffer) };
  };
  const user = READ_WRITE;
  const code = Array.from({ length: CODE_SIZE / 4096 }, (_, i): [number, number][] => [
    [i, CODE_FRAMES + 4096 * i + user],
    [i + (LINEAR_CODE_ALIAS - LINEAR_CODE) / 4096, CODE_FRAMES + 4096 * i + user],
  ]).flat();
  const first = long ? 0 : (LINEAR_DATA - LINEAR_CODE) / 4096;
  const window = WINDOW.map(([frame, flags], i): [number, number] => [first + i, frame + flags]);
  // Stacks and all below 1 MiB are where they are; a user's stack must be the user's.
  const low = PRESENT | WRITABLE | USER | LARGE;
  if (!long) {
    return [
      put(DIRECTORY, [
        [0, low],
        [LINEAR_CODE >>> 22, CODE_TABLE + user],
        [APIC >>> 22, ((APIC >>> 22) << 22) + (PRESENT | WRITABLE | LARGE)],
      ]),
      put(CODE_TABLE, [...code, ...window]),
    ];
  }
  return [
    put(PML4, [[0, PDPT + user]]),
    put(PDPT, [
      [0, DIRECTORY + user],
      [APIC >>> 30, DIRECTORY_HIGH + user],
    ]),
    put(DIRECTORY, [
      [0, low],
      [LINEAR_CODE >>> 21, CODE_TABLE + user],
      [LINEAR_DATA >>> 21, DATA_TABLE + user],
    ]),
    put(DIRECTORY_HIGH, [[(APIC >>> 21) & 511, APIC + (PRESENT | WRITABLE | LARGE)]]),
    put(CODE_TABLE, code),
    put(DATA_TABLE, window),
  ];
}

function descriptorTables(environment: Environment, handler: (vector: number) => number): Chunk[] {
  const real = environment.mode === "real";
  const long = environment.paging === "long";
  const idt = new DataView(new ArrayBuffer(real ? 1024 : 4096));
  for (let vector = 0; vector < 256; vector++) {
    const at = handler(vector);
    if (real) {
      idt.setUint16(4 * vector, at - HANDLERS, true);
      idt.setUint16(4 * vector + 2, HANDLERS >>> 4, true);
      continue;
    }
    const dpl = vector === 3 || vector === 4 || vector >= 0x80 ? 3 : 0;
    const low = (long ? CODE64 : CODE32) * 0x1_0000 + (at & 0xffff);
    const high = ((at >>> 16) << 16) | 0x8e00 | (dpl << 13);
    idt.setUint32((long ? 16 : 8) * vector, low, true);
    idt.setUint32((long ? 16 : 8) * vector + 4, high, true);
  }
  const gdt = new DataView(new ArrayBuffer(GDT_LIMIT + 1));
  for (const [selector, [base, limit, attributes]] of Object.entries(DESCRIPTORS)) {
    gdt.setBigUint64(Number(selector), descriptor(base, limit, attributes), true);
  }
  const tasks = new DataView(new ArrayBuffer(TSS_SIZE * MOST_CPUS));
  for (let cpu = 0; cpu < MOST_CPUS; cpu++) {
    const base = TSS + cpu * TSS_SIZE;
    gdt.setBigUint64(FIRST_TSS + 16 * cpu, descriptor(base, 0x67, 0x008b), true);
    tasks.setUint32(cpu * TSS_SIZE + 4, kernelStackOf(cpu), true);
    if (!long) tasks.setUint16(cpu * TSS_SIZE + 8, FLAT_DATA, true);
    tasks.setUint16(cpu * TSS_SIZE + 0x66, 0x68, true);
  }
  return [
    { address: real ? 0 : IDT, bytes: new Uint8Array(idt.buffer) },
    { address: GDT, bytes: new Uint8Array(gdt.buffer) },
    { address: TSS, bytes: new Uint8Array(tasks.buffer) },
  ];
}

/** What lies in memory before any program; `handler` says where a vector's handler is. */
export function systemChunks(
  environment: Environment,
  handler: (vector: number) => number,
): Chunk[] {
  return [
    ...(environment.paging === undefined ? [] : pageTables(environment)),
    ...descriptorTables(environment, handler),
  ];
}
