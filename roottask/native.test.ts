// Native programs on the kernel, on QEMU and in the emulator: hello_native, which uses all of libhrstd, one that sends
// what programs of the published environment send, and one that sends what it should not.

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, it } from "vitest";
import { guestModule } from "../tools/asc/guest.ts";
import { hostCompiler } from "../tools/make/host-compilers.ts";
import { buildNativeVectorApp } from "./build.ts";
import { apps } from "./programs.ts";
import { boot, engines, makeSystem } from "./testing/boot.ts";
import { type SampleFile, tarOf } from "./testing/samples.ts";

async function nativeProgram(name: string, entry: string): Promise<SampleFile> {
  const args = apps.find((app) => app.name === "hello_native")?.args ?? [];
  const { wasm, sourceMap } = await guestModule({ entry, args });
  return { name, mode: 0o755, data: buildNativeVectorApp(wasm, sourceMap) };
}

const gcc = hostCompiler("gcc");

/** A hybrid program in C, with hedron.h. */
function hybridProgram(name: string): SampleFile {
  const folder = mkdtempSync(join(tmpdir(), "native-test-"));
  const path = (file: string) => fileURLToPath(new URL(file, import.meta.url));
  const include = `-I${path("../static-foreign-apps/C")}`;
  const source = path(`testing/programs/${name}.c`);
  const { command = "", flags = [] } = gcc ?? {};
  execFileSync(command, [...flags, "-Werror", include, "-o", join(folder, name), source]);
  const data = readFileSync(join(folder, name));
  rmSync(folder, { recursive: true });
  return { name, mode: 0o755, data };
}

const conf = (text: string): SampleFile => ({ name: "userland.conf", data: text });

/** What the programs printed. */
const output = (log: string) => log.replace(/^\[roottask\].*\n/gm, "");

const HELLO = `Hello from a native program, with 3 arguments: hello one two words
standard output is a service
standard error is another
[ERROR] hello_native: this is an error
[ WARN] hello_native: this is a warning
[ INFO] hello_native: this is information
[DEBUG] hello_native: this is for debugging: 0x00000000deadbeef
[TRACE] hello_native: this is a trace: -42
numbers: 1 2 3 4 5 7
sum of 0..99999 through allocated memory: 4999950000
square root of 2: 1.414213562373095
dot product of two vectors: 20833312.500
read from position 7: file!
read from the start: Hello, file!
one line
another line
size 22, links 1
in the directory: ./ ../ file inner/
The message of the day.
`;

describe.each(engines)("native programs on %s", (engine) => {
  beforeAll(makeSystem);

  it("have output, logging, memory, vectors, files and directories", async () => {
    const archive = await tarOf([
      conf('native hello one "two words"\n'),
      await nativeProgram("hello", "roottask/bin/hello_native.ts"),
      { name: "etc/motd", data: "The message of the day.\n" },
    ]);
    const { log, status } = boot(archive, [], engine);
    const printed = output(log);
    expect(printed).toMatch(/^BENCH syscall\.native n=1000 min=\d+ median=\d+ p99=\d+$/m);
    expect(printed.replace(/^BENCH.*\n/m, "")).toBe(`${HELLO}[ INFO] hello_native: done\n`);
    expect(log).toContain("[roottask] end 1: exit status 0\n");
    expect(status).toBe(0);
  });

  it("may be those of the published environment", async () => {
    const archive = await tarOf([
      conf("native published\n"),
      await nativeProgram("published", "roottask/testing/programs/published.ts"),
    ]);
    const { log } = boot(archive, [], engine);
    // Memory, descriptor 3, five bytes written, four read from the second on, and what echo sends back.
    expect(output(log)).toBe("Hallo Welt\nHallo Welt\n1\n3\n5\n4\n1\n2\n1\n");
    expect(log).toContain("[roottask] end 1: exit status 0\n");
  });

  it.skipIf(!gcc)("share files and memory with the Linux side of hybrid ones", async () => {
    const archive = await tarOf([conf("linux shared_files\n"), hybridProgram("shared_files")]);
    const { log } = boot(archive, [], engine);
    expect(output(log)).toBe("same\n");
    expect(log).toContain("[roottask] end 1: exit status 0\n");
  });

  it("get an error value for what they should not send, and go on", async () => {
    const archive = await tarOf([
      conf("native hostile\n"),
      await nativeProgram("hostile", "roottask/testing/programs/hostile.ts"),
      { name: "file", data: "0123456789" },
    ]);
    const { log, status } = boot(archive, [], engine);
    expect(output(log)).toBe("hostile: all refused\n");
    expect(log).toContain("[roottask] end 1: exit status 0\n");
    expect(status).toBe(0);
  });
});
