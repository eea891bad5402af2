// The 82574L's non-volatile memory (82574 datasheet, 6.1, 10.2.2.5 and 10.2.2.6): 64 words that a guest reads through EERD
// and writes through EEWR, which change the copy in the card.

import { type EepromContents, eepromOf } from "./e1000-eeprom.ts";

/** EERD and EEWR: start, done, and where address and data are. */
const START = 0x1;
const DONE = 0x2;
const ADDRESS_SHIFT = 2;
const ADDRESS_MASK = 0x3fff;
const DATA_SHIFT = 16;

/** What the two registers read before they are used. */
export const NVM_IDLE = DONE;

/** Words that are not all ones (table 36): identifiers, initialization control, PCIe, LEDs, flash, management. */
const CONTENTS: EepromContents = {
  3: [0x0420, 0xf746, 0x2010],
  8: [0x0000, 0x0000, 0x026b, 0x10d3, 0x8086, 0x10d3, 0x0000, 0x8058],
  16: [0x0000, 0x2001, 0x7e7c, 0xffff, 0x1000, 0x00c8, 0x0000, 0x2704],
  24: [0x6cc9, 0x3150, 0x070e, 0x460b, 0x2d84, 0x0100, 0xf000, 0x0706],
  32: [0x6000, 0x0080, 0x0f04, 0x7fff, 0x4f01, 0xc600, 0x0000, 0x20ff],
  40: [0x0028, 0x0003, 0x0000, 0x0000, 0x0000, 0x0003, 0x0000, 0xffff],
  48: [0x0100, 0xc000, 0x121c, 0xc007],
  60: [0x0000, 0x0120],
};

export const nvmOf = (mac: Uint8Array): Uint16Array => eepromOf(CONTENTS, mac);

/** The registers after an access that writes `data`, or reads. */
function accessed(words: Uint16Array, value: number, data: number | undefined): number {
  const address = (value >>> ADDRESS_SHIFT) & ADDRESS_MASK;
  const isDone = (value & START) !== 0 && address < words.length;
  if (isDone && data !== undefined) words[address] = data;
  const shown = data ?? (isDone ? (words[address] as number) : 0);
  return (
    ((isDone ? DONE : 0) | ((address << ADDRESS_SHIFT) & 0xffff) | (shown << DATA_SHIFT)) >>> 0
  );
}

/** What EERD reads after `value` has been written to it. */
export const readNvm = (words: Uint16Array, value: number): number =>
  accessed(words, value, undefined);

/** What EERD reads after `value` has been written to EEWR. */
export const writeNvm = (words: Uint16Array, value: number): number =>
  accessed(words, value, value >>> DATA_SHIFT);
