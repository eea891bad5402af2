// A PC: build it, run it, talk to its serial line, look into it. The machine is deterministic: virtual time
// advances with executed instructions and jumps over idle time, and input arrives only between slices of
// virtual time. Nothing here or below knows the host: bytes come in, bytes go to functions.

import { cpuDescription, processorId } from "./core/cpu-models.ts";
import { type CoreExports, type CoreImports, RunExit } from "./core/interface.ts";
import { instantiateCore } from "./core/load.ts";
import type { NetworkCard } from "./devices/net/network-card.ts";
import { pause, turn } from "./event-loop.ts";
import type { DriveAction, OutsideEvent, RecordedInput } from "./input.ts";
import { crashReport } from "./inspect/report.ts";
import { elfSymbols } from "./inspect/symbols.ts";
import { type Tier, type TierStatistics, tierOf } from "./jit/tier.ts";
import { LoadError } from "./load-error.ts";
import { enterImage, loadImage } from "./loader/boot-entry.ts";
import type { BootImage, Input } from "./loader/boot-image.ts";
import { linuxItems } from "./loader/firmware-linux.ts";
import { loadKernel } from "./loader/kernel.ts";
import {
  bootCards,
  bootModules,
  checkedChipset,
  checkedCpus,
  checkedRam,
  chipsOf,
  deviceRequests,
  type MachineMedia,
  type MachineOptions,
  mediaOf,
  powerOnTime,
} from "./machine-options.ts";
import type { Disk } from "./media/disk.ts";
import type { DiskFailure } from "./media/disk-failures.ts";
import { pictureFile } from "./picture-file.ts";
import { BoardMemory } from "./platform/core-pages.ts";
import { CpuAccess } from "./platform/cpu-access.ts";
import { type AcpiFacts, acpiTables } from "./platform/firmware/acpi-tables.ts";
import { Bios } from "./platform/firmware/bios.ts";
import { BOOT_ORDER, type BootOrder } from "./platform/firmware/bios-state.ts";
import { type BootRom, bootOrderFile } from "./platform/firmware/boot-order.ts";
import { flashContents, flashMemories } from "./platform/firmware/flash-chips.ts";
import {
  checkedFirmware,
  cmosBootOrder,
  expansionRom,
  firmwareFiles,
} from "./platform/firmware/guest-firmware.ts";
import type { Placement } from "./platform/firmware/low-memory.ts";
import { mpTables } from "./platform/firmware/mp-tables.ts";
import {
  type SmbiosFacts,
  smbiosFault,
  smbiosFiles,
  smbiosTables,
} from "./platform/firmware/smbios.ts";
import { wakeAt, wakingVector } from "./platform/firmware/wake.ts";
import { GuestRam } from "./platform/guest-ram.ts";
import { BIOS_SEGMENT, type MemoryMap, MIB, memoryMap } from "./platform/memory-map.ts";
import { PageStore } from "./platform/page-store.ts";
import { readLinear, translate } from "./platform/page-walk.ts";
import { Board, type BoardEvent, type BoardOptions } from "./platform/pc.ts";
import { PhysicalMemory } from "./platform/physical-memory.ts";
import { VideoMemory } from "./platform/video-memory.ts";
import { type Picture, picture, type RgbaPicture, rgbaPicture, textRows } from "./screen.ts";
import { SerialLine } from "./serial-line.ts";
import { captureSnapshot, restoreSnapshot, type Snapshot, stateHash } from "./snapshot.ts";

/** Virtual time between looks at the outside world, ns. Fixed, so that it cannot change a run. */
const SLICE_NS = 2_000_000;
/** How long a frame is on its way that comes while the CPUs run: an answer to one of theirs, as from the next room. */
const ANSWER_NS = 100_000;
/** How much of what the host was too slow for a run in real time makes up for, ms: as late as timers of the host are. */
const CATCH_UP_MS = 100;
/** CMOS memory's shutdown status, which tells firmware of the guest's that the machine comes out of S3 (QEMU hw/i386/pc.c). */
const SHUTDOWN_STATUS = 0x0f;
const WOKEN_FROM_S3 = 0xfe;
/** Events that wait for their turn at most. */
const MAX_PLANNED = 1024;
/** Host time after which an asynchronous run lets the event loop turn, ms. */
const YIELD_MS = 12;

/** Why a run ended. */
export type Stop =
  /** ACPI S5. */
  | { kind: "power-off" }
  /** ACPI S3: the machine stands still until `wakeUp`. */
  | { kind: "suspended" }
  | { kind: "debug-exit"; status: number }
  /** A guest's reset, with reboot off. */
  | { kind: "reset" }
  | { kind: "triple-fault"; cpu: number }
  /** All CPUs halt with interrupts off. */
  | { kind: "dead" }
  /** All CPUs halt, and no timer is set that could wake one. */
  | { kind: "idle" }
  /** The BIOS has found no medium that boots; the guest may go on to wait for one. */
  /** No medium boots, or all that was started has come back (INT 18h). */
  | { kind: "unbootable"; started: boolean }
  | { kind: "unimplemented"; cpu: number; detail: number }
  /** The limit given to `run` was reached. */
  | { kind: "limit" }
  /** `until` matched the serial output. */
  | { kind: "matched" }
  /** `stop()` was called. */
  | { kind: "stopped" }
  /** The host failed to read or write a disk whose failures stop the machine; `run` tries again. */
  | { kind: "io-error" }
  /** A breakpoint, watchpoint or step. */
  | { kind: "debug"; cpu: number; detail: number };

/** What ends a run, or resets the machine, from within it. */
type MachineEvent = BoardEvent | { kind: "unbootable"; started: boolean } | { kind: "io-error" };

export interface RunLimits {
  /** Instructions of all CPUs, checked at every slice. */
  instructions?: number;
  /** Virtual nanoseconds. */
  nanoseconds?: number;
  /** Ends the run when the output of COM1 since the call matches. */
  until?: string | RegExp;
}

/** The map of a machine with a BIOS. */
function biosMap(ramBytes: number, { biosFaults, machine }: MachineOptions): MemoryMap {
  const kib = biosFaults?.memory?.conventionalKib;
  const conventional = kib === undefined ? undefined : kib * 1024;
  return memoryMap(ramBytes, [], conventional, checkedChipset(machine));
}

/** The ROM or flash of firmware that is not ours. Throws `LoadError`. */
function firmwareOf(options: MachineOptions): Uint8Array | undefined {
  const chips = chipsOf(options);
  if (options.bios === undefined) return chips.length > 0 ? flashContents(chips) : undefined;
  if (chips.length > 0) throw new LoadError("firmware is either a ROM (bios) or chips of flash");
  return checkedFirmware(options.biosName ?? "bios", options.bios);
}

/** Where SeaBIOS looks for expansion ROMs. */
const romFile = (name: string): string => `genroms/${name}`;

const romPlaces = ({ optionRoms = [] }: MachineOptions): BootRom[] =>
  optionRoms.flatMap(({ name, bootIndex }) =>
    bootIndex === undefined ? [] : { name: romFile(name), bootIndex },
  );

/** The kernel of the options, for firmware that is not ours. Throws `LoadError`. */
function kernelItems(options: MachineOptions, lowBytes: number): Map<number, Uint8Array> {
  const { kernel: data, kernelName: name = "kernel", modules, append = "" } = options;
  if (data === undefined) return new Map();
  return linuxItems({ name, data }, bootModules(modules), append, lowBytes);
}

export class Machine {
  readonly core: CoreExports;
  readonly board: Board;
  readonly ram: GuestRam;
  readonly cpus: readonly CpuAccess[];
  /** The cables of COM1 to COM4, one without a port is silent; then those of ports of virtio consoles. */
  readonly serialLines: readonly SerialLine[];
  /** By their numbers. */
  readonly networkCards: readonly NetworkCard[];
  readonly options: MachineOptions;
  /** The kernel given, for its symbols. */
  readonly kernel: Input | undefined;

  readonly #map: MemoryMap;
  readonly #memory: BoardMemory;
  readonly #physical: PhysicalMemory;
  readonly #tier: Tier | undefined;
  readonly #media: MachineMedia;
  readonly #image: BootImage | undefined;
  #bios: Bios | undefined;
  #event: MachineEvent | undefined;
  /** The machine has been switched on: from now on it is reset. */
  #started = false;
  #bootOrder: BootOrder;
  #stopAsked = false;
  /** Input that came while the CPUs ran. */
  #arrived: OutsideEvent[] = [];
  /** Input that is to come at its time, in that order. */
  #planned: Pick<RecordedInput, "time" | "event">[] = [];
  /** When the next input that is given in turn may come, ns. */
  #turnEnds = 0;
  /** The deadline `core.run` was given. */
  #deadline = 0;
  /** A slice is under way, and where it ends. */
  #isInSlice = false;
  #target = 0;
  #running = false;
  /** See `stoppedFor`; undefined where the CPUs stopped by themselves. */
  #stoppedFor: number | undefined;
  #generation = 0;
  #realTime: boolean;
  #waitsForOthers = false;
  /** Host time (ms) at which virtual time was 0, in real time runs. */
  #hostStart: number | undefined;

  protected constructor(
    core: CoreExports,
    map: MemoryMap,
    store: PageStore,
    cpus: number,
    options: MachineOptions,
    image?: BootImage,
    tier?: Tier,
    flash?: Uint8Array,
  ) {
    this.core = core;
    this.options = options;
    this.#realTime = options.realTime ?? false;
    this.#bootOrder = options.bootOrder ?? BOOT_ORDER;
    this.#tier = tier;
    this.#image = image;
    this.kernel = image?.kernel;
    this.#map = map;
    this.ram = new GuestRam(core, map.lowBytes, {
      bytes: map.highBytes,
      store,
      residentBytes: options.residentHighRam,
    });
    this.#memory = new BoardMemory(core, this.ram, flash);
    this.cpus = Array.from({ length: cpus }, (_, n) => new CpuAccess(core, n));
    this.#media = mediaOf(options);
    this.board = new Board(
      {
        chipset: checkedChipset(options.machine),
        without: options.without,
        map,
        cpus,
        media: this.#media.attached,
        usbInput: options.usb,
        ...this.#guestFirmware(),
        epoch: powerOnTime(options.clockStart),
        devices: deviceRequests(options),
        stuckA20: options.biosFaults?.a20?.stuck?.flatMap((by) => (by === "bios" ? [] : [by])),
      },
      {
        setIntr: (level) => core.set_intr(level ? 1 : 0),
        apicMessage: (...m) => core.apic_message(...m) !== 0,
        setA20: (on) => core.set_a20(on ? 1 : 0),
        shadow: (areas) => this.#memory.shadow(areas),
        writeShadowed: (address, value, size) => {
          if (this.#memory.writeShadowed(address, value, size)) return;
          options.onGuestError?.(`write to read-only memory at 0x${address.toString(16)}`);
        },
        videoMemory: (bytes) => new VideoMemory(core, bytes, map.lowBytes),
      },
      {
        now: () => core.time(),
        shorten: (when) => this.#shorten(when),
      },
      this.ram,
      {
        unimplemented: (what) => options.onUnimplemented?.(what),
        absent: (what) => options.onAbsent?.(what),
        guestError: (what) => options.onGuestError?.(what),
      },
    );
    this.#physical = new PhysicalMemory(this.#memory, this.board.mmio);
    this.board.onEvent = (event) => this.#ask(event);
    const { debugConsole, serialPorts, virtioPorts } = this.board;
    const ends = [...serialPorts, ...virtioPorts.map(({ end }) => end)];
    this.serialLines = ends.map((end, port) => {
      const line = new SerialLine(end);
      line.onByte = (byte) => options.onSerial?.(byte, port);
      line.onMatch = () => core.request_exit();
      return line;
    });
    this.networkCards = this.board.networkCards();
    for (const card of this.networkCards) {
      card.onFrame = (frame) => options.onFrame?.(frame, card.index);
    }
    if (debugConsole !== undefined) {
      debugConsole.onByte = (byte) => options.onDebugConsole?.(byte);
    }
  }

  /** Builds a machine and boots it up to the kernel's first instruction. Throws `LoadError`. */
  static async create(options: MachineOptions): Promise<Machine> {
    const ramBytes = checkedRam(options.memory);
    const cpus = checkedCpus(options.cpus);
    const model = cpuDescription(options.cpu ?? "default");
    const fault = options.smbios && smbiosFault(options.smbios);
    if (fault !== undefined) throw new LoadError(`smbios: ${fault}`);
    let image: BootImage | undefined;
    const flash = firmwareOf(options);
    if (options.kernel !== undefined && flash === undefined) {
      const input = { name: options.kernelName ?? "kernel", data: options.kernel };
      image = loadKernel(input, bootModules(options.modules), options.append ?? "", {
        ramBytes,
        hasDisplay: options.vga ?? true,
        chipset: checkedChipset(options.machine),
        hasAcpi: !options.without?.includes("acpi"),
      });
    }
    // The core calls back into a board that needs the core: the machine is filled in below.
    const holder: { machine?: Machine } = {};
    const board = (): Board => (holder.machine as Machine).board;
    const imports = {
      port_read: (_cpu, port, size) => board().ports.read(port, size),
      port_write: (_cpu, port, size, value) => board().ports.write(port, value, size),
      mmio_read: (_cpu, address, size) => board().mmio.read(address, size),
      mmio_write: (_cpu, address, size, value) => board().mmio.write(address, value, size),
      interrupt_acknowledge: () => board().pic.acknowledge(),
      apic_eoi: (vector) => board().ioapic.endOfInterrupt(vector),
      trace: (...event) => options.onTrace?.(...event),
    } satisfies CoreImports;
    const tier = tierOf(options.core, options.accel);
    const store = new PageStore();
    const keeps = store.imports(() => core.memory);
    const core: CoreExports = await instantiateCore(options.core, imports, tier?.imports, keeps);
    tier?.attach(core);
    const map = image?.map ?? biosMap(ramBytes, options);
    core.create(cpus, map.lowBytes + (flash?.length ?? 0), model.base);
    for (const [index, word] of model.words) core.set_model_word(index, word);
    core.set_latencies(options.icount === true ? 0 : 1);
    if (options.skipWaits === false) core.set_skipping(0);
    const machine = new this(core, map, store, cpus, options, image, tier, flash);
    holder.machine = machine;
    machine.#addDisks();
    if (flash === undefined) machine.#addBios();
    machine.powerOn();
    return machine;
  }

  #addDisks(): void {
    for (const { disk } of this.#media.inBootOrder) {
      disk.onFailure = (failure) => this.#diskFailed(disk, failure);
      disk.onTray = (open) => this.onTray?.(disk, open);
      this.board.add(disk);
    }
  }

  #diskFailed(disk: Disk, failure: DiskFailure): void {
    const stops = failure.action === "stop";
    const { text, isNew } = failure;
    if (isNew) this.options.onHostError?.(stops ? `${text}: the machine is stopped` : text);
    this.onDiskFailure?.(disk, failure);
    if (stops) this.#ask({ kind: "io-error" });
  }

  /** Called with each request to a disk that the host has failed. */
  onDiskFailure: ((disk: Disk, failure: DiskFailure) => void) | undefined;

  /** Disks, CDs and floppies with the drives that they are in, in the order in which the BIOS numbers them. */
  get drives(): Disk[] {
    return this.#media.inBootOrder.map(({ disk }) => disk);
  }

  /** Called when the tray of a drive has been opened or closed. */
  onTray: ((disk: Disk, open: boolean) => void) | undefined;

  /** Disks whose requests wait since the host has failed them. */
  get waitingDisks(): Disk[] {
    return this.#media.inBootOrder.flatMap(({ disk }) => (disk.waits ? disk : []));
  }

  /** Firmware is not our BIOS. */
  get #hasGuestFirmware(): boolean {
    return this.options.bios !== undefined || chipsOf(this.options).length > 0;
  }

  /** What the board is to be for firmware of the guest's; nothing where it is ours. */
  #guestFirmware(): Partial<BoardOptions> {
    const { vgaRom, bootMenu = {}, firmwareFiles: more = [] } = this.options;
    const { networkCards = [], without = [], optionRoms = [] } = this.options;
    const files = more.map(({ name, data }) => ({ name, contents: () => data }));
    if (!this.#hasGuestFirmware) return { firmwareFiles: files };
    const facts = (): AcpiFacts => {
      const { ecam, pm } = this.board;
      return { ...this.#tableFacts(ecam), ...(pm.base < 0 ? {} : { pmBase: pm.base }) };
    };
    return {
      bare: true,
      flash: flashMemories(chipsOf(this.options), this.#memory, (what) =>
        this.options.onHostError?.(what),
      ),
      vgaRom: vgaRom && expansionRom(vgaRom),
      cardRoms: networkCards.map(({ rom }) => rom && expansionRom(rom)),
      firmwareItems: kernelItems(this.options, this.#map.lowBytes),
      firmwareFiles: [
        ...firmwareFiles(this.#map, bootMenu, without.includes("acpi") ? undefined : facts),
        ...smbiosFiles(this.#smbiosFacts()),
        ...bootOrderFile(
          this.#media.inBootOrder,
          bootCards(this.options),
          this.#media.attached,
          () => this.board,
          romPlaces(this.options),
        ),
        ...optionRoms.map(({ name, data }) => ({ name: romFile(name), contents: () => data })),
        ...files,
      ],
    };
  }

  /** What firmware's tables are about, with PCI configuration's window at `ecam`. */
  #tableFacts(ecam: number): AcpiFacts {
    const { serialPorts } = this.board;
    return {
      chipset: checkedChipset(this.options.machine),
      without: this.options.without,
      map: { ...this.#map, ecam },
      cpus: this.cpus.length,
      acpiOnly: this.#hasGuestFirmware,
      serialPorts: serialPorts.flatMap((port, i) => (port === undefined ? [] : [i])),
    };
  }

  /** What the machine says of itself. */
  #smbiosFacts(): SmbiosFacts {
    const { machine, cpu, smbios } = this.options;
    return {
      chipset: checkedChipset(machine),
      ram: this.#map,
      cpus: this.cpus.length,
      processor: processorId(cpuDescription(cpu ?? "default")),
      options: smbios,
    };
  }

  /** The BIOS, which boots from disks unless there is a kernel. */
  #addBios(): void {
    const disks = this.#media.inBootOrder;
    const { board, cpus, ram } = this;
    const passTime = (ns: number): void => this.core.pass_time(ns);
    const machine = { board, cpus, ram, map: this.#map, passTime };
    const { biosFaults } = this.options;
    const bios = board.put("bios-services", (slot) => new Bios(slot, machine, disks, biosFaults));
    bios.onUnbootable = (started) => this.#ask({ kind: "unbootable", started });
    if (this.#image !== undefined) bios.onPowerOn = () => this.#ask({ kind: "reset" });
    this.#bios = bios;
  }

  /** The kinds of media that the BIOS tries from the next reset on, in this order. */
  setBootOrder(order: BootOrder): void {
    this.#bootOrder = order;
  }

  /** Resets the whole machine and loads the kernel again, as after switching it on. */
  powerOn(): void {
    this.#resetHardware();
    const { bootOnce = this.#bootOrder } = this.options;
    const order = this.#started ? this.#bootOrder : bootOnce;
    this.#started = true;
    const bios = this.#bios;
    if (bios === undefined) {
      this.board.rtc.setUp(cmosBootOrder(order));
      return;
    }
    bios.state.order = order;
    const facts = this.#tableFacts(this.#map.ecam);
    const described = this.#smbiosFacts();
    const tables = [...acpiTables(facts), ...mpTables(described), ...smbiosTables(described)];
    const install = (placements: readonly Placement[]): void => {
      bios.install();
      for (const p of placements) this.ram.write(p.address, p.data);
    };
    install(tables);
    if (this.#image === undefined) return;
    bios.powerOn();
    loadImage(this.#image, this.ram);
    // A loader's writing to the BIOS segment has no effect: what firmware has there stays.
    install(tables.filter((p) => p.address >= BIOS_SEGMENT && p.address < MIB));
    enterImage(this.#image, this.cpus[0] as CpuAccess, this.ram);
    if (this.#image.framebuffer !== undefined) this.board.vga?.setMode(this.#image.framebuffer);
  }

  /** Resets CPUs and devices; memory is as it was. */
  #resetHardware(): void {
    this.#event = undefined;
    for (const cpu of this.cpus) this.core.reset_cpu(cpu.cpu);
    this.board.reset();
  }

  /** The reset button. */
  reset(): void {
    this.powerOn();
    this.onReset?.("host");
  }

  /** Called after each reset. */
  onReset: ((by: "guest" | "host") => void) | undefined;

  #resetByGuest(): void {
    this.powerOn();
    this.onReset?.("guest");
  }

  /** Whether the machine sleeps: ACPI S3. */
  get asleep(): boolean {
    return this.board.pm.state.asleep;
  }

  /**
   * Wakes a machine that sleeps: CPUs and devices are reset, memory is as it was, and the guest goes on at the waking
   * vector that it has left; without one it starts anew. False if the machine is awake.
   */
  wakeUp(): boolean {
    if (!this.asleep) return false;
    if (this.#bios === undefined) {
      this.#resetHardware();
      this.board.rtc.setUp({ [SHUTDOWN_STATUS]: WOKEN_FROM_S3 });
      this.board.pm.wake();
      return true;
    }
    const vector = wakingVector(this.ram, this.#map);
    if (vector === 0) {
      this.powerOn();
      return true;
    }
    this.#resetHardware();
    wakeAt(vector, this.board, this.cpus, this.#map.lowBytes);
    return true;
  }

  /** Ends `run` after the current instruction because of something outside the CPUs. */
  #ask(event: MachineEvent): void {
    this.#event ??= event;
    this.core.request_exit();
  }

  // ---- Running

  /** Runs until something ends it; lets the event loop turn, so that input, timers and signals come through. */
  async run(limits: RunLimits = {}): Promise<Stop> {
    const end = this.#begin(limits);
    let turned = performance.now();
    for (;;) {
      const stop = this.#slice(end);
      if (stop !== undefined) return this.#finish(stop);
      const ahead = this.#isPaced ? this.#aheadOfHost() : 0;
      if (ahead > 1 || performance.now() - turned > YIELD_MS) {
        this.beforeYield?.();
        await (ahead > 1 ? pause(ahead) : turn());
        turned = performance.now();
        if (this.#stopAsked) return this.#finish({ kind: "stopped" });
      }
    }
  }

  /** Called before the event loop turns during `run`: where output is flushed. */
  beforeYield: (() => void) | undefined;

  /**
   * The virtual time (ns) that the CPUs were to run to, which the last instructions of a block may have gone beyond. It
   * decides into which turns instructions are cut, so that a run is repeated by the same ones.
   */
  get stoppedFor(): number {
    const now = this.core.time();
    return Math.min(this.#stoppedFor ?? now, now);
  }

  /**
   * Whether idle time is waited out instead of skipped. Of what the host was too slow for, as much is caught up with as
   * its timers are late by, and no more: a guest that lost a minute would find its timeouts over.
   */
  get realTime(): boolean {
    return this.#realTime;
  }

  set realTime(on: boolean) {
    this.#realTime = on;
    this.#hostStart = undefined;
  }

  get #isPaced(): boolean {
    return this.#realTime || this.#waitsForOthers;
  }

  /**
   * Idle time is waited out, since somebody outside may be about to send something, and virtual time that the host was
   * too slow for is not caught up with at all: a guest never waits less long than it wants to.
   */
  get waitsForOthers(): boolean {
    return this.#waitsForOthers;
  }

  set waitsForOthers(on: boolean) {
    this.#waitsForOthers = on;
    this.#hostStart = undefined;
  }

  /** Milliseconds by which virtual time since the first call is ahead of the host's clock. */
  #aheadOfHost(): number {
    const virtual = this.core.time() / 1e6;
    const start = performance.now() - virtual;
    const caughtUp = this.#realTime ? CATCH_UP_MS : 0;
    this.#hostStart = Math.max(this.#hostStart ?? start, start - caughtUp);
    return this.#hostStart - start;
  }

  /** Like `run`, without letting the event loop turn. */
  runSync(limits: RunLimits = {}): Stop {
    const end = this.#begin(limits);
    for (;;) {
      const stop = this.#slice(end);
      if (stop !== undefined) return this.#finish(stop);
    }
  }

  /** Executes one instruction of one CPU, for a debugger; {kind: "limit"} means that nothing else happened. */
  step(cpu = 0): Stop {
    this.#tryAgain();
    if (this.#hasFailed) return this.#requested() ?? { kind: "limit" };
    this.board.scheduler.runDue(this.core.time());
    const exit = this.core.step(cpu);
    this.#target = this.core.time();
    return this.#afterRun(exit, this.#target) ?? { kind: "limit" };
  }

  /** Ends `run` at the next slice. */
  stop(): void {
    this.#stopAsked = true;
  }

  #begin(limits: RunLimits): { time: number; instructions: number } {
    this.#stopAsked = false;
    this.#tryAgain();
    this.serial.expect(limits.until);
    return {
      time: this.core.time() + (limits.nanoseconds ?? Number.POSITIVE_INFINITY),
      instructions: this.core.instructions() + (limits.instructions ?? Number.POSITIVE_INFINITY),
    };
  }

  #finish(stop: Stop): Stop {
    this.serial.expect(undefined);
    // What stands still because somebody wants it to has no time to catch up with.
    if (stop.kind === "stopped" || stop.kind === "debug") this.#hostStart = undefined;
    return stop;
  }

  /** One slice up to the next point of the virtual time grid; undefined if the run goes on. */
  #slice(end: { time: number; instructions: number }): Stop | undefined {
    // What wakes the machine may be among it.
    this.#takeDue();
    if (this.#hasFailed) return this.#requested();
    if (this.asleep) return { kind: "suspended" };
    const { core } = this;
    const grid = (Math.floor(core.time() / SLICE_NS) + 1) * SLICE_NS;
    const left = end.instructions - core.instructions();
    const input = this.#planned[0]?.time ?? Number.POSITIVE_INFINITY;
    this.#target = Math.min(grid, end.time, core.time() + left, input);
    this.#isInSlice = true;
    const stop = this.#toTarget(end.time);
    this.#isInSlice = false;
    this.#stoppedFor = stop === undefined ? this.#target : undefined;
    if (stop !== undefined) return stop;
    if (this.serial.matches) return { kind: "matched" };
    if (this.#stopAsked) return { kind: "stopped" };
    if (core.time() >= end.time || core.instructions() >= end.instructions)
      return { kind: "limit" };
    return undefined;
  }

  #toTarget(endTime: number): Stop | undefined {
    const { core, board } = this;
    while (core.time() < this.#target) {
      board.scheduler.runDue(core.time());
      if (this.#hasFailed) return this.#requested();
      this.#deadline = Math.min(this.#target, board.scheduler.next());
      this.#running = true;
      const exit = core.run(this.#deadline);
      this.#running = false;
      const stop = this.#afterRun(exit, endTime);
      if (stop !== undefined) return stop;
    }
    return undefined;
  }

  #afterRun(exit: number, endTime: number): Stop | undefined {
    const { core } = this;
    switch (exit) {
      case RunExit.Deadline:
        return undefined;
      case RunExit.Idle:
        return this.#idle(endTime);
      case RunExit.Requested:
        return this.#requested();
      case RunExit.TripleFault:
        if (!this.options.reboot) return { kind: "triple-fault", cpu: core.exit_cpu() };
        this.#resetByGuest();
        return undefined;
      case RunExit.Unimplemented:
        return { kind: "unimplemented", cpu: core.exit_cpu(), detail: core.exit_detail() };
      case RunExit.Dead:
        return { kind: "dead" };
      case RunExit.Debug:
        return { kind: "debug", cpu: core.exit_cpu(), detail: core.exit_detail() };
      default:
        throw new Error(`the core's run returned ${exit}, which is not a RunExit`);
    }
  }

  /** All CPUs wait: jump to what comes next, however far away, but not past the caller's limit. */
  #idle(endTime: number): Stop | undefined {
    const { core, board } = this;
    const input = this.#planned[0]?.time ?? Number.POSITIVE_INFINITY;
    const next = Math.min(board.scheduler.next(), core.next_timer(), input);
    if (next === Number.POSITIVE_INFINITY) return { kind: "idle" };
    const isDue = this.#isPaced || this.#arrived.length > 0;
    const limit = isDue ? this.#target : Math.max(this.#target, endTime);
    core.advance_to(Math.min(Math.max(next, core.time()), limit));
    return undefined;
  }

  /** What disks have been waiting with since they stopped the machine. */
  #tryAgain(): void {
    for (const disk of this.waitingDisks) disk.goOn();
  }

  /** A disk that stops the machine has failed: not an instruction more. */
  get #hasFailed(): boolean {
    return this.#event?.kind === "io-error";
  }

  #requested(): Stop | undefined {
    if (this.serial.found) return { kind: "matched" };
    const event = this.#event;
    this.#event = undefined;
    if (event === undefined) return undefined;
    if (event.kind === "reset" && this.options.reboot) {
      this.#resetByGuest();
      return undefined;
    }
    return event;
  }

  // ---- Input

  /** Called with each event that has reached the machine: what `replay` takes. */
  onInput: ((input: RecordedInput) => void) | undefined;

  /** Whether events may reach the machine; otherwise those of `replay` alone do, and others are lost. */
  acceptsInput = true;

  /** Input from outside. It arrives now, or during a slice, as what the guest sends is answered at once, behind it. */
  input(event: OutsideEvent): void {
    if (!this.acceptsInput) return;
    if (this.#isInSlice) {
      this.#arrived.push(event);
      if (event.kind === "frame") this.#endSliceBy(this.core.time() + ANSWER_NS);
    } else this.#take(event);
    this.onWaitingInput?.();
  }

  #endSliceBy(time: number): void {
    if (time >= this.#target) return;
    this.#target = time;
    this.#shorten(time);
  }

  /** The CPUs are to stop at `when` at the latest, if they run. */
  #shorten(when: number): void {
    if (!this.#running || when >= this.#deadline) return;
    this.#deadline = when;
    this.core.shorten_deadline(when);
  }

  /** Called when input has come or is planned: a run that ended because the machine was idle may go on. */
  onWaitingInput: (() => void) | undefined;

  /**
   * Input of a person's hands: each event comes `spacing` virtual nanoseconds after the one before it, and the first as
   * long after what an earlier call gave. Throws `Error` where more than 1024 events wait.
   */
  inputInTurn(events: readonly OutsideEvent[], spacing: number): void {
    if (!this.acceptsInput) return;
    if (this.#planned.length + events.length > MAX_PLANNED) {
      throw new Error(`${this.#planned.length} events wait already: try again when they have come`);
    }
    this.#turnEnds = Math.max(this.#turnEnds, this.core.time());
    for (const event of events) {
      this.#planned.push({ time: this.#turnEnds, event });
      this.#turnEnds += spacing;
    }
    this.#sortPlanned();
    this.onWaitingInput?.();
  }

  /** Events that are still to come at their time. */
  get plannedInputs(): number {
    return this.#planned.length;
  }

  #sortPlanned(): void {
    this.#planned.sort((a, b) => a.time - b.time);
  }

  /**
   * Lets the input of another run from the same state arrive at the same points of this one, beside what else comes.
   * Limits of a run are points at which instructions are cut into turns: where the other one had some without input
   * after them, this one needs the same.
   */
  replay(inputs: readonly RecordedInput[]): void {
    for (const { time, due = time, event } of inputs) this.#planned.push({ time: due, event });
    this.#sortPlanned();
    this.#takeDue();
  }

  #take(event: OutsideEvent): void {
    const { keyboard, mouse, pm, usb } = this.board;
    const due = this.stoppedFor;
    const instructions = this.core.instructions();
    this.onInput?.({ time: this.core.time(), due, instructions, event });
    switch (event.kind) {
      case "key":
        (usb?.keyboard ?? keyboard).key(event.code, event.down, event.extended ?? false);
        break;
      case "pointer": {
        const { dx, dy, dz, buttons, at } = event;
        const moves = at === undefined && (dx !== 0 || dy !== 0);
        const pointer = usb?.pointerFor(moves ? "movements" : "places");
        if (pointer === undefined) mouse.move(dx, dy, dz, buttons);
        else pointer.move(dx, dy, dz, buttons, at);
        break;
      }
      case "serial":
        this.serialLines[event.port]?.send(event.bytes);
        break;
      case "power-button":
        pm.pressPowerButton();
        break;
      case "reset":
        this.reset();
        break;
      case "wake-up":
        this.wakeUp();
        break;
      case "nmi":
        this.core.raise_nmi(event.cpu);
        break;
      case "frame":
        this.networkCards[event.card]?.receive(event.bytes);
        break;
      case "cable":
        this.networkCards[event.card]?.setCable(event.isIn);
        break;
      case "drive":
        this.#handle(event.drive, event.action);
    }
  }

  /** Somebody at a drive. */
  #handle(drive: string, action: DriveAction): void {
    const disk = this.drives.find(({ name }) => name === drive);
    if (disk === undefined) return;
    const isThereNoTray = disk.tray === undefined;
    switch (action.kind) {
      case "request":
        disk.tray?.request(action.force);
        return;
      case "tray":
        disk.moveTray(action.open);
        return;
      case "remove":
        disk.remove();
        break;
      case "insert":
        try {
          disk.insert(action.medium);
        } catch (error) {
          this.options.onHostError?.(`drive ${disk.driveName}: ${(error as Error).message}`);
        }
    }
    if (isThereNoTray) disk.onChange();
  }

  /** Hands over what came during the last slice and what is planned for this time. */
  #takeDue(): void {
    for (const event of this.#arrived.splice(0)) this.#take(event);
    const later = this.#planned.findIndex(({ time }) => time > this.core.time());
    const due = this.#planned.splice(0, later < 0 ? this.#planned.length : later);
    for (const { event } of due) this.#take(event);
  }

  // ---- Serial line

  /** COM1. */
  get serial(): SerialLine {
    return this.serialLines[0] as SerialLine;
  }

  /** Everything the guest has sent on COM1, as Latin-1 characters. */
  get serialOutput(): string {
    return this.serial.output;
  }

  /** Types into COM1. */
  sendSerial(input: string | Uint8Array): void {
    this.serial.send(input);
  }

  /** True while input from outside could wake an idle guest. */
  get listens(): boolean {
    return this.serialLines.some((line) => line.listens);
  }

  // ---- Looking inside

  /** Physical memory: RAM, ROM, and devices' where reading has no effect; shorter where there is none of these. */
  readPhysical(address: number, length: number): Uint8Array {
    return this.#physical.read(address, length);
  }

  /** Memory as CPU `cpu` sees it at a linear address; shorter where nothing is mapped. */
  readLinear(address: bigint, length: number, cpu = 0): Uint8Array {
    return readLinear(this.cpus[cpu] as CpuAccess, this.#physical, address, length);
  }

  /** Physical address of a linear one, or undefined. */
  translate(address: bigint, cpu = 0): number | undefined {
    return translate(this.cpus[cpu] as CpuAccess, this.#physical, address);
  }

  /** The text screen, one string a row with trailing blanks cut off; undefined in graphics modes. */
  screenText(): string[] | undefined {
    const { vga } = this.board;
    return vga && textRows(vga);
  }

  /** The screen in pixels: graphics modes, and text in the font of plane 2 with colours and cursor. */
  screen(): Picture | undefined {
    const { vga } = this.board;
    return vga && picture(vga);
  }

  /** The screen as bytes R, G, B, A (always 255) row by row, as image libraries and canvases take it. */
  screenRgba(): RgbaPicture | undefined {
    const { vga } = this.board;
    return vga && rgbaPicture(vga);
  }

  /** The screen as the bytes of a PNG file; undefined without a display adapter. */
  screenshot(): Uint8Array | undefined {
    const picture = this.screenRgba();
    return picture && pictureFile(picture, "png");
  }

  /** Functions and objects of the kernel's ELF. */
  symbols() {
    return this.kernel === undefined ? undefined : elfSymbols(this.kernel);
  }

  /** Registers, code around RIP and the stack of a CPU, as text. */
  report(cpu = 0): Promise<string> {
    return crashReport(this, cpu);
  }

  /** What the compiled tier has done; undefined without one. It depends on the host and is not the guest's to see. */
  get tierStatistics(): Readonly<TierStatistics> | undefined {
    return this.#tier?.statistics;
  }

  // ---- Snapshots

  /** Changes whenever another state takes the machine's place. */
  get generation(): number {
    return this.#generation;
  }

  /** Throws `Error` for a machine with a disk that writes to its image, which could not be taken back. */
  snapshot(): Snapshot {
    this.#refusePersistent();
    return captureSnapshot(this);
  }

  /** Throws `Error` of one line if the snapshot is of another machine, and as `snapshot`. Input that was to come does not. */
  restore(snapshot: Snapshot): void {
    this.#refusePersistent();
    restoreSnapshot(this, snapshot);
    this.#planned = [];
    this.#turnEnds = 0;
    this.#stoppedFor = undefined;
    this.#generation++;
  }

  #refusePersistent(): void {
    const [waiting] = this.waitingDisks;
    if (waiting !== undefined) {
      throw new Error(
        `disk ${waiting.imageName} waits for its image, which a snapshot cannot hold: let the machine go on first`,
      );
    }
    for (const { image, persistent } of chipsOf(this.options)) {
      if (persistent) {
        throw new Error(
          `flash ${image.name} writes to its image, which a snapshot cannot hold: start with -snapshot`,
        );
      }
    }
    const written = this.#media.inBootOrder.find(({ disk }) => disk.persistent)?.disk;
    if (written === undefined) return;
    throw new Error(
      `disk ${written.imageName} writes to its image, which a snapshot cannot hold: start with -snapshot`,
    );
  }

  /** A second machine in the same state, independent of this one. */
  async clone(): Promise<Machine> {
    const other = await (this.constructor as typeof Machine).create({ ...this.options });
    other.restore(this.snapshot());
    return other;
  }

  /** SHA-256 over all that a guest can observe (CPUs, local APICs, memory, devices, timers), as hexadecimal digits. */
  stateHash(): string {
    return stateHash(this);
  }
}
