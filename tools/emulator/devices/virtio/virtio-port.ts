// A port of the first virtio console device on the board, as a device of its own, like QEMU's: a console, or a plain port
// that the guest finds by its name.

import {
  ClaimError,
  type Device,
  type DeviceKind,
  type NumberOption,
  type Slot,
} from "../device.ts";
import { PortEnd, VirtioConsole } from "./virtio-console.ts";
import { VirtioPci } from "./virtio-pci.ts";

/** A number that says that the device chooses one. */
const ANY = 0xffff;

const OPTIONS = {
  nr: { default: ANY, minimum: 0, maximum: ANY },
  /** Which of the machine's further lines it is at: the first is 0. */
  line: { default: 0, minimum: 0, maximum: 510 },
} as const satisfies Record<string, NumberOption>;

type PortOptions = Record<keyof typeof OPTIONS, number>;

export class VirtioPort implements Device {
  readonly name: string;
  readonly line: number;
  readonly end: PortEnd;
  /** What there is is the console device's. */
  state = {};

  constructor(slot: Slot, { nr, line }: PortOptions, isConsole: boolean) {
    this.name = slot.name;
    this.line = line;
    const owner = slot.devices(VirtioPci).find((d) => d.function instanceof VirtioConsole);
    if (owner === undefined) {
      throw new ClaimError(
        `${slot.name}: there is no virtio-serial-pci that it could be a port of`,
      );
    }
    const device = owner.function as VirtioConsole;
    const number = nr === ANY ? device.freeNumber(isConsole) : nr;
    this.end = new PortEnd(device, number, isConsole, slot.label);
  }

  reset(): void {}
}

const kind = (name: string, what: string, isConsole: boolean): DeviceKind<PortOptions> => ({
  name,
  what,
  options: OPTIONS,
  nameOf: ({ line }) => `virtio-port${line}`,
  create: (slot, options) => new VirtioPort(slot, options, isConsole),
});

export const virtConsole = kind("virtconsole", "console at a virtio-serial-pci", true);
export const virtSerialPort = kind("virtserialport", "port of a virtio-serial-pci", false);
