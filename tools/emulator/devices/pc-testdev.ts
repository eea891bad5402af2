// QEMU's pc-testdev, with which kvm-unit-tests drive interrupt lines and look at I/O and memory accesses
// of every width: a 32-bit register at ports 0xE0 (and bytewise at 0xE8, 0xEA and 0xEB), a port 0xE4 that discards
// translations of a page on hosts that have any, interrupt lines 0 to 23 at ports 0x2000 to 0x2017, and
// 64 KiB of memory at 0xFF000000.

import {
  allOnes,
  type Device,
  type DeviceKind,
  type MmioHandler,
  type PortHandler,
  type Slot,
} from "./device.ts";
import { IOAPIC_PINS, type IrqLine } from "./interrupt-lines.ts";

const REGISTER = 0xe0;
const FLUSH = 0xe4;
const REGISTER_BYTES = 0xe8;
const IRQ_LINES = 0x2000;
const ISA_IRQS = 16;
const MEMORY = 0xff000000;
const MEMORY_BYTES = 0x10000;

class PcTestDevice implements Device {
  readonly name: string;
  state = { register: 0 };
  readonly memory = new Uint8Array(MEMORY_BYTES);
  readonly #lines: readonly IrqLine[];

  constructor(slot: Slot) {
    this.name = slot.name;
    this.#lines = Array.from({ length: IOAPIC_PINS }, (_, n) =>
      n < ISA_IRQS ? slot.isaIrq(n) : slot.gsi(n),
    );
    slot.ports(REGISTER, 4, this.#register(), 7);
    slot.ports(FLUSH, 4, { read: () => 0, write: () => {} }, 7);
    // Port 0xE9 between them is the debug console's.
    slot.ports(REGISTER_BYTES, 1, this.#register());
    slot.ports(REGISTER_BYTES + 2, 2, this.#register());
    slot.ports(IRQ_LINES, IOAPIC_PINS, {
      read: () => 0,
      write: (port, value) => this.#lines[port - IRQ_LINES]?.set(value !== 0),
    });
    slot.mmio(MEMORY, MEMORY_BYTES, this.#contents());
  }

  reset(): void {
    this.state.register = 0;
    for (const line of this.#lines) line.set(false);
  }

  /** Accesses of any width at the bytes of one register. */
  #register(): PortHandler {
    return {
      read: (port, size) => ((this.state.register >>> ((port & 3) * 8)) & allOnes(size)) >>> 0,
      write: (port, value, size) => {
        const shift = (port & 3) * 8;
        const mask = (allOnes(size) << shift) >>> 0;
        this.state.register = ((this.state.register & ~mask) | ((value << shift) & mask)) >>> 0;
      },
    };
  }

  #contents(): MmioHandler {
    const view = new DataView(this.memory.buffer);
    return {
      read: (offset, size) =>
        size === 4
          ? view.getUint32(offset, true)
          : size === 2
            ? view.getUint16(offset, true)
            : view.getUint8(offset),
      write: (offset, value, size) => {
        if (size === 4) view.setUint32(offset, value, true);
        else if (size === 2) view.setUint16(offset, value, true);
        else view.setUint8(offset, value);
      },
    };
  }
}

export const pcTestDevice: DeviceKind = {
  name: "pc-testdev",
  what: "interrupt lines, a register and memory for kvm-unit-tests",
  create: (slot) => new PcTestDevice(slot),
};
