// A Multiboot 1 kernel for tests of loaders: says on COM1 what it has been given, and powers an emulated PC off.

import {
  Assembler,
  ah,
  al,
  ax,
  dword,
  dx,
  eax,
  ebx,
  ecx,
  edi,
  esi,
} from "../../../../asm/index.ts";
import { linkElf } from "../../../../elf/index.ts";

const HEADER_MAGIC = 0x1badb002;
/** Modules on page boundaries, memory map. */
const FLAGS = 3;
const LOADER_MAGIC = 0x2badb002;
/** Multiboot information: command line, number of modules, their list. */
const COMMAND_LINE = 16;
const MODULES = 20;
const MODULE_LIST = 24;

const COM1 = 0x3f8;
const LINE_STATUS = COM1 + 5;
const TRANSMITTER_EMPTY = 0x20;
const POWER_PORT = 0x604;
const POWER_OFF = 0x2000;
const START = 0x10_0000n;

/** An ELF32 file at 1 MiB; prints `kernel COMMAND LINE`, and the first line of each module. */
export function testKernel(): Uint8Array {
  const a = new Assembler({ bits: 32, name: "test kernel" });
  a.section(".text");
  a.dd(HEADER_MAGIC, FLAGS, 0x1_0000_0000 - HEADER_MAGIC - FLAGS);
  a.label("entry", { global: true });
  a.cmp(eax, LOADER_MAGIC).jne("end");
  a.mov(esi, "name").call("put_text");
  a.mov(esi, dword(ebx, { disp: COMMAND_LINE })).call("put_text");
  a.call("end_line");
  a.mov(ecx, dword(ebx, { disp: MODULES }));
  a.mov(edi, dword(ebx, { disp: MODULE_LIST }));
  a.jecxz("end");
  a.label("next_module");
  a.mov(esi, dword(edi)).call("put_text");
  a.call("end_line");
  a.add(edi, 16);
  a.loop("next_module");
  a.label("end");
  a.mov(dx, POWER_PORT).mov(ax, POWER_OFF).out(dx, ax).hlt();

  a.label("put_text");
  a.lodsb();
  // Control characters end a text.
  a.cmp(al, 32).jb("put_end");
  a.call("put");
  a.jmp("put_text");
  a.label("end_line");
  a.mov(al, 13).call("put");
  a.mov(al, 10);
  a.label("put");
  a.mov(ah, al);
  a.mov(dx, LINE_STATUS);
  a.label("wait");
  a.in(al, dx);
  a.test(al, TRANSMITTER_EMPTY).jz("wait");
  a.mov(dx, COM1).mov(al, ah).out(dx, al);
  a.label("put_end");
  a.ret();
  a.label("name");
  a.db("kernel ", 0);
  return linkElf({
    objects: [a.object()],
    segments: [{ name: "text", flags: "rwx", vaddr: START, sections: [".text"] }],
    entry: "entry",
    class: 32,
  });
}
