// The device's own keyboard, as telephones and input methods have it: they write text rather than press keys, so a field
// that nobody sees takes it, and what changes in the field is typed into the machine (Input Events Level 2, 5.1).

import { keyOfDom } from "../devices/keys.ts";
import { element } from "./dom.ts";
import type { Typist } from "./typist.ts";

/** What is in the field before anything is typed, so that there is something to delete. */
const FILLING = "________";

/** Deletions, by the key that makes one. */
const DELETIONS: Readonly<Record<string, string>> = {
  deleteContentBackward: "backspace",
  deleteWordBackward: "backspace",
  deleteSoftLineBackward: "backspace",
  deleteContentForward: "delete",
  deleteWordForward: "delete",
};

export class SoftInput {
  readonly element: HTMLTextAreaElement;
  readonly #typist: Typist;
  /** What of the field's text the machine has. */
  #typed = FILLING;
  /** Characters for which there are no keys. */
  onUnknown: (characters: string) => void = () => {};

  constructor(typist: Typist) {
    this.#typist = typist;
    this.element = element("textarea", {
      class: "soft-input",
      tabindex: "-1",
      "aria-label": "Text for the machine",
      autocapitalize: "off",
      autocomplete: "off",
      autocorrect: "off",
      spellcheck: "false",
    });
    this.#fill();
    this.element.addEventListener("keydown", (event) => this.#keyDown(event));
    this.element.addEventListener("keyup", (event) => this.#keyUp(event));
    this.element.addEventListener("beforeinput", (event) => this.#beforeInput(event));
    this.element.addEventListener("input", (event) => this.#changed(event as InputEvent));
    this.element.addEventListener("compositionend", () => {
      this.#take();
      this.#fill();
    });
    this.element.addEventListener("blur", () => typist.letGo());
  }

  /** Shows the device's keyboard: in answer to a person's action, as browsers demand. */
  focus(): void {
    this.#fill();
    this.element.focus({ preventScroll: true });
  }

  #fill(): void {
    this.#typed = FILLING;
    this.element.value = FILLING;
    this.element.setSelectionRange(FILLING.length, FILLING.length);
  }

  /** Keys that write nothing, and what is typed with Ctrl or Alt; the rest comes as text. */
  #keyDown(event: KeyboardEvent): void {
    if (event.isComposing) return;
    const isText = event.key.length === 1 && !event.ctrlKey && !event.altKey && !event.metaKey;
    // Keyboards on the screen say which key, not where it is.
    const key = isText ? undefined : (keyOfDom(event.code) ?? keyOfDom(event.key));
    if (key === undefined) return;
    event.preventDefault();
    this.#typist.down(key);
    if (event.code === "") this.#typist.up(key);
  }

  #keyUp(event: KeyboardEvent): void {
    const key = keyOfDom(event.code);
    if (key !== undefined) this.#typist.up(key);
  }

  #beforeInput(event: InputEvent): void {
    if (!event.cancelable || event.isComposing) return;
    const { inputType } = event;
    const deletion = DELETIONS[inputType];
    const text = event.data ?? event.dataTransfer?.getData("text/plain") ?? "";
    if (deletion !== undefined) this.#typist.press([deletion]);
    else if (inputType === "insertLineBreak" || inputType === "insertParagraph") this.#type("\n");
    else if (inputType.startsWith("insert") && inputType !== "insertReplacementText")
      this.#type(text);
    else return;
    event.preventDefault();
  }

  #changed(event: InputEvent): void {
    this.#take();
    if (!event.isComposing) this.#fill();
  }

  /** Types what the field has that the machine has not: an input method changes its words as it goes. */
  #take(): void {
    const [before, after] = [[...this.#typed], [...this.element.value]];
    let common = 0;
    while (common < before.length && before[common] === after[common]) common++;
    for (let i = common; i < before.length; i++) this.#typist.press(["backspace"]);
    this.#type(after.slice(common).join(""));
    this.#typed = this.element.value;
  }

  #type(text: string): void {
    const unknown = this.#typist.type(text);
    if (unknown !== "") this.onUnknown(unknown);
  }
}
