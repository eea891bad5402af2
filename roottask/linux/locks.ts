// Locks of files: flock(2).

import { Utcb } from "../libhedron/utcb";
import { fileOf } from "../libroottask/descriptors";
import { EAGAIN, EBADF, EINTR, EINVAL, ENOMEM } from "../libroottask/errno";
import {
  changeLock,
  kindOfLock,
  LOCK_EXCLUSIVE,
  LOCK_NONE,
  LOCK_SHARED,
  lockChannel,
  mayLock,
} from "../libroottask/file_lock";
import { O_PATH } from "../libroottask/open_file";
import { Thread, WAIT_INTERRUPTED } from "../libroottask/program";
import { waitForever } from "./wait";

const LOCK_SH: u64 = 1;
const LOCK_EX: u64 = 2;
const LOCK_NB: u64 = 4;
const LOCK_UN: u64 = 8;
/** Of Linux before 5.18; today it does nothing. */
const LOCK_MAND: u64 = 32;

/** flock(fd, operation). */
export function sysFlock(thread: Thread, regs: Utcb): i64 {
  if ((regs.rsi & LOCK_MAND) !== 0) return 0;
  const operation = regs.rsi & ~LOCK_NB;
  let kind = LOCK_NONE;
  if (operation === LOCK_SH) kind = LOCK_SHARED;
  else if (operation === LOCK_EX) kind = LOCK_EXCLUSIVE;
  else if (operation !== LOCK_UN) return -EINVAL;
  const file = fileOf(thread, regs.rdi);
  if (file === null || (file.flags & O_PATH) !== 0) return -EBADF;
  const node = file.node;
  // A lock that changes its kind is given up first: flock(2), notes.
  if (!mayLock(node, kindOfLock(file.held), kind)) {
    file.held = changeLock(node, file.held, LOCK_NONE, 0);
  }
  while (!mayLock(node, kindOfLock(file.held), kind)) {
    if ((regs.rsi & LOCK_NB) !== 0) return -EAGAIN;
    if (waitForever(thread, lockChannel(node), 0) === WAIT_INTERRUPTED) return -EINTR;
  }
  file.held = changeLock(node, file.held, kind, thread.program.id as i32);
  return kindOfLock(file.held) === kind ? 0 : -ENOMEM;
}
