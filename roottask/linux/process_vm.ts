// process_vm_readv(2), process_vm_writev(2): bytes from the memory of one process to that of another.

import { MEM_R, MEM_W } from "../libhedron/abi";
import { Utcb } from "../libhedron/utcb";
import { EFAULT, EINVAL, EPERM, ESRCH } from "../libroottask/errno";
import { Thread } from "../libroottask/program";
import { isRemains } from "../libroottask/remains";
import { get64, got, inPage, pointerTo } from "../libroottask/space";
import { fillBytes, Transfer, takeBytes } from "../libroottask/transfer";
import { mayInspect, visibleThread } from "./inspect";
import { readVector, VECTORS_MAX } from "./transfer";

const PIECE_BYTES: u64 = 16;

/** The pieces at `address` can be ones of another process: bytes in all, or a negative error. */
function checkPieces(thread: Thread, address: u64, count: u64): i64 {
  if (count > VECTORS_MAX) return -EINVAL;
  let sum: u64 = 0;
  for (let i: u64 = 0; i < count; i++) {
    if (!get64(thread.program.space, address + i * PIECE_BYTES + 8)) return -EFAULT;
    if ((got as i64) < 0) return -EINVAL;
    sum += got;
  }
  return min<u64>(sum, i64.MAX_VALUE as u64) as i64;
}

/** Passes bytes of `other` at `address`, up to `length`, to `own` or from it. How many, fewer where memory is not there. */
function passPiece(own: Transfer, other: Thread, address: u64, length: u64, writes: bool): u64 {
  const space = other.program.space;
  let done: u64 = 0;
  while (done < length && own.left !== 0) {
    const at = pointerTo(space, address + done, writes ? MEM_W : MEM_R);
    if (at === 0) break;
    const piece = min<u64>(inPage(address + done, length - done) as u64, own.left) as u32;
    const passed = writes ? takeBytes(own, at, piece) : fillBytes(own, at, piece);
    done += passed as u64;
    if (passed !== piece) break;
  }
  return done;
}

function passAll(thread: Thread, other: Thread, address: u64, count: u64, writes: bool): i64 {
  const own = thread.transfer;
  const space = thread.program.space;
  let done: u64 = 0;
  for (let i: u64 = 0; i < count && own.left !== 0; i++) {
    const piece = address + i * PIECE_BYTES;
    if (!get64(space, piece + 8)) break;
    const length = got;
    if (!get64(space, piece)) break;
    const wanted = min<u64>(length, own.left);
    const passed = passPiece(own, other, got, length, writes);
    done += passed;
    if (passed !== wanted) break;
  }
  return done === 0 ? -EFAULT : (done as i64);
}

function transferMemory(thread: Thread, regs: Utcb, writes: bool): i64 {
  if (regs.r9 !== 0) return -EINVAL;
  const error = readVector(thread.transfer, thread.program.space, regs.rsi, regs.rdx);
  if (error !== 0) return error;
  if (thread.transfer.left === 0) return 0;
  const bytes = checkPieces(thread, regs.r10, regs.r8);
  if (bytes <= 0) return bytes;
  const other = visibleThread(thread, regs.rdi as u32);
  if (other === null) return -ESRCH;
  if (!mayInspect(thread, other)) return -EPERM;
  if (isRemains(other)) return -ESRCH;
  return passAll(thread, other, regs.r10, regs.r8, writes);
}

/** process_vm_readv(pid, vector, count, its vector, count, flags): bytes. */
export function sysProcessVmReadv(thread: Thread, regs: Utcb): i64 {
  return transferMemory(thread, regs, false);
}

/** process_vm_writev(pid, vector, count, its vector, count, flags): bytes. */
export function sysProcessVmWritev(thread: Thread, regs: Utcb): i64 {
  return transferMemory(thread, regs, true);
}
