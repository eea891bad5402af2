// Fingers, keys on the screen, the device's own keyboard, the mouse: what of them reaches the guest.

import type { CDPSession, Page } from "playwright-core";
import { expect, test } from "vitest";
import {
  type PageSite,
  press,
  serialOf,
  untilSerial,
  untilSerialIs,
  untilState,
} from "./page-site.ts";

const HELLO = "hello, page\n";
/** Scan codes of set 1: going down, and up. */
const A = "\x1e\x9e";
const CTRL = ["\x1d", "\x9d"] as const;
const SHIFT = ["\x2a", "\xaa"] as const;

const key = (page: Page, name: string) =>
  page
    .getByRole("group", { name: "On-screen keyboard" })
    .getByRole("button", { name, exact: true });

/** Fingers on the screen of the machine: each call says where all of them are, in CSS pixels from its middle. */
async function fingersOn(page: Page, session: CDPSession) {
  const box = await page.getByRole("application").boundingBox();
  if (box === null) throw new Error("no screen");
  const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
  return async (type: "Start" | "Move" | "End", ...at: (readonly [number, number])[]) => {
    const touchPoints = at.map(([dx, dy], id) => ({ x: x + dx, y: y + dy, id }));
    await session.send("Input.dispatchTouchEvent", { type: `touch${type}`, touchPoints });
  };
}

/** What a mouse has sent: movement to the right and upwards, wheel, buttons, all together and the buttons in order. */
function pointerOf(serial: string) {
  const bytes = Array.from(serial.slice(serial.indexOf("\n") + 1), (c) => c.charCodeAt(0));
  const sum = { dx: 0, dy: 0, dz: 0, buttons: [] as number[] };
  for (let at = 0; at + 4 <= bytes.length; at += 4) {
    const [flags = 0, x = 0, y = 0, z = 0] = bytes.slice(at, at + 4);
    sum.dx += flags & 0x10 ? x - 256 : x;
    sum.dy += flags & 0x20 ? y - 256 : y;
    sum.dz -= (z << 24) >> 24;
    if (sum.buttons.at(-1) !== (flags & 7)) sum.buttons.push(flags & 7);
  }
  return sum;
}

async function untilPointer(
  page: Page,
  is: (sum: ReturnType<typeof pointerOf>) => boolean,
): Promise<ReturnType<typeof pointerOf>> {
  for (;;) {
    const serial = await serialOf(page);
    const sum = pointerOf(serial);
    if (is(sum)) return sum;
    await page.waitForFunction(
      (n) => (window.machineView?.console.output.length ?? 0) > n,
      serial.length,
    );
  }
}

export function onInput(site: () => PageSite): void {
  test("keys on the screen: modifiers latch for a key, or until they are let go", async () => {
    const page = await site().open("?kernel=echo");
    await untilSerial(page, HELLO);
    await press(page, "Keyboard");
    await key(page, "a").click();
    await key(page, "Ctrl").click();
    await key(page, "a").click();
    await key(page, "a").click();
    let want = `${A}${CTRL[0]}${A}${CTRL[1]}${A}`;
    await untilSerialIs(page, HELLO + want);
    await key(page, "Shift").click();
    await key(page, "Shift").click();
    await key(page, "A").click();
    await key(page, "A").click();
    await key(page, "Shift, locked").click();
    want += `${SHIFT[0]}${A}${A}${SHIFT[1]}`;
    await untilSerialIs(page, HELLO + want);
    await key(page, "Fn").click();
    await key(page, "F12").click();
    await key(page, "Ctrl Alt Del").click();
    await key(page, "Up").click();
    await key(page, "Symbols").click();
    await key(page, "{").click();
    want += "\x58\xd8\x1d\x38\xe0\x53\xe0\xd3\xb8\x9d\xe0\x48\xe0\xc8\x2a\x1a\x9a\xaa";
    await untilSerialIs(page, HELLO + want);
    // Without a pointer: by Tab and arrows, and by a latched modifier with a real key.
    await key(page, "Ctrl").click();
    await page.getByRole("application").focus();
    await page.keyboard.press("Enter");
    await page.keyboard.press("a");
    await key(page, "Esc").focus();
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("Enter");
    want += `${CTRL[0]}${A}${CTRL[1]}\x0f\x8f`;
    await untilSerialIs(page, HELLO + want);
    await page.close();
  });

  test("a key on the screen repeats while it is held, and goes up with the button", async () => {
    const page = await site().open("?kernel=echo");
    await untilSerial(page, HELLO);
    await press(page, "Keyboard");
    await key(page, "a").hover();
    await page.mouse.down();
    await untilSerial(page, "\x1e\x1e\x1e");
    await page.mouse.up();
    await untilSerial(page, "\x1e\x9e");
    const codes = (await serialOf(page)).slice(HELLO.length);
    expect(codes).toBe(`${"\x1e".repeat(codes.length - 1)}\x9e`);
    await page.close();
  });

  test("the device's own keyboard types text, also by an input method", async () => {
    const page = await site().open("?kernel=echo");
    const session = await page.context().newCDPSession(page);
    await untilSerial(page, HELLO);
    await press(page, "Keyboard");
    await key(page, "This device's own keyboard").click();
    expect(await key(page, "Space").isVisible()).toBe(false);
    await session.send("Input.insertText", { text: "aA" });
    let want = `${A}${SHIFT[0]}${A}${SHIFT[1]}`;
    await untilSerialIs(page, HELLO + want);
    // Composed and then changed: what was typed is deleted again.
    await session.send("Input.imeSetComposition", {
      text: "ab",
      selectionStart: 2,
      selectionEnd: 2,
    });
    await session.send("Input.imeSetComposition", {
      text: "aa",
      selectionStart: 2,
      selectionEnd: 2,
    });
    await session.send("Input.insertText", { text: "aa" });
    want += `${A}\x30\xb0\x0e\x8e${A}`;
    await untilSerialIs(page, HELLO + want);
    await page.keyboard.press("Enter");
    await page.keyboard.press("Backspace");
    await key(page, "Ctrl").click();
    await session.send("Input.insertText", { text: "a" });
    want += `\x1c\x9c\x0e\x8e${CTRL[0]}${A}${CTRL[1]}`;
    await untilSerialIs(page, HELLO + want);
    await session.send("Input.insertText", { text: "ü" });
    await page.getByText("A US keyboard has no keys for ü").waitFor();
    await key(page, "This device's own keyboard").click();
    await key(page, "Space").click();
    await untilSerialIs(page, `${HELLO}${want}\x39\xb9`);
    await page.close();
  });

  test("fingers: a stroke moves, a tap clicks, a long press is the right button, two scroll", async () => {
    const page = await site().open("?kernel=pointer");
    const session = await page.context().newCDPSession(page);
    await session.send("Emulation.setTouchEmulationEnabled", { enabled: true, maxTouchPoints: 5 });
    await session.send("Emulation.setDeviceMetricsOverride", {
      ...{ width: 390, height: 844, deviceScaleFactor: 2, mobile: true },
    });
    await page.reload();
    await untilSerial(page, "ready\n");
    expect(await key(page, "Space").isVisible()).toBe(true);
    const fingers = await fingersOn(page, session);
    // Without waiting in between: what lasts is a long press.
    await Promise.all([
      fingers("Start", [0, 0]),
      fingers("Move", [20, 10]),
      fingers("Move", [40, 30]),
      fingers("End"),
    ]);
    const moved = await untilPointer(page, ({ dx, dy }) => dx >= 80 && dy <= -60);
    expect(moved).toEqual({ dx: 80, dy: -60, dz: 0, buttons: [0] });
    await Promise.all([fingers("Start", [0, 0]), fingers("End")]);
    const tapped = await untilPointer(page, ({ buttons }) => buttons.length === 3);
    expect(tapped.buttons).toEqual([0, 1, 0]);
    expect(tapped).toMatchObject({ dx: moved.dx, dy: moved.dy });
    await fingers("Start", [0, 0], [30, 0]);
    await fingers("Move", [0, -80], [30, -80]);
    await fingers("End");
    await untilPointer(page, ({ dz }) => dz === -3);
    await fingers("Start", [0, 0]);
    await untilPointer(page, ({ buttons }) => buttons.at(-1) === 2);
    await fingers("End");
    const end = await untilPointer(page, ({ buttons }) => buttons.length === 5);
    expect(end.buttons).toEqual([0, 1, 0, 2, 0]);
    await page.close();
  });

  test("keys typed on the screen arrive as scan codes, and Ctrl+Alt+G takes them back", async () => {
    const page = await site().open("?kernel=echo");
    await untilSerial(page, "hello, page\n");
    const screen = page.getByRole("application", { name: "Screen of the machine" });
    await screen.focus();
    await page.keyboard.press("a");
    await page.keyboard.press("Enter");
    await page.keyboard.press("a");
    await page.keyboard.press("ArrowUp");
    await untilSerial(page, "\xe0\x48\xe0\xc8");
    await press(page, "Keys …");
    await press(page, "Ctrl+Alt+Del");
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

  test("combinations that browsers keep are buttons", async () => {
    const page = await site().open("?kernel=echo");
    await untilSerial(page, HELLO);
    await press(page, "Keys …");
    let want = HELLO;
    for (const [name, codes] of [
      ["Ctrl+Alt+Del", "\x1d\x38\xe0\x53\xe0\xd3\xb8\x9d"],
      ["Ctrl+W", "\x1d\x11\x91\x9d"],
      ["Alt+F4", "\x38\x3e\xbe\xb8"],
      ["Ctrl+Alt+F1", "\x1d\x38\x3b\xbb\xb8\x9d"],
      ["Super", "\xe0\x5b\xe0\xdb"],
    ] as const) {
      await press(page, name);
      want += codes;
      await untilSerialIs(page, want);
    }
    // From the keyboard: the first one has the focus, Escape closes the menu and types nothing.
    await page.keyboard.press("Escape");
    const first = page.getByRole("button", { name: "Ctrl+Alt+Del", exact: true });
    await first.waitFor({ state: "hidden" });
    await page.getByRole("button", { name: "Keys …", exact: true }).press("Enter");
    await first.waitFor();
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await untilSerialIs(page, `${want}\x1d\x11\x91\x9d`);
    await page.close();
  });

  test("the mouse is caught by a click, moves the guest's, and is given back by Ctrl+Alt+G", async () => {
    const page = await site().open("?kernel=pointer");
    await untilSerial(page, "ready\n");
    const isCaught = (): Promise<boolean> =>
      page.evaluate(() => document.pointerLockElement !== null);
    const screen = page.getByRole("application");
    await screen.click();
    expect(await isCaught()).toBe(false);
    await press(page, "Mouse");
    await screen.click();
    await page.waitForFunction(() => document.pointerLockElement !== null);
    await page.getByText("Keys and mouse go to the machine.").waitFor();
    const box = await screen.boundingBox();
    if (box === null) throw new Error("no screen");
    const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
    const start = pointerOf(await serialOf(page));
    await page.mouse.move(x + 30, y);
    await page.mouse.move(x + 30, y + 20);
    await page.mouse.down();
    await page.mouse.up();
    await page.mouse.wheel(0, 200);
    const end = await untilPointer(page, ({ dz }) => dz === start.dz - 2);
    expect(end.dx - start.dx).toBeGreaterThanOrEqual(30);
    expect(end.dy - start.dy).toBeLessThanOrEqual(-20);
    expect(end.buttons.slice(-2)).toEqual([1, 0]);
    await page.keyboard.press("Control+Alt+g");
    await page.waitForFunction(() => document.pointerLockElement === null);
    await page.getByText("Click the screen, or press Enter on it").waitFor();
    await press(page, "Mouse");
    await screen.click();
    expect(await isCaught()).toBe(false);
    await page.close();
  });

  test("in full screen the picture is as large as there is room for, and all keys are asked for", async () => {
    const page = await site().open("?kernel=echo");
    await untilSerial(page, HELLO);
    await page.evaluate(() => {
      const { keyboard } = navigator as Navigator & { keyboard?: { lock(): Promise<void> } };
      if (keyboard === undefined) throw new Error("this browser has no keyboard lock");
      keyboard.lock = () => {
        document.body.dataset.locked = "yes";
        return Promise.resolve();
      };
    });
    const width = (): Promise<number> =>
      page.evaluate(() => document.querySelector("canvas")?.getBoundingClientRect().width ?? 0);
    const before = await width();
    await page.setViewportSize({ width: 1600, height: 900 });
    await press(page, "Full screen");
    await page.waitForFunction(() => document.fullscreenElement?.className === "stage");
    await page.waitForFunction(
      (small) => (document.querySelector("canvas")?.getBoundingClientRect().width ?? 0) > small,
      before,
    );
    expect(await width()).toBe(1440);
    expect(await page.evaluate(() => document.body.dataset.locked)).toBe("yes");
    await page.keyboard.press("a");
    await untilSerialIs(page, HELLO + A);
    await page.evaluate(() => document.exitFullscreen());
    await page.waitForFunction(
      (small) => document.querySelector("canvas")?.getBoundingClientRect().width === small,
      before,
    );
    await page.setViewportSize({ width: 1400, height: 900 });
    await page.close();
  });
}
