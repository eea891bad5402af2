// The host's standard input as the other end of the guest's serial line: terminal in raw mode with
// QEMU's Ctrl-A escapes, pipe, or file. A file is read at once, so that a run with it is repeatable.

import { fstatSync, readFileSync } from "node:fs";

const CTRL_A = 1;
const CTRL_C = 3;

export interface InputEvents {
  /** Bytes for the guest. */
  onBytes(bytes: Uint8Array): void;
  /** Ctrl-A X. */
  onQuit(): void;
  /** Ctrl-A C. */
  onMonitor(): void;
  /** Ctrl-A H. */
  onHelp(): void;
  /** Ctrl-C, where it is not the guest's. */
  onInterrupt(): void;
  /** There will be no more. */
  onEnd(): void;
}

export class HostInput {
  readonly #events: InputEvents;
  /** Ctrl-C goes to the guest (mon:stdio) instead of ending the run. */
  readonly #passInterrupt: boolean;
  #escape = false;
  #raw = false;
  #open = false;
  readonly #waiting: (() => void)[] = [];

  constructor(events: InputEvents, passInterrupt: boolean) {
    this.#events = events;
    this.#passInterrupt = passInterrupt;
  }

  /** True while more input may come. */
  get open(): boolean {
    return this.#open;
  }

  /** True while the terminal is in raw mode. */
  get raw(): boolean {
    return this.#raw;
  }

  /** Starts reading. */
  start(): void {
    let regular = false;
    try {
      regular = fstatSync(0).isFile();
    } catch {
      this.#events.onEnd();
      return;
    }
    if (regular) {
      this.#deliver(readFileSync(0));
      this.#events.onEnd();
      return;
    }
    const { stdin } = process;
    this.#open = true;
    if (stdin.isTTY) {
      stdin.setRawMode(true);
      this.#raw = true;
    }
    stdin.on("data", (data: Buffer) => this.#deliver(data));
    const ended = (): void => {
      if (!this.#open) return;
      this.#open = false;
      this.#events.onEnd();
      this.#wakeUp();
    };
    stdin.on("end", ended);
    stdin.on("error", ended);
  }

  /** Gives the terminal back. Safe to call twice and from an exit handler. */
  restore(): void {
    if (!this.#raw) return;
    this.#raw = false;
    process.stdin.setRawMode(false);
  }

  /** Resolves at the next input, or when there will be none. */
  async wait(): Promise<void> {
    if (!this.#open) return;
    await new Promise<void>((resolve) => {
      this.#waiting.push(resolve);
    });
  }

  /** Lets each pending `wait` return. */
  #wakeUp(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  #deliver(data: Uint8Array): void {
    if (!this.#raw) {
      this.#events.onBytes(data);
      this.#wakeUp();
      return;
    }
    const plain: number[] = [];
    for (const byte of data) this.#key(byte, plain);
    if (plain.length > 0) this.#events.onBytes(Uint8Array.from(plain));
    this.#wakeUp();
  }

  #key(byte: number, plain: number[]): void {
    if (this.#escape) {
      this.#escape = false;
      const key = String.fromCharCode(byte).toLowerCase();
      if (key === "x") this.#events.onQuit();
      else if (key === "c") this.#events.onMonitor();
      else if (key === "h" || key === "?") this.#events.onHelp();
      else if (byte === CTRL_A) plain.push(CTRL_A);
    } else if (byte === CTRL_A) {
      this.#escape = true;
    } else if (byte === CTRL_C && !this.#passInterrupt) {
      this.#events.onInterrupt();
    } else {
      plain.push(byte);
    }
  }
}
