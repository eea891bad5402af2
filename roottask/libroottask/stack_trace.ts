// The calls that a program was in, by the chain of its frame pointers (System V ABI AMD64, "The Stack Frame"). Code without
// frame pointers has anything in RBP: a frame counts where the address it returns to is behind a call. Left out: frames that
// only unwind tables tell of.

import { MEM_X } from "../libhedron/abi";
import { Utcb } from "../libhedron/utcb";
import { areaAt, Space } from "./areas";
import { endLine, say, sayDecimal, sayHex, sayText } from "./console";
import { LOG_ERROR, lineAbout, logs, MODULE_EXCEPTIONS } from "./log";
import { Program } from "./program";
import { copyFrom, get64, got } from "./space";
import {
  addPlace,
  countPlaces,
  findSymbols,
  forgetPlaces,
  PLACES_MAX,
  Place,
  placeAt,
  symbolName,
} from "./symbols";
import { PATH_MAX, pathOf, root, rootMount, seeFrom } from "./tree";

/** Bytes of a name that are shown. */
const NAME_MAX: u32 = 200;
const text = memory.data(4096);
if (PATH_MAX > 4096) ERROR("text");

/** Bytes of the longest call instruction without prefixes that matter. */
const CALL_MAX: u32 = 7;
const code = memory.data(8);

function executable(space: Space, address: u64): bool {
  const area = areaAt(space, address);
  return area !== null && area.fixed === 0 && (area.rights & MEM_X) !== 0;
}

/** How far behind its beginning a function may be. */
const FUNCTION_MAX: u64 = 1 << 20;

/**
 * A call is in front of `address`: E8, or FF /2 of 2 to 7 bytes (Intel SDM vol. 2A, CALL); where `inside` is not 0, one
 * that can have led to the function which that is in.
 */
function returnsTo(space: Space, address: u64, inside: u64): bool {
  if (address < (CALL_MAX as u64) || !executable(space, address - 1)) return false;
  if (!copyFrom(space, code, address - (CALL_MAX as u64), CALL_MAX)) return false;
  if (load<u8>(code + CALL_MAX - 5) === 0xe8) {
    const called = address + (load<i32>(code + CALL_MAX - 4) as i64 as u64);
    if (inside === 0 || (called <= inside && inside - called < FUNCTION_MAX)) return true;
  }
  for (let bytes: u32 = 2; bytes <= CALL_MAX; bytes++) {
    const at = code + CALL_MAX - bytes;
    if (load<u8>(at) === 0xff && ((load<u8>(at + 1) >> 3) & 7) === 2) return true;
  }
  return false;
}

/** Adds where the program is and was, innermost first. */
function collect(space: Space, regs: Utcb): void {
  forgetPlaces();
  addPlace(space, regs.rip, false);
  // What was called has no frame where it is no code, or a function that calls no other: the last word pushed leads back.
  const inside = executable(space, regs.rip) ? regs.rip : 0;
  if (get64(space, regs.rsp) && returnsTo(space, got, inside)) addPlace(space, got, true);
  let lowest = regs.rsp;
  let frame = regs.rbp;
  while (countPlaces() < PLACES_MAX) {
    if (frame < lowest || (frame & 7) !== 0) return;
    if (!get64(space, frame + 8) || !returnsTo(space, got, 0)) return;
    addPlace(space, got, true);
    lowest = frame + 16;
    if (!get64(space, frame)) return;
    frame = got;
  }
}

/** Says where `place`, the one of number `index`, is. */
function sayPlace(program: Program, index: u32, place: Place): void {
  lineAbout(program, LOG_ERROR, MODULE_EXCEPTIONS, "  #");
  sayDecimal(index as u64);
  say(" ");
  sayHex(place.address, 1);
  const node = place.node;
  if (node !== null) {
    const linked = place.linked + (place.address - place.wanted);
    const length = symbolName(place, text, NAME_MAX);
    if (length !== 0) {
      say(" ");
      sayText(text, length);
      say("+");
      sayHex(linked - place.value, 1);
    }
    say(" in ");
    const path = node.names === null ? -1 : pathOf(place.mount, node, text);
    if (path >= 0) sayText(text, path as u32);
    else say("a file without a name");
    if (linked !== place.address) {
      say(" at ");
      sayHex(linked, 1);
    }
  }
  endLine();
}

/** Says where `program`, whose registers are `regs`, is and how it has come there, as far as files and frames tell. */
export function sayTrace(program: Program, regs: Utcb): void {
  if (!logs(LOG_ERROR, MODULE_EXCEPTIONS, program)) return;
  collect(program.space, regs);
  if (countPlaces() === 1 && placeAt(0).node === null) return;
  findSymbols();
  seeFrom(rootMount(), root());
  for (let i: u32 = 0; i < countPlaces(); i++) sayPlace(program, i, placeAt(i));
}
