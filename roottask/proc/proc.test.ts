// /proc as programs see it. Expected values are those of the manual (proc(5) and its parts).

import { gunzipSync } from "node:zlib";
import { beforeEach, describe, expect, it } from "vitest";
import {
  SYS_close,
  SYS_fstat,
  SYS_getdents64,
  SYS_getpgrp,
  SYS_getsid,
  SYS_mkdir,
  SYS_open,
  SYS_read,
  SYS_readlink,
  SYS_rename,
  SYS_stat,
  SYS_unlink,
  SYS_write,
} from "../linux/numbers.ts";
import { Machine } from "../testing/machine.ts";
import { sampleProgram, tarOf } from "../testing/samples.ts";

const NAME = 0x40_2000n;
const BUFFER = 0x40_2400n;
const ROOM = 0x800;
const ENOENT = -2n;
const EIO = -5n;
const EXDEV = -18n;
const EPERM = -1n;

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

function call(number: number, ...args: (number | bigint)[]): bigint {
  return machine.call(1, number, ...args);
}

function named(text: string): bigint {
  machine.poke(1, NAME, Buffer.from(`${text}\0`));
  return NAME;
}

function open(path: string, flags = 0): bigint {
  return call(SYS_open, named(path), flags, 0);
}

function contents(path: string): string {
  const fd = open(path);
  expect(fd).toBeGreaterThanOrEqual(0n);
  let text = "";
  for (;;) {
    const count = call(SYS_read, fd, BUFFER, ROOM);
    expect(count).toBeGreaterThanOrEqual(0n);
    if (count === 0n) break;
    text += machine.peek(1, BUFFER, Number(count)).toString("latin1");
  }
  call(SYS_close, fd);
  return text;
}

function link(path: string): string {
  const length = call(SYS_readlink, named(path), BUFFER, ROOM);
  expect(length).toBeGreaterThan(0n);
  return machine.peek(1, BUFFER, Number(length)).toString();
}

function names(path: string): string[] {
  const fd = open(path);
  const found: string[] = [];
  for (;;) {
    const count = Number(call(SYS_getdents64, fd, BUFFER, ROOM));
    if (count === 0) break;
    const bytes = machine.peek(1, BUFFER, count);
    for (let at = 0; at < count; at += bytes.readUInt16LE(at + 16)) {
      const end = bytes.indexOf(0, at + 19);
      found.push(bytes.subarray(at + 19, end).toString());
    }
  }
  call(SYS_close, fd);
  return found;
}

describe("/proc", () => {
  it("tells a process of itself", () => {
    const id = link("/proc/self");
    expect(link("/proc/thread-self")).toBe(`${id}/task/${id}`);
    expect(link("/proc/self/exe")).toBe("/bin/sample");
    expect(link("/proc/self/cwd")).toBe("/");
    expect(contents("/proc/self/cmdline")).toBe("bin/sample\0one\0two words\0");
    expect(contents("/proc/self/loginuid")).toBe("4294967295");
    expect(contents("/proc/self/sessionid")).toBe("4294967295");
    expect(contents("/proc/self/environ")).toBe("LINUX_UNDER_HEDRON=true\0");
    expect(contents("/proc/self/comm")).toBe("sample\n");
    expect(names("/proc")).toContain(id);
    expect(names("/proc/self/task")).toEqual([".", "..", id]);
  });

  it("has the 52 fields of stat, and the lines of status", () => {
    const id = link("/proc/self");
    const fields = contents("/proc/self/stat").trimEnd().split(" ");
    expect(fields).toHaveLength(52);
    const group = `${call(SYS_getpgrp)}`;
    const session = `${call(SYS_getsid, 0)}`;
    expect(fields.slice(0, 6)).toEqual([id, "(sample)", "R", "0", group, session]);
    const status = contents("/proc/self/status");
    expect(status).toMatch(/^Name:\tsample$/m);
    expect(status).toMatch(/^State:\tR \(running\)$/m);
    expect(status).toMatch(new RegExp(`^Tgid:\\t${id}$`, "m"));
    expect(status).toMatch(/^VmRSS:\s+\d+ kB$/m);
  });

  it("shows descriptors as links, which open what they are open on", () => {
    const fd = open("/etc/file");
    expect(link(`/proc/self/fd/${fd}`)).toBe("/etc/file");
    expect(contents(`/dev/fd/${fd}`)).toBe("0123456789");
    expect(contents(`/proc/self/fdinfo/${fd}`)).toMatch(/^pos:\t0\nflags:\t0100000\n/);
    expect(names("/proc/self/fd")).toContain(`${fd}`);
    call(SYS_close, fd);
    expect(call(SYS_readlink, named(`/proc/self/fd/${fd}`), BUFFER, ROOM)).toBe(ENOENT);
  });

  it("leads by a link to what has no name", () => {
    expect(link("/dev/stdout")).toBe("/proc/self/fd/1");
    const log = open("/dev/stdout", 1);
    machine.poke(1, BUFFER, Buffer.from("to the log"));
    expect(call(SYS_write, log, BUFFER, 10)).toBe(10n);
    expect(machine.log).toBe("to the log");
    const fd = open("/tmp/gone", 0o102);
    expect(call(SYS_unlink, named("/tmp/gone"))).toBe(0n);
    expect(call(SYS_stat, named(`/proc/self/fd/${fd}`), BUFFER)).toBe(0n);
    const inode = machine.peek64(1, BUFFER + 8n);
    expect(call(SYS_fstat, fd, BUFFER)).toBe(0n);
    expect(machine.peek64(1, BUFFER + 8n)).toBe(inode);
  });

  it("tells of the system", () => {
    expect(contents("/proc/meminfo")).toMatch(/^MemTotal: +\d+ kB\nMemFree: +\d+ kB\n/);
    expect(contents("/proc/uptime")).toMatch(/^\d+\.\d\d \d+\.\d\d\n$/);
    expect(contents("/proc/loadavg")).toMatch(/^0\.00 0\.00 0\.00 \d+\/\d+ \d+\n$/);
    expect(contents("/proc/stat")).toMatch(/^cpu {2}\d+ \d+ \d+ \d+/);
    expect(contents("/proc/mounts")).toContain("proc /proc proc ");
    expect(contents("/proc/sys/kernel/ostype")).toBe("Linux\n");
    const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\n$/;
    expect(contents("/proc/sys/kernel/random/uuid")).toMatch(uuid);
    const boot = contents("/proc/sys/kernel/random/boot_id");
    expect(contents("/proc/sys/kernel/random/boot_id")).toBe(boot);
  });

  it("cannot be changed", () => {
    expect(call(SYS_mkdir, named("/proc/new"), 0o755)).toBe(ENOENT);
    expect(open("/proc/self/new", 0o101)).toBe(ENOENT);
    expect(call(SYS_unlink, named("/proc/uptime"))).toBe(EPERM);
    machine.poke(1, BUFFER, Buffer.from("/tmp/uptime\0"));
    expect(call(SYS_rename, named("/proc/uptime"), BUFFER)).toBe(EXDEV);
    const fd = open("/proc/uptime", 1);
    expect(call(SYS_write, fd, BUFFER, 1)).toBe(EIO);
  });
});

describe("/proc/config.gz", () => {
  it("is a file of gzip that tells what there is, and what there is not", () => {
    const lines = gunzipSync(Buffer.from(contents("/proc/config.gz"), "latin1"))
      .toString()
      .split("\n");
    expect(lines).toContain("CONFIG_SECCOMP_FILTER=y");
    expect(lines).toContain("# CONFIG_USER_NS is not set");
    const options = lines.filter((line) => line.includes("CONFIG_"));
    for (const line of options)
      expect(line).toMatch(/^(CONFIG_[A-Z0-9_]+=y|# CONFIG_[A-Z0-9_]+ is not set)$/);
    expect(new Set(options).size).toBe(options.length);
  });
});
