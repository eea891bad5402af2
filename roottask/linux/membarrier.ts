// membarrier(2). Who asks has had its own processor to itself: what others have done there is done. Other processors are
// interrupted by taking a page away from the space, since the kernel returns from that when all that run the space have
// forgotten it; an interrupt is a barrier. Left out: restartable sequences, which are not there.

import { MEM_R, PAGE_SIZE } from "../libhedron/abi";
import { Utcb } from "../libhedron/utcb";
import { OTHER_PAGES } from "../libhrstd/mediator_layout";
import { Space } from "../libroottask/areas";
import { EINVAL, ENOMEM, EPERM } from "../libroottask/errno";
import { allocatePages } from "../libroottask/pages";
import { processorCount } from "../libroottask/processors";
import { firstProgram, Program } from "../libroottask/program";
import { mirror } from "../libroottask/space";

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

/** The page that comes and goes, at the place of the UTCB of a thread that there is none of; empty. */
let page: usize = 0;

/** Interrupts all other processors that run `space`. */
function interrupt(space: Space): void {
  mirror(space, OTHER_PAGES, page as u64, 1, MEM_R);
  mirror(space, OTHER_PAGES, page as u64, 1, 0);
}

/** Interrupts other processors where they run the space of `program` or, for null, any: 0 or -ENOMEM. */
function pass(program: Program | null): i64 {
  if (processorCount() === 1) return 0;
  if (page === 0) {
    page = allocatePages(0);
    if (page === 0) return -ENOMEM;
    memory.fill(page, 0, PAGE_SIZE);
  }
  if (program !== null) {
    interrupt(program.space);
    return 0;
  }
  let each = firstProgram();
  while (each !== null) {
    if (changetype<usize>(each.space) !== 0) interrupt(each.space);
    each = each.next;
  }
  return 0;
}

/** membarrier(command, flags, cpu). */
export function sysMembarrier(program: Program, regs: Utcb): i64 {
  const command = regs.rdi as u32;
  if ((regs.rsi as u32) !== 0) return -EINVAL;
  switch (command) {
    case QUERY:
      return KNOWN as i64;
    case GLOBAL:
    case GLOBAL_EXPEDITED:
      return pass(null);
    case REGISTER_GLOBAL_EXPEDITED:
    case REGISTER_PRIVATE_EXPEDITED:
    case REGISTER_PRIVATE_EXPEDITED_SYNC_CORE:
      program.space.barriers |= command;
      return 0;
    case PRIVATE_EXPEDITED:
    case PRIVATE_EXPEDITED_SYNC_CORE:
      // The command that registers for another is the next bit.
      return (program.space.barriers & (command << 1)) !== 0 ? pass(program) : -EPERM;
    default:
      return -EINVAL;
  }
}
