// Interrupts of the SATA controller, here and on QEMU: by the 8259A, the I/O APIC and messages. A guest counts them and
// prints what it was told.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { type Assembler, al, ax, dword, dx, eax, ebx, ecx } from "../../../asm/index.ts";
import { hasQemu } from "../../../testing/host-tools.ts";
import { Machine } from "../../host/machine.ts";
import type { Access } from "../../platform/testdata/bus-guest.ts";
import { guest, loadIdt, outb, pics, print } from "../../platform/testdata/guest.ts";
import { BY_INSTRUCTIONS, runOnQemu } from "../../platform/testdata/qemu.ts";
import {
  ABAR,
  bringUp,
  diskImage,
  pciWrite,
  port,
  prepare,
  start,
  store,
} from "./testdata/script.ts";

const LAPIC = 0xfee0_0000;
const IOAPIC = 0xfec0_0000;

/** The accesses as instructions. */
function perform(a: Assembler, name: string, script: readonly Access[]): void {
  script.forEach((access, i) => {
    const [kind, at, value] = access;
    if (kind === "store") a.mov(eax, value as number).mov(dword(at), eax);
    else if (kind === "out") {
      const size = access[3] ?? 1;
      a.mov(dx, at).mov(eax, value as number);
      if (size === 4) a.out(dx, eax);
      else if (size === 2) a.out(dx, ax);
      else a.out(dx, al);
    } else if (kind === "until-clear") {
      const label = `${name}_${i}`;
      a.mov(ebx, value as number);
      a.label(label);
      a.test(dword(at), ebx).jnz(label);
    } else throw new Error(`${kind} is not for this guest`);
  });
}

function show(a: Assembler, name: string): void {
  a.push(eax);
  print(a, name, `${name} `);
  a.pop(eax).call("hex");
}

/** A read of a sector, and the wait for the interrupt that tells its end. */
function readAndWait(a: Assembler, name: string): void {
  perform(a, name, prepare(0xc8, { lba: 5, count: 1, regions: [512] }));
  a.mov(ecx, 0);
  perform(a, `${name}_issue`, [store(port(0, 0x38), 1)]);
  a.sti();
  a.label(`${name}_wait`);
  a.hlt().cmp(ecx, 1).jb(`${name}_wait`).cli();
  a.mov(eax, ecx);
  show(a, name);
}

function code(a: Assembler): void {
  loadIdt(a, { 42: "irq10", 81: "apic", 97: "msi" });
  perform(a, "up", [
    ...bringUp(),
    ...start(),
    store(port(0, 0x14), 1),
    store(ABAR + 4, 0x8000_0002),
  ]);
  // PIRQA is IRQ 10 by firmware, level triggered.
  pics(a, 0xfb, 0xfb);
  readAndWait(a, "pic");
  outb(a, 0x21, 0xff);
  outb(a, 0xa1, 0xff);
  // Pin 16: level, active high as the line is.
  a.mov(dword(LAPIC + 0xf0), 0x1ff);
  a.mov(dword(IOAPIC), 0x31).mov(dword(IOAPIC + 0x10), 0);
  a.mov(dword(IOAPIC), 0x30).mov(dword(IOAPIC + 0x10), 0x8051);
  readAndWait(a, "ioapic");
  a.mov(dword(IOAPIC), 0x30).mov(dword(IOAPIC + 0x10), 0x10051);
  perform(a, "message", [
    ...pciWrite(0x1f, 2, 0x84, LAPIC),
    ...pciWrite(0x1f, 2, 0x8c, 0x61, 2),
    ...pciWrite(0x1f, 2, 0x82, 1, 2),
  ]);
  readAndWait(a, "msi");
  a.jmp("poweroff");
  for (const label of ["irq10", "apic", "msi"]) {
    a.label(label);
    a.push(eax).inc(ecx);
    a.mov(eax, dword(port(0, 0x10))).mov(dword(port(0, 0x10)), eax);
    a.mov(eax, dword(ABAR + 8)).mov(dword(ABAR + 8), eax);
    if (label === "irq10") {
      a.mov(al, 0x20);
      a.out(0xa0, al);
      a.out(0x20, al);
    } else a.mov(dword(LAPIC + 0xb0), 0);
    a.pop(eax).iretd();
  }
}

test.skipIf(!hasQemu)("a command's end interrupts once, on every way that there is", async () => {
  const kernel = guest(code);
  const image = diskImage();
  const machine = await Machine.create({ kernel, disks: [{ kind: "disk", image }] });
  const stop = machine.runSync({ nanoseconds: 5e9 });
  const directory = mkdtempSync(join(tmpdir(), "emu-ata-"));
  try {
    const file = join(directory, "disk");
    writeFileSync(file, image);
    const drive = ["-drive", `file=${file},format=raw,if=ide`];
    const oracle = runOnQemu(kernel, [], [...BY_INSTRUCTIONS, "-nic", "none", ...drive]);
    expect({ end: stop.kind, serial: machine.serialOutput }).toEqual({
      end: "power-off",
      serial: oracle.serial,
    });
    expect(oracle.serial).toMatch(/pic.*\nioapic.*\nmsi/);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});
