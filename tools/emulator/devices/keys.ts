// The keys of a PC keyboard by their names: QEMU's (QKeyCode, as its monitor's `sendkey` takes them) and those of
// browsers (UI Events KeyboardEvent code Values), each with its set 1 scan code (IBM Personal System/2 hardware
// interface technical reference, "Scan code tables").

export interface Key {
  /** QEMU's name. */
  name: string;
  /** Set 1 code, 1–0x7F. */
  code: number;
  /** Has a prefix E0. */
  extended: boolean;
  /** `KeyboardEvent.code`; empty where browsers know no such key. */
  dom: string;
}

type Row = readonly [code: number, name: string, dom: string];

const row = (code: number, names: string, prefix = ""): Row[] =>
  [...names].map((name, i) => [code + i, name, `${prefix}${name.toUpperCase()}`]);

const PLAIN: readonly Row[] = [
  [0x01, "esc", "Escape"],
  ...row(0x02, "1234567890", "Digit"),
  [0x0c, "minus", "Minus"],
  [0x0d, "equal", "Equal"],
  [0x0e, "backspace", "Backspace"],
  [0x0f, "tab", "Tab"],
  ...row(0x10, "qwertyuiop", "Key"),
  [0x1a, "bracket_left", "BracketLeft"],
  [0x1b, "bracket_right", "BracketRight"],
  [0x1c, "ret", "Enter"],
  [0x1d, "ctrl", "ControlLeft"],
  ...row(0x1e, "asdfghjkl", "Key"),
  [0x27, "semicolon", "Semicolon"],
  [0x28, "apostrophe", "Quote"],
  [0x29, "grave_accent", "Backquote"],
  [0x2a, "shift", "ShiftLeft"],
  [0x2b, "backslash", "Backslash"],
  ...row(0x2c, "zxcvbnm", "Key"),
  [0x33, "comma", "Comma"],
  [0x34, "dot", "Period"],
  [0x35, "slash", "Slash"],
  [0x36, "shift_r", "ShiftRight"],
  [0x37, "kp_multiply", "NumpadMultiply"],
  [0x38, "alt", "AltLeft"],
  [0x39, "spc", "Space"],
  [0x3a, "caps_lock", "CapsLock"],
  ...Array.from({ length: 10 }, (_, i): Row => [0x3b + i, `f${i + 1}`, `F${i + 1}`]),
  [0x45, "num_lock", "NumLock"],
  [0x46, "scroll_lock", "ScrollLock"],
  [0x47, "kp_7", "Numpad7"],
  [0x48, "kp_8", "Numpad8"],
  [0x49, "kp_9", "Numpad9"],
  [0x4a, "kp_subtract", "NumpadSubtract"],
  [0x4b, "kp_4", "Numpad4"],
  [0x4c, "kp_5", "Numpad5"],
  [0x4d, "kp_6", "Numpad6"],
  [0x4e, "kp_add", "NumpadAdd"],
  [0x4f, "kp_1", "Numpad1"],
  [0x50, "kp_2", "Numpad2"],
  [0x51, "kp_3", "Numpad3"],
  [0x52, "kp_0", "Numpad0"],
  [0x53, "kp_decimal", "NumpadDecimal"],
  [0x54, "sysrq", ""],
  [0x56, "less", "IntlBackslash"],
  [0x57, "f11", "F11"],
  [0x58, "f12", "F12"],
  [0x59, "kp_equals", "NumpadEqual"],
  [0x70, "katakanahiragana", "KanaMode"],
  [0x73, "ro", "IntlRo"],
  [0x79, "henkan", "Convert"],
  [0x7b, "muhenkan", "NonConvert"],
  [0x7d, "yen", "IntlYen"],
  [0x7e, "kp_comma", "NumpadComma"],
];

const EXTENDED: readonly Row[] = [
  [0x1c, "kp_enter", "NumpadEnter"],
  [0x1d, "ctrl_r", "ControlRight"],
  [0x35, "kp_divide", "NumpadDivide"],
  [0x37, "print", "PrintScreen"],
  [0x38, "alt_r", "AltRight"],
  [0x46, "pause", "Pause"],
  [0x47, "home", "Home"],
  [0x48, "up", "ArrowUp"],
  [0x49, "pgup", "PageUp"],
  [0x4b, "left", "ArrowLeft"],
  [0x4d, "right", "ArrowRight"],
  [0x4f, "end", "End"],
  [0x50, "down", "ArrowDown"],
  [0x51, "pgdn", "PageDown"],
  [0x52, "insert", "Insert"],
  [0x53, "delete", "Delete"],
  [0x5b, "meta_l", "MetaLeft"],
  [0x5c, "meta_r", "MetaRight"],
  [0x5d, "menu", "ContextMenu"],
];

const keysOf = (rows: readonly Row[], extended: boolean): Key[] =>
  rows.map(([code, name, dom]) => ({ name, code, extended, dom }));

/** Every key, in the order of the codes. */
export const KEYS: readonly Key[] = [...keysOf(PLAIN, false), ...keysOf(EXTENDED, true)];

const BY_NAME = new Map(KEYS.map((key) => [key.name, key]));
const BY_DOM = new Map(KEYS.filter(({ dom }) => dom !== "").map((key) => [key.dom, key]));

/** The key that QEMU calls `name`. */
export const keyOfName = (name: string): Key | undefined => BY_NAME.get(name);

/** The key whose events have this `code` in browsers. */
export const keyOfDom = (code: string): Key | undefined => BY_DOM.get(code);
