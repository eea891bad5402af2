// All that a page has of one machine: its screen and serial console, the bar that runs it, the status line, the
// debugging drawer.

import type { InputEvent } from "../input.ts";
import type { CommandName, FromMachine } from "../remote/messages.ts";
import { Backend, type Connection } from "./backend.ts";
import { SerialConsole } from "./console.ts";
import { button, element } from "./dom.ts";
import { Drawer } from "./drawer.ts";
import { Screen } from "./screen.ts";
import { SnapshotDialog } from "./snapshot-dialog.ts";
import { Typist } from "./typist.ts";

type Status = Extract<FromMachine, { kind: "status" }>;

/** Combinations that browsers and desktops keep for themselves, by QEMU's names of the keys. */
const COMBINATIONS: readonly (readonly [label: string, keys: readonly string[]])[] = [
  ["Ctrl+Alt+Del", ["ctrl", "alt", "delete"]],
  ["Ctrl+Alt+F1", ["ctrl", "alt", "f1"]],
  ["Ctrl+Alt+F2", ["ctrl", "alt", "f2"]],
  ["Alt+Tab", ["alt", "tab"]],
  ["Ctrl+W", ["ctrl", "w"]],
  ["F11", ["f11"]],
  ["Esc", ["esc"]],
  ["Print Screen", ["print"]],
];

const STATES = { running: "Running", paused: "Paused", waiting: "Waiting", off: "Off" } as const;

export class MachineView {
  readonly screen: Screen;
  readonly console: SerialConsole;
  readonly #backend: Backend;
  readonly #typist: Typist;
  readonly #drawer: Drawer;
  readonly #run: HTMLButtonElement;
  readonly #step: HTMLButtonElement;
  readonly #speed: HTMLButtonElement;
  readonly #title = element("h1", {}, "Trihedron");
  /** Told by screen readers when it changes; the figures beside it change all the time. */
  readonly #state = element("span", { role: "status" }, "Connecting …");
  readonly #figures = element("span");
  readonly #error = element("p", { class: "error", role: "alert", hidden: true });
  /** What has been booted is known. */
  onTitle: (title: string) => void = () => {};
  #status: Status | undefined;
  #measured: { at: number; instructions: number; time: number } | undefined;
  #rates = "";

  /** Fills `root`. */
  constructor(root: HTMLElement, connection: Connection, extra: readonly Node[] = []) {
    this.#backend = new Backend(connection);
    const send = (event: InputEvent): void => this.#backend.send({ kind: "input", event });
    this.#typist = new Typist(send);
    this.screen = new Screen(send, this.#typist);
    this.console = new SerialConsole((bytes) => {
      this.#backend.send({ kind: "input", event: { kind: "serial", port: 0, bytes } });
    });
    this.#drawer = new Drawer(this.#backend);
    const command = (name: CommandName) => (): void => this.command(name);
    this.#run = button("Pause", "Stop the machine, or let it go on", () => {
      this.command(this.#status?.state === "paused" ? "resume" : "pause");
    });
    this.#step = button("Step", "Execute one instruction of CPU 0", command("step"));
    this.#speed = button("As fast as possible", "Skip the time in which the guest waits", () => {
      this.command(this.#status?.realTime ? "fast" : "real-time");
    });
    const mouse = button("Mouse", "A click on the screen catches the mouse; Esc lets it go", () => {
      const on = mouse.getAttribute("aria-pressed") !== "true";
      mouse.setAttribute("aria-pressed", String(on));
      this.screen.mouse.isWanted = on;
    });
    mouse.setAttribute("aria-pressed", "false");
    const keyboard = button("Keyboard", "Keys on the screen, for fingers", () => {
      this.screen.toggleKeyboard();
      keyboard.setAttribute("aria-pressed", String(this.screen.hasKeyboard));
    });
    keyboard.setAttribute("aria-pressed", String(this.screen.hasKeyboard));
    const debug = button("Debug", "Registers, code, memory, breakpoints, monitor", () => {
      this.#drawer.toggle();
      debug.setAttribute("aria-expanded", String(this.#drawer.isOpen));
    });
    debug.setAttribute("aria-expanded", "false");
    const snapshots = new SnapshotDialog(this.#backend);
    root.classList.add("trihedron");
    root.replaceChildren(
      element(
        "div",
        { class: "head" },
        this.#title,
        element(
          "div",
          { class: "bar", role: "toolbar", "aria-label": "Machine" },
          this.#run,
          this.#step,
          button("Reset", "Start the machine from the beginning", command("reset")),
          button("Power", "Press the power button", command("power")),
          this.#speed,
          button("Full screen", "Show the screen alone", () => void this.screen.fullScreen()),
          mouse,
          keyboard,
          this.#combinations(),
          button("Snapshots …", "Save the machine's state, or bring it back", () =>
            snapshots.open(),
          ),
          ...extra,
          debug,
        ),
      ),
      this.#error,
      element(
        "div",
        { class: "body" },
        element("div", { class: "panes" }, this.screen.element, this.console.element),
        this.#drawer.element,
      ),
      element("p", { class: "foot" }, this.#state, this.#figures),
      snapshots.element,
    );
    this.#backend.onMessage = (message) => this.#receive(message);
    this.#backend.onClosed = (reason) => this.fail(reason);
  }

  #combinations(): HTMLSelectElement {
    const select = element(
      "select",
      { "aria-label": "Press keys that the browser keeps for itself" },
      element("option", { value: "" }, "Keys …"),
      ...COMBINATIONS.map(([label]) => element("option", { value: label }, label)),
    );
    select.addEventListener("change", () => {
      const chosen = COMBINATIONS.find(([label]) => label === select.value);
      if (chosen !== undefined) this.#typist.press(chosen[1]);
      select.value = "";
    });
    return select;
  }

  command(name: CommandName): void {
    this.#backend.send({ kind: "command", name });
  }

  /** Says what has gone wrong. */
  fail(text: string): void {
    this.#error.textContent = text;
    this.#error.hidden = false;
  }

  #receive(message: FromMachine): void {
    switch (message.kind) {
      case "machine":
        this.#error.hidden = true;
        this.#title.textContent = message.title;
        this.onTitle(message.title);
        this.screen.element.hidden = !message.hasScreen;
        break;
      case "size":
        this.screen.resize(message.width, message.height);
        break;
      case "pixels":
        this.screen.draw(message);
        break;
      case "serial":
        this.console.write(message.bytes, message.fresh);
        break;
      case "status":
        this.#show(message);
    }
  }

  #show(status: Status): void {
    const before = this.#status;
    this.#status = status;
    const { state, reason, realTime } = status;
    this.#run.textContent = state === "paused" ? "Run" : "Pause";
    this.#run.disabled = state === "off";
    this.#step.disabled = state !== "paused";
    this.#speed.textContent = realTime ? "As fast as possible" : "Real time";
    this.#measure(status);
    const told = reason === "" ? STATES[state] : `${STATES[state]}: ${reason}`;
    const done = `${(status.instructions / 1e6).toFixed(1)} million instructions in ${(status.time / 1e9).toFixed(2)} s of the machine's time`;
    if (this.#state.textContent !== told) this.#state.textContent = told;
    const figures = state === "running" ? this.#rates : done;
    this.#figures.textContent = figures === "" ? "" : ` · ${figures}`;
    const stopped = state === "paused" && before?.state !== "paused";
    const stepped = state === "paused" && before?.instructions !== status.instructions;
    if (stopped || stepped) this.#drawer.refresh();
  }

  /** Speed over about a second. */
  #measure({ instructions, time, clock: at }: Status): void {
    const last = this.#measured;
    const isSameRun = last !== undefined && instructions >= last.instructions && time >= last.time;
    if (isSameRun && at - last.at < 1000) return;
    this.#measured = { at, instructions, time };
    if (!isSameRun) return;
    const seconds = (at - last.at) / 1000;
    const millions = (instructions - last.instructions) / seconds / 1e6;
    const pace = (time - last.time) / 1e9 / seconds;
    this.#rates = `${millions.toFixed(1)} million instructions/s · ${pace.toFixed(2)} × real time`;
  }

  /** How the machine is. */
  get status(): Status | undefined {
    return this.#status;
  }
}
