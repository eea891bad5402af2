// All ways to a disk, each with scripts that read one sector, write one, and write one and flush, and print what there is to see of it:
// first how the request ended, by the controller's own registers, then what was read.

import {
  byDma,
  begin as ideBegin,
  command as ideCommand,
  outcome,
  PRIMARY,
  packet,
  ready,
  regions,
  SECONDARY,
} from "../../devices/ata/testdata/ide-script.ts";
import {
  bringUp,
  DATA,
  FISES,
  load,
  port,
  prepare,
  start,
  store,
} from "../../devices/ata/testdata/script.ts";
import type { DeviceRequest } from "../../devices/device.ts";
import {
  channel,
  data as floppyData,
  recalibrate,
  restart,
  results,
} from "../../devices/floppy/testdata/script.ts";
import { Script, DATA as USB_DATA } from "../../devices/usb/testdata/script.ts";
import { XHCI_DEVICE } from "../../devices/usb/xhci-registers.ts";
import { Place, Rings } from "../../devices/virtio/testdata/script.ts";
import type { DiskOptions } from "../../machine-options.ts";
import type { Access } from "./bus-guest.ts";

/** The sector that scripts are about. */
export const SECTOR = 9;
/** What they write there, in its first dword. */
export const WRITTEN = 0x5757_1234;

export type Operation = "read" | "write" | "flush";

export interface Controller {
  name: string;
  board: "pc" | "q35";
  disk: Pick<DiskOptions, "kind" | "bus" | "index">;
  /** The medium's, where not any size will do. */
  bytes?: number;
  /** rerror and werror are nothing to it. */
  reportsOnly?: true;
  devices?: readonly DeviceRequest[];
  /** QEMU's options for a drive "d". */
  qemu: readonly string[];
  /** Up to where requests can be made. */
  begin: readonly Access[];
  read: readonly Access[];
  write?: readonly Access[];
  flush?: readonly Access[];
  /**
   * Of an operation that has failed: reads, by their number in the script, that are this here and something else in
   * QEMU 7.2, which knows but one error of ATA disks and of CDs; by the manuals it is these.
   */
  ours: Readonly<Partial<Record<Operation, Readonly<Record<number, number>>>>>;
}

// ---- IDE

const PIO_DATA = Array.from(
  { length: 128 },
  (_, i): Access => ["in", PRIMARY, 4, i === 0 ? -1 : 0],
);
const at = { lba: SECTOR, count: 1 };
const ide = { board: "pc", begin: ideBegin() } as const;
const ideDisk = {
  ...ide,
  disk: { kind: "disk", index: 0 },
  qemu: ["-device", "ide-hd,drive=d,bus=ide.0,unit=0"],
} as const;
const ideFlush = [...ideCommand(0xe7), ...outcome(PRIMARY)];

const ideWrite: readonly Access[] = [
  ...ideCommand(0x30, at),
  ...Array.from({ length: 128 }, (_, i): Access => ["out", PRIMARY, i === 0 ? WRITTEN : i, 4]),
  ready(PRIMARY),
  ...outcome(PRIMARY),
];

const idePio: Controller = {
  ...ideDisk,
  name: "IDE by PIO",
  read: [...ideCommand(0x20, at), ...outcome(PRIMARY), ...PIO_DATA],
  write: ideWrite,
  flush: [...ideWrite, ...ideFlush],
  ours: { read: { 4: 0x40 }, write: { 2: 0x61, 3: 0x61 }, flush: { 5: 0x61, 6: 0x61 } },
};

const ideDma: Controller = {
  ...ideDisk,
  name: "IDE by DMA",
  read: [...regions(512), ...byDma(0xc8, true, at), load(DATA)],
  write: [store(DATA, WRITTEN), ...regions(512), ...byDma(0xca, false, at)],
  ours: { read: { 7: 0x40 }, write: { 5: 0x61, 6: 0x61 } },
};

const READ_CD = [0x28, 0, 0, 0, 0, SECTOR, 0, 0, 1, 0, 0, 0];
const CD_DATA = Array.from(
  { length: 512 },
  (_, i): Access => ["in", SECONDARY, 4, i === 0 ? -1 : 0],
);

const ideCd: Controller = {
  ...ide,
  name: "a CD on IDE",
  disk: { kind: "cdrom", index: 2 },
  qemu: ["-device", "ide-cd,drive=d,bus=ide.1,unit=0"],
  read: [...packet(READ_CD, 2048), ...outcome(SECONDARY), ...CD_DATA],
  ours: { read: { 6: 0x30 } },
};

// ---- AHCI

/** A command from its issue to the interrupt that tells of its end, good or not. */
const command = (opcode: number, f: Parameters<typeof prepare>[1], n = 0, tag = 0): Access[] => [
  store(port(n, 0x10), 0xffff_ffff),
  ...prepare(opcode, f),
  ...(tag === 0 ? [] : [store(port(n, 0x34), tag)]),
  store(port(n, 0x38), tag || 1),
  ["until-set", port(n, 0x10), 0x4000_0009],
  ["until-clear", port(n, 0x20), 0x88],
  load(port(n, 0x10), 0x4000_0000),
  load(port(n, 0x20), 0x89),
  load(port(n, 0x20), 0xfe00),
];

const ahci = {
  board: "q35",
  disk: { kind: "disk", index: 0 },
  qemu: ["-device", "ide-hd,drive=d,bus=ide.0"],
  begin: [...bringUp(), ...start()],
} as const;

const ahciWrite = [store(DATA, WRITTEN), ...command(0x35, { ...at, regions: [512], write: true })];

const ahciDma: Controller = {
  ...ahci,
  name: "AHCI",
  read: [...command(0x25, { ...at, regions: [512] }), load(DATA)],
  write: ahciWrite,
  flush: [...ahciWrite, ...command(0xea, {})],
  ours: { read: { 2: 0x4000 } },
};

const TAG = 3;
const queued = { slot: TAG, lba: SECTOR, features: 1, count: TAG << 3, regions: [512] };

const ahciQueued: Controller = {
  ...ahci,
  name: "AHCI, queued",
  read: [...command(0x60, queued, 0, 1 << TAG), load(port(0, 0x34)), load(DATA)],
  write: [store(DATA, WRITTEN), ...command(0x61, { ...queued, write: true }, 0, 1 << TAG)],
  ours: { read: { 2: 0x4000 } },
};

const ahciCd: Controller = {
  ...ahci,
  name: "a CD on AHCI",
  disk: { kind: "cdrom", index: 2 },
  qemu: ["-device", "ide-cd,drive=d,bus=ide.2"],
  begin: [...bringUp(), ...start(2)],
  read: [
    ...command(0xa0, { features: 1, packet: READ_CD, regions: [2048] }, 2),
    load(FISES + 0x40, 0xff_ffff & 0x89_0000),
    load(DATA),
  ],
  ours: { read: { 2: 0x3000 } },
};

// ---- Floppies

/** QEMU tells of the end of a seek with every command. */
const NO_SEEK = 0xdf;

/** A sector of the first track by DMA, and the seven bytes of the answer. */
const onFloppy = (opcode: number, mode: number): Access[] => [
  ...channel(mode, 512, DATA),
  ...floppyData(opcode, { cylinder: 0, head: 0, sector: SECTOR + 1, last: SECTOR + 1 }),
  ...results(NO_SEEK, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff),
  load(DATA),
];

const floppy: Controller = {
  name: "a floppy",
  board: "q35",
  disk: { kind: "floppy" },
  bytes: 1_474_560,
  reportsOnly: true,
  qemu: ["-device", "isa-fdc", "-device", "floppy,drive=d"],
  begin: [store(DATA, 0), ...restart(), ...recalibrate()],
  read: onFloppy(0x46, 0x46),
  write: [store(DATA, WRITTEN), ...onFloppy(0x45, 0x4a)],
  ours: {
    // Abnormal end, data error in the data field, at this sector; QEMU gives zeros and goes on.
    read: { 14: 0x40, 15: 0x20, 16: 0x20, 17: 0, 19: SECTOR + 1 },
    // Equipment check.
    write: { 14: 0x50 },
  },
};

// ---- virtio

const DISK = new Place(3);
const RINGS = new Rings();
const [HEADER, STATUS] = [0x40_0000, 0x40_0100];

const request = (index: number, type: number, data: boolean): Access[] => [
  ...[type, 0, type === 4 ? 0 : SECTOR, 0].map((word, i) => store(HEADER + 4 * i, word)),
  store(STATUS, 0xffff_ffff),
  ...RINGS.chain([
    { address: HEADER, bytes: 16 },
    ...(data ? [{ address: DATA, bytes: 512, write: type === 0 }] : []),
    { address: STATUS, bytes: 1, write: true },
  ]),
  ...RINGS.offer(index, 0),
  DISK.notify(),
  RINGS.wait(index),
  ["load", STATUS, 1],
];

const virtio: Controller = {
  name: "virtio",
  board: "q35",
  disk: { kind: "disk", bus: "virtio" },
  devices: [{ kind: "virtio-blk-pci", options: { addr: 3, drive: 0 } }],
  qemu: ["-device", "virtio-blk-pci,addr=3,drive=d"],
  // With the feature of flushes.
  begin: [...DISK.bringUp(), ...DISK.start(1 << 9)],
  read: [...request(1, 0, true), load(DATA)],
  write: [store(DATA, WRITTEN), ...request(1, 1, true)],
  flush: [store(DATA, WRITTEN), ...request(1, 1, true), ...request(2, 4, false)],
  ours: {},
};

// ---- USB

const sense = (script: Script): Script =>
  script.block(18, true, 0x03, 0, 0, 0, 18, 0).input(18).status();
const BEGUN = (): Script => new Script().start().configure();
const begun = BEGUN().accesses.length;
/** A stick's scripts cannot be cut: their rings go on. */
const onStick = (what: (script: Script) => Script): Access[] =>
  sense(what(BEGUN()))
    .add(load(USB_DATA, 0xff_0000), load(USB_DATA + 12, 0xffff))
    .accesses.slice(begun);

const writeToStick = (s: Script): Script =>
  s
    .add(store(USB_DATA, WRITTEN))
    .block(512, false, 0x2a, 0, 0, 0, 0, SECTOR, 0, 0, 1, 0)
    .output(512)
    .status();

const usb: Controller = {
  name: "a stick",
  board: "q35",
  disk: { kind: "disk", bus: "usb" },
  qemu: [
    ...["-device", `nec-usb-xhci,p2=8,p3=0,addr=0x${XHCI_DEVICE.toString(16)},id=x`],
    ...["-device", "usb-storage,bus=x.0,drive=d,port=1"],
  ],
  begin: BEGUN().accesses,
  read: onStick((s) =>
    s
      .block(512, true, 0x28, 0, 0, 0, 0, SECTOR, 0, 0, 1, 0)
      .input(512)
      .add(load(USB_DATA))
      .status(),
  ),
  write: onStick(writeToStick),
  flush: onStick((s) => writeToStick(s).block(0, false, 0x35, 0, 0, 0, 0, 0, 0, 0, 0, 0).status()),
  ours: {
    // The short packet; the sense: medium error, unrecovered read error, or write error.
    read: { 26: 0x0d00_0200, 53: 0x3_0000, 54: 0x11 },
    write: { 52: 0x3_0000, 53: 0x0c },
    flush: { 64: 0x3_0000, 65: 0x0c },
  },
};

export const CONTROLLERS: readonly Controller[] = [
  idePio,
  ideDma,
  ideCd,
  ahciDma,
  ahciQueued,
  ahciCd,
  floppy,
  virtio,
  usb,
];
