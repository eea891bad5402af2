// Intel's 82540EM gigabit Ethernet controller (PCI/PCI-X Family of Gigabit Ethernet Controllers Software Developer's
// Manual, 317453), as QEMU's e1000: PCI 8086:100E. Not here: wake up, manageability, flow control, writing the EEPROM,
// checksums of what is received, delays of interrupts other than ITR.

import type { Device, DeviceKind, MmioHandler, Slot } from "../device.ts";
import { type PciFunction, SLOT_OPTION } from "../pci.ts";
import type { Timer } from "../timers.ts";
import { fetchMemory } from "./card-memory.ts";
import { type DescriptorRing, ringAt } from "./descriptor-ring.ts";
import {
  EEPROM_82540EM,
  type EepromState,
  eepromOf,
  eepromReset,
  readPins,
  readWord,
  writePins,
} from "./e1000-eeprom.ts";
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
  PHY_82540EM,
  type PhyState,
  phyReset,
} from "./e1000-phy.ts";
import { ReceiveRing } from "./e1000-receive.ts";
import * as R from "./e1000-registers.ts";
import { type TransmitState, Transmitter, transmitReset } from "./e1000-transmit.ts";
import { CARD_OPTIONS, macBytes, type NetworkCard } from "./network-card.ts";
import { Receiver, type ReceiveState, receiveReset } from "./receive-fifo.ts";
import { RegisterFile, registerWindow } from "./register-file.ts";

const MEMORY_BYTES = 0x2_0000;
const IO_BYTES = 64;
/** I/O: index and data (13.2.2). */
const IO_ADDRESS = 0;
const IO_DATA = 4;

/** ITR counts in units of 256 ns. */
const THROTTLE_NS = 256;
/** A transmit descriptor that says when it is done: RS and RPS (3.3.3.1). */
const TELLS = 0x1800_0000;

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
  /** There is no cable. */
  isUnplugged: boolean;
}

export class E1000 implements Device, NetworkCard {
  readonly name: string;
  readonly index: number;
  readonly model = "e1000";
  readonly mac: Uint8Array;
  state: E1000State;
  onFrame: (frame: Uint8Array) => void = () => {};
  readonly #slot: Slot;
  readonly #fn: PciFunction;
  readonly #eeprom: Uint16Array;
  readonly #registers = new RegisterFile(() => this.state.registers);
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
    this.#eeprom = eepromOf(EEPROM_82540EM, this.mac);
    this.#fn = slot.pci({
      device,
      vendor: 0x8086,
      deviceId: 0x100e,
      classCode: 0x020000,
      revision: 3,
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
      isOn: (ring: DescriptorRing) =>
        (this.#registers.get(R.TCTL) & R.TCTL_EN) !== 0 && ring.length > 0,
      writtenBack: (command: number) => (command & TELLS ? R.CAUSE.transmitWrittenBack : undefined),
      receiving: () => this.state.receive,
      registers: this.#registers,
      fetch: (address: number, length: number) =>
        fetchMemory(this.#slot, this.#fn, address, length),
      store: (address: number, bytes: Uint8Array) => this.#fn.dma.write(address, bytes),
      raise: (causes: number) => this.#raise(causes),
      isMaster: () => this.#fn.isMaster,
      now: () => slot.clock.now(),
      resumeAt: (when: number) => this.#transmitTimer.set(when),
      send: (frame: Uint8Array) => this.#send(frame),
    };
    this.#transmitter = new Transmitter(host, ringAt(R.TDBAL));
    this.#receiver = new Receiver(host, new ReceiveRing(host));
    this.#fn.onGuestWrite = () => this.#receiver.drain();
    this.state = this.#fresh(phyReset(PHY_82540EM));
  }

  #fresh(phy: PhyState): E1000State {
    const [low, high] = addressRegisters(this.mac);
    return {
      registers: {
        ...R.RESET_VALUES,
        [R.RA]: low,
        [R.RA + 4]: high,
      },
      eeprom: eepromReset(),
      phy,
      transmit: transmitReset(),
      receive: receiveReset(),
      index: 0,
      quietUntil: 0,
      isUnplugged: false,
    };
  }

  reset(): void {
    this.#restart(phyReset(PHY_82540EM));
    this.#linkTimer.cancel();
  }

  /** All but configuration space and PHY is as after power-on (14.7). */
  #restart(phy: PhyState): void {
    const { isUnplugged } = this.state;
    this.state = { ...this.#fresh(phy), isUnplugged };
    if (isUnplugged) beginNegotiation(this.#registers, this.state.phy);
    this.#interruptTimer.cancel();
    this.#transmitTimer.cancel();
    this.#fn.setInterrupt(false);
  }

  receive(frame: Uint8Array): void {
    this.#receiver.receive(frame);
  }

  #send(frame: Uint8Array): void {
    if (hasLoopback(this.state.phy)) this.#receiver.receive(frame);
    else if (this.#registers.get(R.STATUS) & R.STATUS_LINK_UP) this.onFrame(frame);
  }

  // ---- Interrupts (13.4.17 to 13.4.21)

  #raise(causes: number): void {
    this.#registers.set(R.ICR, this.#registers.get(R.ICR) | causes);
    this.#update();
  }

  /** The pin follows causes that are not masked; it rises as often as ITR lets it. */
  #update(): void {
    const s = this.state;
    const wanted = (this.#registers.get(R.ICR) & this.#registers.get(R.IMS)) !== 0;
    if (wanted && !this.#fn.state.interrupt) {
      const now = this.#slot.clock.now();
      if (now < s.quietUntil) {
        this.#interruptTimer.set(s.quietUntil);
        return;
      }
      s.quietUntil = now + this.#registers.get(R.ITR) * THROTTLE_NS;
    }
    this.#fn.setInterrupt(wanted);
  }

  // ---- Link (8.6)

  #negotiate(): void {
    beginNegotiation(this.#registers, this.state.phy);
    this.#linkTimer.set(this.#slot.clock.now() + NEGOTIATION_NS);
  }

  #resetPhy(): void {
    this.state.phy = phyReset(PHY_82540EM);
    if (this.state.isUnplugged) beginNegotiation(this.#registers, this.state.phy);
  }

  setCable(isIn: boolean): void {
    const s = this.state;
    if (s.isUnplugged === !isIn) return;
    s.isUnplugged = !isIn;
    if (isIn && negotiates(s.phy)) {
      this.#negotiate();
      return;
    }
    if (moveCable(this.#registers, s.phy, isIn)) this.#raise(R.CAUSE.linkChange);
    this.#receiver.drain();
  }

  #negotiated(): void {
    if (this.state.isUnplugged) return;
    completeNegotiation(this.#registers, this.state.phy);
    this.#raise(R.CAUSE.linkChange);
    this.#receiver.drain();
  }

  // ---- Registers

  #read(register: number): number {
    switch (register) {
      case R.EECD:
        return readPins(this.state.eeprom, this.#eeprom);
      case R.EERD:
        return readWord(this.#registers.get(R.EERD), this.#eeprom);
      case R.ICR: {
        const causes = this.#registers.get(R.ICR);
        this.#registers.set(R.ICR, 0);
        this.#update();
        return causes;
      }
      case R.ICS:
        return this.#registers.get(R.ICR);
      case R.IMC:
        return 0;
    }
    if (R.isMissing(register)) this.#missing(register);
    return R.isStatistic(register)
      ? this.#registers.takeCount(register)
      : this.#registers.get(register);
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
        this.#registers.set(R.EERD, value);
        return;
      case R.MDIC:
        this.#registers.set(
          R.MDIC,
          accessPhy(PHY_82540EM, s.phy, value, this.#registers.get(R.MDIC), () =>
            this.#negotiate(),
          ),
        );
        if (this.#registers.get(R.MDIC) & MDIC_INTERRUPT) this.#raise(R.CAUSE.mdioDone);
        return;
      case R.ICR:
        this.#registers.set(R.ICR, this.#registers.get(R.ICR) & ~value);
        this.#update();
        return;
      case R.ICS:
        this.#raise(value);
        return;
      case R.IMS:
        this.#registers.set(R.IMS, this.#registers.get(R.IMS) | value);
        this.#update();
        return;
      case R.IMC:
        this.#registers.set(R.IMS, this.#registers.get(R.IMS) & ~value);
        this.#update();
        return;
      case R.TCTL:
      case R.TDT:
        this.#registers.set(register, register === R.TDT ? value & 0xffff : value);
        this.#transmitter.start();
        return;
      case R.RCTL:
      case R.RDT:
        this.#registers.set(register, register === R.RDT ? value & 0xffff : value);
        this.#receiver.drain();
        return;
    }
    const kept = R.keptBits(register);
    if (kept !== undefined) this.#registers.set(register, value & kept);
    else if (R.isMissing(register)) this.#missing(register);
  }

  #control(value: number): void {
    if (value & R.CTRL_RST) {
      this.#restart(this.state.phy);
      return;
    }
    if (value & R.CTRL_PHY_RST) this.#resetPhy();
    this.#registers.set(R.CTRL, value & ~R.CTRL_PHY_RST);
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
    ...CARD_OPTIONS,
    addr: SLOT_OPTION,
  },
  nameOf: ({ index }) => `e1000-${index}`,
  create: (slot, { index, mac, addr }) => new E1000(slot, index, mac, addr),
};
