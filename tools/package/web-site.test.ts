// build/web/ as any static host gives it out: small, complete, and the system in the tab as it is in Node.

import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Machine } from "../emulator/host/machine.ts";
import { serveWeb, type WebServer } from "../emulator/host/web-server.ts";
import type { MachineView } from "../emulator/web/view.ts";
import { hasChromium, TestBrowser } from "../testing/browser.ts";
import { HANG_MS } from "../testing/host-tools.ts";
import { webSiteFiles } from "./web-site.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
let files = new Map<string, Uint8Array>();
let guestFiles: string[] = [];

beforeAll(() => {
  const { status, stderr } = spawnSync(
    process.execPath,
    [join(root, "tools/bin/make"), "--quiet", "web"],
    { encoding: "utf8" },
  );
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  ({ files, guest: guestFiles } = webSiteFiles(root));
});

test("travels in 1.5 MB, compressed, without the guest", () => {
  const sizes = [...files]
    .filter(([name]) => !guestFiles.includes(name))
    .map(([, bytes]) => gzipSync(bytes).length);
  expect(sizes.length).toBeGreaterThan(5);
  expect(sizes.reduce((a, b) => a + b)).toBeLessThan(1.5e6);
});

test("names no other host", () => {
  for (const [name, bytes] of files) {
    if (!/\.(html|css)$/.test(name)) continue;
    const text = new TextDecoder().decode(bytes);
    expect(text.match(/(?:src|href|url)\s*[=(]\s*"?(?:https?:)?\/\//g), name).toBeNull();
  }
});

describe.skipIf(!hasChromium)("in a tab", () => {
  type Shown = { machineView?: MachineView };
  let browser: TestBrowser;
  let server: WebServer;

  beforeAll(async () => {
    server = await serveWeb(files, 0, { onSocket: (socket) => socket.close() });
    browser = await TestBrowser.start();
  });
  afterAll(async () => {
    await browser?.close();
    await server?.close();
    expect(browser?.complaints).toEqual([]);
  });

  test("the system runs to its summary, as in Node", async () => {
    const file = (name: string): Uint8Array => files.get(name) as Uint8Array;
    const machine = await Machine.create({
      kernel: file("kernel.elf32"),
      kernelName: "kernel.elf32",
      modules: [
        { file: file("roottask-bin"), name: "roottask-bin roottask" },
        { file: file("userland.tar"), name: "userland.tar userland" },
      ],
      memory: "512M",
      cpus: 2,
      debugExit: { iobase: 0xf4, iosize: 4 },
    });
    const page = await browser.open(`${server.url}?clock=vm`);
    expect(machine.runSync()).toEqual({ kind: "power-off" });
    await page.waitForFunction(
      () => (window as Shown).machineView?.status?.state === "off",
      undefined,
      { timeout: HANG_MS },
    );
    const serial = await page.evaluate(() => (window as Shown).machineView?.console.output);
    expect(serial).toMatch(/\[roottask\] summary: \d+ programs/);
    expect(serial).toBe(machine.serialOutput);
    await page.close();
  });

  test.each([
    ["bench", "[roottask] start 1: native bin/bench_native"],
    ["disk", "loading boot/userland.tar"],
  ])("the gallery's entry %s boots", async (id, text) => {
    const page = await browser.open(`${server.url}?clock=vm&guest=${id}`);
    await page.waitForFunction(
      (t) => (window as Shown).machineView?.console.output.includes(t),
      text,
      { timeout: HANG_MS },
    );
    await page.close();
  });
});
