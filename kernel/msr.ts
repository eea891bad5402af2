// MSR access of passthrough domains. Registers the kernel depends on, or that tell about its address
// space, are refused; the list is that of the reference. No security boundary: passthrough domains are
// trusted with the machine.

import {
  IA32_APIC_BASE,
  IA32_DS_AREA,
  IA32_EFER,
  IA32_FEATURE_CONTROL,
  IA32_GS_BASE,
  IA32_MTRR_DEF_TYPE,
  IA32_MTRR_FIX4K_F8000,
  IA32_MTRR_PHYSBASE0,
  IA32_PAT,
  IA32_SYSENTER_CS,
  IA32_SYSENTER_EIP,
  IA32_TSC,
  IA32_TSC_ADJUST,
  IA32_TSC_AUX,
  IA32_TSC_DEADLINE,
  IA32_VMX_BASIC,
  IA32_VMX_VMFUNC,
  IA32_X2APIC,
  IA32_X2APIC_END,
  VM_HSAVE_PA,
} from "./msr_number";
import { rdmsr_safe, wrmsr_safe } from "./stub";

/** What the last successful readUserMsr has read, 0 otherwise. */
export let userMsrValue: u64 = 0;

function mayRead(msr: u32): bool {
  if (msr === IA32_TSC || msr === IA32_APIC_BASE || msr === IA32_TSC_ADJUST) return false;
  if (msr >= <u32>IA32_SYSENTER_CS && msr <= <u32>IA32_SYSENTER_EIP) return false;
  if (msr >= <u32>IA32_VMX_BASIC && msr <= <u32>IA32_VMX_VMFUNC) return false;
  if (msr === IA32_DS_AREA || msr === IA32_TSC_DEADLINE) return false;
  if (msr >= <u32>IA32_X2APIC && msr <= <u32>IA32_X2APIC_END) return false;
  // GS_BASE, KERNEL_GS_BASE and TSC_AUX are neighbours.
  if (msr === IA32_EFER || (msr >= <u32>IA32_GS_BASE && msr <= <u32>IA32_TSC_AUX)) return false;
  return msr !== VM_HSAVE_PA;
}

function mayWrite(msr: u32): bool {
  if (msr === IA32_FEATURE_CONTROL || msr === IA32_PAT || msr === IA32_MTRR_DEF_TYPE) return false;
  if (msr >= <u32>IA32_MTRR_PHYSBASE0 && msr <= <u32>IA32_MTRR_FIX4K_F8000) return false;
  return mayRead(msr);
}

/** Reads an MSR into `userMsrValue`; false if that is not allowed or the MSR does not exist. */
export function readUserMsr(msr: u32): bool {
  userMsrValue = 0;
  if (!mayRead(msr)) return false;
  const out = memory.data(8, 8);
  if (rdmsr_safe(<i32>msr, out) === 0) return false;
  userMsrValue = load<u64>(out);
  return true;
}

/** Writes an MSR; false if that is not allowed, or the MSR or the value is not there. */
export function writeUserMsr(msr: u32, value: u64): bool {
  return mayWrite(msr) && wrmsr_safe(<i32>msr, value) !== 0;
}
