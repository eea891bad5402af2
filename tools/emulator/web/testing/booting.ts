// What a page boots: files that are chosen or dropped, links with options, and what it says of those that boot nothing.

import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { si } from "../../../asm/index.ts";
import { bootCd } from "../../platform/testdata/boot-cd.ts";
import { bootSector } from "../../platform/testdata/boot-sector.ts";
import {
  alertOf,
  echo,
  information,
  type PageSite,
  press,
  untilSerial,
  untilSerialIs,
  untilState,
} from "./page-site.ts";

/** A disk whose boot sector says so. */
const saying = (text: string): Uint8Array =>
  bootSector((a) => {
    a.mov(si, "text").call("puts").jmp("said");
    a.label("text");
    a.db(text, 0);
    a.label("said");
  });

/** A CD that boots, with a volume descriptor as every CD has one (ISO 9660, 8.1). */
function cdOf(boot: Uint8Array): Uint8Array {
  const cd = bootCd(boot.subarray(0, 2048), 0);
  cd.set(new TextEncoder().encode("\x01CD001\x01"), 16 * 2048);
  return cd;
}

/** Drops files on the page. */
async function drop(page: Page, files: Readonly<Record<string, Uint8Array>>): Promise<void> {
  const texts = Object.entries(files).map(([name, bytes]) => [
    name,
    Buffer.from(bytes).toString("base64"),
  ]);
  await page.evaluate((all) => {
    const dataTransfer = new DataTransfer();
    for (const [name = "", text = ""] of all) {
      const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
      dataTransfer.items.add(new File([bytes], name));
    }
    document
      .getElementById("machine")
      ?.dispatchEvent(new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true }));
  }, texts);
}

/** The page says that there is no machine. */
const untilNothing = (page: Page): Promise<void> =>
  page
    .getByRole("status")
    .filter({ hasText: /^Nothing is booted$/ })
    .waitFor();

export function onBooting(site: () => PageSite): void {
  test("a kernel of one's own boots when it is chosen, with a command line", async () => {
    const page = await site().open("?kernel=picture");
    await untilState(page, "off");
    await press(page, "Boot …");
    await page.getByLabel("Files").setInputFiles([
      { name: "own.elf", mimeType: "", buffer: Buffer.from(information) },
      { name: "data", mimeType: "", buffer: Buffer.from("anything") },
    ]);
    const kinds = page.getByRole("list", { name: "What they are taken for" });
    await kinds.filter({ hasText: "own.elf: kerneldata: module" }).waitFor();
    await page.getByLabel("Kernel command line").fill("a=1 b");
    await page.getByLabel("Arguments of data").fill(" name x=1 ");
    await page.getByLabel("CPUs").fill("");
    await press(page, "Boot");
    expect(await page.getByRole("dialog").count()).toBe(1);
    await page.getByLabel("CPUs").fill("2");
    await page.getByRole("textbox", { name: "Memory", exact: true }).fill("1T");
    await press(page, "Boot");
    await page
      .getByRole("alert")
      .filter({ hasText: /^memory 1T/ })
      .waitFor();
    await untilNothing(page);
    await press(page, "Boot …");
    await page.getByRole("textbox", { name: "Memory", exact: true }).fill("16M");
    await press(page, "Boot");
    await page.getByRole("heading", { level: 1, name: "own.elf" }).waitFor();
    await untilSerialIs(page, "own.elf a=1 b\ndata name x=1\n");
    expect(await page.getByRole("heading", { level: 1 }).textContent()).toBe("own.elf");
    await page.close();
  });

  test("what is dropped boots: a kernel with modules, a disk, a floppy, a CD", async () => {
    const page = await site().open("?kernel=picture");
    await untilState(page, "off");
    const title = (name: string): Promise<void> =>
      page.getByRole("heading", { level: 1, name }).waitFor();
    await drop(page, { first: new Uint8Array(5), "own.elf": information, second: echo });
    await title("own.elf");
    await untilSerialIs(page, "own.elf \nfirst\nsecond\n");
    await drop(page, { "d.img": saying("from the disk\n") });
    await title("d.img");
    await untilSerialIs(page, "from the disk\n");
    await drop(page, { "f.img": saying("from the floppy\n").subarray(0, 368_640) });
    await title("f.img");
    await untilSerialIs(page, "from the floppy\n");
    await drop(page, { "cd.iso": cdOf(saying("from the CD\n")) });
    await title("cd.iso");
    await untilSerialIs(page, "from the CD\n");
    expect(await page.getByRole("heading", { level: 1 }).textContent()).toBe("cd.iso");
    // What boots nothing disturbs nothing.
    await drop(page, { "letter.txt": new TextEncoder().encode("Dear Sir") });
    expect(await alertOf(page)).toMatch(/^letter\.txt: nothing that boots; expected/);
    expect(await page.getByRole("heading", { level: 1 }).textContent()).toBe("cd.iso");
    expect(await page.title()).toBe("cd.iso – Trihedron");
    // Text that is dragged is the browser's.
    const { taken, refused } = await page.evaluate(() => {
      const drag = (fill: (data: DataTransfer) => void): boolean => {
        const dataTransfer = new DataTransfer();
        fill(dataTransfer);
        const event = new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true });
        return document.getElementById("machine")?.dispatchEvent(event) === false;
      };
      return {
        taken: drag((data) => data.items.add(new File(["Dear Sir"], "letter.txt"))),
        refused: drag((data) => data.setData("text/plain", "Dear Sir")),
      };
    });
    expect([taken, refused]).toEqual([true, false]);
    // What is broken leaves nothing of the machine before.
    await drop(page, { "own.elf": information.subarray(0, 200) });
    await untilNothing(page);
    expect(await page.title()).toBe("Trihedron");
    await page.close();
  });

  test("a file that is missing ends the loading of the others", async () => {
    const page = await site().open("?guest=x", () => {
      const whole = fetch;
      // The kernel comes in pieces without end.
      window.fetch = async (...given) => {
        if (!String(given[0]).endsWith("echo")) return whole(...given);
        const pull = async (controller: ReadableStreamDefaultController): Promise<void> => {
          await new Promise((resolve) => setTimeout(resolve, 10));
          controller.enqueue(new Uint8Array(1_000_000));
        };
        const signal = given[1]?.signal;
        const stopped = new Promise<void>((resolve) =>
          signal?.addEventListener("abort", () => resolve()),
        );
        void stopped.then(() => document.body.setAttribute("data-stopped", ""));
        return new Response(new ReadableStream({ pull }));
      };
    });
    await page.goto(page.url().replace("?guest=x", "?kernel=echo&module=absent"));
    await page.locator("body[data-stopped]").waitFor({ state: "attached" });
    await untilNothing(page);
    await page.close();
  });

  test("what is typed while the machine is being built reaches it", async () => {
    const page = await site().open("?kernel=absent");
    let build: () => void = () => {};
    const typed = new Promise<void>((resolve) => {
      build = resolve;
    });
    await page.route("**/emulator-core.wasm", async (route) => {
      await typed;
      await route.continue();
    });
    await page.goto(page.url().replace("absent", "answering"));
    await page
      .getByRole("status")
      .filter({ hasText: /^Starting …$/ })
      .waitFor();
    await page.evaluate(() => window.machineView?.send("early"));
    build();
    await untilSerialIs(page, "ready\nearly");
    await page.close();
  });

  test("a link says what boots and how", async () => {
    const query = new URLSearchParams([
      ["kernel", "information"],
      ["append", 'a="1" <b>&'],
      ["module", "echo x y"],
      ["module", "picture"],
      ...Object.entries({ memory: "32M", cpus: "2", vga: "none", clock: "vm", paused: "" }),
    ]);
    const page = await site().open(`?${query}`);
    await untilState(page, "paused");
    expect(await page.getByRole("application").isVisible()).toBe(false);
    await press(page, "Debug");
    await page.getByRole("textbox", { name: "Command" }).fill("info cpus");
    await press(page, "Send");
    await page
      .getByRole("region", { name: "Answers of the monitor" })
      .filter({ hasText: "CPU #1" })
      .waitFor();
    await press(page, "Run");
    await untilSerialIs(page, 'information a="1" <b>&\necho x y\npicture\n');
    await page.close();
  });

  const image = "<img src=x onerror=document.title='taken'>";
  test.each([
    ["kernel=broken", /^kernel broken: it is not an ELF file/],
    ["kernel=absent", /^absent: the server answers 404$/],
    ["kernel=echo&module=absent+x", /^absent: the server answers 404$/],
    ["disk=absent", /^absent: the server answers 404$/],
    ["disk=empty", /^disk disk0: 0 bytes, expected at least /],
    ["kernel=echo&memory=1T", /^memory 1T: expected a number with K, M or G/],
    ["kernel=echo&accel=fast", /^\?accel=fast: expected interp, jit or /],
    ["kernel=echo&memory=3G&cpus=999", /^999 CPUs: expected 1 to 32$/],
    ["colour=blue", /^\?colour: unknown option/],
    [`kernel=${encodeURIComponent(image)}`, /^<img src=x onerror=.*: the server answers 404$/],
    [`${encodeURIComponent(image)}=1`, /^\?<img src=x onerror=.*: unknown option/],
    ["kernel=javascript:alert(1)", /^javascript:alert\(1\): expected an address of http or https$/],
    ["kernel=file:///etc/passwd", /^file:\/\/\/etc\/passwd: expected an address of http or https$/],
    ["kernel=http://[", /^http:\/\/\[: expected an address of http or https$/],
    [
      "kernel=http://127.0.0.1:9/k",
      /^http:\/\/127\.0\.0\.1:9\/k: .*another host has to allow .*\(CORS\)$/,
    ],
    ["kernel=..%2f..%2f..%2fetc%2fpasswd", /: the server answers 404$/],
    ["guest=nobody", /^\?guest=nobody: there is no gallery$/],
  ])("?%s is answered by a sentence", async (query, sentence) => {
    const page = await site().open(`?${query}`);
    expect(await alertOf(page)).toMatch(sentence);
    await untilNothing(page);
    expect(await page.locator("img").count()).toBe(0);
    expect(await page.title()).not.toBe("taken");
    await page.close();
  });

  test("a browser that starts no workers is told so", async () => {
    const page = await site().open("?kernel=echo", () => {
      window.Worker = class {
        constructor() {
          throw new DOMException("not allowed here", "SecurityError");
        }
      } as unknown as typeof Worker;
    });
    expect(await alertOf(page)).toBe(
      "This browser starts no worker for the machine: not allowed here",
    );
    await untilNothing(page);
    await page.close();
  });

  test("a browser that draws nothing is told so, and its serial console goes on", async () => {
    const page = await site().open("?kernel=echo", () => {
      HTMLCanvasElement.prototype.getContext = () => null;
    });
    expect(await alertOf(page)).toBe("This browser has no canvas to draw the machine's screen on.");
    await untilSerial(page, "hello, page");
    await page.close();
  });

  test("a browser without popovers opens the menu of keys all the same", async () => {
    const page = await site().open("?kernel=echo", () => {
      Reflect.deleteProperty(HTMLElement.prototype, "togglePopover");
      Reflect.deleteProperty(HTMLElement.prototype, "popover");
    });
    const menu = page.getByRole("group", { name: "Key combinations" });
    const opener = page.getByRole("button", { name: "Keys …" });
    await opener.waitFor();
    expect(await menu.isVisible()).toBe(false);
    await opener.click();
    expect(await menu.isVisible()).toBe(true);
    expect(await opener.getAttribute("aria-expanded")).toBe("true");
    await opener.click();
    expect(await menu.isVisible()).toBe(false);
    await page.close();
  });

  test("a browser without WebAssembly is told so", async () => {
    const page = await site().open("?kernel=echo", () => {
      Reflect.deleteProperty(globalThis, "WebAssembly");
    });
    expect(await alertOf(page)).toMatch(/^This browser has no WebAssembly/);
    await page.close();
  });
}
