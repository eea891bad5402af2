// Which rows of a machine's screen somebody who keeps its picture has to draw anew, from one look to the next.

import type { Vga } from "./devices/vga.ts";
import { type BlinkPhase, fontSpans, type Scanout, scanoutOf } from "./devices/vga-scanout.ts";
import type { Machine } from "./machine.ts";

/** 70 pictures a second: the cursor shows for 8 of 16 (IBM VGA technical reference), characters for 16 of 32. */
const PICTURE_NS = 1e9 / 70;
const CURSOR_PICTURES = 8;
const CHARACTER_PICTURES = 16;

/** Both show. */
export const STEADY: BlinkPhase = { cursor: true, characters: true };

/** What a look has found. It is valid until the guest goes on. */
export interface Redraw {
  readonly scanout: Scanout;
  /** Size or order of the pixels are others than at the look before: a picture has to be drawn from nothing. */
  readonly isFresh: boolean;
  /** Whether a row may look different from how it did. */
  isStale(row: number): boolean;
}

export class ScreenWatch {
  readonly #machine: Machine;
  readonly #vga: Vga;
  readonly #blinking: boolean;
  #since = 0;
  #shape = "";
  #phase = STEADY;
  #cursor = "";

  /** With `blinking` the cursor and characters blink in virtual time; otherwise both always show. */
  constructor(machine: Machine, vga: Vga, blinking: boolean) {
    this.#machine = machine;
    this.#vga = vga;
    this.#blinking = blinking;
  }

  /** What blinks, as of the last look. */
  get phase(): BlinkPhase {
    return this.#phase;
  }

  /** To be called by whoever has lost the picture: the next look finds all of it. */
  forget(): void {
    this.#since = 0;
    this.#shape = "";
  }

  /** What has to be drawn; undefined, at next to no cost, where the guest has drawn nothing. */
  look(): Redraw | undefined {
    const changes = this.#vga.changesNow();
    const since = this.#since;
    const before = this.#phase;
    const phase = this.#phaseNow();
    this.#phase = phase;
    const blinked = phase.cursor !== before.cursor || phase.characters !== before.characters;
    if (!changes.anySince(since) && !blinked) return undefined;
    const scanout = scanoutOf(this.#vga, phase, true);
    // Pixels of different orders cannot be compared.
    const shape = [scanout.width, scanout.height, scanout.order].join();
    const isFresh = shape !== this.#shape;
    this.#shape = shape;
    const { state } = this.#vga;
    const isText = scanout.kind === "text";
    const cursor = this.#cursorKey(isText);
    const cursorMoved = cursor !== this.#cursor;
    this.#cursor = cursor;
    const everything =
      isFresh ||
      changes.modeSince(since) ||
      // Few rows: which of them have the cursor or blink is not worth finding out.
      (isText && (blinked || cursorMoved)) ||
      (isText && fontSpans(state).some((span) => changes.glyphsSince(since, ...span)));
    this.#since = changes.look();
    return {
      scanout,
      isFresh,
      isStale: (row) => everything || changes.bytesSince(since, ...scanout.span(row)),
    };
  }

  #phaseNow(): BlinkPhase {
    if (!this.#blinking) return STEADY;
    const pictures = Math.floor(this.#machine.core.time() / PICTURE_NS);
    return {
      cursor: Math.floor(pictures / CURSOR_PICTURES) % 2 === 0,
      characters: Math.floor(pictures / CHARACTER_PICTURES) % 2 === 0,
    };
  }

  #cursorKey(isText: boolean): string {
    if (!isText) return "";
    const { crtc } = this.#vga.state;
    return [crtc[0x0a], crtc[0x0b], crtc[0x0e], crtc[0x0f]].join();
  }
}
