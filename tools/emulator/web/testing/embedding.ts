// <trihedron-machine> in pages of one's own: with files, with the gallery, from another origin; the example.

import { expect, test } from "vitest";
import { serveStatic } from "../../../testing/static-host.ts";
import type { TrihedronMachine } from "../machine-element.ts";
import type { MachineView } from "../view.ts";
import { alertOf, type PageSite, press, untilSerial } from "./page-site.ts";

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

const GALLERY = JSON.stringify([
  { id: "hello", title: "Hello", description: "", options: { kernel: "echo", memory: "16M" } },
  { id: "answering", title: "Answers", description: "", options: { kernel: "answering" } },
]);

export function onEmbedding(site: () => PageSite): void {
  test("a page of one's own shows a machine as an element", async () => {
    site().files.set(
      "blog.html",
      new TextEncoder().encode(
        `<!doctype html><html lang="en"><title>Blog</title><h1>My kernel</h1>
         <script type="module" src="machine-element.js"></script>
         <trihedron-machine kernel="echo" modules="picture a b, echo" memory="16M"></trihedron-machine>
         <trihedron-machine kernel="broken"></trihedron-machine></html>`,
      ),
    );
    const page = await site().open("blog.html");
    await page.waitForFunction(() => {
      const machine = document.querySelector("trihedron-machine") as { view?: MachineView } | null;
      return machine?.view?.console.output === "hello, page\n";
    });
    const alert = page.getByRole("alert").filter({ hasText: "kernel broken" });
    await alert.waitFor();
    expect(await page.title()).toBe("Blog");
    await page.close();
  });
  test("the page works in any folder of a host, and each entry of the gallery is a link", async () => {
    const files = [...site().files, ["gallery.json", bytesOf(GALLERY)] as const];
    const host = await serveStatic(new Map(files.map(([name, bytes]) => [`a/b/${name}`, bytes])));
    const page = await site().browser.open(`${host.url}a/b/index.html`);
    await page.getByRole("heading", { level: 1, name: "Hello" }).waitFor();
    await untilSerial(page, "hello, page\n");
    await press(page, "Gallery …");
    await page.getByRole("link", { name: "Answers" }).click();
    await page.getByRole("heading", { level: 1, name: "Answers" }).waitFor();
    expect(page.url()).toBe(`${host.url}a/b/index.html?guest=answering`);
    await untilSerial(page, "ready\n");
    await page.goBack();
    await page.getByRole("heading", { level: 1, name: "Hello" }).waitFor();
    await page.close();
    await host.close();
  });

  test("a gallery that is damaged is told in a sentence, and does not stop files of one's own", async () => {
    const files = new Map([...site().files, ["gallery.json", bytesOf("[{")]] as const);
    const host = await serveStatic(files);
    const page = await site().browser.open(host.url);
    expect(await alertOf(page)).toMatch(/^gallery\.json: /);
    await page.goto(`${host.url}?kernel=echo`);
    await untilSerial(page, "hello, page\n");
    await page.close();
    await host.close();
  });

  test("the example shows the gallery's first entry, hears it, and pauses it", async () => {
    const host = await serveStatic(new Map([...site().files, ["gallery.json", bytesOf(GALLERY)]]));
    const page = await site().browser.open(`${host.url}example.html`);
    await page.getByRole("heading", { level: 1, name: "Hello" }).waitFor();
    const state = page.locator("#state");
    await state.filter({ hasText: "running" }).waitFor();
    await page.getByRole("button", { name: "Pause it from here" }).click();
    await state.filter({ hasText: "paused" }).waitFor();
    await page.close();
    await host.close();
  });

  test("a script of another host brings machine and files along; texts go to the guest and back", async () => {
    const gallery = new Map([...site().files, ["gallery.json", bytesOf(GALLERY)]] as const);
    const library = await serveStatic(gallery, { "Access-Control-Allow-Origin": "*" });
    const script = new URL("machine-element.js", library.url.replace("127.0.0.1", "localhost"));
    const blog = `<!doctype html><html lang="en"><title>Blog</title>
      <script type="module" src="${script}"></script>
      <trihedron-machine guest="answering"></trihedron-machine></html>`;
    const host = await serveStatic(new Map([["index.html", bytesOf(blog)]]));
    const page = await site().browser.open(host.url);
    await page.waitForFunction(() => {
      const machine = document.querySelector<TrihedronMachine>("trihedron-machine");
      return machine?.view?.console.output === "ready\n";
    });
    const said = await page.evaluate(async () => {
      const machine = document.querySelector<TrihedronMachine>("trihedron-machine");
      let heard = "";
      await new Promise<void>((resolve) => {
        machine?.addEventListener("machine-serial", ({ detail }) => {
          heard += detail;
          if (heard.length >= 5) resolve();
        });
        machine?.send("hello");
      });
      return heard;
    });
    expect(said).toBe("hello");
    await page.close();
    await host.close();
    await library.close();
  });
}
