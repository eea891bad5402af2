// Objects of System V with arguments of every kind, their limits, and what is left of them. Expected values are those of
// the manual (sysvipc(7) and its calls); what they do is compared with Linux in tools/compare-linux/cases/c.

import { beforeEach, describe, expect, it } from "vitest";
import { Machine } from "../../testing/machine.ts";
import { sampleProgram, tarOf } from "../../testing/samples.ts";
import {
  SYS_close,
  SYS_mmap,
  SYS_mq_open,
  SYS_mq_timedsend,
  SYS_mq_unlink,
  SYS_msgctl,
  SYS_msgget,
  SYS_msgrcv,
  SYS_msgsnd,
  SYS_semctl,
  SYS_semget,
  SYS_semop,
  SYS_semtimedop,
  SYS_shmat,
  SYS_shmctl,
  SYS_shmdt,
  SYS_shmget,
} from "../numbers.ts";

const BUFFER = 0x40_2000n;
const ENOENT = -2n;
const ENOMEM = -12n;
const EFAULT = -14n;
const EINVAL = -22n;
const EMFILE = -24n;
const ENOSPC = -28n;
const IPC_RMID = 0;
const SETVAL = 16;
const SEM_UNDO = 0x1000;

let machine: Machine;

beforeEach(async () => {
  machine = await Machine.create();
  caller = 0;
  const tar = await tarOf([{ name: "bin/sample", mode: 0o755, data: sampleProgram() }]);
  expect(machine.unpack(tar)).toBe(true);
});

/** Number of the program that makes the calls. */
let caller = 0;

function launch(): void {
  expect(machine.launch("linux bin/sample")).toBe(0);
  caller++;
}

function call(number: number, ...args: (number | bigint)[]): bigint {
  return machine.call(caller, number, ...args);
}

/** struct sembuf. */
function operation(change: number, flags: number): void {
  const bytes = Buffer.alloc(6);
  bytes.writeInt16LE(change, 2);
  bytes.writeUInt16LE(flags, 4);
  machine.poke(caller, BUFFER, bytes);
}

describe("message queues of POSIX", () => {
  const NAME = BUFFER + 0x400n;

  function open(name: string, flags = 0o102): bigint {
    machine.poke(caller, NAME, Buffer.from(`${name}\0`));
    return call(SYS_mq_open, NAME, flags, 0o600, 0);
  }

  it("go with the line of the start file, named and unnamed, and leave nothing", () => {
    let left = -1;
    for (let round = 0; round < 4; round++) {
      launch();
      const fds = [open("named"), open("unnamed")];
      expect(call(SYS_mq_unlink, NAME)).toBe(0n);
      for (const fd of fds) {
        expect(fd).toBeGreaterThan(2n);
        expect(call(SYS_mq_timedsend, fd, BUFFER, 8000, 1, 0)).toBe(0n);
      }
      expect(open("named", 0)).toBeGreaterThan(2n);
      machine.exports.reap(caller);
      if (left !== -1) expect(machine.exports.free()).toBe(left);
      left = machine.exports.free();
    }
  });

  it("are as many as RLIMIT_MSGQUEUE lets them be", () => {
    launch();
    let count = 0;
    while (open(`queue${count}`) >= 0n) count++;
    // 819200 bytes of 10 * (8192 + 48 + 48) each.
    expect(count).toBe(9);
    expect(open("another")).toBe(EMFILE);
    expect(open("absent", 2)).toBe(ENOENT);
    expect(call(SYS_close, 3)).toBe(0n);
    expect(open("another")).toBe(EMFILE);
    machine.poke(caller, NAME, Buffer.from("queue0\0"));
    expect(call(SYS_mq_unlink, NAME)).toBe(0n);
    expect(open("another")).toBeGreaterThan(2n);
  });
});

describe("objects of System V", () => {
  it("go with the line of the start file, and leave nothing", () => {
    // The first one leaves its thread's slot and pages of small records behind, for the next.
    let left = -1;
    for (let round = 0; round < 4; round++) {
      launch();
      const segment = call(SYS_shmget, 0, 0x1_0000, 0o600);
      const at = call(SYS_shmat, segment, 0, 0);
      machine.poke(caller, at, Buffer.alloc(0x1_0000, 1));
      const set = call(SYS_semget, 5, 9000, 0o1600);
      operation(3, SEM_UNDO);
      expect(call(SYS_semop, set, BUFFER, 1)).toBe(0n);
      const queue = call(SYS_msgget, 0, 0o600);
      machine.poke(caller, BUFFER, Buffer.from([1, 0, 0, 0, 0, 0, 0, 0]));
      expect(call(SYS_msgsnd, queue, BUFFER, 0, 0)).toBe(0n);
      expect(call(SYS_msgsnd, queue, BUFFER, 1000, 0)).toBe(0n);
      expect([segment, set, queue]).toEqual([0n, 0n, 0n]);
      machine.exports.reap(caller);
      if (left !== -1) expect(machine.exports.free()).toBe(left);
      left = machine.exports.free();
    }
  });

  it("are as many as their limits say", () => {
    launch();
    let count = 0;
    while (call(SYS_shmget, 0, 1n << 20n, 0) >= 0n) count++;
    expect(count).toBe(4096);
    expect(call(SYS_shmget, 0, 1, 0)).toBe(ENOSPC);
    for (let place = 0; place < 4096; place++) {
      expect(call(SYS_shmctl, place, IPC_RMID, 0)).toBe(0n);
    }
    // Places are used again under other ids.
    expect(call(SYS_shmget, 0, 1, 0)).toBe(32768n);
  });

  it("have no huge pages, whoever asks", () => {
    launch();
    const hugePages = 0o4000;
    expect(call(SYS_shmget, 0, 1n << 21n, hugePages | 0o600)).toBe(EINVAL);
    // Sizes of 2 MiB and 1 GiB (MAP_HUGE_2MB, MAP_HUGE_1GB), and the usual one.
    for (const size of [21n, 30n, 0n]) {
      const flags = 0x4_0022n | (size << 26n);
      expect(call(SYS_mmap, 0, 1n << 30n, 3, flags, -1n, 0)).toBe(EINVAL);
      expect(call(SYS_shmget, 0, 1n << 30n, BigInt(hugePages) | (size << 26n))).toBe(EINVAL);
    }
  });

  it("leave most of RAM to programs", () => {
    launch();
    const free = machine.exports.free();
    let result = 0n;
    while (result >= 0n) result = call(SYS_semget, 0, 32000, 0o600);
    expect(result).toBe(ENOMEM);
    expect(machine.exports.free()).toBeGreaterThan((free * 3) / 4);
    const queue = call(SYS_msgget, 0, 0o600);
    expect(queue).toBeGreaterThanOrEqual(0n);
    machine.poke(caller, BUFFER, Buffer.from([1, 0, 0, 0, 0, 0, 0, 0]));
    expect(call(SYS_msgsnd, queue, 0x40_0000n, 8192, 0)).toBe(EFAULT);
    for (let place = 0; place < 64; place++) call(SYS_semctl, place, 0, IPC_RMID, 0);
    expect(call(SYS_semget, 0, 32000, 0o600)).toBeGreaterThanOrEqual(0n);
  });

  it("survive arguments of every kind", () => {
    launch();
    const segment = call(SYS_shmget, 0, 4096, 0o600);
    const set = call(SYS_semget, 0, 2, 0o600);
    const queue = call(SYS_msgget, 0, 0o600);
    const values = [
      0n,
      1n,
      2n,
      3n,
      11n,
      13n,
      17n,
      4095n,
      8192n,
      BUFFER,
      0x7fff_ffff_f000n,
      1n << 31n,
    ];
    values.push((1n << 32n) - 1n, 1n << 63n, (1n << 64n) - 1n, (1n << 64n) - 4096n, 500n, 0o7777n);
    let state = 12345;
    const pick = (): bigint => {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0;
      return values[(state >>> 8) % values.length] ?? 0n;
    };
    const calls = [SYS_shmget, SYS_shmat, SYS_shmdt, SYS_shmctl, SYS_semget, SYS_semctl];
    calls.push(SYS_msgget, SYS_msgctl);
    for (let i = 0; i < 20_000; i++) {
      const number = calls[i % calls.length] ?? 0;
      const first = i % 3 === 0 ? segment : pick();
      const result = call(number, first, pick(), pick(), pick());
      expect(result).toBeGreaterThanOrEqual(-43n);
    }
    // Calls that may wait do not.
    const nowait = 0o4000;
    for (let i = 0; i < 2000; i++) {
      call(SYS_msgsnd, i % 2 === 0 ? queue : pick(), pick(), pick(), nowait);
      call(SYS_msgrcv, i % 2 === 0 ? queue : pick(), pick(), pick(), pick(), nowait);
      operation(Number(pick() & 0xffn), nowait);
      call(SYS_semop, i % 2 === 0 ? set : pick(), BUFFER, 1);
    }
    expect(call(SYS_semop, set, (1n << 64n) - 6n, 2)).toBe(EFAULT);
    expect(call(SYS_semtimedop, set, BUFFER, 1, (1n << 64n) - 8n)).toBe(EFAULT);
    const own = call(SYS_semget, 0, 2, 0o600);
    expect(call(SYS_semctl, own, 0, SETVAL, 5)).toBe(0n);
    expect(call(SYS_shmdt, 0x40_0000n)).toBe(EINVAL);
  });
});
