// The start file of the archive: which programs run, in which order, with which arguments and environment.
// The format is described in docs/userland.md. One line, one thing; words are separated by blanks, a word
// may be put in double quotes; "#" begins a comment.

import { allocate } from "./heap";
import { PREGRANT_MAX } from "./pregrant";
import { equalsLiteral } from "./text";

export const LINE_EMPTY: u32 = 0;
export const LINE_RUN: u32 = 1;
export const LINE_ENVIRONMENT: u32 = 2;
export const LINE_UNKNOWN: u32 = 3;
export const LINE_QUOTE: u32 = 4;
export const LINE_WORDS: u32 = 5;
export const LINE_SETTING: u32 = 6;
export const LINE_PREGRANT: u32 = 7;

export const WORDS_MAX: u32 = 64;
export const ENVIRONMENT_MAX: u32 = 64;

/** The words of the current line, or the environment: pointers and lengths. */
const words = memory.data(64 * 8);
const environment = memory.data(64 * 8);
let wordCount: u32 = 0;
let environmentCount: u32 = 0;

let text: usize = 0;
let textEnd: usize = 0;
/** Number of the line last read, from 1. */
export let startLine: u32 = 0;
/** What the line says before and after its words. */
export let startOptional: bool = false;
export let startNative: bool = false;
export let startParallel: bool = false;
/** The last such line wants the system calls of Linux programs to go to a mediator. */
export let startMediated: bool = true;
/** Bytes that it may hand out by itself above the break and for mmap(2) each, 0 for none. */
export let startPregrant: u64 = 0;

/** Begins to read the file at [file, file + size). */
export function openStartFile(file: usize, size: u32): void {
  text = file;
  textEnd = file + size;
  startLine = 0;
  startMediated = true;
  startPregrant = 0;
  environmentCount = 0;
}

export function startFileEnded(): bool {
  return text >= textEnd;
}

export function argumentCount(): u32 {
  return wordCount;
}

/** Pointer to word `index` of a run line; the program's path is word 0. */
export function argument(index: u32): usize {
  return load<usize>(words + index * 8);
}

export function argumentLength(index: u32): u32 {
  return load<u32>(words + index * 8 + 4);
}

export function environmentSize(): u32 {
  return environmentCount;
}

export function variable(index: u32): usize {
  return load<usize>(environment + index * 8);
}

export function variableLength(index: u32): u32 {
  return load<u32>(environment + index * 8 + 4);
}

function blank(value: u8): bool {
  return value === 32 || value === 9 || value === 13;
}

/** Splits [from, end) into words. Quoted words are copied without their quotes. */
function split(from: usize, end: usize): u32 {
  wordCount = 0;
  let at = from;
  while (true) {
    while (at < end && blank(load<u8>(at))) at++;
    if (at === end || load<u8>(at) === 35) return LINE_RUN;
    if (wordCount === WORDS_MAX) return LINE_WORDS;
    const word = allocate((end - at) as u32);
    if (word === 0) return LINE_WORDS;
    let length: u32 = 0;
    let quoted = false;
    while (at < end && (quoted || !blank(load<u8>(at)))) {
      const value = load<u8>(at++);
      if (value === 34) quoted = !quoted;
      else store<u8>(word + length++, value);
    }
    if (quoted) return LINE_QUOTE;
    store<usize>(words + wordCount * 8, word);
    store<u32>(words + wordCount * 8 + 4, length);
    wordCount++;
  }
}

function dropFirst(): void {
  wordCount--;
  memory.copy(words, words + 8, wordCount * 8);
}

function firstIs(literal: string): bool {
  return wordCount !== 0 && equalsLiteral(argument(0), argumentLength(0), literal);
}

function equalsSign(word: usize, length: u32): u32 {
  let at: u32 = 0;
  while (at < length && load<u8>(word + at) !== 61) at++;
  return at;
}

/** Sets or replaces a variable "NAME=VALUE" for the programs that follow. */
function setVariable(word: usize, length: u32): u32 {
  const name = equalsSign(word, length);
  if (name === 0 || name === length) return LINE_UNKNOWN;
  let index: u32 = 0;
  while (index < environmentCount) {
    const present = variable(index);
    if (variableLength(index) > name && memory.compare(present, word, name + 1) === 0) break;
    index++;
  }
  if (index === ENVIRONMENT_MAX) return LINE_WORDS;
  if (index === environmentCount) environmentCount++;
  store<usize>(environment + index * 8, word);
  store<u32>(environment + index * 8 + 4, length);
  return LINE_ENVIRONMENT;
}

/** "mediator on" or "mediator off", for the programs that follow. */
function setMediator(): u32 {
  const isOn = wordCount === 2 && equalsLiteral(argument(1), argumentLength(1), "on");
  const isOff = wordCount === 2 && equalsLiteral(argument(1), argumentLength(1), "off");
  if (!isOn && !isOff) return LINE_UNKNOWN;
  startMediated = isOn;
  return LINE_SETTING;
}

/** The size that `word` says, in bytes or with K or M behind it, or 0 where it says none or one above `most`. */
function sizeOf(word: usize, length: u32, most: u64): u64 {
  let value: u64 = 0;
  let at: u32 = 0;
  while (at < length && load<u8>(word + at) - 48 < 10) {
    value = value * 10 + ((load<u8>(word + at) - 48) as u64);
    if (value > most) return 0;
    at++;
  }
  if (at === length) return value;
  const letter = load<u8>(word + at);
  if (at + 1 !== length || (letter !== 75 && letter !== 77)) return 0;
  const scale: u64 = letter === 75 ? 10 : 20;
  return value <= most >> scale ? value << scale : 0;
}

/** "pregrant SIZE" or "pregrant off", for the programs that follow. */
function setPregrant(): u32 {
  if (wordCount !== 2) return LINE_PREGRANT;
  const isOff = equalsLiteral(argument(1), argumentLength(1), "off");
  const size = sizeOf(argument(1), argumentLength(1), PREGRANT_MAX);
  if (!isOff && size === 0) return LINE_PREGRANT;
  startPregrant = size;
  return LINE_SETTING;
}

/** Reads the next line. Returns one of LINE_…; for LINE_RUN the words and flags are set. */
export function nextStartLine(): u32 {
  startLine++;
  const from = text;
  while (text < textEnd && load<u8>(text) !== 10) text++;
  const end = text;
  text++;
  startOptional = false;
  startNative = false;
  startParallel = false;
  const error = split(from, end);
  if (error !== LINE_RUN) return error;
  if (wordCount === 0) return LINE_EMPTY;
  if (firstIs("env")) {
    if (wordCount !== 2) return LINE_UNKNOWN;
    return setVariable(argument(1), argumentLength(1));
  }
  if (firstIs("mediator")) return setMediator();
  if (firstIs("pregrant")) return setPregrant();
  if (firstIs("optional")) {
    startOptional = true;
    dropFirst();
  }
  startNative = firstIs("native");
  if (!startNative && !firstIs("linux")) return LINE_UNKNOWN;
  dropFirst();
  const last = wordCount - 1;
  if (wordCount > 1 && equalsLiteral(argument(last), argumentLength(last), "&")) {
    startParallel = true;
    wordCount--;
  }
  return wordCount === 0 ? LINE_UNKNOWN : LINE_RUN;
}

/** One line that says what is wrong with a line of kind `error`. */
export function startMessage(error: u32): string {
  if (error === LINE_QUOTE) return "a quote is not closed";
  if (error === LINE_WORDS) return "too many words";
  if (error === LINE_PREGRANT)
    return 'pregrant takes a size of up to 256M, as in 64K or 16M, or "off"';
  return 'expected "linux PATH ARGUMENTS", "native PATH ARGUMENTS", "env NAME=VALUE", "mediator on|off" or "pregrant SIZE|off"';
}
