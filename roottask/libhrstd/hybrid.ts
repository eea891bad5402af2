// Hybrid programs: foreign programs that know they run on Hedron. While the toggle in the UTCB is set the
// kernel takes their system calls as hypercalls (NSCT). Between setting and clearing it nothing but the one
// hypercall may happen, because any other system call would be misunderstood.

import { UTCB_NSCT } from "../libhedron/abi";
import { hypercall } from "../libhedron/hedron";
import { load32, store32 } from "../libhedron/x86";
import { UTCB_ADDRESS } from "./layout";

/** One hypercall from a foreign program; arguments and result as `hypercall`. */
export function hybridCall(arg1: u64, arg2: u64, arg3: u64, arg4: u64, arg5: u64): u64 {
  const flags = load32(UTCB_ADDRESS);
  store32(UTCB_ADDRESS, flags | (UTCB_NSCT as u64));
  const result = hypercall(arg1, arg2, arg3, arg4, arg5);
  store32(UTCB_ADDRESS, flags);
  return result;
}
