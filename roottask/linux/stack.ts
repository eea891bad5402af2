// The stack a program finds at its start: argc, argv, envp, auxiliary vector, then the strings. System V
// ABI AMD64 supplement, 3.4.1 and 3.4.2; auxiliary vector as fs/binfmt_elf.c fills it.

import { cpuid } from "../libhedron/x86";
import { Elf } from "../libroottask/elf";
import { Program } from "../libroottask/program";
import { randomBytes } from "../libroottask/random";
import { copyTo, put64 } from "../libroottask/space";
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

const scratch = memory.data(64);
const nul = memory.data(1);
/** Addresses of the strings, in the order they go into the vectors. */
const strings = memory.data(136 * 8);
let stringCount: u32 = 0;

let cursor: u64 = 0;
let failed: bool = false;

/** Puts bytes and a NUL below the cursor. */
function text(program: Program, from: usize, length: u32): u64 {
  cursor -= (length as u64) + 1;
  failed = failed || !copyTo(program.space, cursor + (length as u64), nul, 1);
  failed = failed || !copyTo(program.space, cursor, from, length);
  return cursor;
}

function remember(address: u64): void {
  store<u64>(strings + stringCount * 8, address);
  stringCount++;
}

function word(program: Program, value: u64): void {
  failed = failed || !put64(program.space, cursor, value);
  cursor += 8;
}

function auxiliary(program: Program, type: u64, value: u64): void {
  word(program, type);
  word(program, value);
}

/** Feature bits of CPUID leaf 1, EDX: what Linux gives as AT_HWCAP. */
function hardware(): u64 {
  cpuid(1, 0, scratch + 16);
  return load<u32>(scratch + 28) as u64;
}

/**
 * Builds the stack below `top` from the words and the environment of the current start line; `extra` is one
 * more variable, or empty, `vdso` the address of the vDSO, or 0. Returns RSP, 16-byte aligned, or 0 when there is no room.
 */
export function buildStack(program: Program, elf: Elf, top: u64, extra: string, vdso: u64): u64 {
  failed = false;
  stringCount = 0;
  cursor = top - 16;
  const platform = text(program, scratch, copyLiteral(scratch, "x86_64"));
  const file = text(program, argument(0), argumentLength(0));
  cursor -= 16;
  const random = cursor;
  randomBytes(scratch, 16);
  failed = failed || !copyTo(program.space, random, scratch, 16);
  const count = argumentCount();
  for (let i: u32 = 0; i < count; i++) remember(text(program, argument(i), argumentLength(i)));
  let variables = environmentSize();
  for (let i: u32 = 0; i < variables; i++) remember(text(program, variable(i), variableLength(i)));
  if (extra.length !== 0) {
    remember(text(program, scratch, copyLiteral(scratch, extra)));
    variables++;
  }
  const words = 1 + count + 1 + variables + 1 + AUXILIARY * 2;
  cursor = (cursor & ~(15 as u64)) - (((words + 1) & ~1) as u64) * 8;
  const start = cursor;
  word(program, count as u64);
  for (let i: u32 = 0; i < count; i++) word(program, load<u64>(strings + i * 8));
  word(program, 0);
  for (let i = count; i < stringCount; i++) word(program, load<u64>(strings + i * 8));
  word(program, 0);
  if (vdso !== 0) auxiliary(program, AT_SYSINFO_EHDR, vdso);
  auxiliary(program, AT_HWCAP, hardware());
  auxiliary(program, AT_PAGESZ, 4096);
  auxiliary(program, AT_CLKTCK, 100);
  auxiliary(program, AT_PHDR, elf.headers);
  auxiliary(program, AT_PHENT, SEGMENT_SIZE);
  auxiliary(program, AT_PHNUM, elf.segmentCount as u64);
  auxiliary(program, AT_BASE, 0);
  auxiliary(program, AT_FLAGS, 0);
  auxiliary(program, AT_ENTRY, elf.entry);
  auxiliary(program, AT_UID, 0);
  auxiliary(program, AT_EUID, 0);
  auxiliary(program, AT_GID, 0);
  auxiliary(program, AT_EGID, 0);
  auxiliary(program, AT_SECURE, 0);
  auxiliary(program, AT_RANDOM, random);
  auxiliary(program, AT_EXECFN, file);
  auxiliary(program, AT_PLATFORM, platform);
  auxiliary(program, 0, 0);
  return failed ? 0 : start;
}
