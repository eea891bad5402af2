// Names of modules are any Unicode text: how messages quote them.

/** Control and format characters, line separators: what a terminal would not show as it is. */
const HIDDEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;
const LONGEST = 100;

/** Whether every character of `text` shows as itself. */
export function isVisible(text: string): boolean {
  return text.search(HIDDEN) < 0;
}

/** `text` on one line: what is hidden as \u{…}, at most 100 characters. */
export function printable(text: string): string {
  const cut = text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
  return cut.replace(HIDDEN, (c) => `\\u{${(c.codePointAt(0) as number).toString(16)}}`);
}

/** `text` with hidden characters and percent signs percent-encoded as UTF-8: one form for each text. */
export function percentEncode(text: string): string {
  return text
    .replaceAll("%", "%25")
    .replace(HIDDEN, (c) =>
      [...new TextEncoder().encode(c)]
        .map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, "0")}`)
        .join(""),
    );
}
