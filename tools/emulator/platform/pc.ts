// The board: devices on their ports, addresses and interrupt lines, as QEMU's q35 wires them. It
// knows the CPU core only by the functions in `CpuPins`.

import { AcpiPm, PM_BASE, PM_LENGTH, SMI_COMMAND_PORT } from "../devices/acpi-pm.ts";
import { hostBridge, lpcBridge } from "../devices/chipset.ts";
import { DEBUG_CONSOLE_PORT, DebugConsole } from "../devices/debug-console.ts";
import type { Device, GuestLog } from "../devices/device.ts";
import { FW_CFG_DMA_PORT, FW_CFG_PORT, FwCfg, type GuestMemory } from "../devices/fw-cfg.ts";
import { Hpet } from "../devices/hpet.ts";
import { I8042 } from "../devices/i8042.ts";
import { InterruptLines } from "../devices/interrupt-lines.ts";
import { IoApic } from "../devices/ioapic.ts";
import { debugExitPorts } from "../devices/isa-debug-exit.ts";
import { PciBus, PciFunction } from "../devices/pci.ts";
import { Pic8259 } from "../devices/pic8259.ts";
import { Pit8254 } from "../devices/pit8254.ts";
import { Ps2Keyboard, Ps2Mouse } from "../devices/ps2.ts";
import { ResetControl } from "../devices/reset-control.ts";
import { Rtc } from "../devices/rtc.ts";
import type { Clock } from "../devices/timers.ts";
import { Scheduler } from "../devices/timers.ts";
import { Uart16550 } from "../devices/uart16550.ts";
import { Vga, VRAM_BYTES } from "../devices/vga.ts";
import { MmioBus, PortBus } from "./bus.ts";
import {
  BIOS_SEGMENT,
  FRAMEBUFFER_BASE,
  HPET_BASE,
  IOAPIC_BASE,
  type MemoryMap,
  MIB,
  VGA_REGISTERS_BASE,
  VGA_WINDOW,
  VGA_WINDOW_BYTES,
} from "./memory-map.ts";

/** What the board does to the CPUs. */
export interface CpuPins {
  setIntr(level: boolean): void;
  apicMessage(
    destination: number,
    logical: number,
    delivery: number,
    vector: number,
    level: number,
  ): boolean;
  setA20(enabled: boolean): void;
}

/** How the guest, or its hardware, ends the run. */
export type BoardEvent =
  | { kind: "power-off" }
  | { kind: "reset" }
  | { kind: "debug-exit"; status: number };

export interface BoardOptions {
  map: MemoryMap;
  cpus: number;
  /** Time of the RTC at power-on, seconds since 1970. */
  epoch: number;
  /** A serial port on COM1. */
  serialPort: boolean;
  /** The 0xE9 console. */
  debugConsole: boolean;
  debugExit?: { iobase: number; iosize: number };
  vga: boolean;
}

const COM1 = { port: 0x3f8, irq: 4 } as const;
const POST_PORT = 0x80;

export class Board {
  readonly ports: PortBus;
  readonly mmio: MmioBus;
  readonly scheduler: Scheduler;
  readonly pic = new Pic8259();
  readonly ioapic = new IoApic();
  readonly lines: InterruptLines;
  readonly pit: Pit8254;
  readonly rtc: Rtc;
  readonly hpet: Hpet;
  readonly pm: AcpiPm;
  readonly keyboard = new Ps2Keyboard();
  readonly mouse = new Ps2Mouse();
  readonly i8042: I8042;
  readonly resetControl = new ResetControl();
  readonly pci = new PciBus();
  readonly fwCfg: FwCfg;
  readonly uart: Uart16550 | undefined;
  readonly debugConsole: DebugConsole | undefined;
  readonly vga: Vga | undefined;
  /** The last POST code. */
  readonly post = { name: "post", state: { code: 0 }, reset(): void {} };
  onEvent: (event: BoardEvent) => void = () => {};

  readonly #options: BoardOptions;
  readonly #cpus: CpuPins;
  readonly #devices: Device[] = [];

  constructor(
    options: BoardOptions,
    cpus: CpuPins,
    clock: Clock,
    memory: GuestMemory,
    log: GuestLog,
  ) {
    this.#options = options;
    this.#cpus = cpus;
    this.ports = new PortBus(log);
    this.mmio = new MmioBus(log);
    this.scheduler = new Scheduler(clock);
    this.lines = new InterruptLines({
      pic: (input, level) => this.pic.setInput(input, level),
      ioapic: (pin, level) => this.ioapic.setPin(pin, level),
    });
    this.pit = new Pit8254(this.scheduler);
    const legacyTimer = this.lines.isa(0);
    const rtcLine = this.lines.isa(8);
    const pitLine = this.lines.isa(0);
    this.pit.onOutput = (level) => pitLine.set(level && !this.hpet.legacy);
    this.pit.isHeard = () => !this.hpet.legacy && (this.pic.listens(0) || this.ioapic.listens(2));
    this.rtc = new Rtc(rtcLine, this.scheduler, options.epoch);
    const gsiLines = new Map(
      [2, 8, 16, 17, 18, 19, 20, 21, 22, 23].map((n) => [n, this.lines.gsi(n)]),
    );
    this.hpet = new Hpet(
      { gsi: (n) => gsiLines.get(n), legacyTimer, legacyRtc: this.lines.isa(8) },
      this.scheduler,
    );
    this.hpet.onLegacy = (on) => {
      pitLine.set(!on && this.pit.state.output);
      this.pit.catchUp();
    };
    this.pm = new AcpiPm(this.lines.isa(9), this.scheduler, log);
    this.i8042 = new I8042(
      { keyboard: this.lines.isa(1), mouse: this.lines.isa(12) },
      { keyboard: this.keyboard, mouse: this.mouse },
      log,
    );
    this.fwCfg = new FwCfg(memory, options.map.ramBytes, options.cpus);
    this.uart = options.serialPort
      ? new Uart16550("com1", this.lines.isa(COM1.irq), this.scheduler)
      : undefined;
    this.debugConsole = options.debugConsole ? new DebugConsole() : undefined;
    this.vga = options.vga ? new Vga(clock, new Uint8Array(VRAM_BYTES)) : undefined;
    this.#wireInterrupts();
    this.#wirePorts();
    this.#wireMemory(log);
    this.#wirePci();
    this.#wireEvents();
    this.#presetCmos();
    this.#devices.push(
      this.lines,
      this.pic,
      this.ioapic,
      this.pit,
      this.rtc,
      this.hpet,
      this.pm,
      this.keyboard,
      this.mouse,
      this.i8042,
      this.resetControl,
      this.pci,
      this.fwCfg,
      this.post,
    );
    for (const d of [this.uart, this.debugConsole, this.vga])
      if (d !== undefined) this.#devices.push(d);
  }

  /** Adds a device of the caller's to what is reset and kept in snapshots. */
  add(device: Device): void {
    this.#devices.push(device);
  }

  /** Every device, in a fixed order. */
  devices(): readonly Device[] {
    return this.#devices;
  }

  reset(): void {
    for (const device of this.#devices) device.reset();
  }

  #wireInterrupts(): void {
    this.pic.onIntr = (level) => {
      this.#cpus.setIntr(level);
      this.ioapic.setPin(0, level);
    };
    this.ioapic.onMessage = (...message) => this.#cpus.apicMessage(...message);
    this.pic.onUnmask = () => this.pit.catchUp();
    this.pic.onQuery = () => this.pit.catchUp();
    this.ioapic.onUnmask = () => this.pit.catchUp();
  }

  #wirePorts(): void {
    const { ports } = this;
    ports.map("pic", 0x20, 2, this.pic.ports(0));
    ports.map("pic", 0xa0, 2, this.pic.ports(1));
    ports.map("elcr", 0x4d0, 2, this.pic.elcrPorts());
    ports.map("pit", 0x40, 4, this.pit.ports());
    ports.map("speaker", 0x61, 1, this.pit.speakerPort());
    ports.map("rtc", 0x70, 2, this.rtc.ports());
    ports.map("i8042", 0x60, 1, this.i8042.dataPort());
    ports.map("i8042", 0x64, 1, this.i8042.commandPort());
    ports.map("port92", 0x92, 1, this.resetControl.port92());
    ports.map("acpi-pm", PM_BASE, PM_LENGTH, this.pm.ports(), 7);
    ports.map("smi", SMI_COMMAND_PORT, 2, this.pm.smiPorts());
    ports.map("pci-address", 0xcf8, 1, this.pci.addressPort(), 4);
    ports.map("reset", 0xcf9, 1, this.resetControl.cf9Port());
    ports.map("pci-data", 0xcfc, 4, this.pci.dataPorts(), 7);
    ports.map("fw-cfg", FW_CFG_PORT, 2, this.fwCfg.ports(), 3);
    ports.map("fw-cfg-dma", FW_CFG_DMA_PORT, 8, this.fwCfg.dmaPorts(), 4);
    const { post } = this;
    ports.map("post", POST_PORT, 1, {
      read: () => post.state.code,
      write: (_port, value) => {
        post.state.code = value;
      },
    });
    if (this.uart !== undefined) ports.map("com1", COM1.port, 8, this.uart.ports());
    if (this.debugConsole !== undefined) {
      ports.map("debug-console", DEBUG_CONSOLE_PORT, 1, this.debugConsole.ports());
    }
    if (this.vga !== undefined) {
      ports.map("vga", 0x3b0, 0x30, this.vga.ports());
      ports.map("dispi", 0x1ce, 2, this.vga.dispiPorts(), 2);
    }
    const exit = this.#options.debugExit;
    if (exit !== undefined) {
      const handler = debugExitPorts((status) => this.onEvent({ kind: "debug-exit", status }));
      ports.map("isa-debug-exit", exit.iobase, exit.iosize, handler, 7);
    }
  }

  #wireMemory(log: GuestLog): void {
    this.mmio.map("bios", BIOS_SEGMENT, 0x10000, {
      read: () => 0xff,
      write: (offset) =>
        log.guestError(
          `write to the read-only BIOS segment at 0x${(BIOS_SEGMENT + offset).toString(16)}`,
        ),
    });
    this.mmio.map("ioapic", IOAPIC_BASE, 0x1000, this.ioapic.mmio());
    this.mmio.map("hpet", HPET_BASE, 0x400, this.hpet.mmio());
    this.mmio.map("ecam", this.#options.map.ecam, 0x10000000, this.pci.ecam());
    if (this.vga !== undefined) {
      this.mmio.map("vga-window", VGA_WINDOW, VGA_WINDOW_BYTES, this.vga.window());
    }
  }

  #wirePci(): void {
    this.pci.add(hostBridge(this.#options.map.ecam));
    this.pci.add(lpcBridge());
    const { vga, mmio } = this;
    if (vga === undefined) return;
    const fn = new PciFunction("vga", 1, 0, {
      vendor: 0x1234,
      device: 0x1111,
      classCode: 0x030000,
      revision: 2,
    });
    fn.set16(4, 0x0007);
    const bar = (
      index: number,
      size: number,
      what: string,
      handler: Parameters<MmioBus["map"]>[3],
    ) => ({
      index,
      size,
      kind: "memory" as const,
      prefetchable: index === 0,
      map: (address: number) => mmio.map(what, address, size, handler),
      unmap: (address: number) => mmio.unmap(address, size),
    });
    fn.addBar(bar(0, VRAM_BYTES, "framebuffer", vga.framebuffer()), FRAMEBUFFER_BASE);
    fn.addBar(bar(2, 0x1000, "vga-registers", vga.registers()), VGA_REGISTERS_BASE);
    this.pci.add(fn);
  }

  #wireEvents(): void {
    const reset = (): void => this.onEvent({ kind: "reset" });
    this.resetControl.onReset = reset;
    this.i8042.onReset = reset;
    this.resetControl.onA20 = (on) => this.#cpus.setA20(on);
    this.i8042.onA20 = (on) => {
      // Both gates move the same line; port 0x92 shows where it is.
      this.resetControl.state.port92 = (this.resetControl.state.port92 & ~2) | (on ? 2 : 0);
      this.#cpus.setA20(on);
    };
    this.pm.onPowerOff = () => this.onEvent({ kind: "power-off" });
  }

  /** What a BIOS setup stores about memory and equipment (Ralf Brown's CMOS list). */
  #presetCmos(): void {
    const { rtc } = this;
    const { ramBytes } = this.#options.map;
    const word = (low: number, high: number, value: number): void => {
      rtc.setByte(low, value & 0xff);
      rtc.setByte(high, value >> 8);
    };
    word(0x15, 0x16, 640);
    const extendedKib = Math.min(0xffff, Math.floor((ramBytes - MIB) / 1024));
    word(0x17, 0x18, extendedKib);
    word(0x30, 0x31, extendedKib);
    word(0x34, 0x35, Math.max(0, Math.min(0xffff, Math.floor((ramBytes - 16 * MIB) / 65536))));
    rtc.setByte(0x14, 0x06);
    rtc.setByte(0x5f, this.#options.cpus - 1);
  }
}
