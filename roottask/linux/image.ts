// The file that a program is loaded from, and the interpreter (dynamic linker) that it may name: fs/binfmt_elf.c's rules.

import { Space } from "../libroottask/areas";
import { MAY_EXECUTE } from "../libroottask/credentials";
import {
  checkElf,
  ELF_BYTES,
  ELF_DYNAMIC,
  ELF_INTERPRETER_FILE,
  ELF_INTERPRETER_MISSING,
  ELF_INTERPRETER_NAME,
  ELF_INTERPRETER_RIGHTS,
  ELF_MEMORY,
  ELF_OK,
  ELF_TRUNCATED,
  Elf,
} from "../libroottask/elf";
import { EACCES, EIO, ELIBBAD, ELOOP, ENOENT, ENOEXEC, ENOMEM } from "../libroottask/errno";
import { copyContents, inOnePiece } from "../libroottask/file_pages";
import { allocate, release } from "../libroottask/heap";
import { loadElf, loadInterpreter, mapStack } from "../libroottask/loader";
import { hasFlag, Mount, MS_NOEXEC } from "../libroottask/mount";
import { permit } from "../libroottask/permission";
import { Program } from "../libroottask/program";
import { KIND_FILE, KIND_LINK, Node, walk, walkMount, walkNode } from "../libroottask/tree";
import { mayRun } from "../libroottask/write_access";

/** The executable that was found last, and its interpreter. */
export const elf = changetype<Elf>(memory.data(ELF_BYTES));
const interpreter = changetype<Elf>(memory.data(ELF_BYTES));
let interpreterFile: Node | null = null;
let interpreterMount: Mount | null = null;
/** Bytes of the largest executable that is copied. */
const COPY_MAX: u64 = 1 << 28;

/** 0, or why `node`, found through `mount`, cannot be executed. */
export function mayExecute(mount: Mount | null, node: Node): i64 {
  if (node.kind === KIND_LINK) return -ELOOP;
  if (hasFlag(mount, MS_NOEXEC)) return -EACCES;
  if (node.kind !== KIND_FILE) return -EACCES;
  const refused = permit(node, MAY_EXECUTE);
  return refused !== 0 ? refused : mayRun(node);
}

/** Checks `file` and fills `found`; contents in several pieces are copied, until `closeImage`. Returns one of ELF_…. */
function open(found: Elf, file: Node): u32 {
  close(found);
  if (inOnePiece(file)) return checkElf(found, file.data, file.size as u32);
  if (file.size > COPY_MAX) return ELF_MEMORY;
  const bytes = file.size as u32;
  const copy = allocate(bytes);
  if (copy === 0) return ELF_MEMORY;
  copyContents(file, 0, copy, bytes);
  found.copied = bytes;
  return checkElf(found, copy, bytes);
}

function close(found: Elf): void {
  if (found.copied !== 0) release(found.file, found.copied);
  found.copied = 0;
}

/** Checks `file`, for a native program. Returns one of ELF_…. */
export function findNative(file: Node): u32 {
  const checked = open(elf, file);
  return checked === ELF_OK && elf.interpreterLength !== 0 ? ELF_DYNAMIC : checked;
}

/** Gives back what finding an image has taken; what has been found out stays. */
export function closeImage(): void {
  close(elf);
  close(interpreter);
}

/** Why the interpreter of `elf` cannot be had: 0 or a negative error. */
function findInterpreter(program: Program): i64 {
  const name = elf.file + (elf.interpreter as usize);
  const lost = walk(program.directoryMount, program.directory, name, elf.interpreterLength, true);
  if (lost !== 0) return lost;
  const node = walkNode;
  if (node === null) return -ENOENT;
  interpreterFile = node;
  interpreterMount = walkMount;
  const wrong = mayExecute(walkMount, node);
  if (wrong !== 0) return wrong;
  const checked = open(interpreter, node);
  if (checked === ELF_OK) return 0;
  return checked === ELF_TRUNCATED ? -EIO : -ELIBBAD;
}

/** Checks an executable and finds its interpreter. Returns 0 or a negative error. */
export function findElf(program: Program, file: Node): i64 {
  if (open(elf, file) !== ELF_OK) return -ENOEXEC;
  return elf.interpreterLength === 0 ? 0 : findInterpreter(program);
}

/** The same for a start line. Returns one of ELF_…. */
export function findElfOfLine(program: Program, file: Node): u32 {
  const checked = open(elf, file);
  if (checked !== ELF_OK || elf.interpreterLength === 0) return checked;
  const error = findInterpreter(program);
  if (error === 0) return ELF_OK;
  if (error === -ENOENT) return ELF_INTERPRETER_MISSING;
  if (error === -ENOMEM) return ELF_MEMORY;
  if (error === -EACCES) return ELF_INTERPRETER_RIGHTS;
  return error === -ELIBBAD || error === -EIO ? ELF_INTERPRETER_FILE : ELF_INTERPRETER_NAME;
}

/**
 * Loads what was found last, `file`, found through `mount`, with a stack of `size` bytes below `top`. Returns ELF_OK or
 * ELF_MEMORY.
 */
export function loadImage(space: Space, top: u64, size: u64, mount: Mount | null, file: Node): u32 {
  if (loadElf(space, elf, mount, file) !== ELF_OK || !mapStack(space, top, size)) return ELF_MEMORY;
  if (elf.interpreterLength === 0) return ELF_OK;
  const loaded = loadInterpreter(
    space,
    elf,
    interpreter,
    interpreterMount,
    interpreterFile as Node,
  );
  return loaded ? ELF_OK : ELF_MEMORY;
}
