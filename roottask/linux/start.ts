// Starts a program under the Linux personality or natively: address space, image, stack, personality record.

import { HEDRON_ENVIRONMENT, STACK_TOP } from "../libhrstd/layout";
import { monotonic } from "../libroottask/clock";
import { checkElf, ELF_MEMORY, ELF_OK, Elf } from "../libroottask/elf";
import { allocate } from "../libroottask/heap";
import { loadElf, mapStack } from "../libroottask/loader";
import { setPersonality } from "../libroottask/portals";
import { ABI_LINUX, Process } from "../libroottask/process";
import { put64 } from "../libroottask/space";
import { Node } from "../libroottask/tree";
import { enterCalls } from "./calls";
import { STACK_SIZE } from "./identity";
import { ACTION_BYTES, linuxException, linuxRecall } from "./signals";
import { buildStack } from "./stack";
import { linuxCall } from "./table";
import { newTask, SIGNALS } from "./task";
import { linuxThread } from "./threads";

const elf = changetype<Elf>(memory.data(64));

/** Makes the personality known to the portals. */
export function initLinux(): void {
  enterCalls();
  setPersonality(linuxCall, linuxException, linuxThread, linuxRecall);
}

/** Loads `file` into `process`, whose PD exists, with the words of the current start line. Returns one of ELF_…. */
export function prepare(process: Process, file: Node): u32 {
  const checked = checkElf(elf, file.data, file.size);
  if (checked !== ELF_OK) return checked;
  process.executable = file;
  const loaded = loadElf(process.space, elf);
  if (loaded !== ELF_OK) return loaded;
  if (!mapStack(process.space, STACK_TOP, STACK_SIZE)) return ELF_MEMORY;
  const foreign = process.abi === ABI_LINUX;
  let stack = buildStack(process, elf, STACK_TOP, foreign ? HEDRON_ENVIRONMENT : "");
  if (stack === 0) return ELF_MEMORY;
  if (foreign) {
    const task = newTask(allocate(SIGNALS * ACTION_BYTES));
    if (task === null) return ELF_MEMORY;
    process.personality = changetype<usize>(task);
  } else {
    stack -= 8;
    if (!put64(process.space, stack, 0)) return ELF_MEMORY;
  }
  process.entry = elf.entry;
  process.stack = stack;
  process.startTime = monotonic();
  return ELF_OK;
}
