// Modules of an entry: each read straight to the pages where the kernel finds it.

import { Entry, FileLine, moduleAt } from "./configuration";
import { failFile } from "./failure";
import { findFile, ImageFile, loadFile, roomFor } from "./image_file";
import { allocateNear } from "./placement";

@unmanaged
class Place {
  start: u64;
  size: u64;
}

const places: usize = memory.data(16 * 1024, 8);
const file = changetype<ImageFile>(memory.data(offsetof<ImageFile>(), 8));

function placeAt(index: i32): Place {
  return changetype<Place>(places + ((<usize>index) << 4));
}

/** Physical address of a module that has been loaded, on a page boundary. */
export function moduleStart(index: i32): u64 {
  return placeAt(index).start;
}

/** Bytes. */
export function moduleSize(index: i32): u64 {
  return placeAt(index).size;
}

/** Finds all, so that one that is missing is told before anything large is read; then loads them. */
export function loadModules(entry: Entry): bool {
  for (let i = 0; i < entry.modules; i++) {
    const line = moduleAt(entry, i);
    if (!findFile(line.path, line.pathLength, file)) return false;
    placeAt(i).size = file.size;
  }
  for (let i = 0; i < entry.modules; i++) {
    if (!loadModule(moduleAt(entry, i), placeAt(i))) return false;
  }
  return true;
}

function loadModule(line: FileLine, place: Place): bool {
  if (!findFile(line.path, line.pathLength, file)) return false;
  place.start = allocateNear(max<u64>(1, roomFor(file.size)));
  if (place.start === 0) {
    return failFile(line.path, line.pathLength, "there is no memory for it below 4 GiB");
  }
  return loadFile(file, place.start);
}
