// What NETLINK_ROUTE tells (rtnetlink(7)): the interface lo, its addresses and routes, which rules choose routes, and that
// there are no neighbours. Nothing can be changed. Left out: settings of interfaces, queueing disciplines and labels.

import { LO_INDEX } from "../libroottask/bound_device";
import { actor, CAP_NET_ADMIN, hasCapability } from "../libroottask/credentials";
import { EINVAL, ENETUNREACH, ENODEV, EOPNOTSUPP, EPERM } from "../libroottask/errno";
import {
  AF_INET,
  AF_INET6,
  mapped,
  ROUTE_BROADCAST,
  ROUTE_NONE,
  routeOf,
} from "../libroottask/inet";
import { Thread } from "../libroottask/program";
import { AF_UNSPEC } from "../libroottask/socket";
import { copyLiteral, equalsLiteral, terminatedLength } from "../libroottask/text";
import { ARPHRD_LOOPBACK, LO_FLAGS, LO_MTU, LO_QUEUE } from "./interfaces";
import {
  attribute,
  beginMessage,
  endMessage,
  findAttribute,
  foundAt,
  foundBytes,
  HEAD_BYTES,
  NLM_F_DUMP,
  NLM_F_MULTI,
  number,
  put,
  putDone,
  putError,
} from "./netlink_answer";

const RTM_NEWLINK: u32 = 16;
const RTM_GETLINK: u32 = 18;
const RTM_NEWADDR: u32 = 20;
const RTM_GETADDR: u32 = 22;
const RTM_NEWROUTE: u32 = 24;
const RTM_GETROUTE: u32 = 26;
const RTM_GETNEIGH: u32 = 30;
const RTM_NEWRULE: u32 = 32;
const RTM_GETRULE: u32 = 34;
/** The kind of a request whose two lowest bits say that it asks. */
const ASKS: u32 = 2;
const RTM_MAX: u32 = 123;

const IFLA_ADDRESS: u32 = 1;
const IFLA_BROADCAST: u32 = 2;
const IFLA_IFNAME: u32 = 3;
const IFLA_MTU: u32 = 4;
const IFLA_QDISC: u32 = 6;
const IFLA_STATS: u32 = 7;
const IFLA_TXQLEN: u32 = 13;
const IFLA_MAP: u32 = 14;
const IFLA_OPERSTATE: u32 = 16;
const IFLA_LINKMODE: u32 = 17;
const IFLA_STATS64: u32 = 23;
const IFLA_GROUP: u32 = 27;
const IFLA_PROMISCUITY: u32 = 30;
const IFLA_NUM_TX_QUEUES: u32 = 31;
const IFLA_NUM_RX_QUEUES: u32 = 32;
const IFLA_CARRIER: u32 = 33;
const IFLA_CARRIER_CHANGES: u32 = 35;
const IFLA_PROTO_DOWN: u32 = 39;
const IFLA_GSO_MAX_SEGS: u32 = 40;
const IFLA_GSO_MAX_SIZE: u32 = 41;
const IFLA_CARRIER_UP_COUNT: u32 = 47;
const IFLA_CARRIER_DOWN_COUNT: u32 = 48;
const IFLA_MIN_MTU: u32 = 50;
const IFLA_MAX_MTU: u32 = 51;
/** struct rtnl_link_stats, rtnl_link_stats64 and rtnl_link_ifmap; nothing is counted on lo. */
const STATS_BYTES: u32 = 96;
const STATS64_BYTES: u32 = 192;
const MAP_BYTES: u32 = 28;
const IFA_ADDRESS: u32 = 1;
const IFA_LOCAL: u32 = 2;
const IFA_LABEL: u32 = 3;
const IFA_CACHEINFO: u32 = 6;
const IFA_FLAGS: u32 = 8;
const IFA_PROTO: u32 = 11;
/** IFAPROT_KERNEL_LO. */
const BY_LOOPBACK: u32 = 1;
/** Of routes: RTA_…; of rules FRA_…. */
const RTA_DST: u32 = 1;
const RTA_SRC: u32 = 2;
const RTA_OIF: u32 = 4;
const RTA_PRIORITY: u32 = 6;
const RTA_PREFSRC: u32 = 7;
const RTA_CACHEINFO: u32 = 12;
const RTA_TABLE: u32 = 15;
const RTA_PREF: u32 = 20;
const RTA_UID: u32 = 25;
const CACHE_BYTES: u32 = 32;
const FRA_PRIORITY: u32 = 6;
const FRA_SUPPRESS_PREFIXLEN: u32 = 14;
const FRA_TABLE: u32 = 15;
const FRA_PROTOCOL: u32 = 21;
/** IFA_F_PERMANENT, RT_SCOPE_HOST, RT_SCOPE_LINK, IFF_LOWER_UP. */
const PERMANENT: u32 = 0x80;
const SCOPE_HOST: u32 = 254;
const SCOPE_LINK: u32 = 253;
const LOWER_UP: u32 = 0x1_0000;
/** Tables, RTPROT_KERNEL, RTN_LOCAL and RTN_BROADCAST, FR_ACT_TO_TBL. */
const TABLE_DEFAULT: u32 = 253;
const TABLE_MAIN: u32 = 254;
const TABLE_LOCAL: u32 = 255;
const BY_KERNEL: u32 = 2;
const LOCAL: u32 = 2;
const BROADCAST: u32 = 3;
const TO_TABLE: u32 = 1;
/** RTM_F_CLONED, RTCF_LOCAL and RTCF_BROADCAST. */
const CLONED: u32 = 0x200;
const TO_LOCAL: u32 = 0x8000_0000;
const TO_BROADCAST: u32 = 0x1000_0000;
/** 127.0.0.1, 127.0.0.0 and 127.255.255.255, the first byte lowest. */
const LOOPBACK: u32 = 0x0100_007f;
const NETWORK: u32 = 0x7f;
const ALL: u32 = 0xffff_ff7f;

/** struct ifinfomsg, ifaddrmsg, rtmsg (and fib_rule_hdr). */
const LINK_BYTES: u32 = 16;
const ADDR_BYTES: u32 = 8;
const ROUTE_BYTES: u32 = 12;

function name(type: u32): void {
  store<u16>(attribute(type, 3), 0x6f6c);
}

function putLink(flags: u32): void {
  beginMessage(RTM_NEWLINK, flags);
  const info = put(LINK_BYTES);
  store<u16>(info + 2, ARPHRD_LOOPBACK as u16);
  store<u32>(info + 4, LO_INDEX);
  store<u32>(info + 8, LO_FLAGS | LOWER_UP);
  name(IFLA_IFNAME);
  number(IFLA_TXQLEN, LO_QUEUE);
  attribute(IFLA_OPERSTATE, 1);
  attribute(IFLA_LINKMODE, 1);
  number(IFLA_MTU, LO_MTU);
  number(IFLA_MIN_MTU, 0);
  number(IFLA_MAX_MTU, 0);
  number(IFLA_GROUP, 0);
  number(IFLA_PROMISCUITY, 0);
  number(IFLA_NUM_TX_QUEUES, 1);
  number(IFLA_GSO_MAX_SEGS, 65_535);
  number(IFLA_GSO_MAX_SIZE, 65_536);
  number(IFLA_NUM_RX_QUEUES, 1);
  store<u8>(attribute(IFLA_CARRIER, 1), 1);
  number(IFLA_CARRIER_CHANGES, 0);
  number(IFLA_CARRIER_UP_COUNT, 0);
  number(IFLA_CARRIER_DOWN_COUNT, 0);
  attribute(IFLA_PROTO_DOWN, 1);
  attribute(IFLA_ADDRESS, 6);
  attribute(IFLA_BROADCAST, 6);
  attribute(IFLA_STATS64, STATS64_BYTES);
  attribute(IFLA_STATS, STATS_BYTES);
  copyLiteral(attribute(IFLA_QDISC, 8), "noqueue");
  attribute(IFLA_MAP, MAP_BYTES);
  endMessage();
}

/** struct ifa_cacheinfo: for ever, from a hundredth of a second on. */
function putTimes(): void {
  const at = attribute(IFA_CACHEINFO, 16);
  store<u64>(at, ~(0 as u64));
  store<u32>(at + 8, 1);
  store<u32>(at + 12, 1);
}

function putAddressOf(family: u32): void {
  const four = family === AF_INET;
  beginMessage(RTM_NEWADDR, NLM_F_MULTI);
  const info = put(ADDR_BYTES);
  store<u8>(info, family as u8);
  store<u8>(info + 1, four ? 8 : 128);
  store<u8>(info + 2, PERMANENT as u8);
  store<u8>(info + 3, SCOPE_HOST as u8);
  store<u32>(info + 4, LO_INDEX);
  if (four) {
    number(IFA_ADDRESS, LOOPBACK);
    number(IFA_LOCAL, LOOPBACK);
    name(IFA_LABEL);
    number(IFA_FLAGS, PERMANENT);
    putTimes();
  } else {
    store<u8>(attribute(IFA_ADDRESS, 16) + 15, 1);
    putTimes();
    number(IFA_FLAGS, PERMANENT);
    store<u8>(attribute(IFA_PROTO, 1), BY_LOOPBACK as u8);
  }
  endMessage();
}

/** Begins a route to `bits` bits of an address. */
function beginRoute(flags: u32, family: u32, bits: u32, table: u32, kind: u32, scope: u32): usize {
  beginMessage(RTM_NEWROUTE, flags);
  const info = put(ROUTE_BYTES);
  store<u8>(info, family as u8);
  store<u8>(info + 1, bits as u8);
  store<u8>(info + 4, table as u8);
  store<u8>(info + 5, BY_KERNEL as u8);
  store<u8>(info + 6, scope as u8);
  store<u8>(info + 7, kind as u8);
  number(RTA_TABLE, table);
  return info;
}

function putRoute4(bits: u32, to: u32, kind: u32, scope: u32): void {
  beginRoute(NLM_F_MULTI, AF_INET, bits, TABLE_LOCAL, kind, scope);
  number(RTA_DST, to);
  number(RTA_PREFSRC, LOOPBACK);
  number(RTA_OIF, LO_INDEX);
  endMessage();
}

function putLoopback6(type: u32): void {
  store<u8>(attribute(type, 16) + 15, 1);
}

function putRoutes(family: u32): void {
  if (family === AF_UNSPEC || family === AF_INET) {
    putRoute4(8, NETWORK, LOCAL, SCOPE_HOST);
    putRoute4(32, LOOPBACK, LOCAL, SCOPE_HOST);
    putRoute4(32, ALL, BROADCAST, SCOPE_LINK);
  }
  if (family !== AF_UNSPEC && family !== AF_INET6) return;
  beginRoute(NLM_F_MULTI, AF_INET6, 128, TABLE_LOCAL, LOCAL, 0);
  putLoopback6(RTA_DST);
  number(RTA_PRIORITY, 0);
  number(RTA_OIF, LO_INDEX);
  attribute(RTA_CACHEINFO, CACHE_BYTES);
  attribute(RTA_PREF, 1);
  endMessage();
}

function putRule(family: u32, table: u32, priority: u32): void {
  beginMessage(RTM_NEWRULE, NLM_F_MULTI);
  const info = put(ROUTE_BYTES);
  store<u8>(info, family as u8);
  store<u8>(info + 4, table as u8);
  store<u8>(info + 7, TO_TABLE as u8);
  number(FRA_TABLE, table);
  number(FRA_SUPPRESS_PREFIXLEN, 0xffff_ffff);
  store<u8>(attribute(FRA_PROTOCOL, 1), BY_KERNEL as u8);
  if (priority !== 0) number(FRA_PRIORITY, priority);
  endMessage();
}

function putRules(family: u32): void {
  if (family === AF_UNSPEC || family === AF_INET) {
    putRule(AF_INET, TABLE_LOCAL, 0);
    putRule(AF_INET, TABLE_MAIN, 32_766);
    putRule(AF_INET, TABLE_DEFAULT, 32_767);
  }
  if (family !== AF_UNSPEC && family !== AF_INET6) return;
  putRule(AF_INET6, TABLE_LOCAL, 0);
  putRule(AF_INET6, TABLE_MAIN, 32_766);
}

/** Answers a request of `type` for all there is. */
function putAll(type: u32, family: u32): void {
  if (type === RTM_GETLINK) putLink(NLM_F_MULTI);
  if (type === RTM_GETADDR) {
    if (family === AF_UNSPEC || family === AF_INET) putAddressOf(AF_INET);
    if (family === AF_UNSPEC || family === AF_INET6) putAddressOf(AF_INET6);
  }
  if (type === RTM_GETROUTE) putRoutes(family);
  if (type === RTM_GETRULE) putRules(family);
  putDone(0, type !== RTM_GETRULE);
}

/** RTM_GETLINK of one interface, by its number or its name: 0 or a negative error. */
function linkError(to: usize, length: u32): i64 {
  if (length < HEAD_BYTES + LINK_BYTES) return -EINVAL;
  const index = load<u32>(to + HEAD_BYTES + 4);
  if (index !== 0) return index === LO_INDEX ? 0 : -ENODEV;
  const found = findAttribute(to, length, HEAD_BYTES + LINK_BYTES, IFLA_IFNAME);
  if (found <= 0 || foundBytes < 2) return -EINVAL;
  const letters = terminatedLength(foundAt, foundBytes);
  return equalsLiteral(foundAt, letters, "lo") ? 0 : -ENODEV;
}

/** struct rta_cacheinfo of a route that has been looked up: two users. */
function putUsers(): void {
  store<u32>(attribute(RTA_CACHEINFO, CACHE_BYTES), 2);
}

function putWay4(to: u32, route: u32): void {
  const all = route === ROUTE_BROADCAST;
  const info = beginRoute(0, AF_INET, 32, TABLE_MAIN, all ? BROADCAST : LOCAL, 0);
  store<u8>(info + 5, 0);
  store<u32>(info + 8, CLONED | TO_LOCAL | (all ? TO_BROADCAST : 0));
  number(RTA_DST, to);
  number(RTA_OIF, LO_INDEX);
  number(RTA_PREFSRC, LOOPBACK);
  number(RTA_UID, actor.user);
  putUsers();
  endMessage();
}

function putWay6(): void {
  const info = beginRoute(0, AF_INET6, 128, TABLE_LOCAL, LOCAL, 0);
  store<u8>(info + 2, 128);
  putLoopback6(RTA_DST);
  attribute(RTA_SRC, 16);
  putLoopback6(RTA_PREFSRC);
  number(RTA_PRIORITY, 0);
  number(RTA_OIF, LO_INDEX);
  putUsers();
  attribute(RTA_PREF, 1);
  endMessage();
}

/** RTM_GETROUTE of one address: 0, or a negative error. */
function putWay(family: u32, to: usize, length: u32): i64 {
  if (length < HEAD_BYTES + ROUTE_BYTES) return -EINVAL;
  const found = findAttribute(to, length, HEAD_BYTES + ROUTE_BYTES, RTA_DST);
  if (found < 0) return -EINVAL;
  if (family === AF_INET) {
    if (found === 0 || foundBytes !== 4) return -EINVAL;
    const bytes = load<u32>(foundAt);
    const route = routeOf(0, mapped(bytes));
    if (route === ROUTE_NONE) return -ENETUNREACH;
    putWay4(bytes, route);
    return 0;
  }
  if (family !== AF_INET6) return -EOPNOTSUPP;
  if (found === 0 || foundBytes !== 16) return -EINVAL;
  const high = load<u64>(foundAt);
  const low = load<u64>(foundAt + 8);
  if (high !== 0 || routeOf(high, low) === ROUTE_NONE || (low & 0xffff_ffff) !== 0) {
    return -ENETUNREACH;
  }
  putWay6();
  return 0;
}

function isListed(type: u32): bool {
  switch (type) {
    case RTM_GETLINK:
    case RTM_GETADDR:
    case RTM_GETROUTE:
    case RTM_GETNEIGH:
    case RTM_GETRULE:
      return true;
    default:
      return false;
  }
}

/** Answers the request of `length` bytes at `to`, whose head has been checked. */
export function respondRoute(thread: Thread, to: usize, length: u32): void {
  const type = load<u16>(to + 4) as u32;
  const flags = load<u16>(to + 6) as u32;
  if (type > RTM_MAX) {
    putError(-EOPNOTSUPP);
    return;
  }
  if ((type & 3) !== ASKS) {
    const may = hasCapability(thread.credentials, CAP_NET_ADMIN);
    putError(may ? -EOPNOTSUPP : -EPERM);
    return;
  }
  const family: u32 = length > HEAD_BYTES ? (load<u8>(to + HEAD_BYTES) as u32) : AF_UNSPEC;
  if (isListed(type) && (flags & NLM_F_DUMP) === NLM_F_DUMP) {
    putAll(type, family);
    return;
  }
  let error: i64 = -EOPNOTSUPP;
  if (type === RTM_GETLINK) {
    error = linkError(to, length);
    if (error === 0) putLink(0);
  } else if (type === RTM_GETROUTE) {
    error = putWay(family, to, length);
  }
  if (error !== 0) putError(error);
}
