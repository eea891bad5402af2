// eject and change: other media in the drives of a machine that runs.

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

export const MEDIA_COMMANDS: readonly Command[] = [
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
