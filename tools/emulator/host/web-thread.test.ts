// The thread of `-display web`'s server when it breaks down: the machine goes on, and its end comes.

import { once } from "node:events";
import { createServer } from "node:net";
import { Worker } from "node:worker_threads";
import { afterEach, expect, test, vi } from "vitest";
import { WebSocket } from "ws";
import { RunControl } from "../debug/run-control.ts";
import { guest } from "../platform/testdata/guest.ts";
import { Machine } from "./machine.ts";
import { WebDisplay } from "./web-display.ts";

afterEach(() => vi.restoreAllMocks());

async function viewed() {
  const kernel = guest((a) => {
    a.cli().hlt();
  });
  const machine = await Machine.create({ kernel, memory: "16M" });
  return { control: new RunControl(machine, true), title: "test", execute: async () => "" };
}

test("a thread that breaks down is told of, and closing waits for nobody", async () => {
  const said = vi.spyOn(Worker.prototype, "postMessage");
  const display = await WebDisplay.open(await viewed(), 0);
  const reasons: string[] = [];
  display.onBroken = (reason) => reasons.push(reason);
  const { origin, host, pathname } = new URL(display.url);
  await once(new WebSocket(`ws://${host}${pathname}machine`, { origin }), "open");
  await vi.waitFor(() => expect(said.mock.contexts.length).toBeGreaterThan(0));
  const thread = said.mock.contexts[0] as Worker;
  thread.emit("error", new Error("out of order"));
  expect(reasons).toEqual(["-display web: its server has broken down: out of order"]);
  display.serial(0x41);
  display.standstill({ state: "off", reason: "test" });
  await display.close();
  await thread.terminate();
});

test("a thread that does not start is an error of opening", async () => {
  await expect(WebDisplay.open(await viewed(), 65_536)).rejects.toThrow(/65536/);
});

test("a port that is taken is named", async () => {
  const taken = createServer().listen(0, "127.0.0.1");
  await once(taken, "listening");
  const { port } = taken.address() as { port: number };
  await expect(WebDisplay.open(await viewed(), port)).rejects.toThrow(
    `-display web: cannot listen on port ${port}:`,
  );
  taken.close();
});
