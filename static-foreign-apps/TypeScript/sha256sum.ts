// sha256sum for Linux in TypeScript: prints or, with -c, checks SHA-256 digests, with the output, messages
// and exit status of GNU coreutils. Options: -b -t -z -c --tag --quiet --status --strict -w and their long
// names. Long options may not be shortened; --help, --version and --ignore-missing are left out.

import {
  argument,
  argumentCount,
  close,
  EACCES,
  EBADF,
  EIO,
  EISDIR,
  ELOOP,
  EMFILE,
  ENAMETOOLONG,
  ENOENT,
  ENOTDIR,
  exit,
  open,
  read,
  STDERR,
  STDIN,
  STDOUT,
  writeAll,
} from "./lib/posix";
import { sha256Final, sha256Init, sha256Update } from "./lib/sha256";

const PATH_ROOM: u32 = 4096;
const INPUT_ROOM: u32 = 65536;
const OUTPUT_ROOM: u32 = 16384;
const LINE_ROOM: u32 = 8192;

const path = memory.data(4097);
const input = memory.data(65536);
const output = memory.data(16384);
const line = memory.data(8192);
const digest = memory.data(64);
let outputLength: u32 = 0;
let status: i32 = 0;
/** The first error of writing to standard output, or 0. */
let writeError: i64 = 0;

let binary: bool = false;
let checking: bool = false;
let tagged: bool = false;
let zero: bool = false;
let quiet: bool = false;
let silent: bool = false;
let strict: bool = false;
let warning: bool = false;

function flush(): void {
  if (outputLength === 0) return;
  const error = writeAll(STDOUT, output, outputLength);
  outputLength = 0;
  if (error === 0) return;
  status = 1;
  // As coreutils: said once, at the end, and the reason only where nothing was open to write to.
  if (writeError === 0) writeError = error;
}

function putByte(value: u32): void {
  if (outputLength === OUTPUT_ROOM) flush();
  store<u8>(output + outputLength, value as u8);
  outputLength++;
}

function put(text: usize, length: u32): void {
  for (let i: u32 = 0; i < length; i++) putByte(load<u8>(text + i) as u32);
}

function say(literal: string): void {
  for (let i = 0; i < literal.length; i++) putByte(literal.charCodeAt(i) as u32);
}

/** Everything said between `complain` and `complained` goes to standard error. */
function complain(): void {
  flush();
  say("sha256sum: ");
}

function complained(): void {
  putByte(10);
  writeAll(STDERR, output, outputLength);
  outputLength = 0;
}

function equals(text: usize, length: u32, literal: string): bool {
  if (length !== (literal.length as u32)) return false;
  for (let i: u32 = 0; i < length; i++) {
    if ((load<u8>(text + i) as i32) !== literal.charCodeAt(i)) return false;
  }
  return true;
}

function errorText(error: i64): string {
  if (error === -ENOENT) return "No such file or directory";
  if (error === -EISDIR) return "Is a directory";
  if (error === -ENOTDIR) return "Not a directory";
  if (error === -EACCES) return "Permission denied";
  if (error === -EBADF) return "Bad file descriptor";
  if (error === -EMFILE) return "Too many open files";
  if (error === -ENAMETOOLONG) return "File name too long";
  if (error === -ELOOP) return "Too many levels of symbolic links";
  return error === -EIO ? "Input/output error" : "";
}

/** The text of an error, or its number for one that has none here. */
function sayError(error: i64): void {
  const text = errorText(error);
  if (text.length !== 0) {
    say(text);
    return;
  }
  const number = -error as u32;
  say("Error ");
  if (number >= 100) putByte(48 + ((number / 100) % 10));
  if (number >= 10) putByte(48 + ((number / 10) % 10));
  putByte(48 + (number % 10));
}

/** A name as messages show it: quoted where the shell would need it. */
function sayName(name: usize, length: u32): void {
  let plain = length !== 0;
  for (let i: u32 = 0; i < length; i++) {
    const value = load<u8>(name + i);
    if (value <= 32 || value > 126 || value === 39 || value === 34 || value === 42) plain = false;
  }
  if (plain) {
    put(name, length);
    return;
  }
  putByte(39);
  put(name, length);
  putByte(39);
}

function failed(name: usize, length: u32, error: i64): void {
  status = 1;
  complain();
  sayName(name, length);
  say(": ");
  sayError(error);
  complained();
}

/** Digest of the file at `path` into `digest`; "-" is standard input. Returns 0 or a negative error. */
function digestFile(length: u32): i64 {
  const standard = equals(path, length, "-");
  const fd = standard ? STDIN : open(path);
  if (fd < 0) return fd;
  sha256Init();
  let count = read(fd, input, INPUT_ROOM);
  while (count > 0) {
    sha256Update(input, count as u32);
    count = read(fd, input, INPUT_ROOM);
  }
  if (!standard) close(fd);
  if (count < 0) return count;
  sha256Final(digest);
  return 0;
}

/** Names with a newline, carriage return or backslash are escaped, and the line marked with a backslash. */
function needsEscape(name: usize, length: u32): bool {
  if (zero) return false;
  for (let i: u32 = 0; i < length; i++) {
    const value = load<u8>(name + i);
    if (value === 10 || value === 13 || value === 92) return true;
  }
  return false;
}

function putEscaped(name: usize, length: u32): void {
  for (let i: u32 = 0; i < length; i++) {
    const value = load<u8>(name + i) as u32;
    if (value === 10) say("\\n");
    else if (value === 13) say("\\r");
    else if (value === 92) say("\\\\");
    else putByte(value);
  }
}

function printDigest(length: u32): void {
  const error = digestFile(length);
  if (error < 0) {
    failed(path, length, error);
    return;
  }
  const escaped = needsEscape(path, length);
  if (escaped) putByte(92);
  if (tagged) {
    say("SHA256 (");
    if (escaped) putEscaped(path, length);
    else put(path, length);
    say(") = ");
    put(digest, 64);
  } else {
    put(digest, 64);
    say(binary ? " *" : "  ");
    if (escaped) putEscaped(path, length);
    else put(path, length);
  }
  putByte(zero ? 0 : 10);
}

let listFd: i64 = 0;
let listAt: u32 = 0;
let listEnd: u32 = 0;
/** The list is read in pieces of its own, because digests use `input`. */
const list = memory.data(4096);

/** Reads the next line of the list into `line`; its length, -1 at the end, or a negative error - 1. */
function nextLine(): i64 {
  let length: u32 = 0;
  while (true) {
    if (listAt === listEnd) {
      const count = read(listFd, list, 4096);
      if (count < 0) return count - 1;
      if (count === 0) return length === 0 ? -1 : (length as i64);
      listAt = 0;
      listEnd = count as u32;
    }
    const value = load<u8>(list + listAt);
    listAt++;
    if (value === 10) return length as i64;
    if (length < LINE_ROOM) {
      store<u8>(line + length, value);
      length++;
    }
  }
}

function hexadecimal(text: usize): bool {
  for (let i: u32 = 0; i < 64; i++) {
    const value = load<u8>(text + i) | 32;
    if ((value < 48 || value > 57) && (value < 97 || value > 102)) return false;
  }
  return true;
}

function sameDigest(text: usize): bool {
  for (let i: u32 = 0; i < 64; i++) {
    if ((load<u8>(text + i) | 32) !== (load<u8>(digest + i) | 32)) return false;
  }
  return true;
}

/** Copies the name in [from, from + length) to `path`, undoing escapes. Its length, or 0 where it is bad. */
function takeName(from: usize, length: u32, escaped: bool): u32 {
  let size: u32 = 0;
  for (let i: u32 = 0; i < length && size < PATH_ROOM; i++) {
    let value = load<u8>(from + i);
    if (escaped && value === 92) {
      i++;
      const code = i < length ? load<u8>(from + i) : 0;
      if (code === 110) value = 10;
      else if (code === 114) value = 13;
      else if (code !== 92) return 0;
    }
    store<u8>(path + size, value);
    size++;
  }
  store<u8>(path + size, 0);
  return size;
}

let expected: usize = 0;

/** Splits "DIGEST  NAME", "DIGEST *NAME" or "SHA256 (NAME) = DIGEST" of `length` bytes. Length of the name, or 0. */
function splitLine(length: u32): u32 {
  const escaped = length !== 0 && load<u8>(line) === 92;
  const start = line + (escaped ? 1 : 0);
  const size = length - (escaped ? 1 : 0);
  if (size > 75 && equals(start, 8, "SHA256 (")) {
    if (!equals(start + size - 68, 4, ") = ")) return 0;
    expected = start + size - 64;
    if (!hexadecimal(expected)) return 0;
    return takeName(start + 8, size - 76, escaped);
  }
  if (size < 67 || !hexadecimal(start) || load<u8>(start + 64) !== 32) return 0;
  const mark = load<u8>(start + 65);
  if (mark !== 32 && mark !== 42) return 0;
  expected = start;
  return takeName(start + 66, size - 66, escaped);
}

function sayDecimal(value: u32): void {
  if (value >= 10) sayDecimal(value / 10);
  putByte(48 + (value % 10));
}

function warn(count: u32, one: string, many: string): void {
  if (count === 0) return;
  complain();
  say("WARNING: ");
  sayDecimal(count);
  say(count === 1 ? one : many);
  complained();
}

const listName = memory.data(4097);

/** -c: checks the digests listed in the file at `path`. */
function checkList(length: u32): void {
  memory.copy(listName, path, length + 1);
  const standard = equals(path, length, "-");
  listFd = standard ? STDIN : open(path);
  if (listFd < 0) {
    failed(path, length, listFd);
    return;
  }
  listAt = 0;
  listEnd = 0;
  let good: u32 = 0;
  let malformed: u32 = 0;
  let mismatched: u32 = 0;
  let unreadable: u32 = 0;
  let number: u32 = 0;
  let count = nextLine();
  while (count >= 0) {
    number++;
    const skipped = count === 0 || load<u8>(line) === 35;
    const name = skipped ? 0 : splitLine(count as u32);
    if (skipped) {
      count = nextLine();
      continue;
    }
    if (name === 0) {
      malformed++;
      if (warning) {
        complain();
        sayName(listName, length);
        say(": ");
        sayDecimal(number);
        say(": improperly formatted SHA256 checksum line");
        complained();
      }
    } else {
      good++;
      const error = digestFile(name);
      const match = error === 0 && sameDigest(expected);
      if (error < 0) {
        unreadable++;
        failed(path, name, error);
      } else if (!match) {
        mismatched++;
      }
      if (!silent && !(quiet && match)) {
        const escaped = needsEscape(path, name);
        if (escaped) putByte(92);
        if (escaped) putEscaped(path, name);
        else put(path, name);
        say(match ? ": OK\n" : error < 0 ? ": FAILED open or read\n" : ": FAILED\n");
      }
    }
    count = nextLine();
  }
  if (!standard) close(listFd);
  if (count < -1) {
    failed(listName, length, count + 1);
    return;
  }
  if (good === 0) {
    status = 1;
    complain();
    sayName(listName, length);
    say(": no properly formatted checksum lines found");
    complained();
    return;
  }
  if (!silent) {
    warn(malformed, " line is improperly formatted", " lines are improperly formatted");
    warn(unreadable, " listed file could not be read", " listed files could not be read");
    warn(mismatched, " computed checksum did NOT match", " computed checksums did NOT match");
  }
  if (mismatched !== 0 || unreadable !== 0 || (strict && malformed !== 0)) status = 1;
}

function unknown(short: u32, length: u32): void {
  complain();
  if (short !== 0) {
    say("invalid option -- '");
    putByte(short);
  } else {
    say("unrecognized option '");
    put(path, length);
  }
  say("'\nTry 'sha256sum --help' for more information.");
  complained();
  exit(1);
}

function shortOptions(length: u32): void {
  for (let i: u32 = 1; i < length; i++) {
    const value = load<u8>(path + i);
    if (value === 98) binary = true;
    else if (value === 116) binary = false;
    else if (value === 99) checking = true;
    else if (value === 122) zero = true;
    else if (value === 119) warning = true;
    else unknown(value as u32, length);
  }
}

function longOption(length: u32): void {
  if (equals(path, length, "--binary")) binary = true;
  else if (equals(path, length, "--text")) binary = false;
  else if (equals(path, length, "--check")) checking = true;
  else if (equals(path, length, "--tag")) tagged = true;
  else if (equals(path, length, "--zero")) zero = true;
  else if (equals(path, length, "--quiet")) quiet = true;
  else if (equals(path, length, "--status")) silent = true;
  else if (equals(path, length, "--strict")) strict = true;
  else if (equals(path, length, "--warn")) warning = true;
  else unknown(0, length);
}

/** The argument at `path` is an option; `--` ends them. */
function isOption(length: u32): bool {
  return length > 1 && load<u8>(path) === 45;
}

function work(length: u32): void {
  if (checking) checkList(length);
  else printDigest(length);
}

export function main(): i32 {
  const count = argumentCount();
  let ended = false;
  for (let i: u32 = 1; i < count && !ended; i++) {
    const length = argument(i, path, PATH_ROOM);
    if (equals(path, length, "--")) ended = true;
    else if (isOption(length)) {
      if (load<u8>(path + 1) === 45) longOption(length);
      else shortOptions(length);
    }
  }
  let files: u32 = 0;
  ended = false;
  for (let i: u32 = 1; i < count; i++) {
    const length = argument(i, path, PATH_ROOM);
    if (!ended && equals(path, length, "--")) {
      ended = true;
      continue;
    }
    if (!ended && isOption(length)) continue;
    files++;
    work(length);
  }
  if (files === 0) {
    store<u8>(path, 45);
    store<u8>(path + 1, 0);
    work(1);
  }
  flush();
  if (writeError !== 0) {
    complain();
    say("write error");
    if (writeError === -EBADF) {
      say(": ");
      sayError(writeError);
    }
    complained();
  }
  return status;
}
