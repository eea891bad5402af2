// Guests that set up page tables with entries of all sizes and rights, put known values into registers and memory, and
// halt: in 32-bit mode without and with PAE, and in long mode.

import {
  type Assembler,
  dword,
  eax,
  ebp,
  ebx,
  ecx,
  edi,
  edx,
  esi,
  mem,
} from "../../../asm/index.ts";
import { guest } from "../../platform/testdata/guest.ts";

export type PagingMode = "off" | "32-bit" | "pae" | "long";

/** Where tables begin; each has its page. */
const TABLES = 0x200000;
const table = (n: number): number => TABLES + n * 0x1000;

const PRESENT = 1;
const WRITE = 2;
const USER = 4;
const THROUGH = 8;
const DISABLE = 0x10;
const LARGE = 0x80;
const GLOBAL = 0x100;
const ALL = PRESENT | WRITE | USER;

/** MOV CRn, EAX and MOV EAX, CRn. */
const toControl = (a: Assembler, n: number): Assembler => a.db(0x0f, 0x22, 0xc0 | (n << 3));
const fromControl = (a: Assembler, n: number): Assembler => a.db(0x0f, 0x20, 0xc0 | (n << 3));

function fill32(a: Assembler): void {
  const entry = (at: number, value: number): Assembler => a.mov(dword(at), value);
  entry(table(0), table(1) | ALL);
  entry(table(0) + 4 * 1, 0x400000 | ALL | LARGE | GLOBAL);
  entry(table(0) + 4 * 2, 0x800000 | PRESENT | LARGE | DISABLE);
  entry(table(0) + 4 * 0x3ff, table(1) | PRESENT | WRITE);
  for (let page = 0; page < 1024; page++) {
    if (page % 7 === 3) continue;
    const rights = page < 0x100 ? ALL : page < 0x180 ? PRESENT | WRITE : PRESENT | USER | THROUGH;
    entry(table(1) + 4 * page, (page << 12) | rights | (page % 5 === 0 ? GLOBAL | LARGE : 0));
  }
}

/** Tables of 64-bit entries below `directory`: the same for PAE and long mode. */
function fillWide(a: Assembler, directory: number, pages: number): void {
  const entry = (at: number, low: number, high = 0): void => {
    a.mov(dword(at), low).mov(dword(at + 4), high);
  };
  entry(directory, pages | ALL);
  entry(directory + 8, 0x200000 | ALL | LARGE);
  entry(directory + 16, 0x400000 | ALL | LARGE | GLOBAL);
  entry(directory + 24, 0x600000 | PRESENT | LARGE | DISABLE, 0x80000000);
  for (let page = 0; page < 512; page++) {
    if (page % 11 === 9) continue;
    const rights = page < 0x100 ? ALL : page < 0x180 ? PRESENT | WRITE : PRESENT | USER | THROUGH;
    entry(pages + 8 * page, (page << 12) | rights, page % 6 === 1 && page < 0x100 ? 0x80000000 : 0);
  }
}

function enableNoExecute(a: Assembler, longMode: boolean): void {
  a.mov(ecx, 0xc0000080).db(0x0f, 0x32); // RDMSR
  a.or(eax, 0x800 | (longMode ? 0x100 : 0)).db(0x0f, 0x30); // WRMSR
}

/** Boots, pages, and halts with interrupts off. */
export function pagingGuest(mode: PagingMode): Uint8Array {
  return guest((a) => {
    // Flat code and data, 64-bit code; accessed, as a load would set them.
    a.jmp("after_gdt").align(8);
    a.label("gdt");
    a.dq(0, 0x00cf9b000000ffffn, 0x00cf93000000ffffn, 0x00af9b000000ffffn, 0x000f9b000000ffffn);
    a.label("gdt_pointer");
    a.dw(0x27).dd("gdt");
    a.label("idt_pointer");
    a.dw(0x7ff).dd(0x80000);
    a.label("data");
    a.db("It's \\a\ttext\n", 0, 0x7f, 0x80, 0xff);
    for (let i = 0; i < 64; i++) a.dd((i * 0x9e3779b1) >>> 0);
    a.label("after_gdt");
    a.lgdt(mem("gdt_pointer")).lidt(mem("idt_pointer"));
    // LJMP 8:reload, then data segments.
    a.db(0xea).dd("reload").dw(8);
    a.label("reload");
    a.mov(eax, 0x10).db(0x8e, 0xd8, 0x8e, 0xc0, 0x8e, 0xd0, 0x8e, 0xe0, 0x8e, 0xe8);
    a.mov(edi, 0x300000).mov(esi, "data").mov(ecx, 0x100).db(0xfc, 0xf3, 0xa4); // CLD, REP MOVSB
    if (mode === "32-bit") fill32(a);
    if (mode === "pae") {
      for (let i = 0; i < 4; i += 3) {
        a.mov(dword(table(0) + 8 * i), table(1) | PRESENT).mov(dword(table(0) + 8 * i + 4), 0);
      }
      fillWide(a, table(1), table(2));
    }
    if (mode === "long") {
      for (const [at, value] of [
        [table(0), table(1) | ALL],
        [table(0) + 8 * 511, table(1) | PRESENT | WRITE],
        [table(1), table(2) | ALL],
      ] as const) {
        a.mov(dword(at), value).mov(dword(at + 4), 0);
      }
      fillWide(a, table(2), table(3));
    }
    if (mode !== "off") {
      fromControl(a, 4);
      a.or(eax, 0x10 | 0x80 | (mode === "32-bit" ? 0 : 0x20)); // PSE, PGE, PAE
      toControl(a, 4);
      if (mode !== "32-bit") enableNoExecute(a, mode === "long");
      a.mov(eax, TABLES);
      toControl(a, 3);
      fromControl(a, 0);
      a.or(eax, 0x80000000);
      toControl(a, 0);
    }
    if (mode === "long") {
      a.db(0xea).dd("long").dw(0x18);
      a.label("long");
      a.bits(64);
    }
    a.mov(eax, 0x12345678).mov(ebx, 0xfedcba98).mov(ecx, 3).mov(edx, 0x55).mov(ebp, 0x300000);
    a.mov(esi, 0x300010).mov(edi, 0xffffffff).db(0xdb, 0xe3); // FNINIT
    a.db(0x31, 0xff); // XOR EDI, EDI: flags that do not depend on what came before
    a.cli().hlt();
    a.bits(32);
  });
}
