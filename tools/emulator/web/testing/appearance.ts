// How the page looks and is reached: themes, contrast, names and roles (axe-core), the keyboard alone, motion.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { type PageSite, press, untilSerial } from "./page-site.ts";

const HELLO = "hello, page\n";
const axePath = createRequire(import.meta.url).resolve("axe-core/axe.min.js");

/** What axe-core complains of. */
async function violationsOf(page: Page): Promise<unknown> {
  const loaded = await page.evaluate(() => "axe" in window);
  if (!loaded) await page.evaluate(readFileSync(axePath, "utf8"));
  return page.evaluate(async () => {
    const { axe } = window as unknown as { axe: typeof import("axe-core") };
    const { violations } = await axe.run();
    return violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)]);
  });
}

const backOf = (page: Page): Promise<string> =>
  page.evaluate(
    () => getComputedStyle(document.getElementById("machine") as Element).backgroundColor,
  );

const GALLERY = [
  { id: "own", title: "Own", description: "Files of one's own.", options: {} },
  { id: "echo", title: "Echo", description: "Says what is typed.", options: { kernel: "echo" } },
];

export function onAppearance(site: () => PageSite): void {
  test.each(["light", "dark"] as const)("axe finds nothing to complain of: %s", async (theme) => {
    site().files.set("gallery.json", new TextEncoder().encode(JSON.stringify(GALLERY)));
    const page = await site().open("?guest=echo");
    await page.getByRole("combobox", { name: "Theme" }).selectOption(theme);
    await untilSerial(page, HELLO);
    expect(await page.getByRole("heading", { level: 1 }).textContent()).toBe("Echo");
    await press(page, "Debug");
    await press(page, "Pause");
    await page.getByRole("region", { name: "Registers" }).filter({ hasText: /./ }).waitFor();
    await press(page, "Keyboard");
    await press(page, "Keys …");
    expect(await violationsOf(page)).toEqual([]);
    await page.keyboard.press("Escape");
    for (const [opens, closes] of [
      ["Gallery …", "Close"],
      ["Snapshots …", "Close"],
      ["Boot …", "Cancel"],
    ] as const) {
      await press(page, opens);
      expect(await violationsOf(page), opens).toEqual([]);
      await press(page, closes);
    }
    await page.goto(`${site().url}?kernel=absent`);
    await page.getByRole("alert").filter({ hasText: /./ }).waitFor();
    expect(await violationsOf(page)).toEqual([]);
    site().files.delete("gallery.json");
    await page.close();
  });

  test("a theme that is chosen is kept; auto follows the browser", async () => {
    const page = await site().open("?kernel=echo");
    const theme = page.getByRole("combobox", { name: "Theme" });
    await theme.selectOption("auto");
    await page.emulateMedia({ colorScheme: "light" });
    const light = await backOf(page);
    await page.emulateMedia({ colorScheme: "dark" });
    const dark = await backOf(page);
    expect(dark).not.toBe(light);
    await theme.selectOption("light");
    expect(await backOf(page)).toBe(light);
    await page.reload();
    expect(await theme.inputValue()).toBe("light");
    expect(await backOf(page)).toBe(light);
    await theme.selectOption("auto");
    expect(await backOf(page)).toBe(dark);
    await page.close();
  });

  test("Tab reaches everything and is caught nowhere; what has the focus is seen", async () => {
    const page = await site().open("?kernel=echo");
    await untilSerial(page, HELLO);
    await press(page, "Debug");
    const reached = new Set<string>();
    const focused = (): Promise<string> =>
      page.evaluate(() => {
        const { activeElement } = document;
        if (activeElement === null || activeElement === document.body) return "";
        const { outlineStyle } = getComputedStyle(activeElement);
        if (outlineStyle === "none" && activeElement.tagName !== "TEXTAREA") return "unseen";
        return activeElement.textContent || (activeElement.getAttribute("aria-label") ?? "input");
      });
    // From the beginning.
    await page.getByRole("heading", { level: 1 }).click();
    for (let i = 0; i < 60; i++) {
      await page.keyboard.press("Tab");
      const name = await focused();
      expect(name).not.toBe("unseen");
      // The terminal takes Tab, and says how it is left.
      if (name === "Terminal input") {
        await page.keyboard.press("Control+Alt+g");
        expect(await focused()).toBe("Find in the serial console");
        await page.getByRole("textbox", { name: "Address", exact: true }).focus();
      }
      reached.add(await focused());
      if (name === "autolightdark") break;
    }
    const wanted = [
      "Pause",
      "Reset",
      "Power",
      "Debug",
      "Boot …",
      "Keyboard",
      "Mouse",
      "Full screen",
    ];
    wanted.push("Screen of the machine", "Copy", "Paste", "Show", "Set", "Send", "autolightdark");
    expect(wanted.filter((name) => !reached.has(name))).toEqual([]);
    await page.close();
  });

  test("who wants no motion gets none", async () => {
    const page = await site().open("?kernel=echo");
    await page.emulateMedia({ reducedMotion: "reduce" });
    await page.reload();
    await untilSerial(page, HELLO);
    await page.getByRole("textbox", { name: "Terminal input" }).focus();
    expect(
      await page.evaluate(
        () =>
          document.getAnimations().filter((animation) => animation.playState === "running").length,
      ),
    ).toBe(0);
    await page.close();
  });

  test("what a browser gives no page is missed in a sentence", async () => {
    const page = await site().open("?kernel=echo", () => {
      Object.defineProperty(navigator, "clipboard", { value: undefined });
      Object.assign(Element.prototype, {
        requestFullscreen: undefined,
        requestPointerLock: undefined,
      });
    });
    await untilSerial(page, HELLO);
    for (const name of ["Copy", "Paste"]) {
      await press(page, name);
      await page.getByText("The browser refuses: the clipboard is for pages of https").waitFor();
    }
    await press(page, "Full screen");
    await page.getByText("This browser shows no part of a page in full screen.").waitFor();
    await press(page, "Mouse");
    await page.getByRole("application").click();
    await page.getByText("This browser gives no page the mouse.").waitFor();
    await page.close();
  });
}
