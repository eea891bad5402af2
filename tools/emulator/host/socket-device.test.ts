// Peers of sockets: what is left of one that is hung up on, and how long the others wait for it.

import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, createServer, type Server, Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { hangUp, LINGER_MS } from "./hang-up.ts";
import { SocketDevice } from "./socket-device.ts";

let folder = "";
let device: SocketDevice;
let path = "";
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "emu-device-"));
  path = join(folder, "socket");
  const address = { kind: "unix", path, host: "", port: 0, server: true, wait: false } as const;
  device = await SocketDevice.open(address, "-monitor");
});
afterEach(() => {
  device.close();
  rmSync(folder, { recursive: true });
  vi.restoreAllMocks();
  vi.useRealTimers();
});

test("a peer that is hung up on is not heard any more, and gets what was sent before", async () => {
  let heard = 0;
  device.onBytes = () => {
    heard++;
    if (heard === 1) device.text("too long");
    device.hangUp();
  };
  const client = connect(path).on("error", () => {});
  let text = "";
  client.on("data", (bytes) => {
    text += bytes;
  });
  client.write("x".repeat(1 << 20));
  await new Promise((resolve) => client.on("close", resolve));
  expect([heard, text]).toEqual([1, "too long"]);
});

/** The server's end of the next connection. */
async function accepted(server: Server): Promise<Socket> {
  const [socket] = (await once(server, "connection")) as [Socket];
  return socket;
}

test("hanging up adds its listeners once, however often it is asked for", async () => {
  const server = createServer().listen(join(folder, "other"));
  const client = connect(join(folder, "other")).resume();
  const socket = await accepted(server);
  socket.on("data", () => hangUp(socket));
  const listeners = (): number[] =>
    ["data", "finish", "close", "drain"].map((event) => socket.listenerCount(event));
  hangUp(socket);
  const before = listeners();
  for (let i = 0; i < 20; i++) hangUp(socket);
  expect([listeners(), before[0]]).toEqual([before, 0]);
  await once(client, "close");
  server.close();
});

test("a peer that does not read what it was sent is left alone after a while", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  const server = createServer().listen(join(folder, "other"));
  const client = connect(join(folder, "other"))
    .pause()
    .on("error", () => {});
  const socket = await accepted(server);
  socket.write(new Uint8Array(4 << 20));
  hangUp(socket);
  vi.advanceTimersByTime(LINGER_MS - 1);
  expect(socket.destroyed).toBe(false);
  vi.advanceTimersByTime(1);
  expect(socket.destroyed).toBe(true);
  client.destroy();
  server.close();
});

test("a run's end waits for what a peer reads late, however little it is", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  const client = connect(path).pause();
  await new Promise<void>((resolve) => {
    device.onPeer = () => resolve();
  });
  // As much as the host's buffers take, and some bytes more: too few for Node to say that they are gone.
  const write = vi.spyOn(Socket.prototype, "write");
  do device.text("x".repeat(1000));
  while ((write.mock.contexts[0] as Socket | undefined)?.writableLength === 0);
  let unread = 1000 * write.mock.calls.length;
  let drained = false;
  void device.drain().then(() => {
    drained = true;
  });
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  await turn();
  expect(drained).toBe(false);
  await new Promise<void>((resolve) => {
    client.on("data", ({ length }) => {
      unread -= length;
      if (unread === 0) resolve();
    });
    client.resume();
  });
  for (let turns = 0; turns < 100 && !drained; turns++) await turn();
  expect(drained).toBe(true);
  client.destroy();
});
