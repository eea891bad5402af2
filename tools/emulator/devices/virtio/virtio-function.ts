// What a kind of virtio device and its transport are to each other (Virtual I/O Device 1.2, 2). A further kind is a file
// with a `VirtioFunction` and its `DeviceKind`; PCI, rings, features and interrupts are virtio-pci.ts's.

import type { Virtqueue } from "./virtqueue.ts";

/** Feature bits that are not of one kind of device (6). */
export const FEATURE = {
  notifyOnEmpty: 24,
  anyLayout: 27,
  indirect: 28,
  eventIndex: 29,
  /** Not a feature: a legacy driver that accepts it has not looked at what is offered. */
  bad: 30,
  version1: 32,
  ringReset: 40,
} as const;

/** A kind of device. */
export interface VirtioFunction {
  /** Device ID (5). */
  readonly type: number;
  /** PCI class, subclass and interface. */
  readonly classCode: number;
  /** Feature bits of its own; those of `FEATURE` are the transport's. */
  readonly features: readonly number[];
  /** Entries of each queue, powers of two. */
  readonly queueSizes: readonly number[];
  /** Plain data, a part of the device's: whatever is not in the transport. */
  state: object;
  /** Device-specific configuration as the driver reads it, always of the same length. */
  config(): Uint8Array;
  writeConfig?(offset: number, value: number, size: number): void;
  /** Back to what it was without a driver. */
  reset(): void;
  /** The driver has accepted features, and is ready: DRIVER_OK. */
  started?(): void;
  /** `state` has been replaced. */
  restored?(): void;
  /**
   * The driver has notified this queue a while ago: takes what is there, or leaves it. Afterwards the transport tells the
   * driver what has been used. May throw `RingError`.
   */
  perform(queue: Virtqueue): void;
}

/** What a kind of device has of its transport. */
export interface VirtioTransport {
  readonly queues: readonly Virtqueue[];
  /** The driver has accepted a feature. */
  has(feature: number): boolean;
  /** The driver is ready, and rings may be used. */
  readonly running: boolean;
  /**
   * Uses rings at another time than in `perform`, as when a packet comes in, and tells the driver afterwards. Rings that
   * cannot be have the device need a reset.
   */
  use(queue: Virtqueue, action: (queue: Virtqueue) => void): void;
  /** The configuration has changed: the driver is told. */
  configChanged(): void;
}
