// Building elements.

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
