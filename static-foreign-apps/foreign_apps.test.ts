// The C and Zig programs on Linux itself: what they print there is what they must print under the roottask.
// Oracles: the same C source through the host's C compiler, and JavaScript.

import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { FileType, Machine, readElf, SegmentType } from "../tools/elf/index.ts";
import { buildMusl, hasMuslSources } from "../tools/make/musl.ts";
import { zigBinary } from "../tools/make/steps.ts";
import { hasTool, runsLinuxPrograms } from "../tools/testing/host-tools.ts";

const here = fileURLToPath(new URL("./", import.meta.url));
const built = join(here, "../build/static-foreign-apps");
const directory = mkdtempSync(join(tmpdir(), "foreign-test-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const environment = { GREETING: "good morning" };

function run(path: string, ...args: string[]): { status: number | null; out: string; err: string } {
  const { status, stdout, stderr } = spawnSync(path, args, { env: environment, encoding: "utf8" });
  return { status, out: stdout, err: stderr };
}

describe.skipIf(!zigBinary())("the C and Zig programs", () => {
  beforeAll(() => {
    execFileSync(process.execPath, [join(here, "../tools/bin/make"), "static_foreign_apps"]);
  });

  test("those in C need no more of musl than tools/make/musl.ts lists", async () => {
    const root = join(here, "..");
    const cache = join(root, "build/.zig-cache");
    const zig = async (args: string[], env = {}): Promise<void> => {
      const caches = {
        ZIG_GLOBAL_CACHE_DIR: join(cache, "global"),
        ZIG_LOCAL_CACHE_DIR: join(cache, "local"),
      };
      execFileSync(zigBinary() ?? "zig", args, { cwd: root, env: { ...caches, ...env } });
    };
    expect(hasMuslSources(root)).toBe(true);
    const ZIG_LIBC = await buildMusl(join(directory, "musl"), zig);
    for (const name of readdirSync(join(here, "C")).filter((each) => each.endsWith(".c"))) {
      const target = ["-target", "x86_64-linux-musl", "-static", "-O2"];
      const out = join(directory, `small-${name}`);
      await zig(["cc", ...target, "-o", out, join(here, "C", name)], { ZIG_LIBC });
    }
  });

  test.each(["C/hello_world", "C/matrix_mult", "Zig/hello_world"])(
    "%s is a static executable for x86-64",
    (name) => {
      const elf = readElf(readFileSync(join(built, name)), name);
      expect(elf).toMatchObject({ class: 64, machine: Machine.X86_64, type: FileType.Exec });
      const kinds = elf.segments.map((segment) => segment.type);
      expect(kinds).not.toContain(SegmentType.Interp);
      expect(kinds).not.toContain(SegmentType.Dynamic);
    },
  );

  describe.skipIf(!runsLinuxPrograms)("on Linux", () => {
    test.skipIf(!hasTool("gcc")).each(["hello_world", "matrix_mult"])(
      "C/%s prints what the host compiler's build prints",
      (name) => {
        const reference = join(directory, name);
        execFileSync("gcc", ["-O0", "-o", reference, join(here, `C/${name}.c`)]);
        expect(existsSync(reference)).toBe(true);
        expect(run(join(built, "C", name), "one", "two words")).toEqual(
          run(reference, "one", "two words"),
        );
      },
    );

    test("C/hello_world sees arguments, environment and both outputs", () => {
      const { status, out, err } = run(join(built, "C/hello_world"), "one", "two words");
      expect(status).toBe(0);
      expect(out).toContain("argument 2: two words\nGREETING=good morning\n");
      expect(err).toBe("This line goes to standard error.\n");
    });

    test("C/matrix_mult computes what JavaScript computes", () => {
      expect(run(join(built, "C/matrix_mult"))).toEqual({
        status: 0,
        out: matrixReport(256),
        err: "",
      });
    });

    test("Zig/hello_world prints the primes below one hundred", () => {
      const isPrime = (n: number): boolean =>
        n > 1 && Array.from({ length: n - 2 }, (_, i) => i + 2).every((d) => n % d !== 0);
      const primes = Array.from({ length: 100 }, (_, i) => i).filter(isPrime);
      expect(run(join(built, "Zig/hello_world"))).toEqual({
        status: 0,
        out: `Hello from Zig!\n${primes.length} primes below 100: ${primes.join(" ")}\n`,
        err: "",
      });
    });
  });
});

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
