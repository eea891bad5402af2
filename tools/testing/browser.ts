// A real browser for tests of pages: Chromium, where it is installed.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type BrowserContext, chromium, type Page } from "playwright-core";
import { hasTool } from "./host-tools.ts";

/** Where Debian and others install it. */
const CHROMIUM = "/usr/bin/chromium";
/** No sandbox, which needs rights that containers lack; nothing that asks other hosts. */
const ARGUMENTS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** Names of this host. */
const HERE: readonly string[] = ["127.0.0.1", "localhost"];

export const hasChromium = hasTool(CHROMIUM);

/** A browser with a profile of its own, and what its pages complained of. */
export class TestBrowser {
  readonly #context: BrowserContext;
  readonly #profile: string;
  /** Errors that no script has caught, and requests to other hosts than this one. */
  readonly complaints: string[] = [];

  private constructor(context: BrowserContext, profile: string) {
    this.#context = context;
    this.#profile = profile;
  }

  static async start(): Promise<TestBrowser> {
    const profile = mkdtempSync(join(tmpdir(), "chromium-test-"));
    const context = await chromium.launchPersistentContext(profile, {
      executablePath: CHROMIUM,
      args: ARGUMENTS,
      viewport: { width: 1400, height: 900 },
    });
    return new TestBrowser(context, profile);
  }

  /** A page at an address; `before` runs in it before its own scripts. */
  async open(url: string, before?: () => void): Promise<Page> {
    const page = await this.#context.newPage();
    if (before !== undefined) await page.addInitScript(before);
    page.on("pageerror", (error) => {
      this.complaints.push(String(error));
      // Nobody shall wait for what a page does not do any more.
      void page.close();
    });
    page.on("request", (request) => {
      const { hostname, protocol } = new URL(request.url());
      if (protocol !== "data:" && protocol !== "blob:" && !HERE.includes(hostname)) {
        this.complaints.push(`request to ${hostname}`);
      }
    });
    await page.goto(url);
    return page;
  }

  async close(): Promise<void> {
    await this.#context.close();
    rmSync(this.#profile, { recursive: true, force: true });
  }
}
