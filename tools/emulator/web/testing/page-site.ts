// What the tests of the page share: one browser, one server with one bundle, the guests, and what a page shows.

import type { Page } from "playwright-core";
import { expect } from "vitest";
import { guestModule } from "../../../asc/guest.ts";
import { al, ax, dword, dx, ebx, ecx, edi, esi } from "../../../asm/index.ts";
import { TestBrowser } from "../../../testing/browser.ts";
import { HANG_MS } from "../../../testing/host-tools.ts";
import { CORE_GUEST } from "../../core/options.ts";
import { serveWeb, type WebServer } from "../../host/web-server.ts";
import { COM1, guest, outb, print } from "../../platform/testdata/guest.ts";
import { bundlePage } from "../bundle.ts";
import type { MachineView } from "../view.ts";

/** Says hello, then each scan code, until Escape goes up. */
export const echo = guest((a) => {
  print(a, "hello", "hello, page\n");
  a.label("wait");
  a.in(al, 0x64).test(al, 1).jz("wait").in(al, 0x60).call("putc");
  a.cmp(al, 0x81).jne("wait");
});

/** 320×200 with 32 bits a pixel, a line of colours, text that does not show, and the end. */
export const picture = guest((a) => {
  for (const [index, value] of Object.entries({ 1: 320, 2: 200, 3: 32, 4: 0x41 })) {
    a.mov(dx, 0x1ce).mov(ax, Number(index)).out(dx, ax);
    a.mov(dx, 0x1cf).mov(ax, value).out(dx, ax);
  }
  for (let x = 0; x < 64; x++) a.mov(dword(0xfd000000 + (320 * 9 + x) * 4), x * 0x040302);
  outb(a, 0x3f8, 0x2e);
});

/** A wheel mouse that reports: says it is ready, then each byte of it. */
export const pointer = guest((a) => {
  a.mov(al, 0xa8).out(0x64, al);
  // Sampling rates 200, 100, 80 make it one with a wheel (Intellimouse); then reporting on. Each is acknowledged.
  for (const [i, value] of [0xf3, 200, 0xf3, 100, 0xf3, 80, 0xf4].entries()) {
    a.mov(al, 0xd4).out(0x64, al).mov(al, value).out(0x60, al);
    a.label(`wait${i}`);
    a.in(al, 0x64).test(al, 1).jz(`wait${i}`).in(al, 0x60);
  }
  print(a, "ready", "ready\n");
  a.label("loop");
  a.in(al, 0x64).test(al, 0x20).jz("loop").in(al, 0x60).call("putc").jmp("loop");
});

/** Says it is ready, then each byte that it gets on its serial line. */
export const answering = guest((a) => {
  print(a, "ready", "ready\n");
  a.label("loop");
  a.mov(dx, COM1 + 5)
    .in(al, dx)
    .test(al, 1)
    .jz("loop");
  a.mov(dx, COM1).in(al, dx).call("putc").jmp("loop");
});

/** Says its command line, and those of its modules (Multiboot 0.6.96, 3.3). */
export const information = guest((a) => {
  a.mov(edi, ebx)
    .mov(esi, dword(edi, { disp: 16 }))
    .call("puts");
  a.mov(al, 10).call("putc");
  a.mov(ecx, dword(edi, { disp: 20 })).mov(edi, dword(edi, { disp: 24 }));
  a.label("next");
  a.test(ecx, ecx).jz("over");
  a.mov(esi, dword(edi, { disp: 8 }))
    .call("puts")
    .mov(al, 10)
    .call("putc");
  a.add(edi, 16).dec(ecx).jmp("next");
  a.label("over");
});

declare global {
  interface Window {
    machineView?: MachineView;
  }
}

export const serialOf = (page: Page): Promise<string> =>
  page.evaluate(() => window.machineView?.console.output ?? "");

export async function untilSerial(page: Page, text: string): Promise<void> {
  await page.waitForFunction((t) => window.machineView?.console.output.includes(t), text, {
    timeout: HANG_MS,
  });
}

/** The guest has said this and nothing else; what it has said in its place, if it has said as much. */
export async function untilSerialIs(page: Page, text: string): Promise<void> {
  await page.waitForFunction(
    (length) => (window.machineView?.console.output.length ?? 0) >= length,
    text.length,
    { timeout: HANG_MS },
  );
  expect(await serialOf(page)).toBe(text);
}

export async function untilState(page: Page, state: string): Promise<void> {
  await page.waitForFunction((s) => window.machineView?.status?.state === s, state, {
    timeout: HANG_MS,
  });
}

export const instructions = (page: Page): Promise<number> =>
  page.evaluate(() => window.machineView?.status?.instructions ?? 0);

/** The page's picture, and its size. */
export async function pictureOf(
  page: Page,
): Promise<{ width: number; height: number; data: Buffer }> {
  const { width, height, text } = await page.evaluate(() => {
    const screen = window.machineView?.screen;
    if (screen === undefined) throw new Error("no screen");
    let bytes = "";
    for (const byte of screen.picture()) bytes += String.fromCharCode(byte);
    return { width: screen.width, height: screen.height, text: btoa(bytes) };
  });
  return { width, height, data: Buffer.from(text, "base64") };
}

/** Says to a page that nobody sees it, or that somebody does. */
export const show = (page: Page, isSeen: boolean): Promise<void> =>
  page.evaluate((hidden) => {
    Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden });
    document.dispatchEvent(new Event("visibilitychange"));
  }, !isSeen);

/** Presses a button of the page. */
export const press = (page: Page, name: string): Promise<void> =>
  page.getByRole("button", { name, exact: true }).click();

/** The sentence that the page says. */
export async function alertOf(page: Page): Promise<string | null> {
  const alert = page.getByRole("alert").filter({ hasText: /./ }).first();
  await alert.waitFor();
  return alert.textContent();
}

/** A static host with the page and guests, and a browser that looks at it. */
export class PageSite {
  readonly files: Map<string, Uint8Array>;
  readonly browser: TestBrowser;
  readonly #server: WebServer;

  private constructor(files: Map<string, Uint8Array>, browser: TestBrowser, server: WebServer) {
    this.files = files;
    this.browser = browser;
    this.#server = server;
  }

  static async start(): Promise<PageSite> {
    const files = await bundlePage("tab");
    files.set("emulator-core.wasm", (await guestModule(CORE_GUEST)).wasm);
    files.set("echo", echo);
    files.set("picture", picture);
    files.set("pointer", pointer);
    files.set("answering", answering);
    files.set("information", information);
    files.set("broken", new Uint8Array(100));
    files.set("empty", new Uint8Array(0));
    const server = await serveWeb(files, 0, { onSocket: (socket) => socket.close() });
    return new PageSite(files, await TestBrowser.start(), server);
  }

  get url(): string {
    return this.#server.url;
  }

  /** A page at `query`; `before` runs in it before its own scripts. */
  open(query: string, before?: () => void): Promise<Page> {
    return this.browser.open(`${this.url}${query}`, before);
  }

  /** Ends both. No page may have complained. */
  async close(): Promise<void> {
    await this.browser.close();
    await this.#server.close();
    expect(this.browser.complaints).toEqual([]);
  }
}
