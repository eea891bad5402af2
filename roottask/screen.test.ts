// The system's log on the screen: what the serial line gets from the roottask is what the screen shows at the end, as
// far as it has rows, in VGA text memory and on framebuffers, in the emulator and on QEMU with BIOS and EFI firmware.
// On QEMU the picture is QEMU's own (`screendump`), read by the font.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, it } from "vitest";
import { type FramebufferWish, withFramebuffer } from "../kernel/testing/framebuffer_wish.ts";
import { efiOptions, grubImage, hasGrub, hasGrubEfi } from "../kernel/testing/grub.ts";
import { bootOnQemu } from "../kernel/testing/qemu.ts";
import { Machine } from "../tools/emulator/host/machine.ts";
import { CODE_PAGE_437 } from "../tools/screen/font.ts";
import { readPixmap, textOfPicture } from "../tools/screen/testing/picture.ts";
import { HANG_MS, hasQemu } from "../tools/testing/host-tools.ts";
import { makeSystem } from "./testing/boot.ts";
import { tarOf } from "./testing/samples.ts";

const root = fileURLToPath(new URL("../", import.meta.url));
const END = "[roottask] power off\n";

/** A start file whose lines nobody understands: the roottask prints them all, more than a screen has rows. */
const archive = tarOf([
  {
    name: "userland.conf",
    data: Array.from({ length: 60 }, (_, i) => `${"nonsense ".repeat(1 + (i % 3))}\n`).join(""),
  },
]);

/** The last rows of a screen on which the roottask's part of the log has been printed. */
function expectedRows(serial: string, columns: number, rows: number): string[] {
  const log = serial.slice(serial.indexOf("[roottask]"), serial.indexOf(END) + END.length);
  const lines = log
    .replaceAll("\r", "")
    .split("\n")
    .filter((line) => !line.startsWith("[kernel]"));
  const cells = lines.flatMap((line) => {
    const pieces = [...line].map((_, i, all) =>
      i % columns === 0 ? all.slice(i, i + columns) : [],
    );
    const whole = pieces
      .filter((piece) => piece.length > 0)
      .map((piece) => piece.join("").trimEnd());
    return whole.length > 0 ? whole : [""];
  });
  return cells.slice(-rows);
}

/** 80 x 25 cells of VGA text memory as rows. */
function rowsOfCells(cells: Uint8Array): string[] {
  const characters = [...CODE_PAGE_437];
  return Array.from({ length: 25 }, (_, y) =>
    Array.from({ length: 80 }, (_, x) => characters[cells[(y * 80 + x) * 2] ?? 0] ?? "")
      .join("")
      .trimEnd(),
  );
}

let kernel: Uint8Array;
let roottask: Uint8Array;
let userland: Uint8Array;

beforeAll(async () => {
  makeSystem();
  userland = await archive;
  kernel = readFileSync(join(root, "build/kernel.elf32"));
  roottask = readFileSync(join(root, "build/roottask-bin"));
}, HANG_MS);

describe("the log on the emulator's screen", () => {
  async function run(wish?: FramebufferWish, roottaskLine = "roottask"): Promise<Machine> {
    const machine = await Machine.create({
      kernel: wish ? withFramebuffer(kernel, wish) : kernel,
      memory: "256M",
      modules: [
        { file: roottask, name: roottaskLine },
        { file: userland, name: "userland" },
      ],
    });
    expect(machine.runSync({ nanoseconds: 60e9 })).toEqual({ kind: "power-off" });
    expect(machine.serialOutput).toContain(END);
    return machine;
  }

  it("is in text memory where the screen is in text mode", async () => {
    const machine = await run();
    expect(machine.screenText()).toEqual(expectedRows(machine.serialOutput, 80, 25));
  });

  it.each([
    [800, 600, 32],
    [640, 480, 16],
    [1280, 1024, 24],
    [2560, 800, 32],
  ])("is drawn on a framebuffer of %i by %i pixels of %i bits", async (width, height, depth) => {
    const machine = await run({ width, height, depth });
    const scale = width >= 2560 ? 2 : 1;
    const picture = machine.screen();
    expect([picture?.width, picture?.height]).toEqual([width, height]);
    const rows = picture ? textOfPicture(picture, scale) : [];
    const size = [width / (8 * scale), Math.floor(height / (16 * scale))] as const;
    expect(rows).toEqual(expectedRows(machine.serialOutput, ...size));
  });

  it("is not there with novga", async () => {
    const machine = await run({ width: 640, height: 480, depth: 32 }, "novga roottask");
    const picture = machine.screen();
    const rows = picture ? textOfPicture(picture) : [];
    // The kernel's lines stay.
    expect(rows[0]).toContain("[kernel] Trihedron");
    expect(rows.join("\n")).not.toContain("[roottask]");
  });
});

describe.skipIf(!hasQemu)("the log on QEMU's screen", () => {
  /** Boots until the end and lets `command` write a file; serial output and that file. */
  async function boot(
    options: (folder: string) => string[],
    command: string,
    args: (file: string) => Record<string, unknown>,
  ): Promise<{ serial: string; file: Uint8Array }> {
    const folder = mkdtempSync(join(tmpdir(), "trihedron-screen-"));
    try {
      const file = join(folder, "inspected");
      const all = ["-accel", "tcg", "-m", "512M", "-smp", "2", "-no-shutdown", ...options(folder)];
      const serial = await bootOnQemu(all, "power off", HANG_MS, async (execute) => {
        await execute(command, args(file));
      });
      return {
        serial: `${serial.slice(0, serial.lastIndexOf("power off"))}power off\n`,
        file: readFileSync(file),
      };
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }

  const grub = (version: string, image: Uint8Array, folder: string): string[] => {
    const config = `insmod all_video
multiboot${version} /boot/kernel
module${version} /boot/roottask roottask
module${version} /boot/userland userland
boot
`;
    return ["-cdrom", grubImage(config, { kernel: image, roottask, userland }, folder)];
  };

  const textMemory = (file: string) => ({ val: 0xb8000, size: 4000, filename: file });

  it.skipIf(!hasGrub).each(["", "2"])(
    "is in text memory with BIOS and GRUB's multiboot%s",
    async (version) => {
      const { serial, file } = await boot(
        (folder) => grub(version, kernel, folder),
        "pmemsave",
        textMemory,
      );
      expect(rowsOfCells(file)).toEqual(expectedRows(serial, 80, 25));
    },
  );

  it.skipIf(!hasGrub).each([
    [1024, 768, 32],
    [800, 600, 24],
    [1280, 1024, 16],
  ])(
    "is on a framebuffer with BIOS and GRUB, %i by %i pixels of %i bits",
    async (width, height, depth) => {
      const image = withFramebuffer(kernel, { width, height, depth });
      const { serial, file } = await boot(
        (folder) => grub("2", image, folder),
        "screendump",
        (filename) => ({ filename }),
      );
      const picture = readPixmap(file);
      expect([picture.width, picture.height]).toEqual([width, height]);
      expect(textOfPicture(picture)).toEqual(
        expectedRows(serial, width / 8, Math.floor(height / 16)),
      );
    },
  );

  it.skipIf(!hasGrubEfi).each(["", "2"])(
    "is on the framebuffer with EFI and GRUB's multiboot%s",
    async (version) => {
      const { serial, file } = await boot(
        (folder) => [...efiOptions(folder), ...grub(version, kernel, folder)],
        "screendump",
        (filename) => ({ filename }),
      );
      const picture = readPixmap(file);
      const [columns, rows] = [Math.floor(picture.width / 8), Math.floor(picture.height / 16)];
      expect(textOfPicture(picture)).toEqual(expectedRows(serial, columns, rows));
    },
  );
});
