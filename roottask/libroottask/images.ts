// The files that a space was loaded from: executable and interpreter. The loader copies their segments, so the areas there
// have no file behind them; which part of which file lies where is told by the program headers again (System V ABI,
// "Program header"). What a program maps in such a place later is not the loader's any more (MARK_LOADED).

import { areaAt, MARK_LOADED, Space } from "./areas";
import { PF_W, PT_LOAD, SEGMENT_SIZE } from "./elf";
import { copyContents } from "./file_pages";
import { create, destroy } from "./heap";
import { Mount } from "./mount";
import { dropMount, keepMount } from "./mount_users";
import { dispose, Node } from "./tree";

const PAGE_MASK: u64 = 4095;
const HEADER_BYTES: u32 = 64;
/** Program headers that are looked at: linkers make a dozen. */
const SEGMENTS_MAX: u32 = 128;

@unmanaged
class Image {
  next: Image | null;
  node: Node;
  mount: Mount | null;
  /** Added to every address of the file. */
  bias: u64;
}

const header = memory.data(64);
const segment = memory.data(56);

/** What `findImage` found: the file, the mount it was found through, the offset of the address, and where it goes on to. */
export let imageNode: Node | null = null;
export let imageMount: Mount | null = null;
export let imageOffset: u64 = 0;
export let imageEnd: u64 = 0;
/** Its segment may be written to. */
export let imageWritable: bool = false;

function firstImage(space: Space): Image | null {
  return changetype<Image | null>(space.images);
}

/** `node`, found through `mount`, has been loaded into `space` with `bias`. False when memory is out. */
export function noteImage(space: Space, mount: Mount | null, node: Node, bias: u64): bool {
  const image = create<Image>();
  if (image === null) return false;
  image.next = firstImage(space);
  image.node = node;
  image.mount = mount;
  image.bias = bias;
  node.users++;
  keepMount(mount);
  space.images = changetype<usize>(image);
  return true;
}

/** `to` has been loaded from the same files as `from`. False when memory is out. */
export function copyImages(from: Space, to: Space): bool {
  let image = firstImage(from);
  while (image !== null) {
    if (!noteImage(to, image.mount, image.node, image.bias)) return false;
    image = image.next;
  }
  return true;
}

export function dropImages(space: Space): void {
  let image = firstImage(space);
  space.images = 0;
  while (image !== null) {
    const next = image.next;
    const node = image.node;
    const mount = image.mount;
    destroy<Image>(image);
    node.users--;
    dispose(node);
    dropMount(mount);
    image = next;
  }
}

/** Reads the ELF header of `node` to `target`, 64 bytes. False: it is none of a 64-bit file. */
export function readHeader(node: Node, target: usize): bool {
  if (node.size < (HEADER_BYTES as u64)) return false;
  copyContents(node, 0, target, HEADER_BYTES);
  return load<u32>(target) === 0x464c_457f && load<u8>(target + 4) === 2;
}

/** Number of program headers that are looked at by the ELF header at `from`: 0 where they are not of the known size. */
export function segmentsOf(from: usize): u32 {
  return load<u16>(from + 54) === SEGMENT_SIZE
    ? min<u32>(load<u16>(from + 56) as u32, SEGMENTS_MAX)
    : 0;
}

/** Reads program header `index` of `node`, whose ELF header is at `from`, to `target`, 56 bytes. False: there is none. */
export function readSegment(node: Node, from: usize, index: u32, target: usize): bool {
  const first = load<u64>(from + 32);
  const size = node.size;
  const within = ((index + 1) * SEGMENT_SIZE) as u64;
  if (first > size || within > size - first) return false;
  copyContents(node, first + ((index * SEGMENT_SIZE) as u64), target, SEGMENT_SIZE);
  return true;
}

/** The next segment of `image` is at [segmentStart, segmentEnd) as far as it comes from the file. */
let segmentStart: u64 = 0;
let segmentEnd: u64 = 0;

/** Reads the ELF header of `image`: how many program headers there are. */
function segmentCount(image: Image): u32 {
  return readHeader(image.node, header) ? segmentsOf(header) : 0;
}

function placeSegment(image: Image, index: u32): bool {
  if (!readSegment(image.node, header, index, segment)) return false;
  if (load<u32>(segment) !== PT_LOAD) return false;
  const bytes = load<u64>(segment + 32);
  const address = load<u64>(segment + 16) + image.bias;
  segmentStart = address & ~PAGE_MASK;
  segmentEnd = (address + bytes + PAGE_MASK) & ~PAGE_MASK;
  return bytes !== 0;
}

/** Something that the loader has put there is at `address`: which part of a file is told by `imageNode` and its like. */
export function findImage(space: Space, address: u64): bool {
  const area = areaAt(space, address);
  if (area === null || (area.marks & MARK_LOADED) === 0) return false;
  let image = firstImage(space);
  while (image !== null) {
    const count = segmentCount(image);
    for (let i: u32 = 0; i < count; i++) {
      if (!placeSegment(image, i)) continue;
      if (address < segmentStart || address >= segmentEnd) continue;
      imageNode = image.node;
      imageMount = image.mount;
      imageOffset = (load<u64>(segment + 8) & ~PAGE_MASK) + (address - segmentStart);
      imageEnd = min<u64>(segmentEnd, area.end);
      imageWritable = (load<u32>(segment + 4) & PF_W) !== 0;
      return true;
    }
    image = image.next;
  }
  return false;
}

/** The first address in ]address, end[ at which something of a loaded file begins, or `end`. */
export function nextImage(space: Space, address: u64, end: u64): u64 {
  let next = end;
  let image = firstImage(space);
  while (image !== null) {
    const count = segmentCount(image);
    for (let i: u32 = 0; i < count; i++) {
      if (placeSegment(image, i) && segmentStart > address) next = min<u64>(next, segmentStart);
    }
    image = image.next;
  }
  return next;
}
