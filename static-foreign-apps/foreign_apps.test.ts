// The programs in C, Zig, Rust and Go on Linux itself: what they print there is what they must print under the
// roottask (system.test.ts compares). Oracles: the same C source through two C libraries, and JavaScript.

import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { FileType, Machine, readElf, SegmentType } from "../tools/elf/index.ts";
import { canCompile, foreignOutput } from "../tools/make/foreign.ts";
import { buildMusl, hasMuslSources } from "../tools/make/musl.ts";
import { zigBinary } from "../tools/make/zig.ts";
import { runsLinuxPrograms } from "../tools/testing/host-tools.ts";
import { foreignPrograms } from "./programs.ts";

const here = fileURLToPath(new URL("./", import.meta.url));
const root = join(here, "..");
const directory = mkdtempSync(join(tmpdir(), "foreign-test-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** The executable of a program, by its name in programs.ts. */
const built = (name: string): string => join(root, "build/static-foreign-apps", name);
/** Names of programs whose compiler is here. */
const present = new Set(foreignPrograms.filter(canCompile).map(({ name }) => name));
/** A test of programs, skipped where one of them cannot be compiled. */
const withPrograms = (...names: string[]) =>
  test.skipIf(!runsLinuxPrograms || !names.every((name) => present.has(name)));

const environment = { GREETING: "good morning" };

function run(path: string, ...args: string[]): { status: number | null; out: string; err: string } {
  const { status, stdout, stderr } = spawnSync(path, args, { env: environment, encoding: "utf8" });
  return { status, out: stdout, err: stderr };
}

beforeAll(() => {
  execFileSync(process.execPath, [join(root, "tools/bin/make"), "static_foreign_apps"]);
});

test.skipIf(!zigBinary())(
  "those in C need no more of musl than tools/make/musl.ts lists",
  async () => {
    const cache = join(root, "build/.zig-cache");
    const zig = async (args: string[], env = {}): Promise<void> => {
      const caches = {
        ZIG_GLOBAL_CACHE_DIR: join(cache, "global"),
        ZIG_LOCAL_CACHE_DIR: join(cache, "local"),
      };
      execFileSync(zigBinary() ?? "zig", args, { cwd: root, env: { ...caches, ...env } });
    };
    expect(hasMuslSources(root)).toBe(true);
    const ZIG_LIBC = await buildMusl(join(cache, "musl-of-tests"), zig);
    for (const name of readdirSync(join(here, "C")).filter((each) => each.endsWith(".c"))) {
      const target = ["-target", "x86_64-linux-musl", "-static", "-O2"];
      const out = join(directory, `small-${name}`);
      await zig(["cc", ...target, "-o", out, join(here, "C", name)], { ZIG_LIBC });
    }
  },
);

test.each(foreignPrograms.filter(canCompile))(
  "$name is a static executable for x86-64",
  (program) => {
    const elf = readElf(readFileSync(join(root, foreignOutput(program))), program.name);
    expect(elf).toMatchObject({ class: 64, machine: Machine.X86_64 });
    const kinds = elf.segments.map((segment) => segment.type);
    expect(kinds).not.toContain(SegmentType.Interp);
    // A static executable that is position independent relocates itself, by its dynamic segment.
    expect(elf.type).toBe(kinds.includes(SegmentType.Dynamic) ? FileType.Dyn : FileType.Exec);
  },
);

describe("on Linux", () => {
  withPrograms("C/hello_world", "C-glibc/hello_world")(
    "C/hello_world does the same with both C libraries",
    () => {
      const args = ["one", "two words"];
      const glibc = run(built("C-glibc/hello_world"), ...args);
      expect(glibc.out).toMatch(/^Hello from C with glibc!\n/);
      expect(run(built("C/hello_world"), ...args)).toEqual({
        ...glibc,
        out: glibc.out.replace("glibc", "musl"),
      });
    },
  );

  withPrograms("C/hello_world")(
    "C/hello_world sees arguments, environment and both outputs",
    () => {
      const { status, out, err } = run(built("C/hello_world"), "one", "two words");
      expect(status).toBe(0);
      expect(out).toContain("argument 2: two words\nGREETING=good morning\n");
      expect(out).toContain("a file in /tmp: written, and read again\n");
      expect(err).toBe("This line goes to standard error.\n");
    },
  );

  for (const name of ["C/matrix_mult", "C-glibc/matrix_mult"]) {
    withPrograms(name)(`${name} computes what JavaScript computes`, () => {
      expect(run(built(name))).toEqual({ status: 0, out: matrixReport(256), err: "" });
    });
  }

  for (const name of ["C/dump_aux", "C-glibc/dump_aux"]) {
    withPrograms(name)(`${name} prints what the file and the process are`, () => {
      const file = built(name);
      const { status, out, err } = run(file, "one");
      expect({ status, err }).toEqual({ status: 0, err: "" });
      expect(out.split("auxiliary vector\n")[0]).toBe(
        `2 arguments\n  ${file}\n  one\n1 environment variables\n  GREETING=good morning\n`,
      );
      const entries = new Map(
        [...out.matchAll(/^ +\d+ (AT_\w+) +(.*)$/gm)].map(([, key, value]) => [key, value]),
      );
      const elf = readElf(readFileSync(file), name);
      expect(Object.fromEntries(entries)).toMatchObject({
        AT_PAGESZ: "4096",
        AT_PHENT: "56",
        AT_PHNUM: `${elf.segments.length}`,
        AT_ENTRY: `0x${elf.entry.toString(16)}`,
        AT_UID: `${process.getuid?.()}`,
        AT_GID: `${process.getgid?.()}`,
        AT_SECURE: "0",
        AT_EXECFN: JSON.stringify(file),
        AT_PLATFORM: '"x86_64"',
        AT_NULL: "0",
      });
    });
  }

  withPrograms("Zig/hello_world")("Zig/hello_world prints the primes below one hundred", () => {
    const isPrime = (n: number): boolean =>
      n > 1 && Array.from({ length: n - 2 }, (_, i) => i + 2).every((d) => n % d !== 0);
    const primes = Array.from({ length: 100 }, (_, i) => i).filter(isPrime);
    expect(run(built("Zig/hello_world"))).toEqual({
      status: 0,
      out: `Hello from Zig!\n${primes.length} primes below 100: ${primes.join(" ")}\n`,
      err: "",
    });
  });

  withPrograms("Rust/hello_world")("Rust/hello_world computes what JavaScript computes", () => {
    expect(run(built("Rust/hello_world"), "2.5", "two words")).toEqual({
      status: 0,
      out: [
        "Hello from Rust!",
        'arguments ["2.5", "two words"]',
        "GREETING=good morning",
        circle(2.5),
        `letters ${letters("written, and read again")}`,
        `sum of a thread Some(${squares(1000)})`,
        "a file in /tmp: written, and read again",
        "",
      ].join("\n"),
      err: "This line goes to standard error.\n",
    });
  });

  withPrograms("Go/hello_world")("Go/hello_world computes what JavaScript computes", () => {
    expect(run(built("Go/hello_world"), "2.5", "two words")).toEqual({
      status: 0,
      out: [
        "Hello from Go!",
        'arguments ["2.5" "two words"]',
        "GREETING=good morning",
        circle(2.5),
        `sum of goroutines ${squares(1000)}`,
        "a file in /tmp: written, and read again",
        "",
      ].join("\n"),
      err: "This line goes to standard error.\n",
    });
  });
});

function circle(radius: number): string {
  const area = (Math.PI * radius ** 2).toFixed(3);
  const circumference = (2 * Math.PI * radius).toFixed(3);
  return `circle of radius ${radius.toFixed(2)}: area ${area}, circumference ${circumference}`;
}

/** How often each letter is in `text`, as Rust writes a map for debugging. */
function letters(text: string): string {
  const counts = new Map<string, number>();
  for (const letter of text.match(/[a-z]/g)?.sort() ?? []) {
    counts.set(letter, (counts.get(letter) ?? 0) + 1);
  }
  return `{${[...counts].map(([letter, count]) => `'${letter}': ${count}`).join(", ")}}`;
}

/** The sum of the squares of 1 to `last`. */
function squares(last: number): number {
  return (last * (last + 1) * (2 * last + 1)) / 6;
}

/** What matrix_mult.c says, computed the school way. */
function matrixReport(n: number): string {
  let state = 42;
  const next = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state >>> 8) % 1000;
  };
  const a = new Float64Array(n * n);
  const b = new Float64Array(n * n);
  for (let i = 0; i < n * n; i++) {
    a[i] = next();
    b[i] = next();
  }
  const cell = (i: number, j: number): number => {
    let sum = 0;
    for (let k = 0; k < n; k++) sum += (a[i * n + k] ?? 0) * (b[k * n + j] ?? 0);
    return sum;
  };
  const product = new BigInt64Array(n * n);
  let trace = 0;
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) product[i * n + j] = BigInt(cell(i, j));
    trace += cell(i, i);
  }
  let hash = 0xcbf29ce484222325n;
  for (const byte of new Uint8Array(product.buffer)) {
    hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  }
  const at = (i: number, j: number): bigint => product[i * n + j] ?? 0n;
  return [
    `product of two ${n}x${n} matrices`,
    `first cell ${at(0, 0)}, middle cell ${at(n / 2, n / 2)}, last cell ${at(n - 1, n - 1)}`,
    `trace ${trace}, mean ${(trace / n).toFixed(4)}`,
    `checksum ${hash.toString(16).padStart(16, "0")}`,
    "",
  ].join("\n");
}
