// A machine in a worker of this tab.

import type { FromMachine, ToMachine } from "../remote/messages.ts";
import type { Connection, FromConnection } from "./backend.ts";
import type { BootOptions } from "./boot-options.ts";

/** What a worker says. */
export type FromWorker = FromMachine | { kind: "failed"; text: string };

/** What it is told. */
export type ToWorker = ToMachine | { kind: "drawn"; buffer: ArrayBuffer };

/** Workers must be of the page's origin: one from elsewhere is imported by one of ours. */
function sameOrigin(script: URL): URL {
  if (script.origin === location.origin) return script;
  const text = `import ${JSON.stringify(script.href)};`;
  return new URL(URL.createObjectURL(new Blob([text], { type: "text/javascript" })));
}

export class TabConnection implements Connection {
  onMessage: (message: FromConnection) => void = () => {};
  onClosed: (reason: string) => void = () => {};
  readonly #worker: Worker;
  /** The first message is what the worker builds the machine of. */
  #hasMachine = false;

  /** Loads the worker's script, at the address `script`, which waits for `boot`. */
  constructor(script: URL) {
    this.#worker = new Worker(sameOrigin(script), { type: "module" });
    this.#worker.onmessage = ({ data }: MessageEvent<FromWorker>) => {
      if (data.kind === "failed") {
        this.onClosed(data.text);
        return;
      }
      this.onMessage(data);
      if (data.kind === "pixels") this.#giveBack(data.bytes.buffer as ArrayBuffer);
    };
    this.#worker.onerror = ({ message }) => {
      this.onClosed(`The machine has broken down: ${message ?? "its script cannot be loaded"}`);
    };
  }

  /** What was in it has been drawn. */
  #giveBack(buffer: ArrayBuffer): void {
    const message: ToWorker = { kind: "drawn", buffer };
    this.#worker.postMessage(message, [buffer]);
  }

  /** Builds the machine. The files' bytes are the worker's from now on. */
  boot(options: BootOptions): void {
    const { kernel, modules, disks } = options;
    const files = [...(kernel === undefined ? [] : [kernel]), ...modules, ...disks];
    const buffers = new Set(files.map(({ bytes }) => bytes.buffer as ArrayBuffer));
    this.#worker.postMessage(options, [...buffers]);
    this.#hasMachine = true;
  }

  send(message: ToMachine): boolean {
    if (this.#hasMachine) this.#worker.postMessage(message);
    return this.#hasMachine;
  }

  /** Ends the machine. */
  close(): void {
    this.#worker.terminate();
  }
}
