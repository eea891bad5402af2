// The serial console: what the guest gets of what is typed and pasted, what is found and copied, and its size.

import { expect, test } from "vitest";
import { type PageSite, press, untilSerial, untilSerialIs } from "./page-site.ts";

export function onConsole(site: () => PageSite): void {
  test("the terminal types into the guest, and takes what is pasted", async () => {
    const page = await site().open("?kernel=answering");
    await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
    await untilSerialIs(page, "ready\n");
    await page.getByRole("textbox", { name: "Terminal input" }).focus();
    await page.keyboard.type("aB1");
    await page.keyboard.press("Enter");
    await page.keyboard.press("Control+c");
    await page.keyboard.press("ArrowUp");
    await untilSerialIs(page, "ready\naB1\r\x03\x1b[A");
    await page.evaluate(() => navigator.clipboard.writeText("ä\nx"));
    await press(page, "Paste");
    await untilSerialIs(page, "ready\naB1\r\x03\x1b[A\xc3\xa4\rx");
    await page.close();
  });

  test("finds what the guest has said, and copies it", async () => {
    const page = await site().open("?kernel=answering");
    await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
    await untilSerialIs(page, "ready\n");
    await page.getByRole("textbox", { name: "Terminal input" }).focus();
    await page.keyboard.type("needle, hay, needle");
    await untilSerial(page, "hay, needle");
    const wanted = page.getByRole("searchbox", { name: "Find in the serial console" });
    const found = page.locator(".found");
    await wanted.fill("needle");
    await found.filter({ hasText: "1 of 2" }).waitFor();
    await press(page, "Find the next one");
    await found.filter({ hasText: "2 of 2" }).waitFor();
    await press(page, "Find the one before");
    await found.filter({ hasText: "1 of 2" }).waitFor();
    await press(page, "Copy");
    await found.filter({ hasText: "copied" }).waitFor();
    expect(await page.evaluate(() => navigator.clipboard.readText())).toBe("needle");
    await wanted.fill("nothing like it");
    await found.filter({ hasText: "0 of 0" }).waitFor();
    await wanted.fill("");
    await page.getByRole("textbox", { name: "Terminal input" }).focus();
    await page.keyboard.press("Control+Shift+C");
    await found.filter({ hasText: "copied" }).waitFor();
    expect((await page.evaluate(() => navigator.clipboard.readText())).trim()).toBe(
      "ready\nneedle, hay, needle",
    );
    await page.close();
  });

  test("has as many columns and rows as there is room for", async () => {
    const page = await site().open("?kernel=answering");
    await untilSerialIs(page, "ready\n");
    const size = () =>
      page.evaluate(() => window.machineView?.console.size ?? { columns: 0, rows: 0 });
    await page.waitForFunction(() => (window.machineView?.console.size.rows ?? 0) > 30);
    const before = await size();
    await page.setViewportSize({ width: 1800, height: 600 });
    await page.waitForFunction(({ columns, rows }) => {
      const now = window.machineView?.console.size;
      return now !== undefined && now.columns > columns && now.rows < rows;
    }, before);
    // Nothing is cut off: as many rows as there are fit.
    const fits = await page.evaluate(() => {
      const [inner, outer] = [".xterm-screen", ".serial"].map((name) =>
        document.querySelector(name)?.getBoundingClientRect(),
      );
      return inner !== undefined && outer !== undefined && inner.bottom <= outer.bottom;
    });
    expect(fits).toBe(true);
    await page.setViewportSize({ width: 1400, height: 900 });
    await page.close();
  });
}
