// Capabilities that a file gives who executes it (capabilities(7), "File capabilities"): the attribute security.capability
// as include/uapi/linux/capability.h lays it out, struct vfs_cap_data and vfs_ns_cap_data.

import { capabilityAttribute } from "../libroottask/attribute_list";
import { CAP_ALL } from "../libroottask/credentials";
import { EINVAL } from "../libroottask/errno";
import { Node } from "../libroottask/tree";

const REVISION_1: u32 = 0x0100_0000;
const REVISION_2: u32 = 0x0200_0000;
const REVISION_3: u32 = 0x0300_0000;
const REVISION_MASK: u32 = 0xff00_0000;
const FLAG_EFFECTIVE: u32 = 1;
/** Bytes of revision 2, behind which revision 3 has the user id that is root where they count; bytes of revision 1. */
const BYTES: u32 = 20;
const BYTES_FOR_ROOT: u32 = 24;
const BYTES_SHORT: u32 = 12;

/** What `readFileCapabilities` found: there are any; their sets; the program has them in effect from the start. */
export let given: bool = false;
export let givenPermitted: u64 = 0;
export let givenInheritable: u64 = 0;
export let givenEffective: bool = false;

/** A set of two words, the second of which is 8 bytes further on. */
function setAt(value: usize, size: u32): u64 {
  const low = load<u32>(value) as u64;
  return size === BYTES_SHORT ? low : (low | ((load<u32>(value + 8) as u64) << 32)) & CAP_ALL;
}

function bytesOf(revision: u32): u32 {
  if (revision === REVISION_1) return BYTES_SHORT;
  if (revision === REVISION_2) return BYTES;
  return revision === REVISION_3 ? BYTES_FOR_ROOT : 0;
}

/** Looks at the capabilities of `file`, unless they are `ignored`. Returns 0, or -EINVAL where they are none. */
export function readFileCapabilities(file: Node, ignored: bool): i64 {
  given = false;
  givenPermitted = 0;
  givenInheritable = 0;
  givenEffective = false;
  if (ignored) return 0;
  const attribute = capabilityAttribute(file);
  if (attribute === null) return 0;
  const value = attribute.value;
  const size = attribute.size;
  if (size < 4) return -EINVAL;
  const head = load<u32>(value);
  if (size !== bytesOf(head & REVISION_MASK)) return -EINVAL;
  // Those for the root of another user namespace are none here.
  if (size === BYTES_FOR_ROOT && load<u32>(value + BYTES) !== 0) return 0;
  given = true;
  givenPermitted = setAt(value + 4, size);
  givenInheritable = setAt(value + 8, size);
  givenEffective = (head & FLAG_EFFECTIVE) !== 0;
  return 0;
}
