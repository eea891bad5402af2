// BIOS calls from long mode, with a BIOS of the test's own: handlers in real mode that a guest puts into memory and
// into the table of vectors. In the emulator and in QEMU.

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import {
  Assembler,
  al,
  ax,
  bp,
  bx,
  cr0,
  cr3,
  cr4,
  ds,
  dword,
  eax,
  ebp,
  ebx,
  ecx,
  edi,
  edx,
  es,
  esi,
  far,
  mem,
  sp,
  word,
} from "../../../asm/index.ts";
import { Machine } from "../../../emulator/host/machine.ts";
import { HANG_MS, hasQemu, QEMU } from "../../../testing/host-tools.ts";
import { BOOT_SECTOR } from "./layout.ts";
import { snippetMedium } from "./testing/snippet.ts";

const directory = mkdtempSync(join(tmpdir(), "bios-call-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

async function inEmulator(image: Uint8Array): Promise<string> {
  const machine = await Machine.create({ disks: [{ kind: "disk", image }] });
  expect(machine.runSync({ nanoseconds: 5e9 })).toEqual({ kind: "power-off" });
  return machine.serialOutput;
}

async function inQemu(image: Uint8Array): Promise<string> {
  const file = join(directory, "medium.img");
  writeFileSync(file, image);
  const { stdout } = spawnSync(
    QEMU,
    [
      ...["-machine", "q35", "-display", "none", "-serial", "stdio", "-no-reboot"],
      ...["-drive", `file=${file},format=raw,snapshot=on`],
    ],
    { encoding: "utf8", timeout: HANG_MS, input: "" },
  );
  return stdout;
}

/** Where handlers lie: the boot sector has been left. */
const HANDLER = BOOT_SECTOR;
const VECTOR = 0x60;
/** Memory of handlers: a page directory, a second table of vectors, a counter. */
const PAGE_DIRECTORY = 0x7000;
const COPY = 0x7400;
const COUNTER = 0x7800;
/** Bits of FLAGS. */
const CARRY = 0x1;
const ZERO = 0x40;
const INTERRUPT = 0x200;
const DIRECTION = 0x400;

/** A medium whose guest installs `handler` for VECTOR and runs `body`. */
function mediumOf(
  name: string,
  handler: (a: Assembler) => void,
  body: string,
): Promise<Uint8Array> {
  const a = new Assembler({ bits: 16, name: "handler" });
  a.section(".text");
  handler(a);
  const { bytes } = a.flat({ origin: HANDLER });
  return snippetMedium(
    name,
    {
      "./a20": "isA20On",
      "./bios": "bios",
      "./clock": "milliseconds",
      "./registers": "clear, interrupt, registers, CARRY, ZERO",
    },
    `
    const code: usize = memory.data<u8>([${[...bytes].join(", ")}]);
    memory.copy(${HANDLER}, code, ${bytes.length});
    store32(${4 * VECTOR}, ${HANDLER});
    ${body}
    `,
  );
}

describe.each([
  ["the emulator", inEmulator, true],
  ["QEMU", inQemu, hasQemu],
] as const)("in %s", (_name, run, available) => {
  it.skipIf(!available)("registers, segments and flags go in and come back", async () => {
    const medium = await mediumOf(
      "registers",
      (a) => {
        // Each register comes back in the next one's place, turned round; DS and ES change places.
        a.xchg(eax, ebx).xchg(eax, ecx).xchg(eax, edx).xchg(eax, esi).xchg(eax, edi);
        a.xchg(eax, ebp);
        for (const register of [eax, ebx, ecx, edx, esi, edi, ebp]) a.not(register);
        a.push(ds).push(es).pop(ds).pop(es);
        // Carry goes out turned round, zero is set; the direction flag is left set and interrupts are off.
        a.push(bp).mov(bp, sp);
        a.xor(word(bp, { disp: 6 }), CARRY).or(word(bp, { disp: 6 }), ZERO | DIRECTION);
        a.and(word(bp, { disp: 6 }), 0xffff - INTERRUPT);
        a.pop(bp);
        a.iret();
      },
      `
      clear();
      registers.eax = 0x11111111; registers.ebx = 0x22222222; registers.ecx = 0x33333333;
      registers.edx = 0x44444444; registers.esi = 0x55555555; registers.edi = 0x66666666;
      registers.ebp = 0x77777777; registers.ds = 0x1234; registers.es = 0x5678;
      registers.flags = CARRY;
      const success = interrupt(${VECTOR});
      // Whoever prints makes BIOS calls.
      const block = memory.data(36, 4);
      memory.copy(block, changetype<usize>(registers), 36);
      printDecimal(success ? 1 : 0);
      for (let i: usize = 0; i < 28; i += 4) { print(" "); printHex(load<u32>(block + i) ^ 0xffffffff); }
      for (let i: usize = 28; i < 32; i += 2) { print(" "); printHex(load<u16>(block + i)); }
      print(" "); printHex(load<u16>(block + 32) & (CARRY | ZERO | 0x600)); endLine();
      `,
    );
    expect(await run(medium)).toBe(
      "1 0x77777777 0x11111111 0x22222222 0x33333333 0x44444444 0x55555555 0x66666666 " +
        "0x5678 0x1234 0x440\r\n",
    );
  });

  it.skipIf(!available)(
    "the handler runs as INT starts it, and interrupts come while it lets them",
    async () => {
      const medium = await mediumOf(
        "interrupts",
        (a) => {
          a.pushf().pop(ax);
          a.mov(bp, sp);
          a.mov(bx, word(bp, { disp: 4 }));
          a.sti().hlt();
          a.iret();
        },
        `
      clear();
      const start = milliseconds();
      for (let i = 0; i < 4; i++) bios(${VECTOR});
      const inside = registers.eax;
      const kept = registers.ebx;
      print((inside & ${INTERRUPT}) === 0 && (kept & ${INTERRUPT}) !== 0 ? "off on" : "wrong");
      print(" "); printDecimal((milliseconds() - start) / 54); endLine();
      `,
      );
      expect(await run(medium)).toBe("off on 4\r\n");
    },
  );

  it.skipIf(!available)(
    "a BIOS may change A20, tables and control registers and use protected mode",
    async () => {
      const medium = await mediumOf(
        "modes",
        (a) => {
          a.cli();
          a.push(ds).push(es);
          a.xor(ax, ax).mov(ds, ax);
          a.lgdt(mem("gdtr"));
          a.lidt(mem("idtr"));
          // 32-bit protected mode, paging with page tables of nothing but an entry of 4 MiB, and back.
          a.mov(bx, PAGE_DIRECTORY);
          a.mov(dword(bx), 0x83);
          a.mov(eax, 0x10).mov(cr4, eax);
          a.mov(eax, PAGE_DIRECTORY).mov(cr3, eax);
          a.mov(eax, cr0).or(eax, 0x8000_0001).mov(cr0, eax);
          a.form("Jmp_ptr1632", far(8, "protected"));
          a.bits(32);
          a.label("protected");
          a.mov(eax, 0x10).mov(ds, eax).mov(es, eax);
          a.inc(dword(COUNTER));
          a.form("Jmp_ptr1632", far(0x18, "leaving"));
          a.bits(16);
          a.label("leaving");
          a.mov(eax, cr0).and(eax, 0x7fff_fffe).mov(cr0, eax);
          a.form("Jmp_ptr1616", far(0, "real"));
          a.label("real");
          // What a BIOS need not put back: caches off, CR4.TSD, a table of vectors elsewhere, segments of 4 GiB.
          a.mov(eax, cr0).or(eax, 0x6000_0000).mov(cr0, eax);
          a.mov(eax, 4).mov(cr4, eax);
          a.pop(es).pop(ds);
          // A20 off.
          a.in(al, 0x92).and(al, 0xfc).out(0x92, al);
          a.iret();
          a.align(8);
          a.label("gdt");
          a.dq(0, 0x00cf_9b00_0000_ffffn, 0x00cf_9300_0000_ffffn, 0x0000_9b00_0000_ffffn);
          a.label("gdtr");
          a.dw(31);
          a.dd("gdt");
          a.label("idtr");
          a.dw(0x3ff);
          a.dd(COPY);
        },
        `
      // The vectors as they are, in the table that the BIOS takes for its own.
      memory.copy(${COPY}, 0, 1024);
      store32(${COUNTER}, 0);
      let on = 0;
      for (let i = 0; i < 20; i++) {
        clear();
        bios(${VECTOR});
        if (isA20On()) on++;
        milliseconds();
      }
      print("calls "); printDecimal(load32(${COUNTER})); print(" "); printDecimal(on); endLine();
      `,
      );
      expect(await run(medium)).toBe("calls 20 20\r\n");
    },
  );
});
