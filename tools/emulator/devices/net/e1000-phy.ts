// The card's PHY, an 88E1000 core behind MDIC (Intel 317453, 8 and 13.4.6; IEEE 802.3, 22.2.4): registers, and an
// auto-negotiation with a partner that can do everything.

/** MDIC (13.4.6). */
const REGISTER_SHIFT = 16;
const PHY_SHIFT = 21;
const PHY_NUMBER = 1;
const WRITE = 0x0400_0000;
const READ = 0x0800_0000;
const READY = 0x1000_0000;
export const MDIC_INTERRUPT = 0x2000_0000;
const ERROR = 0x4000_0000;

const BMCR = 0;
const BMSR = 1;
const ANLPAR = 5;
/** BMCR: reset, loopback, auto-negotiation on and anew; the latter and reset clear themselves. */

const LOOPBACK = 0x4000;
const NEGOTIATES = 0x1000;
const RESTART = 0x0200;
const BMCR_KEPT = 0x7dc0;
/** BMSR: link, negotiation complete. */
const LINK = 0x0004;
const COMPLETE = 0x0020;
/** ANLPAR: the partner has seen what we can do. */
const ACKNOWLEDGED = 0x4000;

/** Register, whether it can be written, and what it is after a reset (8.3). */
const REGISTERS: readonly (readonly [register: number, writable: boolean, value: number])[] = [
  [BMCR, true, 0x1140],
  [BMSR, false, 0x794d],
  [2, false, 0x0141],
  [3, false, 0x0c20],
  [4, true, 0x0de1],
  [ANLPAR, false, 0x01e0],
  [6, false, 0],
  [9, true, 0x0e00],
  [10, false, 0x3c00],
  [16, true, 0x0360],
  [17, false, 0xac00],
  [20, true, 0x0d60],
  [21, false, 0],
];

export interface PhyState {
  registers: number[];
}

export function phyReset(): PhyState {
  const registers = new Array<number>(32).fill(0);
  for (const [register, , value] of REGISTERS) registers[register] = value;
  return { registers };
}

export const hasLoopback = ({ registers }: PhyState): boolean =>
  ((registers[BMCR] as number) & LOOPBACK) !== 0;

export function setLink({ registers }: PhyState, up: boolean): void {
  const status = registers[BMSR] as number;
  registers[BMSR] = up ? status | LINK : status & ~(LINK | COMPLETE);
  if (!up) registers[ANLPAR] = (registers[ANLPAR] as number) & ~ACKNOWLEDGED;
}

export function completeNegotiation(s: PhyState): void {
  setLink(s, true);
  s.registers[BMSR] = (s.registers[BMSR] as number) | COMPLETE;
  s.registers[ANLPAR] = (s.registers[ANLPAR] as number) | ACKNOWLEDGED;
}

/** A write of MDIC, and what it reads from then on; `negotiate` starts a negotiation. */
export function accessPhy(
  s: PhyState,
  value: number,
  before: number,
  negotiate: () => void,
): number {
  if (((value >>> PHY_SHIFT) & 31) !== PHY_NUMBER) return (before | ERROR | READY) >>> 0;
  const number = (value >>> REGISTER_SHIFT) & 31;
  const known = REGISTERS.find(([register]) => register === number);
  let result = value;
  if (value & READ) {
    if (known === undefined) result |= ERROR;
    else result = ((value & ~0xffff) | (s.registers[number] as number)) >>> 0;
  } else if (value & WRITE) {
    const data = value & 0xffff;
    if (known === undefined || !known[1]) result |= ERROR;
    else if (number !== BMCR) s.registers[number] = data;
    else {
      s.registers[BMCR] = data & BMCR_KEPT;
      if ((data & (RESTART | NEGOTIATES)) === (RESTART | NEGOTIATES)) negotiate();
    }
  }
  return (result | READY) >>> 0;
}
