// A hard disk: the general, 48-bit and power management feature sets, SMART, and native command queuing on Serial
// ATA (T13/1699-D ATA8-ACS, 4 and 7). Without: security, host protected area, streaming, TRIM, and commands that
// write past the cache, except for queued ones.

import type { Disk } from "../../media/disk.ts";
import { type Geometry, physical } from "../../media/geometry.ts";
import { addressIn, showAddress, type Tracks } from "./addresses.ts";
import { AtaDevice, type DeviceState, freshDeviceState, type Handler } from "./ata-device.ts";
import { identifyDisk, MAX_MULTIPLE, NCQ_TAGS } from "./identify.ts";
import { SMART, SMART_KEY, smartData, smartLog, smartThresholds } from "./smart.ts";
import { ABRT, DF, DRDY, DSC, IDNF, type Transfer, UNC } from "./task-file.ts";

const SECTOR = 512;
/** Sectors that are looked at together where nothing is moved. */
const VERIFY_STEP = 256;

/** CHECK POWER MODE, in the count register. */
const STANDBY = 0x00;
const ACTIVE = 0xff;
/** EXECUTE DEVICE DIAGNOSTIC: no error. */
const PASSED = 1;

const LOG_DIRECTORY = 0x00;
/** NCQ command error log. */
const LOG_QUEUED_ERROR = 0x10;

export const READ_FPDMA_QUEUED = 0x60;
export const WRITE_FPDMA_QUEUED = 0x61;

export interface DiskState extends DeviceState {
  multiple: number;
  writeCache: boolean;
  smart: boolean;
  heads: number;
  sectorsPerTrack: number;
  /** A queued command has failed: nothing but the log of it is answered until that, or a reset, has been asked for. */
  queueError: Uint8Array | undefined;
}

const freshDiskState = (disk: Disk): DiskState => {
  const { heads, sectors } = physical(disk.sectors);
  return {
    ...freshDeviceState(),
    multiple: MAX_MULTIPLE,
    writeCache: true,
    smart: true,
    heads,
    sectorsPerTrack: sectors,
    queueError: undefined,
  };
};

type Mode = "pio" | "multiple" | "dma";

export class AtaDisk extends AtaDevice {
  state: DiskState;
  readonly signature = { lbaMid: 0, lbaHigh: 0 };
  protected readonly statusAfterReset = DRDY | DSC;
  readonly #serial: string;
  readonly #queued: boolean;
  protected readonly commands: Readonly<Record<number, Handler>>;

  /** `queued`: on a transport with native command queuing. */
  constructor(disk: Disk, serial: string, queued: boolean) {
    super(disk);
    this.#serial = serial;
    this.#queued = queued;
    this.state = freshDiskState(disk);
    this.commands = this.#commands();
  }

  powerOn(): void {
    this.state = freshDiskState(this.disk);
    this.reset();
  }

  override reset(): void {
    super.reset();
    this.state.queueError = undefined;
  }

  override command(opcode: number): void {
    if (this.state.queueError !== undefined && opcode !== 0x2f) this.#commandInError();
    else super.command(opcode);
  }

  /** Serial ATA 2.6, 13.6.4: whatever comes while the error waits is aborted. */
  #commandInError(): void {
    this.fail(ABRT);
  }

  #commands(): Record<number, Handler> {
    const read = (mode: Mode, extended = false): Handler => {
      return () => this.#access(true, mode, extended);
    };
    const write = (mode: Mode, extended = false): Handler => {
      return () => this.#access(false, mode, extended);
    };
    const done: Handler = () => {};
    const standby = (asleep: boolean): Handler => {
      return () => {
        this.state.standby = asleep;
      };
    };
    const power: Handler = () => {
      this.registers.count = this.state.standby ? STANDBY : ACTIVE;
    };
    return {
      // RECALIBRATE, SEEK: there is nothing to move.
      16: done,
      112: () => this.#verify(false, 1),
      32: read("pio"),
      33: read("pio"),
      36: read("pio", true),
      37: read("dma", true),
      41: read("multiple", true),
      39: () => this.#nativeMaximum(true),
      47: () => this.#readLog(),
      48: write("pio"),
      49: write("pio"),
      52: write("pio", true),
      53: write("dma", true),
      57: write("multiple", true),
      64: () => this.#verify(false),
      65: () => this.#verify(false),
      66: () => this.#verify(true),
      [READ_FPDMA_QUEUED]: () => this.#queuedAccess(true),
      [WRITE_FPDMA_QUEUED]: () => this.#queuedAccess(false),
      144: () => this.#diagnostic(),
      145: () => this.#setGeometry(),
      176: () => this.#smart(),
      196: read("multiple"),
      197: write("multiple"),
      198: () => this.#setMultiple(),
      200: read("dma"),
      201: read("dma"),
      202: write("dma"),
      203: write("dma"),
      // STANDBY IMMEDIATE, IDLE IMMEDIATE, STANDBY, IDLE, CHECK POWER MODE, SLEEP, and what they were before ATA-2.
      148: standby(true),
      149: standby(false),
      150: standby(true),
      151: standby(false),
      152: power,
      153: standby(true),
      224: standby(true),
      225: standby(false),
      226: standby(true),
      227: standby(false),
      229: power,
      230: standby(true),
      231: () => this.#flush(),
      234: () => this.#flush(),
      236: () => this.#identify(),
      239: () => this.#setFeatures(),
      248: () => this.#nativeMaximum(false),
    };
  }

  // ---- Addresses

  get #tracks(): Tracks {
    const { heads, sectorsPerTrack: sectors } = this.state;
    return { heads, sectors };
  }

  #failAt(sector: number, extended: boolean, error: number, status = 0): void {
    showAddress(this.registers, this.#tracks, sector, extended);
    this.fail(error, status);
  }

  /** Sectors by the count register, 0 standing for the most. */
  #count(extended: boolean): number {
    const { count } = this.registers;
    return extended ? count || 0x10000 : count & 0xff || 0x100;
  }

  /** The first sector, where all `count` are on the disk; otherwise the command has failed. */
  #range(extended: boolean, count: number): number | undefined {
    const first = addressIn(this.registers, this.#tracks, extended);
    if (first !== undefined && first + count <= this.disk.sectors) return first;
    // The first address that is not there, where one was named.
    if (first === undefined) this.fail(IDNF);
    else this.#failAt(Math.max(first, this.disk.sectors), extended, IDNF);
    return undefined;
  }

  // ---- Data

  #access(toHost: boolean, mode: Mode, extended: boolean): void {
    if (mode === "multiple" && this.state.multiple === 0) {
      this.fail(ABRT);
      return;
    }
    const count = this.#count(extended);
    const block = (mode === "multiple" ? this.state.multiple : 1) * SECTOR;
    this.#move(toHost, count, extended, block, mode === "dma", false);
  }

  /** READ and WRITE FPDMA QUEUED (ATA8-ACS, 7.25 and 7.64): the sectors are in the features register. */
  #queuedAccess(toHost: boolean): void {
    if (!this.#queued) {
      this.fail(ABRT);
      return;
    }
    const r = this.registers;
    const count = r.features || 0x10000;
    const forced = (r.device & 0x80) !== 0;
    this.#move(toHost, count, true, SECTOR, true, !toHost && forced);
  }

  #move(
    toHost: boolean,
    count: number,
    extended: boolean,
    blockBytes: number,
    dma: boolean,
    through: boolean,
  ): void {
    if (!toHost && this.disk.readOnly) {
      this.fail(ABRT);
      return;
    }
    const sector = this.#range(extended, count);
    if (sector === undefined) return;
    this.state.standby = false;
    this.begin({
      toHost,
      dma,
      blockBytes,
      left: count * SECTOR,
      answer: undefined,
      sector,
      extended,
      through: through || (!toHost && !this.state.writeCache),
    });
  }

  protected readSectors(t: Transfer, length: number): Uint8Array | undefined {
    const { disk } = this;
    const count = Math.max(1, Math.floor(length / SECTOR));
    const bytes = disk.readSome(t.sector, count, () => this.again());
    if (bytes !== undefined) t.sector += bytes.length / SECTOR;
    else if (!disk.waits) this.#failAt(t.sector, t.extended, UNC);
    return bytes;
  }

  protected takeOver(t: Transfer, bytes: Uint8Array): boolean {
    const last = bytes.length === t.left;
    const done = this.disk.writeSome(t.sector, bytes);
    t.sector += done;
    const isWritten = done === bytes.length / SECTOR;
    if (isWritten && !(last && t.through && !this.disk.flush())) return true;
    // The medium does not keep what it is given.
    this.#failAt(isWritten ? t.sector - 1 : t.sector, t.extended, ABRT, DF);
    return false;
  }

  #verify(extended: boolean, sectors = this.#count(extended)): void {
    const first = this.#range(extended, sectors);
    if (first === undefined) return;
    this.state.standby = false;
    for (let done = 0; done < sectors; ) {
      const bytes = this.disk.readSome(first + done, Math.min(VERIFY_STEP, sectors - done));
      if (bytes === undefined) {
        this.#failAt(first + done, extended, UNC);
        return;
      }
      done += bytes.length / SECTOR;
    }
  }

  #flush(): void {
    if (!this.disk.flush()) this.fail(ABRT, DF);
  }

  // ---- What the disk is, and how it is set

  get #current(): Geometry {
    const { heads, sectorsPerTrack: sectors } = this.state;
    const { cylinders, heads: told, sectors: track } = physical(this.disk.sectors);
    const all = cylinders * told * track;
    return { cylinders: Math.min(0xffff, Math.floor(all / (heads * sectors))), heads, sectors };
  }

  #identify(): void {
    const { multiple, dmaMode, writeCache, smart } = this.state;
    this.answer(
      identifyDisk({
        serial: this.#serial,
        sectors: this.disk.sectors,
        current: this.#current,
        multiple,
        dmaMode,
        writeCache,
        smart,
        queued: this.#queued,
      }),
    );
  }

  #setMultiple(): void {
    const count = this.registers.count & 0xff;
    if (count > MAX_MULTIPLE || (count & (count - 1)) !== 0) {
      this.fail(ABRT);
      return;
    }
    this.state.multiple = count;
  }

  #setGeometry(): void {
    const { count, device } = this.registers;
    if ((count & 0xff) === 0) {
      this.fail(ABRT);
      return;
    }
    this.state.heads = (device & 0x0f) + 1;
    this.state.sectorsPerTrack = count & 0xff;
  }

  #diagnostic(): void {
    this.showSignature();
    this.registers.error = PASSED;
  }

  /** READ NATIVE MAX ADDRESS (EXT): the last sector. */
  #nativeMaximum(extended: boolean): void {
    const last = this.disk.sectors - 1;
    const shown = extended ? last : Math.min(last, 0x0fff_ffff);
    showAddress(this.registers, this.#tracks, shown, extended);
  }

  #setFeatures(): void {
    const { features, count } = this.registers;
    switch (features & 0xff) {
      case 0x02:
        this.state.writeCache = true;
        return;
      case 0x82:
        // What has been kept so far is written (ATA8-ACS, 7.48.4).
        this.state.writeCache = false;
        this.#flush();
        return;
      case 0x03:
        if (!this.setTransferMode(count & 0xff)) this.fail(ABRT);
        return;
      // Read look-ahead, and what a reset returns to: accepted, as there is nothing that it would change.
      case 0x55:
      case 0xaa:
      case 0x66:
      case 0xcc:
        return;
      default:
        this.fail(ABRT);
    }
  }

  // ---- SMART and logs

  #smart(): void {
    const r = this.registers;
    const key = [r.lbaMid & 0xff, r.lbaHigh & 0xff];
    const features = r.features & 0xff;
    const known = key[0] === SMART_KEY.lbaMid && key[1] === SMART_KEY.lbaHigh;
    if (!known || (!this.state.smart && features !== SMART.enable)) {
      this.fail(ABRT);
      return;
    }
    switch (features) {
      case SMART.enable:
      case SMART.disable:
        this.state.smart = features === SMART.enable;
        return;
      case SMART.readData:
        this.answer(smartData());
        return;
      case SMART.readThresholds:
        this.answer(smartThresholds());
        return;
      case SMART.readLog: {
        const log = smartLog(r.lbaLow & 0xff);
        if (log === undefined || (r.count & 0xff) !== 1) {
          this.fail(ABRT);
          return;
        }
        this.answer(log);
        return;
      }
      // Attributes are kept without being told to; off-line tests are over at once; the threshold is not exceeded.
      case SMART.autosave:
      case SMART.executeOffLine:
      case SMART.returnStatus:
        return;
      default:
        this.fail(ABRT);
    }
  }

  /** READ LOG EXT: the directory and the error of a queued command, which ends by being read. */
  #readLog(): void {
    const r = this.registers;
    const address = r.lbaLow & 0xff;
    const count = r.count;
    const page = (r.lbaMid & 0xff) | ((r.lbaHigh & 0xff) << 8);
    const known = address === LOG_DIRECTORY || address === LOG_QUEUED_ERROR;
    if (!this.#queued || !known || count !== 1 || page !== 0) {
      this.fail(ABRT);
      return;
    }
    const bytes = new Uint8Array(SECTOR);
    if (address === LOG_DIRECTORY) {
      bytes[0] = 1;
      bytes[2 * LOG_QUEUED_ERROR] = 1;
    } else if (this.state.queueError !== undefined) {
      bytes.set(this.state.queueError);
      this.state.queueError = undefined;
    } else {
      // No queued command has failed.
      bytes[0] = 0x80;
    }
    this.answer(bytes);
  }

  /** A queued command has failed: the log of it (ATA8-ACS, A.14), from the registers as they are. */
  keepQueueError(tag: number): void {
    const r = this.registers;
    const bytes = new Uint8Array(SECTOR);
    const low = [r.status, r.error, r.lbaLow, r.lbaMid, r.lbaHigh, r.device];
    bytes[0] = tag & (NCQ_TAGS - 1);
    bytes.set(
      low.map((v) => v & 0xff),
      2,
    );
    bytes.set([r.lbaLow >> 8, r.lbaMid >> 8, r.lbaHigh >> 8], 8);
    bytes.set([r.count & 0xff, r.count >> 8], 12);
    let sum = 0;
    for (const b of bytes) sum += b;
    bytes[SECTOR - 1] = -sum & 0xff;
    this.state.queueError = bytes;
  }
}
