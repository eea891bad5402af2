// Boot sectors for tests of the BIOS, in 16-bit code.

import {
  Assembler,
  al,
  ax,
  byte,
  cx,
  dl,
  ds,
  dx,
  eax,
  edx,
  es,
  sp,
  ss,
} from "../../../asm/index.ts";

const BOOT = 0x7c00;

/** A boot sector: `body`, then power-off; `puts` (SI) and `hex` (EAX) print on COM1. Padded to `size`. */
export function bootSector(body: (a: Assembler) => void, size = 1 << 20): Uint8Array {
  const a = new Assembler({ bits: 16, name: "boot" });
  a.section(".text");
  a.xor(ax, ax).mov(ds, ax).mov(es, ax).mov(ss, ax).mov(sp, BOOT).mov(byte("drive"), dl);
  body(a);
  a.mov(dx, 0x604).mov(ax, 0x2000).out(dx, ax).hlt();
  a.label("puts");
  a.lodsb().test(al, al).jz("put_all").mov(dx, 0x3f8).out(dx, al).jmp("puts");
  a.label("put_all");
  a.ret();
  a.label("hex");
  a.mov(edx, eax).mov(cx, 8);
  a.label("digit");
  a.rol(edx, 4).mov(al, dl).and(al, 15).cmp(al, 10).jb("decimal").add(al, 39);
  a.label("decimal");
  a.add(al, 48).push(dx).mov(dx, 0x3f8).out(dx, al).pop(dx).dec(cx).jnz("digit");
  a.mov(al, 10).mov(dx, 0x3f8).out(dx, al).ret();
  a.label("drive");
  a.db(0);
  a.padTo(510).dw(0xaa55);
  a.db("the second sector\n", 0);
  a.padTo(size);
  return a.flat({ origin: BOOT }).bytes;
}
