// The commands of QMP that scripts use, with QEMU's names, arguments and results (QEMU QMP Reference Manual).

import { KEYS, type Key, keyOfName } from "../devices/keys.ts";
import { TABLET_EDGE } from "../devices/usb/usb-pointer.ts";
import type { Disk } from "../media/disk.ts";
import { PICTURE_FORMATS, type PictureFormat, pictureFile } from "../picture-file.ts";
import type { VncAddress, VncService } from "./command.ts";
import { HOLD_MS, keyOfCode, MAX_HOLD_MS, MOUSE, pressKeys } from "./input-commands.ts";
import { setLink } from "./network-commands.ts";
import {
  type Arguments,
  checkMembers,
  isOf,
  oneOf,
  type QmpCommand,
  type QmpContext,
  QmpError,
} from "./qmp-command.ts";
import { MEDIA_QMP_COMMANDS } from "./qmp-media.ts";
import { expiryTime, lockedVnc } from "./vnc-commands.ts";

/** A KeyValue: {"type": "qcode", "data": "a"} or {"type": "number", "data": 30}. */
function keyValue(value: unknown, where: string): Key {
  if (!isOf.object(value)) {
    throw new QmpError(`Invalid parameter type for '${where}', expected: object`);
  }
  const given = value as Arguments;
  checkMembers({ type: given.type }, { type: { type: "string" } });
  const kind = oneOf("type", given.type, ["number", "qcode"]);
  checkMembers(given, {
    type: { type: "string" },
    data: { type: kind === "qcode" ? "string" : "integer" },
  });
  const key = kind === "qcode" ? keyOfName(given.data as string) : keyOfCode(given.data as number);
  if (key === undefined) {
    throw new QmpError(`Parameter 'data' does not accept value '${given.data}'`);
  }
  return key;
}

const BUTTONS: Readonly<Record<string, number>> = {
  left: 1,
  right: 2,
  middle: 4,
  side: 8,
  extra: 16,
};
const WHEEL: Readonly<Record<string, number>> = { "wheel-up": 1, "wheel-down": -1 };
/** Moves of one event. */
const MAX_MOVE = 32767;

/** An InputEvent as something to do, checked. */
function inputEvent({ control, pointer }: QmpContext, value: unknown, where: string): () => void {
  if (!isOf.object(value)) {
    throw new QmpError(`Invalid parameter type for '${where}', expected: object`);
  }
  const event = value as Arguments;
  checkMembers(event, { type: { type: "string" }, data: { type: "object" } });
  const kind = oneOf("type", event.type, ["key", "btn", "rel", "abs"]);
  const data = event.data as Arguments;
  const { machine } = control;
  switch (kind) {
    case "key": {
      checkMembers(data, { key: { type: "object" }, down: { type: "boolean" } });
      const { code, extended } = keyValue(data.key, "key");
      return () => machine.input({ kind: "key", code, extended, down: data.down as boolean });
    }
    case "btn": {
      checkMembers(data, { button: { type: "string" }, down: { type: "boolean" } });
      const known = [...Object.keys(BUTTONS), ...Object.keys(WHEEL)];
      const button = oneOf("button", data.button, known);
      const step = WHEEL[button];
      const bit = BUTTONS[button] ?? 0;
      if (step !== undefined) return () => data.down && pointer.move(machine, 0, 0, step);
      return () =>
        pointer.hold(machine, data.down ? pointer.buttons | bit : pointer.buttons & ~bit);
    }
    case "rel": {
      checkMembers(data, { axis: { type: "string" }, value: { type: "integer" } });
      const axis = oneOf("axis", data.axis, ["x", "y"]);
      const by = Math.max(-MAX_MOVE, Math.min(MAX_MOVE, data.value as number));
      return () => pointer.move(machine, axis === "x" ? by : 0, axis === "y" ? by : 0);
    }
    default: {
      checkMembers(data, { axis: { type: "string" }, value: { type: "integer" } });
      const axis = oneOf("axis", data.axis, ["x", "y"]) as "x" | "y";
      if (machine.board.usb?.pointerFor("places")?.isTablet !== true) {
        throw new QmpError("Input handler not found for event type abs: there is no tablet in use");
      }
      const to = Math.max(0, Math.min(TABLET_EDGE, data.value as number));
      return () => pointer.place(machine, axis, to);
    }
  }
}

async function screendump({ control, host }: QmpContext, given: Arguments): Promise<object> {
  const format = oneOf("format", given.format ?? "ppm", PICTURE_FORMATS) as PictureFormat;
  const picture = control.machine.screenRgba();
  if (picture === undefined) throw new QmpError("There is no console to take a screendump from");
  if (host.writeFile === undefined) throw new QmpError("files cannot be written here");
  await host.writeFile(given.filename as string, pictureFile(picture, format));
  return {};
}

function versionOf({ host: { version = "" } }: QmpContext): object {
  const [major = 0, minor = 0, micro = 0] = version.split(".").map(Number);
  return { qemu: { micro, minor, major }, package: "trihedron" };
}

/** What may happen to clients when the password changes. */
const CONNECTED = ["fail", "disconnect", "keep"];

const address = ({ host, port, family }: VncAddress): object => ({
  host,
  service: `${port}`,
  family,
  websocket: false,
});

function vncInfo(vnc: VncService | undefined): object {
  if (vnc === undefined) return { enabled: false };
  const { host, port, family } = vnc.address;
  return {
    enabled: true,
    ...{ host, service: `${port}`, family, auth: vnc.asksPassword ? "vnc" : "none" },
    clients: vnc.clients.map(address),
  };
}

/** A BlockInfo: floppies have neither a tray nor a status. */
function blockInfo(disk: Disk): object {
  return {
    "io-status": disk.kind === "floppy" ? undefined : disk.ioStatus,
    device: disk.driveName,
    locked: disk.tray?.isLocked ?? false,
    removable: disk.isRemovable,
    inserted: disk.isInserted ? insertedInfo(disk) : undefined,
    qdev: disk.deviceId ?? disk.name,
    tray_open: disk.tray?.isOpen,
    type: "unknown",
  };
}

/** A BlockDeviceInfo. */
function insertedInfo(disk: Disk): object {
  const [backing] = disk.backingNames;
  return {
    file: disk.imageName,
    "node-name": disk.name,
    ro: disk.readOnly,
    drv: disk.format,
    encrypted: false,
    ...(backing === undefined ? {} : { backing_file: backing }),
    backing_file_depth: disk.backingNames.length,
    detect_zeroes: "off",
    write_threshold: 0,
    bps: 0,
    bps_rd: 0,
    bps_wr: 0,
    iops: 0,
    iops_rd: 0,
    iops_wr: 0,
    cache: { writeback: true, direct: false, "no-flush": false },
    image: {
      filename: disk.imageName,
      format: disk.format,
      "virtual-size": disk.sectors * disk.sectorBytes,
      "dirty-flag": false,
      ...(backing === undefined ? {} : { "backing-filename": backing }),
    },
  };
}

/** What the greeting and query-version tell: the field is QEMU's, the numbers are ours. */
export const greeting = (context: QmpContext): object => ({
  QMP: { version: versionOf(context), capabilities: [] },
});

const nothing =
  (act: (context: QmpContext) => unknown): QmpCommand["run"] =>
  async (context) => {
    await act(context);
    return {};
  };

export const QMP_COMMANDS: readonly QmpCommand[] = [
  ...MEDIA_QMP_COMMANDS,
  {
    name: "query-status",
    run: ({ control }) => {
      const awake = control.machine.asleep ? "suspended" : "running";
      const status = control.failed ? "io-error" : control.paused ? "paused" : awake;
      return { status, singlestep: false, running: status === "running" };
    },
  },
  { name: "query-version", run: versionOf },
  { name: "query-commands", run: () => QMP_COMMANDS.map(({ name }) => ({ name })) },
  { name: "query-name", run: ({ host: { name } }) => (name === undefined ? {} : { name }) },
  { name: "query-kvm", run: () => ({ enabled: false, present: false }) },
  { name: "query-target", run: () => ({ arch: "x86_64" }) },
  {
    name: "query-memory-size-summary",
    run: ({ control }) => ({ "base-memory": control.machine.ram.size, "plugged-memory": 0 }),
  },
  {
    name: "query-mice",
    run: ({ control }) => [
      { name: control.machine.board.mouse.name, index: MOUSE, current: true, absolute: false },
    ],
  },
  { name: "query-block", run: ({ control }) => control.machine.drives.map(blockInfo) },
  { name: "query-vnc", run: ({ host: { vnc } }) => vncInfo(vnc) },
  {
    name: "set_password",
    parameters: {
      protocol: { type: "string" },
      password: { type: "string" },
      connected: { type: "string", optional: true },
    },
    run: ({ host }, given) => {
      oneOf("protocol", given.protocol, ["vnc"]);
      if (oneOf("connected", given.connected ?? "keep", CONNECTED) !== "keep") {
        throw new QmpError("Invalid parameter 'connected'");
      }
      lockedVnc(host).setPassword(given.password as string);
      return {};
    },
  },
  {
    name: "expire_password",
    parameters: { protocol: { type: "string" }, time: { type: "string" } },
    run: ({ host }, given) => {
      oneOf("protocol", given.protocol, ["vnc"]);
      const when = expiryTime(given.time as string);
      lockedVnc(host).expirePassword(when);
      return {};
    },
  },
  {
    name: "change-vnc-password",
    parameters: { password: { type: "string" } },
    run: ({ host }, given) => {
      lockedVnc(host).setPassword(given.password as string);
      return {};
    },
  },
  {
    name: "query-cpus-fast",
    run: ({ control }) =>
      control.machine.cpus.map(({ cpu }) => ({
        "thread-id": cpu + 1,
        props: { "core-id": cpu, "thread-id": 0, "socket-id": 0 },
        "qom-path": `/machine/cpu[${cpu}]`,
        "cpu-index": cpu,
        target: "x86_64",
      })),
  },
  {
    name: "set_link",
    parameters: { name: { type: "string" }, up: { type: "boolean" } },
    run: ({ control }, given) => {
      setLink(control.machine, given.name as string, given.up as boolean);
      return {};
    },
  },
  { name: "stop", run: nothing(({ control }) => control.standstill()) },
  { name: "cont", run: nothing(({ control }) => control.resume()) },
  { name: "system_reset", run: nothing(({ control }) => control.reset()) },
  { name: "system_powerdown", run: nothing(({ control }) => control.pressPowerButton()) },
  {
    name: "system_wakeup",
    run: nothing(({ control }) => {
      if (!control.wakeUp()) {
        throw new QmpError("Unable to wake up: guest is not in suspended state");
      }
    }),
  },
  { name: "inject-nmi", run: nothing(({ control }) => control.raiseNmi(0)) },
  {
    name: "human-monitor-command",
    parameters: {
      "command-line": { type: "string" },
      "cpu-index": { type: "integer", optional: true },
    },
    run: async ({ monitor }, given) =>
      (await monitor.execute(given["command-line"] as string)).replaceAll("\n", "\r\n"),
  },
  {
    name: "screendump",
    parameters: {
      filename: { type: "string" },
      format: { type: "string", optional: true },
      device: { type: "string", optional: true },
      head: { type: "integer", optional: true },
    },
    run: screendump,
  },
  {
    name: "send-key",
    parameters: { keys: { type: "array" }, "hold-time": { type: "integer", optional: true } },
    run: ({ control }, given) => {
      const keys = (given.keys as unknown[]).map((key, i) => keyValue(key, `keys[${i}]`));
      if (keys.length > KEYS.length) throw new QmpError(`Parameter 'keys' has ${keys.length} keys`);
      const hold = (given["hold-time"] as number | undefined) ?? HOLD_MS;
      pressKeys(control.machine, keys, hold < 0 ? HOLD_MS : Math.min(hold, MAX_HOLD_MS));
      return {};
    },
  },
  {
    name: "input-send-event",
    parameters: {
      events: { type: "array" },
      device: { type: "string", optional: true },
      head: { type: "integer", optional: true },
    },
    run: (context, given) => {
      const events = (given.events as unknown[]).map((event, i) =>
        inputEvent(context, event, `events[${i}]`),
      );
      for (const send of events) send();
      return {};
    },
  },
  // The connection ends the run when the answer is on its way.
  { name: "quit", run: () => ({}) },
];
