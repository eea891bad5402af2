// A port of an AHCI host bus adapter: its registers, and how it takes a command from the guest's list, lets the
// device perform it and tells the outcome (AHCI 1.3.1, 3.3, 4.2, 5 and 6). A command is performed at once, a while
// after it has been issued: until then it is in the guest's memory alone.

import type { GuestMemory } from "../device.ts";
import type { Timer } from "../timers.ts";
import { freshPort, PORT_NAMES, type PortState } from "./ahci-port-state.ts";
import {
  CMD,
  IRQ,
  IRQ_BITS,
  LINK_UP,
  NO_SIGNATURE,
  NO_STATUS,
  PORT,
  SLOTS,
} from "./ahci-registers.ts";
import type { AtaDevice, DeviceState } from "./ata-device.ts";
import { AtaDisk, READ_FPDMA_QUEUED, WRITE_FPDMA_QUEUED } from "./ata-disk.ts";
import {
  COMMAND_FIS_BYTES,
  decodeHostFis,
  deviceBitsFis,
  dmaSetupFis,
  pioSetupFis,
  RECEIVED,
  registerFis,
} from "./fis.ts";
import { ahciRegions, Regions, readAll, writeAll } from "./prdt.ts";
import { BSY, DRQ, ERR } from "./task-file.ts";

/** From a command's issue to its end: what a solid-state disk takes. */
const COMMAND_NS = 20_000;
/** Bytes that device and memory exchange at once. */
const PIECE = 0x2_0000;

const HEADER_BYTES = 32;
const HEADER = { fisLength: 0x1f, packet: 0x20, clearBusy: 0x400 } as const;
const TABLE_PACKET = 0x40;
const TABLE_REGIONS = 0x80;
const PACKET_BYTES = 16;
/** A FIS has at least two dwords. */
const SHORTEST_FIS = 2;

/** What a port needs of its adapter. */
export interface PortHost {
  readonly memory: GuestMemory;
  now(): number;
  /** PxIS or PxIE have changed. */
  interrupt(): void;
}

/** A command that is being performed: its slot, and where its data are. */
interface Issued {
  slot: number;
  regions: Regions;
  /** Its header's address. */
  header: number;
}

export class AhciPort {
  state: PortState;
  readonly device: AtaDevice | undefined;
  readonly #host: PortHost;
  readonly #timer: Timer;

  constructor(device: AtaDevice | undefined, host: PortHost, timer: (fire: () => void) => Timer) {
    this.device = device;
    this.#host = host;
    this.state = freshPort(device?.state);
    this.#timer = timer(() => this.#perform());
    if (device !== undefined) device.again = () => this.#again(device);
  }

  // ---- Resets

  powerOn(): void {
    this.device?.powerOn();
    this.#timer.cancel();
    this.state = freshPort(this.device?.state);
  }

  /** The adapter's reset: addresses stay. */
  hostReset(): void {
    const { clb, clbu, fb, fbu } = this.state;
    this.#resetDevice();
    this.state = { ...freshPort(this.device?.state), clb, clbu, fb, fbu };
  }

  /** COMRESET. */
  #linkReset(): void {
    const s = this.state;
    this.#resetDevice();
    s.tfd = NO_STATUS;
    s.sig = NO_SIGNATURE;
    s.serr = 0;
    s.sact = 0;
    s.ci = 0;
    s.halted = false;
    s.signatureWaits = true;
    this.#receiveSignature();
  }

  #resetDevice(): void {
    this.#timer.cancel();
    this.state.held = false;
    this.state.waiting = undefined;
    this.device?.reset();
    if (this.device !== undefined) this.state.device = this.device.state;
  }

  restored(): void {
    if (this.device !== undefined) this.device.state = this.state.device as DeviceState;
  }

  // ---- Registers

  read(register: number): number {
    if (register === PORT.ssts) return this.device === undefined ? 0 : LINK_UP;
    const name = PORT_NAMES.get(register);
    return name === undefined ? 0 : this.state[name];
  }

  write(register: number, value: number): void {
    const s = this.state;
    switch (register) {
      case PORT.clb:
        s.clb = (value & ~0x3ff) >>> 0;
        return;
      case PORT.clbu:
        s.clbu = value;
        return;
      case PORT.fb:
        s.fb = (value & ~0xff) >>> 0;
        return;
      case PORT.fbu:
        s.fbu = value;
        return;
      case PORT.is:
        s.is = (s.is & ~value) >>> 0;
        this.#host.interrupt();
        return;
      case PORT.ie:
        s.ie = (value & IRQ_BITS) >>> 0;
        this.#host.interrupt();
        return;
      case PORT.cmd:
        this.#control(value);
        return;
      case PORT.sctl: {
        const released = (s.sctl & 0xf) === 1 && (value & 0xf) === 0;
        s.sctl = value & 0xfff;
        if (released) this.#linkReset();
        return;
      }
      case PORT.serr:
        s.serr = (s.serr & ~value) >>> 0;
        return;
      case PORT.sact:
        if (s.cmd & CMD.start) s.sact = (s.sact | value) >>> 0;
        return;
      case PORT.ci:
        if (!(s.cmd & CMD.start)) return;
        s.ci = (s.ci | value) >>> 0;
        this.#schedule();
        return;
    }
  }

  /** PxCMD. */
  #control(value: number): void {
    const s = this.state;
    const writable = CMD.start | CMD.receive | CMD.kept;
    let cmd = (s.cmd & ~writable) | (value & writable);
    if (value & CMD.override) s.tfd &= ~(BSY | DRQ);
    cmd = cmd & CMD.receive ? cmd | CMD.receiving : cmd & ~CMD.receiving;
    if (cmd & CMD.start) cmd |= CMD.running;
    else {
      // Commands that wait are forgotten, and with them the error that they have waited for.
      cmd &= ~(CMD.running | CMD.slot);
      if (s.cmd & CMD.start) this.#forget();
    }
    s.cmd = cmd >>> 0;
    this.#receiveSignature();
    this.#schedule();
  }

  #forget(): void {
    const s = this.state;
    this.#timer.cancel();
    // A command that the device has begun goes on being wanted there: it ends without being told.
    if (s.ci !== 0 && !s.halted && this.device !== undefined) s.tfd &= ~(BSY | DRQ);
    s.ci = 0;
    s.sact = 0;
    s.halted = false;
  }

  // ---- What the device says

  /** Writes a FIS to the guest, if it receives any; an address that is no memory is a fatal error of the bus. */
  #post(at: number, fis: Uint8Array): void {
    const s = this.state;
    if (!(s.cmd & CMD.receive)) return;
    if (!writeAll(this.#host.memory, s.fb + at, s.fbu, fis)) this.#fatal(IRQ.busFatal);
  }

  #raise(bits: number): void {
    this.state.is = (this.state.is | bits) >>> 0;
    this.#host.interrupt();
  }

  #fatal(bit: number): void {
    this.state.halted = true;
    this.#raise(bit);
  }

  #showStatus(): void {
    const { registers } = this.device as AtaDevice;
    this.state.tfd = registers.status | (registers.error << 8);
  }

  /** The FIS with the registers; a command that has failed stops the port. */
  #register(interrupt: boolean): void {
    const { registers } = this.device as AtaDevice;
    this.#showStatus();
    this.#post(RECEIVED.register, registerFis(registers, interrupt));
    if (registers.status & ERR) this.#fatal(IRQ.taskFile | (interrupt ? IRQ.register : 0));
    else if (interrupt) this.#raise(IRQ.register);
  }

  /** After a reset the device sends its registers as soon as the guest receives. */
  #receiveSignature(): void {
    const s = this.state;
    if (!s.signatureWaits || this.device === undefined || !(s.cmd & CMD.receive)) return;
    s.signatureWaits = false;
    const { registers: r } = this.device;
    s.sig =
      (((r.lbaHigh & 0xff) << 24) |
        ((r.lbaMid & 0xff) << 16) |
        ((r.lbaLow & 0xff) << 8) |
        (r.count & 0xff)) >>>
      0;
    this.#showStatus();
    this.#post(RECEIVED.register, registerFis(r, false));
  }

  // ---- Commands

  /** Lets the next command begin, if there is one, and the device may take it. */
  #schedule(): void {
    const s = this.state;
    if (this.device === undefined || s.halted || s.ci === 0 || !(s.cmd & CMD.running)) return;
    if (s.waiting !== undefined) return;
    s.tfd |= BSY;
    if (this.#timer.when === Number.POSITIVE_INFINITY) {
      this.#timer.set(this.#host.now() + COMMAND_NS);
    }
  }

  /** The next slot behind the last one that has a command. */
  #nextSlot(): number {
    const { cmd, ci } = this.state;
    const last = (cmd & CMD.slot) >> 8;
    for (let i = 1; i < SLOTS; i++) {
      const slot = (last + i) % SLOTS;
      if (ci & (1 << slot)) return slot;
    }
    return last;
  }

  #perform(): void {
    const s = this.state;
    if (this.device === undefined || s.ci === 0 || s.halted) return;
    const slot = this.#nextSlot();
    s.cmd = (s.cmd & ~CMD.slot) | (slot << 8);
    this.#issue(slot, this.device);
    this.#schedule();
  }

  /** A command whose medium could not be read is performed again, from its beginning. */
  #again(device: AtaDevice): void {
    const { waiting } = this.state;
    if (waiting === undefined) return;
    this.state.waiting = undefined;
    this.#issue(waiting, device);
    this.#schedule();
  }

  #issue(slot: number, device: AtaDevice): void {
    const s = this.state;
    const header = s.clb + slot * HEADER_BYTES;
    const bytes = readAll(this.#host.memory, header, s.clbu, HEADER_BYTES);
    if (bytes === undefined) {
      this.#fatal(IRQ.busFatal);
      return;
    }
    const view = new DataView(bytes.buffer, bytes.byteOffset, HEADER_BYTES);
    const flags = view.getUint32(0, true);
    const table = (view.getUint32(8, true) & ~0x7f) >>> 0;
    const tableHigh = view.getUint32(12, true);
    const fis = readAll(this.#host.memory, table, tableHigh, COMMAND_FIS_BYTES);
    if (fis === undefined) {
      this.#fatal(IRQ.busFatal);
      return;
    }
    const isFis = (flags & HEADER.fisLength) >= SHORTEST_FIS;
    const decoded = isFis ? decodeHostFis(fis, device.registers) : undefined;
    // The device answers with R_ERR.
    if (decoded === undefined) {
      this.#fatal(IRQ.interfaceFatal);
      return;
    }
    if (decoded.kind === "control") {
      this.#reset(slot, decoded.reset);
      return;
    }
    const { opcode } = decoded;
    const regions = new Regions(
      this.#host.memory,
      ahciRegions(this.#host.memory, table + TABLE_REGIONS, tableHigh, flags >>> 16),
    );
    const issued: Issued = { slot, regions, header };
    device.command(opcode);
    if (device.wantsPacket && !(flags & HEADER.packet)) device.abort();
    else if (device.wantsPacket) {
      const packet = readAll(this.#host.memory, table + TABLE_PACKET, tableHigh, PACKET_BYTES);
      if (packet === undefined) {
        this.#fatal(IRQ.busFatal);
        return;
      }
      device.packet(packet);
    }
    if (opcode === READ_FPDMA_QUEUED || opcode === WRITE_FPDMA_QUEUED) {
      this.#performQueued(issued, device);
    } else this.#performOne(issued, device);
  }

  /** SRST is written: the device is in reset as long as it is set. */
  #reset(slot: number, held: boolean): void {
    const s = this.state;
    const released = s.held && !held;
    s.held = held;
    s.ci &= ~(1 << slot);
    s.ci >>>= 0;
    if (!released) {
      s.tfd &= ~(BSY | DRQ);
      return;
    }
    this.#resetDevice();
    s.signatureWaits = true;
    this.#receiveSignature();
  }

  #performOne(issued: Issued, device: AtaDevice): void {
    const t = device.state.transfer;
    const [toHost, dma] = [t?.toHost ?? false, t?.dma ?? false];
    const before = device.registers.status;
    if (t !== undefined && !this.#move(issued, device)) return;
    this.#tellBytes(issued);
    const failed = (device.registers.status & ERR) !== 0;
    if (t !== undefined && !dma && !failed) {
      // The last block's setup tells the status behind it; data for the device are followed by its registers.
      const last = issued.regions.moved;
      this.#post(RECEIVED.pioSetup, pioSetupFis(device.registers, before, toHost, toHost, last));
      if (toHost && !device.endsWithRegisters) {
        this.#showStatus();
        this.#done(issued.slot);
        this.#raise(IRQ.pioSetup);
        return;
      }
    }
    if (!failed) this.#done(issued.slot);
    this.#register(true);
  }

  #performQueued(issued: Issued, device: AtaDevice): void {
    const s = this.state;
    const tag = (device.registers.count >> 3) & (SLOTS - 1);
    const t = device.state.transfer;
    if (t === undefined) {
      // It was refused: not queued, but failed as any other.
      if (device instanceof AtaDisk) device.keepQueueError(tag);
      this.#register(true);
      return;
    }
    // The device has taken it: registers without an interrupt, then its data in one piece.
    this.#register(false);
    this.#done(issued.slot);
    this.#post(RECEIVED.dmaSetup, dmaSetupFis(tag, t.toHost, t.left));
    if (!this.#move(issued, device)) return;
    this.#tellBytes(issued);
    const failed = (device.registers.status & ERR) !== 0;
    const done = failed ? 0 : (1 << tag) >>> 0;
    s.sact = (s.sact & ~done) >>> 0;
    this.#showStatus();
    this.#post(RECEIVED.deviceBits, deviceBitsFis(device.registers, done));
    if (!failed) {
      this.#raise(IRQ.deviceBits);
      return;
    }
    if (device instanceof AtaDisk) device.keepQueueError(tag);
    this.#fatal(IRQ.deviceBits | IRQ.taskFile);
  }

  /** Moves all data of a command; false if the port has stopped for it, without a word of the device, or the machine has. */
  #move({ slot, regions }: Issued, device: AtaDevice): boolean {
    for (let t = device.state.transfer; t !== undefined; t = device.state.transfer) {
      if (t.toHost) {
        const bytes = device.take(PIECE);
        if (bytes === undefined && device.disk.waits) {
          this.state.waiting = slot;
          return false;
        }
        if (bytes === undefined) break;
        if (regions.put(bytes)) {
          device.taken();
          continue;
        }
        // What there is no room for is thrown away (AHCI 1.3.1, 6.1.5).
        if (regions.fault === "overflow") {
          this.#raise(IRQ.overflow);
          device.taken();
          while (device.state.transfer !== undefined && device.take(PIECE) !== undefined) {
            device.taken();
          }
          break;
        }
      } else {
        const bytes = regions.get(Math.min(PIECE, t.left));
        if (bytes !== undefined) {
          if (device.give(bytes)) continue;
          break;
        }
        if (regions.fault === "overflow") {
          this.#raise(IRQ.overflow);
          device.abort();
          break;
        }
      }
      device.abort();
      this.#fatal(IRQ.busFatal);
      return false;
    }
    if (regions.interrupt) this.#raise(IRQ.region);
    return true;
  }

  #done(slot: number): void {
    this.state.ci = (this.state.ci & ~(1 << slot)) >>> 0;
  }

  /** The count of bytes in the command's header. */
  #tellBytes({ header, regions }: Issued): void {
    const count = new Uint8Array(4);
    new DataView(count.buffer).setUint32(0, regions.moved, true);
    writeAll(this.#host.memory, header + 4, this.state.clbu, count);
  }
}
