// A stick, or a CD drive on USB: Universal Serial Bus Mass Storage Class, Bulk-Only Transport, revision 1.0. One unit, no
// queue; a command that is not one halts both endpoints until the host resets the transport (6.6.1).

import type { Disk } from "../../media/disk.ts";
import { ScsiDisk, type ScsiState } from "./scsi-disk.ts";
import {
  type Answer,
  type Descriptors,
  type Setup,
  UsbDevice,
  type UsbDeviceState,
} from "./usb-device.ts";

const IN = 0x81;
const OUT = 0x02;
const COMMAND_BYTES = 31;
const COMMAND_SIGNATURE = 0x43425355;
const STATUS_BYTES = 13;
const STATUS_SIGNATURE = 0x53425355;
const FROM_DEVICE = 0x80;
const MAX_BLOCK = 16;

/** bCSWStatus (table 5.3). */
const PASSED = 0;
const FAILED = 1;
const PHASE_ERROR = 2;

const RESET = { requestType: 0x21, request: 0xff } as const;
const GET_MAX_LUN = { requestType: 0xa1, request: 0xfe } as const;
const NOTHING = new Uint8Array(0);

interface StorageState extends UsbDeviceState {
  phase: "command" | "in" | "out" | "status" | "invalid";
  tag: number;
  /** Bytes that the host still expects to move. */
  left: number;
  status: number;
  scsi: ScsiState;
}

/** USB 2.0, mass storage by SCSI commands over bulk endpoints of 512 bytes; IDs as QEMU's usb-storage has them. */
function descriptors(serial: string): Descriptors {
  return {
    device: [18, 1, 0, 2, 0, 0, 0, 64, 0xf4, 0x46, 1, 0, 0, 1, 1, 2, 3, 1],
    configuration: [
      ...[9, 2, 32, 0, 1, 1, 0, 0xc0, 0],
      ...[9, 4, 0, 0, 2, 8, 6, 0x50, 0],
      ...[7, 5, IN, 2, 0, 2, 0],
      ...[7, 5, OUT, 2, 0, 2, 0],
    ],
    strings: ["Trihedron", "USB storage", serial],
  };
}

export class MassStorage extends UsbDevice {
  state: StorageState;
  protected readonly descriptors: Descriptors;
  readonly #scsi: ScsiDisk;

  constructor(disk: Disk, serial: string) {
    super();
    this.descriptors = descriptors(serial);
    this.#scsi = new ScsiDisk(disk, serial);
    this.state = this.#fresh();
  }

  #fresh(): StorageState {
    const idle = { phase: "command" as const, tag: 0, left: 0, status: PASSED };
    return { configuration: 0, halted: [], ...idle, scsi: this.#scsi.state };
  }

  reset(): void {
    this.#scsi.state.moving = null;
    this.state = this.#fresh();
  }

  override restored(): void {
    this.#scsi.state = this.state.scsi;
  }

  protected classRequest(setup: Setup, _data: Uint8Array): Answer {
    const is = (other: { requestType: number; request: number }): boolean =>
      setup.requestType === other.requestType && setup.request === other.request;
    if (is(GET_MAX_LUN)) return Uint8Array.of(0);
    if (!is(RESET)) return "stall";
    this.state.phase = "command";
    return NOTHING;
  }

  protected received(endpoint: number, bytes: Uint8Array): boolean {
    if (endpoint !== OUT) return false;
    const s = this.state;
    if (s.phase === "command") return this.#command(bytes);
    if (s.phase !== "out") return false;
    const wanted = this.#scsi.state.moving;
    const part = bytes.subarray(0, Math.min(s.left, wanted?.toHost === false ? wanted.left : 0));
    if (part.length > 0 && !this.#scsi.write(part)) s.status = FAILED;
    s.left = Math.max(0, s.left - bytes.length);
    if (s.left === 0) s.phase = "status";
    return true;
  }

  #command(bytes: Uint8Array): boolean {
    const s = this.state;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const isCommand =
      bytes.length === COMMAND_BYTES && view.getUint32(0, true) === COMMAND_SIGNATURE;
    const length = isCommand ? view.getUint8(14) : 0;
    if (!isCommand || length === 0 || length > MAX_BLOCK || view.getUint8(13) !== 0) {
      s.phase = "invalid";
      return false;
    }
    s.tag = view.getUint32(4, true);
    s.left = view.getUint32(8, true);
    const fromDevice = (view.getUint8(12) & FROM_DEVICE) !== 0;
    s.status = this.#scsi.command(bytes.slice(15, 15 + length)) ? PASSED : FAILED;
    const { moving } = this.#scsi.state;
    // The host and the device disagree about the way (6.7).
    const wanted = moving?.left ?? 0;
    if (wanted > s.left || (wanted > 0 && moving?.toHost !== fromDevice)) s.status = PHASE_ERROR;
    s.phase = s.left === 0 ? "status" : fromDevice ? "in" : "out";
    return true;
  }

  protected sent(endpoint: number, length: number): Answer {
    const s = this.state;
    if (endpoint !== IN || s.phase === "invalid") return "stall";
    if (s.phase === "in") return this.#data(length);
    if (s.phase !== "status") return "nak";
    const bytes = new Uint8Array(STATUS_BYTES);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, STATUS_SIGNATURE, true);
    view.setUint32(4, s.tag, true);
    view.setUint32(8, s.left, true);
    view.setUint8(12, s.status);
    s.phase = "command";
    return bytes;
  }

  /** What there is; where that is less than the host asks for, a short packet ends its data (6.7.2). */
  #data(length: number): Answer {
    const s = this.state;
    const { moving } = this.#scsi.state;
    const whole = moving && { ...moving };
    const parts: Uint8Array[] = [];
    let got = 0;
    while (got < Math.min(length, s.left)) {
      const part = this.#scsi.read(Math.min(length, s.left) - got, () => this.wake());
      if (part === undefined && this.#scsi.state.moving !== null) {
        // The machine stops, and the host asks again.
        this.#scsi.state.moving = whole;
        return "nak";
      }
      if (part === undefined) s.status = FAILED;
      if (part === undefined || part.length === 0) break;
      parts.push(part);
      got += part.length;
    }
    s.left -= got;
    if (s.left === 0 || got < length) s.phase = "status";
    const [only] = parts;
    if (parts.length === 1 && only !== undefined) return only;
    const bytes = new Uint8Array(got);
    let at = 0;
    for (const part of parts) {
      bytes.set(part, at);
      at += part.length;
    }
    return bytes;
  }
}
