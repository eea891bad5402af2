// boot.conf, as docs/bootimage.md describes it. The host's reader is tools/bootimage/config.ts; both are held to the
// same cases. Nothing is copied: what the file says is told as places in its text.

import { MOST_COMMAND_LINE } from "./command_line";

/** Bytes of a configuration that the loader takes. */
export const MOST_TEXT: u32 = 0x8000;
const MOST_ENTRIES: i32 = 256;
const MOST_MODULES: i32 = 1024;
/** Seconds. */
const LONGEST_TIMEOUT: i32 = 86400;
const MOST_DEFAULT: i32 = 0xffff;
/** Pixels. */
const LARGEST_SIDE: i32 = 16384;

export const PROTOCOL_ANY: u32 = 0;
export const PROTOCOL_MULTIBOOT1: u32 = 1;
export const PROTOCOL_MULTIBOOT2: u32 = 2;
export const PROTOCOL_LINUX: u32 = 3;

/** A place in linear memory and its bytes. */
@unmanaged
export class Text {
  start: usize;
  length: i32;
}

/** A file and what stands behind it on its line. */
@unmanaged
export class FileLine {
  path: usize;
  pathLength: i32;
  text: usize;
  textLength: i32;
}

@unmanaged
export class Entry {
  title: usize;
  titleLength: i32;
  kernel: usize;
  kernelLength: i32;
  commandLine: usize;
  commandLineLength: i32;
  firstModule: i32;
  modules: i32;
  /** PROTOCOL_… */
  protocol: u32;
  /** Pixels and bits; 0 leaves it to the loader. */
  hasVideo: bool;
  width: u32;
  height: u32;
  depth: u32;
  line: i32;
}

const ENTRY_SIZE: usize = offsetof<Entry>();
const FILE_SIZE: usize = offsetof<FileLine>();
const entries: usize = memory.data(64 * 256, 8);
const modules: usize = memory.data(16 * 1024, 8);
let moduleTotal: i32 = 0;

/** Number of entries. */
export let entryCount: i32 = 0;
/** Seconds until the default entry starts, -1 where the file does not say. */
export let timeout: i32 = -1;
/** Number of the entry that starts by itself, from 0. */
export let defaultEntry: i32 = 0;

/** What is wrong, in a few words, and the line it is in; 0 where it is not in one. */
export let mistake: string = "";
export let mistakeLine: i32 = 0;

let line: i32 = 0;
let defaultLine: i32 = 0;

export function entryAt(index: i32): Entry {
  return changetype<Entry>(entries + <usize>index * ENTRY_SIZE);
}

/** Module `index` of an entry. */
export function moduleAt(entry: Entry, index: i32): FileLine {
  return changetype<FileLine>(modules + <usize>(entry.firstModule + index) * FILE_SIZE);
}

function wrong(what: string): bool {
  mistake = what;
  mistakeLine = line;
  return false;
}

function isBlank(byte: u8): bool {
  return byte === 32 || byte === 9;
}

/** Takes blanks off both ends, and a carriage return off the last one. */
function trim(text: Text): void {
  while (text.length > 0 && isBlank(load<u8>(text.start))) {
    text.start++;
    text.length--;
  }
  while (text.length > 0) {
    const last = load<u8>(text.start + text.length - 1);
    if (!isBlank(last) && last !== 13) break;
    text.length--;
  }
}

/** Whether the text is `name`, which is ASCII. */
function isText(text: Text, name: string): bool {
  if (text.length !== name.length) return false;
  const expected = changetype<usize>(name);
  for (let i = 0; i < name.length; i++) {
    if (<u16>load<u8>(text.start + i) !== load<u16>(expected + ((<usize>i) << 1))) return false;
  }
  return true;
}

const word = changetype<Text>(memory.data(offsetof<Text>(), 8));
const rest = changetype<Text>(memory.data(offsetof<Text>(), 8));
const lineText = changetype<Text>(memory.data(offsetof<Text>(), 8));

/** A decimal number of one to `digits` digits that is all of the text, or -1. */
function numberIn(start: usize, length: i32, digits: i32): i32 {
  if (length < 1 || length > digits) return -1;
  let value = 0;
  for (let i = 0; i < length; i++) {
    const byte = load<u8>(start + i);
    if (byte < 48 || byte > 57) return -1;
    value = value * 10 + (byte - 48);
  }
  return value;
}

/**
 * Reads the text; false with `mistake` and `mistakeLine` where it is no configuration. The text must stay where it is:
 * entries point into it.
 */
export function parseConfiguration(start: usize, length: u32): bool {
  entryCount = 0;
  moduleTotal = 0;
  timeout = -1;
  defaultEntry = -1;
  line = 0;
  if (length > MOST_TEXT) return wrong("is longer than 32768 bytes");
  const end = start + length;
  for (let at = start; at <= end; ) {
    let stop = at;
    while (stop < end && load<u8>(stop) !== 10) stop++;
    line++;
    lineText.start = at;
    lineText.length = <i32>(stop - at);
    if (!readLine()) return false;
    at = stop + 1;
  }
  for (let i = 0; i < entryCount; i++) {
    line = entryAt(i).line;
    if (entryAt(i).kernel === 0) return wrong("the entry has no kernel");
  }
  line = 0;
  if (entryCount === 0) return wrong("has no entry; title begins one");
  if (defaultEntry < 0) defaultEntry = 0;
  line = defaultLine;
  return defaultEntry < entryCount || wrong("default is no entry's number");
}

function readLine(): bool {
  for (let i = 0; i < lineText.length; i++) {
    if (load<u8>(lineText.start + i) === 0) return wrong("has a NUL character");
  }
  trim(lineText);
  if (lineText.length === 0 || load<u8>(lineText.start) === 35) return true;
  let length = 0;
  while (length < lineText.length && !isBlank(load<u8>(lineText.start + length))) length++;
  word.start = lineText.start;
  word.length = length;
  rest.start = lineText.start + length;
  rest.length = lineText.length - length;
  trim(rest);
  if (isText(word, "timeout")) return readTimeout();
  if (isText(word, "default")) return readDefault();
  if (isText(word, "title")) return readTitle();
  if (isText(word, "kernel")) return entryCount > 0 ? readKernel() : wrong("kernel before a title");
  if (isText(word, "module")) return entryCount > 0 ? readModule() : wrong("module before a title");
  if (isText(word, "protocol")) {
    return entryCount > 0 ? readProtocol() : wrong("protocol before a title");
  }
  if (isText(word, "video")) return entryCount > 0 ? readVideo() : wrong("video before a title");
  return wrong("no such keyword");
}

function readTimeout(): bool {
  if (timeout >= 0) return wrong("a second timeout");
  const seconds = numberIn(rest.start, rest.length, 9);
  if (seconds < 0 || seconds > LONGEST_TIMEOUT) return wrong("timeout takes seconds, 0 to 86400");
  timeout = seconds;
  return true;
}

function readDefault(): bool {
  if (defaultEntry >= 0) return wrong("a second default");
  const number = numberIn(rest.start, rest.length, 9);
  if (number < 1 || number > MOST_DEFAULT) {
    return wrong("default takes the number of an entry, 1 to 65535");
  }
  defaultEntry = number - 1;
  defaultLine = line;
  return true;
}

function readTitle(): bool {
  if (rest.length === 0) return wrong("title has no text");
  if (entryCount === MOST_ENTRIES) return wrong("more than 256 entries");
  const entry = entryAt(entryCount++);
  memory.fill(changetype<usize>(entry), 0, ENTRY_SIZE);
  entry.title = rest.start;
  entry.titleLength = rest.length;
  entry.firstModule = moduleTotal;
  entry.line = line;
  return true;
}

const file = changetype<FileLine>(memory.data(offsetof<FileLine>(), 8));

/** Path and text behind it, out of `rest` into `file`. */
function readFileLine(): bool {
  let path = rest.start;
  let length = 0;
  let used = 0;
  if (rest.length > 0 && load<u8>(path) === 34) {
    path++;
    while (length + 1 < rest.length && load<u8>(path + length) !== 34) length++;
    if (length + 1 >= rest.length) return wrong("the quote is not closed");
    used = length + 2;
    if (used < rest.length && !isBlank(load<u8>(rest.start + used))) {
      return wrong("a blank is missing behind the closing quote");
    }
  } else {
    while (length < rest.length && !isBlank(load<u8>(path + length))) length++;
    used = length;
  }
  if (length > 0 && load<u8>(path) === 47) {
    path++;
    length--;
  }
  if (length === 0) return wrong("the path is missing");
  file.path = path;
  file.pathLength = length;
  rest.start += used;
  rest.length -= used;
  trim(rest);
  if (rest.length > MOST_COMMAND_LINE) return wrong("more than 4095 bytes behind the path");
  file.text = rest.start;
  file.textLength = rest.length;
  return true;
}

function readKernel(): bool {
  const entry = entryAt(entryCount - 1);
  if (entry.kernel !== 0) return wrong("a second kernel in one entry; title begins another entry");
  if (!readFileLine()) return false;
  entry.kernel = file.path;
  entry.kernelLength = file.pathLength;
  entry.commandLine = file.text;
  entry.commandLineLength = file.textLength;
  return true;
}

function readModule(): bool {
  if (moduleTotal === MOST_MODULES) return wrong("more than 1024 modules");
  if (!readFileLine()) return false;
  const entry = entryAt(entryCount - 1);
  memory.copy(
    changetype<usize>(moduleAt(entry, entry.modules)),
    changetype<usize>(file),
    FILE_SIZE,
  );
  entry.modules++;
  moduleTotal++;
  return true;
}

function readProtocol(): bool {
  const entry = entryAt(entryCount - 1);
  if (entry.protocol !== PROTOCOL_ANY) return wrong("a second protocol in one entry");
  if (isText(rest, "multiboot1")) entry.protocol = PROTOCOL_MULTIBOOT1;
  else if (isText(rest, "multiboot2")) entry.protocol = PROTOCOL_MULTIBOOT2;
  else if (isText(rest, "linux")) entry.protocol = PROTOCOL_LINUX;
  else return wrong("protocol is one of multiboot1, multiboot2, linux");
  return true;
}

/** The digits from `at` on, up to an x or the end of `rest`; their number. */
function digitsFrom(at: i32): i32 {
  let length = 0;
  while (at + length < rest.length && load<u8>(rest.start + at + length) !== 120) length++;
  return length;
}

function readVideo(): bool {
  const entry = entryAt(entryCount - 1);
  if (entry.hasVideo) return wrong("a second video in one entry");
  const first = digitsFrom(0);
  const second = digitsFrom(first + 1);
  const width = numberIn(rest.start, first, 5);
  const height = numberIn(rest.start + first + 1, second, 5);
  let depth = 0;
  const last = first + 1 + second;
  if (last < rest.length) {
    depth = numberIn(rest.start + last + 1, rest.length - last - 1, 2);
  }
  if (width < 1 || height < 1 || width > LARGEST_SIDE || height > LARGEST_SIDE || depth < 0) {
    return wrong("video takes a mode such as 1024x768x32");
  }
  if (depth !== 0 && depth !== 8 && depth !== 15 && depth !== 16 && depth !== 24 && depth !== 32) {
    return wrong("video: a pixel has 8, 15, 16, 24 or 32 bits");
  }
  entry.hasVideo = true;
  entry.width = width;
  entry.height = height;
  entry.depth = depth;
  return true;
}
