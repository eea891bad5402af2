// The PHY behind MDIC of the controllers of this family (Intel 317453, 8 and 13.4.6; 82574 datasheet, 8 and 10.2.2.7; IEEE
// 802.3, 22.2.4): registers, and an auto-negotiation with a partner that can do everything.

import * as R from "./e1000-registers.ts";
import type { RegisterFile } from "./register-file.ts";

/** How long an auto-negotiation takes, ns; what QEMU's does. */
export const NEGOTIATION_NS = 500_000_000;

/** MDIC (13.4.6). */
const REGISTER_SHIFT = 16;
const PHY_SHIFT = 21;
const PHY_NUMBER = 1;
const WRITE = 0x0400_0000;
const READ = 0x0800_0000;
const READY = 0x1000_0000;
export const MDIC_INTERRUPT = 0x2000_0000;
const ERROR = 0x4000_0000;

/** Registers of a page. */
const PAGE = 32;
/** The highest of those that every page has, besides the one that chooses a page. */
const LAST_COMMON = 15;

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

export interface PhyRegister {
  /** 32 × page + register. */
  readonly number: number;
  readonly isWritable: boolean;
  /** After a reset. */
  readonly value: number;
}

export interface PhyModel {
  readonly registers: readonly PhyRegister[];
  readonly pages: number;
  /** The register whose lower seven bits choose the page. */
  readonly pageSelect?: number;
  /** A register with a bit that starts a negotiation and clears itself. */
  readonly restart?: { readonly register: number; readonly bit: number };
}

const row = (number: number, isWritable: boolean, value: number): PhyRegister => ({
  number,
  isWritable,
  value,
});

/** The 88E1000 core of an 82540EM (8.3). */
export const PHY_82540EM: PhyModel = {
  pages: 1,
  registers: [
    row(BMCR, true, 0x1140),
    row(BMSR, false, 0x794d),
    row(2, false, 0x0141),
    row(3, false, 0x0c20),
    row(4, true, 0x0de1),
    row(ANLPAR, false, 0x01e0),
    row(6, false, 0),
    row(9, true, 0x0e00),
    row(10, false, 0x3c00),
    row(16, true, 0x0360),
    row(17, false, 0xac00),
    row(20, true, 0x0d60),
    row(21, false, 0),
  ],
};

const PAGE_SELECT = 22;
const page = (number: number, register: number): number => PAGE * number + register;

/** The BM core of an 82574L (82574 datasheet, 8.2): pages for copper, MAC, LEDs, skews and counters. */
export const PHY_82574L: PhyModel = {
  pages: 7,
  pageSelect: PAGE_SELECT,
  // OEM bits: 1000BASE-T negotiates anew.
  restart: { register: 25, bit: 0x0400 },
  registers: [
    row(BMCR, true, 0x1140),
    row(BMSR, false, 0x794d),
    row(2, false, 0x0141),
    row(3, false, 0x0cb1),
    row(4, true, 0x0de1),
    row(ANLPAR, false, 0x07e0),
    row(6, false, 0x0004),
    row(7, true, 0x2001),
    row(8, false, 0),
    row(9, true, 0x0f00),
    row(10, false, 0x3c00),
    row(15, false, 0x3000),
    row(PAGE_SELECT, true, 0),
    row(16, true, 0x3360),
    row(17, false, 0xac08),
    row(18, true, 0),
    row(19, false, 0),
    row(20, true, 0),
    row(21, false, 0),
    row(25, true, 0),
    row(26, true, 0),
    row(29, true, 0),
    row(30, true, 0),
    row(page(2, 16), true, 0x0088),
    row(page(2, 18), true, 0),
    row(page(2, 19), false, 0),
    row(page(2, 21), true, 0x1046),
    row(page(3, 16), true, 0),
    row(page(3, 17), true, 0),
    row(page(3, 18), true, 0x4005),
    row(page(3, 19), true, 0),
    row(page(5, 20), false, 0),
    row(page(5, 21), false, 0),
    row(page(6, 17), false, 0),
  ],
};

export interface PhyState {
  registers: number[];
}

export function phyReset(model: PhyModel): PhyState {
  const registers = new Array<number>(PAGE * model.pages).fill(0);
  for (const { number, value } of model.registers) registers[number] = value;
  return { registers };
}

export const hasLoopback = ({ registers }: PhyState): boolean =>
  ((registers[BMCR] as number) & LOOPBACK) !== 0;

function setLink({ registers }: PhyState, up: boolean): void {
  const status = registers[BMSR] as number;
  registers[BMSR] = up ? status | LINK : status & ~(LINK | COMPLETE);
  if (!up) registers[ANLPAR] = (registers[ANLPAR] as number) & ~ACKNOWLEDGED;
}

/** The link is down, in the controller's registers too, while it is negotiated or there is no cable. */
export function beginNegotiation(registers: RegisterFile, s: PhyState): void {
  registers.set(R.STATUS, registers.get(R.STATUS) & ~R.STATUS_LINK_UP);
  setLink(s, false);
}

/** The link is up as it is, without a negotiation. */
function raiseLink(registers: RegisterFile, s: PhyState): void {
  registers.set(R.STATUS, registers.get(R.STATUS) | R.STATUS_LINK_UP);
  setLink(s, true);
}

export const negotiates = ({ registers }: PhyState): boolean =>
  ((registers[BMCR] as number) & NEGOTIATES) !== 0;

export function completeNegotiation(registers: RegisterFile, s: PhyState): void {
  raiseLink(registers, s);
  s.registers[BMSR] = (s.registers[BMSR] as number) | COMPLETE;
  s.registers[ANLPAR] = (s.registers[ANLPAR] as number) | ACKNOWLEDGED;
}

/** The cable is in, or out: the link is what it makes of it at once. True where that is a change. */
export function moveCable(registers: RegisterFile, s: PhyState, isIn: boolean): boolean {
  const before = registers.get(R.STATUS);
  if (isIn) raiseLink(registers, s);
  else beginNegotiation(registers, s);
  return registers.get(R.STATUS) !== before;
}

/** Number of the register that MDIC's five bits mean on the page that is chosen. */
function numberOf({ pageSelect }: PhyModel, s: PhyState, register: number): number {
  if (pageSelect === undefined || register <= LAST_COMMON || register === pageSelect)
    return register;
  return PAGE * (s.registers[pageSelect] as number) + register;
}

function writePhy(
  model: PhyModel,
  s: PhyState,
  number: number,
  data: number,
  negotiate: () => void,
): void {
  if (number === BMCR) {
    s.registers[BMCR] = data & BMCR_KEPT;
    if ((data & (RESTART | NEGOTIATES)) === (RESTART | NEGOTIATES)) negotiate();
  } else if (number === model.pageSelect) s.registers[number] = data & 0x7f;
  else if (number === model.restart?.register) {
    s.registers[number] = data & ~model.restart.bit;
    if (data & model.restart.bit) negotiate();
  } else s.registers[number] = data;
}

/** A write of MDIC, and what it reads from then on; `negotiate` starts a negotiation. */
export function accessPhy(
  model: PhyModel,
  s: PhyState,
  value: number,
  before: number,
  negotiate: () => void,
): number {
  if (((value >>> PHY_SHIFT) & 31) !== PHY_NUMBER) return (before | ERROR | READY) >>> 0;
  const number = numberOf(model, s, (value >>> REGISTER_SHIFT) & 31);
  const known = model.registers.find((register) => register.number === number);
  let result = value;
  if (value & READ) {
    if (known === undefined) result |= ERROR;
    else result = ((value & ~0xffff) | (s.registers[number] as number)) >>> 0;
  } else if (value & WRITE) {
    if (known === undefined || !known.isWritable) result |= ERROR;
    else writePhy(model, s, number, value & 0xffff, negotiate);
  }
  return (result | READY) >>> 0;
}
