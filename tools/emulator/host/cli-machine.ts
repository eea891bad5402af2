// The machine that the command line asks for.

import { existsSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import type { MediaKind } from "../machine-options.ts";
import type { WriteFailureAction } from "../media/disk-failures.ts";
import { peerOf } from "./cli-network.ts";
import { type CliOptions, linesOf } from "./cli-options.ts";
import { UsageError } from "./cli-values.ts";
import { readInput } from "./files.ts";
import type { MachineOptions } from "./machine.ts";

/** Where Debian and others have firmware images; a name without a folder is looked for there, behind the folders of -L. */
const FIRMWARE_FOLDERS = ["/usr/share/seabios", "/usr/share/qemu", "/usr/share/ovmf"];
/** … and ROMs of network cards. */
const ROM_FOLDERS = [...FIRMWARE_FOLDERS, "/usr/lib/ipxe/qemu"];
/** The video BIOS of the display adapter that -vga std is, as SeaBIOS's package has it. */
const VGA_ROM = "vgabios-stdvga.bin";

/** What SeaBIOS starts -kernel by: it is among the first things that it tries, as QEMU has it. */
const LINUX_ROM = "linuxboot_dma.bin";

const hasFirmware = ({ bios, flash }: CliOptions): boolean =>
  bios !== undefined || flash.length > 0;

/** The firmware that -bios names, and beside it or where QEMU looks the display adapter's video BIOS. */
function firmware(o: CliOptions): Pick<MachineOptions, "bios" | "flash" | "vgaRom" | "optionRoms"> {
  if (!hasFirmware(o)) return {};
  const { bios, dataFolders, vga } = o;
  const folders = [...dataFolders, ...FIRMWARE_FOLDERS];
  const found = (name: string, where: readonly string[]): string | undefined =>
    where.map((folder) => join(folder, name)).find((path) => existsSync(path));
  const isPath = bios === undefined || existsSync(bios) || bios.includes("/");
  const path = isPath ? bios : (found(bios, folders) ?? bios);
  const beside = path === undefined ? [] : [dirname(path)];
  const linuxRom = found(LINUX_ROM, [...beside, ...folders]);
  if (o.kernel !== undefined && bios !== undefined && linuxRom === undefined) {
    throw new UsageError(
      `-kernel with -bios needs ${LINUX_ROM} of QEMU's; -L FOLDER says where it is`,
    );
  }
  const vgaRom = vga ? found(VGA_ROM, [...beside, ...folders]) : undefined;
  return {
    ...(path === undefined ? {} : { bios: path }),
    flash: o.flash.map(({ path, readOnly, persistent }) => ({ image: path, readOnly, persistent })),
    ...(vgaRom === undefined ? {} : { vgaRom }),
    optionRoms: [
      ...o.optionRoms.map(({ path, ...place }) => ({
        ...{ name: basename(path), data: romPath(path, o.dataFolders) },
        ...place,
      })),
      ...(o.kernel === undefined || linuxRom === undefined
        ? []
        : [{ name: LINUX_ROM, data: linuxRom, bootIndex: 0 }]),
    ],
  };
}

/** A ROM by its path, or by its name where firmware is looked for. */
const romPath = (rom: string, folders: readonly string[]): string =>
  [rom, ...[...folders, ...ROM_FOLDERS].map((folder) => join(folder, rom))].find((path) =>
    existsSync(path),
  ) ?? rom;

/** QEMU's werror=enospc, where somebody can let the machine go on; floppies have no such setting. */
function usualWriteFailure(kind: MediaKind, o: CliOptions): WriteFailureAction {
  const devices = [...o.monitors, ...o.qmps, ...linesOf(o)];
  const hasMonitor =
    o.gdbPort !== undefined ||
    o.display.kind !== "none" ||
    o.monitors.length + o.qmps.length > 0 ||
    devices.some((device) => device.kind === "stdio");
  return kind !== "floppy" && hasMonitor ? "enospc" : "report";
}

/** Options of the machine alone: where its output goes is the caller's business. Throws `UsageError`. */
export function machineOptions(o: CliOptions): MachineOptions {
  if (o.kernel === undefined && o.disks.length === 0 && !hasFirmware(o)) {
    throw new UsageError(
      "nothing to boot: give -kernel FILE, -cdrom FILE or -hda FILE (--help shows all options)",
    );
  }
  return {
    machine: o.machine,
    without: [...o.without],
    memory: o.memory,
    cpus: o.cpus,
    cpu: o.cpu,
    accel: o.accel,
    icount: o.icount,
    kernel: o.kernel,
    modules: o.initrd,
    append: o.append,
    ...firmware(o),
    bootMenu: o.bootMenu,
    smbios: o.smbios,
    firmwareFiles: o.firmwareFiles.map(({ name, file, text = "" }) => ({
      name,
      data: file === undefined ? new TextEncoder().encode(text) : readInput(file, "-fw_cfg").data,
    })),
    disks: o.disks.map(({ path, snapshot: _, ...disk }) => ({
      ...disk,
      ...(path === "" ? {} : { image: path }),
      onWriteFailure: disk.onWriteFailure ?? usualWriteFailure(disk.kind, o),
    })),
    bootOrder: o.bootOrder,
    bootOnce: o.bootOnce,
    clockStart: o.clockStart,
    serialPorts: o.serials.map((device) => device.kind !== "none"),
    debugConsole: o.debugcon.kind !== "none",
    debugConsolePort: o.debugconPort,
    devices: o.devices,
    networkCards: o.network.cards.map(({ netdev, rom, ...card }) => ({
      ...card,
      peer: peerOf(o.network, netdev),
      ...(rom === undefined ? {} : { rom: romPath(rom, o.dataFolders) }),
    })),
    usb: o.usb,
    vga: o.vga,
    reboot: o.reboot,
    realTime: o.realTime,
  };
}
