// The stack a program finds at its start: argc, argv, envp, auxiliary vector, then the strings. System V
// ABI AMD64 supplement, 3.4.1 and 3.4.2; auxiliary vector as fs/binfmt_elf.c fills it.

import { MEM_R } from "../libhedron/abi";
import { cpuid } from "../libhedron/x86";
import { Space } from "../libroottask/areas";
import { Credentials, rootCredentials } from "../libroottask/credentials";
import { Elf } from "../libroottask/elf";
import { Program } from "../libroottask/program";
import { randomBytes } from "../libroottask/random";
import { copyTo, inPage, pointerTo, put64, textLength } from "../libroottask/space";
import {
  argument,
  argumentCount,
  argumentLength,
  environmentSize,
  variable,
  variableLength,
} from "../libroottask/startfile";
import { copyLiteral } from "../libroottask/text";

const AT_PHDR: u64 = 3;
const AT_PHENT: u64 = 4;
const AT_PHNUM: u64 = 5;
const AT_PAGESZ: u64 = 6;
const AT_BASE: u64 = 7;
const AT_FLAGS: u64 = 8;
const AT_ENTRY: u64 = 9;
const AT_UID: u64 = 11;
const AT_EUID: u64 = 12;
const AT_GID: u64 = 13;
const AT_EGID: u64 = 14;
const AT_PLATFORM: u64 = 15;
const AT_HWCAP: u64 = 16;
const AT_CLKTCK: u64 = 17;
const AT_SECURE: u64 = 23;
const AT_RANDOM: u64 = 25;
const AT_EXECFN: u64 = 31;
const AT_SYSINFO_EHDR: u64 = 33;
const AUXILIARY: u32 = 19;

const SEGMENT_SIZE: u64 = 56;
/** Longest string of a vector with its NUL (MAX_ARG_STRLEN). */
export const TEXT_MAX: u32 = 0x2_0000;

const scratch = memory.data(64);
const nul = memory.data(1);

let space: Space = changetype<Space>(0);
let cursor: u64 = 0;
let failed: bool = false;
let platform: u64 = 0;
let random: u64 = 0;

/** The ids that the next stacks tell, and whether their programs are to be careful with what they are given. */
let acting: Credentials = changetype<Credentials>(0);
let secure: bool = false;

export function setIds(credentials: Credentials, securely: bool): void {
  acting = credentials;
  secure = securely;
}

/** Begins a stack below `top` of `target`: strings are pushed next, of which the last one pushed comes first. */
export function beginStack(target: Space, top: u64): void {
  space = target;
  failed = false;
  cursor = top - 16;
  platform = pushText(scratch, copyLiteral(scratch, "x86_64"));
  cursor -= 16;
  random = cursor;
  randomBytes(scratch, 16);
  failed = failed || !copyTo(space, random, scratch, 16);
}

/** Puts bytes and a NUL below what is there: where. */
export function pushText(from: usize, length: u32): u64 {
  cursor -= (length as u64) + 1;
  failed = failed || !copyTo(space, cursor + (length as u64), nul, 1);
  failed = failed || !copyTo(space, cursor, from, length);
  return cursor;
}

/** The same with `length` bytes at `address` of another space. False where they cannot be read. */
export function pushFrom(source: Space, address: u64, length: u32): bool {
  cursor -= (length as u64) + 1;
  failed = failed || !copyTo(space, cursor + (length as u64), nul, 1);
  let done: u32 = 0;
  while (done < length) {
    const from = pointerTo(source, address + (done as u64), MEM_R);
    if (from === 0) return false;
    const piece = inPage(address + (done as u64), (length - done) as u64);
    failed = failed || !copyTo(space, cursor + (done as u64), from, piece);
    done += piece;
  }
  return true;
}

function word(value: u64): void {
  failed = failed || !put64(space, cursor, value);
  cursor += 8;
}

function auxiliary(type: u64, value: u64): void {
  word(type);
  word(value);
}

/** Addresses of `count` strings, which lie one behind the other from `address` on, and a 0; the address behind them. */
function vector(count: u32, address: u64): u64 {
  let at = address;
  for (let i: u32 = 0; i < count && !failed; i++) {
    word(at);
    const length = textLength(space, at, TEXT_MAX);
    failed = failed || length < 0;
    at += (length as u64) + 1;
  }
  word(0);
  return at;
}

/** Feature bits of CPUID leaf 1, EDX: what Linux gives as AT_HWCAP. */
function hardware(): u64 {
  cpuid(1, 0, scratch + 16);
  return load<u32>(scratch + 28) as u64;
}

/**
 * Ends the stack with argc, the vectors and the auxiliary vector of `elf`. The strings pushed last are `count` arguments
 * and `variables` of the environment, in order of address; `file` is the address of the program's name, `vdso` that of
 * the vDSO, or 0. Returns RSP, 16-byte aligned, or 0 when there is no room.
 */
export function endStack(elf: Elf, count: u32, variables: u32, file: u64, vdso: u64): u64 {
  const strings = cursor;
  const words = 1 + count + 1 + variables + 1 + AUXILIARY * 2;
  cursor = (cursor & ~(15 as u64)) - (((words + 1) & ~1) as u64) * 8;
  const start = cursor;
  word(count as u64);
  space.argumentsStart = strings;
  space.argumentsEnd = vector(count, strings);
  space.variablesEnd = vector(variables, space.argumentsEnd);
  space.auxiliaryStart = cursor;
  if (vdso !== 0) auxiliary(AT_SYSINFO_EHDR, vdso);
  auxiliary(AT_HWCAP, hardware());
  auxiliary(AT_PAGESZ, 4096);
  auxiliary(AT_CLKTCK, 100);
  auxiliary(AT_PHDR, elf.headers);
  auxiliary(AT_PHENT, SEGMENT_SIZE);
  auxiliary(AT_PHNUM, elf.segmentCount as u64);
  auxiliary(AT_BASE, elf.interpreterBase);
  auxiliary(AT_FLAGS, 0);
  auxiliary(AT_ENTRY, elf.entry);
  auxiliary(AT_UID, acting.user as u64);
  auxiliary(AT_EUID, acting.effectiveUser as u64);
  auxiliary(AT_GID, acting.group as u64);
  auxiliary(AT_EGID, acting.effectiveGroup as u64);
  auxiliary(AT_SECURE, secure ? 1 : 0);
  auxiliary(AT_RANDOM, random);
  auxiliary(AT_EXECFN, file);
  auxiliary(AT_PLATFORM, platform);
  auxiliary(0, 0);
  space.auxiliaryEnd = cursor;
  return failed ? 0 : start;
}

/**
 * Builds the stack below `top` from the words and the environment of the current start line; `extra` is one
 * more variable, or empty, `vdso` the address of the vDSO, or 0. Returns RSP, 16-byte aligned, or 0 when there is no room.
 */
export function buildStack(program: Program, elf: Elf, top: u64, extra: string, vdso: u64): u64 {
  beginStack(program.space, top);
  setIds(rootCredentials(), false);
  const file = pushText(argument(0), argumentLength(0));
  let variables = environmentSize();
  if (extra.length !== 0) pushText(scratch, copyLiteral(scratch, extra));
  for (let i = variables; i > 0; i--) pushText(variable(i - 1), variableLength(i - 1));
  if (extra.length !== 0) variables++;
  const count = argumentCount();
  for (let i = count; i > 0; i--) pushText(argument(i - 1), argumentLength(i - 1));
  return endStack(elf, count, variables, file, vdso);
}
