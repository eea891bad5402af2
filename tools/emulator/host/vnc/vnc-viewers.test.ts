// VNC viewers of Debian's, as people use them: TigerVNC's on an X server without a screen, whose keyboard and mouse
// xdotool moves, and gtk-vnc's, which takes a picture.

import { type ChildProcess, spawn } from "node:child_process";
import { createCipheriv } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decode } from "fast-png";
import { afterAll, afterEach, describe, expect, test } from "vitest";
import { hasTool } from "../../../testing/host-tools.ts";
import type { OutsideEvent } from "../../input.ts";
import { inputGuest } from "../../monitor/testdata/input-guest.ts";
import { Machine } from "../machine.ts";
import { VncServer } from "./vnc-server.ts";

const has = (program: string): boolean => hasTool("sh", ["-c", `command -v ${program}`]);
const hasTigerVnc = ["xtigervncviewer", "Xvfb", "xdotool"].every(has);

const folder = mkdtempSync(join(tmpdir(), "emu-viewers-"));
const children: ChildProcess[] = [];
const servers: VncServer[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
  for (const server of servers.splice(0)) server.close();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function serve(password: string) {
  const machine = await Machine.create({ kernel: inputGuest(), memory: "16M" });
  await machine.run({ until: "ready " });
  for (let cell = 0; cell < 2000; cell++) {
    machine.board.mmio.write(0xb8000 + 2 * cell, 33 + (cell % 90), 1);
    machine.board.mmio.write(0xb8001 + 2 * cell, cell & 0x7f, 1);
  }
  const options = { host: "127.0.0.1", port: 0, title: "a guest", password: password !== "" };
  const server = await VncServer.open(machine, options);
  servers.push(server);
  server.setPassword(password);
  const inputs: OutsideEvent[] = [];
  machine.onInput = ({ event }) => inputs.push(event);
  return { machine, server, inputs };
}

/** Runs a program; its output, and how it ends. */
function start(program: string, args: readonly string[], env: Record<string, string> = {}) {
  const child = spawn(program, args, { env: { ...process.env, ...env } });
  children.push(child);
  const run = { text: "", ended: new Promise<number | null>((r) => child.on("close", r)), child };
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (bytes) => {
      run.text += bytes;
    });
  }
  return run;
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

type Run = ReturnType<typeof start>;

/** Waits for a condition. Rejects with what `viewer` has said if that ends before. */
async function until(condition: () => boolean | Promise<boolean>, viewer?: Run): Promise<void> {
  let over = false;
  void viewer?.ended.then(() => {
    over = true;
  });
  while (!(await condition())) {
    if (over && !(await condition())) throw new Error(`the viewer has ended: ${viewer?.text}`);
    await pause(20);
  }
}

describe.skipIf(!hasTigerVnc)("TigerVNC's viewer", () => {
  /** An X server, and what xdotool answers there. */
  async function screen() {
    const server = start("Xvfb", [
      "-displayfd",
      "1",
      "-screen",
      "0",
      "1280x1024x24",
      "-nolisten",
      "tcp",
      // Where its last client leaves, it would begin anew, and refuse who comes meanwhile.
      "-noreset",
    ]);
    await until(() => /^\d+\n/m.test(server.text));
    const env = { DISPLAY: `:${/^(\d+)\n/m.exec(server.text)?.[1]}` };
    const xdo = async (...args: string[]): Promise<string> => {
      const run = start("xdotool", args, env);
      await run.ended;
      return run.text.trim();
    };
    return { env, xdo };
  }

  /** The file of a password: DES by a key that everybody knows, with the bits of each byte the other way round. */
  function passwordFile(password: string): string {
    const turned = (byte: number): number =>
      Number.parseInt([...byte.toString(2).padStart(8, "0")].reverse().join(""), 2);
    const key = Buffer.from([23, 82, 107, 6, 35, 78, 88, 7].map(turned));
    const cipher = createCipheriv("des-ede3-ecb", Buffer.concat([key, key, key]), null);
    cipher.setAutoPadding(false);
    const file = join(folder, "password");
    writeFileSync(file, cipher.update(Buffer.alloc(8).fill(password, 0, password.length)));
    return file;
  }

  test("a person with the password types, moves the mouse, clicks, and sees changes of size", async () => {
    const { machine, server, inputs } = await serve("secret");
    const { env, xdo } = await screen();
    const args = ["-passwd", passwordFile("secret"), `127.0.0.1::${server.port}`];
    const viewer = start("xtigervncviewer", args, env);
    const seen = (condition: () => boolean | Promise<boolean>) => until(condition, viewer);
    let window = "";
    await seen(async () => {
      window =
        (await xdo("search", "--onlyvisible", "--name", "a guest - TigerVNC")).split("\n")[0] ?? "";
      return window !== "";
    });
    const size = async (): Promise<string | undefined> =>
      /Geometry: (\S+)/.exec(await xdo("getwindowgeometry", window))?.[1];
    await seen(async () => (await size()) === "720x400");
    // A window gets keys when it has got round to being looked at.
    const keys = (): string[] =>
      inputs.flatMap((e) =>
        e.kind === "key" ? [`${e.code.toString(16)}${e.down ? "" : " up"}`] : [],
      );
    await seen(async () => {
      await xdo("windowfocus", window);
      await xdo("key", "F1");
      await pause(50);
      return keys().includes("3b up");
    });
    inputs.length = 0;
    for (const key of ["a", "shift+b", "Left", "ctrl+c"]) await xdo("key", key);
    await seen(() => keys().length >= 12);
    expect(keys()).toEqual([
      ...["1e", "1e up", "2a", "30", "2a up", "30 up", "4b", "4b up"],
      ...["1d", "2e", "1d up", "2e up"],
    ]);
    // Without a window manager the viewer hears of the mouse while a button is held.
    const moved = { dx: 0, dy: 0 };
    await xdo("mousemove", "--window", window, "100", "100");
    await xdo("mousedown", "1");
    await seen(() => inputs.some((e) => e.kind === "pointer" && e.buttons === 1));
    inputs.length = 0;
    await xdo("mousemove", "--window", window, "130", "180");
    await seen(() => {
      for (const e of inputs.splice(0)) {
        if (e.kind !== "pointer") continue;
        moved.dx += e.dx;
        moved.dy += e.dy;
      }
      return moved.dx === 30 && moved.dy === -80;
    });
    await xdo("mouseup", "1");
    const buttons = new Set<number>();
    for (const button of ["1", "2", "3"]) await xdo("click", button);
    await seen(() => {
      for (const e of inputs.splice(0)) if (e.kind === "pointer") buttons.add(e.buttons);
      return [1, 2, 4].every((held) => buttons.has(held));
    });
    machine.board.vga?.setMode({ width: 320, height: 200, depth: 32 });
    await seen(async () => (await size()) === "320x200");
  });

  test("without the password nobody is let in", async () => {
    const { server, inputs } = await serve("secret");
    const { env } = await screen();
    const viewer = start(
      "xtigervncviewer",
      ["-passwd", passwordFile("Secret"), `127.0.0.1::${server.port}`],
      env,
    );
    await until(() => viewer.text.includes("Authentication failed"), viewer);
    expect(inputs).toEqual([]);
  });
});

test.skipIf(!has("gvnccapture"))("gtk-vnc's picture is the machine's, pixel by pixel", async () => {
  const { machine, server } = await serve("");
  for (const mode of [undefined, { width: 640, height: 480, depth: 16 }]) {
    if (mode !== undefined) {
      machine.board.vga?.setMode(mode);
      for (let at = 0; at < 640 * 480 * 2; at += 4) {
        machine.board.mmio.write(0xfd000000 + at, Math.imul(at, 2654435761) >>> 0, 4);
      }
    }
    const file = join(folder, "picture.png");
    const capture = start("gvnccapture", ["-q", `127.0.0.1:${server.port - 5900}`, file]);
    expect(await capture.ended).toBe(0);
    const { width, height, data, channels } = decode(readFileSync(file));
    const own = machine.screenRgba();
    expect([width, height]).toEqual([own?.width, own?.height]);
    let wrong = 0;
    for (let i = 0; i < width * height; i++) {
      for (let c = 0; c < 3; c++) if (data[i * channels + c] !== own?.data[i * 4 + c]) wrong++;
    }
    expect(wrong).toBe(0);
  }
});
