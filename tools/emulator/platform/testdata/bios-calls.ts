// A guest that makes BIOS calls from a table and prints what comes back, on every medium: the same calls to two
// BIOSes can be compared register by register.

import {
  Assembler,
  al,
  ax,
  bp,
  bx,
  byte,
  cx,
  dl,
  ds,
  dword,
  dx,
  eax,
  ebp,
  ebx,
  ecx,
  edi,
  edx,
  es,
  esi,
  mem,
  si,
  sp,
  ss,
  word,
} from "../../../asm/index.ts";

/** One software interrupt. Registers that are not given are 0, ES and DS too. */
export interface BiosCall {
  /** For the test's messages. */
  what: string;
  vector: number;
  eax?: number;
  ebx?: number;
  ecx?: number;
  edx?: number;
  esi?: number;
  edi?: number;
  ebp?: number;
  ds?: number;
  es?: number;
  /** Written to memory first: linear address (a multiple of 16 below 1 MiB) and bytes. */
  fill?: { at: number; bytes: readonly number[] };
  /** Memory to show afterwards: linear address (a multiple of 16 below 1 MiB) and bytes. */
  show?: { at: number; bytes: number };
}

export interface BiosAnswer {
  eax: number;
  ebx: number;
  ecx: number;
  edx: number;
  esi: number;
  edi: number;
  ebp: number;
  ds: number;
  es: number;
  carry: boolean;
  zero: boolean;
  /** What `show` asked for, as hexadecimal digits. */
  memory: string;
}

/** Register of a call that stands for the drive that was booted from. */
export const BOOT_DRIVE = 0xd1;

const BOOT = 0x7c00;
const SECTOR = 512;
/** Of the printed registers, in order. */
const PRINTED = ["eax", "ebx", "ecx", "edx", "esi", "edi", "ebp", "es", "ds", "flags"] as const;
const LINE = 8 * PRINTED.length;

function record(a: Assembler, call: BiosCall): void {
  const { fill, show } = call;
  a.db(call.vector);
  for (const name of ["eax", "ebx", "ecx", "edx", "esi", "edi", "ebp"] as const) {
    a.dd((call[name] ?? 0) >>> 0);
  }
  a.dw(call.es ?? 0, call.ds ?? 0);
  a.dw((fill?.at ?? 0) >> 4, fill?.bytes.length ?? 0, (show?.at ?? 0) >> 4, show?.bytes ?? 0);
  for (const b of fill?.bytes ?? []) a.db(b);
}

/**
 * A boot sector, and behind it the rest of the guest: it loads itself by INT 13h from floppies and disks and relies
 * on El Torito to load all of it from a CD. `size` is the least size of the image, bytes.
 */
export function biosCallsImage(calls: readonly BiosCall[], size = 1 << 20): Uint8Array {
  const a = new Assembler({ bits: 16, name: "calls" });
  a.section(".text");
  a.xor(ax, ax).mov(ds, ax).mov(es, ax).mov(ss, ax).mov(sp, BOOT).mov(byte("drive"), dl);
  a.cmp(dl, 0xa0).jae("loaded").cmp(dl, 0x80).jae("by_block");
  // A floppy.
  a.label("by_geometry");
  a.mov(ax, 0x0201).mov(bx, word("offset")).mov(cx, word("sector")).mov(dx, word("head"));
  a.int(0x13).jc("stuck").add(word("offset"), SECTOR).inc(byte("sector"));
  a.cmp(byte("sector"), 19).jb("next_sector").mov(byte("sector"), 1).inc(byte("side"));
  a.cmp(byte("side"), 2).jb("next_sector").mov(byte("side"), 0).inc(byte("cylinder"));
  a.label("next_sector");
  a.dec(word("left")).jnz("by_geometry").jmp("loaded");
  a.label("by_block");
  a.mov(si, "packet").mov(ax, 0x4200).int(0x13).jc("stuck");
  a.add(word("packet_offset"), SECTOR).inc(word("packet_block"));
  a.dec(word("left")).jnz("by_block").jmp("loaded");
  a.label("stuck");
  a.mov(al, 0x21).mov(dx, 0x3f8).out(dx, al).jmp("off").align(4, 0);
  a.label("packet");
  a.db(16, 0).dw(1);
  a.label("packet_offset");
  a.dw(BOOT + SECTOR, 0);
  a.label("packet_block");
  a.dd(1, 0);
  a.label("left");
  a.dw(REST_SECTORS);
  a.label("offset");
  a.dw(BOOT + SECTOR);
  a.label("sector");
  a.db(2);
  a.label("cylinder");
  a.db(0);
  a.label("head");
  a.db(0);
  a.label("side");
  a.db(0);
  a.label("drive");
  a.db(0);
  a.label("off");
  a.mov(dx, 0x604).mov(ax, 0x2000).out(dx, ax).hlt();
  a.padTo(510).dw(0xaa55);

  a.label("loaded");
  a.cld().mov(word("next"), "calls");
  a.label("call");
  a.mov(si, word("next")).cmp(si, "calls_end").jae("off");
  // What to write, and where the next record is.
  a.mov(ax, mem(si, { disp: 33 }))
    .mov(es, ax)
    .mov(cx, mem(si, { disp: 35 }));
  a.push(si).add(si, RECORD).xor(edi, edi).rep.movsb().mov(word("next"), si).pop(si);
  a.mov(ax, mem(si, { disp: 37 })).mov(word("show_segment"), ax);
  a.mov(ax, mem(si, { disp: 39 })).mov(word("show_bytes"), ax);
  a.mov(al, mem(si)).mov(byte("vector"), al);
  a.mov(ax, mem(si, { disp: 29 }))
    .mov(es, ax)
    .push(word(si, { disp: 31 }));
  for (const [register, at] of [
    [ebx, 5],
    [ecx, 9],
    [edx, 13],
    [edi, 21],
    [ebp, 25],
  ] as const) {
    a.mov(register, dword(si, { disp: at }));
  }
  a.cmp(edx, BOOT_DRIVE).jne("any_drive").mov(dl, byte("drive"));
  a.label("any_drive");
  a.mov(eax, dword(si, { disp: 1 }))
    .mov(esi, dword(si, { disp: 17 }))
    .pop(ds);
  a.db(0xcd);
  a.label("vector");
  a.db(0);
  // In the order in which they are printed, from the top of the stack.
  a.pushfd().cli().push(ds).push(ax).push(es).push(ax);
  for (const register of [ebp, edi, esi, edx, ecx, ebx, eax]) a.push(register);
  a.mov(bp, sp)
    .xor(ax, ax)
    .mov(ds, ax)
    .mov(word(bp, { disp: 28 }), ax);
  a.mov(word(bp, { disp: 32 }), ax)
    .sti()
    .cld()
    .mov(cx, PRINTED.length);
  a.label("print");
  a.mov(eax, dword(bp)).add(bp, 4).push(cx).call("hex").pop(cx).dec(cx).jnz("print");
  a.mov(sp, BOOT).mov(cx, word("show_bytes")).mov(ax, word("show_segment")).mov(es, ax);
  a.xor(si, si).test(cx, cx).jz("line");
  a.label("dump");
  a.mov(al, byte(si, { segment: es }))
    .inc(si)
    .push(cx)
    .shl(eax, 24)
    .mov(cx, 2);
  a.call("digits").pop(cx).dec(cx).jnz("dump");
  a.label("line");
  a.mov(al, 10).mov(dx, 0x3f8).out(dx, al).jmp("call");
  // EAX as eight digits; its uppermost CX digits.
  a.label("hex");
  a.mov(cx, 8);
  a.label("digits");
  a.mov(edx, eax);
  a.label("digit");
  a.rol(edx, 4).mov(al, dl).and(al, 15).cmp(al, 10).jb("decimal").add(al, 39);
  a.label("decimal");
  a.add(al, 48).push(dx).mov(dx, 0x3f8).out(dx, al).pop(dx).dec(cx).jnz("digit").ret();
  a.label("next");
  a.dw(0);
  a.label("show_segment");
  a.dw(0);
  a.label("show_bytes");
  a.dw(0);
  a.label("calls");
  for (const call of calls) record(a, call);
  a.label("calls_end");
  const { bytes } = a.flat({ origin: BOOT });
  if (bytes.length > (REST_SECTORS + 1) * SECTOR) throw new Error(`${bytes.length} bytes of calls`);
  const image = new Uint8Array(Math.max(size, (REST_SECTORS + 1) * SECTOR));
  image.set(bytes);
  return image;
}

/** Bytes of a record before what it writes. */
const RECORD = 41;
/** Sectors behind the boot sector. */
const REST_SECTORS = 60;
/** Sectors of 512 bytes that a boot catalogue has to load. */
export const BIOS_CALLS_SECTORS = REST_SECTORS + 1;

/** The answers that a guest with `calls` printed. Throws if there are more or fewer. */
export function biosAnswers(calls: readonly BiosCall[], output: string): BiosAnswer[] {
  const lines = output.split("\n").filter((line) => line !== "");
  if (lines.length !== calls.length) {
    const last = calls[lines.length]?.what ?? "the end";
    throw new Error(`${lines.length} answers to ${calls.length} calls; the next is ${last}`);
  }
  return lines.map((line) => {
    const value = (name: (typeof PRINTED)[number]): number =>
      Number.parseInt(line.slice(PRINTED.indexOf(name) * 8).slice(0, 8), 16);
    const flags = value("flags");
    return {
      eax: value("eax"),
      ebx: value("ebx"),
      ecx: value("ecx"),
      edx: value("edx"),
      esi: value("esi"),
      edi: value("edi"),
      ebp: value("ebp"),
      es: value("es") >>> 16,
      ds: value("ds") >>> 16,
      carry: (flags & 1) !== 0,
      zero: (flags & 0x40) !== 0,
      memory: line.slice(LINE),
    };
  });
}
