// The pictures of a machine in a process, for its page: those that a worker receives, unpacked.

import type { PictureChange } from "./backend.ts";
import { PagePicture } from "./page-picture.ts";
import type { FromPictures, ToPictures } from "./picture-worker.ts";

/** Before pictures are asked for again that have failed to come, ms. */
const RETRY_MS = 1000;

export class StreamedPictures {
  readonly #worker: Worker;
  readonly #module: URL;
  readonly #onChange: (change: PictureChange) => void;
  readonly #onShown: () => void;
  #picture: PagePicture | undefined;
  #url: string | undefined;

  /**
   * Loads the worker's script, and, when there are pictures to come, the module that unpacks them. `onShown` is called when
   * a whole picture has been handed over.
   */
  constructor(
    script: URL,
    module: URL,
    onChange: (change: PictureChange) => void,
    onShown: () => void,
  ) {
    this.#module = module;
    this.#onChange = onChange;
    this.#onShown = onShown;
    this.#worker = new Worker(script, { type: "module" });
    this.#worker.onmessage = ({ data }: MessageEvent<FromPictures>) => this.#hear(data);
  }

  /** Receives from an address from now on. */
  open(url: string): void {
    this.#url = url;
    void this.#begin(url);
  }

  async #begin(url: string): Promise<void> {
    try {
      this.#picture ??= await PagePicture.load(this.#module, this.#onChange);
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      this.#again(RETRY_MS);
      return;
    }
    if (url === this.#url) this.#say({ kind: "open", url });
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
      case "size":
        // Each stream begins with it.
        this.#picture?.resize(message.width, message.height);
        break;
      case "packed-pixels":
        this.#unpack(message);
        break;
      case "shown":
        this.#onShown();
        break;
      case "ended":
        this.#again(message.hasFailed ? RETRY_MS : 0);
    }
  }

  #unpack({ bytes, kind: _, ...part }: Extract<FromPictures, { kind: "packed-pixels" }>): void {
    const isWhole = this.#picture?.unpack(part, bytes);
    const buffer = bytes.buffer as ArrayBuffer;
    this.#say({ kind: "unpacked", buffer }, [buffer]);
    if (isWhole) return;
    // Something else than pictures has come.
    this.#say({ kind: "open", url: undefined });
    this.#again(RETRY_MS);
  }

  #again(ms: number): void {
    const url = this.#url;
    setTimeout(() => {
      if (url !== undefined && url === this.#url) this.open(url);
    }, ms);
  }
}
