// The runtime of native programs without a kernel: numbers as text, as V8 writes them; the allocator, with an allocation
// service that hands out this module's own memory.

import { beforeEach, describe, expect, it } from "vitest";
import { UTCB_DATA, UTCB_ITEMS } from "../../kernel/abi.ts";
import { guestModule } from "../../tools/asc/guest.ts";

const ALLOCATE = 35n;
const STDOUT = 36n;
const STDERR = 37n;
const SELECTOR_SHIFT = 12n;
const UTCB = 0x7fff_ffff_e000n;
const PAGE = 4096;

interface Exports {
  memory: WebAssembly.Memory;
  textBuffer(): number;
  float(value: number, decimals: number): number;
  printDecimal(value: bigint, width: number): void;
  printUnsigned(value: bigint, width: number): void;
  printHex(value: bigint, width: number): void;
  printCharacter(code: number): void;
  printMany(count: number): void;
  malloc(size: number): number;
  alignedAlloc(align: number, size: number): number;
  calloc(count: number, size: number): number;
  realloc(block: number, size: number): number;
  free(block: number): number;
  usableSize(block: number): number;
}

let compiled: WebAssembly.Module | undefined;

async function load(): Promise<WebAssembly.Module> {
  if (compiled) return compiled;
  const { wasm } = await guestModule({
    entry: "roottask/testing/runtime_probe.ts",
    args: ["--use", "abort=", "--memoryBase", "65536", "--initialMemory", "400"],
  });
  compiled = new WebAssembly.Module(wasm);
  return compiled;
}

/** The runtime, and the services it calls. */
class Runtime {
  output = "";
  errors = "";
  /** Address → bytes, of what the allocation service has given. */
  readonly given = new Map<number, number>();
  /** Requests the service has room for. */
  room = Number.MAX_SAFE_INTEGER;
  #top = 0x20_0000;
  readonly #utcb = new DataView(new ArrayBuffer(PAGE));
  readonly exports: Exports;

  constructor(module: WebAssembly.Module) {
    // The program's memory, or its UTCB.
    const read = (bytes: 1 | 2 | 4 | 8) => (address: bigint) => {
      const [view, at] = this.#place(address);
      if (bytes === 8) return view.getBigUint64(at, true);
      if (bytes === 1) return BigInt(view.getUint8(at));
      return BigInt(bytes === 2 ? view.getUint16(at, true) : view.getUint32(at, true));
    };
    const write = (bytes: 1 | 2 | 4 | 8) => (address: bigint, value: bigint) => {
      const [view, at] = this.#place(address);
      if (bytes === 8) view.setBigUint64(at, value, true);
      else if (bytes === 1) view.setUint8(at, Number(value & 0xffn));
      else if (bytes === 2) view.setUint16(at, Number(value & 0xffffn), true);
      else view.setUint32(at, Number(value & 0xffff_ffffn), true);
    };
    this.exports = new WebAssembly.Instance(module, {
      hedron: { hypercall: (arg1: bigint) => this.#call(arg1 >> SELECTOR_SHIFT) },
      x86: {
        window: () => 0n,
        load8: read(1),
        load16: read(2),
        load32: read(4),
        load64: read(8),
        store8: write(1),
        store16: write(2),
        store32: write(4),
        store64: write(8),
      },
    }).exports as unknown as Exports;
  }

  #place(address: bigint): [DataView, number] {
    if (address >= UTCB) return [this.#utcb, Number(address - UTCB)];
    return [new DataView(this.exports.memory.buffer), Number(address)];
  }

  #call(portal: bigint): bigint {
    const utcb = this.#utcb;
    const number = (offset: number) => Number(utcb.getBigUint64(UTCB_DATA + offset, true));
    let answer = 0;
    if (portal === STDOUT || portal === STDERR) {
      const first = utcb.getUint8(UTCB_DATA);
      const long = first > 127;
      answer = long ? (first & 127) | (utcb.getUint8(UTCB_DATA + 1) << 7) : first;
      const start = UTCB_DATA + (long ? 2 : 1);
      const text = Buffer.from(utcb.buffer, start, answer).toString("utf8");
      if (portal === STDOUT) this.output += text;
      else this.errors += text;
    } else if (portal === ALLOCATE && utcb.getUint8(UTCB_DATA) === 0) {
      answer = this.#allocate(number(1), number(9));
    } else if (portal === ALLOCATE) {
      answer = this.given.get(number(1)) === number(9) && this.given.delete(number(1)) ? 0 : -1;
    }
    utcb.setBigInt64(UTCB_DATA, BigInt(answer), true);
    utcb.setUint32(UTCB_ITEMS, 1, true);
    return 0n;
  }

  #allocate(size: number, align: number): number {
    if (size > this.room) return 0;
    const step = Math.max(align, PAGE);
    const start = Math.ceil(this.#top / step) * step;
    this.#top = start + Math.ceil(size / PAGE) * PAGE;
    this.given.set(start, size);
    return start;
  }

  text(length: number): string {
    return Buffer.from(this.exports.memory.buffer, this.exports.textBuffer(), length).toString(
      "latin1",
    );
  }

  fill(block: number, length: number, value: number): void {
    new Uint8Array(this.exports.memory.buffer, block, length).fill(value);
  }

  holds(block: number, length: number, value: number): boolean {
    return new Uint8Array(this.exports.memory.buffer, block, length).every(
      (byte) => byte === value,
    );
  }
}

let runtime: Runtime;

beforeEach(async () => {
  runtime = new Runtime(await load());
});

function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

describe("numbers as text", () => {
  const float = (value: number, decimals: number) =>
    runtime.text(runtime.exports.float(value, decimals));

  it("rounds as V8 does", () => {
    const next = random(7);
    const view = new DataView(new ArrayBuffer(8));
    let compared = 0;
    for (let round = 0; round < 20_000; round++) {
      view.setUint32(0, next() * 2 ** 32);
      view.setUint32(4, next() * 2 ** 32);
      // toFixed writes exponents from 10^21 on; smaller numbers more often.
      const any = view.getFloat64(0);
      const value = round % 2 === 0 ? any : (next() - 0.5) * 10 ** (next() * 24 - 4);
      const decimals = Math.floor(next() * 21);
      if (!(Math.abs(value) < 1e21) || Object.is(value, -0)) continue;
      // V8 rounds ties away from zero; printf's rule is tested below.
      const exact = value.toFixed(100);
      if (/^50*$/.test(exact.slice(exact.indexOf(".") + 1 + decimals))) continue;
      compared++;
      expect(float(value, decimals), `${value} ${decimals}`).toBe(value.toFixed(decimals));
    }
    expect(compared).toBeGreaterThan(10_000);
  });

  it("has every digit of large integers", () => {
    for (const value of [
      1e21,
      1e22,
      2 ** 100,
      123456789e200,
      Number.MAX_VALUE,
      -Number.MAX_VALUE,
    ]) {
      expect(float(value, 0)).toBe(BigInt(value).toString());
      expect(float(value, 20)).toBe(`${BigInt(value)}.${"0".repeat(20)}`);
    }
  });

  it("rounds ties to even, as printf does", () => {
    // glibc and musl: printf("%.0f %.0f %.0f %.0f %.2f %.1f %.1f", …)
    expect([0.5, 1.5, 2.5, -0.5].map((value) => float(value, 0))).toEqual(["0", "2", "2", "-0"]);
    expect(float(0.125, 2)).toBe("0.12");
    expect(float(0.25, 1)).toBe("0.2");
    expect(float(0.75, 1)).toBe("0.8");
    expect(float(1e-300, 20)).toBe("0.00000000000000000000");
    expect(float(Number.MIN_VALUE, 3)).toBe("0.000");
    expect(float(9.995, 2)).toBe("9.99");
    expect(float(0.9999999, 3)).toBe("1.000");
  });

  it("names what is no number", () => {
    expect(float(Number.NaN, 2)).toBe("nan");
    expect(float(Number.POSITIVE_INFINITY, 2)).toBe("inf");
    expect(float(Number.NEGATIVE_INFINITY, 2)).toBe("-inf");
    expect(float(-0, 1)).toBe("-0.0");
    expect(float(1, 99)).toBe(`1.${"0".repeat(20)}`);
  });

  it("writes integers of any size, aligned", () => {
    const { printDecimal, printUnsigned, printHex } = runtime.exports;
    printDecimal(-(2n ** 63n), 0);
    printDecimal(2n ** 63n - 1n, 0);
    printDecimal(-5n, 4);
    printUnsigned(2n ** 64n - 1n, 0);
    printUnsigned(0n, 3);
    printHex(0xbeefn, 8);
    printHex(2n ** 64n - 1n, 99);
    printHex(0n, 1);
    expect(runtime.output.split("\n")).toEqual([
      "-9223372036854775808",
      "9223372036854775807",
      "  -5",
      "18446744073709551615",
      "  0",
      "0x0000beef",
      "0xffffffffffffffff",
      "0x0",
      "",
    ]);
  });

  it("writes characters in UTF-8, longer than the buffer", () => {
    for (const code of [0x41, 0xe4, 0x20ac, 0xffff, 0x1_f600, 0x10_ffff]) {
      runtime.exports.printCharacter(code);
    }
    runtime.exports.printCharacter(0xd800);
    runtime.exports.printCharacter(0x11_0000);
    expect(runtime.errors).toBe("A\nä\n€\n\uffff\n😀\n\u{10ffff}\n\ufffd\n\ufffd\n");
    runtime.exports.printMany(60);
    expect(runtime.output).toBe(`${"äöü€😀".repeat(60)}\n`);
  });
});

describe("the allocator", () => {
  it("gives blocks that are aligned, large enough and apart", () => {
    const next = random(3);
    const live = new Map<number, { size: number; value: number }>();
    const { malloc, alignedAlloc, realloc, free } = runtime.exports;
    for (let round = 0; round < 4000; round++) {
      const value = round & 255;
      const choice = next();
      const [first] = live.keys();
      if (choice < 0.35 && first !== undefined) {
        const block = live.get(first);
        expect(runtime.holds(first, block?.size ?? 0, block?.value ?? 0)).toBe(true);
        expect(free(first)).toBe(1);
        live.delete(first);
      } else if (choice < 0.5 && first !== undefined) {
        const block = live.get(first) ?? { size: 0, value: 0 };
        const size = Math.floor(next() * 3000);
        const moved = realloc(first, size);
        expect(moved).not.toBe(0);
        expect(runtime.holds(moved, Math.min(size, block.size), block.value)).toBe(true);
        live.delete(first);
        runtime.fill(moved, size, value);
        live.set(moved, { size, value });
      } else {
        const size = Math.floor(next() ** 4 * 9000);
        const align = next() < 0.8 ? 16 : 2 ** Math.floor(next() * 14);
        const block = align === 16 ? malloc(size) : alignedAlloc(align, size);
        expect(block % Math.max(align, 1), `${block} ${align}`).toBe(0);
        expect(runtime.exports.usableSize(block)).toBeGreaterThanOrEqual(size);
        runtime.fill(block, size, value);
        live.set(block, { size, value });
      }
      if (live.size > 60) {
        const oldest = live.keys().next().value ?? 0;
        free(oldest);
        live.delete(oldest);
      }
    }
    for (const [block, { size, value }] of live) {
      expect(runtime.holds(block, size, value)).toBe(true);
    }
  });

  it("uses small blocks again and gives large ones back", () => {
    const { malloc, free } = runtime.exports;
    const first = malloc(100);
    free(first);
    expect(malloc(100)).toBe(first);
    const chunks = runtime.given.size;
    const large = malloc(100_000);
    expect(runtime.given.size).toBe(chunks + 1);
    expect(free(large)).toBe(1);
    expect(runtime.given.size).toBe(chunks);
  });

  it("zeroes what calloc gives, also of a block that was used", () => {
    const { malloc, calloc, free } = runtime.exports;
    const used = malloc(48);
    runtime.fill(used, 48, 0xff);
    free(used);
    const block = calloc(6, 8);
    expect(block).toBe(used);
    expect(runtime.holds(block, 48, 0)).toBe(true);
    expect(calloc(0x1_0001, 0x1_0001)).toBe(0);
  });

  it("refuses what no memory can be, and what is none of its blocks", () => {
    const { malloc, alignedAlloc, realloc, free, usableSize } = runtime.exports;
    expect(malloc(0xffff_ffff)).toBe(0);
    expect(malloc(0x8000_0000)).toBe(0);
    expect(alignedAlloc(3, 8)).toBe(0);
    expect(alignedAlloc(0, 8)).toBe(0);
    expect(alignedAlloc(0x8000_0000, 8)).toBe(0);
    expect(free(0)).toBe(1);
    const block = malloc(40);
    for (const wrong of [1, 8, 16, block + 16, block + 1]) {
      expect(free(wrong), `${wrong}`).toBe(0);
      expect(realloc(wrong, 100), `${wrong}`).toBe(0);
      expect(usableSize(wrong), `${wrong}`).toBe(0);
    }
    expect(free(block)).toBe(1);
    expect(free(block)).toBe(0);
    const large = malloc(10_000);
    runtime.room = 20_000;
    runtime.fill(large, 10_000, 5);
    expect(realloc(large, 50_000)).toBe(0);
    expect(runtime.holds(large, 10_000, 5)).toBe(true);
    expect(free(large)).toBe(1);
  });
});
