// The serial line COM1 as a terminal, with a search in what it has shown.

import { FitAddon } from "@xterm/addon-fit";
import { SearchAddon } from "@xterm/addon-search";
import { Terminal } from "@xterm/xterm";
import { button, element } from "./dom.ts";

const SCROLLBACK_LINES = 10_000;

export class SerialConsole {
  readonly element: HTMLElement;
  readonly #terminal: Terminal;
  readonly #fit = new FitAddon();
  readonly #search = new SearchAddon();
  readonly #parts: Uint8Array[] = [];

  /** `type` gets what is typed, as UTF-8. */
  constructor(type: (bytes: Uint8Array) => void) {
    this.#terminal = new Terminal({
      convertEol: true,
      cursorBlink: true,
      fontSize: 13,
      screenReaderMode: true,
      scrollback: SCROLLBACK_LINES,
      theme: { background: "#10141a", foreground: "#e6e9ee" },
    });
    this.#terminal.loadAddon(this.#fit);
    this.#terminal.loadAddon(this.#search);
    this.#terminal.onData((text) => type(new TextEncoder().encode(text)));
    const wanted = element("input", {
      type: "search",
      placeholder: "Find",
      "aria-label": "Find in the serial console",
    });
    const find = (backwards: boolean): void => {
      if (backwards) this.#search.findPrevious(wanted.value);
      else this.#search.findNext(wanted.value);
    };
    wanted.addEventListener("keydown", (event) => {
      if (event.key === "Enter") find(event.shiftKey);
    });
    const place = element("div", { class: "terminal" });
    this.element = element(
      "section",
      { class: "console", "aria-label": "Serial console" },
      element(
        "div",
        { class: "strip" },
        element("h2", {}, "Serial console"),
        wanted,
        button("↑", "Find the one before", () => find(true)),
        button("↓", "Find the next one", () => find(false)),
      ),
      place,
    );
    new ResizeObserver(() => this.#fitted(place)).observe(place);
  }

  #fitted(place: HTMLElement): void {
    if (place.clientWidth === 0) return;
    if (this.#terminal.element !== undefined) {
      this.#fit.fit();
      return;
    }
    this.#terminal.open(place);
    // Both at once would hold up the page for longer than is not felt.
    requestAnimationFrame(() => this.#fit.fit());
  }

  /** Bytes of the guest; `fresh` ones replace all before. */
  write(bytes: Uint8Array, fresh: boolean): void {
    if (fresh) {
      this.#terminal.reset();
      this.#parts.length = 0;
    }
    this.#parts.push(bytes);
    this.#terminal.write(bytes);
  }

  /** Everything that the guest has sent, as Latin-1 characters. */
  get output(): string {
    return this.#parts
      .map((part) => Array.from(part, (byte) => String.fromCharCode(byte)).join(""))
      .join("");
  }
}
