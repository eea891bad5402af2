// Intel's 82574L gigabit Ethernet controller (Intel 82574 GbE Controller Family Datasheet), as QEMU's e1000e: PCI 8086:10D3
// with MSI-X, two queues each way, extended descriptors. Not here: wake up, manageability, flow control, time stamps,
// the NVM by its pins, flash, delays of interrupts other than ITR and EITR.

import type { Device, DeviceKind, MmioHandler, Slot } from "../device.ts";
import { Msix, type MsixState } from "../msix.ts";
import {
  msiCapability,
  type PciCapability,
  type PciExtendedCapability,
  type PciFunction,
  SLOT_OPTION,
} from "../pci.ts";
import type { Timer } from "../timers.ts";
import { fetchMemory } from "./card-memory.ts";
import type { DescriptorRing } from "./descriptor-ring.ts";
import { addressRegisters } from "./e1000-filter.ts";
import {
  accessPhy,
  beginNegotiation,
  completeNegotiation,
  hasLoopback,
  MDIC_INTERRUPT,
  moveCable,
  NEGOTIATION_NS,
  negotiates,
  PHY_82574L,
  type PhyState,
  phyReset,
} from "./e1000-phy.ts";
import * as R from "./e1000-registers.ts";
import { type TransmitState, Transmitter, transmitReset } from "./e1000-transmit.ts";
import { type InterruptState, Interrupts, interruptReset } from "./e1000e-interrupts.ts";
import { nvmOf, readNvm, writeNvm } from "./e1000e-nvm.ts";
import { ReceiveQueues } from "./e1000e-receive.ts";
import * as E from "./e1000e-registers.ts";
import { CARD_OPTIONS, macBytes, type NetworkCard } from "./network-card.ts";
import { Receiver, type ReceiveState, receiveReset } from "./receive-fifo.ts";
import { RegisterFile, registerWindow } from "./register-file.ts";

const MEMORY_BYTES = 0x2_0000;
const FLASH_BYTES = 0x2_0000;
const IO_BYTES = 32;
const MSIX_BYTES = 0x4000;
/** I/O: index and data (10.2.1.3). */
const IO_ADDRESS = 0;
const IO_DATA = 4;

/** A transmit descriptor that says when it is done: RS (7.2.10.1.2). */
const REPORT_STATUS = 0x0800_0000;

/** Capabilities (9.3) and where they are. */
const MSIX_AT = 0xa0;
const CAPABILITIES: readonly PciCapability[] = [
  {
    // Power management 1.1 with a device-specific initialization; PME can be turned on and does not come.
    id: 0x01,
    at: 0xc8,
    bytes: [0x22, 0x00, 0, 0, 0, 0],
    writable: [0, 0, 0x03, 0x1f, 0, 0],
  },
  msiCapability({ messages: 1, at: 0xd0 }),
  {
    // PCI Express 1.0a, an endpoint of the root complex: a link of one lane at 2.5 GT/s.
    id: 0x10,
    at: 0xe0,
    bytes: [0x91, 0, 0, 0x80, 0, 0, 0, 0, 0, 0, 0x11, 0x04, 0, 0, 0, 0, 0x11, 0],
  },
];

/** Extended ones (9.4): errors, of which none happen, and a serial number that is the address. */
const extended = (mac: Uint8Array): readonly PciExtendedCapability[] => [
  {
    id: 0x01,
    version: 2,
    at: 0x100,
    words: [0, 0, 0x0046_2030, 0, 0xe000, 0xa0],
    writable: [0, 0, 0x03ff_f030, 0, 0xf1c1, 0x140],
  },
  { id: 0x03, version: 1, at: 0x140, words: serialNumber(mac) },
];

/** EUI-64 of the address, FFFF in its middle as the datasheet has it (9.4.2). */
function serialNumber(mac: Uint8Array): number[] {
  const [a, b, c, d, e, f] = mac as unknown as [number, number, number, number, number, number];
  return [(0xff << 24) | (d << 16) | (e << 8) | f, (a << 24) | (b << 16) | (c << 8) | 0xff];
}

interface E1000eState {
  /** By offset; 0 where there is none. */
  registers: Record<number, number>;
  nvm: Uint16Array;
  phy: PhyState;
  interrupts: InterruptState;
  transmit: [TransmitState, TransmitState];
  receive: ReceiveState;
  msix: MsixState;
  /** Register that the I/O data port accesses. */
  index: number;
  /** There is no cable. */
  isUnplugged: boolean;
}

/** What lasts over a reset by CTRL. */
type Lasting = Pick<E1000eState, "nvm" | "phy" | "msix" | "index">;

const QUEUES = [0, 1] as const;

export class E1000e implements Device, NetworkCard {
  readonly name: string;
  readonly index: number;
  readonly model = "e1000e";
  readonly mac: Uint8Array;
  state: E1000eState;
  onFrame: (frame: Uint8Array) => void = () => {};
  readonly #slot: Slot;
  readonly #fn: PciFunction;
  readonly #msix: Msix;
  readonly #registers = new RegisterFile(() => this.state.registers);
  readonly #interrupts: Interrupts;
  readonly #transmitters: readonly Transmitter[];
  readonly #receiver: Receiver;
  readonly #timers: { interrupt: Timer; transmit: readonly Timer[]; link: Timer };

  constructor(slot: Slot, index: number, mac: number, device: number) {
    this.name = slot.name;
    this.index = index;
    this.mac = macBytes(mac);
    this.#slot = slot;
    this.#msix = new Msix(E.VECTORS, 3, MSIX_AT, MSIX_BYTES);
    this.#fn = slot.pci({
      device,
      vendor: 0x8086,
      deviceId: 0x10d3,
      classCode: 0x020000,
      subsystem: 0x0000_8086,
      bars: [
        {
          index: 0,
          kind: "memory",
          size: MEMORY_BYTES,
          handler: registerWindow(
            (register) => this.#read(register),
            (register, value) => this.#write(register, value),
          ),
        },
        { index: 1, kind: "memory", size: FLASH_BYTES, handler: NO_FLASH },
        { index: 2, kind: "io", size: IO_BYTES, handler: this.#io() },
        this.#msix.bar,
      ],
      interruptPin: 1,
      capabilities: [...CAPABILITIES, this.#msix.capability],
      extended: extended(this.mac),
      rom: slot.board.cardRoms[index],
    });
    this.#msix.attach(this.#fn);
    this.state = this.#fresh(this.#powerOn());
    this.#timers = {
      interrupt: slot.timer(() => this.#interrupts.elapsed(), "interrupt"),
      transmit: QUEUES.map((queue) =>
        slot.timer(() => this.#transmitters[queue]?.transmit(), `transmit${queue}`),
      ),
      link: slot.timer(() => this.#negotiated(), "link"),
    };
    this.#interrupts = new Interrupts({
      state: () => this.state.interrupts,
      registers: this.#registers,
      fn: this.#fn,
      msix: this.#msix,
      clock: slot.clock,
      timer: this.#timers.interrupt,
    });
    this.#transmitters = QUEUES.map((queue) => this.#transmitter(queue));
    this.#receiver = this.#newReceiver();
    this.#fn.onGuestWrite = (offset, size) => this.#configured(offset, size);
  }

  // ---- Its parts

  #host() {
    return {
      registers: this.#registers,
      fetch: (address: number, length: number) =>
        fetchMemory(this.#slot, this.#fn, address, length),
      store: (address: number, bytes: Uint8Array) => this.#fn.dma.write(address, bytes),
      raise: (causes: number) => this.#interrupts.raise(causes),
      isMaster: () => this.#fn.isMaster,
    };
  }

  #transmitter(queue: 0 | 1): Transmitter {
    const host = {
      ...this.#host(),
      transmitting: () => this.state.transmit[queue],
      isOn: (ring: DescriptorRing) => this.#isTransmitting(queue, ring),
      writtenBack: (command: number) => this.#writtenBack(queue, command),
      now: () => this.#slot.clock.now(),
      resumeAt: (when: number) => this.#timers.transmit[queue]?.set(when),
      send: (frame: Uint8Array) => this.#send(frame),
    };
    return new Transmitter(host, E.TRANSMIT_RINGS[queue]);
  }

  #isTransmitting(queue: 0 | 1, ring: DescriptorRing): boolean {
    const isOn = (this.#registers.get(R.TCTL) & R.TCTL_EN) !== 0;
    const isQueueOn = (this.#registers.get(E.TARC[queue]) & E.TARC_ENABLE) !== 0;
    return isOn && isQueueOn && (ring.hasTail || ring.isEmpty);
  }

  /** With MSI-X queues have causes of their own (7.4.3). */
  #writtenBack(queue: 0 | 1, command: number): number | undefined {
    const isEvery = (this.#registers.get(E.IVAR) & E.IVAR_EVERY_WRITE_BACK) !== 0;
    if (!isEvery && !(command & REPORT_STATUS)) return undefined;
    return this.#msix.enabled ? E.CAUSE.transmit[queue] : R.CAUSE.transmitWrittenBack;
  }

  #newReceiver(): Receiver {
    const host = {
      ...this.#host(),
      receiving: () => this.state.receive,
      received: (queue: 0 | 1, isLow: boolean) => this.#received(queue, isLow),
    };
    return new Receiver(host, new ReceiveQueues(host));
  }

  #received(queue: 0 | 1, isLow: boolean): number {
    if (this.#msix.enabled) return E.CAUSE.receive[queue];
    return R.CAUSE.receiveTimer | (isLow ? R.CAUSE.receiveMinimum : 0);
  }

  /** Configuration space has been written: MSI-X, bus mastering. */
  #configured(offset: number, size: number): void {
    if (offset < MSIX_AT + 4 && offset + size > MSIX_AT) this.#msix.controlChanged();
    this.#interrupts.update();
    this.#receiver.drain();
  }

  // ---- Resets

  #powerOn(): Lasting {
    return {
      nvm: nvmOf(this.mac),
      phy: phyReset(PHY_82574L),
      msix: this.#msix.state,
      index: 0,
    };
  }

  #fresh(lasting: Lasting): E1000eState {
    const [low, high] = addressRegisters(this.mac);
    return {
      ...lasting,
      registers: { ...E.RESET_VALUES, [R.RA]: low, [R.RA + 4]: high },
      interrupts: interruptReset(),
      transmit: [transmitReset(), transmitReset()],
      receive: receiveReset(),
      isUnplugged: false,
    };
  }

  reset(): void {
    this.#msix.reset();
    const { nvm } = this.state;
    this.#restart({ ...this.#powerOn(), nvm });
    this.#timers.link.cancel();
  }

  /** All but configuration space, NVM and PHY is as after power-on (10.2.2.1). */
  #restart(lasting: Lasting): void {
    const { isUnplugged } = this.state;
    this.state = { ...this.#fresh(lasting), isUnplugged };
    if (isUnplugged) beginNegotiation(this.#registers, this.state.phy);
    for (const timer of [this.#timers.interrupt, ...this.#timers.transmit]) timer.cancel();
    this.#fn.setInterrupt(false);
  }

  restored(): void {
    this.#msix.state = this.state.msix;
  }

  // ---- Frames

  receive(frame: Uint8Array): void {
    this.#receiver.receive(frame);
  }

  #send(frame: Uint8Array): void {
    const isLooped =
      (this.#registers.get(R.RCTL) & E.RCTL_LOOPBACK) === E.RCTL_MAC_LOOPBACK ||
      hasLoopback(this.state.phy);
    if (isLooped) this.#receiver.receive(frame);
    else if (this.#registers.get(R.STATUS) & R.STATUS_LINK_UP) this.onFrame(frame);
  }

  // ---- Link (5.5)

  #negotiate(): void {
    beginNegotiation(this.#registers, this.state.phy);
    this.#timers.link.set(this.#slot.clock.now() + NEGOTIATION_NS);
  }

  setCable(isIn: boolean): void {
    const s = this.state;
    if (s.isUnplugged === !isIn) return;
    s.isUnplugged = !isIn;
    if (isIn && negotiates(s.phy)) {
      this.#negotiate();
      return;
    }
    if (moveCable(this.#registers, s.phy, isIn)) this.#interrupts.raise(R.CAUSE.linkChange);
    this.#receiver.drain();
  }

  #negotiated(): void {
    if (this.state.isUnplugged) return;
    completeNegotiation(this.#registers, this.state.phy);
    this.#registers.set(R.CTRL, this.#registers.get(R.CTRL) | E.CTRL_BITS.flowControl);
    this.#interrupts.raise(R.CAUSE.linkChange);
    this.#receiver.drain();
  }

  // ---- Registers

  #read(offset: number): number {
    const register = E.registerAt(offset);
    const value = this.#registers.get(register);
    switch (register) {
      case R.ICR:
        return this.#interrupts.read();
      case R.ICS:
        return this.#registers.get(R.ICR);
      case R.STATUS:
        return E.shownStatus(value, this.#registers.get(R.CTRL), this.#registers.get(E.CTRL_EXT));
      case E.SWSM:
        // The semaphore is the reader's who finds it free (10.2.5.13).
        this.#registers.set(register, value | 1);
        return value;
    }
    if (E.isStatistic(register)) return this.#registers.takeCount(register);
    const kept = E.keptOf(register);
    return kept === undefined ? value : (value & kept.reads) >>> 0;
  }

  #write(offset: number, value: number): void {
    const register = E.registerAt(offset);
    const write = this.#writes[register];
    if (write !== undefined) {
      write(value);
      return;
    }
    const kept = E.keptOf(register);
    if (kept !== undefined) {
      if (kept.writes !== 0) this.#registers.set(register, value & kept.writes);
      return;
    }
    this.#slot.log.unimplemented(`${this.name}: register 0x${register.toString(16)}`);
  }

  /** Registers of which a write does more than keep the value. */
  readonly #writes: Readonly<Record<number, (value: number) => void>> = {
    [R.CTRL]: (value) => this.#control(value),
    [E.CTRL_DUPLICATE]: (value) => this.#control(value),
    [R.STATUS]: (value) => {
      if (value & E.STATUS_BITS.phyReset) return;
      this.#registers.set(R.STATUS, this.#registers.get(R.STATUS) & ~E.STATUS_BITS.phyReset);
    },
    [R.EECD]: (value) => this.#setUnder(R.EECD, value, E.EECD_READ_ONLY),
    [R.EERD]: (value) => this.#registers.set(R.EERD, readNvm(this.state.nvm, value)),
    [E.EEWR]: (value) => this.#registers.set(R.EERD, writeNvm(this.state.nvm, value)),
    [E.CTRL_EXT]: (value) => this.#registers.set(E.CTRL_EXT, value & ~E.CTRL_EXT_BITS.selfClearing),
    [R.MDIC]: (value) => this.#mdic(value),
    [R.ICR]: (value) => this.#interrupts.clear(value),
    [R.ICS]: (value) => this.#interrupts.raise(value),
    [R.IMS]: (value) => this.#interrupts.enable(value),
    [R.IMC]: (value) => this.#interrupts.disable(value),
    [E.GCR]: (value) => this.#setUnder(E.GCR, value, E.GCR_READ_ONLY),
    [E.PSRCTL]: (value) => this.#splitSizes(value),
    [E.RXDCTL]: (value) => {
      this.#registers.set(E.RXDCTL, value);
      this.#registers.set(E.RXDCTL1, value);
    },
    [E.PBACLR]: (value) => {
      for (let vector = 0; vector < E.VECTORS; vector++) {
        if ((value >> vector) & 1) this.#msix.withdraw(vector);
      }
      this.#registers.set(E.PBACLR, value & ((1 << E.VECTORS) - 1));
    },
    [R.RCTL]: (value) => {
      this.#registers.set(R.RCTL, value);
      this.#receiver.drain();
    },
    [R.TCTL]: (value) => {
      this.#registers.set(R.TCTL, value);
      for (const transmitter of this.#transmitters) transmitter.start();
    },
    ...Object.fromEntries([
      ...E.RECEIVE_RINGS.map(({ tail }) => [
        tail,
        (value: number) => {
          this.#registers.set(tail, value & 0xffff);
          this.#receiver.drain();
        },
      ]),
      ...E.TRANSMIT_RINGS.map(({ tail }, queue) => [
        tail,
        (value: number) => {
          this.#registers.set(tail, value & 0xffff);
          this.#transmitters[queue]?.start();
        },
      ]),
      ...Array.from({ length: E.VECTORS }, (_, vector) => [
        E.EITR + 4 * vector,
        (value: number) => this.#registers.set(E.EITR + 4 * vector, value & 0xffff),
      ]),
    ]),
  };

  /** Sets a register but for bits that are not the guest's. */
  #setUnder(register: number, value: number, readOnly: number): void {
    this.#registers.set(register, (this.#registers.get(register) & readOnly) | (value & ~readOnly));
  }

  #control(value: number): void {
    if (value & R.CTRL_RST) {
      const { nvm, phy, msix, index } = this.state;
      this.#restart({ nvm, phy, msix, index });
      return;
    }
    this.#registers.set(R.CTRL, value);
    if (!(value & R.CTRL_PHY_RST)) return;
    this.state.phy = phyReset(PHY_82574L);
    if (this.state.isUnplugged) beginNegotiation(this.#registers, this.state.phy);
    this.#registers.set(R.STATUS, this.#registers.get(R.STATUS) | E.STATUS_BITS.phyReset);
  }

  #mdic(value: number): void {
    const before = this.#registers.get(R.MDIC);
    const after = accessPhy(PHY_82574L, this.state.phy, value, before, () => this.#negotiate());
    this.#registers.set(R.MDIC, after);
    if (after & MDIC_INTERRUPT) this.#interrupts.raise(R.CAUSE.mdioDone);
  }

  /** Where packets are split there is a buffer for headers, and one for data (10.2.6.3). */
  #splitSizes(value: number): void {
    const isSplit = (this.#registers.get(R.RCTL) & E.RCTL_DESCRIPTORS) !== 0;
    if (isSplit && ((value & 0x7f) === 0 || (value & 0x3f00) === 0)) {
      this.#slot.log.guestError(`${this.name}: PSRCTL 0x${value.toString(16)} has an empty buffer`);
      return;
    }
    this.#registers.set(E.PSRCTL, value);
  }

  #io(): MmioHandler {
    const isRegister = (): boolean => this.state.index < MEMORY_BYTES;
    return {
      read: (offset) => {
        if (offset === IO_ADDRESS) return this.state.index;
        return offset === IO_DATA && isRegister() ? this.#read(this.state.index) : 0;
      },
      write: (offset, value, size) => {
        if (size !== 4) return;
        if (offset === IO_ADDRESS) this.state.index = value >>> 0;
        else if (offset === IO_DATA && isRegister()) this.#write(this.state.index, value);
      },
    };
  }
}

/** There is no flash behind its base address register. */
const NO_FLASH: MmioHandler = { read: () => 0, peek: () => 0, write: () => {} };

export const e1000e: DeviceKind<{ index: number; mac: number; addr: number }> = {
  name: "e1000e",
  what: "Intel 82574L gigabit Ethernet controller",
  options: {
    ...CARD_OPTIONS,
    addr: SLOT_OPTION,
  },
  nameOf: ({ index }) => `e1000e-${index}`,
  create: (slot, { index, mac, addr }) => new E1000e(slot, index, mac, addr),
};
