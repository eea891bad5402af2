// Starts a program under the Linux personality or natively: address space, image, stack, personality record.

import { HEDRON_ENVIRONMENT, STACK_TOP } from "../libhrstd/layout";
import { setExecutable } from "../libroottask/domain";
import { ELF_MEMORY, ELF_OK, firstInstruction } from "../libroottask/elf";
import { giveMediator, giveVdso } from "../libroottask/mediator";
import { Mount } from "../libroottask/mount";
import { setPersonality } from "../libroottask/portals";
import { ABI_LINUX, Program, setForget, Thread } from "../libroottask/program";
import { setWaiting } from "../libroottask/readiness";
import { put64 } from "../libroottask/space";
import { setProgramEnd, setThreadEnd } from "../libroottask/thread";
import { Node } from "../libroottask/tree";
import { initContexts } from "./aio/contexts";
import { cancelPolls } from "./aio/polls";
import { enterCalls } from "./calls";
import { initChildren, processChanged, processEnded, threadEnds } from "./children";
import { forgetCorePattern } from "./core_name";
import { initCpuLimits } from "./cpu_limit";
import { initDirectorySignals } from "./directory_signals";
import { initFileSignals } from "./file_signals";
import { forgetHostNames } from "./host_names";
import { closeImage, elf, findElfOfLine, findNative, loadImage } from "./image";
import { initInetOptions } from "./inet_options";
import { initInetSockets } from "./inet_sockets";
import { forgetIpc, initIpc } from "./ipc/lifetime";
import { forgetKeys } from "./keys/records";
import { initLeases } from "./leases";
import { initLimits, pregrantMemory, STACK_SIZE } from "./limits";
import { initPids, leavePids } from "./namespaces/pid";
import { leaveTimes } from "./namespaces/time";
import { initNetlink } from "./netlink";
import { initPacketSockets } from "./packet_sockets";
import { forgetProcessFiles, initProcessFiles } from "./pidfd";
import { beginThread } from "./ptrace/beginnings";
import { initTracing } from "./ptrace/stops";
import { forgetTraced } from "./ptrace/tracing";
import { addActions, dropActions } from "./signal_actions";
import { giveSignalCode, initSignalFrames } from "./signal_frame";
import { forgetSignals, processSignals } from "./signal_queue";
import { initSignalFiles } from "./signalfd";
import { killPending, linuxException, linuxRecall, setChanged, signalPending } from "./signals";
import { buildStack } from "./stack";
import { addLinuxProgram, initThread } from "./state";
import { linuxCall } from "./table";
import { initTimers, removeTimers } from "./timers";
import { initUnixSockets } from "./unix_sockets";
import { waitForever } from "./wait";

/** The record of `program` is about to go. */
function forget(program: Program): void {
  forgetTraced(program);
  removeTimers(program, true);
  forgetSignals(program);
  forgetIpc(program);
  forgetKeys(program);
  forgetHostNames(program);
  forgetCorePattern(program);
  dropActions(program);
  forgetProcessFiles(program);
  leavePids(program);
  leaveTimes(program);
}

/** Makes the personality known to the portals. False when memory is out. */
export function initLinux(): bool {
  if (!initSignalFrames()) return false;
  initTimers();
  initCpuLimits();
  initSignalFiles();
  initFileSignals();
  initLeases();
  initDirectorySignals();
  initUnixSockets();
  initIpc();
  initContexts(cancelPolls);
  initProcessFiles();
  initPids();
  initInetOptions();
  initInetSockets();
  initNetlink();
  initPacketSockets();
  setForget(forget);
  enterCalls();
  setPersonality(linuxCall, linuxException, beginThread, linuxRecall);
  setProgramEnd(processEnded);
  setChanged(processChanged);
  setThreadEnd(threadEnds);
  initChildren();
  initTracing();
  setWaiting(waitForever, signalPending, killPending);
  return true;
}

/** Loads `file`, found through `mount`, into `program`, whose PD exists, with the words of the current start line. Returns one of ELF_…. */
export function prepare(program: Program, mount: Mount | null, file: Node): u32 {
  const result = load(program, mount, file);
  closeImage();
  return result;
}

function load(program: Program, mount: Mount | null, file: Node): u32 {
  const foreign = program.abi === ABI_LINUX;
  const checked = foreign ? findElfOfLine(program, file) : findNative(file);
  if (checked !== ELF_OK) return checked;
  setExecutable(program, mount, file);
  if (foreign && !(giveSignalCode(program) && giveMediator(program))) return ELF_MEMORY;
  const vdso = foreign ? giveVdso(program) : 0;
  // Behind all that has its place, so that the interpreter finds another.
  const loaded = loadImage(program.space, STACK_TOP, STACK_SIZE, mount, file);
  if (loaded !== ELF_OK) return loaded;
  let stack = buildStack(program, elf, STACK_TOP, foreign ? HEDRON_ENVIRONMENT : "", vdso);
  if (stack === 0) return ELF_MEMORY;
  if (foreign) {
    if (!addLinuxProgram(program) || !addActions(program)) return ELF_MEMORY;
    if (processSignals(program) === null) return ELF_MEMORY;
    initLimits(program);
    initThread(program.threads as Thread);
    pregrantMemory(program);
  } else {
    stack -= 8;
    if (!put64(program.space, stack, 0)) return ELF_MEMORY;
  }
  const thread = program.threads as Thread;
  thread.entryRip = firstInstruction(elf);
  thread.entryRsp = stack;
  return ELF_OK;
}
