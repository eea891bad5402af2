// The opcode table of MMX, SSE, AES, SHA, AVX, FMA, F16C and BMI instructions: one entry for each opcode
// map, mandatory prefix, opcode and encoding (legacy, VEX.W0, VEX.W1). Filled once by define*.ts, read by
// the decoder. Follows the opcode maps of Intel SDM vol. 2D, appendix A.

import { featureMask } from "./features";

/** Table keys: map | mandatory prefix | opcode. */
export const MAP_0F: u32 = 0;
export const MAP_0F38: u32 = 0x400;
export const MAP_0F3A: u32 = 0x800;
export const NP: u32 = 0;
export const P66: u32 = 0x100;
export const PF3: u32 = 0x200;
export const PF2: u32 = 0x300;

/** Encodings. */
export const LEGACY: u32 = 0;
export const VEX_W0: u32 = 1;
export const VEX_W1: u32 = 2;

/** Works on the 16 bytes (or fewer) at `a` and `b` with immediate `i`, result to `d`; `d` may be `a` or `b`. */
export type Lane = (d: usize, a: usize, b: usize, i: u32) => void;

/** Operand kinds of the reg field (bits 0–1), r/m field (bits 2–3) and VEX.vvvv (bits 4–5). */
export const REG_X: u32 = 0;
export const REG_G: u32 = 1;
export const REG_M: u32 = 2;
export const RM_X: u32 = 0;
export const RM_G: u32 = 4;
export const RM_M: u32 = 8;
/** vvvv is not used and must be 1111b. */
export const V_NONE: u32 = 0;
export const V_X: u32 = 0x10;
export const V_G: u32 = 0x20;

/** Memory operand size: bytes with VEX.L = 0; doubled with L = 1 if BY_LENGTH is set. */
export const BY_LENGTH: u32 = 0x80;
export const FULL: u32 = 16 | BY_LENGTH;
export const HALF: u32 = 8 | BY_LENGTH;
export const QUARTER: u32 = 4 | BY_LENGTH;
export const EIGHTH: u32 = 2 | BY_LENGTH;

/** Flags. */
export const IMM8: u32 = 1;
/** Legacy 16-byte memory operand that need not be aligned, or VEX one that must (ALIGNED). */
export const UNALIGNED: u32 = 2;
export const ALIGNED: u32 = 4;
/** VEX.L must be 0, must be 1, is ignored. */
export const L0: u32 = 8;
export const L1: u32 = 0x10;
export const LIG: u32 = 0x20;
/** VEX.L = 1 needs AVX2. */
export const L1_AVX2: u32 = 0x40;
/** No ModRM byte. */
export const NO_MODRM: u32 = 0x80;
/** The reg field is part of the opcode: the lane field holds an index into the group table. */
export const GROUP: u32 = 0x100;
/** The register that is written is VEX.vvvv, or the r/m register of a legacy form (groups 12–14, 17). */
export const DEST_V: u32 = 0x200;
/** The immediate is the register of a fourth operand (/is4). */
export const IS4: u32 = 0x400;
/** VEX.vvvv is an operand of the register form only. */
export const V_REGISTER: u32 = 0x800;
/** The memory operand has a vector register as index (VSIB). */
export const VSIB: u32 = 0x1000;
/** A legacy form sees the low three bits of the immediate only. */
export const IMM3: u32 = 0x4000;
/** The register form needs AVX2. */
export const REGISTER_AVX2: u32 = 0x2000;

@unmanaged
export class Entry {
  /** Table index of the handler for a register r/m operand, and for a memory one; 0 is #UD. */
  reg: u16;
  mem: u16;
  /** Table index of the lane function, or first group entry. */
  lane: u16;
  flags: u16;
  kinds: u8;
  size: u8;
  feature: u8;
  /** The high 128-bit lane sees the immediate shifted right by this; without IMM8 the immediate itself. */
  immShift: u8;
}

const ENTRY_SIZE: usize = 12;
const KEYS: usize = 0xc00;
const TABLE: usize = memory.data(110592, 16);
/** Groups: 8 entries for each, by ModRM.reg. */
const GROUPS: usize = memory.data(3072, 16);
let groupCount: u32 = 0;

export function entryAt(encoding: u32, key: u32): Entry {
  return changetype<Entry>(TABLE + (<usize>encoding * KEYS + <usize>key) * ENTRY_SIZE);
}

/** The entry of a group member. */
export function groupEntry(e: Entry, reg: u32): Entry {
  return changetype<Entry>(GROUPS + (<usize>e.lane * 8 + <usize>reg) * ENTRY_SIZE);
}

/** Defines member `reg` of a group; the flags of the first member say whether the group has an immediate. */
export function member(
  encoding: u32,
  key: u32,
  reg: u32,
  handler: i32,
  memory: i32,
  lane: i32,
  kinds: u32,
  size: u32,
  flags: u32,
  feature: u32,
): void {
  const e = entryAt(encoding, key);
  if (e.flags == 0) {
    e.lane = <u16>groupCount;
    groupCount++;
    e.flags = <u16>((flags & IMM8) | GROUP);
    e.feature = <u8>feature;
  }
  put(groupEntry(e, reg), handler, memory, lane, kinds, size, flags, feature, 0);
}

/** Fills an entry. `reg` and `mem` are handlers for the two kinds of r/m operand, 0 for #UD. */
export function put(
  e: Entry,
  reg: i32,
  mem: i32,
  lane: i32,
  kinds: u32,
  size: u32,
  flags: u32,
  feature: u32,
  immShift: u32,
): void {
  e.reg = <u16>reg;
  e.mem = <u16>mem;
  e.lane = <u16>lane;
  e.flags = <u16>flags;
  e.kinds = <u8>kinds;
  e.size = <u8>size;
  e.feature = <u8>feature;
  e.immShift = <u8>immShift;
}

/** The entry for an opcode that this CPU model has, or null. `vex`: 0 legacy, 1 VEX.W0, 2 VEX.W1. */
export function find(vex: u32, key: u32): usize {
  const e = entryAt(vex, key);
  if (e.flags == 0 && e.reg == 0 && e.mem == 0) return 0;
  if ((((<u32>1) << e.feature) & featureMask()) == 0) return 0;
  return changetype<usize>(e);
}
