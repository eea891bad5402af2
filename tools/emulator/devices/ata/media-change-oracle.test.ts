// Media that are changed while a guest looks: packets to CD drives on both controllers and the floppy's change line, here
// and on QEMU. A guest performs a part of its script, waits for a key, and goes on; between them the monitor is asked.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { hasQemu } from "../../../testing/host-tools.ts";
import type { Access } from "../../platform/testdata/bus-guest.ts";
import { here, onQemu, type Story } from "../../platform/testdata/monitored-guest.ts";
import { recalibrate, restart, seek } from "../floppy/testdata/script.ts";
import {
  bringUp,
  cdImage,
  DATA,
  dump,
  issue,
  load,
  port,
  recover,
  start,
} from "./testdata/script.ts";

const folder = mkdtempSync(join(tmpdir(), "emu-change-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const file = (name: string): string => join(folder, name);
writeFileSync(file("a.iso"), cdImage());
writeFileSync(file("b.iso"), cdImage().subarray(0, 300 * 2048));
writeFileSync(file("a.img"), new Uint8Array(1474560));
writeFileSync(file("b.img"), new Uint8Array(737280));

const extra = (): string[] => [
  ...["-nic", "none", "-cdrom", file("a.iso")],
  ...["-drive", `file=${file("a.img")},format=raw,if=floppy,readonly=on`],
];
const disks = () => [
  { kind: "cdrom" as const, image: file("a.iso"), index: 2 },
  { kind: "floppy" as const, image: file("a.img"), readOnly: true },
];
const theirs = (story: Story): Promise<string[]> => onQemu(story, extra());
const ours = (story: Story): Promise<string[]> => here(story, { disks: disks() });

// ---- SATA

const CD = 2;
const ROOM = 64;
const packet = (what: readonly number[], bytes: number): Access[] => [
  ...issue(0xa0, { port: CD, features: 1, packet: what, regions: bytes > 0 ? [ROOM] : [] }),
  ...dump(DATA, bytes),
  ["store", port(CD, 0x10), 0xffff_ffff, 4],
];
const refused = (what: readonly number[]): Access[] => [
  ...issue(0xa0, { port: CD, features: 1, packet: what, regions: [512], fails: true }),
  load(port(CD, 0x20)),
  ...recover(CD),
];
const sense = packet([3, 0, 0, 0, 18], 20);
const UNIT_READY = [0];
const CAPACITY = [0x25];
/** The length of what follows is 4 in QEMU 7.2. */
const event: Access[] = [
  ...issue(0xa0, {
    port: CD,
    features: 1,
    packet: [0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8],
    regions: [ROOM],
  }),
  load(DATA, 0xffff_00ff),
  load(DATA + 4),
  ["store", port(CD, 0x10), 0xffff_ffff, 4],
];
const gone: Access[] = [...refused(UNIT_READY), ...sense];
/**
 * A medium that has come: gone, then another one, then as usual. Another command before REQUEST SENSE would never end on
 * QEMU 7.2's AHCI.
 */
const come: Access[] = [
  ...gone,
  ...refused(UNIT_READY),
  ...sense,
  ...packet(UNIT_READY, 0),
  ...packet(CAPACITY, 8),
];

const sata: Record<string, Pick<Story, "parts" | "lines">> = {
  "a medium that is taken out, and another one that is put in": {
    parts: [
      [...bringUp(), ...start(CD), ...packet(CAPACITY, 8), ...event],
      [...event, ...gone, ...gone, ...packet([0x46, 0, 0, 0, 0, 0, 0, 0, 8], 8).slice(0, -3)],
      [...come, ...event, ...event],
    ],
    lines: [["eject ide2-cd0"], [`change ide2-cd0 ${file("b.iso")} raw`]],
  },
  "a medium that is changed at once, and events before anything else": {
    parts: [
      [...bringUp(), ...start(CD), ...packet(CAPACITY, 8)],
      [...event, ...event, ...come],
    ],
    lines: [[`change ide2-cd0 ${file("b.iso")} raw`]],
  },
  "a lock, a request that it refuses, and force": {
    parts: [
      [...bringUp(), ...start(CD), ...packet([0x1e, 0, 0, 0, 1], 0), ...packet(CAPACITY, 8)],
      [...event, ...event, ...packet(CAPACITY, 8)],
      [...event, ...gone],
      [
        ...come,
        ...packet([0x5a, 0, 0x2a, 0, 0, 0, 0, 0, 28], 28).filter(([kind]) => kind !== "load"),
      ],
    ],
    lines: [["eject ide2-cd0"], ["eject -f ide2-cd0"], [`change ide2-cd0 ${file("b.iso")} raw`]],
  },
  "a guest that opens its tray, and a medium that is put in": {
    parts: [
      [...bringUp(), ...start(CD), ...packet([0x1b, 0, 0, 0, 2], 0), ...gone, ...event],
      [...come, ...event],
    ],
    lines: [[`change ide2-cd0 ${file("b.iso")} raw`]],
  },
};

for (const [what, story] of Object.entries(sata)) {
  test.skipIf(!hasQemu)(`SATA: ${what}`, async () => {
    const told: Story = { machine: "q35", ...story };
    const wanted = await theirs(told);
    expect(await ours(told)).toEqual(wanted);
    expect(wanted.at(-1)).not.toMatch(/nothing/);
  });
}

// ---- IDE: the second channel's first drive

const STATUS = 0x177;
const packetPio = (bytes: readonly number[]): Access[] => [
  ["out", 0x176, 0xa0],
  ["out", 0x171, 0],
  ["out", 0x174, 0xfe],
  ["out", 0x175, 0xff],
  ["out", STATUS, 0xa0],
  ["until-port-clear", STATUS, 0x80],
  ["until-port-set", STATUS, 0x08],
  ...Array.from(
    { length: 6 },
    (_, i): Access => ["out", 0x170, (bytes[2 * i] ?? 0) | ((bytes[2 * i + 1] ?? 0) << 8), 2],
  ),
  ["until-port-clear", STATUS, 0x80],
  // QEMU 7.2 forgets that the drive is ready where it reports a changed medium again.
  ["in", STATUS, 1, 0xbf],
  ["in", 0x171],
];
const read = (words: number): Access[] => Array.from({ length: words }, () => ["in", 0x170, 2]);
const senseByPio: Access[] = [...packetPio([3, 0, 0, 0, 18]), ...read(9), ["in", STATUS]];
const capacityByPio: Access[] = [...packetPio([0x25]), ...read(4), ["in", STATUS]];

test.skipIf(!hasQemu)(
  "IDE: a medium that is taken out, and another one that is put in",
  async () => {
    const missing: Access[] = [...packetPio([0]), ...senseByPio];
    const story: Story = {
      machine: "pc",
      parts: [
        [["out", 0x376, 2], ...capacityByPio],
        [...missing, ...packetPio([0x25]), ...senseByPio],
        [...missing, ...packetPio([0]), ...missing, ...packetPio([0]), ...capacityByPio],
      ],
      lines: [["eject ide1-cd0"], [`change ide1-cd0 ${file("b.iso")} raw`]],
    };
    expect(await ours(story)).toEqual(await theirs(story));
  },
);

test.skipIf(!hasQemu)("floppy: the change line", async () => {
  const changed: Access[] = [["in", 0x3f7, 1, 0x80]];
  const story: Story = {
    machine: "pc",
    parts: [
      [...restart(), ...recalibrate(), ...seek(10), ...changed],
      [...changed, ...seek(5), ...changed, ...recalibrate(), ...changed],
      [...changed, ...seek(3), ...changed],
      [...changed, ...seek(0), ...changed],
    ],
    lines: [
      ["eject floppy0"],
      [`change floppy0 ${file("b.img")} raw`],
      [`change floppy0 ${file("a.img")} raw`],
    ],
  };
  expect(await ours(story)).toEqual(await theirs(story));
});
