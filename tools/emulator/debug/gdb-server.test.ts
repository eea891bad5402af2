// The gdb stub against the real gdb: registers, memory, breakpoints, watchpoints, steps, threads,
// interrupt, on a 64-bit kernel made by the assembler.

import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { dword, eax } from "../../asm/index.ts";
import { longModeKernel } from "../../asm/testdata/long_mode_kernel.ts";
import { linkElf } from "../../elf/index.ts";
import { hasGdb } from "../../testing/host-tools.ts";
import { listenForGdb } from "../host/gdb-listener.ts";
import { Machine } from "../host/machine.ts";
import { Monitor } from "../monitor/monitor.ts";
import type { CpuAccess } from "../platform/cpu-access.ts";
import { guest } from "../platform/testdata/guest.ts";
import { bytesOfText, frame } from "./gdb-packets.ts";
import { GdbServer } from "./gdb-server.ts";
import { likelyArchitecture } from "./gdb-target.ts";
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

interface Session {
  cpus?: number;
  /** What the machine boots, and the file gdb reads symbols from. */
  image?: Uint8Array;
  symbols?: Uint8Array;
}

/** Runs gdb with `commands` against a fresh machine; the output, and how the machine ended. */
async function debug(commands: string[], session: Session = {}): Promise<string> {
  const symbols = join(directory, "kernel");
  writeFileSync(symbols, session.symbols ?? kernel(64));
  const machine = await Machine.create({
    kernel: session.image ?? kernel(32),
    memory: "16M",
    cpus: session.cpus ?? 1,
    debugExit: { iobase: 0xf4, iosize: 4 },
  });
  const control = new RunControl(machine, true);
  const monitor = new Monitor(control, { quit() {} });
  const server = new GdbServer(control, (line) => monitor.execute(line));
  let killed = false;
  server.onKill = () => {
    killed = true;
  };
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
  return killed ? `${output}killed` : output;
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
  const out = await debug(["info threads", "monitor info cpus", "monitor info status"], {
    cpus: 2,
  });
  expect(out).toMatch(/\* 1 .*CPU#0 \[running\]/);
  expect(out).toMatch(/2 .*CPU#1 \[waiting for SIPI\]/);
  expect(out).toContain("CPU #1: thread_id=2 pc=");
  expect(out).toContain("VM status: paused");
});

/** A 32-bit kernel for two CPUs: the second counts at COUNTER, the first waits for it and exits. */
const COUNTER = 0x9000;
const kernel32 = guest((a) => {
  // INC WORD [COUNTER]; JMP back, at 0x8000 in real mode.
  a.mov(dword(0x8000), ((COUNTER << 16) | 0x06ff) >>> 0).mov(dword(0x8004), 0x9090faeb);
  a.label("wake", { global: true });
  a.mov(dword(0xfee00310), 1 << 24).mov(dword(0xfee00300), 0x4500);
  a.mov(dword(0xfee00310), 1 << 24).mov(dword(0xfee00300), 0x4608);
  a.label("wait", { global: true });
  a.cmp(dword(COUNTER), 100).jb("wait");
  a.label("done", { global: true });
  a.mov(eax, 0x12345678);
});

test.skipIf(!hasGdb)(
  "a 32-bit kernel is debugged with 32-bit registers, with the i386 target description",
  async () => {
    const out = await debug(
      [
        "show architecture",
        "p/x $eip",
        "p/x $eax",
        "info registers ebx eflags cs cr0",
        "break *wake",
        "continue",
        "x/i $pc",
        "stepi",
        "p (int)$eip - (int)&wake",
        "set $ecx = 0x1234",
        "p/x $ecx",
        "p $xmm7.uint128",
        "p $st0",
        "delete",
        "tbreak *done",
        "continue",
        "p *(int *)0x9000 >= 100",
        "detach",
      ],
      { cpus: 2, image: kernel32, symbols: kernel32 },
    );
    expect(out).not.toMatch(/too long|too short|rejected|not compatible/);
    expect(out).toContain('(currently "i386")');
    expect(out).toMatch(/\$1 = 0x1000/);
    expect(out).toContain("$2 = 0x2badb002");
    expect(out).toMatch(/cr0\s+0x11/);
    expect(out).toMatch(/=> 0x[0-9a-f]+.*:\s+movl\s+\$0x1000000,0xfee00310/);
    expect(out).toContain("$3 = 10");
    expect(out).toContain("$4 = 0x1234");
    expect(out).toContain("$7 = 1");
    expect(out).toContain("detached");
  },
  60_000,
);

test.skipIf(!hasGdb)(
  "stops name the CPU that has stopped, and gdb can kill the machine",
  async () => {
    const out = await debug(
      [
        "break *wait",
        "continue",
        "delete",
        "watch *(short *)0x9000",
        "continue",
        "info threads",
        "hbreak *done",
        "delete 2",
        "continue",
        "info threads",
        "kill",
      ],
      { cpus: 2, image: kernel32, symbols: kernel32 },
    );
    expect(out).toMatch(/Thread 2 .*hit Hardware watchpoint 2/);
    expect(out).toMatch(/\* 2 .*CPU#1 \[running\]/);
    expect(out).toMatch(/Thread 1 .*hit Breakpoint 3/);
    expect(out).toMatch(/\* 1 .*CPU#0 \[running\]/);
    expect(out).toContain("killed");
  },
  60_000,
);

test("the architecture is the kernel's until the CPU is in long mode", async () => {
  const likely = async (image: Uint8Array, until?: string) => {
    const machine = await Machine.create({ kernel: image, memory: "16M" });
    if (until !== undefined) machine.runSync({ until });
    return likelyArchitecture(machine.cpus[0] as CpuAccess, machine.kernel?.data);
  };
  expect(await likely(kernel32)).toBe("i386");
  expect(await likely(kernel(32))).toBe("x86-64");
  expect(await likely(kernel(64))).toBe("x86-64");
});

/** A debugger that speaks to the server directly. */
async function connect(paused: boolean) {
  const machine = await Machine.create({ kernel: kernel32, memory: "16M" });
  const control = new RunControl(machine, paused);
  const server = new GdbServer(control, async (line) => `${line}?`);
  const replies: string[] = [];
  let arrived = (): void => {};
  const peer = server.connect({
    write: (bytes) => {
      replies.push(String.fromCharCode(...bytes).replace(/#..$/, ""));
      arrived();
    },
    close: () => {},
  });
  if (peer === undefined) throw new Error("nobody was connected");
  const run = control.run();
  /** Sends packets, then resolves to the next replies without acknowledgements. */
  const ask = async (packets: string[], count = packets.length): Promise<string[]> => {
    replies.length = 0;
    for (const body of packets) peer.receive(body === INTERRUPT ? bytesOfText(body) : frame(body));
    const answers = (): string[] => replies.filter((r) => r !== "+" && r !== "-");
    while (answers().length < count) {
      await new Promise<void>((resolve) => {
        arrived = resolve;
      });
    }
    return answers();
  };
  return { ask, peer, machine, control, run, server };
}
const INTERRUPT = "\x03";

test("a running machine stands still for a debugger, and Ctrl-C stops it again", async () => {
  const { ask, machine, control, peer } = await connect(false);
  expect(await ask(["?"])).toEqual(["$T05thread:1;"]);
  expect(control.paused).toBe(true);
  const before = machine.core.instructions();
  expect(await ask(["vCont;c", INTERRUPT], 1)).toEqual(["$T02thread:1;"]);
  expect(machine.core.instructions()).toBeGreaterThan(before);
  expect(await ask(["?"])).toEqual(["$T02thread:1;"]);
  expect(await ask(["vCont;s:1"])).toEqual(["$T05thread:1;"]);
  peer.closed();
  expect(control.paused).toBe(false);
  machine.stop();
  control.pause();
});

test("what no debugger should send is answered with an error", async () => {
  const { ask } = await connect(true);
  const odd = [
    "mzz,4",
    "m0",
    "M0,1:zz",
    "Z0,,",
    "Z2,0,zz",
    "P",
    "pzz",
    "Hgzz",
    "Tzz",
    "c!",
    "qXfer",
  ];
  for (const body of odd) expect((await ask([body]))[0], body).toMatch(/^\$(E..|OK)?$/);
  expect(await ask(["?"])).toEqual(["$T05thread:1;"]);
});
