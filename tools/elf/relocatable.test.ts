// Object files on disk, judged by gcc's linker, gdb and readelf; and that what is read back links to the same program.

import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { compile, linkLinux } from "../aot/index.ts";
import { guestModule } from "../asc/guest.ts";
import { hasGdb, hasTool, runsLinuxPrograms } from "../testing/host-tools.ts";
import { ElfError, linkElf, type ObjectFile, readRelocatable, writeRelocatable } from "./index.ts";

const directory = mkdtempSync(join(tmpdir(), "relocatable-"));
const path = join(directory, "guest.o");
let object: ObjectFile;

beforeAll(async () => {
  const { wasm, sourceMap } = await guestModule({
    entry: "tools/aot/testdata/frames_guest.ts",
    args: ["--use", "abort="],
  });
  object = compile(wasm, { target: "linux", name: "frames", sourceMap });
  writeFileSync(path, writeRelocatable(object));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

function status(program: string): number | null {
  return spawnSync(program).status;
}

/** What the program says when our linker has made it at once. */
function expected(): number | null {
  const program = join(directory, "expected");
  writeFileSync(program, linkLinux(object), { mode: 0o755 });
  return status(program);
}

const gccLinks = hasTool("gcc") && runsLinuxPrograms;

describe.skipIf(!gccLinks)("an object file that gcc links", () => {
  const program = join(directory, "by-gcc");

  test("gives the same program", () => {
    const link = spawnSync("gcc", ["-nostdlib", "-static", "-no-pie", "-o", program, path]);
    expect(link.stderr.toString()).toBe("");
    expect(status(program)).toBe(expected());
  });

  test.skipIf(!hasGdb)("has debug information that gdb understands", () => {
    const commands = ["tbreak many", "run", "bt", "finish"].flatMap((each) => ["-ex", each]);
    const run = spawnSync("gdb", ["-q", "-batch", "-nx", ...commands, program], {
      encoding: "utf8",
      env: { ...process.env, LC_ALL: "C", DEBUGINFOD_URLS: "" },
    });
    expect(run.stdout).toMatch(/#0 +many \(a=0, b=2, c=3.5, d=3, .*frames_guest.ts:\d+/);
    expect(run.stdout).toMatch(/#1 .* in main \(\)/);
    expect(run.stdout).toMatch(/Value returned is/);
  });

  test("links with an object of C that calls it", () => {
    const c = join(directory, "stub.c");
    writeFileSync(c, "unsigned fib(unsigned); unsigned twice(unsigned n) { return 2 * fib(n); }");
    const both = ["-O1", "-c", "-fno-stack-protector", "-o", join(directory, "stub.o"), c];
    expect(spawnSync("gcc", both).stderr.toString()).toBe("");
    const stub = readRelocatable(readFileSync(join(directory, "stub.o")), "stub.o");
    expect(stub.symbols).toContainEqual(expect.objectContaining({ name: "twice", global: true }));
    const link = spawnSync("gcc", [
      ...["-nostdlib", "-static", "-no-pie", "-o", program],
      ...[path, join(directory, "stub.o")],
    ]);
    expect(link.stderr.toString()).toBe("");
    expect(status(program)).toBe(expected());
  });
});

test.skipIf(!hasTool("readelf"))("readelf has no complaint", () => {
  const run = spawnSync("readelf", ["-aW", "--debug-dump=info,frames,decodedline", path]);
  expect(run.stderr.toString()).toBe("");
  expect(run.stdout.toString()).toMatch(/\.rela\.eh_frame/);
});

test("what is read back links to the same code and data", () => {
  const again = readRelocatable(readFileSync(path), "guest.o");
  const segments = [
    { name: "text", flags: "rx" as const, vaddr: 0x40_0000n, sections: [".text"] },
    { name: "rodata", flags: "r" as const, sections: [".rodata", ".rodata.*"] },
    { name: "data", flags: "rw" as const, sections: [".data", ".data.*", ".bss"] },
  ];
  const link = (from: ObjectFile) =>
    linkElf({ objects: [from], segments, entry: "_start", class: 64 });
  const loaded = (elf: Uint8Array) => {
    const program = join(directory, "again");
    writeFileSync(program, elf, { mode: 0o755 });
    return runsLinuxPrograms ? status(program) : elf.length > 0;
  };
  expect(loaded(link(again))).toEqual(loaded(link(object)));
});

test("a broken object file is an error or an object, never a crash", () => {
  const good = readFileSync(path);
  for (let length = 0; length < good.length; length += 997) {
    tolerate(good.subarray(0, length));
    const bad = Uint8Array.from(good);
    bad[length] = (bad[length] ?? 0) ^ 0xff;
    tolerate(bad);
  }
});

function tolerate(bytes: Uint8Array): void {
  try {
    readRelocatable(bytes, "bad.o");
  } catch (error) {
    expect(error).toBeInstanceOf(ElfError);
  }
}
