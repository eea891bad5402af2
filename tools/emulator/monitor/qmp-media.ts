// QMP's commands for media that are changed (QEMU QMP Reference Manual, block devices).

import type { Disk } from "../media/disk.ts";
import { oneOf, type QmpCommand, type QmpContext, QmpError } from "./qmp-command.ts";
import {
  changeMedium,
  closeTray,
  driveOf,
  eject,
  openTray,
  READ_ONLY_MODES,
  type ReadOnlyMode,
  removeMedium,
} from "./removable-media.ts";

const DRIVE = {
  device: { type: "string", optional: true },
  id: { type: "string", optional: true },
} as const;
const FORCE = { force: { type: "boolean", optional: true } } as const;

/** The drive that `device` or `id` name, and what it is called. */
function given({ control }: QmpContext, from: { device?: unknown; id?: unknown }): [Disk, string] {
  const { device, id } = from as { device?: string; id?: string };
  if ((device === undefined) === (id === undefined)) {
    throw new QmpError("Need exactly one of 'device' and 'id'");
  }
  const name = (device ?? id) as string;
  return [driveOf(control.machine, from as { device?: string; id?: string }), name];
}

export const MEDIA_QMP_COMMANDS: readonly QmpCommand[] = [
  {
    name: "eject",
    parameters: { ...DRIVE, ...FORCE },
    run: (context, { force = false, ...from }) => {
      eject(context.control.machine, ...given(context, from), force as boolean);
      return {};
    },
  },
  {
    name: "blockdev-open-tray",
    parameters: { ...DRIVE, ...FORCE },
    run: (context, { force = false, ...from }) => {
      openTray(context.control.machine, ...given(context, from), force as boolean);
      return {};
    },
  },
  {
    name: "blockdev-close-tray",
    parameters: DRIVE,
    run: (context, from) => {
      closeTray(context.control.machine, ...given(context, from));
      return {};
    },
  },
  {
    name: "blockdev-remove-medium",
    parameters: { id: { type: "string" } },
    run: (context, { id }) => {
      removeMedium(context.control.machine, ...given(context, { id }));
      return {};
    },
  },
  {
    name: "blockdev-change-medium",
    parameters: {
      ...DRIVE,
      filename: { type: "string" },
      format: { type: "string", optional: true },
      ...FORCE,
      "read-only-mode": { type: "string", optional: true },
    },
    run: (context, { filename, format, force, "read-only-mode": mode, ...from }) => {
      changeMedium(context.control.machine, ...given(context, from), {
        path: filename as string,
        format: format as string | undefined,
        force: force as boolean | undefined,
        mode:
          mode === undefined
            ? undefined
            : (oneOf("read-only-mode", mode, READ_ONLY_MODES) as ReadOnlyMode),
      });
      return {};
    },
  },
];
