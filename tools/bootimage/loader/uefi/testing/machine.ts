// The loader for UEFI in Node: its wasm module on the model of firmware.ts, from its entry to a kernel's or back to the
// firmware.

import { guestModule } from "../../../../asc/guest.ts";
import { crc32c } from "../../../crc32.ts";
import { writeFileTable } from "../../../file-table.ts";
import { BLOCK_BYTES, IMAGE_ID_OFFSET, writeParameters } from "../../../parameters.ts";
import { HandOff } from "../../core/testing/machine.ts";
import { UEFI_LOADER_GUEST } from "../options.ts";
import { blocks, Exited, Firmware, type FirmwareOptions, IMAGE_HANDLE } from "./firmware.ts";
import { PhysicalMemory, WINDOW } from "./memory.ts";

const MIB = 0x10_0000;
const COM1 = 0x3f8;
const DESCRIPTOR_BLOCK = 16;
const TABLE_BLOCK = 20;
export const IMAGE_ID = Uint8Array.from({ length: 16 }, (_, i) => 0xc0 + i);

/** An image as far as the loader looks at it: a primary volume descriptor with an id, the file table, the files. */
export class TestImage {
  readonly data: Uint8Array;
  readonly table: Uint8Array;
  /** First block of each file. */
  readonly blocks: Record<string, number> = {};

  constructor(files: Readonly<Record<string, Uint8Array>>, id = IMAGE_ID) {
    const table = (): Uint8Array =>
      writeFileTable(
        Object.entries(files).map(([path, data]) => ({
          path,
          size: data.length,
          block: this.blocks[path] ?? 0,
          crc: crc32c(data),
        })),
      );
    let next = TABLE_BLOCK + blocks(table().length);
    for (const [path, data] of Object.entries(files)) {
      this.blocks[path] = next;
      next += blocks(data.length);
    }
    this.table = table();
    // Media are longer than their image, and whole blocks of 4 KiB.
    this.data = new Uint8Array(((next + 3) & ~1) * BLOCK_BYTES).fill(0xee);
    const descriptor = DESCRIPTOR_BLOCK * BLOCK_BYTES;
    this.data[descriptor] = 1;
    this.data.set(Buffer.from("CD001\x01"), descriptor + 1);
    this.data.set(id, descriptor + IMAGE_ID_OFFSET);
    this.data.set(this.table, TABLE_BLOCK * BLOCK_BYTES);
    for (const [path, data] of Object.entries(files)) {
      this.data.set(data, (this.blocks[path] as number) * BLOCK_BYTES);
    }
  }
}

export interface MachineOptions extends FirmwareOptions {
  /** MiB of memory; 64 unless stated. */
  ram?: number;
  image: TestImage;
}

let compiled: Promise<WebAssembly.Module> | undefined;

async function compileLoader(): Promise<WebAssembly.Module> {
  const { wasm } = await guestModule(UEFI_LOADER_GUEST);
  return new WebAssembly.Module(wasm);
}

type Exports = { memory: WebAssembly.Memory; main: () => bigint };

export class UefiMachine {
  readonly memory: PhysicalMemory;
  readonly firmware: Firmware;
  readonly view: DataView;
  readonly #exports: Exports;
  /** What is written to ports. */
  out: (port: number, value: number) => void = () => {};
  #ticks = 0n;
  #scratch = 0;

  static async create(options: MachineOptions): Promise<UefiMachine> {
    compiled ??= compileLoader();
    return new UefiMachine(await compiled, options);
  }

  private constructor(module: WebAssembly.Module, options: MachineOptions) {
    this.memory = new PhysicalMemory((options.ram ?? 64) * MIB);
    this.view = new DataView(this.memory.ram.buffer);
    this.firmware = new Firmware(this.memory, options);
    const imports: Record<string, Record<string, WebAssembly.ImportValue>> = {};
    const functions = this.#functions();
    for (const { module: name, name: field } of WebAssembly.Module.imports(module)) {
      const room = name.slice(name.lastIndexOf("/") + 1);
      const found =
        functions[`${room}.${field}`] ?? functions[`${room}.${field.replace(/\d+$/, "")}`];
      if (!found) throw new Error(`no model of ${room}.${field}`);
      imports[name] ??= {};
      imports[name][field] = found;
    }
    this.#exports = new WebAssembly.Instance(module, imports).exports as unknown as Exports;
    this.memory.linear = this.#exports.memory;
    const { table } = options.image;
    writeParameters(new Uint8Array(this.#exports.memory.buffer), {
      imageId: IMAGE_ID,
      tableBlock: TABLE_BLOCK,
      tableBytes: table.length,
      tableCrc: crc32c(table),
      loaderBlock: 0,
      loaderBytes: 0,
    });
  }

  /** Runs until something is thrown: `HandOff`, `Exited`, `Restarted`. */
  run(): never {
    this.#exports.main();
    throw new Error("main returned");
  }

  /** Runs until a kernel is entered; the moves that are left have been made then. */
  boot(): HandOff {
    try {
      return this.run();
    } catch (error) {
      if (!(error instanceof HandOff)) throw error;
      for (const [to, from, bytes, zeros] of error.moves) {
        this.memory.ram.copyWithin(to, from, from + bytes);
        this.memory.ram.fill(0, to + bytes, to + bytes + zeros);
      }
      return error;
    }
  }

  /** Runs until the loader goes back to the firmware: the last line that it printed, and the status. */
  failure(): { line: string; status: bigint } {
    try {
      return this.run();
    } catch (error) {
      if (!(error instanceof Exited)) throw error;
      return {
        line: this.firmware.screen.trimEnd().split("\n").at(-1) ?? "",
        status: error.status,
      };
    }
  }

  #functions(): Record<string, (...values: never[]) => unknown> {
    const { memory, firmware } = this;
    const signed = (value: bigint): bigint => BigInt.asIntN(64, value);
    return {
      "x86.load8": (at: bigint) => memory.load(at, 1),
      "x86.load16": (at: bigint) => memory.load(at, 2),
      "x86.load32": (at: bigint) => memory.load(at, 4),
      "x86.load64": (at: bigint) => signed(memory.load(at, 8)),
      "x86.store8": (at: bigint, value: bigint) => memory.store(at, 1, value),
      "x86.store16": (at: bigint, value: bigint) => memory.store(at, 2, value),
      "x86.store32": (at: bigint, value: bigint) => memory.store(at, 4, value),
      "x86.store64": (at: bigint, value: bigint) => memory.store(at, 8, value),
      "x86.window": () => WINDOW,
      "x86.pause": () => undefined,
      "x86.cli": () => undefined,
      // A microsecond a tick, and a millisecond of time for each look at it.
      "x86.rdtsc": () => {
        this.#ticks += 1000n;
        return this.#ticks + firmware.stalled;
      },
      // A 16550 that is always ready and never gets anything.
      "x86.inb": (port: number) =>
        port === COM1 + 7 ? this.#scratch : port === COM1 + 5 ? 0x60 : 0,
      "x86.outb": (port: number, value: number) => {
        if (port === COM1 + 7) this.#scratch = value;
        this.out(port, value);
      },
      "stub.copy_physical": (to: bigint, from: bigint, bytes: bigint) =>
        memory.bytes(to, bytes).set(memory.bytes(from, bytes)),
      "stub.zero_physical": (to: bigint, bytes: bigint) => memory.bytes(to, bytes).fill(0),
      "stub.crc32c": (at: bigint, bytes: bigint, seed: number) =>
        crc32c(memory.bytes(at, bytes), seed >>> 0) | 0,
      "stub.hand_off": (place: bigint) => {
        if (!firmware.isExecutable(Number(place)))
          throw new Error("the hand-off may not run there");
        throw new HandOff(this.view, Number(place));
      },
      "uefi.call": (address: bigint, ...args: bigint[]) => firmware.call(address, ...args),
      "uefi.image_handle": () => IMAGE_HANDLE,
      "uefi.system_table": () => firmware.systemTable,
      "uefi.exit": (status: bigint) => {
        throw new Exited(status);
      },
    };
  }
}
