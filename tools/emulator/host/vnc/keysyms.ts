// X keysyms, which VNC's key events carry (X11 keysymdef.h), onto the keys of a US keyboard.

import { type Key, keyOfName } from "../../devices/keys.ts";
import { CHARACTER_KEYS, type CharacterKey } from "../../devices/us-keyboard.ts";

/** Keysyms that are no characters. */
const FUNCTIONS: readonly [keysym: number, name: string][] = [
  [0xff08, "backspace"],
  [0xff09, "tab"],
  [0xfe20, "tab"],
  [0xff0d, "ret"],
  [0xff13, "pause"],
  [0xff14, "scroll_lock"],
  [0xff15, "sysrq"],
  [0xff1b, "esc"],
  [0xff50, "home"],
  [0xff51, "left"],
  [0xff52, "up"],
  [0xff53, "right"],
  [0xff54, "down"],
  [0xff55, "pgup"],
  [0xff56, "pgdn"],
  [0xff57, "end"],
  [0xff61, "print"],
  [0xff63, "insert"],
  [0xff67, "menu"],
  [0xff7f, "num_lock"],
  [0xff8d, "kp_enter"],
  [0xff95, "kp_7"],
  [0xff96, "kp_4"],
  [0xff97, "kp_8"],
  [0xff98, "kp_6"],
  [0xff99, "kp_2"],
  [0xff9a, "kp_9"],
  [0xff9b, "kp_3"],
  [0xff9c, "kp_1"],
  [0xff9d, "kp_5"],
  [0xff9e, "kp_0"],
  [0xff9f, "kp_decimal"],
  [0xffaa, "kp_multiply"],
  [0xffab, "kp_add"],
  [0xffac, "kp_comma"],
  [0xffad, "kp_subtract"],
  [0xffae, "kp_decimal"],
  [0xffaf, "kp_divide"],
  ...Array.from({ length: 10 }, (_, i): [number, string] => [0xffb0 + i, `kp_${i}`]),
  [0xffbd, "kp_equals"],
  ...Array.from({ length: 12 }, (_, i): [number, string] => [0xffbe + i, `f${i + 1}`]),
  [0xffe1, "shift"],
  [0xffe2, "shift_r"],
  [0xffe3, "ctrl"],
  [0xffe4, "ctrl_r"],
  [0xffe5, "caps_lock"],
  [0xffe7, "meta_l"],
  [0xffe8, "meta_r"],
  [0xffe9, "alt"],
  [0xffea, "alt_r"],
  [0xffeb, "meta_l"],
  [0xffec, "meta_r"],
  [0xfe03, "alt_r"],
  [0xffff, "delete"],
];

const KEYS = new Map<number, CharacterKey>();
for (const [character, key] of CHARACTER_KEYS) KEYS.set(character.charCodeAt(0), key);
for (const [keysym, name] of FUNCTIONS) KEYS.set(keysym, { key: keyOfName(name) as Key });

/** The key that makes a keysym, or undefined. */
export const keyOfKeysym = (keysym: number): CharacterKey | undefined => KEYS.get(keysym);
