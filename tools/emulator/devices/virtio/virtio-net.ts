// The network card (Virtual I/O Device 1.2, 5.1) with one queue each way and the control queue, as QEMU's has it on a
// network without offloads: mergeable buffers, filters of addresses and VLANs, a settable address. No offloads of
// checksums or segments, since what is behind it moves frames; one pair of queues.

import type { DeviceKind, Slot } from "../device.ts";
import {
  CARD_OPTIONS,
  HEADER_BYTES,
  MAC_BYTES,
  macBytes,
  type NetworkCard,
} from "../net/network-card.ts";
import { FEATURE, type VirtioFunction, type VirtioTransport } from "./virtio-function.ts";
import { VIRTIO_OPTIONS, type VirtioOptions, VirtioPci, virtioName } from "./virtio-pci.ts";
import type { Chain, Virtqueue } from "./virtqueue.ts";

const TYPE = 1;
const VECTORS = 4;
const RECEIVE = 0;
const TRANSMIT = 1;

/** Feature bits (5.1.3). */
const NET = {
  guestOffloads: 2,
  mac: 5,
  mergeable: 15,
  status: 16,
  control: 17,
  controlReceive: 18,
  controlVlan: 19,
  controlReceiveExtra: 20,
  guestAnnounce: 21,
  controlMac: 23,
} as const;

/** The header of each frame (5.1.6): a legacy driver's is shorter, without mergeable buffers. */
const SHORT_HEADER = 10;
const LONG_HEADER = 12;
const BUFFERS_AT = 10;

/** Frames and bytes that wait for buffers; a frame and its header at most. */
const MAX_FRAME = 65550;
const MAX_WAITING = 256 * 1024;

/** Configuration: address, link status (5.1.4). */
const CONFIG_BYTES = 8;
const STATUS_AT = 6;
const LINK_UP = 1;

/** Classes and commands of the control queue (5.1.6.5). */
const COMMAND = {
  receive: 0,
  mac: 1,
  vlan: 2,
} as const;
const MAC_TABLE_SET = 0;
const MAC_ADDRESS_SET = 1;
const OK = 0;
const REFUSED = 1;

/** Addresses in the table at most; with more, all of their kind are taken. */
const MAX_ADDRESSES = 64;
const VLANS = 4096;
const TAGGED = 0x8100;

/** Modes of the receiver, by the number of the command that sets each (5.1.6.5.1). */
const MODES = [
  "promiscuous",
  "allGroups",
  "allSingle",
  "noGroups",
  "noSingle",
  "noBroadcast",
] as const;

const NOTHING = new Uint8Array(0);

interface NetState {
  mac: Uint8Array;
  modes: Record<(typeof MODES)[number], boolean>;
  single: string[];
  groups: string[];
  /** There were more than the table holds. */
  isSingleFull: boolean;
  isGroupsFull: boolean;
  /** VLANs that are taken, a bit each. */
  vlans: Uint8Array;
  /** Frames that no buffers have been there for. */
  fifo: Uint8Array[];
  /** There is no cable. */
  isUnplugged: boolean;
}

const freshState = (mac: Uint8Array): NetState => ({
  mac: mac.slice(),
  modes: {
    ...{ promiscuous: true, allGroups: false, allSingle: false },
    ...{ noGroups: false, noSingle: false, noBroadcast: false },
  },
  ...{ single: [], groups: [], isSingleFull: false, isGroupsFull: false },
  vlans: new Uint8Array(VLANS / 8).fill(0xff),
  fifo: [],
  isUnplugged: false,
});

const keyOf = (bytes: Uint8Array): string => bytes.subarray(0, MAC_BYTES).join(":");
const isGroup = (bytes: Uint8Array): boolean => ((bytes[0] as number) & 1) !== 0;
const word = (bytes: Uint8Array, at: number): number =>
  ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);

export class VirtioNet implements VirtioFunction {
  readonly type = TYPE;
  readonly classCode = 0x020000;
  readonly features = Object.values(NET);
  readonly queueSizes = [256, 256, 64];
  state: NetState;
  onFrame: (frame: Uint8Array) => void = () => {};
  readonly #mac: Uint8Array;
  readonly #transport: VirtioTransport;

  constructor(transport: VirtioTransport, mac: Uint8Array) {
    this.#transport = transport;
    this.#mac = mac;
    this.state = freshState(mac);
  }

  config(): Uint8Array {
    const out = new Uint8Array(CONFIG_BYTES);
    out.set(this.state.mac);
    out[STATUS_AT] = this.state.isUnplugged ? 0 : LINK_UP;
    return out;
  }

  /** Drivers that know neither version 1 nor the command set the address here (5.1.4.1). */
  writeConfig(offset: number, value: number, size: number): void {
    if (this.#transport.has(FEATURE.version1) || this.#transport.has(NET.controlMac)) return;
    for (let i = 0; i < size && offset + i < MAC_BYTES; i++) {
      this.state.mac[offset + i] = (value >>> (8 * i)) & 0xff;
    }
  }

  reset(): void {
    const { isUnplugged } = this.state;
    this.state = { ...freshState(this.#mac), isUnplugged };
  }

  setCable(isIn: boolean): void {
    if (this.state.isUnplugged === !isIn) return;
    this.state.isUnplugged = !isIn;
    this.#transport.configChanged();
  }

  started(): void {
    this.state.vlans.fill(this.#transport.has(NET.controlVlan) ? 0 : 0xff);
  }

  get #headerBytes(): number {
    const isLong = this.#transport.has(FEATURE.version1) || this.#transport.has(NET.mergeable);
    return isLong ? LONG_HEADER : SHORT_HEADER;
  }

  perform(queue: Virtqueue): void {
    if (queue.number === RECEIVE) {
      this.#drain(queue);
      return;
    }
    for (const chain of queue.requests()) {
      if (queue.number === TRANSMIT) {
        this.#transmit(chain);
        queue.push(chain, 0);
      } else queue.push(chain, this.#command(chain));
    }
  }

  #transmit(chain: Chain): void {
    const bytes = chain.readable - this.#headerBytes;
    if (bytes >= HEADER_BYTES && bytes <= MAX_FRAME && !this.state.isUnplugged) {
      this.onFrame(chain.read(this.#headerBytes, bytes));
    }
  }

  // ---- Receiving

  receive(frame: Uint8Array): void {
    const queue = this.#transport.queues[RECEIVE];
    if (this.state.isUnplugged) return;
    const fits = frame.length >= HEADER_BYTES && frame.length <= MAX_FRAME;
    if (queue === undefined || !this.#transport.running || !fits || !this.#isWanted(frame)) return;
    const { fifo } = this.state;
    const waiting = fifo.reduce((sum, { length }) => sum + length, 0);
    if (waiting + frame.length > MAX_WAITING) return;
    fifo.push(frame.slice());
    this.#transport.use(queue, () => this.#drain(queue));
  }

  #drain(queue: Virtqueue): void {
    const { fifo } = this.state;
    while (fifo[0] !== undefined && this.#deliver(queue, fifo[0])) fifo.shift();
  }

  /** Puts a frame into buffers; false if there are too few. One that a single buffer cannot hold is lost (5.1.6.4). */
  #deliver(queue: Virtqueue, frame: Uint8Array): boolean {
    const isMergeable = this.#transport.has(NET.mergeable);
    const message = new Uint8Array(this.#headerBytes + frame.length);
    message.set(frame, this.#headerBytes);
    const chains: Chain[] = [];
    let room = 0;
    const limit = isMergeable ? queue.waiting : Math.min(1, queue.waiting);
    while (room < message.length && chains.length < limit) {
      const chain = queue.pop();
      if (chain === undefined) break;
      chains.push(chain);
      room += chain.writable;
    }
    if (room < message.length && (isMergeable || chains.length === 0)) {
      for (const _ of chains) queue.putBack();
      return false;
    }
    if (this.#headerBytes === LONG_HEADER) message[BUFFERS_AT] = chains.length & 0xff;
    if (this.#headerBytes === LONG_HEADER) message[BUFFERS_AT + 1] = chains.length >> 8;
    let at = 0;
    for (const chain of chains) {
      const part = room < message.length ? NOTHING : message.subarray(at, at + chain.writable);
      chain.write(0, part);
      queue.push(chain, part.length);
      at += part.length;
    }
    return true;
  }

  #isWanted(frame: Uint8Array): boolean {
    const s = this.state;
    const { modes } = s;
    if (modes.promiscuous) return true;
    if (word(frame, 12) === TAGGED) {
      const vlan = word(frame, 14) & (VLANS - 1);
      if (!(((s.vlans[vlan >> 3] as number) >> (vlan & 7)) & 1)) return false;
    }
    const key = keyOf(frame);
    if (isGroup(frame)) {
      if (frame.subarray(0, MAC_BYTES).every((byte) => byte === 0xff)) return !modes.noBroadcast;
      if (modes.noGroups) return false;
      return modes.allGroups || s.isGroupsFull || s.groups.includes(key);
    }
    if (modes.noSingle) return false;
    return modes.allSingle || s.isSingleFull || key === keyOf(s.mac) || s.single.includes(key);
  }

  // ---- Commands

  #command(chain: Chain): number {
    const bytes = chain.read(0, 2 + 2 * (4 + MAC_BYTES * VLANS));
    const data = bytes.subarray(2);
    const isDone = bytes.length >= 2 && this.#perform(bytes[0] as number, bytes[1] as number, data);
    chain.write(0, Uint8Array.of(isDone ? OK : REFUSED));
    return Math.min(1, chain.writable);
  }

  #perform(kind: number, command: number, data: Uint8Array): boolean {
    const s = this.state;
    switch (kind) {
      case COMMAND.receive: {
        const mode = MODES[command];
        if (mode === undefined || data.length < 1) return false;
        s.modes[mode] = data[0] !== 0;
        return true;
      }
      case COMMAND.mac:
        if (command === MAC_TABLE_SET) return this.#setTable(data);
        if (command !== MAC_ADDRESS_SET || data.length !== MAC_BYTES) return false;
        s.mac = data.slice();
        return true;
      case COMMAND.vlan: {
        const vlan = (data[0] ?? 0) | ((data[1] ?? 0) << 8);
        if (data.length !== 2 || vlan >= VLANS || command > 1) return false;
        const bit = 1 << (vlan & 7);
        const byte = s.vlans[vlan >> 3] as number;
        s.vlans[vlan >> 3] = command === 0 ? byte | bit : byte & ~bit;
        return true;
      }
    }
    // Nobody asks for an announcement that could be acknowledged, and there are no offloads to choose, as in QEMU.
    return false;
  }

  /** Two lists, each with the number of its addresses in front: single ones, and groups. */
  #setTable(data: Uint8Array): boolean {
    const lists: string[][] = [];
    let at = 0;
    for (let i = 0; i < 2; i++) {
      if (at + 4 > data.length) return false;
      const count = new DataView(data.buffer, data.byteOffset + at, 4).getUint32(0, true);
      at += 4;
      if (at + count * MAC_BYTES > data.length) return false;
      lists.push(Array.from({ length: count }, (_, n) => keyOf(data.subarray(at + n * MAC_BYTES))));
      at += count * MAC_BYTES;
    }
    const s = this.state;
    const [single = [], groups = []] = lists;
    s.isSingleFull = single.length > MAX_ADDRESSES;
    s.isGroupsFull = groups.length > MAX_ADDRESSES - (s.isSingleFull ? 0 : single.length);
    s.single = s.isSingleFull ? [] : single;
    s.groups = s.isGroupsFull ? [] : groups;
    return at === data.length;
  }
}

type NetOptions = VirtioOptions & { index: number; mac: number };

/** The device, which is a card. */
export class VirtioNetCard extends VirtioPci implements NetworkCard {
  readonly index: number;
  readonly model = "virtio-net-pci";
  readonly mac: Uint8Array;

  constructor(slot: Slot, options: NetOptions) {
    const mac = macBytes(options.mac);
    super(slot, options, VECTORS, (transport) => new VirtioNet(transport, mac));
    this.index = options.index;
    this.mac = mac;
  }

  get #card(): VirtioNet {
    return this.function as VirtioNet;
  }

  get onFrame(): (frame: Uint8Array) => void {
    return this.#card.onFrame;
  }

  set onFrame(take: (frame: Uint8Array) => void) {
    this.#card.onFrame = take;
  }

  receive(frame: Uint8Array): void {
    this.#card.receive(frame);
  }

  setCable(isIn: boolean): void {
    this.#card.setCable(isIn);
  }
}

export const virtioNet: DeviceKind<NetOptions> = {
  name: "virtio-net-pci",
  what: "virtio network card",
  options: {
    ...VIRTIO_OPTIONS,
    ...CARD_OPTIONS,
  },
  nameOf: (options) => virtioName("virtio-net", options),
  create: (slot, options) => new VirtioNetCard(slot, options),
};
