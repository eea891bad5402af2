// Protection keys: which data accesses a page's key forbids. Follows Intel SDM vol. 3A, 4.6.2.
// The rights are in the translations: the TLB is flushed when they change, and an access that hits asks nothing.

import { S_CR0, S_CR4, S_EFER, S_PKRS, S_PKRU } from "../../state";
import { CR0_WP, CR4_PKE, CR4_PKS, EFER_LMA } from "../processor/control_bits";
import { flushTlb } from "./tlb";

/** The key forbids every data access, or writes. */
export const NO_ACCESS: u32 = 1;
export const NO_WRITE: u32 = 2;

/**
 * What the key of a page forbids to a data access: NO_ACCESS and NO_WRITE bits. `entry` maps the page, `user` is
 * whether the access is a user-mode one.
 */
export function keyForbids(entry: u64, userPage: bool, user: bool): u32 {
  const enabled = load<u64>(S_CR4) & (userPage ? CR4_PKE : CR4_PKS);
  if (enabled == 0 || (load<u64>(S_EFER) & EFER_LMA) == 0) return 0;
  const key = <u32>(entry >> 59) & 15;
  const rights = load<u32>(userPage ? S_PKRU : S_PKRS);
  const forbidden = (rights >> (key << 1)) & (NO_ACCESS | NO_WRITE);
  if (forbidden == NO_WRITE && !user && (load<u64>(S_CR0) & CR0_WP) == 0) return 0;
  return forbidden;
}

export function setPkru(v: u32): void {
  if (v == load<u32>(S_PKRU)) return;
  store<u32>(S_PKRU, v);
  flushTlb();
}

export function setPkrs(v: u64): void {
  if (v == load<u64>(S_PKRS)) return;
  store<u64>(S_PKRS, v);
  flushTlb();
}
