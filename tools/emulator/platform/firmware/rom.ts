// The BIOS ROM: reset vector, power-on entry and interrupt stubs in 16-bit code. A stub hands its
// interrupt's number to the service port, where services.ts does the work on the caller's registers
// and memory; what must run as code (timer tick, end of interrupt, waiting) is here. Layout of entry
// points follows the IBM PC (interrupt vectors: IBM PC/AT technical reference, section 5).

import { Assembler, al, ax, byte, ds, dword, dx, es, sp, ss } from "../../../asm/index.ts";
import { BIOS_SEGMENT } from "../memory-map.ts";

/** Where stubs write the number of the service they want. */
export const SERVICE_PORT = 0xb5;
/** Services that are no interrupt. */
export const SERVICE_POWER_ON = 0xff;
export const SERVICE_BOOT_FAILED = 0xfe;

const ROM_BYTES = 0x10000;
/** Code is placed here in the segment, behind which firmware tables have room. */
const CODE = 0xe000;
const RESET = 0xfff0;
const BDA_SEGMENT = 0x40;
const TICKS = 0x6c;
const MIDNIGHT = 0x70;
/** Ticks of 18.2 Hz in a day. */
const TICKS_A_DAY = 0x1800b0;
const STACK = 0x7000;

/** Interrupts that a service answers. */
const SERVED = [0x09, 0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x19, 0x1a] as const;
/** Hardware interrupts without a handler of their own: acknowledged at one or both 8259A. */
const MASTER_IRQS = [0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f] as const;
const SLAVE_IRQS = [0x70, 0x71, 0x72, 0x73, 0x74, 0x75, 0x76, 0x77] as const;

export interface Rom {
  /** The 64 KiB at 0xF0000. */
  bytes: Uint8Array;
  /** Offset in segment 0xF000 of each interrupt's handler, by vector; the rest have `idle`. */
  vectors: Map<number, number>;
  /** A handler that returns at once. */
  idle: number;
}

function emit(a: Assembler): void {
  a.label("power_on");
  a.cli().xor(ax, ax).mov(ds, ax).mov(es, ax).mov(ss, ax).mov(sp, STACK);
  a.mov(al, SERVICE_POWER_ON).out(SERVICE_PORT, al).sti().int(0x19);
  // INT 19h comes back when there is nothing to boot, and INT 18h says so.
  a.label("no_boot");
  a.mov(al, SERVICE_BOOT_FAILED).out(SERVICE_PORT, al);
  a.label("stay");
  a.sti().hlt().jmp("stay");

  for (const vector of SERVED) {
    const name = vector.toString(16);
    a.label(`int_${name}`);
    a.push(ax).mov(al, vector).out(SERVICE_PORT, al).jc(`wait_${name}`).pop(ax);
    a.iret();
    // Carry after the service: not ready. The next interrupt may change that.
    a.label(`wait_${name}`);
    if (vector === 0x19) a.pop(ax).jmp("no_boot");
    else a.pop(ax).sti().hlt().jmp(`int_${name}`);
  }

  a.label("int_8");
  a.push(ax).push(ds).push(dx).mov(ax, BDA_SEGMENT).mov(ds, ax);
  a.inc(dword(TICKS)).cmp(dword(TICKS), TICKS_A_DAY).jb("same_day");
  a.mov(dword(TICKS), 0).mov(byte(MIDNIGHT), 1);
  a.label("same_day");
  a.int(0x1c).mov(al, 0x20).out(0x20, al).pop(dx).pop(ds).pop(ax);
  a.label("idle");
  a.iret();

  a.label("slave_irq");
  a.push(ax).mov(al, 0x20).out(0xa0, al).out(0x20, al).pop(ax).iret();
  a.label("master_irq");
  a.push(ax).mov(al, 0x20).out(0x20, al).pop(ax).iret();
  a.label("int_18");
  a.jmp("no_boot");
}

/** Assembles the ROM. */
export function buildRom(): Rom {
  const a = new Assembler({ bits: 16, name: "bios" });
  a.section(".text");
  emit(a);
  const { bytes: code, map } = a.flat({ origin: CODE });
  const bytes = new Uint8Array(ROM_BYTES);
  bytes.set(code, CODE);
  const at = (label: string): number => Number(map.get(label));
  // JMP FAR F000:power_on, then the date a BIOS carries and the model byte of an AT.
  const entry = at("power_on");
  const segment = BIOS_SEGMENT >> 4;
  bytes.set([0xea, entry & 0xff, entry >> 8, segment & 0xff, segment >> 8], RESET);
  bytes.set(new TextEncoder().encode("01/01/26"), RESET + 5);
  bytes[ROM_BYTES - 2] = 0xfc;
  const vectors = new Map<number, number>([
    [0x08, at("int_8")],
    [0x18, at("int_18")],
    ...SERVED.map((v): [number, number] => [v, at(`int_${v.toString(16)}`)]),
    ...MASTER_IRQS.map((v): [number, number] => [v, at("master_irq")]),
    ...SLAVE_IRQS.map((v): [number, number] => [v, at("slave_irq")]),
  ]);
  return { bytes, vectors, idle: at("idle") };
}
