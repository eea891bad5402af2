// The CPU model of this machine, chosen when it is created: what CPUID says about it, by which the decoder and the control
// registers know what exists. Follows Intel SDM vol. 2, CPUID, and AMD64 APM vol. 3, appendix E.

/** Words of features, by the register of the leaf that reports them; leaf 80000001h is EXTENDED. */
export const LEAF1_ECX: i32 = 0;
export const LEAF1_EDX: i32 = 1;
export const LEAF7_EBX: i32 = 2;
export const LEAF7_ECX: i32 = 3;
export const EXTENDED_ECX: i32 = 4;
export const EXTENDED_EDX: i32 = 5;
/** The vendor, as EBX, EDX and ECX of leaf 0 have it; the signature of leaf 1; 48 characters of the brand. */
export const VENDOR: i32 = 6;
export const SIGNATURE: i32 = 9;
export const BRAND: i32 = 10;
/** The last basic and the last extended leaf. */
export const LEVEL: i32 = 22;
export const EXTENDED_LEVEL: i32 = 23;
export const MODEL_WORDS: i32 = 24;

/** In LEAF1_ECX: the local APIC's x2APIC mode; in EXTENDED_EDX: SYSCALL, NX, long mode. */
export const X2APIC_BIT: u32 = 21;
export const SYSCALL_BIT: u32 = 11;
export const NX_BIT: u32 = 20;
export const LONG_MODE_BIT: u32 = 29;
/** In LEAF1_ECX: this is a virtual machine, which leaf 40000000h tells of. */
export const HYPERVISOR_BIT: u32 = 31;

/** MISC_ENABLE's bits that say that there is no branch trace store and no event-based sampling (Intel SDM vol. 4, table 2-2). */
export const MISC_ENABLE_UNAVAILABLE: u64 = 0x1800;

const AMD: u32 = 0x68747541; // "Auth"

// Ivy Bridge (family 6, model 58, stepping 9): what it has, as far as it is implemented.
// prettier-ignore
const IVY_BRIDGE: StaticArray<u32> = [
  // SSE3 PCLMUL MONITOR SSSE3 CX16 PCID SSE4.1 SSE4.2 x2APIC POPCNT TSC-deadline AES XSAVE AVX F16C RDRAND, a virtual machine.
  0xf7ba220b,
  // FPU VME DE PSE TSC MSR PAE MCE CX8 APIC SEP MTRR PGE MCA CMOV PAT PSE36 CLFSH MMX FXSR SSE SSE2 SS.
  0x0f8bfbff,
  // FSGSBASE SMEP ERMS.
  0x00000281,
  0,
  // LAHF.
  0x00000001,
  // SYSCALL NX 1-GiB pages RDTSCP long mode.
  0x2c100800,
  0x756e6547,
  0x49656e69,
  0x6c65746e, // "GenuineIntel"
  0x000306a9,
  // "Trihedron virtual CPU Ivy Bridge"
  0x68697254,
  0x6f726465,
  0x7620206e,
  0x75747269,
  0x43206c61,
  0x49205550,
  0x42207976,
  0x67646972,
  0x00000065,
  0,
  0,
  0,
  0x0000000d,
  0x80000008,
];

/** What there is besides. */
// prettier-ignore
const MAX: StaticArray<u32> = [
  // FMA MOVBE.
  0x00401000, 0,
  // BMI1 AVX2 BMI2 INVPCID RDSEED ADX SMAP CLFLUSHOPT CLWB SHA.
  0x219c0528,
  // UMIP PKU LA57 PKS.
  0x8001000c,
  // LZCNT.
  0x00000020,
];

const words = new StaticArray<u32>(MODEL_WORDS);

/** The default model (0), or everything that there is (1). */
export function setCpuModel(model: i32): void {
  for (let i = 0; i < MODEL_WORDS; i++) {
    const more = model != 0 && i < MAX.length ? unchecked(MAX[i]) : 0;
    setModelWord(i, unchecked(IVY_BRIDGE[i]) | more);
  }
}

/** Has the model say `value` in one of its words, before any code is decoded. */
export function setModelWord(index: i32, value: u32): void {
  if (index >= 0 && index < MODEL_WORDS) words[index] = value;
}

export function modelWord(index: i32): u32 {
  return unchecked(words[index]);
}

/** Whether the model has the feature of a bit. */
export function hasBit(word: i32, bit: u32): bool {
  return ((modelWord(word) >> bit) & 1) != 0;
}

export function isAmd(): bool {
  return modelWord(VENDOR) == AMD;
}
