// gdb on kernel and roottask in the emulator: one backtrace from the kernel into the program that has called it, with
// arguments, variables and types on both sides.

import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { compileRoottask } from "../roottask/build.ts";
import { guestModule } from "../tools/asc/guest.ts";
import { GdbServer } from "../tools/emulator/debug/gdb-server.ts";
import { RunControl } from "../tools/emulator/debug/run-control.ts";
import { listenForGdb } from "../tools/emulator/host/gdb-listener.ts";
import { Machine } from "../tools/emulator/host/machine.ts";
import { Monitor } from "../tools/emulator/monitor/monitor.ts";
import { hasGdb } from "../tools/testing/host-tools.ts";
import { buildKernelFiles } from "./build.ts";
import { KERNEL_GUEST } from "./options.ts";

const directory = mkdtempSync(join(tmpdir(), "kernel-gdb-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** What gdb prints for the commands, from the kernel's first instruction on. */
async function debug(commands: string[]): Promise<string> {
  const { wasm, sourceMap } = await guestModule(KERNEL_GUEST);
  const kernel = buildKernelFiles(wasm, sourceMap);
  const program = await compileRoottask();
  const [symbols, roottaskFile, script] = ["kernel", "roottask", "script"].map((name) =>
    join(directory, name),
  ) as [string, string, string];
  writeFileSync(symbols, kernel.symbols);
  writeFileSync(roottaskFile, program);
  const machine = await Machine.create({
    kernel: kernel.image,
    modules: [{ file: program, name: "roottask", commandLine: "roottask" }],
    memory: "256M",
    debugExit: { iobase: 0xf4, iosize: 4 },
  });
  const control = new RunControl(machine, true);
  const monitor = new Monitor(control, { quit() {} });
  const listener = await listenForGdb(new GdbServer(control, (line) => monitor.execute(line)), 0);
  const settings = ["pagination off", "confirm off", "remotetimeout unlimited"];
  const lines = [
    ...[...settings, "tcp connect-timeout unlimited"].map((setting) => `set ${setting}`),
    `add-symbol-file ${roottaskFile}`,
    `target remote 127.0.0.1:${listener.port}`,
    ...commands,
    "kill",
  ];
  writeFileSync(script, lines.join("\n"));
  void control.run();
  const gdb = spawn("gdb", ["-q", "-batch", "-nx", "-x", script, symbols], {
    env: { ...process.env, LC_ALL: "C", DEBUGINFOD_URLS: "" },
  });
  let output = "";
  for (const stream of [gdb.stdout, gdb.stderr]) {
    stream.on("data", (data) => {
      output += data;
    });
  }
  await new Promise((resolve) => gdb.on("close", resolve));
  machine.stop();
  listener.close();
  return output;
}

it.skipIf(!hasGdb)("gdb goes from the kernel to the program behind a system call", async () => {
  const out = await debug([
    ...["tbreak createSm", "continue", "bt", "info args", "finish"],
    ...["tbreak on_syscall", "continue"],
    ...["bt", "up 1", "ptype Ec", "print sizeof(Ec) > 100"],
  ]);
  expect(out).toMatch(/#0 +createSm \(owner=0xfffffffe[0-9a-f]+, base=\d+, counter=0\)/);
  expect(out).toMatch(/ in initGsis \(.*\) at kernel\/gsi\.ts:\d+\n/);
  expect(out).toMatch(/ in kernel_entry64 \(\) at kernel\/asm\/boot\.ts:\d+\n/);
  expect(out).toMatch(/^owner = 0xfffffffe[0-9a-f]+$/m);
  expect(out).toMatch(/Value returned is \$1 = \d+/);
  expect(out).toMatch(/<signal handler called>\n#\d+ .*roottask\/\w+\/\w+\.ts:\d+\n/);
  expect(out).toMatch(/#\d+ .* main \(.*\) at roottask\/bin\/roottask\.ts:\d+\n/);
  expect(out).toMatch(/^type = struct Ec \{\n(?: {4}.*\n)* {4}Ec_offset caller;\n/m);
  expect(out).toMatch(/\$2 = 1\n/);
});
