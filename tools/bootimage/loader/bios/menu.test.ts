// The menu with a BIOS's keyboard, screen and clock, in the emulator: what is chosen is started.

import { beforeAll, describe, expect, it } from "vitest";
import { Machine } from "../../../emulator/host/machine.ts";
import { testImage } from "./testing/image.ts";

/** Scan codes of the first set. */
const HOME = 0x47;
const DOWN = 0x50;
const ENTER = 0x1c;

let image: Uint8Array;
beforeAll(async () => {
  image = await testImage(
    "kernel boot/kernel first\ntitle other\nkernel boot/kernel second\ntitle third\nkernel boot/kernel third\n",
    [],
    "timeout 3\ndefault 3\n",
  );
});

const create = (): Promise<Machine> =>
  Machine.create({ disks: [{ kind: "disk", image }], memory: "64M" });

describe("the menu", () => {
  it("shows the entries on the screen and starts the default one after its time", async () => {
    const machine = await create();
    expect(machine.runSync({ nanoseconds: 2e9 }).kind).toBe("limit");
    const screen = machine.screenText()?.join("\n") ?? "";
    for (const title of ["test", "other", "third"]) expect(screen).toContain(title);
    expect(machine.runSync({ nanoseconds: 6e9 })).toEqual({ kind: "power-off" });
    expect(machine.serialOutput).toContain("kernel third\r\n");
  });

  it("follows the cursor keys", async () => {
    const machine = await create();
    machine.runSync({ nanoseconds: 1e9 });
    const press = (code: number, extended: boolean): void => {
      for (const down of [true, false]) machine.board.keyboard.key(code, down, extended);
      machine.runSync({ nanoseconds: 3e8 });
    };
    // From the third to the first and on to the second.
    press(HOME, true);
    press(DOWN, true);
    press(ENTER, false);
    machine.runSync({ nanoseconds: 6e9 });
    expect(machine.serialOutput).toContain("kernel second\r\n");
  });

  it("follows the serial line", async () => {
    const machine = await create();
    machine.runSync({ nanoseconds: 1e9 });
    // Up from the third to the second.
    machine.sendSerial("\x1b[A");
    machine.runSync({ nanoseconds: 5e8 });
    machine.sendSerial("\r");
    expect(machine.runSync({ nanoseconds: 6e9 })).toEqual({ kind: "power-off" });
    expect(machine.serialOutput).toContain("kernel second\r\n");
  });
});
