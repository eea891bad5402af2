// vhangup(2): the caller's terminal is as if its line had gone. Terminals are told by a hook, since they are above calls.

import { Utcb } from "../libhedron/utcb";
import { CAP_SYS_TTY_CONFIG, capable } from "../libroottask/credentials";
import { EPERM } from "../libroottask/errno";
import { Program } from "../libroottask/program";

type HangingUp = (program: Program) => void;

function hasNone(_program: Program): void {}

let hangingUp: HangingUp = hasNone;

/** `hook` hangs up a program's controlling terminal, where it has one. */
export function setHangingUp(hook: HangingUp): void {
  hangingUp = hook;
}

/** vhangup(): nothing to a caller without a controlling terminal. */
export function sysVhangup(program: Program, _regs: Utcb): i64 {
  if (!capable(CAP_SYS_TTY_CONFIG)) return -EPERM;
  const hook = hangingUp;
  hook(program);
  return 0;
}
