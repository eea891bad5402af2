// The virtio console: its control protocol and what ports send against QEMU's, and what comes in.

import { expect, test } from "vitest";
import { hasQemu } from "../../../testing/host-tools.ts";
import { Machine } from "../../host/machine.ts";
import { type Access, busGuest, encodeScript } from "../../platform/testdata/bus-guest.ts";
import { load, store, storeBytes } from "../ata/testdata/script.ts";
import { type Attached, answers, Place, Rings } from "./testdata/script.ts";

const AT = new Place(2);
const MULTIPORT = 2;
const [IN, OUT, CONTROL_IN, CONTROL_OUT, SECOND_IN, SECOND_OUT] = [0, 1, 2, 3, 4, 5] as const;
const QUEUES = [IN, OUT, CONTROL_IN, CONTROL_OUT, SECOND_IN, SECOND_OUT];
const ringsOf = QUEUES.map((q) => new Rings(q));
const MESSAGE = 0x30_0000;
const ANSWERS = 0x31_0000;
const DATA = 0x32_0000;

const attached: Attached = {
  devices: [
    { kind: "virtio-serial-pci", options: { addr: 2 } },
    { kind: "virtconsole", options: { line: 0 } },
    { kind: "virtserialport", options: { line: 1 }, label: "org.example.port" },
  ],
  qemu: [
    ...["-device", "virtio-serial-pci,addr=2"],
    ...["-chardev", "file,id=a,path=OUT0", "-device", "virtconsole,chardev=a"],
    ...["-chardev", "file,id=b,path=OUT1"],
    ...["-device", "virtserialport,chardev=b,name=org.example.port"],
  ],
};

/** Bytes sent on a queue, the queue's `index`-th request. */
function send(q: number, index: number, bytes: readonly number[], pieces?: number[]): Access[] {
  const rings = ringsOf[q] as Rings;
  let at = MESSAGE;
  const chain = (pieces ?? [bytes.length]).map((count) => {
    at += count;
    return { address: at - count, bytes: count };
  });
  return [
    ...storeBytes(MESSAGE, bytes),
    ...rings.chain(chain),
    ...rings.offer(index, 0),
    AT.notify(q),
    rings.wait(index),
    load(rings.used + 4 + ((index - 1) % 8) * 8 + 4),
  ];
}

const control = (index: number, port: number, event: number, value: number): Access[] =>
  send(CONTROL_OUT, index, [port, 0, 0, 0, event, 0, value, 0]);

/** Eight buffers of 64 bytes. */
const buffers = (q: number, at: number): Access[] => [
  ...Array.from({ length: 8 }, (_, i) =>
    (ringsOf[q] as Rings).chain([{ address: at + i * 64, bytes: 64, write: true }], i),
  ).flat(),
  ...(ringsOf[q] as Rings).offer(1, 0, 1, 2, 3, 4, 5, 6, 7),
  AT.notify(q),
];

const text = (words: string): number[] => [...new TextEncoder().encode(words)];

/** What the driver has been told so far. */
const told = (count: number): Access[] => [
  load((ringsOf[CONTROL_IN] as Rings).used),
  ...Array.from({ length: count }, (_, i) => [
    load((ringsOf[CONTROL_IN] as Rings).used + 4 + i * 8 + 4),
    ...[0, 4, 8, 12, 16, 20].map((at) => load(ANSWERS + i * 64 + at)),
  ]).flat(),
];

const script: Access[] = [
  ...AT.bringUp(),
  ["load", AT.common(18), 2],
  ...[0, 4, 8].map((offset) => load(AT.config(offset))),
  ...AT.start(MULTIPORT, 8, QUEUES),
  ...buffers(CONTROL_IN, ANSWERS),
  ...send(OUT, 1, text("before anybody has opened it\n"), [6, 23]),
  // The device is ready, and so are two ports, one that is not there, and a message that is too short.
  ...control(1, 0, 0, 1),
  ...told(2),
  ...control(2, 0, 3, 1),
  ...told(4),
  ...control(3, 1, 3, 1),
  ...told(6),
  ...control(4, 2, 3, 1),
  ...control(5, 1, 3, 0),
  ...send(CONTROL_OUT, 6, [0, 0, 0, 0]),
  ...control(7, 0, 6, 1),
  ...control(8, 1, 6, 1),
  ...told(6),
  ...send(OUT, 2, text("to the console\n")),
  ...send(SECOND_OUT, 1, text("to the port\n")),
  store(AT.config(8), 0x21),
  store(AT.config(8), 0),
  load(AT.config(8)),
];

test.skipIf(!hasQemu)("ports are told of, and send, as QEMU's do", async () => {
  const { ours, theirs, outputs } = await answers(script, attached);
  expect(theirs.at(-1)).not.toMatch(/nothing/);
  expect(ours).toEqual(theirs);
  expect(outputs.ours).toEqual(outputs.theirs);
  expect(outputs.ours[0]).toBe("before anybody has opened it\nto the console\n!");
});

async function machineWith(accesses: readonly Access[]): Promise<Machine> {
  return Machine.create({
    kernel: busGuest(),
    modules: [{ file: encodeScript(accesses) }],
    devices: attached.devices ?? [],
    debugExit: { iobase: 0xf4, iosize: 4 },
  });
}

test("what comes in waits until the guest has opened its port, and has room", async () => {
  const second = ringsOf[SECOND_IN] as Rings;
  const machine = await machineWith([
    ...AT.bringUp(),
    ...AT.start(MULTIPORT, 8, QUEUES),
    // One buffer, and later another one.
    ...second.chain([{ address: DATA, bytes: 4, write: true }]),
    ...second.offer(1, 0),
    AT.notify(SECOND_IN),
    ...control(1, 1, 6, 1),
    second.wait(1),
    ...second.chain([{ address: DATA + 16, bytes: 16, write: true }]),
    ...second.offer(2, 0),
    AT.notify(SECOND_IN),
    second.wait(2),
  ]);
  machine.input({ kind: "serial", port: 5, bytes: Uint8Array.from(text("hello")) });
  expect(machine.serialLines[5]?.pending).toBe(5);
  expect(machine.runSync({ nanoseconds: 1e9 }).kind).toBe("debug-exit");
  const memory = (at: number, n: number): string => Buffer.from(machine.ram.read(at, n)).toString();
  expect(memory(DATA, 4) + memory(DATA + 16, 1)).toBe("hello");
  expect(machine.serialLines[5]?.pending).toBe(0);
});

test("a driver that knows no ports has the console open at once", async () => {
  const first = ringsOf[IN] as Rings;
  const machine = await machineWith([
    ...AT.bringUp(),
    ...AT.start(0, 8, [IN, OUT]),
    ...first.chain([{ address: DATA, bytes: 16, write: true }]),
    ...first.offer(1, 0),
    AT.notify(IN),
    first.wait(1),
  ]);
  machine.input({ kind: "serial", port: 4, bytes: Uint8Array.of(0x41) });
  const snapshot = machine.snapshot();
  expect(machine.runSync({ nanoseconds: 1e9 }).kind).toBe("debug-exit");
  expect(machine.ram.read(DATA, 1)[0]).toBe(0x41);
  const hash = machine.stateHash();
  machine.restore(snapshot);
  expect(machine.serialLines[4]?.pending).toBe(1);
  expect(machine.runSync({ nanoseconds: 1e9 }).kind).toBe("debug-exit");
  expect(machine.stateHash()).toBe(hash);
});
