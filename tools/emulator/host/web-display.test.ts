// `emu -display web` as a command: the address, a page's messages, and the streams that stay as they were.

import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { WebSocket } from "ws";
import { al } from "../../asm/index.ts";
import { guest, print } from "../platform/testdata/guest.ts";
import type { ToMachine } from "../remote/messages.ts";
import { type PictureFrame, type ReadBytes, readFrames } from "../remote/picture-frames.ts";
import { decodeMessage, encodeMessage } from "../remote/wire.ts";
import { parseArguments } from "./cli-options.ts";

const emu = fileURLToPath(new URL("../../bin/emu", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "web-display-"));
const kernel = join(folder, "kernel");

/** Says hello, halts until a key comes, and ends when Escape has gone up. */
const waiting = guest((a) => {
  print(a, "hello", "hello\n");
  a.label("wait");
  a.in(al, 0x64).test(al, 1).jz("wait").in(al, 0x60).cmp(al, 0x81).jne("wait");
  print(a, "bye", "bye\n");
});

beforeAll(() => writeFileSync(kernel, waiting));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Run {
  url: string;
  ended: Promise<{ status: number | null; stdout: string; stderr: string }>;
}

/** Starts the emulator and waits for the address that it prints. */
async function start(...options: string[]): Promise<Run> {
  const args = [emu, "-kernel", kernel, "-m", "16M", "-display", "web", ...options];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] });
  let [stdout, stderr] = ["", ""];
  child.stdout.on("data", (data) => {
    stdout += data;
  });
  const url = await new Promise<string>((resolve) => {
    child.stderr.on("data", (data) => {
      stderr += data;
      const found = /^emu: the screen is at (http:\S+)$/m.exec(stderr)?.[1];
      if (found !== undefined) resolve(found);
    });
  });
  const ended = new Promise<{ status: number | null; stdout: string; stderr: string }>(
    (resolve) => {
      child.on("close", (status) => resolve({ status, stdout, stderr }));
    },
  );
  return { url, ended };
}

/** A page's end of the socket. */
class Peer {
  readonly messages: Record<string, unknown>[] = [];
  readonly closed: Promise<number>;
  readonly #socket: WebSocket;
  #heard: () => void = () => {};

  constructor(url: string) {
    const { host, origin, pathname } = new URL(url);
    this.#socket = new WebSocket(`ws://${host}${pathname}machine`, { origin });
    this.#socket.on("message", (data: Buffer) => {
      this.messages.push(decodeMessage(data));
      this.#heard();
    });
    this.closed = new Promise((resolve) => this.#socket.on("close", resolve));
  }

  /** The first message, of those there are and those to come, for which `is` holds. */
  async find(is: (message: Record<string, unknown>) => boolean): Promise<Record<string, unknown>> {
    for (;;) {
      const found = this.messages.find(is);
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => {
        this.#heard = resolve;
      });
    }
  }

  send(message: ToMachine): void {
    this.#socket.send(encodeMessage(message));
  }

  sendRaw(data: string | Uint8Array): void {
    this.#socket.send(data);
  }

  close(): void {
    this.#socket.close();
  }
}

/** The first frame of an endless response. */
async function firstFrame(url: string): Promise<PictureFrame | undefined> {
  const { body } = await fetch(url);
  const chunks = body?.values();
  let rest = new Uint8Array(0);
  const read: ReadBytes = async (into) => {
    while (rest.length < into.length) {
      const { done, value } = (await chunks?.next()) ?? { done: true };
      if (done) return undefined;
      rest = new Uint8Array(Buffer.concat([rest, value]));
    }
    into.set(rest.subarray(0, into.length));
    rest = rest.slice(into.length);
    return into;
  };
  for await (const frame of readFrames(read, (room) => new ArrayBuffer(room))) {
    await chunks?.return?.();
    return frame;
  }
  return undefined;
}

const textOf = (peer: Peer): string =>
  peer.messages
    .filter(({ kind }) => kind === "serial")
    .map(({ bytes }) => Buffer.from(bytes as Uint8Array).toString("latin1"))
    .join("");

const pressEscape = (peer: Peer): void => {
  for (const down of [true, false]) {
    peer.send({ kind: "input", event: { kind: "key", code: 1, extended: false, down } });
  }
};

test("a page sees the machine and ends it by a key; the serial line stays on stdout", async () => {
  const { url, ended } = await start();
  const first = new Peer(url);
  expect(await first.find(({ kind }) => kind === "machine")).toMatchObject({
    ...{ title: kernel, cpus: 1, memory: 16 << 20, hasScreen: true, restarts: false },
  });
  const { key } = await first.find(({ kind }) => kind === "pictures");
  expect(await firstFrame(`${url}pictures?${key}`)).toEqual({
    ...{ kind: "size", width: 720, height: 400 },
  });
  await first.find(() => textOf(first).includes("hello\n"));
  first.close();
  await first.closed;
  const second = new Peer(url);
  await second.find(() => textOf(second).includes("hello\n"));
  pressEscape(second);
  await second.find(({ kind, state }) => kind === "status" && state === "off");
  expect(textOf(second)).toBe("hello\nbye\n");
  expect(await ended).toMatchObject({ status: 0, stdout: "hello\nbye\n" });
});

test("a page that sends what is no message is sent away, and the machine goes on", async () => {
  const { url, ended } = await start("-serial", "null", "-S");
  const bad = [
    new Uint8Array([9, 9, 9, 9]),
    new Uint8Array(0),
    "text",
    encodeMessage({ kind: "quit" }),
  ];
  for (const data of bad) {
    const peer = new Peer(url);
    await peer.find(({ kind }) => kind === "machine");
    peer.sendRaw(data);
    expect(await peer.closed).toBe(1003);
  }
  const good = new Peer(url);
  expect(await good.find(({ kind }) => kind === "status")).toMatchObject({ state: "paused" });
  good.send({ kind: "command", name: "resume" });
  pressEscape(good);
  expect((await ended).status).toBe(0);
});

test("pictures are for those who have a connection, and one that is a page's", async () => {
  const { url, ended } = await start("-serial", "null");
  const peer = new Peer(url);
  const { key } = await peer.find(({ kind }) => kind === "pictures");
  for (const query of ["", "?", "?0", `?${key}0`, `?key=${key}`]) {
    expect((await fetch(`${url}pictures${query}`)).status).toBe(404);
  }
  expect((await fetch(`${url}pictures?${key}`, { method: "POST" })).status).toBe(405);
  const other = await fetch(`${url}pictures?${key}`, {
    headers: { Origin: "http://evil.example" },
  });
  expect(other.status).toBe(403);
  // It says that it draws what it has never asked for.
  for (let i = 0; i < 100; i++) peer.sendRaw(encodeMessage({ kind: "drawn" }));
  expect(await firstFrame(`${url}pictures?${key}`)).toMatchObject({ kind: "size" });
  peer.close();
  await peer.closed;
  const again = new Peer(url);
  const fresh = await again.find(({ kind }) => kind === "pictures");
  expect(fresh.key).not.toBe(key);
  expect((await fetch(`${url}pictures?${key}`)).status).toBe(404);
  pressEscape(again);
  expect((await ended).status).toBe(0);
});

test("-display names what there is", () => {
  const display = (value: string) => parseArguments(["-kernel", "k", "-display", value]).display;
  expect(parseArguments(["-kernel", "k"]).display).toEqual({ kind: "none" });
  expect(display("none")).toEqual({ kind: "none" });
  expect(display("web")).toEqual({ kind: "web", port: 0 });
  expect(display("web,port=8080")).toEqual({ kind: "web", port: 8080 });
  expect(display("gtk,gl=on")).toEqual({ kind: "web", port: 0 });
  expect(parseArguments(["-kernel", "k", "-display", "sdl"]).warnings).toEqual([
    "-display sdl: the screen is shown by -display web",
  ]);
  const shared = parseArguments(["-kernel", "k", "-display", "vnc=:3"]);
  expect([shared.display, shared.vnc]).toMatchObject([{ kind: "none" }, { display: 3 }]);
  expect(() => display("web,port=x")).toThrow(
    /^-display web: port x: expected a number from 0 to 65535$/,
  );
  expect(() => display("web,prot=1")).toThrow(/unknown property prot \(did you mean port\?\)$/);
  expect(() => display("wbe")).toThrow(/did you mean web\?/);
});
