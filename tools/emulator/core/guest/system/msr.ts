// Model-specific registers. Follows Intel SDM vol. 4 (architectural MSRs and those of an Ivy Bridge that
// kernels read while they boot). An MSR that does not exist is #GP(0).

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
  S_KERNEL_GS,
  S_LSTAR,
  S_MCI_CTL,
  S_MISC_ENABLE,
  S_MTRR_DEF,
  S_MTRR_FIX,
  S_MTRR_VAR,
  S_PAT,
  S_SFMASK,
  S_STAR,
  S_SYSENTER_CS,
  S_SYSENTER_EIP,
  S_SYSENTER_ESP,
  S_TSC_AUX,
  S_TSC_OFFSET,
  S_UCODE,
} from "../../state";
import { FS, GS, Seg } from "../memory/segments";
import { flushTlb } from "../memory/tlb";
import { canonical } from "../memory/walk";
import { failed, requireRing0 } from "../op/leave";
import { leaveAfter, Op } from "../op/op";
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

/** Microcode revision that a load (IA32_BIOS_SIGN_ID after CPUID) reports. */
const MICROCODE: u64 = 0x2100000000;

let value: u64 = 0;

/** Reads MSR `n` into `value`; false if it does not exist. `index` as in readTsc. */
function read(n: u32, index: u32): bool {
  if (n >= 0x800 && n <= 0x8ff) {
    if (!apicReadMsr(n - 0x800)) return false;
    value = msrValue;
    return true;
  }
  if (n >= 0x200 && n <= 0x213) {
    value = load<u64>(S_MTRR_VAR + ((n - 0x200) << 3));
    return true;
  }
  const fixed = fixedMtrr(n);
  if (fixed >= 0) {
    value = load<u64>(S_MTRR_FIX + (fixed << 3));
    return true;
  }
  if (n >= 0x400 && n <= 0x423) {
    // Machine-check banks: no error has happened; the control registers hold what is written.
    value = (n & 3) == 0 ? load<u64>(S_MCI_CTL + (((n - 0x400) >> 2) << 3)) : 0;
    return true;
  }
  switch (n) {
    case 0x00:
    case 0x01:
      value = 0;
      break;
    case 0x10:
      value = readTsc(index);
      break;
    case 0x17:
      value = 0; // platform ID
      break;
    case 0x1b:
      value = load<u64>(S_APIC_BASE);
      break;
    case 0x3a:
      value = load<u64>(S_FEATURE_CONTROL);
      break;
    case 0x3b:
      value = load<u64>(S_TSC_OFFSET);
      break;
    case 0x8b:
      value = load<u64>(S_UCODE);
      break;
    case 0xce:
      value = 0x0000000080000a00; // maximum non-turbo ratio 10 × 100 MHz = TSC frequency
      break;
    case 0xe7:
    case 0xe8:
      value = readTsc(index);
      break;
    case 0xfe:
      value = 0x508 | 10; // MTRRcap: 10 variable, fixed, WC
      break;
    case 0x174:
      value = load<u64>(S_SYSENTER_CS);
      break;
    case 0x175:
      value = load<u64>(S_SYSENTER_ESP);
      break;
    case 0x176:
      value = load<u64>(S_SYSENTER_EIP);
      break;
    case 0x179:
      value = 9; // MCG_CAP: 9 banks
      break;
    case 0x17a:
    case 0x17b:
      value = 0;
      break;
    case 0x198:
      value = 0x0a00; // PERF_STATUS
      break;
    case 0x199:
    case 0x19a:
    case 0x19b:
    case 0x19c:
    case 0x1a2:
    case 0x1b0:
    case 0x1c9:
    case 0x1db:
    case 0x1dc:
    case 0x140:
    case 0x606:
    case 0x34:
      value = 0;
      break;
    case 0x1a0:
      value = load<u64>(S_MISC_ENABLE);
      break;
    case 0x1d9:
      value = load<u64>(S_DEBUGCTL);
      break;
    case 0x277:
      value = load<u64>(S_PAT);
      break;
    case 0x2ff:
      value = load<u64>(S_MTRR_DEF);
      break;
    case 0x6e0:
      value = deadline();
      break;
    case 0xc0000080:
      value = load<u64>(S_EFER);
      break;
    case 0xc0000081:
      value = load<u64>(S_STAR);
      break;
    case 0xc0000082:
      value = load<u64>(S_LSTAR);
      break;
    case 0xc0000083:
      value = load<u64>(S_CSTAR);
      break;
    case 0xc0000084:
      value = load<u64>(S_SFMASK);
      break;
    case 0xc0000100:
      value = Seg.base(FS);
      break;
    case 0xc0000101:
      value = Seg.base(GS);
      break;
    case 0xc0000102:
      value = load<u64>(S_KERNEL_GS);
      break;
    case 0xc0000103:
      value = load<u64>(S_TSC_AUX);
      break;
    default:
      return false;
  }
  return true;
}

function fixedMtrr(n: u32): i32 {
  if (n == 0x250) return 0;
  if (n == 0x258 || n == 0x259) return <i32>(n - 0x258) + 1;
  if (n >= 0x268 && n <= 0x26f) return <i32>(n - 0x268) + 3;
  return -1;
}

/** A valid memory type in every byte. */
function memoryTypes(v: u64, pat: bool): bool {
  for (let i = 0; i < 8; i++) {
    const t = <u32>(v >> <u64>(i * 8)) & 0xff;
    if (t > 7 || t == 2 || t == 3 || (t == 7 && !pat)) return false;
  }
  return true;
}

function write(n: u32, v: u64, index: u32): bool {
  if (n >= 0x800 && n <= 0x8ff) return apicWriteMsr(n - 0x800, v);
  if (n >= 0x200 && n <= 0x213) {
    if (v >> PHYSICAL_BITS != 0) return false;
    store<u64>(S_MTRR_VAR + ((n - 0x200) << 3), v);
    return true;
  }
  const fixed = fixedMtrr(n);
  if (fixed >= 0) {
    if (!memoryTypes(v, false)) return false;
    store<u64>(S_MTRR_FIX + (fixed << 3), v);
    return true;
  }
  if (n >= 0x400 && n <= 0x423) {
    if ((n & 3) != 0) return v == 0;
    if (v != 0 && v != 0xffffffffffffffff) return false;
    store<u64>(S_MCI_CTL + (((n - 0x400) >> 2) << 3), v);
    return true;
  }
  switch (n) {
    case 0x10:
      store<u64>(S_TSC_OFFSET, load<u64>(S_TSC_OFFSET) + (v - readTsc(index)));
      break;
    case 0x1b: {
      if ((v & 0xff) != 0 || v >> PHYSICAL_BITS != 0 || (v & 0xc00) == 0x400) return false;
      const old = load<u64>(S_APIC_BASE);
      // From x2APIC mode only off; from off not directly to x2APIC.
      if ((old & 0xc00) == 0xc00 && (v & 0xc00) == 0x800) return false;
      if ((old & 0xc00) == 0 && (v & 0xc00) == 0xc00) return false;
      setApicBase((v & ~0x100) | (old & 0x100));
      flushTlb();
      break;
    }
    case 0x3a:
      if ((load<u64>(S_FEATURE_CONTROL) & 1) != 0) return false;
      store<u64>(S_FEATURE_CONTROL, v);
      break;
    case 0x3b:
      store<u64>(S_TSC_OFFSET, v);
      break;
    case 0x79:
      store<u64>(S_UCODE, MICROCODE); // microcode update: accepted, the revision is reported
      break;
    case 0x8b:
      store<u64>(S_UCODE, v);
      break;
    case 0x174:
      store<u64>(S_SYSENTER_CS, v & 0xffffffff);
      break;
    case 0x175:
      if (!canonical(v)) return false;
      store<u64>(S_SYSENTER_ESP, v);
      break;
    case 0x176:
      if (!canonical(v)) return false;
      store<u64>(S_SYSENTER_EIP, v);
      break;
    case 0x00:
    case 0x01:
    case 0x17a:
    case 0x17b:
    case 0x199:
    case 0x19a:
    case 0x19b:
    case 0x19c:
    case 0x1a2:
    case 0x1b0:
    case 0x140:
    case 0xe7:
    case 0xe8:
      break;
    case 0x1a0:
      store<u64>(S_MISC_ENABLE, v);
      break;
    case 0x1d9:
      store<u64>(S_DEBUGCTL, v & 0x7fc3);
      break;
    case 0x277:
      if (!memoryTypes(v, true)) return false;
      store<u64>(S_PAT, v);
      break;
    case 0x2ff:
      store<u64>(S_MTRR_DEF, v & 0xcff);
      break;
    case 0x6e0:
      setDeadline(v, readTsc(index));
      break;
    case 0xc0000080: {
      const old = load<u64>(S_EFER);
      if ((v & ~0xd01) != 0) return false;
      if (((v ^ old) & 0x100) != 0 && (load<u64>(S_CR0) & 0x80000000) != 0) return false;
      store<u64>(S_EFER, (v & ~0x400) | (old & 0x400));
      flushTlb();
      break;
    }
    case 0xc0000081:
      store<u64>(S_STAR, v);
      break;
    case 0xc0000082:
      if (!canonical(v)) return false;
      store<u64>(S_LSTAR, v);
      break;
    case 0xc0000083:
      if (!canonical(v)) return false;
      store<u64>(S_CSTAR, v);
      break;
    case 0xc0000084:
      store<u64>(S_SFMASK, v & 0xffffffff);
      break;
    case 0xc0000100:
      if (!canonical(v)) return false;
      store<u64>(Seg.at(FS), v);
      break;
    case 0xc0000101:
      if (!canonical(v)) return false;
      store<u64>(Seg.at(GS), v);
      break;
    case 0xc0000102:
      if (!canonical(v)) return false;
      store<u64>(S_KERNEL_GS, v);
      break;
    case 0xc0000103:
      if (v >> 32 != 0) return false;
      store<u64>(S_TSC_AUX, v);
      break;
    default:
      return false;
  }
  return true;
}

export function rdmsr(op: Op): usize {
  if (!requireRing0()) return op.fault();
  if (!read(load<u32>(RCX), op.idx)) return failed(op, GP, 0);
  store<u64>(RAX, value & 0xffffffff);
  store<u64>(RDX, value >> 32);
  return op.next();
}

export function wrmsr(op: Op): usize {
  if (!requireRing0()) return op.fault();
  const v = (load<u64>(RDX) << 32) | <u64>load<u32>(RAX);
  if (!write(load<u32>(RCX), v, op.idx)) return failed(op, GP, 0);
  return leaveAfter(op);
}
