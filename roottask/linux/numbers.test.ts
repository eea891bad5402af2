// The system call numbers against those the C library's headers give.

import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import * as numbers from "./numbers.ts";

const HEADER = "/usr/include/x86_64-linux-gnu/asm/unistd_64.h";

describe("system call numbers", () => {
  const table = Object.entries(numbers);

  it("gives each number one name", () => {
    expect(new Set(table.map(([, number]) => number)).size).toBe(table.length);
  });

  it.skipIf(!existsSync(HEADER))("are those of the kernel headers", () => {
    const defines = readFileSync(HEADER, "utf8").matchAll(/^#define __NR_(\w+) (\d+)$/gm);
    const names = new Map<string, number>(table);
    let compared = 0;
    for (const [, name = "", number] of defines) {
      // A header newer than the table may know more.
      if (Number(number) > numbers.SYS_file_setattr) continue;
      expect(names.get(`SYS_${name}`), name).toBe(Number(number));
      compared++;
    }
    expect(compared).toBeGreaterThan(300);
  });
});
