// The roottask: takes the machine over from the kernel, reads the archive and its start file, runs the
// programs one after the other (or side by side where the start file says so), reports how each ended, and
// switches the machine off.

import { SUCCESS } from "../libhedron/abi";
import { hipApiVersion, hipSerialPort, hipTscKilohertz, hipValid } from "../libhedron/hip";
import { smDown } from "../libhedron/hypercalls";
import { bootTime, CMOS_PORT, startClock } from "../libroottask/clock";
import {
  COM1,
  DEBUG_CONSOLE_PORT,
  endLine,
  line,
  openSerial,
  SERIAL_PORTS,
  say,
  sayDecimal,
  sayHex,
  sayPadded,
  saySpaces,
  sayText,
} from "../libroottask/console";
import { populateTree } from "../libroottask/devices";
import { ELF_OK, elfMessage, elfOffset } from "../libroottask/elf";
import { enter, initLock, leave } from "../libroottask/lock";
import {
  claimPorts,
  claimRam,
  copyHip,
  findModule,
  hip,
  moduleAddress,
  moduleSize,
} from "../libroottask/machine";
import { totalPages } from "../libroottask/pages";
import { handlePortal, ownUtcb } from "../libroottask/portals";
import { abandon, powerOff } from "../libroottask/power";
import {
  ABI_LINUX,
  ABI_NATIVE,
  createDomain,
  createEventPortals,
  createHandler,
  initProcesses,
  newProcess,
  OWN_EVENTS,
  Process,
  processAt,
  processCount,
  programCount,
  reapProcess,
  STATE_EXITED,
  STATE_FAILED,
  STATE_KILLED,
  startProcess,
} from "../libroottask/process";
import { seedRandom } from "../libroottask/random";
import { BLOCK_DONE, SEL_OWN_HANDLER } from "../libroottask/selectors";
import {
  argument,
  argumentCount,
  argumentLength,
  LINE_EMPTY,
  LINE_ENVIRONMENT,
  LINE_RUN,
  nextStartLine,
  openStartFile,
  startFileEnded,
  startLine,
  startMessage,
  startNative,
  startOptional,
  startParallel,
} from "../libroottask/startfile";
import { readTar } from "../libroottask/tar";
import { copyLiteral } from "../libroottask/text";
import { find, initTree, KIND_FILE } from "../libroottask/tree";
import { initLinux, prepare } from "../linux/start";
import { reportMissing } from "../linux/table";

/** Where in the archive the start file is. */
const START_FILE: string = "userland.conf";

const ownStack = memory.data(8192);
const text = memory.data(64);
/** Lines of the start file that could not be used. */
let badLines: u32 = 0;
/** Programs that were asked for and are not in the archive. */
let absent: u32 = 0;

/** Reports what keeps the roottask from going on, and ends. */
function fail(literal: string): void {
  line("error: ");
  say(literal);
  endLine();
  abandon();
}

function requireOk(status: u64, what: string): void {
  if (status === SUCCESS) return;
  line("error: ");
  say(what);
  say(" failed with status ");
  sayDecimal(status);
  endLine();
  abandon();
}

function openConsole(): void {
  claimPorts(DEBUG_CONSOLE_PORT, 1);
  const port = hipSerialPort(hip);
  const base = port === 0 ? COM1 : port;
  claimPorts(base, SERIAL_PORTS);
  openSerial(base);
}

/** An EC of its own handles the roottask's exceptions, so that they are reported. */
function watchSelf(): void {
  const handler = createHandler(SEL_OWN_HANDLER, ownUtcb(), ownStack + 8192);
  requireOk(handler, "creating the exception handler");
  requireOk(createEventPortals(0, SEL_OWN_HANDLER, OWN_EVENTS), "creating the exception portals");
}

function buildTree(): void {
  if (!initTree()) fail("out of memory");
  readTar(moduleAddress, moduleSize);
  if (!populateTree()) fail("out of memory");
}

function sayMegabytes(pages: u64): void {
  sayDecimal(pages >> 8);
  say(" MiB");
}

function describeMachine(): void {
  line("Trihedron roottask on kernel interface ");
  sayDecimal(hipApiVersion(hip) as u64);
  say(", ");
  sayMegabytes(totalPages() as u64);
  say(" of memory free");
  endLine();
}

function sayProgram(): void {
  sayText(argument(0), argumentLength(0));
}

/** Marks a program that could not be started. */
function failed(process: Process | null, message: string): void {
  line("cannot start ");
  sayProgram();
  say(": ");
  say(message);
  if (process !== null) {
    process.state = STATE_FAILED;
    if (elfOffset !== 0) {
      say(" (offset ");
      sayHex(elfOffset as u64, 1);
      say(")");
    }
  } else {
    absent++;
  }
  endLine();
}

function announce(process: Process): void {
  line("start ");
  sayDecimal(process.number as u64);
  say(process.abi === ABI_LINUX ? ": linux" : ": native");
  for (let i: u32 = 0; i < argumentCount(); i++) {
    say(" ");
    sayText(argument(i), argumentLength(i));
  }
  endLine();
}

function outcome(process: Process): void {
  if (process.state === STATE_EXITED) {
    say("exit status ");
    sayDecimal(process.status as u64);
  } else if (process.state === STATE_KILLED) {
    say(process.abi === ABI_LINUX ? "killed by signal " : "killed by exception ");
    sayDecimal(process.status as u64);
  } else {
    say("not started");
  }
}

/** Waits for the end of `process` and takes its memory back. */
function finish(process: Process): void {
  leave();
  smDown(process.block + BLOCK_DONE, 0);
  enter();
  reportMissing(process);
  line("end ");
  sayDecimal(process.number as u64);
  say(": ");
  outcome(process);
  endLine();
  reapProcess(process);
}

/** Runs the program of the current start line. */
function run(): void {
  const node = find(argument(0), argumentLength(0));
  if (node === null || node.kind !== KIND_FILE) {
    if (!startOptional) failed(null, "no such file in the archive");
    else {
      line("skip ");
      sayProgram();
      say(": not in the archive");
      endLine();
    }
    return;
  }
  const abi = startNative ? ABI_NATIVE : ABI_LINUX;
  const process = newProcess(abi, argument(0), argumentLength(0));
  if (process === null) {
    failed(null, "out of memory");
    return;
  }
  announce(process);
  requireOk(createDomain(process), "creating a protection domain");
  const error = prepare(process, node);
  if (error !== ELF_OK) {
    failed(process, elfMessage(error));
    reapProcess(process);
    return;
  }
  node.users++;
  requireOk(startProcess(process), "starting a program");
  if (!startParallel) finish(process);
}

function runAll(): void {
  const file = find(text, copyLiteral(text, START_FILE));
  if (file === null || file.kind !== KIND_FILE) {
    fail("there is no userland.conf in the archive");
    return;
  }
  openStartFile(file.data, file.size);
  while (!startFileEnded()) {
    const kind = nextStartLine();
    if (kind === LINE_RUN) {
      run();
    } else if (kind !== LINE_EMPTY && kind !== LINE_ENVIRONMENT) {
      badLines++;
      line("userland.conf line ");
      sayDecimal(startLine as u64);
      say(": ");
      say(startMessage(kind));
      endLine();
    }
  }
  for (let id: u32 = 1; id <= processCount(); id++) {
    const process = processAt(id);
    if (process.leader !== process || process.state === STATE_FAILED) continue;
    if (process.files !== 0) finish(process);
  }
}

function widest(): u32 {
  let width: u32 = 0;
  for (let id: u32 = 1; id <= processCount(); id++)
    width = max<u32>(width, processAt(id).nameLength);
  return width;
}

function summary(): void {
  line("summary: ");
  sayDecimal(programCount() as u64);
  say(programCount() === 1 ? " program" : " programs");
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
  const width = widest();
  for (let id: u32 = 1; id <= processCount(); id++) {
    const process = processAt(id);
    if (process.leader !== process) continue;
    line("");
    sayPadded(process.number as u64, 4);
    say("  ");
    sayText(process.name, process.nameLength);
    saySpaces(width - process.nameLength + 2);
    outcome(process);
    say(", ");
    sayDecimal(process.calls);
    say(" calls, ");
    sayDecimal(process.faults);
    say(" page faults, ");
    sayDecimal((process.peak as u64) * 4);
    say(" KiB");
    endLine();
  }
}

/** Entry of the stub: the kernel's HIP and the number of the CPU it started us on. */
export function main(hipAddress: u64, cpu: u64): void {
  copyHip(hipAddress);
  openConsole();
  if (!hipValid(hip)) fail("the kernel's information page has an unknown layout");
  // Loaders leave the modules' command lines anywhere in free RAM: read them before it is used.
  const hasUserland = findModule("userland");
  if (!claimRam()) fail("not enough memory");
  describeMachine();
  initProcesses(cpu as u32);
  watchSelf();
  requireOk(initLock(), "creating a semaphore");
  claimPorts(CMOS_PORT, 2);
  startClock(hipTscKilohertz(hip));
  seedRandom(bootTime() as u64);
  initLinux();
  if (!hasUserland) {
    fail(
      'there is no boot module named userland (-initrd "roottask-bin roottask,userland.tar userland")',
    );
  }
  buildTree();
  enter();
  runAll();
  summary();
  line("power off");
  endLine();
  powerOff();
  line("error: the machine does not switch off");
  endLine();
  while (true);
}

/** Entry of every portal: see libroottask/portals.ts. */
export function portal(id: u64): void {
  handlePortal(id);
}

/** First address behind the static data; the linker needs it. */
export function staticEnd(): usize {
  return __heap_base;
}
