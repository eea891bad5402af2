// Names in the plain tree and in Joliet's: what can stay stays, what cannot is changed and stays different.

import { expect, test } from "vitest";
import { jolietNames, plainNames } from "./names.ts";

const files = (...names: string[]) => names.map((name) => ({ name, isFolder: false }));
const folders = (...names: string[]) => names.map((name) => ({ name, isFolder: true }));

test("plain names are capitals, digits and underscores, with one dot in files", () => {
  expect(plainNames(files("kernel.elf32", "README", "a.b.c", ".hidden", "a-b c.tar.gz"))).toEqual([
    "KERNEL.ELF32",
    "README.",
    "A_B.C",
    "_HIDDEN.",
    "A_B_C_TAR.GZ",
  ]);
  expect(plainNames(folders("boot", "a.b", "größe"))).toEqual(["BOOT", "A_B", "GR_SSE"]);
});

test("plain names have at most 30 characters beside the dot, folders 31", () => {
  const [long, dotted, extended] = plainNames(
    files("x".repeat(255), `${"y".repeat(100)}.text`, `z.${"e".repeat(100)}`),
  );
  expect(long).toBe(`${"X".repeat(30)}.`);
  expect(dotted).toBe(`${"Y".repeat(26)}.TEXT`);
  expect(extended).toBe("Z.EEEEEEEE");
  expect(plainNames(folders("f".repeat(50)))).toEqual(["F".repeat(31)]);
});

test("whoever can keep their name does, the others get numbers", () => {
  expect(plainNames(files("a.txt", "A.TXT", "A_1.TXT"))).toEqual(["A_2.TXT", "A.TXT", "A_1.TXT"]);
  expect(plainNames(files("README.", "README", "readme"))).toEqual([
    "README.",
    "README_1.",
    "README_2.",
  ]);
  expect(jolietNames(files("a*b", "a_b", "a:b"))).toEqual(["a_b_1", "a_b", "a_b_2"]);
});

test("thousands that begin alike are told apart, each within its limit", () => {
  const members = files(
    ...Array.from({ length: 3000 }, (_, at) => `${"long ".repeat(30)}${at}.text`),
  );
  for (const names of [plainNames(members), jolietNames(members)]) {
    expect(new Set(names).size).toBe(3000);
  }
  expect(Math.max(...plainNames(members).map((name) => name.length))).toBe(31);
  expect(Math.max(...jolietNames(members).map((name) => name.length))).toBe(62);
});

test("Joliet keeps letters of the world and does not split a pair of units", () => {
  expect(jolietNames(files("größe ☃ 😀.txt"))).toEqual(["größe ☃ 😀.txt"]);
  const [name = ""] = jolietNames(files("😀".repeat(60)));
  expect(name).toBe("😀".repeat(31));
  const [odd = ""] = jolietNames(files(`x${"😀".repeat(60)}`));
  expect(odd).toBe(`x${"😀".repeat(30)}`);
});

test("Joliet names differ by more than capitals", () => {
  expect(jolietNames(files("Case", "case", "CASE"))).toEqual(["Case", "case_1", "CASE_2"]);
});
