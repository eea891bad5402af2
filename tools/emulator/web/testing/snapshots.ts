// The machine's state as a file and in the browser: there and back, across a reload, damaged, and without room.

import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { type PageSite, press, serialOf, untilSerial, untilState } from "./page-site.ts";

export function onSnapshots(site: () => PageSite): void {
  test("a snapshot is kept in the browser and brought back, also when the machine is off", async () => {
    const page = await site().open("?kernel=echo");
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
    await page.getByLabel("Bring one back").setInputFiles({
      name: "x",
      mimeType: "",
      buffer: readFileSync(path).subarray(0, 1000),
    });
    await told.filter({ hasText: /damaged|cut|snapshot/ }).waitFor();
    await page.getByLabel("Bring one back").setInputFiles(path);
    await told.filter({ hasText: "as it was" }).waitFor();
    // Another page of the same origin has it, too.
    await page.goto(`${site().url}?kernel=echo&paused`);
    await untilState(page, "paused");
    expect(await serialOf(page)).toBe("");
    await press(page, "Snapshots …");
    await page.getByRole("listbox").selectOption("snapshot");
    await press(page, "Bring back");
    await told.filter({ hasText: "as it was" }).waitFor();
    await page.waitForFunction(() => window.machineView?.console.output === "hello, page\n");
    await press(page, "Delete");
    await told.filter({ hasText: "snapshot is deleted" }).waitFor();
    await press(page, "Delete");
    await told.filter({ hasText: "Choose one" }).waitFor();
    expect(await page.getByRole("listbox").getByRole("option").count()).toBe(0);
    await page.close();
  });

  test("where the browser has no room, or keeps nothing, a sentence says what to do", async () => {
    // An origin of its own: for half a minute the browser takes for granted what room another test has found.
    const url = site().url.replace("127.0.0.1", "localhost");
    const page = await site().browser.open(`${url}?kernel=echo`);
    await untilSerial(page, "hello, page\n");
    const told = page.getByRole("dialog").getByRole("status");
    await press(page, "Snapshots …");
    const session = await page.context().newCDPSession(page);
    const { origin } = new URL(url);
    await session.send("Storage.overrideQuotaForOrigin", { origin, quotaSize: 1 });
    await press(page, "Keep in this browser");
    await told.filter({ hasText: "it has no room for this snapshot" }).waitFor();
    expect(await page.getByRole("listbox").getByRole("option").count()).toBe(0);
    await session.send("Storage.overrideQuotaForOrigin", { origin });
    await page.evaluate(() => {
      indexedDB.open = () => {
        throw new DOMException("no", "SecurityError");
      };
    });
    await press(page, "Keep in this browser");
    await told.filter({ hasText: "pages may not store anything here" }).waitFor();
    await page.evaluate(() => {
      Object.assign(indexedDB, { open: undefined });
    });
    await press(page, "Keep in this browser");
    await told.filter({ hasText: "it has no database for pages" }).waitFor();
    // The file needs no room in the browser.
    const download = page.waitForEvent("download");
    await press(page, "Save to a file");
    expect((await download).suggestedFilename()).toBe("machine.vmstate");
    await page.close();
  });
}
