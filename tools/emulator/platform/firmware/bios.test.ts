// The BIOS against QEMU's: a boot sector asks the same questions of both and must print the same
// answers. CDs are checked with images built here after the El Torito specification.

import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import {
  type Assembler,
  ah,
  al,
  ax,
  bx,
  byte,
  cx,
  di,
  dl,
  dword,
  dx,
  eax,
  ebx,
  ecx,
  edx,
  es,
  si,
  word,
} from "../../../asm/index.ts";
import { HANG_MS, hasQemu, QEMU } from "../../../testing/host-tools.ts";
import { RunControl } from "../../debug/run-control.ts";
import { Machine, type MachineOptions } from "../../host/machine.ts";
import { Monitor } from "../../monitor/monitor.ts";
import { bootCd } from "../testdata/boot-cd.ts";
import { bootSector } from "../testdata/boot-sector.ts";

const directory = mkdtempSync(join(tmpdir(), "bios-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const show16 = (a: Assembler): void => {
  a.and(eax, 0xffff).call("hex");
};

const questions: Record<string, (a: Assembler) => void> = {
  "memory map by E820": (a) => {
    a.xor(ebx, ebx);
    a.label("next");
    a.mov(di, 0x9000).mov(eax, 0xe820).mov(edx, 0x534d4150).mov(ecx, 20).int(0x15).jc("over");
    for (const at of [0x9000, 0x9004, 0x9008, 0x900c, 0x9010]) a.mov(eax, dword(at)).call("hex");
    a.test(ebx, ebx).jnz("next");
    a.label("over");
  },
  "memory sizes by INT 12h, E801h and 88h": (a) => {
    a.int(0x12);
    show16(a);
    a.mov(ax, 0xe801).int(0x15).push(bx);
    show16(a);
    a.pop(ax);
    show16(a);
  },
  "sectors by block address and by geometry": (a) => {
    a.mov(si, "packet").mov(ah, 0x42).mov(dl, byte("drive")).int(0x13).jc("failed");
    a.mov(si, 0x8000).call("puts");
    a.mov(ax, 0x0201).mov(bx, 0x8200).mov(cx, 2).mov(dx, 0x80).int(0x13).jc("failed");
    a.mov(si, 0x8200).call("puts");
    a.mov(ax, 0x0201).mov(bx, 0x8200).mov(cx, 0).mov(dx, 0x80).int(0x13).jnc("failed");
    a.mov(al, ah);
    show16(a);
    a.jmp("read");
    a.label("failed");
    a.mov(eax, 0xdead).call("hex");
    a.jmp("read").align(4, 0);
    a.label("packet");
    a.db(16, 0).dw(1, 0x8000, 0).dd(1, 0);
    a.label("read");
  },
  "the disk is known by its extensions and its boot drive": (a) => {
    a.mov(al, byte("drive"));
    show16(a);
    a.mov(ah, 0x41).mov(bx, 0x55aa).mov(dl, 0x80).int(0x13).mov(ax, bx);
    show16(a);
    a.mov(ah, 0x08).mov(dl, 0x80).mov(di, 0).int(0x13).mov(al, dl).mov(ah, 0);
    show16(a);
  },
  "the cursor moves with the text": (a) => {
    a.mov(ax, 0x0003).int(0x10);
    for (const c of "abc\r\nd")
      a.mov(ax, 0x0e00 | c.charCodeAt(0))
        .mov(bx, 7)
        .int(0x10);
    a.mov(ah, 3).mov(bx, 0).int(0x10).mov(ax, dx);
    show16(a);
    a.mov(ah, 0x0f).int(0x10);
    show16(a);
    a.mov(ah, 2).mov(bx, 0).mov(dx, 0x0001).int(0x10).mov(ah, 8).mov(bx, 0).int(0x10);
    show16(a);
  },
  "A20 can be asked for, unknown functions fail": (a) => {
    a.mov(ax, 0x2401).int(0x15).mov(ax, 0x2402).int(0x15);
    show16(a);
    a.mov(ax, 0x7777).int(0x15).mov(ax, 0).adc(ax, 0);
    show16(a);
  },
  "INT 16h without a keyboard's help": (a) => {
    // Flags, held keys, functionality, ID, an unknown function.
    for (const command of [0x0277, 0x1277, 0x0977, 0x7777, 0xa277, 0x6f08, 0x6f09]) {
      a.mov(ax, command).int(0x16);
      show16(a);
    }
    a.mov(bx, 0).mov(ah, 0x0a).int(0x16).mov(ax, bx);
    show16(a);
  },
  "INT 16h on words in the buffer": (a) => {
    // As programs see them with the old functions and the enhanced ones.
    for (const [word, read, peek] of [
      [0xe00d, 0x00, 0x01],
      [0xe02f, 0x00, 0x11],
      [0x48e0, 0x10, 0x01],
      [0x00e0, 0x00, 0x01],
    ] as const) {
      a.mov(ax, 0x0500).mov(cx, word).int(0x16);
      show16(a);
      a.mov(ah, peek).int(0x16);
      show16(a);
      a.mov(ah, read).int(0x16);
      show16(a);
    }
    a.mov(ax, 0x0100).int(0x16).mov(ax, 0).setz(al);
    show16(a);
    // The buffer has room for fifteen.
    a.mov(si, 20);
    a.label("fill");
    a.mov(ax, 0x0500).mov(cx, 0x1e61).int(0x16).mov(ah, 0).push(si);
    show16(a);
    a.pop(si).dec(si).jnz("fill");
  },
  "serial ports by the data area, INT 11h and INT 14h": (a) => {
    for (const at of [0x400, 0x404, 0x47c]) a.mov(eax, dword(at)).call("hex");
    a.int(0x11).and(ax, 0x0e00);
    show16(a);
    // Set up, status, send; a port that is absent, a function that does not exist.
    for (const [command, port] of [
      [0x00e3, 1],
      [0x0300, 1],
      [0x0141, 1],
      [0x0300, 2],
      [0x0312, 3],
      [0x0312, 77],
      [0x0912, 1],
    ] as const) {
      a.mov(ax, command).mov(dx, port).int(0x14);
      show16(a);
    }
    a.mov(ax, 0x00bf).mov(dx, 1).int(0x14);
    a.mov(dx, 0x2fb).in(al, dx).mov(ah, 0);
    show16(a);
    a.mov(al, 0x80).out(dx, al).mov(dx, 0x2f8).in(al, dx).mov(ah, 0);
    show16(a);
  },
  "ticks go on": (a) => {
    a.label("again");
    a.mov(ah, 0).int(0x1a).mov(bx, dx);
    a.label("tick");
    a.sti().hlt().mov(ah, 0).int(0x1a).cmp(dx, bx).je("tick");
    a.sub(dx, bx).mov(ax, dx);
    show16(a);
  },
};

for (const [what, body] of Object.entries(questions)) {
  test.skipIf(!hasQemu)(`${what}, as SeaBIOS answers`, async () => {
    const image = bootSector(body);
    const machine = await Machine.create({
      memory: "128M",
      disks: [{ kind: "disk", image }],
      serialPorts: [true, true, true],
    });
    expect(machine.runSync({ nanoseconds: 10e9 })).toEqual({ kind: "power-off" });
    const disk = join(directory, "disk");
    const serial = join(directory, "serial");
    writeFileSync(disk, image);
    spawnSync(
      QEMU,
      [
        ...["-accel", "tcg", "-machine", "q35", "-m", "128M", "-display", "none", "-no-reboot"],
        ...["-drive", `file=${disk},format=raw`, "-serial", `file:${serial}`, "-monitor", "none"],
        ...["-serial", "null", "-serial", "null", "-nic", "none"],
      ],
      { timeout: HANG_MS },
    );
    expect(machine.serialOutput).toBe(readFileSync(serial, "latin1"));
    expect(machine.serialOutput).not.toBe("");
  });
}

test("what a guest writes is read back, and the image stays as it was", async () => {
  const image = bootSector((a) => {
    a.mov(ax, 0x0301).mov(bx, "message").mov(cx, 3).mov(dx, 0x80).int(0x13);
    a.mov(ax, 0x0201).mov(bx, 0x8000).mov(cx, 3).mov(dx, 0x80).int(0x13);
    a.mov(si, 0x8000).call("puts").jmp("end");
    a.label("message");
    a.db("written\n", 0);
    a.label("end");
  });
  const before = image.slice();
  const machine = await Machine.create({ disks: [{ kind: "disk", image }] });
  expect(machine.runSync({ nanoseconds: 10e9 })).toEqual({ kind: "power-off" });
  expect(machine.serialOutput).toBe("written\n");
  expect(Buffer.compare(image, before)).toBe(0);
});

test("keys wait in the buffer for INT 16h", async () => {
  const image = bootSector((a) => {
    a.mov(si, "ready").call("puts");
    for (let i = 0; i < 3; i++) {
      a.mov(ah, 0).int(0x16);
      show16(a);
    }
    a.jmp("end");
    a.label("ready");
    a.db("ready\n", 0);
    a.label("end");
  });
  const machine = await Machine.create({ disks: [{ kind: "disk", image }] });
  machine.runSync({ until: "ready\n" });
  const { keyboard } = machine.board;
  // a, Shift-a, Enter.
  keyboard.key(0x1e, true);
  keyboard.key(0x1e, false);
  keyboard.key(0x2a, true);
  keyboard.key(0x1e, true);
  keyboard.key(0x1e, false);
  keyboard.key(0x2a, false);
  keyboard.key(0x1c, true);
  expect(machine.runSync({ nanoseconds: 10e9 })).toEqual({ kind: "power-off" });
  expect(machine.serialOutput).toBe("ready\n00001e61\n00001e41\n00001c0d\n");
});

test("a CD boots without emulation and reads its own sectors", async () => {
  const boot = bootSector((a) => {
    a.mov(al, byte("drive"));
    show16(a);
    a.mov(si, "packet").mov(ah, 0x42).mov(dl, byte("drive")).int(0x13);
    a.mov(si, 0x6007)
      .mov(byte(0x6000 + 30), 10)
      .call("puts")
      .jmp("end")
      .align(4, 0);
    a.label("packet");
    a.db(16, 0).dw(1, 0x6000, 0).dd(17, 0);
    a.label("end");
  }, 2048);
  const machine = await Machine.create({ disks: [{ kind: "cdrom", image: bootCd(boot, 0) }] });
  expect(machine.runSync({ nanoseconds: 10e9 })).toEqual({ kind: "power-off" });
  expect(machine.serialOutput).toBe("000000e0\nEL TORITO SPECIFICATION\n");
});

test("a CD that emulates a floppy boots as drive 0", async () => {
  const boot = bootSector((a) => {
    a.mov(al, byte("drive"));
    show16(a);
    a.mov(ax, 0x0201).mov(bx, 0x8000).mov(cx, 2).mov(dx, 0).int(0x13).mov(si, 0x8000).call("puts");
  }, 4096);
  const machine = await Machine.create({ disks: [{ kind: "cdrom", image: bootCd(boot, 2) }] });
  expect(machine.runSync({ nanoseconds: 10e9 })).toEqual({ kind: "power-off" });
  expect(machine.serialOutput).toBe("00000000\nthe second sector\n");
});

/** Prints the drive that was booted from, then how many hard disks there are and what drive 81h's third sector says. */
const namesItself = (name: string) => (a: Assembler) => {
  a.mov(al, byte("drive"));
  show16(a);
  a.mov(ah, 0x08).mov(dl, 0x80).int(0x13).mov(al, dl).mov(ah, 0);
  show16(a);
  a.mov(ax, 0x0201).mov(bx, 0x8000).mov(cx, 3).mov(dx, 0x81).int(0x13).mov(al, ah).mov(ah, 0);
  show16(a);
  a.mov(si, 0x8000).call("puts").mov(si, "name").call("puts").jmp("end");
  a.label("name");
  a.db(`${name}\n`, 0);
  a.label("end");
};

test("a CD that emulates a hard disk boots as drive 80h, before the others", async () => {
  const boot = bootSector(namesItself("from the CD"), 1 << 20);
  // One partition; its end says 64 cylinders of 2 heads and 16 sectors.
  boot.set([0x80, 0, 1, 0, 6, 1, 16, 63], 446);
  const disk = new Uint8Array(4096);
  disk.set(new TextEncoder().encode("of the disk\n\0"), 1024);
  const machine = await Machine.create({
    disks: [
      { kind: "cdrom", image: bootCd(boot, 4, 1) },
      { kind: "disk", image: disk },
    ],
    bootOrder: ["cdrom"],
  });
  expect(machine.runSync({ nanoseconds: 10e9 })).toEqual({ kind: "power-off" });
  expect(machine.serialOutput).toBe("00000080\n00000002\n00000000\nof the disk\nfrom the CD\n");
});

test("of a catalogue's sections the entry for BIOSes boots", async () => {
  const cd = bootCd(bootSector(namesItself("BIOS"), 2048), 0);
  const view = new DataView(cd.buffer);
  const catalogue = 2048 * 20;
  // The default entry is UEFI's; a section of UEFI's and one of x86 follow, the latter's entry with an extension.
  const entry = cd.slice(catalogue + 32, catalogue + 64);
  cd[catalogue + 1] = 0xef;
  view.setUint16(catalogue + 28, view.getUint16(catalogue + 28, true) - 0xef00, true);
  cd.fill(0xee, catalogue + 40, catalogue + 44);
  cd.set([0x90, 0xef, 2, 0], catalogue + 64);
  cd.set([0x88, 0, 0, 0, 0, 0, 1, 0, 0xff], catalogue + 96);
  cd.set([0x44], catalogue + 128);
  cd.set([0x00, 0, 0, 0, 0, 0, 1, 0, 0xff], catalogue + 160);
  cd.set([0x91, 0, 1, 0], catalogue + 192);
  cd.set(entry, catalogue + 224);
  const machine = await Machine.create({ disks: [{ kind: "cdrom", image: cd }] });
  expect(machine.runSync({ nanoseconds: 10e9 })).toEqual({ kind: "power-off" });
  expect(machine.serialOutput).toContain("BIOS\n");
});

test("disks with a place in the boot order come first, and are numbered so", async () => {
  const disk = (name: string) => bootSector(namesItself(name), 4096);
  const machine = await Machine.create({
    disks: [
      { kind: "disk", image: disk("first on the line") },
      { kind: "disk", bus: "usb", image: disk("stick"), bootIndex: 0 },
    ],
    bootOrder: ["cdrom", "disk"],
  });
  expect(machine.runSync({ nanoseconds: 10e9 })).toEqual({ kind: "power-off" });
  expect(machine.serialOutput).toBe("00000080\n00000002\n00000000\nstick\n");
});

test("a disk that is read-only refuses to be written", async () => {
  const image = bootSector((a) => {
    a.mov(ax, 0x0301).mov(bx, 0x7c00).mov(cx, 3).mov(dx, 0x80).int(0x13).mov(al, ah).mov(ah, 0);
    show16(a);
  });
  const machine = await Machine.create({ disks: [{ kind: "disk", image, readOnly: true }] });
  expect(machine.runSync({ nanoseconds: 10e9 })).toEqual({ kind: "power-off" });
  expect(machine.serialOutput).toBe("00000003\n");
});

test("what is read goes to video memory, above 1 MiB, and not into the BIOS", async () => {
  const image = bootSector((a) => {
    for (const [block, segment] of [
      [1, 0xb800],
      [1, 0xffff],
      [1, 0xf000],
    ] as const) {
      a.mov(word("block"), block).mov(word("segment"), segment);
      a.mov(si, "packet").mov(ax, 0x4200).mov(dl, 0x80).int(0x13);
    }
    a.jmp("end").align(4, 0);
    a.label("packet");
    a.db(16, 0).dw(1, 0);
    a.label("segment");
    a.dw(0);
    a.label("block");
    a.dd(0, 0);
    a.label("end");
  });
  const machine = await Machine.create({ disks: [{ kind: "disk", image }] });
  const rom = machine.readPhysical(0xf0000, 512);
  expect(machine.runSync({ nanoseconds: 10e9 })).toEqual({ kind: "power-off" });
  const sector = image.slice(512, 1024);
  expect(machine.screenText()?.[0]?.[0]).toBe(String.fromCharCode(sector[0] as number));
  expect(machine.readPhysical(0xffff0 + 16, 496)).toEqual(sector.slice(16));
  expect(machine.readPhysical(0xf0000, 512)).toEqual(rom);
});

test("what the BIOS remembers is in the snapshot: an emulated floppy, and forgotten at a reset", async () => {
  const boot = bootSector((a) => {
    a.mov(si, "started").call("puts");
    a.mov(ax, 0x0201).mov(bx, 0x8000).mov(cx, 2).mov(dx, 0).int(0x13).mov(si, 0x8000).call("puts");
    a.jmp("end");
    a.label("started");
    a.db("started\n", 0);
    a.label("end");
  }, 4096);
  const options = { disks: [{ kind: "cdrom" as const, image: bootCd(boot, 2) }] };
  const machine = await Machine.create(options);
  machine.runSync({ until: "started\n" });
  const other = await Machine.create(options);
  other.restore(machine.snapshot());
  expect(other.runSync({ nanoseconds: 10e9 })).toEqual({ kind: "power-off" });
  expect(other.serialOutput).toBe("started\nthe second sector\n");
  other.powerOn();
  expect(other.board.save().devices["bios-services"]).toMatchObject({ cdBoot: undefined });
});

test("a linear framebuffer is seen from outside, by banks too, and kept by a snapshot", async () => {
  const image = bootSector((a) => {
    // 640×480 with 32 bits a pixel, by banks: byte 4 of bank 1 is pixel 4001h.
    a.mov(ax, 0x4f02).mov(bx, 0x142).int(0x10);
    a.mov(ax, 0x4f05).mov(bx, 0).mov(dx, 1).int(0x10);
    a.mov(ax, 0xa000)
      .mov(es, ax)
      .mov(dword(4, { segment: es }), 0x00123456);
    a.mov(si, "drawn").call("puts").hlt().jmp("end");
    a.label("drawn");
    a.db("drawn\n", 0);
    a.label("end");
  });
  const disks = [{ kind: "disk" as const, image }];
  const machine = await Machine.create({ disks });
  expect(machine.runSync({ until: "drawn\n", nanoseconds: 1e9 })).toEqual({ kind: "matched" });
  const picture = machine.screen();
  expect(picture).toMatchObject({ width: 640, height: 480 });
  expect(picture?.pixels[0x4001]).toBe(0x123456);
  expect(picture?.pixels.filter((pixel) => pixel !== 0).length).toBe(1);
  expect(machine.screenText()).toBeUndefined();
  const other = await Machine.create({ disks });
  other.restore(machine.snapshot());
  expect(other.screen()).toEqual(picture);
  expect(other.stateHash()).toBe(machine.stateHash());
});

test("media are tried in the order given, and once in another", async () => {
  const says = (text: string) => (a: Assembler) => {
    a.mov(si, "text").call("puts");
    if (text === "CD ") a.mov(dx, 0xcf9).mov(al, 6).out(dx, al).hlt();
    a.jmp("behind");
    a.label("text");
    a.db(text, 0);
    a.label("behind");
  };
  const disk = { kind: "disk", image: bootSector(says("disk "), 4096) } as const;
  const cd = { kind: "cdrom", image: bootCd(bootSector(says("CD "), 2048), 0) } as const;
  const starts = async (options: MachineOptions, until: string): Promise<string> => {
    const machine = await Machine.create({ disks: [cd, disk], reboot: true, ...options });
    machine.runSync({ until, nanoseconds: 10e6 });
    return machine.serialOutput;
  };
  expect(await starts({}, "disk ")).toBe("disk ");
  expect(await starts({ bootOrder: ["disk", "cdrom"] }, "disk ")).toBe("disk ");
  expect(await starts({ bootOrder: ["cdrom"] }, "CD CD ")).toBe("CD CD ");
  expect(await starts({ bootOnce: ["cdrom"] }, "disk ")).toBe("CD disk ");
  const machine = await Machine.create({ disks: [cd, disk], bootOrder: ["cdrom"], reboot: true });
  const monitor = new Monitor(new RunControl(machine, true), { quit() {} });
  expect(await monitor.execute("boot_set c")).toBe("boot device list now set to c\n");
  machine.runSync({ until: "disk ", nanoseconds: 10e6 });
  expect(machine.serialOutput).toBe("CD disk ");
});

test("without anything to boot the screen says so", async () => {
  const machine = await Machine.create({ disks: [{ kind: "disk", image: new Uint8Array(4096) }] });
  machine.runSync({ nanoseconds: 1e9 });
  expect(machine.screenText()?.[0]).toBe("No bootable medium found.");
});
