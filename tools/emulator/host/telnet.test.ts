// Telnet's commands among the bytes: RFC 854's rules, and what QEMU says first.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { describe, expect, it } from "vitest";
import { hasQemu } from "../../testing/host-tools.ts";
import { SocketDevice } from "./socket-device.ts";
import { Telnet, telnetBytes } from "./telnet.ts";

const [SE, BREAK, SB, WILL, WONT, DO, DONT, IAC] = [240, 243, 250, 251, 252, 253, 254, 255];
const [BINARY, ECHO, STATUS, SUPPRESS_GO_AHEAD] = [0, 1, 5, 3];

/** An end, what it has said since it was asked last, and what it makes of bytes. */
function end(isServer: boolean) {
  const said: number[] = [];
  const telnet = new Telnet(isServer, (bytes) => said.push(...bytes));
  return {
    said: (): number[] => said.splice(0),
    received: (...bytes: number[]): number[] => [...telnet.received(Uint8Array.from(bytes))],
  };
}

const OFFER = [IAC, WILL, ECHO, IAC, WILL, SUPPRESS_GO_AHEAD, IAC, WILL, BINARY, IAC, DO, BINARY];

describe("a server", () => {
  it("offers characters as they are typed, and takes consent without another word", () => {
    const server = end(true);
    expect(server.said()).toEqual(OFFER);
    expect(server.received(IAC, DO, ECHO, IAC, DO, BINARY, 65, IAC, WILL, BINARY)).toEqual([65]);
    expect(server.said()).toEqual([]);
  });

  it("refuses what it does not have, and ends what the client does not want", () => {
    const server = end(true);
    server.said();
    server.received(IAC, DO, STATUS, IAC, WILL, STATUS, IAC, DONT, ECHO, IAC, DONT, ECHO);
    expect(server.said()).toEqual([IAC, WONT, STATUS, IAC, DONT, STATUS, IAC, WONT, ECHO]);
  });

  it("leaves commands out of the bytes, cut anywhere", () => {
    const bytes = [
      ...[65, IAC, IAC, 66, IAC, BREAK, 67, IAC, SB, STATUS, 1, IAC, IAC, SE, 2, IAC, SE],
      ...[68, IAC, WONT, BINARY, 13, 0, 69, 13, 10, 0],
    ];
    const plain = [65, IAC, 66, 67, 68, 13, 69, 13, 10, 0];
    expect(end(true).received(...bytes)).toEqual(plain);
    const slowly = end(true);
    expect(bytes.flatMap((byte) => slowly.received(byte))).toEqual(plain);
  });

  it("keeps NUL behind CR where bytes are as they are", () => {
    expect(end(true).received(IAC, WILL, BINARY, 13, 0)).toEqual([13, 0]);
  });
});

it("two ends agree, and are silent then", () => {
  const [server, client] = [end(true), end(false)];
  expect(client.said()).toEqual([]);
  let turns = 0;
  for (let bytes = server.said(); bytes.length > 0 && turns < 10; turns++) {
    expect(client.received(...bytes)).toEqual([]);
    const answer = client.said();
    expect(server.received(...answer)).toEqual([]);
    bytes = server.said();
  }
  expect(turns).toBeLessThan(3);
});

it("a byte of 255 is doubled", () => {
  expect([...telnetBytes(Uint8Array.of(1, IAC, 2))]).toEqual([1, IAC, IAC, 2]);
});

/** The first bytes that a server sends, as many as ours. */
async function firstBytes(port: number): Promise<number[]> {
  const socket = connect(port, "127.0.0.1");
  const bytes: number[] = [];
  try {
    for await (const chunk of socket) {
      bytes.push(...(chunk as Buffer));
      if (bytes.length >= OFFER.length) break;
    }
  } catch {
    // Nobody listens yet.
  } finally {
    socket.destroy();
  }
  return bytes.slice(0, OFFER.length);
}

it("a socket with telnet=on speaks it", async () => {
  const address = { kind: "tcp", path: "", host: "127.0.0.1", port: 0 } as const;
  const device = await SocketDevice.open(
    { ...address, server: true, wait: false, telnet: true },
    "-monitor",
  );
  try {
    const heard: number[] = [];
    device.onBytes = (bytes) => heard.push(...bytes);
    const client = connect(device.port, "127.0.0.1");
    client.write(Uint8Array.of(104, IAC, DO, ECHO, 105));
    let received: number[] = [];
    while (received.length < OFFER.length) {
      const [chunk] = (await once(client, "data")) as [Buffer];
      received = [...received, ...chunk];
    }
    while (heard.length < 2) await new Promise((resolve) => setImmediate(resolve));
    device.text("a\xff");
    const [sent] = (await once(client, "data")) as [Buffer];
    expect([received, heard, [...sent]]).toEqual([OFFER, [104, 105], [97, 0xc3, 0xbf]]);
    client.destroy();
  } finally {
    device.close();
  }
});

it.skipIf(!hasQemu)("QEMU's monitor offers the same", async () => {
  const free = createServer().listen(0, "127.0.0.1");
  await once(free, "listening");
  const { port } = free.address() as { port: number };
  await new Promise((resolve) => free.close(resolve));
  const qemu = spawn("qemu-system-x86_64", [
    ...["-accel", "tcg", "-S", "-display", "none", "-serial", "none", "-nic", "none"],
    ...["-monitor", `telnet:127.0.0.1:${port},server,nowait`],
  ]);
  try {
    let bytes: number[] = [];
    while (bytes.length === 0 && qemu.exitCode === null) {
      bytes = await firstBytes(port);
      if (bytes.length === 0) await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect(bytes).toEqual(OFFER);
  } finally {
    qemu.kill("SIGKILL");
  }
});
