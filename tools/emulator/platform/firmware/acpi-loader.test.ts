// The commands by which firmware places the ACPI tables, carried out as firmware does (QEMU hw/acpi/bios-linker-loader.c): what
// comes of them is sound.

import { expect, test } from "vitest";
import { hasWindow, I440FX, Q35 } from "../../devices/chipset.ts";
import { memoryMap } from "../memory-map.ts";
import { acpiFiles } from "./acpi-loader.ts";

const COMMAND_BYTES = 128;
const PLACES: Readonly<Record<string, number>> = {
  "etc/acpi/rsdp": 0xf6000,
  "etc/acpi/tables": 0x0ff0_0000,
};

const sum = (bytes: Uint8Array): number => bytes.reduce((total, byte) => total + byte, 0) & 0xff;
const text = (bytes: Uint8Array): string => String.fromCharCode(...bytes).replace(/\0.*$/, "");

test.each([Q35, I440FX])("firmware gets sound tables of $name", (chipset) => {
  const map = memoryMap(256 << 20, [], undefined, chipset);
  const files = new Map(
    acpiFiles(() => ({ chipset, map, cpus: 2, serialPorts: [0] })).map((file) => [
      file.name,
      file.contents(),
    ]),
  );
  const file = (name: string): Uint8Array => files.get(name) as Uint8Array;
  const view = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset);
  const script = file("etc/table-loader");
  for (let at = 0; at < script.length; at += COMMAND_BYTES) {
    const command = script.subarray(at, at + COMMAND_BYTES);
    const word = (offset: number): number => view(command).getUint32(offset, true);
    const target = file(text(command.subarray(4, 60)));
    if (word(0) === 2) {
      const place = PLACES[text(command.subarray(60, 116))] as number;
      const [offset, size] = [word(116), command[120] as number];
      expect(offset + size).toBeLessThanOrEqual(target.length);
      // It counts from the file's beginning.
      expect(view(target).getUint32(offset, true)).toBeLessThan(file("etc/acpi/tables").length);
      view(target).setUint32(offset, view(target).getUint32(offset, true) + place, true);
    } else if (word(0) === 3) {
      const [offset, start, length] = [word(60), word(64), word(68)];
      target[offset] = -sum(target.subarray(start, start + length)) & 0xff;
    }
  }
  const [rsdp, tables] = [file("etc/acpi/rsdp"), file("etc/acpi/tables")];
  const base = PLACES["etc/acpi/tables"] as number;
  expect([sum(rsdp.subarray(0, 20)), sum(rsdp)]).toEqual([0, 0]);
  const tableAt = (address: number): Uint8Array => {
    const from = tables.subarray(address - base);
    return from.subarray(0, view(from).getUint32(4, true));
  };
  const rsdt = tableAt(view(rsdp).getUint32(16, true));
  const found = [rsdt, tableAt(Number(view(rsdp).getBigUint64(24, true)))];
  for (let at = 36; at < rsdt.length; at += 4) found.push(tableAt(view(rsdt).getUint32(at, true)));
  const fadt = found.find((table) => text(table.subarray(0, 4)) === "FACP") as Uint8Array;
  found.push(tableAt(view(fadt).getUint32(40, true)));
  const names = found.map((table) => text(table.subarray(0, 4)));
  const mcfg = hasWindow(chipset) ? ["MCFG"] : [];
  expect(names).toEqual(["RSDT", "XSDT", "FACP", "APIC", "HPET", ...mcfg, "DSDT"]);
  for (const [i, table] of found.entries()) expect([names[i], sum(table)]).toEqual([names[i], 0]);
  expect(text(tableAt(view(fadt).getUint32(36, true)).subarray(0, 4))).toBe("FACS");
});
