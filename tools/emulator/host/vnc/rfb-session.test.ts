// Whatever bytes a VNC client sends, in whatever pieces: a session ends or goes on, keeps little of it, and what it
// takes for input does not depend on the pieces.

import { expect, test } from "vitest";
import { keyOfName } from "../../devices/keys.ts";
import { Display } from "../../display.ts";
import type { OutsideEvent } from "../../input.ts";
import { inputGuest } from "../../monitor/testdata/input-guest.ts";
import { random } from "../../platform/testdata/random-accesses.ts";
import { Machine } from "../machine.ts";
import { convert, readFormat } from "./pixel-format.ts";
import { RfbSession } from "./rfb-session.ts";

async function machineWithInputs() {
  const machine = await Machine.create({ kernel: inputGuest(), memory: "16M" });
  const inputs: OutsideEvent[] = [];
  machine.onInput = ({ event }) => inputs.push(event);
  return { machine, inputs };
}

function sessionOf(machine: Machine, password?: string) {
  const state = { closed: 0, sent: 0 };
  const session = new RfbSession(
    {
      title: "fuzz",
      display: Display.of(machine) as Display,
      ...(password === undefined ? {} : { password: () => password }),
    },
    {
      write: (bytes) => {
        state.sent += bytes.length;
      },
      close: () => {
        state.closed++;
      },
      unread: 0,
    },
  );
  return { session, state };
}

const VERSION = [..."RFB 003.008\n"].map((c) => c.charCodeAt(0));
const LENGTHS = [
  0,
  1,
  2,
  255,
  1023,
  1024,
  1025,
  65535,
  1 << 20,
  (1 << 20) + 1,
  0x7fffffff,
  0xffffffff,
];

/** Messages as a client sends them, some of them damaged, with lengths that are too large, or cut off. */
function stream(seed: number): Uint8Array {
  const next = random(seed);
  const pick = (n: number): number => next() % n;
  const bytes = [...VERSION, 1, 1];
  const number = (size: number, value: number): void => {
    for (let i = size - 1; i >= 0; i--) bytes.push(Math.floor(value / 256 ** i) & 255);
  };
  for (let i = pick(40); i >= 0; i--) {
    switch (pick(9)) {
      case 0:
        bytes.push(
          0,
          0,
          0,
          0,
          [8, 16, 32, 24][pick(4)] as number,
          24,
          pick(2),
          pick(4) === 0 ? 0 : 1,
        );
        for (let c = 0; c < 3; c++) number(2, [255, 31, 63, 7, 3, pick(65536)][pick(6)] as number);
        bytes.push(pick(33), pick(17), pick(9), 0, 0, 0);
        break;
      case 1: {
        const count = pick(6) === 0 ? (LENGTHS[pick(8)] as number) : pick(5);
        bytes.push(2, 0);
        number(2, count);
        for (let e = 0; e < Math.min(count, 20); e++)
          number(4, [0, 6, 0xffffff21, next()][pick(4)] as number);
        break;
      }
      case 2:
        bytes.push(3, pick(2));
        for (let c = 0; c < 4; c++) number(2, pick(65536));
        break;
      case 3:
      case 4:
        bytes.push(4, pick(2), 0, 0);
        number(4, pick(3) === 0 ? next() : ([0x61, 0x41, 0xffe1, 0xff51, 0x21][pick(5)] as number));
        break;
      case 5:
        bytes.push(5, pick(256));
        number(2, pick(65536));
        number(2, pick(65536));
        break;
      case 6: {
        const length = pick(3) === 0 ? (LENGTHS[pick(LENGTHS.length)] as number) : pick(50);
        bytes.push(6, 0, 0, 0);
        number(4, length);
        for (let c = 0; c < Math.min(length, 50); c++) bytes.push(pick(256));
        break;
      }
      case 7:
        bytes.push(pick(256));
        break;
      default:
        bytes[pick(bytes.length)] = pick(256);
    }
  }
  return Uint8Array.from(bytes.slice(0, 1 + pick(bytes.length + 40)));
}

test("random clients, in one piece and in many", async () => {
  const [whole, split] = [await machineWithInputs(), await machineWithInputs()];
  const next = random(3);
  let closed = 0;
  let keys = 0;
  for (let seed = 1; seed <= 80; seed++) {
    const bytes = stream(seed);
    const [one, many] = [sessionOf(whole.machine), sessionOf(split.machine)];
    one.session.receive(bytes);
    for (let at = 0; at < bytes.length; ) {
      const length = 1 + (next() % 40);
      many.session.receive(bytes.subarray(at, at + length));
      at += length;
    }
    expect(many.state.closed).toBe(one.state.closed);
    expect(split.inputs).toEqual(whole.inputs);
    closed += one.state.closed;
    keys += whole.inputs.length;
    await one.session.update();
    one.session.close();
    many.session.close();
    expect([one.state.closed, many.state.closed]).toEqual([1, 1]);
    one.session.receive(bytes);
    whole.inputs.length = 0;
    split.inputs.length = 0;
  }
  // Both kinds are among them: those that were cut off, and those that were not.
  expect(closed).toBeGreaterThan(10);
  expect(closed).toBeLessThan(70);
  expect(keys).toBeGreaterThan(40);
});

test("a client without the password gets nothing and moves nothing, whatever it says", async () => {
  const { machine, inputs } = await machineWithInputs();
  const next = random(9);
  for (let round = 0; round < 200; round++) {
    const { session, state } = sessionOf(machine, round % 2 === 0 ? "" : "secret");
    session.receive(Uint8Array.from([...VERSION, 2]));
    session.receive(Uint8Array.from({ length: 16 }, () => next()));
    session.receive(stream(round + 1).subarray(13));
    expect(state.closed).toBe(1);
    // The version, the kinds of security, the challenge, a refusal with its reason.
    expect(state.sent).toBe(12 + 2 + 16 + 4 + 4 + "Authentication failed".length);
  }
  expect(inputs).toEqual([]);
});

test("a clipboard is skipped, however it comes, and what follows it is understood", async () => {
  const { machine, inputs } = await machineWithInputs();
  const { session, state } = sessionOf(machine);
  session.receive(Uint8Array.from([...VERSION, 1, 1]));
  session.receive(Uint8Array.from([6, 0, 0, 0, 0, 0x10, 0, 0]));
  for (let i = 0; i < 1 << 20; i += 4096) session.receive(new Uint8Array(4096).fill(4));
  session.receive(Uint8Array.from([4, 1, 0, 0, 0, 0, 0, 0x61]));
  expect(inputs).toMatchObject([{ kind: "key", code: keyOfName("a")?.code, down: true }]);
  expect(state.closed).toBe(0);
});

test.each([
  ["32 bits, 0x00RRGGBB", [32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0], [0x33, 0x22, 0x11, 0]],
  ["32 bits, big endian", [32, 24, 1, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0], [0, 0x11, 0x22, 0x33]],
  [
    "32 bits, red last and in the top",
    [32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 24, 16, 8],
    [0, 0x33, 0x22, 0x11],
  ],
  ["16 bits, 5-6-5", [16, 16, 0, 1, 0, 31, 0, 63, 0, 31, 11, 5, 0], [0x06, 0x11]],
  ["16 bits, 5-6-5, big endian", [16, 16, 1, 1, 0, 31, 0, 63, 0, 31, 11, 5, 0], [0x11, 0x06]],
  ["8 bits, 2-3-3", [8, 8, 0, 1, 0, 7, 0, 7, 0, 3, 0, 3, 6], [0x48]],
] as const)("pixels of %s", (_, bytes, wanted) => {
  const format = readFormat(Uint8Array.from([...bytes, 0, 0, 0]));
  if (format === undefined) throw new Error("the format is refused");
  const rgba = Uint8ClampedArray.from([0x11, 0x22, 0x33, 255]);
  expect([...convert(rgba, format)]).toEqual([...wanted]);
});
