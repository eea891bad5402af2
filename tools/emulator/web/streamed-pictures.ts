// The pictures of a machine in a process, for its page: those that a worker receives.

import type { FromMachine } from "../remote/messages.ts";
import type { FromPictures, ToPictures } from "./picture-worker.ts";

/** Before pictures are asked for again that have failed to come, ms. */
const RETRY_MS = 1000;

export class StreamedPictures {
  readonly #worker: Worker;
  readonly #onMessage: (message: FromMachine) => void;
  readonly #onShown: () => void;
  #url: string | undefined;
  #size = "";

  /** Loads the worker's script. `onShown` is called when a whole picture has been handed over. */
  constructor(script: URL, onMessage: (message: FromMachine) => void, onShown: () => void) {
    this.#onMessage = onMessage;
    this.#onShown = onShown;
    this.#worker = new Worker(script, { type: "module" });
    this.#worker.onmessage = ({ data }: MessageEvent<FromPictures>) => this.#hear(data);
  }

  /** Receives from an address from now on. */
  open(url: string): void {
    this.#url = url;
    this.#say({ kind: "open", url });
  }

  /** Receives no more; what is on its way still comes if the run is `over`. */
  close(over: boolean): void {
    this.#url = undefined;
    if (!over) this.#say({ kind: "open", url: undefined });
  }

  #say(message: ToPictures, transfer: Transferable[] = []): void {
    this.#worker.postMessage(message, transfer);
  }

  #hear(message: FromPictures): void {
    switch (message.kind) {
      case "size": {
        // Each stream begins with it; a canvas that gets a size is black.
        const size = `${message.width} ${message.height}`;
        if (size !== this.#size) this.#onMessage(message);
        this.#size = size;
        break;
      }
      case "pixels": {
        this.#onMessage(message);
        const buffer = message.bytes.buffer as ArrayBuffer;
        this.#say({ kind: "drawn", buffer }, [buffer]);
        break;
      }
      case "shown":
        this.#onShown();
        break;
      case "ended":
        this.#again(message.hasFailed ? RETRY_MS : 0);
    }
  }

  #again(ms: number): void {
    const url = this.#url;
    setTimeout(() => {
      if (url !== undefined && url === this.#url) this.open(url);
    }, ms);
  }
}
