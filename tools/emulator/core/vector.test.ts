// Vector instructions where the host CPU cannot be asked: CPU models, operating-system control of the
// state (Intel SDM vol. 2A, 2.4, exception classes), 32-bit code, and published cipher and hash vectors.
// Results of single instructions are compared with a real CPU in ../cputest.
import { createCipheriv, createHash } from "node:crypto";
import { Decoder } from "iced-x86";
import { beforeAll, describe, expect, it } from "vitest";
import { compareStates } from "../cputest/compare.ts";
import { EmulatedCpu, USUAL } from "../cputest/emulator.ts";
import { type Form, listForms } from "../cputest/forms.ts";
import { Generator } from "../cputest/generate.ts";
import { CODE_SIZE, Field, Memory, StateRecord } from "../cputest/record.ts";
import { loadCore } from "../host/core.ts";

const IVY_BRIDGE = "mmx sse sse2 sse3 ssse3 sse4_1 sse4_2 popcnt aes pclmul avx f16c".split(" ");
const MAX = "avx2 bmi1 bmi2 movbe fma adx sha".split(" ");

const BREAKPOINT = 3;
const UNDEFINED = 6;
const NOT_AVAILABLE = 7;
const PAGE_FAULT = 14;
const SIMD_ERROR = 19;

let ivyBridge: EmulatedCpu;
let max: EmulatedCpu;

beforeAll(async () => {
  ivyBridge = await EmulatedCpu.create(loadCore, 0);
  max = await EmulatedCpu.create(loadCore, 1);
});

/** State with `hex` as code, general registers pointing to memory. */
function snippet(hex: string): StateRecord {
  const record = new StateRecord();
  record.setCode(Buffer.from(hex.replaceAll(" ", ""), "hex"), Memory.code);
  record.setU64(Field.rflags, 0x202n);
  record.setU32(Field.mxcsr, 0x1f80);
  record.setU16(Field.fcw, 0x37f);
  for (let i = 0; i < 16; i++) record.setGpr(i, BigInt(Memory.windowA));
  return record;
}

function vectorOf(cpu: EmulatedCpu, hex: string, environment = USUAL): number {
  return cpu.run(snippet(hex), environment).u32(Field.vector);
}

/** One snippet with a single instruction for each form, with neutral control words. */
function samples(forms: readonly Form[]): { form: Form; before: StateRecord }[] {
  return forms.map((form, stream) => {
    const generator = new Generator([form], 7, stream);
    let test = generator.next();
    while (test.length > 1) test = generator.next();
    return { form, before: test.before };
  });
}

describe("CPU models", () => {
  it("max executes every form of its instruction sets", () => {
    const refused = samples(listForms([...IVY_BRIDGE, ...MAX]))
      .filter(({ before }) => max.run(before).u32(Field.vector) === UNDEFINED)
      .map(({ form }) => form.name);
    expect(refused).toEqual([]);
  });

  it("Ivy Bridge executes every form of its instruction sets", () => {
    const refused = samples(listForms(IVY_BRIDGE))
      .filter(({ before }) => ivyBridge.run(before).u32(Field.vector) === UNDEFINED)
      .map(({ form }) => form.name);
    expect(refused).toEqual([]);
  });

  it("Ivy Bridge raises #UD for every form that only max has, but for TZCNT, which is BSF there", () => {
    const forms = listForms(MAX).filter((form) => form.mnemonic !== "Tzcnt");
    expect(forms.length).toBeGreaterThan(300);
    const executed = samples(forms)
      .filter(({ before }) => ivyBridge.run(before).u32(Field.vector) !== UNDEFINED)
      .map(({ form }) => form.name);
    expect(executed).toEqual([]);
  });
});

describe("control of vector state", () => {
  const ADDPS = "0f58c1";
  const VADDPS = "c5f058c2";
  const PADDB_MM = "0ffcc1";
  const ANDN = "c4e2f0f2c2";
  const without = (value: bigint, bits: bigint): bigint => value & ~bits;

  it.each([
    [
      "CR0.TS raises #NM",
      { ...USUAL, cr0: USUAL.cr0 | 8n },
      [NOT_AVAILABLE, NOT_AVAILABLE, NOT_AVAILABLE, BREAKPOINT],
    ],
    [
      "CR0.EM raises #UD for SSE and MMX",
      { ...USUAL, cr0: USUAL.cr0 | 4n },
      [UNDEFINED, BREAKPOINT, UNDEFINED, BREAKPOINT],
    ],
    [
      "EM goes before TS",
      { ...USUAL, cr0: USUAL.cr0 | 12n },
      [UNDEFINED, NOT_AVAILABLE, UNDEFINED, BREAKPOINT],
    ],
    [
      "CR4.OSFXSR off refuses SSE",
      { ...USUAL, cr4: without(USUAL.cr4, 0x200n) },
      [UNDEFINED, BREAKPOINT, BREAKPOINT, BREAKPOINT],
    ],
    [
      "CR4.OSXSAVE off refuses AVX",
      { ...USUAL, cr4: without(USUAL.cr4, 0x40000n) },
      [BREAKPOINT, UNDEFINED, BREAKPOINT, BREAKPOINT],
    ],
    [
      "XCR0 without AVX state refuses AVX",
      { ...USUAL, xcr0: 3n },
      [BREAKPOINT, UNDEFINED, BREAKPOINT, BREAKPOINT],
    ],
  ])("%s", (_name, environment, expected) => {
    const vectors = [ADDPS, VADDPS, PADDB_MM, ANDN].map((hex) => vectorOf(max, hex, environment));
    expect(vectors).toEqual(expected);
  });

  it("an unmasked exception is #XM, or #UD without CR4.OSXMMEXCPT", () => {
    const record = snippet("0f5ec1");
    record.setU32(Field.mxcsr, 0x1d80);
    record.setU32(Field.xmm, 0x3f800000);
    expect(max.run(record).u32(Field.vector)).toBe(SIMD_ERROR);
    const environment = { ...USUAL, cr4: without(USUAL.cr4, 0x400n) };
    const refused = max.run(record, environment);
    expect(refused.u32(Field.vector)).toBe(UNDEFINED);
    expect(refused.u32(Field.mxcsr) & 4).toBe(4);
  });

  it("a VEX prefix after 66, F2, F3, LOCK or REX is #UD", () => {
    for (const prefix of ["66", "f2", "f3", "f0", "40"]) {
      expect(vectorOf(max, prefix + VADDPS)).toBe(UNDEFINED);
    }
    expect(vectorOf(max, `2e 67 ${VADDPS}`)).toBe(BREAKPOINT);
  });

  it("VEX.vvvv that is not used must be 1111b", () => {
    expect(vectorOf(max, "c5 f8 51 c1")).toBe(BREAKPOINT);
    expect(vectorOf(max, "c5 f0 51 c1")).toBe(UNDEFINED);
  });

  it("a gather with equal registers is #UD", () => {
    expect(vectorOf(max, "c4e269 92 0c 07")).toBe(BREAKPOINT);
    expect(vectorOf(max, "c4e269 92 0c 0f")).toBe(UNDEFINED);
    expect(vectorOf(max, "c4e261 92 1c 0f")).toBe(UNDEFINED);
    expect(vectorOf(max, "c4e269 92 0c 17")).toBe(UNDEFINED);
  });

  /** CR2 of a page fault of 64-bit code, elements of whose YMM1 are selected. */
  function faultAddress(hex: string, rax: bigint, selected: readonly number[]): bigint {
    const record = snippet(hex);
    record.setGpr(0, rax);
    for (const n of selected) {
      const half = n < 4 ? Field.xmm : Field.ymmHigh;
      record.setU32(half + 16 + 4 * (n % 4), 0x8000_0000);
    }
    const after = max.run(record);
    expect(after.u32(Field.vector)).toBe(PAGE_FAULT);
    return after.u64(Field.cr2);
  }

  it.each([
    ["VMASKMOVPS load", "67 c4e275 2c 00"],
    ["VPMASKMOVD load", "67 c4e275 8c 00"],
    ["VMASKMOVPS store", "67 c4e275 2e 00"],
    ["VPMASKMOVD store", "67 c4e275 8e 00"],
  ])("%s with a 32-bit address goes on behind 4 GiB", (_, hex) => {
    // Only the operand's address is cut off.
    expect(faultAddress(hex, 0x1_ffff_fff0n, [1, 5])).toBe(0xffff_fff4n);
    expect(faultAddress(hex, 0x1_ffff_fff0n, [5])).toBe(0x1_0000_0004n);
  });

  it("an element of a gather with a 32-bit address is looked for below 4 GiB", () => {
    // VPGATHERDD YMM0, [EAX + YMM2 * 4], YMM1: indices are 0.
    expect(faultAddress("67 c4e275 90 04 90", 0x7_ffff_fff0n, [5])).toBe(0xffff_fff0n);
    expect(faultAddress("67 c4e275 90 44 90 20", 0x7_ffff_fff0n, [5])).toBe(0x10n);
  });

  it("an x87 error is reported before an MMX instruction, not before an SSE one", () => {
    const mmx = snippet(PADDB_MM);
    const sse = snippet(ADDPS);
    for (const record of [mmx, sse]) {
      record.setU16(Field.fcw, 0x37b);
      record.setU16(Field.fsw, 0x8084);
    }
    expect(max.run(mmx).u32(Field.vector)).toBe(16);
    expect(max.run(sse).u32(Field.vector)).toBe(BREAKPOINT);
  });
});

describe("32-bit code", () => {
  it("gives the same results as 64-bit code for the same bytes", () => {
    // VEX.W does not make general registers 64 bits wide there.
    const forms = listForms([...IVY_BRIDGE, ...MAX]).filter(
      (form) => !/_r64|_rm64|Vzero/.test(form.name),
    );
    const different: string[] = [];
    let compared = 0;
    for (const { form, before } of samples([...forms, ...forms, ...forms])) {
      const code = before.bytes.slice(Field.code, Field.code + CODE_SIZE);
      if (!sameIn32Bits(code)) continue;
      // Upper halves of general registers do not exist; addresses in them do not either.
      for (let i = 0; i < 16; i++) before.setGpr(i, before.gpr(i) & 0xffff_ffffn);
      before.setU64(Field.fsBase, 0n);
      before.setU64(Field.gsBase, 0n);
      before.setU64(Field.rflags, 0x202n);
      const wide = max.run(before);
      const narrow = max.run(before, { ...USUAL, code32: true });
      if (wide.u32(Field.vector) !== BREAKPOINT) continue;
      compared++;
      // Masks and indices of 64-bit registers aside, everything but RIP-relative operands agrees.
      const test = { undefinedFlags: 0, undefinedFsw: 0, tolerance: "exact" } as const;
      const differences = compareStates(test, wide, narrow);
      if (differences.length > 0) different.push(`${form.name}: ${differences.join("; ")}`);
    }
    expect(compared).toBeGreaterThan(500);
    expect(different.slice(0, 10)).toEqual([]);
  });

  it("VZEROALL clears the eight registers that exist", () => {
    const record = snippet("c5fc77");
    record.bytes.fill(0xff, Field.xmm, Field.xmm + 256);
    const after = max.run(record, { ...USUAL, code32: true });
    const kept = Array.from({ length: 16 }, (_, i) => after.u32(Field.xmm + 16 * i) !== 0);
    expect(kept.indexOf(true)).toBe(8);
    expect(kept.lastIndexOf(false)).toBe(7);
  });
});

describe("state in memory", () => {
  const random = (): StateRecord =>
    new Generator(
      listForms(["mmx", "avx"]).filter((form) => /add/i.test(form.name)),
      11,
    ).next().before;
  /** A busy state with `hex` as code and RSI at the start of window A, EDX:EAX = 7. */
  const busy = (hex: string): StateRecord => {
    const record = random().clone();
    record.setCode(Buffer.from(hex, "hex"), Memory.code);
    record.setU64(Field.rflags, 0x202n);
    record.setGpr(6, BigInt(Memory.windowA));
    record.setGpr(0, 7n);
    record.setGpr(2, 0n);
    return record;
  };
  const MXCSR_MASK = 28;

  it("FXSAVE64 writes the image of the manual, MXCSR_MASK included", () => {
    const before = busy("480fae06");
    const after = max.run(before);
    const expected = Buffer.from(before.bytes.subarray(Field.fx, Field.fx + 416));
    expected.writeUInt32LE(0xffff, MXCSR_MASK);
    const image = Buffer.from(after.bytes.subarray(Field.windowA, Field.windowA + 416));
    for (let i = 0; i < 8; i++) {
      // Bytes above an 80-bit register are reserved and written as 0.
      expected.fill(0, 32 + 16 * i + 10, 48 + 16 * i);
    }
    // FIP and FDP have 64 bits, selectors are not saved.
    expected.fill(0, 8, 24);
    image.fill(0, 8, 24);
    expect(image.toString("hex")).toBe(expected.toString("hex"));
  });

  it("XSAVE64 and XRSTOR64 carry x87, XMM and upper YMM state across a change of all of it", () => {
    // XSAVE64; FNINIT; VZEROALL; XRSTOR64.
    const before = busy("480fae26 dbe3 c5fc77 480fae2e".replaceAll(" ", ""));
    before.bytes.fill(0, Field.windowA + 512, Field.windowA + 576);
    const after = max.run(before);
    expect(after.u32(Field.vector)).toBe(BREAKPOINT);
    const test = { undefinedFlags: 0, undefinedFsw: 0, tolerance: "exact" } as const;
    const state = before.clone();
    for (const [from, to] of [
      [Field.codeLength, Field.fx],
      [Field.windowA, Field.windowA + Memory.windowASize],
    ] as const) {
      state.bytes.set(after.bytes.subarray(from, to), from);
    }
    expect(compareStates(test, state, after)).toEqual([]);
  });

  it.each([
    ["FXSAVE at an address that is not a multiple of 16", "0fae4608", () => {}],
    ["XSAVE at an address that is not a multiple of 64", "0fae6620", () => {}],
    [
      "FXRSTOR of reserved MXCSR bits",
      "0fae0e",
      (r: StateRecord) => r.setU32(Field.windowA + 24, 0x10000),
    ],
    ["LDMXCSR of reserved bits", "0fae16", (r: StateRecord) => r.setU32(Field.windowA, 0x80000000)],
    [
      "XRSTOR of a component that XCR0 lacks",
      "0fae2e",
      (r: StateRecord) => {
        r.bytes.fill(0, Field.windowA, Field.windowA + 832);
        r.setU64(Field.windowA + 512, 8n);
      },
    ],
    [
      "XRSTOR of a compacted image",
      "0fae2e",
      (r: StateRecord) => {
        r.bytes.fill(0, Field.windowA, Field.windowA + 832);
        r.setU64(Field.windowA + 520, 1n << 63n);
      },
    ],
  ])("%s raises #GP", (_name, hex, change) => {
    const record = busy(hex);
    change(record);
    expect(max.run(record).u32(Field.vector)).toBe(13);
  });

  it("XSAVE needs CR4.OSXSAVE, FXSAVE does not", () => {
    const environment = { ...USUAL, cr4: USUAL.cr4 & ~0x40000n };
    expect(max.run(busy("0fae26"), environment).u32(Field.vector)).toBe(UNDEFINED);
    expect(max.run(busy("0fae06"), environment).u32(Field.vector)).toBe(BREAKPOINT);
  });
});

/** Whether the bytes are one instruction with the same operands in 32-bit and in 64-bit mode, memory by base register. */
function sameIn32Bits(code: Uint8Array): boolean {
  const decode = (bits: number): { text: string; length: number; fits: boolean } => {
    const decoder = new Decoder(bits, code, 0);
    const instruction = decoder.decode();
    const text = instruction.toString().replace(/\br([a-ds][ix]|[bs]p)\b/g, "e$1");
    const fits = !/\[(?![^\]]*e)|\br\d|[xy]mm(8|9|1\d)|fs:|gs:|rip|\[.*(esp|ebp)/.test(text);
    const length = instruction.length;
    instruction.free();
    decoder.free();
    return { text, length, fits };
  };
  const narrow = decode(32);
  const wide = decode(64);
  return narrow.text === wide.text && narrow.length === wide.length && wide.fits;
}

describe("published algorithms", () => {
  const bytes = (record: StateRecord, register: number): Buffer =>
    Buffer.from(record.bytes.subarray(Field.xmm + 16 * register, Field.xmm + 16 * register + 16));

  it("AES-128 by AESENC with keys expanded by AESKEYGENASSIST is OpenSSL's", () => {
    const key = Buffer.from("2b7e151628aed2a6abf7158809cf4f3c", "hex");
    const plain = Buffer.from("3243f6a8885a308d313198a2e0370734", "hex");
    // xmm0 = block, xmm1 = round key. One expansion step: xmm2 = AESKEYGENASSIST(xmm1) broadcast;
    // xmm1 ^= xmm1 << 4 bytes, three times; xmm1 ^= xmm2.
    const state: { block: Buffer; key: Buffer } = { block: xor(plain, key), key };
    const step = (round: number, constant: number): void => {
      const record = snippet(
        `660f3adfd1${constant.toString(16).padStart(2, "0")} 660f70d2ff ` +
          "660f6fd9 660f73fb04 660fefcb 660f73fb04 660fefcb 660f73fb04 660fefcb 660fefca " +
          (round === 10 ? "660f38ddc1" : "660f38dcc1"),
      );
      record.bytes.set(state.block, Field.xmm);
      record.bytes.set(state.key, Field.xmm + 16);
      const after = max.run(record);
      state.block = bytes(after, 0);
      state.key = bytes(after, 1);
    };
    [1, 2, 4, 8, 0x10, 0x20, 0x40, 0x80, 0x1b, 0x36].forEach((constant, i) => {
      step(i + 1, constant);
    });
    const cipher = createCipheriv("aes-128-ecb", key, null).setAutoPadding(false);
    expect(state.block).toEqual(Buffer.concat([cipher.update(plain), cipher.final()]));
  });

  it("SHA-256 of one block by SHA256RNDS2 and SHA256MSG is OpenSSL's", () => {
    const message = Buffer.alloc(64);
    message.write("abc");
    message[3] = 0x80;
    message[63] = 24;
    const words = Array.from({ length: 16 }, (_, i) => message.readUInt32BE(4 * i));
    const initial = fractions(8, 2);
    const constants = fractions(64, 3);
    const vector = (w: readonly number[]): Buffer => {
      const out = Buffer.alloc(16);
      for (const [i, value] of w.entries()) out.writeUInt32LE(value >>> 0, 4 * i);
      return out;
    };
    const [a, b, c, d, e, f, g, h] = initial as [
      number,
      number,
      number,
      number,
      number,
      number,
      number,
      number,
    ];
    let abef = vector([f, e, b, a]);
    let cdgh = vector([h, g, d, c]);
    const schedule: Buffer[] = [0, 4, 8, 12].map((i) => vector(words.slice(i, i + 4)));
    for (let i = 4; i < 16; i++) {
      // xmm1 = MSG1(w[i-4], w[i-3]) + PALIGNR(w[i-1], w[i-2], 4); MSG2 with w[i-1].
      const record = snippet("0f38ccca 660f3a0fe304 660ffecc 0f38cdcd");
      record.bytes.set(schedule[i - 4] as Buffer, Field.xmm + 16);
      record.bytes.set(schedule[i - 3] as Buffer, Field.xmm + 32);
      record.bytes.set(schedule[i - 2] as Buffer, Field.xmm + 48);
      record.bytes.set(schedule[i - 1] as Buffer, Field.xmm + 64);
      record.bytes.set(schedule[i - 1] as Buffer, Field.xmm + 80);
      schedule.push(bytes(max.run(record), 1));
    }
    for (let i = 0; i < 16; i++) {
      const record = snippet("660ffec3 0f38cbd1 660f70c00e 0f38cbca");
      record.bytes.set(schedule[i] as Buffer, Field.xmm);
      record.bytes.set(abef, Field.xmm + 16);
      record.bytes.set(cdgh, Field.xmm + 32);
      record.bytes.set(vector(constants.slice(4 * i, 4 * i + 4)), Field.xmm + 48);
      const after = max.run(record);
      cdgh = bytes(after, 2);
      abef = bytes(after, 1);
    }
    const at = (v: Buffer, i: number): number => v.readUInt32LE(4 * i);
    const result = [3, 2].map((i) => at(abef, i)).concat([3, 2].map((i) => at(cdgh, i)));
    result.push(...[1, 0].map((i) => at(abef, i)), ...[1, 0].map((i) => at(cdgh, i)));
    const digest = Buffer.alloc(32);
    for (const [i, value] of result.entries())
      digest.writeUInt32BE((value + (initial[i] as number)) >>> 0, 4 * i);
    expect(digest.toString("hex")).toBe(createHash("sha256").update("abc").digest("hex"));
  });
});

function xor(a: Buffer, b: Buffer): Buffer {
  return Buffer.from(a.map((value, i) => value ^ (b[i] as number)));
}

/** First 32 bits of the fractional parts of square (2) or cube (3) roots of the first `count` primes (FIPS 180-4, 4.2.2 and 5.3.3). */
function fractions(count: number, root: 2 | 3): number[] {
  const out: number[] = [];
  for (let n = 2; out.length < count; n++) {
    let prime = true;
    for (let k = 2; k * k <= n; k++) prime &&= n % k !== 0;
    if (!prime) continue;
    const value = root === 2 ? Math.sqrt(n) : Math.cbrt(n);
    out.push(Math.floor((value - Math.floor(value)) * 2 ** 32));
  }
  return out;
}
