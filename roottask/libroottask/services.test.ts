// The services as a native program calls them: message bytes in, reply bytes out. The wire format is that of
// postcard 0.7 (https://docs.rs/postcard/0.7): lengths and variants are variable-length integers, other
// integers little endian of fixed size.

import { beforeEach, describe, expect, it } from "vitest";
import { Ended, Machine } from "../testing/machine.ts";
import { sampleProgram, tarOf } from "../testing/samples.ts";

const STDOUT = 0;
const STDERR = 1;
const ALLOCATE = 2;
const FILES = 3;
const ECHO = 4;
const RAW_ECHO = 5;
const EXIT = 6;
const DATA = 0x40_2000n;

let machine: Machine;

beforeEach(async () => {
  machine = await Machine.create();
  const tar = await tarOf([
    { name: "bin/sample", mode: 0o755, data: sampleProgram() },
    { name: "file", data: "0123456789" },
  ]);
  machine.unpack(tar);
  expect(machine.launch("native bin/sample")).toBe(0);
});

function fixed(value: bigint | number, size: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt.asUintN(64, BigInt(value)));
  return bytes.subarray(0, size);
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  const length =
    bytes.length < 128 ? [bytes.length] : [(bytes.length & 127) | 128, bytes.length >> 7];
  return Buffer.concat([Buffer.from(length), bytes]);
}

function message(...pieces: (Buffer | number)[]): Buffer {
  return Buffer.concat(
    pieces.map((piece) => (typeof piece === "number" ? Buffer.of(piece) : piece)),
  );
}

function ask(service: number, ...pieces: (Buffer | number)[]): Buffer {
  return Buffer.from(machine.service(1, service, message(...pieces)));
}

describe("output", () => {
  it("prints the message's text", () => {
    ask(STDOUT, text("hello "));
    ask(STDERR, text("x".repeat(300)));
    expect(machine.log).toBe(`hello ${"x".repeat(300)}`);
  });

  it("prints nothing when the length is longer than a message can be", () => {
    ask(STDOUT, 0xff, 0xff, 0x7f);
    ask(STDOUT, Buffer.alloc(16, 0xff));
    expect(machine.log).toBe("");
  });
});

describe("memory", () => {
  const allocate = (size: number, align: number) =>
    ask(ALLOCATE, 0, fixed(size, 8), fixed(align, 8)).readBigUInt64LE();

  it("is mapped, aligned, below 4 GiB, and zero", () => {
    const first = allocate(10_000, 8);
    const second = allocate(5, 1 << 20);
    expect(second % (1n << 20n)).toBe(0n);
    expect(first).toBeLessThan(1n << 32n);
    expect(machine.peek(1, first + 9_999n, 1)).toEqual(Buffer.alloc(1));
    machine.poke(1, second, Buffer.from("x"));
    ask(ALLOCATE, 1, fixed(first, 8), fixed(10_000, 8), fixed(8, 8));
    expect(machine.exports.pointer(1, first, 1)).toBe(0);
    expect(machine.peek(1, second, 1).toString()).toBe("x");
  });

  it("is refused where the request makes no sense", () => {
    expect(allocate(0, 8)).toBe(0n);
    expect(allocate(8, 3)).toBe(0n);
    expect(ask(ALLOCATE, 0, fixed(-1, 8), fixed(8, 8)).readBigUInt64LE()).toBe(0n);
    expect(ask(ALLOCATE, 0, fixed(8, 8), fixed(2n ** 63n, 8)).readBigUInt64LE()).toBe(0n);
    ask(ALLOCATE, 1, fixed(-4096, 8), fixed(8192, 8), fixed(8, 8));
    expect(ask(ALLOCATE, 9).readBigUInt64LE()).toBe(0n);
  });
});

describe("files", () => {
  const open = (path: string, flags: number) =>
    ask(FILES, 0, text(path), fixed(flags, 4), fixed(0o644, 2)).readInt32LE();

  it("opens, reads, seeks, writes and closes", () => {
    const fd = open("/file", 2);
    expect(fd).toBe(3);
    const read = () => ask(FILES, 1, fixed(fd, 4), fixed(DATA, 8), fixed(4, 8)).readBigInt64LE();
    expect(read()).toBe(4n);
    expect(machine.peek(1, DATA, 4).toString()).toBe("0123");
    expect(ask(FILES, 2, fixed(fd, 4), fixed(8, 8)).readInt32LE()).toBe(8);
    expect(read()).toBe(2n);
    ask(FILES, 2, fixed(fd, 4), fixed(0, 8));
    machine.poke(1, DATA, Buffer.from("abcd"));
    const pointer = [fixed(fd, 4), 0, fixed(DATA, 8), fixed(3, 8)];
    expect(ask(FILES, 3, ...pointer).readBigInt64LE()).toBe(3n);
    const embedded = [fixed(fd, 4), 2, text("XY"), fixed(2, 8)];
    expect(ask(FILES, 3, ...embedded).readBigInt64LE()).toBe(2n);
    ask(FILES, 2, fixed(fd, 4), fixed(0, 8));
    ask(FILES, 1, fixed(fd, 4), fixed(DATA, 8), fixed(100, 8));
    expect(machine.peek(1, DATA, 10).toString()).toBe("abcXY56789");
    expect(ask(FILES, 4, fixed(fd, 4)).readInt32LE()).toBe(0);
    expect(read()).toBe(-1n);
  });

  it("answers -1 to what cannot be", () => {
    expect(open("missing", 0)).toBe(-1);
    expect(ask(FILES, 1, fixed(-1, 4), fixed(DATA, 8), fixed(4, 8)).readBigInt64LE()).toBe(-1n);
    expect(ask(FILES, 3, fixed(1, 4), 0, fixed(8, 8), fixed(4, 8)).readBigInt64LE()).toBe(-1n);
    expect(ask(FILES, 3, fixed(1, 4), 2, Buffer.alloc(8, 0xff)).readBigInt64LE()).toBe(-1n);
    expect(ask(FILES, 77).readInt32LE()).toBe(-1);
  });
});

describe("the rest", () => {
  it("echoes", () => {
    expect(ask(ECHO, fixed(1, 8), fixed(2, 8))).toEqual(Buffer.concat([fixed(1, 8), fixed(2, 8)]));
    expect(ask(RAW_ECHO, fixed(1, 8))).toHaveLength(0);
  });

  it("ends the program", () => {
    expect(() => ask(EXIT, fixed(3, 8))).toThrow(Ended);
    expect(machine.exports.statusOf(1)).toBe(3);
  });
});
