// Options of sockets of netlink (netlink(7), level SOL_NETLINK): they are kept and told. Groups can be joined, whose news there
// is none of.

import { EFAULT, EINVAL, ENOPROTOOPT } from "../libroottask/errno";
import { Program } from "../libroottask/program";
import { get32, got } from "../libroottask/space";

export const SOL_NETLINK: i32 = 270;
const NETLINK_ADD_MEMBERSHIP: u32 = 1;
const NETLINK_DROP_MEMBERSHIP: u32 = 2;
/** PKTINFO, BROADCAST_ERROR, NO_ENOBUFS, LISTEN_ALL_NSID, CAP_ACK, EXT_ACK and GET_STRICT_CHK. */
const SWITCHES: u32 = (1 << 3) | (1 << 4) | (1 << 5) | (1 << 8) | (1 << 10) | (1 << 11) | (1 << 12);
/** Groups that there are of NETLINK_ROUTE; as many as have a bit are joined by bind(2) as well. */
const GROUPS: u32 = 36;

/** Options that are on and groups that have been joined, as bits. */
@unmanaged
export class NetlinkOptions {
  on: u32;
  groups: u32;
}

/** Sets an option from the `length` bytes at `from`: 0 or a negative error. */
export function setNetlinkOption(
  program: Program,
  options: NetlinkOptions,
  number: u32,
  from: u64,
  length: u32,
): i64 {
  let value: u32 = 0;
  if (length >= 4) {
    if (!get32(program.space, from)) return -EFAULT;
    value = got as u32;
  }
  if (number === NETLINK_ADD_MEMBERSHIP || number === NETLINK_DROP_MEMBERSHIP) {
    if (value === 0 || value > GROUPS) return -EINVAL;
    if (value > 32) return 0;
    const bit = (1 as u32) << (value - 1);
    const joins = number === NETLINK_ADD_MEMBERSHIP;
    options.groups = joins ? options.groups | bit : options.groups & ~bit;
    return 0;
  }
  if (number > 31 || ((SWITCHES >> number) & 1) === 0) return -ENOPROTOOPT;
  const bit = (1 as u32) << number;
  options.on = value !== 0 ? options.on | bit : options.on & ~bit;
  return 0;
}

/** What an option is; a negative error where there is none of that number. */
export function netlinkOption(options: NetlinkOptions, number: u32): i64 {
  if (number > 31 || ((SWITCHES >> number) & 1) === 0) return -ENOPROTOOPT;
  return ((options.on >> number) & 1) as i64;
}
