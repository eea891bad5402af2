// RDMSR and WRMSR: architectural MSRs and those of an Ivy Bridge that kernels read while they boot, one line of
// a table each. Follows Intel SDM vol. 4. #GP(0) for an MSR that does not exist, for a write to one that is
// read-only, and for reserved bits.

import {
  RAX,
  RCX,
  RDX,
  S_APIC_BASE,
  S_CR0,
  S_CSTAR,
  S_DEBUGCTL,
  S_EFER,
  S_FEATURE_CONTROL,
  S_INSN_INDEX,
  S_KERNEL_GS,
  S_LSTAR,
  S_MCI,
  S_MISC_ENABLE,
  S_MISC_FEATURES,
  S_MTRR_DEF,
  S_MTRR_FIX,
  S_MTRR_VAR,
  S_PAT,
  S_PKRS,
  S_SEG,
  S_SFMASK,
  S_STAR,
  S_SYSENTER_CS,
  S_SYSENTER_EIP,
  S_SYSENTER_ESP,
  S_TSC_AUX,
  S_TSC_OFFSET,
  S_UCODE,
  SEG_BASE,
  SEG_STRIDE,
} from "../../state";
import { canonicalBase } from "../memory/canonical";
import { setPkrs } from "../memory/protection_keys";
import { FS, GS } from "../memory/segments";
import { flushTlb } from "../memory/tlb";
import { failed, goAfter, requireRing0 } from "../op/leave";
import { Op } from "../op/op";
import {
  apicReadMsr,
  apicWriteMsr,
  deadline,
  msrValue,
  setApicBase,
  setDeadline,
} from "../processor/apic";
import { readTsc } from "../processor/clock";
import { PHYSICAL_BITS } from "../processor/control_bits";
import { GP } from "../processor/fault";
import { charge, MSR } from "../processor/latency";
import {
  EXTENDED_EDX,
  hasBit,
  isAmd,
  LEAF1_ECX,
  LEAF7_ECX,
  LONG_MODE_BIT,
  MISC_ENABLE_UNAVAILABLE,
  NX_BIT,
  SYSCALL_BIT,
  X2APIC_BIT,
} from "../processor/model";
import {
  AMD_PERF_EVT_SEL0,
  AMD_PERF_REGISTERS,
  IA32_APERF,
  IA32_APIC_BASE,
  IA32_BIOS_SIGN_ID,
  IA32_BIOS_UPDT_TRIG,
  IA32_CLOCK_MODULATION,
  IA32_CSTAR,
  IA32_DEBUGCTL,
  IA32_EFER,
  IA32_ENERGY_PERF_BIAS,
  IA32_FEATURE_CONTROL,
  IA32_FMASK,
  IA32_FS_BASE,
  IA32_GS_BASE,
  IA32_KERNEL_GS_BASE,
  IA32_LSTAR,
  IA32_MC0_CTL,
  IA32_MCG_CAP,
  IA32_MCG_STATUS,
  IA32_MISC_ENABLE,
  IA32_MPERF,
  IA32_MTRR_DEF_TYPE,
  IA32_MTRR_FIX4K_C0000,
  IA32_MTRR_FIX16K_80000,
  IA32_MTRR_FIX64K_00000,
  IA32_MTRR_PHYSBASE0,
  IA32_MTRRCAP,
  IA32_P5_MC_ADDR,
  IA32_P5_MC_TYPE,
  IA32_PAT,
  IA32_PERF_CTL,
  IA32_PERF_STATUS,
  IA32_PKRS,
  IA32_PLATFORM_ID,
  IA32_STAR,
  IA32_SYSENTER_CS,
  IA32_SYSENTER_EIP,
  IA32_SYSENTER_ESP,
  IA32_THERM_INTERRUPT,
  IA32_THERM_STATUS,
  IA32_TIME_STAMP_COUNTER,
  IA32_TSC_ADJUST,
  IA32_TSC_AUX,
  IA32_TSC_DEADLINE,
  IA32_X2APIC_FIRST,
  IA32_X2APIC_LAST,
  MSR_LASTBRANCH_TOS,
  MSR_LASTINTFROMIP,
  MSR_LASTINTTOIP,
  MSR_MISC_FEATURES_ENABLES,
  MSR_PLATFORM_INFO,
  MSR_RAPL_POWER_UNIT,
  MSR_SMI_COUNT,
  MSR_TEMPERATURE_TARGET,
} from "./msr_numbers";

// ---- The table: number, where the value is, what may be written

/** Kept in the state field `place`; any value. */
const ANY: u32 = 0;
/** The same, but a canonical address. */
const CANONICAL: u32 = 1;
/** The same, the upper half reserved. */
const LOW_HALF: u32 = 2;
/** The same, the upper half ignored. */
const LOW_HALF_KEPT: u32 = 3;
/** `place` is the value itself; writes are #GP. */
const READ_ONLY: u32 = 4;
/** `place` is the value itself; writes have no effect. */
const CONSTANT: u32 = 5;
/** Functions of its own: `readSpecial` and `writeSpecial`. */
const SPECIAL: u32 = 6;
/** Kept in the state field `place`; what may be written is `writable`'s business. */
const CHECKED: u32 = 7;

const VARIABLE_MTRRS: u32 = 10;
/** Variable ranges, fixed ranges, write-combining. */
const MTRRCAP: u32 = 0x508 | VARIABLE_MTRRS;
const MACHINE_CHECK_BANKS: u32 = 9;
/** Maximum non-turbo ratio 10 × 100 MHz is the TSC's frequency; CPUID faulting is there. */
const PLATFORM_INFO: u32 = 0x80000a00;

/** Ratio 10 in use. */
const PERF_STATUS: u32 = 0xa00;

// biome-ignore format: an MSR a line; the first are those of every context switch
const MSRS: StaticArray<u32> = [
  IA32_FS_BASE,              <u32>(S_SEG + FS * SEG_STRIDE + SEG_BASE), CANONICAL,
  IA32_GS_BASE,              <u32>(S_SEG + GS * SEG_STRIDE + SEG_BASE), CANONICAL,
  IA32_KERNEL_GS_BASE,       S_KERNEL_GS,         CANONICAL,
  IA32_TSC_DEADLINE,         0,                   SPECIAL,
  IA32_TIME_STAMP_COUNTER,   0,                   SPECIAL,
  IA32_APIC_BASE,            S_APIC_BASE,         SPECIAL,
  IA32_EFER,                 S_EFER,              SPECIAL,
  IA32_PKRS,                 S_PKRS,              SPECIAL,
  IA32_STAR,                 S_STAR,              ANY,
  IA32_LSTAR,                S_LSTAR,             CANONICAL,
  IA32_CSTAR,                S_CSTAR,             CANONICAL,
  IA32_FMASK,                S_SFMASK,            ANY,
  IA32_SYSENTER_CS,          S_SYSENTER_CS,       LOW_HALF_KEPT,
  IA32_SYSENTER_ESP,         S_SYSENTER_ESP,      CANONICAL,
  IA32_SYSENTER_EIP,         S_SYSENTER_EIP,      CANONICAL,
  IA32_TSC_AUX,              S_TSC_AUX,           LOW_HALF,
  IA32_TSC_ADJUST,           S_TSC_OFFSET,        ANY,
  IA32_MPERF,                0,                   SPECIAL,
  IA32_APERF,                0,                   SPECIAL,
  IA32_PAT,                  S_PAT,               CHECKED,
  IA32_MTRRCAP,              MTRRCAP,             READ_ONLY,
  IA32_MTRR_DEF_TYPE,        S_MTRR_DEF,          CHECKED,
  IA32_MISC_ENABLE,          S_MISC_ENABLE,       CHECKED,
  IA32_DEBUGCTL,             S_DEBUGCTL,          CHECKED,
  IA32_FEATURE_CONTROL,      S_FEATURE_CONTROL,   CHECKED,
  MSR_MISC_FEATURES_ENABLES, S_MISC_FEATURES,     CHECKED,
  IA32_BIOS_SIGN_ID,         S_UCODE,             ANY,
  IA32_PLATFORM_ID,          0,                   READ_ONLY,
  MSR_PLATFORM_INFO,         PLATFORM_INFO,       READ_ONLY,
  MSR_SMI_COUNT,             0,                   READ_ONLY,
  IA32_MCG_CAP,              MACHINE_CHECK_BANKS, READ_ONLY,
  IA32_MCG_STATUS,           0,                   CONSTANT,
  IA32_P5_MC_ADDR,           0,                   CONSTANT,
  IA32_P5_MC_TYPE,           0,                   CONSTANT,
  IA32_PERF_STATUS,          PERF_STATUS,         READ_ONLY,
  IA32_PERF_CTL,             0,                   CONSTANT,
  IA32_CLOCK_MODULATION,     0,                   CONSTANT,
  IA32_THERM_INTERRUPT,      0,                   CONSTANT,
  IA32_THERM_STATUS,         0,                   CONSTANT,
  IA32_ENERGY_PERF_BIAS,     0,                   CONSTANT,
  MSR_TEMPERATURE_TARGET,    0,                   CONSTANT,
  MSR_LASTBRANCH_TOS,        0,                   READ_ONLY,
  MSR_LASTINTFROMIP,         0,                   READ_ONLY,
  MSR_LASTINTTOIP,           0,                   READ_ONLY,
  MSR_RAPL_POWER_UNIT,       0,                   READ_ONLY,
];

/** The line of MSR `n`, or -1 if this CPU model does not have it. */
function find(n: u32): i32 {
  if (n == IA32_PKRS && !hasBit(LEAF7_ECX, 31)) return -1;
  for (let i = 0; i < MSRS.length; i += 3) if (unchecked(MSRS[i]) == n) return i;
  return -1;
}

// ---- Ranges of registers that are alike

/** State field of an MTRR, or 0. */
function mtrr(n: u32): usize {
  if (n - IA32_MTRR_PHYSBASE0 < 2 * VARIABLE_MTRRS)
    return S_MTRR_VAR + ((n - IA32_MTRR_PHYSBASE0) << 3);
  let fixed: u32;
  if (n == IA32_MTRR_FIX64K_00000) fixed = 0;
  else if (n - IA32_MTRR_FIX16K_80000 < 2) fixed = n - IA32_MTRR_FIX16K_80000 + 1;
  else if (n - IA32_MTRR_FIX4K_C0000 < 8) fixed = n - IA32_MTRR_FIX4K_C0000 + 3;
  else return 0;
  return S_MTRR_FIX + (fixed << 3);
}

/** UC, WC, WT, WP, WB; UC- in the PAT alone. */
function memoryType(type: u64, pat: bool): bool {
  return type < 7 ? type != 2 && type != 3 : type == 7 && pat;
}

/** A valid memory type in every byte. */
function memoryTypes(v: u64, pat: bool): bool {
  for (let i = 0; i < 8; i++) if (!memoryType((v >> <u64>(i * 8)) & 0xff, pat)) return false;
  return true;
}

function mtrrWritable(n: u32, v: u64): bool {
  if (n >= IA32_MTRR_FIX64K_00000) return memoryTypes(v, false);
  if (v >> PHYSICAL_BITS != 0) return false;
  // PHYSMASK: valid bit and mask. PHYSBASE: type and base.
  return (n & 1) != 0 ? (v & 0x7ff) == 0 : (v & 0xf00) == 0 && memoryType(v & 0xff, false);
}

function isMachineCheck(n: u32): bool {
  return n - IA32_MC0_CTL < 4 * MACHINE_CHECK_BANKS;
}

/**
 * The four counters of every AMD processor (AMD64 APM vol. 2, 13.2.1). Nothing counts here: they stay 0, which is how a
 * kernel that writes one and reads it back learns that, as it does under KVM without a PMU.
 */
function isAmdCounter(n: u32): bool {
  return n - AMD_PERF_EVT_SEL0 < AMD_PERF_REGISTERS && isAmd();
}

// ---- Reading

let value: u64 = 0;

/** Reads MSR `n` into `value`; false if it does not exist. */
function read(n: u32): bool {
  if (n >= IA32_X2APIC_FIRST && n <= IA32_X2APIC_LAST) {
    if (!apicReadMsr(n - IA32_X2APIC_FIRST)) return false;
    value = msrValue;
    return true;
  }
  const range = mtrr(n);
  if (range != 0) {
    value = load<u64>(range);
    return true;
  }
  if (isMachineCheck(n)) {
    value = load<u64>(S_MCI + ((n - IA32_MC0_CTL) << 3));
    return true;
  }
  if (isAmdCounter(n)) {
    value = 0;
    return true;
  }
  const line = find(n);
  if (line < 0) return false;
  const place = unchecked(MSRS[line + 1]);
  const rule = unchecked(MSRS[line + 2]);
  if (rule == READ_ONLY || rule == CONSTANT) value = <u64>place;
  else if (rule != SPECIAL || place != 0) value = load<u64>(place);
  else value = n == IA32_TSC_DEADLINE ? deadline() : readTsc();
  return true;
}

export function rdmsr(op: Op): usize {
  if (!requireRing0()) return op.fault();
  store<u32>(S_INSN_INDEX, <u32>op.idx);
  const exists = read(load<u32>(RCX));
  store<u32>(S_INSN_INDEX, 0);
  charge(MSR);
  if (!exists) return failed(op, GP, 0);
  store<u64>(RAX, value & 0xffffffff);
  store<u64>(RDX, value >> 32);
  return op.next();
}

// ---- Writing

/** MISC_ENABLE: fast strings, TCC, performance monitoring, BTS, PEBS, SpeedStep, MONITOR, CPUID limit, xTPR, XD, turbo. */
const MISC_ENABLE_BITS: u64 = 0x4400c51889;
/** Of these performance monitoring, BTS and PEBS are read-only (SDM vol. 4, table 2-2). */
const MISC_ENABLE_READ_ONLY: u64 = 0x1880;
/** DEBUGCTL: LBR, BTF, TR, BTS and its kin, the freezes. */
const DEBUGCTL_BITS: u64 = 0x7fc3;

/** Whether `v` can be written to a CHECKED register. */
function writable(n: u32, v: u64): bool {
  if (n == IA32_PAT) return memoryTypes(v, true);
  if (n == IA32_MTRR_DEF_TYPE) return (v & ~0xcff) == 0 && memoryType(v & 0xff, false);
  if (n == IA32_MISC_ENABLE) return (v & ~MISC_ENABLE_BITS) == 0;
  if (n == IA32_DEBUGCTL) return (v & ~DEBUGCTL_BITS) == 0;
  // CPUID faulting alone.
  if (n == MSR_MISC_FEATURES_ENABLES) return v <= 1;
  // FEATURE_CONTROL: nothing but the lock, and not once it is locked.
  return (load<u64>(S_FEATURE_CONTROL) & 1) == 0 && v <= 1;
}

function writeApicBase(v: u64): bool {
  if ((v & 0x2ff) != 0 || v >> PHYSICAL_BITS != 0 || (v & 0xc00) == 0x400) return false;
  if ((v & 0x400) != 0 && !hasBit(LEAF1_ECX, X2APIC_BIT)) return false;
  const old = load<u64>(S_APIC_BASE);
  // From x2APIC mode only off; from off not directly to x2APIC.
  if ((old & 0xc00) == 0xc00 && (v & 0xc00) == 0x800) return false;
  if ((old & 0xc00) == 0 && (v & 0xc00) == 0xc00) return false;
  setApicBase((v & ~0x100) | (old & 0x100));
  flushTlb();
  return true;
}

/** SCE, LME and NXE, as far as the processor has what they turn on; LMA is its own. */
function writeEfer(v: u64): bool {
  const old = load<u64>(S_EFER);
  let known: u64 = 0x400;
  if (hasBit(EXTENDED_EDX, SYSCALL_BIT)) known |= 1;
  if (hasBit(EXTENDED_EDX, LONG_MODE_BIT)) known |= 0x100;
  if (hasBit(EXTENDED_EDX, NX_BIT)) known |= 0x800;
  if ((v & ~known) != 0) return false;
  if (((v ^ old) & 0x100) != 0 && (load<u64>(S_CR0) & 0x80000000) != 0) return false;
  store<u64>(S_EFER, (v & ~0x400) | (old & 0x400));
  flushTlb();
  return true;
}

function writeSpecial(n: u32, v: u64): bool {
  if (n == IA32_APIC_BASE) return writeApicBase(v);
  if (n == IA32_EFER) return writeEfer(v);
  if (n == IA32_PKRS) {
    if (v >> 32 != 0) return false;
    setPkrs(v);
    return true;
  }
  if (n == IA32_TSC_DEADLINE) setDeadline(v, readTsc());
  else if (n == IA32_TIME_STAMP_COUNTER)
    store<u64>(S_TSC_OFFSET, load<u64>(S_TSC_OFFSET) + (v - readTsc()));
  // MPERF and APERF go on with the TSC.
  return true;
}

/** The revision that the last microcode update has. */
const MICROCODE: u64 = 0x2100000000;

function write(n: u32, v: u64): bool {
  if (n >= IA32_X2APIC_FIRST && n <= IA32_X2APIC_LAST)
    return apicWriteMsr(n - IA32_X2APIC_FIRST, v);
  const range = mtrr(n);
  if (range != 0) {
    if (!mtrrWritable(n, v)) return false;
    store<u64>(range, v);
    return true;
  }
  if (isMachineCheck(n)) {
    // No error has happened: the status can be cleared alone. CTL enables all sources or none.
    const all: u64 = 0xffffffffffffffff;
    if (((n & 3) == 1 && v != 0) || ((n & 3) == 0 && v != 0 && v != all)) return false;
    store<u64>(S_MCI + ((n - IA32_MC0_CTL) << 3), v);
    return true;
  }
  if (n == IA32_BIOS_UPDT_TRIG) {
    // A microcode update is accepted; it cannot be read.
    store<u64>(S_UCODE, MICROCODE);
    return true;
  }
  if (isAmdCounter(n)) return true;
  const line = find(n);
  if (line < 0) return false;
  const place = unchecked(MSRS[line + 1]);
  const rule = unchecked(MSRS[line + 2]);
  if (rule == SPECIAL) return writeSpecial(n, v);
  if (rule == CONSTANT) return true;
  if (rule == READ_ONLY) return false;
  if (rule == CANONICAL && !canonicalBase(v)) return false;
  if (rule == LOW_HALF && v >> 32 != 0) return false;
  if (rule == CHECKED && !writable(n, v)) return false;
  if (n == IA32_MISC_ENABLE) v = (v & ~MISC_ENABLE_READ_ONLY) | MISC_ENABLE_UNAVAILABLE;
  store<u64>(place, rule == LOW_HALF_KEPT ? v & 0xffffffff : v);
  return true;
}

export function wrmsr(op: Op): usize {
  if (!requireRing0()) return op.fault();
  const v = (load<u64>(RDX) << 32) | <u64>load<u32>(RAX);
  store<u32>(S_INSN_INDEX, <u32>op.idx);
  const done = write(load<u32>(RCX), v);
  store<u32>(S_INSN_INDEX, 0);
  charge(MSR);
  return done ? goAfter(op) : failed(op, GP, 0);
}
