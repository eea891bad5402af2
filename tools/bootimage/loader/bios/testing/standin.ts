// A loader for tests of the first stages: says on COM1 that it runs, with the BIOS drive, and powers off.

import { Assembler, al, ax, cl, cs, dl, ds, dx, si } from "../../../../asm/index.ts";
import { assembleCdSector, assembleMbr } from "../asm/index.ts";
import { BLOCK_BYTES, ENTRY } from "../layout.ts";

const COM1 = 0x3f8;
/** ACPI PM1a control block of the emulator, SLP_EN. */
const POWER_PORT = 0x604;
const POWER_OFF = 0x2000;

/** `mbr.bin` and `bios.bin` with a loader of `blocks` blocks that prints "drive XX". */
export function standIn(blocks: number): { mbr: Uint8Array; image: Uint8Array } {
  const a = new Assembler({ bits: 16, name: "stand-in" });
  a.section(".text");
  a.padTo(ENTRY);
  a.mov(ax, cs).mov(ds, ax);
  a.mov(cl, dl);
  a.mov(si, "text");
  a.label("next");
  a.lodsb();
  a.test(al, al).jz("digits");
  a.mov(dx, COM1).out(dx, al);
  a.jmp("next");
  a.label("digits");
  for (const shift of [4, 0]) {
    a.mov(al, cl).shr(al, shift).and(al, 15);
    a.cmp(al, 10);
    a.sbb(al, 0x69);
    a.das();
    a.mov(dx, COM1).out(dx, al);
  }
  a.mov(dx, POWER_PORT).mov(ax, POWER_OFF).out(dx, ax).hlt();
  a.label("text");
  a.db("drive ", 0);
  // The place of the boot parameters.
  a.db("TRIHBOOT", new Uint8Array(40));
  a.padTo(blocks * BLOCK_BYTES - 5, 0x5a);
  const { bytes } = a.flat({ origin: 0 });
  const image = new Uint8Array(BLOCK_BYTES + bytes.length);
  image.set(assembleCdSector());
  image.set(bytes, BLOCK_BYTES);
  return { mbr: assembleMbr(), image };
}
