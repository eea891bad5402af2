// Video memory in the core's own memory, behind RAM: CPUs access it as they do RAM, at the addresses where the board
// decodes it, and the core notes which pages they have written.

import { type CoreExports, PageKind } from "../core/interface.ts";
import { VIDEO_WRITTEN } from "../core/state.ts";
import type { DeviceMemory, ShownPart } from "../devices/device.ts";
import { LoadError } from "../load-error.ts";
import { LAPIC_BASE } from "./memory-map.ts";

const PAGE = 4096;

export class VideoMemory implements DeviceMemory {
  readonly #core: CoreExports;
  readonly #base: number;
  readonly #length: number;
  readonly #lowBytes: number;
  #bytes: Uint8Array<ArrayBuffer>;
  #written: Uint32Array<ArrayBuffer>;
  #shown: readonly ShownPart[] = [];

  /** `bytes` is a multiple of 4096, `lowBytes` is where RAM ends. Throws `LoadError` if this process has no room for them. */
  constructor(core: CoreExports, bytes: number, lowBytes: number) {
    this.#core = core;
    this.#base = core.video_memory(bytes) >>> 0;
    if (this.#base === 0) {
      throw new LoadError(
        `the display adapter: this process may not have the address space for its ${bytes} bytes of memory`,
      );
    }
    this.#length = bytes;
    this.#lowBytes = lowBytes;
    this.#bytes = this.#viewBytes();
    this.#written = this.#viewWritten();
  }

  #viewBytes(): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.#core.memory.buffer, this.#base, this.#length);
  }

  /** Notes of four pages each. */
  #viewWritten(): Uint32Array<ArrayBuffer> {
    return new Uint32Array(this.#core.memory.buffer, VIDEO_WRITTEN, this.#length / PAGE / 4);
  }

  get bytes(): Uint8Array<ArrayBuffer> {
    // The core's memory has grown: views of where it was are empty.
    if (this.#bytes.length === 0) this.#bytes = this.#viewBytes();
    return this.#bytes;
  }

  changed(offset: number, length: number): void {
    const end = Math.min(offset + length, this.#length);
    for (const part of this.#shown) {
      const from = Math.max(offset, part.offset);
      const to = Math.min(end, part.offset + part.length);
      if (from < to) this.#core.ram_written(part.address + from - part.offset, to - from);
    }
  }

  takeWritten(): number[] {
    if (this.#written.length === 0) this.#written = this.#viewWritten();
    const pages: number[] = [];
    this.#written.forEach((notes, i) => {
      for (let n = 0; notes !== 0 && n < 4; n++) {
        if ((notes >>> (8 * n)) & 1) pages.push(4 * i + n);
      }
    });
    if (pages.length > 0) this.#core.video_seen();
    return pages;
  }

  show(parts: readonly ShownPart[]): void {
    const shown = parts.flatMap((part) => this.#accessible(part));
    if (JSON.stringify(shown) === JSON.stringify(this.#shown)) return;
    for (const { address, length } of this.#shown) {
      this.#core.map_pages(address / PAGE, length / PAGE, PageKind.Mmio);
    }
    for (const { address, offset, length } of shown) {
      const backing = this.#base + offset;
      this.#core.map_backed(address / PAGE, length / PAGE, PageKind.Ram, backing);
    }
    this.#shown = shown;
  }

  /** What RAM and the local APICs do not hide of a part. */
  #accessible({ address, offset, length }: ShownPart): ShownPart[] {
    const end = address + length;
    const stretches: [start: number, end: number][] = [
      [Math.max(address, this.#lowBytes), Math.min(end, LAPIC_BASE)],
      [Math.max(address, this.#lowBytes, LAPIC_BASE + PAGE), end],
    ];
    return stretches.flatMap(([from, to]) =>
      from < to ? [{ address: from, offset: offset + from - address, length: to - from }] : [],
    );
  }
}
