// The debugging drawer: registers, code around RIP, memory, breakpoints, and the monitor's command line. What it shows
// is the monitor's answers; it asks again whenever the machine comes to stand still.

import type { QuestionName } from "../remote/messages.ts";
import type { Backend } from "./backend.ts";
import { button, element } from "./dom.ts";

const CODE_LINES = 16;
const MEMORY_BYTES = 128;

export class Drawer {
  readonly element: HTMLElement;
  readonly #backend: Backend;
  readonly #registers = output("Registers");
  readonly #code = output("Code at RIP");
  readonly #stack = output("Call stack");
  readonly #memory = output("Memory");
  readonly #breakpoints = output("Breakpoints");
  readonly #monitor = output("Answers of the monitor");
  readonly #address: HTMLInputElement;

  constructor(backend: Backend) {
    this.#backend = backend;
    this.#address = field("Address", "0x100000");
    const place = field("Address or function", "");
    const line = field("Command", "info cpus");
    this.element = element(
      "aside",
      { class: "drawer", "aria-label": "Debugger", hidden: true },
      element("h2", {}, "Registers"),
      this.#registers,
      element("h2", {}, "Code"),
      this.#code,
      element("h2", {}, "Call stack"),
      this.#stack,
      element("h2", {}, "Memory"),
      form(this.#address, "Show", () => void this.#showMemory()),
      this.#memory,
      element("h2", {}, "Breakpoints"),
      form(
        place,
        "Set",
        () => void this.#show(this.#breakpoints, "break", place.value),
        button("Clear", "Remove the breakpoint of that address or function", () => {
          void this.#show(this.#breakpoints, "unbreak", place.value);
        }),
      ),
      this.#breakpoints,
      element("h2", {}, "Monitor"),
      form(line, "Send", () => void this.#show(this.#monitor, "monitor", line.value)),
      this.#monitor,
    );
  }

  get isOpen(): boolean {
    return !this.element.hidden;
  }

  toggle(): void {
    this.element.hidden = !this.element.hidden;
    this.refresh();
  }

  /** Shows the machine as it is now. */
  refresh(): void {
    if (!this.isOpen) return;
    void this.#show(this.#registers, "monitor", "info registers");
    void this.#show(this.#code, "monitor", `x /${CODE_LINES}i $rip`);
    void this.#show(this.#stack, "stack", "");
    void this.#showMemory();
    void this.#show(this.#breakpoints, "break", "");
  }

  #showMemory(): Promise<void> {
    return this.#show(this.#memory, "monitor", `x /${MEMORY_BYTES}xb ${this.#address.value}`);
  }

  async #show(where: HTMLElement, what: QuestionName, text: string): Promise<void> {
    try {
      where.textContent = (await this.#backend.ask(what, text)).text;
    } catch (error) {
      where.textContent = (error as Error).message;
    }
  }
}

/** Text of fixed width that can be scrolled with the keyboard. */
function output(label: string): HTMLElement {
  return element("pre", { tabindex: "0", role: "region", "aria-label": label });
}

function field(label: string, value: string): HTMLInputElement {
  return element("input", { type: "text", "aria-label": label, placeholder: label, value });
}

function form(
  input: HTMLInputElement,
  text: string,
  submit: () => void,
  ...others: Node[]
): HTMLFormElement {
  const made = element("form", {}, input, element("button", { type: "submit" }, text), ...others);
  made.addEventListener("submit", (event) => {
    event.preventDefault();
    submit();
  });
  return made;
}
