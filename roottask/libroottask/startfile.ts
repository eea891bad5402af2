// The start file of the archive: which programs run, in which order, with which arguments and environment.
// The format is described in docs/userland.md. One line, one thing; words are separated by blanks, a word
// may be put in double quotes; "#" begins a comment. "<" and ">" in front of a word say where input and output are.

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
export const LINE_STREAM: u32 = 8;

export const WORDS_MAX: u32 = 64;
export const ENVIRONMENT_MAX: u32 = 64;

/** The words of the current line, or the environment: pointers and lengths. */
const words = memory.data(64 * 8);
const environment = memory.data(64 * 8);
/** Whether a word of the line began with a quote, so that it means itself. */
const quotes = memory.data(64);
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
/** It leads a session of its own. */
export let startSession: bool = false;
/** The same, and its standard streams are the terminal at the serial line. */
export let startTerminal: bool = false;
/** Per standard stream the file that the line names, a pointer and a length (0 for none), and whether it is appended to. */
const streams = memory.data(3 * 12);
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
    store<u8>(quotes + wordCount, load<u8>(at) === 34 ? 1 : 0);
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
  memory.copy(quotes, quotes + 1, wordCount);
}

/** The file that the line names for standard stream `stream`, 0 to 2; its length is 0 where it names none. */
export function streamPath(stream: u32): usize {
  return load<usize>(streams + stream * 12);
}

export function streamLength(stream: u32): u32 {
  return load<u32>(streams + stream * 12 + 4);
}

/** What is written goes behind what the file has. */
export function streamAppends(stream: u32): bool {
  return load<u32>(streams + stream * 12 + 8) !== 0;
}

/** Takes word `index` for a redirection, "<FILE", ">FILE", ">>FILE", "2>FILE" or "2>>FILE"; false where it is none. */
function takeStream(index: u32): bool {
  if (load<u8>(quotes + index) !== 0) return false;
  const word = argument(index);
  const length = argumentLength(index);
  let at: u32 = 0;
  let stream: u32 = 1;
  if (length >= 2 && load<u8>(word) === 50 && load<u8>(word + 1) === 62) {
    stream = 2;
    at = 1;
  } else if (length >= 1 && load<u8>(word) === 60) {
    stream = 0;
  } else if (length < 1 || load<u8>(word) !== 62) {
    return false;
  }
  at++;
  const appends = stream !== 0 && at < length && load<u8>(word + at) === 62;
  if (appends) at++;
  const entry = streams + stream * 12;
  store<usize>(entry, word + at);
  store<u32>(entry + 4, length - at);
  store<u32>(entry + 8, appends ? 1 : 0);
  return true;
}

/** Takes the redirections out of the words. False where one names no file. */
function takeStreams(): bool {
  let kept: u32 = 0;
  let good = true;
  for (let index: u32 = 0; index < wordCount; index++) {
    if (takeStream(index)) {
      for (let stream: u32 = 0; stream < 3; stream++) {
        if (streamPath(stream) !== 0 && streamLength(stream) === 0) good = false;
      }
      continue;
    }
    memory.copy(words + kept * 8, words + index * 8, 8);
    store<u8>(quotes + kept, load<u8>(quotes + index));
    kept++;
  }
  wordCount = kept;
  return good;
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
  startSession = false;
  startTerminal = false;
  memory.fill(streams, 0, 3 * 12);
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
  startTerminal = firstIs("terminal");
  startSession = startTerminal || firstIs("session");
  if (startSession) dropFirst();
  startNative = firstIs("native");
  if (!startNative && !firstIs("linux")) return LINE_UNKNOWN;
  dropFirst();
  if (!takeStreams()) return LINE_STREAM;
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
  if (error === LINE_STREAM) return "a file's name is missing behind < or >";
  return 'expected "linux PATH ARGUMENTS", "native PATH ARGUMENTS", "env NAME=VALUE", "mediator on|off" or "pregrant SIZE|off"';
}
