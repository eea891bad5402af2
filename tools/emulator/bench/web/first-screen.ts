// How long a page takes until there is something to see, what of it takes how long, how much travels for it, and whether the
// page holds up its own thread while the system boots.

import { gzipSync } from "node:zlib";
import type { Page } from "playwright-core";
import { threadMs } from "../../../testing/thread-time.ts";
import type { FromWorker } from "../../web/tab-connection.ts";
import { openWorkerPage, type Places } from "./worker-page.ts";

/** Visits after the first, which fills the browser's cache. */
const VISITS = 5;
/** What the system is given to boot on each of them, ms. */
const BOOT_MS = 6000;

/** Steps on the way to the first screen, in their order; values are ms since the address was asked for. */
export const STEPS = [
  ["script", "the page's script begins"],
  ["files", "the guest's files are there"],
  ["machine", "the machine is built"],
  ["picture", "its screen shows"],
  ["text", "the guest has written something"],
] as const;
export type Step = (typeof STEPS)[number][0];
export type Steps = Record<Step, number>;

export interface FirstScreen {
  /** With an empty cache, and the quickest of the visits after it. */
  cold: Steps;
  warm: Steps;
  /** Bytes that travelled on the first visit, compressed; those of the guest's files apart. */
  transferred: { page: number; guest: number };
  /** All that belongs to the page, compressed, whether it is asked for or not. */
  whole: number;
  /** Tasks of the page's thread of more than 50 ms while the system boots, on the visit with the shortest of these; ms. */
  longTasks: number[];
  /** Processor time of the page's thread meanwhile, ms. */
  mainMs: number;
}

declare global {
  interface Window {
    steps?: Partial<Steps>;
    longTasks?: number[];
  }
}

/** To run in a page before its own scripts: notes its steps. */
function noteSteps(): void {
  const steps: Partial<Steps> = {};
  const tasks: number[] = [];
  window.steps = steps;
  window.longTasks = tasks;
  const note = (step: Step): void => {
    steps[step] ??= performance.now();
  };
  new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) tasks.push(Math.round(duration));
  }).observe({ type: "longtask", buffered: true });
  window.Worker = class extends Worker {
    constructor(script: string | URL, options?: WorkerOptions) {
      note("script");
      super(script, options);
      this.addEventListener("message", ({ data }: MessageEvent<FromWorker>) => {
        if (data.kind === "machine") note("machine");
        if (data.kind === "rows") note("picture");
        if (data.kind === "serial" && data.bytes.length > 0) note("text");
      });
    }
    override postMessage(
      message: unknown,
      options?: Transferable[] | StructuredSerializeOptions,
    ): void {
      note("files");
      super.postMessage(message, options as StructuredSerializeOptions);
    }
  };
}

const hasAllSteps = (page: Page): Promise<unknown> =>
  page.waitForFunction((n) => Object.keys(window.steps ?? {}).length === n, STEPS.length);

interface Visit {
  steps: Steps;
  longTasks: number[];
  mainMs: number;
}

async function visit(places: Places): Promise<Visit> {
  const { page, main } = await openWorkerPage(places, "", noteSteps, hasAllSteps);
  try {
    await new Promise((resolve) => setTimeout(resolve, BOOT_MS));
    const { steps, longTasks } = await page.evaluate(() => ({
      steps: window.steps as Steps,
      longTasks: window.longTasks ?? [],
    }));
    return { steps, longTasks, mainMs: threadMs(main) };
  } finally {
    await page.close();
  }
}

const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);
const longest = ({ longTasks }: Visit): number => Math.max(0, ...longTasks);

/** Visits a page whose default guest is in the files `guest`. The browser has not seen it before. */
export async function measureFirstScreen(
  places: Places,
  guest: readonly string[],
): Promise<FirstScreen> {
  const { files, host } = places;
  const ofGuest = ([name]: [string, unknown]): boolean => guest.includes(name);
  const whole = [...files].filter((file) => !ofGuest(file)).map(([, bytes]) => gzipSync(bytes));
  const { steps: cold } = await visit(places);
  const sent = [...host.sent];
  const visits: Visit[] = [];
  for (let i = 0; i < VISITS; i++) visits.push(await visit(places));
  const quickest = visits.reduce((a, b) => (b.steps.text < a.steps.text ? b : a));
  const calmest = visits.reduce((a, b) => (longest(b) < longest(a) ? b : a));
  return {
    cold,
    warm: quickest.steps,
    transferred: {
      page: sum(sent.filter((file) => !ofGuest(file)).map(([, bytes]) => bytes)),
      guest: sum(sent.filter(ofGuest).map(([, bytes]) => bytes)),
    },
    whole: sum(whole.map(({ length }) => length)),
    longTasks: calmest.longTasks,
    mainMs: Math.min(...visits.map(({ mainMs }) => mainMs)),
  };
}
