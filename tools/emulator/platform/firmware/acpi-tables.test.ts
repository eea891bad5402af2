// The ACPI tables as an operating system reads them: found from the RSDP, sound checksums, contents
// equal to what QEMU 7.2's q35 and pc report for the same hardware (bytes recorded from it).

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { HANG_MS, hasTool } from "../../../testing/host-tools.ts";
import { type Chipset, I440FX, Q35 } from "../../devices/chipset.ts";
import { memoryMap } from "../memory-map.ts";
import { acpiTables } from "./acpi-tables.ts";
import * as aml from "./aml.ts";

const GIB = 2 ** 30;
const HEADER = 36;

const sum = (b: Uint8Array): number => b.reduce((s, v) => s + v, 0) & 0xff;
const text = (b: Uint8Array): string => String.fromCharCode(...b);

function tables(cpus: number, ram = 2 * GIB, chipset: Chipset = Q35): Map<string, Uint8Array> {
  const map = memoryMap(ram, [], undefined, chipset);
  const placed = acpiTables({ chipset, map, cpus, serialPorts: [0, 1, 2, 3] });
  const at = (address: number): Uint8Array => {
    const found = placed.find((p) => p.address === address);
    if (found === undefined) throw new Error(`nothing at 0x${address.toString(16)}`);
    return found.data;
  };
  const rsdp = placed[0] as { address: number; data: Uint8Array };
  expect(rsdp.address % 16).toBe(0);
  expect(rsdp.address).toBeGreaterThanOrEqual(0xe0000);
  expect(text(rsdp.data.subarray(0, 8))).toBe("RSD PTR ");
  expect([sum(rsdp.data.subarray(0, 20)), sum(rsdp.data)]).toEqual([0, 0]);
  const u32 = (b: Uint8Array, o: number): number =>
    new DataView(b.buffer, b.byteOffset).getUint32(o, true);
  const rsdt = at(u32(rsdp.data, 16));
  const xsdt = at(u32(rsdp.data, 24));
  const fromRsdt = Array.from({ length: (rsdt.length - HEADER) / 4 }, (_, i) =>
    u32(rsdt, HEADER + 4 * i),
  );
  const fromXsdt = Array.from({ length: (xsdt.length - HEADER) / 8 }, (_, i) =>
    u32(xsdt, HEADER + 8 * i),
  );
  expect(fromXsdt).toEqual(fromRsdt);
  const out = new Map<string, Uint8Array>();
  const add = (b: Uint8Array): void => {
    expect(u32(b, 4)).toBe(b.length);
    out.set(text(b.subarray(0, 4)), b);
  };
  for (const address of fromRsdt) add(at(address));
  const fadt = out.get("FACP") as Uint8Array;
  add(at(u32(fadt, 40)));
  out.set("FACS", at(u32(fadt, 36)));
  for (const [name, b] of out) if (name !== "FACS") expect(sum(b), name).toBe(0);
  return out;
}

const bytes = (hex: string): number[] =>
  hex
    .trim()
    .split(/\s+/)
    .map((h) => Number.parseInt(h, 16));

test("MADT, HPET and MCFG equal QEMU's behind the header", () => {
  const t = tables(2);
  const body = (name: string): number[] => [...(t.get(name) ?? []).slice(HEADER)];
  expect(body("APIC")).toEqual(
    bytes(`00 00 e0 fe 01 00 00 00 00 08 00 00 01 00 00 00 00 08 01 01 01 00 00 00 01 0c 00 00
      00 00 c0 fe 00 00 00 00 02 0a 00 00 02 00 00 00 00 00 02 0a 00 05 05 00 00 00 0d 00 02 0a 00 09
      09 00 00 00 0d 00 02 0a 00 0a 0a 00 00 00 0d 00 02 0a 00 0b 0b 00 00 00 0d 00 04 06 ff 00 00 01`),
  );
  expect(body("HPET")).toEqual(
    bytes("01 a2 86 80 00 00 00 00 00 00 d0 fe 00 00 00 00 00 00 00 00"),
  );
  expect(body("MCFG")).toEqual(
    bytes("00 00 00 00 00 00 00 00 00 00 00 b0 00 00 00 00 00 00 00 ff 00 00 00 00"),
  );
});

test("FADT equals QEMU's behind FACS and DSDT pointers", () => {
  const fadt = tables(2).get("FACP") as Uint8Array;
  const qemu = bytes(`01 00 09 00 b2 00 00 00 02 03 00 00 00 06 00 00 00 00 00 00
    04 06 00 00 00 00 00 00 00 00 00 00 08 06 00 00 20 06 00 00 00 00 00 00 04 02 00 04 10 00 00 00
    ff 0f ff 0f 00 00 00 00 00 00 00 00 32 02 00 00 a5 84 00 00 01 08 00 00 f9 0c 00 00 00 00 00 00 0f`);
  expect([...fadt.subarray(44, 44 + qemu.length)]).toEqual(qemu);
  expect(fadt.length).toBe(244);
});

test("of pc they are those without a window of configuration, the FADT that of ACPI 1.0", () => {
  const [pc, q35] = [tables(2, GIB, I440FX), tables(2, GIB)];
  expect([...pc.keys()].sort()).toEqual(["APIC", "DSDT", "FACP", "FACS", "HPET"]);
  expect(pc.get("APIC")).toEqual(q35.get("APIC"));
  expect(pc.get("HPET")).toEqual(q35.get("HPET"));
  const fadt = pc.get("FACP") as Uint8Array;
  const qemu = bytes(`01 00 09 00 b2 00 00 00 02 03 00 00 00 06 00 00 00 00 00 00
    04 06 00 00 00 00 00 00 00 00 00 00 08 06 00 00 e0 af 00 00 00 00 00 00 04 02 00 04 04 00 00 00
    ff 0f ff 0f 00 00 00 00 00 00 00 00 32 00 00 00 a5 80 00 00`);
  expect([fadt[8], fadt.length]).toEqual([1, 116]);
  expect([...fadt.subarray(44)]).toEqual(qemu);
});

test("the FADT says where power management has been put", () => {
  for (const [chipset, gpe0] of [
    [Q35, 0xb020],
    [I440FX, 0xafe0],
  ] as const) {
    const map = memoryMap(GIB, [], undefined, chipset);
    const placed = acpiTables({ chipset, map, cpus: 1, serialPorts: [], pmBase: 0xb000 });
    const fadt = placed.find(({ data }) => text(data.subarray(0, 4)) === "FACP")
      ?.data as Uint8Array;
    const at = (offset: number) => new DataView(fadt.buffer).getUint32(offset, true);
    expect([56, 64, 76, 80].map(at)).toEqual([0xb000, 0xb004, 0xb008, gpe0]);
  }
});

test("one CPU, 32 CPUs and 8 GiB of RAM give tables that fit together", () => {
  const count = (t: Map<string, Uint8Array>): number => t.get("APIC")?.length ?? 0;
  expect(count(tables(32)) - count(tables(1))).toBe(31 * 8);
  const mcfg = tables(1, 8 * GIB).get("MCFG") as Uint8Array;
  expect(new DataView(mcfg.buffer, mcfg.byteOffset).getUint32(44, true)).toBe(0xb0000000);
});

test("the DSDT names the sleep types of S3 and S5", () => {
  const dsdt = tables(1).get("DSDT") as Uint8Array;
  // Name(\_S5, Package(4) {0, 0, 0, 0}), as an OS without AML interpreter searches it; S3 is 1.
  for (const [state, digit, type] of [
    ["_S5_", "35", "00"],
    ["_S3_", "33", "01"],
  ] as const) {
    const at = text(dsdt).indexOf(state);
    expect([...dsdt.subarray(at - 2, at + 11)]).toEqual(
      bytes(`08 5c 5f 53 ${digit} 5f 12 06 04 ${type} ${type} 00 00`),
    );
  }
});

/** PIRQ letters of a routing table's entries, device by device, INTA to INTD. */
function routes(name: "PRTA" | "PRTP" | "_PRT", chipset: Chipset = Q35): string[] {
  const hex = Buffer.from(tables(1, GIB, chipset).get("DSDT") as Uint8Array).toString("hex");
  const at = hex.indexOf(`08${Buffer.from(name).toString("hex")}`);
  // Package(4) {device << 16 | 0xFFFF, pin, 0 and GSI, or link and 0}.
  const pattern = /12..04(?:0bffff|0cffff(..)00)(00|01|0a02|0a03)(?:000a(..)|4c4e4b(..)00)/g;
  const letters: string[] = [];
  for (const [, device, pin, gsi, link] of hex.slice(at).matchAll(pattern)) {
    const d = Number.parseInt(device ?? "0", 16);
    const n = Number.parseInt((pin as string).slice(-1), 16);
    // The other table follows.
    if ((letters[d] ?? "").length !== n) break;
    const pirq = Number.parseInt(gsi ?? link ?? "", 16) - (gsi === undefined ? 0x41 : 16);
    // The power management's own has its GSI where others have links.
    letters[d] = (letters[d] ?? "") + (gsi === "09" ? "s" : "ABCDEFGH".charAt(pirq));
  }
  return letters;
}

test("the routing tables for IOAPIC and 8259A equal QEMU's", () => {
  const slots = Array.from({ length: 25 }, (_, d) => ["EFGH", "FGHE", "GHEF", "HEFG"][d % 4]);
  const chipset = ["ABCD", "ABCD", "ABCD", "ABCD", "ABCD", "EFGH", "ABCD"];
  expect(routes("PRTA")).toEqual([...slots, ...chipset]);
  expect(routes("PRTP")).toEqual([...slots, ...chipset]);
});

test("the routing table of pc equals QEMU's", () => {
  const slots = Array.from({ length: 32 }, (_, d) => ["DABC", "ABCD", "BCDA", "CDAB"][d % 4]);
  expect(routes("_PRT", I440FX)).toEqual([...slots.slice(0, 1), "sBCD", ...slots.slice(2)]);
});

test.skipIf(!hasTool("iasl", ["-v"])).each([Q35, I440FX])(
  "ACPICA's compiler reads the DSDT of $name and finds nothing wrong with it",
  (chipset) => {
    const directory = mkdtempSync(join(tmpdir(), "dsdt-"));
    const file = (name: string): string => join(directory, name);
    try {
      writeFileSync(file("dsdt.aml"), tables(2, GIB, chipset).get("DSDT") as Uint8Array);
      const read = spawnSync("iasl", ["-d", file("dsdt.aml")], {
        encoding: "utf8",
        timeout: HANG_MS,
      });
      expect(read.status, read.stderr).toBe(0);
      const back = spawnSync("iasl", [file("dsdt.dsl")], { encoding: "utf8", timeout: HANG_MS });
      expect(back.stdout).toContain("0 Errors, 0 Warnings");
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  },
);

test("AML package lengths use one, two and three bytes", () => {
  const length = (n: number): number[] => [...aml.scope("X", new Uint8Array(n))].slice(1, 4);
  expect(length(10)[0]).toBe(10 + 4 + 1);
  const two = length(100);
  expect(((two[0] as number) & 15) | ((two[1] as number) << 4)).toBe(100 + 4 + 2);
  const three = length(5000);
  expect(
    ((three[0] as number) & 15) | ((three[1] as number) << 4) | ((three[2] as number) << 12),
  ).toBe(5007);
  expect([...aml.eisaId("PNP0A08")]).toEqual(bytes("0c 41 d0 0a 08"));
});
