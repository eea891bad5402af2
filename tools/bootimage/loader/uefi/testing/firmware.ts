// A model of firmware for UEFI in Node: the loader's wasm module runs on it with functions of the firmware as functions
// here. It checks what it is called with, and misbehaves where a test asks for that. Memory is an array, linear memory
// a window outside of it; every access that leaves both throws, as does every call once the services have ended.

import { BLOCK_BYTES } from "../../../parameters.ts";
import type { PhysicalMemory } from "./memory.ts";

const ERROR = 1n << 63n;
export const STATUS = {
  success: 0n,
  invalidParameter: ERROR | 2n,
  unsupported: ERROR | 3n,
  bufferTooSmall: ERROR | 5n,
  notReady: ERROR | 6n,
  deviceError: ERROR | 7n,
  outOfResources: ERROR | 9n,
  noMedia: ERROR | 12n,
  mediaChanged: ERROR | 13n,
  notFound: ERROR | 14n,
} as const;

/** A block device, UEFI 2.10 13.9. */
export interface TestDevice {
  data: Uint8Array;
  /** Bytes of a block: 512 unless stated. */
  blockSize?: number;
  ioAlign?: number;
  logical?: boolean;
  present?: boolean;
  /** Device path: each number is a node; the loader comes from the path [1, 2] unless stated. */
  path?: readonly number[];
  /** What a request answers instead of reading: bytes of the device, and how often it has been asked. */
  refuse?: (from: number, bytes: number, requests: number) => bigint;
}

/** A mode of a graphics output, UEFI 2.10 12.9. */
export interface TestMode {
  width: number;
  height: number;
  /** EFI_GRAPHICS_PIXEL_FORMAT. */
  format: number;
  /** Red, green, blue, reserved, for format 2. */
  masks?: readonly number[];
  pixelsPerLine?: number;
}

export interface TestOutput {
  modes: readonly TestMode[];
  current?: number;
  base?: number;
  /** How many modes it claims to have; those that it has, unless stated. */
  count?: number;
  /** Whether modes are described by nothing. */
  empty?: boolean;
  /** Status of SetMode. */
  setMode?: bigint;
}

/** A range of the memory map: pages of an EFI_MEMORY_TYPE. */
export interface TestRange {
  base: number;
  pages: number;
  type: number;
  attribute?: number;
}

export interface FirmwareOptions {
  devices?: readonly TestDevice[];
  outputs?: readonly TestOutput[];
  /** Whether there is a console; true unless stated. */
  console?: boolean;
  /** Unicode characters and, as negative numbers, scan codes. */
  keys?: readonly number[];
  /** Ranges beside RAM. */
  ranges?: readonly TestRange[];
  /** Pages of RAM that cannot be had, by base and end. */
  taken?: readonly (readonly [number, number])[];
  /** How often the map changes right before the services end. */
  changes?: number;
  /** What ExitBootServices answers with the right key. */
  exit?: bigint;
  /** Configuration tables: GUID as text, address. */
  tables?: readonly (readonly [string, bigint])[];
  /** Services that are refused, by offset in the table of boot services. */
  refused?: Readonly<Record<number, bigint>>;
  /** Bytes of a memory descriptor: 48 unless stated. */
  descriptorBytes?: number;
  /** Path nodes of text outputs beside the console, as bytes. */
  terminals?: readonly Uint8Array[];
  /** Whether memory comes protected from being executed, with the protocol that lifts it. */
  protects?: boolean;
  loaderPath?: readonly number[];
  /** The call of any function, counted from 0, that is refused, and what it answers. */
  refusedCall?: readonly [number, bigint];
}

/** The application went back to the firmware. */
export class Exited extends Error {
  readonly status: bigint;

  constructor(status: bigint) {
    super(`back to the firmware with 0x${BigInt.asUintN(64, status).toString(16)}`);
    this.status = BigInt.asUintN(64, status);
  }
}

/** The machine was restarted. */
export class Restarted extends Error {}

type Service = (...args: bigint[]) => bigint;

export const IMAGE_HANDLE = 0x7001n;
const LOADER_DEVICE = 0x7002n;
const FUNCTIONS = 0x3_0000_0000n;
const PAGE = 4096;
/** Where the model keeps its tables. */
const TABLES_END = 0x10_0000;
const CONVENTIONAL = 7;

export const GUIDS = {
  blockIo: "964e5b21-6459-11d2-8e39-00a0c969723b",
  devicePath: "09576e91-6d3f-11d2-8e39-00a0c969723b",
  loadedImage: "5b1b31a1-9562-11d2-8e3f-00a0c969723b",
  graphicsOutput: "9042a9de-23dc-4a38-96fb-7aded080516a",
  textOutput: "387477c2-69c7-11d2-8e39-00a0c969723b",
  memoryAttribute: "f4560cf6-40ec-4b4a-a192-bf1d57d0b189",
  acpi20: "8868e871-e4f1-11d3-bc22-0080c73c8881",
  acpi10: "eb9d2d30-2d88-11d3-9a16-0090273fc14d",
  smbios: "eb9d2d31-2d88-11d3-9a16-0090273fc14d",
  smbios3: "f2fd1544-9794-4a2c-992e-e5bbcf20e394",
} as const;

/** A GUID's bytes: the first three fields are little-endian. */
export function guidBytes(text: string): Uint8Array {
  const bytes = Buffer.from(text.replaceAll("-", ""), "hex");
  return Uint8Array.from([3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15], (i) => {
    return bytes[i] as number;
  });
}

function guidText(bytes: Uint8Array): string {
  const hex = Buffer.from(guidBytes(Buffer.from(bytes).toString("hex"))).toString("hex");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

export class Firmware {
  readonly memory: PhysicalMemory;
  readonly systemTable: bigint;
  /** What was put on the console. */
  screen = "";
  left = false;
  /** Microseconds that Stall was asked for. */
  stalled = 0n;
  /** Requests to each device, in order: first byte and bytes. */
  readonly requests: [number, number][][] = [];
  modesSet: [number, number][] = [];
  /** Calls of functions so far. */
  calls = 0;
  /** EFI_MEMORY_TYPE by page of RAM. */
  readonly #types: Uint8Array;
  readonly #protected = new Set<number>();
  readonly #options: FirmwareOptions;
  readonly #services: Service[] = [];
  readonly #keys: number[];
  /** Interfaces by handle and GUID, in the order of installation. */
  readonly #protocols: { handle: bigint; guid: string; address: bigint }[] = [];
  readonly #pool = new Map<number, number>();
  #free = PAGE;
  #mapKey = 1n;
  #changes: number;

  constructor(memory: PhysicalMemory, options: FirmwareOptions) {
    this.memory = memory;
    this.#options = options;
    this.#keys = [...(options.keys ?? [])];
    this.#changes = options.changes ?? 0;
    this.#types = new Uint8Array(memory.ram.length / PAGE).fill(CONVENTIONAL);
    this.#types.fill(4, 0, TABLES_END / PAGE);
    for (const [base, end] of options.taken ?? []) this.#types.fill(4, base / PAGE, end / PAGE);
    this.#install(IMAGE_HANDLE, GUIDS.loadedImage, this.#words(0n, 0n, 0n, LOADER_DEVICE));
    this.#installPath(LOADER_DEVICE, options.loaderPath ?? [1, 2]);
    for (const [index, device] of (options.devices ?? []).entries()) {
      this.#installDevice(0x8000n + BigInt(index), device, index);
    }
    for (const [index, output] of (options.outputs ?? []).entries()) {
      this.#installOutput(0x9000n + BigInt(index), output, index);
    }
    for (const [index, path] of (options.terminals ?? []).entries()) {
      const handle = 0xa000n + BigInt(index);
      this.#install(handle, GUIDS.textOutput, this.#words(0n));
      this.#install(handle, GUIDS.devicePath, this.#bytes(path));
    }
    if (options.protects) {
      const clear = this.#service((_self, base, bytes) => {
        for (let at = base as bigint; at < (base as bigint) + (bytes as bigint); at += 4096n) {
          this.#protected.delete(Number(at) / PAGE);
        }
        return STATUS.success;
      });
      this.#install(0xb000n, GUIDS.memoryAttribute, this.#words(0n, 0n, clear));
    }
    this.systemTable = this.#makeSystemTable();
  }

  /** Calls the function at an address, as `uefi.callN` does. */
  call(address: bigint, ...args: bigint[]): bigint {
    const service = this.#services[Number(address - FUNCTIONS)];
    if (!service) throw new Error(`a call of 0x${address.toString(16)}, where nothing is`);
    const { refusedCall } = this.#options;
    if (refusedCall?.[0] === this.calls++) return BigInt.asIntN(64, refusedCall[1]);
    const unsigned = args.map((arg) => BigInt.asUintN(64, arg));
    return BigInt.asIntN(64, service(...unsigned));
  }

  /** EFI_MEMORY_TYPE of the page at an address. */
  typeAt(address: number): number {
    return this.#types[Math.floor(address / PAGE)] as number;
  }

  /** Whether code may run in the page at an address. */
  isExecutable(address: number): boolean {
    return !this.#protected.has(Math.floor(address / PAGE));
  }

  /** A function of the firmware; none may be called once the services have ended, unless it is one of the run time. */
  #service(body: Service, runtime = false): bigint {
    this.#services.push((...args) => {
      if (this.left && !runtime) throw new Error("a service was called after the services ended");
      return body(...args);
    });
    return FUNCTIONS + BigInt(this.#services.length - 1);
  }

  #bytes(bytes: Uint8Array): bigint {
    const at = this.#free;
    this.memory.ram.set(bytes, at);
    this.#free = (at + bytes.length + 7) & ~7;
    if (this.#free > TABLES_END) throw new Error("the model's tables are too long");
    return BigInt(at);
  }

  #words(...words: bigint[]): bigint {
    const bytes = new Uint8Array(words.length * 8);
    const view = new DataView(bytes.buffer);
    words.forEach((word, i) => {
      view.setBigUint64(i * 8, BigInt.asUintN(64, word), true);
    });
    return this.#bytes(bytes);
  }

  #install(handle: bigint, guid: string, address: bigint): void {
    this.#protocols.push({ handle, guid, address });
  }

  #installPath(handle: bigint, nodes: readonly number[]): void {
    const bytes = nodes.flatMap((node) => [1, 1, 6, 0, node, 0]);
    this.#install(
      handle,
      GUIDS.devicePath,
      this.#bytes(Uint8Array.from([...bytes, 0x7f, 0xff, 4, 0])),
    );
  }

  #installDevice(handle: bigint, device: TestDevice, index: number): void {
    const { blockSize = 512, ioAlign = 0, logical = false, present = true } = device;
    const media = new Uint8Array(32);
    const view = new DataView(media.buffer);
    view.setUint32(0, 77, true);
    view.setUint8(5, present ? 1 : 0);
    view.setUint8(6, logical ? 1 : 0);
    view.setUint32(12, blockSize, true);
    view.setUint32(16, ioAlign, true);
    view.setBigUint64(24, BigInt(Math.floor(device.data.length / (blockSize || 512)) - 1), true);
    const mediaAt = this.#bytes(media);
    const requests: [number, number][] = [];
    this.requests.push(requests);
    const reset = this.#service(() => STATUS.success);
    const read = this.#service((_self, id, block, bytes, to) => {
      const [from, length] = [Number(block) * blockSize, Number(bytes)];
      const current = this.memory.load(mediaAt, 4);
      if (BigInt.asUintN(32, id as bigint) !== current) return STATUS.mediaChanged;
      if (!present) return STATUS.noMedia;
      const wrong = length % blockSize !== 0 || from + length > device.data.length;
      const crooked = ioAlign > 1 && (to as bigint) % BigInt(ioAlign) !== 0n;
      if (length === 0 || wrong || crooked) return STATUS.invalidParameter;
      requests.push([from, length]);
      const refusal = device.refuse?.(from, length, requests.length) ?? STATUS.success;
      // The medium has been changed, or says so.
      if (refusal === STATUS.mediaChanged) this.memory.store(mediaAt, 4, current + 1n);
      if (refusal !== STATUS.success) return refusal;
      this.memory
        .bytes(to as bigint, BigInt(length))
        .set(device.data.subarray(from, from + length));
      return STATUS.success;
    });
    this.#install(handle, GUIDS.blockIo, this.#words(0n, mediaAt, reset, read));
    this.#installPath(handle, device.path ?? [index + 1]);
  }

  #installOutput(handle: bigint, output: TestOutput, index: number): void {
    const info = ({ width, height, format, masks = [], pixelsPerLine }: TestMode): Uint8Array => {
      const bytes = new Uint8Array(36);
      const view = new DataView(bytes.buffer);
      const fields = [0, width, height, format, ...[0, 1, 2, 3].map((i) => masks[i] ?? 0)];
      [...fields, pixelsPerLine ?? width].forEach((field, i) => {
        view.setUint32(i * 4, field, true);
      });
      return bytes;
    };
    const mode = this.#words(0n, 0n, 0n, 0n, 0n);
    const set = (number: number): void => {
      const chosen = output.modes[number] as TestMode;
      const infoAt = this.#bytes(info(chosen));
      this.memory.store(mode, 4, BigInt(output.count ?? output.modes.length));
      this.memory.store(mode + 4n, 4, BigInt(number));
      this.memory.store(mode + 8n, 8, infoAt);
      const drawable = chosen.format !== 3;
      this.memory.store(mode + 24n, 8, drawable ? BigInt(output.base ?? 0xc000_0000) : 0n);
      const bytes = (chosen.pixelsPerLine ?? chosen.width) * chosen.height * 4;
      this.memory.store(mode + 32n, 8, BigInt(drawable ? bytes : 0));
    };
    set(output.current ?? 0);
    const query = this.#service((_self, number, size, at) => {
      const found = output.modes[Number(BigInt.asUintN(32, number as bigint))];
      if (!found) return STATUS.invalidParameter;
      const bytes = info(found);
      this.memory.store(size as bigint, 8, BigInt(bytes.length));
      const buffer = this.#allocatePool(bytes.length);
      this.memory.bytes(BigInt(buffer), BigInt(bytes.length)).set(bytes);
      this.memory.store(at as bigint, 8, output.empty ? 0n : BigInt(buffer));
      return STATUS.success;
    });
    const setMode = this.#service((_self, number) => {
      if (output.setMode) return output.setMode;
      this.modesSet.push([index, Number(number)]);
      set(Number(number));
      return STATUS.success;
    });
    this.#install(handle, GUIDS.graphicsOutput, this.#words(query, setMode, 0n, mode));
  }

  #makeSystemTable(): bigint {
    const table = new Array<bigint>(15).fill(0n);
    table[6] = this.#options.console === false ? 0n : this.#consoleIn();
    table[8] = this.#options.console === false ? 0n : this.#consoleOut();
    const runtime = new Array<bigint>(14).fill(0n);
    runtime[13] = this.#service(() => {
      throw new Restarted("the machine was restarted");
    }, true);
    table[11] = this.#words(...runtime);
    table[12] = this.#bootServices();
    const tables = this.#options.tables ?? [];
    table[13] = BigInt(tables.length);
    const entries = tables.map(([guid, address]) => {
      const entry = new Uint8Array(24);
      entry.set(guidBytes(guid));
      new DataView(entry.buffer).setBigUint64(16, address, true);
      return entry;
    });
    table[14] = this.#bytes(Buffer.concat(entries));
    return this.#words(...table);
  }

  #consoleIn(): bigint {
    const read = this.#service((_self, at) => {
      const key = this.#keys.shift();
      if (key === undefined) return STATUS.notReady;
      this.memory.store(at as bigint, 2, BigInt(Math.max(-key, 0)));
      this.memory.store((at as bigint) + 2n, 2, BigInt(Math.max(key, 0)));
      return STATUS.success;
    });
    return this.#words(0n, read, 0n);
  }

  #consoleOut(): bigint {
    const words = new Array<bigint>(10).fill(0n);
    words[1] = this.#service((_self, at) => {
      for (let i = at as bigint; ; i += 2n) {
        const unit = Number(this.memory.load(i, 2));
        if (unit === 0) break;
        if (unit !== 13) this.screen += String.fromCharCode(unit);
      }
      return STATUS.success;
    });
    words[3] = this.#service((_self, mode, columns, rows) => {
      if (mode !== 0n) return STATUS.unsupported;
      this.memory.store(columns as bigint, 8, 100n);
      this.memory.store(rows as bigint, 8, 31n);
      return STATUS.success;
    });
    const fine = this.#service(() => STATUS.success);
    words[5] = fine;
    words[6] = fine;
    words[7] = fine;
    words[9] = this.#words(0n, 0n, 0n);
    return this.#words(...words);
  }

  #bootServices(): bigint {
    const words = new Array<bigint>(48).fill(0n);
    const define = (offset: number, body: Service): void => {
      const refusal = this.#options.refused?.[offset];
      words[offset / 8] = this.#service(refusal === undefined ? body : () => refusal);
    };
    define(40, (kind, type, pages, at) => this.#allocatePages(kind, type, pages, at));
    define(56, (size, map, key, bytes, version) => this.#getMap(size, map, key, bytes, version));
    define(72, (buffer) => {
      if (!this.#pool.delete(Number(buffer))) throw new Error("FreePool of what is no pool");
      return STATUS.success;
    });
    define(152, (handle, guid, at) => {
      const text = guidText(this.memory.bytes(guid as bigint, 16n));
      const found = this.#protocols.find((p) => p.handle === handle && p.guid === text);
      if (!found) return STATUS.unsupported;
      this.memory.store(at as bigint, 8, found.address);
      return STATUS.success;
    });
    define(232, (handle, key) => this.#exitBootServices(handle, key));
    define(248, (microseconds) => {
      this.stalled += microseconds as bigint;
      return STATUS.success;
    });
    define(256, () => STATUS.success);
    define(312, (_type, guid, _key, count, buffer) => {
      const text = guidText(this.memory.bytes(guid as bigint, 16n));
      const found = this.#protocols.filter((p) => p.guid === text);
      if (found.length === 0) return STATUS.notFound;
      const at = BigInt(this.#allocatePool(found.length * 8));
      found.forEach(({ handle }, i) => {
        this.memory.store(at + BigInt(i) * 8n, 8, handle);
      });
      this.memory.store(count as bigint, 8, BigInt(found.length));
      this.memory.store(buffer as bigint, 8, at);
      return STATUS.success;
    });
    return this.#words(...words);
  }

  /** Page number of `pages` free pages that end below `end`, from the top; -1 where there are none. */
  #findPages(pages: number, end: number): number {
    let run = 0;
    for (let page = Math.min(end, this.#types.length) - 1; page >= 0; page--) {
      run = this.#types[page] === CONVENTIONAL ? run + 1 : 0;
      if (run === pages) return page;
    }
    return -1;
  }

  #take(page: number, pages: number, type: number): void {
    this.#types.fill(type, page, page + pages);
    this.#mapKey++;
    for (let i = page; this.#options.protects && i < page + pages; i++) this.#protected.add(i);
    // Pages come with whatever was in them.
    this.memory.ram.fill(0xa5, page * PAGE, (page + pages) * PAGE);
  }

  #allocatePool(bytes: number): number {
    const page = this.#findPages(1, this.#types.length);
    this.#take(page, 1, 4);
    this.#pool.set(page * PAGE, bytes);
    return page * PAGE;
  }

  #allocatePages(...args: (bigint | undefined)[]): bigint {
    const [kind, type, pages, at] = args as [bigint, bigint, bigint, bigint];
    const wish = this.memory.load(at, 8);
    if (pages === 0n || pages > BigInt(this.#types.length)) return STATUS.outOfResources;
    const count = Number(pages);
    let page: number;
    if (kind === 2n) {
      if (wish % BigInt(PAGE) !== 0n) return STATUS.invalidParameter;
      page = Number(wish / BigInt(PAGE));
      const there = this.#types.subarray(page, page + count);
      if (there.length < count || there.some((x) => x !== CONVENTIONAL)) return STATUS.notFound;
    } else {
      const end = kind === 1n ? Number((wish + 1n) / BigInt(PAGE)) : this.#types.length;
      page = this.#findPages(count, end);
      if (page < 0) return STATUS.outOfResources;
    }
    this.#take(page, count, Number(type));
    this.memory.store(at, 8, BigInt(page * PAGE));
    return STATUS.success;
  }

  /** The map as it is now. */
  #ranges(): TestRange[] {
    const ranges: TestRange[] = [];
    this.#types.forEach((type, page) => {
      const last = ranges.at(-1);
      if (last?.type === type) last.pages++;
      else ranges.push({ base: page * PAGE, pages: 1, type });
    });
    return [...ranges, ...(this.#options.ranges ?? [])];
  }

  #getMap(...args: (bigint | undefined)[]): bigint {
    const [size, map, key, bytes, version] = args as [bigint, bigint, bigint, bigint, bigint];
    const { descriptorBytes = 48 } = this.#options;
    const ranges = this.#ranges();
    const needed = ranges.length * descriptorBytes;
    const room = this.memory.load(size, 8);
    this.memory.store(size, 8, BigInt(needed));
    this.memory.store(bytes, 8, BigInt(descriptorBytes));
    this.memory.store(version, 4, 1n);
    if (room < BigInt(needed)) return STATUS.bufferTooSmall;
    ranges.forEach(({ base, pages, type, attribute = 15 }, i) => {
      const at = map + BigInt(i * descriptorBytes);
      this.memory.store(at, 4, BigInt(type));
      this.memory.store(at + 8n, 8, BigInt(base));
      this.memory.store(at + 24n, 8, BigInt(pages));
      this.memory.store(at + 32n, 8, BigInt(attribute));
    });
    this.memory.store(key, 8, this.#mapKey);
    return STATUS.success;
  }

  #exitBootServices(handle: bigint | undefined, key: bigint | undefined): bigint {
    if (handle !== IMAGE_HANDLE) return STATUS.invalidParameter;
    if (this.#changes > 0) {
      // Another driver's event has allocated something.
      this.#changes--;
      this.#allocatePool(8);
    }
    if (key !== this.#mapKey) return STATUS.invalidParameter;
    if (this.#options.exit) return this.#options.exit;
    this.left = true;
    return STATUS.success;
  }
}

/** Blocks of 2048 bytes. */
export const blocks = (bytes: number): number => Math.ceil(bytes / BLOCK_BYTES);
