// The terminal at the serial line. What it shows goes into the log; what is typed arrives by the UART's interrupt (PC16550D
// datasheet, "Receiver buffer", "FIFO interrupt mode operation"), which the kernel turns into a semaphore for an EC of the
// roottask, or is looked for every few milliseconds where there is no interrupt. Both only while somebody has it open: until
// then the machine is as if it had no keyboard.
//
// While there is no room for more the bytes stay in the UART, and the other end waits as far as it can.

import {
  CRD_OBJ,
  NUM_CPU,
  PERM_ALL,
  ROOT_SEL_PD,
  SUCCESS,
  XFER_FROM_KERNEL,
} from "../libhedron/abi";
import {
  assignGsi,
  createGlobalEc,
  createSc,
  createSm,
  delegateRange,
  smDown,
} from "../libhedron/hypercalls";
import { listen_entry } from "../libhedron/symbol";
import { SEL_EVENTS } from "../libhrstd/layout";
import { deadline } from "../libroottask/clock";
import {
  isBreak,
  listenSerial,
  put,
  serialInterrupt,
  serialReady,
  takeSerial,
} from "../libroottask/console";
import { setOutsiders } from "../libroottask/deadlock";
import { enter, leave } from "../libroottask/lock";
import { SERIAL_UTCB } from "../libroottask/machine";
import { prepareOwnStart } from "../libroottask/portals";
import { SEL_SERIAL_EC, SEL_SERIAL_INTERRUPT, SEL_SERIAL_SC } from "../libroottask/selectors";
import { allocateHandlerStack, HANDLER_STACK } from "../libroottask/thread_slots";
import { forgetInput, inputRoom, receive, receiveBreak } from "./line_input";
import { beginShowing, flush, showKept } from "./line_output";
import { newTerminal, Terminal } from "./terminal";
import { DEVICE_TTYS0, setSerialTerminal } from "./terminal_file";
import { B115200, CLOCAL, CREAD, CS8, HUPCL, setDefaults } from "./termios";

/** Above programs, so that an interrupt character is heard whatever they do. */
const PRIORITY: u64 = 2;
const QUANTUM: u64 = 10_000;
/** How often is looked where there is no interrupt, nanoseconds. */
const INTERVAL: u64 = 5_000_000;
const SPEED: u32 = 115_200;
/** The log takes whatever comes. */
const ALWAYS: u32 = 0x7fff_ffff;

let cpu: u32 = 0;
let terminal: Terminal | null = null;
let running: bool = false;
let hasInterrupt: bool = false;

function sendToLog(_terminal: Terminal, bytes: usize, length: u32): void {
  put(bytes, length);
}

function roomInLog(_terminal: Terminal): u32 {
  return ALWAYS;
}

/** Takes what has arrived, as far as there is room. */
function takeArrived(own: Terminal): void {
  if (!running) return;
  beginShowing(own);
  while (inputRoom(own) !== 0 && serialReady()) {
    const broken = isBreak();
    const value = takeSerial();
    if (broken) receiveBreak(own);
    else receive(own, value);
  }
  flush(own);
}

/** Binds the interrupt to the semaphore; false where there is none. */
function bindInterrupt(): bool {
  const line = serialInterrupt();
  if (line < 0) return false;
  const source = NUM_CPU + (line as u64);
  const given = delegateRange(
    ROOT_SEL_PD,
    ROOT_SEL_PD,
    CRD_OBJ,
    source,
    SEL_SERIAL_INTERRUPT,
    0,
    PERM_ALL,
    XFER_FROM_KERNEL,
  );
  return given === SUCCESS && assignGsi(SEL_SERIAL_INTERRUPT, cpu) === SUCCESS;
}

/** Lets an EC wait for what arrives, from the first time on that somebody opens the terminal. */
function startListening(): void {
  hasInterrupt = bindInterrupt();
  // Only deadlines end the wait for this one.
  if (!hasInterrupt) createSm(SEL_SERIAL_INTERRUPT, ROOT_SEL_PD, 0);
  const stack = allocateHandlerStack();
  if (stack === 0) return;
  prepareOwnStart(listen_entry(), stack + HANDLER_STACK);
  const made = createGlobalEc(SEL_SERIAL_EC, ROOT_SEL_PD, cpu, SERIAL_UTCB, SEL_EVENTS);
  if (made !== SUCCESS) return;
  running = createSc(SEL_SERIAL_SC, ROOT_SEL_PD, SEL_SERIAL_EC, PRIORITY, QUANTUM) === SUCCESS;
}

function opened(own: Terminal): void {
  setOutsiders(true);
  if (!running) startListening();
  listenSerial(true);
  takeArrived(own);
}

/** What has been kept is shown at once. */
function flowChanged(own: Terminal): void {
  showKept(own);
  flush(own);
}

function closed(own: Terminal): void {
  if (own.opens !== 0) return;
  setOutsiders(false);
  listenSerial(false);
}

/** The EC that listens: never returns. */
export function listen(): void {
  while (true) {
    smDown(SEL_SERIAL_INTERRUPT, hasInterrupt ? 0 : deadline(INTERVAL));
    enter();
    const own = terminal as Terminal;
    if (own.opens !== 0) takeArrived(own);
    leave();
  }
}

/** The terminal that the serial line is. False when memory is out. */
export function initSerialTerminal(number: u32): bool {
  cpu = number;
  running = false;
  const own = newTerminal(DEVICE_TTYS0, sendToLog, roomInLog);
  if (own === null) return false;
  setDefaults(own.settings, B115200 | CS8 | CREAD | HUPCL | CLOCAL, SPEED);
  own.drained = takeArrived;
  own.opened = opened;
  own.closed = closed;
  own.hungUp = forgetInput;
  own.flowChanged = flowChanged;
  terminal = own;
  setSerialTerminal(own);
  return true;
}
