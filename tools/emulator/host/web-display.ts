// `-display web`: pages in browsers that show the machine of this process. Each has a viewer of its own; the machine
// goes on without any.

import type { WebSocket } from "ws";
import { LookPace, TICK_MS } from "../remote/look-pace.ts";
import { type FromMachine, MessageError } from "../remote/messages.ts";
import { packPixels } from "../remote/packed-pixels.ts";
import { PictureBuffers } from "../remote/picture-buffers.ts";
import { type Standstill, type ViewedMachine, Viewer } from "../remote/viewer.ts";
import { decodeMessage, encodeMessage } from "../remote/wire.ts";
import { pageFiles } from "./page-files.ts";
import { serveWeb, type WebServer } from "./web-server.ts";

/** Bytes on their way to a page beyond which the next look waits. */
const MAX_UNSENT = 8 << 20;
/** What sending takes the machine's thread when a look is over, ms a byte. */
const SEND_MS = 3.3e-6;
/** Given to the pages to read the last messages, ms. */
const LINGER_MS = 1000;

/** WebSocket close codes (RFC 6455, 7.4.1). */
const GOING_AWAY = 1001;
const UNSUPPORTED_DATA = 1003;

export class WebDisplay {
  readonly #viewed: ViewedMachine;
  readonly #viewers = new Map<WebSocket, Viewer>();
  readonly #pace = new LookPace();
  readonly #timer: NodeJS.Timeout;
  #server: WebServer | undefined;
  #standstill: Standstill | undefined;

  private constructor(viewed: ViewedMachine) {
    this.#viewed = viewed;
    this.#timer = setInterval(() => this.#pace.tick(() => this.#look()), TICK_MS);
    this.#timer.unref();
  }

  /** Listens on 127.0.0.1, on any free port for 0. Throws `LoadError` if the port is taken. */
  static async open(viewed: ViewedMachine, port: number): Promise<WebDisplay> {
    const display = new WebDisplay(viewed);
    const files = await pageFiles();
    display.#server = await serveWeb(files, port, (socket) => display.#connect(socket));
    return display;
  }

  /** Address of the page. */
  get url(): string {
    return this.#server?.url ?? "";
  }

  /** A byte that the guest has sent on COM1. */
  serial(byte: number): void {
    for (const viewer of this.#viewers.values()) viewer.serial(byte);
  }

  /** Why the machine stands still; undefined when it goes on. */
  standstill(standstill: Standstill | undefined): void {
    this.#standstill = standstill;
    for (const viewer of this.#viewers.values()) viewer.standstill(standstill);
  }

  #look(): void {
    for (const [socket, viewer] of this.#viewers) {
      const before = socket.bufferedAmount;
      if (before >= MAX_UNSENT) continue;
      viewer.look();
      this.#pace.charge((socket.bufferedAmount - before) * SEND_MS);
    }
  }

  #connect(socket: WebSocket): void {
    const buffers = new PictureBuffers();
    const send = (message: FromMachine): void => {
      if (socket.readyState !== socket.OPEN) return;
      if (message.kind !== "pixels") {
        socket.send(encodeMessage(message));
        return;
      }
      const packed = packPixels(message, buffers);
      socket.send(encodeMessage(packed));
      for (const { buffer } of new Set([message.bytes, packed.bytes])) {
        buffers.giveBack(buffer as ArrayBuffer);
      }
    };
    const viewer = new Viewer(this.#viewed, send, buffers);
    viewer.standstill(this.#standstill);
    this.#viewers.set(socket, viewer);
    socket.on("message", (data, isBinary) => {
      try {
        if (!isBinary) throw new MessageError("expected a binary message");
        viewer.receive(decodeMessage(bytesOf(data)));
      } catch (error) {
        if (!(error instanceof MessageError)) throw error;
        socket.close(UNSUPPORTED_DATA, error.message);
      }
    });
    socket.on("error", () => socket.terminate());
    socket.on("close", () => this.#viewers.delete(socket));
  }

  /** Lets the pages read what there is to say, and ends. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    const closed = [...this.#viewers.keys()].map(
      (socket) =>
        new Promise<void>((resolve) => {
          socket.once("close", () => resolve());
          socket.close(GOING_AWAY);
        }),
    );
    const late = new Promise((resolve) => setTimeout(resolve, LINGER_MS));
    await Promise.race([Promise.all(closed), late]);
    await this.#server?.close();
  }
}

/** A message as `ws` gives it. */
function bytesOf(data: Buffer | ArrayBuffer | Buffer[]): Uint8Array {
  if (Array.isArray(data)) return Buffer.concat(data);
  return data instanceof ArrayBuffer ? new Uint8Array(data) : data;
}
