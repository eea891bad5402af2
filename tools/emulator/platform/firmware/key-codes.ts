// What a BIOS makes of a key: the word that INT 09h puts into the keyboard buffer, scan code in the
// upper and character in the lower byte, for a US keyboard (IBM PS/2 BIOS interface technical
// reference, "Keyboard", INT 16h, AH=10h; values as SeaBIOS gives them).

/** Characters by scan code without and with Shift; 0 has none. */
const PLAIN = "\0\x1b1234567890-=\b\tqwertyuiop[]\r\0asdfghjkl;'`\0\\zxcvbnm,./\0*\0 ";
const SHIFTED = '\0\x1b!@#$%^&*()_+\b\0QWERTYUIOP{}\r\0ASDFGHJKL:"~\0|ZXCVBNM<>?\0*\0 ';
/** The key beside the left Shift of European keyboards. */
const ANGLE = 0x56;

/** Keypad from 7 to the dot: characters with Shift or Num Lock; `-` and `+` are always there. */
const KEYPAD = 0x47;
const KEYPAD_CHARACTERS = "789-456+1230.";
const KEYPAD_MINUS = 0x4a;
const KEYPAD_PLUS = 0x4e;

/** Words with Ctrl where they do not follow from a letter. */
const CONTROL: Readonly<Record<number, number>> = {
  1: 0x011b, // Esc
  3: 0x0300, // 2
  7: 0x071e, // 6
  12: 0x0c1f, // -
  14: 0x0e7f, // Backspace
  15: 0x9400, // Tab
  26: 0x1a1b, // [
  27: 0x1b1d, // ]
  28: 0x1c0a, // Enter
  43: 0x2b1c, // \
  55: 0x9600, // keypad *
  57: 0x3920, // space
};
/** Upper bytes with Ctrl on the keypad, and on the keys with prefix E0 that have its codes. */
const CONTROL_KEYPAD = [
  0x77, 0x8d, 0x84, 0x8e, 0x73, 0x8f, 0x74, 0x90, 0x75, 0x91, 0x76, 0x92, 0x93,
] as const;

/** Words with Alt where they are not the scan code alone. */
const ALT: Readonly<Record<number, number>> = { 15: 0xa500, 57: 0x3920 };

const DIGIT_1 = 0x02;
const EQUALS = 0x0d;
const ENTER = 0x1c;
const SLASH = 0x35;
const KEYPAD_STAR = 0x37;
const F1 = 0x3b;
const F10 = 0x44;
const F11 = 0x57;
const F12 = 0x58;

export interface Modifiers {
  shift: boolean;
  control: boolean;
  alt: boolean;
  capsLock: boolean;
  numLock: boolean;
}

/** First scan codes of F1–F10 and of F11 and F12 without a modifier, with Shift, Ctrl, Alt. */
function functionKey(n: number, first: readonly number[], m: Modifiers): number {
  const column = m.alt ? 3 : m.control ? 2 : m.shift ? 1 : 0;
  return ((first[column] as number) + n) << 8;
}

function keypad(scan: number, m: Modifiers): number {
  const always = scan === KEYPAD_MINUS || scan === KEYPAD_PLUS;
  if (m.alt) return always ? scan << 8 : 0;
  if (m.control) return (CONTROL_KEYPAD[scan - KEYPAD] as number) << 8;
  const digit = always || m.shift !== m.numLock;
  return (scan << 8) | (digit ? KEYPAD_CHARACTERS.charCodeAt(scan - KEYPAD) : 0);
}

function extended(scan: number, m: Modifiers): number {
  if (scan === ENTER) return m.alt ? 0xa600 : m.control ? 0xe00a : 0xe00d;
  if (scan === SLASH) return m.alt ? 0xa400 : m.control ? 0x9500 : 0xe02f;
  const navigation = scan >= KEYPAD && scan - KEYPAD < KEYPAD_CHARACTERS.length;
  if (!navigation || "-5+".includes(KEYPAD_CHARACTERS.charAt(scan - KEYPAD))) return 0;
  if (m.alt) return (scan + 0x50) << 8;
  return ((m.control ? (CONTROL_KEYPAD[scan - KEYPAD] as number) : scan) << 8) | 0xe0;
}

/** The word for a key that goes down, by its set 1 code without prefix; 0 if it gives none. */
export function keyCode(scan: number, isExtended: boolean, m: Modifiers): number {
  if (isExtended) return extended(scan, m);
  if (scan >= F1 && scan <= F10) return functionKey(scan - F1, [0x3b, 0x54, 0x5e, 0x68], m);
  if (scan === F11 || scan === F12) return functionKey(scan - F11, [0x85, 0x87, 0x89, 0x8b], m);
  if (scan >= KEYPAD && scan - KEYPAD < KEYPAD_CHARACTERS.length) return keypad(scan, m);
  if (scan === ANGLE) return m.control || m.alt ? 0 : 0x5600 | (m.shift ? 0x7c : 0x5c);
  const plain = PLAIN.charCodeAt(scan) || 0;
  if (plain === 0) return 0;
  const isLetter = plain >= 0x61 && plain <= 0x7a;
  if (m.alt) {
    if (scan >= DIGIT_1 && scan <= EQUALS) return (0x78 + scan - DIGIT_1) << 8;
    return ALT[scan] ?? scan << 8;
  }
  if (m.control) return isLetter ? (scan << 8) | (plain & 0x1f) : (CONTROL[scan] ?? 0);
  if (scan === KEYPAD_STAR) return (scan << 8) | plain;
  const shifted = isLetter ? m.shift !== m.capsLock : m.shift;
  return (scan << 8) | (shifted ? SHIFTED.charCodeAt(scan) || 0 : plain);
}
