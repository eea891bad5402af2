// The user thread control block: message area of an EC, and the register file of an exception message.
// Layout: include/utcb.hpp of the published kernel. The virtual machine part is left out.

import {
  UTCB_DEL,
  UTCB_FLAGS,
  UTCB_FS_BASE,
  UTCB_GS_BASE,
  UTCB_ITEMS,
  UTCB_MTD,
  UTCB_QUAL,
  UTCB_R8,
  UTCB_R15,
  UTCB_RAX,
  UTCB_RBP,
  UTCB_RBX,
  UTCB_RCX,
  UTCB_RDI,
  UTCB_RDX,
  UTCB_RFLAGS,
  UTCB_RIP,
  UTCB_RSI,
  UTCB_RSP,
  UTCB_TLS,
  UTCB_XLT,
} from "./abi";

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

// The fields are where the kernel puts them.
if (offsetof<Utcb>("flags") !== UTCB_FLAGS) ERROR("UTCB_FLAGS");
if (offsetof<Utcb>("items") !== UTCB_ITEMS) ERROR("UTCB_ITEMS");
if (offsetof<Utcb>("translate") !== UTCB_XLT) ERROR("UTCB_XLT");
if (offsetof<Utcb>("delegate") !== UTCB_DEL) ERROR("UTCB_DEL");
if (offsetof<Utcb>("tls") !== UTCB_TLS) ERROR("UTCB_TLS");
if (offsetof<Utcb>("mtd") !== UTCB_MTD) ERROR("UTCB_MTD");
if (offsetof<Utcb>("rip") !== UTCB_RIP) ERROR("UTCB_RIP");
if (offsetof<Utcb>("rflags") !== UTCB_RFLAGS) ERROR("UTCB_RFLAGS");
if (offsetof<Utcb>("rax") !== UTCB_RAX) ERROR("UTCB_RAX");
if (offsetof<Utcb>("rcx") !== UTCB_RCX) ERROR("UTCB_RCX");
if (offsetof<Utcb>("rdx") !== UTCB_RDX) ERROR("UTCB_RDX");
if (offsetof<Utcb>("rbx") !== UTCB_RBX) ERROR("UTCB_RBX");
if (offsetof<Utcb>("rsp") !== UTCB_RSP) ERROR("UTCB_RSP");
if (offsetof<Utcb>("rbp") !== UTCB_RBP) ERROR("UTCB_RBP");
if (offsetof<Utcb>("rsi") !== UTCB_RSI) ERROR("UTCB_RSI");
if (offsetof<Utcb>("rdi") !== UTCB_RDI) ERROR("UTCB_RDI");
if (offsetof<Utcb>("r8") !== UTCB_R8) ERROR("UTCB_R8");
if (offsetof<Utcb>("r15") !== UTCB_R15) ERROR("UTCB_R15");
if (offsetof<Utcb>("qual0") !== UTCB_QUAL) ERROR("UTCB_QUAL");
if (offsetof<Utcb>("fsBase") !== UTCB_FS_BASE) ERROR("UTCB_FS_BASE");
if (offsetof<Utcb>("gsBase") !== UTCB_GS_BASE) ERROR("UTCB_GS_BASE");
