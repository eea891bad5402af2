// The Linux personality, called as a program would: registers in, registers out. Expected results are
// those of Linux (man pages, section 2).

import { beforeEach, describe, expect, it } from "vitest";
import { MTD_FS_GS } from "../../kernel/abi.ts";
import { SIGNAL_PAGE } from "../libhrstd/mediator_layout.ts";
import { Ended, Machine, SIGNAL_OFFSETS } from "../testing/machine.ts";
import { sampleProgram, tarOf } from "../testing/samples.ts";
import * as numbers from "./numbers.ts";

type Name = keyof typeof numbers extends infer K ? (K extends `SYS_${infer N}` ? N : never) : never;

const table: Record<`SYS_${Name}`, number> = { ...numbers };

function numberOf(name: Name): number {
  return table[`SYS_${name}`];
}

const DATA = 0x40_2000n;
const RW = 3;
const PRIVATE_ANON = 0x22;
const SHARED_ANON = 0x21;
const FIXED = 0x10;
const PAGE = 4096n;
const EXITED = 2;
const KILLED = 3;

let machine: Machine;

beforeEach(async () => {
  machine = await Machine.create();
  const tar = await tarOf([
    { name: "bin/sample", mode: 0o755, data: sampleProgram() },
    { name: "etc/file", data: "0123456789" },
  ]);
  expect(machine.unpack(tar)).toBe(true);
  expect(machine.launch('linux bin/sample one "two words"')).toBe(0);
});

function put(text: string, at = DATA): bigint {
  machine.poke(1, at, Buffer.from(`${text}\0`));
  return at;
}

function call(name: Name, ...args: (number | bigint)[]): bigint {
  return machine.call(1, numberOf(name), ...args);
}

function anonymous(length: bigint | number, protection = RW): bigint {
  return call("mmap", 0, length, protection, PRIVATE_ANON, -1, 0);
}

describe("start of a program", () => {
  it("has arguments, environment and auxiliary vector on the stack", () => {
    let at = machine.exports.stackOf(1);
    expect(at % 16n).toBe(0n);
    const word = () => {
      const value = machine.peek64(1, at);
      at += 8n;
      return value;
    };
    expect(word()).toBe(3n);
    const args = [word(), word(), word()].map((address) => machine.text(1, address));
    expect(args).toEqual(["bin/sample", "one", "two words"]);
    expect(word()).toBe(0n);
    expect(machine.text(1, word())).toBe("LINUX_UNDER_HEDRON=true");
    expect(word()).toBe(0n);
    const auxiliary = new Map<bigint, bigint>();
    for (let type = word(); type !== 0n; type = word()) auxiliary.set(type, word());
    expect(auxiliary.get(6n)).toBe(PAGE);
    expect(auxiliary.get(9n)).toBe(0x40_1000n);
    expect(auxiliary.get(5n)).toBe(2n);
    expect(machine.text(1, auxiliary.get(31n) ?? 0n)).toBe("bin/sample");
    expect(machine.peek(1, auxiliary.get(25n) ?? 0n, 16)).toHaveLength(16);
  });

  it("gives the program its variables, later settings replacing earlier ones", async () => {
    const text = Buffer.from("env A=1\nenv B=2\nenv A=3\nlinux bin/sample\n");
    machine.exports.startWith(machine.place(text), text.length);
    for (let i = 0; i < 3; i++) expect(machine.exports.launch()).toBe(1102);
    expect(machine.exports.launch()).toBe(0);
    const stack = machine.exports.stackOf(2);
    expect(machine.text(2, machine.peek64(2, stack + 24n))).toBe("A=3");
    expect(machine.text(2, machine.peek64(2, stack + 32n))).toBe("B=2");
  });

  it("takes sizes with and without a letter, and refuses what is none or too large", () => {
    const sizes = { "1": 1n, "65536": 65_536n, "64K": 65_536n, "256M": 1n << 28n, off: 0n };
    for (const [text, bytes] of Object.entries(sizes)) {
      expect(machine.launch(`pregrant ${text}`)).toBe(1106);
      expect(machine.exports.pregrantOfLine()).toBe(bytes);
    }
    const others = ["", "0", "0K", "on", "K", "64k", "64KB", "-1", "1.5M", "257M", "1G", "1M 1M"];
    for (const text of [...others, "18446744073709551617", "0x1000"]) {
      expect(machine.launch(`pregrant ${text}`)).toBe(1107);
    }
  });

  it("has the files as standard streams that its line names", () => {
    expect(machine.launch("linux bin/sample <etc/file >tmp/out")).toBe(0);
    expect(machine.call(2, numberOf("read"), 0, DATA, 4)).toBe(4n);
    expect(machine.peek(2, DATA, 4).toString()).toBe("0123");
    expect(machine.call(2, numberOf("write"), 1, DATA, 4)).toBe(4n);
    expect(machine.launch("linux bin/sample >>tmp/out 2>tmp/errors")).toBe(0);
    machine.poke(3, DATA, Buffer.from("ab"));
    expect(machine.call(3, numberOf("write"), 1, DATA, 2)).toBe(2n);
    expect(machine.launch("linux bin/sample <tmp/out")).toBe(0);
    expect(machine.call(4, numberOf("read"), 0, DATA, 16)).toBe(6n);
    expect(machine.peek(4, DATA, 6).toString()).toBe("0123ab");
    expect(machine.log).toBe("");
  });

  it("has a quoted redirection as an argument", () => {
    expect(machine.launch('linux bin/sample "<etc/file"')).toBe(0);
    const stack = machine.exports.stackOf(2);
    expect(machine.text(2, machine.peek64(2, stack + 16n))).toBe("<etc/file");
  });

  it("refuses lines it does not understand", () => {
    expect(machine.launch("linux bin/sample <")).toBe(1108);
    expect(machine.launch("linux bin/sample 2>>")).toBe(1108);
    expect(machine.launch("windows bin/sample")).toBe(1103);
    expect(machine.launch('linux "bin/sample')).toBe(1104);
    expect(machine.launch("# comment")).toBe(1100);
    expect(machine.launch("linux bin/absent")).toBe(1000);
    expect(machine.launch("linux bin/sample <absent")).toBe(1002);
    expect(machine.launch("linux bin/sample >etc")).toBe(1002);
  });
});

describe("files", () => {
  it("writes to the log without changing a byte", () => {
    put("line\n\x01\xff");
    expect(call("write", 1, DATA, 6)).toBe(6n);
    expect(call("write", 2, DATA, 4)).toBe(4n);
    expect(machine.log).toBe("line\n\x01line");
  });

  it("answers bad descriptors and addresses with EBADF and EFAULT", () => {
    expect(call("write", 7, DATA, 1)).toBe(-9n);
    expect(call("write", 1, 0x10, 1)).toBe(-14n);
    expect(call("write", 1, -4096, 1)).toBe(-14n);
    expect(call("write", 0, DATA, 1)).toBe(-9n);
    expect(call("read", -1, DATA, 1)).toBe(-9n);
    expect(call("open", 0, 0, 0)).toBe(-14n);
    expect(call("read", 0, DATA, 10)).toBe(0n);
    expect(call("ioctl", 1, 0x5413, DATA)).toBe(-25n);
    expect(call("lseek", 1, 0, 0)).toBe(-29n);
  });

  it("does not read into memory the program may not write", () => {
    const fd = call("open", put("etc/file"), 0, 0);
    expect(call("read", fd, 0x40_1000, 4)).toBe(-14n);
  });

  it("transfers across page borders and stops at the first bad page", () => {
    const area = anonymous(2n * PAGE);
    call("munmap", area + PAGE, PAGE);
    machine.poke(1, area + PAGE - 4n, Buffer.from("abcd"));
    const fd = call("open", put("/tmp/new"), 0o102, 0o666);
    expect(call("write", fd, area + PAGE - 4n, 8)).toBe(4n);
    expect(call("pread64", fd, DATA, 8, 0)).toBe(4n);
    expect(machine.peek(1, DATA, 4).toString()).toBe("abcd");
    // The same in a file that has room already, and across a border of pages that are both there.
    expect(call("write", fd, area + PAGE - 4n, 8)).toBe(4n);
    const whole = anonymous(2n * PAGE);
    machine.poke(1, whole + PAGE - 4n, Buffer.from("12345678"));
    expect(call("write", fd, whole + PAGE - 4n, 8)).toBe(8n);
    expect(call("pread64", fd, DATA, 99, 0)).toBe(16n);
    expect(machine.peek(1, DATA, 16).toString()).toBe("abcdabcd12345678");
    // The log is a pipe: of a page that cannot be read whole nothing is written.
    expect(call("write", 1, area + PAGE - 4n, 8)).toBe(-14n);
    expect(machine.log).toBe("");
  });

  it("keeps a position per open file, shared by duplicates", () => {
    const fd = call("open", put("etc/file"), 0, 0);
    expect(fd).toBe(3n);
    expect(call("dup", fd)).toBe(4n);
    expect(call("read", fd, DATA, 4)).toBe(4n);
    expect(call("read", 4, DATA + 16n, 100)).toBe(6n);
    expect(machine.peek(1, DATA, 4).toString()).toBe("0123");
    expect(machine.peek(1, DATA + 16n, 6).toString()).toBe("456789");
    expect(call("lseek", fd, -1, 2)).toBe(9n);
    expect(call("lseek", fd, -1, 0)).toBe(-22n);
    expect(call("close", fd)).toBe(0n);
    expect(call("close", fd)).toBe(-9n);
    expect(call("read", 4, DATA, 4)).toBe(1n);
    expect(call("dup2", 4, 9)).toBe(9n);
    expect(call("fcntl", 9, 1030, 20)).toBe(20n);
    expect(call("fcntl", 20, 1)).toBe(1n);
  });

  it("creates, extends, renames and removes files", () => {
    const fd = call("open", put("/tmp/new"), 0o102, 0o666);
    expect(fd).toBe(3n);
    expect(call("lseek", fd, 100, 0)).toBe(100n);
    expect(call("write", fd, put("end"), 3)).toBe(3n);
    expect(call("fstat", fd, DATA)).toBe(0n);
    const stat = machine.peek(1, DATA, 144);
    expect(stat.readBigUInt64LE(48)).toBe(103n);
    expect(stat.readUInt32LE(24)).toBe(0o100644);
    expect(call("lseek", fd, 98, 0)).toBe(98n);
    expect(call("read", fd, DATA, 10)).toBe(5n);
    expect(machine.peek(1, DATA, 5)).toEqual(Buffer.from("\0\0end"));
    expect(call("rename", put("/tmp/new"), put("/etc/file", DATA + 100n))).toBe(0n);
    expect(call("open", put("/tmp/new"), 0)).toBe(-2n);
    expect(call("open", put("/etc/file"), 0o301)).toBe(-17n);
    expect(call("unlink", put("/etc/file"))).toBe(0n);
    expect(call("unlink", put("/etc/file"))).toBe(-2n);
    expect(call("write", fd, put("still open"), 10)).toBe(10n);
  });

  it("gives a file several names", () => {
    const status = (path: string) => {
      expect(call("lstat", put(path), DATA + 100n)).toBe(0n);
      return { inode: machine.peek64(1, DATA + 108n), links: machine.peek64(1, DATA + 116n) };
    };
    expect(call("link", put("/etc/file"), put("/tmp/one", DATA + 100n))).toBe(0n);
    expect(call("link", put("/tmp/one"), put("/tmp/two", DATA + 100n))).toBe(0n);
    expect(status("/tmp/two")).toEqual({ inode: status("/etc/file").inode, links: 3n });
    expect(call("unlink", put("/etc/file"))).toBe(0n);
    expect(call("rename", put("/tmp/one"), put("/tmp/two", DATA + 100n))).toBe(0n);
    expect(status("/tmp/one").links).toBe(2n);
    expect(call("rename", put("/tmp/one"), put("/tmp/three", DATA + 100n))).toBe(0n);
    expect(call("open", put("/tmp/one"), 0)).toBe(-2n);
    expect(call("unlink", put("/tmp/two"))).toBe(0n);
    expect(status("/tmp/three").links).toBe(1n);
    expect(call("link", put("/tmp/three"), put("/tmp/three", DATA + 100n))).toBe(-17n);
    expect(call("link", put("/tmp/none"), put("/tmp/four", DATA + 100n))).toBe(-2n);
    expect(call("link", put("/tmp"), put("/four", DATA + 100n))).toBe(-1n);
    call("symlink", put("three"), put("/tmp/s", DATA + 100n));
    expect(call("link", put("/tmp/s"), put("/tmp/t", DATA + 100n))).toBe(0n);
    expect(status("/tmp/t")).toEqual({ inode: status("/tmp/s").inode, links: 2n });
    expect(call("mkdir", put("/tmp/d"), 0o777)).toBe(0n);
    expect(call("mkdir", put("/tmp/d/e"), 0o777)).toBe(0n);
    expect(status("/tmp/d").links).toBe(3n);
    expect(call("rename", put("/tmp/d/."), put("/tmp/x", DATA + 100n))).toBe(-16n);
  });

  it("opens links themselves with O_PATH", () => {
    const O_PATH = 0o10000000;
    const O_NOFOLLOW = 0o400000;
    expect(call("symlink", put("target"), put("/tmp/l", DATA + 100n))).toBe(0n);
    const fd = call("open", put("/tmp/l"), O_PATH | O_NOFOLLOW);
    expect(fd).toBe(3n);
    expect(call("fstat", fd, DATA)).toBe(0n);
    expect(machine.peek(1, DATA + 24n, 4).readUInt32LE() >> 12).toBe(0o12);
    expect(call("read", fd, DATA, 10)).toBe(-9n);
    expect(call("close", fd)).toBe(0n);
    expect(call("close", fd)).toBe(-9n);
  });

  it("knows directories and symbolic links", () => {
    expect(call("mkdir", put("/tmp/d"), 0o777)).toBe(0n);
    expect(call("mkdir", put("/tmp/d"), 0o777)).toBe(-17n);
    expect(call("symlink", put("../etc/file"), put("/tmp/d/l", DATA + 100n))).toBe(0n);
    expect(call("chdir", put("/tmp/d"))).toBe(0n);
    expect(call("getcwd", DATA, 100)).toBe(7n);
    expect(machine.text(1, DATA)).toBe("/tmp/d");
    expect(call("getcwd", DATA, 6)).toBe(-34n);
    expect(call("readlink", put("l"), DATA + 100n, 100)).toBe(11n);
    expect(call("open", put("l"), 0)).toBe(-2n);
    expect(call("rmdir", put("/tmp/d"))).toBe(-39n);
    call("symlink", put("loop"), put("loop", DATA + 100n));
    expect(call("open", put("loop"), 0)).toBe(-40n);
    const fd = call("open", put("/tmp/d"), 0o200000);
    const length = Number(call("getdents64", fd, DATA, 1000));
    const records = machine.peek(1, DATA, length);
    const names: string[] = [];
    for (let at = 0; at < length; at += records.readUInt16LE(at + 16)) {
      const name = records.subarray(at + 19, at + records.readUInt16LE(at + 16));
      names.push(name.subarray(0, name.indexOf(0)).toString());
    }
    expect(names).toEqual([".", "..", "loop", "l"]);
    expect(call("getdents64", fd, DATA, 1000)).toBe(0n);
  });

  it("gathers vectors", () => {
    put("hello world");
    machine.poke(1, DATA + 64n, vectorOf([DATA, 5n], [0n, 0n], [DATA + 5n, 6n]));
    expect(call("writev", 1, DATA + 64n, 3)).toBe(11n);
    expect(machine.log).toBe("hello world");
    expect(call("writev", 1, DATA + 64n, 1025)).toBe(-22n);
    expect(call("writev", 1, 8, 1)).toBe(-14n);
  });
});

function vectorOf(...pieces: [bigint, bigint][]): Buffer {
  const bytes = Buffer.alloc(pieces.length * 16);
  for (const [index, [base, length]] of pieces.entries()) {
    bytes.writeBigUInt64LE(base, index * 16);
    bytes.writeBigUInt64LE(length, index * 16 + 8);
  }
  return bytes;
}

describe("memory", () => {
  it("grows and shrinks the break", () => {
    const start = call("brk", 0);
    expect(call("brk", start + 10_000n)).toBe(start + 10_000n);
    machine.poke(1, start + 9_999n, Buffer.from("x"));
    expect(call("brk", start + 100n)).toBe(start + 100n);
    expect(machine.exports.pointer(1, start + 5_000n, 1)).toBe(0);
    expect(call("brk", 1)).toBe(start + 100n);
    expect(call("brk", 2n ** 46n)).toBe(start + 100n);
  });

  it("reserves gigabytes without using memory, and backs what mprotect opens", () => {
    const before = machine.exports.free();
    const area = anonymous(8n << 30n, 0);
    expect(area).toBeGreaterThan(0n);
    expect(before - machine.exports.free()).toBeLessThan(3);
    expect(machine.exports.pointer(1, area, 1)).toBe(0);
    expect(call("mprotect", area + (1n << 30n), PAGE, RW)).toBe(0n);
    machine.poke(1, area + (1n << 30n), Buffer.from("x"));
    expect(machine.exports.pointer(1, area + (1n << 30n) + PAGE, 1)).toBe(0);
    expect(call("munmap", area, 8n << 30n)).toBe(0n);
    expect(before - machine.exports.free()).toBeLessThan(8);
  });

  it("gives back every page it took", () => {
    const before = machine.exports.free();
    const area = anonymous(1n << 20n);
    for (let page = 0n; page < 256n; page++) machine.poke(1, area + page * PAGE, Buffer.from("x"));
    expect(before - machine.exports.free()).toBeGreaterThanOrEqual(256);
    call("munmap", area, 1n << 20n);
    const tables = before - machine.exports.free();
    expect(tables).toBeLessThan(8);
    const removed = machine.delegations.filter(({ rights, kind }) => kind === 1 && rights === 0);
    expect(removed.reduce((pages, { order }) => pages + 2 ** order, 0)).toBe(256);
  });

  it("gives back what files and their mappings took, when nobody has them any more", () => {
    const round = (): void => {
      const fd = call("open", put("tmp"), 0o20200002, 0o600);
      expect(call("ftruncate", fd, 1n << 40n)).toBe(0n);
      const area = call("mmap", 0, 64n * PAGE, RW, 1, fd, (1n << 40n) - 64n * PAGE);
      for (let page = 0n; page < 64n; page += 3n) {
        machine.poke(1, area + page * PAGE, Buffer.from("x"));
      }
      expect(call("pwrite64", fd, put("y"), 1, 1n << 33n)).toBe(1n);
      expect(call("fallocate", fd, 0, 1n << 20n, 16n * PAGE)).toBe(0n);
      expect(call("close", fd)).toBe(0n);
      expect(call("munmap", area, 64n * PAGE)).toBe(0n);
      const archived = call("open", put("etc/file"), 0);
      const text = call("mmap", 0, PAGE, 1, 2, archived, 0);
      expect(machine.peek(1, text, 3).toString()).toBe("012");
      expect(call("munmap", text, PAGE)).toBe(0n);
      expect(call("close", archived)).toBe(0n);
      const zeroes = call("mmap", 0, 8n * PAGE, RW, SHARED_ANON, -1, 0);
      machine.poke(1, zeroes + PAGE, Buffer.from("z"));
      expect(call("munmap", zeroes, 8n * PAGE)).toBe(0n);
    };
    round();
    const before = machine.exports.free();
    round();
    expect(machine.exports.free()).toBe(before);
  });

  it("runs out of room for files before it runs out of memory", () => {
    const fd = call("open", put("tmp"), 0o20200002, 0o600);
    const area = anonymous(256n * PAGE);
    for (let page = 0n; page < 256n; page++) machine.poke(1, area + page * PAGE, Buffer.from("x"));
    const before = machine.exports.free();
    let size = 0n;
    let written = 0n;
    do {
      size += written;
      written = call("pwrite64", fd, area, 256n * PAGE, size);
    } while (written > 0n);
    expect(written).toBe(-28n);
    expect(machine.exports.free()).toBeGreaterThan(0);
    expect(call("fallocate", fd, 0, size, 1n << 30n)).toBe(-28n);
    expect(call("lseek", fd, 0, 2)).toBe(size);
    expect(call("pwrite64", fd, area, 256n * PAGE, 0)).toBe(256n * PAGE);
    expect(call("ftruncate", fd, 0)).toBe(0n);
    expect(machine.exports.free()).toBe(before);
    expect(call("close", fd)).toBe(0n);
  });

  it("maps files, privately and shared", () => {
    const fd = call("open", put("etc/file"), 0);
    const area = call("mmap", 0, PAGE, RW, 2, fd, 0);
    expect(machine.peek(1, area, 12)).toEqual(Buffer.from("0123456789\0\0"));
    machine.poke(1, area, Buffer.from("X"));
    expect(call("read", fd, DATA, 4)).toBe(4n);
    expect(machine.peek(1, DATA, 4).toString()).toBe("0123");
    expect(call("mmap", 0, PAGE, RW, 1, fd, 0)).toBe(-13n);
    const writable = call("open", put("etc/file"), 2);
    const shared = call("mmap", 0, PAGE, RW, 1, writable, 0);
    machine.poke(1, shared, Buffer.from("Y"));
    expect(call("read", writable, DATA, 4)).toBe(4n);
    expect(machine.peek(1, DATA, 4).toString()).toBe("Y123");
    expect(machine.peek(1, area, 4).toString()).toBe("X123");
    expect(call("mmap", 0, PAGE, RW, 2, 99, 0)).toBe(-9n);
    expect(call("mmap", 0, PAGE, RW, 2, fd, 100)).toBe(-22n);
  });

  it("replaces with MAP_FIXED, refuses to with MAP_FIXED_NOREPLACE", () => {
    const area = anonymous(3n * PAGE);
    machine.poke(1, area + PAGE, Buffer.from("old"));
    expect(call("mmap", area + PAGE, PAGE, RW, 0x10_0022, -1, 0)).toBe(-17n);
    expect(call("mmap", area + PAGE, PAGE, RW, PRIVATE_ANON | FIXED, -1, 0)).toBe(area + PAGE);
    expect(machine.peek(1, area + PAGE, 3)).toEqual(Buffer.alloc(3));
    expect(call("mmap", area + 1n, PAGE, RW, PRIVATE_ANON | FIXED, -1, 0)).toBe(-22n);
    expect(call("mmap", 0, 0, RW, PRIVATE_ANON, -1, 0)).toBe(-22n);
    expect(call("mmap", 0, 2n ** 47n, RW, PRIVATE_ANON, -1, 0)).toBe(-12n);
  });

  it("protects parts of a mapping", () => {
    const area = anonymous(4n * PAGE);
    machine.poke(1, area + PAGE, Buffer.from("kept"));
    expect(call("mprotect", area + PAGE, PAGE, 1)).toBe(0n);
    expect(machine.exports.pointer(1, area + PAGE, 2)).toBe(0);
    expect(machine.peek(1, area + PAGE, 4).toString()).toBe("kept");
    expect(machine.exports.pointer(1, area + 2n * PAGE, 2)).not.toBe(0);
    expect(call("mprotect", area, PAGE * 4n, RW)).toBe(0n);
    machine.poke(1, area + PAGE, Buffer.from("K"));
    expect(call("mprotect", area + 1n, PAGE, RW)).toBe(-22n);
    expect(call("mprotect", 0x1000_0000, PAGE, RW)).toBe(-12n);
  });

  it("moves a mapping that cannot grow in place", () => {
    const area = anonymous(4n * PAGE);
    machine.poke(1, area, Buffer.from("first"));
    machine.poke(1, area + 3n * PAGE, Buffer.from("last"));
    call("mmap", area + 4n * PAGE, PAGE, RW, PRIVATE_ANON | FIXED, -1, 0);
    expect(call("mremap", area, 4n * PAGE, 8n * PAGE, 0)).toBe(-12n);
    const moved = call("mremap", area, 4n * PAGE, 8n * PAGE, 1);
    expect(moved).not.toBe(area);
    expect(machine.peek(1, moved, 5).toString()).toBe("first");
    expect(machine.peek(1, moved + 3n * PAGE, 4).toString()).toBe("last");
    expect(machine.exports.pointer(1, area, 1)).toBe(0);
    expect(call("mremap", moved, 8n * PAGE, PAGE, 0)).toBe(moved);
    expect(machine.exports.pointer(1, moved + PAGE, 1)).toBe(0);
  });

  it("forgets contents on MADV_DONTNEED", () => {
    const area = anonymous(PAGE);
    machine.poke(1, area, Buffer.from("x"));
    expect(call("madvise", area, PAGE, 4)).toBe(0n);
    expect(machine.peek(1, area, 1)).toEqual(Buffer.alloc(1));
  });

  it("does not let a program touch its UTCB's page", () => {
    expect(call("munmap", 0x7fff_ffff_e000n, PAGE)).toBe(0n);
    const fixed = PRIVATE_ANON | FIXED;
    expect(call("mmap", 0x7fff_ffff_e000n, PAGE, RW, fixed, -1, 0)).toBe(-12n);
    expect(call("mprotect", 0x7fff_ffff_e000n, PAGE, RW)).toBe(-12n);
    expect(call("write", 1, 0x7fff_ffff_e000n, 8)).toBe(-14n);
  });
});

describe("process", () => {
  it("returns to the instruction behind SYSCALL with the user's stack", () => {
    call("getpid");
    expect(machine.register(1, "rip")).toBe(0x40_1000n);
    expect(machine.register(1, "rsp")).toBe(machine.exports.stackOf(1));
    expect(machine.register(1, "rax")).toBe(1n);
  });

  it("sets the thread-local base through the message", () => {
    expect(call("arch_prctl", 0x1002, 0x1234_5678)).toBe(0n);
    expect(machine.mtd(1) & BigInt(MTD_FS_GS)).toBe(BigInt(MTD_FS_GS));
    expect(call("arch_prctl", 0x1003, DATA)).toBe(0n);
    expect(machine.peek64(1, DATA)).toBe(0x1234_5678n);
    expect(call("arch_prctl", 0x1002, 2n ** 63n)).toBe(-1n);
  });

  it("ends with the status given", () => {
    expect(() => call("exit_group", 0x107)).toThrow(Ended);
    expect(machine.exports.stateOf(1)).toBe(EXITED);
    expect(machine.exports.statusOf(1)).toBe(7);
  });

  it("ends where its only thread waits for what nobody can do", () => {
    expect(() => call("pause")).toThrow(Ended);
    expect(machine.exports.stateOf(1)).toBe(KILLED);
    expect(machine.exports.statusOf(1)).toBe(9);
    expect(machine.log).toContain("all threads wait for each other: bin/sample\n");
  });

  it("answers ENOSYS to a missing system call and names it at the end", () => {
    expect(machine.call(1, 400)).toBe(-38n);
    expect(machine.call(1, 400)).toBe(-38n);
    expect(machine.call(1, 99_999)).toBe(-38n);
    expect(machine.call(1, -1)).toBe(-38n);
    expect(machine.log).toBe("");
    machine.exports.reap(1);
    expect(machine.log).toContain("not supported (ENOSYS): 400 beyond 511\n");
  });

  it("gives all memory back when it is reaped", () => {
    // The first one leaves its thread's slot behind, for the next.
    let left = -1;
    for (const id of [2, 3, 4]) {
      machine.launch("linux bin/sample");
      machine.call(id, numberOf("mmap"), 0, 1n << 20n, RW, PRIVATE_ANON, -1, 0);
      const fd = machine.call(id, numberOf("open"), DATA, 0o102, 0o666);
      machine.call(id, numberOf("write"), fd, DATA, 4000);
      machine.call(id, numberOf("brk"), 0);
      machine.exports.reap(id);
      if (left !== -1) expect(machine.exports.free()).toBe(left);
      left = machine.exports.free();
    }
  });

  it("leaves the log to the programs that follow", () => {
    machine.exports.reap(1);
    machine.launch("linux bin/sample");
    machine.poke(2, DATA, Buffer.from("next"));
    expect(machine.call(2, numberOf("write"), 1, DATA, 4)).toBe(4n);
    expect(machine.log).toBe("next");
  });

  it("survives arbitrary arguments", () => {
    const values = [
      0n,
      1n,
      3n,
      4095n,
      DATA,
      DATA + 4090n,
      0x40_1000n,
      0x7fff_ffff_e000n,
      2n ** 47n,
      -1n,
    ];
    let seed = 12345;
    const any = () => {
      seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
      return values[(seed >>> 16) % values.length] as bigint;
    };
    const deadly = new Set(
      (
        [
          "rt_sigreturn",
          "nanosleep",
          "exit",
          "kill",
          "tkill",
          "clock_nanosleep",
          "exit_group",
          "tgkill",
          "futex",
          "poll",
          "ppoll",
          "select",
          "pselect6",
          "pause",
          "rt_sigsuspend",
          // They wait for processes, which nothing executes here.
          "clone",
          "fork",
          "vfork",
          "wait4",
          "waitid",
          // They wait for semaphores, messages or room (ipc/ipc.test.ts).
          "semop",
          "semtimedop",
          "msgsnd",
          "msgrcv",
        ] as const
      ).map(numberOf),
    );
    for (let number = 0; number < 450; number++) {
      if (deadly.has(number)) continue;
      for (let i = 0; i < 40; i++) {
        const result = machine.call(1, number, any(), any(), any(), any(), any(), any());
        expect(result >= -4095n, `system call ${number}: ${result}`).toBe(true);
      }
    }
  });
});

describe("signals and exceptions", () => {
  const HANDLER = 0x40_1234n;
  const RESTORER = 0x40_1300n;

  function handle(signal: number, flags = 0): void {
    const action = Buffer.alloc(32);
    action.writeBigUInt64LE(HANDLER, 0);
    action.writeBigUInt64LE(BigInt(0x0400_0000 | flags), 8);
    action.writeBigUInt64LE(RESTORER, 16);
    machine.poke(1, DATA, action);
    expect(call("rt_sigaction", signal, DATA, 0, 8)).toBe(0n);
  }

  /** The thread saves its extended state next, and enters the handler then. */
  function expectHandler(): void {
    expect(machine.register(1, "rip")).toBe(BigInt(SIGNAL_PAGE) + SIGNAL_OFFSETS.enter);
    expect(machine.register(1, "r11")).toBe(HANDLER);
  }

  it("kills a program that has no handler", () => {
    expect(() => call("tgkill", 1, 1, 6)).toThrow(Ended);
    expect(machine.exports.stateOf(1)).toBe(KILLED);
    expect(machine.exports.statusOf(1)).toBe(6);
  });

  it("runs the handler and goes on where the signal came", () => {
    handle(10);
    machine.call(1, numberOf("tgkill"), 1, 1, 10);
    expectHandler();
    expect(machine.register(1, "rdi")).toBe(10n);
    const frame = machine.register(1, "rsp");
    expect(frame % 16n).toBe(8n);
    expect(machine.peek64(1, frame)).toBe(RESTORER);
    expect(machine.peek(1, machine.register(1, "rsi"), 4).readInt32LE()).toBe(10);
    expect(call("rt_sigprocmask", 0, 0, DATA, 8)).toBe(0n);
    expect(machine.peek64(1, DATA)).toBe(1n << 9n);
    const utcb = machine.exports.utcbOf(1);
    machine.view.setBigUint64(utcb + 88, 15n, true);
    machine.view.setBigUint64(utcb + 176, frame + 8n, true);
    machine.portal(1, 64n);
    // The thread loads its extended state, and says so by an exception.
    expect(machine.register(1, "rip")).toBe(BigInt(SIGNAL_PAGE) + SIGNAL_OFFSETS.leave);
    expect(machine.register(1, "rsp")).toBe(frame + 8n);
    const left = { rip: BigInt(SIGNAL_PAGE) + SIGNAL_OFFSETS.left, rsp: frame + 8n };
    machine.event(1, 6, left);
    expect(machine.register(1, "rip")).toBe(0x40_1000n);
    expect(machine.register(1, "rax")).toBe(0n);
    expect(machine.register(1, "rsp")).toBe(machine.exports.stackOf(1));
    call("rt_sigprocmask", 0, 0, DATA, 8);
    expect(machine.peek64(1, DATA)).toBe(0n);
  });

  it("holds back a blocked signal until it is let through", () => {
    machine.poke(1, DATA, vectorOf([1n << 5n, 0n]));
    call("rt_sigprocmask", 0, DATA, 0, 8);
    expect(call("tgkill", 1, 1, 6)).toBe(0n);
    expect(() => call("rt_sigprocmask", 1, DATA, 0, 8)).toThrow(Ended);
    expect(machine.exports.statusOf(1)).toBe(6);
  });

  it("turns a bad access into SIGSEGV and tells what happened", () => {
    const fault = { cr2: 0x1234n, error: 6n, rip: 0x40_1002n };
    expect(() => machine.event(1, 14, fault)).toThrow(Ended);
    expect(machine.exports.statusOf(1)).toBe(11);
    expect(machine.log).toContain("#PF page fault at RIP 0x401002, write to 0x1234");
    expect(machine.log).toContain("rsp 0x");
  });

  it("lets the program handle its own SIGSEGV", () => {
    handle(11);
    const rsp = machine.exports.stackOf(1);
    machine.event(1, 14, { cr2: 0x1234n, error: 6n, rip: 0x40_1002n, rsp });
    expectHandler();
    const info = machine.peek(1, machine.register(1, "rsi"), 24);
    expect(info.readInt32LE(8)).toBe(1);
    expect(info.readBigUInt64LE(16)).toBe(0x1234n);
  });

  it("kills a program whose alternate stack has no room for a frame any more", () => {
    handle(4, 0x4800_0000);
    const stack = Buffer.alloc(24);
    stack.writeBigUInt64LE(DATA + 0x100n, 0);
    stack.writeBigUInt64LE(2048n, 16);
    machine.poke(1, DATA, stack);
    expect(call("sigaltstack", DATA, 0)).toBe(0n);
    let rsp = machine.exports.stackOf(1);
    expect(() => {
      for (let depth = 0; depth < 4; depth++) {
        machine.event(1, 6, { rip: 0x40_1000n, rsp, error: 0n });
        rsp = machine.register(1, "rsp");
        expect(rsp).toBeGreaterThan(DATA + 0x100n);
      }
    }).toThrow(Ended);
    expect(machine.exports.statusOf(1)).toBe(11);
  });

  it("ends a program that says it has left a handler where there is no frame", () => {
    const left = { rip: BigInt(SIGNAL_PAGE) + SIGNAL_OFFSETS.left, rsp: 0n };
    expect(() => machine.event(1, 6, left)).toThrow(Ended);
    expect(machine.exports.statusOf(1)).toBe(11);
  });

  it("kills by the signal of the exception", () => {
    const regs = { rip: 0x40_1000n, error: 0n };
    expect(() => machine.event(1, 6, regs)).toThrow(Ended);
    expect(machine.exports.statusOf(1)).toBe(4);
  });
});
