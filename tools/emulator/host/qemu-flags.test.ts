// Command lines that work with QEMU: every flag of its help is taken, accepted without effect or refused with a reason, and
// the manual says which.

import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { HANG_MS, hasQemu, QEMU } from "../../testing/host-tools.ts";
import { guest } from "../platform/testdata/guest.ts";
import { FLAG_NAMES, parseArguments } from "./cli-options.ts";
import { UsageError } from "./cli-values.ts";
import { ACCEPTED_FLAGS, REFUSED_FLAGS } from "./qemu-flags.ts";

const emu = fileURLToPath(new URL("../../bin/emu", import.meta.url));
const manual = readFileSync(new URL("../../../docs/emulator.md", import.meta.url), "utf8");
const directory = mkdtempSync(join(tmpdir(), "emu-flags-"));
afterAll(() => rmSync(directory, { recursive: true }));

const namesOf = (flags: readonly { names: readonly string[] }[]): string[] =>
  flags.flatMap(({ names }) => names);
const accepted = namesOf(ACCEPTED_FLAGS);
const refused = namesOf(REFUSED_FLAGS);

/** Flags in the row of the manual's table that begins with `head`. */
function rowOf(head: string): string[] {
  const row = manual.split("\n").find((line) => line.startsWith(`| ${head} |`)) ?? "";
  return [...row.matchAll(/`(-[\w-]+)/g)].map(([, name = ""]) => name);
}

describe("QEMU's flags", () => {
  it.skipIf(!hasQemu)("are all known", () => {
    const { stdout } = spawnSync(QEMU, ["-help"], { encoding: "utf8" });
    const lines = [...stdout.matchAll(/^-{1,2}([a-z][\w-]*)(?: or -(\w+))?/gm)];
    const words = lines.flatMap(([, one = "", other]) => (other ? [one, other] : [one]));
    expect(words.length).toBeGreaterThan(100);
    const known = new Set([...FLAG_NAMES, ...accepted, ...refused]);
    expect(words.map((word) => `-${word}`).filter((name) => !known.has(name))).toEqual([]);
  });

  it("are in one row of the manual's table each", () => {
    const here = FLAG_NAMES.filter((name) => !name.startsWith("-record") && name !== "-replay");
    expect(rowOf("taken").sort()).toEqual(here.sort());
    expect(rowOf("accepted without effect").sort()).toEqual([...accepted].sort());
    expect(rowOf("refused").sort()).toEqual([...refused].sort());
    expect(new Set([...FLAG_NAMES, ...accepted, ...refused]).size).toBe(
      FLAG_NAMES.length + accepted.length + refused.length,
    );
  });

  it.each(
    [
      "-enable-kvm -cpu max -smp 2",
      "-accel tcg,thread=multi,tb-size=64",
      "-accel kvm -accel tcg",
      "-machine q35,accel=kvm:tcg,smm=off,usb=off,vmport=off,kernel-irqchip=on",
      "-M q35,dump-guest-core=off,mem-merge=off",
      "-net none -parallel none -no-shutdown -no-reboot",
      "-nic none -audiodev none,id=snd0 -k en-us -L /usr/share/qemu",
      "-name guest=vm,process=vm0,debug-threads=on -msg timestamp=on",
      "-action reboot=shutdown,shutdown=pause,panic=exit-failure",
      "-rtc base=utc,driftfix=slew -echr 0x1",
      "-no-user-config -nodefaults -overcommit mem-lock=off -mem-prealloc",
      "-m size=64M",
      "-smp 8,sockets=1,dies=1,clusters=1,cores=4,threads=2",
    ].map((line) => [line]),
  )("in %s change nothing", (line) => {
    expect(() => parseArguments(["-kernel", "k", ...line.split(" ")])).not.toThrow();
  });

  const parsed = (line: string) => parseArguments(["-kernel", "k", ...line.split(" ")]);

  it("of usual lines make what they make there", () => {
    expect(
      parsed("-machine pc-q35-6.2 -cpu host,migratable=no,+invtsc -m size=512M,slots=4,maxmem=4G"),
    ).toMatchObject({ machine: "q35", memory: 512 << 20, warnings: [] });
    expect(
      parsed("-machine pc-i440fx-2.12,usb=on -device usb-tablet -usbdevice keyboard"),
    ).toMatchObject({ machine: "pc", usb: ["tablet", "keyboard"] });
    expect(
      parsed("-usb -device qemu-xhci,id=xhci -device usb-kbd,bus=xhci.0 -device usb-mouse").usb,
    ).toEqual(["keyboard", "mouse"]);
    expect(parsed("-device qemu-xhci").usb).toEqual([]);
    expect(
      parsed(
        "-object memory-backend-ram,id=m,size=64M -machine q35,memory-backend=m -m 64M -numa node,memdev=m",
      ).memory,
    ).toBe(64 << 20);
    expect(
      parsed("-global kvm-pit.lost_tick_policy=discard -nodefaults -device VGA,vgamem_mb=16").vga,
    ).toBe(true);
    expect(
      parsed("-device isa-debugcon,iobase=0x402,chardev=c -device isa-serial -chardev null,id=c"),
    ).toMatchObject({
      debugconPort: 0x402,
      debugcon: { kind: "null" },
      serials: [{ kind: "null" }],
    });
  });

  it("of threads of the host change nothing", () => {
    const disk = "-drive if=none,id=d,file=d -device virtio-blk-pci,drive=d";
    const line = `-object iothread,id=io,poll-max-ns=0 ${disk},iothread=io`;
    const { devices, disks } = parsed(disk);
    expect(parsed(line)).toMatchObject({ devices, disks });
  });

  it.each([
    ["-no-acpi -no-hpet", ["acpi", "hpet"]],
    ["-machine pc,acpi=off,hpet=off", ["acpi", "hpet"]],
    ["-no-hpet -machine hpet=on,acpi=auto", []],
    ["-global PIIX4_PM.disable_s3=1 -global PIIX4_PM.disable_s4=1", ["s3"]],
    ["-global ICH9-LPC.disable_s3=on -global ICH9-LPC.disable_s3=0", []],
  ])("%s: what the board is without", (line, parts) => {
    expect([...parsed(line).without]).toEqual(parts);
  });

  it("of drives that concern the host's file alone change nothing", () => {
    const drive = "file=d.img,format=raw,cache=none,aio=threads,discard=unmap,detect-zeroes=on";
    expect(parseArguments(["-drive", drive]).disks).toEqual(
      parseArguments(["-drive", "file=d.img,format=raw"]).disks,
    );
  });

  it("reboot=shutdown is -no-reboot, and =reset is how it is without", () => {
    const reboots = (...args: string[]) => parseArguments(["-kernel", "k", ...args]).reboot;
    expect(reboots("-action", "reboot=shutdown")).toBe(false);
    expect(reboots("-action", "reboot=reset")).toBe(true);
  });

  it.each([
    ["-net user", "-net: there is no card on the hub: -net nic makes one"],
    ["-netdev tap,id=n", "-netdev tap: expected user, socket"],
    ["-parallel stdio", "-parallel stdio: there is no parallel port"],
    ["--preconfig", "--preconfig is QEMU's and not here"],
    ["-no-fd-bootchk", "-no-fd-bootchk is QEMU's and not here: the BIOS is a part of the machine"],
    ["-numa node -numa node", "memory is one node"],
    ["-device usb-tablet,speed=1", "-device usb-tablet: unknown property speed"],
    ["-device isa-debugcon,chardev=x", "there is no -chardev with id=x"],
    ["-loadvm a -replay r", "-replay: runs are recorded from the start on, without -loadvm"],
    ["-device VGA,vgamem_mb=64", "vgamem_mb"],
    ["-usbdevice serial", "-usbdevice serial: expected keyboard, mouse, tablet"],
    ["-machine pc-q35-x", "-machine pc-q35-x: expected q35"],
    ["-k", "-k needs a value"],
    ["-net", "-net needs a value"],
    ["-machine hpet=no", "-machine hpet no: expected on, off, auto"],
    ["-global ICH9-LPC.disable_s3=2", "-global ICH9-LPC.disable_s3=2: only"],
    ["-machine q35,smm=on", "-machine smm on: expected off, auto"],
    ["-action reboot=none", "-action reboot none: expected reset, shutdown"],
    ["-nographik", "unknown option -nographik (did you mean -nographic?)"],
    ["-enable-kmv", "unknown option -enable-kmv (did you mean -enable-kvm?)"],
  ])("%s is refused with one line", (line, message) => {
    const parse = () => parseArguments(["-kernel", "k", ...line.split(" ")]);
    expect(parse).toThrow(UsageError);
    expect(parse).toThrow(message);
  });

  it("list what they take where help is asked for", () => {
    const list = (...args: string[]) => parseArguments(args).listing;
    expect(list("-cpu", "help")).toMatch(/^default\nmax\n([\w-]+\n)+$/);
    expect(list("-machine", "?")).toContain("q35\n");
    expect(list("-device", "help")).toContain("isa-debug-exit\n");
    const { status, stdout, stderr } = spawnSync(process.execPath, [emu, "-display", "help"], {
      encoding: "utf8",
      timeout: HANG_MS,
    });
    expect([status, stdout, stderr]).toEqual([0, "none\nweb\ncurses\n", ""]);
  });

  it("-pidfile names the process as long as it is there", async () => {
    const path = join(directory, "pid");
    const waits = join(directory, "waits");
    writeFileSync(
      waits,
      guest((a) => {
        a.label("wait");
        a.sti().hlt().jmp("wait");
      }),
    );
    const child = spawn(process.execPath, [emu, "-kernel", waits, "-pidfile", path], {
      stdio: ["pipe", "ignore", "ignore"],
      timeout: HANG_MS,
    });
    const ended = once(child, "exit");
    while (child.exitCode === null && !existsSync(path)) await setTimeout(20);
    // The file is there before its text is.
    while (child.exitCode === null && readFileSync(path, "utf8") === "") await setTimeout(20);
    expect(readFileSync(path, "utf8")).toBe(`${child.pid}\n`);
    child.kill("SIGTERM");
    await ended;
    expect(existsSync(path)).toBe(false);
    const { status, stderr } = spawnSync(
      process.execPath,
      [emu, "-kernel", waits, "-pidfile", directory],
      { encoding: "utf8", timeout: HANG_MS },
    );
    expect(status).toBe(1);
    expect(stderr).toMatch(/^emu: -pidfile: cannot write .*\n$/);
  });
});
