// Receives the pictures of a machine in a process, in a worker of the page: the page's thread gets whole frames.

import { MessageError } from "../remote/messages.ts";
import { PictureBuffers } from "../remote/picture-buffers.ts";
import { type PictureFrame, type ReadBytes, readFrames } from "../remote/picture-frames.ts";

/** What the worker is told. */
export type ToPictures =
  /** To receive from this address, and from no other any more; from nowhere without. */
  | { kind: "open"; url: string | undefined }
  /** What was in it has been unpacked. */
  | { kind: "unpacked"; buffer: ArrayBuffer };

/** What it says. */
export type FromPictures =
  | PictureFrame
  /** Nothing more comes from the address: it ends there, or something has failed. */
  | { kind: "ended"; hasFailed: boolean };

/** What this file needs of the worker's scope. */
interface Scope {
  onmessage: ((event: MessageEvent<ToPictures>) => void) | null;
  postMessage(message: FromPictures, transfer?: Transferable[]): void;
}
const scope = self as unknown as Scope;

const buffers = new PictureBuffers();
let current = new AbortController();

/** Reads into the caller's memory; the browser hands it to and fro. */
function byteReader(reader: ReadableStreamBYOBReader): ReadBytes {
  return async ({ buffer, byteOffset, length }) => {
    let memory = buffer;
    for (let at = 0; at < length; ) {
      const { done, value } = await reader.read(
        new Uint8Array(memory, byteOffset + at, length - at),
      );
      if (done) return undefined;
      memory = value.buffer;
      at += value.length;
    }
    return new Uint8Array(memory, byteOffset, length);
  };
}

/** The same where browsers hand out memory of their own. */
function chunkReader(reader: ReadableStreamDefaultReader<Uint8Array>): ReadBytes {
  let rest = new Uint8Array(0);
  return async (into) => {
    for (let at = 0; at < into.length; ) {
      if (rest.length === 0) {
        const { done, value } = await reader.read();
        if (done) return undefined;
        rest = value as Uint8Array<ArrayBuffer>;
      }
      const part = rest.subarray(0, into.length - at);
      into.set(part, at);
      at += part.length;
      rest = rest.subarray(part.length);
    }
    return into;
  };
}

function readerOf(body: ReadableStream<Uint8Array<ArrayBuffer>>): ReadBytes {
  try {
    return byteReader(body.getReader({ mode: "byob" }));
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    return chunkReader(body.getReader());
  }
}

/** Memory for a frame. */
const room = (bytes: number): ArrayBuffer => buffers.take(Math.ceil(bytes / 4)).buffer;

function show(frame: PictureFrame): void {
  scope.postMessage(
    frame,
    frame.kind === "packed-pixels" ? [frame.bytes.buffer as ArrayBuffer] : [],
  );
}

async function receive(url: string, { signal }: AbortController): Promise<void> {
  let hasFailed = true;
  try {
    const { ok, body } = await fetch(url, { cache: "no-store", signal });
    if (ok && body !== null) {
      for await (const frame of readFrames(readerOf(body), room)) {
        if (signal.aborted) return;
        show(frame);
      }
      hasFailed = false;
    }
  } catch (error) {
    // The connection is lost, or something else than pictures has come.
    if (!(error instanceof TypeError || error instanceof MessageError)) {
      if (!signal.aborted) throw error;
    }
  }
  if (!signal.aborted) scope.postMessage({ kind: "ended", hasFailed });
}

scope.onmessage = ({ data }) => {
  if (data.kind === "unpacked") {
    buffers.giveBack(data.buffer);
    return;
  }
  current.abort();
  current = new AbortController();
  if (data.url !== undefined) void receive(data.url, current);
};
