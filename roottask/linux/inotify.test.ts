// What inotify(7) takes: queues, watches and instances have limits, and all goes with the descriptor. Events are compared
// with Linux (tools/compare-linux/cases/c/inotify.c).

import { beforeEach, expect, it } from "vitest";
import { Machine } from "../testing/machine.ts";
import { sampleProgram, tarOf } from "../testing/samples.ts";
import {
  SYS_chmod,
  SYS_close,
  SYS_inotify_add_watch,
  SYS_inotify_init1,
  SYS_mkdir,
  SYS_read,
  SYS_rmdir,
} from "./numbers.ts";

const TEXT = 0x40_2000n;
const NONBLOCK = 0o4000;
const IN_ATTRIB = 4;
const EVENT_BYTES = 32;
const EMFILE = -24n;
const INSTANCES = 128;

let machine: Machine;

beforeEach(async () => {
  machine = await Machine.create();
  expect(
    machine.unpack(await tarOf([{ name: "bin/sample", mode: 0o755, data: sampleProgram() }])),
  ).toBe(true);
  expect(machine.launch("linux bin/sample")).toBe(0);
});

function call(number: number, ...args: (number | bigint)[]): bigint {
  return machine.call(1, number, ...args);
}

function put(text: string): bigint {
  machine.poke(1, TEXT, Buffer.from(`${text}\0`));
  return TEXT;
}

/** Makes `count` events of `instance` in /tmp/d, no two neighbours equal. */
function provoke(count: number): void {
  for (let i = 0; i < count; i++) call(SYS_chmod, put(`/tmp/d/${i % 2}`), 0o700);
}

function rounds(): number {
  const instance = call(SYS_inotify_init1, NONBLOCK);
  expect(call(SYS_inotify_add_watch, instance, put("/tmp/d"), IN_ATTRIB)).toBe(1n);
  provoke(17_000);
  const full = machine.exports.free();
  expect(call(SYS_read, instance, TEXT, 16)).toBe(-22n);
  expect(call(SYS_read, instance, TEXT, EVENT_BYTES)).toBe(BigInt(EVENT_BYTES));
  expect(call(SYS_close, instance)).toBe(0n);
  return full;
}

it("keeps a limited number of events, and gives them back with the descriptor", () => {
  for (const name of ["/tmp/d", "/tmp/d/0", "/tmp/d/1"]) call(SYS_mkdir, put(name), 0o755);
  const first = rounds();
  // A second queue takes what the first has left.
  expect(rounds()).toBe(first);
});

it("has a limited number of instances, and ends watches of what goes", () => {
  for (let i = 0; i < INSTANCES; i++) {
    expect(call(SYS_inotify_init1, NONBLOCK)).toBe(BigInt(3 + i));
  }
  expect(call(SYS_inotify_init1, NONBLOCK)).toBe(EMFILE);
  expect(call(SYS_close, 3)).toBe(0n);
  expect(call(SYS_inotify_init1, NONBLOCK)).toBe(3n);
  call(SYS_mkdir, put("/tmp/e"), 0o755);
  expect(call(SYS_inotify_add_watch, 3, put("/tmp/e"), IN_ATTRIB)).toBe(1n);
  expect(call(SYS_rmdir, put("/tmp/e"))).toBe(0n);
  expect(call(SYS_read, 3, TEXT, 64)).toBe(16n);
  expect(machine.peek(1, TEXT, 8).toString("hex")).toBe("0100000000800000");
});
