// Loops that go through memory by registers which move on by the same in each round, as those over arrays do.

import type { Random } from "../cputest/random.ts";

/** An instruction with one operand in memory, of so many bytes. */
interface Form {
  /** Hexadecimal digits: prefixes and opcode. */
  readonly bytes: string;
  readonly size: number;
  /** What the other operand may be: a general register, or a vector register. */
  readonly vector?: true;
}

// Intel SDM vol. 2; general registers are those of 8 and 32 bits, which are encoded alike in all modes but for 0x66.
const GENERAL: readonly Form[] = [
  { bytes: "8b", size: 4 },
  { bytes: "8b", size: 4 },
  { bytes: "89", size: 4 },
  { bytes: "01", size: 4 },
  { bytes: "03", size: 4 },
  { bytes: "33", size: 4 },
  { bytes: "88", size: 1 },
  { bytes: "8a", size: 1 },
  { bytes: "0fb6", size: 1 },
  { bytes: "39", size: 4 },
];
const PREFIXES = ["", "66", "f2", "f3"] as const;
/** Bytes of ADDPS, ADDPD, ADDSD, ADDSS, and of all others of that scheme. */
const SIZES = [16, 16, 8, 4] as const;
const ARITHMETIC = ["58", "58", "59", "59", "5c", "5e", "51", "5d", "5f"] as const;
const MOVES: readonly Form[] = [
  { bytes: "0f28", size: 16, vector: true },
  { bytes: "660f28", size: 16, vector: true },
  { bytes: "0f29", size: 16, vector: true },
  { bytes: "0f10", size: 16, vector: true },
  { bytes: "0f11", size: 16, vector: true },
  { bytes: "f20f10", size: 8, vector: true },
  { bytes: "f20f11", size: 8, vector: true },
  { bytes: "f30f11", size: 4, vector: true },
  { bytes: "660fef", size: 16, vector: true },
];

/** An access of a sweep. */
export interface SweepAccess {
  /** Hexadecimal digits of prefixes and opcode. */
  bytes: string;
  /** The other operand, as encoded. */
  register: number;
  /** Which of the pointers, and a displacement of 8 bits. */
  pointer: number;
  displacement: number;
  /** The index is added, where the mode has such an address. */
  indexed: boolean;
}

/** The body is gone through so many times. */
export interface Sweep {
  kind: "sweep";
  count: number;
  /** Where the pointers begin (hexadecimal digits, as offsets in DS), and what each round adds to them. */
  pointers: { value: string; step: number }[];
  /** What each round adds to the index, which begins with 0. */
  step: number;
  /** Pointers are changed in 64 bits, in 64-bit code. */
  wide: boolean;
  /** MXCSR before the loop; undefined: as it is. */
  mxcsr?: number;
  accesses: SweepAccess[];
}

const STEPS = [16, 16, 8, 8, 4, 4, 1, 2, 32, 24, 0, -16, -8, -4, -1, 256, 1000, 4096, -4096];
/** Rounding, FTZ, DAZ and masks as they are mostly; sticky bits set and not; now and then anything. */
const MXCSR = [0x1f80, 0x1f80, 0x1fa0, 0x1fa0, 0x1f80, 0x1fbf, 0x9fc0, 0x3f80, 0x5fa0, 0x7f80];

function accessOf(random: Random, pointers: number): SweepAccess {
  const choice = random.below(10);
  let form: Form;
  let displacement = 4 * random.below(20);
  if (choice < 4) form = random.pick(GENERAL);
  else if (choice < 7) form = random.pick(MOVES);
  else {
    const which = random.below(4);
    const bytes = `${PREFIXES[which]}0f${random.pick(ARITHMETIC)}`;
    form = { bytes, size: SIZES[which] as number, vector: true };
  }
  if (form.size === 16 && !random.oneIn(12)) displacement &= ~15;
  return {
    bytes: form.bytes,
    register: form.vector ? random.below(4) : 0,
    pointer: random.below(pointers),
    displacement,
    indexed: random.oneIn(3),
  };
}

/** A random sweep; `address` gives places in DS. */
export function randomSweep(random: Random, address: () => bigint): Sweep {
  const pointers = Array.from({ length: 1 + random.below(3) }, () => ({
    value: BigInt.asUintN(64, address() & (random.oneIn(6) ? -1n : -16n)).toString(16),
    step: random.pick(STEPS),
  }));
  const sweep: Sweep = {
    kind: "sweep",
    count: 1 + random.below(random.pick([12, 60, 400, 400, 700])),
    pointers,
    step: random.pick(STEPS),
    wide: !random.oneIn(4),
    accesses: Array.from({ length: 1 + random.below(5) }, () => accessOf(random, pointers.length)),
  };
  if (random.oneIn(2)) sweep.mxcsr = random.oneIn(8) ? random.below(0x10000) : random.pick(MXCSR);
  return sweep;
}
