// Guests that use the linear framebuffer as memory: accesses of every kind, code and page tables in it, a base address
// register that moves.

import {
  type Assembler,
  al,
  ax,
  byte,
  cl,
  cr0,
  cr3,
  cr4,
  dword,
  dx,
  eax,
  ebp,
  ebx,
  ecx,
  edi,
  edx,
  esi,
  esp,
  mem,
  qword,
  tbyte,
  word,
  xmm0,
  xmm1,
} from "../../../asm/index.ts";
import { Random } from "../../cputest/random.ts";
import { COM1, guest } from "./guest.ts";

export const FRAMEBUFFER = 0xfd00_0000;
export const FRAMEBUFFER_BYTES = 16 << 20;
/** The stretch that random accesses use. */
export const AREA_BYTES = 0x4_0000;
/** Where guests leave what they have read. */
export const RESULTS = 0x30_0000;
/** The width of the screen, pixels. */
export const SCREEN_WIDTH = 256;
const SCREEN_HEIGHT = 256;
const PAGE = 0x1000;

function dispi(a: Assembler, index: number, value: number): void {
  a.mov(dx, 0x1ce).mov(ax, index).out(dx, ax).mov(dx, 0x1cf).mov(ax, value).out(dx, ax);
}

/** A linear mode of 32 bits a pixel; large pages and instructions on vectors are allowed. */
function begin(a: Assembler): void {
  dispi(a, 1, SCREEN_WIDTH);
  dispi(a, 2, SCREEN_HEIGHT);
  dispi(a, 3, 32);
  dispi(a, 4, 0x41);
  a.mov(eax, cr4).or(eax, 0x210).mov(cr4, eax).cld().fninit();
}

/** Ways to store something of EAX, or what is like it, at EDI; ECX and ESI may change. */
export const STORES: Readonly<Record<string, (a: Assembler) => void>> = {
  "a byte": (a) => a.mov(byte(edi), al),
  "a word": (a) => a.mov(word(edi), ax),
  "a doubleword": (a) => a.mov(dword(edi), eax),
  "a quadword": (a) => a.movd(xmm1, eax).movq(qword(edi), xmm1),
  "a vector": (a) => a.movd(xmm1, eax).pshufd(xmm1, xmm1, 0).movups(mem(edi), xmm1),
  "an x87 number": (a) => a.push(eax).push(eax).fild(qword(esp)).fstp(tbyte(edi)).pop(eax).pop(eax),
  "an addition": (a) => a.add(dword(edi), eax),
  "a locked addition": (a) => a.mov(ecx, eax).lock.xadd(dword(edi), ecx),
  "an exchange": (a) => a.mov(ecx, eax).xchg(dword(edi), ecx),
  "a comparison and exchange": (a) =>
    a.mov(ecx, eax).mov(eax, dword(edi)).lock.cmpxchg(dword(edi), ecx).mov(eax, ecx),
  "a double shift": (a) => a.or(byte(edi), 1).shld(dword(edi), eax, 5),
  "a push": (a) =>
    a
      .mov(ecx, esp)
      .lea(esp, mem(edi, { disp: 4 }))
      .push(eax)
      .mov(esp, ecx),
  "repeated bytes": (a) => a.mov(ecx, 5).rep.stosb(),
  "repeated doublewords": (a) => a.mov(ecx, 3).rep.stosd(),
};
const KINDS = Object.values(STORES);

/** Loads and moves: EBX and XMM0 collect what is read. */
function other(a: Assembler, random: Random, area: number): void {
  const elsewhere = area + random.below(AREA_BYTES / 2);
  const count = [random.below(9), random.below(3000)][random.below(2)] as number;
  switch (random.below(6)) {
    case 0:
      a.add(ebx, dword(edi));
      break;
    case 1:
      a.movups(xmm1, mem(edi)).paddd(xmm0, xmm1);
      break;
    case 2:
      a.movzx(ecx, word(edi)).add(ebx, ecx);
      break;
    case 3:
      a.mov(ecx, count).mov(esi, elsewhere).add(esi, ebp).rep.movsd();
      break;
    case 4:
      a.std().mov(ecx, count).mov(esi, elsewhere).add(esi, ebp);
      a.add(esi, 4 * count)
        .add(edi, 4 * count)
        .rep.movsb()
        .cld();
      break;
    default:
      a.mov(ecx, 4 * count);
      a.rep.stosb();
  }
}

/**
 * Random accesses to AREA_BYTES from `area` on, rounds of the same ones at other addresses. The same seed does the same
 * anywhere. What was read is left at RESULTS.
 */
export function accessesGuest(area: number, seed: number): Uint8Array {
  return guest((a) => {
    const random = new Random(seed);
    begin(a);
    a.mov(ebx, seed).xor(ebp, ebp).mov(eax, 0x1234567).pxor(xmm0, xmm0);
    a.mov(edi, area)
      .mov(ecx, AREA_BYTES / 4)
      .rep.stosd();
    a.label("again");
    for (let i = 0; i < 60; i++) {
      const page = random.below(AREA_BYTES / 2 / PAGE) * PAGE;
      const offset = random.below(3) === 0 ? PAGE - 1 - random.below(16) : random.below(PAGE);
      a.mov(edi, area + page + offset)
        .add(edi, ebp)
        .imul(eax, eax, 1664525);
      if (random.below(2) === 0) (KINDS[random.below(KINDS.length)] as (a: Assembler) => void)(a);
      else other(a, random, area);
    }
    a.add(ebp, 0x1c3).cmp(ebp, 0x1c3 * 60);
    a.jb("again");
    a.mov(dword(RESULTS), ebx).movups(mem(RESULTS + 16), xmm0);
    a.label("end");
    a.cli().hlt().jmp("end");
  });
}

/** Stores of each kind, each behind a word on COM1: store n changes pixels from column 0 of line 2n + 1 on. */
export function storesGuest(): Uint8Array {
  return guest((a) => {
    begin(a);
    KINDS.forEach((store, n) => {
      a.mov(edi, FRAMEBUFFER + (2 * n + 1) * SCREEN_WIDTH * 4).mov(eax, 0x40 + n);
      // The page is known, and looked at without a write, before it is looked at with one.
      a.add(ebx, dword(edi));
      for (const again of [0, 1]) {
        a.add(eax, 0x0101_0101);
        store(a);
        a.mov(edi, FRAMEBUFFER + (2 * n + 1) * SCREEN_WIDTH * 4);
        a.push(eax).mov(al, 0x2e).call("putc").pop(eax);
        const wait = `wait${n}_${again}`;
        a.label(wait);
        a.mov(dx, COM1 + 5)
          .push(eax)
          .in(al, dx)
          .test(al, 1)
          .pop(eax)
          .jz(wait);
        a.mov(dx, COM1).push(eax).in(al, dx).pop(eax);
      }
    });
  });
}

const [TABLES, ELSEWHERE] = [0x20_0000, 0x28_0000];
/** Linear address of pages that the page tables change beneath. */
const MOVED = 0x7000_0000;

/**
 * Writes to pages for which it has changed the page table without a word to the processor: they still go where they
 * went, whatever else happens.
 */
export function staleGuest(): Uint8Array {
  return guest((a) => {
    begin(a);
    a.mov(dword(TABLES), 0x83).mov(dword(TABLES + (FRAMEBUFFER >>> 22) * 4), FRAMEBUFFER | 0x83);
    a.mov(dword(TABLES + (MOVED >>> 22) * 4), (TABLES + PAGE) | 3);
    KINDS.forEach((_, n) => {
      a.mov(dword(TABLES + PAGE + 4 * n), (FRAMEBUFFER + n * PAGE) | 3);
    });
    a.mov(eax, TABLES).mov(cr3, eax).mov(eax, cr0).or(eax, 0x8000_0000).mov(cr0, eax);
    KINDS.forEach((_, n) => {
      a.mov(byte(MOVED + n * PAGE), 1).mov(dword(TABLES + PAGE + 4 * n), ELSEWHERE | 3);
    });
    a.mov(ebp, 200).mov(eax, 1);
    a.label("again");
    KINDS.forEach((store, n) => {
      a.mov(edi, MOVED + n * PAGE + 16)
        .lea(edi, mem(edi, { index: ebp, scale: 4 }))
        .add(eax, 0x123457);
      store(a);
    });
    a.dec(ebp).jnz("again");
    a.label("end");
    a.cli().hlt().jmp("end");
  });
}

/** The base address register 0 of the display adapter, or its command register, through ports 0xCF8 and 0xCFC. */
function configure(a: Assembler, register: number, value: number): void {
  a.mov(dx, 0xcf8)
    .mov(eax, 0x8000_0000 | (1 << 11) | register)
    .out(dx, eax);
  a.mov(dx, 0xcfc).mov(eax, value).out(dx, eax);
}

/** Where `movingGuest` puts the framebuffer; the last one has the interrupt controllers in it. */
export const PLACES = [0xc000_0000, 0xfe00_0000] as const;
const IOAPIC = 0xfec0_0000;
const LOCAL_APIC = 0xfee0_0000;

/** Moves the framebuffer about; what it reads goes to RESULTS, doubleword by doubleword. */
export function movingGuest(): Uint8Array {
  return guest((a) => {
    begin(a);
    a.mov(esi, RESULTS);
    const read = (address: number): void => {
      a.mov(eax, dword(address)).mov(dword(esi), eax).add(esi, 4);
    };
    a.mov(dword(FRAMEBUFFER), 0x1111);
    read(FRAMEBUFFER);
    // Decoding is turned off: writes are lost, reads are ones.
    configure(a, 4, 0);
    a.mov(dword(FRAMEBUFFER), 0x2222);
    read(FRAMEBUFFER);
    configure(a, 4, 3);
    read(FRAMEBUFFER);
    for (const [n, place] of PLACES.entries()) {
      configure(a, 0x10, place);
      read(FRAMEBUFFER);
      read(place);
      a.mov(dword(place + 4 + 4 * n), 0x3333 + n);
      read(place + 4);
    }
    // The interrupt controllers are where they were.
    a.mov(dword(IOAPIC), 1);
    read(IOAPIC);
    a.mov(dword(LOCAL_APIC + 0x80), 0x50);
    read(LOCAL_APIC + 0x80);
    // Sizing, as firmware does it.
    configure(a, 0x10, 0xffff_ffff);
    read(PLACES[1]);
    configure(a, 0x10, FRAMEBUFFER);
    read(FRAMEBUFFER + 8);
    // What crosses the end is written as far as there is memory.
    const last = FRAMEBUFFER + FRAMEBUFFER_BYTES - 2;
    a.mov(eax, 0x6543_2101).mov(dword(last), eax);
    read(last);
    a.movd(xmm0, eax)
      .movups(xmm1, mem(last - 8))
      .movups(mem(last - 9), xmm1);
    read(last - 6);
  });
}

const CODE = FRAMEBUFFER + 0x2000;
const TABLE_IN_FRAMEBUFFER = FRAMEBUFFER + 0x8000;
export const ROUNDS = 40;

/**
 * Runs a function in the framebuffer that is changed there, and in the window at 0xA0000; results at RESULTS. Then it
 * says so, and changes pixels in the page of another function.
 */
export function codeGuest(): Uint8Array {
  return guest((a) => {
    begin(a);
    a.mov(esi, RESULTS).mov(ebp, ROUNDS);
    // mov eax, NUMBER; ret
    a.mov(byte(CODE), 0xb8)
      .mov(dword(CODE + 1), 0)
      .mov(byte(CODE + 5), 0xc3);
    a.label("again");
    a.mov(edx, CODE).call(edx).mov(dword(esi), eax);
    a.mov(dword(CODE + 1), ebp)
      .call(edx)
      .mov(dword(esi, { disp: 4 }), eax);
    a.mov(ecx, ebp)
      .shl(ecx, 4)
      .mov(byte(0xa_0000 + CODE - FRAMEBUFFER + 2), cl);
    a.call(edx)
      .mov(dword(esi, { disp: 8 }), eax)
      .add(esi, 12)
      .dec(ebp)
      .jnz("again");
    a.mov(byte(CODE + PAGE), 0xc3)
      .mov(edx, CODE + PAGE)
      .call(edx);
    a.mov(al, 0x2e).call("putc");
    a.mov(edi, CODE + PAGE + 0x800)
      .mov(ecx, 20)
      .rep.stosd();
  });
}

/** Paging by tables in the framebuffer; what it reads through them is at RESULTS, and the table's entry behind it. */
export function tablesGuest(): Uint8Array {
  return guest((a) => {
    begin(a);
    const directory = TABLE_IN_FRAMEBUFFER;
    a.mov(dword(directory), 0x83);
    a.mov(dword(directory + (FRAMEBUFFER >>> 22) * 4), FRAMEBUFFER | 0x83);
    a.mov(dword(directory + (MOVED >>> 22) * 4), 0x83);
    a.mov(eax, directory).mov(cr3, eax).mov(eax, cr0).or(eax, 0x8000_0000).mov(cr0, eax);
    a.mov(dword(RESULTS), 0x7777);
    a.mov(eax, dword(MOVED + RESULTS)).mov(dword(RESULTS + 4), eax);
    a.mov(eax, dword(directory + (MOVED >>> 22) * 4)).mov(dword(RESULTS + 8), eax);
    a.mov(dword(MOVED + RESULTS + 12), eax);
    a.mov(eax, dword(directory + (MOVED >>> 22) * 4)).mov(dword(RESULTS + 16), eax);
  });
}

/** Copies the doublewords at two offsets of the framebuffer to RESULTS, for ever. */
export function readingGuest(first: number, second: number): Uint8Array {
  return guest((a) => {
    a.label("again");
    a.mov(eax, dword(FRAMEBUFFER + first)).mov(dword(RESULTS), eax);
    a.mov(eax, dword(FRAMEBUFFER + second)).mov(dword(RESULTS + 4), eax);
    a.jmp("again");
  });
}
