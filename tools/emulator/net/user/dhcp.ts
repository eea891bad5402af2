// DHCP (RFC 2131, 2132) as QEMU's user network gives it: one lease after the other from the first address on, to who
// has it already again, for a day.

import type { UserNetworkOptions } from "./options.ts";
import { view } from "./packets.ts";

export const SERVER_PORT = 67;
export const CLIENT_PORT = 68;

const REQUEST = 1;
const REPLY = 2;
const COOKIE = 0x6382_5363;
const HEADER_BYTES = 236;
const MESSAGE_BYTES = 548;
/** Leases at most, as in QEMU. */
const MAX_LEASES = 16;
const LEASE_SECONDS = 86400;

/** Types of messages (RFC 2132, 9.6). */
const MESSAGE = { discover: 1, offer: 2, request: 3, ack: 5, nak: 6 } as const;

/** Options (RFC 2132). */
const OPTION = {
  pad: 0,
  netmask: 1,
  router: 3,
  dns: 6,
  hostname: 12,
  domain: 15,
  requestedAddress: 50,
  leaseTime: 51,
  messageType: 53,
  serverId: 54,
  messageText: 56,
  tftpServer: 66,
  end: 255,
} as const;

/** An option and its value. */
type Given = readonly [option: number, value: Uint8Array];

interface Asked {
  message: number;
  requested: number | undefined;
}

function readOptions(bytes: Uint8Array): Asked {
  const asked: Asked = { message: 0, requested: undefined };
  let at = HEADER_BYTES + 4;
  while (at < bytes.length && bytes[at] !== OPTION.end) {
    if (bytes[at] === OPTION.pad) {
      at++;
      continue;
    }
    const length = bytes[at + 1] ?? 0;
    const value = bytes.subarray(at + 2, at + 2 + length);
    if (bytes[at] === OPTION.messageType && value.length >= 1) asked.message = value[0] as number;
    if (bytes[at] === OPTION.requestedAddress && value.length >= 4) {
      asked.requested = view(value).getUint32(0);
    }
    at += 2 + length;
  }
  return asked;
}

const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const word = (value: number): Uint8Array => {
  const out = new Uint8Array(4);
  view(out).setUint32(0, value);
  return out;
};

export class DhcpServer {
  readonly #options: UserNetworkOptions;
  /** Hardware addresses in the order of their leases. */
  readonly #leases: string[] = [];

  constructor(options: UserNetworkOptions) {
    this.#options = options;
  }

  /** The answer to a message, which goes to everybody; undefined where there is none. */
  answer(bytes: Uint8Array): Uint8Array | undefined {
    if (bytes.length < HEADER_BYTES + 4 || bytes[0] !== REQUEST) return undefined;
    const given = view(bytes);
    if (given.getUint32(HEADER_BYTES) !== COOKIE) return undefined;
    const { message, requested } = readOptions(bytes);
    if (message !== MESSAGE.discover && message !== MESSAGE.request) return undefined;
    const address = this.#lease([...bytes.subarray(28, 34)].join(":"));
    const current = given.getUint32(12);
    const wanted = requested ?? (current === 0 ? undefined : current);
    const isRefused =
      address === undefined ||
      (message === MESSAGE.request && wanted !== undefined && wanted !== address);
    const out = new Uint8Array(MESSAGE_BYTES);
    const v = view(out);
    out.set([REPLY, 1, 6, 0]);
    // Transaction, flags are not echoed by QEMU; the client's hardware address.
    out.set(bytes.subarray(4, 8), 4);
    out.set(bytes.subarray(28, 34), 28);
    v.setUint32(20, this.#options.gateway);
    v.setUint32(HEADER_BYTES, COOKIE);
    if (isRefused) {
      this.#put(out, [
        [OPTION.messageType, Uint8Array.of(MESSAGE.nak)],
        [OPTION.messageText, text("requested address not available")],
      ]);
      return out;
    }
    v.setUint32(16, address);
    const { bootFile } = this.#options;
    if (bootFile !== undefined) out.set(text(bootFile).subarray(0, 127), 108);
    const type = message === MESSAGE.discover ? MESSAGE.offer : MESSAGE.ack;
    this.#put(out, [[OPTION.messageType, Uint8Array.of(type)], ...this.#facts()]);
    return out;
  }

  #facts(): Given[] {
    const { gateway, dns, size, isRestricted, hostname, domainName, tftpServerName } =
      this.#options;
    const optional = (option: number, value: string | undefined): Given[] =>
      value === undefined || value === "" ? [] : [[option, text(value).subarray(0, 255)]];
    return [
      [OPTION.serverId, word(gateway)],
      [OPTION.netmask, word(2 ** 32 - size)],
      ...(isRestricted
        ? []
        : ([
            [OPTION.router, word(gateway)],
            [OPTION.dns, word(dns)],
          ] as Given[])),
      [OPTION.leaseTime, word(LEASE_SECONDS)],
      ...optional(OPTION.hostname, hostname),
      ...optional(OPTION.domain, domainName),
      ...optional(OPTION.tftpServer, tftpServerName),
    ];
  }

  /** Options behind the cookie, as far as they fit. */
  #put(out: Uint8Array, options: readonly Given[]): void {
    let at = HEADER_BYTES + 4;
    for (const [option, value] of options) {
      if (at + 3 + value.length > out.length) continue;
      out.set([option, value.length, ...value], at);
      at += 2 + value.length;
    }
    out[at] = OPTION.end;
  }

  #lease(hardware: string): number | undefined {
    let n = this.#leases.indexOf(hardware);
    if (n < 0) {
      if (this.#leases.length >= MAX_LEASES) return undefined;
      n = this.#leases.push(hardware) - 1;
    }
    return this.#options.dhcpStart + n;
  }
}
