// Device slots of the controller and the commands about them (xHCI 1.1, 4.6): what a host says in input contexts, what the
// controller tells in output contexts, and endpoints with their rings.

import type { GuestMemory } from "../device.ts";
import { address, highOf, type Trb, typeOf } from "./trb-ring.ts";
import type { UsbDevice } from "./usb-device.ts";
import { CODE, CONTEXT_BYTES, EP, SLOT, TRB } from "./xhci-registers.ts";
import type { EndpointState } from "./xhci-transfers.ts";

export const SLOT_COUNT = 32;
const ENDPOINTS = 31;
const BLOCK_SET_ADDRESS = 0x200;
const DECONFIGURE = 0x200;

export interface SlotState {
  enabled: boolean;
  /** Root hub port, from 1 on; 0 until a device is addressed. */
  port: number;
  /** The output device context. */
  context: number;
  /** By endpoint number, 1 to 31. */
  endpoints: Record<number, EndpointState>;
}

const freshSlot = (): SlotState => ({ enabled: false, port: 0, context: 0, endpoints: {} });
export const freshSlots = (): SlotState[] => Array.from({ length: SLOT_COUNT }, freshSlot);

/** What commands need of the controller. */
export interface SlotHost {
  readonly memory: GuestMemory;
  /** The device at a root hub port, if it is there and the port is enabled. */
  deviceAt(port: number): UsbDevice | undefined;
  /** Where the device context base address array is. */
  contexts(): number;
  /** An endpoint that waited for its device is stopped. */
  stopped(slot: number, id: number): void;
}

/** A command's end: its completion code, and the slot it is about. */
interface Completion {
  code: number;
  slot: number;
}

export class Slots {
  state: SlotState[] = freshSlots();
  readonly #host: SlotHost;

  constructor(host: SlotHost) {
    this.#host = host;
  }

  at(slot: number): SlotState | undefined {
    const found = this.state[slot - 1];
    return found?.enabled ? found : undefined;
  }

  /** The slot of the device at a port is gone with it: nothing that it has moves any more. */
  deviceOf(slot: SlotState): UsbDevice | undefined {
    return slot.port === 0 ? undefined : this.#host.deviceAt(slot.port);
  }

  command(trb: Trb): Completion {
    const type = typeOf(trb);
    if (type === TRB.noOpCommand) return { code: CODE.success, slot: 0 };
    if (type === TRB.enableSlot) return this.#enable();
    const number = trb.control >>> 24;
    const slot = this.at(number);
    const code = slot === undefined ? CODE.slotNotEnabled : this.#of(slot, number, type, trb);
    return { code, slot: number };
  }

  #of(slot: SlotState, number: number, type: number, trb: Trb): number {
    const id = (trb.control >>> 16) & 0x1f;
    switch (type) {
      case TRB.disableSlot:
        this.state[number - 1] = freshSlot();
        return CODE.success;
      case TRB.addressDevice:
        return this.#addressDevice(slot, number, trb);
      case TRB.configureEndpoint:
        return this.#configure(slot, trb);
      case TRB.evaluateContext:
        return this.#evaluate(slot, trb);
      case TRB.resetEndpoint:
        return this.#changeEndpoint(slot, id, [EP.halted], (endpoint) => {
          endpoint.state = EP.stopped;
        });
      case TRB.stopEndpoint:
        return this.#changeEndpoint(slot, id, [EP.running], (endpoint) => {
          endpoint.state = EP.stopped;
          this.#host.stopped(number, id);
        });
      case TRB.setDequeue:
        return this.#changeEndpoint(slot, id, [EP.stopped, EP.error], (endpoint) => {
          endpoint.at = address(trb.low & ~15, trb.high);
          endpoint.cycle = trb.low & 1;
          endpoint.setup = null;
        });
      case TRB.resetDevice:
        return this.#resetDevice(slot);
    }
    return CODE.trb;
  }

  #enable(): Completion {
    const free = this.state.findIndex(({ enabled }) => !enabled);
    if (free < 0) return { code: CODE.noSlots, slot: 0 };
    this.state[free] = { ...freshSlot(), enabled: true };
    return { code: CODE.success, slot: free + 1 };
  }

  // ---- Contexts

  #words(at: number): number[] | undefined {
    const bytes = this.#host.memory.read(at, CONTEXT_BYTES);
    if (bytes.length < CONTEXT_BYTES) return undefined;
    const view = new DataView(bytes.buffer, bytes.byteOffset, CONTEXT_BYTES);
    return Array.from({ length: CONTEXT_BYTES / 4 }, (_, i) => view.getUint32(4 * i, true));
  }

  #store(at: number, words: readonly number[]): void {
    const bytes = new Uint8Array(4 * words.length);
    const view = new DataView(bytes.buffer);
    words.forEach((word, i) => {
      view.setUint32(4 * i, word >>> 0, true);
    });
    this.#host.memory.write(at, bytes);
  }

  /** State, device address and what the input context says of a slot, in its output context. */
  #tellSlot(slot: SlotState, words: readonly number[], state: number, usbAddress: number): void {
    const told = words.slice(0, 4);
    told[3] = (state << 27) | usbAddress;
    this.#store(slot.context, told);
  }

  /** An endpoint's state and ring, in its output context. */
  tellEndpoint(slot: SlotState, id: number): void {
    const at = slot.context + id * CONTEXT_BYTES;
    const words = this.#words(at);
    const endpoint = slot.endpoints[id];
    if (words === undefined) return;
    words[0] = ((words[0] ?? 0) & ~7) | (endpoint?.state ?? EP.disabled);
    if (endpoint !== undefined) {
      words[2] = (endpoint.at | endpoint.cycle) >>> 0;
      words[3] = highOf(endpoint.at);
    }
    this.#store(at, words);
  }

  /** Copies an endpoint's input context and has it run. */
  #startEndpoint(slot: SlotState, id: number, words: readonly number[]): void {
    slot.endpoints[id] = {
      state: EP.running,
      type: ((words[1] ?? 0) >>> 3) & 7,
      at: address((words[2] ?? 0) & ~15, words[3] ?? 0),
      cycle: (words[2] ?? 0) & 1,
      setup: null,
      data: new Uint8Array(0),
    };
    this.#store(slot.context + id * CONTEXT_BYTES, words);
    this.tellEndpoint(slot, id);
  }

  #addressDevice(slot: SlotState, number: number, trb: Trb): number {
    const input = address(trb.low & ~15, trb.high);
    const flags = this.#words(input);
    const words = this.#words(input + CONTEXT_BYTES);
    const endpoint = this.#words(input + 2 * CONTEXT_BYTES);
    if (flags === undefined || words === undefined || endpoint === undefined) return CODE.parameter;
    if (((flags[1] ?? 0) & 3) !== 3) return CODE.parameter;
    const port = ((words[1] ?? 0) >>> 16) & 0xff;
    if (this.#host.deviceAt(port) === undefined) return CODE.transaction;
    if (this.state.some((other) => other !== slot && other.enabled && other.port === port))
      return CODE.parameter;
    const pointer = this.#host.memory.read(this.#host.contexts() + 8 * number, 8);
    if (pointer.length < 8) return CODE.parameter;
    const view = new DataView(pointer.buffer, pointer.byteOffset, 8);
    slot.context = address(view.getUint32(0, true) & ~63, view.getUint32(4, true));
    slot.port = port;
    slot.endpoints = {};
    const isBlocked = (trb.control & BLOCK_SET_ADDRESS) !== 0;
    this.#tellSlot(slot, words, isBlocked ? SLOT.default : SLOT.addressed, isBlocked ? 0 : number);
    this.#startEndpoint(slot, 1, endpoint);
    return CODE.success;
  }

  #configure(slot: SlotState, trb: Trb): number {
    const told = this.#words(slot.context);
    if (slot.port === 0 || told === undefined) return CODE.contextState;
    const usbAddress = (told[3] ?? 0) & 0xff;
    if (trb.control & DECONFIGURE) {
      for (let id = 2; id <= ENDPOINTS; id++) this.#disable(slot, id);
      this.#tellSlot(slot, told, SLOT.addressed, usbAddress);
      return CODE.success;
    }
    const input = address(trb.low & ~15, trb.high);
    const [drop = 0, add = 0] = this.#words(input) ?? [];
    const words = this.#words(input + CONTEXT_BYTES);
    // The slot's context is to be there, the default endpoint's is not.
    if (words === undefined || (add & 3) !== 1 || drop & 3) return CODE.parameter;
    for (let id = 2; id <= ENDPOINTS; id++) {
      if ((drop >>> id) & 1) this.#disable(slot, id);
      if (!((add >>> id) & 1)) continue;
      const endpoint = this.#words(input + (id + 1) * CONTEXT_BYTES);
      if (endpoint === undefined) return CODE.parameter;
      this.#startEndpoint(slot, id, endpoint);
    }
    told[0] = ((told[0] ?? 0) & 0x07ff_ffff) | ((words[0] ?? 0) & ~0x07ff_ffff);
    this.#tellSlot(slot, told, SLOT.configured, usbAddress);
    return CODE.success;
  }

  #disable(slot: SlotState, id: number): void {
    if (slot.endpoints[id] === undefined) return;
    delete slot.endpoints[id];
    this.tellEndpoint(slot, id);
  }

  /** What may change while a device is in use: its exit latency and interrupter, and the default endpoint's packet size. */
  #evaluate(slot: SlotState, trb: Trb): number {
    const told = this.#words(slot.context);
    if (slot.port === 0 || told === undefined) return CODE.contextState;
    const input = address(trb.low & ~15, trb.high);
    const [, add = 0] = this.#words(input) ?? [];
    if (add & 1) {
      const words = this.#words(input + CONTEXT_BYTES);
      if (words === undefined) return CODE.parameter;
      told[1] = ((told[1] ?? 0) & ~0xffff) | ((words[1] ?? 0) & 0xffff);
      told[2] = ((told[2] ?? 0) & 0x003f_ffff) | ((words[2] ?? 0) & ~0x003f_ffff);
      this.#store(slot.context, told);
    }
    if (add & 2) {
      const words = this.#words(input + 2 * CONTEXT_BYTES);
      const at = slot.context + CONTEXT_BYTES;
      const present = this.#words(at);
      if (words === undefined || present === undefined) return CODE.parameter;
      present[1] = ((present[1] ?? 0) & 0xffff) | ((words[1] ?? 0) & ~0xffff);
      this.#store(at, present);
    }
    return CODE.success;
  }

  /** Changes an endpoint that is in one of some states. */
  #changeEndpoint(
    slot: SlotState,
    id: number,
    states: readonly number[],
    change: (endpoint: EndpointState) => void,
  ): number {
    const endpoint = slot.endpoints[id];
    if (endpoint === undefined) return CODE.endpointNotEnabled;
    if (!states.includes(endpoint.state)) return CODE.contextState;
    change(endpoint);
    this.tellEndpoint(slot, id);
    return CODE.success;
  }

  #resetDevice(slot: SlotState): number {
    const told = this.#words(slot.context);
    if (slot.port === 0 || told === undefined) return CODE.contextState;
    for (let id = 2; id <= ENDPOINTS; id++) this.#disable(slot, id);
    this.#tellSlot(slot, told, SLOT.default, 0);
    return CODE.success;
  }
}
