// Media on the command line: -hda and its like, -drive, -blockdev, and the -device options that attach them, with QEMU's
// rules for what is written where.

import { AHCI_PORTS } from "../devices/ata/ahci.ts";
import type { Chipset } from "../devices/chipset.ts";
import type { DeviceRequest } from "../devices/device.ts";
import { virtioBlk } from "../devices/virtio/virtio-blk.ts";
import type { MediaKind } from "../machine-options.ts";
import type { DiskBus } from "../media/disk.ts";
import {
  type FailureAction,
  READ_ACTIONS,
  WRITE_ACTIONS,
  type WriteFailureAction,
} from "../media/disk-failures.ts";
import { FOREIGN_FORMATS, IMAGE_FORMATS, noReader } from "../media/formats.ts";
import type { ImageFormat } from "../media/image.ts";
import {
  bootIndexOf,
  flag,
  number,
  numbersOf,
  oneOf,
  onlyKeys,
  properties,
  suggest,
  UsageError,
} from "./cli-values.ts";

/** A medium that the command line names. */
export interface CliDisk {
  kind: MediaKind;
  /** Empty for a drive without a medium. */
  path: string;
  /** What the monitor calls the drive, and the device that it is in. */
  id?: string;
  deviceId?: string;
  /** Found out where it is not given. */
  format?: ImageFormat;
  bus?: DiskBus;
  readOnly?: boolean;
  /** What is written is kept apart and lost at the end; as -snapshot says where it is not given. */
  snapshot?: boolean;
  /** What is written goes to the file: what follows from all of this. */
  persistent?: boolean;
  bootIndex?: number;
  serial?: string;
  /** What becomes of what the host fails to do, where that is said. */
  onReadFailure?: FailureAction;
  onWriteFailure?: WriteFailureAction;
  /** Place among those of its kind, where one is given. */
  index?: number;
  /** Number of the added controller that it is at, where it is not the board's. */
  controller?: number;
}

/** A chip of flash that firmware lies in. */
export interface CliFlash {
  path: string;
  unit: number;
  readOnly: boolean;
  snapshot?: boolean;
  persistent?: boolean;
}

/** A node of -blockdev: a file, or a format on one. */
interface BlockNode {
  driver: "file" | ImageFormat;
  path?: string;
  /** The node below. */
  file?: string;
  readOnly: boolean;
}

/** What the command line has said of media so far. */
export interface CliDrives {
  disks: CliDisk[];
  /** Drives with if=none, by their id: -device attaches them. */
  loose: Map<string, CliDisk>;
  /** Nodes of -blockdev by their names. */
  nodes: Map<string, BlockNode>;
  /** Those -device options. */
  attachments: { device: string; props: Map<string, string>; place?: number }[];
  /** Devices of the machine, in order. */
  devices: DeviceRequest[];
  /** AHCI controllers among them, by their ids where they have any. */
  controllers: (string | undefined)[];
  /** Chips of flash, by their unit. */
  flash: CliFlash[];
  /** Nothing is written to images, unless a drive says so. */
  snapshot: boolean;
}

const MAX_INDEX = 99;
/** Disks on a bus of QEMU's -drive if=ide, and floppies on theirs. */
const UNITS_PER_BUS = 2;

/** A disk with a device of its own, which has options beside those of the disk. */
export const VIRTIO_BLK = virtioBlk.name;
/** Its properties of QEMU's that make no difference here. */
const VIRTIO_HOST_KEYS = ["ioeventfd", "iothread", "write-cache", "share-rw", "scsi"];
/** … and those that say what becomes of what the host fails to do. */
const FAILURE_KEYS = ["rerror", "werror"];

/** Devices of QEMU's that attach a drive: what it becomes. */
const DRIVE_DEVICES: Readonly<Record<string, { kind?: MediaKind; bus: DiskBus }>> = {
  "usb-storage": { bus: "usb" },
  "ide-hd": { kind: "disk", bus: "ata" },
  "ide-cd": { kind: "cdrom", bus: "ata" },
  floppy: { kind: "floppy", bus: "ata" },
  [VIRTIO_BLK]: { bus: "virtio" },
};
export const DRIVE_DEVICE_NAMES = Object.keys(DRIVE_DEVICES);

/** How QEMU reads and writes its files: none of it can be seen by a guest. */
const HOST_PROPERTIES = ["cache", "aio", "discard", "detect-zeroes", "copy-on-read"];

/** Controllers of QEMU's that are not here. */
const ABSENT = ["scsi", "sd", "mtd", "xen"];

function formatOf(option: string, text: string | undefined): ImageFormat | undefined {
  if (text === undefined) return undefined;
  if (FOREIGN_FORMATS.some((name) => name === text)) {
    throw new UsageError(`${option} ${text}: ${noReader(text)}`);
  }
  return oneOf(option, text, IMAGE_FORMATS) as ImageFormat;
}

/** What rerror and werror say; "auto" of a device leaves it to its drive. */
function failureActions(
  option: string,
  props: Map<string, string>,
  more: readonly string[] = [],
): Pick<CliDisk, "onReadFailure" | "onWriteFailure"> {
  const action = <T extends string>(key: string, known: readonly T[]): T | undefined => {
    const value = props.get(key);
    if (value === undefined) return undefined;
    const found = oneOf(`${option} ${key}`, value, [...known, ...more]);
    return found === "auto" ? undefined : (found as T);
  };
  const [onReadFailure, onWriteFailure] = [
    action("rerror", READ_ACTIONS),
    action("werror", WRITE_ACTIONS),
  ];
  return {
    ...(onReadFailure === undefined ? {} : { onReadFailure }),
    ...(onWriteFailure === undefined ? {} : { onWriteFailure }),
  };
}

/** The place that -drive's index, or bus and unit, say. */
function indexOf(text: string, props: Map<string, string>): number | undefined {
  const [index, bus, unit] = ["index", "bus", "unit"].map((key) => {
    const value = props.get(key);
    return value === undefined ? undefined : number(`-drive ${key}`, value, 0, MAX_INDEX);
  });
  if (bus === undefined && unit === undefined) return index;
  if (index !== undefined) {
    throw new UsageError(`-drive ${text}: index cannot be used with bus and unit`);
  }
  if ((unit ?? 0) >= UNITS_PER_BUS) {
    throw new UsageError(`-drive ${text}: unit ${unit} too big (max is ${UNITS_PER_BUS - 1})`);
  }
  return (bus ?? 0) * UNITS_PER_BUS + (unit ?? 0);
}

/** -drive if=pflash: the next chip, or that of `unit` or `index`. */
function addFlash(
  options: CliDrives,
  text: string,
  path: string,
  props: Map<string, string>,
): void {
  oneOf("-drive if=pflash,format", props.get("format") ?? "raw", ["raw"]);
  const given = props.get("unit") ?? props.get("index");
  const unit =
    given === undefined ? options.flash.length : number("-drive if=pflash,unit", given, 0, 1);
  if (unit > 1 || options.flash.some((chip) => chip.unit === unit)) {
    throw new UsageError(`-drive ${text}: there are two chips of flash, units 0 and 1, once each`);
  }
  options.flash.push({
    path,
    unit,
    readOnly: flag("-drive readonly", props.get("readonly")),
    ...(props.has("snapshot") ? { snapshot: flag("-drive snapshot", props.get("snapshot")) } : {}),
  });
}

/** -pflash FILE. */
export function parsePflash(options: CliDrives, path: string): void {
  addFlash(options, `file=${path},if=pflash`, path, new Map());
}

export function parseDrive(options: CliDrives, text: string): void {
  const props = properties(text);
  onlyKeys("-drive", props, [
    ...["file", "media", "format", "if", "index", "bus", "unit", "id", "readonly", "snapshot"],
    ...["rerror", "werror"],
    ...HOST_PROPERTIES,
  ]);
  const path = props.get("file") ?? "";
  if (path === "" && props.get("media") !== "cdrom" && props.get("if") !== "floppy") {
    throw new UsageError(`-drive ${text}: expected file=PATH`);
  }
  const format = formatOf("-drive format", props.get("format"));
  if (ABSENT.includes(props.get("if") ?? "")) {
    throw new UsageError(
      `-drive if=${props.get("if")}: there is no such controller; if=ide, the default, is the nearest`,
    );
  }
  if (["pflash", "floppy"].includes(props.get("if") ?? "")) {
    for (const key of ["werror", "rerror"]) {
      if (props.has(key)) {
        throw new UsageError(`-drive ${text}: ${key} is not supported by this bus type`);
      }
    }
  }
  if (props.get("if") === "pflash") {
    addFlash(options, text, path, props);
    return;
  }
  const where = oneOf("-drive if", props.get("if") ?? "ide", [
    ...["ide", "floppy", "none", "pflash", "virtio"],
  ]);
  const media = oneOf("-drive media", props.get("media") ?? "disk", ["disk", "cdrom"]);
  const index = indexOf(text, props);
  const drive: CliDisk = {
    kind: where === "floppy" ? "floppy" : (media as MediaKind),
    path,
    ...(format === undefined ? {} : { format }),
    readOnly: flag("-drive readonly", props.get("readonly")),
    ...failureActions("-drive", props),
    ...(props.has("snapshot") ? { snapshot: flag("-drive snapshot", props.get("snapshot")) } : {}),
    ...(index === undefined || where === "none" || where === "virtio" ? {} : { index }),
    ...(where === "virtio" ? { bus: "virtio" as const } : {}),
  };
  const id = props.get("id");
  if (id !== undefined) drive.id = id;
  if (where !== "none") {
    options.disks.push(drive);
  } else if (id === undefined) {
    throw new UsageError(`-drive ${text}: if=none needs id=ID, for -device usb-storage,drive=ID`);
  } else if (options.loose.has(id)) {
    throw new UsageError(`-drive id=${id}: there is a drive of this name already`);
  } else {
    options.loose.set(id, drive);
  }
}

/** The properties of -blockdev, given as those of other options or as JSON; those of objects in it as "file.filename". */
function nodeProperties(text: string): Map<string, string> {
  if (!text.startsWith("{")) return properties(text);
  const out = new Map<string, string>();
  const add = (prefix: string, value: unknown): void => {
    if (typeof value === "object" && value !== null && !Array.isArray(value)) {
      for (const [key, inner] of Object.entries(value)) {
        add(prefix === "" ? key : `${prefix}.${key}`, inner);
      }
    } else if (typeof value === "boolean") out.set(prefix, value ? "on" : "off");
    else out.set(prefix, String(value));
  };
  try {
    add("", JSON.parse(text));
  } catch (error) {
    throw new UsageError(`-blockdev ${text}: ${(error as Error).message}`);
  }
  return out;
}

const FILE_KEYS = ["driver", "filename", "read-only", "auto-read-only", "locking", "aio"];
const NODE_KEYS = [
  ...["driver", "node-name", "filename", "file", "read-only", "auto-read-only", "locking", "aio"],
  ...["discard", "detect-zeroes", "cache.direct", "cache.no-flush"],
];

export function parseBlockdev(options: CliDrives, text: string): void {
  const props = nodeProperties(text);
  if (props.has("")) {
    props.set("driver", props.get("") as string);
    props.delete("");
  }
  onlyKeys("-blockdev", props, [
    ...NODE_KEYS,
    ...[...FILE_KEYS, "cache.direct", "cache.no-flush"].map((key) => `file.${key}`),
  ]);
  const name = props.get("node-name");
  if (name === undefined) throw new UsageError(`-blockdev ${text}: expected node-name=NAME`);
  if (options.nodes.has(name) || options.loose.has(name)) {
    throw new UsageError(`-blockdev ${text}: Duplicate nodes with node-name='${name}'`);
  }
  const given = props.get("driver");
  if (given === undefined) throw new UsageError(`-blockdev ${text}: Parameter 'driver' is missing`);
  const driver = given === "file" ? given : (formatOf("-blockdev driver", given) as ImageFormat);
  oneOf("-blockdev file.driver", props.get("file.driver") ?? "file", ["file"]);
  const file = driver === "file" ? undefined : props.get("file");
  const path = props.get(driver === "file" ? "filename" : "file.filename");
  if (path === undefined && file === undefined) {
    const expected = driver === "file" ? "filename=PATH" : "file.filename=PATH or file=NODE";
    throw new UsageError(`-blockdev ${text}: expected ${expected}`);
  }
  const readOnly =
    flag("-blockdev read-only", props.get("read-only")) ||
    flag("-blockdev file.read-only", props.get("file.read-only"));
  options.nodes.set(name, {
    driver,
    ...(path === undefined ? {} : { path }),
    ...(file === undefined ? {} : { file }),
    readOnly,
  });
}

/** Takes a node, with the one below it, as a drive; undefined where there is none of the name. */
function driveOfNode(options: CliDrives, name: string): CliDisk | undefined {
  const node = options.nodes.get(name);
  if (node === undefined) return undefined;
  options.nodes.delete(name);
  const below = node.file === undefined ? undefined : options.nodes.get(node.file);
  if (node.file !== undefined) {
    options.nodes.delete(node.file);
    if (below?.driver !== "file") {
      throw new UsageError(
        `-blockdev node-name=${name}: Cannot find device='' nor node-name='${node.file}' of a file`,
      );
    }
  }
  return {
    kind: "disk",
    path: (node.path ?? below?.path) as string,
    format: node.driver === "file" ? "raw" : node.driver,
    readOnly: node.readOnly || (below?.readOnly ?? false),
    // -snapshot is for drives, here as in QEMU.
    snapshot: false,
  };
}

/** Buses for hard disks and CDs, ide.0 and so on, and drives on each. */
const IDE_BUSES: Readonly<Record<Chipset["name"], { buses: number; units: number }>> = {
  q35: { buses: 6, units: 1 },
  pc: { buses: 2, units: 2 },
};

/** The port of an added AHCI controller that -device's bus says: ID.N, or ide.N behind those of the board. */
function addedPort(
  name: string,
  props: Map<string, string>,
  { controllers }: CliDrives,
  machine: Chipset["name"],
): { controller: number; index: number } | undefined {
  const match = /^(.+)\.(\d+)$/.exec(props.get("bus") ?? "");
  if (match === null || !["ide-hd", "ide-cd"].includes(name)) return undefined;
  let [controller, index] = [controllers.indexOf(match[1] as string), Number(match[2])];
  if (match[1] === "ide" && controller < 0) {
    const behind = index - IDE_BUSES[machine].buses;
    const unnamed = controllers.flatMap((id, n) => (id === undefined ? n : []));
    controller = behind < 0 ? -1 : (unnamed[Math.floor(behind / AHCI_PORTS)] ?? -1);
    index = behind % AHCI_PORTS;
  }
  if (controller < 0) return undefined;
  if (index >= AHCI_PORTS) {
    throw new UsageError(`-device ${name}: Bus '${props.get("bus")}' not found`);
  }
  if ((props.get("unit") ?? "0") !== "0") {
    throw new UsageError(
      `-device ${name}: Can't create IDE unit ${props.get("unit")}, bus supports only 1 units`,
    );
  }
  return { controller, index };
}

/** The place that -device's bus=ide.N and unit, or a floppy's unit, say; `taken` are those of disks and CDs so far. */
function portOf(
  name: string,
  props: Map<string, string>,
  machine: Chipset["name"],
  taken: readonly (number | undefined)[],
): number | undefined {
  const [bus, unit] = [props.get("bus"), props.get("unit")];
  if (name === "floppy") {
    return unit === undefined ? undefined : number("-device floppy: unit", unit, 0, 1);
  }
  if (name === "usb-storage" || name === VIRTIO_BLK) return undefined;
  const { buses, units } = IDE_BUSES[machine];
  const wanted = unit === undefined ? undefined : number(`-device ${name}: unit`, unit, 0, 99);
  if (wanted !== undefined && wanted >= units) {
    throw new UsageError(
      `-device ${name}: Can't create IDE unit ${unit}, bus supports only ${units} units`,
    );
  }
  // A bus that is not named is the first one with room.
  if (bus === undefined && (wanted === undefined || units === 1)) return undefined;
  const channel = Number(/^ide\.(\d)$/.exec(bus ?? "ide.0")?.[1] ?? buses);
  if (channel >= buses) {
    throw new UsageError(
      `-device ${name}: Bus '${bus}' not found; there are ide.0 to ide.${buses - 1}`,
    );
  }
  const first = channel * units;
  if (wanted !== undefined) return first + wanted;
  const free = Array.from({ length: units }, (_, i) => first + i).find((p) => !taken.includes(p));
  return free ?? first;
}

/** -device usb-storage,drive=ID and the others of its kind, when all drives are known. */
function attachDrive(
  options: CliDrives,
  name: string,
  props: Map<string, string>,
  taken: Set<string>,
  machine: Chipset["name"],
  place?: number,
): void {
  if (place === undefined) {
    const keys = ["drive", "bootindex", "id", "bus", "unit", "removable"];
    onlyKeys(`-device ${name}`, props, name === "floppy" ? keys : [...keys, ...FAILURE_KEYS]);
  }
  const id = props.get("drive");
  const isEmpty = id === undefined && (name === "ide-cd" || name === "floppy");
  if (id === undefined && !isEmpty) {
    throw new UsageError(`-device ${name}: expected drive=ID of a -drive`);
  }
  if (id !== undefined && taken.has(id)) {
    throw new UsageError(`-device ${name}: Drive '${id}' is already in use by another device`);
  }
  const empty: CliDisk = { kind: name === "floppy" ? "floppy" : "cdrom", path: "" };
  const drive = id === undefined ? empty : (options.loose.get(id) ?? driveOfNode(options, id));
  if (id !== undefined && drive === undefined) {
    const known = suggest(id, [...options.loose.keys(), ...options.nodes.keys()]);
    throw new UsageError(`-device ${name}: there is no -drive if=none,id=${id} for it${known}`);
  }
  if (id !== undefined) {
    options.loose.delete(id);
    taken.add(id);
  }
  const places = options.disks
    .filter(({ kind, controller }) => kind !== "floppy" && controller === undefined)
    .map(({ index }) => index);
  const added = addedPort(name, props, options, machine);
  const index = place ?? added?.index ?? portOf(name, props, machine, places);
  const serial = props.get("serial");
  const deviceId = props.get("id");
  options.disks.push({
    ...(drive as CliDisk),
    ...(deviceId === undefined ? {} : { deviceId }),
    ...DRIVE_DEVICES[name],
    ...failureActions(`-device ${name}`, props, ["auto"]),
    bootIndex: bootIndexOf(`-device ${name}`, props),
    ...(serial === undefined ? {} : { serial }),
    ...(index === undefined ? {} : { index }),
    ...(added === undefined ? {} : { controller: added.controller }),
  });
}

/** -device that attaches a drive, which may be named later. */
export function parseDriveDevice(
  options: CliDrives,
  device: string,
  props: Map<string, string>,
): void {
  if (device !== VIRTIO_BLK) {
    options.attachments.push({ device, props });
    return;
  }
  const { drive: _, ...rules } = virtioBlk.options ?? {};
  onlyKeys(`-device ${device}`, props, [
    ...["drive", "bootindex", "id", "bus", "serial"],
    ...Object.keys(rules),
    ...VIRTIO_HOST_KEYS,
    ...FAILURE_KEYS,
  ]);
  const place = options.devices.filter(({ kind }) => kind === device).length;
  options.attachments.push({ device, props, place });
  const given = numbersOf(`-device ${device}`, rules, props);
  options.devices.push({ kind: device, options: { ...given, drive: place } });
}

/** All drives at their places, when all options are known. Throws `UsageError`. */
export function attachDrives(options: CliDrives, machine: Chipset["name"]): void {
  if (options.snapshot && options.nodes.size > 0) {
    throw new UsageError("-snapshot: -blockdev would be written all the same; -drive is not");
  }
  const taken = new Set<string>();
  for (const { device, props, place } of options.attachments) {
    attachDrive(options, device, props, taken, machine, place);
  }
  const drive = [...options.loose.keys()][0];
  const loose = drive === undefined ? [...options.nodes.keys()][0] : drive;
  if (loose !== undefined) {
    const option = drive === undefined ? "-blockdev node-name" : "-drive id";
    throw new UsageError(
      `${option}=${loose} is attached to nothing: -device usb-storage,drive=${loose} makes a stick of it`,
    );
  }
  for (const disk of options.disks) {
    const { kind, readOnly = false, snapshot = options.snapshot } = disk;
    disk.persistent = kind !== "cdrom" && !readOnly && !snapshot;
  }
  for (const chip of options.flash) {
    chip.persistent = !chip.readOnly && !(chip.snapshot ?? options.snapshot);
  }
  options.flash.sort((a, b) => a.unit - b.unit);
  if (options.flash.length > 0 && options.flash[0]?.unit !== 0) {
    throw new UsageError("-drive if=pflash,unit=1: unit 0, where the CPU starts, is not there");
  }
  // Places that are given come first, as on the cables of QEMU's controllers.
  const place = (d: CliDisk): number => d.index ?? Number.POSITIVE_INFINITY;
  options.disks.sort((a, b) => (place(a) === place(b) ? 0 : place(a) - place(b)));
}
