// The serial line COM1 as a terminal, with a search in what it has shown, and the clipboard.

import { FitAddon } from "@xterm/addon-fit";
import { type ISearchOptions, SearchAddon } from "@xterm/addon-search";
import { Terminal } from "@xterm/xterm";
import { element, signButton } from "./dom.ts";

const SCROLLBACK_LINES = 10_000;
const HINT = "Ctrl+Alt+G leaves the terminal.";

/** All that is found is marked, the one that is shown more so. */
const FINDING: ISearchOptions = {
  decorations: {
    matchBackground: "#4d3b00",
    matchOverviewRuler: "#d29922",
    activeMatchBackground: "#9e6a03",
    activeMatchColorOverviewRuler: "#f2cc60",
  },
};

/** A character for each byte. */
export const latin1 = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");

export class SerialConsole {
  readonly element: HTMLElement;
  readonly #terminal: Terminal;
  readonly #fit = new FitAddon();
  readonly #search = new SearchAddon();
  readonly #parts: Uint8Array[] = [];
  readonly #found = element("span", { class: "found", "aria-live": "polite" });
  readonly #wanted = element("input", {
    type: "search",
    placeholder: "Find",
    "aria-label": "Find in the serial console",
  });

  /** `type` gets what is typed. */
  constructor(type: (text: string) => void) {
    this.#terminal = new Terminal({
      allowProposedApi: true,
      convertEol: true,
      cursorBlink: !matchMedia("(prefers-reduced-motion: reduce)").matches,
      fontSize: 13,
      screenReaderMode: true,
      scrollback: SCROLLBACK_LINES,
      theme: { background: "#0b0e14", foreground: "#e6edf3" },
    });
    this.#terminal.loadAddon(this.#fit);
    this.#terminal.loadAddon(this.#search);
    this.#terminal.onData(type);
    this.#terminal.attachCustomKeyEventHandler((event) => !this.#isOurs(event));
    this.#search.onDidChangeResults(({ resultIndex, resultCount }) => {
      this.#found.textContent =
        this.#wanted.value === "" ? "" : `${resultIndex + 1} of ${resultCount}`;
    });
    this.#wanted.addEventListener("input", () => {
      if (this.#wanted.value === "") this.#search.clearDecorations();
      this.#search.findNext(this.#wanted.value, { ...FINDING, incremental: true });
      if (this.#wanted.value === "") this.#found.textContent = "";
    });
    this.#wanted.addEventListener("keydown", (event) => {
      if (event.key === "Enter") this.#find(event.shiftKey);
    });
    const inner = element("div");
    const place = element("div", { class: "serial" }, inner);
    this.element = element(
      "section",
      { class: "console", "aria-label": "Serial console" },
      element(
        "div",
        { class: "strip" },
        element("h2", { title: HINT }, "Serial console"),
        this.#found,
        this.#wanted,
        signButton("up", "Find the one before", "Find the one before", () => this.#find(true)),
        signButton("down", "Find the next one", "Find the next one", () => this.#find(false)),
        signButton("copy", "Copy", "Copy what is selected, or everything (Ctrl+Shift+C)", () =>
          this.#try(() => this.#copy()),
        ),
        signButton("paste", "Paste", "Type what is in the clipboard (Ctrl+Shift+V)", () =>
          this.#try(() => this.#paste()),
        ),
      ),
      place,
    );
    new ResizeObserver(() => this.#fitted(inner)).observe(place);
  }

  #find(backwards: boolean): void {
    if (backwards) this.#search.findPrevious(this.#wanted.value, FINDING);
    else this.#search.findNext(this.#wanted.value, FINDING);
  }

  /** Keys that are the page's: the clipboard's, and those that leave the terminal, which takes Tab, too. */
  #isOurs(event: KeyboardEvent): boolean {
    if (!event.ctrlKey) return false;
    const leaves = event.altKey && event.code === "KeyG";
    const copies = event.shiftKey && event.code === "KeyC";
    const pastes = event.shiftKey && event.code === "KeyV";
    if (event.type === "keydown") {
      if (leaves) this.#wanted.focus();
      if (copies) this.#try(() => this.#copy());
      if (leaves || copies) event.preventDefault();
    }
    // The browser pastes by itself.
    return leaves || copies || pastes;
  }

  #try(act: () => Promise<string>): void {
    act().then(
      (told) => {
        this.#found.textContent = told;
      },
      (error: Error) => {
        this.#found.textContent = `The browser refuses: ${error.message}`;
      },
    );
  }

  /** Throws `Error` where browsers have none for a page: on hosts without https, but for this computer itself. */
  get #clipboard(): Clipboard {
    const { clipboard } = navigator as { clipboard?: Clipboard };
    if (clipboard === undefined) throw new Error("the clipboard is for pages of https alone.");
    return clipboard;
  }

  /** What is selected, or else everything that the terminal has. */
  async #copy(): Promise<string> {
    const clipboard = this.#clipboard;
    const hadSelection = this.#terminal.hasSelection();
    if (!hadSelection) this.#terminal.selectAll();
    const text = this.#terminal.getSelection();
    if (!hadSelection) this.#terminal.clearSelection();
    await clipboard.writeText(text);
    return "copied";
  }

  async #paste(): Promise<string> {
    this.#terminal.paste(await this.#clipboard.readText());
    this.#terminal.focus();
    return "";
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

  /** Columns and rows that there is room for. */
  get size(): { columns: number; rows: number } {
    return { columns: this.#terminal.cols, rows: this.#terminal.rows };
  }

  /** Everything that the guest has sent, as Latin-1 characters. */
  get output(): string {
    return this.#parts.map(latin1).join("");
  }
}
