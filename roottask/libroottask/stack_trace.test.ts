// Reports of crashes: symbols and calls by frame pointers, of programs that lie where they were linked and elsewhere, of
// shared libraries, of native programs; and of files that claim what is not so.

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { EXC_UD } from "../../kernel/abi.ts";
import { hasTool } from "../../tools/testing/host-tools.ts";
import { boot, makeSystem } from "../testing/boot.ts";
import { cc, compileProgram, program, startFile } from "../testing/c_programs.ts";
import { Machine } from "../testing/machine.ts";
import { elfOf, type SampleFile, tarOf } from "../testing/samples.ts";

const PROGRAMS = fileURLToPath(new URL("../testing/programs/", import.meta.url));
const FRAMES = "-fno-omit-frame-pointer";

/** The functions that the report of crash `number` names, with the files they are in. */
function frames(log: string, number: number): string[] {
  const report = log.slice(log.indexOf(`crash ${number} (`));
  const lines = report.split("\n").slice(1);
  const found: string[] = [];
  for (const line of lines) {
    if (/^\[roottask\] {2,3}r/.test(line)) continue;
    const frame = /^\[roottask\] {3}#(\d+) 0x[0-9a-f]+(?: (\S+)\+0x[0-9a-f]+)?(?: in (\S+))?/.exec(
      line,
    );
    if (frame === null) break;
    expect(frame[1]).toBe(`${found.length}`);
    found.push(`${frame[2] ?? "?"} ${frame[3] ?? "?"}`);
  }
  return found;
}

describe.skipIf(cc === undefined)("the report of a crash", () => {
  let folder = "";
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "crash-"));
    makeSystem();
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it("names the functions that a static program was in", async () => {
    const file = compileProgram("crashes", folder, [...(cc ?? []), FRAMES]);
    const kinds = ["outer", "nowhere", "circle", "lost", "endless", "thread"];
    const start = kinds.map((kind) => `linux bin/crashes ${kind}`);
    const { log } = boot(await tarOf([startFile(...start), program("crashes", file)]));
    const names = (number: number) => frames(log, number).map((frame) => frame.split(" ")[0]);
    expect(names(1).slice(0, 4)).toEqual(["fault", "middle", "outer", "main"]);
    expect(frames(log, 1)[0]).toBe("fault /bin/crashes");
    expect(names(2).slice(0, 3)).toEqual(["?", "nowhere", "main"]);
    expect(names(3)[0]).toBe("circle");
    expect(names(3).length).toBeLessThanOrEqual(3);
    expect(names(4)).toEqual(["lost", "main"]);
    expect(names(5)).toEqual(Array(32).fill("endless"));
    expect(names(6).slice(0, 4)).toEqual(["fault", "middle", "outer", "thread"]);
    expect(log).toContain("summary: 6 programs\n");
  });
});

describe.skipIf(!hasTool("gcc"))("the report of a crash of a dynamically linked program", () => {
  let folder = "";
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "crash-"));
    makeSystem();
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  function gcc(...args: string[]): void {
    execFileSync("gcc", ["-O1", FRAMES, "-fno-optimize-sibling-calls", ...args], { cwd: folder });
  }

  it("names the functions of program and library, wherever they lie, as long as the file has symbols", async () => {
    gcc("-shared", "-fPIC", "-o", "libback.so", join(PROGRAMS, "crash_library.c"));
    gcc(
      "-pie",
      "-fPIE",
      "-o",
      "main",
      join(PROGRAMS, "crash_main.c"),
      "-L.",
      "-lback",
      "-Wl,-rpath,/lib",
    );
    execFileSync("strip", ["-o", "libstripped.so", "libback.so"], { cwd: folder });
    const libraries = execFileSync("ldd", ["main"], {
      cwd: folder,
      env: { ...process.env, LD_LIBRARY_PATH: folder },
      encoding: "utf8",
    });
    const host: SampleFile[] = [...libraries.matchAll(/(\/\S+) \(0x/g)]
      .map(([, path = ""]) => path)
      .filter((path) => !path.startsWith(folder))
      .map((path) => ({ name: path.slice(1), mode: 0o755, data: readFileSync(path) }));
    const main = { name: "bin/main", mode: 0o755, data: readFileSync(join(folder, "main")) };
    for (const [library, inside] of [
      ["libback.so", "inside"],
      ["libstripped.so", "?"],
    ] as const) {
      const back = {
        name: "lib/libback.so",
        mode: 0o755,
        data: readFileSync(join(folder, library)),
      };
      const { log } = boot(await tarOf([startFile("linux bin/main"), main, back, ...host]));
      expect(frames(log, 1).slice(0, 4)).toEqual([
        "crash /bin/main",
        `${inside} /lib/libback.so`,
        "call_back /lib/libback.so",
        "main /bin/main",
      ]);
    }
  });
});

describe("the report of a crash of a native program", () => {
  let machine: Machine;
  beforeEach(async () => {
    machine = await Machine.create();
  });

  const CODE = 0x40_1000n;

  interface Symbol {
    name: string;
    value: bigint;
    size?: bigint;
    type?: number;
    section?: number;
  }

  /** An executable with a table of symbols. */
  function withSymbols(symbols: Symbol[]): Buffer {
    const code = Buffer.alloc(64, 0x90);
    code.write("0f0b", 2, "hex");
    const file = elfOf(CODE, [{ address: CODE, flags: 5, data: code }]);
    const names = Buffer.from(`\0${symbols.map(({ name }) => name).join("\0")}\0`);
    const table = Buffer.alloc(symbols.length * 24);
    let name = 1;
    for (const [index, symbol] of symbols.entries()) {
      const at = index * 24;
      table.writeUInt32LE(name, at);
      table.writeUInt8(symbol.type ?? 2, at + 4);
      table.writeUInt16LE(symbol.section ?? 1, at + 6);
      table.writeBigUInt64LE(symbol.value, at + 8);
      table.writeBigUInt64LE(symbol.size ?? 0n, at + 16);
      name += symbol.name.length + 1;
    }
    const sections = Buffer.alloc(3 * 64);
    const head = (index: number, type: number, offset: number, size: number, link: number) => {
      sections.writeUInt32LE(type, index * 64 + 4);
      sections.writeBigUInt64LE(BigInt(offset), index * 64 + 24);
      sections.writeBigUInt64LE(BigInt(size), index * 64 + 32);
      sections.writeUInt32LE(link, index * 64 + 40);
      sections.writeBigUInt64LE(24n, index * 64 + 56);
    };
    head(1, 2, file.length, table.length, 2);
    head(2, 3, file.length + table.length, names.length, 0);
    file.writeBigUInt64LE(BigInt(file.length + table.length + names.length), 40);
    file.writeUInt16LE(64, 58);
    file.writeUInt16LE(3, 60);
    return Buffer.concat([file, table, names, sections]);
  }

  /** The report on a program that executes UD2 at CODE + 2. */
  async function report(data: Uint8Array): Promise<string[]> {
    const tar = await tarOf([{ name: "bin/sample", mode: 0o755, data }]);
    expect(machine.unpack(tar)).toBe(true);
    machine.log = "";
    if (machine.launch("native bin/sample") !== 0) return [];
    try {
      machine.event(machine.exports.count(), EXC_UD, { rip: CODE + 2n });
    } catch {
      // The program has ended.
    }
    return machine.log.split("\n").filter((line) => line !== "");
  }

  it("names the last symbol of code in front of the address that reaches to it", async () => {
    const lines = await report(
      withSymbols([
        { name: "later", value: CODE + 3n },
        { name: "short", value: CODE + 1n, size: 1n },
        { name: "data", value: CODE + 2n, type: 1 },
        { name: "elsewhere", value: CODE + 2n, section: 0 },
        { name: "right", value: CODE + 1n, size: 8n },
        { name: "before", value: CODE, size: 16n },
      ]),
    );
    expect(lines[5]).toBe("[roottask]   #0 0x401002 right+0x1 in /bin/sample");
  });

  it("shows names that are no text as far as they are, and no longer than they may be", async () => {
    const name = `a\x1b[2J\n${"b".repeat(1000)}`;
    const lines = await report(withSymbols([{ name, value: CODE }]));
    expect(lines[5]).toBe(`[roottask]   #0 0x401002 a?[2J?${"b".repeat(194)}+0x2 in /bin/sample`);
  });

  it("is there whatever the tables of a file claim", async () => {
    const file = withSymbols([{ name: "right", value: CODE }]);
    const sections = Number(file.readBigUInt64LE(40));
    let seed = 1;
    const random = (below: number) => {
      seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff;
      return (seed >> 8) % below;
    };
    for (let round = 0; round < 300; round++) {
      // Archives stay in memory.
      if (round % 25 === 0) machine = await Machine.create();
      const broken = Buffer.from(file);
      for (let change = 0; change <= round % 4; change++) {
        const where = random(2) === 0 ? 40 + random(24) : sections + 64 + random(128);
        broken[where] = [0, 1, 0x7f, 0x80, 0xff, random(256)][random(6)] ?? 0;
      }
      if (round % 10 === 0) broken.fill(0xff, sections, sections + 192);
      const lines = await report(broken);
      if (lines.length === 0) continue;
      expect(lines[0]).toContain("#UD invalid opcode at RIP 0x401002");
      expect(lines.length).toBeGreaterThanOrEqual(5);
      expect(lines.length).toBeLessThanOrEqual(6);
    }
  });
});
