// Pages of `-display web`: one machine of this process, and pages that come and go.

import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { RunControl } from "../../debug/run-control.ts";
import { Display } from "../../display.ts";
import { Machine } from "../../host/machine.ts";
import { WebDisplay } from "../../host/web-display.ts";
import { Monitor } from "../../monitor/monitor.ts";
import { echo, type PageSite, pictureOf, press, untilSerial, untilState } from "./page-site.ts";

const HELLO = "hello, page\n";

/** A machine that runs, and its pages' server. */
async function served() {
  const viewers: WebDisplay[] = [];
  const machine = await Machine.create({
    kernel: echo,
    memory: "16M",
    onSerial: (byte) => {
      for (const viewer of viewers) viewer.serial(byte);
    },
  });
  const control = new RunControl(machine, false);
  const monitor = new Monitor(control, { quit() {} });
  const viewed = { control, title: "echo", execute: (line: string) => monitor.execute(line) };
  const display = await WebDisplay.open(viewed, 0);
  viewers.push(display);
  return { machine, viewed, display, ended: control.run() };
}

async function typeEscape(page: Page): Promise<void> {
  await page.getByRole("application").click();
  await page.keyboard.press("Escape");
}

export function onProcesses(site: () => PageSite): void {
  test("pages before one machine of a process: they join, type, and leave it running", async () => {
    const { machine, display, ended } = await served();
    const first = await site().browser.open(display.url);
    await untilSerial(first, HELLO);
    machine.board.mmio.write(0xb8000, 0x0fdb, 2);
    await first.waitForFunction(() => window.machineView?.screen.picture()[0] === 255);
    const second = await site().browser.open(display.url);
    await untilSerial(second, HELLO);
    const want = Display.of(machine, { blinking: true });
    want?.look();
    const got = await pictureOf(second);
    expect(got.data.equals(Buffer.from(want?.data ?? []))).toBe(true);
    // What one does the other sees.
    await press(second, "Pause");
    await untilState(first, "paused");
    await press(first, "Run");
    await untilState(second, "running");
    await first.close();
    await typeEscape(second);
    expect(await ended).toEqual({ kind: "power-off" });
    display.standstill({ state: "off", reason: "test" });
    await display.close();
    await second
      .getByRole("status")
      .filter({ hasText: /^Off: test/ })
      .waitFor();
    await second.getByRole("alert").filter({ hasText: "The run is over" }).waitFor();
    // Everything that there was to see stays.
    expect(await second.evaluate(() => window.machineView?.console.output)).toBe(
      `${HELLO}\x01\x81`,
    );
    await second.close();
  });

  test("a connection that is lost is made again; a server that is gone is missed in a sentence", async () => {
    const { viewed, display, ended } = await served();
    const page = await site().browser.open(display.url, () => {
      window.WebSocket = class extends WebSocket {
        constructor(url: string | URL) {
          super(url);
          addEventListener("lose", () => this.close(), { once: true });
        }
      };
    });
    await untilSerial(page, HELLO);
    const lost = page.getByRole("alert").filter({ hasText: "does not answer any more" });
    await page.evaluate(() => dispatchEvent(new Event("lose")));
    await lost.waitFor();
    await lost.waitFor({ state: "hidden" });
    await untilSerial(page, HELLO);
    await press(page, "Snapshots …");
    const { port } = new URL(display.url);
    await display.close();
    await lost.waitFor();
    await press(page, "Save to a file");
    const told = page.getByRole("dialog").getByRole("status");
    await told.filter({ hasText: "The machine cannot be reached." }).waitFor();
    await press(page, "Close");
    // Another one on the same port has another secret: this page stays outside.
    const stranger = await WebDisplay.open(viewed, Number(port));
    await lost.waitFor();
    await stranger.close();
    viewed.control.machine.input({ kind: "key", code: 1, down: true });
    viewed.control.machine.input({ kind: "key", code: 1, down: false });
    expect(await ended).toEqual({ kind: "power-off" });
    await page.close();
  });
}
