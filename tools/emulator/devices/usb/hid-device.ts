// What keyboards, mice and tablets on USB have in common: the requests of the human interface class (HID 1.11, 7) and one
// interrupt endpoint with reports, each of which is sent once, and again where the host has set an idle time.

import {
  type Answer,
  type Descriptors,
  type Setup,
  UsbDevice,
  type UsbDeviceState,
} from "./usb-device.ts";

const IN = 0x81;
const HID = 0x21;
const REPORT = 0x22;
const TO_HOST = 0x80;
/** Of a report that is read or written (7.2.1). */
const [INPUT, OUTPUT] = [1, 2];
const REQUEST = {
  getReport: 0x01,
  getIdle: 0x02,
  getProtocol: 0x03,
  setReport: 0x09,
  setIdle: 0x0a,
  setProtocol: 0x0b,
} as const;
/** Unit of idle times, ns. */
const IDLE_UNIT = 4_000_000;
const NOTHING = new Uint8Array(0);
/** Things that a user has done and that wait for a host; what happens while so many do is told with the last one. */
export const MOST_WAITING = 16;

export interface HidState extends UsbDeviceState {
  /** 0 boot, 1 report (7.2.6). */
  protocol: number;
  /** Units until a report is sent again; 0 for never. */
  idle: number;
  /** What was sent last. */
  last: number[];
  /** Virtual time at which `last` is sent again, ns; -1 for never. */
  again: number;
}

export interface HidKind {
  product: string;
  /** Interface subclass 1 and its protocol where the BIOS can use it: 1 keyboard, 2 mouse (4.2, 4.3). */
  boot: 0 | 1 | 2;
  /** The report descriptor (6.2.2). */
  reports: readonly number[];
  reportBytes: number;
  /** Microframes between questions, as 2^(interval - 1). */
  interval: number;
}

/** High speed, one interrupt endpoint; IDs as QEMU's have them. */
function descriptors({ product, boot, reports, reportBytes, interval }: HidKind): Descriptors {
  return {
    device: [18, 1, 0, 2, 0, 0, 0, 64, 0x27, 0x06, 1, 0, 0, 0, 1, 2, 3, 1],
    configuration: [
      ...[9, 2, 34, 0, 1, 1, 0, 0xa0, 50],
      ...[9, 4, 0, 0, 1, 3, boot === 0 ? 0 : 1, boot, 0],
      ...hidDescriptor(reports),
      ...[7, 5, IN, 3, reportBytes, 0, interval],
    ],
    strings: ["Trihedron", product, "1"],
  };
}

const hidDescriptor = (reports: readonly number[]): number[] => [
  ...[9, HID, 0x11, 1, 0, 1, REPORT, reports.length & 0xff, reports.length >> 8],
];

export abstract class HidDevice<State extends HidState = HidState> extends UsbDevice {
  abstract override state: State;
  protected readonly descriptors: Descriptors;
  readonly #kind: HidKind;
  readonly #now: () => number;

  /** `now` is virtual time, ns. */
  constructor(kind: HidKind, now: () => number) {
    super();
    this.#kind = kind;
    this.#now = now;
    this.descriptors = descriptors(kind);
  }

  protected freshHid(): HidState {
    const idle = { protocol: 1, idle: 0, again: -1 };
    const last = new Array<number>(this.#kind.reportBytes).fill(0);
    return { configuration: 0, halted: [], ...idle, last };
  }

  /** A host uses it: what the user does reaches it. */
  get isUsed(): boolean {
    return this.state.configuration !== 0;
  }

  /** Virtual time at which there is something to send without the user, ns; -1 for never. */
  override get again(): number {
    return this.state.again;
  }

  /** Takes the next report that has not been sent. */
  protected abstract nextReport(): number[] | undefined;
  /** The report that says how things are now. */
  protected abstract current(): number[];
  /** Bytes of a report in the boot protocol (appendix B). */
  protected abstract readonly bootBytes: number;
  /** What the host writes: a keyboard's lights. */
  protected output(_bytes: Uint8Array): void {}

  protected sent(endpoint: number, length: number): Answer {
    if (endpoint !== IN) return "stall";
    const s = this.state;
    const now = this.#now();
    const isDue = s.again >= 0 && now >= s.again;
    const report = this.nextReport() ?? (isDue ? s.last : undefined);
    if (report === undefined) return "nak";
    s.last = report;
    s.again = s.idle === 0 ? -1 : now + s.idle * IDLE_UNIT;
    const bytes = s.protocol === 0 ? report.slice(0, this.bootBytes) : report;
    return Uint8Array.from(bytes).subarray(0, length);
  }

  protected received(): boolean {
    return false;
  }

  protected override classDescriptor(type: number): Answer {
    if (type === REPORT) return Uint8Array.from(this.#kind.reports);
    if (type === HID) return Uint8Array.from(hidDescriptor(this.#kind.reports));
    return "stall";
  }

  protected classRequest({ requestType, request, value }: Setup, data: Uint8Array): Answer {
    const s = this.state;
    const [kind, id] = [value >> 8, value & 0xff];
    if (requestType & TO_HOST) {
      switch (request) {
        case REQUEST.getReport:
          return kind === INPUT && id === 0 ? Uint8Array.from(this.current()) : "stall";
        case REQUEST.getIdle:
          return id === 0 ? Uint8Array.of(s.idle) : "stall";
        case REQUEST.getProtocol:
          return this.#kind.boot === 0 ? "stall" : Uint8Array.of(s.protocol);
      }
      return "stall";
    }
    switch (request) {
      case REQUEST.setReport:
        if (kind !== OUTPUT) return "stall";
        this.output(data);
        return NOTHING;
      case REQUEST.setIdle:
        s.idle = kind;
        s.again = kind === 0 ? -1 : this.#now() + kind * IDLE_UNIT;
        return NOTHING;
      case REQUEST.setProtocol:
        if (this.#kind.boot === 0 || value > 1) return "stall";
        s.protocol = value;
        return NOTHING;
    }
    return "stall";
  }
}
