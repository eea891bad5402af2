// eject and change: other media in the drives of a machine that runs.

import type { Machine } from "../machine.ts";
import type { Disk } from "../media/disk.ts";
import type { Command, MonitorContext } from "./command.ts";
import { MonitorError } from "./command-line.ts";
import {
  changeMedium,
  driveOf,
  eject,
  READ_ONLY_MODES,
  type ReadOnlyMode,
} from "./removable-media.ts";
import { changePassword } from "./vnc-commands.ts";

const drives = ({ control }: MonitorContext): string[] =>
  control.machine.drives.flatMap((disk) => (disk.isRemovable ? disk.driveName : []));

function modeOf(word: string | undefined): ReadOnlyMode | undefined {
  const mode = READ_ONLY_MODES.find((name) => name === word);
  if (word !== undefined && mode === undefined) {
    throw new MonitorError(`invalid parameter value: ${word}`);
  }
  return mode;
}

/** QEMU's answer, or nothing. */
function commit(machine: Machine, disk: Disk): string {
  const { openMedium } = machine.options;
  if (!disk.isInserted) return `Device '${disk.driveName}' has no medium`;
  try {
    if (disk.readOnly || disk.persistent || openMedium === undefined) {
      throw new Error("Operation not supported");
    }
    if (disk.hasUncommitted) disk.commit(openMedium);
    return "";
  } catch (error) {
    return `'commit' error for '${disk.driveName}': ${(error as Error).message}`;
  }
}

export const MEDIA_COMMANDS: readonly Command[] = [
  {
    names: ["commit"],
    parameters: "device|all",
    help: "commit changes to the disk images (if -snapshot is used)",
    words: ({ control }) => ["all", ...control.machine.drives.map((disk) => disk.driveName)],
    run: ({ control: { machine } }, line) => {
      const device = line.required("the name of a drive, or all");
      line.end();
      if (!machine.acceptsInput) throw new MonitorError("a replay changes no images");
      if (device === "all") {
        const kept = machine.drives.filter((disk) => disk.hasUncommitted);
        return kept.flatMap((disk) => commit(machine, disk) || []).join("\n");
      }
      const disk = machine.drives.find(({ driveName }) => driveName === device);
      return disk === undefined ? `Device '${device}' not found` : commit(machine, disk);
    },
  },
  {
    names: ["eject"],
    parameters: "[-f] device",
    help: "eject a removable medium (use -f to force it)",
    words: drives,
    run: ({ control: { machine } }, line) => {
      const force = line.option("-f");
      const device = line.required("the name of a drive; info block lists them");
      line.end();
      eject(machine, driveOf(machine, { device }), device, force);
      return "";
    },
  },
  {
    names: ["change"],
    parameters: "device [-f] filename [format [read-only-mode]]",
    help: "change a removable medium, optional format, use -f to force the operation; vnc password PASSWORD changes that",
    words: (context) => [...drives(context), "vnc", "password"],
    run: ({ control: { machine }, host }, line) => {
      const device = line.required("the name of a drive; info block lists them");
      if (device === "vnc") {
        changePassword(host, line);
        return "";
      }
      const force = line.option("-f");
      const path = line.required("the name of an image file");
      const [format, word] = [line.word(), line.word()];
      line.end();
      const mode = modeOf(word);
      changeMedium(machine, driveOf(machine, { device }), device, { path, format, mode, force });
      return "";
    },
  },
];
