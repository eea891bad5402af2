// Names and addresses where a file keeps 32 bits of a 64-bit kernel's addresses.

import { expect, test } from "vitest";
import { SymbolTable } from "./symbols.ts";

const main = { name: "main", address: 0x212090n, size: 16n, reach: 16n, code: true };

test("a function of a narrow file may be in the upper half, where it has its name, too", () => {
  const table = new SymbolTable([main], true);
  const places = table.alike(0x212090n);
  expect(places).toEqual([0x212090n, 0xffff_fffe_0021_2090n, 0xffff_ffff_0021_2090n]);
  expect(places.map((place) => table.describe(place))).toEqual(["main", "main", "main"]);
  expect(table.alike(0xffff_fffe_0021_2090n)).toEqual(places);
  expect(table.alike(0x12_0021_2090n)).toEqual([0x12_0021_2090n]);
});

test("a file of 64 bits says where its functions are", () => {
  expect(new SymbolTable([main]).alike(0x212090n)).toEqual([0x212090n]);
});
