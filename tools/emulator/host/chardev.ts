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
}

/** A character device: the guest's bytes go there. With "none" the guest's device is not there at all. */
export type Chardev =
  | { kind: "stdio" }
  /** A console of -display curses. */
  | { kind: "vc" }
  | { kind: "file"; path: string }
  | { kind: "null" }
  | { kind: "none" }
  | SocketAddress;

export const isSocket = (device: Chardev): device is SocketAddress =>
  device.kind === "unix" || device.kind === "tcp";

/** As it was written, for messages. */
export const socketName = ({ kind, path, host, port }: SocketAddress): string =>
  kind === "unix" ? `unix:${path}` : `tcp:${host}:${port}`;

const LOCAL = "127.0.0.1";
const FLAGS = ["server", "wait", "nowait", "nodelay"] as const;

function socketFlags(option: string, words: readonly string[]): { server: boolean; wait: boolean } {
  const flags: Record<string, boolean> = { server: false, wait: true };
  for (const word of words) {
    const [name = "", value = "on"] = word.split("=", 2);
    if (!(FLAGS as readonly string[]).includes(name) || !["on", "off"].includes(value)) {
      throw new LoadError(
        `${option}: ${word}: expected server, wait=on, wait=off, nowait or nodelay`,
      );
    }
    if (name === "nowait") flags.wait = value !== "on";
    else flags[name] = value === "on";
  }
  return { server: flags.server === true, wait: flags.wait === true };
}

/** Reads a device of the command line. Throws `LoadError`; `option` is whose value it is. */
export function parseChardev(option: string, text: string): Chardev {
  if (text === "stdio") return { kind: "stdio" };
  if (text === "null" || text === "none" || text === "vc") return { kind: text };
  if (text.startsWith("file:") && text.length > 5) return { kind: "file", path: text.slice(5) };
  const [where = "", ...words] = text.split(",");
  const unix = /^unix:(.+)$/.exec(where);
  const tcp = /^tcp:(.*):(\d+)$/.exec(where);
  const port = Number(tcp?.[2] ?? 0);
  if ((unix !== null || tcp !== null) && port <= 65535) {
    return {
      kind: unix === null ? "tcp" : "unix",
      path: unix?.[1] ?? "",
      host: (tcp?.[1] ?? "").replace(/^\[(.*)\]$/, "$1") || LOCAL,
      port,
      ...socketFlags(option, words),
    };
  }
  throw new LoadError(
    `${option} ${text}: expected stdio, vc, null, file:PATH, unix:PATH,server,nowait or tcp:HOST:PORT,server,nowait`,
  );
}
