// The pictures of a machine in a process, for its page: those that a worker receives, unpacked.

import { KeptPicture } from "../pictures/kept-picture.ts";
import type { FromConnection } from "./backend.ts";
import type { FromPictures, ToPictures } from "./picture-worker.ts";

/** Before pictures are asked for again that have failed to come, ms. */
const RETRY_MS = 1000;

/** Rejects with `TypeError` if there is no server any more. */
async function bytesAt(url: URL): Promise<Uint8Array> {
  const response = await fetch(url);
  if (!response.ok) throw new TypeError(`${url}: the server answers ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
}

export class StreamedPictures {
  readonly #worker: Worker;
  readonly #module: URL;
  readonly #onMessage: (message: FromConnection) => void;
  readonly #onShown: () => void;
  #picture: KeptPicture | undefined;
  #image: ImageData | undefined;
  #url: string | undefined;

  /**
   * Loads the worker's script, and, when there are pictures to come, the module that unpacks them. `onShown` is called when
   * a whole picture has been handed over.
   */
  constructor(
    script: URL,
    module: URL,
    onMessage: (message: FromConnection) => void,
    onShown: () => void,
  ) {
    this.#module = module;
    this.#onMessage = onMessage;
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
      this.#picture ??= await KeptPicture.of(await bytesAt(this.#module));
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
        this.#resize(message.width, message.height);
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

  #resize(width: number, height: number): void {
    const picture = this.#picture as KeptPicture;
    // Each stream begins with it; a canvas that gets a size is black.
    if (width !== picture.width || height !== picture.height) {
      this.#onMessage({ kind: "size", width, height });
    }
    picture.resize(width, height);
    const isEmpty = width === 0 || height === 0;
    this.#image = isEmpty ? undefined : new ImageData(picture.pixels, picture.pitch, height);
  }

  #unpack({ bytes, kind: _, ...part }: Extract<FromPictures, { kind: "packed-pixels" }>): void {
    const isWhole = this.#picture?.unpack(part, bytes);
    const buffer = bytes.buffer as ArrayBuffer;
    this.#say({ kind: "unpacked", buffer }, [buffer]);
    if (isWhole && this.#image !== undefined) {
      this.#onMessage({ kind: "part", image: this.#image, ...part });
      return;
    }
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
