// A CPU's registers as lines of text, laid out as QEMU's `info registers` lays them out, so that scripts that read one
// read the other.

import type { CpuAccess, Segment, SegmentName } from "../platform/cpu-access.ts";

const hex = (value: bigint | number, digits: number): string =>
  value.toString(16).padStart(digits, "0");

const CR0_PE = 1n;
const EFER_LMA = 0x400n;
/** Attribute bits of a segment: descriptor bits 40 to 55. */
const TYPE = 0xf;
const CODE_OR_DATA = 0x10;
const PRESENT = 0x80;
const LONG = 0x2000;
const BIG = 0x4000;
const GRANULAR = 0x8000;
/** Types of system descriptors outside long mode, and in it (Intel SDM vol. 3A, table 3-2). */
const SYSTEM_TYPES: readonly [string, string][] = [
  ["Reserved", "<hiword>"],
  ["TSS16-avl", "Reserved"],
  ["LDT", "LDT"],
  ["TSS16-busy", "Reserved"],
  ["CallGate16", "Reserved"],
  ["TaskGate", "Reserved"],
  ["IntGate16", "Reserved"],
  ["TrapGate16", "Reserved"],
  ["Reserved", "Reserved"],
  ["TSS32-avl", "TSS64-avl"],
  ["Reserved", "Reserved"],
  ["TSS32-busy", "TSS64-busy"],
  ["CallGate32", "CallGate64"],
  ["Reserved", "Reserved"],
  ["IntGate32", "IntGate64"],
  ["TrapGate32", "TrapGate64"],
];

/** General registers by rows of four, with the names that QEMU prints. */
const LONG_ROWS = [
  ["rax", "rbx", "rcx", "rdx"],
  ["rsi", "rdi", "rbp", "rsp"],
  ["r8", "r9", "r10", "r11"],
  ["r12", "r13", "r14", "r15"],
] as const;

/** Flags by bit, as they are shown. */
const FLAGS: readonly [number, string][] = [
  [10, "D"],
  [11, "O"],
  [7, "S"],
  [6, "Z"],
  [4, "A"],
  [2, "P"],
  [0, "C"],
];

const HALTED = 1;

/** The upper half of a descriptor as it would be in memory, without the base. */
function descriptorFlags({ attributes, limit }: Segment): number {
  const stored = attributes & GRANULAR ? limit >>> 12 : limit;
  return (((attributes & 0xf0ff) << 8) | (((stored >>> 16) & 0xf) << 16)) >>> 0;
}

function segmentKind(segment: Segment, longMode: boolean): string {
  const { attributes } = segment;
  const letter = (bit: number, name: string): string => (attributes & bit ? name : "-");
  if (!(attributes & CODE_OR_DATA)) {
    return SYSTEM_TYPES[attributes & TYPE]?.[longMode ? 1 : 0] ?? "";
  }
  const isCode = (attributes & 8) !== 0;
  const width = attributes & LONG ? "CS64" : attributes & BIG ? "CS32" : "CS16";
  const data = attributes & BIG || longMode ? "DS  " : "DS16";
  const rights = `${letter(4, isCode ? "C" : "E")}${letter(2, isCode ? "R" : "W")}${letter(1, "A")}`;
  return `${isCode ? width : data} [${rights}]`;
}

function segmentLine(cpu: CpuAccess, name: SegmentName, label: string): string {
  const segment = cpu.segment(name);
  const digits = cpu.codeBits === 64 ? 16 : 8;
  const values = `${label}=${hex(segment.selector, 4)} ${hex(segment.base, digits)} ${hex(segment.limit, 8)} ${hex(descriptorFlags(segment), 8)}`;
  if (!(cpu.wide("cr0") & CR0_PE) || !(segment.attributes & PRESENT) || !segment.valid)
    return values;
  const longMode = (cpu.wide("efer") & EFER_LMA) !== 0n;
  return `${values} DPL=${(segment.attributes >> 5) & 3} ${segmentKind(segment, longMode)}`;
}

function generalLines(cpu: CpuAccess): string[] {
  const long = cpu.codeBits === 64;
  const rows = long ? LONG_ROWS : LONG_ROWS.slice(0, 2);
  return rows.map((row) =>
    row
      .map((name) => {
        const value = long ? cpu.general(name) : cpu.general(name) & 0xffffffffn;
        const label = long ? name.padEnd(3) : name.replace("r", "e");
        return `${label.toUpperCase()}=${hex(value, long ? 16 : 8)}`;
      })
      .join(" "),
  );
}

/** General registers, segments, tables, control and debug registers. */
export function registerLines(cpu: CpuAccess): string[] {
  const long = cpu.codeBits === 64;
  const digits = long ? 16 : 8;
  const flags = cpu.rflags;
  const shown = FLAGS.map(([bit, letter]) => ((flags >> BigInt(bit)) & 1n ? letter : "-")).join("");
  const [ip, fl] = long ? ["RIP", "RFL"] : ["EIP", "EFL"];
  const table = (name: "gdt" | "idt"): string => {
    const { base, limit } = cpu.table(name);
    return `${name.toUpperCase()}=     ${hex(base, digits)} ${hex(limit, 8)}`;
  };
  const debug = (n: number): string => `DR${n}=${hex(cpu.debug(n), 16)}`;
  return [
    ...generalLines(cpu),
    `${ip}=${hex(cpu.wide("rip"), digits)} ${fl}=${hex(flags, 8)} [${shown}] CPL=${cpu.cpl} II=${cpu.interruptShadow ? 1 : 0} A20=${cpu.a20 ? 1 : 0} SMM=0 HLT=${cpu.activity === HALTED ? 1 : 0}`,
    ...(["es", "cs", "ss", "ds", "fs", "gs"] as const).map((name) =>
      segmentLine(cpu, name, `${name.toUpperCase()} `),
    ),
    segmentLine(cpu, "ldtr", "LDT"),
    segmentLine(cpu, "tr", "TR "),
    table("gdt"),
    table("idt"),
    `CR0=${hex(cpu.wide("cr0"), 8)} CR2=${hex(cpu.wide("cr2"), digits)} CR3=${hex(cpu.wide("cr3"), digits)} CR4=${hex(cpu.wide("cr4"), 8)}`,
    `${[0, 1, 2, 3].map(debug).join(" ")} `,
    `${debug(6)} ${debug(7)}`,
    `EFER=${hex(cpu.wide("efer"), 16)}`,
  ];
}

const inPairs = (items: readonly string[]): string[] =>
  items.flatMap((item, i) => (i % 2 === 0 ? [`${item} ${items[i + 1] ?? ""}`.trimEnd()] : []));

/** Bytes of a register, little endian, as one number. */
const number = (bytes: Uint8Array): string =>
  [...bytes].reverse().reduce((text, byte) => text + hex(byte, 2), "");

/** x87, MXCSR and the vector registers: YMM where the guest has turned AVX on, XMM otherwise. */
export function floatLines(cpu: CpuAccess): string[] {
  const { control, status, inUse, top } = cpu.x87;
  const stack = Array.from({ length: 8 }, (_, physical) => {
    const bytes = cpu.st((physical - top) & 7);
    return `FPR${physical}=${number(bytes.subarray(0, 8))} ${number(bytes.subarray(8, 10))}`;
  });
  const vectors = Array.from({ length: cpu.codeBits === 64 ? 16 : 8 }, (_, n) => {
    const bytes = cpu.vector(n);
    const lanes = cpu.avxEnabled ? [24, 16, 8, 0] : [8, 0];
    const name = `${cpu.avxEnabled ? "YMM" : "XMM"}${n.toString().padStart(2, "0")}`;
    return `${name}=${lanes.map((at) => number(bytes.subarray(at, at + 8))).join(" ")}`;
  });
  return [
    `FCW=${hex(control, 4)} FSW=${hex(status, 4)} [ST=${top}] FTW=${hex(inUse & 0xff, 2)} MXCSR=${hex(cpu.mxcsr, 8)}`,
    ...inPairs(stack),
    ...(cpu.avxEnabled ? vectors : inPairs(vectors)),
  ];
}
