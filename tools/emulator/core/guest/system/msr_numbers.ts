// Numbers of the model-specific registers, by their names in Intel SDM vol. 4, tables 2-2, 2-20 and 2-25, and AMD64 APM
// vol. 2, appendix A.

export const IA32_P5_MC_ADDR: u32 = 0x00;
export const IA32_P5_MC_TYPE: u32 = 0x01;
export const IA32_TIME_STAMP_COUNTER: u32 = 0x10;
export const IA32_PLATFORM_ID: u32 = 0x17;
export const IA32_APIC_BASE: u32 = 0x1b;
export const MSR_SMI_COUNT: u32 = 0x34;
export const IA32_FEATURE_CONTROL: u32 = 0x3a;
export const IA32_TSC_ADJUST: u32 = 0x3b;
export const IA32_BIOS_UPDT_TRIG: u32 = 0x79;
export const IA32_BIOS_SIGN_ID: u32 = 0x8b;
export const MSR_PLATFORM_INFO: u32 = 0xce;
export const IA32_MPERF: u32 = 0xe7;
export const IA32_APERF: u32 = 0xe8;
export const IA32_MTRRCAP: u32 = 0xfe;
export const MSR_MISC_FEATURES_ENABLES: u32 = 0x140;
export const IA32_SYSENTER_CS: u32 = 0x174;
export const IA32_SYSENTER_ESP: u32 = 0x175;
export const IA32_SYSENTER_EIP: u32 = 0x176;
export const IA32_MCG_CAP: u32 = 0x179;
export const IA32_MCG_STATUS: u32 = 0x17a;
export const IA32_PERF_STATUS: u32 = 0x198;
export const IA32_PERF_CTL: u32 = 0x199;
export const IA32_CLOCK_MODULATION: u32 = 0x19a;
export const IA32_THERM_INTERRUPT: u32 = 0x19b;
export const IA32_THERM_STATUS: u32 = 0x19c;
export const IA32_MISC_ENABLE: u32 = 0x1a0;
export const MSR_TEMPERATURE_TARGET: u32 = 0x1a2;
export const IA32_ENERGY_PERF_BIAS: u32 = 0x1b0;
export const MSR_LASTBRANCH_TOS: u32 = 0x1c9;
export const IA32_DEBUGCTL: u32 = 0x1d9;
export const MSR_LASTINTFROMIP: u32 = 0x1db;
export const MSR_LASTINTTOIP: u32 = 0x1dc;
/** PHYSBASE0, PHYSMASK0, PHYSBASE1 … up to PHYSMASK9. */
export const IA32_MTRR_PHYSBASE0: u32 = 0x200;
export const IA32_MTRR_FIX64K_00000: u32 = 0x250;
export const IA32_MTRR_FIX16K_80000: u32 = 0x258;
export const IA32_MTRR_FIX4K_C0000: u32 = 0x268;
export const IA32_PAT: u32 = 0x277;
export const IA32_MTRR_DEF_TYPE: u32 = 0x2ff;
/** CTL, STATUS, ADDR, MISC of bank 0, then those of the next one. */
export const IA32_MC0_CTL: u32 = 0x400;
export const MSR_RAPL_POWER_UNIT: u32 = 0x606;
export const IA32_TSC_DEADLINE: u32 = 0x6e0;
export const IA32_PKRS: u32 = 0x6e1;
/** The local APIC's registers in x2APIC mode, one after the other. */
export const IA32_X2APIC_FIRST: u32 = 0x800;
export const IA32_X2APIC_LAST: u32 = 0x8ff;
export const IA32_EFER: u32 = 0xc0000080;
export const IA32_STAR: u32 = 0xc0000081;
export const IA32_LSTAR: u32 = 0xc0000082;
export const IA32_CSTAR: u32 = 0xc0000083;
export const IA32_FMASK: u32 = 0xc0000084;
export const IA32_FS_BASE: u32 = 0xc0000100;
export const IA32_GS_BASE: u32 = 0xc0000101;
export const IA32_KERNEL_GS_BASE: u32 = 0xc0000102;
export const IA32_TSC_AUX: u32 = 0xc0000103;
/** PerfEvtSel0 to 3, PerfCtr0 to 3: AMD's processors all have them, and CPUID does not say so. */
export const AMD_PERF_EVT_SEL0: u32 = 0xc0010000;
export const AMD_PERF_REGISTERS: u32 = 8;
