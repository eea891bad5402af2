// The other end of a serial port's cable: a record of what the guest sent, a pattern to wait for in it, and
// bytes typed.

import type { CharacterPort } from "./devices/character-port.ts";

/** Characters made of bytes at once; more arguments than this can exceed a stack. */
const CHUNK = 8192;
const NEWLINE = 10;

function latin1(bytes: readonly number[]): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += CHUNK) {
    text += String.fromCharCode(...bytes.slice(at, at + CHUNK));
  }
  return text;
}

export class SerialLine {
  readonly #port: CharacterPort | undefined;
  #bytes: number[] = [];
  #text = "";
  #pattern: { wanted: string | RegExp; from: number; found: boolean } | undefined;
  /** Each byte that the guest sends. */
  onByte: (byte: number) => void = () => {};
  /** The text since `expect` has come to match. */
  onMatch: () => void = () => {};

  /** `port` is undefined where the machine has no such port: nothing is ever sent then. */
  constructor(port: CharacterPort | undefined) {
    this.#port = port;
    if (port !== undefined) port.onTransmit = (byte) => this.#transmitted(byte);
  }

  /** Everything the guest has sent, as Latin-1 characters. */
  get output(): string {
    if (this.#bytes.length > 0) {
      this.#text += latin1(this.#bytes);
      this.#bytes = [];
    }
    return this.#text;
  }

  /** Replaces the record of what was sent, for a restored snapshot. */
  replaceOutput(text: string): void {
    this.#bytes = [];
    this.#text = text;
  }

  /** Types text (as UTF-8) or bytes into the port. */
  send(input: string | Uint8Array): void {
    this.#port?.receive(typeof input === "string" ? new TextEncoder().encode(input) : input);
  }

  /** Bytes that have been typed and have not arrived. */
  get pending(): number {
    return this.#port?.pending ?? 0;
  }

  /** True while input could wake an idle guest. */
  get listens(): boolean {
    return this.#port?.listens ?? false;
  }

  /** Looks for `wanted` in what is sent from now on; undefined ends that. */
  expect(wanted: string | RegExp | undefined): void {
    this.#pattern =
      wanted === undefined ? undefined : { wanted, from: this.output.length, found: false };
  }

  /** True if `onMatch` has been called since `expect`. */
  get found(): boolean {
    return this.#pattern?.found ?? false;
  }

  /** True if what was sent since `expect` matches, unfinished lines included. */
  get matches(): boolean {
    if (this.#pattern === undefined) return false;
    const { wanted, from } = this.#pattern;
    const text = this.output.slice(from);
    return typeof wanted === "string" ? text.includes(wanted) : text.search(wanted) >= 0;
  }

  #transmitted(byte: number): void {
    this.#bytes.push(byte);
    this.onByte(byte);
    const pattern = this.#pattern;
    if (pattern === undefined) return;
    const { wanted } = pattern;
    // A string is looked for at its last character, an expression at the end of each line.
    const last = typeof wanted === "string" ? wanted.charCodeAt(wanted.length - 1) : NEWLINE;
    if ((byte !== last && wanted !== "") || !this.matches) return;
    pattern.found = true;
    this.onMatch();
  }
}
