// The bar and the drawer: run, pause, step and reset; registers, code, memory, breakpoints, the kernel's source.

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { makeSystem } from "../../../../roottask/testing/boot.ts";
import { ax, eax, edi, word } from "../../../asm/index.ts";
import { guest } from "../../platform/testdata/guest.ts";
import {
  instructions,
  type PageSite,
  press,
  serialOf,
  show,
  untilSerial,
  untilState,
} from "./page-site.ts";

const kernelFile = fileURLToPath(new URL("../../../../build/kernel.elf32", import.meta.url));

/** The first character's place is a blank of one colour after the other. */
const counting = guest((a) => {
  a.mov(edi, 0xb8000).mov(eax, 0x20);
  a.label("next");
  a.add(eax, 0x100).mov(word(edi), ax).jmp("next");
});

export function onDebugging(site: () => PageSite): void {
  test("pause, step, run and reset", async () => {
    const page = await site().open("?kernel=echo&paused");
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

  test("a breakpoint by the name of a function stops there", async () => {
    const page = await site().open("?kernel=echo&paused");
    await untilState(page, "paused");
    await page.getByRole("button", { name: "Debug" }).click();
    await page.getByRole("textbox", { name: "Address or function" }).fill("putc");
    await page.getByRole("button", { name: "Set", exact: true }).click();
    const list = page.getByRole("region", { name: "Breakpoints" });
    await list.filter({ hasText: "putc" }).waitFor();
    await page.getByRole("button", { name: "Run", exact: true }).click();
    await page.waitForFunction(() => window.machineView?.status?.state === "paused");
    expect(await serialOf(page)).toBe("");
    await page.close();
  });

  test("the kernel's source line, memory as numbers, and what the monitor says", async () => {
    makeSystem();
    site().files.set("kernel.elf32", readFileSync(kernelFile));
    const page = await site().open("?kernel=kernel.elf32&paused&memory=64M");
    await untilState(page, "paused");
    await press(page, "Debug");
    await page.getByRole("textbox", { name: "Address or function" }).fill("kernel/acpi/parseAcpi");
    await press(page, "Set");
    await page
      .getByRole("region", { name: "Breakpoints" })
      .filter({ hasText: "parseAcpi" })
      .waitFor();
    await press(page, "Run");
    const stack = page.getByRole("region", { name: "Call stack" });
    await stack
      .filter({ hasText: /#0 +0x[0-9a-f]+ kernel\/acpi\/parseAcpi.*kernel\/acpi\.ts:\d+/ })
      .waitFor();
    await press(page, "Clear");
    await page.getByRole("textbox", { name: "Address", exact: true }).fill("$rip");
    await press(page, "Show");
    const memory = page.getByRole("region", { name: "Memory" });
    await memory.filter({ hasText: /^[0-9a-f]{16}: 0x[0-9a-f]{2} 0x/ }).waitFor();
    await page.getByRole("textbox", { name: "Command" }).fill("info status");
    await press(page, "Send");
    await page
      .getByRole("region", { name: "Answers of the monitor" })
      .filter({ hasText: "VM status: paused" })
      .waitFor();
    await page.getByRole("textbox", { name: "Command" }).fill("nonsense <b>");
    await press(page, "Send");
    await page
      .getByRole("region", { name: "Answers of the monitor" })
      .filter({ hasText: /unknown command/ })
      .waitFor();
    await page.getByRole("textbox", { name: "Address or function" }).fill("nobody");
    await press(page, "Set");
    await page
      .getByRole("region", { name: "Breakpoints" })
      .filter({ hasText: "nobody: expected an address" })
      .waitFor();
    await page.close();
  });

  test("a tab that nobody sees gets no pictures until somebody does", async () => {
    site().files.set("counting", counting);
    const page = await site().open("?kernel=counting&memory=16M");
    const corner = (): Promise<string> =>
      page.evaluate(() => window.machineView?.screen.picture().subarray(0, 3).join() ?? "");
    const passed = async (): Promise<void> => {
      const before = await instructions(page);
      await page.waitForFunction(
        (n) => (window.machineView?.status?.instructions ?? 0) > n,
        before,
      );
    };
    await page.waitForFunction(() => window.machineView?.screen.picture()[0] === 168);
    await show(page, false);
    // What was on its way has come when the second status has.
    await passed();
    await passed();
    const before = await corner();
    await passed();
    expect(await corner()).toBe(before);
    await show(page, true);
    await page.waitForFunction(
      (text) => window.machineView?.screen.picture().subarray(0, 3).join() !== text,
      before,
    );
    await page.close();
  });

  test("a hidden tab keeps running, or pauses by choice; one that a person has stopped stays so", async () => {
    const page = await site().open("?kernel=echo");
    await untilSerial(page, "hello, page\n");
    const hide = (hidden: boolean): Promise<void> => show(page, !hidden);
    const passes = async (): Promise<void> => {
      const before = await instructions(page);
      await page.waitForFunction(
        (n) => (window.machineView?.status?.instructions ?? 0) > n,
        before,
      );
    };
    await hide(true);
    await passes();
    await hide(false);
    await page.getByRole("checkbox", { name: "Pause while hidden" }).check();
    await hide(true);
    await untilState(page, "paused");
    await hide(false);
    await untilState(page, "running");
    await press(page, "Pause");
    await untilState(page, "paused");
    await hide(true);
    await hide(false);
    await press(page, "Step");
    await untilState(page, "paused");
    await page.reload();
    expect(await page.getByRole("checkbox", { name: "Pause while hidden" }).isChecked()).toBe(true);
    await page.goto(`${site().url}?kernel=echo&hidden=run`);
    expect(await page.getByRole("checkbox", { name: "Pause while hidden" }).isChecked()).toBe(
      false,
    );
    await page.getByRole("checkbox", { name: "Pause while hidden" }).check();
    await page.getByRole("checkbox", { name: "Pause while hidden" }).uncheck();
    await page.close();
  });
}
