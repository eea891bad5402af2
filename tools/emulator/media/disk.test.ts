// What a disk does with requests that its host fails: which sectors there are, what waits, and in which order.

import { expect, test } from "vitest";
import { Disk } from "./disk.ts";
import type { DiskFailure } from "./disk-failures.ts";

const SECTORS = 16;

/** A disk, what its host has been asked for, and a switch for sectors that it cannot write. */
function rig(traits: ConstructorParameters<typeof Disk>[3] = {}) {
  const bytes = new Uint8Array(SECTORS * 512);
  const bad = new Set<number>();
  const asked: string[] = [];
  const failures: DiskFailure[] = [];
  const check = (what: string, offset: number, length: number): void => {
    for (let at = offset; at < offset + length; at += 512) {
      if (bad.has(at / 512)) throw new Error("no");
    }
    asked.push(`${what} ${offset / 512}+${length / 512}`);
  };
  const disk = new Disk(
    "disk0",
    "disk",
    {
      name: "image",
      size: bytes.length,
      read: (offset, length) => {
        check("read", offset, length);
        return bytes.slice(offset, offset + length);
      },
      write: (offset, data) => {
        check("write", offset, data.length);
        bytes.set(data, offset);
      },
      flush: () => {
        check("flush", 0, 0);
      },
    },
    { persistent: true, ...traits },
  );
  disk.onFailure = (failure) => failures.push(failure);
  return { disk, bytes, bad, asked, failures };
}

const filled = (value: number, sectors = 1): Uint8Array =>
  new Uint8Array(sectors * 512).fill(value);
const firsts = (bytes: Uint8Array | undefined): number[] =>
  Array.from({ length: (bytes?.length ?? 0) / 512 }, (_, i) => bytes?.[i * 512] as number);

test.each([0, 1, 5, 6, 7])("of eight sectors those before sector %i can be had", (first) => {
  const { disk, bytes, bad } = rig();
  bad.add(first);
  expect(disk.readSome(0, 8)?.length ?? 0).toBe(first * 512);
  expect(disk.writeSome(0, filled(7, 8))).toBe(first);
  expect(firsts(bytes.subarray(0, 8 * 512))).toEqual(
    Array.from({ length: 8 }, (_, i) => (i < first ? 7 : 0)),
  );
});

test("what waits is shown to reads, and is done in order", () => {
  const { disk, bytes, bad, asked } = rig({ onWriteFailure: "stop" });
  bad.add(3);
  expect(disk.write(3, filled(1))).toBe(true);
  // These could be done, but not before.
  expect([disk.write(4, filled(2)), disk.write(3, filled(3)), disk.flush()]).toEqual([
    true,
    true,
    true,
  ]);
  expect([disk.waits, asked]).toEqual([true, []]);
  bad.clear();
  expect(firsts(disk.read(2, 4))).toEqual([0, 3, 2, 0]);
  expect(firsts(bytes.subarray(2 * 512, 6 * 512))).toEqual([0, 0, 0, 0]);
  expect(disk.goOn()).toBe(true);
  expect(asked).toEqual(["read 2+4", "write 3+1", "write 4+1", "write 3+1", "flush 0+0"]);
  expect(firsts(bytes.subarray(2 * 512, 6 * 512))).toEqual([0, 3, 2, 0]);
});

test("what still fails waits on, with all that is behind it", () => {
  const { disk, bad, asked, failures } = rig({ onWriteFailure: "stop" });
  bad.add(3);
  disk.write(3, filled(1));
  disk.write(4, filled(2));
  expect([disk.goOn(), disk.waits, asked]).toEqual([false, true, []]);
  expect(failures.map(({ action, isNew }) => [action, isNew])).toEqual([
    ["stop", true],
    ["stop", false],
  ]);
  disk.reset();
  expect([disk.waits, disk.ioStatus]).toEqual([false, "ok"]);
});

test("a read that nobody can make again is told", () => {
  const { disk, bad, failures } = rig({ onReadFailure: "stop" });
  bad.add(3);
  let again = 0;
  expect([disk.read(3, 1), disk.waits]).toEqual([undefined, false]);
  expect([disk.read(3, 1, () => again++), disk.waits]).toEqual([undefined, true]);
  expect(failures.map(({ action }) => action)).toEqual(["report", "stop"]);
  expect([disk.goOn(), again]).toEqual([true, 1]);
});
