// Process 1, which all processes see beside those of their own line of the start file: root's, asleep, and without anything
// that runs, so that signals to it have no effect, as with an init that handles none. It does not end, takes no orphans and
// is nobody's parent: those are a line's first process' matters (children.ts).

import { keepCredentials, rootCredentials } from "../libroottask/credentials";
import { create } from "../libroottask/heap";
import { allProcessors } from "../libroottask/processors";
import { newInitRecord, Thread } from "../libroottask/program";
import { addRemains } from "../libroottask/remains";
import { copyLiteral } from "../libroottask/text";
import { usualLimits } from "./limits";
import { addLinuxProgram, initThread } from "./state";

const name = memory.data(8);

/** Makes it; to be called once, behind `initLinux`. False when memory is out. */
export function makeInitProcess(): bool {
  const program = newInitRecord();
  if (program === null || !addLinuxProgram(program)) return false;
  program.name = name;
  program.nameLength = copyLiteral(name, "init");
  usualLimits(program);
  const rest = create<Thread>();
  if (rest === null) return false;
  rest.processors = allProcessors();
  rest.credentials = keepCredentials(rootCredentials());
  if (!addRemains(program, rest)) return false;
  initThread(rest);
  return true;
}
