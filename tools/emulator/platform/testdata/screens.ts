// A guest that shows pictures: for each, it sets all registers of a VGA mode, or one of Bochs' linear modes, fills video
// memory with noise, says a byte on COM1 and waits for one. It has a font and a palette of its own: noise as well.

import { type Assembler, al, ax, byte, dx, eax, ebx, ecx, edi } from "../../../asm/index.ts";
import type { VideoMode } from "../firmware/video-modes.ts";
import { COM1, guest, outb } from "./guest.ts";

export interface LinearScreen {
  width: number;
  height: number;
  depth: number;
  /** Width of a line in memory and place of the upper left corner, pixels. */
  virtualWidth?: number;
  x?: number;
  y?: number;
}

export interface VgaScreen {
  mode: VideoMode;
  /** CRTC registers that differ from the mode's. */
  crtc?: Readonly<Record<number, number>>;
  /** Sequencer registers that differ. */
  sequencer?: Readonly<Record<number, number>>;
}

export type Screen = LinearScreen | VgaScreen;

function indexed(a: Assembler, port: number, index: number, value: number): void {
  outb(a, port, index);
  outb(a, port + 1, value);
}

/** Writes `count` bytes of noise from EDI on, each ANDed with `mask`, of the sequence that EBX continues. */
function noise(a: Assembler, name: string, start: number, count: number, mask = 0xff): void {
  a.mov(edi, start).mov(ecx, count);
  a.label(name);
  a.imul(ebx, ebx, 1664525).add(ebx, 1013904223).mov(eax, ebx).shr(eax, 24).and(al, mask);
  a.mov(byte(edi), al).inc(edi).dec(ecx).jnz(name);
}

function palette(a: Assembler, name: string): void {
  outb(a, 0x3c8, 0);
  a.mov(ecx, 768);
  a.label(name);
  a.imul(ebx, ebx, 1664525).add(ebx, 1013904223).mov(eax, ebx).shr(eax, 26);
  a.mov(dx, 0x3c9).out(dx, al).dec(ecx).jnz(name);
}

/** Fills the first `count` bytes of planes with noise, whatever the mode. */
function fillPlanes(a: Assembler, name: string, planes: readonly number[], count: number): void {
  indexed(a, 0x3c4, 4, 6);
  for (const [index, value] of [0, 0, 0, 0, 0, 0, 5, 15, 255].entries()) {
    indexed(a, 0x3ce, index, value);
  }
  for (const plane of planes) {
    indexed(a, 0x3c4, 2, 1 << plane);
    noise(a, `${name}_plane${plane}`, 0xa0000, count);
  }
}

function vga(a: Assembler, name: string, { mode, crtc, sequencer }: VgaScreen): void {
  if (mode.kind === "text") fillPlanes(a, name, [2], 0x8000);
  if (mode.kind === "planar") fillPlanes(a, name, [0, 1, 2, 3], 0xa000);
  outb(a, 0x3c2, mode.miscellaneous | 1);
  mode.sequencer.forEach((value, i) => {
    indexed(a, 0x3c4, i + 1, sequencer?.[i + 1] ?? value);
  });
  indexed(a, 0x3d4, 0x11, 0);
  mode.crtc.forEach((value, i) => {
    indexed(a, 0x3d4, i, crtc?.[i] ?? value);
  });
  mode.graphics.forEach((value, i) => {
    indexed(a, 0x3ce, i, value);
  });
  // The cursor blinks, and hides here.
  indexed(a, 0x3d4, 0x0a, 0x20);
  a.mov(dx, 0x3da).in(al, dx);
  mode.attribute.forEach((value, i) => {
    outb(a, 0x3c0, i);
    outb(a, 0x3c0, value);
  });
  outb(a, 0x3c0, 0x20);
  outb(a, 0x3c6, 0xff);
  palette(a, `${name}_palette`);
  // What is written here through the mode's own window is shown, wherever it lies in the planes.
  const [start, size] = mode.graphics[6] === 5 ? [0xa0000, 0x10000] : [0xb8000, 0x8000];
  if (mode.kind === "text") {
    a.mov(edi, start).mov(ecx, size / 2);
    a.label(`${name}_text`);
    // Characters beside B0–BF, of which real hardware and QEMU repeat columns differently; none blinks.
    a.imul(ebx, ebx, 1664525).add(ebx, 1013904223).mov(eax, ebx).shr(eax, 16).and(ax, 0x7f4f);
    a.mov(byte(edi), al)
      .shr(eax, 8)
      .mov(byte(edi, { disp: 1 }), al);
    a.add(edi, 2).dec(ecx).jnz(`${name}_text`);
  } else if (mode.kind !== "planar") {
    noise(a, `${name}_window`, start, size);
  }
}

function linear(a: Assembler, name: string, screen: LinearScreen): void {
  const registers: [index: number, value: number][] = [
    [4, 0],
    [1, screen.width],
    [2, screen.height],
    [3, screen.depth],
    [4, 0x41],
    [6, screen.virtualWidth ?? screen.width],
    [8, screen.x ?? 0],
    [9, screen.y ?? 0],
  ];
  for (const [index, value] of registers) {
    a.mov(dx, 0x1ce).mov(ax, index).out(dx, ax).mov(dx, 0x1cf).mov(ax, value).out(dx, ax);
  }
  outb(a, 0x3c6, 0xff);
  palette(a, `${name}_palette`);
  const bytes = (screen.virtualWidth ?? screen.width) * ((screen.depth + 7) >> 3);
  noise(a, `${name}_pixels`, 0xfd000000, bytes * (screen.height + (screen.y ?? 0)) + 64);
}

/** The guest; it ends by power-off. */
export function screensGuest(screens: readonly Screen[]): Uint8Array {
  return guest((a) => {
    a.mov(ebx, 1);
    screens.forEach((screen, i) => {
      const name = `screen${i}`;
      if ("mode" in screen) {
        a.mov(dx, 0x1ce).mov(ax, 4).out(dx, ax).mov(dx, 0x1cf).mov(ax, 0).out(dx, ax);
        vga(a, name, screen);
      } else {
        linear(a, name, screen);
      }
      a.mov(al, 0x2e).call("putc");
      a.label(`${name}_wait`);
      a.mov(dx, COM1 + 5)
        .in(al, dx)
        .test(al, 1)
        .jz(`${name}_wait`);
      a.mov(dx, COM1).in(al, dx);
    });
  });
}
