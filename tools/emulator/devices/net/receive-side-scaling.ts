// Receive side scaling (82574 datasheet, 7.1.11): a Toeplitz hash of a packet's addresses and ports, by which a table chooses
// the queue.

import * as E from "./e1000e-registers.ts";
import type { PacketHeaders } from "./packet-headers.ts";
import type { RegisterFile } from "./register-file.ts";

/** MRQC (10.2.6.17): on in one way, and the fields by kind of packet. */
const ENABLE_MASK = 3;
const ENABLED = 1;
const FIELDS = {
  tcpIpv4: 0x1_0000,
  ipv4: 0x2_0000,
  tcpIpv6: 0x4_0000,
  ipv6Extended: 0x8_0000,
  ipv6: 0x10_0000,
} as const;

/** Kinds of hashes as descriptors tell them (table 7-5). */
const TYPES = { none: 0, tcpIpv4: 1, ipv4: 2, tcpIpv6: 3, ipv6Extended: 4, ipv6: 5 } as const;
type HashKind = keyof typeof TYPES;

export interface PacketHash {
  type: number;
  hash: number;
  queue: 0 | 1;
}

/** Checksums of packets and legacy descriptors have no place for a hash. */
export const isScaling = (registers: RegisterFile): boolean =>
  (registers.get(E.MRQC) & ENABLE_MASK) === ENABLED &&
  (registers.get(E.RXCSUM) & E.RXCSUM_BITS.hash) !== 0 &&
  (registers.get(E.RFCTL) & E.RFCTL_BITS.extended) !== 0;

export function hashOf(registers: RegisterFile, frame: Uint8Array, h: PacketHeaders): PacketHash {
  const kind = kindOf(registers, h);
  if (kind === "none") return { type: TYPES.none, hash: 0, queue: 0 };
  const hash = toeplitz(keyOf(registers), inputOf(frame, h, kind));
  const entry = hash & 0x7f;
  const table = registers.get(E.RETA + (entry & ~3));
  return { type: TYPES[kind], hash, queue: ((table >>> (8 * (entry & 3) + 7)) & 1) as 0 | 1 };
}

function kindOf(registers: RegisterFile, h: PacketHeaders): HashKind {
  const has = (kind: keyof typeof FIELDS): boolean => (registers.get(E.MRQC) & FIELDS[kind]) !== 0;
  const isTcp = h.transport === "tcp" && !h.isFragment;
  if (h.version === 4) {
    if (isTcp && has("tcpIpv4")) return "tcpIpv4";
    return has("ipv4") ? "ipv4" : "none";
  }
  if (h.version === 0) return "none";
  const filter = registers.get(E.RFCTL);
  const hasOthers = h.homeAddress !== undefined || h.finalDestination !== undefined;
  const isExtended =
    (!(filter & E.RFCTL_BITS.noIpv6Extensions) || !h.hasExtensions) &&
    (!(filter & E.RFCTL_BITS.noNewIpv6Extensions) || !hasOthers);
  if (isExtended && isTcp && has("tcpIpv6")) return "tcpIpv6";
  if (isExtended && has("ipv6Extended")) return "ipv6Extended";
  return has("ipv6") ? "ipv6" : "none";
}

/** Source and destination address, and for TCP both ports (7.1.11.1). */
function inputOf(frame: Uint8Array, h: PacketHeaders, kind: HashKind): number[] {
  const bytes = (at: number, count: number): number[] =>
    Array.from({ length: count }, (_, i) => frame[at + i] ?? 0);
  const isExtended = kind === "tcpIpv6" || kind === "ipv6Extended";
  const size = h.version === 4 ? 4 : 16;
  return [
    ...bytes((isExtended ? h.homeAddress : undefined) ?? h.source, size),
    ...bytes((isExtended ? h.finalDestination : undefined) ?? h.destination, size),
    ...(kind === "tcpIpv4" || kind === "tcpIpv6" ? bytes(h.transportAt, 4) : []),
  ];
}

/** 40 bytes, the first one lowest in the first register. */
const keyOf = (registers: RegisterFile): number[] =>
  Array.from(
    { length: 40 },
    (_, i) => (registers.get(E.RSSRK + (i & ~3)) >>> (8 * (i & 3))) & 0xff,
  );

/** The sum of the key's 32 bits from each bit of the input on that is set. */
export function toeplitz(key: readonly number[], input: readonly number[]): number {
  let window = key.slice(0, 4).reduce((sum, byte) => (sum << 8) | byte, 0);
  let hash = 0;
  input.forEach((byte, i) => {
    const next = key[i + 4] ?? 0;
    for (let bit = 7; bit >= 0; bit--) {
      if ((byte >> bit) & 1) hash ^= window;
      window = (window << 1) | ((next >> bit) & 1);
    }
  });
  return hash >>> 0;
}
