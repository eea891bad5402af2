// One channel of an IDE controller: two devices on a cable (ATA/ATAPI-7 vol. 2, 5 to 9), its registers, data by PIO
// and by the controller's bus master function. A command begins a while after it was written, but one that the host has data
// for wants them at once, and blocks that follow come at once.

import type { GuestMemory } from "../device.ts";
import type { IrqLine } from "../interrupt-lines.ts";
import type { Timer } from "../timers.ts";
import type { AtaDevice, DeviceState } from "./ata-device.ts";
import { ideRegions, Regions } from "./prdt.ts";
import { BSY, DRQ, freshTaskFile, type TaskFile } from "./task-file.ts";

/** From a command to its first data or its end. */
const COMMAND_NS = 20_000;
/** Bytes that device and memory exchange at once. */
const PIECE = 0x2_0000;
const PACKET_BYTES = 12;

/** Device control register. */
const CONTROL = { noInterrupt: 0x02, reset: 0x04, previous: 0x80 } as const;
/** Device register: device 1, and bits that have been ones since the first drives. */
const DEVICE_1 = 0x10;
const ONES = 0xa0;

const PACKET = 0xa0;
/**
 * Commands that begin with data of the host: WRITE SECTORS, WRITE MULTIPLE and PACKET. A drive takes the first block into its
 * buffer; drivers such as xv6's do not wait for it to say so.
 */
const DATA_OUT: ReadonlySet<number> = new Set([0x30, 0x31, 0x34, 0x39, 0xc5, PACKET]);
const DEVICE_RESET = 0x08;
const DIAGNOSTIC = 0x90;

/** Bus master command and status. */
const START = 0x01;
const TO_MEMORY = 0x08;
const ACTIVE = 0x01;
const FAILED = 0x02;
const INTERRUPT = 0x04;
const CAPABLE = 0x60;

/** Registers at the command block's offsets 1 to 5. */
const REGISTERS = ["features", "count", "lbaLow", "lbaMid", "lbaHigh"] as const;

export interface ChannelState {
  /** Device 0 or 1. */
  selected: 0 | 1;
  control: number;
  interrupt: boolean;
  /** What the channel drives its interrupt line to. */
  wire: boolean;
  /** What the device is busy with. */
  busy: "command" | "packet" | "dma" | "medium" | undefined;
  opcode: number;
  /** A block on its way through the data register, and how far it is. */
  block: Uint8Array | undefined;
  at: number;
  /** Bus master registers. */
  command: number;
  status: number;
  table: number;
  /** Registers in a device's place where there is none. */
  absent: TaskFile[];
  devices: (DeviceState | undefined)[];
}

export interface ChannelHost {
  readonly memory: GuestMemory;
  now(): number;
}

export class IdeChannel {
  state: ChannelState;
  readonly #devices: readonly [AtaDevice | undefined, AtaDevice | undefined];
  readonly #host: ChannelHost;
  readonly #line: IrqLine;
  readonly #timer: Timer;

  constructor(
    devices: readonly [AtaDevice | undefined, AtaDevice | undefined],
    host: ChannelHost,
    line: IrqLine,
    timer: (fire: () => void) => Timer,
  ) {
    this.#devices = devices;
    this.#host = host;
    this.#line = line;
    this.#timer = timer(() => this.#go());
    for (const device of devices) if (device !== undefined) device.again = () => this.#again();
    this.state = this.#fresh();
  }

  #fresh(): ChannelState {
    return {
      selected: 0,
      control: 0,
      interrupt: false,
      wire: false,
      busy: undefined,
      opcode: 0,
      block: undefined,
      at: 0,
      command: 0,
      status: 0,
      table: 0,
      absent: [freshTaskFile(), freshTaskFile()],
      devices: this.#devices.map((d) => d?.state),
    };
  }

  powerOn(): void {
    this.#timer.cancel();
    for (const device of this.#devices) device?.powerOn();
    this.state = this.#fresh();
    this.#presentDevices();
    this.#drive();
  }

  restored(): void {
    this.#devices.forEach((device, i) => {
      if (device !== undefined) device.state = this.state.devices[i] as DeviceState;
    });
  }

  #presentDevices(): void {
    [0, 1].forEach((i) => {
      this.#registers(i).device = ONES | (i === 1 ? DEVICE_1 : 0);
    });
  }

  #registers(i: number): TaskFile {
    return this.#devices[i]?.registers ?? (this.state.absent[i] as TaskFile);
  }

  get #device(): AtaDevice | undefined {
    return this.#devices[this.state.selected];
  }

  // ---- Interrupts

  #drive(): void {
    const s = this.state;
    const level = s.interrupt && !(s.control & CONTROL.noInterrupt);
    // The bus master function looks at the wire.
    if (level && !s.wire) s.status |= INTERRUPT;
    s.wire = level;
    this.#line.set(level);
  }

  #interrupt(): void {
    this.state.interrupt = true;
    this.#drive();
  }

  // ---- Command block and control block

  get #status(): number {
    const s = this.state;
    if (this.#device === undefined) return 0;
    if (s.busy !== undefined || s.control & CONTROL.reset) return BSY;
    return this.#device.registers.status;
  }

  /** Offsets 1 to 7. */
  read(offset: number): number {
    const s = this.state;
    if (offset === 7) {
      const status = this.#status;
      s.interrupt = false;
      this.#drive();
      return status;
    }
    if (this.#devices[0] === undefined && this.#devices[1] === undefined) return 0;
    const r = this.#registers(s.selected);
    if (offset === 6) return r.device;
    if (offset === 1) return r.error;
    const value = r[REGISTERS[offset - 1] as (typeof REGISTERS)[number]];
    return s.control & CONTROL.previous ? value >> 8 : value & 0xff;
  }

  /** The same without ending an interrupt. */
  alternateStatus(): number {
    return this.#status;
  }

  write(offset: number, value: number): void {
    const s = this.state;
    s.control &= ~CONTROL.previous;
    if (offset === 7) this.#command(value);
    else if (offset === 6) {
      s.selected = value & DEVICE_1 ? 1 : 0;
      this.#registers(0).device = (value & ~DEVICE_1) | ONES;
      this.#registers(1).device = value | DEVICE_1 | ONES;
    } else {
      const name = REGISTERS[offset - 1] as (typeof REGISTERS)[number];
      for (const i of [0, 1]) {
        const r = this.#registers(i);
        r[name] = ((r[name] & 0xff) << 8) | value;
      }
    }
  }

  /** The device control register. */
  writeControl(value: number): void {
    const s = this.state;
    const wasReset = (s.control & CONTROL.reset) !== 0;
    s.control = value & (CONTROL.noInterrupt | CONTROL.reset | CONTROL.previous);
    if (!wasReset && value & CONTROL.reset) this.#stop();
    if (wasReset && !(value & CONTROL.reset)) {
      for (const device of this.#devices) device?.reset();
      s.selected = 0;
      this.#presentDevices();
    }
    this.#drive();
  }

  #stop(): void {
    const s = this.state;
    this.#timer.cancel();
    s.busy = undefined;
    s.block = undefined;
    s.interrupt = false;
  }

  #command(opcode: number): void {
    const s = this.state;
    if (s.control & CONTROL.reset) return;
    // The answer is device 0's.
    if (opcode === DIAGNOSTIC) s.selected = 0;
    if (this.#device === undefined) return;
    if (this.#status & (BSY | DRQ)) {
      if (opcode !== DEVICE_RESET) return;
    }
    this.#stop();
    this.#drive();
    s.opcode = opcode;
    if (DATA_OUT.has(opcode)) {
      s.busy = "command";
      this.#go();
    } else this.#wait("command");
  }

  #wait(what: ChannelState["busy"]): void {
    this.state.busy = what;
    this.#timer.set(this.#host.now() + COMMAND_NS);
  }

  #go(): void {
    const s = this.state;
    const device = this.#device;
    const { busy } = s;
    s.busy = undefined;
    if (device === undefined) return;
    if (busy === "dma") {
      this.#dma(device);
      return;
    }
    if (busy === "packet") device.packet(s.block as Uint8Array);
    else {
      if (s.opcode === DIAGNOSTIC) {
        this.#devices[1]?.command(DIAGNOSTIC);
        this.#presentDevices();
      }
      device.command(s.opcode);
      if (s.opcode === DEVICE_RESET && !(device.registers.status & DRQ)) {
        this.#presentDevices();
        return;
      }
    }
    s.block = undefined;
    this.#proceed(device, busy === "command");
  }

  /** A medium that could not be read is tried again, unless a reset has come in between. */
  #again(): void {
    const s = this.state;
    const device = this.#device;
    if (s.busy !== "medium" || device === undefined) return;
    s.busy = undefined;
    this.#proceed(device, false);
  }

  /** Lets the data that the device wants to move move, or tells the command's end. */
  #proceed(device: AtaDevice, first: boolean): void {
    const s = this.state;
    if (device.wantsPacket) {
      s.block = new Uint8Array(PACKET_BYTES);
      s.at = 0;
      return;
    }
    const t = device.state.transfer;
    if (t === undefined) this.#interrupt();
    else if (t.dma) {
      if (s.command & START) this.#dma(device);
    } else if (t.toHost) {
      const length = Math.min(t.blockBytes, t.left);
      s.block = device.take(length);
      s.at = 0;
      if (s.block === undefined && device.disk.waits) {
        s.busy = "medium";
        return;
      }
      if (s.block !== undefined) device.presentBlock(length);
      this.#interrupt();
    } else {
      s.block = new Uint8Array(Math.min(t.blockBytes, t.left));
      s.at = 0;
      // The first block is asked for by DRQ alone.
      if (!first) this.#interrupt();
    }
  }

  // ---- Data register

  readData(size: number): number {
    const s = this.state;
    const device = this.#device;
    const { block } = s;
    if (block === undefined || !device?.state.transfer?.toHost) return 0;
    let value = 0;
    for (let i = size - 1; i >= 0; i--) value = value * 256 + (block[s.at + i] ?? 0);
    s.at += size;
    if (s.at >= block.length) {
      s.block = undefined;
      const more = device.state.transfer.left > 0;
      device.taken();
      if (more) this.#proceed(device, false);
      else if (device.endsWithRegisters && s.opcode === PACKET) this.#interrupt();
    }
    return value;
  }

  writeData(value: number, size: number): void {
    const s = this.state;
    const device = this.#device;
    const { block } = s;
    if (block === undefined || device === undefined || s.busy !== undefined) return;
    if (device.state.transfer?.toHost) return;
    for (let i = 0; i < size; i++) {
      if (s.at < block.length) block[s.at++] = (value >>> (8 * i)) & 0xff;
    }
    if (s.at < block.length) return;
    if (device.wantsPacket) {
      this.#wait("packet");
      return;
    }
    s.block = undefined;
    device.give(block);
    this.#proceed(device, false);
  }

  // ---- Bus master

  readMaster(offset: number): number {
    const s = this.state;
    if (offset === 0) return s.command;
    if (offset === 2) return s.status;
    return offset >= 4 ? (s.table >>> (8 * (offset - 4))) & 0xff : 0xff;
  }

  writeMaster(offset: number, value: number): void {
    const s = this.state;
    if (offset === 2) {
      s.status =
        (value & CAPABLE) | (s.status & ACTIVE) | (s.status & ~value & (FAILED | INTERRUPT));
    } else if (offset >= 4) {
      const shift = 8 * (offset - 4);
      s.table = ((s.table & ~(0xff << shift)) | (value << shift)) >>> 0;
      s.table = (s.table & ~3) >>> 0;
    } else if (offset === 0) this.#control(value & (START | TO_MEMORY));
  }

  #control(value: number): void {
    const s = this.state;
    const started = !(s.command & START) && (value & START) !== 0;
    s.command = value;
    if (!(value & START)) {
      s.status &= ~ACTIVE;
      if (s.busy === "dma") {
        this.#timer.cancel();
        s.busy = undefined;
      }
      return;
    }
    if (!started) return;
    s.status |= ACTIVE;
    if (s.busy === undefined && this.#device?.state.transfer?.dma) this.#wait("dma");
  }

  /** All data of a command, by the table of regions. */
  #dma(device: AtaDevice): void {
    const s = this.state;
    const regions = new Regions(this.#host.memory, ideRegions(this.#host.memory, s.table));
    const begun = device.state.transfer;
    const whole = begun && { ...begun };
    for (let t = device.state.transfer; t !== undefined; t = device.state.transfer) {
      let moved = t.toHost === ((s.command & TO_MEMORY) !== 0);
      if (moved && t.toHost) {
        const bytes = device.take(PIECE);
        if (bytes === undefined && device.disk.waits) {
          // All of it, by the same regions.
          device.state.transfer = whole;
          s.busy = "medium";
          return;
        }
        if (bytes === undefined) break;
        moved = regions.put(bytes);
        if (moved) device.taken();
      } else if (moved) {
        const bytes = regions.get(Math.min(PIECE, t.left));
        moved = bytes !== undefined;
        if (bytes !== undefined && !device.give(bytes)) break;
      }
      if (!moved) {
        device.abort();
        s.status |= FAILED;
      }
    }
    s.status &= ~ACTIVE;
    this.#interrupt();
  }
}
