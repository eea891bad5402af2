// The card's EEPROM: 64 words that a guest reads bit by bit through EECD (the microwire protocol of the 93C46) or word by
// word through EERD (Intel 317453, 5 and 13.4.3, 13.4.5). Contents cannot be written.

/** Bits of EECD (13.4.3): clock, chip select, data in and out, flash write enable, request, grant, presence. */
const SK = 0x01;
const CS = 0x02;
const DI = 0x04;
const DO = 0x08;
const KEPT = 0x77;
const GRANTED = 0x80;
const PRESENT = 0x100;

/** EERD: start, done, and where address and data are. */
const START = 0x01;
const DONE = 0x10;
const ADDRESS_SHIFT = 8;
const DATA_SHIFT = 16;

/** Start bit, two bits of operation, six of address. */
const COMMAND_BITS = 9;
const READ = 6;

const WORDS = 64;
const CHECKSUM_WORD = 63;
/** What all words add up to (5.6.35). */
const SUM = 0xbaba;

/** Words that are not all ones, from these addresses on. */
export type EepromContents = Readonly<Record<number, readonly number[]>>;

/** Those of an 82540EM (5.6): identifiers, initialization control, PHY, LEDs, management. */
export const EEPROM_82540EM: EepromContents = {
  3: [0x0000, 0xffff, 0x0000, 0x0000, 0x0000],
  8: [0x3000, 0x1000, 0x6403, 0x100e, 0x8086, 0x100e, 0x8086, 0x3040],
  16: [0x0008, 0x2000, 0x7e14, 0x0048, 0x1000, 0x00d8, 0x0000, 0x2700],
  24: [0x6cc9, 0x3150, 0x0722, 0x040b, 0x0984, 0x0000, 0xc000, 0x0706],
  32: [0x1008, 0x0000, 0x0f04, 0x7fff, 0x4d01],
  48: [0x0100, 0x4000, 0x121c],
};

/** The words of a card with this address. */
export function eepromOf(contents: EepromContents, mac: Uint8Array): Uint16Array {
  const words = new Uint16Array(WORDS).fill(0xffff);
  for (const [at, values] of Object.entries(contents)) words.set(values, Number(at));
  for (let i = 0; i < 3; i++) {
    words[i] = (mac[2 * i] as number) | ((mac[2 * i + 1] as number) << 8);
  }
  words[CHECKSUM_WORD] = 0;
  words[CHECKSUM_WORD] = SUM - words.reduce((sum, word) => sum + word, 0);
  return words;
}

export interface EepromState {
  /** The pins as EECD last set them. */
  pins: number;
  /** Bits shifted in since the chip was selected, the last one lowest, and how many. */
  shifted: number;
  bitsIn: number;
  /** Number of the bit that shows on DO while a word is read. */
  bitOut: number;
  reading: boolean;
}

export const eepromReset = (): EepromState => ({
  pins: 0,
  shifted: 0,
  bitsIn: 0,
  bitOut: 0,
  reading: false,
});

/** What EECD reads. */
export function readPins(s: EepromState, words: Uint16Array): number {
  const word = words[(s.bitOut >> 4) & (WORDS - 1)] as number;
  const bit = s.reading ? (word >> (15 - (s.bitOut & 15))) & 1 : 1;
  return s.pins | GRANTED | PRESENT | (bit ? DO : 0);
}

/** A write of EECD: commands are taken at rising edges of the clock, data come at falling ones. */
export function writePins(s: EepromState, value: number): void {
  const changed = value ^ s.pins;
  s.pins = value & KEPT;
  if (!(value & CS)) return;
  if (changed & CS) Object.assign(s, eepromReset(), { pins: s.pins });
  if (!(changed & SK)) return;
  if (!(value & SK)) {
    s.bitOut = (s.bitOut + 1) & 0xffff;
    return;
  }
  s.shifted = ((s.shifted << 1) | (value & DI ? 1 : 0)) & 0xffff;
  s.bitsIn = Math.min(s.bitsIn + 1, COMMAND_BITS + 1);
  if (s.bitsIn !== COMMAND_BITS || s.reading) return;
  // A zero comes before the data.
  s.bitOut = ((s.shifted & (WORDS - 1)) * 16 - 1) & 0xffff;
  s.reading = ((s.shifted >> 6) & 7) === READ;
}

/** What EERD reads after a guest has written `register` to it. */
export function readWord(register: number, words: Uint16Array): number {
  if (!(register & START)) return register;
  const asked = register & ~START;
  const word = words[asked >>> ADDRESS_SHIFT] ?? 0;
  return ((word << DATA_SHIFT) | DONE | asked) >>> 0;
}
