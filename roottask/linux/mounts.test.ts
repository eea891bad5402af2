// Mounts: what mount(2) and umount2(2) answer and what they give back. The facts are those of Linux 6.1 (mount(2), umount(2)).

import { beforeEach, expect, it } from "vitest";
import { Machine } from "../testing/machine.ts";
import { sampleProgram, tarOf } from "../testing/samples.ts";
import {
  SYS_chdir,
  SYS_close,
  SYS_link,
  SYS_mkdir,
  SYS_mount,
  SYS_open,
  SYS_read,
  SYS_rename,
  SYS_rmdir,
  SYS_stat,
  SYS_umount2,
  SYS_unshare,
  SYS_write,
} from "./numbers.ts";

/** Where texts and results of calls are in the program. */
const FIRST = 0x40_2000n;
const SECOND = 0x40_2400n;
const THIRD = 0x40_2800n;
const FOURTH = 0x40_2c00n;
const RESULT = 0x40_3000n;

const MS_RDONLY = 1;
const MS_REMOUNT = 32;
const MS_BIND = 4096;
const MS_REC = 0x4000;
const MS_SHARED = 0x10_0000;
const CLONE_NEWNS = 0x2_0000;
const MNT_DETACH = 2;
const MNT_EXPIRE = 4;
const O_CREAT_RDWR = 0o102;

const EBUSY = -16n;
const EXDEV = -18n;
const EINVAL = -22n;
const ENOSPC = -28n;
const EROFS = -30n;
const ENOENT = -2n;
const ENODEV = -19n;
const EAGAIN = -11n;

const PAGE = 4096;

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

function put(text: string, at = FIRST): bigint {
  machine.poke(1, at, Buffer.from(`${text}\0`));
  return at;
}

function mount(source: string, target: string, type: string, flags = 0, options = ""): bigint {
  const where = put(target, SECOND);
  return call(SYS_mount, put(source), where, put(type, THIRD), flags, put(options, FOURTH));
}

function umount(target: string, flags = 0): bigint {
  return call(SYS_umount2, put(target), flags);
}

function mkdir(path: string): bigint {
  return call(SYS_mkdir, put(path), 0o755);
}

function open(path: string, flags = O_CREAT_RDWR): bigint {
  return call(SYS_open, put(path), flags, 0o644);
}

/** Device and number of the node at `path`. */
function identity(path: string): [bigint, bigint] {
  expect(call(SYS_stat, put(path), RESULT)).toBe(0n);
  const stat = machine.peek(1, RESULT, 16);
  return [stat.readBigUInt64LE(0), stat.readBigUInt64LE(8)];
}

/** The text of a file of /proc. */
function textOf(path: string): string {
  const fd = open(path, 0);
  const length = call(SYS_read, fd, RESULT, 2048);
  call(SYS_close, fd);
  return machine.peek(1, RESULT, Number(length)).toString();
}

it("shows a mounted tmpfs, and what it covered again once it has gone", () => {
  mkdir("/m");
  mkdir("/m/below");
  const covered = identity("/m");
  expect(mount("disk", "/m", "tmpfs", 0, "size=64k,mode=755")).toBe(0n);
  expect(identity("/m")[0]).not.toBe(covered[0]);
  expect(identity("/m/..")).toEqual(identity("/"));
  expect(call(SYS_stat, put("/m/below"), RESULT)).toBe(ENOENT);
  expect(textOf("/proc/mounts")).toContain("disk /m tmpfs rw,relatime,size=64k,mode=755 0 0\n");
  expect(umount("/m")).toBe(0n);
  expect(identity("/m")).toEqual(covered);
  expect(call(SYS_stat, put("/m/below"), RESULT)).toBe(0n);
  expect(umount("/m")).toBe(EINVAL);
});

it("limits a tmpfs to its size, and gives its memory back", () => {
  mkdir("/m");
  let left = 0;
  for (let round = 0; round < 4; round++) {
    expect(mount("none", "/m", "tmpfs", 0, "size=64k")).toBe(0n);
    for (let i = 0; i < 10; i++) mkdir(`/m/${"abcdefghij".slice(0, i + 1)}`);
    const fd = open("/m/a/file");
    let pages = 0;
    while (call(SYS_write, fd, FIRST, PAGE) === BigInt(PAGE)) pages++;
    expect(pages).toBe(16);
    expect(call(SYS_write, fd, FIRST, PAGE)).toBe(ENOSPC);
    expect(umount("/m")).toBe(EBUSY);
    call(SYS_close, fd);
    expect(umount("/m")).toBe(0n);
    if (round === 1) left = machine.exports.free();
  }
  expect(machine.exports.free()).toBe(left);
});

it("limits a tmpfs to its number of nodes, other names of files included", () => {
  mkdir("/m");
  expect(mount("none", "/m", "tmpfs", 0, "nr_inodes=4")).toBe(0n);
  expect(mkdir("/m/a")).toBe(0n);
  call(SYS_close, open("/m/b"));
  expect(call(SYS_link, put("/m/b"), put("/m/c", SECOND))).toBe(0n);
  expect(call(SYS_link, put("/m/b"), put("/m/d", SECOND))).toBe(ENOSPC);
  expect(mkdir("/m/d")).toBe(ENOSPC);
  expect(call(SYS_rmdir, put("/m/a"))).toBe(0n);
  expect(mkdir("/m/d")).toBe(0n);
});

it("refuses types and options that there are not", () => {
  mkdir("/m");
  expect(mount("none", "/m", "sysfs")).toBe(ENODEV);
  expect(mount("none", "/m", "tmpfs", 0, "colour=red")).toBe(EINVAL);
  expect(mount("none", "/m", "tmpfs", 0, "size=1x")).toBe(EINVAL);
  expect(mount("none", "/m", "tmpfs", 0, "uid=-1")).toBe(EINVAL);
  expect(mount("none", "/nowhere", "tmpfs")).toBe(ENOENT);
  expect(textOf("/proc/mounts").split("\n").length).toBe(3);
});

it("keeps a mount that is used, unless it is detached", () => {
  mkdir("/m");
  expect(mount("none", "/m", "tmpfs")).toBe(0n);
  mkdir("/m/d");
  expect(call(SYS_chdir, put("/m/d"))).toBe(0n);
  expect(umount("/m")).toBe(EBUSY);
  expect(umount("/m", MNT_DETACH)).toBe(0n);
  expect(call(SYS_stat, put("/m/d"), RESULT)).toBe(ENOENT);
  expect(mkdir("inside")).toBe(0n);
  expect(call(SYS_stat, put("../d/inside"), RESULT)).toBe(0n);
  expect(call(SYS_chdir, put("/"))).toBe(0n);
});

it("unmounts what nobody has used since it was asked", () => {
  mkdir("/m");
  expect(mount("none", "/m", "tmpfs")).toBe(0n);
  expect(umount("/m", MNT_EXPIRE)).toBe(EAGAIN);
  expect(call(SYS_stat, put("/m"), RESULT)).toBe(0n);
  expect(umount("/m", MNT_EXPIRE)).toBe(EAGAIN);
  expect(umount("/m", MNT_EXPIRE)).toBe(0n);
});

it("does not move names between mounts, nor remove one that something stands on", () => {
  mkdir("/m");
  mkdir("/b");
  call(SYS_close, open("/f"));
  expect(mount("none", "/m", "tmpfs")).toBe(0n);
  expect(call(SYS_rename, put("/f"), put("/m/f", SECOND))).toBe(EXDEV);
  expect(call(SYS_link, put("/f"), put("/m/f", SECOND))).toBe(EXDEV);
  expect(call(SYS_rmdir, put("/m"))).toBe(EBUSY);
  expect(call(SYS_rename, put("/m"), put("/n", SECOND))).toBe(EBUSY);
  expect(mount("/m", "/b", "", MS_BIND)).toBe(0n);
  mkdir("/m/d");
  expect(identity("/b/d")).toEqual(identity("/m/d"));
  expect(call(SYS_rename, put("/m/d"), put("/b/e", SECOND))).toBe(EXDEV);
});

it("changes nothing through a mount that is read-only", () => {
  mkdir("/m");
  mkdir("/b");
  expect(mount("none", "/m", "tmpfs")).toBe(0n);
  expect(mount("/m", "/b", "", MS_BIND)).toBe(0n);
  const fd = open("/b/f");
  expect(mount("none", "/b", "", MS_REMOUNT | MS_BIND | MS_RDONLY)).toBe(EBUSY);
  call(SYS_close, fd);
  expect(mount("none", "/b", "", MS_REMOUNT | MS_BIND | MS_RDONLY)).toBe(0n);
  expect(mkdir("/b/d")).toBe(EROFS);
  expect(open("/b/f", 2)).toBe(EROFS);
  expect(mkdir("/m/d")).toBe(0n);
  expect(mkdir("/b/d")).toBe(-17n);
  expect(mount("none", "/m", "", MS_REMOUNT | MS_RDONLY)).toBe(0n);
  expect(mkdir("/m/e")).toBe(EROFS);
});

it("gives mounts of a peer group and of a namespace back", () => {
  mkdir("/m");
  mkdir("/b");
  let left = 0;
  for (let round = 0; round < 4; round++) {
    expect(mount("none", "/m", "tmpfs")).toBe(0n);
    mkdir("/m/d");
    expect(mount("none", "/m", "", MS_SHARED)).toBe(0n);
    expect(mount("/m", "/b", "", MS_BIND)).toBe(0n);
    expect(call(SYS_unshare, CLONE_NEWNS)).toBe(0n);
    for (let i = 0; i < 20; i++) expect(mount("none", "/m/d", "tmpfs")).toBe(0n);
    expect(identity("/b/d")).toEqual(identity("/m/d"));
    expect(umount("/b", MNT_DETACH)).toBe(0n);
    expect(umount("/m", MNT_DETACH)).toBe(0n);
    expect(textOf("/proc/self/mounts").split("\n").length).toBe(3);
    if (round === 1) left = machine.exports.free();
  }
  expect(machine.exports.free()).toBe(left);
});

it("has room for no more mounts than a namespace may have", () => {
  mkdir("/m");
  expect(mount("none", "/m", "tmpfs")).toBe(0n);
  expect(mount("none", "/m", "", MS_SHARED)).toBe(0n);
  // Each time there are twice as many.
  let error = 0n;
  let rounds = 0;
  while (error === 0n && rounds < 30) {
    error = mount("/", "/m", "", MS_BIND | MS_REC);
    rounds++;
  }
  expect([ENOSPC, -12n]).toContain(error);
  expect(rounds).toBeGreaterThan(5);
  expect(umount("/m", MNT_DETACH)).toBe(0n);
});
