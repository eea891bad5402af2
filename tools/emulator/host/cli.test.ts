// The command as a process: exit statuses, messages, files, pipes, signals, and a real terminal.

import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { al, dx, eax, ecx, mem } from "../../asm/index.ts";
import { HANG_MS, hasTool } from "../../testing/host-tools.ts";
import { COM1, guest, print } from "../platform/testdata/guest.ts";
import { linesOf, parseArguments } from "./cli-options.ts";
import { UsageError } from "./cli-values.ts";
import { builtCore } from "./core.ts";

const emu = fileURLToPath(new URL("../../bin/emu", import.meta.url));
const directory = mkdtempSync(join(tmpdir(), "emu-cli-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));
beforeAll(async () => {
  await builtCore();
});

const path = (name: string): string => join(directory, name);

function file(name: string, data: Uint8Array | string): string {
  writeFileSync(path(name), data);
  return path(name);
}

const run = (args: string[], input = "", cwd?: string) => {
  const r = spawnSync(process.execPath, [emu, ...args], {
    input,
    cwd,
    encoding: "utf8",
    timeout: HANG_MS,
  });
  return { status: r.status, out: r.stdout, err: r.stderr };
};

const hello = file(
  "hello",
  guest((a) => print(a, "hello", "hello\n")),
);
const exits = file(
  "exits",
  guest((a) => a.mov(dx, 0xf4).mov(eax, 3).out(dx, eax)),
);
const triple = file(
  "triple",
  guest((a) => {
    a.label("boom", { global: true });
    a.lidt(mem("nothing")).ud2();
    a.label("nothing");
    a.dw(0).dd(0);
  }),
);
/** Prints digits on port 0xE9 for ever. */
const chatty = file(
  "chatty",
  guest((a) => {
    a.label("next");
    a.mov(al, "0".charCodeAt(0)).out(0xe9, al).jmp("next");
  }),
);
const echo = file(
  "echo",
  guest((a) => {
    a.label("wait");
    a.mov(dx, COM1 + 5)
      .in(al, dx)
      .test(al, 1)
      .jz("wait");
    a.mov(dx, COM1).in(al, dx).cmp(al, "q".charCodeAt(0)).je("poweroff").call("putc").jmp("wait");
  }),
);

test("power-off is status 0, with the serial line on stdout and nothing on stderr", () => {
  expect(run(["-kernel", hello])).toEqual({ status: 0, out: "hello\n", err: "" });
});

test("isa-debug-exit is (value << 1) | 1", () => {
  expect(run(["-kernel", exits, "-device", "isa-debug-exit,iobase=0xf4,iosize=4"]).status).toBe(7);
});

test("a triple fault with -no-reboot is status 1 and a report with registers, code and symbols", () => {
  const { status, err } = run(["-kernel", triple, "-no-reboot"]);
  expect(status).toBe(1);
  expect(err).toMatch(/^\nemu: triple fault\n/);
  expect(err).toMatch(/CR0=00000011/);
  expect(err).toMatch(/=> .*ud2/);
  expect(err).toContain("(boom+0x7)");
});

test("serial and debug console go to files and to stdout in order", () => {
  const both = file(
    "both",
    guest((a) => {
      for (const [i, c] of ["a", "b", "c"].entries()) {
        print(a, `${i}`, `serial ${c}\n`);
        a.mov(al, c.charCodeAt(0)).out(0xe9, al).mov(al, 10).out(0xe9, al);
      }
    }),
  );
  const both1 = run(["-kernel", both, "-debugcon", "stdio"]);
  expect(both1.out).toBe("serial a\na\nserial b\nb\nserial c\nc\n");
  const out = run([
    "-kernel",
    both,
    "-serial",
    `file:${path("s")}`,
    "-debugcon",
    `file:${path("d")}`,
  ]);
  expect([out.status, out.out]).toEqual([0, ""]);
  expect(readFileSync(path("s"), "utf8")).toBe("serial a\nserial b\nserial c\n");
  expect(readFileSync(path("d"), "utf8")).toBe("a\nb\nc\n");
});

/** Says its name on each of COM1 to COM4, whether the port is there or not, then echoes COM2 until "q". */
const ports = file(
  "ports",
  guest((a) => {
    for (const [i, port] of [0x3f8, 0x2f8, 0x3e8, 0x2e8].entries()) {
      a.mov(dx, port);
      for (const c of `COM${i + 1}\n`) a.mov(al, c.charCodeAt(0)).out(dx, al);
    }
    a.label("wait");
    a.mov(dx, 0x2fd).in(al, dx).test(al, 1).jz("wait");
    a.mov(dx, 0x2f8).in(al, dx).cmp(al, "q".charCodeAt(0)).je("poweroff");
    a.out(dx, al).jmp("wait");
  }),
);

test("each -serial is the next COM port; none leaves one out, one has standard input", () => {
  const [one, four] = [path("com1"), path("com4")];
  const args = ["-serial", `file:${one}`, "-serial", "stdio", "-serial", "none"];
  const r = run(["-kernel", ports, ...args, "-serial", `file:${four}`], "typed q");
  expect(r).toEqual({ status: 0, out: "COM2\ntyped ", err: "" });
  expect([readFileSync(one, "utf8"), readFileSync(four, "utf8")]).toEqual(["COM1\n", "COM4\n"]);
});

test("standard input reaches the guest, from a pipe and from a file", () => {
  expect(run(["-kernel", echo], "piped text q").out).toBe("piped text ");
  const fromFile = spawnSync("sh", [
    "-c",
    `${emu} -kernel ${echo} < ${file("in", "from a file q")}`,
  ]);
  expect(fromFile.stdout.toString()).toBe("from a file ");
});

const monitor = (commands: string, args: string[] = []) =>
  run(["-kernel", hello, "-monitor", "stdio", ...args], commands);

test("the monitor on a pipe answers everything, in order", () => {
  const { status, out } = monitor(
    "info status\nx /2i $rip\ninfo registers\ninfo cpus\nxp /1xw 0x100000\ninfo status\nquit\n",
    ["-S"],
  );
  expect(status).toBe(0);
  const answers = out.split("(qemu) ").slice(1);
  expect(answers.map((text) => text.split("\n")[0])).toEqual([
    "VM status: paused",
    expect.stringMatching(/^0x001000[0-9a-f]+: {2}bc 00 00 09 00 +movl {5}\$0x90000, %esp$/),
    "",
    expect.stringMatching(/^\* CPU #0: thread_id=1 pc=0x00000000001000/),
    "0000000000100000: 0x1badb002",
    "VM status: paused",
    "",
  ]);
});

test("logfile= of a -chardev has what the guest says, as the device itself", () => {
  const log = path("serial.log");
  const args = ["-chardev", `stdio,id=c,logfile=${log}`, "-serial", "chardev:c"];
  expect(run(["-kernel", hello, ...args])).toMatchObject({ status: 0, out: "hello\n" });
  expect(readFileSync(log, "latin1")).toBe("hello\n");
});

test("-loadvm begins with what savevm has kept, or not at all", () => {
  const begin = (...args: string[]) => run(["-kernel", hello, ...args], "", directory);
  run(["-kernel", hello, "-S", "-monitor", "stdio"], "savevm kept\nquit\n", directory);
  expect(begin("-loadvm", "kept")).toMatchObject({ status: 0, out: "hello\n" });
  expect(begin("-loadvm", "other")).toEqual({
    status: 1,
    out: "",
    err: "emu: -loadvm other: loadvm: there is no snapshot 'other'; info snapshots lists those there are\n",
  });
  const smaller = begin("-loadvm", "kept", "-m", "16M");
  expect([smaller.status, smaller.out]).toEqual([1, ""]);
  expect(smaller.err).toMatch(/^emu: -loadvm kept: .*\n$/);
});

test("what the monitor was asked before the guest's end is answered", () => {
  const { status, out } = monitor("cont\ninfo registers\ninfo status\n", ["-S"]);
  expect(status).toBe(0);
  const answers = out.split("(qemu) ").slice(1);
  expect(answers.map((text) => text.split("\n")[0])).toEqual(["", "", "VM status: running", ""]);
});

test("a stopped machine that nobody can let run ends with a line", () => {
  const line = "emu: the machine is stopped, and neither gdb nor the monitor can let it run\n";
  expect(run(["-kernel", hello, "-S"])).toEqual({ status: 1, out: "", err: line });
  const asked = monitor("info status", ["-S"]);
  expect([asked.status, asked.err]).toEqual([1, line]);
  expect(asked.out).toMatch(/^emu \S+ monitor - .*\n\(qemu\) VM status: paused\n\(qemu\) $/);
});

test("an interrupted run leaves a complete debug console file and status 130", async () => {
  const log = path("chatty.txt");
  const child = spawn(process.execPath, [emu, "-kernel", chatty, "-debugcon", `file:${log}`], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let size = 0;
  while (size < 100_000 && child.exitCode === null) {
    await new Promise((resolve) => setTimeout(resolve, 25));
    try {
      size = readFileSync(log).length;
    } catch {
      size = 0;
    }
  }
  child.kill("SIGINT");
  const status = await new Promise((resolve) => child.on("close", resolve));
  expect(status).toBe(130);
  expect(readFileSync(log).length).toBeGreaterThanOrEqual(size);
  expect(size).toBeGreaterThan(0);
});

test("a reader that goes away ends the run without a stack trace", () => {
  const r = spawnSync("sh", ["-c", `${emu} -kernel ${chatty} -debugcon stdio | head -c 10`], {
    encoding: "utf8",
    timeout: HANG_MS,
  });
  expect([r.stdout, r.stderr]).toEqual(["0000000000", ""]);
});

test.skipIf(!hasTool("python3", ["-c", "import pty"]))(
  "on a terminal Ctrl-A X ends the run and the terminal is as before",
  () => {
    const driver = `
import os, pty, sys, termios, time, select
pid, fd = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], sys.argv[1:])
before = termios.tcgetattr(fd)
out = b""
def read_until(text, seconds=600):
    global out
    end = time.time() + seconds
    while text not in out and time.time() < end:
        if select.select([fd], [], [], 0.1)[0]:
            try: out += os.read(fd, 4096)
            except OSError: return
os.write(fd, b"")
time.sleep(0.1)
for _ in range(6000):
    if not termios.tcgetattr(fd)[3] & termios.ICANON: break
    time.sleep(0.1)
os.write(b"".__class__ and fd, b"xyz")
read_until(b"xyz")
os.write(fd, b"\\x01c")
read_until(b"(qemu)")
os.write(fd, b"info status\\r")
read_until(b"VM status: running")
os.write(fd, b"\\x01c\\x01x")
_, status = os.waitpid(pid, 0)
after = termios.tcgetattr(fd)
print("status", os.WEXITSTATUS(status), "restored", before == after, "echo", b"xyz" in out, "monitor", b"VM status: running" in out)
`;
    const r = spawnSync("python3", ["-c", driver, process.execPath, emu, "-kernel", echo], {
      encoding: "utf8",
      timeout: HANG_MS,
    });
    expect(r.stdout.trim(), r.stderr).toBe("status 0 restored True echo True monitor True");
  },
);

test.each([
  [["-kernal", "x"], "unknown option -kernal (did you mean -kernel?)"],
  [["-kernel"], "-kernel needs a value: -kernel FILE"],
  [["vmlinux"], '"vmlinux" is not an option; a kernel is given as -kernel vmlinux'],
  [["-m", "5X"], "-m 5X: expected a number with K, M or G"],
  [["-smp", "0"], "-smp 0: expected a number from 1 to 32"],
  [["-cpu", "hasswell"], "did you mean Haswell"],
  [["-icount", "shift=1"], "-icount shift=1: expected shift=0, 0"],
  [["-serial", "tty"], "-serial tty: expected stdio, vc, null, file:PATH, chardev:ID, unix:PATH"],
  [["-device", "e1001"], "-device e1001: expected isa-debug-exit"],
  [["-device", "isa-debug-exit,iobsae=1"], "(did you mean iobase?)"],
  [["-d", "interrupts"], "-d interrupts: expected int"],
  [["-machine", "isapc"], "-machine isapc: expected q35"],
  [["-rtc", "base=yesterday"], "expected utc, localtime or a date"],
  [["-serial", "stdio", "-serial", "mon:stdio"], "only one serial port can have standard input"],
  [Array(5).fill(["-serial", "null"]).flat(), "a PC has 4 serial ports at most"],
  [
    ["-boot", "cx"],
    '-boot cx: expected a (floppy), c (hard disk), d (CD) and n (network), not "x"',
  ],
  [["-boot", "menu=yes"], "-boot menu yes: expected on, off"],
  [["-monitor", "stdio", "-serial", "stdio"], "both want standard input"],
  [["-monitor", "stdio", "-qmp", "stdio"], "-monitor stdio and -qmp stdio both want"],
  [
    ["-monitor", "file:x"],
    "-monitor file:x: expected stdio, vc, none, chardev:ID, unix:PATH, tcp:HOST:PORT or telnet:HOST:PORT",
  ],
  [["-qmp", "tcp:localhost:99999,server"], "-qmp tcp:localhost:99999,server: expected stdio"],
  [["-serial", "unix:x,serve"], "-serial: serve: expected server, wait=on, wait=off, nowait"],
])("%s is refused with one line", (args, message) => {
  expect(() => parseArguments(args)).toThrow(UsageError);
  try {
    parseArguments(args);
  } catch (error) {
    expect((error as Error).message).toContain(message);
    expect((error as Error).message).not.toContain("\n");
  }
});

test("nothing is suggested for a word that is near none", () => {
  expect(() => parseArguments(["-frobnicate"])).toThrow(
    new UsageError("unknown option -frobnicate"),
  );
});

test("mistakes are one line on stderr: status 2 for the command line, 1 for the files", () => {
  const usage = run(["-kernal", "x"]);
  expect([usage.status, usage.out]).toEqual([2, ""]);
  expect(usage.err).toBe("emu: unknown option -kernal (did you mean -kernel?)\n");
  expect(run([]).err).toMatch(/^emu: nothing to boot.*\n$/);
  const directory = run(["-kernel", "/tmp"]);
  expect([directory.status, directory.err]).toEqual([1, "emu: kernel /tmp: it is a directory\n"]);
});

test("missing modules and unwritable files are one line", () => {
  const missing = run(["-kernel", hello, "-initrd", "/no/such module,x"]);
  expect([missing.status, missing.err]).toEqual([
    1,
    "emu: module /no/such: there is no such file\n",
  ]);
  const unwritable = run(["-kernel", hello, "-debugcon", "file:/no/such/dir/x"]);
  expect(unwritable.status).toBe(1);
  expect(unwritable.err).toMatch(/^emu: -debugcon: cannot write \/no\/such\/dir\/x: .*\n$/);
});

test("--help names every option", () => {
  const { status, out } = run(["--help"]);
  expect(status).toBe(0);
  for (const option of [
    "-kernel",
    "-initrd",
    "-append",
    "-m",
    "-smp",
    "-cpu",
    "-serial",
    "-s",
    "-S",
  ]) {
    expect(out).toMatch(new RegExp(`^ {2}${option}[ ,]`, "m"));
  }
});

test("-d int logs interrupts and exceptions to the file of -D", () => {
  run(["-kernel", triple, "-no-reboot", "-d", "int", "-D", path("log")]);
  expect(readFileSync(path("log"), "utf8")).toMatch(/CPU0: exception 0x06 #UD/);
});

test("-d in_asm shows each piece of code once, exec every time it runs", () => {
  const loop = file(
    "loop",
    guest((a) => {
      a.mov(ecx, 5);
      a.label("again", { global: true });
      a.dec(ecx).jnz("again");
    }),
  );
  run(["-kernel", loop, "-d", "in_asm,exec", "-D", path("log")]);
  const log = readFileSync(path("log"), "utf8");
  expect(log.match(/code at 0x[0-9a-f]+ \(again\)/g)?.length).toBe(1);
  expect(log).toMatch(/0x[0-9a-f]+: dec ecx/);
  // The first round is part of the entry's block.
  expect(log.match(/^CPU0: 0x[0-9a-f]+ again$/gm)?.length).toBe(4);
});

test("a disk that does not boot ends the run with a line that says so", () => {
  const disk = file("blank.img", new Uint8Array(1 << 20));
  const r = run(["-hda", disk]);
  expect(r.status).toBe(1);
  expect(r.err).toBe(
    `emu: nothing on ${disk} boots: expected a master boot record (55 AA at byte 510) or El Torito\n`,
  );
});

test.each([
  ["menu=on", undefined, undefined],
  ["strict=on,menu=off", undefined, undefined],
  ["d", ["cdrom", "disk", "floppy"], undefined],
  ["order=dc", ["cdrom", "disk", "floppy"], undefined],
  ["order=a,menu=on", ["floppy", "disk", "cdrom"], undefined],
  ["nb", ["network", "floppy", "disk", "cdrom"], undefined],
  ["once=d", undefined, ["cdrom", "disk", "floppy"]],
  ["order=c,once=d", ["disk", "floppy", "cdrom"], ["cdrom", "disk", "floppy"]],
])("-boot %s", (text, order, once) => {
  const { bootOrder, bootOnce } = parseArguments(["-hda", "x", "-boot", text]);
  expect([bootOrder, bootOnce]).toEqual([order, once]);
});

test.each([
  [["-m", "66000M"], "-m 66000M: expected 2M to 64G"],
  [["-m", "0"], "-m 0: expected 2M to 64G"],
  [
    ["-smp", "3,cores=2"],
    "-smp 3,cores=2: 3 CPUs are not 2 (sockets × dies × clusters × cores × threads)",
  ],
  [["-smp", "cores=x"], "-smp cores x: expected a number from 1 to 32"],
])("sizes that cannot be are mistakes on the command line: %s", (args, message) => {
  expect(() => parseArguments(["-kernel", hello, ...args])).toThrow(new UsageError(message));
});

test("CPUs may be given as a topology", () => {
  const cpus = (text: string) => parseArguments(["-kernel", hello, "-smp", text]).cpus;
  expect(cpus("4,cores=2")).toBe(4);
  expect(cpus("sockets=2,cores=2,threads=2")).toBe(8);
  expect(cpus("cpus=4,sockets=1,cores=4")).toBe(4);
});

test("drives are attached as QEMU attaches them", () => {
  const disks = (...args: string[]) => parseArguments(args).disks;
  expect(disks("-hdb", "b", "-cdrom", "c", "-hda", "a", "-fda", "f")).toMatchObject([
    { kind: "disk", path: "a" },
    { kind: "floppy", path: "f" },
    { kind: "disk", path: "b" },
    { kind: "cdrom", path: "c" },
  ]);
  const stick = ["-usb", "-device", "usb-storage,drive=s,bootindex=1"];
  expect(disks(...stick, "-drive", "if=none,id=s,file=x,readonly=on")).toMatchObject([
    { kind: "disk", path: "x", bus: "usb", readOnly: true, bootIndex: 1 },
  ]);
  const cd = ["-drive", "if=none,id=c,file=x,format=raw", "-device", "ide-cd,drive=c"];
  expect(disks(...cd)).toMatchObject([{ kind: "cdrom", path: "x", bus: "ata" }]);
  expect(disks("-drive", "file=a,,b,bus=1,unit=1")).toMatchObject([{ path: "a,b", index: 3 }]);
  const floppy = ["-drive", "if=none,id=f,file=x", "-device", "floppy,drive=f,unit=1"];
  expect(disks(...floppy)).toMatchObject([{ kind: "floppy", index: 1 }]);
});

test("-machine pc has two IDE channels with two drives each", () => {
  const pc = (...args: string[]) => parseArguments(["-machine", "pc", ...args]);
  expect(pc("-kernel", "k").machine).toBe("pc");
  expect(parseArguments(["-M", "pc-i440fx-7.2", "-kernel", "k"]).machine).toBe("pc");
  expect(parseArguments(["-kernel", "k"]).machine).toBe("q35");
  const drive = (id: string): string[] => ["-drive", `if=none,id=${id},file=${id}`];
  const four = ["a", "b", "c", "d"].flatMap(drive);
  const { disks } = pc(
    ...four,
    ...["-device", "ide-hd,drive=a,bus=ide.1", "-device", "ide-cd,drive=b,bus=ide.1"],
    ...["-device", "ide-hd,drive=c,bus=ide.0,unit=1", "-device", "ide-hd,drive=d"],
  );
  const at = (path: string) => disks.find((disk) => disk.path === path)?.index;
  expect(["a", "b", "c", "d"].map(at)).toEqual([2, 3, 1, undefined]);
  const refused = (device: string) => () => pc(...drive("a"), "-device", device);
  expect(refused("ide-hd,drive=a,unit=2")).toThrow(/bus supports only 2 units$/);
  expect(refused("ide-hd,drive=a,bus=ide.2")).toThrow(/not found; there are ide.0 to ide.1$/);
});

test("virtio devices take their disks and options", () => {
  const options = parseArguments([
    ...["-device", "virtio-blk-pci,drive=n,serial=S,bootindex=2,addr=0x1e,num-queues=2"],
    ...["-drive", "if=virtio,file=v", "-drive", "if=none,id=n,file=x,readonly=on"],
    ...["-object", "rng-random,filename=/dev/urandom,id=r"],
    ...["-device", "virtio-rng-pci,rng=r,disable-legacy=on,event_idx=off"],
  ]);
  expect(options.devices).toEqual([
    { kind: "virtio-blk-pci", options: { addr: 30, "num-queues": 2, drive: 0 } },
    { kind: "virtio-rng-pci", options: { "disable-legacy": 1, event_idx: 0 } },
  ]);
  expect(options.disks).toMatchObject([
    { path: "x", bus: "virtio", index: 0, serial: "S", bootIndex: 2, persistent: false },
    { path: "v", bus: "virtio", persistent: true },
  ]);
});

test("ports of virtio consoles have QEMU's numbers, and the devices that they name", () => {
  const options = parseArguments([
    ...["-device", "virtio-serial,id=v", "-device", "virtserialport,chardev=f,name=org.x"],
    ...["-device", "virtconsole,chardev=s", "-device", "virtconsole", "-chardev", "stdio,id=s"],
    ...["-chardev", "file,id=f,path=x", "-chardev", "socket,id=t,path=y,server=on,wait=off"],
    ...["-device", "virtserialport,chardev=t,nr=7"],
  ]);
  expect(options.devices).toEqual([
    { kind: "virtio-serial-pci", options: {} },
    { kind: "virtserialport", options: { nr: 1, line: 0 }, label: "org.x" },
    { kind: "virtconsole", options: { nr: 0, line: 1 } },
    { kind: "virtconsole", options: { nr: 2, line: 2 } },
    { kind: "virtserialport", options: { nr: 7, line: 3 } },
  ]);
  // Standard input is the console's, so COM1 has none.
  expect(linesOf(options)).toMatchObject([
    ...[{ kind: "null" }, { kind: "none" }, { kind: "none" }, { kind: "none" }],
    ...[{ kind: "file", path: "x" }, { kind: "stdio" }, { kind: "null" }],
    { kind: "unix", path: "y", server: true, wait: false },
  ]);
});

test.each([
  [["-device", "virtconsole"], /No 'virtio-serial-bus' bus found for device 'virtconsole'$/],
  [
    ["-device", "virtio-serial-pci", "-device", "virtconsole,chardev=c"],
    /^-device virtconsole: there is no -chardev with id=c$/,
  ],
  [["-chardev", "stdio"], /Parameter 'id' is missing$/],
  [["-chardev", "pty,id=p"], /^-chardev pty: expected stdio, null, vc, file, socket$/],
  [["-chardev", "file,id=p"], /expected path=PATH$/],
  [["-chardev", "null,id=p", "-chardev", "null,id=p"], /^-chardev id=p: Duplicate ID$/],
  [["-drive", "if=none,file=x"], /^-drive if=none,file=x: if=none needs id=ID/],
  [["-drive", "if=none,id=a,file=x"], /^-drive id=a is attached to nothing/],
  [
    ["-drive", "if=none,id=stick,file=x", "-device", "usb-storage,drive=stik"],
    /^-device usb-storage: there is no -drive if=none,id=stik for it \(did you mean stick\?\)$/,
  ],
  [["-device", "usb-storage"], /^-device usb-storage: expected drive=ID/],
  [
    ["-drive", "if=none,id=a,file=x", "-device", "ide-hd,drive=a", "-device", "ide-cd,drive=a"],
    /^-device ide-cd: Drive 'a' is already in use by another device$/,
  ],
  [
    ["-drive", "if=none,id=a,file=x", "-device", "ide-hd,drive=a,bus=ide.0,unit=1"],
    /Can't create IDE unit 1, bus supports only 1 units$/,
  ],
  [
    ["-drive", "if=none,id=a,file=x", "-device", "ide-hd,drive=a,bus=ide.7"],
    /Bus 'ide.7' not found/,
  ],
  [
    ["-device", "virtio-blk-pci,drive=a,addr=20"],
    /^-device virtio-blk-pci: addr 0x20: expected a number from 1 to 30$/,
  ],
  [["-device", "virtio-rng-pci,disable-legacy=yes"], /disable-legacy=yes: expected on, off, auto$/],
  [["-device", "virtio-rng-pci,rng=r"], /rng=r: there is no -object of this name$/],
  [["-object", "rng-egd,id=r"], /^-object rng-egd: expected rng-builtin, rng-random/],
  [["-drive", "file=x,if=scsi"], /^-drive if=scsi: .* if=ide, the default, is the nearest$/],
  [["-drive", "file=x,format=vmdk"], /there is no reader for vmdk images; qemu-img convert/],
  [["-drive", "file=x,format=qcov2"], /expected raw, qcow2 \(did you mean qcow2\?\)$/],
  [["-drive", "file=x,bus=1,index=1"], /index cannot be used with bus and unit$/],
  [["-drive", "file=x,unit=2"], /unit 2 too big \(max is 1\)$/],
  [["-blockdev", "driver=file,filename=x"], /expected node-name=NAME$/],
  [["-blockdev", "driver=qcow2,node-name=a"], /expected file.filename=PATH or file=NODE$/],
  [["-blockdev", "driver=nbd,node-name=a"], /^-blockdev driver nbd: expected raw, qcow2/],
  [["-blockdev", "{"], /^-blockdev \{: /],
  [
    ["-blockdev", "file,node-name=a,filename=x", "-blockdev", "file,node-name=a,filename=x"],
    /Duplicate nodes with node-name='a'$/,
  ],
  [["-blockdev", "file,node-name=a,filename=x"], /^-blockdev node-name=a is attached to nothing/],
  [
    ["-snapshot", "-blockdev", "file,node-name=a,filename=x", "-device", "ide-hd,drive=a"],
    /^-snapshot: -blockdev would be written all the same/,
  ],
])("drives that lead nowhere are mistakes on the command line: %s", (args, message) => {
  expect(() => parseArguments(args)).toThrow(message);
});

test.each([
  [":1", { host: "127.0.0.1", display: 1, password: false }],
  ["localhost:0", { host: "localhost", display: 0, password: false }],
  ["[::1]:2", { host: "::1", display: 2, password: false }],
  ["127.0.0.1:2,password=on", { host: "127.0.0.1", display: 2, password: true }],
  ["0.0.0.0:3", { host: "0.0.0.0", display: 3, password: true }],
  ["[::]:3", { host: "::", display: 3, password: true }],
  ["127.0.0.1.example:3", { host: "127.0.0.1.example", display: 3, password: true }],
  ["0.0.0.0:3,password=off", { host: "0.0.0.0", display: 3, password: false }],
  ["none", undefined],
])("-vnc %s asks for a password where others can connect", (text, wanted) => {
  expect(parseArguments(["-kernel", hello, "-vnc", text]).vnc).toEqual(wanted);
});
