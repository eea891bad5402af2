// All that a page has of one machine: its screen and serial console, the bar that runs it, the status line, the
// debugging drawer.

import type { InputEvent } from "../input.ts";
import type { CommandName, FromMachine } from "../remote/messages.ts";
import { Backend, type Connection, type FromConnection } from "./backend.ts";
import { latin1, SerialConsole } from "./console.ts";
import { element, signButton } from "./dom.ts";
import { Drawer } from "./drawer.ts";
import { logo } from "./icons.ts";
import { RunBar } from "./run-bar.ts";
import { NO_CANVAS, Screen } from "./screen.ts";
import { SnapshotDialog } from "./snapshot-dialog.ts";
import { StatusLine } from "./status-line.ts";
import { Typist } from "./typist.ts";

/** How a machine is. */
export type Status = Extract<FromMachine, { kind: "status" }>;

/** What a page adds to the view of a machine. */
export interface Extras {
  /** At the end of the upper bar. */
  buttons?: readonly Node[];
  /** At the end of the status line. */
  preferences?: readonly Node[];
}

export class MachineView {
  readonly screen: Screen;
  readonly console: SerialConsole;
  readonly #backend: Backend;
  readonly #typist: Typist;
  readonly #drawer: Drawer;
  readonly #runBar: RunBar;
  readonly #statusLine: StatusLine;
  readonly #title = element("h1", {}, "Trihedron");
  readonly #error = element("p", { class: "error", role: "alert", hidden: true });
  /** What has been booted is known. */
  onTitle: (title: string) => void = () => {};
  /** The guest has sent a text on COM1, as Latin-1 characters. */
  onSerial: (text: string) => void = () => {};
  /** The machine is like this now. */
  onStatus: (status: Status) => void = () => {};
  /** There is no machine any more, or there never was one: this has been told. */
  onClosed: () => void = () => {};
  #status: Status | undefined;

  /** Fills `root`. */
  constructor(root: HTMLElement, connection: Connection, extras: Extras = {}) {
    this.#backend = new Backend(connection);
    const send = (event: InputEvent): void => this.#backend.send({ kind: "input", event });
    this.#typist = new Typist(send);
    this.screen = new Screen(send, this.#typist);
    this.console = new SerialConsole((text) => this.send(text));
    this.#drawer = new Drawer(this.#backend);
    this.#runBar = new RunBar((name) => this.command(name));
    this.#statusLine = new StatusLine(extras.preferences ?? []);
    const debug = signButton("debug", "Debug", "Registers, code, memory, breakpoints", () => {
      this.#drawer.toggle();
      debug.setAttribute("aria-expanded", String(this.#drawer.isOpen));
    });
    debug.setAttribute("aria-expanded", "false");
    const snapshots = new SnapshotDialog(this.#backend);
    const save = signButton(
      "snapshot",
      "Snapshots …",
      "Save the machine's state, or bring it back",
      () => snapshots.open(),
    );
    root.classList.add("trihedron");
    root.replaceChildren(
      element(
        "div",
        { class: "head" },
        element("div", { class: "brand" }, logo(), this.#title),
        this.#runBar.element,
        element("div", { class: "bar" }, save, debug),
        element("div", { class: "bar end" }, ...(extras.buttons ?? [])),
      ),
      this.#error,
      element(
        "div",
        { class: "body" },
        element("div", { class: "panes" }, this.screen.element, this.console.element),
        this.#drawer.element,
      ),
      this.#statusLine.element,
      snapshots.element,
    );
    this.#backend.onMessage = (message) => this.#receive(message);
    this.#backend.onClosed = (reason) => {
      this.fail(reason);
      this.onClosed();
    };
  }

  command(name: CommandName): void {
    this.#backend.send({ kind: "command", name });
  }

  /** Types a text on COM1, as UTF-8. */
  send(text: string): void {
    const bytes = new TextEncoder().encode(text);
    this.#backend.send({ kind: "input", event: { kind: "serial", port: 0, bytes } });
  }

  /** Says what has gone wrong. */
  fail(text: string): void {
    this.#error.textContent = text;
    this.#error.hidden = false;
  }

  /** Says what happens before there is a machine. */
  say(text: string): void {
    this.#statusLine.say(text);
  }

  #receive(message: FromConnection): void {
    switch (message.kind) {
      case "machine":
        this.#error.hidden = true;
        this.#title.textContent = message.title;
        this.onTitle(message.title);
        this.screen.element.hidden = !message.hasScreen;
        if (message.hasScreen && !this.screen.isDrawable) this.fail(NO_CANVAS);
        break;
      case "size":
        this.screen.resize(message.width, message.height);
        break;
      case "part":
        this.screen.draw(message);
        break;
      case "serial":
        this.console.write(message.bytes, message.fresh);
        this.onSerial(latin1(message.bytes));
        break;
      case "status":
        this.#show(message);
    }
  }

  #show(status: Status): void {
    const before = this.#status;
    this.#status = status;
    const { state } = status;
    this.#runBar.show(status);
    this.#statusLine.show(status);
    this.onStatus(status);
    const stopped = state !== "running" && before?.state !== state;
    const stepped = state === "paused" && before?.instructions !== status.instructions;
    if (stopped || stepped) this.#drawer.refresh();
  }

  /** How the machine is. */
  get status(): Status | undefined {
    return this.#status;
  }
}
