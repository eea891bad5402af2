// The pair of Intel 8259A interrupt controllers as the PC/AT wires them (Intel 8259A datasheet;
// edge/level control registers 0x4D0 and 0x4D1 as in the PIIX). The slave's output is the master's
// input 2. 8080 mode is left out: no x86 asks for a CALL opcode.

import type { Device, DeviceKind, PortHandler, Slot } from "./device.ts";

interface Chip {
  irr: number;
  imr: number;
  isr: number;
  /** Levels of the inputs, for edge detection. */
  lines: number;
  /** Inputs that are level triggered. */
  elcr: number;
  /** Vector of input 0. */
  base: number;
  /** Input with the lowest priority is `(topPriority + 7) & 7`. */
  topPriority: number;
  readIsr: boolean;
  poll: boolean;
  specialMask: boolean;
  autoEoi: boolean;
  rotateOnAutoEoi: boolean;
  specialFullyNested: boolean;
  levelTriggered: boolean;
  /** Next ICW expected: 0 when initialised, else 2, 3 or 4. */
  expects: number;
  needsIcw4: boolean;
  single: boolean;
}

const freshChip = (elcr = 0): Chip => ({
  irr: 0,
  imr: 0,
  isr: 0,
  lines: 0,
  elcr,
  base: 0,
  topPriority: 0,
  readIsr: false,
  poll: false,
  specialMask: false,
  autoEoi: false,
  rotateOnAutoEoi: false,
  specialFullyNested: false,
  levelTriggered: false,
  expects: 0,
  needsIcw4: false,
  single: false,
});

/** Inputs of each chip that may be made level triggered: not timer, keyboard, cascade, RTC, FPU. */
const ELCR_MASK = [0xf8, 0xde] as const;

export class Pic8259 implements Device {
  readonly name: string;
  state: { chips: [Chip, Chip]; intr: boolean } = {
    chips: [freshChip(), freshChip()],
    intr: false,
  };
  /** The INTR output changed. */
  onIntr: (level: boolean) => void = () => {};
  /** An input may have become deliverable that was not (masks changed). */
  onUnmask: () => void = () => {};
  /** Registers are about to be read: inputs that are computed lazily must be brought up to date. */
  onQuery: () => void = () => {};

  constructor(slot: Slot) {
    this.name = slot.name;
    slot.ports(0x20, 2, this.#ports(0));
    slot.ports(0xa0, 2, this.#ports(1));
    slot.ports(0x4d0, 2, this.#elcrPorts());
  }

  reset(): void {
    this.state.chips = [freshChip(), freshChip()];
    this.#update();
  }

  /** True while input 0–15 could interrupt the CPU if it became active. */
  listens(input: number): boolean {
    const [master, slave] = this.state.chips;
    if (input < 8) return (master.imr & (1 << input)) === 0;
    return (slave.imr & (1 << (input - 8))) === 0 && (master.imr & 4) === 0;
  }

  /** Drives input 0–15. */
  setInput(input: number, level: boolean): void {
    this.#line(this.state.chips[input < 8 ? 0 : 1], input & 7, level);
    this.#update();
  }

  #line(chip: Chip, input: number, level: boolean): void {
    const bit = 1 << input;
    const sensesLevel = chip.levelTriggered || (chip.elcr & bit) !== 0;
    if (level) {
      if (sensesLevel || !(chip.lines & bit)) chip.irr |= bit;
      chip.lines |= bit;
    } else {
      // A level request goes with the line: an INTA that comes too late is spurious (datasheet, IR7).
      // An edge stays latched, as chipsets with an integrated 8259A do.
      if (sensesLevel) chip.irr &= ~bit;
      chip.lines &= ~bit;
    }
  }

  /** Priority of the highest request in `mask`, 0 highest, 8 for none. */
  #priority(chip: Chip, mask: number): number {
    if (mask === 0) return 8;
    let priority = 0;
    while (!(mask & (1 << ((priority + chip.topPriority) & 7)))) priority++;
    return priority;
  }

  /** Input that a chip would report now, or -1. */
  #pending(chip: Chip, isMaster: boolean): number {
    const request = this.#priority(chip, chip.irr & ~chip.imr);
    if (request === 8) return -1;
    let inService = chip.isr;
    if (chip.specialMask) inService &= ~chip.imr;
    // Special fully nested: the slave may interrupt its own service (datasheet, "SFNM").
    if (chip.specialFullyNested && isMaster) inService &= ~4;
    if (request >= this.#priority(chip, inService)) return -1;
    return (request + chip.topPriority) & 7;
  }

  #update(): void {
    const [master, slave] = this.state.chips;
    this.#line(master, 2, this.#pending(slave, false) >= 0);
    const intr = this.#pending(master, true) >= 0;
    if (intr === this.state.intr) return;
    this.state.intr = intr;
    this.onIntr(intr);
  }

  #service(chip: Chip, input: number): void {
    if (chip.autoEoi) {
      if (chip.rotateOnAutoEoi) chip.topPriority = (input + 1) & 7;
    } else {
      chip.isr |= 1 << input;
    }
    if (!(chip.levelTriggered || chip.elcr & (1 << input))) chip.irr &= ~(1 << input);
  }

  /** INTA: the vector of the highest request, which goes into service; a spurious one gives input 7's. */
  acknowledge(): number {
    const [master, slave] = this.state.chips;
    const input = this.#pending(master, true);
    let vector = master.base + 7;
    if (input === 2) {
      const cascaded = this.#pending(slave, false);
      if (cascaded >= 0) this.#service(slave, cascaded);
      vector = slave.base + (cascaded >= 0 ? cascaded : 7);
      this.#service(master, 2);
    } else if (input >= 0) {
      this.#service(master, input);
      vector = master.base + input;
    }
    this.#update();
    return vector;
  }

  /** The handler for ports 0x20–0x21 (chip 0) or 0xA0–0xA1 (chip 1). */
  #ports(which: 0 | 1): PortHandler {
    return {
      read: (port) => this.#read(this.state.chips[which], port & 1, which === 0),
      write: (port, value) => {
        this.#write(which, port & 1, value);
        this.#update();
        this.onUnmask();
      },
    };
  }

  /** The handler for ports 0x4D0 and 0x4D1. */
  #elcrPorts(): PortHandler {
    return {
      read: (port) => this.state.chips[port & 1 ? 1 : 0].elcr,
      write: (port, value) => {
        const which = port & 1 ? 1 : 0;
        this.state.chips[which].elcr = value & ELCR_MASK[which];
      },
    };
  }

  #read(chip: Chip, register: number, isMaster: boolean): number {
    // The mask depends on no input.
    if (register === 1 && !chip.poll) return chip.imr;
    this.onQuery();
    if (chip.poll) {
      chip.poll = false;
      const input = this.#pending(chip, isMaster);
      if (input < 0) return 0;
      this.#service(chip, input);
      this.#update();
      return 0x80 | input;
    }
    return chip.readIsr ? chip.isr : chip.irr;
  }

  #write(which: 0 | 1, register: number, value: number): void {
    const chip = this.state.chips[which];
    if (register === 0) {
      if (value & 0x10) this.#icw1(which, value);
      else if (value & 0x08) this.#ocw3(chip, value);
      else this.#ocw2(chip, value);
      return;
    }
    switch (chip.expects) {
      case 0:
        this.onQuery();
        chip.imr = value;
        break;
      case 2:
        chip.base = value & 0xf8;
        chip.expects = chip.single ? (chip.needsIcw4 ? 4 : 0) : 3;
        break;
      case 3:
        chip.expects = chip.needsIcw4 ? 4 : 0;
        break;
      case 4:
        chip.specialFullyNested = (value & 0x10) !== 0;
        chip.autoEoi = (value & 2) !== 0;
        chip.expects = 0;
        break;
    }
  }

  #icw1(which: 0 | 1, value: number): void {
    const old = this.state.chips[which];
    this.state.chips[which] = {
      ...freshChip(old.elcr),
      // Level-triggered requests that are still asserted survive initialisation.
      irr: old.irr & old.lines & old.elcr,
      lines: old.lines,
      levelTriggered: (value & 8) !== 0,
      single: (value & 2) !== 0,
      needsIcw4: (value & 1) !== 0,
      expects: 2,
    };
  }

  #ocw3(chip: Chip, value: number): void {
    if (value & 4) chip.poll = true;
    if (value & 2) chip.readIsr = (value & 1) !== 0;
    if (value & 0x40) chip.specialMask = (value & 0x20) !== 0;
  }

  #ocw2(chip: Chip, value: number): void {
    const command = value >> 5;
    const level = value & 7;
    switch (command) {
      case 0:
      case 4:
        chip.rotateOnAutoEoi = command === 4;
        break;
      case 1:
      case 5: {
        const priority = this.#priority(chip, chip.isr);
        if (priority === 8) break;
        const input = (priority + chip.topPriority) & 7;
        chip.isr &= ~(1 << input);
        if (command === 5) chip.topPriority = (input + 1) & 7;
        break;
      }
      case 3:
        chip.isr &= ~(1 << level);
        break;
      case 6:
        chip.topPriority = (level + 1) & 7;
        break;
      case 7:
        chip.isr &= ~(1 << level);
        chip.topPriority = (level + 1) & 7;
        break;
    }
  }
}

export const pic8259: DeviceKind = {
  name: "pic",
  what: "pair of 8259A interrupt controllers",
  builtIn: true,
  create: (slot) => new Pic8259(slot),
};
