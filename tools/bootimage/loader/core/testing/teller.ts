// Kernels that tell what they were handed, on port 0xE9: EAX and EBX, CR0 and EFLAGS, then pieces of memory, each as u32
// address, u32 length and bytes; then they end QEMU through isa-debug-exit. For comparing loaders.

import {
  type Assembler,
  al,
  cr0,
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
  Assembler as NewAssembler,
  qword,
  rax,
  rbx,
  rip,
  rsi,
} from "../../../../asm/index.ts";
import { linkElf } from "../../../../elf/index.ts";

const DEBUG_CONSOLE = 0xe9;
const DEBUG_EXIT = 0xf4;
const MULTIBOOT2 = 0x36d7_6289;
const TEXT_BYTES = 64;
/** More than any section that the kernel has. */
const SECTION_LIMIT = 0x10_0000;
/** Bytes of registers, and how what is told first is called. */
const REGISTERS = 16;
const REGISTER_NAMES = [
  "registers",
  "registers_ebx",
  "registers_cr0",
  "registers_flags",
  "head",
  "head_length",
];

/** Tells ECX bytes at ESI; EAX, ECX, EDX and ESI are lost. */
function emitTell(a: Assembler): void {
  a.label("tell");
  a.test(ecx, ecx).jz("told");
  a.mov(dword("head"), esi).mov(dword("head_length"), ecx);
  a.push(esi).push(ecx);
  a.mov(edx, DEBUG_CONSOLE).mov(esi, "head").mov(ecx, 8).rep.outsb();
  a.pop(ecx).pop(esi);
  a.rep.outsb();
  a.label("told");
  a.ret();

  // The sections of EDI headers of EBP bytes at EBX: what they have in memory.
  a.label("tell_sections");
  const section = a.label();
  a.cmp(edi, 0).je("told");
  a.mov(ecx, dword(ebx, { disp: 20 })).mov(esi, dword(ebx, { disp: 12 }));
  a.test(esi, esi).jz("next_section");
  a.cmp(dword(ebx, { disp: 4 }), 8).je("next_section");
  a.cmp(ecx, SECTION_LIMIT).ja("next_section");
  a.call("tell");
  a.label("next_section");
  a.add(ebx, ebp).dec(edi).jmp(section);
}

function emitMultiboot1(a: Assembler): void {
  const field = (offset: number) => dword(ebx, { disp: offset });
  a.label("first");
  a.mov(esi, ebx).mov(ecx, 128).call("tell");
  for (const offset of [16, 64]) a.mov(esi, field(offset)).mov(ecx, TEXT_BYTES).call("tell");
  a.mov(esi, field(48)).mov(ecx, field(44)).call("tell");
  a.mov(esi, field(24)).mov(ecx, field(20)).shl(ecx, 4).call("tell");
  a.mov(edi, field(20)).mov(ebp, field(24));
  a.label("module");
  a.test(edi, edi).jz("modules_end");
  a.mov(esi, dword(ebp, { disp: 8 }))
    .mov(ecx, TEXT_BYTES)
    .call("tell");
  a.mov(esi, dword(ebp))
    .mov(ecx, dword(ebp, { disp: 4 }))
    .sub(ecx, esi)
    .call("tell");
  a.add(ebp, 16).dec(edi).jmp("module");
  a.label("modules_end");
  a.test(dword(ebx), 1 << 11).jz("vbe_end");
  a.mov(esi, field(76)).mov(ecx, 256).call("tell");
  a.label("vbe_end");
  a.test(dword(ebx), 1 << 5).jz("end");
  a.mov(edi, field(28)).mov(ebp, field(32)).mov(ebx, field(36));
  a.mov(esi, ebx).mov(ecx, edi).imul(ecx, ebp).call("tell");
  a.call("tell_sections").jmp("end");
}

function emitMultiboot2(a: Assembler): void {
  a.label("second");
  a.mov(esi, ebx).mov(ecx, dword(ebx)).call("tell");
  a.lea(ebp, mem(ebx, { disp: 8 }));
  a.label("tag");
  a.mov(eax, dword(ebp)).test(eax, eax).jz("end");
  a.cmp(eax, 3).jne("no_module");
  a.mov(esi, dword(ebp, { disp: 8 }))
    .mov(ecx, dword(ebp, { disp: 12 }))
    .sub(ecx, esi);
  a.call("tell");
  a.label("no_module");
  a.cmp(dword(ebp), 9).jne("no_sections");
  a.push(ebp)
    .mov(edi, dword(ebp, { disp: 8 }))
    .lea(ebx, mem(ebp, { disp: 20 }));
  a.mov(ebp, dword(ebp, { disp: 12 }))
    .call("tell_sections")
    .pop(ebp);
  a.label("no_sections");
  a.mov(eax, dword(ebp, { disp: 4 }))
    .add(eax, 7)
    .and(eax, -8)
    .add(ebp, eax)
    .jmp("tag");
}

/** A Multiboot kernel with this header in front, linked to `base`, with a section of `extra` bytes that it tells too. */
export function tellerKernel(
  header: Uint8Array,
  base = 0x20_0000,
  extra = new Uint8Array(),
): Uint8Array {
  const a = new NewAssembler({ bits: 32, name: "teller" });
  a.section(".header", { align: 8 });
  a.db(header);
  a.section(".text");
  a.label("entry", { global: true });
  a.cld().mov(esp, "stack_end").mov(dword("registers"), eax).mov(dword("registers_ebx"), ebx);
  a.mov(eax, cr0).mov(dword("registers_cr0"), eax);
  a.pushfd().pop(eax).mov(dword("registers_flags"), eax);
  a.mov(edx, DEBUG_CONSOLE).mov(esi, "registers").mov(ecx, REGISTERS).rep.outsb();
  a.cmp(dword("registers"), MULTIBOOT2).je("second");
  emitMultiboot1(a);
  emitMultiboot2(a);
  a.label("end");
  a.mov(edx, DEBUG_EXIT).mov(al, 1).out(dx, al);
  const halt = a.label();
  a.hlt().jmp(halt);
  emitTell(a);
  a.section(".data", { align: 4 });
  for (const name of REGISTER_NAMES) {
    a.label(name);
    a.dd(0);
  }
  a.section(".data.extra", { align: 16 });
  a.label("extra", { kind: "object", global: true });
  a.db(extra);
  a.section(".bss", { align: 16 });
  a.space(4096);
  a.label("stack_end", { global: true });
  return linkElf({
    objects: [a.object()],
    segments: [
      { name: "text", flags: "rx", vaddr: BigInt(base), sections: [".header", ".text"] },
      { name: "data", flags: "rw", sections: [".data", ".data.*", ".bss"] },
    ],
    entry: "entry",
    class: 32,
  });
}

/** A Multiboot 2 kernel for UEFI whose services go on: 64-bit code. It tells its information alone. */
export function efiTellerKernel(header: Uint8Array): Uint8Array {
  const a = new NewAssembler({ bits: 64, name: "teller" });
  a.section(".header", { align: 8 });
  a.db(header);
  a.section(".text");
  a.label("entry", { global: true });
  a.mov(qword(rip("registers")), rax).mov(dword(rip("registers_ebx")), ebx);
  a.mov(rax, cr0).mov(dword(rip("registers_cr0")), eax);
  a.pushfq()
    .pop(rax)
    .mov(dword(rip("registers_flags")), eax);
  a.lea(rsi, mem(rip("registers")))
    .mov(edx, DEBUG_CONSOLE)
    .mov(ecx, REGISTERS)
    .rep.outsb();
  a.mov(dword(rip("head")), ebx)
    .mov(eax, dword(rbx))
    .mov(dword(rip("head_length")), eax);
  a.lea(rsi, mem(rip("head")))
    .mov(ecx, 8)
    .rep.outsb();
  a.mov(rsi, rbx).mov(ecx, dword(rbx)).rep.outsb();
  a.mov(edx, DEBUG_EXIT).mov(al, 1).out(dx, al);
  const halt = a.label();
  a.hlt().jmp(halt);
  a.section(".data", { align: 4 });
  for (const name of REGISTER_NAMES) {
    a.label(name);
    a.dd(0);
  }
  return linkElf({
    objects: [a.object()],
    segments: [
      { name: "all", flags: "rwx", vaddr: 0x300_0000n, sections: [".header", ".text", ".data"] },
    ],
    entry: "entry",
    class: 64,
  });
}

/** What a teller told. */
export class Told {
  readonly magic: number;
  readonly information: number;
  readonly cr0: number;
  readonly flags: number;
  readonly #pieces: { address: number; bytes: Buffer }[] = [];

  constructor(output: Buffer) {
    if (output.length < REGISTERS) throw new Error("the kernel has told nothing");
    this.magic = output.readUInt32LE(0);
    this.information = output.readUInt32LE(4);
    this.cr0 = output.readUInt32LE(8);
    this.flags = output.readUInt32LE(12);
    for (let at = REGISTERS; at + 8 <= output.length; ) {
      const [address, length] = [output.readUInt32LE(at), output.readUInt32LE(at + 4)];
      this.#pieces.push({ address, bytes: output.subarray(at + 8, at + 8 + length) });
      at += 8 + length;
    }
  }

  /** All pieces that have been told. */
  get pieces(): readonly { address: number; bytes: Buffer }[] {
    return this.#pieces;
  }

  bytes(address: number, length: number): Buffer {
    const piece = this.#pieces.find(
      (one) => one.address <= address && address + length <= one.address + one.bytes.length,
    );
    if (!piece) throw new Error(`nothing was told of 0x${address.toString(16)}`);
    return piece.bytes.subarray(address - piece.address, address - piece.address + length);
  }

  word(address: number): number {
    return this.bytes(address, 4).readUInt32LE();
  }

  text(address: number): string {
    for (const piece of this.#pieces) {
      const start = address - piece.address;
      const end = start < 0 ? -1 : piece.bytes.indexOf(0, start);
      if (end >= 0) return piece.bytes.toString("utf8", start, end);
    }
    throw new Error(`no text was told of at 0x${address.toString(16)}`);
  }
}
