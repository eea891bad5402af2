// A guest that prints what keyboard and mouse send, two digits a byte, the mouse's behind "m", and powers off when Esc
// goes up.

import { al, dl, dx, eax, ebx } from "../../../asm/index.ts";
import { COM1, guest, outb, print } from "../../platform/testdata/guest.ts";

const ESC_UP = 0x81;

export function inputGuest(): Uint8Array {
  return guest((a) => {
    outb(a, 0x64, 0xa8);
    // To the mouse: report.
    outb(a, 0x64, 0xd4);
    outb(a, 0x60, 0xf4);
    a.label("answer");
    a.in(al, 0x64).test(al, 1).jz("answer").in(al, 0x60);
    print(a, "ready", "ready ");
    a.label("wait");
    a.in(al, 0x64).test(al, 1).jz("wait");
    a.mov(dl, al).in(al, 0x60).mov(ebx, 0).db(0x88, 0xc3); // MOV BL, AL
    a.test(dl, 0x20).jz("key");
    a.mov(al, "m".charCodeAt(0)).call("putc");
    a.label("key");
    for (const shift of [4, 0]) {
      a.mov(eax, ebx).shr(eax, shift).and(eax, 15);
      a.db(0x8a, 0x80).dd("digits"); // MOV AL, [EAX + digits]
      a.call("putc");
    }
    a.mov(al, 32).call("putc");
    a.cmp(ebx, ESC_UP).jne("wait");
    a.mov(dx, COM1).jmp("poweroff");
    a.label("digits");
    a.db("0123456789abcdef");
  });
}
