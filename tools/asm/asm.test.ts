// The assembler against GNU as (same bytes), iced's decoder (every form comes back as itself) and QEMU (a
// Multiboot kernel made of nothing else).

import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Decoder, DecoderOptions } from "iced-x86";
import { afterAll, describe, expect, test } from "vitest";
import { linkElf, readElf } from "../elf/index.ts";
import { HANG_MS, hasBinutil, hasQemu, QEMU } from "../testing/host-tools.ts";
import { AsmError, Assembler, type Bits } from "./index.ts";
import * as o from "./operands.ts";
import { longModeKernel } from "./testdata/long_mode_kernel.ts";

const directory = mkdtempSync(join(tmpdir(), "asm-test-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

function assemble(bits: Bits, write: (a: Assembler) => void): Uint8Array {
  const a = new Assembler({ bits });
  write(a);
  return a.flat({ origin: 0 }).bytes;
}

/** Bytes of `text` (Intel syntax) by GNU as at address 0. */
function gnu(bits: Bits, text: string): Uint8Array {
  const source = join(directory, "gnu.s");
  const object = join(directory, "gnu.o");
  const flat = join(directory, "gnu.bin");
  writeFileSync(source, `.intel_syntax noprefix\n.code${bits}\n${text}\n`);
  execFileSync("as", [bits === 64 ? "--64" : "--32", source, "-o", object]);
  execFileSync("objcopy", ["-O", "binary", "-j", ".text", object, flat]);
  return new Uint8Array(readFileSync(flat));
}

const { rax, rbx, rcx, rdx, rsi, rdi, rsp, rbp, r8, r12, r13, r15, eax, ebx, ecx, esi, ebp } = o;
const {
  ax,
  bx,
  cx,
  dx,
  si,
  bp,
  al,
  cl,
  ah,
  dil,
  r8b,
  r9d,
  cs,
  ds,
  fs,
  gs,
  ss,
  cr0,
  cr3,
  cr8,
  dr7,
} = o;
const { st0, st1, mm0, mm1, xmm0, xmm1, xmm9, ymm1, ymm2, ymm3 } = o;
const { mem, byte, word, dword, qword, tbyte, xmmword, farptr16, farptr32, farptr64, rip, far } = o;

type Case = [string, (a: Assembler) => void];

// biome-ignore format: one instruction a line
const code64: Case[] = [
  ["mov rax, [rbx+rcx*4+8]", (a) => a.mov(rax, qword(rbx, { index: rcx, scale: 4, disp: 8 }))],
  ["mov eax, [rbp]", (a) => a.mov(eax, dword(rbp))],
  ["mov [r13], r9d", (a) => a.mov(dword(r13), r9d)],
  ["mov [rsp+0x80], rdi", (a) => a.mov(mem(rsp, { disp: 0x80 }), rdi)],
  ["mov r12, [r12-0x80]", (a) => a.mov(r12, mem(r12, { disp: -0x80 }))],
  ["mov rax, [rcx*8+0x1000]", (a) => a.mov(rax, mem({ index: rcx, scale: 8, disp: 0x1000 }))],
  ["mov eax, [0x1000]", (a) => a.mov(eax, dword(0x1000))],
  ["mov eax, fs:[0x28]", (a) => a.mov(eax, dword(0x28, { segment: fs }))],
  ["mov rax, gs:[rbx]", (a) => a.mov(rax, qword(rbx, { segment: gs }))],
  ["mov rax, -1", (a) => a.mov(rax, -1)],
  ["movabs rax, 0x123456789a", (a) => a.mov(rax, 0x123456789an)],
  ["mov eax, 0xffffffff", (a) => a.mov(eax, 0xffffffff)],
  ["mov byte ptr [rdi], 0x80", (a) => a.mov(byte(rdi), 0x80)],
  ["mov ah, 1", (a) => a.mov(ah, 1)],
  ["mov dil, r8b", (a) => a.mov(dil, r8b)],
  ["mov ds, eax", (a) => a.mov(ds, eax)],
  ["mov eax, ss", (a) => a.mov(eax, ss)],
  ["mov rax, cr3", (a) => a.mov(rax, cr3)],
  ["mov cr8, rdx", (a) => a.mov(cr8, rdx)],
  ["mov dr7, rax", (a) => a.mov(dr7, rax)],
  ["movzx eax, byte ptr [rsi]", (a) => a.movzx(eax, byte(rsi))],
  ["movsx rax, word ptr [rsi]", (a) => a.movsx(rax, word(rsi))],
  ["movsxd rax, ecx", (a) => a.movsxd(rax, ecx)],
  ["lea rdi, [rip+0x10]", (a) => a.lea(rdi, rip("here", 0x10 + 7))],
  ["push 0x12345", (a) => a.push(0x12345)],
  ["push 0x1234", (a) => a.push(0x1234)],
  ["push -1", (a) => a.push(-1)],
  ["push r15", (a) => a.push(r15)],
  ["push fs", (a) => a.push(fs)],
  ["pop qword ptr [rax]", (a) => a.pop(qword(rax))],
  ["add rsp, 8", (a) => a.add(rsp, 8)],
  ["add rax, 0x12345", (a) => a.add(rax, 0x12345)],
  ["and rsp, 0xfffffffffffffff0", (a) => a.and(rsp, 0xffff_ffff_ffff_fff0n)],
  ["cmp byte ptr [rbx], 0xff", (a) => a.cmp(byte(rbx), 0xff)],
  ["test rax, [rbx]", (a) => a.test(rax, qword(rbx))],
  ["xchg rcx, [rbx]", (a) => a.xchg(rcx, qword(rbx))],
  ["lock xadd [rdi], rax", (a) => a.lock.xadd(qword(rdi), rax)],
  ["lock cmpxchg16b [rdi]", (a) => a.lock.cmpxchg16b(mem(rdi))],
  ["shl rax, 1", (a) => a.shl(rax, 1)],
  ["shl eax, cl", (a) => a.shl(eax, cl)],
  ["shrd rax, rbx, 5", (a) => a.shrd(rax, rbx, 5)],
  ["imul rax, rbx, 1000", (a) => a.imul(rax, rbx, 1000)],
  ["rep movsb", (a) => a.rep.movsb()],
  ["rep stosq", (a) => a.rep.stosq()],
  ["repne scasb", (a) => a.repne.scasb()],
  ["call [rax*8+0x40]", (a) => a.call(qword({ index: rax, scale: 8, disp: 0x40 }))],
  ["jmp rax", (a) => a.jmp(rax)],
  ["rex.w ljmp [rdi]", (a) => a.jmp(farptr64(rdi))],
  ["ljmp [rdi]", (a) => a.jmp(farptr32(rdi))],
  ["iretq", (a) => a.iretq()],
  ["rex.w retf", (a) => a.retfq()],
  ["sysretq", (a) => a.sysretq()],
  ["syscall", (a) => a.syscall()],
  ["swapgs", (a) => a.swapgs()],
  ["wrmsr", (a) => a.wrmsr()],
  ["rdtscp", (a) => a.rdtscp()],
  ["lgdt [rdi]", (a) => a.lgdt(mem(rdi))],
  ["lidt [rax+8]", (a) => a.lidt(mem(rax, { disp: 8 }))],
  ["ltr ax", (a) => a.ltr(ax)],
  ["lldt ax", (a) => a.lldt(ax)],
  ["invlpg [rdi]", (a) => a.invlpg(mem(rdi))],
  ["invpcid rax, [rdi]", (a) => a.invpcid(rax, mem(rdi))],
  ["fxsave64 [rdi]", (a) => a.fxsave64(mem(rdi))],
  ["xsave [rdi]", (a) => a.xsave(mem(rdi))],
  ["xsaveopt64 [rdi]", (a) => a.xsaveopt64(mem(rdi))],
  ["xrstor [rdi]", (a) => a.xrstor(mem(rdi))],
  ["xgetbv", (a) => a.xgetbv()],
  ["ldmxcsr [rsp]", (a) => a.ldmxcsr(mem(rsp))],
  ["out dx, al", (a) => a.out(dx, al)],
  ["in eax, 0x60", (a) => a.in(eax, 0x60)],
  ["int 0x80", (a) => a.int(0x80)],
  ["int3", (a) => a.int3()],
  ["ud2", (a) => a.ud2()],
  ["monitor", (a) => a.monitor()],
  ["pause", (a) => a.pause()],
  ["fld tbyte ptr [rsi]", (a) => a.fld(tbyte(rsi))],
  ["fadd st, st(1)", (a) => a.fadd(st0, st1)],
  ["fldenv [rdi]", (a) => a.fldenv(mem(rdi))],
  ["paddb mm0, mm1", (a) => a.paddb(mm0, mm1)],
  ["movq xmm0, rax", (a) => a.movq(xmm0, rax)],
  ["movsd xmm0, [rsi]", (a) => a.movsd(xmm0, qword(rsi))],
  ["movsd", (a) => a.movsd()],
  ["addps xmm9, [rsi]", (a) => a.addps(xmm9, xmmword(rsi))],
  ["cvtsi2sd xmm1, rax", (a) => a.cvtsi2sd(xmm1, rax)],
  ["vaddpd ymm1, ymm2, ymm3", (a) => a.vaddpd(ymm1, ymm2, ymm3)],
  ["setne al", (a) => a.setnz(al)],
  ["cmovc rax, rbx", (a) => a.cmovc(rax, rbx)],
  ["enter 16, 0", (a) => a.enter(16, 0)],
  ["bswap r8", (a) => a.bswap(r8)],
  ["nop", (a) => a.nop()],
];

// biome-ignore format: one instruction a line
const code32: Case[] = [
  ["mov eax, [0x1234]", (a) => a.mov(eax, dword(0x1234))],
  ["mov cr0, eax", (a) => a.mov(cr0, eax)],
  ["ljmp 8:0x100000", (a) => a.jmp(far(8, 0x100000))],
  ["pushad", (a) => a.pushad()],
  ["iretd", (a) => a.iretd()],
  ["lss esp, [ebx]", (a) => a.lss(o.esp, farptr32(ebx))],
  ["mov ax, [bx+si+5]", (a) => a.mov(ax, word(bx, { index: si, disp: 5 }))],
  ["mov [ebp], eax", (a) => a.mov(dword(ebp), eax)],
  ["lock cmpxchg [ebx], eax", (a) => a.lock.cmpxchg(dword(ebx), eax)],
  ["push 0x1234", (a) => a.push(0x1234)],
];

// biome-ignore format: one instruction a line
const code16: Case[] = [
  ["mov ax, [bx+si+5]", (a) => a.mov(ax, word(bx, { index: si, disp: 5 }))],
  ["mov [bp], cx", (a) => a.mov(word(bp), cx)],
  ["mov eax, [esi]", (a) => a.mov(eax, dword(esi))],
  ["mov al, [0x1234]", (a) => a.mov(al, byte(0x1234))],
  // Displacements of the upper half of a segment, with and without registers.
  ["mov eax, [0x9000]", (a) => a.mov(eax, dword(0x9000))],
  ["mov dword ptr [0x9000], 1", (a) => a.mov(dword(0x9000), 1)],
  ["inc word ptr [0xffff]", (a) => a.inc(word(0xffff))],
  ["mov [bx+0x9000], ax", (a) => a.mov(word(bx, { disp: 0x9000 }), ax)],
  ["mov [si-5], ax", (a) => a.mov(word(si, { disp: 0xfffb }), ax)],
  ["mov eax, cr0", (a) => a.mov(eax, cr0)],
  ["int 0x10", (a) => a.int(0x10)],
  ["ljmp 0xf000:0xfff0", (a) => a.jmp(far(0xf000, 0xfff0))],
  ["ljmp [bx]", (a) => a.jmp(farptr16(bx))],
  ["push cs", (a) => a.push(cs)],
  ["lodsb", (a) => a.lodsb()],
  ["lgdtw [0x500]", (a) => a.lgdt(mem(0x500))],
  ["push 0x1234", (a) => a.push(0x1234)],
  ["retf", (a) => a.retf()],
  ["iret", (a) => a.iret()],
];

describe.skipIf(!hasBinutil("as"))("bytes are those of GNU as", () => {
  for (const [bits, cases] of [
    [64, code64],
    [32, code32],
    [16, code16],
  ] as const) {
    test(`${bits}-bit code`, () => {
      const expected = cases.map(([text]) => text).join("\n.balign 16, 0xcc\n");
      const ours = assemble(bits, (a) => {
        for (const [index, [, write]] of cases.entries()) {
          if (index > 0) a.align(16, 0xcc);
          // A label at the instruction, for the RIP-relative case.
          const before = a.label(index === 23 && bits === 64 ? "here" : undefined);
          expect(before).toBeTruthy();
          write(a);
        }
      });
      const theirs = gnu(bits, expected);
      for (const [index, [text]] of cases.entries()) {
        const slice = (bytes: Uint8Array): string =>
          Buffer.from(bytes.slice(index * 16, index * 16 + 16))
            .toString("hex")
            .replace(/(cc)+$/, "")
            // The order of the size prefixes is free.
            .replace(/^6766/, "6667");
        expect(`${text}: ${slice(ours)}`).toBe(`${text}: ${slice(theirs)}`);
      }
    });
  }

  test("branches short and near, forward and backward", () => {
    const text = `a: jmp b\n.skip 100, 0x90\njne a\ncall a\nb: jmp a\n.skip 200, 0x90\nje b\njmp c\nloop d\nd: jrcxz d\nc:`;
    const ours = assemble(64, (a) => {
      a.label("a");
      a.jmp("b").db(new Uint8Array(100).fill(0x90)).jne("a").call("a");
      a.label("b");
      a.jmp("a").db(new Uint8Array(200).fill(0x90)).je("b").jmp("c").loop("d");
      a.label("d");
      a.jrcxz("d");
      a.label("c");
    });
    expect(Buffer.from(ours).toString("hex")).toBe(Buffer.from(gnu(64, text)).toString("hex"));
  });
});

describe("labels and data", () => {
  test("an address goes into data and instructions of any width", () => {
    const a = new Assembler({ bits: 16 });
    a.label("start");
    a.mov(ax, "value").mov(al, byte("value"));
    a.padTo(0x10);
    a.label("value");
    a.dw("value", o.diff("value", "start")).dd(o.sym("start", 4)).dq("value");
    const { bytes, map } = a.flat({ origin: 0x7c00 });
    expect(map.get("value")).toBe(0x7c10n);
    expect(Buffer.from(bytes).toString("hex")).toBe(
      `b8107ca0107c${"00".repeat(10)}107c1000047c0000107c000000000000`,
    );
  });

  test("sections become object sections, undefined symbols relocations", () => {
    const a = new Assembler({ bits: 64, name: "stub" });
    a.label("entry", { global: true });
    a.mov(rax, "outside").lea(rdi, rip("buffer", 8)).ret();
    a.section(".bss").label("buffer");
    a.space(4096);
    const object = a.object();
    expect(object.sections.map(({ name, memSize }) => [name, memSize])).toEqual([
      [".text", 18],
      [".bss", 4096],
    ]);
    expect(object.sections[1]?.data.length).toBe(0);
    expect(object.relocations).toEqual([
      { section: 0, offset: 2, kind: "abs64", symbol: "outside", addend: 0 },
      { section: 0, offset: 13, kind: "pc32", symbol: "buffer", addend: 4 },
    ]);
    expect(object.symbols[0]).toMatchObject({
      name: "entry",
      kind: "func",
      size: 18,
      global: true,
    });
  });

  test("with lines, every instruction knows where it was written", () => {
    const a = new Assembler({ bits: 64, lines: true });
    const here = Number(/asm\.test\.ts:(\d+)/.exec(new Error().stack ?? "")?.[1]);
    a.push(rax);
    a.mov(rax, 1).pop(rax);
    const rows = a.object().lines ?? [];
    expect(rows.map(({ file, line, offset }) => [file, line - here, offset])).toEqual([
      ["tools/asm/asm.test.ts", 1, 0],
      ["tools/asm/asm.test.ts", 2, 1],
      ["tools/asm/asm.test.ts", 2, 8],
    ]);
  });

  test("undefined labels of a flat binary are all named", () => {
    expect(() => assemble(64, (a) => a.jmp("nowhere").mov(eax, "nothing"))).toThrow(
      "asm: undefined: nowhere, nothing",
    );
  });

  test("a value that does not fit names label, section and offset", () => {
    const write = (a: Assembler): void => {
      a.label("far_away");
      a.mov(ax, o.sym("far_away", 0x12345));
    };
    expect(() => assemble(16, write)).toThrow(
      "asm: .text+0x1: far_away: 0x12345 does not fit a field of 16 bits (abs16)",
    );
  });

  test("a branch that has no near form names the label it cannot reach", () => {
    const write = (a: Assembler): void => {
      a.label("top");
      a.space(200).loop("top");
    };
    expect(() => assemble(64, write)).toThrow(
      "section asm:.text+0xca: label top is -202 bytes away, the branch reaches -128 to 127",
    );
  });

  test("operands without a form, without a size or defined twice are refused", () => {
    const refused: [(a: Assembler) => void, RegExp][] = [
      [(a) => a.inc(mem(rax)), /inc \[rax\]: the size of the memory operand is not known/],
      [(a) => a.mov(eax, rbx), /mov eax, rbx: no form takes these operands; there are: MOV/],
      [(a) => a.mov(al, 256), /mov al, 0x100: no form/],
      [(a) => a.pushad(), /pushad: does not exist in 64-bit code/],
      [(a) => a.ret(1, 2), /ret 0x1, 0x2: takes 0 or 1 operands, not 2/],
      [(a) => a.mov(ah, r8b), /mov ah, r8b: /],
      [(a) => a.mov(rax, qword(rbx, { disp: 0x1_0000_0000 })), /does not fit 32 bits/],
      [(a) => a.jmp(0x1000), /the target of a branch is a label or a symbol/],
      [(a) => a.label("a") && a.label("a"), /a is defined twice/],
      [(a) => a.padTo(4).padTo(2), /cannot pad to offset 0x2, it already has 0x4 bytes/],
    ];
    for (const [write, message] of refused) {
      expect(() => assemble(64, write)).toThrow(message);
      expect(() => assemble(64, write)).toThrow(AsmError);
    }
  });
});

describe("every form of every instruction", () => {
  test.each([16, 32, 64] as const)("decodes to itself in %i-bit code", async (bits) => {
    const { sampleForms } = await import("./testdata/sample_forms.ts");
    let count = 0;
    const wrong: string[] = [];
    for (const { code, name, operands } of sampleForms(bits)) {
      const a = new Assembler({ bits });
      a.form(name, ...operands);
      const bytes = a.flat({ origin: 0 }).bytes;
      const decoder = new Decoder(bits, bytes, DecoderOptions.None);
      const decoded = decoder.decode();
      if (decoded.code !== code || decoded.length !== bytes.length) wrong.push(name);
      decoded.free();
      decoder.free();
      count++;
    }
    expect(wrong).toEqual([]);
    expect(count).toBeGreaterThan(1500);
  });
});

describe("a Multiboot kernel written with the assembler alone", () => {
  const image = linkElf({
    objects: [longModeKernel()],
    segments: [
      { name: "image", flags: "rwx", vaddr: 0x10_0000n, sections: [".multiboot", ".text", ".*"] },
    ],
    entry: "entry",
    class: 32,
  });

  test("has its Multiboot header within the first 8 KiB", () => {
    const offset = readElf(image).segments[0]?.offset ?? 0;
    expect(Buffer.from(image).indexOf(Buffer.from([0x02, 0xb0, 0xad, 0x1b]))).toBe(offset);
    expect(offset).toBeLessThan(8192);
  });

  test.skipIf(!hasQemu)("enters long mode, prints and exits on QEMU", () => {
    const kernel = join(directory, "kernel.elf32");
    const log = join(directory, "debugcon.txt");
    writeFileSync(kernel, image);
    // biome-ignore format: one option with its value a line
    const run = spawnSync(QEMU, [
      "-accel", "tcg", "-machine", "q35", "-m", "64M", "-nodefaults", "-no-reboot", "-display", "none",
      "-kernel", kernel, "-append", "from the command line",
      "-serial", "stdio", "-debugcon", `file:${log}`,
      "-device", "isa-debug-exit,iobase=0xf4,iosize=0x04",
    ], { timeout: HANG_MS });
    const expected = "long mode, loaded by 2badb002\n";
    expect(run.stdout.toString()).toBe(expected);
    expect(readFileSync(log, "latin1")).toBe(expected);
    expect(run.status).toBe((0x15 << 1) | 1);
  });
});
