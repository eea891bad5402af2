// Character devices as QEMU names them on the command line: where the bytes of a serial port, the debug console, a
// monitor or QMP go on the host.

import { LoadError } from "../load-error.ts";

/** Where a socket is, who opens it, and whether the machine starts before somebody has connected. */
export interface SocketAddress {
  kind: "unix" | "tcp";
  /** Of a Unix socket. */
  path: string;
  /** Of a TCP socket: 127.0.0.1 where none was given. */
  host: string;
  port: number;
  server: boolean;
  wait: boolean;
  /** The peer is a Telnet client, or server (RFC 854). */
  telnet?: boolean;
}

/**
 * A character device: the guest's bytes go there. With "none" the guest's device is not there at all. Standard input and
 * output can be a line's and a monitor's at once (mux), and Ctrl-C the guest's (passInterrupt).
 */
export type Chardev = (
  | { kind: "stdio"; mux?: boolean; passInterrupt?: boolean }
  /** A console of -display curses. */
  | { kind: "vc" }
  | { kind: "file"; path: string }
  | { kind: "null" }
  | { kind: "none" }
  | SocketAddress
) & {
  /** A file that gets what the guest says as well. */
  logFile?: string;
};

export const isSocket = (device: Chardev): device is SocketAddress =>
  device.kind === "unix" || device.kind === "tcp";

/** As it was written, for messages. */
export const socketName = ({ kind, path, host, port, telnet }: SocketAddress): string =>
  kind === "unix" ? `unix:${path}` : `${telnet ? "telnet" : "tcp"}:${host}:${port}`;

/** What -chardev knows, and its properties. */
const CHARDEV_KEYS: Readonly<Record<string, readonly string[]>> = {
  stdio: ["signal", "mux"],
  null: [],
  vc: [],
  file: ["path"],
  socket: ["path", "host", "port", "server", "wait", "nowait", "nodelay", "telnet"],
};
const LOCAL = "127.0.0.1";
const FLAGS = ["server", "wait", "nowait", "nodelay", "telnet"] as const;

/** A property that is on or off. Throws `LoadError`. */
function isOn(kind: string, props: ReadonlyMap<string, string>, key: string, usual: boolean) {
  const value = props.get(key) ?? (usual ? "on" : "off");
  if (value !== "on" && value !== "off") {
    throw new LoadError(`-chardev ${kind}: ${key}=${value}: expected on or off`);
  }
  return value === "on";
}

function socketFlags(
  option: string,
  words: readonly string[],
): Pick<SocketAddress, "server" | "wait" | "telnet"> {
  const flags: Record<string, boolean> = { server: false, wait: true };
  for (const word of words) {
    const [name = "", value = "on"] = word.split("=", 2);
    if (!(FLAGS as readonly string[]).includes(name) || !["on", "off"].includes(value)) {
      throw new LoadError(
        `${option}: ${word}: expected server, wait=on, wait=off, nowait, nodelay or telnet`,
      );
    }
    if (name === "nowait") flags.wait = value !== "on";
    else flags[name] = value === "on";
  }
  const { server = false, wait = false, telnet = false } = flags;
  return { server, wait, ...(telnet ? { telnet } : {}) };
}

/** -chardev: its name, and the device. Throws `LoadError`. */
export function namedChardev(props: ReadonlyMap<string, string>): [id: string, device: Chardev] {
  const kind = props.get("") ?? props.get("backend") ?? "";
  const id = props.get("id");
  if (id === undefined) throw new LoadError(`-chardev ${kind}: Parameter 'id' is missing`);
  const keys = CHARDEV_KEYS[kind];
  if (keys === undefined) {
    throw new LoadError(`-chardev ${kind}: expected ${Object.keys(CHARDEV_KEYS).join(", ")}`);
  }
  const known = ["", "backend", "id", "logfile", ...keys];
  const odd = [...props.keys()].find((key) => !known.includes(key));
  if (odd !== undefined)
    throw new LoadError(`-chardev ${kind}: ${odd}: expected ${[...keys, "logfile"].join(", ")}`);
  const logFile = props.get("logfile");
  return [id, { ...deviceOf(kind, props), ...(logFile === undefined ? {} : { logFile }) }];
}

function deviceOf(kind: string, props: ReadonlyMap<string, string>): Chardev {
  const path = props.get("path");
  if (kind === "null" || kind === "vc") return { kind };
  if (kind === "stdio") {
    const mux = isOn(kind, props, "mux", false);
    return { kind, mux, passInterrupt: !isOn(kind, props, "signal", true) };
  }
  if (kind === "file") {
    if (!path) throw new LoadError("-chardev file: expected path=PATH");
    return { kind, path };
  }
  const flags = FLAGS.flatMap((flag) => {
    const value = props.get(flag);
    return value === undefined ? [] : [`${flag}=${value}`];
  });
  const { host = "", port } = Object.fromEntries(props) as { host?: string; port?: string };
  const where = path === undefined ? `tcp:${host}:${port ?? ""}` : `unix:${path}`;
  return parseChardev("-chardev socket", [where, ...flags].join(","));
}

/** Reads a device of the command line. Throws `LoadError`; `option` is whose value it is. */
export function parseChardev(option: string, text: string): Chardev {
  if (text === "stdio") return { kind: "stdio" };
  if (text === "null" || text === "none" || text === "vc") return { kind: text };
  if (text.startsWith("file:") && text.length > 5) return { kind: "file", path: text.slice(5) };
  const [where = "", ...words] = text.split(",");
  const unix = /^unix:(.+)$/.exec(where);
  const tcp = /^(tcp|telnet):(.*):(\d+)$/.exec(where);
  const port = Number(tcp?.[3] ?? 0);
  if ((unix !== null || tcp !== null) && port <= 65535) {
    return {
      kind: unix === null ? "tcp" : "unix",
      path: unix?.[1] ?? "",
      host: (tcp?.[2] ?? "").replace(/^\[(.*)\]$/, "$1") || LOCAL,
      port,
      ...socketFlags(option, tcp?.[1] === "telnet" ? [...words, "telnet"] : words),
    };
  }
  throw new LoadError(
    `${option} ${text}: expected stdio, vc, null, file:PATH, chardev:ID, unix:PATH,server,nowait, tcp:HOST:PORT,server,nowait or telnet:HOST:PORT,server,nowait`,
  );
}
