// The monitor beside QEMU's: the same guest, the same lines, the same answers.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hasQemu } from "../../testing/host-tools.ts";
import { RunControl } from "../debug/run-control.ts";
import { Machine } from "../host/machine.ts";
import { VIDEO_MODES, type VideoMode } from "../platform/firmware/video-modes.ts";
import { random } from "../platform/testdata/random-accesses.ts";
import { type Screen, screensGuest } from "../platform/testdata/screens.ts";
import { Monitor } from "./monitor.ts";
import { type PagingMode, pagingGuest } from "./testdata/paging-guest.ts";
import { QemuMonitor } from "./testdata/qemu-monitor.ts";

async function ours(kernel: Uint8Array): Promise<Monitor> {
  const machine = await Machine.create({ kernel, memory: "16M" });
  expect(await machine.run()).toEqual({ kind: "dead" });
  return new Monitor(new RunControl(machine, true), { quit() {} });
}

/** Random expressions, the same in every run. */
function* expressions(count: number): Generator<string> {
  let state = 1;
  const random = (below: number): number => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
    return (state >>> 8) % below;
  };
  const atom = (depth: number): string => {
    switch (random(depth > 3 ? 5 : 8)) {
      case 0:
        return `${random(1000)}`;
      case 1:
        return `0x${(random(0x7fffffff) * 4099).toString(16)}`;
      case 2:
        return `0${random(512).toString(8)}`;
      case 3:
        return `'${String.fromCharCode(97 + random(26))}'`;
      case 4:
        return ["$eax", "$ebx", "$esi", "$eflags", "$pc", "$ds"][random(6)] as string;
      case 5:
        return `(${sum(depth + 1)})`;
      case 6:
        return `-${atom(depth + 1)}`;
      default:
        return `~${atom(depth + 1)}`;
    }
  };
  const sum = (depth: number): string => {
    let text = atom(depth);
    for (let i = random(4); i > 0; i--) text += ` ${"+-*/%&|^"[random(8)]} ${atom(depth)}`;
    return text;
  };
  for (let i = 0; i < count; i++) yield sum(0);
}

const MODES: readonly PagingMode[] = ["off", "32-bit", "pae", "long"];

describe.skipIf(!hasQemu).each(MODES)("as QEMU, paging %s", (mode) => {
  let qemu: QemuMonitor;
  let monitor: Monitor;
  beforeAll(async () => {
    const kernel = pagingGuest(mode);
    [qemu, monitor] = await Promise.all([QemuMonitor.boot(kernel), ours(kernel)]);
  });
  afterAll(() => qemu.close());

  const same = async (line: string): Promise<void> => {
    expect(`${line}\n${await monitor.execute(line)}`).toBe(`${line}\n${await qemu.human(line)}`);
  };

  test.each(["info registers", "info registers -a", "info registers 0"])("%s", same);
  test("info mem", () => same("info mem"));
  test("info tlb", async () => {
    // QEMU's page frame has the no-execute bit in it where PAE is used outside long mode.
    const theirs = (await qemu.human("info tlb")).replace(/: 8([0-9a-f]{15}) X/g, ": 0$1 X");
    expect(await monitor.execute("info tlb")).toBe(theirs);
  });
  if (mode === "off" || mode === "pae") return;
  test("memory in every format and size, physical and linear, what is there and what is not", async () => {
    for (const kind of ["x", "d", "u", "o", "c"]) {
      for (const size of ["b", "h", "w", "g"]) {
        for (const [count, at] of [
          ["", "0x300000"],
          [1, "$esi"],
          [9, "0x300003"],
          [33, "$ebp + 5"],
        ]) {
          await same(`x/${count}${kind}${size} ${at}`);
          await same(`xp /${count}${size}${kind} ${at}`);
        }
      }
    }
    for (const at of ["0x3000", "0x7ffffffff000", "0x2ffe", "0x600000"]) {
      await same(`x/4xw ${at}`);
    }
    await same("xp/4xw 0x10000000000");
    await same("x/0xw 0x300000");
  });
  test("checksums", async () => {
    for (const range of ["0x300000 4096", "0x300001 77", "0x2ffff0 70000", "0x300000 0"]) {
      await same(`sum ${range}`);
    }
    await same("info memory_size_summary");
  });
  test("formats that are left out are the last ones", async () => {
    for (const line of ["x/3dh 0x300000", "x 0x300000", "x/b 0x300000", "p 65", "x/4c 0x300000"]) {
      await same(line);
    }
    for (const line of ["x/3h 0x300000", "p 65", "p/x 65", "p 66", "x 0x300000"]) await same(line);
  });
  test("expressions", async () => {
    for (const text of expressions(60)) {
      const line = `p/x ${text}`;
      const theirs = await qemu.human(line);
      const mine = await monitor.execute(line);
      if (/^0x/.test(theirs)) expect(`${line}\n${mine}`).toBe(`${line}\n${theirs}`);
      else expect(mine).toContain(theirs.split("\n")[0]);
    }
    for (const kind of ["d", "u", "o", "c", "x"]) {
      for (const value of ["0", "10", "-1", "0x80", "'a'", "92", "39"])
        await same(`p/${kind} ${value}`);
    }
  });
  test("gva2gpa", async () => {
    for (const at of ["0", "0x1234", "0x3010", "0x400123", "0x612345"]) await same(`gva2gpa ${at}`);
  });
});

/** Screens whose video memory is full of noise; each is one byte on COM1. */
const SCREENS: Record<string, Screen> = {
  text: { mode: VIDEO_MODES.get(3) as VideoMode },
  "16 colours": { mode: VIDEO_MODES.get(0x12) as VideoMode },
  "256 colours": { mode: VIDEO_MODES.get(0x13) as VideoMode },
  linear: { width: 320, height: 200, depth: 32 },
};

test.skipIf(!hasQemu).each(Object.entries(SCREENS))(
  "video memory as QEMU shows it, through the window and linear: %s",
  async (name, screen) => {
    const kernel = screensGuest([screen]);
    const qemu = await QemuMonitor.until(".", kernel);
    try {
      const machine = await Machine.create({ kernel, memory: "16M" });
      expect(machine.runSync({ until: "." })).toEqual({ kind: "matched" });
      const monitor = new Monitor(new RunControl(machine, true), { quit() {} });
      const before = machine.stateHash();
      // Planes of text lie in QEMU's memory in another way, which the linear framebuffer alone shows.
      const linear = name === "text" ? [] : ["0xfd000000", "0xfd004321"];
      for (const at of ["0xa0000", "0xa7f40", "0xb0000", "0xb8000", "0xb8f21", ...linear]) {
        for (const format of ["64xb", "20xh", "9xw", "5xg", "16c"]) {
          const line = `xp/${format} ${at}`;
          expect(`${line}\n${await monitor.execute(line)}`).toBe(
            `${line}\n${await qemu.human(line)}`,
          );
        }
      }
      for (const line of ["x/8xw 0xa0100", "x/8xw 0xb8100"]) {
        expect(await monitor.execute(line)).toBe(await qemu.human(line));
      }
      expect(machine.stateHash()).toBe(before);
    } finally {
      qemu.close();
    }
  },
);

/** Bytes of which many are instructions: opcodes that are frequent, prefixes, and whatever follows. */
function* codeBytes(count: number): Generator<number> {
  const next = random(99);
  const frequent = [
    0x89, 0x8b, 0x83, 0x81, 0xc7, 0x48, 0x0f, 0x66, 0xff, 0xe8, 0x74, 0x8d, 0x55, 0xc3, 0xf7,
  ];
  for (let i = 0; i < count; i++) {
    yield next() % 3 === 0 ? (frequent[next() % frequent.length] as number) : next() & 255;
  }
}

/** Address, bytes and text of each instruction of an answer. */
function instructionsOf(answer: string): Map<string, { bytes: string; text: string }> {
  const found = new Map<string, { bytes: string; text: string }>();
  let last: { bytes: string; text: string } | undefined;
  for (const line of answer.split("\n")) {
    const [, at = "", bytes = "", text] =
      /^0x([0-9a-f]+): {2}((?:[0-9a-f]{2} ?)+?)(?: {2,}| (?=\S{3}))(.*)$/.exec(line.padEnd(60)) ??
      [];
    if (text?.trim() === "" && last !== undefined) {
      last.bytes += ` ${bytes.trim()}`;
      continue;
    }
    last = { bytes: bytes.trim(), text: text ?? "" };
    if (at !== "") found.set(at, last);
  }
  return found;
}

/**
 * What Capstone writes in another way: the stack of the x87 among operands, segments that have no effect, 16-bit
 * branches of 32-bit code, whose upper half it keeps, and what a far return of 64 bits pops, as negative.
 */
const isNamedOtherwise = (bytes: string): boolean =>
  /^(([26][67e]|36|3e|6[4-7]|4.|f[023]) )*d[8-f]\b/.test(bytes) ||
  /^((6[4-7]|f[023]|4.) )*(26|2e|36|3e) /.test(bytes) ||
  /^4. ca /.test(bytes) ||
  /^(6[4-7] )*66 ((6[4-7]|f[023]) )*(e[0-3]|e8|e9|eb|7.|0f 8.)\b/.test(bytes);

/** What instructions are called, without size and prefixes: two disassemblers have two tables. */
const kindOf = (text: string): string =>
  text
    .replace(/^(lock|rep|repe|repne|repz|repnz|bnd|xacquire|xrelease|notrack|data16) +/g, "")
    .split(" ")[0] ?? "";

test.skipIf(!hasQemu).each(["off", "long"] as const)(
  "x/i of random code as QEMU has it, paging %s",
  async (mode) => {
    const kernel = pagingGuest(mode);
    const folder = mkdtempSync(join(tmpdir(), "emu-code-"));
    const blob = join(folder, "code");
    const code = Uint8Array.from(codeBytes(12_000));
    writeFileSync(blob, code);
    const qemu = await QemuMonitor.boot(kernel, [
      ...["-device", `loader,file=${blob},addr=0x900000,force-raw=on`],
    ]);
    try {
      const machine = await Machine.create({ kernel, memory: "16M" });
      machine.runSync();
      machine.ram.write(0x900000, code);
      const monitor = new Monitor(new RunControl(machine, true), { quit() {} });
      const [theirs, mine] = [
        instructionsOf(await qemu.human("xp/2500i 0x900000")),
        instructionsOf(await monitor.execute("xp/2500i 0x900000")),
      ];
      const different: string[] = [];
      let compared = 0;
      for (const [at, { bytes, text }] of mine) {
        const other = theirs.get(at);
        if (other?.bytes !== bytes || kindOf(other.text) !== kindOf(text)) continue;
        if (isNamedOtherwise(bytes)) continue;
        compared++;
        if (other.text.trim() !== text.trim()) different.push(`${bytes}: ${text} | ${other.text}`);
      }
      expect(different).toEqual([]);
      expect(compared).toBeGreaterThan(2000);
      expect(await monitor.execute("x/3i 0xfffffe")).toBe(await qemu.human("x/3i 0xfffffe"));
      expect(await monitor.execute("xp/3i 0x10000000000")).toBe(
        await qemu.human("xp/3i 0x10000000000"),
      );
    } finally {
      qemu.close();
      rmSync(folder, { recursive: true, force: true });
    }
  },
);
