// A guest that does everything on which caches of the core could leave a mark: interrupts at odd moments, stores
// beside and into code, string moves over code and across pages, clocks read in the middle of straight code. What it
// sees goes into memory.

import { dword, eax, ebx, ecx, edi, edx, esi, esp, mem } from "../../../asm/index.ts";
import { guest, loadIdt } from "../../platform/testdata/guest.ts";

const APIC = 0xfee0_0000;
const HPET = 0xfed0_0000;
const VECTOR = 0x41;
/** What the guest records: interrupted addresses, and clock readings, as rings of dwords. */
const RECORDS = 0x20_0000;
const RING = 0x3fff;
/** Pages that hold code at one time and data at another. */
const SHARED = 0x30_0000;
const SOURCE = 0x40_0000;

export const derivedStateGuest = (): Uint8Array =>
  guest((a) => {
    const apic = (register: number): ReturnType<typeof dword> => dword(APIC + register);
    const record = (): void => {
      a.mov(ebx, dword(RECORDS)).and(ebx, RING);
      a.mov(mem(ebx, { disp: RECORDS + 16 }), eax).add(dword(RECORDS), 4);
    };
    loadIdt(a, { [VECTOR]: "tick" });
    a.jmp("start");
    a.label("tick");
    a.pushad().mov(eax, dword(esp, { disp: 32 }));
    record();
    a.mov(apic(0xb0), 0).popad().iretd();

    a.label("start");
    a.mov(apic(0xf0), 0x1ff)
      .mov(apic(0x3e0), 0xb)
      .mov(apic(0x320), 0x2_0000 | VECTOR);
    a.mov(apic(0x380), 777)
      .mov(dword(HPET + 0x10), 1)
      .sti();
    a.label("again");
    // A store beside code that has run, in the middle of straight code.
    a.jmp("once");
    a.label("data");
    a.dd(0).align(4);
    a.label("once");
    for (let i = 0; i < 20; i++) a.inc(eax);
    a.mov(dword("data"), eax);
    for (let i = 0; i < 150; i++) a.inc(edx);
    // The time in the middle of straight code: HPET, APIC timer, TSC; a random number.
    a.mov(eax, dword(HPET + 0xf0));
    record();
    a.mov(eax, apic(0x390));
    record();
    a.rdtsc();
    record();
    a.db(0x0f, 0xc7, 0xf0); // rdrand eax
    record();
    // Code that is copied to where code has been, with string moves of every size, runs there.
    a.mov(esi, "body")
      .mov(edi, SHARED + 0x1f0)
      .mov(ecx, 64)
      .db(0xf3, 0xa4);
    a.mov(eax, SHARED + 0x1f0).db(0xff, 0xd0);
    a.mov(esi, SOURCE)
      .mov(edi, SHARED - 0x1003)
      .mov(ecx, 0x901)
      .db(0xf3, 0xa5);
    a.mov(edi, SHARED + 0x0ff0)
      .mov(ecx, 0x333)
      .db(0xf3, 0x66, 0xab);
    a.mov(esi, SOURCE + 0x1234)
      .mov(edi, SHARED + 5)
      .mov(ecx, 0x2345)
      .db(0xf3, 0xa4);
    a.std()
      .mov(esi, SOURCE + 0x2000)
      .mov(edi, SHARED + 0x2000)
      .mov(ecx, 0x99)
      .db(0xf3, 0xa5)
      .cld();
    a.jmp("again");
    a.label("body");
    a.inc(dword(SOURCE)).mov(ebx, dword(SOURCE)).xor(edx, ebx).ret();
    a.space(64);
  });
