// Building elements.

import { type Icon, icon } from "./icons.ts";

type Attributes = Readonly<Record<string, string | boolean | (() => void)>>;

/** An element with attributes, listeners (functions, by the event's name) and children. */
export function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(name, value);
    else if (typeof value === "string") made.setAttribute(name, value);
    else made.toggleAttribute(name, value);
  }
  made.append(...children);
  return made;
}

/** A button with a text; `title` is the longer explanation. */
export function button(text: string, title: string, click: () => void): HTMLButtonElement {
  return element("button", { type: "button", title, click }, text);
}

/** Says on a button what it does now. */
export function setFace(made: HTMLButtonElement, sign: Icon, text: string): void {
  if (made.textContent === text) return;
  made.replaceChildren(icon(sign), element("span", { class: "label" }, text));
}

/** A button with a sign and a text, which gives way to the sign where there is little room. */
export function signButton(
  sign: Icon,
  text: string,
  title: string,
  click: () => void,
): HTMLButtonElement {
  const made = button("", title, click);
  setFace(made, sign, text);
  return made;
}
