// The register file as gdb sees it: target descriptions, for 32-bit and for 64-bit code, with the features gdb
// knows (GDB manual, "i386 Features") and one of our own for control registers. Order and sizes here are the order
// and sizes of the g packet.

import { isElf } from "../loader/elf-image.ts";
import type { CpuAccess } from "../platform/cpu-access.ts";
import {
  GENERAL_NAMES,
  type GeneralName,
  type SegmentName,
  type WideName,
} from "../platform/cpu-access.ts";

const EFER_LMA = 0x400n;

interface Register {
  name: string;
  /** Bits. */
  bits: number;
  type: string;
  read(cpu: CpuAccess): Uint8Array;
  write?(cpu: CpuAccess, bytes: Uint8Array): void;
}

interface Feature {
  name: string;
  types?: string;
  registers: Register[];
}

function bytesOf(value: bigint, count: number): Uint8Array {
  const out = new Uint8Array(count);
  for (let i = 0; i < count; i++) out[i] = Number((value >> BigInt(8 * i)) & 0xffn);
  return out;
}

const zeroExtended = (bytes: Uint8Array): bigint =>
  bytes.reduceRight((value, b) => (value << 8n) | BigInt(b), 0n);

/** Names of the general registers by their names in `CpuAccess`: rax, or eax of a 32-bit target. */
function general(names: readonly GeneralName[], bits: 32 | 64): Register[] {
  return names.map((name) => ({
    name: bits === 64 ? name : name.replace("r", "e"),
    bits,
    type: name === "rbp" || name === "rsp" ? "data_ptr" : `int${bits}`,
    read: (cpu) => bytesOf(cpu.general(name), bits / 8),
    write: (cpu, b) => cpu.setGeneral(name, zeroExtended(b)),
  }));
}

const wide = (register: WideName, bits: 32 | 64, name: string = register, type = `int${bits}`) => ({
  name,
  bits,
  type,
  read: (cpu: CpuAccess) => bytesOf(cpu.wide(register), bits / 8),
  write: (cpu: CpuAccess, b: Uint8Array) => cpu.setWide(register, zeroExtended(b)),
});

const selector = (name: SegmentName): Register => ({
  name,
  bits: 32,
  type: "int32",
  read: (cpu) => bytesOf(BigInt(cpu.segment(name).selector), 4),
  // Loading a selector would need its descriptor: a debugger may only look.
});

const base = (segment: "fs" | "gs"): Register => ({
  name: `${segment}_base`,
  bits: 64,
  type: "int",
  read: (cpu) => bytesOf(cpu.segment(segment).base, 8),
  write: (cpu, b) => cpu.setSegment(segment, { ...cpu.segment(segment), base: zeroExtended(b) }),
});

const fpu = (name: string, read: (cpu: CpuAccess) => number): Register => ({
  name,
  bits: 32,
  type: "int",
  read: (cpu) => bytesOf(BigInt(read(cpu)), 4),
});

/** Full tag word from the abridged one: 3 empty, else valid (zero and special are shown as valid). */
function fullTag(inUse: number): number {
  let tag = 0;
  for (let n = 0; n < 8; n++) if (!(inUse & (1 << n))) tag |= 3 << (2 * n);
  return tag;
}

const FLAGS_TYPE = `<flags id="i386_eflags" size="4">
<field name="CF" start="0" end="0"/><field name="" start="1" end="1"/><field name="PF" start="2" end="2"/><field name="AF" start="4" end="4"/>
<field name="ZF" start="6" end="6"/><field name="SF" start="7" end="7"/><field name="TF" start="8" end="8"/><field name="IF" start="9" end="9"/>
<field name="DF" start="10" end="10"/><field name="OF" start="11" end="11"/><field name="NT" start="14" end="14"/><field name="RF" start="16" end="16"/>
<field name="VM" start="17" end="17"/><field name="AC" start="18" end="18"/><field name="VIF" start="19" end="19"/><field name="VIP" start="20" end="20"/><field name="ID" start="21" end="21"/>
</flags>`;

/** General registers in gdb's order, instruction pointer, flags, selectors, x87. */
function coreFeature(registers: Register[], bits: 32 | 64): Feature {
  return {
    name: "org.gnu.gdb.i386.core",
    types: FLAGS_TYPE,
    registers: [
      ...registers,
      wide("rip", bits, bits === 64 ? "rip" : "eip", "code_ptr"),
      {
        name: "eflags",
        bits: 32,
        type: "i386_eflags",
        read: (cpu) => bytesOf(cpu.rflags, 4),
        write: (cpu, b) => {
          cpu.rflags = zeroExtended(b);
        },
      },
      ...(["cs", "ss", "ds", "es", "fs", "gs"] as const).map(selector),
      ...[0, 1, 2, 3, 4, 5, 6, 7].map(
        (n): Register => ({ name: `st${n}`, bits: 80, type: "i387_ext", read: (cpu) => cpu.st(n) }),
      ),
      fpu("fctrl", (cpu) => cpu.x87.control),
      fpu("fstat", (cpu) => cpu.x87.status),
      fpu("ftag", (cpu) => fullTag(cpu.x87.inUse)),
      ...["fiseg", "fioff", "foseg", "fooff", "fop"].map((name) => fpu(name, () => 0)),
    ],
  };
}

const VECTOR_TYPES = `<vector id="v4f" type="ieee_single" count="4"/><vector id="v2d" type="ieee_double" count="2"/>
<vector id="v16i8" type="int8" count="16"/><vector id="v8i16" type="int16" count="8"/><vector id="v4i32" type="int32" count="4"/><vector id="v2i64" type="int64" count="2"/>
<union id="vec128"><field name="v4_float" type="v4f"/><field name="v2_double" type="v2d"/><field name="v16_int8" type="v16i8"/><field name="v8_int16" type="v8i16"/><field name="v4_int32" type="v4i32"/><field name="v2_int64" type="v2i64"/><field name="uint128" type="uint128"/></union>`;

function sseFeature(count: 8 | 16): Feature {
  const vectors = Array.from(
    { length: count },
    (_, n): Register => ({
      name: `xmm${n}`,
      bits: 128,
      type: "vec128",
      read: (cpu) => cpu.vector(n).slice(0, 16),
      write: (cpu, b) => {
        const all = cpu.vector(n);
        all.set(b);
        cpu.setVector(n, all);
      },
    }),
  );
  const mxcsr: Register = {
    name: "mxcsr",
    bits: 32,
    type: "int",
    read: (cpu) => bytesOf(BigInt(cpu.mxcsr), 4),
    write: (cpu, b) => {
      cpu.mxcsr = Number(zeroExtended(b));
    },
  };
  return { name: "org.gnu.gdb.i386.sse", types: VECTOR_TYPES, registers: [...vectors, mxcsr] };
}

/** What gdb is told about a CPU: it does not take the registers of one architecture for those of the other. */
export class GdbTarget {
  readonly #architecture: string;
  readonly #features: readonly Feature[];
  readonly #registers: readonly Register[];

  constructor(architecture: string, features: readonly Feature[]) {
    this.#architecture = architecture;
    this.#features = features;
    this.#registers = features.flatMap((f) => f.registers);
  }

  /** The target description gdb fetches as target.xml. */
  get xml(): string {
    const features = this.#features.map((f) => {
      const registers = f.registers
        .map((r) => `<reg name="${r.name}" bitsize="${r.bits}" type="${r.type}"/>`)
        .join("\n");
      return `<feature name="${f.name}">\n${f.types ?? ""}\n${registers}\n</feature>`;
    });
    return `<?xml version="1.0"?>\n<!DOCTYPE target SYSTEM "gdb-target.dtd">\n<target version="1.0">\n<architecture>${this.#architecture}</architecture>\n${features.join("\n")}\n</target>\n`;
  }

  /** Register `n` of the description, or undefined. */
  read(cpu: CpuAccess, n: number): Uint8Array | undefined {
    return this.#registers[n]?.read(cpu);
  }

  /** Writes register `n`; false if it cannot be written. The caller commits. */
  write(cpu: CpuAccess, n: number, bytes: Uint8Array): boolean {
    const register = this.#registers[n];
    if (register?.write === undefined || bytes.length * 8 !== register.bits) return false;
    register.write(cpu, bytes);
    return true;
  }

  /** All registers in order. */
  readAll(cpu: CpuAccess): Uint8Array {
    const parts = this.#registers.map((r) => r.read(cpu));
    const out = new Uint8Array(parts.reduce((n, p) => n + p.length, 0));
    let at = 0;
    for (const p of parts) {
      out.set(p, at);
      at += p.length;
    }
    return out;
  }

  /** Writes what a G packet carries; registers that cannot be written are passed over. */
  writeAll(cpu: CpuAccess, bytes: Uint8Array): void {
    let at = 0;
    for (const r of this.#registers) {
      const end = at + r.bits / 8;
      if (end > bytes.length) return;
      r.write?.(cpu, bytes.subarray(at, end));
      at = end;
    }
  }
}

/** Architectures by their names on the command line. */
export const GDB_TARGETS = {
  i386: new GdbTarget("i386", [
    coreFeature(general(["rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi"], 32), 32),
    sseFeature(8),
    {
      name: "org.trihedron.control",
      registers: [
        ...(["cr0", "cr2", "cr3", "cr4"] as const).map((n) => wide(n, 32)),
        wide("efer", 64),
      ],
    },
  ]),
  "x86-64": new GdbTarget("i386:x86-64", [
    coreFeature(
      general(
        [
          ...(["rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp"] as const),
          ...GENERAL_NAMES.slice(8),
        ],
        64,
      ),
      64,
    ),
    sseFeature(16),
    { name: "org.gnu.gdb.i386.segments", registers: [base("fs"), base("gs")] },
    {
      name: "org.trihedron.control",
      registers: (["cr0", "cr2", "cr3", "cr4", "cr8", "efer", "kernel_gs_base"] as const).map((n) =>
        wide(n, 64),
      ),
    },
  ]),
} as const;
export type GdbArchitecture = keyof typeof GDB_TARGETS;

/** MOV ECX,C0000080h: the number of EFER on its way to WRMSR, without which there is no long mode. */
const MOV_ECX_EFER = [0xb9, 0x80, 0x00, 0x00, 0xc0] as const;

function contains(data: Uint8Array, bytes: readonly number[]): boolean {
  for (let at = data.indexOf(bytes[0] as number); at >= 0; ) {
    if (bytes.every((b, i) => data[at + i] === b)) return true;
    at = data.indexOf(bytes[0] as number, at + 1);
  }
  return false;
}

/**
 * The architecture a debugger most likely has the symbols of. A CPU in long mode decides it; before that the kernel
 * does: one in ELF64, or that can write EFER, is going to be there. Without a kernel anything may be booted.
 */
export function likelyArchitecture(cpu: CpuAccess, kernel?: Uint8Array): GdbArchitecture {
  if (cpu.wide("efer") & EFER_LMA || kernel === undefined) return "x86-64";
  const isElf64 = isElf(kernel) && kernel[4] === 2;
  return isElf64 || contains(kernel, MOV_ECX_EFER) ? "x86-64" : "i386";
}
