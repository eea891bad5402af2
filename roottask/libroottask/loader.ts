// Loads an ELF executable and its interpreter into an address space: System V ABI, "Program loading". What the files hold
// is copied at once; memory behind it (.bss) comes with the first touch.

import { MEM_R, MEM_W, MEM_X, PAGE_SIZE } from "../libhedron/abi";
import { areaAt, findRoom, MARK_LOADED, Space } from "./areas";
import {
  ELF_MEMORY,
  ELF_OK,
  Elf,
  loadable,
  movable,
  moveElf,
  PF_R,
  PF_W,
  PF_X,
  Segment,
  segmentOf,
} from "./elf";
import { noteImage } from "./images";
import { Mount } from "./mount";
import { copyInto, map, protect, touch } from "./space";
import { Node } from "./tree";

const PAGE: u64 = 4096;

function rightsOf(segment: Segment): u32 {
  let rights: u32 = 0;
  if ((segment.flags & PF_R) !== 0) rights |= MEM_R;
  if ((segment.flags & PF_W) !== 0) rights |= MEM_W;
  if ((segment.flags & PF_X) !== 0) rights |= MEM_X;
  return rights;
}

function loadSegment(space: Space, elf: Elf, segment: Segment): bool {
  const start = segment.address + elf.bias;
  const end = (start + segment.memorySize + PAGE - 1) & ~(PAGE - 1);
  let first = start & ~(PAGE - 1);
  const rights = rightsOf(segment);
  const shared = areaAt(space, first);
  if (shared !== null) {
    if (protect(space, first, first + PAGE, shared.rights | rights) !== 0) return false;
    first += PAGE;
  }
  if (first < end && map(space, first, end, rights, null, 0) !== 0) return false;
  if (segment.fileSize === 0) return true;
  const source = elf.file + (segment.offset as usize);
  return copyInto(space, start, source, segment.fileSize as u32);
}

/** Loads the segments of `elf`, which is `file`, found through `mount`. False when memory is out. */
function loadSegments(space: Space, elf: Elf, mount: Mount | null, file: Node): bool {
  if (!noteImage(space, mount, file, elf.bias)) return false;
  space.marksNew = MARK_LOADED;
  let complete = true;
  for (let i: u32 = 0; complete && i < elf.segmentCount; i++) {
    const segment = segmentOf(elf, i);
    if (loadable(segment)) complete = loadSegment(space, elf, segment);
  }
  space.marksNew = 0;
  return complete;
}

/**
 * Loads the interpreter of `elf`, both checked, where there is room for it: `file`, found through `mount`. False when memory
 * is out.
 */
export function loadInterpreter(
  space: Space,
  elf: Elf,
  interpreter: Elf,
  mount: Mount | null,
  file: Node,
): bool {
  if (movable(interpreter)) {
    const room = findRoom(space, (interpreter.end - interpreter.start + PAGE - 1) & ~(PAGE - 1));
    if (room === 0) return false;
    moveElf(interpreter, interpreter.bias + room - interpreter.start);
  }
  elf.interpreterBase = interpreter.bias;
  elf.interpreterEntry = interpreter.entry;
  return loadSegments(space, interpreter, mount, file);
}

/**
 * Maps and fills the segments of a checked executable, which is `file`, found through `mount`. Returns ELF_OK or
 * ELF_MEMORY.
 */
export function loadElf(space: Space, elf: Elf, mount: Mount | null, file: Node): u32 {
  if (!loadSegments(space, elf, mount, file)) return ELF_MEMORY;
  space.breakStart = (elf.end + PAGE - 1) & ~(PAGE - 1);
  space.breakEnd = space.breakStart;
  return ELF_OK;
}

/** Maps `size` bytes of stack below `top`; its last pages are touched. False when memory is out. */
export function mapStack(space: Space, top: u64, size: u64): bool {
  if (map(space, top - size, top, MEM_R | MEM_W, null, 0) !== 0) return false;
  return touch(space, top - (PAGE_SIZE as u64), MEM_W);
}
