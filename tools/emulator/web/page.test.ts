// The page in a real browser: with the machine in the tab, and with the machine in this process behind it. What it shows
// is compared with what a machine in Node shows, pixel by pixel and byte by byte.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { decode } from "fast-png";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { makeSystem } from "../../../roottask/testing/boot.ts";
import { tarOf } from "../../../roottask/testing/samples.ts";
import { hasChromium } from "../../testing/browser.ts";
import { HANG_MS } from "../../testing/host-tools.ts";
import { Display } from "../display.ts";
import { Machine, type MachineOptions } from "../host/machine.ts";
import type { GalleryEntry } from "./gallery.ts";
import { onAppearance } from "./testing/appearance.ts";
import { onBooting } from "./testing/booting.ts";
import { onConsole } from "./testing/console.ts";
import { onDebugging } from "./testing/debugging.ts";
import { onEmbedding } from "./testing/embedding.ts";
import { onInput } from "./testing/input.ts";
import { PageSite, picture, pictureOf, serialOf, untilState } from "./testing/page-site.ts";
import { onProcesses } from "./testing/processes.ts";
import { onSnapshots } from "./testing/snapshots.ts";

const root = fileURLToPath(new URL("../../../", import.meta.url));

/** What a machine in Node shows and says at the end of the same run. */
async function runHere(options: MachineOptions) {
  const machine = await Machine.create(options);
  const stop = machine.runSync();
  const display = Display.of(machine, { blinking: true }) as Display;
  display.look();
  const { width, height, data } = display;
  return {
    stop,
    serial: machine.serialOutput,
    screenshot: machine.screenshot() as Uint8Array,
    picture: { width, height, data: Buffer.from(data) },
  };
}

function expectSamePicture(
  got: Awaited<ReturnType<typeof pictureOf>>,
  want: Awaited<ReturnType<typeof pictureOf>>,
): void {
  expect([got.width, got.height]).toEqual([want.width, want.height]);
  expect(got.data.findIndex((byte, at) => byte !== want.data[at])).toBe(-1);
}

describe.skipIf(!hasChromium)("the page in Chromium", () => {
  let site: PageSite;
  beforeAll(async () => {
    site = await PageSite.start();
  }, HANG_MS);
  afterAll(() => site?.close());

  const open = (query: string): Promise<Page> => site.open(query);

  onInput(() => site);
  onConsole(() => site);
  onAppearance(() => site);
  onBooting(() => site);
  onDebugging(() => site);
  onSnapshots(() => site);
  onProcesses(() => site);
  onEmbedding(() => site);

  test("the system boots in the tab: serial line and screen as in Node", async () => {
    makeSystem();
    const read = (name: string): Uint8Array => readFileSync(join(root, "build", name));
    const archive = await tarOf([{ name: "userland.conf", data: "nothing\n" }]);
    const gallery: GalleryEntry[] = [
      {
        ...{ id: "system", title: "The system", description: "" },
        options: {
          ...{ kernel: "kernel.elf32", memory: "256M", cpus: "2" },
          module: ["roottask-bin roottask", "userland.tar userland"],
        },
      },
    ];
    site.files.set("kernel.elf32", read("kernel.elf32"));
    site.files.set("roottask-bin", read("roottask-bin"));
    site.files.set("userland.tar", archive);
    site.files.set("gallery.json", new TextEncoder().encode(JSON.stringify(gallery)));
    const page = await open("?clock=vm");
    site.files.delete("gallery.json");
    await untilState(page, "off");
    const want = await runHere({
      kernel: read("kernel.elf32"),
      kernelName: "kernel.elf32",
      modules: [
        { file: read("roottask-bin"), name: "roottask-bin roottask" },
        { file: archive, name: "userland.tar userland" },
      ],
      ...{ memory: "256M", cpus: 2, debugExit: { iobase: 0xf4, iosize: 4 } },
    });
    expect(want.stop).toEqual({ kind: "power-off" });
    expect(want.serial).toContain("[roottask] power off");
    expect(await serialOf(page)).toBe(want.serial);
    expect(await page.title()).toBe("The system – Trihedron");
    expectSamePicture(await pictureOf(page), want.picture);
    expect(await page.getByRole("status").textContent()).toMatch(
      /^Off: the guest has switched the machine off/,
    );
    await page.close();
  });

  test("a picture of a linear mode is Node's, pixel by pixel", async () => {
    const page = await open("?kernel=picture");
    await untilState(page, "off");
    const want = await runHere({ kernel: picture, debugExit: { iobase: 0xf4, iosize: 4 } });
    expect(want.picture.width).toBe(320);
    const got = await pictureOf(page);
    expectSamePicture(got, want.picture);
    const { width, height, channels, data } = decode(want.screenshot);
    expect([width, height]).toEqual([got.width, got.height]);
    const colour = (at: number, from: ArrayLike<number>, size: number): string =>
      [0, 1, 2].map((i) => from[at * size + i]).join();
    for (let at = 0; at < width * height; at++) {
      if (colour(at, got.data, 4) !== colour(at, data, channels)) expect.fail(`pixel ${at}`);
    }
    await page.close();
  });
});
