// The networks of a machine: each card's frames to what is behind it, and back as input, which comes between two slices
// of virtual time like all input.

import { closeSync, openSync, writeSync } from "node:fs";
import { LoadError } from "../../load-error.ts";
import type { NetworkBackend } from "../../net/backend.ts";
import { Hub } from "../../net/hub.ts";
import { captureHeader, captureRecord } from "../../net/pcap.ts";
import { UserNetwork } from "../../net/user/user-network.ts";
import { type CliNetwork, HUB, type NetdevRequest } from "../cli-network.ts";
import type { Machine } from "../machine.ts";
import { NodeNetwork } from "./node-network.ts";
import { SocketBackend } from "./socket-backend.ts";

/** Host's milliseconds between looks at what waits for its time. */
const POLL_MS = 20;

type Taker = (frame: Uint8Array) => void;

/** A capture file. Throws `LoadError`. */
function capture(file: string, bytes: number, now: () => number): { frame: Taker; close(): void } {
  let fd: number;
  try {
    fd = openSync(file, "w");
    writeSync(fd, captureHeader(bytes));
  } catch (error) {
    throw new LoadError(`-object filter-dump: cannot write ${file}: ${(error as Error).message}`);
  }
  return {
    frame: (frame) => writeSync(fd, captureRecord(frame, now(), bytes)),
    close: () => closeSync(fd),
  };
}

export class HostNetwork {
  readonly #backends: NetworkBackend[] = [];
  readonly #captures: { close(): void }[] = [];
  /** Ports of the host that listen, in the order of the command line. */
  readonly ports: number[] = [];
  #timer: ReturnType<typeof setInterval> | undefined;

  /** Connects the machine's cards; it then waits for others, as they do for it. Throws `LoadError`. */
  static async open(
    machine: Machine,
    network: CliNetwork,
    say: (line: string) => void = () => {},
  ): Promise<HostNetwork> {
    const host = new HostNetwork();
    try {
      await host.#connect(machine, network, say);
    } catch (error) {
      host.close();
      throw error;
    }
    if (host.#backends.length === 0) return host;
    machine.waitsForOthers = true;
    const poll = (): void => {
      for (const backend of host.#backends) backend.poll(machine.core.time());
    };
    host.#timer = setInterval(poll, POLL_MS);
    host.#timer.unref();
    return host;
  }

  async #connect(
    machine: Machine,
    network: CliNetwork,
    say: (line: string) => void,
  ): Promise<void> {
    const now = (): number => machine.core.time();
    const hub = new Hub();
    for (const [index, { netdev }] of network.cards.entries()) {
      const card = machine.networkCards[index];
      if (card === undefined) continue;
      const receive = (bytes: Uint8Array): void =>
        machine.input({ kind: "frame", card: index, bytes });
      if (netdev === HUB) card.onFrame = hub.join(receive);
      const request = netdev === undefined ? undefined : network.netdevs.get(netdev);
      if (request === undefined) continue;
      const captures = network.captures
        .filter((asked) => asked.netdev === netdev)
        .map(({ file, bytes }) => capture(file, bytes, now));
      this.#captures.push(...captures);
      const backend = await this.#open(request, netdev as string, say);
      card.onFrame = (frame) => {
        for (const each of captures) each.frame(frame);
        backend.send(frame);
      };
      backend.onFrame = (frame) => {
        for (const each of captures) each.frame(frame);
        receive(frame);
      };
    }
    for (const request of network.hub) {
      const backend = await this.#open(request, "-net", say);
      backend.onFrame = hub.join((frame) => backend.send(frame));
    }
  }

  async #open(
    request: NetdevRequest,
    id: string,
    say: (line: string) => void,
  ): Promise<NetworkBackend> {
    const name = id.startsWith("-") ? id : `-netdev id=${id}`;
    if (request.kind === "socket") {
      const backend = await SocketBackend.open(request.socket, name);
      backend.onTrouble = say;
      this.#backends.push(backend);
      if (backend.port !== 0) this.ports.push(backend.port);
      return backend;
    }
    const backend = new UserNetwork(request.user, new NodeNetwork(name, request.tftp));
    this.#backends.push(backend);
    this.ports.push(...(await backend.listen()));
    return backend;
  }

  /** Somebody may send something without being asked. */
  get isOpen(): boolean {
    return this.#backends.length > 0;
  }

  close(): void {
    clearInterval(this.#timer);
    for (const backend of this.#backends.splice(0)) backend.close();
    for (const each of this.#captures.splice(0)) each.close();
  }
}
