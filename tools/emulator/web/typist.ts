// What a person types, by whatever means, as key events: one after the other, with modifiers that stay down for the next
// key or until they are let go.

import { type Key, keyOfName } from "../devices/keys.ts";
import { CHARACTER_KEYS } from "../devices/us-keyboard.ts";
import type { InputEvent } from "../input.ts";

/** A modifier that is held by nobody's finger: not at all, for the next key, or until it is let go. */
export type Latch = "off" | "once" | "locked";

const NEXT: Readonly<Record<Latch, Latch>> = { off: "once", once: "locked", locked: "off" };

/** Keys that can latch, by QEMU's names. */
export const MODIFIERS = ["shift", "ctrl", "alt", "alt_r", "meta_l"] as const;
export type Modifier = (typeof MODIFIERS)[number];

const SHIFTS = ["shift", "shift_r"];
const MODIFIER_KEYS: ReadonlySet<string> = new Set([...MODIFIERS, ...SHIFTS, "ctrl_r", "meta_r"]);

/** Characters that are typed by keys without a character of their own. */
const CONTROLS: Readonly<Record<string, string>> = { "\n": "ret", "\r": "ret", "\t": "tab" };

export class Typist {
  readonly #send: (event: InputEvent) => void;
  readonly #held = new Map<string, Key>();
  readonly #latches = new Map<Modifier, Latch>();
  /** Latches are not what they were. */
  onLatch: () => void = () => {};

  constructor(send: (event: InputEvent) => void) {
    this.#send = send;
  }

  latch(modifier: Modifier): Latch {
    return this.#latches.get(modifier) ?? "off";
  }

  /** The next of off, for one key, locked. */
  turn(modifier: Modifier): void {
    this.#setLatch(modifier, NEXT[this.latch(modifier)]);
  }

  #setLatch(modifier: Modifier, latch: Latch): void {
    const before = this.latch(modifier);
    this.#latches.set(modifier, latch);
    if (before === "off" || latch === "off") this.#event(keyOf(modifier), latch !== "off");
    this.onLatch();
  }

  #event({ code, extended }: Key, down: boolean): void {
    this.#send({ kind: "key", code, extended, down });
  }

  /** A key goes down, or repeats. */
  down(key: Key): void {
    this.#held.set(key.name, key);
    this.#event(key, true);
  }

  /** A key that is down goes up, and with it the modifiers that were for one key. */
  up(key: Key): void {
    if (!this.#held.delete(key.name)) return;
    this.#event(key, false);
    if (MODIFIER_KEYS.has(key.name)) return;
    for (const modifier of MODIFIERS) {
      if (this.latch(modifier) === "once") this.#setLatch(modifier, "off");
    }
  }

  /** Presses keys, by QEMU's names, together, and lets them go in reverse. */
  press(names: readonly string[]): void {
    const keys = names.map(keyOf);
    for (const key of keys) this.down(key);
    for (const key of keys.reverse()) this.up(key);
  }

  /** Types a text on a US keyboard. Returns the characters that it has no keys for. */
  type(text: string): string {
    let unknown = "";
    for (const character of text.replaceAll("\r\n", "\n")) {
      const control = CONTROLS[character];
      const found = control === undefined ? CHARACTER_KEYS.get(character) : { key: keyOf(control) };
      if (found === undefined) unknown += character;
      else
        this.press(found.shift && !this.#isShifted ? ["shift", found.key.name] : [found.key.name]);
    }
    return unknown;
  }

  get #isShifted(): boolean {
    return this.latch("shift") !== "off" || SHIFTS.some((name) => this.#held.has(name));
  }

  /** Lets the keys go that somebody holds. */
  letGo(): void {
    for (const key of [...this.#held.values()].reverse()) this.#event(key, false);
    this.#held.clear();
  }

  /** Lets everything go, latched modifiers, too. */
  release(): void {
    this.letGo();
    for (const modifier of MODIFIERS) {
      if (this.latch(modifier) !== "off") this.#setLatch(modifier, "off");
    }
  }
}

function keyOf(name: string): Key {
  const key = keyOfName(name);
  if (key === undefined) throw new Error(`there is no key ${name}`);
  return key;
}
