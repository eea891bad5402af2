// The loader's start, entered by a first stage at START + ENTRY in real mode with the BIOS drive in DL: checks that
// CPU and memory are enough, clears the static data, builds the page tables and calls the compiled part in long
// mode. Detection of CPUID: Intel SDM vol. 1, 20.1; of long mode: AMD APM vol. 3, E.4.2 (Fn8000_0001 EDX, LM).

import {
  type Assembler,
  ah,
  al,
  ax,
  bx,
  byte,
  cs,
  cx,
  di,
  diff,
  dl,
  ds,
  dword,
  dx,
  eax,
  ebp,
  ecx,
  edi,
  edx,
  es,
  OUTERMOST,
  rip,
  rsi,
  si,
  sp,
  ss,
} from "../../../../asm/index.ts";
import { ENTRY, LONG_STACK, PAGE_TABLES, REAL_STACK, START_MAGIC } from "../layout.ts";
import { low } from "./modes.ts";

const EFLAGS_ID = 1 << 21;
const EXTENDED_MAX = 0x8000_0000;
const EXTENDED_FEATURES = 0x8000_0001;
const FEATURE_LM = 29;

const PRESENT_WRITABLE = 0x3;
const LARGE = 0x80;
const PAGE = 0x1000;
/** Large pages of 2 MiB in 4 GiB. */
const LARGE_PAGES = 2048;
const LARGE_PAGE_BYTES = 0x20_0000;

const VIDEO = 0x10;
const MEMORY_SIZE = 0x12;
const KEY = 0x16;
const BOOT_FAILED = 0x18;

/** Registers of the 16550 at COM1 from its port on, and a bit of the line status: PC16550D datasheet, table II. */
const COM1 = 0x3f8;
const LINE_CONTROL = 3;
const LINE_STATUS = 5;
const TRANSMITTER_EMPTY = 0x20;

/** The section ".low" begins with this. `hasStart`: the compiled module has a start function. */
export function emitEntry(a: Assembler, hasStart: boolean): void {
  a.bits(16);
  a.label("start");
  a.dd(START_MAGIC);
  a.padTo(ENTRY);
  a.cli();
  a.xor(ax, ax);
  a.mov(ss, ax).mov(sp, REAL_STACK);
  a.sti();
  a.cld();
  a.mov(ax, cs).mov(ds, ax);
  a.mov(byte(low("boot_drive")), dl);

  a.pushfd();
  a.pop(eax);
  a.mov(ecx, eax);
  a.xor(eax, EFLAGS_ID);
  a.push(eax);
  a.popfd();
  a.pushfd();
  a.pop(eax);
  a.xor(eax, ecx);
  a.test(eax, EFLAGS_ID).jz("no_long_mode");
  a.mov(eax, EXTENDED_MAX).cpuid();
  a.cmp(eax, EXTENDED_FEATURES).jb("no_long_mode");
  a.mov(eax, EXTENDED_FEATURES).cpuid();
  a.bt(edx, FEATURE_LM).jnc("no_long_mode");

  // INT 12h: KiB of conventional memory.
  a.int(MEMORY_SIZE);
  a.cmp(ax, "loader_kib").jb("no_memory");

  emitPageTables(a);
  a.cli();
  a.mov(eax, "loader_entry64").mov(dword(low("long_resume")), eax);
  a.mov(eax, LONG_STACK).mov(dword(low("long_stack")), eax);
  a.jmp("to_long");

  emitRefusals(a);
  emitStart(a, hasStart);
}

/** PML4, page-directory-pointer table, four directories of large pages; ES is lost. */
function emitPageTables(a: Assembler): void {
  a.mov(ax, PAGE_TABLES >> 4).mov(es, ax);
  a.xor(di, di);
  a.xor(eax, eax);
  a.mov(cx, (2 * PAGE) / 4);
  a.rep.stosd();
  a.mov(eax, PRESENT_WRITABLE | LARGE);
  a.mov(cx, LARGE_PAGES);
  a.label("next_page");
  a.stosd();
  a.mov(dword(di, { segment: es }), 0);
  a.add(di, 4);
  a.add(eax, LARGE_PAGE_BYTES);
  a.loop("next_page");
  a.mov(dword(0, { segment: es }), (PAGE_TABLES + PAGE) | PRESENT_WRITABLE);
  a.mov(eax, (PAGE_TABLES + 2 * PAGE) | PRESENT_WRITABLE);
  a.mov(di, PAGE);
  a.mov(cx, 4);
  a.label("next_directory");
  a.stosd();
  a.add(di, 4);
  a.add(eax, PAGE);
  a.loop("next_directory");
}

/** One line on screen and COM1, then a key and the next boot device. */
function emitRefusals(a: Assembler): void {
  a.label("no_long_mode");
  a.call("open_line");
  a.mov(si, diff("text_long_mode", "start")).call("put_text");
  a.jmp("refuse");
  a.label("no_memory");
  a.push(ax);
  a.call("open_line");
  a.mov(si, diff("text_memory", "start")).call("put_text");
  a.pop(ax);
  a.call("put_decimal");
  a.mov(si, diff("text_needed", "start")).call("put_text");
  a.mov(ax, "loader_kib").call("put_decimal");
  a.mov(si, diff("text_unit", "start")).call("put_text");
  a.label("refuse");
  a.mov(ah, 0).int(KEY);
  a.int(BOOT_FAILED);
  a.label("refused");
  a.hlt();
  a.jmp("refused");

  emitPut(a);
  a.label("put_next");
  a.call("put");
  a.label("put_text");
  a.lodsb();
  a.test(al, al).jnz("put_next");
  a.ret();

  // AX in decimal, by way of the digits on the stack.
  a.label("put_decimal");
  a.xor(cx, cx);
  a.mov(bx, 10);
  a.label("next_digit");
  a.xor(dx, dx);
  a.div(bx);
  a.push(dx);
  a.inc(cx);
  a.test(ax, ax).jnz("next_digit");
  a.label("put_digit");
  a.pop(ax);
  a.add(al, 0x30);
  a.call("put");
  a.loop("put_digit");
  a.ret();

  a.label("text_long_mode");
  a.db("\r\nThis boot loader needs a 64-bit CPU: this one has no long mode", 0);
  a.label("text_memory");
  a.db("\r\nNot enough conventional memory for the boot loader: the BIOS reports ", 0);
  a.label("text_needed");
  a.db(" KiB, ", 0);
  a.label("text_unit");
  a.db(" KiB are needed", 0);
}

/**
 * `open_line` sets COM1 to 115200 8N1, `put` writes the character in AL to screen and COM1, CX and SI are kept. Where
 * there is no UART its status reads as all ones, and one that is never ready is waited for 65536 reads.
 */
function emitPut(a: Assembler): void {
  a.label("open_line");
  for (const [register, value] of [
    [LINE_CONTROL, 0x80],
    [0, 1],
    [1, 0],
    [LINE_CONTROL, 3],
  ] as const) {
    a.mov(dx, COM1 + register)
      .mov(al, value)
      .out(dx, al);
  }
  a.ret();

  a.label("put");
  a.push(ax).push(cx).push(si);
  a.mov(ah, 0x0e).mov(bx, 7);
  a.int(VIDEO);
  a.mov(dx, COM1 + LINE_STATUS);
  a.xor(cx, cx);
  a.label("transmitter");
  a.in(al, dx);
  a.test(al, TRANSMITTER_EMPTY).loope("transmitter");
  a.pop(si).pop(cx).pop(ax);
  a.mov(dx, COM1).out(dx, al);
  a.ret();
}

function emitStart(a: Assembler, hasStart: boolean): void {
  a.align(4);
  a.label("boot_drive", { global: true, kind: "object" });
  a.dd(0);

  a.bits(64);
  a.align(16);
  a.label("loader_entry64", { global: true });
  a.frame(OUTERMOST);
  a.xor(ebp, ebp);
  // Static data: zeros, and in them what build.ts has packed.
  a.mov(edi, "static_data");
  a.mov(ecx, "loader_end");
  a.sub(ecx, edi);
  a.xor(eax, eax);
  a.rep.stosb();
  a.lea(rsi, rip("packed_data"));
  a.jmp("next_piece");
  a.label("copy_piece");
  a.mov(edi, eax);
  a.lodsd();
  a.mov(ecx, eax);
  a.rep.movsb();
  a.label("next_piece");
  a.lodsd();
  a.test(eax, eax).jnz("copy_piece");
  if (hasStart) a.call("__wasm_start");
  a.call("main");
  a.ud2();
  a.frame(undefined);
}
