// -record and -replay as a command: what was typed into one run is typed into the other, with the same result.

import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { al } from "../../asm/index.ts";
import { HANG_MS } from "../../testing/host-tools.ts";
import { echoSerial, guest, print } from "../platform/testdata/guest.ts";
import { builtCore } from "./core.ts";

const emu = fileURLToPath(new URL("../../bin/emu", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "emu-record-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
beforeAll(async () => {
  await builtCore();
});

/** Sends on COM1 what comes from there, and scan codes of the keyboard; "q" on COM1 switches off. */
const kernel = join(folder, "kernel");
writeFileSync(
  kernel,
  guest((a) => {
    print(a, "hello", "hello\n");
    a.label("wait");
    echoSerial(a, "no_serial");
    a.label("no_serial");
    a.in(al, 0x64).test(al, 1).jz("wait").in(al, 0x60).call("putc").jmp("wait");
  }),
);

const options = ["-kernel", kernel, "-m", "16M", "-smp", "2"];
const run = (...args: string[]) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [emu, ...options, ...args], {
    encoding: "latin1",
    timeout: HANG_MS,
    input: "",
  });
  return { status, out: stdout, err: stderr };
};

/** A run on a serial line and a monitor, both typed at as it goes, to the end by `last`. */
async function typed(record: string, last: (monitor: NodeJS.WritableStream) => void) {
  const socket = join(folder, "monitor");
  const child = spawn(process.execPath, [
    ...[emu, ...options, "-record", record, "-monitor", `unix:${socket},server,wait=on`],
  ]);
  let out = "";
  child.stdout.on("data", (bytes: Buffer) => {
    out += bytes.toString("latin1");
  });
  const ended = new Promise<number | null>((resolve) => child.on("close", resolve));
  const until = async (text: string): Promise<void> => {
    while (!out.includes(text)) await new Promise((resolve) => setTimeout(resolve, 10));
  };
  const monitor = await new Promise<ReturnType<typeof connect>>((resolve) => {
    const attempt = (): void => {
      const one = connect(socket, () => resolve(one));
      one.on("error", () => setTimeout(attempt, 20));
    };
    attempt();
  });
  await until("hello");
  child.stdin.write("first");
  await until("first");
  monitor.write("sendkey shift-a 3\nmouse_move 3 4\n");
  await until("\x1e\x9e");
  child.stdin.write("then");
  await until("then");
  last(child.stdin);
  monitor.write("\n");
  if (child.exitCode === null) await new Promise((resolve) => setTimeout(resolve, 50));
  return { out, ended, monitor };
}

test("serial bytes of a terminal's line, keys and buttons are repeated, and the end is compared", async () => {
  const record = join(folder, "a");
  const first = await typed(record, (stdin) => stdin.write("q"));
  expect(await first.ended).toBe(0);
  expect(run("-replay", record)).toEqual({ status: 0, out: first.out, err: "" });
  const text = readFileSync(record, "utf8");
  const state = /("state":")[0-9a-f]{64}("\}\}\n)$/;
  writeFileSync(record, text.replace(state, `$1${"0".repeat(64)}$2`));
  const other = run("-replay", record);
  expect([other.status, other.err]).toEqual([
    1,
    `emu: -replay ${record}: the machine's state at the end is another one\n`,
  ]);
});

test("a run that somebody has ended is repeated up to there", async () => {
  const record = join(folder, "b");
  const first = await typed(record, () => {});
  first.monitor.write("quit\n");
  expect(await first.ended).toBe(0);
  const again = run("-replay", record);
  expect(again.status).toBe(0);
  expect(again.err).toBe(
    `emu: -replay ${record}: the recording ends here, and so far the run is the same\n`,
  );
});

test("a recording whose end is missing goes on with what is typed", async () => {
  const record = join(folder, "c");
  const first = await typed(record, (stdin) => stdin.write("q"));
  await first.ended;
  const lines = readFileSync(record, "utf8").split("\n");
  // Without the end, and without the "q" before it.
  const cut = lines.slice(0, -3);
  writeFileSync(record, `${cut.join("\n")}\n${lines.at(-3)?.slice(0, 20)}`);
  const child = spawn(process.execPath, [emu, ...options, "-replay", record]);
  let out = "";
  child.stdout.on("data", (bytes: Buffer) => {
    out += bytes.toString("latin1");
  });
  while (!out.includes("then")) await new Promise((resolve) => setTimeout(resolve, 10));
  child.stdin.write("more");
  while (!out.includes("more")) await new Promise((resolve) => setTimeout(resolve, 10));
  child.stdin.write("q");
  expect(await new Promise((resolve) => child.on("close", resolve))).toBe(0);
});

test("a recording of another machine, and what is none, is one line", async () => {
  const record = join(folder, "d");
  const input = join(folder, "q");
  writeFileSync(input, "q");
  spawnSync("sh", [
    "-c",
    `"$0" "$@" <${input}`,
    process.execPath,
    emu,
    ...options,
    "-record",
    record,
  ]);
  expect(run("-replay", record).status).toBe(0);
  for (const [args, message] of [
    [
      ["-replay", record, "-m", "32M"],
      /^emu: -replay .*: the recording is of another machine: [^\n]*\n$/,
    ],
    [["-replay", kernel], /^emu: -replay .*: line 1: it is no JSON\n$/],
    [["-replay", folder], /^emu: -replay .*: it is a directory\n$/],
    [["-replay", join(folder, "none")], /^emu: -replay .*: ENOENT[^\n]*\n$/],
    [["-record", join(folder, "no/such")], /^emu: -record: cannot write [^\n]*\n$/],
  ] as const) {
    const { status, err } = run(...args);
    expect(status).toBe(1);
    expect(err).toMatch(message);
  }
});
