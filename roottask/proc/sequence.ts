// Texts of /proc that are read in pieces, as fs/seq_file.c of Linux 6.1 gives them: a text is made of records, as many for
// a read as go into a page, and what is not read of them is kept with the open file. So small reads go through all records
// once, however many there are, and who reads on sees nothing changed in the middle of a record. A read from the beginning
// makes the text anew; one from elsewhere goes through it from the beginning up to there.

import { EFAULT } from "../libroottask/errno";
import { allocate, release } from "../libroottask/heap";
import { OpenFile } from "../libroottask/open_file";
import { fillBytes, Transfer } from "../libroottask/transfer";
import { begin, cutBack, textLength, textStart } from "./writer";

/** What a sequence of an open file keeps. */
@unmanaged
export class Sequence {
  /** Where in the text what is kept begins, or the next record where nothing is; -1 where that is not known. */
  position: i64;
  /** The next record. */
  key: u64;
  /** Bytes of records that have been made and not been read: those from `from` on of `size`; 0 for none. */
  storage: usize;
  size: u32;
  from: u32;
}

/** Writes record `key` of the text of `file`, the first of which is 0: the key of the next one, or END. */
export type Show = (file: OpenFile, key: u64) => u64;

/** Behind the last record. */
export const END: u64 = u64.MAX_VALUE;

/** Bytes of records that are made at a time, unless the first of them is longer. */
const PAGE: u32 = 4096;

/** Frees what `sequence` keeps, which begins again. */
export function restartSequence(sequence: Sequence): void {
  forget(sequence);
  sequence.position = 0;
  sequence.key = 0;
}

function forget(sequence: Sequence): void {
  if (sequence.storage !== 0) release(sequence.storage, sequence.size);
  sequence.storage = 0;
}

/** Writes the next records, as many as fit, but no more once there are `wanted` bytes. */
function make(sequence: Sequence, file: OpenFile, wanted: u64, show: Show): void {
  begin();
  while (sequence.key !== END && (textLength() as u64) < wanted) {
    const before = textLength();
    const next = show(file, sequence.key);
    if (textLength() > PAGE && before !== 0) {
      cutBack(before);
      return;
    }
    sequence.key = next;
  }
}

/** Keeps what has been written from byte `from` on. Where memory is out, the next read looks for it. */
function keep(sequence: Sequence, from: u32): void {
  const size = textLength() - from;
  if (size === 0) return;
  sequence.storage = allocate(size);
  if (sequence.storage === 0) {
    sequence.position = -1;
    return;
  }
  sequence.size = size;
  sequence.from = 0;
  memory.copy(sequence.storage, textStart() + from, size);
}

/** Makes `position` the one that is read next. */
function goTo(sequence: Sequence, file: OpenFile, position: i64, show: Show): void {
  restartSequence(sequence);
  while (sequence.position !== position) {
    const left = (position - sequence.position) as u64;
    make(sequence, file, left, show);
    const length = textLength();
    // Beyond the end nothing comes.
    if (length === 0) sequence.position = position;
    else if (left < (length as u64)) {
      sequence.position = position;
      keep(sequence, left as u32);
      return;
    } else sequence.position += length as i64;
  }
}

/** Passes what is kept: how many bytes. */
function passKept(sequence: Sequence, transfer: Transfer): u32 {
  if (sequence.storage === 0) return 0;
  const left = min<u64>((sequence.size - sequence.from) as u64, transfer.left) as u32;
  const done = fillBytes(transfer, sequence.storage + sequence.from, left);
  sequence.from += done;
  sequence.position += done as i64;
  if (sequence.from === sequence.size) forget(sequence);
  return done;
}

/** Passes the text of `file` from byte `position` on: how many bytes, or -EFAULT. */
export function readSequence(
  sequence: Sequence,
  file: OpenFile,
  transfer: Transfer,
  position: i64,
  show: Show,
): i64 {
  if (transfer.left === 0) return 0;
  if (position === 0) restartSequence(sequence);
  else if (position !== sequence.position) goTo(sequence, file, position, show);
  const kept = passKept(sequence, transfer);
  if (sequence.storage !== 0) return kept === 0 ? -EFAULT : (kept as i64);
  if (transfer.left === 0) return kept as i64;
  make(sequence, file, transfer.left, show);
  const length = textLength();
  const wanted = min<u64>(transfer.left, length as u64) as u32;
  const done = fillBytes(transfer, textStart(), wanted);
  sequence.position += done as i64;
  keep(sequence, done);
  return kept + done === 0 && wanted !== 0 ? -EFAULT : ((kept + done) as i64);
}
