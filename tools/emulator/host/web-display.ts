// `-display web`: pages in browsers that show the machine of this process. Each has a viewer of its own; the machine
// goes on without any. The server is a thread of its own (web-thread.ts).

import { Worker } from "node:worker_threads";
import { LoadError } from "../load-error.ts";
import { LookPace, TICK_MS } from "../remote/look-pace.ts";
import { type FromMachine, MessageError } from "../remote/messages.ts";
import { ScreenFeed } from "../remote/screen-feed.ts";
import { type Standstill, type ViewedMachine, Viewer } from "../remote/viewer.ts";
import { pageFiles } from "./page-files.ts";
import type { FromServer, ServerOptions, ToServer } from "./web-messages.ts";

/** Beyond this nobody waits for the last picture any more, ms. */
const LINGER_MS = 1000;

/** The thread's module, in this checkout or as the package has it. */
function threadOf(options: ServerOptions): Worker {
  const isSource = import.meta.url.endsWith(".ts");
  const script = new URL(isSource ? "./web-thread.ts" : "./web-thread.js", import.meta.url);
  const loader = new URL("../../loader/register.mjs", import.meta.url);
  const execArgv = isSource ? ["--import", loader.href] : [];
  return new Worker(script, { workerData: options, execArgv });
}

/** A page, and whether too much waits to be sent to it already. */
interface Page {
  viewer: Viewer;
  isBehind: boolean;
}

export class WebDisplay {
  /** Address of the page. */
  url = "";
  readonly #viewed: ViewedMachine;
  readonly #thread: Worker;
  readonly #pages = new Map<number, Page>();
  readonly #pace = new LookPace();
  readonly #screenPace = new LookPace();
  readonly #timer: NodeJS.Timeout;
  readonly #feed: ScreenFeed | undefined;
  #isWatched = false;
  #isBroken = false;
  #standstill: Standstill | undefined;
  #onListening: (failure?: Error) => void = () => {};
  #onBroken: () => void = () => {};
  readonly #broken = new Promise<void>((resolve) => {
    this.#onBroken = resolve;
  });
  #onOver: () => void = () => {};
  /** The server's thread has broken down: why, in a sentence. The machine goes on. */
  onBroken: (reason: string) => void = () => {};

  private constructor(viewed: ViewedMachine, thread: Worker) {
    this.#viewed = viewed;
    this.#thread = thread;
    this.#feed = ScreenFeed.of(
      viewed.control.machine,
      (rows) => this.#say({ kind: "rows", rows }),
      true,
    );
    thread.on("message", (message: FromServer) => this.#hear(message));
    thread.on("error", (error) => this.#break(error));
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
    this.#timer.unref();
  }

  /** Listens on 127.0.0.1, on any free port for 0. Throws `LoadError` if the port is taken. */
  static async open(viewed: ViewedMachine, port: number): Promise<WebDisplay> {
    const files = await pageFiles();
    const display = new WebDisplay(viewed, threadOf({ files, port }));
    const failure = await new Promise<Error | undefined>((resolve) => {
      display.#onListening = resolve;
    });
    if (failure === undefined) return display;
    clearInterval(display.#timer);
    await display.#thread.terminate();
    throw failure;
  }

  /** A byte that the guest has sent on COM1. */
  serial(byte: number): void {
    for (const { viewer } of this.#pages.values()) viewer.serial(byte);
  }

  /** Why the machine stands still; undefined when it goes on. */
  standstill(standstill: Standstill | undefined): void {
    this.#standstill = standstill;
    for (const { viewer } of this.#pages.values()) viewer.standstill(standstill);
  }

  #tick(): void {
    this.#pace.tick(() => {
      for (const { viewer, isBehind } of this.#pages.values()) {
        if (!isBehind) viewer.look();
      }
    });
    // Without room for a picture there is none to look for, and the next tick may find some.
    const feed = this.#feed;
    if (this.#isWatched && feed?.isReady) this.#screenPace.tick(() => feed.look());
  }

  #say(message: ToServer): void {
    this.#thread.postMessage(message);
  }

  #hear(message: FromServer): void {
    switch (message.kind) {
      case "listening":
        this.url = message.url;
        this.#onListening();
        break;
      case "failed":
        this.#onListening(new LoadError(message.reason));
        break;
      case "opened":
        this.#open(message.page);
        break;
      case "closed":
        this.#pages.delete(message.page);
        break;
      case "received":
        this.#receive(message.page, message.message);
        break;
      case "behind": {
        const page = this.#pages.get(message.page);
        if (page !== undefined) page.isBehind = message.isBehind;
        break;
      }
      case "watched":
        this.#isWatched = message.isWatched;
        if (this.#isWatched) this.#feed?.forget();
        break;
      case "read":
        this.#feed?.giveBack(message.slot);
        break;
      case "over":
        this.#onOver();
    }
  }

  #open(page: number): void {
    const send = (message: FromMachine): void => this.#say({ kind: "tell", page, message });
    const viewer = new Viewer(this.#viewed, send);
    viewer.standstill(this.#standstill);
    this.#pages.set(page, { viewer, isBehind: false });
  }

  #receive(page: number, message: unknown): void {
    try {
      this.#pages.get(page)?.viewer.receive(message);
    } catch (error) {
      if (!(error instanceof MessageError)) throw error;
      this.#say({ kind: "dismiss", page, reason: error.message });
    }
  }

  #break(error: Error): void {
    this.#isBroken = true;
    this.#pages.clear();
    this.#isWatched = false;
    this.#onListening(error);
    this.#onBroken();
    this.#onOver();
    this.onBroken(`-display web: its server has broken down: ${error.message}`);
  }

  /** Lets the pages read what there is to say, and ends. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#lastLook();
    if (this.#isBroken) return;
    const over = new Promise<void>((resolve) => {
      this.#onOver = resolve;
    });
    this.#say({ kind: "close" });
    await over;
    await this.#thread.terminate();
  }

  /** Sends the picture as it stays, when there is room for it. */
  async #lastLook(): Promise<void> {
    const feed = this.#feed;
    if (this.#pages.size === 0 || feed === undefined) return;
    // Of pages that nobody sees none has the picture.
    if (!this.#isWatched) feed.forget();
    await Promise.race([
      feed.ready(),
      this.#broken,
      new Promise((resolve) => setTimeout(resolve, LINGER_MS)),
    ]);
    feed.look();
  }
}
