// TCP segments (RFC 9293, 3.1).

import { checksumOf, sumOfWords } from "../../devices/net/checksum.ts";
import { type Endpoint, type Ipv4, pseudoSum, TCP, view } from "./packets.ts";

export const FIN = 0x01;
export const SYN = 0x02;
export const RST = 0x04;
export const PSH = 0x08;
export const ACK = 0x10;

const HEADER_BYTES = 20;
const OPTION_END = 0;
const OPTION_NOP = 1;
const OPTION_MSS = 2;
const OPTION_SCALE = 3;

export interface Segment {
  sourcePort: number;
  destinationPort: number;
  sequence: number;
  acknowledgment: number;
  flags: number;
  window: number;
  /** Of a SYN: the longest segment, and by how many bits windows are shifted. */
  mss?: number;
  scale?: number;
  payload: Uint8Array;
}

/** Reads a segment; undefined where it is none, or wrong. */
export function readSegment({ source, destination, payload }: Ipv4): Segment | undefined {
  if (payload.length < HEADER_BYTES) return undefined;
  const v = view(payload);
  const offset = (v.getUint8(12) >> 4) * 4;
  if (offset < HEADER_BYTES || offset > payload.length) return undefined;
  const pseudo = pseudoSum(TCP, source, destination, payload.length);
  if (checksumOf(sumOfWords(payload, 0, payload.length, pseudo)) !== 0) return undefined;
  const segment: Segment = {
    sourcePort: v.getUint16(0),
    destinationPort: v.getUint16(2),
    sequence: v.getUint32(4),
    acknowledgment: v.getUint32(8),
    flags: v.getUint8(13) & 0x3f,
    window: v.getUint16(14),
    payload: payload.slice(offset),
  };
  for (let at = HEADER_BYTES; at < offset && payload[at] !== OPTION_END; ) {
    const length = payload[at] === OPTION_NOP ? 1 : (payload[at + 1] ?? 0);
    if (length === 0 || at + length > offset) break;
    if (payload[at] === OPTION_MSS && length === 4) segment.mss = v.getUint16(at + 2);
    if (payload[at] === OPTION_SCALE && length === 3)
      segment.scale = Math.min(14, v.getUint8(at + 2));
    at += length;
  }
  return segment;
}

export function segmentBytes(s: Segment, from: Endpoint, to: Endpoint): Uint8Array {
  const options = [
    ...(s.mss === undefined ? [] : [OPTION_MSS, 4, s.mss >> 8, s.mss & 0xff]),
    ...(s.scale === undefined ? [] : [OPTION_NOP, OPTION_SCALE, 3, s.scale]),
  ];
  const offset = HEADER_BYTES + options.length;
  const out = new Uint8Array(offset + s.payload.length);
  const v = view(out);
  v.setUint16(0, s.sourcePort);
  v.setUint16(2, s.destinationPort);
  v.setUint32(4, s.sequence);
  v.setUint32(8, s.acknowledgment);
  v.setUint16(12, (offset << 10) | s.flags);
  v.setUint16(14, s.window);
  out.set(options, HEADER_BYTES);
  out.set(s.payload, offset);
  const pseudo = pseudoSum(TCP, from.address, to.address, out.length);
  v.setUint16(16, checksumOf(sumOfWords(out, 0, out.length, pseudo)));
  return out;
}

/** Sequence numbers go around: how far `a` is behind `b`. */
export const distance = (a: number, b: number): number => (a - b) | 0;
export const plus = (a: number, n: number): number => (a + n) >>> 0;
