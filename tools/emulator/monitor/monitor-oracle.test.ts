// The monitor beside QEMU's: the same guest, the same lines, the same answers.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hasQemu } from "../../testing/host-tools.ts";
import { RunControl } from "../debug/run-control.ts";
import { Machine } from "../host/machine.ts";
import { VIDEO_MODES, type VideoMode } from "../platform/firmware/video-modes.ts";
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
