// Numbers of the kernel interface: hypercalls, status codes, capability range descriptors, message
// transfer descriptors, events, limits. Source: the kernel's interface document (doc/kernel-interface.md
// and include/{crd,mtd,syscall,memory,config}.hpp of the published kernel). Virtualisation is left out.

export const PAGE_SIZE: u32 = 4096;
export const PAGE_BITS: u32 = 12;

/** First address a user mapping may not reach (one page below the canonical boundary). */
export const USER_END: u64 = 0x7fff_ffff_f000;

/** Hypercall numbers, ARG1[7:0]. */
export const HC_CALL: u64 = 0;
export const HC_REPLY: u64 = 1;
export const HC_CREATE_PD: u64 = 2;
export const HC_CREATE_EC: u64 = 3;
export const HC_CREATE_SC: u64 = 4;
export const HC_CREATE_PT: u64 = 5;
export const HC_CREATE_SM: u64 = 6;
export const HC_REVOKE: u64 = 7;
export const HC_PD_CTRL: u64 = 8;
export const HC_EC_CTRL: u64 = 9;
export const HC_SC_CTRL: u64 = 10;
export const HC_PT_CTRL: u64 = 11;
export const HC_SM_CTRL: u64 = 12;

/** Position of the first selector in ARG1. */
export const ARG1_SELECTOR: u64 = 12;
/** Position of the flags and sub-operation in ARG1. */
export const ARG1_FLAGS: u64 = 8;

/** Hypercall status, OUT1[7:0]. */
export const SUCCESS: u64 = 0;
export const TIMEOUT: u64 = 1;
export const ABORT: u64 = 2;
export const BAD_HYP: u64 = 3;
export const BAD_CAP: u64 = 4;
export const BAD_PAR: u64 = 5;
export const BAD_FTR: u64 = 6;
export const BAD_CPU: u64 = 7;
export const BAD_DEV: u64 = 8;

/** Capability kinds, CRD[1:0]. */
export const CRD_NULL: u64 = 0;
export const CRD_MEMORY: u64 = 1;
export const CRD_PORT: u64 = 2;
export const CRD_OBJECT: u64 = 3;

/** Memory rights, CRD[4:2]. */
export const RIGHT_READ: u32 = 1;
export const RIGHT_WRITE: u32 = 2;
export const RIGHT_EXECUTE: u32 = 4;
/** Every right of any kind. */
export const RIGHT_ALL: u32 = 0x1f;

/** Delegate flags: the fixed type bit, and "the source is the kernel" (roottask alone). */
export const DELEGATE: u64 = 1;
export const DELEGATE_HYPERVISOR: u64 = 1 << 11;

/** Message transfer descriptor bits. */
export const MTD_GPR_ACDB: u64 = 1 << 0;
export const MTD_GPR_BSD: u64 = 1 << 1;
export const MTD_RSP: u64 = 1 << 2;
export const MTD_RIP_LEN: u64 = 1 << 3;
export const MTD_RFLAGS: u64 = 1 << 4;
export const MTD_FS_GS: u64 = 1 << 6;
export const MTD_QUAL: u64 = 1 << 15;
export const MTD_GPR_R8_R15: u64 = 1 << 22;

/** Events of an ordinary EC: the exception vectors, and two of the kernel's own. */
export const EVENT_PAGE_FAULT: u32 = 14;
export const EVENT_STARTUP: u32 = 30;
export const EVENT_RECALL: u32 = 31;
export const EVENTS: u32 = 32;

/** Objects the roottask is started with; the first is also in the HIP as `sel_exc`. */
export const ROOT_PD: u64 = 32;
export const ROOT_EC: u64 = 33;
export const ROOT_SC: u64 = 34;

/** A capability range descriptor: `base` is a page, port or selector number, the range 2^order of them. */
export function crd(kind: u64, base: u64, order: u64, rights: u32): u64 {
  return (base << 12) | (order << 7) | ((rights as u64) << 2) | kind;
}
