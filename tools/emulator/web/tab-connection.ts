// A machine in a worker of this tab.

import type { FromMachine, ToMachine } from "../remote/messages.ts";
import type { Connection } from "./backend.ts";
import type { BootOptions } from "./boot-options.ts";

/** What a worker says. */
export type FromWorker = FromMachine | { kind: "failed"; text: string };

export class TabConnection implements Connection {
  onMessage: (message: FromMachine) => void = () => {};
  onClosed: (reason: string) => void = () => {};
  readonly #worker: Worker;

  /** `script` is the address of the worker's script. */
  constructor(script: URL, options: BootOptions) {
    this.#worker = new Worker(script, { type: "module" });
    this.#worker.onmessage = ({ data }: MessageEvent<FromWorker>) => {
      if (data.kind === "failed") this.onClosed(data.text);
      else this.onMessage(data);
    };
    this.#worker.onerror = ({ message }) => {
      this.onClosed(`The machine has broken down: ${message ?? "its script cannot be loaded"}`);
    };
    this.#worker.postMessage(options);
  }

  send(message: ToMachine): void {
    this.#worker.postMessage(message);
  }

  /** Ends the machine. */
  close(): void {
    this.#worker.terminate();
  }
}
