// The 8042 keyboard controller with its two ports and the system's A20 and reset outputs (IBM PC/AT
// technical reference, "Keyboard controller"; OSDev "8042 PS/2 controller"). What is behind the ports
// is in ps2-keyboard.ts and ps2-mouse.ts.

import type { BoardPins, Device, DeviceKind, GuestLog, PortHandler, Slot } from "./device.ts";
import type { IrqLine } from "./interrupt-lines.ts";
import type { Ps2Device } from "./ps2.ts";
import { Ps2Keyboard } from "./ps2-keyboard.ts";
import { Ps2Mouse } from "./ps2-mouse.ts";
import { BREAK, translated } from "./scan-codes.ts";

export const KEYBOARD_IRQ = 1;
export const MOUSE_IRQ = 12;

const STATUS_OUTPUT = 1;
const STATUS_SYSTEM = 4;
const STATUS_COMMAND = 8;
const STATUS_UNLOCKED = 0x10;
const STATUS_AUX = 0x20;

const MODE_KBD_INT = 1;
const MODE_AUX_INT = 2;
const MODE_SYSTEM = 4;
const MODE_KBD_OFF = 0x10;
const MODE_AUX_OFF = 0x20;
const MODE_TRANSLATE = 0x40;

/** Output port: bit 0 low resets the CPU, bit 1 is A20, bits 4 and 5 say that the output buffer is full. */
const OUT_RESET = 1;
const OUT_A20 = 2;
const OUT_FULL = 0x10;
const OUT_AUX_FULL = 0x20;

type Source = "controller" | "controller-aux" | "keyboard" | "mouse";

const freshState = () => ({
  mode: MODE_KBD_INT | MODE_AUX_INT | MODE_SYSTEM | MODE_TRANSLATE,
  outPort: 0xcc | OUT_RESET | OUT_A20,
  /** Command whose data byte comes next through port 0x60, 0 for none. */
  pending: 0,
  lastWasCommand: true,
  /** Where the byte in the output buffer is from, "" while that is empty. */
  source: "" as Source | "",
  /** What the controller itself has to say next. */
  answer: undefined as { byte: number; aux: boolean } | undefined,
  /** What was read last, and is read again from an empty buffer. */
  last: 0,
  /** The translator has seen a break prefix. */
  breakSeen: false,
  ram: new Array<number>(32).fill(0),
});

class I8042 implements Device {
  readonly name: string;
  state = freshState();
  readonly #pins: BoardPins;
  readonly #kbdIrq: IrqLine;
  readonly #auxIrq: IrqLine;
  readonly #keyboard: Ps2Device;
  readonly #mouse: Ps2Device;
  readonly #log: GuestLog;

  constructor(slot: Slot) {
    this.name = slot.name;
    this.#pins = slot.pins;
    this.#log = slot.log;
    this.#kbdIrq = slot.isaIrq(KEYBOARD_IRQ);
    this.#auxIrq = slot.isaIrq(MOUSE_IRQ);
    this.#keyboard = slot.find(Ps2Keyboard);
    this.#mouse = slot.find(Ps2Mouse);
    this.#keyboard.onData = () => this.#update();
    this.#mouse.onData = () => this.#update();
    slot.ports(0x60, 1, this.#dataPort());
    slot.ports(0x64, 1, this.#commandPort());
  }

  reset(): void {
    this.state = freshState();
    this.#update();
  }

  /** What would fill the output buffer next. */
  #pending(): Source | "" {
    const { answer, mode } = this.state;
    if (answer !== undefined) return answer.aux ? "controller-aux" : "controller";
    if (!(mode & MODE_KBD_OFF) && this.#keyboard.hasData()) return "keyboard";
    if (!(mode & MODE_AUX_OFF) && this.#mouse.hasData()) return "mouse";
    return "";
  }

  get #isAux(): boolean {
    return this.state.source === "mouse" || this.state.source === "controller-aux";
  }

  /** Fills the output buffer if it is empty, and drives the interrupt lines. */
  #update(): void {
    const s = this.state;
    if (s.source === "") s.source = this.#pending();
    const full = s.source !== "";
    const keyboardOn = (s.mode & (MODE_KBD_INT | MODE_KBD_OFF)) === MODE_KBD_INT;
    this.#kbdIrq.set(full && !this.#isAux && keyboardOn);
    this.#auxIrq.set(full && this.#isAux && (s.mode & MODE_AUX_INT) !== 0);
  }

  #answer(byte: number, aux = false): void {
    this.state.answer = { byte, aux };
  }

  /** Port 0x60: data. */
  #dataPort(): PortHandler {
    return {
      read: () => {
        const s = this.state;
        if (s.source !== "") s.last = this.#take(s.source);
        s.source = "";
        // The line drops while the next byte moves into the output buffer: an edge for each byte.
        this.#kbdIrq.set(false);
        this.#auxIrq.set(false);
        this.#update();
        return s.last;
      },
      write: (_port, value) => {
        this.state.lastWasCommand = false;
        this.#writeData(value & 0xff);
        this.#update();
      },
    };
  }

  /** Port 0x64: status and commands. */
  #commandPort(): PortHandler {
    return {
      read: () => {
        return (
          (this.state.source !== "" ? STATUS_OUTPUT : 0) |
          (this.#isAux ? STATUS_AUX : 0) |
          (this.state.mode & MODE_SYSTEM ? STATUS_SYSTEM : 0) |
          (this.state.lastWasCommand ? STATUS_COMMAND : 0) |
          STATUS_UNLOCKED
        );
      },
      write: (_port, value) => {
        this.state.lastWasCommand = true;
        this.#command(value & 0xff);
        this.#update();
      },
    };
  }

  #take(source: Source): number {
    const s = this.state;
    if (source === "mouse") return this.#mouse.takeByte();
    if (source === "keyboard") return this.#fromKeyboard();
    const byte = s.answer?.byte ?? s.last;
    s.answer = undefined;
    return byte;
  }

  /** A byte of the keyboard, as set 1 while translation is on: there the break prefix becomes bit 7. */
  #fromKeyboard(): number {
    const s = this.state;
    if (!(s.mode & MODE_TRANSLATE)) return this.#keyboard.takeByte();
    let byte = this.#keyboard.takeByte();
    if (byte === BREAK) {
      s.breakSeen = true;
      if (!this.#keyboard.hasData()) return byte;
      byte = this.#keyboard.takeByte();
    }
    const release = s.breakSeen;
    s.breakSeen = false;
    return translated(byte, release);
  }

  #writeData(value: number): void {
    const s = this.state;
    const pending = s.pending;
    s.pending = 0;
    if (pending >= 0x60 && pending <= 0x7f) {
      if (pending === 0x60) s.mode = value;
      else s.ram[pending & 31] = value;
      return;
    }
    switch (pending) {
      case 0:
        // A byte for the keyboard also enables its clock.
        s.mode &= ~MODE_KBD_OFF;
        this.#keyboard.command(value);
        break;
      case 0xd1:
        this.#writeOutPort(value);
        break;
      case 0xd2:
        this.#answer(value);
        break;
      case 0xd3:
        this.#answer(value, true);
        break;
      case 0xd4:
        s.mode &= ~MODE_AUX_OFF;
        this.#mouse.command(value);
        break;
    }
  }

  #writeOutPort(value: number): void {
    this.state.outPort = value;
    this.#pins.setA20((value & OUT_A20) !== 0, "keyboard");
    if (!(value & OUT_RESET)) this.#pins.reset();
  }

  #command(value: number): void {
    const s = this.state;
    if (value >= 0x20 && value <= 0x3f) {
      this.#answer(value === 0x20 ? s.mode : (s.ram[value & 31] as number));
      return;
    }
    if ((value >= 0x60 && value <= 0x7f) || (value >= 0xd1 && value <= 0xd4)) {
      s.pending = value;
      return;
    }
    if (value >= 0xf0) {
      // Pulse output lines low for 6 µs: bit 0 is the reset line, and only 0 pulses.
      if (!(value & 1)) this.#pins.reset();
      return;
    }
    switch (value) {
      case 0xa7:
        s.mode |= MODE_AUX_OFF;
        break;
      case 0xa8:
        s.mode &= ~MODE_AUX_OFF;
        break;
      case 0xa9:
      case 0xab:
        this.#answer(0);
        break;
      case 0xaa:
        s.mode |= MODE_SYSTEM;
        this.#answer(0x55);
        break;
      case 0xad:
        s.mode |= MODE_KBD_OFF;
        break;
      case 0xae:
        s.mode &= ~MODE_KBD_OFF;
        break;
      case 0xc0:
        this.#answer(0x80);
        break;
      case 0xd0:
        this.#answer(
          s.outPort | (s.source !== "" ? OUT_FULL : 0) | (this.#isAux ? OUT_AUX_FULL : 0),
        );
        break;
      case 0xdd:
      case 0xdf:
        s.outPort = value === 0xdf ? s.outPort | OUT_A20 : s.outPort & ~OUT_A20;
        this.#pins.setA20(value === 0xdf, "keyboard");
        break;
      default:
        this.#log.unimplemented(`keyboard controller command 0x${value.toString(16)}`);
    }
  }
}

export const i8042: DeviceKind = {
  name: "i8042",
  what: "keyboard controller",
  builtIn: true,
  create: (slot) => new I8042(slot),
};
