// A virtio device as a function on PCI (Virtual I/O Device 1.2, 4.1), transitional as QEMU's are on a conventional slot:
// the registers that the capabilities name in BAR 4, those of legacy drivers in BAR 0, MSI-X in BAR 1. Notifications are
// looked at a fixed while after they came, so that nothing is under way that a snapshot would have to hold.

import {
  allOnes,
  type Device,
  type MmioHandler,
  type NumberOption,
  ON_OFF,
  type OptionValues,
  type Slot,
} from "../device.ts";
import { Msix, type MsixState } from "../msix.ts";
import { type PciCapability, type PciFunction, SLOT_OPTION } from "../pci.ts";
import type { Timer } from "../timers.ts";
import { FEATURE, type VirtioFunction, type VirtioTransport } from "./virtio-function.ts";
import {
  type Address,
  MAX_DESCRIPTORS,
  NO_VECTOR,
  type QueueHost,
  type QueueState,
  RingError,
  Virtqueue,
} from "./virtqueue.ts";

const VENDOR = 0x1af4;
/** IDs of functions that know no legacy drivers are 1040h and the type; those of the others are older. */
const MODERN_ID = 0x1040;
const TRANSITIONAL_IDS: Readonly<Record<number, number>> = {
  ...{ 1: 0x1000, 2: 0x1001, 3: 0x1003, 4: 0x1005 },
};
const MODERN_SUBSYSTEM = 0x1100;

/** From a notification to what comes of it: as long as an AHCI command takes. */
const WORK_NS = 20_000;

/** Device status (2.1). */
const STATUS = { driverOk: 4, featuresOk: 8, needsReset: 0x40 } as const;
const ISR = { queue: 1, configuration: 2 } as const;

/** BAR 4: a page for each structure. */
const MODERN_BYTES = 0x4000;
const STRUCTURE_BYTES = 0x1000;
const NOTIFY_MULTIPLIER = 4;
/** `cfg_type` of the capabilities (4.1.4), where each is and what it shows. */
const STRUCTURES = [
  { type: 2, at: 0x70, offset: 0x3000, more: [NOTIFY_MULTIPLIER, 0, 0, 0] },
  { type: 4, at: 0x60, offset: 0x2000, more: [] },
  { type: 3, at: 0x50, offset: 0x1000, more: [] },
  { type: 1, at: 0x40, offset: 0, more: [] },
] as const;
const MODERN_BAR = 4;
/** The capability for accesses through configuration space (4.1.4.9). */
const WINDOW = { at: 0x84, bar: 0x88, offset: 0x8c, length: 0x90, data: 0x94 } as const;
const VENDOR_CAPABILITY = 9;
const MSIX_AT = { modern: 0x98, legacy: 0x40 } as const;
const MSIX_BAR = 1;

/** Registers of legacy drivers (4.1.4.10). */
const LEGACY = {
  features: 0,
  driverFeatures: 4,
  page: 8,
  size: 12,
  select: 14,
  notify: 16,
  status: 18,
  isr: 19,
  configVector: 20,
  queueVector: 22,
} as const;
const LEGACY_CONFIG = 20;
const LEGACY_VECTORS = 4;

/** The common configuration structure (4.1.4.3). */
const COMMON = {
  featureSelect: 0,
  feature: 4,
  driverSelect: 8,
  driverFeature: 12,
  configVector: 16,
  queues: 18,
  status: 20,
  generation: 21,
  select: 22,
  size: 24,
  vector: 26,
  enable: 28,
  notifyOffset: 30,
  descriptors: 32,
  available: 40,
  used: 48,
  notifyData: 56,
  reset: 58,
} as const;

/** Queues that may be selected, in QEMU's words VIRTIO_QUEUE_MAX. */
const MAX_QUEUES = 1024;

/** Options of every kind. `vectors` beyond the usual number stands for that. */
export const VIRTIO_OPTIONS = {
  addr: SLOT_OPTION,
  "disable-legacy": { default: 0, minimum: 0, maximum: 1, names: { ...ON_OFF, auto: 0 } },
  "disable-modern": { default: 0, minimum: 0, maximum: 1, names: ON_OFF },
  vectors: { default: 0xffff, minimum: 0, maximum: 0xffff },
  event_idx: { default: 1, minimum: 0, maximum: 1, names: ON_OFF },
  indirect_desc: { default: 1, minimum: 0, maximum: 1, names: ON_OFF },
} as const satisfies Record<string, NumberOption>;

export type VirtioOptions = OptionValues & Record<keyof typeof VIRTIO_OPTIONS, number>;

/** Name of a device: there may be several of a kind, each in its own slot. */
export const virtioName = (kind: string, { addr }: { addr: number }): string => `${kind}@${addr}`;

const freshState = () => ({
  status: 0,
  /** A ring was none: until the next reset nothing is done. */
  broken: false,
  isr: 0,
  generation: 0,
  featureSelect: 0,
  driverSelect: 0,
  /** What a driver has written, low and high half, before it is looked at. */
  written: [0, 0] as [number, number],
  /** What has been accepted of it. */
  accepted: [0, 0] as [number, number],
  select: 0,
  configVector: NO_VECTOR,
});

type TransportState = ReturnType<typeof freshState> & {
  queues: QueueState[];
  msix: MsixState | undefined;
  function: object;
};

const has = ([low, high]: readonly [number, number], bit: number): boolean =>
  ((bit < 32 ? low >>> bit : high >>> (bit - 32)) & 1) !== 0;

function bits(features: readonly number[]): [number, number] {
  const half = (first: number): number =>
    features.reduce((sum, b) => (b >= first && b < first + 32 ? sum + 2 ** (b - first) : sum), 0);
  return [half(0), half(32)];
}

export class VirtioPci implements Device, VirtioTransport {
  readonly name: string;
  readonly queues: readonly Virtqueue[];
  readonly function: VirtioFunction;
  state: TransportState;
  readonly #slot: Slot;
  readonly #fn: PciFunction;
  readonly #msix: Msix | undefined;
  readonly #timer: Timer;
  readonly #isModern: boolean;
  readonly #isLegacy: boolean;
  /** What is offered to drivers that know the registers of BAR 4, and to the others. */
  readonly #offered: readonly [number, number];
  readonly #offeredToLegacy: number;

  /** `vectors` messages unless the options say another number. */
  constructor(
    slot: Slot,
    options: VirtioOptions,
    vectors: number,
    create: (transport: VirtioTransport) => VirtioFunction,
  ) {
    this.name = slot.name;
    this.#slot = slot;
    this.function = create(this);
    this.#isLegacy = !options["disable-legacy"];
    this.#isModern = !options["disable-modern"];
    const { features, queueSizes } = this.function;
    const common = [
      ...(options.indirect_desc ? [FEATURE.indirect] : []),
      ...(options.event_idx ? [FEATURE.eventIndex] : []),
    ];
    this.#offered = bits([...features, ...common, FEATURE.version1, FEATURE.ringReset]);
    const legacy = [FEATURE.notifyOnEmpty, FEATURE.anyLayout, FEATURE.bad];
    this.#offeredToLegacy = bits([...features, ...common, ...legacy])[0];
    const messages = Math.min(options.vectors === 0xffff ? vectors : options.vectors, 2048);
    const msixAt = this.#isModern ? MSIX_AT.modern : MSIX_AT.legacy;
    this.#msix = messages > 0 ? new Msix(messages, MSIX_BAR, msixAt) : undefined;
    this.#fn = this.#claim(slot, options.addr);
    this.#msix?.attach(this.#fn);
    this.#fn.onWrite = (offset, size) => this.#configurationWritten(offset, size);
    this.#fn.onRead = (offset, size) => this.#configurationRead(offset, size);
    this.queues = queueSizes.map((size, i) => new Virtqueue(i, size, this.#queueHost()));
    this.#timer = slot.timer(() => this.#work());
    this.state = this.#linked(freshState());
  }

  #claim(slot: Slot, device: number): PciFunction {
    const { type, classCode } = this.function;
    const msix = this.#msix;
    const legacyBytes = LEGACY_CONFIG + (msix ? LEGACY_VECTORS : 0) + this.function.config().length;
    const transitional = TRANSITIONAL_IDS[type];
    const modern: PciCapability[] = [
      {
        id: VENDOR_CAPABILITY,
        at: WINDOW.at,
        bytes: [0x14, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        // BAR, offset, length and data.
        writable: [0, 0, 0xff, 0, 0, 0, ...new Array<number>(12).fill(0xff)],
      },
      ...STRUCTURES.map(
        ({ type, at, offset, more }): PciCapability => ({
          id: VENDOR_CAPABILITY,
          at,
          bytes: [
            ...[16 + more.length, type, MODERN_BAR, 0, 0, 0],
            ...[0, offset >> 8, 0, 0, 0, STRUCTURE_BYTES >> 8, 0, 0],
            ...more,
          ],
        }),
      ),
    ];
    return slot.pci({
      device,
      vendor: VENDOR,
      deviceId: this.#isLegacy && transitional !== undefined ? transitional : MODERN_ID + type,
      revision: this.#isLegacy ? 0 : 1,
      classCode,
      subsystem: (((this.#isLegacy ? type : MODERN_SUBSYSTEM) << 16) | VENDOR) >>> 0,
      bars: [
        ...(this.#isLegacy
          ? [
              {
                index: 0,
                kind: "io" as const,
                size: 2 ** Math.ceil(Math.log2(legacyBytes)),
                handler: this.#legacyRegisters(),
              },
            ]
          : []),
        ...(msix === undefined ? [] : [msix.bar]),
        ...(this.#isModern
          ? [
              {
                index: MODERN_BAR,
                kind: "memory64" as const,
                prefetchable: true,
                size: MODERN_BYTES,
                handler: this.#modernRegisters(),
              },
            ]
          : []),
      ],
      interruptPin: 1,
      capabilities: [
        ...(msix === undefined ? [] : [msix.capability]),
        ...(this.#isModern ? modern : []),
      ],
    });
  }

  /** Guest memory and what has been negotiated, as queues see it. */
  #queueHost(): QueueHost {
    const accepted = (feature: number): boolean => this.has(feature);
    return {
      memory: this.#fn.dma,
      get eventIndex() {
        return accepted(FEATURE.eventIndex);
      },
      get indirect() {
        return accepted(FEATURE.indirect);
      },
      get notifyOnEmpty() {
        return accepted(FEATURE.notifyOnEmpty);
      },
    };
  }

  #linked(fresh: ReturnType<typeof freshState>): TransportState {
    return {
      ...fresh,
      queues: this.queues.map((queue) => queue.state),
      msix: this.#msix?.state,
      function: this.function.state,
    };
  }

  // ---- Resets and snapshots

  /** Power-on, or a hardware reset. */
  reset(): void {
    this.#msix?.reset();
    this.state.generation = 0;
    this.#deviceReset();
  }

  /** The driver has written a status of 0. */
  #deviceReset(): void {
    this.#timer.cancel();
    for (const queue of this.queues) queue.reset();
    this.function.reset();
    const { generation } = this.state;
    this.state = this.#linked({ ...freshState(), generation });
    this.#fn.setInterrupt(false);
  }

  restored(): void {
    this.queues.forEach((queue, i) => {
      queue.state = this.state.queues[i] as QueueState;
    });
    if (this.#msix !== undefined) this.#msix.state = this.state.msix as MsixState;
    this.function.state = this.state.function;
    this.function.restored?.();
  }

  #resetQueue(queue: Virtqueue): void {
    queue.reset();
    this.state.queues[queue.number] = queue.state;
  }

  // ---- What the kind of device has of it

  has(feature: number): boolean {
    return has(this.state.accepted, feature);
  }

  /** Its device number on bus 0. */
  get slotNumber(): number {
    return this.#fn.header.device;
  }

  get running(): boolean {
    return !this.state.broken && this.#fn.isMaster && this.#isReady;
  }

  /** Legacy drivers use devices before they say that they are ready (3.1.2). */
  get #isReady(): boolean {
    return (this.state.status & STATUS.driverOk) !== 0 || !this.has(FEATURE.version1);
  }

  configChanged(): void {
    const s = this.state;
    s.generation = (s.generation + 1) & 0xff;
    if (s.status & STATUS.driverOk) this.#interrupt(ISR.configuration, s.configVector);
  }

  use(queue: Virtqueue, action: (queue: Virtqueue) => void): void {
    if (!this.running) return;
    try {
      action(queue);
      if (queue.state.enabled && queue.wantsInterrupt()) {
        this.#interrupt(ISR.queue, queue.state.vector);
      }
    } catch (error) {
      if (!(error instanceof RingError)) throw error;
      this.#fail(`queue ${queue.number}: ${error.message}`);
    }
  }

  /** The driver has done what no device could go on from (2.1.2). */
  #fail(what: string): void {
    const s = this.state;
    this.#slot.log.guestError(`${this.name}: ${what}`);
    s.broken = true;
    if (!this.has(FEATURE.version1)) return;
    s.status |= STATUS.needsReset;
    this.configChanged();
  }

  #interrupt(cause: number, vector: number): void {
    this.state.isr |= cause;
    if (this.#msix?.enabled) this.#msix.send(vector);
    else this.#fn.setInterrupt(true);
  }

  // ---- Notifications

  #notify(number: number): void {
    const queue = this.queues[number];
    if (queue === undefined || this.state.broken || !queue.state.enabled) return;
    queue.state.kicked = true;
    this.#schedule();
  }

  #schedule(): void {
    if (!this.running || this.#timer.when !== Number.POSITIVE_INFINITY) return;
    this.#timer.set(this.#slot.clock.now() + WORK_NS);
  }

  #work(): void {
    for (const queue of this.queues) {
      if (!queue.state.kicked || !this.running) continue;
      queue.state.kicked = false;
      this.use(queue, () => {
        if (queue.state.enabled) this.function.perform(queue);
      });
    }
  }

  // ---- Registers that both kinds of drivers have

  get #selected(): Virtqueue | undefined {
    return this.queues[this.state.select];
  }

  #select(value: number): void {
    if (value < MAX_QUEUES) this.state.select = value;
  }

  /** A message that there is, or none: so a driver finds out that it cannot have it. */
  #vector(value: number): number {
    return value < (this.#msix?.entries ?? 0) ? value : NO_VECTOR;
  }

  /** Reading it acknowledges. */
  #takeIsr(): number {
    const { isr } = this.state;
    this.state.isr = 0;
    this.#fn.setInterrupt(false);
    return isr;
  }

  #setStatus(value: number): void {
    if (value === 0) {
      this.#deviceReset();
      return;
    }
    const s = this.state;
    const before = s.status;
    s.status = value | (s.broken ? before & STATUS.needsReset : 0);
    if (value & STATUS.driverOk && !(before & STATUS.driverOk)) {
      this.function.started?.();
      if (this.queues.some((queue) => queue.state.kicked)) this.#schedule();
    }
  }

  // ---- Registers of legacy drivers

  #legacyConfig(): number {
    return LEGACY_CONFIG + (this.#msix?.enabled ? LEGACY_VECTORS : 0);
  }

  #readLegacy(offset: number, size: number): number {
    const s = this.state;
    const queue = this.#selected?.state;
    const config = this.#legacyConfig();
    if (offset >= config) return this.#readConfig(offset - config, size);
    switch (offset) {
      case LEGACY.features:
        return this.#offeredToLegacy;
      case LEGACY.driverFeatures:
        return s.accepted[0];
      case LEGACY.page:
        return queue?.page ?? 0;
      case LEGACY.size:
        return queue?.size ?? 0;
      case LEGACY.select:
        return s.select;
      case LEGACY.status:
        return s.status;
      case LEGACY.isr:
        return this.#takeIsr();
      case LEGACY.configVector:
        return s.configVector;
      case LEGACY.queueVector:
        return queue?.vector ?? NO_VECTOR;
    }
    return allOnes(size);
  }

  #writeLegacy(offset: number, value: number, size: number): void {
    const s = this.state;
    const config = this.#legacyConfig();
    if (offset >= config) {
      this.#writeConfig(offset - config, value, size);
      return;
    }
    switch (offset) {
      case LEGACY.driverFeatures:
        if (has([value, 0], FEATURE.bad)) s.accepted = [0, 0];
        else s.accepted = [(value & this.#offeredToLegacy) >>> 0, 0];
        return;
      case LEGACY.page:
        if (value === 0) this.#deviceReset();
        else this.#selected?.placeLegacy(value);
        return;
      case LEGACY.select:
        this.#select(value & 0xffff);
        return;
      case LEGACY.notify:
        this.#notify(value & 0xffff);
        return;
      case LEGACY.status:
        this.#setStatus(value & 0xff);
        return;
      case LEGACY.configVector:
        s.configVector = this.#vector(value & 0xffff);
        return;
      case LEGACY.queueVector:
        this.#setQueueVector(value & 0xffff);
        return;
    }
  }

  #setQueueVector(value: number): void {
    const queue = this.#selected;
    if (queue !== undefined) queue.state.vector = this.#vector(value);
  }

  #legacyRegisters(): MmioHandler {
    return {
      read: (offset, size) => (this.#readLegacy(offset, size) & allOnes(size)) >>> 0,
      write: (offset, value, size) => this.#writeLegacy(offset, value, size),
    };
  }

  // ---- Registers of the others

  #readCommon(offset: number): number {
    const s = this.state;
    const queue = this.#selected?.state;
    switch (offset) {
      case COMMON.featureSelect:
        return s.featureSelect;
      case COMMON.feature:
        return this.#offered[s.featureSelect] ?? 0;
      case COMMON.driverSelect:
        return s.driverSelect;
      case COMMON.driverFeature:
        return s.written[s.driverSelect] ?? 0;
      case COMMON.configVector:
        return s.configVector;
      case COMMON.queues:
        return this.queues.length;
      case COMMON.status:
        return s.status;
      case COMMON.generation:
        return s.generation;
      case COMMON.select:
        return s.select;
      case COMMON.size:
        return queue?.size ?? 0;
      case COMMON.vector:
        return queue?.vector ?? NO_VECTOR;
      case COMMON.enable:
        return queue?.enabled ? 1 : 0;
      case COMMON.notifyOffset:
        return s.select;
    }
    const place = addressAt(offset, queue);
    return place === undefined ? 0 : (place.address[place.half] as number);
  }

  #writeCommon(offset: number, value: number): void {
    const s = this.state;
    const queue = this.#selected;
    switch (offset) {
      case COMMON.featureSelect:
        s.featureSelect = value;
        return;
      case COMMON.driverSelect:
        s.driverSelect = value;
        return;
      case COMMON.driverFeature:
        if (s.driverSelect <= 1) this.#writeFeatures(s.driverSelect, value);
        return;
      case COMMON.configVector:
        s.configVector = this.#vector(value & 0xffff);
        return;
      case COMMON.status:
        this.#setModernStatus(value & 0xff);
        return;
      case COMMON.select:
        this.#select(value & 0xffff);
        return;
      case COMMON.size:
        this.#setSize(value & 0xffff);
        return;
      case COMMON.vector:
        this.#setQueueVector(value & 0xffff);
        return;
      case COMMON.enable:
        // A driver must not take a queue away so (4.1.4.3.2).
        if ((value & 0xffff) !== 1) this.#fail(`queue_enable ${value & 0xffff}`);
        else if (queue !== undefined && queue.state.size > 0) queue.state.enabled = true;
        return;
      case COMMON.reset:
        if (value & 1 && queue !== undefined && this.has(FEATURE.ringReset)) {
          this.#resetQueue(queue);
        }
        return;
    }
    const place = addressAt(offset, queue?.state);
    if (place !== undefined) place.address[place.half] = value;
  }

  #writeFeatures(half: number, value: number): void {
    const s = this.state;
    s.written[half] = value;
    if (s.status & STATUS.featuresOk) return;
    s.accepted = [(s.written[0] & this.#offered[0]) >>> 0, (s.written[1] & this.#offered[1]) >>> 0];
  }

  /** FEATURES_OK stays off for a choice that was not offered (2.2.2). */
  #setModernStatus(value: number): void {
    const s = this.state;
    const agreed =
      s.written.every((half, i) => (half & ~(this.#offered[i] as number)) === 0) &&
      (this.#isLegacy || this.has(FEATURE.version1));
    const refused = value & ~s.status & STATUS.featuresOk && !agreed;
    this.#setStatus(refused ? value & ~STATUS.featuresOk : value);
  }

  #setSize(value: number): void {
    const queue = this.#selected?.state;
    const fits = value > 0 && value <= MAX_DESCRIPTORS && (value & (value - 1)) === 0;
    if (queue !== undefined && fits && !queue.enabled) queue.size = value;
  }

  #readModern(offset: number, size: number): number {
    const within = offset % STRUCTURE_BYTES;
    switch (Math.floor(offset / STRUCTURE_BYTES)) {
      case 0:
        return this.#readCommon(within);
      case 1:
        return this.#takeIsr();
      case 2:
        return this.#readConfig(within, size);
    }
    return 0;
  }

  #writeModern(offset: number, value: number, size: number): void {
    const within = offset % STRUCTURE_BYTES;
    switch (Math.floor(offset / STRUCTURE_BYTES)) {
      case 0:
        this.#writeCommon(within, value);
        return;
      case 2:
        this.#writeConfig(within, value, size);
        return;
      case 3:
        this.#notify(Math.floor(within / NOTIFY_MULTIPLIER));
        return;
    }
  }

  #modernRegisters(): MmioHandler {
    return {
      read: (offset, size) => (this.#readModern(offset, size) & allOnes(size)) >>> 0,
      write: (offset, value, size) => this.#writeModern(offset, value, size),
    };
  }

  #readConfig(offset: number, size: number): number {
    const bytes = this.function.config();
    if (offset + size > bytes.length) return allOnes(size);
    let value = 0;
    for (let i = size - 1; i >= 0; i--) value = value * 256 + (bytes[offset + i] as number);
    return value;
  }

  #writeConfig(offset: number, value: number, size: number): void {
    if (offset + size <= this.function.config().length) {
      this.function.writeConfig?.(offset, value, size);
    }
  }

  // ---- Configuration space

  #configurationWritten(offset: number, size: number): void {
    this.#msix?.controlChanged();
    if (this.#reaches(offset, size))
      this.#throughWindow((bar, at, bytes) => {
        bar.write(at, this.#fn.peek(WINDOW.data, bytes), bytes);
      });
  }

  #configurationRead(offset: number, size: number): void {
    if (this.#reaches(offset, size))
      this.#throughWindow((bar, at, bytes) => {
        this.#fn.set32(WINDOW.data, bar.read(at, bytes));
      });
  }

  /** The access is one of the window's data, and not a reset or a snapshot. */
  #reaches(offset: number, size: number): boolean {
    return this.#isModern && size <= 4 && offset < WINDOW.data + 4 && offset + size > WINDOW.data;
  }

  /** What the window shows: a place in one of the base address registers' regions, and the width of the access. */
  #throughWindow(access: (bar: MmioHandler, offset: number, size: number) => void): void {
    const [index, offset, length] = [
      this.#fn.peek(WINDOW.bar, 1),
      this.#fn.get32(WINDOW.offset),
      this.#fn.get32(WINDOW.length),
    ];
    const bar = this.#fn.header.bars?.find((b) => b.index === index);
    const isWidth = length === 1 || length === 2 || length === 4;
    if (bar === undefined || !isWidth || offset % length !== 0) return;
    if (offset + length <= bar.size) access(bar.handler, offset, length);
  }
}

/** Which half of which of the queue's addresses a register is. */
function addressAt(
  offset: number,
  queue: QueueState | undefined,
): { address: Address; half: 0 | 1 } | undefined {
  if (queue === undefined) return undefined;
  const half = offset % 8 === 4 ? 1 : 0;
  switch (offset - half * 4) {
    case COMMON.descriptors:
      return { address: queue.descriptors, half };
    case COMMON.available:
      return { address: queue.available, half };
    case COMMON.used:
      return { address: queue.used, half };
  }
  return undefined;
}
