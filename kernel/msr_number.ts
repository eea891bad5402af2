// Model-specific registers by number, by the names of the Intel SDM (vol. 4, chapter 2) and, where only AMD
// has them, of the AMD manual (vol. 2, appendix A). Constants only: guest, stubs and Node tests import it.

export const IA32_TSC = 0x10;
export const IA32_APIC_BASE = 0x1b;
export const IA32_FEATURE_CONTROL = 0x3a;
export const IA32_TSC_ADJUST = 0x3b;
/** Writing the address of microcode to it loads that. */
export const IA32_BIOS_UPDT_TRIG = 0x79;
export const IA32_SYSENTER_CS = 0x174;
export const IA32_SYSENTER_EIP = 0x176;
export const IA32_MTRR_PHYSBASE0 = 0x200;
export const IA32_MTRR_FIX4K_F8000 = 0x26f;
export const IA32_PAT = 0x277;
export const IA32_MTRR_DEF_TYPE = 0x2ff;
export const IA32_VMX_BASIC = 0x480;
export const IA32_VMX_VMFUNC = 0x491;
export const IA32_DS_AREA = 0x600;
export const IA32_TSC_DEADLINE = 0x6e0;
/** The registers of a local APIC in x2APIC mode: first and last. */
export const IA32_X2APIC = 0x800;
export const IA32_X2APIC_END = 0x8ff;
export const IA32_EFER = 0xc000_0080;
export const IA32_STAR = 0xc000_0081;
export const IA32_LSTAR = 0xc000_0082;
export const IA32_FMASK = 0xc000_0084;
export const IA32_FS_BASE = 0xc000_0100;
export const IA32_GS_BASE = 0xc000_0101;
/** What SWAPGS exchanges with GS_BASE: the user's while the kernel runs. */
export const IA32_KERNEL_GS_BASE = 0xc000_0102;
export const IA32_TSC_AUX = 0xc000_0103;
export const VM_HSAVE_PA = 0xc001_0117;
