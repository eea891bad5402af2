// The monitor's answers that are its own: help and completion, pictures, snapshots, lists of devices, and refusals.

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decode } from "fast-png";
import { afterAll, expect, test } from "vitest";
import { hasQemu } from "../../testing/host-tools.ts";
import { RunControl } from "../debug/run-control.ts";
import { Machine, type MachineOptions } from "../host/machine.ts";
import { SnapshotFiles } from "../host/snapshot-files.ts";
import { writeWholeFile } from "../host/whole-file.ts";
import { Monitor } from "./monitor.ts";
import { pagingGuest } from "./testdata/paging-guest.ts";
import { QemuMonitor } from "./testdata/qemu-monitor.ts";

const folder = mkdtempSync(join(tmpdir(), "emu-monitor-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function start(options: MachineOptions = {}) {
  const machine = await Machine.create({ kernel: pagingGuest("off"), memory: "16M", ...options });
  const control = new RunControl(machine, true);
  const snapshots = new SnapshotFiles(folder);
  const monitor = new Monitor(control, { quit() {}, writeFile: writeWholeFile, snapshots });
  const ask = (line: string): Promise<string> => monitor.execute(line);
  return { machine, control, monitor, ask };
}

test.skipIf(!hasQemu)("interrupt controllers are shown as on QEMU", async () => {
  const qemu = await QemuMonitor.boot(pagingGuest("off"));
  try {
    const { machine, ask } = await start();
    machine.runSync();
    for (const line of ["info pic", "info lapic", "info lapic 0"]) {
      const theirs = (await qemu.human(line)).split("\n");
      const mine = (await ask(line)).split("\n");
      // Lines begin alike; what follows depends on what firmware has left.
      const beginning = (row: string): string => row.split(/[\t=]| 0x/)[0] ?? "";
      expect(mine.map(beginning)).toEqual(theirs.map(beginning));
      // Where values are the same, so is everything.
      const masked = theirs.filter((row) => /pin (1[6-9]|2) /.test(row) || row.startsWith("LVTPC"));
      for (const row of masked) expect(mine).toContain(row);
    }
    const pci = (text: string): string => text.split("Bus  0, device  31, function 2")[0] ?? "";
    const theirs = pci(await qemu.human("info pci")).replace(/ +BAR6.*\n/, "");
    const bars = (text: string): string => text.replace(/at 0xfe\w+ \[0x\w+\]/, "at 0xfe… […]");
    expect(bars(pci(await ask("info pci"))).trimEnd()).toBe(bars(theirs).trimEnd());
  } finally {
    qemu.close();
  }
});

test("help lists every command, and tells of one", async () => {
  const { ask } = await start();
  const help = await ask("help");
  for (const name of ["info", "sendkey", "screendump", "savevm", "system_powerdown", "gdbserver"]) {
    expect(help).toMatch(new RegExp(`^${name}[ |]`, "m"));
    expect(help).toContain(await ask(`help ${name === "info" ? "cont" : name}`));
  }
  expect(await ask("help nothing")).toBe(
    "unknown command: 'nothing'; help lists those there are\n",
  );
  expect(await ask("help info")).toMatch(/^info registers \[-a\|vcpu\] -- /m);
});

test("words are completed by what can follow", async () => {
  const { monitor } = await start();
  expect(await monitor.complete("scr")).toEqual({ words: ["screendump"], last: "scr" });
  expect((await monitor.complete("info reg")).words).toEqual(["registers"]);
  expect((await monitor.complete("sendkey ctrl")).words).toEqual(["ctrl", "ctrl_r"]);
  expect((await monitor.complete("p/x $r1")).words).toContain("$r15");
  expect((await monitor.complete("nothing x")).words).toEqual([]);
});

test("lines that were typed are listed, each once, and only the last ones", async () => {
  const { monitor, ask } = await start();
  for (const line of ["info name", "p 1", "info name", "", "info history"]) monitor.remember(line);
  expect(await ask("info history")).toBe("0: 'p 1'\n1: 'info name'\n2: 'info history'\n");
  for (let i = 0; i < 100; i++) monitor.remember(`p ${i}`);
  expect((await ask("info history")).split("\n").slice(62)).toEqual([
    "62: 'p 98'",
    "63: 'p 99'",
    "",
  ]);
});

test("what the host says of itself and of its VNC server is told", async () => {
  const { control, ask } = await start();
  expect(await ask("info version")).toBe("unknown (trihedron)\n");
  expect(await ask("info name")).toBe("");
  expect(await ask("info vnc")).toBe("Server: disabled\n");
  const client = { host: "::1", port: 4711, family: "ipv6" } as const;
  const times: number[] = [];
  const vnc = {
    ...{ asksPassword: true, clients: [client], setPassword() {} },
    address: { host: "127.0.0.1", port: 5903, family: "ipv4" } as const,
    expirePassword: (when: number) => void times.push(when),
  };
  const other = new Monitor(control, { quit() {}, version: "1.2.3", name: "one", vnc });
  expect(await other.execute("info version")).toBe("1.2.3 (trihedron)\n");
  expect(await other.execute("info name")).toBe("one\n");
  expect(await other.execute("info vnc")).toBe(
    "default:\n  Server: 127.0.0.1:5903 (ipv4)\n    Auth: vnc (Sub: none)\n  Client: [::1]:4711 (ipv6)\n",
  );
  for (const time of ["now", "never", "12"]) await other.execute(`expire_password vnc ${time}`);
  expect(times).toEqual([0, Number.POSITIVE_INFINITY, 12_000]);
  const before = Date.now();
  expect(await other.execute("expire_password vnc +60")).toBe("");
  expect(times[3]).toBeGreaterThanOrEqual(before + 60_000);
  expect(times[3]).toBeLessThanOrEqual(Date.now() + 60_000);
  expect(await other.execute("expire_password vnc soon")).toMatch(
    /^expire_password: soon: expected/,
  );
});

test("screendump writes what the screen shows, as PPM and as PNG", async () => {
  const { machine, ask } = await start();
  const { width, height, data } = machine.screenRgba() ?? { width: 0, height: 0, data: [] };
  const rgb = [...data].filter((_, i) => i % 4 !== 3);
  const file = (name: string): string => join(folder, name);
  expect(await ask(`screendump ${file("a.ppm")}`)).toBe("");
  const ppm = readFileSync(file("a.ppm"));
  const header = `P6\n${width} ${height}\n255\n`;
  expect(ppm.subarray(0, header.length).toString()).toBe(header);
  expect(Buffer.compare(ppm.subarray(header.length), Buffer.from(rgb))).toBe(0);
  for (const line of [file("b.png"), `-f png "${file("c d")}"`, `${file("e")} -f png`]) {
    expect(await ask(`screendump ${line}`)).toBe("");
  }
  for (const name of ["b.png", "c d", "e"]) {
    const png = decode(readFileSync(file(name)));
    expect([png.width, png.height, png.channels, png.depth]).toEqual([width, height, 3, 8]);
    expect(Buffer.compare(Buffer.from(png.data as Uint8Array), Buffer.from(rgb))).toBe(0);
  }
  expect(Buffer.from(machine.screenshot() ?? []).equals(readFileSync(file("b.png")))).toBe(true);
});

test("a snapshot in a file brings the machine back, in another process too", async () => {
  const { machine, ask } = await start();
  machine.runSync({ instructions: 8 });
  expect(await ask("savevm here")).toBe("");
  const hash = machine.stateHash();
  machine.runSync();
  expect(machine.stateHash()).not.toBe(hash);
  const other = await start();
  expect(await other.ask("loadvm here")).toBe("");
  expect(other.machine.stateHash()).toBe(hash);
  expect(await ask("loadvm here")).toBe("");
  machine.runSync();
  other.machine.runSync();
  expect(other.machine.stateHash()).toBe(machine.stateHash());
  expect(await ask("info snapshots")).toMatch(/^1 +here +\d+ +\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/m);
  expect(await ask("delvm here")).toBe("");
  expect(await ask("info snapshots")).toBe("There is no snapshot available.\n");
  expect(await ask("loadvm here")).toMatch(/^loadvm: there is no snapshot 'here'; info snapshots/);
});

test("a damaged snapshot, or one of another machine, changes nothing", async () => {
  const { machine, ask } = await start();
  await ask("savevm good");
  const good = readFileSync(join(folder, "good.vmstate"));
  const hash = machine.stateHash();
  const put = (name: string, bytes: Uint8Array): void =>
    writeFileSync(join(folder, `${name}.vmstate`), bytes);
  const bent = Buffer.from(good);
  bent[good.length >> 1] = (bent[good.length >> 1] ?? 0) ^ 1;
  put("bent", bent);
  put("cut", good.subarray(0, good.length - 100));
  put("empty", new Uint8Array(0));
  put("text", Buffer.from("no snapshot at all\n"));
  put("later", Buffer.concat([Buffer.from("trihedron snapshot 99 0\n"), good]));
  for (const [name, message] of [
    ["bent", "damaged"],
    ["cut", "damaged"],
    ["empty", "no snapshot"],
    ["text", "no snapshot"],
    ["later", "format 99"],
    ["../good", "expected letters"],
  ]) {
    expect(await ask(`loadvm ${name}`)).toContain(message);
    expect(machine.stateHash()).toBe(hash);
  }
  const bigger = await start({ memory: "32M", cpus: 2 });
  const theirs = bigger.machine.stateHash();
  expect(await bigger.ask("loadvm good")).toMatch(
    /the snapshot is of a machine with 16777216 bytes/,
  );
  const poorer = await start({ vga: false });
  const before = poorer.machine.stateHash();
  expect(await poorer.ask("loadvm good")).toMatch(/the snapshot has a device vga/);
  expect([bigger.machine.stateHash(), poorer.machine.stateHash()]).toEqual([theirs, before]);
});

test("files that cannot be written are refused and leave nothing behind", async () => {
  const { ask } = await start();
  const before = readdirSync(folder);
  expect(await ask(`screendump ${folder}/no/such/x.png`)).toBe(
    `screendump: failed to open file '${folder}/no/such/x.png': No such file or directory\n`,
  );
  expect(await ask(`pmemsave 0x100000 0x7fffffff "${folder}/m"`)).toMatch(
    /^pmemsave: cannot access memory at 0x1000000: nothing is saved\n$/,
  );
  expect(readdirSync(folder)).toEqual(before);
  expect(await ask(`pmemsave 0x100000 4 "${folder}/m"`)).toBe("");
  expect(readFileSync(join(folder, "m")).readUInt32LE()).toBe(0x1badb002);
});

test("stop, cont, reset and the power button tell those who watch", async () => {
  const { machine, control, ask } = await start();
  const seen: string[] = [];
  control.onHalt.add(({ kind }) => seen.push(kind));
  control.onEvent.add(({ kind }) => seen.push(kind));
  expect(await ask("info status")).toBe("VM status: paused\n");
  await ask("cont");
  expect(await ask("info status")).toBe("VM status: running\n");
  await ask("stop");
  await ask("stop");
  await ask("system_powerdown");
  machine.runSync({ instructions: 100 });
  const time = machine.core.instructions();
  await ask("system_reset");
  expect(seen).toEqual(["resume", "paused", "power-button", "reset"]);
  expect(machine.cpus[0]?.general("rax")).toBe(0x2badb002n);
  expect(machine.core.instructions()).toBe(time);
});

test("who answers where is listed", async () => {
  const { ask } = await start();
  const tree = await ask("info mtree");
  expect(tree).toContain("  00000000fec00000-00000000fec00fff (prio 0, i/o): ioapic\n");
  expect(tree).toContain("  00000000000003f8-00000000000003ff (prio 0, i/o): ");
  expect(await ask("info cpus")).toMatch(/^\* CPU #0: thread_id=1 pc=0x0000000000100/);
  expect(await ask("info irq")).toMatch(/^IRQ statistics for ioapic:$/m);
});

test.each([
  ["foo", "unknown command: 'foo'; help lists those there are"],
  ["info foo", "info: unknown command: 'info foo'; expected block, "],
  ["x", "x: unexpected end of expression"],
  ["x /z 1", "x: invalid char in format: 'z'"],
  ["x /999999 1", "x: /999999: at most 65536 items"],
  ["p $foo", "print: unknown register $foo"],
  ["p nowhere", "print: there is no symbol nowhere"],
  ["p 1 2", "print: extraneous characters at the end of line: 2"],
  ["p 7/0", "print: division by zero"],
  ["p 99999999999999999999", "print: number too large"],
  ["p 09", "print: 09: a number that begins with 0 is octal"],
  [`p ${"(".repeat(5000)}1`, "print: the expression is nested too deeply"],
  ['screendump "x', 'screendump: the string "x has no closing quote'],
  ["screendump -f gif x", "screendump: format gif: expected ppm or png"],
  ["screendump", "screendump: expected the name of a file"],
  ["stop 1", "stop: extraneous characters at the end of line: 1"],
  ["cpu 5", "cpu: 5: expected the number of a CPU, 0 to 0"],
  ["savevm a/b", "savevm: 'a/b': expected letters, digits"],
  ["mouse_set 3", "mouse_set: mouse at index '3' not found"],
  ["boot_set z", 'boot_set: expected a (floppy), c (hard disk), d (CD) and n (network), not "z"'],
  ["sum 0xffff00 257", "sum: cannot access memory at 0x1000000"],
  ["set_password vnc x", "set_password: there is no VNC server with a password"],
  ["set_password vnc x fail", "set_password: fail: clients of VNC can only be kept"],
  ["set_password spice x", "set_password: invalid parameter value: spice"],
  ["expire_password vnc now", "expire_password: there is no VNC server with a password"],
  ["log int", "log: there is no log here"],
  ["gdbserver", "gdbserver: gdb cannot connect here"],
  ["i /g 1", "i: ports are read and written by b, h or w"],
  ["o 0x12345 1", "o: port 0x12345: expected 0 to 0xffff"],
])("%s is refused in one line", async (line, message) => {
  const { ask } = await start();
  const answer = await ask(line);
  expect(answer.startsWith(message), answer).toBe(true);
  expect(answer.indexOf("\n")).toBe(answer.length - 1);
});
