// What the machine of a page has said about itself, for those who measure pages.

import type { Page } from "playwright-core";
import type { FromMachine } from "../../remote/messages.ts";
import type { MachineView } from "../../web/view.ts";

export type Status = Extract<FromMachine, { kind: "status" }>;

declare global {
  interface Window {
    machineView?: MachineView;
    /** How often the machine was off after it had run, and how it was then. */
    ended?: Status[];
  }
}

/** Between two questions of a measurement to a page, ms. */
const POLLING_MS = 50;
/** No measurement takes as long. */
const TIMEOUT_MS = 5 * 60_000;

/** To run in a page before its own scripts: notes when the machine of a worker comes to its end. */
export function noteEnds(): void {
  const ended: Status[] = [];
  let runs = false;
  window.ended = ended;
  window.Worker = class extends Worker {
    constructor(script: string | URL, options?: WorkerOptions) {
      super(script, options);
      this.addEventListener("message", ({ data }: MessageEvent<FromMachine>) => {
        if (data.kind !== "status") return;
        if (data.state === "off" && runs) ended.push(data);
        runs = data.state === "running";
      });
    }
  };
}

/** How the machine of a page is when it is off for the `count`th time. Rejects with what the page says is wrong. */
export async function untilEnd(page: Page, count: number): Promise<Status> {
  const end = await page.waitForFunction(
    (n) => {
      const alerts = [...document.querySelectorAll("[role=alert]")];
      const text = alerts.map(({ textContent }) => textContent).join("");
      if (text !== "") throw new Error(`bench: the page says: ${text}`);
      return window.ended?.[n - 1];
    },
    count,
    { polling: POLLING_MS, timeout: TIMEOUT_MS },
  );
  return (await end.jsonValue()) as Status;
}
