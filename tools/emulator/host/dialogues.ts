// Monitors and QMP: each on a character device of its own, or on standard input and output.

import type { RunControl } from "../debug/run-control.ts";
import type { MonitorHost } from "../monitor/command.ts";
import { Monitor } from "../monitor/monitor.ts";
import { Pointer } from "../monitor/pointer.ts";
import { QmpSession } from "../monitor/qmp.ts";
import { type Chardev, isSocket } from "./chardev.ts";
import { MonitorConsole } from "./monitor-console.ts";
import { SocketDevice } from "./socket-device.ts";
import { packageVersion } from "./version.ts";

/** Who is asked at the other end of a character device. */
export interface Dialogue {
  receive(bytes: Uint8Array): void;
  /** There will be no more input. */
  end(): void;
  /** Resolves when all that was asked has been answered. */
  readonly answered: Promise<void>;
  /** Nobody listens any more. */
  close(): void;
}

export type DialogueKind = "monitor" | "qmp";

export interface DialogueParts {
  control: RunControl;
  host: MonitorHost;
}

export class Dialogues {
  readonly #parts: DialogueParts;
  readonly #devices: SocketDevice[] = [];

  constructor(parts: DialogueParts) {
    this.#parts = parts;
  }

  /** A dialogue that writes with `write`; `hangUp` ends the connection. */
  start(
    kind: DialogueKind,
    terminal: boolean,
    write: (text: string) => void,
    hangUp: () => void,
  ): Dialogue & { show?(): void } {
    const { control, host } = this.#parts;
    // Each has a CPU, formats and a history of its own.
    const monitor = new Monitor(control, host);
    if (kind === "monitor") {
      const banner = `emu ${packageVersion()} monitor - type 'help' for more information`;
      return new MonitorConsole({ monitor, banner, terminal, write, onTooLong: hangUp });
    }
    const context = { control, monitor, host, pointer: new Pointer() };
    return new QmpSession(context, { write, quit: () => host.quit() });
  }

  /** Opens the sockets among devices. Throws `LoadError`. */
  async open(kind: DialogueKind, devices: readonly Chardev[]): Promise<void> {
    for (const address of devices.filter(isSocket)) {
      const prepare = (device: SocketDevice): void => {
        this.#devices.push(device);
        let dialogue: Dialogue | undefined;
        device.onPeer = (there) => {
          dialogue?.close();
          dialogue = there
            ? this.start(
                kind,
                true,
                (text) => device.text(text),
                () => device.hangUp(),
              )
            : undefined;
        };
        device.onBytes = (bytes) => dialogue?.receive(bytes);
      };
      await SocketDevice.open(address, `-${kind}`, prepare);
    }
  }

  /** Somebody can ask, now or later. */
  get attended(): boolean {
    return this.#devices.some(({ open }) => open);
  }

  get devices(): readonly SocketDevice[] {
    return this.#devices;
  }
}
