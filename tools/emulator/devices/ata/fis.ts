// Frame information structures of Serial ATA (Serial ATA 2.6, 10.3) between an AHCI adapter and a device: a command
// from its table into the task file, and what the device says into the memory where the guest receives it.

import type { TaskFile } from "./task-file.ts";

const REGISTER_H2D = 0x27;
const REGISTER_D2H = 0x34;
const DMA_SETUP = 0x41;
const PIO_SETUP = 0x5f;
const SET_DEVICE_BITS = 0xa1;

const IS_COMMAND = 0x80;
const INTERRUPT = 0x40;
const TO_HOST = 0x20;

/** Device control register: the device is in reset. */
const SRST = 0x04;

/** Bytes of a command FIS that mean something. */
export const COMMAND_FIS_BYTES = 20;

/** Where in the received FIS area each goes (AHCI 1.3.1, 4.2.1), and its bytes. */
export const RECEIVED = {
  dmaSetup: 0x00,
  pioSetup: 0x20,
  register: 0x40,
  deviceBits: 0x58,
} as const;

export type HostFis =
  | { kind: "command"; opcode: number }
  /** The device control register alone. */
  | { kind: "control"; reset: boolean };

/** What a FIS from the host says, the registers in `to`; undefined for one that no device understands. */
export function decodeHostFis(fis: Uint8Array, to: TaskFile): HostFis | undefined {
  const b = (at: number): number => fis[at] as number;
  if (b(0) !== REGISTER_H2D) return undefined;
  if (!(b(1) & IS_COMMAND)) return { kind: "control", reset: (b(15) & SRST) !== 0 };
  to.features = b(3) | (b(11) << 8);
  to.lbaLow = b(4) | (b(8) << 8);
  to.lbaMid = b(5) | (b(9) << 8);
  to.lbaHigh = b(6) | (b(10) << 8);
  to.device = b(7);
  to.count = b(12) | (b(13) << 8);
  return { kind: "command", opcode: b(2) };
}

function registers(r: TaskFile, type: number, flags: number): Uint8Array {
  const low = [r.lbaLow, r.lbaMid, r.lbaHigh];
  const fis = new Uint8Array(20);
  fis.set([type, flags, r.status, r.error, ...low.map((v) => v & 0xff), r.device]);
  fis.set([...low.map((v) => v >> 8), 0, r.count & 0xff, r.count >> 8], 8);
  return fis;
}

export const registerFis = (r: TaskFile, interrupt: boolean): Uint8Array =>
  registers(r, REGISTER_D2H, interrupt ? INTERRUPT : 0);

/** `before` is the status while data move, `r.status` that behind them. */
export function pioSetupFis(
  r: TaskFile,
  before: number,
  toHost: boolean,
  interrupt: boolean,
  bytes: number,
): Uint8Array {
  const fis = registers(
    { ...r, status: before },
    PIO_SETUP,
    (interrupt ? INTERRUPT : 0) | (toHost ? TO_HOST : 0),
  );
  fis[15] = r.status;
  fis.set([bytes & 0xff, (bytes >> 8) & 0xff], 16);
  return fis;
}

export function dmaSetupFis(tag: number, toHost: boolean, bytes: number): Uint8Array {
  const fis = new Uint8Array(28);
  const view = new DataView(fis.buffer);
  fis.set([DMA_SETUP, toHost ? TO_HOST : 0]);
  view.setUint32(4, tag, true);
  view.setUint32(20, bytes, true);
  return fis;
}

/** Bits 6:4 and 2:0 of the status, the error, and the tags that are done. */
export function deviceBitsFis(r: TaskFile, done: number): Uint8Array {
  const fis = new Uint8Array(8);
  fis.set([SET_DEVICE_BITS, INTERRUPT, r.status & 0x77, r.error]);
  new DataView(fis.buffer).setUint32(4, done, true);
  return fis;
}
