// A recorded run is repeated exactly: keys, mouse, serial bytes and buttons, however they came; and files that are no
// recordings are one line.

import { beforeAll, expect, test } from "vitest";
import { type Assembler, al, byte, dword, dx, ecx, edi, mem } from "../asm/index.ts";
import { builtCore } from "./host/core.ts";
import { Machine } from "./host/machine.ts";
import type { RecordedInput } from "./input.ts";
import { LoadError } from "./load-error.ts";
import { COM1, guest, outb } from "./platform/testdata/guest.ts";
import { random } from "./platform/testdata/random-accesses.ts";
import { endLine, inputLines, readRecording, startLine } from "./recording.ts";

beforeAll(async () => {
  await builtCore();
});

/** Takes whatever comes from keyboard, mouse and COM1 into memory from 2 MiB on, with a count of its rounds meanwhile. */
function collects(a: Assembler): void {
  a.label("restart");
  outb(a, 0x64, 0xa8);
  for (const value of [0xd4]) outb(a, 0x64, value);
  outb(a, 0x60, 0xf4);
  a.mov(edi, 0x200000);
  a.label("round");
  a.inc(dword("rounds"))
    .mov(dx, COM1 + 5)
    .in(al, dx)
    .test(al, 1)
    .jz("no_serial");
  a.mov(dx, COM1).in(al, dx).call("keep");
  a.label("no_serial");
  a.in(al, 0x64).test(al, 1).jz("round").in(al, 0x60).call("keep").jmp("round");
  a.label("keep");
  a.mov(byte(edi), al).inc(edi).mov(ecx, mem("rounds")).mov(mem(edi), ecx).ret();
  a.label("rounds");
  a.dd(0);
}

const kernel = guest(collects);
const machineOf = (cpus: number) =>
  Machine.create({ kernel, memory: "16M", cpus, serialPorts: [true, true] });

/** A run with random input; what was recorded, and the state at its end. */
async function played(seed: number, cpus: number) {
  const machine = await machineOf(cpus);
  const inputs: RecordedInput[] = [];
  machine.onInput = (input) => inputs.push(input);
  const start = machine.stateHash();
  const next = random(seed);
  const pick = (n: number): number => next() % n;
  for (let i = 0; i < 40; i++) {
    switch (pick(7)) {
      case 0:
      case 1: {
        const keys = Array.from({ length: 1 + pick(4) }, () => ({
          ...{ kind: "key", code: 1 + pick(88), extended: pick(3) === 0, down: pick(2) === 0 },
        })) as { kind: "key"; code: number; extended: boolean; down: boolean }[];
        if (pick(2) === 0) machine.inputInTurn(keys, pick(1_000_000));
        else for (const key of keys) machine.input(key);
        break;
      }
      case 2:
        machine.input({
          kind: "pointer",
          dx: pick(99) - 49,
          dy: pick(99) - 49,
          dz: 0,
          buttons: pick(8),
        });
        break;
      case 3:
      case 4: {
        const bytes = Uint8Array.from({ length: pick(40) }, () => pick(256));
        machine.input({ kind: "serial", port: pick(2), bytes });
        break;
      }
      case 5:
        if (pick(4) === 0) machine.input({ kind: "reset" });
        else machine.input({ kind: "power-button" });
        break;
      default:
        break;
    }
    // A limit, and input after it, if only that of somebody who has moved nothing.
    machine.runSync({ nanoseconds: pick(3_000_000) });
    machine.input({ kind: "pointer", dx: 0, dy: 0, dz: 0, buttons: 0 });
  }
  const end = {
    time: machine.core.time(),
    due: machine.stoppedFor,
    instructions: machine.core.instructions(),
    state: machine.stateHash(),
  };
  return { inputs, start, end };
}

test.each([
  [1, 1],
  [2, 2],
])(
  "random input %i is repeated to the same state on %i CPUs, out of a file",
  async (seed, cpus) => {
    const { inputs, start, end } = await played(seed, cpus);
    expect(new Set(inputs.map(({ event }) => event.kind)).size).toBeGreaterThan(3);
    const file = startLine({ state: start }) + inputs.map(inputLines).join("") + endLine(end);
    const read = readRecording(file, "x");
    expect(read).toEqual({ start: { state: start }, inputs, end });
    const again = await machineOf(cpus);
    expect(again.stateHash()).toBe(start);
    const came: number[] = [];
    again.onInput = ({ instructions }) => came.push(instructions);
    again.replay(read.inputs);
    again.runSync({ nanoseconds: end.due - again.core.time() });
    again.replay([]);
    expect(came).toEqual(inputs.map(({ instructions }) => instructions));
    expect(again.core.instructions()).toBe(end.instructions);
    expect(again.stateHash()).toBe(end.state);
  },
);

test("a machine that accepts no input gets none", async () => {
  const [machine, other] = [await machineOf(1), await machineOf(1)];
  machine.acceptsInput = false;
  machine.input({ kind: "key", code: 30, down: true });
  expect(machine.stateHash()).toBe(other.stateHash());
});

const STATE = "0123456789abcdef".repeat(4);
const start = startLine({ state: STATE, clockStart: new Date(1e12) });
const key = inputLines({
  time: 5,
  due: 5,
  instructions: 3,
  event: { kind: "key", code: 1, extended: false, down: true },
});

test("a recording that was cut off is one without an end, whose last line may be half", () => {
  expect(readRecording(start, "x")).toEqual({
    start: { state: STATE, clockStart: new Date(1e12) },
    inputs: [],
  });
  const all = start + key + key;
  for (let length = start.length; length < all.length; length++) {
    const { inputs, end } = readRecording(all.slice(0, length), "x");
    expect([inputs.length, end]).toEqual([length < start.length + key.length ? 0 : 1, undefined]);
  }
});

test("many bytes are several lines", () => {
  const bytes = Uint8Array.from({ length: (1 << 20) + 5 }, (_, i) => i & 255);
  const lines = inputLines({
    time: 0,
    due: 0,
    instructions: 0,
    event: { kind: "serial", port: 0, bytes },
  });
  const { inputs } = readRecording(start + lines, "x");
  const parts = inputs.map(({ event }) => (event.kind === "serial" ? event.bytes : undefined));
  expect(parts.map((part) => part?.length)).toEqual([1 << 20, 5]);
  expect(Buffer.concat(parts.map((part) => part ?? new Uint8Array(0))).equals(bytes)).toBe(true);
});

test.each([
  ["", "it is no recording of -record"],
  ["{}\n", "line 1: it is no recording of -record"],
  ["\x7fELF\n", "line 1: it is no JSON"],
  ["null\n", "line 1: expected an object"],
  [
    '{"kind":"trihedron recording","format":2}\n',
    "line 1: format 2: expected 1, another version wrote it",
  ],
  [start.replace("0123", "012"), "line 1: state: expected 64 hexadecimal digits"],
  [start.replace("2001", "x"), "line 1: clockStart: expected a date"],
  [start + key.replace('"time":5', '"time":-1'), "line 2: time: expected a number of at least 0"],
  [
    start + key.replace('"time":5', '"time":1e999'),
    "line 2: time: expected a number of at least 0",
  ],
  [
    start + key + key.replace('"time":5,"due":5', '"time":4,"due":4'),
    "line 3: time: expected a number of at least 5",
  ],
  [start + key.replace('"code":1', '"code":128'), "line 2: code: expected"],
  [start + key.replace("key", "keys"), "line 2: kind: expected"],
  [start + key.replace('"due":5', '"due":""'), "line 2: due: expected a number"],
  [`${start}{"time":1,"instructions":1}\n`, "line 2: event: expected an object"],
  [
    `${start}{"time":1,"instructions":1,"event":{"kind":"serial","port":0,"bytes":"0"}}\n`,
    "line 2: bytes: expected hexadecimal digits",
  ],
  [
    `${start}{"time":1,"instructions":1,"event":{"kind":"nmi","cpu":1.5}}\n`,
    "line 2: cpu: expected",
  ],
  [
    start + endLine({ time: 9, due: 9, instructions: 9, state: STATE }) + key,
    "line 3: the recording has ended before",
  ],
])("what is no recording is one line: %#", (text, message) => {
  let error: unknown;
  try {
    readRecording(text, "-replay x");
  } catch (e) {
    error = e;
  }
  expect(error).toBeInstanceOf(LoadError);
  expect((error as Error).message).toContain(message);
  expect((error as Error).message).toMatch(/^-replay x: .+$/);
});

test("damaged recordings are recordings or one line", () => {
  const next = random(5);
  const whole = start + key + key + endLine({ time: 9, due: 9, instructions: 9, state: STATE });
  for (let round = 0; round < 500; round++) {
    const bytes = new TextEncoder().encode(whole);
    for (let i = 1 + (next() % 3); i > 0; i--) bytes[next() % bytes.length] = next() & 127;
    try {
      readRecording(new TextDecoder().decode(bytes), "x");
    } catch (error) {
      expect(error).toBeInstanceOf(LoadError);
      expect((error as Error).message).not.toContain("\n");
    }
  }
});
