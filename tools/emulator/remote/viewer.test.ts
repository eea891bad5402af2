// What a page gets of a machine and what it can do to one, message by message; and what is no message.

import { describe, expect, test } from "vitest";
import { al } from "../../asm/index.ts";
import { RunControl } from "../debug/run-control.ts";
import { Machine } from "../host/machine.ts";
import { Monitor } from "../monitor/monitor.ts";
import { guest, print } from "../platform/testdata/guest.ts";
import { checkedMessage, type FromMachine, MessageError, type ToMachine } from "./messages.ts";
import { Viewer } from "./viewer.ts";
import { decodeMessage, encodeMessage } from "./wire.ts";

/** Says hello, echoes scan codes until Escape goes up, and serial bytes in between. */
const echo = guest((a) => {
  print(a, "hello", "hello\n");
  a.label("wait");
  a.in(al, 0x64).test(al, 1).jz("wait").in(al, 0x60).call("putc");
  a.cmp(al, 0x81).jne("wait");
});

async function viewed(kernel = echo) {
  const viewers: Viewer[] = [];
  const machine = await Machine.create({
    kernel,
    memory: "16M",
    onSerial: (byte) => {
      for (const viewer of viewers) viewer.serial(byte);
    },
  });
  const control = new RunControl(machine, true);
  const monitor = new Monitor(control, { quit() {} });
  const join = () => {
    const messages: FromMachine[] = [];
    const viewer = new Viewer(
      { control, title: "test", execute: (line) => monitor.execute(line) },
      (message) => messages.push(message),
    );
    viewers.push(viewer);
    return { viewer, messages, of: kindOf(messages) };
  };
  return { machine, control, join };
}

const kindOf =
  (messages: FromMachine[]) =>
  <K extends FromMachine["kind"]>(kind: K): Extract<FromMachine, { kind: K }>[] =>
    messages.filter((m): m is Extract<FromMachine, { kind: K }> => m.kind === kind);

const serialText = (parts: readonly { bytes: Uint8Array }[]): string =>
  parts.map(({ bytes }) => String.fromCharCode(...bytes)).join("");

test("a page that joins gets the machine, what was said, and how it is", async () => {
  const { machine, join } = await viewed();
  machine.runSync({ until: "hello\n" });
  const { of } = join();
  expect(of("machine")).toEqual([
    {
      ...{ kind: "machine", title: "test", cpus: 1, memory: 16 << 20 },
      hasScreen: true,
      restarts: false,
    },
  ]);
  expect(serialText(of("serial"))).toBe("hello\n");
  expect(of("status")[0]).toMatchObject({ state: "paused", realTime: false });
});

test("two pages see the same, each what is new to it", async () => {
  const { machine, join } = await viewed();
  const first = join();
  machine.runSync({ until: "hello\n" });
  const second = join();
  for (const { viewer, messages } of [first, second]) {
    messages.length = 0;
    viewer.look();
  }
  expect(serialText(first.of("serial"))).toBe("hello\n");
  expect(second.of("serial")).toEqual([]);
  first.messages.length = 0;
  first.viewer.look();
  expect(first.of("serial")).toEqual([]);
});

test("keys and serial bytes of a page reach the guest", async () => {
  const { machine, join } = await viewed();
  const { viewer, of } = join();
  machine.runSync({ until: "hello\n" });
  for (const down of [true, false]) {
    viewer.receive({ kind: "input", event: { kind: "key", code: 1, extended: false, down } });
  }
  expect(machine.runSync()).toEqual({ kind: "power-off" });
  viewer.look();
  expect(serialText(of("serial"))).toBe("hello\n\x01\x81");
});

test("a page lets the machine run, stops it, steps it and resets it", async () => {
  const { machine, control, join } = await viewed();
  const { viewer, of } = join();
  const running = control.run();
  viewer.receive({ kind: "command", name: "resume" });
  expect(of("status").at(-1)?.state).toBe("running");
  viewer.receive({ kind: "command", name: "pause" });
  while (!control.paused) await new Promise((resolve) => setTimeout(resolve, 1));
  viewer.look();
  expect(of("status").at(-1)?.state).toBe("paused");
  const before = machine.core.instructions();
  viewer.receive({ kind: "command", name: "step" });
  expect(machine.core.instructions()).toBe(before + 1);
  viewer.receive({ kind: "command", name: "reset" });
  const entry = machine.kernel === undefined ? 0n : machine.symbols()?.address("entry");
  expect(machine.cpus[0]?.linearRip).toBe(entry);
  viewer.receive({ kind: "command", name: "real-time" });
  expect(of("status").at(-1)?.realTime).toBe(true);
  viewer.receive({ kind: "command", name: "fast" });
  viewer.receive({ kind: "command", name: "resume" });
  for (const down of [true, false]) {
    viewer.receive({ kind: "input", event: { kind: "key", code: 1, extended: false, down } });
  }
  expect(await running).toEqual({ kind: "power-off" });
});

test("the state goes to a page as a file and comes back, with what was said", async () => {
  const { machine, join } = await viewed();
  const [first, second] = [join(), join()];
  machine.runSync({ until: "hello\n" });
  const answered = async (
    viewer: Viewer,
    of: (typeof first)["of"],
    what: string,
    bytes?: Uint8Array,
  ) => {
    viewer.receive({ kind: "ask", id: 1, what, text: "", bytes });
    await new Promise((resolve) => setTimeout(resolve, 0));
    return of("failure").at(-1)?.text ?? of("answer").at(-1);
  };
  const saved = await answered(first.viewer, first.of, "save");
  const { bytes } = saved as unknown as { bytes: Uint8Array };
  machine.input({ kind: "key", code: 0x1e, down: true });
  machine.runSync({ nanoseconds: 1e7 });
  expect(machine.serialOutput).toBe("hello\n\x1e");
  for (const { viewer } of [first, second]) viewer.look();
  expect(await answered(second.viewer, second.of, "load", bytes)).toMatchObject({
    text: "the machine is as it was",
  });
  expect(machine.serialOutput).toBe("hello\n");
  for (const { viewer, of } of [first, second]) {
    viewer.look();
    expect(of("serial").at(-1)).toMatchObject({
      fresh: true,
      bytes: new TextEncoder().encode("hello\n"),
    });
  }
  const damaged = bytes.slice();
  damaged[damaged.length >> 1] = (damaged[damaged.length >> 1] as number) ^ 1;
  expect(await answered(second.viewer, second.of, "load", damaged)).toMatch(/^[^\n]+$/);
  expect(await answered(second.viewer, second.of, "load")).toMatch(/^[^\n]+$/);
});

test("questions are answered with their number, and refused in a sentence", async () => {
  const { machine, join } = await viewed();
  const { viewer, of } = join();
  const ask = async (what: string, text: string): Promise<string | undefined> => {
    viewer.receive({ kind: "ask", id: 7, what, text });
    await new Promise((resolve) => setTimeout(resolve, 0));
    await new Promise((resolve) => setTimeout(resolve, 0));
    return (of("answer").at(-1) ?? of("failure").at(-1))?.text;
  };
  const entry = `0x${machine.symbols()?.address("entry")?.toString(16)}`;
  expect(await ask("break", "entry")).toMatch(new RegExp(`^${entry} `));
  expect(await ask("unbreak", entry)).toBe("");
  expect(await ask("stack", "")).toMatch(new RegExp(`#0 +${entry} entry`));
  expect(await ask("monitor", "info status")).toBe("VM status: paused\n");
  viewer.receive({ kind: "ask", id: 8, what: "break", text: "nobody" });
  await new Promise((resolve) => setTimeout(resolve, 0));
  expect(of("failure")).toEqual([
    {
      ...{ kind: "failure", id: 8 },
      text: "nobody: expected an address such as 0x100000, or a function of the kernel",
    },
  ]);
});

describe("messages", () => {
  const whole: readonly ToMachine[] = [
    { kind: "input", event: { kind: "key", code: 0x1e, extended: true, down: false } },
    { kind: "input", event: { kind: "pointer", dx: -3, dy: 4, dz: 1, buttons: 5 } },
    { kind: "input", event: { kind: "serial", port: 0, bytes: new Uint8Array([1, 2, 255]) } },
    { kind: "command", name: "pause" },
    { kind: "ask", id: 3, what: "monitor", text: "info cpus – ü", bytes: new Uint8Array([9]) },
  ];
  test.each(whole.map((message) => [message.kind, message] as const))(
    "%s goes over the wire and back",
    (_, message) => {
      expect(checkedMessage(decodeMessage(encodeMessage(message)))).toEqual(message);
    },
  );

  test.each([
    [undefined],
    [null],
    [[]],
    [{}],
    [{ kind: "toString" }],
    [{ kind: "input" }],
    [{ kind: "input", event: { kind: "key", code: 0, down: true } }],
    [{ kind: "input", event: { kind: "key", code: 1.5, down: true } }],
    [{ kind: "input", event: { kind: "key", code: 1, down: 1 } }],
    [{ kind: "input", event: { kind: "pointer", dx: 1e9, dy: 0, dz: 0, buttons: 0 } }],
    [{ kind: "input", event: { kind: "pointer", dx: 1, dy: Number.NaN, dz: 0, buttons: 0 } }],
    [{ kind: "input", event: { kind: "serial", port: 515 }, bytes: new Uint8Array(1) }],
    [{ kind: "input", event: { kind: "serial", port: 0 } }],
    [{ kind: "command", name: "quit" }],
    [{ kind: "ask", id: 1, what: "monitor", text: "x".repeat(5000) }],
    [{ kind: "ask", id: -1, what: "monitor", text: "" }],
  ])("what is no message is refused: %j", (value) => {
    expect(() => checkedMessage(value)).toThrow(MessageError);
  });

  test.each([
    [new Uint8Array(0)],
    [new Uint8Array([1, 0])],
    [new Uint8Array([9, 0, 0, 0, 0x7b])],
    [new Uint8Array([255, 255, 255, 255, 0x7b, 0x7d])],
    [new Uint8Array([1, 0, 0, 0, 0x7b])],
    [new Uint8Array([2, 0, 0, 0, 0x5b, 0x5d])],
    [new Uint8Array([2, 0, 0, 0, 0xff, 0xff])],
  ])("bytes that are no message are refused: %s", (data) => {
    expect(() => decodeMessage(data)).toThrow(MessageError);
  });
});
