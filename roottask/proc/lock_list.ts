// /proc/locks (proc_locks(5)): locks and leases that anybody has on files, newest first. Who waits for one is not told.

import { HELD_LEASE, HELD_OPEN, HELD_WHOLE, HeldLock, newestLock } from "../libroottask/held_locks";
import { seenBy } from "../libroottask/pid_numbers";
import { Program } from "../libroottask/program";
import { RECORD_READ, RECORD_WRITE } from "../libroottask/record_locks";
import { isBreaking, typeToBe } from "../linux/leases";
import { deviceOf } from "../linux/stat";
import { END } from "./sequence";
import { byte, hex, number, text } from "./writer";

/** What it is, in the columns of lock_get_status() of fs/locks.c. */
function form(lock: HeldLock): string {
  if (lock.form === HELD_LEASE) return isBreaking(lock) ? "LEASE  BREAKING  " : "LEASE  ACTIVE    ";
  if (lock.form === HELD_WHOLE) return "FLOCK  ADVISORY  ";
  return lock.form === HELD_OPEN ? "OFDLCK ADVISORY  " : "POSIX  ADVISORY  ";
}

function typeName(lock: HeldLock): string {
  const type = lock.form === HELD_LEASE ? typeToBe(lock) : lock.type;
  if (type === RECORD_WRITE) return "WRITE ";
  return type === RECORD_READ ? "READ " : "UNLCK ";
}

function range(lock: HeldLock): void {
  const whole = lock.form === HELD_WHOLE || lock.form === HELD_LEASE;
  number(whole ? 0 : lock.start);
  byte(32);
  if (whole || lock.end === (i64.MAX_VALUE as u64)) text("EOF");
  else number(lock.end);
}

/** Record `key`, the lock with that many newer ones, as `program` sees it: the key of the next one, or END. */
export function locks(program: Program, key: u64): u64 {
  let lock = newestLock();
  for (let skipped: u64 = 0; skipped < key && lock !== null; skipped++) lock = lock.older;
  if (lock === null) return END;
  const holder = lock.form === HELD_OPEN ? 0 : seenBy(program, lock.process as u32);
  // Those of processes that have no number here are counted, and not told.
  if (lock.form === HELD_OPEN || holder !== 0) {
    number(key + 1);
    text(": ");
    text(form(lock));
    text(typeName(lock));
    if (lock.form === HELD_OPEN) text("-1");
    else number(holder as u64);
    text(" 00:");
    hex(deviceOf(lock.node) as u64, 2);
    byte(58);
    number(lock.node.inode as u64);
    byte(32);
    range(lock);
    byte(10);
  }
  return lock.older === null ? END : key + 1;
}
