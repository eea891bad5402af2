// Small Multiboot guests for tests, written with the assembler: 32-bit protected mode from 1 MiB on,
// a stack, and a few routines to print.

import {
  Assembler,
  al,
  ax,
  byte,
  ds,
  dword,
  dx,
  eax,
  ebx,
  ecx,
  edi,
  edx,
  esi,
  esp,
  mem,
  ss,
} from "../../../asm/index.ts";
import { linkElf } from "../../../elf/index.ts";

export const COM1 = 0x3f8;
const STACK = 0x90000;

/** Links one object with a Multiboot header and the entry point "entry". */
function link(a: Assembler): Uint8Array {
  return linkElf({
    objects: [a.object()],
    segments: [
      {
        name: "image",
        flags: "rwx",
        vaddr: 0x100000n,
        sections: [".multiboot", ".text", ".data", ".bss"],
      },
    ],
    entry: "entry",
    class: 32,
  });
}

/**
 * A guest whose code is written by `body` behind the entry point. Routines it may call: `putc` (AL to
 * COM1), `puts` (ESI, zero-terminated), `hex` (EAX, eight digits and a newline), `poweroff`.
 */
export function guest(body: (a: Assembler) => void): Uint8Array {
  const a = new Assembler({ bits: 32, name: "guest" });
  a.section(".multiboot", { align: 4 });
  a.dd(0x1badb002, 3, -(0x1badb002 + 3));
  a.section(".text");
  a.label("entry", { global: true });
  a.mov(esp, STACK);
  body(a);
  a.label("poweroff", { global: true });
  a.mov(dx, 0x604).mov(ax, 0x2000).out(dx, ax);
  a.label("stay");
  a.hlt().jmp("stay");

  a.label("putc", { global: true });
  a.push(edx).push(eax);
  a.label("putc_wait");
  a.mov(dx, COM1 + 5)
    .in(al, dx)
    .test(al, 0x20)
    .jz("putc_wait");
  a.pop(eax).mov(dx, COM1).out(dx, al).pop(edx).ret();

  a.label("puts", { global: true });
  a.mov(al, byte(esi)).test(al, al).jz("puts_done").call("putc").inc(esi).jmp("puts");
  a.label("puts_done");
  a.ret();

  a.label("hex", { global: true });
  a.push(ebx).push(ecx).mov(ebx, eax).mov(ecx, 8);
  a.label("hex_digit");
  a.rol(ebx, 4)
    .mov(eax, ebx)
    .and(eax, 15)
    .mov(al, byte(eax, { disp: "hex_digits" }));
  a.call("putc").dec(ecx).jnz("hex_digit").mov(al, 10).call("putc").pop(ecx).pop(ebx).ret();
  a.label("hex_digits");
  a.db("0123456789abcdef");
  return link(a);
}

/** Prints a text; labels are unique by `name`. */
export function print(a: Assembler, name: string, text: string): void {
  a.mov(esi, `text_${name}`).call("puts").jmp(`after_${name}`);
  a.label(`text_${name}`);
  a.db(text, 0);
  a.label(`after_${name}`);
}

/** Sends back what has come on COM1, where "q" switches off; goes to `none` if nothing has. */
export function echoSerial(a: Assembler, none: string): void {
  a.mov(dx, COM1 + 5)
    .in(al, dx)
    .test(al, 1)
    .jz(none);
  a.mov(dx, COM1).in(al, dx).cmp(al, "q".charCodeAt(0)).je("poweroff").call("putc");
}

/** OUT of a byte to a port. */
export function outb(a: Assembler, port: number, value: number): void {
  a.mov(edx, port).mov(al, value).out(dx, al);
}

/**
 * An interrupt descriptor table at 0x80000 with 32-bit interrupt gates: `gates` maps vectors to labels.
 * The GDT must have flat code at the present CS.
 */
export function loadIdt(a: Assembler, gates: Record<number, string>): void {
  a.mov(ebx, 0x80000);
  for (const [vector, label] of Object.entries(gates)) {
    const at = Number(vector) * 8;
    a.mov(eax, label)
      .mov(mem(ebx, { disp: at }), eax)
      .mov(mem(ebx, { disp: at + 4 }), eax);
    a.mov(eax, 0x8e00).mov(al, 0);
    // Upper word of the offset, then present, DPL 0, 32-bit interrupt gate.
    a.mov(eax, mem(ebx, { disp: at + 4 }))
      .and(eax, 0xffff0000)
      .or(eax, 0x8e00);
    a.mov(mem(ebx, { disp: at + 4 }), eax);
    a.mov(eax, mem(ebx, { disp: at })).and(eax, 0xffff);
    a.push(ecx).push(ecx);
    a.pop(ecx)
      .mov(ecx, CODE_SELECTOR << 16)
      .or(eax, ecx)
      .pop(ecx);
    a.mov(mem(ebx, { disp: at }), eax);
  }
  a.lidt(mem("idt_pointer")).jmp("idt_loaded").align(8);
  a.label("idt_pointer");
  a.dw(0x7ff).dd(0x80000);
  a.label("idt_loaded");
}

/** Physical address of the page where startup IPIs start the other CPUs. */
const TRAMPOLINE = 0x8000;
const LAPIC = 0xfee00000;

/**
 * Starts all other CPUs at `label`, in 32-bit protected mode with flat segments and without a stack,
 * interrupts off. Uses EAX, EBX, ECX and EDI.
 */
export function startOtherCpus(a: Assembler, label: string): void {
  a.mov(dword(LAPIC + 0xf0), 0x1ff);
  a.mov(ebx, "trampoline").mov(edi, TRAMPOLINE).mov(ecx, 0);
  a.label("trampoline_copy");
  a.mov(al, byte(ebx, { index: ecx })).mov(byte(edi, { index: ecx }), al);
  a.inc(ecx).cmp(ecx, 0x100).jb("trampoline_copy");
  // INIT, then startup, to all but this one.
  a.mov(dword(LAPIC + 0x300), 0xc4500)
    .call("ipi_pause")
    .mov(dword(LAPIC + 0x300), 0xc4600 | (TRAMPOLINE >> 12));
  a.call("ipi_pause").jmp("others_started");

  a.label("ipi_pause");
  a.mov(ecx, 0);
  a.label("ipi_pausing");
  a.in(al, 0x80).inc(ecx).cmp(ecx, 20_000).jb("ipi_pausing").ret();

  a.label("other_protected");
  a.mov(ax, 0x10).mov(ds, ax).mov(ss, ax).jmp(label);

  a.align(0x100);
  a.label("trampoline");
  a.bits(16);
  a.cli().xor(ax, ax).mov(ds, ax);
  // lgdt [TRAMPOLINE + 0x80]; then protected mode.
  a.db(0x66, 0x0f, 0x01, 0x16, 0x80, TRAMPOLINE >> 8);
  a.db(0x0f, 0x20, 0xc0, 0x0c, 0x01, 0x0f, 0x22, 0xc0);
  a.db(0x66, 0xea).dd("other_protected").dw(CODE_SELECTOR);
  a.align(0x80);
  a.dw(0x17).dd("other_gdt");
  a.bits(32);
  a.align(8);
  a.label("other_gdt");
  a.dq(0, 0x00cf9a000000ffffn, 0x00cf92000000ffffn);
  a.label("others_started");
}

/** Selector of flat code after a Multiboot start here and in QEMU. */
const CODE_SELECTOR = 8;

/** 8259A pair at 0x20 and 0x28 with masks. */
export function pics(a: Assembler, master: number, slave: number): void {
  for (const [port, value] of [
    [0x20, 0x11],
    [0x21, 0x20],
    [0x21, 4],
    [0x21, 1],
    [0xa0, 0x11],
    [0xa1, 0x28],
    [0xa1, 2],
    [0xa1, 1],
    [0x21, master],
    [0xa1, slave],
  ] as const) {
    outb(a, port, value);
  }
}
