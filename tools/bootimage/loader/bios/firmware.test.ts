// What the BIOS is to the loader, asked by guests of a few lines: in the emulator with its own BIOS and in QEMU with
// SeaBIOS, from a disk and from a CD.

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Machine } from "../../../emulator/host/machine.ts";
import { HANG_MS, hasQemu, QEMU } from "../../../testing/host-tools.ts";
import { crc32c } from "../../crc32.ts";
import { BLOCK_BYTES } from "./layout.ts";
import { snippetMedium } from "./testing/snippet.ts";

const directory = mkdtempSync(join(tmpdir(), "bios-firmware-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

type Kind = "disk" | "cdrom";

async function inEmulator(kind: Kind, image: Uint8Array): Promise<string> {
  const machine = await Machine.create({ disks: [{ kind, image }] });
  machine.runSync({ nanoseconds: 5e9 });
  return machine.serialOutput;
}

async function inQemu(kind: Kind, image: Uint8Array): Promise<string> {
  const file = join(directory, `${kind}.img`);
  writeFileSync(file, image);
  const medium = kind === "disk" ? "disk" : "cdrom";
  const { stdout } = spawnSync(
    QEMU,
    [
      ...["-machine", "q35", "-m", "128", "-display", "none", "-serial", "stdio", "-no-reboot"],
      // Time by instructions: ticks are not lost on a busy host.
      ...["-icount", "shift=1,sleep=off"],
      ...["-drive", `file=${file},format=raw,snapshot=on,media=${medium}`],
    ],
    { encoding: "utf8", timeout: HANG_MS, input: "" },
  );
  return stdout;
}

const MACHINES = [
  ["the emulator", inEmulator, true],
  ["QEMU", inQemu, hasQemu],
] as const;
const KINDS = ["disk", "cdrom"] as const;

/** What a guest has printed as `name value`, by name. */
function answers(output: string): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const line of output.split("\r\n")) {
    const [name = "", ...values] = line.split(" ");
    found.set(name, [...(found.get(name) ?? []), values.join(" ")]);
  }
  return found;
}

describe.each(MACHINES)("in %s", (_name, run, available) => {
  describe.skipIf(!available)("the BIOS", () => {
    let medium: Uint8Array;
    beforeAll(async () => {
      medium = await snippetMedium(
        "services",
        {
          "./a20": "isA20On",
          "./bios": "waitForInterrupt",
          "./clock": "milliseconds",
          "./drive": "readBlocks",
          "./tables": "rsdp, smbios",
          "./video": "setVideo",
          "../../core/firmware": "Framebuffer",
          "../../core/memory_map": "readMap, rangeCount, rangeBase, rangeEnd, rangeType",
          "../../core/stub": "crc32c",
        },
        `
        readMap();
        for (let i = 0; i < rangeCount(); i++) {
          print("range ");
          printHex(rangeBase(i)); print(" "); printHex(rangeEnd(i)); print(" ");
          printDecimal(rangeType(i)); endLine();
        }
        const start = milliseconds();
        for (let i = 0; i < 10; i++) waitForInterrupt();
        print("ticks "); printDecimal((milliseconds() - start) / 55); endLine();
        // Across many pieces, to memory far above 1 MiB.
        print("status "); printHex(readBlocks(1, 200, 0x400_0000)); endLine();
        print("crc "); printHex(crc32c(0x400_0000, 200 * 2048, 0)); endLine();
        print("beyond "); printDecimal(readBlocks(2040, 20, 0x400_0000) !== 0 ? 1 : 0); endLine();
        print("rsdp "); printHex(load32(rsdp())); endLine();
        outb(0x92, inb(0x92) & ~2);
        const off = !isA20On();
        milliseconds();
        print("a20 "); printDecimal(off ? 0 : 1); print(" "); printDecimal(isA20On() ? 1 : 0); endLine();
        const screen = changetype<Framebuffer>(memory.data(offsetof<Framebuffer>(), 8));
        const isSet = setVideo(790, 590, 0, screen);
        print("video "); printDecimal(isSet ? 1 : 0); print(" ");
        printDecimal(screen.width); print(" "); printDecimal(screen.height); print(" ");
        printDecimal(screen.depth); print(" "); printDecimal(screen.pitch); endLine();
        // The framebuffer is memory, and the one of the device.
        store32(screen.address, 0x12345678);
        print("pixel "); printHex(load32(screen.address)); endLine();
        `,
      );
    });

    it.each(KINDS)("of a machine that started from a %s answers", async (kind) => {
      const found = answers(await run(kind, medium));
      const ranges = found.get("range") ?? [];
      expect(ranges[0]).toMatch(/^0x0 0x9[0-9a-f]{4} 1$/);
      expect(ranges).toContainEqual(expect.stringMatching(/^0x100000 0x7f[0-9a-f]{5} 1$/));
      expect(found.get("ticks")).toEqual(["9"]);
      expect(found.get("status")).toEqual(["0x0"]);
      const read = medium.subarray(BLOCK_BYTES, 201 * BLOCK_BYTES);
      expect(found.get("crc")).toEqual([`0x${crc32c(read).toString(16)}`]);
      expect(found.get("beyond")).toEqual(["1"]);
      // "RSD ".
      expect(found.get("rsdp")).toEqual(["0x20445352"]);
      expect(found.get("a20")).toEqual(["0 1"]);
      expect(found.get("video")).toEqual(["1 800 600 32 3200"]);
      expect(found.get("pixel")).toEqual(["0x12345678"]);
    });
  });
});

it("a fault of the loader is one line with what it was and where", async () => {
  const medium = await snippetMedium("fault", {}, "load8(<u64>1 << 52);");
  const line = /^The boot loader has a fault: exception (\d+) at RIP 0x2[0-9a-f]{4}, (.*)$/m;
  const output = (await inEmulator("disk", medium)).replaceAll("\r", "");
  const [, vector, rest] = line.exec(output) ?? [];
  // An address that is not canonical.
  expect([vector, rest]).toEqual(["13", "error code 0x0, CR2 0x0"]);
});
