// -device but for drives, and -object: devices that are added to the board, and names of those that are there anyway.

import { addedAhci, MAX_AHCI } from "../devices/ata/ahci.ts";
import type { UsbInput } from "../devices/device.ts";
import { NETWORK_CARD_MODELS } from "../devices/net/network-card.ts";
import { COM_PORTS } from "../devices/uart16550.ts";
import { virtioSerial } from "../devices/virtio/virtio-console.ts";
import { virtConsole, virtSerialPort } from "../devices/virtio/virtio-port.ts";
import { ADDABLE_DEVICES } from "../platform/addable-devices.ts";
import { debugconUser } from "./cli-chardevs.ts";
import { DRIVE_DEVICE_NAMES, parseDriveDevice } from "./cli-drives.ts";
import { parseCapture, parseCard } from "./cli-network.ts";
import type { CliOptions } from "./cli-options.ts";
import { number, numbersOf, oneOf, onlyKeys, properties, UsageError } from "./cli-values.ts";

const CARDS: readonly string[] = NETWORK_CARD_MODELS;
/** Devices on USB, and what they are. */
const USB_INPUT: Readonly<Record<string, UsbInput>> = {
  "usb-kbd": "keyboard",
  "usb-mouse": "mouse",
  "usb-tablet": "tablet",
};

type Apply = (options: CliOptions, props: Map<string, string>) => void;

/** Devices that are no additions to the board: what their options say goes where others say it. */
const NAMED: Readonly<Record<string, { keys: readonly string[]; apply: Apply }>> = {
  "qemu-xhci": {
    keys: ["id", "bus"],
    apply: (o) => {
      o.usb ??= [];
    },
  },
  ...Object.fromEntries(
    Object.entries(USB_INPUT).map(([name, kind]) => [
      name,
      // The display is the one that there is, and no bus has another speed.
      { keys: ["id", "bus", "port", "display", "usb_version"], apply: addUsb(kind) },
    ]),
  ),
  VGA: {
    keys: ["id", "bus", "vgamem_mb"],
    apply: (o, props) => {
      const size = props.get("vgamem_mb");
      if (size !== undefined) number("-device VGA: vgamem_mb", size, 16, 16);
      o.vga = true;
    },
  },
  "isa-debugcon": {
    keys: ["id", "iobase", "chardev", "readback"],
    apply: (o, props) => {
      const port = props.get("iobase");
      if (port !== undefined) {
        o.debugconPort = number("-device isa-debugcon: iobase", port, 1, 0xffff);
      }
      const id = props.get("chardev");
      o.references.push({ ...debugconUser(o, "-device isa-debugcon"), id });
    },
  },
  "isa-serial": {
    keys: ["id", "chardev"],
    apply: (o, props) => {
      o.references.push({
        option: "-device isa-serial",
        id: props.get("chardev"),
        role: "line",
        connect: (device) => {
          if (o.serials.length === COM_PORTS.length) {
            throw new UsageError(`-device isa-serial: there are ${COM_PORTS.length} serial ports`);
          }
          o.serials.push(device);
        },
      });
    },
  },
};

function addUsb(kind: UsbInput): Apply {
  return (o) => {
    o.usb = [...(o.usb ?? []), kind];
  };
}

/** -usbdevice: QEMU's older way to say it. */
export const USB_DEVICES: readonly UsbInput[] = Object.values(USB_INPUT);

export function parseUsbDevice(options: CliOptions, text: string): void {
  addUsb(oneOf("-usbdevice", text, USB_DEVICES) as UsbInput)(options, new Map());
}

export const DEVICES = [
  ...new Set([
    ...[...ADDABLE_DEVICES.map((k) => k.name), ...DRIVE_DEVICE_NAMES, ...CARDS],
    ...Object.keys(NAMED),
  ]),
];

/** Ports of virtio-serial-pci: QEMU's names of consoles and of others. */
const PORTS = [virtConsole.name, virtSerialPort.name];

/** -device virtconsole and virtserialport: the next number, as QEMU gives them, unless nr says one. */
function parsePort(options: CliOptions, name: string, props: Map<string, string>): void {
  onlyKeys(`-device ${name}`, props, ["chardev", "name", "nr", "id", "bus"]);
  if (!options.devices.some(({ kind }) => kind === virtioSerial.name)) {
    throw new UsageError(`-device ${name}: No 'virtio-serial-bus' bus found for device '${name}'`);
  }
  const taken = options.ports.map(({ number }) => number);
  let free = name === virtConsole.name ? 0 : 1;
  while (taken.includes(free)) free++;
  const given = props.get("nr");
  const nr = given === undefined ? free : number(`-device ${name}: nr`, given, 0, 510);
  const line = options.ports.length;
  const port: CliOptions["ports"][number] = { kind: name, number: nr, device: { kind: "null" } };
  options.ports.push(port);
  options.references.push({
    option: `-device ${name}`,
    id: props.get("chardev"),
    role: "line",
    connect: (device) => {
      port.device = device;
    },
  });
  const label = props.get("name");
  options.devices.push({
    kind: name,
    options: { nr, line },
    ...(label === undefined ? {} : { label }),
  });
}

/** Properties of QEMU's that make no difference here. */
const IGNORED_KEYS: Readonly<Record<string, readonly string[]>> = {
  "virtio-rng-pci": ["id", "bus", "rng", "max-bytes", "period"],
  "virtio-serial-pci": ["id", "bus"],
  ahci: ["id", "bus", "multifunction"],
};

/** Names of QEMU's for the same devices, whatever they are attached to. */
const ALIASES: Readonly<Record<string, string>> = {
  "ich9-ahci": "ahci",
  "virtio-blk": "virtio-blk-pci",
  "virtio-rng": "virtio-rng-pci",
  "virtio-serial": "virtio-serial-pci",
};

/** -device ahci,id=ID: its buses are ID.0 to ID.5. */
function addController(options: CliOptions, props: Map<string, string>): void {
  const index = options.controllers.length;
  if (index === MAX_AHCI)
    throw new UsageError(`-device ahci: expected at most ${MAX_AHCI} of them`);
  const id = props.get("id");
  if (id !== undefined && options.controllers.includes(id)) {
    throw new UsageError(`-device ahci: Duplicate device ID '${id}'`);
  }
  options.controllers.push(id);
  const { index: _, ...rules } = addedAhci.options ?? {};
  const given = numbersOf("-device ahci", rules, props);
  options.devices.push({ kind: addedAhci.name, options: { ...given, index } });
}

export function parseDevice(options: CliOptions, text: string): void {
  const props = properties(text);
  const driver = props.get("") ?? props.get("driver") ?? "";
  const name = oneOf("-device", ALIASES[driver] ?? driver, DEVICES);
  props.delete("driver");
  if (DRIVE_DEVICE_NAMES.includes(name)) {
    parseDriveDevice(options, name, props);
    return;
  }
  if (PORTS.includes(name)) {
    parsePort(options, name, props);
    return;
  }
  const given = NAMED[name];
  if (given !== undefined) {
    onlyKeys(`-device ${name}`, props, given.keys);
    given.apply(options, props);
    return;
  }
  if (CARDS.includes(name)) {
    parseCard(options.network, name, props);
    return;
  }
  const rules = ADDABLE_DEVICES.find((k) => k.name === name)?.options ?? {};
  if (name === virtioSerial.name && options.devices.some(({ kind }) => kind === name)) {
    throw new UsageError(`-device ${name}: there is one already, for up to 31 ports`);
  }
  const more = IGNORED_KEYS[name] ?? [];
  onlyKeys(`-device ${name}`, props, [...Object.keys(rules), ...more]);
  if (name === addedAhci.name) {
    addController(options, props);
    return;
  }
  const source = props.get("rng");
  if (source !== undefined) options.wantedObjects.add(source);
  options.devices.push({ kind: name, options: numbersOf(`-device ${name}`, rules, props) });
}

/** Where QEMU has a machine's memory from: nothing that a guest sees. */
const MEMORY_BACKENDS = [
  "memory-backend-ram",
  "memory-backend-file",
  "memory-backend-memfd",
] as const;
const MEMORY_KEYS = [
  ...["size", "mem-path", "share", "prealloc", "hugetlb", "hugetlbsize", "merge", "dump"],
  ...["policy", "host-nodes", "seal", "discard-data"],
];
/** Objects that change nothing, and their properties: sources of random numbers, and threads of the host. */
const OBJECT_KEYS: Readonly<Record<string, readonly string[]>> = {
  "rng-builtin": [],
  "rng-random": ["filename"],
  iothread: ["poll-max-ns", "poll-grow", "poll-shrink", "aio-max-batch"],
};
export const OBJECTS = ["rng-builtin", "rng-random", "filter-dump", ...MEMORY_BACKENDS, "iothread"];

/** -object: captures, and where a virtio-rng-pci of QEMU has its numbers from; here they are the device's own, whatever it says. */
export function parseObject(options: CliOptions, text: string): void {
  const props = properties(text);
  const kind = oneOf("-object", props.get("") ?? props.get("qom-type") ?? "", OBJECTS);
  if (kind === "filter-dump") {
    parseCapture(options.network, props);
    return;
  }
  const isMemory = MEMORY_BACKENDS.some((name) => name === kind);
  onlyKeys(`-object ${kind}`, props, [
    "qom-type",
    "id",
    ...(isMemory ? MEMORY_KEYS : (OBJECT_KEYS[kind] ?? [])),
  ]);
  const id = props.get("id");
  if (id === undefined) throw new UsageError(`-object ${text}: Parameter 'id' is missing`);
  if (options.objects.has(id)) {
    throw new UsageError(`-object ${text}: there is an object ${id} already`);
  }
  options.objects.add(id);
}
