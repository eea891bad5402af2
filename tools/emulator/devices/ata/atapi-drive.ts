// A CD or DVD drive behind PACKET (ATA8-ACS, 4.18 and 7.29; MMC-5; SPC-3): it reads data, and tells of its medium and
// itself. Without: audio, error correction codes of raw sectors, structures of DVDs. A medium that is changed is told as
// QEMU tells it: as one that has gone, then as one that has come.

import type { Disk, Tray } from "../../media/disk.ts";
import { AtaDevice, type DeviceState, freshDeviceState, type Handler } from "./ata-device.ts";
import {
  capacity,
  configuration,
  discInformation,
  inquiry,
  MEDIUM_EVENT,
  mechanismStatus,
  mediaStatus,
  modePage,
  rawHeader,
  tableOfContents,
} from "./cd-answers.ts";
import { identifyPacketDevice } from "./identify.ts";
import {
  INVALID_COMMAND,
  INVALID_FIELD,
  KEY,
  MEDIUM_CHANGED,
  NO_MEDIUM,
  NO_SENSE,
  NOT_SAVED,
  OUT_OF_RANGE,
  REMOVAL_PREVENTED,
  type Sense,
  senseData,
  UNREADABLE,
} from "./sense.ts";
import {
  ABRT,
  DRDY,
  DRQ,
  DSC,
  REASON_BITS,
  REASON_COMMAND,
  REASON_TO_HOST,
  type Transfer,
} from "./task-file.ts";

const SECTOR = 2048;
const RAW_SECTOR = 2352;
const RAW_DATA = 16;
/** Features register of PACKET: data go by DMA. */
const BY_DMA = 1;

interface AtapiState extends DeviceState {
  packetWanted: boolean;
  sense: Sense;
  locked: boolean;
  open: boolean;
  /** The medium has changed: first it is told to be gone, then that there is another one. */
  changed: "gone" | "new" | undefined;
  /** What GET EVENT STATUS NOTIFICATION has to tell of. */
  isNew: boolean;
  ejectAsked: boolean;
  /** Of the sectors that are being read. */
  raw: boolean;
  total: number;
}

const freshState = (): AtapiState => ({
  ...freshDeviceState(),
  packetWanted: false,
  sense: NO_SENSE,
  locked: false,
  open: false,
  changed: undefined,
  isNew: false,
  ejectAsked: false,
  raw: false,
  total: 0,
});

class Packet {
  readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  at(n: number): number {
    return this.bytes[n] ?? 0;
  }

  be16(n: number): number {
    return (this.at(n) << 8) | this.at(n + 1);
  }

  be32(n: number): number {
    return this.be16(n) * 0x10000 + this.be16(n + 2);
  }
}

type PacketHandler = (packet: Packet) => void;

/** INQUIRY, REQUEST SENSE, GET CONFIGURATION, GET EVENT STATUS NOTIFICATION: whatever has become of the medium. */
const ANY_TIME: ReadonlySet<number> = new Set([0x03, 0x12, 0x46, 0x4a]);

export class AtapiDrive extends AtaDevice implements Tray {
  state: AtapiState = freshState();
  readonly signature = { lbaMid: 0x14, lbaHigh: 0xeb };
  protected readonly statusAfterReset = 0;
  readonly #serial: string;
  protected readonly commands: Readonly<Record<number, Handler>>;
  readonly #packets: Readonly<Record<number, PacketHandler>>;

  constructor(disk: Disk, serial: string) {
    super(disk);
    this.#serial = serial;
    this.commands = this.#commands();
    this.#packets = this.#packetCommands();
    disk.tray = this;
  }

  /** The tray stays as it is. */
  powerOn(): void {
    this.state = { ...freshState(), open: this.state.open };
    this.reset();
  }

  // ---- The tray, for its user

  get isOpen(): boolean {
    return this.state.open;
  }

  get isLocked(): boolean {
    return this.state.locked;
  }

  request(force: boolean): void {
    this.state.ejectAsked = true;
    if (force) this.state.locked = false;
  }

  move(open: boolean): void {
    Object.assign(this.state, { open, changed: "gone", isNew: true, ejectAsked: false });
  }

  override reset(): void {
    super.reset();
    this.state.packetWanted = false;
    this.state.locked = false;
    this.state.sense = NO_SENSE;
    this.state.changed = undefined;
  }

  override get wantsPacket(): boolean {
    return this.state.packetWanted;
  }

  override get endsWithRegisters(): boolean {
    return true;
  }

  override abort(): void {
    this.state.packetWanted = false;
    super.abort();
  }

  #commands(): Record<number, Handler> {
    // What a disk would do tells that this is none.
    const notADisk: Handler = () => {
      this.showSignature();
      this.fail(ABRT);
    };
    const standby = (asleep: boolean): Handler => {
      return () => {
        this.state.standby = asleep;
      };
    };
    return {
      8: () => this.reset(),
      32: notADisk,
      144: () => this.#diagnostic(),
      160: () => this.#packet(),
      161: () => this.answer(identifyPacketDevice(this.#serial, this.state.dmaMode)),
      224: standby(true),
      225: standby(false),
      229: () => {
        this.registers.count = this.state.standby ? 0x00 : 0xff;
      },
      230: standby(true),
      236: notADisk,
      239: () => this.#setFeatures(),
    };
  }

  #diagnostic(): void {
    this.showSignature();
    this.registers.error = 1;
    this.registers.status = 0;
  }

  #setFeatures(): void {
    const { features, count } = this.registers;
    const known = (features & 0xff) === 3 && this.setTransferMode(count & 0xff);
    if (!known) this.fail(ABRT);
  }

  // ---- Packets

  #packet(): void {
    this.state.packetWanted = true;
    this.#reason(REASON_COMMAND);
    this.registers.status = DRDY | DSC | DRQ;
  }

  #reason(bits: number): void {
    this.registers.count = (this.registers.count & ~REASON_BITS) | bits;
  }

  override packet(bytes: Uint8Array): void {
    this.state.packetWanted = false;
    this.registers.status = DRDY | DSC;
    this.#reason(REASON_COMMAND | REASON_TO_HOST);
    const packet = new Packet(bytes);
    const opcode = packet.at(0);
    const handler = this.#packets[opcode];
    const attention = ANY_TIME.has(opcode) ? undefined : this.#attention();
    // Sense data are of the last command (SPC-3, 6.27).
    if (opcode !== 0x03 && this.state.sense.key !== KEY.unitAttention) this.state.sense = NO_SENSE;
    if (attention !== undefined) this.#check(attention);
    else if (handler === undefined) this.#check(INVALID_COMMAND);
    else handler(packet);
  }

  /** What is to be told of a medium that has changed, before anything else can be done; until the host asks for its sense. */
  #attention(): Sense | undefined {
    const s = this.state;
    if (s.sense.key === KEY.unitAttention) return s.sense;
    if (s.changed === undefined || !this.disk.isReady) return undefined;
    const isGone = s.changed === "gone";
    s.changed = isGone ? "new" : undefined;
    return isGone ? NO_MEDIUM : MEDIUM_CHANGED;
  }

  /** The command ends with CHECK CONDITION. */
  #check(sense: Sense): void {
    this.state.sense = sense;
    this.#reason(REASON_COMMAND | REASON_TO_HOST);
    this.fail(sense.key << 4);
  }

  /** The handler, where there is a medium. */
  #withMedium(handler: PacketHandler): PacketHandler {
    return (packet) => {
      if (!this.disk.isReady) this.#check(NO_MEDIUM);
      else handler(packet);
    };
  }

  #packetCommands(): Record<number, PacketHandler> {
    const done: PacketHandler = () => {};
    const medium = (handler: PacketHandler): PacketHandler => this.#withMedium(handler);
    const reply = (bytes: readonly number[] | undefined, limit: number): void => {
      if (bytes === undefined) this.#check(INVALID_FIELD);
      else this.#reply(bytes, limit);
    };
    const sectors = (): number => this.disk.sectors;
    return {
      0: medium(done),
      3: (p) => this.#requestSense(p),
      18: (p) => reply(p.at(1) & 1 ? undefined : inquiry(), p.at(4)),
      27: (p) => this.#startStop(p),
      30: (p) => {
        this.state.locked = (p.at(4) & 1) !== 0;
      },
      37: medium(() => reply(capacity(sectors()), 8)),
      40: medium((p) => this.#read(p.be32(2), p.be16(7), false)),
      43: medium((p) => {
        if (p.be32(2) >= sectors()) this.#check(OUT_OF_RANGE);
      }),
      67: medium((p) => {
        const format = p.at(2) & 0xf || p.at(9) >> 6;
        reply(tableOfContents(sectors(), format, p.at(6), (p.at(1) & 2) !== 0), p.be16(7));
      }),
      70: (p) => {
        const medium = this.disk.isReady ? sectors() : undefined;
        const kind = p.at(1) & 3;
        reply(kind === 3 ? undefined : configuration(medium, p.be16(2), kind), p.be16(7));
      },
      74: (p) => {
        // It is asked again and again; the medium is what it has to tell of.
        const isAsked = (p.at(4) & 0x10) !== 0;
        if (!(p.at(1) & 1)) this.#check(INVALID_FIELD);
        else reply(isAsked ? this.#mediumEvent() : [0, 2, 0x80, 0x10], p.be16(7));
      },
      81: medium((p) => reply(discInformation(), p.be16(7))),
      90: (p) => {
        if (p.at(2) >> 6 === 3) this.#check(NOT_SAVED);
        else {
          const page = p.at(2) >> 6 === 0 ? modePage(p.at(2) & 0x3f, this.state.locked) : undefined;
          reply(page, p.be16(7));
        }
      },
      168: medium((p) => this.#read(p.be32(2), p.be32(6), false)),
      187: done,
      189: (p) => reply(mechanismStatus(), p.be16(8)),
      190: medium((p) => this.#readCd(p)),
    };
  }

  #requestSense(p: Packet): void {
    const { sense } = this.state;
    this.state.sense = NO_SENSE;
    this.#reply([...senseData(sense)], p.at(4));
  }

  /** The latest event of the medium, which is told once. */
  #mediumEvent(): number[] {
    const s = this.state;
    const { isInserted } = this.disk;
    if (s.open) return mediaStatus(MEDIUM_EVENT.none, true, isInserted);
    const event = s.isNew ? "new" : s.ejectAsked ? "ejectRequest" : "none";
    if (s.isNew) s.isNew = false;
    else s.ejectAsked = false;
    return mediaStatus(MEDIUM_EVENT[event], false, isInserted);
  }

  #startStop(p: Packet): void {
    const s = this.state;
    const [start, eject] = [(p.at(4) & 1) !== 0, (p.at(4) & 2) !== 0];
    // A power condition: nothing that the drive has.
    if (!eject || p.at(4) >> 4 !== 0) return;
    if (s.locked && !start && !s.open) this.#check(REMOVAL_PREVENTED);
    else if (s.open !== !start) {
      s.open = !start;
      this.disk.onTray(s.open);
    }
  }

  #readCd(p: Packet): void {
    const count = (p.at(6) << 16) | p.be16(7);
    const parts = p.at(9) & 0xf8;
    if (parts === 0x00) return;
    if (parts === 0x10) this.#read(p.be32(2), count, false);
    else if (parts === 0xf8) this.#read(p.be32(2), count, true);
    else this.#check(INVALID_FIELD);
  }

  #read(first: number, count: number, raw: boolean): void {
    if (count === 0) return;
    if (first + count > this.disk.sectors) {
      this.#check(OUT_OF_RANGE);
      return;
    }
    const left = count * (raw ? RAW_SECTOR : SECTOR);
    this.state.raw = raw;
    this.state.total = left;
    this.#send({ left, answer: undefined, sector: first });
  }

  #reply(bytes: readonly number[], limit: number): void {
    const answer = Uint8Array.from(bytes.slice(0, limit));
    if (answer.length > 0) this.#send({ left: answer.length, answer, sector: 0 });
  }

  /** Data for the host: by DMA, or in blocks of the byte count that it has asked for. */
  #send(what: Pick<Transfer, "left" | "answer" | "sector">): void {
    const r = this.registers;
    const dma = (r.features & BY_DMA) !== 0;
    const asked = (r.lbaMid & 0xff) | ((r.lbaHigh & 0xff) << 8);
    // An odd count is one of all data alone (ATA/ATAPI-7, 6.26.4).
    const most = asked === 0xffff ? 0xfffe : asked;
    const blockBytes = what.left > most ? most & ~1 : what.left;
    if (!dma && blockBytes === 0) {
      this.fail(ABRT);
      return;
    }
    this.#reason(REASON_TO_HOST);
    this.begin({ ...what, toHost: true, dma, blockBytes, extended: false, through: false });
  }

  override presentBlock(bytes: number): void {
    const r = this.registers;
    r.lbaMid = (r.lbaMid & 0xff00) | (bytes & 0xff);
    r.lbaHigh = (r.lbaHigh & 0xff00) | (bytes >> 8);
  }

  protected override finish(): void {
    super.finish();
    this.#reason(REASON_COMMAND | REASON_TO_HOST);
  }

  /** Blocks need not be whole sectors: those that a block touches are read for it. */
  protected readSectors(t: Transfer, length: number): Uint8Array | undefined {
    const { raw, total } = this.state;
    const unit = raw ? RAW_SECTOR : SECTOR;
    const from = total - t.left;
    const first = Math.floor(from / unit);
    const count = Math.ceil((from + length) / unit) - first;
    const bytes = this.disk.read(t.sector + first, count, () => this.again());
    if (bytes === undefined) {
      if (!this.disk.waits) this.#check(UNREADABLE);
      return undefined;
    }
    const units = raw ? rawSectors(bytes, t.sector + first) : bytes;
    return units.slice(from - first * unit, from - first * unit + length);
  }

  protected takeOver(): boolean {
    return false;
  }
}

function rawSectors(data: Uint8Array, first: number): Uint8Array {
  const count = data.length / SECTOR;
  const out = new Uint8Array(count * RAW_SECTOR);
  for (let i = 0; i < count; i++) {
    out.set(rawHeader(first + i), i * RAW_SECTOR);
    out.set(data.subarray(i * SECTOR, (i + 1) * SECTOR), i * RAW_SECTOR + RAW_DATA);
  }
  return out;
}
