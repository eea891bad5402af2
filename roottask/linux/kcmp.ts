// kcmp(2): whether two processes or threads share something. Left out: KCMP_EPOLL_TFD.

import { Utcb } from "../libhedron/utcb";
import { fileAt } from "../libroottask/descriptors";
import { EBADF, EINVAL, EPERM, ESRCH } from "../libroottask/errno";
import { OpenFile } from "../libroottask/open_file";
import { Thread } from "../libroottask/program";
import { isRemains } from "../libroottask/remains";
import { mayInspect, visibleThread } from "./inspect";

const KCMP_FILE: u32 = 0;
const KCMP_VM: u32 = 1;
const KCMP_FILES: u32 = 2;
const KCMP_FS: u32 = 3;
const KCMP_SIGHAND: u32 = 4;
const KCMP_IO: u32 = 5;
const KCMP_SYSVSEM: u32 = 6;

/** Equal, less or greater: 0, 1, 2. */
function compare(one: usize, other: usize): i64 {
  if (one === other) return 0;
  return one < other ? 1 : 2;
}

/** What `thread` has open as `fd`, null for nothing; one that has ended has no descriptors. */
function fileOf(thread: Thread, fd: u64): OpenFile | null {
  if (thread.files === 0) return null;
  return fileAt(thread.files, fd);
}

/** The space of `thread`, 0 where it has ended. */
function spaceOf(thread: Thread): usize {
  return isRemains(thread) ? 0 : changetype<usize>(thread.program.space);
}

/** kcmp(tid, tid, type, index, index). */
export function sysKcmp(thread: Thread, regs: Utcb): i64 {
  const one = visibleThread(thread, regs.rdi as u32);
  const other = visibleThread(thread, regs.rsi as u32);
  if (one === null || other === null) return -ESRCH;
  if (!mayInspect(thread, one) || !mayInspect(thread, other)) return -EPERM;
  switch (regs.rdx as u32) {
    case KCMP_FILE: {
      const file = fileOf(one, regs.r10);
      const second = fileOf(other, regs.r8);
      if (file === null || second === null) return -EBADF;
      return compare(changetype<usize>(file), changetype<usize>(second));
    }
    case KCMP_VM:
      return compare(spaceOf(one), spaceOf(other));
    case KCMP_FILES:
      return compare(one.files, other.files);
    case KCMP_FS:
      return compare(changetype<usize>(one.fs), changetype<usize>(other.fs));
    case KCMP_SIGHAND:
      return compare(one.program.actions, other.program.actions);
    // Nobody has any.
    case KCMP_IO:
    case KCMP_SYSVSEM:
      return 0;
    default:
      return -EINVAL;
  }
}
