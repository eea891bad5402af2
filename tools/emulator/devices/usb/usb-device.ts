// What a device on USB does whatever its class: the default control endpoint with the standard requests (USB 2.0, 9.3 and
// 9.4). Devices here are high-speed ones with one configuration and one interface; none suspends or wakes its host.

/** The eight bytes of a setup packet (USB 2.0, table 9-2). */
export interface Setup {
  requestType: number;
  request: number;
  value: number;
  index: number;
  length: number;
}

/** Data for the host; or the endpoint is halted; or there is nothing yet. */
export type Answer = Uint8Array | "stall" | "nak";

export interface UsbDeviceState {
  configuration: number;
  /** Endpoints that are halted, by address. */
  halted: number[];
}

/** What a device says of itself. */
export interface Descriptors {
  device: readonly number[];
  /** With its interface and endpoints. */
  configuration: readonly number[];
  /** From string 1 on. */
  strings: readonly string[];
}

const TO_HOST = 0x80;
const KIND = 0x60;
const RECIPIENT = 0x1f;
const STANDARD = 0;
const TO_ENDPOINT = 2;
const REQUEST = {
  getStatus: 0,
  clearFeature: 1,
  setFeature: 3,
  setAddress: 5,
  getDescriptor: 6,
  getConfiguration: 8,
  setConfiguration: 9,
  getInterface: 10,
  setInterface: 11,
} as const;
const DESCRIPTOR = {
  device: 1,
  configuration: 2,
  string: 3,
  qualifier: 6,
  otherSpeed: 7,
} as const;
const ENDPOINT_HALT = 0;
const SELF_POWERED = 1;
const ENGLISH = 0x0409;
const NOTHING = new Uint8Array(0);

export abstract class UsbDevice {
  abstract state: UsbDeviceState;
  /** The controller's: what has answered NAK for a reason of the host's may be asked again. */
  wake: () => void = () => {};
  protected abstract readonly descriptors: Descriptors;

  /** A request to the interface's class; `data` is what the host sends with it. */
  protected abstract classRequest(setup: Setup, data: Uint8Array): Answer;
  /** Up to `length` bytes from an IN endpoint, by its address. */
  protected abstract sent(endpoint: number, length: number): Answer;
  /** Bytes for an OUT endpoint; false if it is to be halted. */
  protected abstract received(endpoint: number, bytes: Uint8Array): boolean;
  /** The bus has been reset: as after power-on. */
  abstract reset(): void;
  /** A descriptor of the interface's class, which is asked for like others. */
  protected classDescriptor(_type: number): Answer {
    return "stall";
  }
  /** The state is another one: a snapshot's. */
  restored(): void {}
  /** Virtual time at which there is something for the host without its asking, ns; -1 for never. */
  get again(): number {
    return -1;
  }
  /** An endpoint is no longer halted. */
  protected resumed(_endpoint: number): void {}

  /** Up to `length` bytes from the IN endpoint at an address of 0x81 to 0x8F. */
  dataIn(endpoint: number, length: number): Answer {
    if (this.state.halted.includes(endpoint)) return "stall";
    const answer = this.sent(endpoint, length);
    if (answer === "stall") this.#halt(endpoint);
    return answer;
  }

  /** Bytes for the OUT endpoint at an address of 1 to 15; false if it stalls. */
  dataOut(endpoint: number, bytes: Uint8Array): boolean {
    if (this.state.halted.includes(endpoint)) return false;
    if (this.received(endpoint, bytes)) return true;
    this.#halt(endpoint);
    return false;
  }

  #halt(endpoint: number): void {
    if (!this.state.halted.includes(endpoint)) this.state.halted.push(endpoint);
  }

  /** A control transfer: what the host reads, at most `length` bytes of it, or nothing where it writes. */
  control(setup: Setup, data: Uint8Array): Answer {
    const kind = setup.requestType & KIND;
    const answer = kind === STANDARD ? this.#standard(setup) : this.classRequest(setup, data);
    return typeof answer === "string" ? answer : answer.subarray(0, setup.length);
  }

  #standard(setup: Setup): Answer {
    const { requestType, request, value, index } = setup;
    const toEndpoint = (requestType & RECIPIENT) === TO_ENDPOINT;
    if (requestType & TO_HOST) {
      switch (request) {
        case REQUEST.getStatus: {
          const halted = this.state.halted.includes(index & 0xff) ? 1 : 0;
          return Uint8Array.of(toEndpoint ? halted : requestType & 1 ? 0 : SELF_POWERED, 0);
        }
        case REQUEST.getDescriptor:
          return this.#descriptor(value >> 8, value & 0xff);
        case REQUEST.getConfiguration:
          return Uint8Array.of(this.state.configuration);
        case REQUEST.getInterface:
          return index === 0 ? Uint8Array.of(0) : "stall";
      }
      return "stall";
    }
    switch (request) {
      case REQUEST.clearFeature:
        if (toEndpoint && value === ENDPOINT_HALT) this.#resume(index & 0xff);
        return NOTHING;
      case REQUEST.setFeature:
        if (!toEndpoint || value !== ENDPOINT_HALT) return "stall";
        this.#halt(index & 0xff);
        return NOTHING;
      case REQUEST.setAddress:
        // Controllers know devices by their ports.
        return NOTHING;
      case REQUEST.setConfiguration:
        if (value > 1) return "stall";
        this.state.configuration = value;
        this.state.halted = [];
        return NOTHING;
      case REQUEST.setInterface:
        return index === 0 && value === 0 ? NOTHING : "stall";
    }
    return "stall";
  }

  #resume(endpoint: number): void {
    this.state.halted = this.state.halted.filter((other) => other !== endpoint);
    this.resumed(endpoint);
  }

  #descriptor(type: number, index: number): Answer {
    const { device, configuration, strings } = this.descriptors;
    switch (type) {
      case DESCRIPTOR.device:
        return Uint8Array.from(device);
      case DESCRIPTOR.configuration:
        return index === 0 ? Uint8Array.from(configuration) : "stall";
      case DESCRIPTOR.qualifier:
        // As at full speed: the same device (USB 2.0, 9.6.2).
        return Uint8Array.of(10, type, ...device.slice(2, 8), 1, 0);
      case DESCRIPTOR.otherSpeed:
        return index === 0 ? Uint8Array.of(9, type, ...configuration.slice(2)) : "stall";
      case DESCRIPTOR.string: {
        if (index === 0) return Uint8Array.of(4, type, ENGLISH & 0xff, ENGLISH >> 8);
        const text = strings[index - 1];
        if (text === undefined) return "stall";
        const units = [...text].flatMap((c) => [c.charCodeAt(0) & 0xff, c.charCodeAt(0) >> 8]);
        return Uint8Array.of(2 + units.length, type, ...units);
      }
    }
    return this.classDescriptor(type);
  }
}
