// The page on hosts as there are: without any header, with those of cross-origin isolation, with other ideas of what a file
// is; and with code compiled in the tab.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { guestModule } from "../../asc/guest.ts";
import { al } from "../../asm/index.ts";
import { hasChromium, TestBrowser } from "../../testing/browser.ts";
import { HANG_MS } from "../../testing/host-tools.ts";
import { ISOLATING, serveStatic, TYPES } from "../../testing/static-host.ts";
import { CORE_GUEST } from "../core/options.ts";
import { guest, print } from "../platform/testdata/guest.ts";
import { bundlePage } from "./bundle.ts";
import type { MachineView } from "./view.ts";

const CORE = "emulator-core.wasm";

/** Says hello, then each scan code, until Escape goes up. */
const echo = guest((a) => {
  print(a, "hello", "hello, page\n");
  a.label("wait");
  a.in(al, 0x64).test(al, 1).jz("wait").in(al, 0x60).call("putc");
  a.cmp(al, 0x81).jne("wait");
});

declare global {
  interface Window {
    machineView?: MachineView;
  }
}

describe.skipIf(!hasChromium)("the page on static hosts", () => {
  let browser: TestBrowser;
  let files: Map<string, Uint8Array>;

  beforeAll(async () => {
    files = await bundlePage("tab");
    files.set(CORE, (await guestModule(CORE_GUEST)).wasm);
    files.set("echo", echo);
    browser = await TestBrowser.start();
  }, HANG_MS);
  afterAll(async () => {
    await browser?.close();
    expect(browser?.complaints ?? []).toEqual([]);
  });

  const { wasm: _, ...withoutWasm } = TYPES;
  test.each([
    ["without headers", {}, TYPES, ""],
    ["cross-origin isolated", ISOLATING, TYPES, ""],
    ["that does not know WebAssembly", {}, withoutWasm, ""],
    ["with code compiled", {}, TYPES, "&accel=jit,threshold=0"],
  ])("a host %s: the machine runs, and hears keys", async (_name, headers, types, query) => {
    const host = await serveStatic(files, headers, types);
    const page = await browser.open(`${host.url}?kernel=echo&memory=16M${query}`);
    try {
      expect(await page.evaluate(() => crossOriginIsolated)).toBe(headers === ISOLATING);
      await page.waitForFunction(() => window.machineView?.console.output === "hello, page\n");
      await page.getByRole("application").click();
      await page.keyboard.press("Escape");
      await page.waitForFunction(() => window.machineView?.status?.state === "off");
      const output = await page.evaluate(() => window.machineView?.console.output);
      expect(output).toBe("hello, page\n\x01\x81");
    } finally {
      await page.close();
      await host.close();
    }
  });

  test.each([
    [new Uint8Array(1000), /^emulator-core\.wasm: it is damaged or cut off/],
    [undefined, /^emulator-core\.wasm: the server answers 404$/],
  ])("a core that is not whole, or not there, is told in a sentence", async (core, sentence) => {
    const broken = new Map(files);
    if (core === undefined) broken.delete(CORE);
    else broken.set(CORE, core);
    const host = await serveStatic(broken);
    const page = await browser.open(`${host.url}?kernel=echo`);
    try {
      const alert = page.getByRole("alert").filter({ hasText: /./ }).first();
      await alert.waitFor();
      expect(await alert.textContent()).toMatch(sentence);
    } finally {
      await page.close();
      await host.close();
    }
  });
});
