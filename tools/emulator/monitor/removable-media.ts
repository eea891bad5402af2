// Changing the media of drives, with QEMU's rules and words (blockdev.c, block/qapi-sysemu.c of QEMU): a tray is opened, the
// medium taken out, another one put in, and the tray closed. Floppies have no tray.

import type { DriveAction } from "../input.ts";
import type { Machine } from "../machine.ts";
import type { Disk } from "../media/disk.ts";
import { FOREIGN_FORMATS, IMAGE_FORMATS, noReader } from "../media/formats.ts";
import type { ImageFormat } from "../media/image.ts";
import type { MediumName } from "../media/medium.ts";
import { MonitorError, QemuError } from "./command-line.ts";

export const READ_ONLY_MODES = ["retain", "read-only", "read-write"] as const;
export type ReadOnlyMode = (typeof READ_ONLY_MODES)[number];

/** A drive by the name of a disk, or by the id of its device. */
export function driveOf(machine: Machine, wanted: { device?: string; id?: string }): Disk {
  const { device, id } = wanted;
  const found = machine.drives.find((disk) =>
    id === undefined ? disk.driveName === device : disk.deviceId === id || disk.name === id,
  );
  if (found === undefined)
    throw new QemuError(`Device '${id ?? device}' not found`, "DeviceNotFound");
  return found;
}

function act(machine: Machine, disk: Disk, action: DriveAction): void {
  if (!machine.acceptsInput) {
    throw new MonitorError("a replay takes no media but those of its recording");
  }
  machine.input({ kind: "drive", drive: disk.name, action });
}

function checkRemovable(disk: Disk, name: string): void {
  if (!disk.isRemovable) throw new QemuError(`Device '${name}' is not removable`);
}

/** Opens the tray, where there is one. */
function open(machine: Machine, disk: Disk, name: string, force: boolean): void {
  checkRemovable(disk, name);
  const { tray } = disk;
  if (tray === undefined || tray.isOpen) return;
  const { isLocked } = tray;
  if (isLocked) act(machine, disk, { kind: "request", force });
  if (isLocked && !force) {
    throw new QemuError(
      `Device '${name}' is locked and force was not specified, wait for tray to open and try again`,
    );
  }
  act(machine, disk, { kind: "tray", open: true });
}

/** A tray that is locked is asked for alone, unless that is forced. */
export function openTray(machine: Machine, disk: Disk, name: string, force: boolean): void {
  if (disk.tray?.isLocked && !force && !disk.tray.isOpen) {
    act(machine, disk, { kind: "request", force });
  } else open(machine, disk, name, force);
}

export function closeTray(machine: Machine, disk: Disk, name: string): void {
  checkRemovable(disk, name);
  if (disk.tray?.isOpen) act(machine, disk, { kind: "tray", open: false });
}

export function removeMedium(machine: Machine, disk: Disk, name: string): void {
  checkRemovable(disk, name);
  if (disk.tray?.isOpen === false) throw new QemuError(`Tray of device '${name}' is not open`);
  if (disk.isInserted) act(machine, disk, { kind: "remove" });
}

export function eject(machine: Machine, disk: Disk, name: string, force: boolean): void {
  open(machine, disk, name, force);
  removeMedium(machine, disk, name);
}

function formatOf(text: string | undefined): ImageFormat | undefined {
  if (text === undefined) return undefined;
  if (FOREIGN_FORMATS.some((name) => name === text)) throw new MonitorError(noReader(text));
  const known = IMAGE_FORMATS.find((name) => name === text);
  if (known === undefined) throw new QemuError(`Unknown driver '${text}'`);
  return known;
}

export interface Change {
  path: string;
  format?: string | undefined;
  mode?: ReadOnlyMode | undefined;
  force?: boolean | undefined;
}

/** Opens the image first, so that a drive keeps what it has where that cannot be. */
export function changeMedium(machine: Machine, disk: Disk, name: string, change: Change): void {
  const { path, mode = "retain", force = false } = change;
  const format = formatOf(change.format);
  const medium: MediumName = {
    path,
    ...(format === undefined ? {} : { format }),
    readOnly: disk.kind === "cdrom" || (mode === "retain" ? disk.readOnly : mode === "read-only"),
  };
  checkRemovable(disk, name);
  // The same image again: its file is this drive's until it is out.
  if (disk.persistent && disk.imageName === path) eject(machine, disk, name, force);
  try {
    disk.prepare(medium);
  } catch (error) {
    const reason = (error as Error).message.replace(/^(disk|floppy) /, "").replace(`${path}: `, "");
    throw new QemuError(`Could not open '${path}': ${reason}`);
  }
  open(machine, disk, name, force);
  removeMedium(machine, disk, name);
  act(machine, disk, { kind: "insert", medium });
  closeTray(machine, disk, name);
}
