// What is behind a campaign's network cards, and is as repeatable as the machine: all cards are on one hub with a gateway, which
// answers ARP, DHCP and pings as a user network does, and gives nothing of the outside. The gateway is a new one for
// each frame, so that the frames on their way are all the state there is.

import type { Machine } from "../index.ts";
import { Hub } from "../net/hub.ts";
import { DEFAULT_NETWORK } from "../net/user/options.ts";
import { UserNetwork } from "../net/user/user-network.ts";

/** A frame that a card is to get when the slice of virtual time that it was sent in is over. */
export interface FrameOnItsWay {
  card: number;
  bytes: Uint8Array;
}

const OUTSIDE = {
  hasFiles: false,
  file: () => undefined,
  resolver: () => undefined,
  connect: () => refuse(),
  listen: () => refuse(),
  datagrams: () => refuse(),
  bind: () => refuse(),
};

/** To everybody, or to one of the addresses 52:55:… of a user network, which does not look at who else is on its cable. */
const isForGateway = ([first = 0, second]: Uint8Array): boolean =>
  (first & 1) === 1 || (first === 0x52 && second === 0x55);

function refuse(): never {
  throw new Error("the network of a campaign has no outside");
}

export class Wire {
  readonly #machine: Machine;
  #onTheirWay: FrameOnItsWay[] = [];

  constructor(machine: Machine) {
    this.#machine = machine;
    const hub = new Hub();
    for (const card of machine.networkCards) {
      card.onFrame = hub.join((bytes) => this.#give({ card: card.index, bytes: bytes.slice() }));
    }
    const answer = hub.join((frame) => {
      if (!isForGateway(frame)) return;
      const gateway = new UserNetwork({ ...DEFAULT_NETWORK, isRestricted: true }, OUTSIDE);
      gateway.onFrame = answer;
      gateway.send(frame);
    });
    machine.onInput = ({ event }) => {
      if (event.kind === "frame") this.#onTheirWay.shift();
    };
  }

  #give(frame: FrameOnItsWay): void {
    this.#onTheirWay.push(frame);
    this.#machine.input({ kind: "frame", ...frame });
  }

  /** To be kept with a snapshot, which does not hold input that was to come. */
  get state(): readonly FrameOnItsWay[] {
    return this.#onTheirWay;
  }

  /** The same, for a machine that has been restored. */
  goOn(state: readonly FrameOnItsWay[]): void {
    for (const frame of state) this.#give(frame);
  }
}
