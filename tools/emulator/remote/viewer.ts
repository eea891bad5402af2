// One page before a machine: sends it the serial line's bytes and how the machine is, and does what the page asks. The
// picture comes by another way (screen-feed.ts). Whoever has the machine calls `look` some thirty times a second.

import type { RunControl } from "../debug/run-control.ts";
import { stackLines } from "../inspect/report.ts";
import { readSnapshotFile, snapshotFile } from "../snapshot-file.ts";
import {
  type CommandName,
  checkedMessage,
  type FromMachine,
  type MachineState,
  type QuestionName,
  type ToMachine,
} from "./messages.ts";

/** What the viewers of one machine have in common. */
export interface ViewedMachine {
  readonly control: RunControl;
  /** What has been booted. */
  readonly title: string;
  /** Answers a line of the monitor. */
  execute(line: string): Promise<string>;
  /** Lets a machine that was off run, after a reset or with another state; undefined where its end is that of everything. */
  revive?: () => void;
}

/** How a machine is that does not run. */
export interface Standstill {
  state: MachineState;
  reason: string;
}

/** Looks between two reports of instructions and time. */
const LOOKS_A_STATUS = 8;

export class Viewer {
  readonly #viewed: ViewedMachine;
  readonly #send: (message: FromMachine) => void;
  #serial: number[] = [];
  #standstill: Standstill | undefined;
  #looks = 0;
  #status = "";
  /** The state that the serial line's output is of. */
  #generation = 0;

  /** Tells the page all that there is to see now. */
  constructor(viewed: ViewedMachine, send: (message: FromMachine) => void) {
    this.#viewed = viewed;
    this.#send = send;
    const { machine } = viewed.control;
    send({
      kind: "machine",
      title: viewed.title,
      cpus: machine.cpus.length,
      memory: machine.ram.size,
      hasScreen: machine.board.vga !== undefined,
      restarts: viewed.revive !== undefined,
    });
    this.#sendSerialFromStart();
    this.look();
  }

  /** A byte that the guest has sent on COM1. */
  serial(byte: number): void {
    this.#serial.push(byte);
  }

  /** Sends the whole output of COM1: the first time, and when another state has taken the machine's place. */
  #sendSerialFromStart(): void {
    const { machine } = this.#viewed.control;
    this.#serial = [];
    this.#generation = machine.generation;
    const bytes = Uint8Array.from(machine.serialOutput, (c) => c.charCodeAt(0));
    this.#send({ kind: "serial", fresh: true, bytes });
  }

  /** Why the machine does not run, where that is not for being paused; undefined when it goes on. */
  standstill(standstill: Standstill | undefined): void {
    this.#standstill = standstill;
    this.look();
  }

  /** Sends what has changed. */
  look(): void {
    if (this.#generation !== this.#viewed.control.machine.generation) this.#sendSerialFromStart();
    if (this.#serial.length > 0) {
      this.#send({ kind: "serial", fresh: false, bytes: Uint8Array.from(this.#serial) });
      this.#serial = [];
    }
    this.#sendStatus();
  }

  #sendStatus(): void {
    const { control } = this.#viewed;
    const { core } = control.machine;
    const paused: Standstill = { state: "paused", reason: "" };
    const running: Standstill = { state: "running", reason: "" };
    const how =
      control.paused && this.#standstill?.state !== "off" ? paused : (this.#standstill ?? running);
    const key = [how.state, how.reason, control.machine.realTime].join();
    const isDue = this.#looks++ % LOOKS_A_STATUS === 0 || key !== this.#status;
    if (!isDue) return;
    this.#status = key;
    this.#send({
      kind: "status",
      ...how,
      instructions: core.instructions(),
      time: core.time(),
      clock: performance.now(),
      realTime: control.machine.realTime,
    });
  }

  /** Does what a page wants. Throws `MessageError` for what is no message. */
  receive(message: unknown): void {
    const checked = checkedMessage(message);
    const { control } = this.#viewed;
    if (checked.kind === "input") {
      control.machine.input(checked.event);
    } else if (checked.kind === "command") {
      this.#command(checked.name);
      this.look();
    } else {
      void this.#ask(checked);
    }
  }

  #command(name: CommandName): void {
    const { control, revive } = this.#viewed;
    switch (name) {
      case "pause":
        control.pause();
        break;
      case "resume":
        control.resume();
        break;
      case "reset":
        control.reset();
        if (this.#standstill?.state === "off") revive?.();
        break;
      case "power":
        control.pressPowerButton();
        break;
      case "step":
        if (control.paused) control.step(0);
        break;
      case "fast":
      case "real-time":
        control.machine.realTime = name === "real-time";
    }
  }

  async #ask({ id, what, text, bytes }: Extract<ToMachine, { kind: "ask" }>): Promise<void> {
    try {
      this.#send({ kind: "answer", id, ...(await this.#answer(what, text, bytes)) });
    } catch (error) {
      this.#send({ kind: "failure", id, text: (error as Error).message });
    }
  }

  async #answer(
    what: QuestionName,
    text: string,
    bytes: Uint8Array | undefined,
  ): Promise<{ text: string; bytes?: Uint8Array }> {
    switch (what) {
      case "monitor":
        return { text: await this.#viewed.execute(text) };
      case "stack":
        return { text: this.#callStack() };
      case "save":
        return { text: "", bytes: snapshotFile(this.#viewed.control.machine.snapshot()) };
      case "load":
        return { text: await this.#load(bytes ?? new Uint8Array(0)) };
      default:
        return { text: this.#breakpoint(what, text) };
    }
  }

  #callStack(): string {
    const { machine } = this.#viewed.control;
    const [boot] = machine.cpus;
    return boot === undefined ? "" : stackLines(machine, boot, machine.symbols()).join("\n");
  }

  /** Brings the machine into a state that was saved; it runs or stands still as before. */
  async #load(file: Uint8Array): Promise<string> {
    const { control, revive } = this.#viewed;
    const snapshot = readSnapshotFile(file);
    const wasPaused = control.paused;
    await control.standstill();
    try {
      control.machine.restore(snapshot);
    } finally {
      if (!wasPaused) control.resume();
    }
    if (this.#standstill?.state === "off") revive?.();
    return "the machine is as it was";
  }

  /** Sets or clears a breakpoint, none for an empty text, and lists those there are. */
  #breakpoint(what: QuestionName, text: string): string {
    const { control } = this.#viewed;
    const symbols = control.machine.symbols();
    if (text !== "") {
      const isNumber = /^(0x[0-9a-f]{1,16}|\d{1,19})$/i.test(text);
      const address = isNumber ? BigInt(text) : symbols?.address(text);
      if (address === undefined) {
        throw new Error(
          `${text}: expected an address such as 0x100000, or a function of the kernel`,
        );
      }
      const alike = symbols?.alike(address) ?? [address];
      // Which one it is shows when the machine comes there; an address that is given is meant as it is.
      const places = what === "break" && isNumber ? [address] : alike;
      for (const place of places) {
        if (what === "break") control.setBreakpoint(place);
        else control.clearBreakpoint(place);
      }
    }
    const places = new Map<string, string[]>();
    for (const at of control.breakpoints()) {
      const name = symbols?.describe(at) ?? "";
      const key = name === "" ? String(at) : name;
      places.set(key, [...(places.get(key) ?? [name]), `0x${at.toString(16)}`]);
    }
    return [...places.values()]
      .map(([name, ...all]) => `${all.join(" or ")} ${name}`.trim())
      .join("\n");
  }
}
