// Message transfer through UTCBs: words and typed items between two ECs, and architectural state
// between a trapped EC and its handler's UTCB. Layout: abi.ts, from the reference's utcb.hpp and mtd.hpp.
// State that exists only in virtual machines (segments, control registers …) is not transferred.

import {
  CRD_MEM,
  CRD_ORDER_MAX,
  MTD_FPU_SHIFT,
  MTD_FS_GS,
  MTD_GPR_ACDB,
  MTD_GPR_BSD,
  MTD_GPR_R8_R15,
  MTD_QUAL,
  MTD_RFLAGS,
  MTD_RIP_LEN,
  MTD_RSP,
  PERM_ALL,
  UTCB_DATA,
  UTCB_DEL,
  UTCB_FS_BASE,
  UTCB_GS_BASE,
  UTCB_ITEMS,
  UTCB_MTD,
  UTCB_QUAL,
  UTCB_R8,
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
  UTCB_STATE_WORDS,
  UTCB_WORDS,
  UTCB_XFER,
  UTCB_XLT,
} from "./abi";
import { makeCrd, transferItem, transferredMeta, unfinished } from "./delegate";
import { CONT_IRET, Ec, endOperation } from "./ec";
import { pieceIsOver, spend } from "./piece";

const RFLAGS_IF: u64 = 1 << 9;
/** What user space may not set: VIP, VIF, VM, RF, IOPL. */
const RFLAGS_PROTECTED: u64 = 0x1b3000;
/** RFLAGS bits that are defined for 64-bit mode; the others are reserved and stay 0, bit 1 is 1. */
const RFLAGS_DEFINED: u64 = 0x244dd5;
const RFLAGS_FIXED: u64 = 2;

/** Part of those who use it. */
export class Message {
  /** Copies what a message has of words, and tells whether it has typed items as well. */
  @inline static copy(from: usize, to: usize): bool {
    const items = load<u32>(from, UTCB_ITEMS);
    store<u32>(to, items, UTCB_ITEMS);
    if (items === 0) return false;
    copyWords(from, to, items & 0xffff);
    return items >> 16 !== 0;
  }
}

function copyWords(from: usize, to: usize, words: u32): void {
  if (words > <u32>UTCB_WORDS) words = UTCB_WORDS;
  let count = words;
  for (; count >= 4; count -= 4) {
    store<u64>(to, load<u64>(from, UTCB_DATA), UTCB_DATA);
    store<u64>(to, load<u64>(from, UTCB_DATA + 8), UTCB_DATA + 8);
    store<u64>(to, load<u64>(from, UTCB_DATA + 16), UTCB_DATA + 16);
    store<u64>(to, load<u64>(from, UTCB_DATA + 24), UTCB_DATA + 24);
    from += 32;
    to += 32;
  }
  for (; count !== 0; count--) {
    store<u64>(to, load<u64>(from, UTCB_DATA), UTCB_DATA);
    from += 8;
    to += 8;
  }
}

function typedItems(utcb: usize): u32 {
  const count = load<u32>(utcb, UTCB_ITEMS) >> 16;
  return min<u32>(count, UTCB_WORDS / 2);
}

/** Units of work (piece.ts) of an item, besides what it does. */
const ITEM_COST: u32 = 200;

/** `by`, one of the two, keeps how far the transfer is; false if the piece is over before it is done. */
function transferItems(
  from: Ec,
  to: Ec,
  by: Ec,
  translateWindow: u64,
  window: u64,
  report: bool,
): bool {
  const count = typedItems(from.utcb);
  while (by.item < count) {
    const at = <usize>UTCB_XFER - ((<usize>by.item) << 4);
    spend(ITEM_COST);
    const crd = transferItem(
      to.domain,
      from.domain,
      translateWindow,
      window,
      load<u64>(from.utcb + at),
      load<u64>(from.utcb + at, 8),
      by.progress,
    );
    by.progress = unfinished;
    if (unfinished === 0) {
      if (report) {
        store<u64>(to.utcb + at, crd);
        store<u64>(to.utcb + at, transferredMeta, 8);
      }
      by.item++;
    }
    if (pieceIsOver()) {
      by.underWay = true;
      return false;
    }
  }
  endOperation(by);
  return true;
}

/**
 * Transfers the typed items of a message into the windows the receiver has opened in its UTCB; `by`, sender or
 * receiver, keeps how far that is. False if the piece is over before it is done.
 */
export function transferTyped(from: Ec, to: Ec, by: Ec): bool {
  const translate = load<u64>(to.utcb, UTCB_XLT);
  return transferItems(from, to, by, translate, load<u64>(to.utcb, UTCB_DEL), true);
}

/** The same for the reply to an exception: memory may be delegated, anywhere; the hotspot's base is the fault address. */
export function transferTypedToTrapped(from: Ec, to: Ec): bool {
  const page = to.cont === CONT_IRET ? to.cr2 >> 12 : 0;
  return transferItems(from, to, from, 0, makeCrd(CRD_MEM, page, CRD_ORDER_MAX, PERM_ALL), false);
}

export function hasTyped(utcb: usize): bool {
  return typedItems(utcb) !== 0;
}

/** Writes the state of a trapped EC that its `mtd` asks for. Returns whether FPU state is asked for too. */
export function storeState(ec: Ec, utcb: usize): bool {
  const mtd = ec.mtd;
  if (mtd & MTD_GPR_ACDB) {
    store<u64>(utcb, ec.rax, UTCB_RAX);
    store<u64>(utcb, ec.rcx, UTCB_RCX);
    store<u64>(utcb, ec.rdx, UTCB_RDX);
    store<u64>(utcb, ec.rbx, UTCB_RBX);
  }
  if (mtd & MTD_GPR_BSD) {
    store<u64>(utcb, ec.rbp, UTCB_RBP);
    store<u64>(utcb, ec.rsi, UTCB_RSI);
    store<u64>(utcb, ec.rdi, UTCB_RDI);
  }
  if (mtd & MTD_GPR_R8_R15) {
    store<u64>(utcb, ec.r8, UTCB_R8);
    store<u64>(utcb, ec.r9, UTCB_R8 + 8);
    store<u64>(utcb, ec.r10, UTCB_R8 + 16);
    store<u64>(utcb, ec.r11, UTCB_R8 + 24);
    store<u64>(utcb, ec.r12, UTCB_R8 + 32);
    store<u64>(utcb, ec.r13, UTCB_R8 + 40);
    store<u64>(utcb, ec.r14, UTCB_R8 + 48);
    store<u64>(utcb, ec.r15, UTCB_R8 + 56);
  }
  if (mtd & MTD_RSP) store<u64>(utcb, ec.rsp, UTCB_RSP);
  if (mtd & MTD_RIP_LEN) store<u64>(utcb, ec.rip, UTCB_RIP);
  if (mtd & MTD_RFLAGS) store<u64>(utcb, ec.rflags, UTCB_RFLAGS);
  if (mtd & MTD_QUAL) {
    store<u64>(utcb, ec.err, UTCB_QUAL);
    store<u64>(utcb, ec.cr2, UTCB_QUAL + 8);
  }
  if (mtd & MTD_FS_GS) {
    store<u64>(utcb, ec.fsBase, UTCB_FS_BASE);
    store<u64>(utcb, ec.gsBase, UTCB_GS_BASE);
  }
  store<u64>(utcb, mtd, UTCB_MTD);
  store<u32>(utcb, UTCB_STATE_WORDS, UTCB_ITEMS);
  return (mtd & ((<u64>1) << MTD_FPU_SHIFT)) !== 0;
}

/** Whether an address can be loaded into a segment base or RIP. */
export function isCanonical(address: u64): bool {
  return <u64>(<i64>(address << 16) >> 16) === address;
}

/** Sets the state of a trapped EC from its handler's UTCB, as the MTD there says. Returns whether FPU state is meant too. */
export function loadState(ec: Ec, utcb: usize): bool {
  const mtd = load<u64>(utcb, UTCB_MTD);
  if (mtd & MTD_GPR_ACDB) {
    ec.rax = load<u64>(utcb, UTCB_RAX);
    ec.rcx = load<u64>(utcb, UTCB_RCX);
    ec.rdx = load<u64>(utcb, UTCB_RDX);
    ec.rbx = load<u64>(utcb, UTCB_RBX);
  }
  if (mtd & MTD_GPR_BSD) {
    ec.rbp = load<u64>(utcb, UTCB_RBP);
    ec.rsi = load<u64>(utcb, UTCB_RSI);
    ec.rdi = load<u64>(utcb, UTCB_RDI);
  }
  if (mtd & MTD_GPR_R8_R15) {
    ec.r8 = load<u64>(utcb, UTCB_R8);
    ec.r9 = load<u64>(utcb, UTCB_R8 + 8);
    ec.r10 = load<u64>(utcb, UTCB_R8 + 16);
    ec.r11 = load<u64>(utcb, UTCB_R8 + 24);
    ec.r12 = load<u64>(utcb, UTCB_R8 + 32);
    ec.r13 = load<u64>(utcb, UTCB_R8 + 40);
    ec.r14 = load<u64>(utcb, UTCB_R8 + 48);
    ec.r15 = load<u64>(utcb, UTCB_R8 + 56);
  }
  if (mtd & MTD_RSP) ec.rsp = load<u64>(utcb, UTCB_RSP);
  if (mtd & MTD_RIP_LEN) ec.rip = load<u64>(utcb, UTCB_RIP);
  if (mtd & MTD_RFLAGS) {
    const flags = load<u64>(utcb, UTCB_RFLAGS) & RFLAGS_DEFINED & ~RFLAGS_PROTECTED;
    ec.rflags = flags | RFLAGS_IF | RFLAGS_FIXED;
  }
  if (mtd & MTD_FS_GS) {
    const fs = load<u64>(utcb, UTCB_FS_BASE);
    const gs = load<u64>(utcb, UTCB_GS_BASE);
    // A base that is not canonical would fault in the kernel when it is loaded: it is ignored.
    if (isCanonical(fs)) ec.fsBase = fs;
    if (isCanonical(gs)) ec.gsBase = gs;
  }
  return (mtd & ((<u64>1) << MTD_FPU_SHIFT)) !== 0;
}
