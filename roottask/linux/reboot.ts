// reboot(2): a line of the start file is a PID namespace, whose first process it ends (pid_namespaces(7)).

import { Utcb } from "../libhedron/utcb";
import { CAP_SYS_BOOT, capable } from "../libroottask/credentials";
import { endProgram, killProgram } from "../libroottask/domain";
import { EINVAL, EPERM } from "../libroottask/errno";
import { STATE_EXITED, STATE_KILLED, Thread } from "../libroottask/program";
import { SIGHUP, SIGINT } from "./signal_numbers";

/** LINUX_REBOOT_MAGIC1, and the values of MAGIC2: birthdays. */
const MAGIC1: u32 = 0xfee1_dead;
const MAGIC2: u32 = 0x2812_1969;
const MAGIC2A: u32 = 0x0512_1996;
const MAGIC2B: u32 = 0x1604_1998;
const MAGIC2C: u32 = 0x2011_2000;

/** Commands, include/uapi/linux/reboot.h. */
const RESTART: u32 = 0x0123_4567;
const RESTART2: u32 = 0xa1b2_c3d4;
const HALT: u32 = 0xcdef_0123;
const POWER_OFF: u32 = 0x4321_fedc;

function isMagic(value: u32): bool {
  return value === MAGIC2 || value === MAGIC2A || value === MAGIC2B || value === MAGIC2C;
}

/** reboot(magic, magic, command, argument): the first process is told by the signal it ends with. */
export function sysReboot(thread: Thread, regs: Utcb): i64 {
  if (!capable(CAP_SYS_BOOT)) return -EPERM;
  if ((regs.rdi as u32) !== MAGIC1 || !isMagic(regs.rsi as u32)) return -EINVAL;
  const command = regs.rdx as u32;
  const restarts = command === RESTART || command === RESTART2;
  if (!restarts && command !== HALT && command !== POWER_OFF) return -EINVAL;
  const signal = restarts ? SIGHUP : SIGINT;
  const entry = thread.program.entry;
  if (thread.program === entry) {
    endProgram(thread, STATE_KILLED, signal);
  } else {
    killProgram(entry, signal);
    endProgram(thread, STATE_EXITED, 0);
  }
  return 0;
}
