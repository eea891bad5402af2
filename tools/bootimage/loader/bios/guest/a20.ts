// Address line 20, which PCs start with held low: by the BIOS (INT 15h, AX = 2401h), the fast gate of port 92h, the
// keyboard controller (8042: write output port, D1h) and port EEh of some old boards. Each is tried until a test
// finds the line on, and none where it is on already. BIOS calls may switch it off again: `bios` looks behind each.

import { inb, load32, outb, pause, store32 } from "../../core/x86";
import { clear, interrupt, registers } from "./registers";

const MEMORY_SERVICES: i32 = 0x15;
const ENABLE_GATE: u32 = 0x2401;

const FAST_GATE: i32 = 0x92;
const FAST_GATE_A20: i32 = 2;
/** Written as 1, it resets the CPU. */
const FAST_GATE_RESET: i32 = 1;

const KEYBOARD_DATA: i32 = 0x60;
const KEYBOARD_COMMAND: i32 = 0x64;
const KEYBOARD_INPUT_FULL: i32 = 2;
const WRITE_OUTPUT_PORT: i32 = 0xd1;
/** A20, no reset, the keyboard's lines as they rest. */
const OUTPUT_A20: i32 = 0xdf;
/** Pulses no line: gives the controller time to have done the command before. */
const NO_PULSE: i32 = 0xff;

const READ_GATE: i32 = 0xee;

/** Port 80h takes a microsecond on the bus. */
const DELAY_PORT: i32 = 0x80;
/** How long the controller may take for a byte, and the gate for its effect. */
const CONTROLLER_WAIT: i32 = 50_000;
const EFFECT_WAIT: i32 = 200;

/** Tested by: the word 1 MiB above, which is the same one where the line is held low, must not change with it. */
const probe: usize = memory.data(4, 4);
const ALIAS: u64 = 0x10_0000;

export function isA20On(): bool {
  const here = <u64>probe;
  const there = load32(here + ALIAS);
  store32(here, ~there & 0xffff_ffff);
  return load32(here + ALIAS) === there;
}

/** Gives a method time to work. */
function comesOn(): bool {
  for (let i = 0; i < EFFECT_WAIT; i++) {
    if (isA20On()) return true;
    inb(DELAY_PORT);
  }
  return false;
}

function controllerReady(): bool {
  for (let i = 0; i < CONTROLLER_WAIT; i++) {
    if ((inb(KEYBOARD_COMMAND) & KEYBOARD_INPUT_FULL) === 0) return true;
    pause();
  }
  return false;
}

function byFastGate(): void {
  const value = inb(FAST_GATE);
  if ((value & FAST_GATE_A20) !== 0) return;
  outb(FAST_GATE, (value | FAST_GATE_A20) & ~FAST_GATE_RESET);
}

function byController(): void {
  if (!controllerReady()) return;
  outb(KEYBOARD_COMMAND, WRITE_OUTPUT_PORT);
  if (!controllerReady()) return;
  outb(KEYBOARD_DATA, OUTPUT_A20);
  if (!controllerReady()) return;
  outb(KEYBOARD_COMMAND, NO_PULSE);
  controllerReady();
}

/** Switches the line on; false where nothing does. The registers of BIOS calls are lost. */
export function enableA20(): bool {
  if (isA20On()) return true;
  clear();
  registers.eax = ENABLE_GATE;
  interrupt(MEMORY_SERVICES);
  if (comesOn()) return true;
  byFastGate();
  if (comesOn()) return true;
  byController();
  if (comesOn()) return true;
  inb(READ_GATE);
  return comesOn();
}
