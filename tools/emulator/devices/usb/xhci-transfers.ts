// Transfers of one endpoint (xHCI 1.1, 4.10 and 4.11): a transfer descriptor at a time is taken from its ring, moved to
// or from the device, and told of by events.

import type { GuestMemory } from "../device.ts";
import { highOf, type RingState, type Trb, takeTrb, typeOf } from "./trb-ring.ts";
import type { Answer, Setup, UsbDevice } from "./usb-device.ts";
import {
  CODE,
  EP,
  EP_TYPE,
  TRB,
  TRB_CHAIN,
  TRB_IMMEDIATE,
  TRB_IOC,
  TRB_LENGTH,
  TRB_SHORT,
  TRB_TO_HOST,
} from "./xhci-registers.ts";

export interface EndpointState extends RingState {
  state: number;
  /** EP_TYPE. */
  type: number;
  /** Setup packet of the control transfer in progress. */
  setup: Setup | null;
  /** What its data stage has brought for the device. */
  data: Uint8Array;
}

/** What an endpoint's transfers need of the controller. */
export interface TransferHost {
  readonly memory: GuestMemory;
  /** A transfer event: the TRB it is about, completion code, bytes that have not been moved. */
  event(parameter: Pick<Trb, "low" | "high">, code: number, rest: number, isData: boolean): void;
}

/** How a transfer descriptor went: it is done; nothing is there to be done; the device is not ready; the endpoint is halted. */
export type Outcome = "done" | "empty" | "waiting" | "halted" | "fault";

/** More than a driver chains: 64 KiB each. */
const MAX_CHAIN = 512;
const MAX_PACKET_DATA = 0x1_0000;
const NOTHING = new Uint8Array(0);

/** Number of an endpoint, 1 to 31, as doorbells and contexts have it: 2 × number + 1 if it is IN. */
export const usbAddress = (id: number): number => (id >> 1) | (id & 1 ? 0x80 : 0);

const lengthOf = (trb: Trb): number => Math.min(trb.status & TRB_LENGTH, MAX_PACKET_DATA);

const carriesData = (trb: Trb): boolean => {
  const type = typeOf(trb);
  return type === TRB.normal || type === TRB.data;
};

/** Bytes that a transfer descriptor has room for. */
const totalOf = (trbs: readonly Trb[]): number =>
  trbs.filter(carriesData).reduce((sum, trb) => sum + lengthOf(trb), 0);

/** Where a TRB is, as events tell it. */
const placeOf = ({ at }: Trb): Pick<Trb, "low" | "high"> => ({ low: at >>> 0, high: highOf(at) });

export class Transfers {
  readonly #device: UsbDevice;
  readonly #id: number;
  readonly #endpoint: EndpointState;
  readonly #host: TransferHost;
  /** Bytes moved. */
  moved = 0;

  constructor(device: UsbDevice, id: number, endpoint: EndpointState, host: TransferHost) {
    this.#device = device;
    this.#id = id;
    this.#endpoint = endpoint;
    this.#host = host;
  }

  /** Does the next transfer descriptor. Where it is not done, the ring stays at it. */
  next(): Outcome {
    const endpoint = this.#endpoint;
    const ring: RingState = { at: endpoint.at, cycle: endpoint.cycle };
    const trbs: Trb[] = [];
    for (;;) {
      const trb = takeTrb(this.#host.memory, ring);
      if (trb === undefined) return "empty";
      if (trb === "fault" || trbs.length === MAX_CHAIN) return "fault";
      trbs.push(trb);
      if (!(trb.control & TRB_CHAIN)) break;
    }
    const outcome = this.#perform(trbs);
    if (outcome === "done" || outcome === "halted") {
      endpoint.at = outcome === "done" ? ring.at : (trbs[0] as Trb).at;
      if (outcome === "done") endpoint.cycle = ring.cycle;
    }
    return outcome;
  }

  #perform(trbs: readonly Trb[]): Outcome {
    const { type } = this.#endpoint;
    if (typeOf(trbs[0] as Trb) === TRB.noOp) return this.#told(trbs, 0, 0);
    if (type === EP_TYPE.control) return this.#control(trbs);
    if (type === EP_TYPE.bulkIn || type === EP_TYPE.interruptIn) {
      const length = totalOf(trbs);
      return this.#toHost(trbs, this.#device.dataIn(usbAddress(this.#id), length));
    }
    const bytes = this.#gather(trbs);
    if (bytes === undefined) return "fault";
    if (!this.#device.dataOut(usbAddress(this.#id), bytes)) return this.#stall(trbs);
    return this.#told(trbs, bytes.length, bytes.length);
  }

  #stall(trbs: readonly Trb[]): Outcome {
    this.#endpoint.state = EP.halted;
    const first = trbs[0] as Trb;
    this.#host.event(placeOf(first), CODE.stall, lengthOf(first), false);
    return "halted";
  }

  /** What the host sends, from the places that its TRBs name. */
  #gather(trbs: readonly Trb[]): Uint8Array | undefined {
    const parts = trbs.filter(carriesData).map((trb) => {
      const length = lengthOf(trb);
      if (trb.control & TRB_IMMEDIATE) return immediate(trb).subarray(0, Math.min(8, length));
      const bytes = length === 0 ? NOTHING : this.#host.memory.read(trb.parameter, length);
      return bytes.length === length ? bytes : undefined;
    });
    const all = new Uint8Array(parts.reduce((sum, part) => sum + (part?.length ?? 0), 0));
    let at = 0;
    for (const part of parts) {
      if (part === undefined) return undefined;
      all.set(part, at);
      at += part.length;
    }
    return all;
  }

  /** Puts what the device has sent where its TRBs say. */
  #toHost(trbs: readonly Trb[], answer: Answer): Outcome {
    if (answer === "nak") return "waiting";
    if (answer === "stall") return this.#stall(trbs);
    let at = 0;
    for (const trb of trbs.filter(carriesData)) {
      const part = answer.subarray(at, at + lengthOf(trb));
      if (part.length > 0 && !this.#host.memory.holds(trb.parameter, part.length)) return "fault";
      if (part.length > 0) this.#host.memory.write(trb.parameter, part);
      at += part.length;
    }
    return this.#told(trbs, answer.length, totalOf(trbs));
  }

  /** Tells of a transfer of which `moved` of `length` bytes were moved: at TRBs that ask for it, and once where it was short. */
  #told(trbs: readonly Trb[], moved: number, length: number): Outcome {
    this.moved += moved;
    const short = moved < length;
    let left = moved;
    for (const trb of trbs) {
      const wanted = carriesData(trb) ? lengthOf(trb) : 0;
      const part = Math.min(left, wanted);
      left -= part;
      const isShort = part < wanted;
      if (typeOf(trb) === TRB.eventData) {
        if (trb.control & TRB_IOC)
          this.#host.event(trb, short ? CODE.short : CODE.success, moved, true);
        continue;
      }
      if (trb.control & TRB_IOC || (isShort && trb.control & TRB_SHORT)) {
        this.#host.event(placeOf(trb), isShort ? CODE.short : CODE.success, wanted - part, false);
      }
      // What is behind a short packet is not looked at, but for an event that asks how much there was.
      if (isShort && !trbs.some((t) => typeOf(t) === TRB.eventData)) break;
    }
    return "done";
  }

  /** A stage of a control transfer (4.11.2.2). */
  #control(trbs: readonly Trb[]): Outcome {
    const endpoint = this.#endpoint;
    const first = trbs[0] as Trb;
    switch (typeOf(first)) {
      case TRB.setup: {
        const [low, high] = [first.low, first.high];
        endpoint.setup = {
          requestType: low & 0xff,
          request: (low >>> 8) & 0xff,
          value: low >>> 16,
          index: high & 0xffff,
          length: high >>> 16,
        };
        endpoint.data = NOTHING;
        return this.#told(trbs, 0, 0);
      }
      case TRB.data: {
        if (endpoint.setup === null) return "fault";
        if (first.control & TRB_TO_HOST) {
          const answer = this.#device.control(endpoint.setup, NOTHING);
          endpoint.setup = null;
          const length = totalOf(trbs);
          return this.#toHost(
            trbs,
            typeof answer === "string" ? answer : answer.subarray(0, length),
          );
        }
        const bytes = this.#gather(trbs);
        if (bytes === undefined) return "fault";
        endpoint.data = bytes;
        return this.#told(trbs, bytes.length, bytes.length);
      }
      case TRB.status: {
        const { setup, data } = endpoint;
        endpoint.setup = null;
        endpoint.data = NOTHING;
        // What has been read is acknowledged; a request that writes, or moves nothing, is made now.
        if (setup !== null && this.#device.control(setup, data) === "stall")
          return this.#stall(trbs);
        return this.#told(trbs, 0, 0);
      }
    }
    return "fault";
  }
}

/** Data that stand in the TRB itself. */
function immediate(trb: Trb): Uint8Array {
  const bytes = new Uint8Array(8);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, trb.low, true);
  view.setUint32(4, trb.high, true);
  return bytes;
}
