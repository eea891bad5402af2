// INT 1Ah, AH=00h to 07h: ticks since midnight and the real-time clock (IBM PC/AT technical reference, "TIME_OF_DAY").

import type { Board } from "../pc.ts";
import type { Registers } from "./registers.ts";

const TICKS = 0x46c;
const MIDNIGHT = 0x470;

const INDEX = 0x70;
const DATA = 0x71;
const SECONDS = 0;
const SECONDS_ALARM = 1;
const MINUTES = 2;
const MINUTES_ALARM = 3;
const HOURS = 4;
const HOURS_ALARM = 5;
const DATE = [7, 8, 9] as const;
const CENTURY = 0x32;
const REGISTER_B = 0x0b;
const DAYLIGHT_SAVING = 0x01;
const ALARM_INTERRUPT = 0x20;
const SET = 0x80;
const SLAVE_MASK = 0xa1;

export class TimeServices {
  readonly #board: Board;

  constructor(board: Board) {
    this.#board = board;
  }

  #rtc(index: number): number {
    this.#board.ports.write(INDEX, index, 1);
    return this.#board.ports.read(DATA, 1);
  }

  #setRtc(index: number, value: number): void {
    this.#board.ports.write(INDEX, index, 1);
    this.#board.ports.write(DATA, value, 1);
  }

  /** Changes the clock while it stands. */
  #set(change: () => void): void {
    const b = this.#rtc(REGISTER_B) & ~SET;
    this.#setRtc(REGISTER_B, b | SET);
    change();
    this.#setRtc(REGISTER_B, this.#rtc(REGISTER_B) & ~SET);
  }

  serve(r: Registers): void {
    const done = this.#function(r);
    r.carry = !done;
    if (done) r.ah = 0;
  }

  #function(r: Registers): boolean {
    const [day, month, year] = DATE;
    switch (r.ah) {
      case 0x00:
        r.cx = r.word(TICKS + 2);
        r.dx = r.word(TICKS);
        r.al = r.byte(MIDNIGHT);
        r.setByte(MIDNIGHT, 0);
        return true;
      case 0x01:
        r.setWord(TICKS + 2, r.cx);
        r.setWord(TICKS, r.dx);
        r.setByte(MIDNIGHT, 0);
        return true;
      case 0x02:
        r.cx = (this.#rtc(HOURS) << 8) | this.#rtc(MINUTES);
        r.dx = (this.#rtc(SECONDS) << 8) | (this.#rtc(REGISTER_B) & DAYLIGHT_SAVING);
        return true;
      case 0x03:
        this.#set(() => {
          this.#setRtc(HOURS, r.cx >> 8);
          this.#setRtc(MINUTES, r.cx & 0xff);
          this.#setRtc(SECONDS, r.dx >> 8);
          const others = this.#rtc(REGISTER_B) & ~DAYLIGHT_SAVING;
          this.#setRtc(REGISTER_B, others | (r.dx & DAYLIGHT_SAVING));
        });
        return true;
      case 0x04:
        r.cx = (this.#rtc(CENTURY) << 8) | this.#rtc(year);
        r.dx = (this.#rtc(month) << 8) | this.#rtc(day);
        return true;
      case 0x05:
        this.#set(() => {
          this.#setRtc(CENTURY, r.cx >> 8);
          this.#setRtc(year, r.cx & 0xff);
          this.#setRtc(month, r.dx >> 8);
          this.#setRtc(day, r.dx & 0xff);
        });
        return true;
      case 0x06:
        return this.#setAlarm(r);
      case 0x07:
        this.#setRtc(REGISTER_B, this.#rtc(REGISTER_B) & ~ALARM_INTERRUPT);
        return true;
      default:
        return false;
    }
  }

  /** AH=06h: INT 4Ah at CH:CL:DH; false if an alarm is set already. */
  #setAlarm(r: Registers): boolean {
    const b = this.#rtc(REGISTER_B);
    if (b & ALARM_INTERRUPT) return false;
    this.#setRtc(HOURS_ALARM, r.cx >> 8);
    this.#setRtc(MINUTES_ALARM, r.cx & 0xff);
    this.#setRtc(SECONDS_ALARM, r.dx >> 8);
    const { ports } = this.#board;
    ports.write(SLAVE_MASK, ports.read(SLAVE_MASK, 1) & ~1, 1);
    this.#setRtc(REGISTER_B, b | ALARM_INTERRUPT);
    return true;
  }

  /** Sets the tick counter from the clock, as power-on does. */
  setTicks(r: Registers, secondsOfDay: number): void {
    const ticks = Math.floor((secondsOfDay * 1193182) / 65536);
    r.setWord(TICKS, ticks & 0xffff);
    r.setWord(TICKS + 2, ticks >>> 16);
  }
}
