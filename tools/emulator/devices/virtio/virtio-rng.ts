// The entropy device (Virtual I/O Device 1.2, 5.4). Its numbers are a stream with a fixed seed, so that a run is the same
// each time: good enough to try drivers with, and no secret. Where the stream is belongs to snapshots.

import type { DeviceKind } from "../device.ts";
import type { VirtioFunction, VirtioTransport } from "./virtio-function.ts";
import { VIRTIO_OPTIONS, type VirtioOptions, VirtioPci, virtioName } from "./virtio-pci.ts";
import type { Virtqueue } from "./virtqueue.ts";

const TYPE = 4;
const QUEUE_SIZE = 8;
const VECTORS = 2;
/** Bytes of one answer at most: a driver that wants more asks again (5.4.6.1). */
const MAX_ANSWER = 65536;

/** The seed, any number but 0. */
const SEED: readonly [number, number] = [0x6e64_7669, 0x7472_6f69];

const NOTHING = new Uint8Array(0);

/** Two words of state, as Marsaglia's xorshift64 has it ("Xorshift RNGs", 2003: shifts 13, 7, 17). */
function* stream(state: { words: [number, number] }): Generator<number> {
  for (;;) {
    let [low, high] = state.words;
    // x ^= x << 13; x ^= x >>> 7; x ^= x << 17, in halves of 32 bits.
    high ^= (high << 13) | (low >>> 19);
    low ^= low << 13;
    low ^= (low >>> 7) | (high << 25);
    high ^= high >>> 7;
    high ^= (high << 17) | (low >>> 15);
    low ^= low << 17;
    state.words = [low >>> 0, high >>> 0];
    yield low >>> 0;
  }
}

export class VirtioRng implements VirtioFunction {
  readonly type = TYPE;
  readonly classCode = 0x00ff00;
  readonly features = [];
  readonly queueSizes = [QUEUE_SIZE];
  state: { words: [number, number] } = { words: [...SEED] };

  config(): Uint8Array {
    return NOTHING;
  }

  /** The stream goes on where it was. */
  reset(): void {}

  perform(queue: Virtqueue): void {
    for (const chain of queue.requests()) {
      const answer = this.#take(Math.min(chain.writable, MAX_ANSWER));
      chain.write(0, answer);
      queue.push(chain, answer.length);
    }
  }

  #take(count: number): Uint8Array {
    const words = new Uint32Array(Math.ceil(count / 4));
    const source = stream(this.state);
    for (let i = 0; i < words.length; i++) words[i] = source.next().value as number;
    return new Uint8Array(words.buffer, 0, count);
  }
}

export const virtioRng: DeviceKind<VirtioOptions> = {
  name: "virtio-rng-pci",
  what: "virtio entropy device",
  options: VIRTIO_OPTIONS,
  nameOf: (options) => virtioName("virtio-rng", options),
  create: (slot, options) =>
    new VirtioPci(slot, options, VECTORS, (_: VirtioTransport) => new VirtioRng()),
};
