// The gdb stub against the real gdb: registers, memory, breakpoints, watchpoints, steps, threads,
// interrupt, on a 64-bit kernel made by the assembler.

import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { longModeKernel } from "../../asm/testdata/long_mode_kernel.ts";
import { linkElf } from "../../elf/index.ts";
import { hasGdb } from "../../testing/host-tools.ts";
import { listenForGdb } from "../host/gdb-listener.ts";
import { Machine } from "../host/machine.ts";
import { GdbServer } from "./gdb-server.ts";
import { Monitor } from "./monitor.ts";
import { RunControl } from "./run-control.ts";

const directory = mkdtempSync(join(tmpdir(), "gdb-test-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const kernel = (bits: 32 | 64): Uint8Array =>
  linkElf({
    objects: [longModeKernel()],
    segments: [
      {
        name: "image",
        flags: "rwx",
        vaddr: 0x100000n,
        sections: [".multiboot", ".text", ".rodata", ".bss"],
      },
    ],
    entry: "entry",
    class: bits,
  });

/** Runs gdb with `commands` against a fresh machine; the output, and how the machine ended. */
async function debug(commands: string[], cpus = 1): Promise<string> {
  const symbols = join(directory, "kernel64");
  writeFileSync(symbols, kernel(64));
  const machine = await Machine.create({
    kernel: kernel(32),
    memory: "16M",
    cpus,
    debugExit: { iobase: 0xf4, iosize: 4 },
  });
  const control = new RunControl(machine, true);
  const monitor = new Monitor(control, () => {});
  const server = new GdbServer(control, (line) => monitor.execute(line));
  const listener = await listenForGdb(server, 0);
  const script = join(directory, "script");
  writeFileSync(
    script,
    [
      ...["set pagination off", "set confirm off"],
      // The machine answers when the host lets it; gdb by itself would wait two seconds.
      ...["set remotetimeout unlimited", "set tcp connect-timeout unlimited"],
      ...[`target remote 127.0.0.1:${listener.port}`, ...commands],
    ].join("\n"),
  );
  const run = control.run();
  const gdb = spawn("gdb", ["-q", "-batch", "-nx", "-x", script, symbols], {
    env: { ...process.env, LC_ALL: "C", DEBUGINFOD_URLS: "" },
  });
  let output = "";
  gdb.stdout.on("data", (d) => {
    output += d;
  });
  gdb.stderr.on("data", (d) => {
    output += d;
  });
  await new Promise((resolve) => gdb.on("close", resolve));
  machine.stop();
  listener.close();
  void run;
  return output;
}

test.skipIf(!hasGdb)("gdb reads registers and memory and disassembles", async () => {
  const out = await debug([
    "p/x $rip",
    "p/x $eax",
    "p/x $cr0",
    "x/2i $rip",
    "p/x $cs",
    "x/4xb &digits",
  ]);
  expect(out).toContain("$1 = 0x1000");
  expect(out).toContain("$2 = 0x2badb002");
  expect(out).toContain("$3 = 0x11");
  expect(out).toContain("$4 = 0x8");
  expect(out).toMatch(/0x30\s+0x31\s+0x32\s+0x33/);
});

test.skipIf(!hasGdb)("gdb stops at breakpoints, steps, writes registers and memory", async () => {
  const out = await debug([
    "break print",
    "continue",
    "p/x $efer & 0x400",
    "p $rip == &print",
    "stepi",
    "p (long)$rip - (long)&print",
    "delete",
    "break put",
    "continue",
    "p/c $al",
    "set var *(char *)($rsi) = 'X'",
    "x/1cb $rsi",
    "set $rcx = 0x1234",
    "p/x $rcx",
    "p/x $xmm0.uint128",
    "delete",
    "continue",
  ]);
  expect(out).toMatch(/Breakpoint 1, 0x/);
  expect(out).toContain("$1 = 0x400");
  expect(out).toContain("$2 = 1");
  expect(out).toContain("$3 = 1");
  expect(out).toMatch(/\$4 = 108 'l'/);
  expect(out).toMatch(/88 'X'/);
  expect(out).toContain("$5 = 0x1234");
  expect(out).toContain("$6 = 0x0");
  expect(out).toContain("exited with code 053");
});

test.skipIf(!hasGdb)("gdb's watchpoints show old and new value", async () => {
  const out = await debug([
    "watch *(unsigned int *)&pml4",
    "continue",
    "p/x *(unsigned int *)&pml4",
  ]);
  expect(out).toContain("Hardware watchpoint 1");
  expect(out).toMatch(/New value = \d+/);
  expect(out).toMatch(/\$1 = 0x[0-9a-f]+003/);
});

test.skipIf(!hasGdb)("CPUs are threads, and the monitor answers", async () => {
  const out = await debug(["info threads", "monitor info cpus", "monitor info status"], 2);
  expect(out).toMatch(/\* 1 .*CPU#0 \[running\]/);
  expect(out).toMatch(/2 .*CPU#1 \[waiting for SIPI\]/);
  expect(out).toContain("CPU #1: pc=");
  expect(out).toContain("VM status: paused");
});
