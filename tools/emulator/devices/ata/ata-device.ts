// What disks and packet devices have in common: the task file, how a command begins, moves its data and ends. The
// transport (AHCI, a cable) writes the task file, calls `command`, and then moves what `state.transfer` says.

import type { Disk } from "../../media/disk.ts";
import {
  ABRT,
  DRDY,
  DRQ,
  DSC,
  ERR,
  freshTaskFile,
  type TaskFile,
  type Transfer,
} from "./task-file.ts";

export interface DeviceState {
  registers: TaskFile;
  transfer: Transfer | undefined;
  /** What SET FEATURES has chosen: kind of transfer mode << 3 | its number; 8 single word, 0x20 multiword, 0x40 Ultra DMA. */
  dmaMode: number;
  standby: boolean;
}

/** Ultra DMA 5. */
const DEFAULT_DMA_MODE = 0x45;

export const freshDeviceState = (): DeviceState => ({
  registers: freshTaskFile(),
  transfer: undefined,
  dmaMode: DEFAULT_DMA_MODE,
  standby: false,
});

export type Handler = () => void;

export abstract class AtaDevice {
  readonly disk: Disk;
  /** A part of the controller's state. */
  abstract state: DeviceState;
  /** What the device is for a host that looks at its registers after a reset: LBA low, middle, high and count. */
  abstract readonly signature: { readonly lbaMid: number; readonly lbaHigh: number };
  protected abstract readonly statusAfterReset: number;
  protected abstract readonly commands: Readonly<Record<number, Handler>>;

  /** The machine has stopped since the medium could not be read, and goes on: the transport moves the data again. */
  again: () => void = () => {};

  constructor(disk: Disk) {
    this.disk = disk;
  }

  get registers(): TaskFile {
    return this.state.registers;
  }

  /** A packet command waits for its packet. */
  get wantsPacket(): boolean {
    return false;
  }

  /** Takes the packet that is waited for. */
  packet(_bytes: Uint8Array): void {}

  /** Serial ATA: behind data that were moved by PIO to the host come the registers, as packet commands have it. */
  get endsWithRegisters(): boolean {
    return false;
  }

  /** Power-on. */
  abstract powerOn(): void;

  /** A reset by the transport: what is under way ends, and the signature is in the registers. */
  reset(): void {
    this.state.transfer = undefined;
    this.state.standby = false;
    this.showSignature();
    this.registers.error = 1;
    this.registers.status = this.statusAfterReset;
  }

  protected showSignature(): void {
    const r = this.registers;
    r.count = 1;
    r.lbaLow = 1;
    r.lbaMid = this.signature.lbaMid;
    r.lbaHigh = this.signature.lbaHigh;
    r.device &= 0x10;
  }

  /** Performs a command up to the point where its data are moved, or to its end. */
  command(opcode: number): void {
    this.state.transfer = undefined;
    this.registers.error = 0;
    this.registers.status = DRDY | DSC;
    const handler = this.commands[opcode];
    if (handler === undefined) this.fail(ABRT);
    else handler();
  }

  protected fail(error: number, status = 0): void {
    this.state.transfer = undefined;
    this.registers.error = error;
    this.registers.status = DRDY | ERR | status;
  }

  /** Answers with bytes that are no sectors. */
  protected answer(bytes: Uint8Array, dma = false, blockBytes = bytes.length): void {
    this.begin({
      toHost: true,
      dma,
      blockBytes,
      left: bytes.length,
      answer: bytes,
      sector: 0,
      extended: false,
      through: false,
    });
  }

  protected begin(transfer: Transfer): void {
    this.state.transfer = transfer;
    this.registers.status |= DRQ;
  }

  /**
   * The next bytes for the host, at most `limit`; undefined where the medium cannot be read: the command has ended, or, with
   * a transfer that is still there, waits for `again`.
   */
  take(limit: number): Uint8Array | undefined {
    const t = this.state.transfer;
    if (t === undefined) return undefined;
    const length = Math.min(limit, t.left);
    let bytes: Uint8Array | undefined;
    if (t.answer !== undefined) {
      const at = t.answer.length - t.left;
      bytes = t.answer.slice(at, at + length);
    } else bytes = this.readSectors(t, length);
    if (bytes === undefined) return undefined;
    t.left -= bytes.length;
    return bytes;
  }

  /** What has been taken is with the host: after the last of it the command ends. */
  taken(): void {
    if (this.state.transfer?.left === 0) this.finish();
  }

  /** A block of PIO for the host is ready: packet commands say how long it is. */
  presentBlock(_bytes: number): void {}

  /** Takes bytes of the host; false where they cannot be stored: the command has ended. */
  give(bytes: Uint8Array): boolean {
    const t = this.state.transfer;
    if (t === undefined || !this.takeOver(t, bytes)) return false;
    t.left -= bytes.length;
    if (t.left === 0) this.finish();
    return true;
  }

  /** All data have been moved. */
  protected finish(): void {
    this.state.transfer = undefined;
    this.registers.status = DRDY | DSC;
  }

  /** The transport cannot go on with the data: the command is aborted. */
  abort(): void {
    this.fail(ABRT);
  }

  /** Whole sectors of at most `length` bytes; undefined where `fail` has been called, or `again` will be. */
  protected abstract readSectors(transfer: Transfer, length: number): Uint8Array | undefined;
  protected abstract takeOver(transfer: Transfer, bytes: Uint8Array): boolean;

  /** Features 03h of SET FEATURES: the transfer mode in the count register (ATA8-ACS, 7.48.5); false if there is none. */
  protected setTransferMode(value: number): boolean {
    const kind = value >> 3;
    const mode = value & 7;
    if (kind === 0) return mode <= 1;
    if (kind === 1) return mode <= 4;
    const most = { 2: 2, 4: 2, 8: 5 }[kind];
    if (most === undefined || mode > most) return false;
    this.state.dmaMode = value;
    return true;
  }
}
