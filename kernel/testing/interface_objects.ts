// What the interface's probe works with: selectors of its objects, addresses, devices of QEMU's q35.

import * as abi from "../abi.ts";
import { crd } from "./crd.ts";

export const PD = abi.ROOT_SEL_PD;
export const SC = abi.ROOT_SEL_SC;

// --- Selectors of what the calls are made on ---
export const SEM = 0x200;
export const SEM_UP = 0x201;
export const SEM_DOWN = 0x202;
/** What is delegated and revoked. */
export const SOURCE = 0x203;
/** Nobody ever ups it: threads sleep here. */
export const SLEEP = 0x204;
export const GLOBAL_EC = 0x210;
export const LOCAL_EC = 0x211;
export const EC_CTRL = 0x212;
export const EC_SC = 0x213;
export const EC_PT = 0x214;
export const REMOTE_EC = 0x216;
export const RETRY_EC = 0x217;
export const PORTAL = 0x220;
export const PORTAL_CTRL = 0x221;
export const PORTAL_CALL = 0x222;
export const REMOTE_PORTAL = 0x223;
export const RETRY_PORTAL = 0x224;
export const CHILD = 0x240;
export const CHILD_EC = 0x241;
export const CHILD_GO = 0x243;
export const CHILD_DONE = 0x244;
export const FOREIGN = 0x248;
export const BOUND = 0x250;
export const SIGNAL_A = 0x251;
export const SIGNAL_B = 0x252;
export const RETRY_SEM = 0x253;
export const REVOKED_SEM = 0x254;
export const WORKER_EC = 0x260;
export const WORKER_GO = 0x262;
export const WORKER_DONE = 0x263;
/** Interrupt semaphores: this and the GSI. */
export const INTERRUPT = 0x300;
/** New objects of the calls under test. */
export const NEW = 0x400;
export const NOTHING = 0x999;
export const LAST = abi.NUM_SELECTORS - 1;
/** Event bases: of sleepers, of the worker, of the foreign EC. */
export const SLEEPER_EVENTS = 0x700;
export const WORKER_EVENTS = 0x740;
export const FOREIGN_EVENTS = 0x100;
export const FOREIGN_BASE = 64;

export const HIP = abi.USER_ADDR - abi.PAGE_SIZE;
export const HANDLER_UTCB = 0x2000_0000;
export const WORKER_UTCB = 0x2000_1000;
export const CHILD_UTCB = 0x2000_2000;
export const RETRY_UTCB = 0x2000_3000;
export const FOREIGN_UTCB = 0x2000_4000;
export const CONFIG_PAGE = 0x3100_0000;
export const HPET_PAGE = 0x3100_1000;
export const RAM_PAGE = 0x3100_2000;
/** On QEMU's q35: PCI configuration space, HPET, RAM that nobody uses. */
export const MCFG = 0xb000_0000;
export const HPET = 0xfed0_0000;
export const RAM = 0xc00_0000;
/** GSIs there: a pin that no device uses, a number beyond the pins, the PIT's pin. */
export const PIN = 7;
export const MESSAGE = 30;
export const PIT = 2;
export const INTERRUPT_VALUE = 0x1177;

export const HIGH_PRIORITY = 2;
export const qpd = (priority: number, quantum: bigint | number = 10_000) =>
  (BigInt(quantum) << BigInt(abi.QPD_QUANTUM_SHIFT)) | BigInt(priority);
export const obj = (base: bigint | number, order = 0, attr = 0x1f) =>
  crd(abi.CRD_OBJ, base, order, attr);
export const port = (base: number, order = 0, attr = 0x1f) => crd(abi.CRD_PIO, base, order, attr);
export const mem = (base: bigint | number, order = 0, attr = 0x1f) =>
  crd(abi.CRD_MEM, base, order, attr);
export const FROM_KERNEL = BigInt(abi.XFER_DELEGATE | abi.XFER_FROM_KERNEL);
/** A deadline that has passed: such a `down` never waits. */
export const PAST = 1;
