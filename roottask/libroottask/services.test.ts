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

  it("answers with the number of bytes, and prints nothing of a message that is not whole", () => {
    const answers = (...pieces: (Buffer | number)[]) => ask(STDOUT, ...pieces).readBigInt64LE();
    expect(answers(text("hello"))).toBe(5n);
    expect(answers(text(""))).toBe(0n);
    machine.log = "";
    expect(answers()).toBe(-1n);
    expect(answers(0xff, 0xff, 0x7f)).toBe(-1n);
    expect(answers(Buffer.alloc(16, 0xff))).toBe(-1n);
    // 2^63 - 1 and 2^64 - 1: lengths that wrap around with the place they stand at.
    expect(answers(Buffer.alloc(8, 0xff), 0x7f)).toBe(-1n);
    expect(answers(Buffer.alloc(9, 0xff), 1)).toBe(-1n);
    // One byte more than the words the message has.
    expect(answers(text("12345678").subarray(0, 8))).toBe(-1n);
    expect(machine.log).toBe("");
  });

  it("takes what a UTCB has room for", () => {
    const long = "y".repeat(4062);
    expect(ask(STDOUT, text(long)).readBigInt64LE()).toBe(4062n);
    expect(machine.log).toBe(long);
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
    expect(ask(ALLOCATE, 9).readBigUInt64LE()).toBe(0n);
    // The variant is a number of any length: 2^32 is not 0.
    expect(
      ask(ALLOCATE, 0x80, 0x80, 0x80, 0x80, 0x10, fixed(8, 8), fixed(8, 8)).readBigUInt64LE(),
    ).toBe(0n);
    expect(ask(ALLOCATE, 0, fixed(8, 8)).readBigUInt64LE()).toBe(0n);
    expect(ask(ALLOCATE).readBigUInt64LE()).toBe(0n);
  });

  it("is not taken back where the program has none", () => {
    const free = (address: bigint, size: bigint | number, ...rest: (Buffer | number)[]) =>
      ask(ALLOCATE, 1, fixed(address, 8), fixed(size, 8), ...rest).readBigInt64LE();
    const align = fixed(8, 8);
    const start = allocate(8192, 8);
    for (const [address, size] of [
      [-4096n, 8192n],
      [start, 0n],
      [start, -1n],
      [start, 2n ** 63n],
      [start + 8n, 8n],
      [start - 4096n, 8192n],
      [0n, 4096n],
      [0x7fff_ffff_e000n, 4096n],
      [0x7fff_ffff_d000n, 8192n],
      [2n ** 47n, 4096n],
    ] as const) {
      expect(free(address, size, align), `0x${address.toString(16)} ${size}`).toBe(-1n);
    }
    expect(free(start, 8192)).toBe(-1n);
    machine.poke(1, start, Buffer.from("still here"));
    expect(free(start, 8192, align)).toBe(0n);
    expect(free(start, 8192, align)).toBe(-1n);
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

  const number = (...pieces: (Buffer | number)[]) => ask(FILES, ...pieces).readInt32LE();
  const long = (...pieces: (Buffer | number)[]) => ask(FILES, ...pieces).readBigInt64LE();
  const contents = (path: string) => {
    const fd = open(path, 0);
    const length = Number(long(1, fixed(fd, 4), fixed(DATA, 8), fixed(4000, 8)));
    number(4, fixed(fd, 4));
    return machine.peek(1, DATA, length).toString();
  };

  it("answers -1 to what cannot be", () => {
    expect(open("missing", 0)).toBe(-1);
    expect(long(1, fixed(-1, 4), fixed(DATA, 8), fixed(4, 8))).toBe(-1n);
    expect(long(3, fixed(1, 4), 0, fixed(8, 8), fixed(4, 8))).toBe(-1n);
    expect(long(3, fixed(1, 4), 2, Buffer.alloc(8, 0xff))).toBe(-1n);
    expect(number(77)).toBe(-1);
    expect(ask(FILES).readInt32LE()).toBe(-1);
    expect(number(Buffer.alloc(10, 0xff))).toBe(-1);
  });

  it("does nothing for a message that ends too early, wherever it ends", () => {
    const requests: Buffer[] = [
      message(0, text("/made"), fixed(0o101, 4), fixed(0o600, 2)),
      message(0, text("/file"), fixed(0o1002, 4), fixed(0, 2)),
      message(3, fixed(3, 4), 0, fixed(DATA, 8), fixed(4, 8)),
      message(3, fixed(3, 4), 2, text("overwritten"), fixed(11, 8)),
      message(3, fixed(3, 4), 1, 65, fixed(1, 8)),
      message(2, fixed(3, 4), fixed(5, 8)),
      message(7, text("/file")),
      message(8, text("/directory"), fixed(0o700, 2)),
    ];
    const fd = open("/file", 2);
    expect(fd).toBe(3);
    for (const request of requests) {
      // Whole words are what a message has; the last one is left out, then more of them.
      for (let words = Math.ceil(request.length / 8) - 1; words >= 0; words--) {
        const cut = request.subarray(0, words * 8);
        expect(machine.service(1, FILES, cut).slice(0, 4), `${request[0]}: ${words}`).toEqual(
          Uint8Array.of(255, 255, 255, 255),
        );
      }
    }
    expect(open("/made", 0)).toBe(-1);
    expect(open("/directory", 0)).toBe(-1);
    expect(contents("/file")).toBe("0123456789");
    const read = long(1, fixed(fd, 4), fixed(DATA, 8), fixed(1, 8));
    expect(read).toBe(1n);
    expect(machine.peek(1, DATA, 1).toString()).toBe("0");
  });

  it("writes bytes of the message only where their number is the one that is said", () => {
    const fd = open("/new", 0o102);
    expect(long(3, fixed(fd, 4), 2, text("abc"), fixed(4, 8))).toBe(-1n);
    expect(long(3, fixed(fd, 4), 2, text("abc"), fixed(-1, 8))).toBe(-1n);
    expect(long(3, fixed(fd, 4), 1, 65, fixed(2, 8))).toBe(-1n);
    expect(long(3, fixed(fd, 4), 3, fixed(DATA, 8), fixed(2, 8))).toBe(-1n);
    expect(contents("/new")).toBe("");
    expect(long(3, fixed(fd, 4), 1, 65, fixed(1, 8))).toBe(1n);
    expect(contents("/new")).toBe("A");
  });

  it("passes what lies before the first page that is not there", () => {
    const end = 0x40_2000n + 0x1_0000n;
    const fd = open("/file", 2);
    const at = (address: bigint, length: bigint | number) => [fixed(address, 8), fixed(length, 8)];
    expect(long(1, fixed(fd, 4), ...at(end - 4n, 8))).toBe(4n);
    expect(machine.peek(1, end - 4n, 4).toString()).toBe("0123");
    number(2, fixed(fd, 4), fixed(0, 8));
    machine.poke(1, end - 2n, Buffer.from("yz"));
    expect(long(3, fixed(fd, 4), 0, ...at(end - 2n, 4))).toBe(2n);
    expect(contents("/file")).toBe("yz23456789");
    for (const address of [0n, end, 0x7fff_ffff_e000n, 2n ** 47n, 2n ** 63n, -8n]) {
      for (const length of [8n, 2n ** 63n, 2n ** 64n - 1n]) {
        number(2, fixed(fd, 4), fixed(0, 8));
        expect(long(1, fixed(fd, 4), ...at(address, length))).toBe(-1n);
        expect(long(3, fixed(fd, 4), 0, ...at(address, length))).toBe(-1n);
      }
    }
    expect(contents("/file")).toBe("yz23456789");
    // Code can be read from, and not written to.
    expect(long(1, fixed(fd, 4), ...at(0x40_1000n, 4))).toBe(-1n);
  });

  it("seeks to what is a position, and nowhere else", () => {
    const fd = open("/file", 0);
    const seek = (offset: bigint) => number(2, fixed(fd, 4), fixed(offset, 8));
    expect(seek(2n ** 63n)).toBe(-1);
    expect(seek(2n ** 64n - 1n)).toBe(-1);
    expect(seek(4n)).toBe(4);
    expect(seek(2n ** 63n - 1n)).toBe(2 ** 31 - 1);
    expect(long(1, fixed(fd, 4), fixed(DATA, 8), fixed(4, 8))).toBe(0n);
    expect(seek(0xffff_ffffn)).toBe(2 ** 31 - 1);
    expect(number(2, fixed(9, 4), fixed(0, 8))).toBe(-1);
    expect(number(2, fixed(1, 4), fixed(0, 8))).toBe(-1);
  });

  it("takes any bytes for a path but NUL, and no more than there are", () => {
    const long = "n".repeat(256);
    const paths = [
      "",
      "\0",
      "/file\0",
      "/m/",
      "/file/x",
      "/m/../x",
      "/m/.",
      `/${long}`,
      `/m/${long}`,
    ];
    for (const path of paths) {
      expect(open(path, 0o101), JSON.stringify(path)).toBe(-1);
    }
    expect(number(5, text("/m"))).toBe(-1);
    for (const path of ["", "\0", "/file\0", "/m/x", "/file/x", `/${long}`]) {
      expect(number(5, text(path)), JSON.stringify(path)).toBe(-1);
      expect(number(7, text(path)), JSON.stringify(path)).toBe(-1);
      expect(number(8, text(path), fixed(0o755, 2)), JSON.stringify(path)).toBe(-1);
      expect(number(9, text(path)), JSON.stringify(path)).toBe(-1);
    }
    expect(number(0, Buffer.alloc(9, 0xff), 1, fixed(0o101, 4), fixed(0, 2))).toBe(-1);
    const odd = Buffer.from([47, 0xff, 0xfe, 10, 47]);
    expect(number(8, odd.length, odd, fixed(0o755, 2))).toBe(0);
    expect(number(9, odd.length, odd)).toBe(0);
  });

  it("makes the directories on the way to a new file", () => {
    const fd = open("/a//b/c", 0o102);
    expect(fd).toBe(3);
    expect(number(5, text("/a/b/c"))).toBe(0);
    expect(ask(FILES, 5, text("/a/b")).readUInt32LE(12)).toBe(0o040755);
    expect(open("relative/d", 0o102)).toBe(4);
    expect(open("/e/f", 2)).toBe(-1);
    expect(number(5, text("/e"))).toBe(-1);
  });

  it("tells a file's status, by path and open", () => {
    const status = (answer: Buffer) => ({
      result: answer.readInt32LE(0),
      inode: answer.readBigUInt64LE(4),
      mode: answer.readUInt32LE(12),
      links: answer.readUInt32LE(16),
      size: answer.readBigUInt64LE(20),
      seconds: answer.readBigInt64LE(28),
      nanoseconds: answer.readUInt32LE(36),
    });
    const byPath = status(ask(FILES, 5, text("/file")));
    expect(byPath).toMatchObject({ result: 0, mode: 0o100644, links: 1, size: 10n, seconds: 0n });
    const fd = open("/file", 2);
    expect(status(ask(FILES, 6, fixed(fd, 4)))).toEqual(byPath);
    ask(FILES, 3, fixed(fd, 4), 2, text("0123456789ab"), fixed(12, 8));
    expect(status(ask(FILES, 6, fixed(fd, 4)))).toMatchObject({ size: 12n, inode: byPath.inode });
    expect(status(ask(FILES, 5, text("/bin")))).toMatchObject({ mode: 0o040755, links: 2 });
    expect(ask(FILES, 5, text("/missing"))).toEqual(message(fixed(-1, 4), fixed(0, 4)));
    expect(number(6, fixed(99, 4))).toBe(-1);
  });

  it("makes, lists and removes directories, and unlinks files", () => {
    expect(number(8, text("/d"), fixed(0o750, 2))).toBe(0);
    expect(number(8, text("/d"), fixed(0o750, 2))).toBe(-1);
    const made = open("/d/long name", 0o101);
    expect(number(8, text("/d/sub/"), fixed(0o777, 2))).toBe(0);
    const fd = open("/d", 0);
    const entries: string[] = [];
    for (;;) {
      const answer = ask(FILES, 10, fixed(fd, 4));
      if (answer.readInt32LE() !== 1) break;
      const length = answer.readUInt8(13);
      entries.push(`${answer.readUInt8(12)} ${answer.toString("latin1", 14, 14 + length)}`);
    }
    expect(entries).toEqual(["4 .", "4 ..", "4 sub", "8 long name"]);
    expect(number(10, fixed(fd, 4))).toBe(0);
    number(2, fixed(fd, 4), fixed(0, 8));
    expect(number(10, fixed(fd, 4))).toBe(1);
    expect(number(9, text("/d"))).toBe(-1);
    expect(number(9, text("/d/long name"))).toBe(-1);
    expect(number(7, text("/d/sub"))).toBe(-1);
    expect(number(7, text("/d/long name"))).toBe(0);
    expect(number(9, text("/d/sub"))).toBe(0);
    expect(number(9, text("/d/."))).toBe(-1);
    expect(number(9, text("/"))).toBe(-1);
    expect(number(9, text("/d"))).toBe(0);
    expect(number(5, text("/d"))).toBe(-1);
    // Neither the removed directory nor a file is one to list; the unlinked file is still open.
    expect(number(10, fixed(fd, 4))).toBe(-1);
    expect(number(10, fixed(made, 4))).toBe(-1);
    expect(number(10, fixed(77, 4))).toBe(-1);
    expect(long(3, fixed(made, 4), 2, text("x"), fixed(1, 8))).toBe(1n);
  });
});

describe("a program of the published environment", () => {
  // What its hello world sends, by the format's definition: https://postcard.jamesmunns.com/wire-format of 0.7, where
  // integers but lengths and variants have their full width.
  const send = (service: number, hex: string) =>
    Buffer.from(machine.service(1, service, Buffer.from(hex.replaceAll(" ", ""), "hex")));
  const hex = (value: string) => Buffer.from(value).toString("hex");

  it("is understood byte by byte", () => {
    send(STDOUT, `27 ${hex("Hallo Welt Lorem Ipsum Dolor sit Damet.")}`);
    send(STDERR, `0a ${hex("log to err")}`);
    expect(machine.log).toBe("Hallo Welt Lorem Ipsum Dolor sit Damet.log to err");
    // Alloc { size: 20, align: 4 }, Dealloc { ptr, size: 20, align: 4 }
    const block = send(ALLOCATE, "00 1400000000000000 0400000000000000");
    expect(block.readBigUInt64LE() % 4096n).toBe(0n);
    expect(block.readBigUInt64LE()).not.toBe(0n);
    send(ALLOCATE, `01 ${block.toString("hex", 0, 8)} 1400000000000000 0400000000000000`);
    // Open("/foo/bar", O_CREAT | O_RDWR, 0o777)
    expect(send(FILES, `00 08 ${hex("/foo/bar")} 42000000 ff01`).readInt32LE()).toBe(3);
    // Write(fd, EmbeddedSlice("Hallo Welt!"), 11)
    expect(
      send(FILES, `03 03000000 02 0b ${hex("Hallo Welt!")} 0b00000000000000`).readBigUInt64LE(),
    ).toBe(11n);
    // LSeek(fd, 6), Read(fd, 0x402000, 100)
    send(FILES, "02 03000000 0600000000000000");
    const read = "01 03000000 0020400000000000 6400000000000000";
    expect(send(FILES, read).readBigUInt64LE()).toBe(5n);
    expect(machine.peek(1, DATA, 5).toString()).toBe("Welt!");
    send(FILES, "02 03000000 0000000000000000");
    expect(send(FILES, read).readBigUInt64LE()).toBe(11n);
    expect(send(FILES, read).readBigUInt64LE()).toBe(0n);
    // Close(fd)
    expect(send(FILES, "04 03000000").readInt32LE()).toBe(0);
  });
});

describe("the rest", () => {
  it("echoes", () => {
    expect(ask(ECHO, fixed(1, 8), fixed(2, 8))).toEqual(Buffer.concat([fixed(1, 8), fixed(2, 8)]));
  });

  it("does not end the program without a status", () => {
    expect(ask(EXIT).readBigInt64LE()).toBe(-1n);
    expect(machine.exports.stateOf(1)).not.toBe(2);
  });

  it("gives an error value to any message of random bytes, or does what it says", () => {
    let seed = 1;
    const random = () => {
      seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
      return seed >>> 16;
    };
    for (let round = 0; round < 2000; round++) {
      const service = [STDOUT, STDERR, ALLOCATE, FILES, ECHO][random() % 5] as number;
      const bytes = Buffer.from(Array.from({ length: random() % 64 }, () => random() & 255));
      if (service === FILES && bytes.length > 0) bytes[0] = random() % 12;
      const answer = Buffer.from(machine.service(1, service, bytes));
      expect(answer.length).toBeLessThanOrEqual(4064);
      if (service !== ECHO) expect(answer.length).toBeGreaterThanOrEqual(8);
    }
    expect(machine.exports.stateOf(1)).not.toBe(2);
    const fd = ask(FILES, 0, text("/bin/sample"), fixed(0, 4), fixed(0, 2)).readInt32LE();
    expect(fd).toBeGreaterThanOrEqual(3);
  });

  it("ends the program", () => {
    expect(() => ask(EXIT, fixed(3, 8))).toThrow(Ended);
    expect(machine.exports.statusOf(1)).toBe(3);
  });
});
