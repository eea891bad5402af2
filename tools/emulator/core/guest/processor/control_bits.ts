// Bits of CR0, CR4 and EFER that several rooms test, and the widths of addresses. Follows Intel SDM vol. 3A,
// 2.5 and 4.1.4.

export const PAGE_MASK: u64 = 0xfffffffffffff000;
/** Physical address width reported by CPUID leaf 0x80000008. */
export const PHYSICAL_BITS: i32 = 39;
export const PHYSICAL_MASK: u64 = 0x7fffffffff;
export const FRAME_MASK: u64 = 0x7ffffff000;
export const NX: u64 = 0x8000000000000000;

/** Returned by `translate` when a fault is pending. */
export const NO_ADDRESS: u64 = 0xffffffffffffffff;

export const CR0_WP: u64 = 0x10000;
export const CR0_AM: u64 = 0x40000;
export const CR0_PG: u64 = 0x80000000;
/** Virtual interrupts in virtual-8086 mode, and at CPL 3 of protected mode. */
export const CR4_VME: u64 = 1;
export const CR4_PVI: u64 = 2;
export const CR4_PSE: u64 = 0x10;
export const CR4_PAE: u64 = 0x20;
/** User-mode instruction prevention: what shows where system tables are is privileged. */
export const CR4_UMIP: u64 = 0x800;
/** 5-level paging in IA-32e mode. */
export const CR4_LA57: u64 = 0x1000;
export const CR4_FSGSBASE: u64 = 0x10000;
export const CR4_PCIDE: u64 = 0x20000;
export const CR4_OSXSAVE: u64 = 0x40000;
export const CR4_SMEP: u64 = 0x100000;
export const CR4_SMAP: u64 = 0x200000;
/** Protection keys for user pages. */
export const CR4_PKE: u64 = 0x400000;
/** Protection keys for supervisor pages. */
export const CR4_PKS: u64 = 0x1000000;
export const EFER_LMA: u64 = 0x400;
export const EFER_NXE: u64 = 0x800;
