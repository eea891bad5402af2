// The physical address space as services of the BIOS use it for a guest's buffers: RAM in one piece, devices byte by
// byte, and the BIOS's own segment left alone.

import { VGA_WINDOW, VGA_WINDOW_BYTES } from "../../devices/vga.ts";
import type { MmioBus } from "../bus.ts";
import type { GuestRam } from "../guest-ram.ts";
import { BIOS_SEGMENT, FOUR_GIB, MIB } from "../memory-map.ts";

export class GuestSpace {
  readonly #ram: GuestRam;
  readonly #mmio: MmioBus;

  constructor(ram: GuestRam, mmio: MmioBus) {
    this.#ram = ram;
    this.#mmio = mmio;
  }

  /** Pieces of a range: who answers for `length` bytes at `at`. */
  #piece(at: number): [who: "ram" | "rom" | "device", end: number] {
    if (at < VGA_WINDOW) return ["ram", Math.min(VGA_WINDOW, this.#ram.lowBytes)];
    if (at < VGA_WINDOW + VGA_WINDOW_BYTES) return ["device", VGA_WINDOW + VGA_WINDOW_BYTES];
    if (at < BIOS_SEGMENT) return ["ram", BIOS_SEGMENT];
    if (at < MIB) return ["rom", MIB];
    if (at < this.#ram.lowBytes) return ["ram", this.#ram.lowBytes];
    return at < FOUR_GIB ? ["device", FOUR_GIB] : ["ram", Number.POSITIVE_INFINITY];
  }

  read(address: number, length: number): Uint8Array {
    const out = new Uint8Array(length);
    this.#walk(address, length, (who, at, end) => {
      if (who !== "device") out.set(this.#ram.read(at, end - at), at - address);
      else for (let i = at; i < end; i++) out[i - address] = this.#mmio.read(i, 1);
    });
    return out;
  }

  write(address: number, bytes: Uint8Array): void {
    this.#walk(address, bytes.length, (who, at, end) => {
      const part = bytes.subarray(at - address, end - address);
      if (who === "ram") this.#ram.write(at, part);
      else if (who === "device") {
        for (const [i, byte] of part.entries()) this.#mmio.write(at + i, byte, 1);
      }
    });
  }

  #walk(
    address: number,
    length: number,
    piece: (who: "ram" | "rom" | "device", at: number, end: number) => void,
  ): void {
    const last = address + length;
    for (let at = address; at < last; ) {
      const [who, end] = this.#piece(at);
      piece(who, at, Math.min(end, last));
      at = Math.min(end, last);
    }
  }
}
