// Rings of transfer request blocks in guest memory (xHCI 1.1, 4.9): those that the host fills, and the one of events.

import type { GuestMemory } from "../device.ts";
import { TRB, TRB_BYTES, TRB_CYCLE, TRB_TOGGLE } from "./xhci-registers.ts";

/** Where the next TRB of a ring is, and what its cycle bit is once it is the controller's. */
export interface RingState {
  at: number;
  cycle: number;
}

export interface Trb {
  at: number;
  /** The first two dwords as a number, exact below 2^53, and each by itself. */
  parameter: number;
  low: number;
  high: number;
  status: number;
  control: number;
}

export const typeOf = (trb: Trb): number => (trb.control >>> 10) & 0x3f;

/** As many links one behind the other as any ring has. */
const MAX_LINKS = 16;

/** An address of 64 bits; bits that no machine has memory at may be lost. */
export const address = (low: number, high: number): number => (high >>> 0) * 2 ** 32 + (low >>> 0);

/** The upper dword of such an address. */
export const highOf = (at: number): number => Math.floor(at / 2 ** 32);

/** The address with another lower dword, as a register of two halves has it while the other half stays. */
export const withLow = (at: number, low: number): number => address(low, highOf(at));

/** The TRB at an address, or undefined where there is no memory. */
export function trbAt(memory: GuestMemory, at: number): Trb | undefined {
  const bytes = memory.read(at, TRB_BYTES);
  if (bytes.length < TRB_BYTES) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, TRB_BYTES);
  const [low, high] = [view.getUint32(0, true), view.getUint32(4, true)];
  const [status, control] = [view.getUint32(8, true), view.getUint32(12, true)];
  return { at, parameter: address(low, high), low, high, status, control };
}

/**
 * The ring's next TRB that is no link, and steps behind it; undefined if the host has not given one yet, "fault" where there is
 * no memory or nothing but links.
 */
export function takeTrb(memory: GuestMemory, ring: RingState): Trb | undefined | "fault" {
  for (let links = 0; links < MAX_LINKS; links++) {
    const trb = trbAt(memory, ring.at);
    if (trb === undefined) return "fault";
    if ((trb.control & TRB_CYCLE) !== ring.cycle) return undefined;
    if (typeOf(trb) !== TRB.link) {
      ring.at += TRB_BYTES;
      return trb;
    }
    ring.at = address(trb.low & ~15, trb.high);
    if (trb.control & TRB_TOGGLE) ring.cycle ^= 1;
  }
  return "fault";
}

export interface EventRingState {
  /** Where its one segment is, and how many TRBs it has: 0 until the host has given it. */
  base: number;
  size: number;
  next: number;
  cycle: number;
  /** The host has taken everything in front of this address. */
  dequeue: number;
  /** Events that have no room yet, four dwords each. */
  waiting: number[][];
}

export const freshEventRing = (): EventRingState => ({
  base: 0,
  size: 0,
  next: 0,
  cycle: 1,
  dequeue: 0,
  waiting: [],
});

/** More events than a host that takes any lets wait. */
const MAX_WAITING = 4096;

/** Puts an event behind those that wait; false if there are too many, or the ring is no memory. */
export function postEvent(memory: GuestMemory, ring: EventRingState, event: number[]): boolean {
  ring.waiting.push(event);
  return flushEvents(memory, ring) && ring.waiting.length <= MAX_WAITING;
}

/** Writes as many events as the ring has room for; false where it is no memory. */
export function flushEvents(memory: GuestMemory, ring: EventRingState): boolean {
  while (ring.waiting.length > 0 && ring.size > 0) {
    const following = (ring.next + 1) % ring.size;
    if (ring.base + following * TRB_BYTES === ring.dequeue) break;
    const at = ring.base + ring.next * TRB_BYTES;
    if (!memory.holds(at, TRB_BYTES)) return false;
    const [a = 0, b = 0, c = 0, d = 0] = ring.waiting.shift() as number[];
    const bytes = new Uint8Array(TRB_BYTES);
    const view = new DataView(bytes.buffer);
    [a, b, c, (d | ring.cycle) >>> 0].forEach((value, i) => {
      view.setUint32(4 * i, value, true);
    });
    memory.write(at, bytes);
    ring.next = following;
    if (following === 0) ring.cycle ^= 1;
  }
  return true;
}
