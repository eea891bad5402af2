// The first stages in the emulator and in QEMU, with a loader that only says that it has been started.

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { Machine } from "../../../emulator/host/machine.ts";
import { HANG_MS, hasQemu, QEMU } from "../../../testing/host-tools.ts";
import { BLOCK_BYTES } from "./layout.ts";
import { LOADER_BLOCK, makeMedium } from "./testing/medium.ts";
import { standIn } from "./testing/standin.ts";

const directory = mkdtempSync(join(tmpdir(), "first-stage-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** Larger than 64 KiB, and not whole blocks. */
const BLOCKS = 75;
const medium = makeMedium(standIn(BLOCKS));

/** The screen after the first stage has refused. */
async function refusal(kind: "disk" | "cdrom", image: Uint8Array): Promise<string> {
  const machine = await Machine.create({ disks: [{ kind, image }] });
  machine.runSync({ nanoseconds: 5e8 });
  expect(machine.serialOutput).toBe("");
  return machine.screenText()?.join("\n") ?? "";
}

describe("first stages in the emulator", () => {
  it.each([
    ["disk", "drive 80"],
    ["cdrom", "drive E0"],
  ] as const)("from a %s the loader is started with the drive in DL", async (kind, text) => {
    const machine = await Machine.create({ disks: [{ kind, image: medium }] });
    expect(machine.runSync({ nanoseconds: 5e9 })).toEqual({ kind: "power-off" });
    expect(machine.serialOutput).toBe(text);
  });

  it.each(["disk", "cdrom"] as const)(
    "from a %s a loader of which a bit is wrong is not started",
    async (kind) => {
      for (const at of [LOADER_BLOCK + 1, LOADER_BLOCK + BLOCKS - 1]) {
        const damaged = medium.slice();
        damaged[at * BLOCK_BYTES + 100] = (damaged[at * BLOCK_BYTES + 100] as number) ^ 1;
        expect(await refusal(kind, damaged)).toContain("Damaged loader");
      }
    },
  );

  it.each(["disk", "cdrom"] as const)(
    "a %s that ends early is named with status and block",
    async (kind) => {
      const short = medium.slice(0, (LOADER_BLOCK + 50) * BLOCK_BYTES);
      const block = (LOADER_BLOCK + 50).toString(16).toUpperCase().padStart(8, "0");
      expect(await refusal(kind, short)).toContain(`Read error 01 at block ${block}`);
    },
  );
});

/** Arguments by which QEMU presents the medium. */
const QEMU_MEDIA: [string, (file: string) => string[], string][] = [
  ["disk", (file) => ["-drive", `file=${file},format=raw,snapshot=on`], "drive 80"],
  ["CD", (file) => ["-cdrom", file], "drive E0"],
  [
    "stick",
    (file) => [
      ...["-device", "qemu-xhci", "-device", "usb-storage,drive=stick"],
      ...["-drive", `file=${file},format=raw,snapshot=on,if=none,id=stick`],
    ],
    "drive 80",
  ],
];

describe.skipIf(!hasQemu)("first stages in QEMU", () => {
  it.each(QEMU_MEDIA)(
    "from a %s the loader is started with the drive in DL",
    (_name, present, text) => {
      const file = join(directory, "medium.img");
      writeFileSync(file, medium);
      const { stdout } = spawnSync(
        QEMU,
        ["-machine", "q35", "-display", "none", "-serial", "stdio", "-no-reboot", ...present(file)],
        { encoding: "utf8", timeout: HANG_MS, input: "" },
      );
      expect(stdout).toBe(text);
    },
  );
});
