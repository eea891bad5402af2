// ISOLINUX from Debian's packages, on a CD made by xorriso: it asks INT 16h for held keys before it
// boots its DEFAULT entry.

import { spawnSync } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { si } from "../../../asm/index.ts";
import { HANG_MS, hasTool } from "../../../testing/host-tools.ts";
import { Machine } from "../../host/machine.ts";
import { bootSector } from "../testdata/boot-sector.ts";

const LOADER = "/usr/lib/ISOLINUX/isolinux.bin";
const MODULE = "/usr/lib/syslinux/modules/bios/ldlinux.c32";
const available = existsSync(LOADER) && existsSync(MODULE) && hasTool("xorriso");

const directory = mkdtempSync(join(tmpdir(), "isolinux-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** A boot sector that says its name and powers off. */
const entry = (name: string): Uint8Array =>
  bootSector((a) => {
    a.mov(si, "name").call("puts").jmp("end");
    a.label("name");
    a.db(`${name}\n`, 0);
    a.label("end");
  }, 2048);

function cd(): Uint8Array {
  const files = join(directory, "cd");
  const boot = join(files, "isolinux");
  mkdirSync(boot, { recursive: true });
  copyFileSync(LOADER, join(boot, "isolinux.bin"));
  copyFileSync(MODULE, join(boot, "ldlinux.c32"));
  for (const name of ["first", "second"]) writeFileSync(join(boot, `${name}.bin`), entry(name));
  const entries = ["first", "second"].map((name) => `LABEL ${name}\n  KERNEL ${name}.bin\n`);
  writeFileSync(join(boot, "isolinux.cfg"), ["DEFAULT second\nPROMPT 0\n", ...entries].join(""));
  const iso = join(directory, "cd.iso");
  const made = spawnSync(
    "xorriso",
    [
      ...["-as", "mkisofs", "-quiet", "-o", iso, "-b", "isolinux/isolinux.bin"],
      ...["-c", "isolinux/boot.cat", "-no-emul-boot", "-boot-load-size", "4", "-boot-info-table"],
      files,
    ],
    { timeout: HANG_MS },
  );
  expect(made.status, made.stderr.toString()).toBe(0);
  return readFileSync(iso);
}

test.skipIf(!available)(
  "ISOLINUX boots its DEFAULT entry, and asks while the right Shift is held",
  async () => {
    const disks = [{ kind: "cdrom" as const, image: cd() }];
    const machine = await Machine.create({ disks });
    expect(machine.runSync({ nanoseconds: 20e9 })).toEqual({ kind: "power-off" });
    expect(machine.serialOutput).toBe("second\n");
    const asked = await Machine.create({ disks });
    asked.runSync({ nanoseconds: 1e5 });
    asked.board.keyboard.key(0x36, true);
    asked.runSync({ nanoseconds: 1e9 });
    expect(asked.serialOutput).toBe("");
    expect(asked.screenText()?.join("\n")).toContain("boot:");
  },
);
