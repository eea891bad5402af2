// Names of archive entries. The tree has no place above its root, so a name is taken from the root whatever
// it begins with; one that climbs with ".." is refused, as GNU tar refuses it, and of a hard link's target
// what is up to the last ".." is dropped, as GNU tar drops it.

import { PATH_MAX } from "./tree";

/** The name is usable; it is empty; it is too long; it has a component "..". */
export const NAME_OK: u32 = 0;
export const NAME_EMPTY: u32 = 1;
export const NAME_LONG: u32 = 2;
export const NAME_CLIMBS: u32 = 3;

/** What `cleanName` made: components with one "/" between them, nothing for the root itself. */
export const cleaned = memory.data(4096);
export let cleanedLength: u32 = 0;

/** Cleans the name at [name, name + length) of ".", "/" before, between and after; "..", see `climb`. */
export function cleanName(name: usize, length: u32, climb: bool): u32 {
  cleanedLength = 0;
  if (length === 0) return NAME_EMPTY;
  if (length >= PATH_MAX) return NAME_LONG;
  let start: u32 = 0;
  while (start < length) {
    let end = start;
    while (end < length && load<u8>(name + end) !== 47) end++;
    const size = end - start;
    const dots =
      size !== 0 && size <= 2 && load<u8>(name + start) === 46 && load<u8>(name + end - 1) === 46;
    if (dots && size === 2) {
      if (!climb) return NAME_CLIMBS;
      cleanedLength = 0;
    } else if (size !== 0 && !dots) {
      if (cleanedLength !== 0) store<u8>(cleaned + cleanedLength++, 47);
      memory.copy(cleaned + cleanedLength, name + start, size);
      cleanedLength += size;
    }
    start = end + 1;
  }
  return NAME_OK;
}
