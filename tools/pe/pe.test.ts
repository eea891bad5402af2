// EFI applications as others read them: GNU objdump, LLVM, the npm package pe-library. That firmware starts them is
// shown where there is an application to start.

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { calculateCheckSumForPE, NtExecutable } from "pe-library";
import { afterAll, describe, expect, test } from "vitest";
import { Assembler, eax, mem, rax, rip, sym } from "../asm/index.ts";
import { LinkError, linkMovable, type ObjectFile, SegmentFlag } from "../elf/index.ts";
import { hasBinutil, hasTool } from "../testing/host-tools.ts";
import { FIRST_SECTION, IMAGE_BASE, PeError, updateChecksum, writePe } from "./index.ts";

const directory = mkdtempSync(join(tmpdir(), "pe-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const SEGMENTS = [
  { name: "text", flags: "rx" as const, vaddr: FIRST_SECTION, sections: [".text"] },
  { name: "rodata", flags: "r" as const, sections: [".rodata"] },
  { name: "data", flags: "rw" as const, sections: [".data", ".bss"] },
];

/** Addresses in each section, `table` of them in .data, and a .bss of 10000 bytes. */
function object(table = 5): ObjectFile {
  const a = new Assembler({ bits: 64, name: "probe" });
  a.section(".text");
  a.label("_start", { global: true });
  a.lea(rax, mem(rip("message"))).mov(rax, sym("table"));
  a.mov(eax, 7).ret();
  a.section(".rodata");
  a.label("message");
  a.db(1, 2, 3, 4, 5, 6, 7, 8).dq("message").dq(sym("constant"));
  a.section(".data");
  a.label("table");
  for (let i = 0; i < table; i++) a.dq(sym("_start", i));
  a.section(".bss");
  a.space(10_000);
  return a.object();
}

const link = (...objects: ObjectFile[]) =>
  linkMovable({ objects, segments: SEGMENTS, entry: "_start", symbols: { constant: 0x1234n } });

function run(program: string, ...args: string[]): string {
  return spawnSync(program, args, { encoding: "utf8", maxBuffer: 1 << 26 }).stdout;
}

/** Fields that a loader adds its displacement to, as objdump lists them. */
function listedFields(dump: string): number[] {
  const fields: number[] = [];
  let page = 0;
  for (const line of dump.split("\n")) {
    const block = /^Virtual Address: ([0-9a-f]+)/.exec(line);
    if (block) page = Number.parseInt(block[1] as string, 16);
    const entry = /offset\s+([0-9a-f]+) \[([0-9a-f]+)\] (\w+)/.exec(line);
    if (entry && entry[3] === "DIR64") fields.push(page + Number.parseInt(entry[1] as string, 16));
  }
  return fields;
}

describe("a PE file", () => {
  const program = link(object());
  const bytes = writePe(program);
  const file = join(directory, "probe.efi");
  writeFileSync(file, bytes);

  test("says what it is to pe-library", () => {
    const read = NtExecutable.from(bytes);
    const { fileHeader, optionalHeader } = read.newHeader;
    expect(read.is32bit()).toBe(false);
    expect(fileHeader.machine).toBe(0x8664);
    expect(fileHeader.timeDateStamp).toBe(0);
    expect(optionalHeader.subsystem).toBe(10);
    expect(optionalHeader.dllCharacteristics & 0x100).toBe(0x100);
    expect(BigInt(optionalHeader.imageBase)).toBe(IMAGE_BASE);
    const sections = read.getAllSections().map(({ info }) => ({
      name: info.name,
      rights: info.characteristics >>> 29,
      page: info.virtualAddress % 4096,
      size: info.virtualSize,
    }));
    const names = [".text", ".rodata", ".data", ".reloc"];
    expect(sections.map(({ name }) => name)).toEqual(names);
    // Write, read, execute as bits 2, 1, 0.
    expect(sections.map(({ rights }) => rights)).toEqual([3, 2, 6, 2]);
    expect(sections.map(({ page }) => page)).toEqual([0, 0, 0, 0]);
    expect(sections[2]?.size).toBeGreaterThanOrEqual(10_040);
    const text = read.getAllSections()[0]?.data;
    const { data } = program.image.segments[0] as (typeof program.image.segments)[0];
    expect(new Uint8Array(text as ArrayBuffer).subarray(0, data.length)).toEqual(data);
  });

  test("has the checksum that pe-library computes, before and after a change", () => {
    const stored = (pe: Uint8Array) => NtExecutable.from(pe).newHeader.optionalHeader.checkSum;
    const computed = (pe: Uint8Array) => calculateCheckSumForPE(pe.slice().buffer);
    expect(stored(bytes)).toBe(computed(bytes));
    for (const extra of [0, 1]) {
      const changed = new Uint8Array(bytes.length + extra);
      changed.set(bytes);
      for (let i = 600; i < changed.length; i += 7) changed[i] = (i * 31) & 255;
      updateChecksum(changed);
      expect(stored(changed)).toBe(computed(changed));
      expect(stored(changed)).not.toBe(stored(bytes));
    }
  });

  test("is the same file each time", () => {
    expect(writePe(link(object()))).toEqual(bytes);
  });

  test.skipIf(!hasBinutil("objdump"))("is disassembled by objdump", () => {
    const listing = run("objdump", "-d", file);
    expect(listing).toContain("file format pei-x86-64");
    expect(listing).toMatch(/140001000:.*lea .*# 0x140002000/);
  });

  test.skipIf(!hasTool("llvm-readobj"))("is read by LLVM", () => {
    const listing = run("llvm-readobj", "--file-headers", "--sections", "--coff-basereloc", file);
    expect(listing).toContain("Subsystem: IMAGE_SUBSYSTEM_EFI_APPLICATION");
    expect(listing).toContain("IMAGE_DLL_CHARACTERISTICS_NX_COMPAT");
    expect(listing.match(/Type: DIR64/g)).toHaveLength(1 + 1 + 5);
  });
});

describe.skipIf(!hasBinutil("objdump"))("base relocations, as objdump lists them", () => {
  test.each([0, 1, 2, 511, 512, 513, 5000])("with %i addresses in a table", (count) => {
    const program = link(object(count));
    const file = join(directory, "table.efi");
    writeFileSync(file, writePe(program));
    const expected = program.addresses.map((address) => Number(address - IMAGE_BASE));
    expect(expected).toHaveLength(count + 2);
    expect(listedFields(run("objdump", "-p", file))).toEqual(expected);
  });

  test("a program without addresses has none", () => {
    const a = new Assembler({ bits: 64 });
    a.label("_start", { global: true });
    a.ret();
    const file = join(directory, "plain.efi");
    writeFileSync(file, writePe(link(a.object())));
    expect(listedFields(run("objdump", "-p", file))).toEqual([]);
    expect(run("objdump", "-h", file)).not.toContain(".reloc");
  });
});

describe("what no loader could move is refused", () => {
  const refusal = (write: (a: Assembler) => void): string => {
    const a = new Assembler({ bits: 64, name: "probe" });
    a.label("_start", { global: true });
    write(a);
    try {
      link(a.object());
    } catch (error) {
      if (error instanceof LinkError) return error.message;
      throw error;
    }
    return "none";
  };

  test("an address of 4 bytes", () => {
    expect(refusal((a) => a.dd("_start"))).toMatch(
      /^probe: \.text\+0x0: abs32 relocation against _start/,
    );
  });

  test("a jump to a fixed address", () => {
    expect(refusal((a) => a.lea(rax, mem(rip("constant"))))).toMatch(
      /constant .*(range|leads out)/,
    );
  });

  test("numbers of any size are no addresses", () => {
    expect(refusal((a) => a.dd(sym("constant")).dq(sym("constant")).dw(sym("constant")))).toBe(
      "none",
    );
  });
});

describe("what is no PE image", () => {
  const segment = (vaddr: bigint, size = 16) => ({
    vaddr,
    paddr: vaddr,
    data: new Uint8Array(size),
    memSize: size,
    flags: SegmentFlag.Read,
  });
  const refusal = (...segments: ReturnType<typeof segment>[]): string => {
    const image = { class: 64 as const, entry: FIRST_SECTION, segments, sections: [], symbols: [] };
    try {
      writePe({ image, addresses: [] });
    } catch (error) {
      if (error instanceof PeError) return error.message;
      throw error;
    }
    return "none";
  };

  test.each([
    ["a segment below the image base", segment(0x40_0000n), "not in the 2 GiB of a PE image"],
    ["one in the headers", segment(IMAGE_BASE), "not in the 2 GiB of a PE image"],
    ["one 2 GiB behind it", segment(IMAGE_BASE + (1n << 31n)), "not in the 2 GiB of a PE image"],
    ["one that starts within a page", segment(FIRST_SECTION + 16n), "does not start at a page"],
  ])("%s", (_, wrong, message) => {
    expect(refusal(wrong)).toContain(message);
  });

  test("nothing at all", () => {
    expect(refusal()).toBe("the program is empty");
  });

  test("bytes without the signature have no checksum to update", () => {
    expect(() => updateChecksum(new Uint8Array(512))).toThrow("not a PE file");
    const far = new Uint8Array(512);
    far.set([0x4d, 0x5a]);
    new DataView(far.buffer).setUint32(0x3c, 0xffff_fff0, true);
    expect(() => updateChecksum(far)).toThrow("not a PE file");
  });
});
