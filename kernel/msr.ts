// MSR access of passthrough domains. Registers the kernel depends on, or that tell about its address
// space, are refused; the list is that of the reference. No security boundary: passthrough domains are
// trusted with the machine.

import { rdmsr_safe, wrmsr_safe } from "./stub";

const IA32_TSC: u32 = 0x10;
const IA32_APIC_BASE: u32 = 0x1b;
const IA32_FEATURE_CONTROL: u32 = 0x3a;
const IA32_TSC_ADJUST: u32 = 0x3b;
const IA32_SYSENTER_CS: u32 = 0x174;
const IA32_SYSENTER_EIP: u32 = 0x176;
const IA32_MTRR_PHYS_BASE: u32 = 0x200;
const IA32_MTRR_FIX4K_F8000: u32 = 0x26f;
const IA32_PAT: u32 = 0x277;
const IA32_MTRR_DEF_TYPE: u32 = 0x2ff;
const IA32_VMX_BASIC: u32 = 0x480;
const IA32_VMX_VMFUNC: u32 = 0x491;
const IA32_DS_AREA: u32 = 0x600;
const IA32_TSC_DEADLINE: u32 = 0x6e0;
const IA32_EXT_XAPIC: u32 = 0x800;
const IA32_EXT_XAPIC_END: u32 = 0x8ff;
const IA32_EFER: u32 = 0xc0000080;
const IA32_GS_BASE: u32 = 0xc0000101;
const IA32_TSC_AUX: u32 = 0xc0000103;
const AMD_SVM_HSAVE_PA: u32 = 0xc0010117;

/** What the last successful readUserMsr has read, 0 otherwise. */
export let userMsrValue: u64 = 0;

function mayRead(msr: u32): bool {
  if (msr === IA32_TSC || msr === IA32_APIC_BASE || msr === IA32_TSC_ADJUST) return false;
  if (msr >= IA32_SYSENTER_CS && msr <= IA32_SYSENTER_EIP) return false;
  if (msr >= IA32_VMX_BASIC && msr <= IA32_VMX_VMFUNC) return false;
  if (msr === IA32_DS_AREA || msr === IA32_TSC_DEADLINE) return false;
  if (msr >= IA32_EXT_XAPIC && msr <= IA32_EXT_XAPIC_END) return false;
  // GS_BASE, KERNEL_GS_BASE and TSC_AUX are neighbours.
  if (msr === IA32_EFER || (msr >= IA32_GS_BASE && msr <= IA32_TSC_AUX)) return false;
  return msr !== AMD_SVM_HSAVE_PA;
}

function mayWrite(msr: u32): bool {
  if (msr === IA32_FEATURE_CONTROL || msr === IA32_PAT || msr === IA32_MTRR_DEF_TYPE) return false;
  if (msr >= IA32_MTRR_PHYS_BASE && msr <= IA32_MTRR_FIX4K_F8000) return false;
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
