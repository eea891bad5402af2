// Who has which character device: -serial, -debugcon, -monitor, -qmp, -mon and devices that name one of -chardev, which may
// come later on the command line.

import { type Chardev, parseChardev } from "./chardev.ts";
import type { CliOptions } from "./cli-options.ts";
import { oneOf, onlyKeys, properties, suggest, UsageError } from "./cli-values.ts";

/** Somebody who gets a character device when all are known. */
export interface Reference {
  /** Whose value it is, for messages. */
  option: string;
  /** Of a -chardev; a device that names none has nobody at its other end. */
  id: string | undefined;
  /** What is there: a line of the guest's, only its output, or somebody who is asked. */
  role: "line" | "output" | "monitor" | "qmp";
  connect(device: Chardev): void;
}

/** The same before it is known whose device it gets. */
type User = Omit<Reference, "id">;

/** A device of the command line: what it says, or by `chardev:ID` one of -chardev. */
export function useChardev(options: CliOptions, text: string, user: User): void {
  const id = /^chardev:(.+)$/.exec(text)?.[1];
  if (id !== undefined) options.references.push({ ...user, id });
  else user.connect(parseChardev(user.option, text));
}

/** -device isa-debugcon and -debugcon. */
export const debugconUser = (options: CliOptions, option: string): User => ({
  option,
  role: "output",
  connect: (device) => {
    options.debugcon = device;
  },
});

/** Somebody who is asked and answers: not in a file. */
export const dialogueUser = (
  options: CliOptions,
  option: string,
  role: "monitor" | "qmp",
): User => ({
  option,
  role,
  connect: (device) => {
    if (device.kind === "file") {
      throw new UsageError(
        `${option} file:${device.path}: expected stdio, vc, none, chardev:ID, unix:PATH, tcp:HOST:PORT or telnet:HOST:PORT`,
      );
    }
    (role === "qmp" ? options.qmps : options.monitors).push(device);
  },
});

/** -mon [chardev=]ID[,mode=readline|control][,pretty=off]: a monitor, or QMP, at a -chardev. */
export function parseMon(options: CliOptions, text: string): void {
  const props = properties(text);
  onlyKeys("-mon", props, ["chardev", "mode", "pretty"]);
  const id = props.get("chardev") ?? props.get("");
  if (id === undefined) throw new UsageError(`-mon ${text}: expected chardev=ID`);
  const mode = oneOf("-mon mode", props.get("mode") ?? "readline", ["readline", "control"]);
  oneOf("-mon pretty", props.get("pretty") ?? "off", ["off"]);
  const role = mode === "control" ? "qmp" : "monitor";
  options.references.push({ ...dialogueUser(options, "-mon", role), id });
}

/** The device of a -chardev that `option` names. */
function chardevOf({ chardevs }: CliOptions, option: string, id: string): Chardev {
  const device = chardevs.get(id);
  if (device !== undefined) return device;
  const known = suggest(id, [...chardevs.keys()]);
  throw new UsageError(`${option}: there is no -chardev with id=${id}${known}`);
}

/** Gives all who name a character device theirs. Throws `UsageError`. */
export function connectChardevs(options: CliOptions): void {
  for (const { option, id, role, connect } of options.references) {
    if (id === undefined) {
      connect({ kind: "null" });
      continue;
    }
    const device = chardevOf(options, option, id);
    const others = options.references.filter((user) => user.id === id && user.connect !== connect);
    const isShared = device.kind === "stdio" && device.mux === true;
    if (others.length > 0 && !isShared) {
      throw new UsageError(`${option}: chardev ${id} is already in use`);
    }
    if (isShared && role === "qmp") {
      throw new UsageError(`${option}: QMP at chardev ${id}: it wants one without mux=on`);
    }
    if (
      device.logFile !== undefined &&
      (role === "monitor" || role === "qmp") &&
      others.length === 0
    ) {
      throw new UsageError(`${option}: chardev ${id}: logfile is for what a guest says`);
    }
    if (device.kind === "stdio") options.passInterrupt ||= device.passInterrupt === true;
    // A monitor beside a line is there by Ctrl-A C.
    const isBeside = role === "monitor" && others.some((user) => user.role === "line");
    if (!isBeside) connect(device);
  }
}
