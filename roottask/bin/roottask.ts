// The roottask: takes the machine over from the kernel, reads the archive and its start file, runs the
// programs one after the other (or side by side where the start file says so), reports how each ended, and
// switches the machine off.

import { SUCCESS } from "../libhedron/abi";
import { hipApiVersion, hipSerialPort, hipTscKilohertz, hipValid } from "../libhedron/hip";
import { initAlarms } from "../libroottask/alarms";
import { addBlockService } from "../libroottask/block_service";
import { bootTime, CMOS_PORT, startClock } from "../libroottask/clock";
import {
  COM1,
  DEBUG_CONSOLE_PORT,
  endLine,
  openSerial,
  SERIAL_PORTS,
  say,
  sayDecimal,
  sayHex,
  sayText,
} from "../libroottask/console";
import { populateTree } from "../libroottask/devices";
import {
  awaitEnd,
  endDescendants,
  newProgram,
  reapProgram,
  startProgram,
} from "../libroottask/domain";
import { ELF_OK, elfMessage, elfOffset } from "../libroottask/elf";
import { initFileKinds } from "../libroottask/file_kinds";
import { dumpHeap, dumpInformationPage, listArchive } from "../libroottask/layout_dump";
import { enter, initLock } from "../libroottask/lock";
import {
  LOG_ERROR,
  LOG_INFO,
  line,
  lineAbout,
  MODULE_MACHINE,
  MODULE_PROGRAMS,
  readLogOption,
} from "../libroottask/log";
import {
  claimPorts,
  claimRam,
  copyHip,
  findModule,
  findOption,
  hasOption,
  hip,
  moduleAddress,
  moduleSize,
  optionLength,
  optionValue,
} from "../libroottask/machine";
import { initMediator } from "../libroottask/mediator";
import { Mount } from "../libroottask/mount";
import { initMounts } from "../libroottask/namespaces";
import { totalPages } from "../libroottask/pages";
import { abandon, powerOff } from "../libroottask/power";
import { initProcessors, processorCount } from "../libroottask/processors";
import {
  ABI_LINUX,
  ABI_NATIVE,
  firstProgram,
  initPrograms,
  isInit,
  leadSession,
  Program,
  STATE_FAILED,
} from "../libroottask/program";
import { seedRandom } from "../libroottask/random";
import { openScreen } from "../libroottask/screen";
import {
  failedError,
  failedLength,
  failedPath,
  failedStream,
  openStreams,
} from "../libroottask/start_streams";
import {
  argument,
  argumentCount,
  argumentLength,
  LINE_EMPTY,
  LINE_ENVIRONMENT,
  LINE_RUN,
  LINE_SETTING,
  nextStartLine,
  openStartFile,
  startFileEnded,
  startLine,
  startMediated,
  startMessage,
  startNative,
  startOptional,
  startParallel,
  startPregrant,
  startSession,
} from "../libroottask/startfile";
import { readTar } from "../libroottask/tar";
import { copyLiteral } from "../libroottask/text";
import { initThreads } from "../libroottask/thread";
import { allocateHandlerStack, watchProcessor } from "../libroottask/thread_slots";
import { find, initTree, KIND_FILE, Node, walkMount } from "../libroottask/tree";
import { initWaitQueue } from "../libroottask/wait_queue";
import { makeInitProcess } from "../linux/init_process";
import { initLinux, prepare } from "../linux/start";
import { reportMissing } from "../linux/table";
import { addProc } from "../proc/proc";
import { addTerminals, initTerminals } from "../terminal/devices";
import { measureRoottask } from "./measurements";
import { enterResult, keepResult, resultCount, sayOutcome, sayResults } from "./summary";

/** Where in the archive the start file is, and the one that starts measurements. */
const START_FILE: string = "userland.conf";
const BENCH_FILE: string = "bench.conf";

const text = memory.data(64);
/** Lines of the start file that could not be used. */
let badLines: u32 = 0;
/** Programs that were asked for and are not in the archive. */
let absent: u32 = 0;

/** Reports what keeps the roottask from going on, and ends. */
function fail(literal: string): void {
  line(LOG_ERROR, MODULE_MACHINE, "error: ");
  say(literal);
  endLine();
  abandon();
}

function requireOk(status: u64, what: string): void {
  if (status === SUCCESS) return;
  line(LOG_ERROR, MODULE_MACHINE, "error: ");
  say(what);
  say(" failed with status ");
  sayDecimal(status);
  endLine();
  abandon();
}

function openConsole(isValid: bool): void {
  claimPorts(DEBUG_CONSOLE_PORT, 1);
  const port = hipSerialPort(hip);
  const base = port === 0 ? COM1 : port;
  claimPorts(base, SERIAL_PORTS);
  openSerial(base);
  if (!isValid) return;
  if (!hasOption("novga")) openScreen(hip);
  if (findOption("log=")) readLogOption(optionValue, optionLength);
}

/** An EC of its own handles the roottask's exceptions on each processor, so that they are reported. */
function watchSelf(): void {
  for (let processor: u32 = 0; processor < processorCount(); processor++) {
    const stack = allocateHandlerStack();
    if (stack === 0) fail("out of memory");
    requireOk(watchProcessor(processor, stack), "creating an exception handler");
  }
}

function buildTree(cpu: u32): void {
  if (!initTree() || !initMounts() || !initFileKinds() || !initTerminals(cpu))
    fail("out of memory");
  readTar(moduleAddress, moduleSize);
  listArchive();
  if (!populateTree() || !addTerminals() || !addBlockService() || !addProc()) fail("out of memory");
}

function sayMegabytes(pages: u64): void {
  sayDecimal(pages >> 8);
  say(" MiB");
}

function describeMachine(): void {
  line(LOG_INFO, MODULE_MACHINE, "Trihedron roottask on kernel interface ");
  sayDecimal(hipApiVersion(hip) as u64);
  say(", ");
  sayMegabytes(totalPages() as u64);
  say(" of memory free");
  endLine();
}

function sayProgram(): void {
  sayText(argument(0), argumentLength(0));
}

/** Begins the line about a program that cannot be started. */
function cannotStart(message: string): void {
  line(LOG_ERROR, MODULE_PROGRAMS, "cannot start ");
  sayProgram();
  say(": ");
  say(message);
}

function announce(program: Program): void {
  lineAbout(program, LOG_INFO, MODULE_PROGRAMS, "start ");
  sayDecimal(program.number as u64);
  say(program.abi === ABI_LINUX ? ": linux" : ": native");
  for (let i: u32 = 0; i < argumentCount(); i++) {
    say(" ");
    sayText(argument(i), argumentLength(i));
  }
  endLine();
}

/** Waits for the end of `program` and takes back what it had. */
function finish(program: Program): void {
  awaitEnd(program);
  endDescendants(program);
  reportMissing(program);
  keepResult(program);
  lineAbout(program, LOG_INFO, MODULE_PROGRAMS, "end ");
  sayDecimal(program.number as u64);
  say(": ");
  sayOutcome(program);
  endLine();
  reapProgram(program);
}

/** Finishes the program that was started first; false where none runs. */
function finishOldest(): bool {
  let oldest: Program | null = null;
  let program = firstProgram();
  while (program !== null) {
    if (program.entry === program && !isInit(program)) oldest = program;
    program = program.next;
  }
  if (oldest === null) return false;
  finish(oldest);
  return true;
}

/** A program for the current start line; those that run beside it are waited for where there is no room. */
function makeProgram(): Program | null {
  const abi = startNative ? ABI_NATIVE : ABI_LINUX;
  while (true) {
    const program = newProgram(abi, argument(0), argumentLength(0));
    if (program !== null) {
      program.mediated = startMediated ? 1 : 0;
      program.pregrant = startPregrant;
      if (startSession) leadSession(program);
      if (enterResult(program)) return program;
      reapProgram(program);
    }
    if (!finishOldest()) return null;
  }
}

/** Loads the program and lets it run. False where that cannot be: one line says why. */
function launch(program: Program, mount: Mount | null, file: Node): bool {
  const error = prepare(program, mount, file);
  if (error !== ELF_OK) {
    cannotStart(elfMessage(error));
    if (elfOffset !== 0) {
      say(" (offset ");
      sayHex(elfOffset as u64, 1);
      say(")");
    }
    endLine();
    return false;
  }
  const status = startProgram(program);
  if (status === SUCCESS) return true;
  cannotStart("the kernel refuses its objects with status ");
  sayDecimal(status);
  endLine();
  return false;
}

/** Runs the program of the current start line. */
function run(): void {
  const node = find(argument(0), argumentLength(0));
  const mount = walkMount;
  if (node === null || node.kind !== KIND_FILE) {
    if (startOptional) {
      line(LOG_INFO, MODULE_PROGRAMS, "skip ");
      sayProgram();
      say(": not in the archive");
    } else {
      cannotStart("no such file in the archive");
      absent++;
    }
    endLine();
    return;
  }
  const program = makeProgram();
  if (program === null) {
    cannotStart("out of memory");
    endLine();
    return;
  }
  if (!openStreams(program)) {
    cannotStart(failedStream === 0 ? "cannot read " : "cannot write ");
    sayText(failedPath, failedLength);
    say(" (errno ");
    sayDecimal(-failedError as u64);
    say(")");
    endLine();
    program.state = STATE_FAILED;
    keepResult(program);
    reapProgram(program);
    return;
  }
  announce(program);
  if (!launch(program, mount, node)) {
    program.state = STATE_FAILED;
    keepResult(program);
    reapProgram(program);
  } else if (!startParallel) {
    finish(program);
  }
}

function runAll(startFile: string): void {
  const file = find(text, copyLiteral(text, startFile));
  if (file === null || file.kind !== KIND_FILE) {
    line(LOG_ERROR, MODULE_PROGRAMS, "error: there is no ");
    say(startFile);
    say(" in the archive");
    endLine();
    abandon();
    return;
  }
  openStartFile(file.data, file.size as u32);
  while (!startFileEnded()) {
    const kind = nextStartLine();
    if (kind === LINE_RUN) {
      run();
    } else if (kind !== LINE_EMPTY && kind !== LINE_ENVIRONMENT && kind !== LINE_SETTING) {
      badLines++;
      line(LOG_ERROR, MODULE_PROGRAMS, startFile);
      say(" line ");
      sayDecimal(startLine as u64);
      say(": ");
      say(startMessage(kind));
      endLine();
    }
  }
  while (finishOldest());
}

function summary(): void {
  line(LOG_INFO, MODULE_PROGRAMS, "summary: ");
  sayDecimal(resultCount() as u64);
  say(resultCount() === 1 ? " program" : " programs");
  if (absent !== 0) {
    say(", ");
    sayDecimal(absent as u64);
    say(" not found");
  }
  if (badLines !== 0) {
    say(", ");
    sayDecimal(badLines as u64);
    say(badLines === 1 ? " line not understood" : " lines not understood");
  }
  endLine();
  sayResults();
}

/** Entry of the stub: the kernel's HIP and the number of the CPU it started us on. */
export function main(hipAddress: u64, cpu: u64): void {
  copyHip(hipAddress);
  const isValid = hipValid(hip);
  openConsole(isValid);
  if (!isValid) fail("the kernel's information page has an unknown layout");
  // Loaders leave the modules' command lines anywhere in free RAM: read them before it is used.
  const hasUserland = findModule("userland");
  const measures = hasOption("bench");
  dumpInformationPage(hipAddress);
  if (!claimRam()) fail("not enough memory");
  describeMachine();
  dumpHeap();
  initProcessors(cpu as u32, hip);
  initThreads();
  initWaitQueue();
  initAlarms();
  if (!initPrograms()) fail("out of memory");
  watchSelf();
  requireOk(initLock(), "creating a semaphore");
  claimPorts(CMOS_PORT, 2);
  startClock(hipTscKilohertz(hip));
  seedRandom(bootTime() as u64);
  if (!initMediator() || !initLinux() || !makeInitProcess()) fail("out of memory");
  if (!hasUserland) {
    fail(
      'there is no boot module named userland (-initrd "roottask-bin roottask,userland.tar userland")',
    );
  }
  buildTree(cpu as u32);
  if (measures) measureRoottask(cpu as u32);
  enter();
  runAll(measures ? BENCH_FILE : START_FILE);
  summary();
  line(LOG_INFO, MODULE_MACHINE, "power off");
  endLine();
  powerOff();
  line(LOG_ERROR, MODULE_MACHINE, "error: the machine does not switch off");
  endLine();
  while (true);
}

/** Entry of every portal. */
export { handlePortal as portal } from "../libroottask/portals";
/** What listens at the serial line. */
export { listen } from "../terminal/serial";

/** First address behind the static data; the linker needs it. */
export function staticEnd(): usize {
  return __heap_base;
}
