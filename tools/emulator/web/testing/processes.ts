// Pages of `-display web`: one machine of this process, and pages that come and go.

import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { ax, dx, eax, ebx, ecx, edi } from "../../../asm/index.ts";
import { RunControl } from "../../debug/run-control.ts";
import { Display } from "../../display.ts";
import { Machine } from "../../host/machine.ts";
import { WebDisplay } from "../../host/web-display.ts";
import { Monitor } from "../../monitor/monitor.ts";
import { guest } from "../../platform/testdata/guest.ts";
import {
  echo,
  type PageSite,
  pictureOf,
  press,
  show,
  untilSerial,
  untilState,
} from "./page-site.ts";

const HELLO = "hello, page\n";

/** Fills a screen of 32 bits a pixel with noise, again and again. */
const noise = guest((a) => {
  for (const [index, value] of Object.entries({ 1: 640, 2: 480, 3: 32, 4: 0x41 })) {
    a.mov(dx, 0x1ce).mov(ax, Number(index)).out(dx, ax);
    a.mov(dx, 0x1cf).mov(ax, value).out(dx, ax);
  }
  a.label("again");
  a.mov(edi, 0xfd000000).mov(ecx, 640 * 480);
  a.label("pixel");
  a.imul(ebx, ebx, 1664525).add(ebx, 1013904223).mov(eax, ebx).shr(eax, 7);
  a.stosd().dec(ecx).jnz("pixel").jmp("again");
});

/** Before a worker's script: what it fetches comes in pieces of seven bytes, and the first time it breaks off. */
const BREAKING = `{
  const original = fetch;
  let times = 0;
  self.fetch = async (...given) => {
    const reader = (await original(...given)).body.getReader();
    let left = ++times === 1 ? 100 : Infinity;
    const pull = async (controller) => {
      const { done, value } = await reader.read();
      if (done) return controller.close();
      for (let at = 0; at < value.length; at += 7) controller.enqueue(value.slice(at, at + 7));
      left -= value.length;
      if (left < 0) controller.error(new TypeError("broken off"));
    };
    return new Response(new ReadableStream({ pull }));
  };
}
`;

/** A machine that runs, and its pages' server. */
async function served(kernel = echo) {
  const viewers: WebDisplay[] = [];
  const machine = await Machine.create({
    kernel,
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
    // A file that is dropped does not take the page's place.
    const stays = await first.evaluate(() => {
      const dataTransfer = new DataTransfer();
      dataTransfer.items.add(new File(["Dear Sir"], "letter.txt"));
      const event = new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true });
      return document.querySelector(".trihedron")?.dispatchEvent(event) === false;
    });
    expect(stays).toBe(true);
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

  test("a screen that changes all the time is the machine's when that stands still, for a page that is slow as well", async () => {
    const { machine, viewed, display } = await served(noise);
    const [quick, slow] = [
      await site().browser.open(display.url),
      await site().browser.open(display.url, () => {
        const draw = CanvasRenderingContext2D.prototype.putImageData;
        CanvasRenderingContext2D.prototype.putImageData = function (...args: unknown[]) {
          const end = performance.now() + 50;
          while (performance.now() < end);
          Reflect.apply(draw, this, args);
          Object.assign(window, { drawn: 1 + ((window as { drawn?: number }).drawn ?? 0) });
        };
      }),
    ];
    await slow.waitForFunction(() => ((window as { drawn?: number }).drawn ?? 0) > 10);
    await viewed.control.standstill();
    const want = Display.of(machine, { blinking: true });
    want?.look();
    const data = Buffer.from(want?.data ?? []);
    expect(data.length).toBe(640 * 480 * 4);
    for (const page of [quick, slow]) {
      await page.waitForFunction(
        ([from, to]) => {
          const picture = window.machineView?.screen.picture() ?? [];
          return [0, 1, 2].every((i) => picture[i] === from?.[i] && picture.at(i - 4) === to?.[i]);
        },
        [[...data.subarray(0, 3)], [...data.subarray(-4)]],
      );
      expect((await pictureOf(page)).data.equals(data)).toBe(true);
      await page.close();
    }
    await display.close();
  });

  test("a page that nobody sees gets no pictures until somebody does, or the run is over", async () => {
    const { machine, display, ended } = await served();
    const hidden = await site().browser.open(display.url);
    const seen = await site().browser.open(display.url);
    const paint = (colour: number): void => machine.board.mmio.write(0xb8000, colour, 2);
    const first = (page: Page): Promise<number | undefined> =>
      page.evaluate(() => window.machineView?.screen.picture()[0]);
    const until = (page: Page, red: number) =>
      page.waitForFunction((r) => window.machineView?.screen.picture()[0] === r, red);
    // Blocks of white, black, red, green.
    paint(0x0fdb);
    await Promise.all([until(hidden, 255), until(seen, 255)]);
    await show(hidden, false);
    paint(0x0020);
    await until(seen, 0);
    expect(await first(hidden)).toBe(255);
    await show(hidden, true);
    await until(hidden, 0);
    // Nobody sees any of them when the run ends.
    await show(hidden, false);
    await show(seen, false);
    paint(0x04db);
    await typeEscape(seen);
    expect(await ended).toEqual({ kind: "power-off" });
    display.standstill({ state: "off", reason: "test" });
    await display.close();
    await Promise.all([until(hidden, 168), until(seen, 168)]);
    await hidden.close();
    await seen.close();
  });

  test("a page whose browser hands out bytes as it likes, and whose pictures break off, shows them all the same", async () => {
    const { machine, display, ended } = await served();
    const page = await site().browser.open(display.url);
    let patched = 0;
    await page.route("**/picture-worker.js", async (route) => {
      patched++;
      const response = await route.fetch();
      await route.fulfill({ response, body: `${BREAKING}${await response.text()}` });
    });
    await page.reload();
    await untilSerial(page, HELLO);
    machine.board.mmio.write(0xb8000, 0x0fdb, 2);
    await page.waitForFunction(() => window.machineView?.screen.picture()[0] === 255);
    await typeEscape(page);
    expect(patched).toBe(1);
    expect(await ended).toEqual({ kind: "power-off" });
    await display.close();
    await page.close();
  });

  test("more pages than a browser has connections see what changes", async () => {
    const { machine, display, ended } = await served();
    const pages: Page[] = [];
    for (let i = 0; i < 7; i++) pages.push(await site().browser.open(display.url));
    machine.board.mmio.write(0xb8000, 0x0fdb, 2);
    for (const page of pages) {
      await page.waitForFunction(() => window.machineView?.screen.picture()[0] === 255);
    }
    machine.board.mmio.write(0xb8000, 0x0020, 2);
    for (const page of pages) {
      await page.waitForFunction(() => window.machineView?.screen.picture()[0] === 0);
      await page.close();
    }
    machine.input({ kind: "key", code: 1, down: true });
    machine.input({ kind: "key", code: 1, down: false });
    expect(await ended).toEqual({ kind: "power-off" });
    await display.close();
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
