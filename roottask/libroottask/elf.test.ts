// The ELF loader: what it maps, and what it refuses.

import { beforeEach, describe, expect, it } from "vitest";
import { Machine } from "../testing/machine.ts";
import { elfOf, sampleProgram, tarOf } from "../testing/samples.ts";

const OK = 0;
const TRUNCATED = 1;
const MAGIC = 2;
const CLASS = 3;
const MACHINE = 4;
const TYPE = 5;
const HEADERS = 6;
const SEGMENT_FILE = 7;
const SEGMENT_ADDRESS = 8;
const EMPTY = 9;
const DYNAMIC = 10;
const ENTRY = 11;
const INTERPRETER_NAME = 13;
const INTERPRETER_MISSING = 14;
const INTERPRETER_RIGHTS = 15;
const INTERPRETER_FILE = 16;

let machine: Machine;

beforeEach(async () => {
  machine = await Machine.create();
});

function check(file: Uint8Array): number {
  return machine.exports.checkExecutable(machine.place(file), file.length);
}

function changed(change: (file: Buffer) => void): Buffer {
  const file = sampleProgram();
  change(file);
  return file;
}

describe("checkElf", () => {
  it("accepts a static executable", () => {
    expect(check(sampleProgram())).toBe(OK);
  });

  it("names what is wrong with a broken one", () => {
    expect(check(sampleProgram().subarray(0, 40))).toBe(TRUNCATED);
    expect(check(Buffer.from("#!/bin/sh\n"))).toBe(MAGIC);
    expect(check(changed((file) => file.writeUInt8(1, 4)))).toBe(CLASS);
    expect(check(changed((file) => file.writeUInt16LE(3, 18)))).toBe(MACHINE);
    expect(check(changed((file) => file.writeUInt16LE(1, 16)))).toBe(TYPE);
    expect(check(changed((file) => file.writeUInt16LE(9999, 56)))).toBe(HEADERS);
    expect(check(changed((file) => file.writeBigUInt64LE(2n ** 64n - 8n, 32)))).toBe(HEADERS);
    expect(check(sampleProgram().subarray(0, 4096))).toBe(SEGMENT_FILE);
    expect(check(changed((file) => file.writeBigUInt64LE(2n ** 64n - 1n, 64 + 8)))).toBe(
      SEGMENT_FILE,
    );
    expect(check(changed((file) => file.writeBigUInt64LE(2n ** 64n - 1n, 64 + 40)))).toBe(
      SEGMENT_ADDRESS,
    );
    expect(check(changed((file) => file.writeBigUInt64LE(0xffff_8000_0000_1000n, 64 + 16)))).toBe(
      SEGMENT_ADDRESS,
    );
    expect(check(changed((file) => file.writeUInt16LE(0, 56)))).toBe(EMPTY);
    expect(check(changed((file) => file.writeBigUInt64LE(0x40_2000n, 24)))).toBe(ENTRY);
  });

  it("survives any single changed byte of the headers", () => {
    const file = sampleProgram();
    for (let offset = 4; offset < 64 + 2 * 56; offset++) {
      for (const value of [0, 1, 0x7f, 0x80, 0xff]) {
        const broken = Buffer.from(file);
        broken[offset] = value;
        expect(check(broken)).toBeLessThanOrEqual(INTERPRETER_NAME);
      }
    }
  });
});

/** The sample with a third segment that names its interpreter by `name`. */
function dynamicProgram(name: string, size = name.length): Buffer {
  const code = { address: 0x40_1000n, flags: 5, data: Buffer.from([0x0f, 0x05, 0x0f, 0x0b]) };
  const file = elfOf(0x40_1000n, [
    code,
    { address: 0x40_3000n, flags: 4, data: Buffer.from(name) },
  ]);
  file.writeUInt32LE(3, 64 + 56);
  file.writeBigUInt64LE(BigInt(size), 64 + 56 + 32);
  return file;
}

describe("the name of an interpreter", () => {
  it("ends with a NUL inside the file", () => {
    expect(check(dynamicProgram("/ld.so\0"))).toBe(OK);
    expect(check(dynamicProgram("/ld.so"))).toBe(INTERPRETER_NAME);
    expect(check(dynamicProgram("\0"))).toBe(INTERPRETER_NAME);
    expect(check(dynamicProgram("\0\0"))).toBe(INTERPRETER_NAME);
    expect(check(dynamicProgram("/ld.so\0", 0))).toBe(INTERPRETER_NAME);
    expect(check(dynamicProgram("/ld.so\0", 4097))).toBe(INTERPRETER_NAME);
    expect(check(dynamicProgram("/ld.so\0", 2 ** 33))).toBe(INTERPRETER_NAME);
  });
});

describe("an interpreter", () => {
  const interpreter = elfOf(0x1000n, [{ address: 0x1000n, flags: 5, data: Buffer.from("ld") }], 3);
  const program = { name: "sample", mode: 0o755, data: dynamicProgram("/ld.so\0") };
  async function launch(mode: number, data: Uint8Array, line = "linux sample"): Promise<number> {
    machine.unpack(await tarOf([program, { name: "ld.so", mode, data }]));
    return machine.launch(line);
  }

  it("is loaded beside the program and begins", async () => {
    expect(await launch(0o755, interpreter)).toBe(OK);
    const entry = machine.exports.entryOf(1);
    expect(machine.peek(1, entry, 2).toString()).toBe("ld");
    expect(machine.peek(1, 0x40_1000n, 2)).toEqual(Buffer.from([0x0f, 0x05]));
  });

  it("is asked for where it is not there, may not be executed or is none", async () => {
    machine.unpack(await tarOf([program]));
    expect(machine.launch("linux sample")).toBe(INTERPRETER_MISSING);
    expect(await launch(0o644, interpreter)).toBe(INTERPRETER_RIGHTS);
    expect(await launch(0o755, Buffer.from("#!/bin/sh\n"))).toBe(INTERPRETER_FILE);
    expect(await launch(0o755, interpreter.subarray(0, 40))).toBe(INTERPRETER_FILE);
  });

  it("is nothing for native programs", async () => {
    expect(await launch(0o755, interpreter, "native sample")).toBe(DYNAMIC);
  });
});

describe("loadElf", () => {
  async function load(file: Uint8Array): Promise<number> {
    machine.unpack(await tarOf([{ name: "sample", mode: 0o755, data: file }]));
    return machine.launch("linux sample");
  }

  it("puts segments where they belong, with their rights", async () => {
    expect(await load(sampleProgram())).toBe(OK);
    expect(machine.peek(1, 0x40_1000n, 4)).toEqual(Buffer.from([0x0f, 0x05, 0x0f, 0x0b]));
    expect(machine.peek(1, 0x40_2000n, 6)).toEqual(Buffer.from("data\0\0"));
    expect(machine.exports.pointer(1, 0x40_1000n, 2)).toBe(0);
    expect(machine.exports.pointer(1, 0x40_2000n, 4)).toBe(0);
    expect(machine.exports.pointer(1, 0x40_0000n, 1)).toBe(0);
    const code = machine.delegations.filter(({ kind, at }) => kind === 1 && at === 0x401);
    expect(code.map(({ rights }) => rights)).toEqual([5]);
  });

  it("gives .bss memory when it is touched, not before", async () => {
    await load(sampleProgram());
    const before = machine.exports.free();
    machine.event(1, 14, { cr2: 0x41_1ff8n, error: 6n, rip: 0x40_1000n });
    expect(machine.exports.free()).toBeLessThan(before);
    expect(machine.peek(1, 0x41_1ff8n, 8)).toEqual(Buffer.alloc(8));
  });

  it("keeps both segments' bytes where they share a page", async () => {
    const file = elfOf(0x40_1000n, [
      { address: 0x40_1000n, flags: 5, data: Buffer.from("code") },
      { address: 0x40_1800n, flags: 6, data: Buffer.from("data") },
    ]);
    expect(await load(file)).toBe(OK);
    expect(machine.peek(1, 0x40_1000n, 4).toString()).toBe("code");
    expect(machine.peek(1, 0x40_1800n, 4).toString()).toBe("data");
  });

  it("moves a position independent executable", async () => {
    const file = elfOf(0x1000n, [{ address: 0x1000n, flags: 5, data: Buffer.from("code") }], 3);
    expect(await load(file)).toBe(OK);
    expect(machine.exports.entryOf(1)).toBe(0x5555_5555_5000n);
    expect(machine.peek(1, 0x5555_5555_5000n, 4).toString()).toBe("code");
  });
});
