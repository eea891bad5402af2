// Filters of sockets (socket(7), SO_ATTACH_FILTER; Linux's Documentation/networking/filter.rst): programs for the classic BPF
// machine that are asked about what comes to a socket, and say how many bytes of it are kept. Of what is known beside a packet
// attributes of netlink, its payload's place and an exclusive or are left out, and refused; hashes and marks are 0.

import { LO_INDEX } from "./bound_device";
import {
  CLASS,
  CLASS_ALU,
  failLoad,
  Knows,
  MOD,
  OPERATION,
  runProgram,
  SOURCE_X,
} from "./classic_bpf";
import { randomBytes } from "./random";
import { Socket } from "./socket";

/** Loads: of a word, a half, a byte; at a place, or one behind the index; four times the low half of a byte. */
const LD_W_ABS: u32 = 0x20;
const LD_H_ABS: u32 = 0x28;
const LD_B_ABS: u32 = 0x30;
const LD_W_IND: u32 = 0x40;
const LD_H_IND: u32 = 0x48;
const LD_B_IND: u32 = 0x50;
const LDX_B_MSH: u32 = 0xb1;

/** Places that are none of the packet's: what is known of it, its head of the network, that of the link. */
const ANCILLARY: u32 = 0xffff_f000;
const NETWORK: u32 = 0xfff0_0000;
const LINK: u32 = 0xffe0_0000;

/** What is known: SKF_AD_…. */
const AD_PROTOCOL: u32 = 0;
const AD_PKTTYPE: u32 = 4;
const AD_IFINDEX: u32 = 8;
const AD_MARK: u32 = 20;
const AD_HATYPE: u32 = 28;
const AD_CPU: u32 = 36;
const AD_VLAN_TAG: u32 = 44;
const AD_VLAN_TAG_PRESENT: u32 = 48;
const AD_RANDOM: u32 = 56;
const AD_VLAN_TPID: u32 = 60;

const ARPHRD_LOOPBACK: u32 = 772;

/** What is looked at: its bytes, and the head of the network where there is one. */
let data: usize = 0;
let bytes: u32 = 0;
let networkAt: usize = 0;
let linkAt: usize = 0;
let end: usize = 0;
/** The kind of what an Ethernet head would tell, and PACKET_…. */
let linkProtocol: u32 = 0;
let packetType: u32 = 0;

/** What comes is the `length` bytes at `at`, a message without heads. */
export function viewMessage(at: usize, length: u32): void {
  data = at;
  bytes = length;
  end = at + length;
  networkAt = 0;
  linkAt = 0;
  linkProtocol = 0;
  packetType = 0;
}

/** It is a packet, whose head of the network and of the link are there (0 where there is none), of that kind and PACKET_…. */
export function viewPacket(network: usize, link: usize, protocol: u32, type: u32): void {
  networkAt = network;
  linkAt = link;
  linkProtocol = protocol;
  packetType = type;
}

const word = memory.data(4, 4);

function isAncillary(place: u32): bool {
  if (place === AD_VLAN_TAG || place === AD_VLAN_TAG_PRESENT) return true;
  if (place === AD_RANDOM || place === AD_VLAN_TPID) return true;
  const early = place <= AD_IFINDEX || (place >= AD_MARK && place <= AD_CPU);
  return early && (place & 3) === 0;
}

function knows(code: u32, value: u32): bool {
  switch (code) {
    case LD_W_ABS:
    case LD_H_ABS:
    case LD_B_ABS:
      return value < ANCILLARY || isAncillary(value - ANCILLARY);
    case LD_W_IND:
    case LD_H_IND:
    case LD_B_IND:
    case LDX_B_MSH:
      return true;
    default:
      break;
  }
  if ((code & CLASS) !== CLASS_ALU || (code & OPERATION) !== MOD) return false;
  return (code & SOURCE_X) !== 0 || value !== 0;
}

/** What every filter of packets may have. */
export const packetInstructions: Knows = knows;

function tell(place: u32): u32 {
  switch (place) {
    case AD_PROTOCOL:
      return linkProtocol;
    case AD_PKTTYPE:
      return packetType;
    case AD_IFINDEX:
      return LO_INDEX;
    case AD_HATYPE:
      return ARPHRD_LOOPBACK;
    case AD_RANDOM:
      randomBytes(word, 4);
      return load<u32>(word);
    default:
      return 0;
  }
}

/** `size` bytes at `at`, the first highest. */
function read(at: usize, size: u32, from: usize): u32 {
  if (at < from || at + size > end || at + size < at) return failLoad();
  if (size === 4) return bswap<u32>(load<u32>(at));
  return size === 2 ? (bswap<u16>(load<u16>(at)) as u32) : (load<u8>(at) as u32);
}

/** Loads `size` bytes from `place`, which may be before the packet. */
function loadAt(place: u32, size: u32): u32 {
  if ((place as i32) >= 0) return place > bytes ? failLoad() : read(data + place, size, data);
  if (place >= NETWORK) {
    return networkAt === 0 ? failLoad() : read(networkAt + (place - NETWORK), size, networkAt);
  }
  if (place < LINK || linkAt === 0) return failLoad();
  return read(linkAt + (place - LINK), size, linkAt);
}

function loads(code: u32, value: u32, index: u32): u32 {
  switch (code) {
    case LD_W_ABS:
      return value >= ANCILLARY ? tell(value - ANCILLARY) : loadAt(value, 4);
    case LD_H_ABS:
      return value >= ANCILLARY ? tell(value - ANCILLARY) : loadAt(value, 2);
    case LD_B_ABS:
      return value >= ANCILLARY ? tell(value - ANCILLARY) : loadAt(value, 1);
    case LD_W_IND:
      return loadAt(value + index, 4);
    case LD_H_IND:
      return loadAt(value + index, 2);
    case LD_B_IND:
      return loadAt(value + index, 1);
    default:
      return (loadAt(value, 1) & 15) << 2;
  }
}

/** How many bytes `socket` keeps of what is viewed; 0: it does not get it. */
export function keptBytes(socket: Socket): u32 {
  return socket.filter === 0 ? bytes : min<u32>(bytes, runProgram(socket.filter, bytes, loads));
}
