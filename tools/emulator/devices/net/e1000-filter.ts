// Which frames the controllers of this family take (Intel 317453, 13.5; 82574 datasheet, 7.1.1): by destination, exactly or
// by a hash, and by VLAN.

import * as R from "./e1000-registers.ts";
import { MAC_BYTES } from "./network-card.ts";
import type { RegisterFile } from "./register-file.ts";

/** Which bits of an address's last 16 choose one of the multicast table, by RCTL.MO. */
const MULTICAST_SHIFTS = [4, 3, 2, 0] as const;
const OFFSET_SHIFT = 12;
const ADDRESS_VALID = 0x8000_0000;
const ADDRESSES = 16;

export const isBroadcast = (frame: Uint8Array): boolean =>
  frame.subarray(0, MAC_BYTES).every((byte) => byte === 0xff);

export const isMulticast = (frame: Uint8Array): boolean => ((frame[0] as number) & 1) !== 0;

/** 16 bits in network order. */
export const word = (bytes: Uint8Array, at: number): number =>
  ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);

/** The two registers of an address, that it is valid included. */
export function addressRegisters(mac: Uint8Array): [low: number, high: number] {
  const view = new DataView(mac.buffer, mac.byteOffset, MAC_BYTES);
  return [view.getUint32(0, true), (ADDRESS_VALID | view.getUint16(4, true)) >>> 0];
}

export const isTagged = (registers: RegisterFile, frame: Uint8Array): boolean =>
  word(frame, 12) === (registers.get(R.VET) & 0xffff);

export const isWanted = (registers: RegisterFile, frame: Uint8Array): boolean =>
  isVlanWanted(registers, frame) && isAddressWanted(registers, frame);

function isVlanWanted(registers: RegisterFile, frame: Uint8Array): boolean {
  if (!(registers.get(R.RCTL) & R.RCTL_BITS.vlanFilter) || !isTagged(registers, frame)) return true;
  const vlan = word(frame, 14) & 0xfff;
  return ((registers.get(R.VFTA + 4 * (vlan >> 5)) >>> (vlan & 31)) & 1) !== 0;
}

function isAddressWanted(registers: RegisterFile, frame: Uint8Array): boolean {
  const control = registers.get(R.RCTL);
  if (isBroadcast(frame)) {
    if (control & R.RCTL_BITS.broadcasts) return true;
  } else if (isMulticast(frame)) {
    if (control & R.RCTL_BITS.multicastPromiscuous) return true;
  } else if (control & R.RCTL_BITS.unicastPromiscuous) return true;
  const [low, valid] = addressRegisters(frame);
  const high = valid & 0xffff;
  for (let i = 0; i < ADDRESSES; i++) {
    const upper = registers.get(R.RA + 8 * i + 4);
    if (upper & ADDRESS_VALID && (upper & 0xffff) === high && registers.get(R.RA + 8 * i) === low)
      return true;
  }
  const shift = MULTICAST_SHIFTS[(control >> OFFSET_SHIFT) & 3] as number;
  const hash = (high >> shift) & 0xfff;
  return ((registers.get(R.MTA + 4 * (hash >> 5)) >>> (hash & 31)) & 1) !== 0;
}
