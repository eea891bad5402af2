// Frames that are answered as soon as they are sent, as a network of the machine's own does: when the answers come, and that a
// recording of them is repeated exactly.

import { expect, test } from "vitest";
import {
  at,
  bringUp,
  frameAt,
  load,
  receiveRing,
  store,
  TX_DATA,
  transmitRing,
  waitForLink,
} from "./devices/net/testdata/nic-script.ts";
import { Machine } from "./host/machine.ts";
import type { RecordedInput } from "./input.ts";
import { busGuest, encodeScript } from "./platform/testdata/bus-guest.ts";

const FRAMES = 40;
/** So many take 3 ms on the wire, so that the card sends the last ones when its timer is due. */
const FRAME_BYTES = 9000;
/** End of packet, with its check sequence and a report. */
const COMMAND = 0x0b00_0000;
const TRANSMIT_TAIL = 0x3818;
/** HPET's counter, and its frequency. */
const [HPET_ENABLE, HPET_COUNTER] = [0xfed0_0010, 0xfed0_00f0];
const UNICAST = 8;

const script = [
  ...bringUp(),
  ...waitForLink(),
  ...receiveRing(UNICAST, 64, 63),
  ...frameAt(TX_DATA, 64, [0x52, 0x54, 0, 0x12, 0x34, 0x57]),
  ...transmitRing(
    Array.from({ length: FRAMES }, () => ({ buffer: TX_DATA, command: COMMAND | FRAME_BYTES })),
    64,
  ),
  store(at(TRANSMIT_TAIL), FRAMES),
  // Busy until all answers are there, which the guest sees by the head of the ring.
  store(HPET_ENABLE, 1),
  ...Array.from({ length: 4000 }, () => [load(HPET_COUNTER), load(at(0x2810))]).flat(),
];

const ANSWER = Uint8Array.from([0x52, 0x54, 0, 0x12, 0x34, 0x56, ...new Uint8Array(58)]);

const machineOf = (cpus: number): Promise<Machine> =>
  Machine.create({
    kernel: busGuest(),
    modules: [{ file: encodeScript(script) }],
    networkCards: [{}],
    debugExit: { iobase: 0xf4, iosize: 4 },
    memory: "16M",
    cpus,
  });

test.each([1, 2])("come within 100 µs and are repeated, on %i CPUs", async (cpus) => {
  const machine = await machineOf(cpus);
  const card = machine.networkCards[0];
  const sent: number[] = [];
  const inputs: RecordedInput[] = [];
  machine.onInput = (input) => inputs.push(input);
  if (card !== undefined) {
    card.onFrame = () => {
      sent.push(machine.core.time());
      machine.input({ kind: "frame", card: 0, bytes: ANSWER });
    };
  }
  expect(machine.runSync({ nanoseconds: 5e9 }).kind).toBe("debug-exit");
  expect([sent.length, inputs.length]).toEqual([FRAMES, FRAMES]);
  const late = inputs.map(({ time }, i) => time - (sent[i] ?? 0));
  expect(Math.min(...late)).toBeGreaterThanOrEqual(0);
  expect(Math.max(...late)).toBeLessThan(110_000);

  const again = await machineOf(cpus);
  again.acceptsInput = false;
  again.replay(inputs);
  expect(again.runSync({ nanoseconds: 5e9 }).kind).toBe("debug-exit");
  expect(again.core.instructions()).toBe(machine.core.instructions());
  expect(again.stateHash()).toBe(machine.stateHash());
});
