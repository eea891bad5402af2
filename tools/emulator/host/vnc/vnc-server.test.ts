// VNC: a viewer of Debian's gets the machine's picture; a client written here gets the protocol's finer points; and
// what is no client disturbs nobody.

import { spawn } from "node:child_process";
import { createCipheriv } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInflate, constants as zlib } from "node:zlib";
import { afterEach, expect, test } from "vitest";
import { hasTool } from "../../../testing/host-tools.ts";
import type { OutsideEvent } from "../../input.ts";
import { inputGuest } from "../../monitor/testdata/input-guest.ts";
import { Machine } from "../machine.ts";
import { VncServer } from "./vnc-server.ts";

const servers: VncServer[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

async function start(password = false) {
  const machine = await Machine.create({ kernel: inputGuest(), memory: "16M" });
  await machine.run({ until: "ready " });
  for (let cell = 0; cell < 2000; cell++) {
    machine.board.mmio.write(0xb8000 + 2 * cell, 33 + (cell % 90), 1);
    machine.board.mmio.write(0xb8001 + 2 * cell, cell & 0x7f, 1);
  }
  const options = { host: "127.0.0.1", port: 0, title: "test", password };
  const server = await VncServer.open(machine, options);
  servers.push(server);
  const inputs: OutsideEvent[] = [];
  machine.onInput = ({ event }) => inputs.push(event);
  return { machine, server, inputs };
}

/** A connection whose bytes are read in pieces of the wanted length. */
class Client {
  readonly socket: Socket;
  #bytes = Buffer.alloc(0);
  closed = false;

  constructor(port: number) {
    this.socket = connect(port, "127.0.0.1");
    this.socket.on("data", (data) => {
      this.#bytes = Buffer.concat([this.#bytes, data]);
    });
    this.socket.on("close", () => {
      this.closed = true;
    });
    this.socket.on("error", () => {});
  }

  async read(length: number): Promise<Buffer> {
    while (this.#bytes.length < length && !this.closed) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    const piece = this.#bytes.subarray(0, length);
    expect(piece.length).toBe(length);
    this.#bytes = this.#bytes.subarray(length);
    return piece;
  }

  send(...bytes: number[]): void {
    this.socket.write(Uint8Array.from(bytes));
  }

  /** Version and security; "" for none. */
  async greet(password = ""): Promise<number> {
    expect((await this.read(12)).toString()).toBe("RFB 003.008\n");
    this.socket.write("RFB 003.008\n");
    const kind = (await this.read(2))[1] as number;
    this.send(kind);
    if (kind === 2) {
      const challenge = await this.read(16);
      const key = Buffer.alloc(8);
      Buffer.from(password).copy(key);
      // Bits of each byte the other way round.
      const turned = key.map((b) =>
        Number.parseInt([...b.toString(2).padStart(8, "0")].reverse().join(""), 2),
      );
      const cipher = createCipheriv("des-ede3-ecb", Buffer.concat([turned, turned, turned]), null);
      cipher.setAutoPadding(false);
      this.socket.write(cipher.update(challenge));
    }
    return (await this.read(4)).readUInt32BE();
  }

  async init(): Promise<{ width: number; height: number }> {
    this.send(1);
    const head = await this.read(24);
    await this.read(head.readUInt32BE(20));
    return { width: head.readUInt16BE(0), height: head.readUInt16BE(2) };
  }

  encodings(...list: number[]): void {
    const message = Buffer.alloc(4 + 4 * list.length);
    message.writeUInt8(2);
    message.writeUInt16BE(list.length, 2);
    list.forEach((encoding, i) => {
      message.writeInt32BE(encoding, 4 + 4 * i);
    });
    this.socket.write(message);
  }

  ask(incremental: boolean): void {
    this.send(3, incremental ? 1 : 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff);
  }

  async rectangle() {
    const head = await this.read(12);
    const [x, y, width, height] = [0, 2, 4, 6].map((at) => head.readUInt16BE(at));
    return { x, y, width, height, encoding: head.readInt32BE(8) } as Record<string, number>;
  }
}

/** Pixels 0x00RRGGBB, little endian, of the machine's screen. */
function expected(machine: Machine): Buffer {
  const { data } = machine.screenRgba() ?? { data: new Uint8ClampedArray(0) };
  const out = Buffer.from(data);
  for (let i = 0; i < out.length; i += 4) {
    out.writeUInt32LE(
      ((data[i] as number) << 16) | ((data[i + 1] as number) << 8) | (data[i + 2] as number),
      i,
    );
  }
  return out;
}

const hasViewer = hasTool("sh", ["-c", "command -v vncsnapshot"]);

test.skipIf(!hasViewer)("a viewer shows what is on the screen", async () => {
  const { machine, server } = await start();
  const folder = mkdtempSync(join(tmpdir(), "emu-vnc-"));
  try {
    const file = join(folder, "picture.jpg");
    const display = String(server.port - 5900);
    const args = ["-quality", "100", "-allowblank", `127.0.0.1:${display}`, file];
    const status = await new Promise((resolve) => {
      spawn("vncsnapshot", args, { stdio: "ignore" }).on("close", resolve);
    });
    expect(status).toBe(0);
    const jpeg = readFileSync(file);
    // SOF0: height and width of the picture.
    const at = jpeg.indexOf(Buffer.from([0xff, 0xc0]));
    const { width, height } = machine.screenRgba() ?? { width: 0, height: 0 };
    expect([jpeg.readUInt16BE(at + 7), jpeg.readUInt16BE(at + 5)]).toEqual([width, height]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test("a client gets the picture raw and packed, and then what changes alone", async () => {
  const { machine, server } = await start();
  const client = new Client(server.port);
  expect(await client.greet()).toBe(0);
  const { width, height } = await client.init();
  client.ask(false);
  expect((await client.read(4)).readUInt16BE(2)).toBe(1);
  expect(await client.rectangle()).toEqual({ x: 0, y: 0, width, height, encoding: 0 });
  const raw = await client.read(width * height * 4);
  expect(raw.equals(expected(machine))).toBe(true);
  client.encodings(6);
  client.ask(false);
  await client.read(4);
  expect((await client.rectangle()).encoding).toBe(6);
  const packed = await client.read((await client.read(4)).readUInt32BE());
  const unpacked = await new Promise<Buffer>((resolve) => {
    const inflate = createInflate({ finishFlush: zlib.Z_SYNC_FLUSH });
    const chunks: Buffer[] = [];
    inflate.on("data", (chunk: Buffer) => chunks.push(chunk));
    inflate.on("end", () => resolve(Buffer.concat(chunks)));
    inflate.end(packed);
  });
  expect(unpacked.equals(raw)).toBe(true);
  client.encodings(0);
  client.ask(true);
  machine.board.mmio.write(0xb8000 + 2 * 81, 0x58, 1);
  await client.read(4);
  // One character, in the second row of 16 lines.
  const { y = 0, height: changed = 0 } = await client.rectangle();
  expect(y).toBeGreaterThanOrEqual(16);
  expect(y + changed).toBeLessThanOrEqual(32);
});

test("keys, symbols and the pointer become input of the machine", async () => {
  const { server, inputs } = await start();
  const client = new Client(server.port);
  await client.greet();
  await client.init();
  const key = (keysym: number, down: number): void =>
    client.send(4, down, 0, 0, 0, 0, keysym >> 8, keysym & 255);
  key(0x61, 1);
  key(0x61, 0);
  key(0x21, 1);
  key(0x21, 0);
  key(0xff51, 1);
  key(0xff51, 0);
  key(0x1234, 1);
  client.send(5, 0, 0, 100, 0, 100);
  client.send(5, 1, 0, 105, 0, 98);
  client.send(5, 9, 0, 105, 0, 98);
  key(0xffe1, 1);
  while (inputs.length < 12) await new Promise((resolve) => setTimeout(resolve, 5));
  client.socket.destroy();
  while (inputs.length < 13) await new Promise((resolve) => setTimeout(resolve, 5));
  const names = inputs.map((event) =>
    event.kind === "key"
      ? `${event.extended ? "e0 " : ""}${event.code.toString(16)} ${event.down ? "down" : "up"}`
      : event.kind === "pointer"
        ? `${event.dx} ${event.dy} ${event.dz} ${event.buttons}`
        : "",
  );
  expect(names).toEqual([
    ...["1e down", "1e up", "2a down", "2 down", "2a up", "2 up", "e0 4b down", "e0 4b up"],
    ...["0 0 0 0", "5 2 0 1", "0 0 1 1", "2a down", "2a up"],
  ]);
  // Where it is goes along, for a tablet: the picture is 720 × 400 pixels.
  const places = inputs.flatMap((event) => (event.kind === "pointer" ? [event.at] : []));
  const share = (x: number, y: number) => ({
    x: Math.round((x * 0x7fff) / 719),
    y: Math.round((y * 0x7fff) / 399),
  });
  expect(places).toEqual([share(100, 100), share(105, 98), share(105, 98)]);
});

test("a password lets in who knows it, and nobody before there is one", async () => {
  const { server } = await start(true);
  expect(await new Client(server.port).greet("")).toBe(1);
  server.setPassword("secret");
  expect(await new Client(server.port).greet("Secret")).toBe(1);
  expect(server.clients).toEqual([]);
  const inside = new Client(server.port);
  expect(await inside.greet("secret")).toBe(0);
  expect(server.clients).toEqual([
    { host: "127.0.0.1", port: inside.socket.localPort, family: "ipv4" },
  ]);
  expect(server.address).toEqual({ host: "127.0.0.1", port: server.port, family: "ipv4" });
  server.expirePassword(Date.now());
  expect(await new Client(server.port).greet("secret")).toBe(1);
  server.expirePassword(Number.POSITIVE_INFINITY);
  expect(await new Client(server.port).greet("secret")).toBe(0);
});

test("what is no client disturbs nobody", async () => {
  const { server, machine } = await start();
  let state = 3;
  const random = (): number => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
    return (state >>> 8) & 255;
  };
  const noise = (length: number): number[] => Array.from({ length }, random);
  new Client(server.port).socket.end();
  new Client(server.port).send(...noise(5000));
  for (const message of [
    [0, 0, 0, 0, 24, 24, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    [2, 0, 0xff, 0xff],
    [6, 0, 0, 0, 0xff, 0xff, 0xff, 0xff],
    [77],
    noise(3000).fill(200, 0, 1),
  ]) {
    const client = new Client(server.port);
    await client.greet();
    await client.init();
    client.send(...message);
    while (!client.closed) await new Promise((resolve) => setTimeout(resolve, 5));
  }
  const client = new Client(server.port);
  expect(await client.greet()).toBe(0);
  const { width, height } = await client.init();
  client.ask(false);
  await client.read(16);
  expect((await client.read(width * height * 4)).equals(expected(machine))).toBe(true);
});
