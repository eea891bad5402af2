// The page in a real browser: with the machine in the tab, and with the machine in this process behind it. What it shows
// is compared with what a machine in Node shows, pixel by pixel and byte by byte.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { makeSystem } from "../../../roottask/testing/boot.ts";
import { tarOf } from "../../../roottask/testing/samples.ts";
import { hasChromium } from "../../testing/browser.ts";
import { HANG_MS } from "../../testing/host-tools.ts";
import { RunControl } from "../debug/run-control.ts";
import { Display } from "../display.ts";
import { Machine, type MachineOptions } from "../host/machine.ts";
import { WebDisplay } from "../host/web-display.ts";
import { Monitor } from "../monitor/monitor.ts";
import type { GalleryEntry } from "./gallery.ts";
import { onAppearance } from "./testing/appearance.ts";
import { onInput } from "./testing/input.ts";
import {
  alertOf,
  echo,
  instructions,
  PageSite,
  picture,
  pictureOf,
  press,
  serialOf,
  untilSerial,
  untilState,
} from "./testing/page-site.ts";
import type { MachineView } from "./view.ts";

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
  onAppearance(() => site);

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
    expectSamePicture(await pictureOf(page), want.picture);
    await page.close();
  });

  test("keys typed on the screen arrive as scan codes, and Ctrl+Alt+G takes them back", async () => {
    const page = await open("?kernel=echo");
    await untilSerial(page, "hello, page\n");
    const screen = page.getByRole("application", { name: "Screen of the machine" });
    await screen.focus();
    await page.keyboard.press("a");
    await page.keyboard.press("Enter");
    await page.keyboard.press("a");
    await page.keyboard.press("ArrowUp");
    await untilSerial(page, "\xe0\x48\xe0\xc8");
    await page.getByRole("combobox", { name: /^Press keys/ }).selectOption("Ctrl+Alt+Del");
    await untilSerial(page, "\xe0\xd3");
    await screen.click();
    await page.keyboard.press("Control+Alt+g");
    await page.keyboard.press("b");
    await screen.click();
    await page.keyboard.press("Escape");
    await untilState(page, "off");
    // "a" and up; the list lets go in reverse; Ctrl+Alt+G lets go what is held; "b" is the page's.
    const codes = [
      "\x1e\x9e\xe0\x48\xe0\xc8",
      "\x1d\x38\xe0\x53\xe0\xd3\xb8\x9d",
      "\x1d\x38\xb8\x9d",
    ];
    expect(await serialOf(page)).toBe(`hello, page\n${codes.join("")}\x01\x81`);
    await page.close();
  });

  test("pause, step, run and reset", async () => {
    const page = await open("?kernel=echo&paused");
    await untilState(page, "paused");
    const before = await instructions(page);
    await press(page, "Step");
    await page.waitForFunction((n) => window.machineView?.status?.instructions === n, before + 1);
    await press(page, "Debug");
    const registers = page.getByRole("region", { name: "Registers" });
    await registers.filter({ hasText: /IP=/ }).waitFor();
    await page.getByRole("region", { name: "Code at RIP" }).filter({ hasText: "mov" }).waitFor();
    await press(page, "Run");
    await untilSerial(page, "hello, page\n");
    await press(page, "Pause");
    await untilState(page, "paused");
    await press(page, "Reset");
    await press(page, "Run");
    await untilSerial(page, "hello, page\nhello, page\n");
    await page.close();
  });

  test("a snapshot is kept in the browser and brought back, also when the machine is off", async () => {
    const page = await open("?kernel=echo");
    await untilSerial(page, "hello, page\n");
    await press(page, "Snapshots …");
    await press(page, "Keep in this browser");
    const told = page.getByRole("dialog").getByRole("status");
    await told.filter({ hasText: "kept as snapshot" }).waitFor();
    await press(page, "Close");
    await page.getByRole("application").click();
    await page.keyboard.press("Escape");
    await untilState(page, "off");
    expect(await serialOf(page)).toBe("hello, page\n\x01\x81");
    await press(page, "Snapshots …");
    await page.getByRole("listbox").selectOption("snapshot");
    await press(page, "Bring back");
    await told.filter({ hasText: "as it was" }).waitFor();
    await untilState(page, "running");
    expect(await serialOf(page)).toBe("hello, page\n");
    const download = page.waitForEvent("download");
    await press(page, "Save to a file");
    const path = await (await download).path();
    await page.getByLabel("Snapshot file").setInputFiles({
      name: "x",
      mimeType: "",
      buffer: readFileSync(path).subarray(0, 1000),
    });
    await told.filter({ hasText: /damaged|cut|snapshot/ }).waitFor();
    await page.getByLabel("Snapshot file").setInputFiles(path);
    await told.filter({ hasText: "as it was" }).waitFor();
    await page.close();
  });

  test("a breakpoint by the name of a function stops there", async () => {
    const page = await open("?kernel=echo&paused");
    await untilState(page, "paused");
    await page.getByRole("button", { name: "Debug" }).click();
    await page.getByRole("textbox", { name: "Address or function" }).fill("putc");
    await page.getByRole("button", { name: "Set", exact: true }).click();
    const list = page.getByRole("region", { name: "Breakpoints" });
    await list.filter({ hasText: "putc" }).waitFor();
    await page.getByRole("button", { name: "Run", exact: true }).click();
    await page.waitForFunction(() => window.machineView?.status?.state === "paused");
    await untilSerial(page, "");
    expect(await serialOf(page)).toBe("");
    await page.close();
  });

  test("a kernel of one's own boots when it is chosen, or dropped", async () => {
    const page = await open("?kernel=picture");
    await untilState(page, "off");
    await page.getByRole("button", { name: "Boot …" }).click();
    const chosen = { name: "own.elf", mimeType: "", buffer: Buffer.from(echo) };
    await page.getByLabel("Files").setInputFiles(chosen);
    await page.getByRole("button", { name: "Boot", exact: true }).click();
    await untilSerial(page, "hello, page\n");
    expect(await page.getByRole("heading", { level: 1 }).textContent()).toBe("own.elf");
    await page.evaluate((text) => {
      const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
      const dataTransfer = new DataTransfer();
      dataTransfer.items.add(new File([bytes], "dropped.elf"));
      document
        .getElementById("machine")
        ?.dispatchEvent(new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true }));
    }, Buffer.from(echo).toString("base64"));
    await page.getByRole("heading", { level: 1, name: "dropped.elf" }).waitFor();
    await untilSerial(page, "hello, page\n");
    await page.close();
  });

  test.each([
    ["?kernel=broken", /^kernel broken: it is not an ELF file/],
    ["?kernel=absent", /^absent: the server answers 404$/],
    ["?kernel=echo&memory=1T", /^-m 1T: expected a number with K, M or G/],
    ["?colour=blue", /^\?colour: unknown option/],
  ])("%s is answered by a sentence", async (query, sentence) => {
    const page = await open(query);
    expect(await alertOf(page)).toMatch(sentence);
    await page.close();
  });

  test("a browser without WebAssembly is told so", async () => {
    const page = await site.open("?kernel=echo", () => {
      Reflect.deleteProperty(globalThis, "WebAssembly");
    });
    expect(await alertOf(page)).toMatch(/^This browser has no WebAssembly/);
    await page.close();
  });

  test("a page of one's own shows a machine as an element", async () => {
    site.files.set(
      "blog.html",
      new TextEncoder().encode(
        `<!doctype html><html lang="en"><title>Blog</title><h1>My kernel</h1>
         <script type="module" src="machine-element.js"></script>
         <trihedron-machine kernel="echo" modules="picture a b, echo" memory="16M"></trihedron-machine>
         <trihedron-machine kernel="broken"></trihedron-machine></html>`,
      ),
    );
    const page = await open("blog.html");
    await page.waitForFunction(() => {
      const machine = document.querySelector("trihedron-machine") as { view?: MachineView } | null;
      return machine?.view?.console.output === "hello, page\n";
    });
    const alert = page.getByRole("alert").filter({ hasText: "kernel broken" });
    await alert.waitFor();
    expect(await page.title()).toBe("Blog");
    await page.close();
  });

  test("pages before one machine of a process: they join, type, and leave it running", async () => {
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
    const display = await WebDisplay.open(
      { control, title: "echo", execute: (line) => monitor.execute(line) },
      0,
    );
    viewers.push(display);
    const ended = control.run();
    const first = await site.browser.open(display.url);
    await untilSerial(first, "hello, page\n");
    machine.board.mmio.write(0xb8000, 0x0fdb, 2);
    await first.waitForFunction(() => window.machineView?.screen.picture()[0] === 255);
    await first.close();
    const second = await site.browser.open(display.url);
    await untilSerial(second, "hello, page\n");
    const want = machine.screenRgba() as { data: Uint8ClampedArray };
    const got = await pictureOf(second);
    expect([...got.data.subarray(0, 27)]).toEqual([...want.data.subarray(0, 27)]);
    await second.getByRole("application").click();
    await second.keyboard.press("Escape");
    expect(await ended).toEqual({ kind: "power-off" });
    display.standstill({ state: "off", reason: "test" });
    await display.close();
    await second
      .getByRole("status")
      .filter({ hasText: /^Off: test/ })
      .waitFor();
    await second.close();
  });
});
