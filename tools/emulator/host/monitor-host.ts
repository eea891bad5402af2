// What the monitor can do on a host with files and sockets.

import { GdbServer } from "../debug/gdb-server.ts";
import type { GdbArchitecture } from "../debug/gdb-target.ts";
import type { GuestEventLog, LogItem } from "../debug/log.ts";
import type { RunControl } from "../debug/run-control.ts";
import type { MonitorHost, VncService } from "../monitor/command.ts";
import { type GdbListener, listenForGdb } from "./gdb-listener.ts";
import { fileSink, lineWriter, type Sink } from "./output.ts";
import { SnapshotFiles } from "./snapshot-files.ts";
import { packageVersion } from "./version.ts";
import { writeWholeFile } from "./whole-file.ts";

export interface HostOfMonitorOptions {
  control: RunControl;
  log: GuestEventLog;
  /** What the user calls the machine. */
  name?: string;
  /** Where snapshots are. */
  folder: string;
  gdbArchitecture?: GdbArchitecture;
  /** Answers gdb's monitor command. */
  execute(line: string): Promise<string>;
  quit(): void;
  /** A file has been opened that is to be flushed with the others. */
  onSink(sink: Sink): void;
}

export class HostOfMonitor implements MonitorHost {
  readonly #options: HostOfMonitorOptions;
  readonly snapshots: SnapshotFiles;
  readonly writeFile = writeWholeFile;
  #gdb: GdbServer | undefined;
  #listener: GdbListener | undefined;

  constructor(options: HostOfMonitorOptions) {
    this.#options = options;
    this.snapshots = new SnapshotFiles(options.folder);
  }

  quit(): void {
    this.#options.quit();
  }

  readonly log = {
    setItems: async (items: readonly LogItem[]): Promise<void> => {
      const { log, control } = this.#options;
      log.setItems(items);
      if (items.includes("in_asm")) {
        log.disassemble = await control.machine.options.disassembler?.();
      }
      control.machine.core.set_trace(log.traceMask);
    },
    setFile: async (path: string): Promise<void> => {
      const sink = fileSink(path, "logfile");
      this.#options.onSink(sink);
      this.#options.log.setOutput(lineWriter(sink));
    },
  };

  vnc: VncService | undefined;
  readonly version = packageVersion();

  get name(): string | undefined {
    return this.#options.name;
  }

  // ---- gdb

  /** gdb may connect, or has. */
  get gdbListens(): boolean {
    return this.#listener !== undefined || this.gdbConnected;
  }

  get gdbConnected(): boolean {
    return this.#gdb?.connected ?? false;
  }

  /** Listens for gdb on a port of 127.0.0.1, or no longer. Throws `LoadError` if the port is taken. */
  async gdbServer(port: number | undefined): Promise<string> {
    this.#listener?.close();
    this.#listener = undefined;
    if (port === undefined) return "Disabled gdbserver";
    const { control, execute, gdbArchitecture, quit } = this.#options;
    this.#gdb ??= new GdbServer(control, execute, gdbArchitecture);
    this.#gdb.onKill = quit;
    this.#listener = await listenForGdb(this.#gdb, port);
    return `Waiting for gdb connection on device 'tcp::${port}'`;
  }
}
