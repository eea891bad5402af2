// The on-screen keyboard: the keys that telephones lack, modifiers that latch, and all others. With a mouse or a finger
// a key is down as long as the button; it repeats as a PC's does.

import { type Key, keyOfName } from "../devices/keys.ts";
import { element } from "./dom.ts";
import { BOTTOM, type Cap, LAYERS, type Layer, ROWS, TOP } from "./keyboard-layout.ts";
import type { Typist } from "./typist.ts";

/** Until a key that is held repeats, and between repetitions, ms: what PCs do when they are switched on. */
const REPEAT_AFTER_MS = 500;
const REPEAT_MS = 92;

export class TouchKeyboard {
  readonly element: HTMLElement;
  readonly #typist: Typist;
  readonly #layers = new Map<Layer, HTMLElement>();
  readonly #layerCaps = new Map<Layer, HTMLButtonElement>();
  readonly #shown: (() => void)[] = [];
  #layer: Layer = "letters";
  #device: HTMLElement | undefined;
  /** The device's own keyboard is wanted, or not any more. */
  onDevice: () => void = () => {};

  constructor(typist: Typist) {
    this.#typist = typist;
    for (const layer of LAYERS) {
      this.#layers.set(
        layer,
        element("div", { class: "layer" }, ...ROWS[layer].map((r) => this.#row(r))),
      );
    }
    this.element = element(
      "div",
      { class: "keyboard", role: "group", "aria-label": "On-screen keyboard", hidden: true },
      this.#row(TOP),
      ...this.#layers.values(),
      this.#row(BOTTOM),
    );
    // The screen keeps the focus; a key of this keyboard has it only for those who go there by keyboard.
    this.element.addEventListener("pointerdown", (event) => event.preventDefault());
    this.element.addEventListener("mousedown", (event) => event.preventDefault());
    this.element.addEventListener("contextmenu", (event) => event.preventDefault());
    this.element.addEventListener("keydown", (event) => this.#walk(event));
    typist.onLatch = () => this.#show();
    this.#show();
  }

  /** Only the row above: the device's own keyboard is in use. */
  set isBrief(on: boolean) {
    this.element.classList.toggle("brief", on);
    this.#device?.setAttribute("aria-pressed", String(on));
  }

  get isOpen(): boolean {
    return !this.element.hidden;
  }

  toggle(): void {
    this.element.hidden = !this.element.hidden;
    if (this.element.hidden) this.#typist.release();
  }

  #row(caps: readonly Cap[]): HTMLElement {
    return element("div", { class: "row" }, ...caps.map((cap) => this.#cap(cap)));
  }

  #cap(cap: Cap): HTMLElement {
    const style = `flex-grow: ${cap.units ?? 1}`;
    if (cap.kind === "gap") return element("span", { style });
    const made = element("button", { type: "button", tabindex: "-1", style }, cap.text);
    if (cap.name !== undefined) made.setAttribute("aria-label", cap.name);
    switch (cap.kind) {
      case "modifier":
        made.addEventListener("click", () => this.#typist.turn(cap.modifier));
        this.#shown.push(() => {
          const latch = this.#typist.latch(cap.modifier);
          made.setAttribute("aria-pressed", String(latch !== "off"));
          made.classList.toggle("locked", latch === "locked");
          made.setAttribute(
            "aria-label",
            latch === "locked" ? `${cap.name}, locked` : `${cap.name}`,
          );
        });
        break;
      case "layer":
        made.addEventListener("click", () => this.#turnTo(cap.layer));
        this.#layerCaps.set(cap.layer, made);
        break;
      case "device":
        made.addEventListener("click", () => this.onDevice());
        made.setAttribute("aria-pressed", "false");
        this.#device = made;
        break;
      case "keys":
        this.#listen(made, cap.keys);
        if (cap.shifted !== undefined) {
          const { text, shifted } = cap;
          this.#shown.push(() => {
            made.textContent = this.#typist.latch("shift") === "off" ? text : shifted;
          });
        }
    }
    return made;
  }

  /** A layer, or the letters where it is there already. */
  #turnTo(layer: Layer): void {
    this.#layer = this.#layer === layer ? "letters" : layer;
    this.#show();
  }

  #show(): void {
    for (const [layer, rows] of this.#layers) rows.hidden = layer !== this.#layer;
    for (const [layer, cap] of this.#layerCaps) {
      cap.setAttribute("aria-pressed", String(layer === this.#layer));
    }
    for (const show of this.#shown) show();
  }

  #listen(cap: HTMLButtonElement, names: readonly string[]): void {
    const keys = names.map((name) => keyOfName(name) as Key);
    let repeat: number | undefined;
    const up = (): void => {
      if (repeat === undefined) return;
      clearTimeout(repeat);
      repeat = undefined;
      cap.classList.remove("down");
      for (const key of [...keys].reverse()) this.#typist.up(key);
    };
    const repeats = (): void => {
      const last = keys.at(-1);
      if (last !== undefined) this.#typist.down(last);
      repeat = window.setTimeout(repeats, REPEAT_MS);
    };
    cap.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      cap.setPointerCapture(event.pointerId);
      cap.classList.add("down");
      for (const key of keys) this.#typist.down(key);
      repeat = window.setTimeout(repeats, REPEAT_AFTER_MS);
    });
    for (const name of ["pointerup", "pointercancel", "lostpointercapture"]) {
      cap.addEventListener(name, up);
    }
    // Without a pointer: from a keyboard, or a screen reader.
    cap.addEventListener("click", (event) => {
      if (event.detail === 0) this.#typist.press(names);
    });
  }

  /** One stop of Tab; the arrows go from key to key. */
  #walk(event: KeyboardEvent): void {
    const caps = [...this.element.querySelectorAll("button")].filter((cap) => cap.offsetWidth > 0);
    const at = caps.indexOf(event.target as HTMLButtonElement);
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (step === undefined || at < 0) return;
    event.preventDefault();
    caps[(at + step + caps.length) % caps.length]?.focus();
  }
}
