// What a command of the monitor is, what it works with, and what it asks of the host.

import type { LogItem } from "../debug/log.ts";
import type { RunControl } from "../debug/run-control.ts";
import type { CommandLine, Format } from "./command-line.ts";
import type { Pointer } from "./pointer.ts";

/** Snapshots by name, wherever they are kept. Each method throws an `Error` of one line. */
export interface SnapshotStore {
  /** Keeps contents under a name, all or nothing. */
  save(name: string, contents: Uint8Array): Promise<void>;
  /** Throws if there is none of this name. */
  load(name: string): Promise<Uint8Array>;
  /** Throws if there is none of this name. */
  remove(name: string): Promise<void>;
  list(): Promise<{ name: string; bytes: number; date: Date }[]>;
}

export interface VncAddress {
  host: string;
  port: number;
  family: "ipv4" | "ipv6";
}

/** The VNC server as the monitor sees it. */
export interface VncService {
  readonly address: VncAddress;
  /** Clients must know a password. */
  readonly asksPassword: boolean;
  readonly clients: readonly VncAddress[];
  /** The password of clients that connect from now on. */
  setPassword(password: string): void;
  /** Lets nobody in from then on (ms since 1970; Infinity: never), whatever the password. */
  expirePassword(when: number): void;
}

/** What the monitor can do beside looking at the machine; what is left out answers that it cannot be done here. */
export interface MonitorHost {
  /** Ends the process. */
  quit(): void;
  /** Writes a whole file, or none. Throws an `Error` of one line. */
  writeFile?(path: string, contents: Uint8Array): Promise<void>;
  /** Kept in memory unless given. */
  readonly snapshots?: SnapshotStore;
  /** Lets gdb connect, or ends that for undefined; returns a line that says how it is now. */
  gdbServer?(port: number | undefined): Promise<string>;
  /** The emulator's version, three numbers with dots. */
  readonly version?: string;
  /** What the user calls the machine. */
  readonly name?: string;
  readonly vnc?: VncService;
  readonly log?: {
    setItems(items: readonly LogItem[]): Promise<void>;
    /** What is logged from now on goes to a file. */
    setFile(path: string): Promise<void>;
  };
}

/** What commands work with. */
export interface MonitorContext {
  readonly control: RunControl;
  readonly host: MonitorHost;
  readonly snapshots: SnapshotStore;
  readonly pointer: Pointer;
  /** Lines that have been typed, the oldest first. */
  readonly history: readonly string[];
  /** The CPU that commands look at. */
  cpu: number;
  /** The format used last, for those that leave something out. */
  lastFormat: { kind: string; size: number };
}

export interface Command {
  readonly names: readonly string[];
  /** As in "sendkey keys [hold_ms]". */
  readonly parameters: string;
  readonly help: string;
  /** Words that can follow the name, for completion. */
  readonly words?: (context: MonitorContext) => readonly string[] | Promise<readonly string[]>;
  /** The answer; a line break at its end may be left out. Throws an `Error` whose message is the answer. */
  run(context: MonitorContext, line: CommandLine): string | Promise<string>;
}

/** A format with nothing left out. */
export interface WholeFormat {
  count: number;
  kind: string;
  size: number;
}

/** What was left out of a format is as the last time. */
export function wholeFormat(context: MonitorContext, { count, kind, size }: Format): WholeFormat {
  const whole = {
    count,
    kind: kind ?? context.lastFormat.kind,
    size: size ?? context.lastFormat.size,
  };
  context.lastFormat = whole;
  return whole;
}
