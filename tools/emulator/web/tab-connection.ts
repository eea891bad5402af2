// A machine in a worker of this tab.

import type { FromMachine, PageSeen, ToMachine } from "../remote/messages.ts";
import type { ScreenRows } from "../remote/screen-feed.ts";
import type { Connection, FromConnection } from "./backend.ts";
import type { BootOptions } from "./boot-options.ts";
import { PagePicture } from "./page-picture.ts";
import { SeenPage } from "./page-seen.ts";

/** What a worker says. */
export type FromWorker =
  | FromMachine
  | { kind: "rows"; rows: ScreenRows }
  | { kind: "failed"; text: string };

/** What it is told. */
export type ToWorker = ToMachine | PageSeen | { kind: "read"; slot: number; memory: ArrayBuffer };

/** Workers must be of the page's origin: one from elsewhere is imported by one of ours. */
function sameOrigin(script: URL): URL {
  if (script.origin === location.origin) return script;
  const text = `import ${JSON.stringify(script.href)};`;
  return new URL(URL.createObjectURL(new Blob([text], { type: "text/javascript" })));
}

export class TabConnection implements Connection {
  onMessage: (message: FromConnection) => void = () => {};
  onClosed: (reason: string) => void = () => {};
  /** Undefined where there is none any more, or never was. */
  #worker: Worker | undefined;
  readonly #seen = new SeenPage((message) => {
    if (this.#hasMachine) this.#worker?.postMessage(message);
  });
  /** The first message is what the worker builds the machine of. */
  #hasMachine = false;
  /** What the worker has said before the picture could be kept. */
  #waiting: FromWorker[] | undefined = [];
  #picture: PagePicture | undefined;

  /** Loads the worker's script, which waits for `boot`, and the module that keeps the picture. */
  constructor(script: URL, module: URL) {
    try {
      this.#worker = new Worker(sameOrigin(script), { type: "module" });
    } catch (error) {
      // Whoever is to hear it listens later.
      queueMicrotask(() => {
        this.onClosed(`This browser starts no worker for the machine: ${(error as Error).message}`);
      });
      return;
    }
    void this.#load(module);
    this.#worker.onmessage = ({ data }: MessageEvent<FromWorker>) => {
      if (this.#waiting === undefined) this.#hear(data);
      else this.#waiting.push(data);
    };
    this.#worker.onerror = ({ message }) => {
      this.onClosed(`The machine has broken down: ${message ?? "its script cannot be loaded"}`);
    };
  }

  async #load(module: URL): Promise<void> {
    // The page says what it lacks.
    if (typeof WebAssembly === "undefined") return;
    try {
      this.#picture = await PagePicture.load(module, (message) => this.onMessage(message));
    } catch (error) {
      this.close();
      this.onClosed((error as Error).message);
      return;
    }
    const waiting = this.#waiting ?? [];
    this.#waiting = undefined;
    for (const message of waiting) this.#hear(message);
  }

  #hear(message: FromWorker): void {
    if (message.kind === "failed") this.onClosed(message.text);
    else if (message.kind === "rows") this.#take(message.rows);
    else this.onMessage(message);
  }

  #take(rows: ScreenRows): void {
    const memory = rows.memory as ArrayBuffer;
    this.#picture?.take(rows, memory);
    const message: ToWorker = { kind: "read", slot: rows.slot, memory };
    this.#worker?.postMessage(message, [memory]);
  }

  /** Whether there can be a machine. */
  get isOpen(): boolean {
    return this.#worker !== undefined;
  }

  /** Builds the machine, if there can be one. The files' bytes are the worker's from now on. */
  boot(options: BootOptions): boolean {
    if (this.#worker === undefined) return false;
    const { kernel, modules, disks } = options;
    const files = [...(kernel === undefined ? [] : [kernel]), ...modules, ...disks];
    const buffers = new Set(files.map(({ bytes }) => bytes.buffer as ArrayBuffer));
    this.#worker.postMessage(options, [...buffers]);
    this.#hasMachine = true;
    this.#seen.tell();
    return true;
  }

  send(message: ToMachine): boolean {
    if (this.#hasMachine) this.#worker?.postMessage(message);
    return this.#hasMachine;
  }

  /** Ends the machine. */
  close(): void {
    this.#seen.close();
    this.#worker?.terminate();
    this.#worker = undefined;
  }
}
