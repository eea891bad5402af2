// The floppy controller of the PC: an 82077AA at ports 3F1h–3F7h with IRQ 6 and DMA channel 2, drives A and B (Intel
// datasheet; registers as in the AT, status register B as QEMU shows it). A command is performed in one piece, a fixed
// time after its last byte; where data go through the data register, sector by sector as they are read or written.

import type { Device, DeviceKind, GuestLog, Slot } from "../device.ts";
import { Dma8237, type DmaChannel } from "../dma8237.ts";
import type { IrqLine } from "../interrupt-lines.ts";
import type { Clock, Timer } from "../timers.ts";
import { commandOf, type Transfer, transferOf } from "./commands.ts";
import { FloppyDrive, SECTOR_CODE } from "./drive.ts";
import { DRIVES, type FdcState, newFdcState, softReset } from "./fdc-state.ts";
import { moveAll, openSector } from "./moving.ts";
import {
  CONFIG,
  DISK_CHANGED,
  DOR,
  DSR,
  type Ending,
  failed,
  MSR,
  NORMAL,
  SRB_DRIVE_0,
  SRB_FIXED,
  ST0,
  ST1,
  ST3,
} from "./registers.ts";
import { advance, consume, directionOf } from "./transfer.ts";

const IRQ = 6;
const DMA_CHANNEL = 2;
const BASE = 0x3f0;
/** Drives that there can be. */
const ATTACHED = 2;

/** Seeks and data commands take this long, ns: less than drives do, more than a program takes to wait for it. */
const SEEK_NS = 500_000;
const TRANSFER_NS = 200_000;
/** One turn of the medium, ns. */
const TURN_NS = 200_000_000;
/** Step pulses of RECALIBRATE. */
const RECALIBRATION = 79;
const VERSION = 0x90;
/** An 82078, as QEMU has it. */
const PART = 0x41;

export class Fdc implements Device {
  readonly name: string;
  state: FdcState = newFdcState();
  readonly #drives: readonly FloppyDrive[];
  readonly #irq: IrqLine;
  readonly #dma: DmaChannel;
  readonly #clock: Clock;
  readonly #log: GuestLog;
  readonly #timer: Timer;
  readonly #seekTimers: readonly Timer[];

  constructor(slot: Slot) {
    this.name = slot.name;
    this.#clock = slot.clock;
    this.#log = slot.log;
    this.#irq = slot.isaIrq(IRQ);
    this.#dma = slot.find(Dma8237).channel(DMA_CHANNEL);
    this.#timer = slot.timer(() => this.#execute());
    const units = Array.from({ length: DRIVES }, (_, i) => i);
    this.#seekTimers = units.map((i) => slot.timer(() => this.#arrive(i), `seek${i}`));
    const { floppies } = slot.board.media;
    this.#drives = units.map(
      (i) =>
        new FloppyDrive(
          i < ATTACHED ? floppies[i] : undefined,
          () => this.state.drives[i] as FdcState["drives"][number],
        ),
    );
    const handler = {
      read: (port: number) => this.#read(port - BASE),
      write: (port: number, value: number) => this.#write(port - BASE, value),
    };
    // 3F6h is the AT's hard disk controller's.
    slot.ports(BASE + 1, 5, handler);
    slot.ports(BASE + 7, 1, handler);
  }

  /** The heads stay where they are, and so do media. */
  reset(): void {
    const { drives } = this.state;
    this.#stop();
    this.state = { ...newFdcState(), drives };
    this.#signal();
  }

  #read(register: number): number {
    const s = this.state;
    const selected = s.dor & DOR.drive;
    switch (register) {
      case 1:
        return SRB_FIXED | ((s.dor >> 4) & 3) | (s.dor & 1 ? SRB_DRIVE_0 : 0);
      case 2:
        return s.dor;
      case 3:
        return s.tdr;
      case 4:
        s.dsr &= ~DSR.powerDown;
        return this.#status();
      case 5:
        s.dsr &= ~DSR.powerDown;
        return this.#readData();
      default:
        return this.#drive(selected).changed ? DISK_CHANGED : 0;
    }
  }

  #write(register: number, value: number): void {
    const s = this.state;
    if (register === 2) this.#control(value);
    else if (!(s.dor & DOR.running)) return;
    else if (register === 3) s.tdr = value & 0x03;
    else if (register === 4) {
      s.dsr = value & ~DSR.reset;
      if (value & DSR.reset) this.#restart();
    } else if (register === 5) this.#writeData(value);
    else if (register === 7) s.dsr = (s.dsr & ~DSR.rate) | (value & DSR.rate);
  }

  /** Digital output register: motors, drive, gate of interrupts and DMA, reset. */
  #control(value: number): void {
    const s = this.state;
    const was = s.dor;
    s.dor = value;
    if (!(value & DOR.running)) {
      this.#stop();
      softReset(s);
    } else if (!(was & DOR.running)) this.#restart();
    this.#signal();
  }

  /** Drops what is under way. */
  #stop(): void {
    this.#timer.cancel();
    for (const timer of this.#seekTimers) timer.cancel();
    this.#dma.request(false);
  }

  /** After a reset the controller polls its drives and finds that each has changed (datasheet, 4.1). */
  #restart(): void {
    const s = this.state;
    this.#stop();
    softReset(s);
    s.events = this.#drives.map((_, drive) => ({ st0: ST0.polling | drive, drive }));
    s.interrupt = true;
    this.#signal();
  }

  #signal(): void {
    this.#irq.set(this.state.interrupt && (this.state.dor & DOR.dmaGate) !== 0);
  }

  #drive(n: number): FloppyDrive {
    return this.#drives[n & 3] as FloppyDrive;
  }

  get #rate(): number {
    return this.state.dsr & DSR.rate;
  }

  /** Main status register. */
  #status(): number {
    const s = this.state;
    if (!(s.dor & DOR.running)) return 0;
    const seeking = s.seeks.reduce((bits, seek, i) => bits | (seek === null ? 0 : 1 << i), 0);
    if (s.phase === "command") {
      return seeking | MSR.request | (s.command.length > 0 ? MSR.busy : 0);
    }
    const busy = seeking | MSR.busy;
    if (s.phase === "execution") return busy;
    if (s.phase === "result") return busy | MSR.request | MSR.toHost;
    const toHost = directionOf(s.transfer as Transfer) === "to host" ? MSR.toHost : 0;
    return busy | MSR.request | MSR.nonDma | toHost;
  }

  #readData(): number {
    const s = this.state;
    if (s.phase === "data") return this.#readSector(s.transfer as Transfer);
    if (s.phase !== "result") return 0;
    const value = s.results.shift() ?? 0;
    // An answer's first byte takes back the interrupt that it came with.
    s.interrupt = this.#eventWaits();
    this.#signal();
    if (s.results.length === 0) s.phase = "command";
    return value;
  }

  /** Whether a seek has ended that nobody has asked about. */
  #eventWaits(): boolean {
    return this.state.events.some(({ st0 }) => (st0 & ST0.polling) !== ST0.polling);
  }

  #writeData(value: number): void {
    const s = this.state;
    if (s.phase === "data") this.#writeSector(s.transfer as Transfer, value);
    if (s.phase !== "command") return;
    s.command.push(value);
    if (s.command.length < commandOf(s.command[0] as number).bytes) return;
    const bytes = s.command;
    s.command = [];
    const results = this.#begin(bytes);
    if (results !== undefined) this.#answer(...results);
  }

  #answer(...results: number[]): void {
    this.state.results = results;
    this.state.phase = "result";
  }

  /** All bytes of a command are there: its answer, if it has one at once. */
  #begin(bytes: readonly number[]): readonly number[] | undefined {
    const s = this.state;
    const [first = 0, second = 0, third = 0, fourth = 0] = bytes;
    const { name } = commandOf(first);
    const unit = second & 3;
    switch (name) {
      case "invalid":
        return [ST0.invalid];
      case "version":
        return [VERSION];
      case "part id":
        return [PART];
      case "lock":
        s.locked = (first & 0x80) !== 0;
        return [s.locked ? 0x10 : 0];
      case "specify":
        s.timing = [second, third];
        return undefined;
      case "configure":
        s.configuration = third & 0x7f;
        s.precompensation = fourth;
        return undefined;
      case "perpendicular":
        // Bits of drives change where the top bit says so.
        s.perpendicular = second & 0x80 ? second & 0x3f : (s.perpendicular & 0x3c) | (second & 3);
        return undefined;
      case "dumpreg":
        return [
          ...[...s.cylinders, ...s.timing, s.lastSector],
          ...[(s.locked ? 0x80 : 0) | s.perpendicular, s.configuration, s.precompensation],
        ];
      case "sense drive":
        return [this.#driveStatus(second)];
      case "sense interrupt":
        return this.#senseInterrupt();
      case "recalibrate":
        this.#recalibrate(unit);
        return undefined;
      case "seek":
        this.#seek(unit, third - (s.cylinders[unit] as number), third, second & ST0.head);
        return undefined;
      case "relative seek": {
        const by = first & 0x40 ? third : -third;
        const to = ((s.cylinders[unit] as number) + by) & 0xff;
        this.#seek(unit, by, to, second & ST0.head);
        return undefined;
      }
      default:
        this.#schedule(bytes);
        return undefined;
    }
  }

  #driveStatus(second: number): number {
    const drive = this.#drive(second);
    const bits = ST3.fixed | (second & (ST0.head | 3));
    return (
      bits |
      (drive.atTrackZero ? ST3.trackZero : 0) |
      (drive.medium?.readOnly ? ST3.protectedMedium : 0)
    );
  }

  #senseInterrupt(): readonly number[] {
    const s = this.state;
    const event = s.events.shift();
    if (event === undefined) return [ST0.invalid];
    s.interrupt = false;
    this.#signal();
    // Another seek has ended meanwhile: one more edge.
    s.interrupt = this.#eventWaits();
    this.#signal();
    return [event.st0, s.cylinders[event.drive] as number];
  }

  #recalibrate(unit: number): void {
    const drive = this.#drive(unit);
    const found = drive.isThere && drive.cylinder <= RECALIBRATION;
    const st0 = found ? 0 : ST0.abnormal | ST0.equipment;
    this.#seek(unit, -Math.min(RECALIBRATION, drive.cylinder), 0, st0);
  }

  #seek(unit: number, by: number, to: number, st0: number): void {
    this.state.cylinders[unit] = to;
    this.state.seeks[unit] = { by, st0: st0 | ST0.seekEnd | unit };
    this.#seekTimers[unit]?.set(this.#clock.now() + SEEK_NS);
  }

  /** A seek has ended. */
  #arrive(unit: number): void {
    const s = this.state;
    const seek = s.seeks[unit];
    if (!seek) return;
    s.seeks[unit] = null;
    this.#drive(unit).step(seek.by);
    s.events = s.events.filter(
      ({ st0, drive }) => drive !== unit && (st0 & ST0.polling) !== ST0.polling,
    );
    s.events.push({ st0: seek.st0, drive: unit });
    s.interrupt = true;
    this.#signal();
  }

  /** A command that needs the medium will be performed. */
  #schedule(bytes: readonly number[]): void {
    const s = this.state;
    const t = transferOf(bytes);
    s.transfer = t;
    s.phase = "execution";
    if (t.name === "write deleted") this.#log.unimplemented("floppy: marks of deleted data");
    const turn = TURN_NS / Math.max(1, this.#drive(t.drive).sectorsPerTrack);
    const takes = t.name === "read id" ? Math.round(turn) : TRANSFER_NS;
    if (t.name !== "read id") s.lastSector = t.lastSector;
    this.#dma.request(this.#byDma && t.name !== "read id" && directionOf(t) !== "none");
    this.#timer.set(this.#clock.now() + takes);
  }

  /** SPECIFY chooses between DMA and the data register; the gate lets requests through. */
  get #byDma(): boolean {
    return (this.state.timing[1] & 1) === 0;
  }

  #execute(): void {
    const s = this.state;
    const t = s.transfer;
    if (t === null) return;
    if (t.name === "read id") {
      this.#readId(t);
      return;
    }
    const by = t.cylinder - (s.cylinders[t.drive] as number);
    if (s.configuration & CONFIG.impliedSeek && !["format", "read track"].includes(t.name)) {
      s.cylinders[t.drive] = t.cylinder;
      this.#drive(t.drive).step(by);
    }
    if (this.#byDma || directionOf(t) === "none") {
      // Without its gate the request line reaches nobody.
      const dma = s.dor & DOR.dmaGate ? this.#dma : undefined;
      this.#finish(moveAll(t, this.#drive(t.drive), this.#rate, dma));
    } else this.#open(t);
  }

  /** Has the host move the next sector's bytes through the data register. */
  #open(t: Transfer): void {
    const end = openSector(t, this.#drive(t.drive), this.#rate);
    if (end !== undefined) this.#finish(end);
    else {
      this.state.phase = "data";
      this.state.interrupt = true;
      this.#signal();
    }
  }

  #readId(t: Transfer): void {
    const drive = this.#drive(t.drive);
    const there = t.mfm && drive.formatted(t.side, this.#rate);
    t.cylinder = drive.cylinder;
    t.head = t.side;
    t.sector = there ? drive.nextSector() : t.sector;
    t.code = SECTOR_CODE;
    this.#finish(there ? NORMAL : failed(ST1.missingMark));
  }

  #readSector(t: Transfer): number {
    if (directionOf(t) !== "to host") return 0;
    const value = t.data[t.position++] as number;
    if (t.position === t.data.length) this.#closeSector(t, undefined);
    return value;
  }

  #writeSector(t: Transfer, value: number): void {
    if (directionOf(t) !== "from host") return;
    t.data[t.position++] = value;
    if (t.position === t.data.length) {
      this.#closeSector(t, consume(t, this.#drive(t.drive), t.data));
    }
  }

  #closeSector(t: Transfer, ended: Ending | undefined): void {
    const end = ended ?? advance(t);
    if (end === undefined) this.#open(t);
    else this.#finish(end);
  }

  /** The answer of a data command: three status registers and the sector that would be next. */
  #finish({ st0, st1, st2 }: Ending): void {
    const s = this.state;
    const t = s.transfer as Transfer;
    s.transfer = null;
    this.#dma.request(false);
    const where = t.drive | (t.side ? ST0.head : 0);
    this.#answer(st0 | where, st1, st2, t.cylinder, t.head, t.sector, t.code);
    s.interrupt = true;
    this.#signal();
  }
}

export const isaFdc: DeviceKind = {
  name: "isa-fdc",
  what: "82077AA floppy controller",
  builtIn: true,
  wanted: ({ media, chipset }) =>
    chipset.hasFloppyController || media.floppies.some((floppy) => floppy !== undefined),
  create: (slot) => new Fdc(slot),
};
