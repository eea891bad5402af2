// The keys of the on-screen keyboard: three layers of four rows between two that stay. Ten units of width a row, as on
// the keyboards of telephones.

import { US_CHARACTERS } from "../devices/us-keyboard.ts";
import type { Modifier } from "./typist.ts";

export const LAYERS = ["letters", "symbols", "functions"] as const;
export type Layer = (typeof LAYERS)[number];

export type Cap = {
  /** What is on it. */
  text: string;
  /** What it is called, where a sign is on it. */
  name?: string;
  /** Its width in units, 1 by default. */
  units?: number;
} & (
  | { kind: "keys"; keys: readonly string[]; shifted?: string }
  | { kind: "modifier"; modifier: Modifier }
  | { kind: "layer"; layer: Layer }
  | { kind: "device" }
  | { kind: "gap" }
);

const key = (text: string, name: string, key: string, units = 1): Cap => ({
  ...{ kind: "keys", text, name, keys: [key], units },
});
const modifier = (text: string, name: string, modifier: Modifier, units = 1): Cap => ({
  ...{ kind: "modifier", text, name, modifier, units },
});
const gap = (units: number): Cap => ({ kind: "gap", text: "", units });

/** Keys that write these characters, and others with Shift. */
const plain = (characters: string): Cap[] =>
  US_CHARACTERS.filter(([, c]) => characters.includes(c))
    .sort(([, a], [, b]) => characters.indexOf(a) - characters.indexOf(b))
    .map(([name, text, shifted]) => ({ kind: "keys", text, keys: [name], shifted }));

/** Keys that write these characters, with Shift where they need it. */
const exact = (characters: string): Cap[] =>
  [...characters].flatMap((text) =>
    US_CHARACTERS.filter(([, plain, shifted]) => text === plain || text === shifted).map(
      ([name, plain]): Cap => ({
        ...{ kind: "keys", text, keys: text === plain ? [name] : ["shift", name] },
      }),
    ),
  );

const BACKSPACE = key("⌫", "Backspace", "backspace", 1.5);

const row = (...names: (readonly [text: string, key: string])[]): Cap[] =>
  names.map(([text, keyName]) => ({ kind: "keys", text, keys: [keyName] }));

const functionKeys = (first: number): Cap[] =>
  row(...Array.from({ length: 6 }, (_, i) => [`F${first + i}`, `f${first + i}`] as const));

/** Above the layers, also where the device's own keyboard is in use. */
export const TOP: readonly Cap[] = [
  key("Esc", "Esc", "esc"),
  key("Tab", "Tab", "tab"),
  modifier("Ctrl", "Ctrl", "ctrl"),
  modifier("Alt", "Alt", "alt"),
  modifier("❖", "Super", "meta_l"),
  key("←", "Left", "left"),
  key("↓", "Down", "down"),
  key("↑", "Up", "up"),
  key("→", "Right", "right"),
  { kind: "device", text: "⌨", name: "This device's own keyboard" },
];

export const ROWS: Readonly<Record<Layer, readonly (readonly Cap[])[]>> = {
  letters: [
    plain("1234567890"),
    plain("qwertyuiop"),
    [gap(0.5), ...plain("asdfghjkl"), gap(0.5)],
    [modifier("⇧", "Shift", "shift", 1.5), ...plain("zxcvbnm"), BACKSPACE],
  ],
  symbols: [
    exact("1234567890"),
    exact("!@#$%^&*()"),
    exact("-_=+[]{}\\|"),
    [...exact(";:'\"`~/?<>"), BACKSPACE],
  ],
  functions: [
    functionKeys(1),
    functionKeys(7),
    row(
      ["Ins", "insert"],
      ["Del", "delete"],
      ["Home", "home"],
      ["End", "end"],
      ["PgUp", "pgup"],
      ["PgDn", "pgdn"],
    ),
    [
      ...row(
        ["PrtSc", "print"],
        ["ScrLk", "scroll_lock"],
        ["Pause", "pause"],
        ["Caps", "caps_lock"],
        ["Menu", "menu"],
      ),
      {
        ...{ kind: "keys", text: "Ctrl Alt Del", units: 2 },
        keys: ["ctrl", "alt", "delete"],
      },
    ],
  ],
};

export const BOTTOM: readonly Cap[] = [
  { kind: "layer", layer: "symbols", text: "?#", name: "Symbols", units: 1.5 },
  { kind: "layer", layer: "functions", text: "Fn", units: 1.5 },
  ...plain(","),
  key("␣", "Space", "spc", 3.5),
  ...plain("."),
  key("⏎", "Enter", "ret", 1.5),
];
