// Interrupts of the IDE channels, here and on QEMU's pc: by the 8259A and the I/O APIC, for a disk by PIO and DMA and for a CD by
// DMA. A guest waits for each, and prints what the drive, the bus master and memory then say.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { type Assembler, al, dword, dx, eax, ecx, edi, edx } from "../../../asm/index.ts";
import { hasQemu } from "../../../testing/host-tools.ts";
import { Machine } from "../../host/machine.ts";
import { guest, loadIdt, outb, pics, print } from "../../platform/testdata/guest.ts";
import { BY_INSTRUCTIONS, runOnQemu } from "../../platform/testdata/qemu.ts";
import { cdImage, diskImage } from "./testdata/script.ts";

const LAPIC = 0xfee0_0000;
const IOAPIC = 0xfec0_0000;
const MASTER = 0xd000;
const TABLE = 0x30_0000;
const DATA = 0x31_0000;

interface Channel {
  base: number;
  control: number;
  master: number;
}
const PRIMARY: Channel = { base: 0x1f0, control: 0x3f6, master: MASTER };
const SECONDARY: Channel = { base: 0x170, control: 0x376, master: MASTER + 8 };

function show(a: Assembler, name: string): void {
  a.push(eax);
  print(a, name, `${name} `);
  a.pop(eax).call("hex");
}

function outl(a: Assembler, port: number, value: number): void {
  a.mov(dx, port)
    .mov(eax, value >>> 0)
    .out(dx, eax);
}

/** A command of 28 bits: its registers from features on. */
function issue(
  a: Assembler,
  { base }: Channel,
  opcode: number,
  registers: readonly number[],
): void {
  a.mov(ecx, 0);
  for (const [i, value] of registers.entries()) outb(a, base + 1 + i, value);
  outb(a, base + 7, opcode);
}

/** Halts until the interrupt has come, and shows the status that its handler has read. */
function wait(a: Assembler, name: string): void {
  a.sti();
  a.label(`${name}_wait`);
  a.hlt().cmp(ecx, 1).jb(`${name}_wait`).cli();
  a.mov(eax, edi);
  show(a, `${name}_status`);
  a.mov(eax, ecx);
  show(a, `${name}_count`);
}

/** The bus master reads the table of one region. */
function prepareMaster(a: Assembler, { master }: Channel, bytes: number): void {
  a.mov(dword(TABLE), DATA).mov(dword(TABLE + 4), (0x8000_0000 | bytes) >>> 0);
  outb(a, master, 8);
  outb(a, master + 2, 0x66);
  outl(a, master + 4, TABLE);
}

function showMaster(a: Assembler, { master }: Channel, name: string, last: number): void {
  a.mov(dx, master + 2)
    .mov(eax, 0)
    .in(al, dx);
  show(a, `${name}_master`);
  outb(a, master, 0);
  a.mov(eax, dword(DATA));
  show(a, `${name}_first`);
  a.mov(eax, dword(DATA + last));
  show(a, `${name}_last`);
}

function readByPio(a: Assembler, name: string): void {
  issue(a, PRIMARY, 0x20, [0, 1, 7, 0, 0, 0xe0]);
  wait(a, name);
  a.cld().mov(edi, DATA).mov(ecx, 128).mov(dx, PRIMARY.base).rep.insd();
  a.mov(eax, dword(DATA + 508));
  show(a, `${name}_data`);
}

function readByDma(a: Assembler, name: string): void {
  prepareMaster(a, PRIMARY, 1024);
  issue(a, PRIMARY, 0xc8, [0, 2, 9, 0, 0, 0xe0]);
  outb(a, PRIMARY.master, 9);
  wait(a, name);
  showMaster(a, PRIMARY, name, 1020);
}

/** READ (10) of two blocks of the CD. */
function readCd(a: Assembler, name: string): void {
  prepareMaster(a, SECONDARY, 4096);
  issue(a, SECONDARY, 0xa0, [1, 0, 0, 0, 0, 0xa0]);
  a.label(`${name}_packet`);
  a.mov(dx, SECONDARY.control).in(al, dx).test(al, 8).jz(`${name}_packet`);
  for (const word of [0x0028, 0, 0x0300, 0, 0x0002, 0]) {
    a.mov(dx, SECONDARY.base).mov(eax, word);
    a.db(0x66).out(dx, eax);
  }
  outb(a, SECONDARY.master, 9);
  wait(a, name);
  showMaster(a, SECONDARY, name, 4092);
}

function code(a: Assembler): void {
  loadIdt(a, { 46: "irq14", 47: "irq15", 81: "pin14", 82: "pin15" });
  // The bus master's registers, I/O and bus mastering.
  outl(a, 0xcf8, 0x8000_0920);
  outl(a, 0xcfc, MASTER | 1);
  outl(a, 0xcf8, 0x8000_0904);
  outl(a, 0xcfc, 5);
  for (const { control } of [PRIMARY, SECONDARY]) outb(a, control, 0);
  pics(a, 0xfb, 0x3f);
  readByPio(a, "pic_pio");
  readByDma(a, "pic_dma");
  readCd(a, "pic_cd");
  outb(a, 0x21, 0xff);
  outb(a, 0xa1, 0xff);
  a.mov(dword(LAPIC + 0xf0), 0x1ff);
  for (const [pin, vector] of [
    [14, 81],
    [15, 82],
  ] as const) {
    a.mov(dword(IOAPIC), 0x11 + pin * 2).mov(dword(IOAPIC + 0x10), 0);
    a.mov(dword(IOAPIC), 0x10 + pin * 2).mov(dword(IOAPIC + 0x10), vector);
  }
  readByPio(a, "apic_pio");
  readByDma(a, "apic_dma");
  readCd(a, "apic_cd");
  a.jmp("poweroff");
  for (const [label, { base }] of [
    ["irq14", PRIMARY],
    ["irq15", SECONDARY],
    ["pin14", PRIMARY],
    ["pin15", SECONDARY],
  ] as const) {
    a.label(label);
    a.push(eax).push(edx).inc(ecx);
    a.mov(dx, base + 7)
      .mov(eax, 0)
      .in(al, dx)
      .mov(edi, eax);
    if (label.startsWith("irq")) {
      a.mov(al, 0x20);
      a.out(0xa0, al);
      a.out(0x20, al);
    } else a.mov(dword(LAPIC + 0xb0), 0);
    a.pop(edx).pop(eax).iretd();
  }
}

test.skipIf(!hasQemu)(
  "commands of a disk and a CD end with one interrupt, as on QEMU",
  async () => {
    const kernel = guest(code);
    const [disk, cd] = [diskImage(), cdImage()];
    const machine = await Machine.create({
      machine: "pc",
      kernel,
      disks: [
        { kind: "disk", image: disk, index: 0 },
        { kind: "cdrom", image: cd, index: 2 },
      ],
    });
    const stop = machine.runSync({ nanoseconds: 5e9 });
    const directory = mkdtempSync(join(tmpdir(), "emu-ide-"));
    try {
      writeFileSync(join(directory, "disk"), disk);
      writeFileSync(join(directory, "cd"), cd);
      const options = ["-machine", "pc", ...BY_INSTRUCTIONS, "-nic", "none"];
      const oracle = runOnQemu(
        kernel,
        [],
        [
          ...options,
          ...["-drive", `file=${join(directory, "disk")},format=raw,if=ide,index=0`],
          ...["-drive", `file=${join(directory, "cd")},format=raw,if=ide,index=2,media=cdrom`],
        ],
      );
      expect({ end: stop.kind, serial: machine.serialOutput }).toEqual({
        end: "power-off",
        serial: oracle.serial,
      });
      expect(oracle.serial).toMatch(/pic_pio[\s\S]*apic_cd_last/);
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  },
);
