// A guest that sets video modes by INT 10h and prints what is in the VGA's registers then: what a video BIOS makes of
// each mode can be compared with another's.

import { type Assembler, ah, al, ax, cl, cx, dl, dx, si } from "../../../asm/index.ts";
import { bootSector } from "./boot-sector.ts";

const SEQUENCER = 0x3c4;
const CRTC = 0x3d4;
const GRAPHICS = 0x3ce;
const ATTRIBUTE = 0x3c0;
const DAC_READ = 0x3c7;

/** Shows registers 0 to `count` - 1 behind an index port. */
function indexed(a: Assembler, name: string, port: number, count: number): void {
  a.mov(cl, 0);
  a.label(name);
  a.mov(dx, port).mov(al, cl).out(dx, al).inc(dx).in(al, dx).call("byte");
  a.inc(cl).cmp(cl, count).jb(name);
}

/**
 * A boot sector that sets each of `modes` and prints a line of bytes: the mode, miscellaneous output, 5 sequencer,
 * 25 CRTC, 9 graphics, 21 attribute registers, and the first `colours` of the palette.
 */
export function vgaRegistersImage(modes: readonly number[], colours = 0): Uint8Array {
  return bootSector((a) => {
    a.mov(si, "modes");
    a.label("mode");
    a.lodsb().cmp(al, 0xff).je("end").push(ax).mov(ah, 0).int(0x10).pop(ax).call("byte");
    a.mov(dx, 0x3cc).in(al, dx).call("byte");
    indexed(a, "sequencer", SEQUENCER, 5);
    indexed(a, "crtc", CRTC, 25);
    indexed(a, "graphics", GRAPHICS, 9);
    // Reading status 1 makes the next write to the attribute port an index.
    a.mov(cl, 0);
    a.label("attribute");
    a.mov(dx, 0x3da).in(al, dx).mov(dx, ATTRIBUTE).mov(al, cl).out(dx, al).inc(dx).in(al, dx);
    a.call("byte").inc(cl).cmp(cl, 21).jb("attribute");
    a.mov(dx, 0x3da).in(al, dx).mov(dx, ATTRIBUTE).mov(al, 0x20).out(dx, al);
    if (colours > 0) {
      a.mov(dx, DAC_READ)
        .mov(al, 0)
        .out(dx, al)
        .mov(cx, colours * 3);
      a.label("colour");
      a.mov(dx, 0x3c9).in(al, dx).push(cx).call("byte").pop(cx).dec(cx).jnz("colour");
    }
    a.mov(al, 10).mov(dx, 0x3f8).out(dx, al).jmp("mode");
    // AL as two digits.
    a.label("byte");
    a.push(cx).mov(dl, al).mov(cx, 2);
    a.label("nibble");
    a.rol(dl, 4).mov(al, dl).and(al, 15).cmp(al, 10).jb("low").add(al, 39);
    a.label("low");
    a.add(al, 48).push(dx).mov(dx, 0x3f8).out(dx, al).pop(dx).dec(cx).jnz("nibble").pop(cx).ret();
    a.label("modes");
    a.db(...modes, 0xff);
    a.label("end");
  });
}
