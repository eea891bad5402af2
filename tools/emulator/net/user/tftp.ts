// TFTP (RFC 1350) with the options tsize and blksize (RFC 2347 to 2349), for reading: what firmware boots from.

import type { Endpoint } from "./packets.ts";
import { join, view } from "./packets.ts";

export const TFTP_PORT = 69;

const READ_REQUEST = 1;
const DATA = 3;
const ACKNOWLEDGMENT = 4;
const ERROR = 5;
const OPTIONS = 6;

const NOT_FOUND = 1;
const DENIED = 2;
const ILLEGAL = 4;

const USUAL_BLOCK = 512;
const MAX_BLOCK = 1432;
const MAX_TRANSFERS = 20;
const AGAIN_NS = 1e9;
const MAX_TRIES = 8;

interface Transfer {
  peer: Endpoint;
  /** The address that was asked. */
  server: number;
  file: Uint8Array;
  block: number;
  blockBytes: number;
  last: Uint8Array;
  again: number;
  tries: number;
}

export interface TftpHost {
  readonly hasFiles: boolean;
  file(name: string): Uint8Array | undefined;
  send(server: number, peer: Endpoint, payload: Uint8Array): void;
  now(): number;
}

const words = (...values: readonly number[]): Uint8Array => {
  const out = new Uint8Array(2 * values.length);
  values.forEach((value, i) => {
    view(out).setUint16(2 * i, value);
  });
  return out;
};
const strings = (...values: readonly string[]): Uint8Array =>
  new TextEncoder().encode(values.map((value) => `${value}\0`).join(""));

export class TftpServer {
  readonly #host: TftpHost;
  readonly #transfers = new Map<string, Transfer>();

  constructor(host: TftpHost) {
    this.#host = host;
  }

  receive(peer: Endpoint, server: number, bytes: Uint8Array): void {
    if (bytes.length < 4) return;
    const key = `${peer.address}:${peer.port}`;
    const operation = view(bytes).getUint16(0);
    if (operation === READ_REQUEST) this.#start(key, peer, server, bytes.subarray(2));
    else if (operation === ACKNOWLEDGMENT) this.#acknowledged(key, view(bytes).getUint16(2));
    else if (operation === ERROR) this.#transfers.delete(key);
    else this.#refuse(peer, server, ILLEGAL, "only reading is possible");
  }

  #refuse(peer: Endpoint, server: number, code: number, why: string): void {
    this.#host.send(server, peer, join(words(ERROR, code), strings(why)));
  }

  #start(key: string, peer: Endpoint, server: number, bytes: Uint8Array): void {
    if (!this.#host.hasFiles) {
      this.#refuse(peer, server, DENIED, "Access violation");
      return;
    }
    const [name = "", , ...options] = new TextDecoder("latin1").decode(bytes).split("\0");
    const file = this.#host.file(name);
    if (file === undefined) {
      this.#refuse(peer, server, NOT_FOUND, "File not found");
      return;
    }
    if (this.#transfers.size >= MAX_TRANSFERS) {
      const oldest = this.#transfers.keys().next().value;
      if (oldest !== undefined) this.#transfers.delete(oldest);
    }
    const transfer: Transfer = {
      ...{ peer, server, file, block: 0, blockBytes: USUAL_BLOCK, last: new Uint8Array(0) },
      ...{ again: 0, tries: 0 },
    };
    const agreed: string[] = [];
    for (let i = 0; i + 1 < options.length; i += 2) {
      const option = (options[i] as string).toLowerCase();
      if (option === "tsize") agreed.push(option, `${file.length}`);
      if (option === "blksize") {
        const asked = Math.trunc(Number(options[i + 1]));
        transfer.blockBytes = Math.max(8, Math.min(MAX_BLOCK, asked || USUAL_BLOCK));
        agreed.push(option, `${transfer.blockBytes}`);
      }
    }
    this.#transfers.set(key, transfer);
    if (agreed.length > 0) this.#send(transfer, join(words(OPTIONS), strings(...agreed)));
    else this.#next(transfer);
  }

  #send(transfer: Transfer, payload: Uint8Array): void {
    transfer.last = payload;
    transfer.tries = 0;
    this.#repeat(transfer);
  }

  #repeat(transfer: Transfer): void {
    transfer.again = this.#host.now() + AGAIN_NS;
    this.#host.send(transfer.server, transfer.peer, transfer.last);
  }

  #next(transfer: Transfer): void {
    transfer.block++;
    const from = (transfer.block - 1) * transfer.blockBytes;
    const data = transfer.file.subarray(from, from + transfer.blockBytes);
    this.#send(transfer, join(words(DATA, transfer.block & 0xffff), data));
  }

  #acknowledged(key: string, block: number): void {
    const transfer = this.#transfers.get(key);
    if (transfer === undefined || block !== (transfer.block & 0xffff)) return;
    if (transfer.block * transfer.blockBytes > transfer.file.length && transfer.block > 0) {
      this.#transfers.delete(key);
      return;
    }
    this.#next(transfer);
  }

  poll(now: number): void {
    for (const [key, transfer] of this.#transfers) {
      if (transfer.again > now) continue;
      if (++transfer.tries > MAX_TRIES) this.#transfers.delete(key);
      else this.#repeat(transfer);
    }
  }
}
