// Runs the core's wasm module in Node: physical memory is an array here, linear memory a window outside of it, the
// firmware and COM1 are models. Every access that leaves both throws, so that a test sees it.

import { guestModule } from "../../../../asc/guest.ts";
import { crc32c } from "../../../crc32.ts";
import { writeFileTable } from "../../../file-table.ts";
import { writeParameters } from "../../../parameters.ts";
import {
  MOVE_BYTES,
  PLACE_ENTRY,
  PLACE_LIST,
  PLACE_MOVES,
  PLACE_RAX,
  PLACE_RBX,
  PLACE_RSI,
  PLACE_WAY,
} from "../hand_off_layout.ts";
import { Grid } from "./terminal.ts";

const WINDOW = 0x2_0000_0000n;
const BLOCK = 2048;
const MIB = 0x10_0000;
const COM1 = 0x3f8;
const TABLE_BLOCK = 20;

/** What a kernel was entered with, after the moves that were left have been made. */
export class HandOff extends Error {
  readonly way: number;
  readonly entry: number;
  readonly rax: bigint;
  readonly rbx: bigint;
  readonly rsi: bigint;
  /** To, from, bytes copied, bytes zeroed. */
  readonly moves: readonly (readonly [number, number, number, number])[];

  constructor(view: DataView, place: number) {
    super("the kernel has been entered");
    const word = (offset: number) => view.getBigUint64(place + offset, true);
    this.way = Number(word(PLACE_WAY));
    this.entry = Number(word(PLACE_ENTRY));
    this.rax = word(PLACE_RAX);
    this.rbx = word(PLACE_RBX);
    this.rsi = word(PLACE_RSI);
    const count = Number(word(PLACE_MOVES));
    this.moves = Array.from({ length: count }, (_, index) => {
      const at = PLACE_LIST + index * MOVE_BYTES;
      const field = (offset: number) => Number(word(at + offset));
      return [field(0), field(8), field(16), field(24)] as const;
    });
  }
}

/** The firmware gave up: what `stop` does. */
export class Stopped extends Error {}

export interface MapRange {
  base: bigint | number;
  length: bigint | number;
  type: number;
}

/** A kernel was told of a video mode. */
export interface TestVideo {
  address: number;
  pitch: number;
  width: number;
  height: number;
  depth: number;
  /** Position and bits of red, green, blue. */
  colors: number[];
  vbe?: { mode: number; control: number; modeInfo: number };
}

export interface LoaderOptions {
  /** MiB of memory; 64 unless stated. */
  memory?: number;
  map?: MapRange[];
  /** Files by path in the image. */
  files?: Record<string, Uint8Array>;
  /** Keys from the keyboard, in order. */
  keys?: number[];
  /** What comes in on the serial line. */
  serial?: string;
  /** Whether COM1 is there; true unless stated. */
  uart?: boolean;
  /** Physical ranges that the firmware or the loader occupies: base and end. */
  taken?: [number, number][];
  /** Block that cannot be read, and the status. */
  badBlock?: { block: number; status: bigint };
  /** Changes the image after it has been made. */
  damage?: (image: Uint8Array) => void;
  video?: TestVideo;
  bootDrive?: number;
  rsdp?: number;
  smbios?: number;
  efi?: { imageHandle: bigint; systemTable: bigint; map: Uint8Array; descriptorBytes: number };
  /** What is in memory before the start: address and bytes. */
  contents?: [number, Uint8Array][];
  /** Called each time the loader looks for a key. */
  onKey?: (machine: LoaderMachine) => void;
  /** Status of `leave`. */
  leave?: bigint;
}

interface Exports {
  memory: WebAssembly.Memory;
  scratch: WebAssembly.Global;
  run(): void;
  connect(): void;
  parseConfiguration(start: number, length: number): number;
  entryCount: WebAssembly.Global;
  timeout: WebAssembly.Global;
  defaultEntry: WebAssembly.Global;
  mistakeLine: WebAssembly.Global;
  entryField(index: number, field: number): number;
  moduleField(index: number, module: number, field: number): number;
  mistakeText(): number;
  mistakeLength(): number;
  addRange(base: bigint, length: bigint, type: number): void;
  readMap(): number;
  rangeCount(): number;
  rangeBase(index: number): bigint;
  rangeEnd(index: number): bigint;
  rangeType(index: number): number;
  reserve(base: bigint, bytes: bigint): number;
  allocateFromMap(bytes: bigint, below: bigint): bigint;
  claimFromMap(address: bigint, bytes: bigint): number;
}

let compiled: Promise<WebAssembly.Module> | undefined;

async function compileCore(): Promise<WebAssembly.Module> {
  const { wasm } = await guestModule({
    entry: "tools/bootimage/loader/core/testdata/main.ts",
    args: ["--noAssert", "--use", "abort=", "--memoryBase", "4096"],
  });
  return new WebAssembly.Module(wasm);
}

/** What a PC with this many MiB reports. */
export function plainMap(mib: number): MapRange[] {
  return [
    { base: 0, length: 0x9_fc00, type: 1 },
    { base: 0x9_fc00, length: 0x400, type: 2 },
    { base: 0xf_0000, length: 0x1_0000, type: 2 },
    { base: MIB, length: (mib - 1) * MIB, type: 1 },
  ];
}

/** An image with these files: the file table at TABLE_BLOCK, then each file on its blocks. */
function buildImage(files: Record<string, Uint8Array>) {
  const table = (blocks: number[]) =>
    writeFileTable(
      Object.entries(files).map(([path, data], index) => ({
        path,
        size: data.length,
        block: blocks[index] ?? 0,
        crc: crc32c(data),
      })),
    );
  const blocksOf = (bytes: number) => Math.ceil(bytes / BLOCK);
  let next = TABLE_BLOCK + blocksOf(table([]).length);
  const blocks = Object.values(files).map((data) => {
    const block = next;
    next += blocksOf(data.length);
    return block;
  });
  const image = new Uint8Array(next * BLOCK).fill(0xee);
  const bytes = table(blocks);
  image.set(bytes, TABLE_BLOCK * BLOCK);
  for (const [index, data] of Object.values(files).entries()) {
    image.set(data, (blocks[index] as number) * BLOCK);
  }
  return { image, blocks, table: bytes };
}

export class LoaderMachine {
  readonly ram: Uint8Array;
  readonly view: DataView;
  readonly exports: Exports;
  /** What was put on the screen, with a new line where the place changed, and what the serial line got. */
  screen = "";
  serial = "";
  readonly grid = new Grid();
  readonly image: Uint8Array;
  /** First block of each file, by path. */
  readonly blocks: Record<string, number> = {};
  /** Bytes read from the image. */
  bytesRead = 0;
  /** Calls of the firmware after its services ended, but for those allowed. */
  left = false;
  #time = 0;
  readonly #options: LoaderOptions;
  readonly #keys: number[];
  readonly #serialInput: number[];
  #scratchRegister = 0;
  #divisorLatch = false;

  static async create(options: LoaderOptions = {}): Promise<LoaderMachine> {
    compiled ??= compileCore();
    return new LoaderMachine(await compiled, options);
  }

  private constructor(module: WebAssembly.Module, options: LoaderOptions) {
    this.#options = options;
    this.#keys = [...(options.keys ?? [])];
    this.#serialInput = [...Buffer.from(options.serial ?? "", "latin1")];
    this.ram = new Uint8Array((options.memory ?? 64) * MIB);
    this.view = new DataView(this.ram.buffer);
    for (const [at, bytes] of options.contents ?? []) this.ram.set(bytes, at);
    const { image, blocks, table } = buildImage(options.files ?? {});
    this.image = image;
    for (const [index, path] of Object.keys(options.files ?? {}).entries()) {
      this.blocks[path] = blocks[index] as number;
    }
    options.damage?.(image);
    const imports: Record<string, Record<string, WebAssembly.ImportValue>> = {};
    const functions = this.#functions();
    for (const { module: name, name: field } of WebAssembly.Module.imports(module)) {
      const room = name.slice(name.lastIndexOf("/") + 1);
      const found = functions[`${room}.${field}`];
      if (!found) throw new Error(`no model of ${room}.${field}`);
      imports[name] ??= {};
      imports[name][field] = found;
    }
    this.exports = new WebAssembly.Instance(module, imports).exports as unknown as Exports;
    const linear = new Uint8Array(this.exports.memory.buffer);
    writeParameters(linear, {
      imageId: new Uint8Array(16),
      tableBlock: TABLE_BLOCK,
      tableBytes: table.length,
      tableCrc: crc32c(table),
      loaderBlock: 0,
      loaderBytes: 0,
    });
    this.exports.connect();
    for (const [base, end] of options.taken ?? []) {
      this.exports.reserve(BigInt(base), BigInt(end - base));
    }
  }

  /** Runs until the kernel is entered; a loader that stops throws `Stopped` with what it has printed. */
  boot(): HandOff {
    try {
      this.exports.run();
    } catch (error) {
      if (!(error instanceof HandOff)) throw error;
      for (const [to, from, bytes, zeros] of error.moves) {
        this.ram.copyWithin(to, from, from + bytes);
        this.ram.fill(0, to + bytes, to + bytes + zeros);
      }
      return error;
    }
    throw new Error("the loader returned");
  }

  /** What it says last before it gives up. */
  failure(): string {
    try {
      this.exports.run();
    } catch (error) {
      if (error instanceof Stopped) return this.screen.trimEnd().split("\n").at(-1) ?? "";
      throw error;
    }
    throw new Error("the loader returned");
  }

  /** The text at a physical address, up to a zero byte. */
  text(at: number): string {
    return Buffer.from(this.ram.subarray(at, this.ram.indexOf(0, at))).toString("utf8");
  }

  /** Bytes at a physical address of RAM or of the window. */
  #bytes(address: bigint, length: bigint): Uint8Array {
    const linear = this.exports.memory.buffer;
    const inWindow = address >= WINDOW;
    const [buffer, start] = inWindow ? [linear, address - WINDOW] : [this.ram.buffer, address];
    if (start + length > BigInt(buffer.byteLength)) {
      throw new RangeError(`access to 0x${address.toString(16)}, ${length} bytes`);
    }
    return new Uint8Array(buffer, Number(start), Number(length));
  }

  #load(address: bigint, bytes: number): bigint {
    const data = this.#bytes(address, BigInt(bytes));
    let value = 0n;
    for (let i = bytes - 1; i >= 0; i--) value = (value << 8n) | BigInt(data[i] as number);
    return value;
  }

  #store(address: bigint, bytes: number, value: bigint): void {
    const data = this.#bytes(address, BigInt(bytes));
    for (let i = 0; i < bytes; i++) data[i] = Number((value >> BigInt(8 * i)) & 0xffn);
  }

  #alive(): void {
    if (this.left) throw new Error("a service of the firmware was called after its end");
  }

  #readBlocks(block: number, count: number, to: bigint): bigint {
    this.#alive();
    const { badBlock } = this.#options;
    if (badBlock && badBlock.block >= block && badBlock.block < block + count) {
      return badBlock.status;
    }
    const bytes = count * BLOCK;
    if ((block + count) * BLOCK > this.image.length) return 0x04n;
    this.#bytes(to, BigInt(bytes)).set(this.image.subarray(block * BLOCK, block * BLOCK + bytes));
    this.bytesRead += bytes;
    return 0n;
  }

  #reportMap(): number {
    for (const { base, length, type } of this.#options.map ??
      plainMap(this.#options.memory ?? 64)) {
      this.exports.addRange(BigInt(base), BigInt(length), type);
    }
    return 1;
  }

  #setVideo(out: number): number {
    this.#alive();
    const { video } = this.#options;
    if (!video) return 0;
    const view = new DataView(this.exports.memory.buffer, out);
    view.setBigUint64(0, BigInt(video.address), true);
    view.setUint32(8, video.pitch, true);
    view.setUint32(12, video.width, true);
    view.setUint32(16, video.height, true);
    view.setUint8(20, video.depth);
    view.setUint8(21, 1);
    for (const [index, value] of video.colors.entries()) view.setUint8(22 + index, value);
    view.setUint16(28, video.vbe?.mode ?? 0, true);
    view.setBigUint64(32, BigInt(video.vbe?.control ?? 0), true);
    view.setBigUint64(40, BigInt(video.vbe?.modeInfo ?? 0), true);
    return 1;
  }

  #efiInfo(out: number): number {
    const { efi } = this.#options;
    if (!efi) return 0;
    const view = new DataView(this.exports.memory.buffer, out);
    view.setBigUint64(0, efi.imageHandle, true);
    view.setBigUint64(8, efi.systemTable, true);
    // The map stands at the end of memory.
    const at = this.ram.length - 0x1000;
    this.ram.set(efi.map, at);
    view.setBigUint64(16, BigInt(at), true);
    view.setBigUint64(24, BigInt(efi.map.length), true);
    view.setUint32(32, efi.descriptorBytes, true);
    view.setUint32(36, 1, true);
    return 1;
  }

  #in(port: number): number {
    if (this.#options.uart === false) return 0xff;
    if (port === COM1 + 7) return this.#scratchRegister;
    if (port === COM1 + 5) return 0x60 | (this.#serialInput.length > 0 ? 1 : 0);
    if (port === COM1) return this.#serialInput.shift() ?? 0;
    return 0;
  }

  #out(port: number, value: number): void {
    if (this.#options.uart === false) return;
    if (port === COM1 + 7) this.#scratchRegister = value;
    if (port === COM1 + 3) this.#divisorLatch = (value & 0x80) !== 0;
    if (port === COM1 && !this.#divisorLatch) this.serial += String.fromCharCode(value);
  }

  #functions(): Record<string, (...values: never[]) => unknown> {
    return {
      "x86.load8": (at: bigint) => this.#load(at, 1),
      "x86.load16": (at: bigint) => this.#load(at, 2),
      "x86.load32": (at: bigint) => this.#load(at, 4),
      "x86.load64": (at: bigint) => BigInt.asIntN(64, this.#load(at, 8)),
      "x86.store8": (at: bigint, value: bigint) => this.#store(at, 1, value),
      "x86.store16": (at: bigint, value: bigint) => this.#store(at, 2, value),
      "x86.store32": (at: bigint, value: bigint) => this.#store(at, 4, value),
      "x86.store64": (at: bigint, value: bigint) => this.#store(at, 8, value),
      "x86.window": () => WINDOW,
      "x86.pause": () => undefined,
      "x86.inb": (port: number) => this.#in(port),
      "x86.outb": (port: number, value: number) => this.#out(port, value),
      "stub.copy_physical": (to: bigint, from: bigint, bytes: bigint) =>
        this.#bytes(to, bytes).set(this.#bytes(from, bytes)),
      "stub.zero_physical": (to: bigint, bytes: bigint) => this.#bytes(to, bytes).fill(0),
      "stub.crc32c": (at: bigint, bytes: bigint, seed: number) =>
        crc32c(this.#bytes(at, bytes), seed >>> 0) | 0,
      "stub.hand_off": (place: bigint) => {
        throw new HandOff(this.view, Number(place));
      },
      "host.read_blocks": (block: number, count: number, to: bigint) =>
        this.#readBlocks(block >>> 0, count >>> 0, to),
      "host.screen_clear": () => {
        this.#alive();
        this.grid.clear();
      },
      "host.screen_at": (x: number, y: number) => {
        this.#alive();
        this.grid.x = x;
        this.grid.y = y;
        this.screen += "\n";
      },
      "host.screen_color": (attribute: number) => {
        this.#alive();
        this.grid.reversed = attribute === 0x70;
      },
      "host.screen_put": (code: number) => {
        this.#alive();
        this.grid.put(code);
        this.screen += String.fromCharCode(code);
      },
      "host.read_key": () => {
        this.#alive();
        this.#options.onKey?.(this);
        return this.#keys.shift() ?? -1;
      },
      "host.milliseconds": () => BigInt(this.#time++),
      "host.read_memory_map": () => this.#reportMap(),
      "host.own_allocator": () => 0,
      "host.allocate": () => 0n,
      "host.claim": () => 0,
      "host.set_video": (_width: number, _height: number, _depth: number, out: number) =>
        this.#setVideo(out),
      "host.rsdp": () => BigInt(this.#options.rsdp ?? 0),
      "host.smbios": () => BigInt(this.#options.smbios ?? 0),
      "host.boot_drive": () => this.#options.bootDrive ?? -1,
      "host.leave": () => {
        this.left = (this.#options.leave ?? 0n) === 0n;
        return this.#options.leave ?? 0n;
      },
      "host.stop": () => {
        throw new Stopped("the loader stopped");
      },
      "host.efi_info": (out: number) => this.#efiInfo(out),
    };
  }
}
