// Boards without HPET, ACPI or S3, as -no-hpet, -no-acpi and disable_s3 ask for, beside QEMU's.

import { describe, expect, it } from "vitest";
import { hasQemu } from "../../testing/host-tools.ts";
import type { BoardPart } from "../devices/device.ts";
import type { MachineOptions } from "../host/machine.ts";
import { acpiTables } from "./firmware/acpi-tables.ts";
import { memoryMap } from "./memory-map.ts";
import { firmwareHere, flashOnQemu } from "./testdata/firmware-runs.ts";
import { type FlashAccess, flashImage } from "./testdata/flash-guest.ts";

const HPET = 0xfed0_0000;
/** Identification and period of the HPET, and who PIIX4's power management is, if it is there. */
const SCRIPT: readonly FlashAccess[] = [
  { memory: HPET, size: 4 },
  { memory: HPET + 4, size: 4 },
  { device: 1, fn: 3, register: 0, size: 4 },
  { device: 1, fn: 3, register: 8, size: 4 },
];
const image = flashImage(SCRIPT, 0x10000);

interface Board {
  machine: "q35" | "pc";
  without: readonly BoardPart[];
  hpet: boolean;
  power: boolean;
}

const HPET_WORDS = [0x8086_a201, 10_000_000];
const POWER_WORDS = [0x7113_8086, 0x0680_0003];
const NOBODY = [0xffff_ffff, 0xffff_ffff];
const BOARDS: readonly Board[] = [
  { machine: "q35", without: [], hpet: true, power: false },
  { machine: "q35", without: ["hpet"], hpet: false, power: false },
  { machine: "pc", without: ["hpet"], hpet: false, power: true },
  { machine: "pc", without: ["acpi"], hpet: true, power: false },
  { machine: "pc", without: ["acpi", "hpet"], hpet: false, power: false },
];
/** What a board reads; memory where nobody is has ones, on QEMU zeros. */
const words = ({ hpet, power }: Board, nobody: readonly number[]): number[] => [
  ...(hpet ? HPET_WORDS : nobody),
  ...(power ? POWER_WORDS : NOBODY),
];

const wordsOf = (log: string): number[] =>
  log
    .trim()
    .split(/\s+/)
    .map((word) => Number.parseInt(word, 16));

describe.each(BOARDS)("$machine without $without", (expected) => {
  const { machine, without } = expected;

  it("answers as nobody does where a part is not", async () => {
    expect(wordsOf(await firmwareHere(image, 0xe9, { machine, without }))).toEqual(
      words(expected, NOBODY),
    );
  });

  it.skipIf(!hasQemu)("is QEMU's", () => {
    const board = [machine, ...without.map((part) => `${part}=off`)].join(",");
    expect(wordsOf(flashOnQemu(image, ["-machine", board]))).toEqual(words(expected, [0, 0]));
  });
});

describe("ACPI's tables", () => {
  const signatures = (without: readonly BoardPart[]) =>
    acpiTables({ map: memoryMap(64 << 20), cpus: 1, serialPorts: [0], without }).map(({ data }) =>
      String.fromCharCode(...data.subarray(0, 4)),
    );
  const dsdt = (without: readonly BoardPart[]) =>
    acpiTables({ map: memoryMap(64 << 20), cpus: 1, serialPorts: [0], without })
      .map(({ data }) => String.fromCharCode(...data))
      .find((text) => text.startsWith("DSDT"));

  it("say nothing of what is not there", () => {
    expect(signatures([])).toContain("HPET");
    expect(signatures(["hpet"])).not.toContain("HPET");
    expect(signatures(["acpi"])).toEqual([]);
    expect([dsdt([]), dsdt([])].every((text) => text?.includes("_S3"))).toBe(true);
    expect(dsdt(["s3"])).not.toContain("_S3");
    expect(dsdt(["hpet"])).not.toContain("HPET");
  });

  it.skipIf(!hasQemu)("are not among firmware's files either", async () => {
    // Signature, then the directory's files: their number, and all names by 64 bytes.
    const names = async (options: MachineOptions | string) => {
      const script: FlashAccess[] = [
        { port: 0x510, size: 2, value: 0x19 },
        ...Array.from({ length: 4 + 64 * 40 }, (): FlashAccess => ({ port: 0x511, size: 1 })),
      ];
      const flash = flashImage(script, 0x20000);
      const log =
        typeof options === "string"
          ? flashOnQemu(flash, ["-machine", options])
          : await firmwareHere(flash, 0xe9, options);
      const text = String.fromCharCode(...wordsOf(log));
      return [...text.matchAll(/etc\/acpi\/\w+/g)].map(([name]) => name).sort();
    };
    const all = ["etc/acpi/rsdp", "etc/acpi/tables"];
    expect(await names({ machine: "pc" })).toEqual(all);
    expect(await names("pc")).toEqual(all);
    expect(await names({ machine: "pc", without: ["acpi"] })).toEqual([]);
    expect(await names("pc,acpi=off")).toEqual([]);
  });
});
