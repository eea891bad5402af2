// A page with a machine in its worker, and the threads of both, for those who measure.

import type { Page } from "playwright-core";
import type { TestBrowser } from "../../../testing/browser.ts";
import type { StaticHost } from "../../../testing/static-host.ts";
import { firstThread, type Thread, threadMs, threadsNamed } from "../../../testing/thread-time.ts";

/** Chromium's names of its workers' threads, and of the first thread of its processes. */
const WORKER = "DedicatedWorker";
const BROWSER = "chromium";
/** How long a page is kept busy to tell which process it is in, ms. */
const BUSY_MS = 300;

export interface Places {
  /** The page's files; guests are put among them. */
  files: Map<string, Uint8Array>;
  host: StaticHost;
  browser: TestBrowser;
}

/** Puts a guest among the page's files. Browsers keep what they have fetched: it gets a name of its own. */
export function putGuest({ files }: Places, guest: Uint8Array): string {
  const name = `guest-${files.size}`;
  files.set(name, guest);
  return name;
}

export interface WorkerPage {
  page: Page;
  /** Which runs the machine. */
  worker: Thread;
  /** Which draws the page. */
  main: Thread;
}

/** Opens a page that has a worker after `until`; `before` runs in it before its own scripts. */
export async function openWorkerPage(
  { host, browser }: Places,
  query: string,
  before: () => void,
  until: (page: Page) => Promise<unknown>,
): Promise<WorkerPage> {
  const others = new Set(threadsNamed(WORKER).map(({ thread }) => thread));
  const page = await browser.open(`${host.url}${query}`, before);
  try {
    await until(page);
    const worker = threadsNamed(WORKER).find(({ thread }) => !others.has(thread));
    if (worker === undefined) throw new Error("bench: the page has no worker");
    return { page, worker, main: firstThread(worker.process) };
  } catch (error) {
    await page.close();
    throw error;
  }
}

/** The thread that draws a page without a worker: the one that works when it does. */
export async function rendererOf(page: Page): Promise<Thread> {
  const threads = threadsNamed(BROWSER).filter(({ process, thread }) => process === thread);
  const before = new Map(threads.map((each) => [each.process, threadMs(each)]));
  await page.evaluate((ms) => {
    const end = performance.now() + ms;
    while (performance.now() < end);
  }, BUSY_MS);
  const took = (each: Thread): number => threadMs(each) - (before.get(each.process) ?? 0);
  const [first, ...others] = threads;
  if (first === undefined) throw new Error("bench: the browser has no processes");
  return others.reduce((most, each) => (took(each) > took(most) ? each : most), first);
}
