// Which parts of a display adapter were written since somebody looked: pages of video memory, the glyphs among them,
// registers. Time is counted in looks. It is no state of the machine: nothing that a guest can read depends on it.

const PAGE_SHIFT = 12;

export class VideoChanges {
  #now = 1;
  #last = 1;
  #registers = 1;
  readonly #pages: Uint32Array;
  readonly #glyphs: Uint32Array;

  /** `bytes` is the size of video memory, a multiple of 4096. */
  constructor(bytes: number) {
    this.#pages = new Uint32Array(bytes >>> PAGE_SHIFT).fill(1);
    this.#glyphs = new Uint32Array(bytes >>> PAGE_SHIFT).fill(1);
  }

  /** The byte at `at` was written, in no plane or in planes without glyphs. */
  wrote(at: number): void {
    this.#pages[at >>> PAGE_SHIFT] = this.#now;
    this.#last = this.#now;
  }

  /** The byte at `at` was written, in a plane that may hold glyphs. */
  wroteGlyph(at: number): void {
    this.#glyphs[at >>> PAGE_SHIFT] = this.#now;
    this.wrote(at);
  }

  /** The cursor was moved or reshaped, which whoever looks sees by itself. */
  movedCursor(): void {
    this.#last = this.#now;
  }

  /** Something about the whole picture changed: mode, place in memory, colours. */
  changedMode(): void {
    this.#registers = this.#now;
    this.#last = this.#now;
  }

  /** Everything may be different. */
  changedAll(): void {
    this.#pages.fill(this.#now);
    this.#glyphs.fill(this.#now);
    this.changedMode();
  }

  /** The time of a look: what is written from now on counts as later. */
  look(): number {
    return this.#now++;
  }

  /** Whether anything was written after the look `since`; 0 is before the first. */
  anySince(since: number): boolean {
    return this.#last > since;
  }

  modeSince(since: number): boolean {
    return this.#registers > since;
  }

  /** Whether bytes `start` … `end` - 1 were written after the look `since`. */
  bytesSince(since: number, start: number, end: number): boolean {
    return isLater(this.#pages, since, start, end);
  }

  /** The same of glyphs. */
  glyphsSince(since: number, start: number, end: number): boolean {
    return isLater(this.#glyphs, since, start, end);
  }
}

function isLater(pages: Uint32Array, since: number, start: number, end: number): boolean {
  const last = Math.min(pages.length - 1, (end - 1) >>> PAGE_SHIFT);
  for (let page = start >>> PAGE_SHIFT; page <= last; page++) {
    if ((pages[page] as number) > since) return true;
  }
  return false;
}
