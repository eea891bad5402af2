// What it costs to show a screen that changes all the time, in a tab and for -display web: how many pictures a second come
// to the page, and how fast the guest is beside one that does the same with nothing to be seen. Times are the
// processor's, of single threads; pictures a second need a host that has nothing else to do.

import type { Page } from "playwright-core";
import type { TestBrowser } from "../../../testing/browser.ts";
import { firstThread, type Thread, threadMs, threadsNamed } from "../../../testing/thread-time.ts";
import { RunControl } from "../../debug/run-control.ts";
import { Machine } from "../../host/machine.ts";
import { WebDisplay } from "../../host/web-display.ts";
import type { PictureFrame } from "../../remote/picture-frames.ts";
import type { FromWorker } from "../../web/tab-connection.ts";
import { type Drawing, drawingGuest, type Mode } from "./drawing-guest.ts";
import type { Status } from "./statuses.ts";
import { openWorkerPage, type Places, putGuest, rendererOf } from "./worker-page.ts";

export const MODES: readonly Mode[] = [
  { width: 1024, height: 768 },
  { width: 1920, height: 1200 },
];
const MEMORY = "16M";
/** Given to a guest to get going, and then watched, ms. */
const SETTLE_MS = 1000;
const WATCH_MS = 3000;
const REPEATS = 2;
const TIMEOUT_MS = 60_000;

/** Where the machine is that a page shows. */
export type Place = "tab" | "display";

/** What changes: all pixels are written anew, or a picture of lines, text, a gradient or noise moves. */
export const CHANGES = [
  "pixels",
  "lines",
  "text",
  "gradient",
  "noise",
] as const satisfies readonly Drawing[];

export interface RedrawRow {
  place: Place;
  mode: Mode;
  change: (typeof CHANGES)[number];
  /** Pictures a second that come to the page. */
  rate: number;
  /** Of pictures that move, what the guest has left of the machine's thread beside one with nothing to be seen. */
  share: number | undefined;
  /** Of these, processor time of the machine's thread for a picture, ms. */
  lookMs: number | undefined;
  /** Processor time of the page's thread for a picture, ms. */
  pageMs: number;
  /** Of the other threads of the machine's process, for a picture, ms; undefined where that is the browser's. */
  serverMs: number | undefined;
  /** Of all other threads of the browser, for a picture, ms. */
  browserMs: number;
}

/** What has happened between two stops of a guest. */
interface Watched {
  pictures: number;
  instructions: number;
  /** By the clock, of the machine's thread, and of the page's. */
  ms: number;
  machineMs: number;
  pageMs: number;
  /** Of all other threads of this process, and of the browser. */
  serverMs: number;
  browserMs: number;
}

declare global {
  interface Window {
    pictures?: number;
    lastStatus?: Status;
  }
}

/** To run in a page before its own scripts: counts the pictures that come from a worker, of the machine or of pictures. */
function countPictures(): void {
  window.pictures = 0;
  const note = (message: FromWorker | PictureFrame): void => {
    if (message.kind === "status") window.lastStatus = message;
    // What has changed in a tab, or the last frame of a picture from a process.
    const isPicture = message.kind === "rows" || message.kind === "shown";
    if (isPicture) window.pictures = 1 + (window.pictures ?? 0);
  };
  window.Worker = class extends Worker {
    constructor(script: string | URL, options?: WorkerOptions) {
      super(script, options);
      this.addEventListener("message", ({ data }: MessageEvent<FromWorker | PictureFrame>) =>
        note(data),
      );
    }
  };
  window.WebSocket = class extends WebSocket {
    constructor(url: string | URL, protocols?: string | string[]) {
      super(url, protocols);
      // The header, as remote/wire.ts writes it.
      this.addEventListener("message", ({ data }: MessageEvent<ArrayBuffer>) => {
        const header = new Uint8Array(data, 4, new DataView(data).getUint32(0, true));
        note(JSON.parse(new TextDecoder().decode(header)));
      });
    }
  };
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** A page, the thread that runs its machine, and the one that draws it. */
interface Watcher {
  page: Page;
  worker: Thread;
  main: Thread;
}

async function command({ page }: Watcher, name: "pause" | "resume", state: string): Promise<void> {
  await page.evaluate((n) => window.machineView?.command(n), name);
  await page.waitForFunction((wanted) => window.lastStatus?.state === wanted, state, {
    polling: 10,
    timeout: TIMEOUT_MS,
  });
}

/** Processor time of this process and of the browser, in both without some threads, ms. */
function othersMs(without: readonly Thread[]): [here: number, browser: number] {
  let [here, browser] = [0, 0];
  for (const each of threadsNamed("")) {
    if (without.some(({ thread }) => thread === each.thread)) continue;
    if (each.process === process.pid) here += threadMs(each);
    else browser += threadMs(each);
  }
  return [here, browser];
}

async function watch(watcher: Watcher): Promise<Watched> {
  const { worker, main } = watcher;
  const read = async () => {
    const { pictures, status } = await watcher.page.evaluate(() => ({
      pictures: window.pictures ?? 0,
      status: window.lastStatus as Status,
    }));
    const { clock, instructions } = status;
    const [machineMs, pageMs] = [threadMs(worker), threadMs(main)];
    const [serverMs, browserMs] = othersMs([worker, main]);
    return { pictures, clock, instructions, machineMs, pageMs, serverMs, browserMs };
  };
  await sleep(SETTLE_MS);
  await command(watcher, "pause", "paused");
  const before = await read();
  await command(watcher, "resume", "running");
  await sleep(WATCH_MS);
  await command(watcher, "pause", "paused");
  const after = await read();
  return {
    pictures: after.pictures - before.pictures,
    instructions: after.instructions - before.instructions,
    ms: after.clock - before.clock,
    machineMs: after.machineMs - before.machineMs,
    pageMs: after.pageMs - before.pageMs,
    serverMs: after.serverMs - before.serverMs,
    browserMs: after.browserMs - before.browserMs,
  };
}

const hasStatus = (page: Page): Promise<unknown> =>
  page.waitForFunction(() => window.lastStatus?.state === "running", undefined, {
    timeout: TIMEOUT_MS,
  });

async function watchTab(places: Places, kernel: Uint8Array): Promise<Watched> {
  const query = `?kernel=${putGuest(places, kernel)}&memory=${MEMORY}&accel=jit&clock=vm`;
  const watcher = await openWorkerPage(places, query, countPictures, hasStatus);
  try {
    return await watch(watcher);
  } finally {
    await watcher.page.close();
  }
}

async function watchDisplay(browser: TestBrowser, kernel: Uint8Array): Promise<Watched> {
  const machine = await Machine.create({ kernel, memory: MEMORY, accel: { kind: "jit" } });
  const control = new RunControl(machine, false);
  const viewed = { control, title: "redraw", execute: async () => "" };
  const display = await WebDisplay.open(viewed, 0);
  // It never ends: it stands still when nobody watches it any more.
  void control.run();
  const page = await browser.open(display.url, countPictures);
  try {
    await hasStatus(page);
    const main = await rendererOf(page);
    return await watch({ page, worker: firstThread(), main });
  } finally {
    control.pause();
    await page.close();
    await display.close();
  }
}

/** A guest's run with the least time of the machine's thread for an instruction: what else the host does only adds. */
async function bestOf(run: () => Promise<Watched>): Promise<Watched> {
  let best = await run();
  for (let i = 1; i < REPEATS; i++) {
    const next = await run();
    if (next.machineMs / next.instructions < best.machineMs / best.instructions) best = next;
  }
  return best;
}

/** Measures one mode in one place: a row for each change. */
export async function measureRedraw(
  places: Places,
  place: Place,
  mode: Mode,
): Promise<RedrawRow[]> {
  const watched = (drawing: Drawing): Promise<Watched> => {
    const kernel = drawingGuest(mode, drawing);
    return bestOf(() =>
      place === "tab" ? watchTab(places, kernel) : watchDisplay(places.browser, kernel),
    );
  };
  const still = await watched("nothing");
  const rows: RedrawRow[] = [];
  for (const change of CHANGES) {
    const changing = await watched(change);
    // What its instructions take of the machine's thread; those that write to the screen take longer.
    const ownMs = (changing.instructions * still.machineMs) / still.instructions;
    const moves = change !== "pixels";
    rows.push({
      ...{ place, mode, change },
      rate: (changing.pictures * 1000) / changing.ms,
      share: moves ? ownMs / changing.machineMs : undefined,
      lookMs: moves ? (changing.machineMs - ownMs) / changing.pictures : undefined,
      pageMs: changing.pageMs / changing.pictures,
      serverMs: place === "tab" ? undefined : changing.serverMs / changing.pictures,
      browserMs: changing.browserMs / changing.pictures,
    });
  }
  return rows;
}
