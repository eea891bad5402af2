// The screen of a machine in the thread of the web server, and the streams on which it goes to pages. Each page gets what
// has changed since the last picture that it got: one that is slow gets fewer pictures, never old ones. So does every page
// where pictures would take the machine's thread a processor.

import { BAND_LINES, join, type Rectangle, union } from "../picture-difference.ts";
import type { KeptPicture } from "../pictures/kept-picture.ts";
import { FrameWriter } from "../remote/picture-frames.ts";
import type { ScreenRows, SlotMemory } from "../remote/screen-feed.ts";
import { takeRows } from "../remote/taken-rows.ts";

/** How much of the host pictures may take. */
export interface StreamPace {
  /** Pictures that a page has been sent and has not drawn. */
  ahead: number;
  /** How long a page rests before the next picture, for a megabyte of the last one, ms. */
  rest: number;
}

/** One on its way while another is drawn. */
const QUICK: StreamPace = { ahead: 2, rest: 0 };
/** Bytes are what is dear: pictures that do not pack take half of a processor, others come as often as looks. */
const MODEST: StreamPace = { ahead: 1, rest: 6 };
const MEGABYTE = 1e6;

/** Where the machine's thread and one other take all processors, the others must not take from it. */
export const paceFor = (processors: number): StreamPace => (processors > 2 ? QUICK : MODEST);

/** Where the frames of a page go: an HTTP response. */
export interface Sink {
  /** Calls `written` when the bytes are needed no more. */
  write(bytes: Uint8Array, written: () => void): unknown;
  end(): unknown;
}

/** The stretch of a picture that is a band. */
function bandOf({ width, height }: KeptPicture, index: number): Rectangle {
  const y = index * BAND_LINES;
  return { x: 0, y, width, height: Math.min(BAND_LINES, height - y) };
}

const bandsOf = ({ height }: KeptPicture): number => Math.ceil(height / BAND_LINES);

/** Whether nothing is left of rows when later ones have been taken over. */
function replaces(later: ScreenRows, { isFresh }: ScreenRows): boolean {
  const [[first, lines] = [0, 0]] = later.stretches;
  return first === 0 && lines === later.height && (later.isFresh || !isFresh);
}

/** A page's stream. */
class PictureStream {
  readonly sink: Sink;
  readonly #pace: StreamPace;
  /** By band, what the page has not got. */
  #stale: (Rectangle | undefined)[] = [];
  #isStale = false;
  #needsSize = true;
  readonly #writers: FrameWriter[] = [];
  #sent = 0;
  #written = 0;
  #drawn = 0;
  /** How long the page is to rest after the last picture, ms, and whether it does. */
  #rest = 0;
  #isResting = false;

  constructor(sink: Sink, pace: StreamPace) {
    this.sink = sink;
    this.#pace = pace;
  }

  /** A page that only says that it draws gets no more either. */
  get isReady(): boolean {
    const onTheirWay = this.#sent - Math.min(this.#written, this.#drawn);
    return onTheirWay < this.#pace.ahead && !this.#isResting;
  }

  /** The page has drawn everything that there is. */
  get isUpToDate(): boolean {
    return !this.#isStale && this.#sent === this.#drawn;
  }

  /** The page has drawn a picture; calls `ready` when it may get another one. */
  drawn(ready: () => void): void {
    if (this.#drawn < this.#sent) this.#drawn++;
    if (this.#rest === 0) {
      ready();
      return;
    }
    this.#isResting = true;
    setTimeout(() => {
      this.#isResting = false;
      ready();
    }, this.#rest);
    this.#rest = 0;
  }

  /** All of a picture is new. */
  renew(picture: KeptPicture): void {
    this.#stale = Array.from({ length: bandsOf(picture) }, (_, i) => bandOf(picture, i));
    this.#needsSize = true;
    this.#isStale = true;
  }

  changed(part: Rectangle): void {
    const band = Math.floor(part.y / BAND_LINES);
    const before = this.#stale[band];
    this.#stale[band] = before === undefined ? part : union(before, part);
    this.#isStale = true;
  }

  /** Sends what the page has not got; calls `written` when that has left this process. */
  send(picture: KeptPicture, written: () => void): void {
    if (!this.#isStale) return;
    const parts: Rectangle[] = [];
    for (const part of this.#stale) {
      if (part !== undefined && part.width > 0) join(parts, part);
    }
    // The bytes of the last picture may still be on their way.
    const at = this.#sent % this.#pace.ahead;
    this.#writers[at] ??= new FrameWriter();
    const writer = this.#writers[at];
    writer.begin(parts);
    if (this.#needsSize) {
      writer.message({ kind: "size", width: picture.width, height: picture.height });
    }
    for (const part of parts) writer.part(part, picture);
    writer.message({ kind: "shown" });
    this.#stale = [];
    this.#isStale = false;
    this.#needsSize = false;
    this.#sent++;
    this.#rest = Math.floor((writer.written.length / MEGABYTE) * this.#pace.rest);
    this.sink.write(writer.written, () => {
      this.#written++;
      written();
    });
  }
}

export class PictureStreams {
  readonly #picture: KeptPicture;
  readonly #pace: StreamPace;
  readonly #slots: SlotMemory[] = [];
  readonly #streams = new Map<number, PictureStream>();
  /** Pages that nobody sees: they get no pictures. */
  readonly #hidden = new Set<number>();
  #isWatched = false;
  #waiting: ScreenRows[] = [];
  /** The rows in a slot have been read. */
  onRead: (slot: number) => void = () => {};
  /** There is somebody who sees pictures, or nobody any more; the next rows are to be of a whole picture. */
  onWatched: (isWatched: boolean) => void = () => {};
  #onUpToDate: () => void = () => {};

  /** `picture` is for what is to be shown. */
  constructor(picture: KeptPicture, pace = QUICK) {
    this.#picture = picture;
    this.#pace = pace;
  }

  /** A page's stream begins, with the whole picture; the one that it had ends. */
  add(page: number, sink: Sink): void {
    this.#streams.get(page)?.sink.end();
    const stream = new PictureStream(sink, this.#pace);
    if (this.#picture.height > 0) stream.renew(this.#picture);
    this.#streams.set(page, stream);
    this.#noteWatched();
    this.#send();
  }

  /** A page's stream has ended, if it still is that one. */
  remove(page: number, sink?: Sink): void {
    const stream = this.#streams.get(page);
    if (stream === undefined || (sink !== undefined && stream.sink !== sink)) return;
    this.#streams.delete(page);
    stream.sink.end();
    if (this.#streams.size === 0) this.#takeAll();
    this.#noteWatched();
    this.#send();
  }

  /** Whether somebody can see a page. What it has not got it gets when it is seen again. */
  seen(page: number, isSeen: boolean): void {
    if (isSeen) this.#hidden.delete(page);
    else this.#hidden.add(page);
    this.#noteWatched();
    this.#send();
  }

  #noteWatched(): void {
    const isWatched = [...this.#streams.keys()].some((page) => !this.#hidden.has(page));
    if (isWatched === this.#isWatched) return;
    this.#isWatched = isWatched;
    this.onWatched(isWatched);
  }

  /** A page has drawn a picture. */
  drawn(page: number): void {
    this.#streams.get(page)?.drawn(() => this.#send());
  }

  /** Takes rows, at once or when somebody is ready for them. */
  take(rows: ScreenRows): void {
    if (rows.memory !== undefined) this.#slots[rows.slot] = rows.memory;
    this.#waiting.push(rows);
    if (this.#streams.size === 0) this.#takeAll();
    this.#send();
  }

  /** Resolves when all pages have drawn what there is, also those that nobody sees: it is the last picture. */
  async upToDate(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#onUpToDate = resolve;
      this.#hidden.clear();
      this.#send();
    });
  }

  /** Ends all streams. */
  end(): void {
    for (const page of [...this.#streams.keys()]) this.remove(page);
  }

  #send(): void {
    const streams = [...this.#streams.values()];
    const ready = [...this.#streams]
      .filter(([page, { isReady }]) => isReady && !this.#hidden.has(page))
      .map(([, stream]) => stream);
    if (ready.length > 0) this.#takeAll();
    for (const stream of ready) stream.send(this.#picture, () => this.#send());
    if (this.#waiting.length === 0 && streams.every(({ isUpToDate }) => isUpToDate)) {
      this.#onUpToDate();
    }
  }

  #takeAll(): void {
    const streams = [...this.#streams.values()];
    for (const [i, rows] of this.#waiting.entries()) {
      if (this.#waiting.slice(i + 1).some((later) => replaces(later, rows))) {
        this.onRead(rows.slot);
        continue;
      }
      const memory = this.#slots[rows.slot] as SlotMemory;
      takeRows(this.#picture, rows, memory, (part) => {
        for (const stream of streams) stream.changed(part);
      });
      if (rows.isFresh) for (const stream of streams) stream.renew(this.#picture);
      this.onRead(rows.slot);
    }
    this.#waiting = [];
  }
}
