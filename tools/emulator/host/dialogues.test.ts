// Character devices of the command: monitor, QMP and serial ports on sockets, and who connects to them.

import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { echoSerial, guest, print } from "../platform/testdata/guest.ts";
import { builtCore } from "./core.ts";

const emu = fileURLToPath(new URL("../../bin/emu", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "emu-sockets-"));
const children: ChildProcess[] = [];
beforeAll(async () => {
  await builtCore();
});
afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const echo = join(folder, "echo");
writeFileSync(
  echo,
  guest((a) => {
    print(a, "hello", "hello\n");
    a.label("wait");
    echoSerial(a, "wait");
    a.jmp("wait");
  }),
);

interface Run {
  status: Promise<number | null>;
  error(): string;
}

function start(...args: string[]): Run {
  const child = spawn(process.execPath, [emu, "-kernel", echo, "-m", "16M", ...args]);
  children.push(child);
  child.stdin.end();
  let error = "";
  child.stderr.on("data", (text) => {
    error += text;
  });
  return {
    status: new Promise((resolve) => child.on("close", resolve)),
    error: () => error,
  };
}

/** A client that has connected: what it has got, and a wait for more. */
class Client {
  readonly socket: Socket;
  text = "";
  closed = false;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on("data", (data) => {
      this.text += data;
    });
    socket.on("close", () => {
      this.closed = true;
    });
    socket.on("error", () => {});
  }

  /** Connects as soon as somebody listens. */
  static async to(where: string | number): Promise<Client> {
    for (;;) {
      const socket = typeof where === "string" ? connect(where) : connect(where, "127.0.0.1");
      const there = await new Promise<boolean>((resolve) => {
        socket.once("connect", () => resolve(true));
        socket.once("error", () => resolve(false));
      });
      if (there) return new Client(socket);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** What it gets up to and with a text. */
  async until(wanted: string): Promise<string> {
    while (!this.text.includes(wanted) && !this.closed) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    const at = this.text.indexOf(wanted);
    expect(at, this.text).toBeGreaterThanOrEqual(0);
    const text = this.text.slice(0, at + wanted.length);
    this.text = this.text.slice(at + wanted.length);
    return text;
  }
}

test("a monitor on a Unix socket has a prompt, edits lines, and ends the run; the socket goes with it", async () => {
  const path = join(folder, "monitor");
  const run = start("-serial", "null", "-monitor", `unix:${path},server,nowait`);
  const client = await Client.to(path);
  await client.until("(qemu) ");
  client.socket.write("info statux\b\x7fus\x7f\x7fus\r");
  await client.until("VM status: running\r\n");
  await client.until("(qemu) ");
  client.socket.write("info sta\t");
  await client.until("info status");
  client.socket.write("\n");
  await client.until("VM status: running\r\n");
  client.socket.write("\x1b[A\n");
  await client.until("VM status: running\r\n");
  client.socket.write("info status\ninfo time\nquit\n");
  await client.until("virtual time");
  expect(await run.status).toBe(0);
  expect(existsSync(path)).toBe(false);
});

test("QMP drives a machine beside a monitor, each for one client after the other", async () => {
  const [monitor, qmp] = [join(folder, "m2"), join(folder, "q2")];
  const run = start(
    ...["-serial", "null", "-S", "-monitor", `unix:${monitor},server=on,wait=off`],
    ...["-qmp", `unix:${qmp},server,wait=off`],
  );
  const first = await Client.to(qmp);
  await first.until('"QMP"');
  const second = await Client.to(qmp);
  first.socket.write('{"execute":"qmp_capabilities"}{"execute":"query-status"}');
  await first.until('"status":"paused"');
  const person = await Client.to(monitor);
  await person.until("(qemu) ");
  person.socket.write("cont\n");
  await first.until('"event":"RESUME"');
  expect(second.text).toBe("");
  first.socket.destroy();
  await second.until('"QMP"');
  second.socket.write('{"execute":"qmp_capabilities"}{"execute":"quit","id":7}');
  const end = await second.until('"return":{},"id":7');
  expect(end).toContain('"event":"SHUTDOWN"');
  expect(await run.status).toBe(0);
});

test("serial ports are on TCP and Unix sockets, and a machine waits for whom it shall wait", async () => {
  const path = join(folder, "serial");
  const run = start("-serial", `unix:${path},server`, "-monitor", "none");
  const client = await Client.to(path);
  await client.until("hello\n");
  client.socket.write("over a socket");
  await client.until("over a socket");
  client.socket.end("q");
  expect(await run.status).toBe(0);
});

test("clients that send too much, or nothing, or go away, disturb nobody", async () => {
  const path = join(folder, "hostile");
  const run = start("-serial", "null", "-monitor", `unix:${path},server,nowait`);
  const silent = await Client.to(path);
  silent.socket.destroy();
  const long = await Client.to(path);
  await long.until("(qemu) ");
  long.socket.write("x".repeat(1 << 20));
  while (!long.closed) await new Promise((resolve) => setTimeout(resolve, 10));
  const noise = await Client.to(path);
  noise.socket.write(Uint8Array.from({ length: 4000 }, (_, i) => (i % 60 === 0 ? 10 : i * 7)));
  await noise.until("(qemu) ");
  noise.socket.destroy();
  const last = await Client.to(path);
  await last.until("(qemu) ");
  last.socket.write("quit\n");
  expect(await run.status).toBe(0);
  expect(run.error()).toBe("");
});

test("a socket that cannot be had is one line", async () => {
  const file = join(folder, "a file");
  writeFileSync(file, "kept");
  for (const [option, where] of [
    ["-monitor", `unix:${folder}/no/such/socket,server,nowait`],
    ["-qmp", `unix:${file},server,nowait`],
    ["-serial", "tcp:127.0.0.1:1"],
  ] as const) {
    const run = start(option, where);
    expect(await run.status).toBe(1);
    expect(run.error()).toMatch(new RegExp(`^emu: ${option} (unix|tcp):.*\n$`));
  }
});
