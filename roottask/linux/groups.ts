// Process groups and sessions: setpgid(2), getpgid(2), getpgrp(2), setsid(2), getsid(2), getppid(2). They end at the
// line of the start file that the processes descend from, whose first process is in those of who starts it, of whom
// nothing else is seen, and has no parent.

import { Utcb } from "../libhedron/utcb";
import { EACCES, EINVAL, EPERM, ESRCH } from "../libroottask/errno";
import { meantId, seenId } from "../libroottask/pid_numbers";
import { firstProgram, leadSession, Program, programWithId, sees } from "../libroottask/program";

/** The process `id` of the tree of `program`, itself for 0; null where there is none. */
function processOf(program: Program, id: i32): Program | null {
  if (id === 0) return program;
  const found = programWithId(meantId(id as u32));
  return found !== null && sees(program, found) ? found : null;
}

/** Some process of `session`, or of any where that is 0, is in group `id`. */
function groupExists(program: Program, id: u32, session: u32): bool {
  let other = firstProgram();
  while (other !== null) {
    const near = other.entry === program.entry && (session === 0 || other.session === session);
    if (near && other.group === id) return true;
    other = other.next;
  }
  return false;
}

/** setpgid(pid, group): of itself, or of a child that has not called execve(2) yet. */
export function sysSetpgid(program: Program, regs: Utcb): i64 {
  const id = regs.rdi as i32;
  // No group is the process's own, whatever number that was given.
  if (((regs.rsi as i32) === 0 ? id : (regs.rsi as i32)) < 0) return -EINVAL;
  const target = processOf(program, id);
  if (target === null || (target !== program && target.parent !== program)) return -ESRCH;
  if (target !== program && target.session !== program.session) return -EPERM;
  if (target !== program && target.replaced !== 0) return -EACCES;
  if (target.session === target.id) return -EPERM;
  const group = (regs.rsi as u32) === 0 ? target.id : meantId(regs.rsi as u32);
  if (group !== target.id && !groupExists(program, group, program.session)) return -EPERM;
  target.group = group;
  return 0;
}

/** getpgid(pid). */
export function sysGetpgid(program: Program, regs: Utcb): i64 {
  const target = processOf(program, regs.rdi as i32);
  return target === null ? -ESRCH : (seenId(target.group) as i64);
}

/** getpgrp(). */
export function sysGetpgrp(program: Program, _regs: Utcb): i64 {
  return seenId(program.group) as i64;
}

/** setsid(): the new session. */
export function sysSetsid(program: Program, _regs: Utcb): i64 {
  if (groupExists(program, program.id, 0)) return -EPERM;
  leadSession(program);
  program.terminal = 0;
  return seenId(program.id) as i64;
}

/** getsid(pid). */
export function sysGetsid(program: Program, regs: Utcb): i64 {
  const target = processOf(program, regs.rdi as i32);
  return target === null ? -ESRCH : (seenId(target.session) as i64);
}

/** getppid(). */
export function sysGetppid(program: Program, _regs: Utcb): i64 {
  const parent = program.parent;
  return parent === null ? 0 : (seenId(parent.id) as i64);
}
