// The video BIOS's part of the BIOS data area (Ralf Brown's memory list, segment 40h): linear addresses.

export const EQUIPMENT = 0x410;
/** From here on INT 10h, AH=1Bh copies. */
export const MODE = 0x449;
/** Characters in a row, 16 bits. */
export const COLUMNS = 0x44a;
export const PAGE_BYTES = 0x44c;
/** Offset of the page that is shown. */
export const PAGE_START = 0x44e;
/** Of the pages, a word each: row in the upper byte, column in the lower. */
export const CURSORS = 0x450;
export const PAGES = 8;
/** First line in the upper byte, last in the lower. */
export const CURSOR_SHAPE = 0x460;
export const ACTIVE_PAGE = 0x462;
export const CRTC_PORT = 0x463;
/** Number of the last row. */
export const ROWS = 0x484;
/** Lines of a character, 16 bits. */
export const CHARACTER_LINES = 0x485;
export const VIDEO_CONTROL = 0x487;
export const MODE_SETTINGS = 0x489;
export const DISPLAY_COMBINATION = 0x48a;
