// A PCI device for tests: of Intel's 82574L network controller it has what makes and masks interrupts
// (82574 datasheet, 10.2.4), seen through a memory BAR and through an index and data pair in an I/O
// BAR (10.2.1.1), and one DMA register of its own. QEMU's e1000e is its oracle.

import type { Device, DeviceKind, MmioHandler, Slot } from "../../devices/device.ts";
import type { PciFunction } from "../../devices/pci.ts";

export const ICR = 0xc0;
export const ICS = 0xc8;
export const IMS = 0xd0;
export const IMC = 0xd8;
/** Not the controller's: a write stores the value at the address that it was written before. */
export const DMA = 0x1000;

export class TestNic implements Device {
  readonly name: string;
  state = { cause: 0, mask: 0, index: 0, target: 0 };
  readonly fn: PciFunction;

  constructor(slot: Slot, device: number, messages: 1 | 4 = 1) {
    this.name = slot.name;
    this.fn = slot.pci({
      device,
      vendor: 0x8086,
      deviceId: 0x10d3,
      classCode: 0x020000,
      bars: [
        { index: 0, kind: "memory", size: 0x20000, handler: this.#registers() },
        { index: 2, kind: "io", size: 32, handler: this.#indexed() },
      ],
      interruptPin: 1,
      msi: { messages, at: 0xd0 },
    });
  }

  reset(): void {
    this.state = { cause: 0, mask: 0, index: 0, target: 0 };
  }

  #update(): void {
    this.fn.setInterrupt((this.state.cause & this.state.mask) !== 0);
  }

  #read(register: number): number {
    const s = this.state;
    if (register !== ICR) return register === IMS ? s.mask : 0;
    const { cause } = s;
    s.cause = 0;
    this.#update();
    return cause;
  }

  #write(register: number, value: number): void {
    const s = this.state;
    if (register === ICS) s.cause |= value;
    else if (register === IMS) s.mask |= value;
    else if (register === IMC) s.mask &= ~value;
    else if (register === DMA) {
      const [before] = this.fn.dma.read(s.target, 1);
      this.fn.dma.write(s.target, Uint8Array.of(value, before ?? 0xee));
      s.target = value;
    }
    this.#update();
  }

  #registers(): MmioHandler {
    return {
      read: (offset) => this.#read(offset),
      write: (offset, value) => this.#write(offset, value),
    };
  }

  #indexed(): MmioHandler {
    return {
      read: (offset) => (offset === 0 ? this.state.index : this.#read(this.state.index)),
      write: (offset, value) => {
        if (offset === 0) this.state.index = value;
        else if (offset === 4) this.#write(this.state.index, value);
      },
    };
  }
}

export const testNic: DeviceKind<{ device: number; messages: number }> = {
  name: "test-nic",
  what: "82574L's interrupt registers",
  options: {
    device: { default: 3, minimum: 0, maximum: 31 },
    messages: { default: 1, minimum: 1, maximum: 4 },
  },
  nameOf: ({ device }) => `test-nic-${device}`,
  create: (slot, { device, messages }) => new TestNic(slot, device, messages === 4 ? 4 : 1),
};
