// The part `web` of the target bench: the page in a real browser, measured beside Node. Prints tables.

import { hasChromium, TestBrowser } from "../../../testing/browser.ts";
import { serveStatic } from "../../../testing/static-host.ts";
import { hasThreadTimes } from "../../../testing/thread-time.ts";
import { compiledWorkloads } from "../compiled-workloads.ts";
import { findCompiler } from "../compiler.ts";
import { legacyWorkloads } from "../legacy-workloads.ts";
import type { Workload } from "../workload.ts";
import { workloads } from "../workloads.ts";
import { type FirstScreen, measureFirstScreen, STEPS } from "./first-screen.ts";
import { MODES, measureRedraw, type RedrawRow } from "./redraw.ts";
import { ACCELS, measureSpeed, ratioOf, type SpeedRow, speedOf } from "./speed.ts";
import type { Places } from "./worker-page.ts";

export interface WebBenchOptions {
  /** What `make web` has written, by name. */
  files: ReadonlyMap<string, Uint8Array>;
  /** Those of them that are the guest. */
  guest: readonly string[];
  /** Guests whose names contain one of these; all, and the page itself, without. */
  names?: readonly string[];
  /** Zig's compiler, for where gcc is not. */
  zig?: string | undefined;
}

const NAME_WIDTH = 26;
const CELL_WIDTH = 9;

const cells = (values: readonly (string | number)[]): string =>
  values.map((value) => String(value).padStart(CELL_WIDTH)).join("");

export const formatSpeedHead = (): string =>
  [
    `${"".padEnd(NAME_WIDTH)}${ACCELS.map((accel) => cells([accel, "", ""])).join("")}`.trimEnd(),
    `${"Minstr/s".padEnd(NAME_WIDTH)}${ACCELS.map(() => cells(["Node", "tab", "ratio"])).join("")}`,
  ].join("\n");

/** A workload's rows, one for each way of execution. */
export function formatSpeed(rows: readonly SpeedRow[]): string {
  const of = ACCELS.map((accel) => {
    const row = rows.find((each) => each.accel === accel);
    if (row === undefined) return cells(["-", "-", "-"]);
    const [node, tab] = [speedOf(row.node), speedOf(row.tab)];
    return cells([node.toFixed(0), tab.toFixed(0), ratioOf(row).toFixed(2)]);
  });
  return `${(rows[0]?.workload.name ?? "").padEnd(NAME_WIDTH)}${of.join("")}`;
}

/** The geometric means of the ratios. */
export function formatMeans(rows: readonly SpeedRow[]): string {
  const of = ACCELS.map((accel) => {
    const ratios = rows.filter((row) => row.accel === accel).map(ratioOf);
    const mean = Math.exp(ratios.reduce((sum, ratio) => sum + Math.log(ratio), 0) / ratios.length);
    return cells(["", "", ratios.length === 0 ? "-" : mean.toFixed(2)]);
  });
  return `${"geometric mean".padEnd(NAME_WIDTH)}${of.join("")}`;
}

const kilobytes = (bytes: number): string => `${Math.round(bytes / 1000)} KB`;

export function formatFirstScreen(first: FirstScreen): string {
  const { cold, warm, transferred, whole, longTasks, mainMs } = first;
  return [
    `${"first screen, ms".padEnd(36)}${cells(["cold", "warm"])}`,
    ...STEPS.map(
      ([step, what]) =>
        what.padEnd(36) + cells([cold[step], warm[step]].map((ms) => ms.toFixed(0))),
    ),
    `on the first visit ${kilobytes(transferred.page)} travel, compressed, and ${kilobytes(transferred.guest)} of the guest; the whole page has ${kilobytes(whole)}`,
    `tasks of more than 50 ms on the page's thread while the system boots: ${longTasks.length === 0 ? "none" : `${longTasks.join(", ")} ms`}; it takes ${mainMs.toFixed(0)} ms of processor time`,
  ].join("\n");
}

const REDRAW_NAME_WIDTH = 36;

export const formatRedrawHead = (): string =>
  `${"changing screen".padEnd(REDRAW_NAME_WIDTH)}${cells(["pictures", "guest", "a look", "server", "page", "browser"])}`;

const milliseconds = (ms: number | undefined): string =>
  ms === undefined ? "-" : `${ms.toFixed(1)} ms`;

/**
 * Pictures a second; what the guest keeps of its speed; for a picture, ms of the machine's thread, of the others of its
 * process, of the page's thread, and of the others of the browser.
 */
export function formatRedraw({ place, mode, change, rate, ...row }: RedrawRow): string {
  const where = place === "tab" ? "tab" : "-display web";
  const name = `${where}, ${mode.width} × ${mode.height}, ${change}`;
  return (
    name.padEnd(REDRAW_NAME_WIDTH) +
    cells([
      `${rate.toFixed(0)}/s`,
      row.share === undefined ? "-" : `${(100 * row.share).toFixed(0)} %`,
      ...[row.lookMs, row.serverMs, row.pageMs, row.browserMs].map(milliseconds),
    ])
  );
}

/** Measures and prints. Throws `Error` of one line for names that are no workload's. */
export async function printWebBench(
  { files, guest, names = [], zig }: WebBenchOptions,
  say: (line: string) => void = console.log,
): Promise<void> {
  if (!hasChromium || !hasThreadTimes) {
    say("the page is left out: it is measured with Chromium on Linux");
    return;
  }
  const compiler = findCompiler(zig);
  const programs = compiler === undefined ? [] : await compiledWorkloads(compiler);
  const all: Workload[] = [...workloads, ...legacyWorkloads, ...programs];
  const chosen = all.filter((w) => names.length === 0 || names.some((n) => w.name.includes(n)));
  if (chosen.length === 0) {
    throw new Error(
      `no workload is called ${names.join(" or ")}; there are ${all.map(({ name }) => name).join("; ")}`,
    );
  }
  const served = new Map(files);
  const host = await serveStatic(served);
  const browser = await TestBrowser.start();
  const places: Places = { files: served, host, browser };
  try {
    if (names.length === 0) await printPage(places, guest, say);
    say(formatSpeedHead());
    const rows: SpeedRow[] = [];
    for (const workload of chosen) {
      const own: SpeedRow[] = [];
      for (const accel of ACCELS) own.push(await measureSpeed(places, workload, accel));
      say(formatSpeed(own));
      rows.push(...own);
    }
    say(formatMeans(rows));
  } finally {
    await browser.close();
    await host.close();
  }
}

async function printPage(
  places: Places,
  guest: readonly string[],
  say: (line: string) => void,
): Promise<void> {
  say(`${formatFirstScreen(await measureFirstScreen(places, guest))}\n`);
  say(formatRedrawHead());
  for (const place of ["tab", "display"] as const) {
    for (const mode of MODES) {
      for (const row of await measureRedraw(places, place, mode)) say(formatRedraw(row));
    }
  }
  say("");
}
