// What is typed at a terminal as keys of a PC: characters, control characters, and the escape sequences of cursor and
// function keys (ECMA-48, xterm's "PC-Style Function Keys", the Linux console's), which Node's readline takes apart.

import { type Key, keyOfName } from "../../devices/keys.ts";
import { CHARACTER_KEYS } from "../../devices/us-keyboard.ts";

/** A key as readline's "keypress" event has it. */
export interface Keypress {
  /** What was received. */
  sequence: string;
  name?: string;
  ctrl: boolean;
  meta: boolean;
  shift: boolean;
  /** The sequence without modifiers, of those that begin with ESC [ or ESC O. */
  code?: string;
}

const ESCAPE = "\x1b";

/** readline's names of keys onto QEMU's. */
const FUNCTIONS: Readonly<Record<string, string>> = {
  ...{ up: "up", down: "down", left: "left", right: "right", home: "home", end: "end" },
  ...{ pageup: "pgup", pagedown: "pgdn", insert: "insert", delete: "delete", clear: "kp_5" },
  tab: "tab",
  ...Object.fromEntries(Array.from({ length: 12 }, (_, i) => [`f${i + 1}`, `f${i + 1}`])),
};

/** What VT220 has as F13 to F20, terminals send for Shift with F1 to F8. */
const SHIFTED = new Map(
  [25, 26, 28, 29, 31, 32, 33, 34].map((number, i) => [`[${number}~`, `f${i + 1}`]),
);

/** Keys of a numeric keypad in application mode (VT100 user guide, "Keypad"). */
const KEYPAD = new Map<string, string>([
  ["OM", "kp_enter"],
  ["OX", "kp_equals"],
  ...["multiply", "add", "comma", "subtract", "decimal", "divide"].map(
    (name, i): [string, string] => [`O${"jklmno"[i]}`, `kp_${name}`],
  ),
  ...Array.from({ length: 10 }, (_, i): [string, string] => [`O${"pqrstuvwxy"[i]}`, `kp_${i}`]),
]);

/** Characters of keys with names. */
const NAMED: Readonly<Record<string, string>> = {
  "\r": "ret",
  "\n": "ret",
  "\t": "tab",
  "\x7f": "backspace",
};

interface Chord {
  key: string | Key;
  shift: boolean;
  ctrl: boolean;
  alt: boolean;
}

function ofSequence(code: string, press: Keypress): Chord | undefined {
  const { name = "", shift, ctrl, meta, sequence } = press;
  const alt = meta || sequence.startsWith(ESCAPE + ESCAPE);
  const known = Object.hasOwn(FUNCTIONS, name) ? FUNCTIONS[name] : KEYPAD.get(code);
  if (known !== undefined) return { key: known, shift, ctrl, alt };
  const shifted = SHIFTED.get(code);
  return shifted === undefined ? undefined : { key: shifted, shift: true, ctrl, alt };
}

function ofCharacter(sequence: string): Chord | undefined {
  const alt = sequence.length > 1 && sequence.startsWith(ESCAPE);
  const character = alt ? sequence.slice(1) : sequence;
  if (character === ESCAPE) return { key: "esc", shift: false, ctrl: false, alt };
  const named = NAMED[character];
  if (named !== undefined) return { key: named, shift: false, ctrl: false, alt };
  const code = character.charCodeAt(0);
  const ctrl = character.length === 1 && code < 0x20;
  // Ctrl with Space sends what Ctrl with @ is.
  const wanted =
    code === 0 ? " " : ctrl ? String.fromCharCode(code + 0x40).toLowerCase() : character;
  const found = CHARACTER_KEYS.get(wanted);
  return found && { key: found.key, shift: found.shift === true, ctrl, alt };
}

/** The keys that are held together for it, modifiers first; none where a US keyboard has no such key. */
export function keysTyped(press: Keypress): readonly Key[] {
  const chord =
    press.code === undefined ? ofCharacter(press.sequence) : ofSequence(press.code, press);
  if (chord === undefined) return [];
  const names: (string | Key)[] = [chord.key];
  if (chord.alt) names.unshift("alt");
  if (chord.ctrl) names.unshift("ctrl");
  if (chord.shift) names.unshift("shift");
  return names.map((key) => (typeof key === "string" ? (keyOfName(key) as Key) : key));
}
