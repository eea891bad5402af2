// Linking and reading ELF files, checked by running the result on Linux and against GNU readelf.

import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { hasBinutil, hasGdb, hasTool, runsLinuxPrograms } from "../testing/host-tools.ts";
import {
  LinkError,
  type LinkOptions,
  linkElf,
  NO_ADDRESS,
  type ObjectFile,
  type ObjectSection,
  readElf,
  SegmentType,
} from "./index.ts";

const directory = mkdtempSync(join(tmpdir(), "elf-test-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

function section(name: string, bytes: number[], extra: Partial<ObjectSection> = {}): ObjectSection {
  return {
    name,
    writable: name.startsWith(".data") || name === ".bss",
    executable: name === ".text",
    align: 1,
    data: Uint8Array.from(bytes),
    memSize: bytes.length,
    ...extra,
  };
}

/** write(1, message, 6); exit(code): code and message come from a second object. */
const code: ObjectFile = {
  name: "code.o",
  sections: [
    section(".text", [
      ...[0xb8, 1, 0, 0, 0], // mov eax, 1
      ...[0xbf, 1, 0, 0, 0], // mov edi, 1
      ...[0x48, 0x8d, 0x35, 0, 0, 0, 0], // lea rsi, [rip + message]
      ...[0xba, 6, 0, 0, 0], // mov edx, 6
      ...[0x0f, 0x05], // syscall
      ...[0x48, 0xbb, 0, 0, 0, 0, 0, 0, 0, 0], // mov rbx, pointer
      ...[0x48, 0x8b, 0x1b], // mov rbx, [rbx]
      ...[0x8b, 0x3b], // mov edi, [rbx]
      ...[0xb8, 60, 0, 0, 0], // mov eax, 60
      ...[0x0f, 0x05], // syscall
    ]),
    section(".bss", [], { memSize: 5000, align: 16 }),
  ],
  symbols: [
    { name: "_start", section: 0, value: 0n, size: 46, kind: "func", global: true },
    { name: "scratch", section: 1, value: 0n, size: 5000, kind: "object", global: false },
  ],
  relocations: [
    { section: 0, offset: 13, kind: "pc32", symbol: "message", addend: -4 },
    { section: 0, offset: 26, kind: "abs64", symbol: "pointer", addend: 0 },
  ],
};
const data: ObjectFile = {
  name: "data.o",
  sections: [
    section(".rodata", [...Buffer.from("hello\n")]),
    section(".data", [0, 0, 0, 0, 0, 0, 0, 0, 42, 0, 0, 0], { align: 8 }),
  ],
  symbols: [
    { name: "message", section: 0, value: 0n, size: 6, kind: "object", global: true },
    { name: "pointer", section: 1, value: 0n, size: 8, kind: "object", global: true },
    { name: "status", section: 1, value: 8n, size: 4, kind: "object", global: false },
  ],
  relocations: [{ section: 1, offset: 0, kind: "abs64", symbol: "status", addend: 0 }],
};
const program: LinkOptions = {
  objects: [code, data],
  segments: [
    { name: "text", flags: "rx", vaddr: 0x40_0000n, sections: [".text"] },
    { name: "rodata", flags: "r", sections: [".rodata*"] },
    { name: "data", flags: "rw", sections: [".data*", ".bss"] },
  ],
  entry: "_start",
  class: 64,
};

function withCode(change: Partial<ObjectFile>): LinkOptions {
  return { ...program, objects: [{ ...code, ...change }, data] };
}

describe("linkElf", () => {
  test.skipIf(!runsLinuxPrograms)("a linked program runs on Linux", () => {
    const path = join(directory, "program");
    writeFileSync(path, linkElf(program), { mode: 0o755 });
    const run = spawnSync(path);
    expect(run.stdout.toString()).toBe("hello\n");
    expect(run.status).toBe(42);
  });

  test.skipIf(!hasTool("readelf"))("GNU readelf finds nothing to complain about", () => {
    for (const elfClass of [32, 64] as const) {
      const path = join(directory, `program${elfClass}`);
      writeFileSync(path, linkElf({ ...program, class: elfClass }));
      const run = spawnSync("readelf", ["-aW", path]);
      expect(run.stderr.toString()).toBe("");
      const text = run.stdout.toString();
      expect(text).toMatch(elfClass === 64 ? /X86-64/ : /Intel 80386/);
      expect(text).toMatch(/LOAD +0x001000 0x0*400000 0x0*400000 0x0*2e 0x0*2e R E 0x1000/);
      expect(text).toMatch(/FUNC +GLOBAL DEFAULT +1 _start/);
      expect(text).toMatch(/OBJECT +LOCAL +DEFAULT +\d scratch/);
    }
  });

  test("sections without data take no room in the file unless segments are padded", () => {
    const last = readElf(linkElf(program)).segments[2];
    expect(last).toMatchObject({ fileSize: 12, memSize: 5016n, vaddr: 0x40_2000n });
    const padded = readElf(linkElf({ ...program, padSegments: true })).segments;
    for (const segment of padded) {
      expect(BigInt(segment.fileSize)).toBe(segment.memSize);
      expect(BigInt(segment.offset) % 4096n).toBe(segment.vaddr % 4096n);
    }
    expect(padded[2]?.memSize).toBe(8192n);
  });

  test("a section with a zero tail is stored up to its last byte", () => {
    const tail = section(".data", [1, 2], { memSize: 1 << 20 });
    const table = { section: 0, offset: 1, stride: 1, target: 0, addends: new Uint32Array(0) };
    const object: ObjectFile = {
      name: "tail.o",
      sections: [tail],
      symbols: [],
      relocations: [],
      addressTables: [table],
    };
    const bytes = linkElf({ ...program, objects: [code, data, object] });
    expect(bytes.length).toBeLessThan(32_768);
    const file = readElf(bytes);
    expect(file.segments[2]?.memSize).toBeGreaterThan(1n << 20n);
    expect([...(file.readSections().at(-5)?.data.slice(-2) ?? [])]).toEqual([1, 2]);
  });

  test("data too far apart for one file is an error that says which segment", () => {
    const far = section(".data", [1], { address: 0x1_0040_0000n });
    const objects = [code, data, { name: "far.o", sections: [far], symbols: [], relocations: [] }];
    const segments = program.segments.map((s) =>
      s.name === "data" ? { ...s, vaddr: 0x40_2000n } : s,
    );
    expect(() => linkElf({ ...program, objects, segments })).toThrow(
      /^segment data would store \d+ bytes from 0x402000 on, more than 1073741824: its data lies too far apart$/,
    );
  });

  test("address tables take addresses across 4 GiB and leave fields without one alone", () => {
    const object: ObjectFile = {
      name: "table.o",
      sections: [section(".data", new Array(24).fill(0xee)), section(".high", [0xc3])],
      symbols: [],
      relocations: [],
      addressTables: [
        {
          section: 0,
          offset: 0,
          stride: 8,
          target: 1,
          addends: Uint32Array.of(0, NO_ADDRESS, 0x10),
        },
      ],
    };
    const segments = [
      ...program.segments,
      { name: "high", flags: "rx" as const, vaddr: 0xffff_ffff_ffff_f000n, sections: [".high"] },
    ];
    const at = (vaddr: bigint) =>
      readElf(
        linkElf({
          ...program,
          objects: [code, data, object],
          segments: segments.map((s) => (s.name === "high" ? { ...s, vaddr } : s)),
        }),
      );
    const fields = (vaddr: bigint): string[] => {
      const bytes = at(vaddr).segments[2]?.data.slice(-24) ?? new Uint8Array();
      const view = new DataView(bytes.buffer, bytes.byteOffset);
      return [0, 8, 16].map((i) => view.getBigUint64(i, true).toString(16));
    };
    expect(fields(0x1_ffff_f000n)).toEqual(["1fffff000", "eeeeeeeeeeeeeeee", "1fffff010"]);
    expect(fields(0xffff_fffe_ffff_f000n)[2]).toBe("fffffffefffff010");
    expect(fields(0xffff_fff8n)).toEqual(["fffffff8", "eeeeeeeeeeeeeeee", "100000008"]);
  });

  test("scopes keep local symbols, global symbols and sections apart", () => {
    const local = { name: "message", section: 0, value: 4n, size: 0, kind: "none" as const };
    const object: ObjectFile = {
      name: "scopes.o",
      sections: [section(".data", new Array(24).fill(0))],
      symbols: [{ ...local, global: false }],
      relocations: [
        { section: 0, offset: 0, kind: "abs64", symbol: "message", addend: 0 },
        { section: 0, offset: 8, kind: "abs64", symbol: "message", scope: "global", addend: 0 },
        { section: 0, offset: 16, kind: "abs64", symbol: "message", scope: 0, addend: 1 },
      ],
    };
    const file = readElf(linkElf({ ...program, objects: [code, data, object] }));
    const bytes = file.segments[2]?.data.slice(-24) ?? new Uint8Array();
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    const base = (file.segments[2]?.vaddr ?? 0n) + BigInt((file.segments[2]?.fileSize ?? 0) - 24);
    expect([0, 8, 16].map((i) => view.getBigUint64(i, true))).toEqual([
      base + 4n,
      file.segments[1]?.vaddr,
      base + 1n,
    ]);
  });

  test("a section with an address of its own stands exactly there and others go around it", () => {
    const objects: ObjectFile[] = [
      {
        name: "fixed.o",
        sections: [
          section(".text", [0x90]),
          section(".a", new Array(24).fill(1), { align: 8 }),
          section(".wasm", [7, 7], { address: 0x1010n }),
        ],
        symbols: [{ name: "go", section: 0, value: 0n, size: 1, kind: "func", global: true }],
        relocations: [],
      },
    ];
    const elf = readElf(
      linkElf({
        objects,
        segments: [{ name: "all", flags: "rwx", vaddr: 0x1000n, sections: [".text", ".*"] }],
        entry: "go",
        class: 64,
      }),
    );
    const place = (name: string) => elf.readSections().find((each) => each.name === name)?.address;
    expect(place(".wasm")).toBe(0x1010n);
    expect(place(".a")).toBe(0x1018n);
    expect(elf.segments[0]?.data[0x10]).toBe(7);
  });

  test("class 32 wraps an upper-half program with load addresses and a physical entry", () => {
    const window = 0xffff_fffe_0000_0000n;
    const elf = readElf(
      linkElf({
        ...program,
        class: 32,
        segments: [
          {
            name: "all",
            flags: "rwx",
            vaddr: window + 0x20_0000n,
            paddr: (vaddr) => vaddr - window,
            sections: [".text", ".rodata", ".data", ".bss"],
          },
        ],
      }),
    );
    expect(elf.entry).toBe(0x20_0000n);
    expect(elf.segments[0]).toMatchObject({ vaddr: 0x20_0000n, paddr: 0x20_0000n });
  });

  test("linker-defined symbols and options.symbols resolve", () => {
    const names = ["__data_end", "__text_load_start", "answer"];
    const objects = [
      code,
      data,
      {
        name: "use.o",
        sections: [section(".data.use", new Array(24).fill(0))],
        symbols: [],
        relocations: names.map((symbol, i) => ({
          section: 0,
          offset: i * 8,
          kind: "abs64" as const,
          symbol,
          addend: 0,
        })),
      },
    ];
    const elf = readElf(linkElf({ ...program, objects, symbols: { answer: 42n } }));
    const use = elf.readSections().find((each) => each.name === ".data.use");
    const values = new BigUint64Array(use?.data.slice().buffer as ArrayBuffer);
    const last = elf.segments[2];
    expect([...values]).toEqual([(last?.vaddr ?? 0n) + (last?.memSize ?? 0n), 0x40_0000n, 42n]);
  });

  test("all undefined symbols are listed with their first use", () => {
    const relocations = ["one", "two", "one"].map((symbol, i) => ({
      section: 0,
      offset: 4 * i,
      kind: "pc32" as const,
      symbol,
      addend: 0,
    }));
    expect(() => linkElf(withCode({ relocations }))).toThrow(
      "undefined symbol two, first used at code.o: .text+0x4\nundefined symbol one, first used at code.o: .text+0x0",
    );
  });

  test("a value that does not fit its field names symbol, section and offset", () => {
    const relocations = [
      { section: 0, offset: 2, kind: "abs16" as const, symbol: "message", addend: 0 },
    ];
    expect(() => linkElf(withCode({ relocations }))).toThrow(
      "code.o: .text+0x2: abs16 relocation against message (0x401000) out of range: 0x401000 is not in -0x8000..0xffff",
    );
  });

  test("a symbol defined twice is refused with both objects' names", () => {
    expect(() =>
      linkElf({ ...program, objects: [code, data, { ...code, name: "again.o" }] }),
    ).toThrow("symbol _start is defined twice: in code.o and in again.o");
  });

  test("a section no segment asks for is refused", () => {
    expect(() => linkElf({ ...program, segments: program.segments.slice(0, 2) })).toThrow(
      LinkError,
    );
  });

  test("debug sections pass through, unloaded, with their relocations applied", () => {
    const debug: ObjectFile = {
      name: "debug.o",
      sections: [section(".debug_line", new Array(8).fill(0))],
      symbols: [],
      relocations: [{ section: 0, offset: 0, kind: "abs64", symbol: "_start", addend: 2 }],
    };
    const elf = readElf(linkElf({ ...program, objects: [code, data, debug] }));
    const found = elf.readSections().find((each) => each.name === ".debug_line");
    expect(found).toMatchObject({ address: 0n, flags: 0n });
    expect(found?.data[0]).toBe(2);
    expect(found?.data[2]).toBe(0x40);
  });
});

describe("line tables", () => {
  const rows = [
    { offset: 0, line: 10, column: 3 },
    { offset: 5, line: 11, column: 3 },
    { offset: 10, line: 400, column: 1 },
    { offset: 17, line: 12, column: 3, file: "kernel/ipc.ts" },
    { offset: 22, line: 9, column: 2 },
    { offset: 40, line: 0, column: 0, file: "" },
  ].map((row) => ({ section: 0, file: "kernel/main.ts", ...row }));
  const objects = [{ ...code, lines: rows }, data];

  test.skipIf(!hasBinutil("addr2line"))("addr2line finds file and line in ELF64 and ELF32", () => {
    for (const elfClass of [64, 32] as const) {
      const path = join(directory, `lines${elfClass}`);
      writeFileSync(path, linkElf({ ...program, objects, class: elfClass }));
      const places = ["0x400000", "0x400006", "0x40000a", "0x400012", "0x400025", "0x40002d"];
      const text = execFileSync("addr2line", ["-f", "-e", path, ...places]).toString();
      expect(
        text
          .trim()
          .split("\n")
          .filter((_, i) => i % 2 === 1),
      ).toEqual([
        "./kernel/main.ts:10",
        "./kernel/main.ts:11",
        "./kernel/main.ts:400",
        "./kernel/ipc.ts:12",
        "./kernel/main.ts:9",
        "./kernel/main.ts:?",
      ]);
      expect(text).toMatch(/^_start\n/);
    }
  });

  test.skipIf(!hasBinutil("objdump"))("objdump decodes the tables without complaint", () => {
    const path = join(directory, "lines");
    writeFileSync(path, linkElf({ ...program, objects }));
    const run = spawnSync("objdump", ["--dwarf=info,decodedline,abbrev,Ranges", path]);
    expect(run.stderr.toString()).toBe("");
    expect(run.stdout.toString()).toMatch(/ipc\.ts +12 +0x400011/);
  });

  test.skipIf(!hasGdb)("gdb shows the source position of a function", () => {
    const path = join(directory, "lines");
    writeFileSync(path, linkElf({ ...program, objects }));
    const text = execFileSync("gdb", ["-batch", "-nx", "-ex", "info line *0x400011", path]);
    expect(text.toString()).toMatch(/Line 12 of "kernel\/ipc\.ts" starts at address 0x400011/);
  });
});

describe("readElf", () => {
  test.skipIf(!hasTool("readelf"))("reads this machine's node as readelf does", () => {
    const elf = readElf(readFileSync(process.execPath), "node");
    const text = execFileSync("readelf", ["-hlSW", process.execPath]).toString();
    expect(text).toContain(`0x${elf.entry.toString(16)}`);
    const loads = elf.segments.filter((segment) => segment.type === SegmentType.Load);
    expect(loads.length).toBe(text.match(/^ +LOAD /gm)?.length);
    const named = elf.readSections().map((each) => each.name);
    expect(named).toContain(".rodata");
    expect(text).toMatch(new RegExp(`Number of section headers: +${named.length}`));
  });

  test("every truncation and every corrupted byte gives an ElfError or a valid result", () => {
    const good = linkElf(program);
    for (let length = 0; length < good.length; length += 7) {
      tolerate(good.slice(0, length));
    }
    for (let offset = 0; offset < 0xb0; offset++) {
      for (const value of [0, 1, 0x7f, 0xff]) {
        const bad = good.slice();
        bad[offset] = value;
        tolerate(bad);
      }
    }
  });

  test("a truncated file names the segment and where the file ends", () => {
    expect(() => readElf(linkElf(program).slice(0, 0x1010), "kernel.elf")).toThrow(
      "kernel.elf: program header 0: the segment's content is at offset 0x1000 with 46 bytes, but the file ends at 0x1010 (truncated?)",
    );
  });

  test("a text file is not an ELF file", () => {
    expect(() => readElf(Buffer.from("#!/bin/sh\necho hello world\n"), "a.sh")).toThrow(
      "a.sh: not an ELF file",
    );
  });
});

function tolerate(bytes: Uint8Array): void {
  try {
    const elf = readElf(bytes);
    elf.readSections();
    elf.readSymbols();
  } catch (error) {
    expect((error as Error).name).toBe("ElfError");
  }
}
