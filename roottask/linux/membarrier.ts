// membarrier(2). All threads run on one processor, so whoever asks has been the only one to run: what others have done is
// done. Left out: restartable sequences, which are not there.

import { Utcb } from "../libhedron/utcb";
import { EINVAL, EPERM } from "../libroottask/errno";
import { Program } from "../libroottask/program";

const QUERY: u32 = 0;
const GLOBAL: u32 = 1;
const GLOBAL_EXPEDITED: u32 = 2;
const REGISTER_GLOBAL_EXPEDITED: u32 = 4;
const PRIVATE_EXPEDITED: u32 = 8;
const REGISTER_PRIVATE_EXPEDITED: u32 = 16;
const PRIVATE_EXPEDITED_SYNC_CORE: u32 = 32;
const REGISTER_PRIVATE_EXPEDITED_SYNC_CORE: u32 = 64;
/** All of them: what QUERY tells. */
const KNOWN: u32 = 127;

/** membarrier(command, flags, cpu). */
export function sysMembarrier(program: Program, regs: Utcb): i64 {
  const command = regs.rdi as u32;
  if ((regs.rsi as u32) !== 0) return -EINVAL;
  switch (command) {
    case QUERY:
      return KNOWN as i64;
    case GLOBAL:
    case GLOBAL_EXPEDITED:
      return 0;
    case REGISTER_GLOBAL_EXPEDITED:
    case REGISTER_PRIVATE_EXPEDITED:
    case REGISTER_PRIVATE_EXPEDITED_SYNC_CORE:
      program.space.barriers |= command;
      return 0;
    case PRIVATE_EXPEDITED:
    case PRIVATE_EXPEDITED_SYNC_CORE:
      // The command that registers for another is the next bit.
      return (program.space.barriers & (command << 1)) !== 0 ? 0 : -EPERM;
    default:
      return -EINVAL;
  }
}
