// The user thread control block: message area of an EC, and the register file of an exception message.
// Layout: include/utcb.hpp of the published kernel. The virtual machine part is left out.

/** Offset of the message words; what precedes them is the head. */
export const UTCB_DATA: u32 = 32;
/** Bytes of message words. */
export const UTCB_CAPACITY: u32 = 4096 - 32;
/** UTCB flags, bit 0: the next system call of a foreign program is a hypercall (NSCT). */
export const UTCB_NSCT: u32 = 1;

/** A UTCB below 4 GiB; fields from `mtd` on are valid in exception messages. */
@unmanaged
export class Utcb {
  flags: u32;
  /** Words in bits 15:0, typed items in bits 31:16. */
  items: u32;
  translate: u64;
  delegate: u64;
  tls: u64;
  mtd: u64;
  instructionLength: u64;
  rip: u64;
  rflags: u64;
  intrState: u32;
  actvState: u32;
  intrInfo: u32;
  intrError: u32;
  vectInfo: u32;
  vectError: u32;
  rax: u64;
  rcx: u64;
  rdx: u64;
  rbx: u64;
  rsp: u64;
  rbp: u64;
  rsi: u64;
  rdi: u64;
  r8: u64;
  r9: u64;
  r10: u64;
  r11: u64;
  r12: u64;
  r13: u64;
  r14: u64;
  r15: u64;
  /** Error code of the exception. */
  qual0: u64;
  /** CR2 of a page fault. */
  qual1: u64;
  ctrl0: u32;
  ctrl1: u32;
  xcr0: u64;
  cr0: u64;
  cr2: u64;
  cr3: u64;
  cr4: u64;
  pdpte0: u64;
  pdpte1: u64;
  pdpte2: u64;
  pdpte3: u64;
  cr8: u64;
  efer: u64;
  pat: u64;
  star: u64;
  lstar: u64;
  fmask: u64;
  kernelGsBase: u64;
  dr7: u64;
  sysenterCs: u64;
  sysenterRsp: u64;
  sysenterRip: u64;
  esSelector: u64;
  esBase: u64;
  csSelector: u64;
  csBase: u64;
  ssSelector: u64;
  ssBase: u64;
  dsSelector: u64;
  dsBase: u64;
  fsSelector: u64;
  fsBase: u64;
  gsSelector: u64;
  gsBase: u64;
}
