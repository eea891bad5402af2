// Intel's 82540EM gigabit Ethernet controller (PCI/PCI-X Family of Gigabit Ethernet Controllers Software Developer's
// Manual, 317453), as QEMU's e1000: PCI 8086:100E. Not here: wake up, manageability, flow control, writing the EEPROM,
// checksums of what is received, delays of interrupts other than ITR.

import { allOnes, type Device, type DeviceKind, type MmioHandler, type Slot } from "../device.ts";
import { type PciFunction, SLOT_OPTION } from "../pci.ts";
import type { Timer } from "../timers.ts";
import {
  type EepromState,
  eepromOf,
  eepromReset,
  readPins,
  readWord,
  writePins,
} from "./e1000-eeprom.ts";
import {
  accessPhy,
  completeNegotiation,
  hasLoopback,
  MDIC_INTERRUPT,
  type PhyState,
  phyReset,
  setLink,
} from "./e1000-phy.ts";
import { Receiver, type ReceiveState, receiveReset } from "./e1000-receive.ts";
import * as R from "./e1000-registers.ts";
import { type TransmitState, Transmitter, transmitReset } from "./e1000-transmit.ts";
import { FIRST_MAC, MAX_CARDS, macBytes, type NetworkCard } from "./network-card.ts";

const MEMORY_BYTES = 0x2_0000;
const IO_BYTES = 64;
/** I/O: index and data (13.2.2). */
const IO_ADDRESS = 0;
const IO_DATA = 4;

/** ITR counts in units of 256 ns. */
const THROTTLE_NS = 256;
/** How long an auto-negotiation takes, ns; what QEMU's does. */
const NEGOTIATION_NS = 500_000_000;

const ADDRESS_VALID = 0x8000_0000;
const MAX_COUNT = 0xffff_ffff;

interface E1000State {
  /** By offset; 0 where there is none. */
  registers: Record<number, number>;
  eeprom: EepromState;
  phy: PhyState;
  transmit: TransmitState;
  receive: ReceiveState;
  /** Register that the I/O data port accesses. */
  index: number;
  /** When the interrupt pin may rise again, ns. */
  quietUntil: number;
}

export class E1000 implements Device, NetworkCard {
  readonly name: string;
  readonly index: number;
  readonly mac: Uint8Array;
  state: E1000State;
  onFrame: (frame: Uint8Array) => void = () => {};
  readonly #slot: Slot;
  readonly #fn: PciFunction;
  readonly #eeprom: Uint16Array;
  readonly #transmitter: Transmitter;
  readonly #receiver: Receiver;
  readonly #interruptTimer: Timer;
  readonly #transmitTimer: Timer;
  readonly #linkTimer: Timer;

  constructor(slot: Slot, index: number, mac: number, device: number) {
    this.name = slot.name;
    this.index = index;
    this.mac = macBytes(mac);
    this.#slot = slot;
    this.#eeprom = eepromOf(this.mac);
    this.#fn = slot.pci({
      device,
      vendor: 0x8086,
      deviceId: 0x100e,
      classCode: 0x020000,
      revision: 3,
      bars: [
        { index: 0, kind: "memory", size: MEMORY_BYTES, handler: this.#memory() },
        { index: 1, kind: "io", size: IO_BYTES, handler: this.#io() },
      ],
      interruptPin: 1,
      rom: slot.board.cardRoms[index],
    });
    this.#interruptTimer = slot.timer(() => this.#update(), "interrupt");
    this.#transmitTimer = slot.timer(() => this.#transmitter.transmit(), "transmit");
    this.#linkTimer = slot.timer(() => this.#negotiated(), "link");
    const host = {
      transmitting: () => this.state.transmit,
      receiving: () => this.state.receive,
      get: (register: number) => this.#get(register),
      set: (register: number, value: number) => this.#set(register, value),
      count: (register: number, amount = 1) => this.#count(register, amount),
      fetch: (address: number, length: number) => this.#fetch(address, length),
      store: (address: number, bytes: Uint8Array) => this.#fn.dma.write(address, bytes),
      raise: (causes: number) => this.#raise(causes),
      isMaster: () => this.#fn.isMaster,
      now: () => slot.clock.now(),
      resumeAt: (when: number) => this.#transmitTimer.set(when),
      send: (frame: Uint8Array) => this.#send(frame),
    };
    this.#transmitter = new Transmitter(host);
    this.#receiver = new Receiver(host);
    this.#fn.onWrite = () => this.#receiver.drain();
    this.state = this.#fresh(phyReset());
  }

  #fresh(phy: PhyState): E1000State {
    const [m0, m1, m2, m3, m4, m5] = this.mac as unknown as [
      number,
      number,
      number,
      number,
      number,
      number,
    ];
    return {
      registers: {
        ...R.RESET_VALUES,
        [R.RA]: (m0 | (m1 << 8) | (m2 << 16) | (m3 << 24)) >>> 0,
        [R.RA + 4]: (ADDRESS_VALID | m4 | (m5 << 8)) >>> 0,
      },
      eeprom: eepromReset(),
      phy,
      transmit: transmitReset(),
      receive: receiveReset(),
      index: 0,
      quietUntil: 0,
    };
  }

  reset(): void {
    this.#restart(phyReset());
    this.#linkTimer.cancel();
  }

  /** All but configuration space and PHY is as after power-on (14.7). */
  #restart(phy: PhyState): void {
    this.state = this.#fresh(phy);
    this.#interruptTimer.cancel();
    this.#transmitTimer.cancel();
    this.#fn.setInterrupt(false);
  }

  receive(frame: Uint8Array): void {
    this.#receiver.receive(frame);
  }

  #send(frame: Uint8Array): void {
    if (hasLoopback(this.state.phy)) this.#receiver.receive(frame);
    else if (this.#get(R.STATUS) & R.STATUS_LINK_UP) this.onFrame(frame);
  }

  /** Guest memory, zeros where there is none. */
  #fetch(address: number, length: number): Uint8Array {
    const bytes = this.#fn.dma.read(address, length);
    if (bytes.length === length) return bytes;
    this.#slot.log.guestError(
      `${this.name}: ${length} bytes at 0x${address.toString(16)} are not all memory that it can read`,
    );
    const out = new Uint8Array(length);
    out.set(bytes);
    return out;
  }

  // ---- Interrupts (13.4.17 to 13.4.21)

  #raise(causes: number): void {
    this.#set(R.ICR, this.#get(R.ICR) | causes);
    this.#update();
  }

  /** The pin follows causes that are not masked; it rises as often as ITR lets it. */
  #update(): void {
    const s = this.state;
    const wanted = (this.#get(R.ICR) & this.#get(R.IMS)) !== 0;
    if (wanted && !this.#fn.state.interrupt) {
      const now = this.#slot.clock.now();
      if (now < s.quietUntil) {
        this.#interruptTimer.set(s.quietUntil);
        return;
      }
      s.quietUntil = now + this.#get(R.ITR) * THROTTLE_NS;
    }
    this.#fn.setInterrupt(wanted);
  }

  // ---- Link (8.6)

  #setLink(up: boolean): void {
    const status = this.#get(R.STATUS);
    this.#set(R.STATUS, up ? status | R.STATUS_LINK_UP : status & ~R.STATUS_LINK_UP);
    setLink(this.state.phy, up);
  }

  #negotiate(): void {
    this.#setLink(false);
    this.#linkTimer.set(this.#slot.clock.now() + NEGOTIATION_NS);
  }

  #negotiated(): void {
    this.#setLink(true);
    completeNegotiation(this.state.phy);
    this.#raise(R.CAUSE.linkChange);
    this.#receiver.drain();
  }

  // ---- Registers

  #get(register: number): number {
    return this.state.registers[register] ?? 0;
  }

  #set(register: number, value: number): void {
    this.state.registers[register] = value >>> 0;
  }

  /** Counters stay at their maximum (13.7). */
  #count(register: number, amount: number): void {
    const sum = this.#get(register) + amount;
    if (!R.WIDE_COUNTERS.includes(register)) this.#set(register, Math.min(sum, MAX_COUNT));
    else if (sum <= MAX_COUNT) this.#set(register, sum);
    else if (this.#get(register + 4) === MAX_COUNT) this.#set(register, MAX_COUNT);
    else {
      this.#set(register, sum - MAX_COUNT - 1);
      this.#set(register + 4, this.#get(register + 4) + 1);
    }
  }

  #read(register: number): number {
    switch (register) {
      case R.EECD:
        return readPins(this.state.eeprom, this.#eeprom);
      case R.EERD:
        return readWord(this.#get(R.EERD), this.#eeprom);
      case R.ICR: {
        const causes = this.#get(R.ICR);
        this.#set(R.ICR, 0);
        this.#update();
        return causes;
      }
      case R.ICS:
        return this.#get(R.ICR);
      case R.IMC:
        return 0;
    }
    if (R.isMissing(register)) this.#missing(register);
    const value = this.#get(register);
    if (register >= R.STATISTICS.first && register <= R.STATISTICS.last) this.#clear(register);
    return value;
  }

  /** Reading a counter sets it to 0; of those of 64 bits, reading the upper half (13.7). */
  #clear(register: number): void {
    if (R.WIDE_COUNTERS.includes(register)) return;
    this.#set(register, 0);
    if (R.WIDE_COUNTERS.includes(register - 4)) this.#set(register - 4, 0);
  }

  #missing(register: number): void {
    this.#slot.log.unimplemented(`${this.name}: register 0x${register.toString(16)}`);
  }

  #write(register: number, value: number): void {
    const s = this.state;
    switch (register) {
      case R.CTRL:
        this.#control(value);
        return;
      case R.EECD:
        writePins(s.eeprom, value);
        return;
      case R.EERD:
        this.#set(R.EERD, value);
        return;
      case R.MDIC:
        this.#set(
          R.MDIC,
          accessPhy(s.phy, value, this.#get(R.MDIC), () => this.#negotiate()),
        );
        if (this.#get(R.MDIC) & MDIC_INTERRUPT) this.#raise(R.CAUSE.mdioDone);
        return;
      case R.ICR:
        this.#set(R.ICR, this.#get(R.ICR) & ~value);
        this.#update();
        return;
      case R.ICS:
        this.#raise(value);
        return;
      case R.IMS:
        this.#set(R.IMS, this.#get(R.IMS) | value);
        this.#update();
        return;
      case R.IMC:
        this.#set(R.IMS, this.#get(R.IMS) & ~value);
        this.#update();
        return;
      case R.TCTL:
      case R.TDT:
        this.#set(register, register === R.TDT ? value & 0xffff : value);
        this.#transmitter.start();
        return;
      case R.RCTL:
      case R.RDT:
        this.#set(register, register === R.RDT ? value & 0xffff : value);
        this.#receiver.drain();
        return;
    }
    const kept = R.keptBits(register);
    if (kept !== undefined) this.#set(register, value & kept);
    else if (R.isMissing(register)) this.#missing(register);
  }

  #control(value: number): void {
    if (value & R.CTRL_RST) {
      this.#restart(this.state.phy);
      return;
    }
    if (value & R.CTRL_PHY_RST) this.state.phy = phyReset();
    this.#set(R.CTRL, value & ~R.CTRL_PHY_RST);
  }

  /** Registers are of 32 bits, and written whole. */
  #memory(): MmioHandler {
    return {
      read: (offset, size) =>
        ((this.#read(offset & ~3) >>> (8 * (offset & 3))) & allOnes(size)) >>> 0,
      write: (offset, value, size) => {
        if (size === 4 && (offset & 3) === 0) this.#write(offset, value);
      },
    };
  }

  #io(): MmioHandler {
    return {
      read: (offset) => {
        if (offset === IO_ADDRESS) return this.state.index;
        return offset === IO_DATA ? this.#read(this.state.index) : 0;
      },
      write: (offset, value, size) => {
        if (size !== 4) return;
        if (offset === IO_ADDRESS) this.state.index = value & (MEMORY_BYTES - 4);
        else if (offset === IO_DATA) this.#write(this.state.index, value);
      },
    };
  }
}

export const e1000: DeviceKind<{ index: number; mac: number; addr: number }> = {
  name: "e1000",
  what: "Intel 82540EM gigabit Ethernet controller",
  options: {
    index: { default: 0, minimum: 0, maximum: MAX_CARDS - 1 },
    mac: { default: FIRST_MAC, minimum: 1, maximum: 2 ** 48 - 1 },
    addr: SLOT_OPTION,
  },
  nameOf: ({ index }) => `e1000-${index}`,
  create: (slot, { index, mac, addr }) => new E1000(slot, index, mac, addr),
};
