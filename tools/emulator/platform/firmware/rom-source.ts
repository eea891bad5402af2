// The code of the BIOS ROM: power-on entry and interrupt stubs, 16-bit. A stub hands its interrupt's number to
// the service port, where bios.ts does the work on the caller's registers and memory; what must run as code (timer
// tick, end of interrupt, waiting) is here. Run as a program this writes rom-code.ts, so that a machine needs no
// assembler to have a BIOS.

import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Assembler, al, ax, byte, cs, cx, ds, dword, dx, es, sp, ss } from "../../../asm/index.ts";
import { CODE, SERVED, SERVICE_BOOT_FAILED, SERVICE_PORT, SERVICE_POWER_ON } from "./rom.ts";

const BDA_SEGMENT = 0x40;
const TICKS = 0x6c;
const MIDNIGHT = 0x70;
/** Ticks of 18.2 Hz in a day. */
const TICKS_A_DAY = 0x1800b0;
const STACK = 0x7000;
/** Labels that somebody outside needs. */
const ENTRIES = /^(power_on|idle|master_irq|slave_irq|int_\w+)$/;
/** INT 18h and INT 19h. */
const BOOTS: readonly number[] = [0x18, 0x19];
/** Hexadecimal digits a line of the written file. */
const LINE = 88;

function emit(a: Assembler): void {
  a.label("power_on");
  a.cli().xor(ax, ax).mov(ds, ax).mov(es, ax).mov(ss, ax).mov(sp, STACK);
  a.mov(al, SERVICE_POWER_ON).out(SERVICE_PORT, al).sti().int(0x19);
  // INT 18h and 19h come back when there is nothing to boot.
  a.label("no_boot");
  a.mov(al, SERVICE_BOOT_FAILED).out(SERVICE_PORT, al);
  a.label("stay");
  a.sti().hlt().jmp("stay");

  for (const vector of SERVED.filter((v) => !BOOTS.includes(v))) {
    const name = vector.toString(16);
    a.label(`int_${name}`);
    a.push(ax).mov(al, vector).out(SERVICE_PORT, al).jc(`wait_${name}`).pop(ax);
    a.iret();
    // Carry after the service: not ready. The next interrupt may change that.
    a.label(`wait_${name}`);
    a.pop(ax).sti().hlt().jmp(`int_${name}`);
  }

  // What boots gets a stack of its own: the caller's may be where it is loaded.
  for (const vector of BOOTS) {
    a.label(`int_${vector.toString(16)}`);
    a.mov(al, vector).jmp("boot");
  }
  a.label("boot");
  a.cli().xor(cx, cx).mov(ss, cx).mov(sp, STACK).pushf().push(cs).push(cx).push(ax);
  a.out(SERVICE_PORT, al).jc("no_boot").pop(ax).iret();

  a.label("int_8");
  a.push(ax).push(ds).push(dx).mov(ax, BDA_SEGMENT).mov(ds, ax);
  a.inc(dword(TICKS)).cmp(dword(TICKS), TICKS_A_DAY).jb("same_day");
  a.mov(dword(TICKS), 0).mov(byte(MIDNIGHT), 1);
  a.label("same_day");
  a.int(0x1c).mov(al, 0x20).out(0x20, al).pop(dx).pop(ds).pop(ax);
  a.label("idle");
  a.iret();

  // The clock: an alarm is INT 4Ah, whoever has that.
  a.label("int_70");
  a.push(ax).mov(al, 0x0c).out(0x70, al).in(al, 0x71).test(al, 0x20).jz("slave_end").int(0x4a);
  a.jmp("slave_end");
  a.label("slave_irq");
  a.push(ax);
  a.label("slave_end");
  a.mov(al, 0x20).out(0xa0, al).out(0x20, al).pop(ax).iret();
  a.label("master_irq");
  a.push(ax).mov(al, 0x20).out(0x20, al).pop(ax).iret();
}

/** The text of rom-code.ts. */
export function romCodeText(): string {
  const a = new Assembler({ bits: 16, name: "bios" });
  a.section(".text");
  emit(a);
  const { bytes, map } = a.flat({ origin: CODE });
  const digits = [...bytes].map((b) => b.toString(16).padStart(2, "0")).join("");
  const lines = digits.match(new RegExp(`.{1,${LINE}}`, "g")) ?? [];
  const labels = [...map]
    .filter(([name]) => ENTRIES.test(name))
    .map(([name, at]) => `  ${name}: 0x${Number(at).toString(16)},\n`);
  return `// Written by rom-source.ts; do not edit.

/** The code, as hexadecimal digits. */
export const ROM_CODE =
${lines.map((line) => `  "${line}"`).join(" +\n")};

/** Offsets of the entry points in segment 0xF000. */
export const ROM_LABELS: Readonly<Record<string, number>> = {
${labels.join("")}};
`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(new URL("rom-code.ts", import.meta.url), romCodeText());
}
