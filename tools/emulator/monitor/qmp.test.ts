// QMP beside QEMU's: the same requests, the same answers and events; and what broken clients send.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { hasQemu } from "../../testing/host-tools.ts";
import { RunControl } from "../debug/run-control.ts";
import { Machine } from "../host/machine.ts";
import { writeWholeFile } from "../host/whole-file.ts";
import type { MonitorHost } from "./command.ts";
import { Monitor } from "./monitor.ts";
import { Pointer } from "./pointer.ts";
import { QmpSession } from "./qmp.ts";
import { inputGuest } from "./testdata/input-guest.ts";
import { QemuMonitor, type QmpMessage } from "./testdata/qemu-monitor.ts";

/** A session of QMP with a machine, before any negotiation. */
function connected(control: RunControl, host: MonitorHost) {
  const monitor = new Monitor(control, host);
  const context = { control, monitor, host, pointer: new Pointer() };
  const messages: QmpMessage[] = [];
  let ended = false;
  const session = new QmpSession(context, {
    write: (text) => {
      expect(text.endsWith("\r\n")).toBe(true);
      messages.push(JSON.parse(text) as QmpMessage);
    },
    quit: () => {
      ended = true;
    },
  });
  const send = async (text: string): Promise<QmpMessage[]> => {
    messages.length = 0;
    session.receive(new TextEncoder().encode(text));
    await session.answered;
    return [...messages];
  };
  return { messages, session, send, isEnded: () => ended };
}

async function start() {
  const machine = await Machine.create({ kernel: inputGuest(), memory: "16M" });
  await machine.run({ until: "ready " });
  const host = { quit() {}, writeFile: writeWholeFile, version: "1.2.3" };
  return { machine, ...connected(new RunControl(machine, false), host) };
}

/** A message without what differs between two runs. */
function comparable(message: QmpMessage): QmpMessage {
  const { timestamp, ...rest } = message;
  return timestamp === undefined
    ? rest
    : { ...rest, timestamp: Object.keys(timestamp as object).sort() };
}

const key = (data: unknown, type = "qcode") => ({ type, data });
const inputs = (...events: object[]) => ({ execute: "input-send-event", arguments: { events } });

const REQUESTS: readonly unknown[] = [
  { execute: "query-status" },
  { execute: "qmp_capabilities", arguments: { foo: 1 } },
  { execute: "qmp_capabilities" },
  { execute: "qmp_capabilities" },
  { execute: "query-status", id: "a" },
  { execute: "stop", id: { a: [1] } },
  { execute: "query-status" },
  { execute: "stop" },
  { execute: "cont" },
  { execute: "cont" },
  { execute: "system_powerdown" },
  { execute: "system_wakeup" },
  { execute: "query-name" },
  { execute: "query-target" },
  { execute: "query-memory-size-summary" },
  { execute: "query-vnc" },
  { execute: "set_password", arguments: { protocol: "foo", password: "x" } },
  { execute: "set_password", arguments: { protocol: "vnc", password: "x", connected: "zz" } },
  { execute: "set_password", arguments: { protocol: "vnc", password: "x", connected: "fail" } },
  { execute: "set_password", arguments: { protocol: "vnc" } },
  { execute: "expire_password", arguments: { protocol: "vnc", time: 5 } },
  { execute: "expire_password", arguments: { protocol: "foo", time: "now" } },
  { execute: "nope" },
  { execute: "stop", arguments: { x: 1 } },
  { execute: "stop", foo: 1 },
  { exec: "stop" },
  { id: 3 },
  { execute: 5 },
  { execute: "stop", arguments: 5 },
  [],
  12,
  "x",
  { execute: "human-monitor-command" },
  { execute: "human-monitor-command", arguments: { "command-line": "info status" } },
  { execute: "human-monitor-command", arguments: { "command-line": "p/x 1+1" } },
  { execute: "screendump" },
  { execute: "screendump", arguments: { filename: 5 } },
  { execute: "screendump", arguments: { filename: "/no/such/folder/x" } },
  { execute: "send-key" },
  { execute: "send-key", arguments: { keys: 5 } },
  { execute: "send-key", arguments: { keys: [5] } },
  { execute: "send-key", arguments: { keys: [key("zz")] } },
  { execute: "send-key", arguments: { keys: [key("a", "qcod")] } },
  { execute: "send-key", arguments: { keys: [key("a"), key(30, "number")], "hold-time": 1 } },
  inputs({ type: "key", data: { down: true, key: key("b") } }),
  inputs({ type: "key", data: { down: false, key: key("b") } }),
  inputs({ type: "btn", data: { down: true, button: "left" } }),
  inputs({ type: "btn", data: { down: true, button: "lft" } }),
];

test.skipIf(!hasQemu)("requests are answered as QEMU answers them, events included", async () => {
  const qemu = await QemuMonitor.until("ready ", inputGuest(), false);
  try {
    const { send, messages } = await start();
    expect(Object.keys(messages[0]?.QMP as object)).toEqual(["version", "capabilities"]);
    for (const request of REQUESTS) {
      const text = `${JSON.stringify(request)}\n`;
      qemu.send(text);
      const mine = (await send(text)).map(comparable);
      const theirs: QmpMessage[] = [];
      while (theirs.length === 0 || "event" in (theirs.at(-1) as object)) {
        theirs.push(comparable(await qemu.next()));
      }
      expect({ request, answers: mine }).toEqual({ request, answers: theirs });
    }
  } finally {
    qemu.close();
  }
});

/** The names of all members, those of members too. */
const shape = (value: unknown): unknown =>
  Array.isArray(value)
    ? value.map(shape)
    : typeof value === "object" && value !== null
      ? Object.fromEntries(Object.entries(value).map(([name, v]) => [name, shape(v)]))
      : typeof value;

test.skipIf(!hasQemu)("disks and the VNC server are told of as by QEMU", async () => {
  const folder = mkdtempSync(join(tmpdir(), "emu-qmp-"));
  const images = ["disk", "cdrom"].map((kind) => join(folder, kind));
  for (const image of images) writeFileSync(image, new Uint8Array(65536));
  const drives = images.flatMap((file, i) => [
    "-drive",
    `file=${file},format=raw,media=${i === 0 ? "disk" : "cdrom"},index=${i * 2}`,
  ]);
  const socket = `unix:${join(folder, "vnc")}`;
  const extra = ["-nodefaults", ...drives, "-vnc", socket];
  const qemu = await QemuMonitor.until("", inputGuest(), true, extra);
  try {
    const disks = (["disk", "cdrom"] as const).map((kind) => ({
      kind,
      image: { name: join(folder, kind), size: 65536, read: () => new Uint8Array(65536) },
    }));
    const machine = await Machine.create({ disks, memory: "16M" });
    const control = new RunControl(machine, true);
    const vnc = {
      ...{ asksPassword: false, clients: [], setPassword() {}, expirePassword() {} },
      address: { host: "127.0.0.1", port: 5900, family: "ipv4" } as const,
    };
    const session = connected(control, { quit() {}, vnc });
    await session.send('{"execute":"qmp_capabilities"}');
    const ask = async (name: string): Promise<[unknown, unknown]> => {
      const [mine] = await session.send(JSON.stringify({ execute: name }));
      return [mine?.return, (await qemu.ask({ execute: name })).return];
    };
    const [mine, theirs] = await ask("query-block");
    const known = (list: unknown): unknown =>
      (list as { inserted: { image: object } }[]).map((drive) => {
        const { "actual-size": _, ...image } = drive.inserted.image as Record<string, unknown>;
        return {
          ...drive,
          device: "",
          qdev: "",
          inserted: { ...drive.inserted, image, "node-name": "" },
        };
      });
    expect(known(mine)).toEqual(
      (known(theirs) as object[]).map((drive) => ({ ...drive, device: "", qdev: "" })),
    );
    const [our, their] = await ask("query-vnc");
    expect(shape(our)).toEqual(shape(their));
  } finally {
    qemu.close();
    rmSync(folder, { recursive: true, force: true });
  }
});

test("a guest is reset, runs on and is ended", async () => {
  const { send, machine, isEnded } = await start();
  await send('{"execute":"qmp_capabilities"}');
  expect((await send('{"execute":"system_reset"}')).map(comparable)).toEqual([
    {
      event: "RESET",
      data: { guest: false, reason: "host-qmp-system-reset" },
      timestamp: ["microseconds", "seconds"],
    },
    { return: {} },
  ]);
  await machine.run({ until: "ready " });
  await send('{"execute":"send-key","arguments":{"keys":[{"type":"qcode","data":"esc"}]}}');
  expect(await machine.run()).toEqual({ kind: "power-off" });
  const [shutdown, answer] = await send("{'execute': 'quit', 'id': 'it\\'s'}");
  expect(shutdown).toMatchObject({ event: "SHUTDOWN", data: { guest: false } });
  expect(answer).toEqual({ return: {}, id: "it's" });
  expect(isEnded()).toBe(true);
});

test("requests may come in pieces, together and with what is none between them", async () => {
  const { send } = await start();
  await send('{"execute":"qmp_capabilities"}');
  expect(await send(' {"execu')).toEqual([]);
  expect(await send('te":"query-name"}{"execute":"query-name","id":2}')).toEqual([
    { return: {} },
    { return: {}, id: 2 },
  ]);
  const [bad, good] = await send('}\n{"execute":"query-name"}');
  expect(bad).toMatchObject({ error: { class: "GenericError" } });
  expect(good).toEqual({ return: {} });
});

test("what broken clients send is refused and forgotten", async () => {
  const { send } = await start();
  await send('{"execute":"qmp_capabilities"}');
  let state = 7;
  const random = (): number => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
    return state >>> 8;
  };
  const noise = Array.from({ length: 3000 }, () => "{}[]:,\"'\\ \nae1x"[random() % 15]).join("");
  const pieces = [noise, "[".repeat(5000), `{"a":"${"x".repeat(1 << 21)}`, "\n", '"\n'];
  for (const piece of pieces) {
    for (const message of await send(piece)) expect(message).toHaveProperty("error");
  }
  const answers = await send('\n"\n}\n{"execute":"query-name","id":"end"}');
  expect(answers.at(-1)).toEqual({ return: {}, id: "end" });
});
