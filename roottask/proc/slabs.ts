// /proc/slabinfo (slabinfo(5)): the roottask's own records, whose storage is of power-of-two classes (heap.ts); the text is that
// of mm/slab_common.c of Linux, where nothing is tunable.

import { PAGE_SIZE } from "../libhedron/abi";
import { freePieces, PIECE_CLASSES, piecePages, pieceSize } from "../libroottask/heap";
import { END } from "./sequence";
import { byte, number, padded, text, textLength } from "./writer";

const NAME_COLUMNS: u32 = 17;
/** Size from which Linux writes names in KiB. */
const KIB: u32 = 1024;

function field(value: u64, width: u32): void {
  byte(32);
  padded(value, width);
}

function name(size: u32): void {
  const start = textLength();
  text("kmalloc-");
  number((size < KIB ? size : size / KIB) as u64);
  if (size >= KIB) byte(107);
  while (textLength() - start < NAME_COLUMNS) byte(32);
}

/** Record `key`: the two lines at the top with the largest class, or one of the others, largest first. */
export function slabs(key: u64): u64 {
  if (key === 0) {
    text("slabinfo - version: 2.1\n");
    text("# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab>");
    text(" : tunables <limit> <batchcount> <sharedfactor>");
    text(" : slabdata <active_slabs> <num_slabs> <sharedavail>\n");
  }
  const index = PIECE_CLASSES - 1 - (key as u32);
  const size = pieceSize(index);
  const pages = piecePages(index) as u64;
  const each: u64 = (PAGE_SIZE as u64) / (size as u64);
  name(size);
  field(pages * each - (freePieces(index) as u64), 6);
  field(pages * each, 6);
  field(size as u64, 6);
  field(each, 4);
  field(1, 4);
  text(" : tunables    0    0    0 : slabdata");
  field(pages, 6);
  field(pages, 6);
  field(0, 6);
  byte(10);
  return index === 0 ? END : key + 1;
}
