// SMBIOS tables: what QEMU 7.2's boards hand to firmware, and what a guest of our BIOS finds.

import { describe, expect, test } from "vitest";
import { Assembler } from "../../../asm/index.ts";
import { hasQemu } from "../../../testing/host-tools.ts";
import { I440FX, Q35 } from "../../devices/chipset.ts";
import { parseArguments } from "../../host/cli-options.ts";
import { Machine } from "../../host/machine.ts";
import { MIB, memoryMap } from "../memory-map.ts";
import { flashOnQemu } from "../testdata/firmware-runs.ts";
import { type FlashAccess, flashImage } from "../testdata/flash-guest.ts";
import { type SmbiosOptions, smbiosFault, smbiosFiles, smbiosTables } from "./smbios.ts";

interface Structure {
  type: number;
  handle: number;
  /** Behind the header. */
  fields: number[];
  strings: string[];
}

function structuresOf(table: Uint8Array): Structure[] {
  const view = new DataView(table.buffer, table.byteOffset, table.byteLength);
  const found: Structure[] = [];
  for (let at = 0; at < table.length; ) {
    const length = table[at + 1] as number;
    let end = at + length;
    while (view.getUint16(end, true) !== 0) end++;
    const text = new TextDecoder().decode(table.subarray(at + length, end));
    found.push({
      type: table[at] as number,
      handle: view.getUint16(at + 2, true),
      fields: [...table.subarray(at + 4, at + length)],
      strings: text === "" ? [] : text.split("\0"),
    });
    at = end + 2;
  }
  return found;
}

const facts = (mib: number, cpus: number, chipset = Q35, options: SmbiosOptions = {}) => ({
  chipset,
  ram: memoryMap(mib * MIB, [], undefined, chipset),
  cpus,
  processor: { signature: 0x60fb1, features: 0x078bfbfd },
  options,
});

const SELECTOR = 0x510;
const DIRECTORY = 0x19;
const BYTES = 0x511;
const bytes = (count: number): FlashAccess[] =>
  Array.from({ length: count }, () => ({ port: BYTES, size: 1 }) as const);
const select = (key: number): FlashAccess => ({ port: SELECTOR, size: 2, value: key });
const valuesOf = (log: string): number[] =>
  log
    .trimEnd()
    .split("\n")
    .map((line) => Number.parseInt(line, 16));

/** A file of QEMU's firmware configuration device: its selector and size are looked up in the directory first. */
function qemuFile(name: string, options: readonly string[]): Uint8Array {
  const run = (script: FlashAccess[]): number[] =>
    valuesOf(flashOnQemu(flashImage(script, 0x10000), options));
  const [, , , count = 0] = run([select(DIRECTORY), ...bytes(4)]);
  const entries = Uint8Array.from(run([select(DIRECTORY), ...bytes(4 + 64 * count)]).slice(4));
  const view = new DataView(entries.buffer);
  for (let at = 0; at < entries.length; at += 64) {
    const found = new TextDecoder().decode(entries.subarray(at + 8, at + 64)).replace(/\0.*$/, "");
    if (found !== name) continue;
    return Uint8Array.from(run([select(view.getUint16(at + 4)), ...bytes(view.getUint32(at))]));
  }
  throw new Error(`${name} is not there`);
}

/** What QEMU calls itself, and its boards by version. */
const OURS: Record<string, string> = {
  QEMU: "Trihedron",
  "pc-q35-7.2": "q35",
  "pc-i440fx-7.2": "pc",
};

const more: SmbiosOptions = {
  system: { manufacturer: "M", uuid: "00112233-4455-6677-8899-aabbccddeeff", sku: "S" },
  baseboard: { product: "P", location: "L" },
  chassis: { asset: "A" },
  oemStrings: ["one", "two"],
};
const MORE = [
  ...["-smbios", "type=1,manufacturer=M,uuid=00112233-4455-6677-8899-aabbccddeeff,sku=S"],
  ...["-smbios", "type=2,product=P,location=L", "-smbios", "type=3,asset=A"],
  ...["-smbios", "type=11,value=one", "-smbios", "type=11,value=two"],
];

describe.skipIf(!hasQemu)("are QEMU's but for names", () => {
  test.each([
    [512, 2, Q35, "q35,smm=off", {}, []],
    [3072, 1, Q35, "q35,smm=off", {}, []],
    [256, 4, I440FX, "pc,smm=off", {}, []],
    [256, 1, Q35, "q35,smm=off", more, MORE],
  ] as const)("%i MiB, %i CPUs", (mib, cpus, chipset, machine, options, flags) => {
    const theirs = structuresOf(
      qemuFile("etc/smbios/smbios-tables", [
        ...["-machine", machine, "-m", `${mib}`, "-smp", `${cpus}`, "-cpu", "qemu64", ...flags],
      ]),
    );
    const [file] = smbiosFiles(facts(mib, cpus, chipset, options));
    const ours = structuresOf(file?.contents() as Uint8Array);
    const renamed = theirs.map(({ strings, ...rest }) => ({
      ...rest,
      strings: strings.map((text) => OURS[text] ?? text),
    }));
    // What the processor says is compared elsewhere.
    const comparable = (all: Structure[]) =>
      all.map((s) =>
        s.type === 4 ? { ...s, fields: [...s.fields.slice(0, 4), ...s.fields.slice(12)] } : s,
      );
    expect(comparable(ours)).toEqual(comparable(renamed));
  });
});

test("a guest of the BIOS finds the entry point, whose sums are right, and the table behind it", async () => {
  const a = new Assembler({ bits: 16, name: "halt" });
  a.section(".text").hlt();
  const image = new Uint8Array(MIB);
  image.set(a.flat({ origin: 0 }).bytes);
  image.set([0x55, 0xaa], 510);
  const smbios = { bios: { vendor: "V", release: [3, 4] as const }, system: { serial: "123" } };
  const disks = [{ kind: "disk" as const, image }];
  const machine = await Machine.create({ disks, memory: "20G", cpus: 3, smbios });
  const segment = machine.readPhysical(0xf0000, 0x10000);
  const at = Array.from({ length: 0x1000 }, (_, i) => i * 16).find(
    (i) => new TextDecoder().decode(segment.subarray(i, i + 4)) === "_SM_",
  ) as number;
  const point = segment.subarray(at, at + 0x1f);
  const sum = (part: Uint8Array): number => part.reduce((s, byte) => (s + byte) & 0xff, 0);
  expect([sum(point), sum(point.subarray(0x10))]).toEqual([0, 0]);
  const view = new DataView(point.buffer, point.byteOffset);
  const table = machine.readPhysical(view.getUint32(0x18, true), view.getUint16(0x16, true));
  const found = structuresOf(table);
  expect(view.getUint16(0x1c, true)).toBe(found.length);
  expect(found.map(({ type }) => type)).toEqual([0, 1, 3, 4, 16, 17, 17, 19, 19, 32, 127]);
  expect(found[0]?.strings).toEqual(["V", "1.0", "01/01/2026"]);
  expect(found[1]?.strings.at(-1)).toBe("123");
  expect(new Set(found.map(({ handle }) => handle)).size).toBe(found.length);
});

test("as much as there can be has room in front of the other tables", () => {
  const text = "x".repeat(64);
  const strings = { manufacturer: text, product: text, version: text, serial: text };
  const options = {
    bios: { vendor: text, version: text, date: text },
    system: { ...strings, sku: text, family: text },
    baseboard: { ...strings, asset: text, location: text },
    chassis: { manufacturer: text, version: text, serial: text, asset: text, sku: text },
    oemStrings: new Array<string>(8).fill(text),
  };
  expect(smbiosFault(options)).toBeUndefined();
  for (const { address, data } of smbiosTables(facts(64 * 1024, 32, Q35, options)))
    expect(address + data.length).toBeLessThanOrEqual(0xf59e0);
});

test("-smbios and -uuid, and what they refuse", () => {
  const uuid = "00112233-4455-6677-8899-aabbccddeeff";
  const options = parseArguments(["-kernel", "k", ...MORE, "-uuid", uuid]);
  expect(options.smbios).toEqual({ ...more, system: { ...more.system, uuid } });
  const release = parseArguments(["-kernel", "k", "-smbios", "type=0,vendor=V,release=1.2"]);
  expect(release.smbios).toEqual({ bios: { vendor: "V", release: [1, 2] } });
  for (const [flag, text, message] of [
    ["-smbios", "file=x", "expected type=0, type=1, type=2, type=3, type=11"],
    ["-smbios", "type=4,manufacturer=x", "expected type=0, type=1, type=2, type=3, type=11"],
    ["-smbios", "type=1,vendor=x", "vendor"],
    ["-smbios", "type=0,release=x", "release=x"],
    ["-smbios", `type=3,asset=${"x".repeat(65)}`, "is no text of up to 64 bytes"],
    ["-uuid", "1234", "-uuid: 1234 is no UUID"],
  ] as const) {
    expect(() => parseArguments(["-kernel", "k", flag, text])).toThrow(message);
  }
});
