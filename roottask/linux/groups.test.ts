// Groups and sessions of the first processes of lines of the start file, by the words in front of a line. What Linux says
// to a program that a shell without job control, setsid(1) or a login has started (setsid(2), setpgid(2), kill(2)).

import { beforeEach, describe, expect, it } from "vitest";
import { Machine } from "../testing/machine.ts";
import { sampleProgram, tarOf } from "../testing/samples.ts";
import {
  SYS_getpgid,
  SYS_getpgrp,
  SYS_getpid,
  SYS_getsid,
  SYS_kill,
  SYS_setpgid,
  SYS_setsid,
} from "./numbers.ts";

const EPERM = -1n;
const ESRCH = -3n;

let machine: Machine;

beforeEach(async () => {
  machine = await Machine.create();
  const tar = await tarOf([{ name: "bin/sample", mode: 0o755, data: sampleProgram() }]);
  expect(machine.unpack(tar)).toBe(true);
});

/** A call of the program of line `program`. */
function call(program: number, number: number, ...args: (number | bigint)[]): bigint {
  return machine.call(program, number, ...args);
}

describe("the first process of a line", () => {
  it("is in group and session of its starter, and leads neither", () => {
    expect(machine.launch("linux bin/sample")).toBe(0);
    const pid = call(1, SYS_getpid);
    const group = call(1, SYS_getpgrp);
    expect(group).toBeGreaterThan(0n);
    expect(group).not.toBe(pid);
    expect(call(1, SYS_getsid, 0)).toBe(group);
    expect(call(1, SYS_setpgid, 0, group)).toBe(0n);
    // Nothing else is seen of the starter.
    expect(call(1, SYS_getpgid, group)).toBe(ESRCH);
    expect(call(1, SYS_kill, group, 0)).toBe(ESRCH);
    expect(call(1, SYS_kill, -group, 0)).toBe(0n);
    expect(call(1, SYS_kill, 0, 0)).toBe(0n);
    expect(call(1, SYS_setsid)).toBe(pid);
    expect(call(1, SYS_getpgrp)).toBe(pid);
    expect(call(1, SYS_getsid, 0)).toBe(pid);
    expect(call(1, SYS_setsid)).toBe(EPERM);
    expect(call(1, SYS_setpgid, 0, group)).toBe(EPERM);
  });

  it("may lead a group of its own in its starter's session", () => {
    expect(machine.launch("linux bin/sample")).toBe(0);
    const session = call(1, SYS_getsid, 0);
    expect(call(1, SYS_setpgid, 0, 0)).toBe(0n);
    expect(call(1, SYS_getpgrp)).toBe(call(1, SYS_getpid));
    expect(call(1, SYS_getsid, 0)).toBe(session);
    expect(call(1, SYS_setsid)).toBe(EPERM);
  });

  it("has no group with other lines", () => {
    expect(machine.launch("linux bin/sample &")).toBe(0);
    expect(machine.launch("linux bin/sample")).toBe(0);
    const other = call(1, SYS_getpgrp);
    expect(call(2, SYS_getpgrp)).not.toBe(other);
    expect(call(2, SYS_kill, -other, 0)).toBe(ESRCH);
    expect(call(2, SYS_setpgid, 0, other)).toBe(EPERM);
  });

  it.each(["session", "terminal"])("leads both behind the word %s", (word) => {
    expect(machine.launch(`${word} linux bin/sample`)).toBe(0);
    const pid = call(1, SYS_getpid);
    expect(call(1, SYS_getpgrp)).toBe(pid);
    expect(call(1, SYS_getsid, 0)).toBe(pid);
    expect(call(1, SYS_setsid)).toBe(EPERM);
    expect(call(1, SYS_setpgid, 0, 0)).toBe(EPERM);
  });
});
