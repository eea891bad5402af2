// Calls about the whole system, which cannot be compared with Linux where that is somebody's: names, the clock, reboot.
// Expected values are those of the manual (uname(2), sethostname(2), clock_settime(2), reboot(2)).

import { beforeEach, describe, expect, it } from "vitest";
import { Ended, Machine } from "../testing/machine.ts";
import { sampleProgram, tarOf } from "../testing/samples.ts";
import {
  SYS_adjtimex,
  SYS_clock_settime,
  SYS_reboot,
  SYS_setdomainname,
  SYS_sethostname,
  SYS_settimeofday,
  SYS_setuid,
  SYS_uname,
} from "./numbers.ts";

const BUFFER = 0x40_2000n;
const EPERM = -1n;
const EFAULT = -14n;
const EINVAL = -22n;
const FIELD = 65;
const KILLED = 3;
const MAGIC1 = 0xfee1_dead;
const MAGIC2 = 672274793;
const RESTART = 0x0123_4567;
const POWER_OFF = 0x4321_fedc;

let machine: Machine;

beforeEach(async () => {
  machine = await Machine.create();
  const tar = await tarOf([{ name: "bin/sample", mode: 0o755, data: sampleProgram() }]);
  expect(machine.unpack(tar)).toBe(true);
  expect(machine.launch("linux bin/sample")).toBe(0);
});

function call(number: number, ...args: (number | bigint)[]): bigint {
  return machine.call(1, number, ...args);
}

function names(program: number): string[] {
  expect(machine.call(program, SYS_uname, BUFFER)).toBe(0n);
  const text = machine.peek(program, BUFFER, FIELD * 6).toString("latin1");
  return [1, 5].map((at) => text.slice(at * FIELD, (at + 1) * FIELD).replace(/\0.*/s, ""));
}

describe("calls about the whole system", () => {
  it("give host and domain names, to one line of the start file", () => {
    expect(names(1)).toEqual(["trihedron", "(none)"]);
    machine.poke(1, BUFFER, Buffer.from("another"));
    expect(call(SYS_sethostname, BUFFER, 7)).toBe(0n);
    machine.poke(1, BUFFER, Buffer.from("x".repeat(64)));
    expect(call(SYS_setdomainname, BUFFER, 64)).toBe(0n);
    expect(names(1)).toEqual(["another", "x".repeat(64)]);
    expect(machine.launch("linux bin/sample")).toBe(0);
    expect(names(2)).toEqual(["trihedron", "(none)"]);
    expect(call(SYS_sethostname, BUFFER, 65)).toBe(EINVAL);
    expect(call(SYS_sethostname, BUFFER, -1)).toBe(EINVAL);
    expect(call(SYS_sethostname, 8, 1)).toBe(EFAULT);
    expect(call(SYS_sethostname, 8, 0)).toBe(0n);
    expect(names(1)[0]).toBe("");
    expect(call(SYS_setuid, 1000)).toBe(0n);
    expect(call(SYS_sethostname, BUFFER, 65)).toBe(EPERM);
  });

  it("do not set the clock", () => {
    machine.poke(1, BUFFER, Buffer.alloc(208));
    expect(call(SYS_clock_settime, 0, BUFFER)).toBe(EPERM);
    expect(call(SYS_settimeofday, BUFFER, 0)).toBe(EPERM);
    expect(call(SYS_settimeofday, 0, BUFFER)).toBe(EPERM);
    expect(call(SYS_settimeofday, 0, 0)).toBe(0n);
    expect(call(SYS_adjtimex, BUFFER)).toBe(5n);
    expect(machine.peek64(1, BUFFER + 88n)).toBe(10_000n);
    machine.poke(1, BUFFER, Buffer.from([1, 0]));
    expect(call(SYS_adjtimex, BUFFER)).toBe(EPERM);
  });

  it("end the first process of a line that reboots", () => {
    expect(call(SYS_reboot, MAGIC1, 1, RESTART, 0)).toBe(EINVAL);
    expect(call(SYS_reboot, 1, MAGIC2, RESTART, 0)).toBe(EINVAL);
    expect(call(SYS_reboot, MAGIC1, MAGIC2, 0, 0)).toBe(EINVAL);
    expect(() => call(SYS_reboot, MAGIC1, MAGIC2, POWER_OFF, 0)).toThrow(Ended);
    expect([machine.exports.stateOf(1), machine.exports.statusOf(1)]).toEqual([KILLED, 2]);
    expect(machine.launch("linux bin/sample")).toBe(0);
    expect(machine.call(2, SYS_setuid, 1000)).toBe(0n);
    expect(machine.call(2, SYS_reboot, MAGIC1, MAGIC2, RESTART, 0)).toBe(EPERM);
  });
});
