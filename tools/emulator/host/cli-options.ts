// The command line: QEMU's names for what this machine has. One table describes every option; help,
// parsing and the suggestion for a mistyped one are derived from it.

import { CPU_MODEL_NAMES, cpuDescription } from "../core/cpu-models.ts";
import type { GdbArchitecture } from "../debug/gdb-target.ts";
import { LOG_ITEMS, type LogItem } from "../debug/log.ts";
import type { Chipset } from "../devices/chipset.ts";
import type { BoardPart, UsbInput } from "../devices/device.ts";
import { COM_PORTS } from "../devices/uart16550.ts";
import { type Accel, parseAccel } from "../jit/accel.ts";
import { LoadError } from "../load-error.ts";
import { MAX_CPUS, type MediaKind, parseMemory } from "../machine-options.ts";
import { ADDABLE_DEVICES } from "../platform/addable-devices.ts";
import { type BootOrder, bootOrderOf } from "../platform/firmware/bios-state.ts";
import type { BootMenu } from "../platform/firmware/guest-firmware.ts";
import type { SmbiosOptions } from "../platform/firmware/smbios.ts";
import { GIB, MAX_RAM, MIB, MIN_RAM } from "../platform/memory-map.ts";
import { type Chardev, namedChardev } from "./chardev.ts";
import {
  connectChardevs,
  debugconUser,
  dialogueUser,
  parseMon,
  type Reference,
  useChardev,
} from "./cli-chardevs.ts";
import {
  DEVICES,
  OBJECTS,
  parseDevice,
  parseObject,
  parseUsbDevice,
  USB_DEVICES,
} from "./cli-devices.ts";
import {
  attachDrives,
  type CliDrives,
  parseBlockdev,
  parseDrive,
  parsePflash,
} from "./cli-drives.ts";
import {
  BACKENDS,
  type CliNetwork,
  checkNetwork,
  noNetwork,
  parseNet,
  parseNetdev,
  parseNic,
} from "./cli-network.ts";
import { withSmbios, withUuid } from "./cli-smbios.ts";
import {
  bootIndexOf,
  flag,
  number,
  oneOf,
  onlyKeys,
  properties,
  suggest,
  UsageError,
} from "./cli-values.ts";
import { ACCEPTED_FLAGS, type QemuFlag, REFUSED_FLAGS } from "./qemu-flags.ts";

/** Where the machine's screen is shown. */
export type DisplayRequest =
  | { kind: "none" }
  /** A page in a browser; port 0 is any that is free. */
  | { kind: "web"; port: number }
  /** The terminal that the command runs in. */
  | { kind: "curses" };

export interface CliOptions extends CliDrives {
  machine: Chipset["name"];
  /** What the board is to lack. */
  without: Set<BoardPart>;
  help: boolean;
  version: boolean;
  /** What an option takes, which `help` in place of its value asks for. */
  listing?: string;
  kernel?: string;
  bios?: string;
  /** More expansion ROMs for it. */
  optionRoms: { path: string; bootIndex?: number }[];
  /** What firmware of -bios is told about its menu. */
  bootMenu: BootMenu;
  /** Files of -fw_cfg: name, and where the contents are. */
  firmwareFiles: { name: string; file?: string; text?: string }[];
  smbios: SmbiosOptions;
  /** I/O port of the debug console, where -global says it. */
  debugconPort?: number;
  /** Folders of -L, in order. */
  dataFolders: string[];
  initrd?: string;
  append: string;
  name?: string;
  bootOrder?: BootOrder;
  bootOnce?: BootOrder;
  memory: number;
  cpus: number;
  cpu: string;
  /** What is to be said before the machine starts. */
  warnings: string[];
  accel?: Accel;
  /** Time counts instructions. */
  icount: boolean;
  /** COM1 to COM4, as far as they were given. */
  serials: Chardev[];
  /** Devices of -chardev, by their names. */
  chardevs: Map<string, Chardev>;
  /** Ports of virtio consoles, in order: the number of each, and its device. */
  ports: { kind: string; number: number; device: Chardev }[];
  /** -numa has named the node that there is. */
  hasNode: boolean;
  /** Who gets a character device when all of them are known. */
  references: Reference[];
  /** What is on USB beside media, where there is a controller without them. */
  usb?: UsbInput[];
  /** Ctrl-C goes to the guest. */
  passInterrupt: boolean;
  debugcon: Chardev;
  /** Where monitors are; null and none are no monitors. */
  monitors: Chardev[];
  qmps: Chardev[];
  reboot: boolean;
  nodefaults: boolean;
  nographic: boolean;
  /** Not said where it is the default that counts. */
  vga?: boolean;
  display: DisplayRequest;
  /** Names of -object, all of them sources of entropy, and those that devices want. */
  objects: Set<string>;
  wantedObjects: Set<string>;
  network: CliNetwork;
  gdbPort?: number;
  gdbArchitecture?: GdbArchitecture;
  /** Where VNC clients connect: host, display number, and whether they need a password. */
  vnc?: { host: string; display: number; password: boolean };
  freeze: boolean;
  /** The snapshot that the machine begins with. */
  loadvm?: string;
  /** Where the process writes its number while it is there. */
  pidFile?: string;
  /** Where the run's input is written to, and read from. */
  record?: string;
  replay?: string;
  log: LogItem[];
  logFile?: string;
  clockStart?: Date;
  realTime: boolean;
}

interface Option {
  names: string[];
  /** What the value is called, if there is one. */
  value?: string;
  help: string;
  /** What its value may be: what `help` in its place lists. */
  choices?: readonly string[];
  apply(options: CliOptions, value: string): void;
}

function parseCpus(text: string): number {
  const props = properties(text);
  onlyKeys("-smp", props, ["cpus", "maxcpus", "sockets", "cores", "threads", "dies", "clusters"]);
  const part = (key: string): number => number(`-smp ${key}`, props.get(key) ?? "1", 1, MAX_CPUS);
  const product =
    part("sockets") * part("dies") * part("clusters") * part("cores") * part("threads");
  const given = props.get("") ?? props.get("cpus");
  if (given === undefined) return number("-smp", String(product), 1, MAX_CPUS);
  const cpus = number("-smp", given, 1, MAX_CPUS);
  // Without sockets their number follows from the rest, as QEMU has it.
  const fits = props.has("sockets") ? cpus === product : cpus % product === 0;
  if (!fits) {
    throw new UsageError(
      `-smp ${text}: ${cpus} CPUs are not ${product} (sockets × dies × clusters × cores × threads)`,
    );
  }
  return cpus;
}

/** Display N is TCP port 5900 + N. */
const MAX_VNC_DISPLAY = 65535 - 5900;
/** What is at each line of the machine: COM1 to COM4, and behind them ports of virtio consoles. */
export function linesOf({ serials, ports }: CliOptions): Chardev[] {
  const none: Chardev = { kind: "none" };
  return [...COM_PORTS.map((_, i) => serials[i] ?? none), ...ports.map(({ device }) => device)];
}

/** -hda to -hdd, -fda and -fdb. */
function diskOption(name: string, kind: MediaKind, index: number, help: string): Option {
  return {
    names: [name],
    value: "FILE",
    help,
    apply: (o, path) => {
      o.disks.push({ kind, path, index });
    },
  };
}

function bootKinds(option: string, letters: string): BootOrder {
  try {
    return bootOrderOf(letters);
  } catch (error) {
    throw new UsageError(`${option}: ${(error as Error).message}`);
  }
}

function parseBoot(options: CliOptions, text: string): void {
  const props = properties(text);
  onlyKeys("-boot", props, ["order", "once", "menu", "strict", "splash-time", "reboot-timeout"]);
  for (const key of ["menu", "strict"]) {
    const value = props.get(key);
    if (value !== undefined) oneOf(`-boot ${key}`, value, ["on", "off"]);
  }
  options.bootMenu.show = props.get("menu") === "on";
  for (const [key, field] of [
    ["splash-time", "waitMs"],
    ["reboot-timeout", "failWaitMs"],
  ] as const) {
    const value = props.get(key);
    if (value !== undefined) options.bootMenu[field] = number(`-boot ${key}`, value, 0, 0xffff);
  }
  const order = props.get("order") ?? props.get("");
  const once = props.get("once");
  if (order !== undefined) options.bootOrder = bootKinds(`-boot ${text}`, order);
  if (once !== undefined) options.bootOnce = bootKinds(`-boot ${text}`, once);
}

function parseClock(options: CliOptions, text: string): void {
  const props = properties(text);
  // No interrupt of the clock is ever lost: driftfix has nothing to do.
  onlyKeys("-rtc", props, ["base", "clock", "driftfix"]);
  const base = props.get("base");
  if (base === "utc" || base === "localtime") {
    const now = new Date();
    const offset = base === "localtime" ? now.getTimezoneOffset() * 60_000 : 0;
    options.clockStart = new Date(now.getTime() - offset);
  } else if (base !== undefined) {
    const date = new Date(/T/.test(base) ? `${base}Z` : base);
    if (Number.isNaN(date.getTime())) {
      throw new UsageError(
        `-rtc base=${base}: expected utc, localtime or a date such as 2026-01-01T12:00:00`,
      );
    }
    options.clockStart = date;
  }
  const clock = props.get("clock");
  if (clock !== undefined) {
    options.realTime = oneOf("-rtc clock", clock, ["vm", "host", "rt"]) !== "vm";
  }
}

const GDB_ARCHITECTURES: readonly GdbArchitecture[] = ["i386", "x86-64"];

function parseGdb(options: CliOptions, text: string): void {
  const props = properties(text);
  const match = /^tcp:(?:[\w.]*)?:(\d+)$/.exec(props.get("") ?? "");
  if (match === null) throw new UsageError(`-gdb ${text}: expected tcp::PORT`);
  onlyKeys("-gdb", props, ["arch"]);
  options.gdbPort = number("-gdb", match[1] as string, 1, 65535);
  const arch = props.get("arch");
  if (arch === undefined) return;
  options.gdbArchitecture = oneOf("-gdb arch", arch, GDB_ARCHITECTURES) as GdbArchitecture;
}

function parseLog(options: CliOptions, text: string): void {
  for (const item of text.split(",")) {
    options.log.push(oneOf("-d", item, LOG_ITEMS) as LogItem);
  }
}

/** What -accel takes; QEMU's names, with properties of theirs, stand for what is usual here. */
function accelOf(text: string): Accel | undefined {
  return /^(accel=)?(tcg|kvm|hax|hvf|nvmm|whpx)(,|$)/.test(text) ? undefined : parseAccel(text);
}

/** What happens when the guest ends: QEMU's newer words for -no-reboot and -no-shutdown. */
function parseAction(options: CliOptions, text: string): void {
  const props = properties(text);
  onlyKeys("-action", props, ["reboot", "shutdown", "panic", "watchdog"]);
  const known = { reboot: ["reset", "shutdown"], shutdown: ["poweroff", "pause"] } as const;
  for (const [key, values] of Object.entries(known)) {
    const value = props.get(key);
    if (value !== undefined) oneOf(`-action ${key}`, value, values);
  }
  const reboot = props.get("reboot");
  if (reboot !== undefined) options.reboot = reboot === "reset";
}

const DISPLAYS = ["none", "web", "curses"] as const;
/** QEMU's windows: here the page is one. */
const WINDOWS = /^(gtk|sdl|cocoa)(,|$)/;

function parseDisplay(options: CliOptions, text: string): DisplayRequest {
  const window = WINDOWS.exec(text)?.[1];
  if (window !== undefined) {
    options.warnings.push(`-display ${window}: the screen is shown by -display web`);
    return { kind: "web", port: 0 };
  }
  const props = properties(text);
  if (props.has("vnc")) {
    options.vnc = parseVnc(text.replace(/^vnc=/, ""));
    return { kind: "none" };
  }
  const kind = oneOf("-display", props.get("") ?? "", DISPLAYS);
  const known: Readonly<Record<string, string[]>> = { web: ["port"], curses: ["charset"] };
  onlyKeys(`-display ${kind}`, props, known[kind] ?? []);
  if (kind === "curses") {
    oneOf("-display curses: charset", props.get("charset") ?? "CP437", ["CP437"]);
    return { kind };
  }
  if (kind !== "web") return { kind: "none" };
  return { kind, port: number("-display web: port", props.get("port") ?? "0", 0, 65535) };
}

/** Names and addresses of this host that no other can reach. */
const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|::1)$/;

function parseVnc(text: string): CliOptions["vnc"] {
  if (text === "none") return undefined;
  const props = properties(text);
  const match = /^(.*):(\d{1,5})$/.exec(props.get("") ?? "");
  const display = Number(match?.[2] ?? Number.NaN);
  if (match === null || display > MAX_VNC_DISPLAY) {
    throw new UsageError(
      `-vnc ${text}: expected [HOST]:N[,password=on] with N from 0 to ${MAX_VNC_DISPLAY}, or none`,
    );
  }
  onlyKeys("-vnc", props, ["password"]);
  const host = (match[1] ?? "").replace(/^\[(.*)\]$/, "$1") || "127.0.0.1";
  // Who listens to other hosts asks for a password unless it is said otherwise.
  const usual = LOOPBACK.test(host) ? "off" : "on";
  return { host, display, password: flag("-vnc password", props.get("password") ?? usual) };
}

/** QEMU's names for the boards. */
const MACHINES = {
  q35: "q35",
  "pc-q35-7.2": "q35",
  pc: "pc",
  "pc-i440fx-7.2": "pc",
} as const satisfies Record<string, Chipset["name"]>;
const MACHINE_NAMES = Object.keys(MACHINES);
/** Properties of QEMU's boards that concern the host alone, and those for parts which this board does not have. */
const HOST_PROPERTIES = [
  "kernel-irqchip",
  "mem-merge",
  "dump-guest-core",
  "memory-backend",
] as const;
const ABSENT_PARTS = ["smm", "vmport", "nvdimm"] as const;

/** Older and newer versions of the boards, which differ in what a guest hardly sees. */
const VERSION = /^(pc-(?:q35|i440fx))-\d+\.\d+$/;

function parseMachine(options: CliOptions, text: string): void {
  const props = properties(text);
  const name = props.get("") ?? props.get("type");
  if (name !== undefined) {
    const known = oneOf("-machine", name.replace(VERSION, "$1-7.2"), MACHINE_NAMES);
    options.machine = MACHINES[known as keyof typeof MACHINES];
  }
  onlyKeys("-machine", props, [
    ...["type", "accel", "usb", "acpi", "hpet"],
    ...[...HOST_PROPERTIES, ...ABSENT_PARTS],
  ]);
  for (const part of ["acpi", "hpet"] as const) {
    const value = props.get(part);
    if (value === undefined) continue;
    if (oneOf(`-machine ${part}`, value, ["on", "off", "auto"]) === "off")
      options.without.add(part);
    else options.without.delete(part);
  }
  for (const part of ABSENT_PARTS) {
    const value = props.get(part);
    if (value !== undefined) oneOf(`-machine ${part}`, value, ["off", "auto"]);
  }
  const usb = props.get("usb");
  if (usb !== undefined && oneOf("-machine usb", usb, ["on", "off"]) === "on") options.usb ??= [];
  const accel = props.get("accel");
  // Of several the first one that is there is taken.
  if (accel !== undefined) options.accel = accelOf(accel.split(":")[0] as string);
}

const ADAPTERS = ["std", "none"] as const;

const OPTIONS: readonly Option[] = [
  {
    names: ["-h", "-help"],
    help: "show this text",
    apply: (o) => {
      o.help = true;
    },
  },
  {
    names: ["-version"],
    help: "show the version",
    apply: (o) => {
      o.version = true;
    },
  },
  {
    names: ["-name"],
    value: "NAME",
    help: "what the machine is called: in the titles of -display web and -vnc, and in the monitor",
    apply: (o, v) => {
      const props = properties(v);
      // The process's name, and threads' names: QEMU's own.
      onlyKeys("-name", props, ["guest", "process", "debug-threads"]);
      o.name = props.get("guest") ?? props.get("");
    },
  },
  {
    names: ["-machine", "-M"],
    value: "q35|pc",
    help: "the board: q35 (ICH9 with SATA, the default) or pc (i440FX and PIIX3 with IDE)",
    choices: MACHINE_NAMES,
    apply: parseMachine,
  },
  {
    names: ["-cpu"],
    value: "MODEL",
    help: "default (Ivy Bridge level), max (everything there is) or a name of QEMU's, with +FEATURE, -FEATURE, PROPERTY=V",
    choices: CPU_MODEL_NAMES,
    apply: (o, v) => {
      try {
        o.warnings.push(
          ...cpuDescription(v).absent.map((name) => `-cpu ${v}: there is no ${name}`),
        );
      } catch (error) {
        const near = suggest(v.replace(/,.*/, ""), CPU_MODEL_NAMES);
        throw new UsageError(`-cpu ${v}: ${(error as Error).message}${near}`);
      }
      o.cpu = v;
    },
  },
  {
    names: ["-accel"],
    value: "NAME",
    help: "jit (hot code is compiled, the default) or interp; jit,threshold=N: code that is entered N times",
    choices: ["jit", "interp"],
    apply: (o, v) => {
      o.accel = accelOf(v);
    },
  },
  {
    names: ["-icount"],
    value: "shift=0",
    help: "every instruction takes a nanosecond: the TSC counts instructions",
    apply: (o, v) => {
      oneOf("-icount", v, ["shift=0", "0"]);
      o.icount = true;
    },
  },
  {
    names: ["-smp"],
    value: "[cpus=]N",
    help: `number of CPUs, 1 to ${MAX_CPUS}`,
    apply: (o, v) => {
      o.cpus = parseCpus(v);
    },
  },
  {
    names: ["-m"],
    value: "SIZE",
    help: "RAM, such as 128M (the default) or 8G; at most 64G",
    apply: (o, v) => {
      const props = properties(v);
      // Nothing can be plugged in later: room for it is not asked for.
      onlyKeys("-m", props, ["size", "slots", "maxmem"]);
      const bytes = parseMemory(props.get("size") ?? props.get("") ?? "128M", "-m ");
      if (bytes < MIN_RAM || bytes > MAX_RAM || bytes % 4096 !== 0) {
        throw new UsageError(`-m ${v}: expected ${MIN_RAM / MIB}M to ${MAX_RAM / GIB}G`);
      }
      o.memory = bytes;
    },
  },
  {
    names: ["-numa"],
    value: "node,…",
    help: "one node, with all memory and all CPUs",
    apply: (o, v) => {
      const props = properties(v);
      oneOf("-numa", props.get("") ?? props.get("type") ?? "", ["node"]);
      onlyKeys("-numa", props, ["type", "nodeid", "cpus", "mem", "memdev"]);
      if (o.hasNode) throw new UsageError(`-numa ${v}: memory is one node`);
      o.hasNode = true;
    },
  },
  {
    names: ["-kernel"],
    value: "FILE",
    help: "Multiboot 1 or 2 kernel, or Linux bzImage",
    apply: (o, v) => {
      o.kernel = v;
    },
  },
  {
    names: ["-initrd"],
    value: '"FILE ARGS,…"',
    help: "boot modules, each with its arguments (,, is a comma), or Linux's RAM disk",
    apply: (o, v) => {
      o.initrd = v;
    },
  },
  {
    names: ["-append"],
    value: "TEXT",
    help: "kernel command line",
    apply: (o, v) => {
      o.append = v;
    },
  },
  {
    names: ["-option-rom"],
    value: "FILE",
    help: "an expansion ROM that the firmware of -bios runs; ,bootindex=N is its place in the boot order",
    apply: (o, v) => {
      const props = properties(v);
      onlyKeys("-option-rom", props, ["romfile", "bootindex"]);
      const path = props.get("") ?? props.get("romfile");
      if (path === undefined) throw new UsageError(`-option-rom ${v}: expected the name of a file`);
      const bootIndex = bootIndexOf("-option-rom", props);
      o.optionRoms.push({ path, ...(bootIndex === undefined ? {} : { bootIndex }) });
    },
  },
  {
    names: ["-bios"],
    value: "FILE",
    help: "firmware in place of our BIOS, such as SeaBIOS's bios-256k.bin; a name alone is looked for where Debian has it",
    apply: (o, v) => {
      o.bios = v;
    },
  },
  {
    names: ["-pflash"],
    value: "FILE",
    help: "a chip of flash with firmware, the second one for its variables; -drive if=pflash,unit=N says more",
    apply: parsePflash,
  },
  {
    names: ["-fw_cfg"],
    value: "name=N,file=F",
    help: "a file of the firmware configuration device for -bios: [name=]NAME,file=FILE or string=TEXT",
    apply: (o, v) => {
      const props = properties(v);
      onlyKeys("-fw_cfg", props, ["name", "file", "string"]);
      const name = props.get("name") ?? props.get("") ?? "";
      const [file, text] = [props.get("file"), props.get("string")];
      if (name === "" || name.length > 55 || (file === undefined) === (text === undefined)) {
        throw new UsageError(
          `-fw_cfg ${v}: expected name=NAME of up to 55 characters, and file=FILE or string=TEXT`,
        );
      }
      o.firmwareFiles.push({ name, ...(file === undefined ? { text } : { file }) });
    },
  },
  {
    names: ["-smbios"],
    value: "type=N,…",
    help: "what the machine says of itself: type=0 (vendor, version, date, release), 1 (manufacturer, product, version, serial, uuid, sku, family), 2, 3, 11 (value)",
    apply: (o, v) => {
      o.smbios = withSmbios(o.smbios, v);
    },
  },
  {
    names: ["-uuid"],
    value: "UUID",
    help: "the same as -smbios type=1,uuid=UUID",
    apply: (o, v) => {
      o.smbios = withUuid(o.smbios, v);
    },
  },
  {
    names: ["-L"],
    value: "FOLDER",
    help: "where -bios looks for firmware first; may be given again",
    apply: (o, v) => {
      o.dataFolders.push(v);
    },
  },
  {
    names: ["-cdrom"],
    value: "FILE",
    help: "ISO image to boot from (El Torito, no emulation)",
    apply: (o, v) => {
      o.disks.push({ kind: "cdrom", path: v, index: 2 });
    },
  },
  diskOption(
    "-hda",
    "disk",
    0,
    "disk image, raw or qcow2; what is written goes to the file (see -snapshot)",
  ),
  ...["-hdb", "-hdc", "-hdd"].map((name, i) => diskOption(name, "disk", i + 1, "a further disk")),
  diskOption("-fda", "floppy", 0, "floppy image, 160 KB to 2.88 MB"),
  diskOption("-fdb", "floppy", 1, "the second floppy"),
  {
    names: ["-drive"],
    value: "file=F,…",
    help: "the same, with media=disk or cdrom, if=ide, floppy, virtio or none (then id=ID for -device), index=N, format=raw or qcow2, readonly=on, snapshot=on",
    apply: parseDrive,
  },
  {
    names: ["-blockdev"],
    value: "driver=D,node-name=N,…",
    help: "an image for -device …,drive=N: driver=file,filename=F, or raw or qcow2 with file=NODE or file.filename=F",
    apply: parseBlockdev,
  },
  {
    names: ["-snapshot"],
    help: "images are not changed: what is written is lost at the end",
    apply: (o) => {
      o.snapshot = true;
    },
  },
  {
    names: ["-usb"],
    help: "for -device usb-storage, as QEMU wants it; the controller is there where there are sticks",
    apply: () => {},
  },
  {
    names: ["-boot"],
    value: "[order=]acdn",
    help: "boot order: a floppy, c hard disk, d CD, n network (a card's ROM, with -bios); once=d for the first start; menu=on, splash-time=MS, reboot-timeout=MS are for the firmware of -bios",
    apply: parseBoot,
  },
  {
    names: ["-serial"],
    value: "DEV",
    help: "COM1, given again COM2 to COM4: stdio (the default for COM1), mon:stdio, vc (a console of -display curses), file:PATH, unix:PATH,server,nowait, tcp:HOST:PORT,server,nowait, null or none",
    apply: (o, v) => {
      if (o.serials.length === COM_PORTS.length) {
        throw new UsageError(`-serial ${v}: a PC has ${COM_PORTS.length} serial ports at most`);
      }
      const place = o.serials.push({ kind: "none" }) - 1;
      if (v === "mon:stdio") o.passInterrupt = true;
      useChardev(o, v === "mon:stdio" ? "stdio" : v, {
        option: "-serial",
        role: "line",
        connect: (device) => {
          o.serials[place] = device;
        },
      });
    },
  },
  {
    names: ["-chardev"],
    value: "KIND,id=ID,…",
    help: "what -serial chardev:ID, -mon ID and -device virtconsole,chardev=ID name: stdio (mux=on, signal=off), vc, null, file,path=PATH, or socket with path=PATH or host=HOST,port=PORT, and server=on,wait=off,telnet=on",
    apply: (o, v) => {
      const [id, device] = namedChardev(properties(v));
      if (o.chardevs.has(id)) throw new UsageError(`-chardev id=${id}: Duplicate ID`);
      o.chardevs.set(id, device);
    },
  },
  {
    names: ["-debugcon"],
    value: "DEV",
    help: "console at port 0xE9: stdio, file:PATH, unix:, tcp: or null; absent without this option",
    apply: (o, v) => {
      useChardev(o, v, debugconUser(o, "-debugcon"));
    },
  },
  {
    names: ["-global"],
    value: "DRIVER.PROPERTY=V",
    help: "isa-debugcon.iobase=PORT, where firmware writes its messages: 0x402; PIIX4_PM.disable_s3=1 and ICH9-LPC.disable_s3=1: no ACPI S3; of others those of KVM's devices are accepted",
    apply: (o, v) => {
      // How KVM makes up for lost ticks: none is lost here. S4 is what an operating system does with its disk.
      if (/^(kvm-\w+\.|(PIIX4_PM|ICH9-LPC)\.disable_s4=)/.test(v)) return;
      const sleep = /^(?:PIIX4_PM|ICH9-LPC)\.disable_s3=(?:(1|on|true)|0|off|false)$/.exec(v);
      if (sleep !== null) {
        if (sleep[1] === undefined) o.without.delete("s3");
        else o.without.add("s3");
        return;
      }
      const match = /^isa-debugcon\.iobase=(.+)$/.exec(v);
      if (match === null) {
        throw new UsageError(
          `-global ${v}: only isa-debugcon.iobase=PORT and disable_s3 of PIIX4_PM and ICH9-LPC; others go to -device`,
        );
      }
      o.debugconPort = number("-global isa-debugcon.iobase", match[1] as string, 1, 0xffff);
    },
  },
  {
    names: ["-monitor"],
    value: "DEV",
    help: "the monitor: none, stdio, vc, unix:PATH,server,nowait or tcp:HOST:PORT,server,nowait; may be given again",
    apply: (o, v) => {
      useChardev(o, v, dialogueUser(o, "-monitor", "monitor"));
    },
  },
  {
    names: ["-mon"],
    value: "[chardev=]ID",
    help: "the monitor at a -chardev, beside the line that has it too if it has mux=on; mode=control: QMP",
    apply: parseMon,
  },
  {
    names: ["-qmp"],
    value: "DEV",
    help: "the same for programs: QEMU's protocol QMP",
    apply: (o, v) => {
      useChardev(o, v, dialogueUser(o, "-qmp", "qmp"));
    },
  },
  {
    names: ["-nographic"],
    help: "the same as -display none -serial mon:stdio",
    apply: (o) => {
      o.nographic = true;
    },
  },
  {
    names: ["-display"],
    value: "none|web|curses",
    help: "none (the default), a page in the browser (web, or web,port=N; QEMU's gtk and sdl mean it too), vnc=[HOST]:N, or this terminal: Alt-1 the screen, Alt-2 the monitor, Alt-3 COM1",
    choices: DISPLAYS,
    apply: (o, v) => {
      o.display = parseDisplay(o, v);
    },
  },
  {
    names: ["-vnc"],
    value: "[HOST]:N",
    help: "VNC server on TCP port 5900 + N of 127.0.0.1 or HOST; ,password=on, usual elsewhere than on 127.0.0.1: the monitor's set_password lets clients in",
    apply: (o, v) => {
      o.vnc = parseVnc(v);
    },
  },
  {
    names: ["-vga"],
    value: "std|none",
    help: "VGA with linear framebuffer (the default), or no display adapter",
    choices: ADAPTERS,
    apply: (o, v) => {
      o.vga = oneOf("-vga", v, ADAPTERS) === "std";
    },
  },
  {
    names: ["-device"],
    value: "NAME,…",
    help: `one of ${ADDABLE_DEVICES.map((k) => `${k.name} (${k.what})`).join(", ")}; cards with netdev=ID, mac=ADDRESS, addr=N, bootindex=N; or usb-storage, ide-hd, ide-cd, floppy with drive=ID, bootindex=N, bus=ide.N, unit=N`,
    choices: DEVICES,
    apply: parseDevice,
  },
  {
    names: ["-usbdevice"],
    value: "NAME",
    help: "keyboard, mouse or tablet: -device usb-kbd and its like",
    choices: USB_DEVICES,
    apply: parseUsbDevice,
  },
  {
    names: ["-netdev"],
    value: "KIND,id=ID,…",
    help: "what is behind a card: user (net=, host=, dns=, dhcpstart=, hostname=, restrict=, tftp=, bootfile=, hostfwd=[tcp|udp]:[HOST]:PORT-[GUEST]:PORT, loopback=on: the gateway is the host's loopback interface) or socket (listen=, connect= or udp= with localaddr=)",
    choices: BACKENDS,
    apply: (o, v) => parseNetdev(o.network, v),
  },
  {
    names: ["-nic"],
    value: "KIND,…",
    help: "the same with a card: model=e1000, e1000e or virtio-net-pci, mac=ADDRESS; none, the default, is no card",
    choices: BACKENDS,
    apply: (o, v) => parseNic(o.network, v),
  },
  {
    names: ["-net"],
    value: "nic|KIND,…",
    help: "a card (model=, macaddr=), or what is behind one, all on one hub; none is nothing",
    choices: ["nic", ...BACKENDS],
    apply: (o, v) => parseNet(o.network, v),
  },
  {
    names: ["-object"],
    value: "KIND,…",
    help: "filter-dump (netdev=ID,file=PATH: the frames of a network as a capture file), or rng-builtin and rng-random, which -device virtio-rng-pci,rng=ID may name; its numbers are the same in every run all the same",
    choices: OBJECTS,
    apply: parseObject,
  },
  {
    names: ["-nodefaults"],
    help: "no serial port and no display adapter unless asked for",
    apply: (o) => {
      o.nodefaults = true;
    },
  },
  {
    names: ["-no-acpi"],
    help: "the same as -machine acpi=off: no ACPI tables, and on pc no power management",
    apply: (o) => {
      o.without.add("acpi");
    },
  },
  {
    names: ["-no-hpet"],
    help: "the same as -machine hpet=off: no high precision event timers",
    apply: (o) => {
      o.without.add("hpet");
    },
  },
  {
    names: ["-loadvm"],
    value: "TAG",
    help: "begin with the machine of this snapshot, which the monitor's savevm has kept as TAG.vmstate",
    apply: (o, v) => {
      o.loadvm = v;
    },
  },
  {
    names: ["-no-reboot"],
    help: "a reset ends the run; a triple fault also prints a report",
    apply: (o) => {
      o.reboot = false;
    },
  },
  {
    names: ["-action"],
    value: "EVENT=ACTION,…",
    help: "reboot=reset|shutdown (the same as -no-reboot); what other events of QEMU's do makes no difference here",
    apply: parseAction,
  },
  {
    names: ["-pidfile"],
    value: "FILE",
    help: "the process writes its number there, and removes the file at its end",
    apply: (o, v) => {
      o.pidFile = v;
    },
  },
  {
    names: ["-rtc"],
    value: "base=T,clock=C",
    help: "clock at start (utc, localtime, date); clock=host runs in real time",
    apply: parseClock,
  },
  {
    names: ["-s"],
    help: "wait for gdb on TCP port 1234 beside the run",
    apply: (o) => {
      o.gdbPort = 1234;
    },
  },
  {
    names: ["-gdb"],
    value: "tcp::PORT,arch=A",
    help: "the same on another port; arch is i386 or x86-64 where the kernel does not tell",
    apply: parseGdb,
  },
  {
    names: ["-S"],
    help: "do not start the CPUs: the monitor's cont or gdb does",
    apply: (o) => {
      o.freeze = true;
    },
  },
  {
    names: ["-record"],
    value: "FILE",
    help: "write keys, mouse, serial bytes and buttons with their points of virtual time",
    apply: (o, v) => {
      o.record = v;
    },
  },
  {
    names: ["-replay"],
    value: "FILE",
    help: "run the same machine with the input of such a file, and tell whether it does the same",
    apply: (o, v) => {
      o.replay = v;
    },
  },
  {
    names: ["-d"],
    value: "ITEM,…",
    help: `log ${LOG_ITEMS.join(", ")}`,
    choices: LOG_ITEMS,
    apply: parseLog,
  },
  {
    names: ["-D"],
    value: "FILE",
    help: "where the log goes; standard error otherwise",
    apply: (o, v) => {
      o.logFile = v;
    },
  },
];

/** Every flag of this machine's. */
export const FLAG_NAMES: readonly string[] = OPTIONS.flatMap((o) => o.names);

/** What a mistyped one may have been meant for. */
const NAMES = [...FLAG_NAMES, ...ACCEPTED_FLAGS.flatMap((o) => o.names)];

const called = (name: string, flags: readonly QemuFlag[]): QemuFlag | undefined =>
  flags.find((flag) => flag.names.includes(name));

/** Takes a flag that only QEMU has, or throws. */
function takeForeign(given: string, name: string, value: () => string): void {
  const accepted = called(name, ACCEPTED_FLAGS);
  if (accepted?.accepts !== undefined) {
    const text = accepted.value === undefined ? "" : value();
    if (accepted.accepts.test(text)) return;
    throw new UsageError(`${given} ${text}: ${accepted.why}`);
  }
  const refused = called(name, REFUSED_FLAGS);
  if (refused !== undefined) {
    throw new UsageError(`${given} is QEMU's and not here: ${refused.why}`);
  }
  if (!given.startsWith("-")) {
    throw new UsageError(`"${given}" is not an option; a kernel is given as -kernel ${given}`);
  }
  throw new UsageError(`unknown option ${given}${suggest(name, NAMES)}`);
}

/** The text of --help. */
export function helpText(): string {
  const rows = OPTIONS.map((o): [string, string] => [
    `${o.names.join(", ")}${o.value === undefined ? "" : ` ${o.value}`}`,
    o.help,
  ]);
  const width = Math.max(...rows.map(([left]) => left.length));
  return [
    "emu: an x86_64 PC that boots Multiboot kernels, Linux, and disks",
    "usage: emu -kernel FILE | -cdrom FILE | -hda FILE [OPTION]…   (names as in QEMU; -x and --x are the same)",
    "",
    ...rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`),
    "",
    "Keys with a terminal, but for -display curses: Ctrl-A X ends the run, Ctrl-A C the monitor, Ctrl-A Ctrl-A sends Ctrl-A.",
    "Exit status: 0 after ACPI power-off, (V << 1) | 1 by isa-debug-exit, 1 when the guest died or",
    "the machine cannot be built, 2 for a mistake on the command line.",
    "",
  ].join("\n");
}

/** Words that ask what there is. */
const LISTS: ReadonlySet<string> = new Set(["help", "?"]);

/** Parses arguments (without node and script). Throws `UsageError`. */
export function parseArguments(args: readonly string[]): CliOptions {
  const options: CliOptions = {
    help: false,
    version: false,
    append: "",
    disks: [],
    dataFolders: [],
    bootMenu: {},
    firmwareFiles: [],
    smbios: {},
    loose: new Map(),
    nodes: new Map(),
    flash: [],
    attachments: [],
    snapshot: false,
    devices: [],
    controllers: [],
    optionRoms: [],
    machine: "q35",
    without: new Set(),
    objects: new Set(),
    wantedObjects: new Set(),
    network: noNetwork(),
    memory: 128 << 20,
    cpus: 1,
    cpu: "default",
    warnings: [],
    icount: false,
    serials: [],
    hasNode: false,
    references: [],
    chardevs: new Map(),
    ports: [],
    passInterrupt: false,
    debugcon: { kind: "none" },
    monitors: [],
    qmps: [],
    reboot: true,
    nodefaults: false,
    nographic: false,
    display: { kind: "none" },
    freeze: false,
    log: [],
    realTime: false,
  };
  for (let i = 0; i < args.length; i++) {
    const given = args[i] as string;
    const name = given.startsWith("--") ? given.slice(1) : given;
    const option = OPTIONS.find((o) => o.names.includes(name));
    const next = (called: string): string => {
      i++;
      if (i >= args.length) throw new UsageError(`${given} needs a value: ${called}`);
      return args[i] as string;
    };
    if (option === undefined) {
      takeForeign(given, name, () => next(name));
      continue;
    }
    const value = option.value === undefined ? "" : next(`${name} ${option.value}`);
    if (option.choices !== undefined && LISTS.has(value)) {
      options.listing = option.choices.map((choice) => `${choice}\n`).join("");
      return options;
    }
    try {
      option.apply(options, value);
    } catch (error) {
      if (error instanceof LoadError) throw new UsageError(error.message);
      throw error;
    }
  }
  return withDefaults(options);
}

/** Every device that the command line names, with its option. */
const devicesOf = (o: CliOptions): (readonly [option: string, device: Chardev])[] => [
  ...o.serials.map((device) => ["-serial", device] as const),
  ...o.ports.map(({ device }) => ["-chardev", device] as const),
  ...o.monitors.map((device) => ["-monitor", device] as const),
  ...o.qmps.map((device) => ["-qmp", device] as const),
  ["-debugcon", o.debugcon],
];

/** With the screen in the terminal, serial line and monitor are consoles beside it; nothing else can have the terminal. */
function consoleDefaults(options: CliOptions): void {
  if (options.nographic) throw new UsageError("-nographic and -display curses exclude each other");
  const taken = devicesOf(options).find(([, { kind }]) => kind === "stdio");
  if (taken !== undefined) {
    throw new UsageError(
      `${taken[0]} stdio: -display curses has the terminal; vc is a console of its own there`,
    );
  }
  if (options.nodefaults) return;
  if (options.serials.length === 0) options.serials = [{ kind: "vc" }];
  if (options.monitors.length === 0) options.monitors = [{ kind: "vc" }];
}

function refuseConsoles(options: CliOptions): void {
  const console = devicesOf(options).find(([, { kind }]) => kind === "vc");
  if (console !== undefined) throw new UsageError(`${console[0]} vc needs -display curses`);
}

/** A recording is of images that the run does not change; a replay does not change them again. */
function checkRecording(options: CliOptions): void {
  const changed = options.disks.filter(({ persistent }) => persistent);
  const [first] = changed;
  if (options.record !== undefined && options.replay === undefined && first !== undefined) {
    throw new UsageError(
      `-record: the run would change ${first.path || "what is put into an empty drive"}, and a replay would find it changed: -snapshot keeps apart what is written`,
    );
  }
  if (options.replay !== undefined) for (const disk of changed) disk.persistent = false;
  const recorded = options.record === undefined ? options.replay && "-replay" : "-record";
  if (options.loadvm !== undefined && recorded) {
    throw new UsageError(`${recorded}: runs are recorded from the start on, without -loadvm`);
  }
}

function withDefaults(options: CliOptions): CliOptions {
  connectChardevs(options);
  const dialogues = [
    ...options.monitors.map((device) => ["-monitor", device] as const),
    ...options.qmps.map((device) => ["-qmp", device] as const),
  ].filter(([, { kind }]) => kind === "stdio");
  if (options.display.kind === "curses") consoleDefaults(options);
  else refuseConsoles(options);
  if (options.serials.length === 0 && options.nographic) {
    options.serials = [{ kind: "stdio" }];
    options.passInterrupt = true;
  }
  if (options.serials.length === 0 && !options.nodefaults) {
    const isTaken = dialogues.length > 0 || options.ports.some((p) => p.device.kind === "stdio");
    options.serials = [{ kind: isTaken ? "null" : "stdio" }];
  }
  options.vga ??= !options.nodefaults;
  const typed = linesOf(options).filter((device) => device.kind === "stdio");
  if (typed.length > 1) {
    throw new UsageError("-serial stdio: only one serial port can have standard input");
  }
  const [first, second] = dialogues;
  if (first !== undefined && (typed.length > 0 || second !== undefined)) {
    throw new UsageError(
      `${first[0]} stdio and ${second?.[0] ?? "-serial"} stdio both want standard input; use -serial mon:stdio`,
    );
  }
  attachDrives(options, options.machine);
  for (const id of options.wantedObjects) {
    if (!options.objects.has(id)) {
      throw new UsageError(`-device virtio-rng-pci,rng=${id}: there is no -object of this name`);
    }
  }
  checkNetwork(options.network);
  checkRecording(options);
  if (options.bios !== undefined && options.flash.length > 0) {
    throw new UsageError("firmware is given by -bios or by -drive if=pflash, not by both");
  }
  if (options.optionRoms.length > 0 && options.bios === undefined && options.flash.length === 0) {
    throw new UsageError(
      "-option-rom is for firmware of -bios: our own BIOS runs no expansion ROMs",
    );
  }
  if (options.initrd !== undefined && options.kernel === undefined) {
    throw new UsageError("-initrd needs a kernel that takes modules: -kernel FILE");
  }
  return options;
}
