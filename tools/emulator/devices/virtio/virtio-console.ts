// The console device (Virtual I/O Device 1.2, 5.3) as QEMU's virtio-serial is: up to 511 ports, of which each console
// and each plain port is a device of its own (virtio-port.ts), the control queues that tell of them, and emergency
// writes. The size of a console is not told, as in QEMU.

import type { CharacterPort } from "../character-port.ts";
import { ClaimError, type DeviceKind } from "../device.ts";
import type { VirtioFunction, VirtioTransport } from "./virtio-function.ts";
import { VIRTIO_OPTIONS, type VirtioOptions, VirtioPci, virtioName } from "./virtio-pci.ts";
import type { Virtqueue } from "./virtqueue.ts";

const TYPE = 3;
const MULTIPORT = 1;
const EMERGENCY_WRITE = 2;
const VECTORS = 2;

/** Queues: received and sent by port 0, by the control protocol, and by each further port. */
const CONTROL_IN = 2;
const CONTROL_OUT = 3;
const DATA_SIZE = 128;
const CONTROL_SIZE = 32;

const CONFIG_BYTES = 12;
const CONFIG_PORTS = 4;
const CONFIG_EMERGENCY = 8;

/** Events of the control protocol (5.3.6.2). */
const EVENT = {
  deviceReady: 0,
  portAdd: 1,
  portReady: 3,
  consolePort: 4,
  portOpen: 6,
  portName: 7,
} as const;
const MESSAGE_BYTES = 8;
/** Messages that wait for a driver's buffers at most: a driver that takes none asks in vain. */
const MAX_MESSAGES = 4096;
/** Bytes that one request may send. */
const MAX_SENT = 1 << 24;

interface PortState {
  /** The guest has opened it. */
  open: boolean;
  /** Bytes from outside. */
  wire: number[];
}

/** A port, as the device that it is of sees it. */
export interface ConsolePort {
  readonly number: number;
  readonly isConsole: boolean;
  /** "" for none. */
  readonly label: string;
  transmit(byte: number): void;
}

/** The queue with what a port receives; the next one has what it sends. */
const queueOf = (port: number): number => (port === 0 ? 0 : 2 * port + 2);
const portOf = (queue: number): number => (queue < 2 ? 0 : (queue >> 1) - 1);

export class VirtioConsole implements VirtioFunction {
  readonly type = TYPE;
  readonly classCode = 0x078000;
  readonly features = [MULTIPORT, EMERGENCY_WRITE];
  readonly queueSizes: readonly number[];
  state: { ports: Record<number, PortState>; messages: number[][] } = { ports: {}, messages: [] };
  readonly maxPorts: number;
  readonly #transport: VirtioTransport;
  readonly #ports: ConsolePort[] = [];

  constructor(maxPorts: number, transport: VirtioTransport) {
    this.maxPorts = maxPorts;
    this.#transport = transport;
    this.queueSizes = Array.from({ length: 2 * (maxPorts + 1) }, (_, queue) =>
      queue === CONTROL_IN || queue === CONTROL_OUT ? CONTROL_SIZE : DATA_SIZE,
    );
  }

  /** The first number that is free; 0 is for consoles. Throws `ClaimError` where there is none. */
  freeNumber(isConsole: boolean): number {
    const taken = new Set(this.#ports.map(({ number }) => number));
    for (let n = isConsole ? 0 : 1; n < this.maxPorts; n++) if (!taken.has(n)) return n;
    throw new ClaimError("virtio-serial: Maximum port limit for this device reached");
  }

  /** Throws `ClaimError` for a number or a name that another port has, or that no port can have. */
  add(port: ConsolePort): void {
    const { number, isConsole, label } = port;
    if (number === 0 && !isConsole) {
      throw new ClaimError("virtio-serial: port 0 is reserved for virtconsole devices");
    }
    if (number >= this.maxPorts) {
      throw new ClaimError(`virtio-serial: port ${number}: expected at most ${this.maxPorts - 1}`);
    }
    if (this.#ports.some((p) => p.number === number)) {
      throw new ClaimError(`virtio-serial: there is a port ${number} already`);
    }
    if (label !== "" && this.#ports.some((p) => p.label === label)) {
      throw new ClaimError(`virtio-serial: there is a port ${label} already`);
    }
    this.#ports.push(port);
    this.#ports.sort((a, b) => a.number - b.number);
    this.state.ports[number] = { open: false, wire: [] };
  }

  #port(number: number): ConsolePort | undefined {
    return this.#ports.find((port) => port.number === number);
  }

  // ---- Outside

  receive(port: number, bytes: Iterable<number>): void {
    const s = this.state.ports[port];
    if (s === undefined) return;
    for (const byte of bytes) s.wire.push(byte & 0xff);
    this.#deliverSoon(port);
  }

  pending(port: number): number {
    return this.state.ports[port]?.wire.length ?? 0;
  }

  listens(port: number): boolean {
    return this.#transport.running && (this.state.ports[port]?.open ?? false);
  }

  // ---- Configuration

  config(): Uint8Array {
    const view = new DataView(new ArrayBuffer(CONFIG_BYTES));
    view.setUint32(CONFIG_PORTS, this.maxPorts, true);
    return new Uint8Array(view.buffer);
  }

  /** A character that a guest without a driver writes goes to the first console (5.3.5). */
  writeConfig(offset: number, value: number, _size: number): void {
    if (offset !== CONFIG_EMERGENCY || value === 0) return;
    this.#ports.find(({ isConsole }) => isConsole)?.transmit(value & 0xff);
  }

  // ---- What the transport says

  /** What has come from outside stays. */
  reset(): void {
    this.state.messages = [];
    for (const port of Object.values(this.state.ports)) port.open = false;
  }

  /** A driver that does not know of several ports has port 0 open. */
  started(): void {
    const first = this.state.ports[0];
    if (this.#transport.has(MULTIPORT) || first === undefined) return;
    first.open = true;
    this.#deliverSoon(0);
  }

  perform(queue: Virtqueue): void {
    const { number } = queue;
    if (number === CONTROL_OUT) this.#control(queue);
    else if (number === CONTROL_IN) this.#tell(queue);
    else if (number & 1) this.#send(queue);
    else this.#deliver(queue);
  }

  #send(queue: Virtqueue): void {
    const port = this.#port(portOf(queue.number));
    for (const chain of queue.requests()) {
      if (port !== undefined) {
        for (const byte of chain.read(0, Math.min(chain.readable, MAX_SENT))) port.transmit(byte);
      }
      queue.push(chain, 0);
    }
  }

  #deliverSoon(port: number): void {
    const queue = this.#transport.queues[queueOf(port)];
    if (queue !== undefined) this.#transport.use(queue, () => this.#deliver(queue));
  }

  #deliver(queue: Virtqueue): void {
    const s = this.state.ports[portOf(queue.number)];
    if (s === undefined || !s.open || s.wire.length === 0) return;
    for (const chain of queue.requests()) {
      const bytes = Uint8Array.from(s.wire.splice(0, chain.writable));
      chain.write(0, bytes);
      queue.push(chain, bytes.length);
      if (s.wire.length === 0) return;
    }
  }

  // ---- Control protocol

  #control(queue: Virtqueue): void {
    for (const chain of queue.requests()) {
      const message = chain.read(0, MESSAGE_BYTES);
      queue.push(chain, 0);
      if (message.length < MESSAGE_BYTES) continue;
      const view = new DataView(message.buffer, message.byteOffset, MESSAGE_BYTES);
      this.#take(view.getUint32(0, true), view.getUint16(4, true), view.getUint16(6, true));
    }
    const answers = this.#transport.queues[CONTROL_IN];
    if (answers !== undefined) this.#transport.use(answers, () => this.#tell(answers));
  }

  #take(number: number, event: number, value: number): void {
    if (event === EVENT.deviceReady) {
      if (value !== 0) for (const port of this.#ports) this.#say(port.number, EVENT.portAdd, 1);
      return;
    }
    const port = this.#port(number);
    const s = this.state.ports[number];
    if (port === undefined || s === undefined) return;
    if (event === EVENT.portReady && value !== 0) {
      if (port.isConsole) this.#say(number, EVENT.consolePort, 1);
      if (port.label !== "") {
        this.#say(number, EVENT.portName, 1, [...new TextEncoder().encode(port.label), 0]);
      }
      // Whoever is outside is always there.
      this.#say(number, EVENT.portOpen, 1);
    } else if (event === EVENT.portOpen) {
      s.open = value !== 0;
      this.#deliverSoon(number);
    }
  }

  #say(port: number, event: number, value: number, more: readonly number[] = []): void {
    const { messages } = this.state;
    if (messages.length >= MAX_MESSAGES) return;
    messages.push([port & 0xff, port >> 8, 0, 0, event, 0, value, 0, ...more]);
  }

  #tell(queue: Virtqueue): void {
    const { messages } = this.state;
    if (messages.length === 0) return;
    for (const chain of queue.requests()) {
      const message = Uint8Array.from(messages.shift() ?? []);
      chain.write(0, message);
      queue.push(chain, Math.min(message.length, chain.writable));
      if (messages.length === 0) return;
    }
  }
}

type ConsoleOptions = VirtioOptions & { max_ports: number };

export const virtioSerial: DeviceKind<ConsoleOptions> = {
  name: "virtio-serial-pci",
  what: "virtio console device, for ports",
  options: { ...VIRTIO_OPTIONS, max_ports: { default: 31, minimum: 1, maximum: 511 } },
  nameOf: (options) => virtioName("virtio-serial", options),
  create: (slot, options) =>
    new VirtioPci(
      slot,
      options,
      VECTORS,
      (transport) => new VirtioConsole(options.max_ports, transport),
    ),
};

/** The device's end of a port's line. */
export class PortEnd implements CharacterPort, ConsolePort {
  readonly number: number;
  readonly isConsole: boolean;
  readonly label: string;
  onTransmit: (byte: number) => void = () => {};
  readonly #console: VirtioConsole;

  constructor(console: VirtioConsole, number: number, isConsole: boolean, label: string) {
    this.number = number;
    this.isConsole = isConsole;
    this.label = label;
    this.#console = console;
    console.add(this);
  }

  transmit(byte: number): void {
    this.onTransmit(byte);
  }

  receive(bytes: Iterable<number>): void {
    this.#console.receive(this.number, bytes);
  }

  get pending(): number {
    return this.#console.pending(this.number);
  }

  get listens(): boolean {
    return this.#console.listens(this.number);
  }
}
