// Networks on the host: two machines on a cable, a guest's connections to servers on 127.0.0.1 and from clients there,
// recordings of frames, and the command line.

import { spawnSync } from "node:child_process";
import { createSocket } from "node:dgram";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import { HANG_MS } from "../../../testing/host-tools.ts";
import * as R from "../../devices/net/e1000-registers.ts";
import {
  bringUp,
  frameAt,
  load,
  RX_DATA,
  receiveRing,
  store,
  storeBytes,
  TX_DATA,
  transmitRing,
} from "../../devices/net/testdata/nic-script.ts";
import { FrameReader, framed } from "../../net/frame-stream.ts";
import { capturedFrames } from "../../net/pcap.ts";
import { arpRequest } from "../../net/user/testdata/guest-frames.ts";
import { type Access, busGuest, encodeScript } from "../../platform/testdata/bus-guest.ts";
import { inputLines, readRecording, startLine } from "../../recording.ts";
import { parseArguments } from "../cli-options.ts";
import { UsageError } from "../cli-values.ts";
import { Machine } from "../machine.ts";
import { HostNetwork } from "./host-network.ts";
import { NodeNetwork } from "./node-network.ts";
import { SocketBackend } from "./socket-backend.ts";

const directory = mkdtempSync(join(tmpdir(), "emu-network-"));
afterAll(() => rmSync(directory, { recursive: true }));

const networkOf = (text: string) => parseArguments(["-kernel", "k", ...text.split(" ")]).network;
const BASE = 0xe000_0000;

async function guest(script: readonly Access[]) {
  let output = "";
  const machine = await Machine.create({
    kernel: busGuest(),
    modules: [{ file: encodeScript(script) }],
    networkCards: [{ model: "e1000" }],
    debugExit: { iobase: 0xf4, iosize: 4 },
    onDebugConsole: (byte) => {
      output += String.fromCharCode(byte);
    },
  });
  return { machine, output: () => output.trim().split("\n") };
}

const BROADCAST = [255, 255, 255, 255, 255, 255];
const sender = [
  ...bringUp(),
  ...frameAt(TX_DATA, 100, BROADCAST),
  ...transmitRing([{ buffer: TX_DATA, command: 0x0b00_0000 | 100 }]),
];
/** Receives a frame, and sends one when it has come. */
const answerer: Access[] = [
  ...sender,
  ...receiveRing(0x0400_8000),
  ["until-set", BASE + R.RDH, 1],
  load(RX_DATA + 16),
  store(BASE + R.TDT, 1),
];
const asker: Access[] = [
  ...sender,
  ...receiveRing(0x0400_8000),
  store(BASE + R.TDT, 1),
  ["until-set", BASE + R.RDH, 1],
  load(RX_DATA + 16),
];

describe("-netdev socket", () => {
  test("two machines talk over a connection, and captures show it", async () => {
    const file = join(directory, "capture");
    const [one, two] = [await guest(answerer), await guest(asker)];
    const first = await HostNetwork.open(
      one.machine,
      networkOf(
        `-netdev socket,id=n,listen=127.0.0.1:0 -device e1000,netdev=n -object filter-dump,id=f,netdev=n,file=${file}`,
      ),
    );
    const second = await HostNetwork.open(
      two.machine,
      networkOf(`-nic socket,connect=127.0.0.1:${first.ports[0]}`),
    );
    const stops = await Promise.all([one.machine.run(), two.machine.run()]);
    expect(stops.map(({ kind }) => kind)).toEqual(["debug-exit", "debug-exit"]);
    // Bytes 16 to 19 of the pattern.
    expect([...one.output(), ...two.output()]).toEqual(["231c150e", "231c150e"]);
    first.close();
    second.close();
    expect(capturedFrames(readFileSync(file)).map(({ length }) => length)).toEqual([100, 100]);
  });

  test("and by UDP", async () => {
    const peer = createSocket("udp4");
    await new Promise<void>((resolve) => peer.bind(0, "127.0.0.1", resolve));
    const backend = await SocketBackend.open(
      {
        how: "udp",
        ...{ host: "127.0.0.1", port: peer.address().port, local: { host: "127.0.0.1", port: 0 } },
      },
      "-netdev id=n",
    );
    const there = new Promise<string>((resolve) => peer.once("message", (m) => resolve(`${m}`)));
    backend.send(new TextEncoder().encode("a frame"));
    expect(await there).toBe("a frame");
    const here = new Promise<string>((resolve) => {
      backend.onFrame = (frame) => resolve(new TextDecoder().decode(frame));
    });
    peer.send("another", backend.port, "127.0.0.1");
    expect(await here).toBe("another");
    backend.close();
    peer.close();
  });

  test("frames are found however the stream is cut, and what is none is refused", () => {
    const frames = [0, 1, 1514, 9000].map((length) => new Uint8Array(length).fill(length & 0xff));
    const stream = new Uint8Array(frames.reduce((sum, f) => sum + f.length + 4, 0));
    let at = 0;
    for (const frame of frames) {
      stream.set(framed(frame), at);
      at += frame.length + 4;
    }
    for (const step of [1, 3, 1000, stream.length]) {
      const reader = new FrameReader();
      const read: Uint8Array[] = [];
      for (let from = 0; from < stream.length; from += step) {
        read.push(...reader.read(stream.subarray(from, from + step)));
      }
      expect(read).toEqual(frames);
    }
    expect(() => new FrameReader().read(Uint8Array.of(0x47, 0x45, 0x54, 0x20))).toThrow(RangeError);
  });

  test("who cannot be reached is an error of one line", async () => {
    const free = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => free.once("listening", resolve));
    const { port } = free.address() as AddressInfo;
    await new Promise((resolve) => free.close(resolve));
    const { machine } = await guest([]);
    const opening = HostNetwork.open(machine, networkOf(`-nic socket,connect=127.0.0.1:${port}`));
    await expect(opening).rejects.toThrow(/^-netdev id=#nic0: .*ECONNREFUSED/);
  });
});

describe("sockets of Node's", () => {
  test("connections go both ways, are half closed, and refused", async () => {
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      let got = "";
      socket.on("data", (bytes) => {
        got += bytes;
      });
      socket.on("end", () => socket.end(`${got} is what came`));
    }).listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    const { port } = server.address() as AddressInfo;
    const network = new NodeNetwork("test");
    let got = "";
    const events = (done: () => void, failed: (why: string) => void) => ({
      connected: () => {},
      data: (bytes: Uint8Array) => {
        got += new TextDecoder().decode(bytes);
      },
      drained: () => {},
      ended: done,
      failed,
    });
    await new Promise<void>((resolve, reject) => {
      const stream = network.connect("127.0.0.1", port, events(resolve, reject));
      stream.write(new TextEncoder().encode("this"));
      stream.end();
    });
    expect(got).toBe("this is what came");
    await new Promise((resolve) => server.close(resolve));
    const why = await new Promise((resolve) => {
      network.connect(
        "127.0.0.1",
        port,
        events(() => resolve("nothing"), resolve),
      );
    });
    expect(why).toBe("refused");
  });

  test("who connects to a port that is forwarded is followed", async () => {
    const network = new NodeNetwork("test");
    const listener = await network.listen("127.0.0.1", 0, (stream) => ({
      connected: () => {},
      data: (bytes) => stream.write(bytes),
      drained: () => {},
      ended: () => stream.end(),
      failed: () => {},
    }));
    const client = connect(listener.port, "127.0.0.1");
    let got = "";
    client.on("data", (bytes) => {
      got += bytes;
    });
    client.end("echo");
    await new Promise((resolve) => client.once("end", resolve));
    expect(got).toBe("echo");
    listener.close();
  });

  test("TFTP offers the files of its folder and no others", () => {
    writeFileSync(join(directory, "boot"), "contents");
    const network = new NodeNetwork("test", directory);
    expect(new TextDecoder().decode(network.file("boot"))).toBe("contents");
    expect(network.file("/boot")).toBeDefined();
    for (const name of ["none", "..", "../../etc/passwd", ".", "boot/../../x"]) {
      expect(network.file(name)).toBeUndefined();
    }
    expect(new NodeNetwork("test").file("boot")).toBeUndefined();
  });
});

test("frames that arrive are recorded, and a replay has them again", async () => {
  const script: Access[] = [
    ...bringUp(),
    ...receiveRing(0x0400_8000),
    ["until-set", BASE + R.RDH, 1],
    load(RX_DATA + 16),
    load(BASE + R.TPR),
  ];
  const first = await guest(script);
  let text = startLine({ state: first.machine.stateHash() });
  first.machine.onInput = (input) => {
    text += inputLines(input);
  };
  first.machine.runSync({ nanoseconds: 5e6 });
  const bytes = Uint8Array.from({ length: 70 }, (_, i) => (i < 6 ? 255 : i));
  first.machine.input({ kind: "frame", card: 0, bytes });
  expect(first.machine.runSync().kind).toBe("debug-exit");
  const second = await guest(script);
  second.machine.replay(readRecording(text, "recording").inputs);
  expect(second.machine.runSync().kind).toBe("debug-exit");
  expect(second.output()).toEqual(["13121110", "00000001"]);
  expect(second.machine.stateHash()).toBe(first.machine.stateHash());
  const wrong = text.replace('"card":0', '"card":8');
  expect(() => readRecording(wrong, "recording")).toThrow("recording: line 2: card");
});

test("the command records what a network answers, and a replay needs none", () => {
  const file = (name: string): string => join(directory, name);
  const script: Access[] = [
    ...bringUp(),
    ...storeBytes(TX_DATA, [...arpRequest("10.0.2.2")]),
    ...transmitRing([{ buffer: TX_DATA, command: 0x0b00_0000 | 42 }]),
    ...receiveRing(0x0400_8000),
    store(BASE + R.TDT, 1),
    ["until-set", BASE + R.RDH, 1],
    load(RX_DATA + 28),
  ];
  writeFileSync(file("kernel"), busGuest());
  writeFileSync(file("script"), encodeScript(script));
  const emu = fileURLToPath(new URL("../../../bin/emu", import.meta.url));
  const run = (...more: string[]) =>
    spawnSync(
      process.execPath,
      [
        ...[emu, "-kernel", file("kernel"), "-initrd", file("script"), "-serial", "none"],
        ...["-device", "isa-debug-exit,iobase=0xf4,iosize=4", "-nic", "user,net=10.0.2.0/24"],
        ...["-debugcon", `file:${file("output")}`, ...more],
      ],
      { encoding: "utf8", timeout: HANG_MS },
    );
  expect(run("-record", file("recording"))).toMatchObject({ status: 1, stderr: "" });
  // The gateway's address.
  const answer = "0202000a\n";
  expect(readFileSync(file("output"), "latin1")).toBe(answer);
  // A replay that differs says so.
  expect(run("-replay", file("recording"))).toMatchObject({ status: 1, stderr: "" });
  expect(readFileSync(file("output"), "latin1")).toBe(answer);
});

test.each([
  ["q35", "e1000e"],
  ["pc", "e1000"],
] as const)("cards of %s have addresses and places as QEMU gives them", async (board, name) => {
  const machine = await Machine.create({
    kernel: busGuest(),
    machine: board,
    networkCards: [{}, { mac: "52:54:00:12:34:57" }, {}, { slot: 9 }],
  });
  expect(machine.networkCards.map(({ mac }) => Buffer.from(mac).toString("hex"))).toEqual([
    "525400123456",
    "525400123457",
    "525400123458",
    "525400123459",
  ]);
  const first = board === "q35" ? 2 : 3;
  expect(machine.board.describe().filter((line) => line.startsWith("e1000"))).toEqual(
    [first, first + 1, first + 2, 9].map((slot, i) =>
      expect.stringMatching(new RegExp(`^${name}-${i}: PCI 0:${slot}\\.0 INTA`)),
    ),
  );
});

test("cards that cannot be are told of", async () => {
  const rom = { model: "virtio-net-pci", rom: new Uint8Array(1) } as const;
  await expect(Machine.create({ networkCards: [rom] })).rejects.toThrow("takes no ROM");
  await expect(Machine.create({ networkCards: [{ mac: "1" }] })).rejects.toThrow("mac 1: expected");
  const many = { networkCards: new Array(9).fill({}) };
  await expect(Machine.create(many)).rejects.toThrow("9 network cards: expected at most 8");
});

describe("the command line", () => {
  test("what is behind a card", () => {
    const network = networkOf(
      "-netdev user,id=a,net=192.168.1.0/24,hostfwd=tcp::8080-:80,hostfwd=udp:127.0.0.1:53-192.168.1.20:53,loopback=on -device e1000,netdev=a,mac=52:54:00:aa:bb:cc,addr=0x1c -nic none",
    );
    expect(network.cards).toEqual([
      { model: "e1000", netdev: "a", mac: "52:54:00:aa:bb:cc", slot: 0x1c },
    ]);
    expect(network.netdevs.get("a")).toMatchObject({
      kind: "user",
      user: {
        gateway: 0xc0a8_0102,
        hasLoopback: true,
        forwards: [
          { protocol: "tcp", host: "127.0.0.1", port: 8080, guestPort: 80 },
          { protocol: "udp", host: "127.0.0.1", port: 53, guest: 0xc0a8_0114, guestPort: 53 },
        ],
      },
    });
    expect(networkOf("-net nic,macaddr=52:54:00:00:00:01 -net user").hub).toHaveLength(1);
    expect(networkOf("-net none").cards).toEqual([]);
    // Which card there is without a name is the board's to say.
    expect(networkOf("-net nic -net user -nic user,model=e1000e").cards).toEqual([
      { netdev: "" },
      { netdev: "#nic1", model: "e1000e" },
    ]);
  });

  test.each([
    ["-netdev user", "expected id=ID"],
    ["-netdev user,id=a", "is behind no card"],
    ["-netdev user,id=a -netdev user,id=a", "Duplicate ID 'a'"],
    ["-device e1000,netdev=x", "there is no -netdev with id=x"],
    ["-nic user,id=a -device e1000,netdev=a", "another card's already"],
    ["-nic tap", "expected user, socket"],
    ["-nic user,model=rtl8139", "expected e1000"],
    ["-nic user,mac=1:2", "mac 1:2: expected"],
    ["-nic user,mac=01:00:00:00:00:00", "expected an address of one card"],
    ["-nic user,net=1.2.3", "expected ADDRESS/BITS"],
    ["-nic user,dns=1.2.3.4", "it is not in 10.0.2.0/24"],
    ["-nic user,hostfwd=tcp:x:1-:2", "expected [tcp|udp]"],
    ["-nic user,ipv6=on", "no IPv6"],
    ["-nic user,guestfwd=x", "unknown property guestfwd"],
    ["-nic socket", "expected one of listen="],
    ["-nic socket,udp=1.2.3.4:5", "expected localaddr="],
    ["-nic socket,listen=x", "expected [HOST]:PORT"],
    ["-net user", "there is no card on the hub"],
    ["-object filter-dump,id=f,netdev=n,file=x", "there is no -netdev with id=n"],
    ["-object secret,id=x", "expected rng-builtin, rng-random, filter-dump"],
    ["-device virtio-net-pci,romfile=x", "only e1000 and e1000e take a ROM"],
    ["-device e1000,addr=100", "expected a device of the bus"],
  ])("%s", (text, message) => {
    expect(() => networkOf(text)).toThrow(UsageError);
    expect(() => networkOf(text)).toThrow(message);
  });
});
