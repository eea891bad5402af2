// Which key of a US keyboard makes a printable ASCII character, and whether Shift is held for it (ANSI INCITS 154,
// the 101-key layout).

import { type Key, keyOfName } from "./keys.ts";

/** Characters of keys without Shift and with it. */
export const US_CHARACTERS: readonly (readonly [name: string, plain: string, shifted: string])[] = [
  ...[..."abcdefghijklmnopqrstuvwxyz"].map((c): [string, string, string] => [
    c,
    c,
    c.toUpperCase(),
  ]),
  ...[..."1234567890"].map((c, i): [string, string, string] => [c, c, "!@#$%^&*()"[i] as string]),
  ["minus", "-", "_"],
  ["equal", "=", "+"],
  ["bracket_left", "[", "{"],
  ["bracket_right", "]", "}"],
  ["semicolon", ";", ":"],
  ["apostrophe", "'", '"'],
  ["grave_accent", "`", "~"],
  ["backslash", "\\", "|"],
  ["comma", ",", "<"],
  ["dot", ".", ">"],
  ["slash", "/", "?"],
  ["spc", " ", " "],
];

export interface CharacterKey {
  key: Key;
  /** Whether Shift makes the character of the key; undefined where it does not matter. */
  shift?: boolean;
}

/** Every character that has a key. */
export const CHARACTER_KEYS: ReadonlyMap<string, CharacterKey> = new Map(
  US_CHARACTERS.flatMap(([name, plain, shifted]): [string, CharacterKey][] => {
    const key = keyOfName(name) as Key;
    if (plain === shifted) return [[plain, { key }]];
    return [
      [shifted, { key, shift: true }],
      [plain, { key, shift: false }],
    ];
  }),
);
