// rerror and werror on the command line: a machine that stops for what the host fails to do, and goes on by the monitor's
// cont; the same events as QEMU's; who has no monitor; and what is refused.

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import { HANG_MS, hasQemu, QEMU } from "../../testing/host-tools.ts";
import { busGuest, encodeScript } from "../platform/testdata/bus-guest.ts";
import { CONTROLLERS, type Controller, SECTOR } from "../platform/testdata/disk-controllers.ts";

const emu = fileURLToPath(new URL("../../bin/emu", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "emu-stops-"));
afterAll(() => rmSync(folder, { recursive: true }));

const BYTES = 2 ** 16;
const virtio = CONTROLLERS.find(({ name }) => name === "virtio") as Controller;
const [kernel, script, disk] = ["kernel", "script", "disk"].map((name) => join(folder, name)) as [
  string,
  string,
  string,
];
writeFileSync(kernel, busGuest());
writeFileSync(script, encodeScript([...virtio.begin, ...virtio.read]));

const GUEST = [
  ...["-kernel", kernel, "-initrd", script, "-m", "64M", "-display", "none", "-serial", "none"],
  ...["-device", "isa-debug-exit,iobase=0xf4,iosize=4"],
];
/** What the guest's write of 0 to isa-debug-exit makes of a process. */
const DONE = 1;

/** A process that is spoken to, and what it has said. */
class Dialogue {
  readonly child: ChildProcess;
  out = "";
  err = "";
  readonly ended: Promise<number | null>;
  #said: () => void = () => {};

  constructor(command: string, args: readonly string[]) {
    this.child = spawn(command, args, { stdio: "pipe", timeout: HANG_MS });
    const hear = (text: Buffer, to: "out" | "err"): void => {
      this[to] += text.toString("latin1");
      this.#said();
    };
    this.child.stdout?.on("data", (text) => hear(text, "out"));
    this.child.stderr?.on("data", (text) => hear(text, "err"));
    this.ended = new Promise((resolve) => this.child.once("close", resolve));
    void this.ended.then(() => this.#said());
  }

  say(line: string): void {
    this.child.stdin?.write(`${line}\n`);
  }

  /** Waits until it has said something. Throws `Error` where it ends before. */
  async says(what: RegExp, from: "out" | "err" = "out"): Promise<void> {
    while (!what.test(this[from])) {
      if (this.child.exitCode !== null) throw new Error(`it ended: ${this.out}\n${this.err}`);
      await new Promise<void>((resolve) => {
        this.#said = resolve;
      });
    }
  }
}

const ours = (...args: string[]): Dialogue =>
  new Dialogue(process.execPath, [emu, ...GUEST, ...args]);
const drive = (actions: string): string[] => [
  ...["-drive", `if=none,id=d,file=${disk},format=raw,${actions}`],
  ...["-device", "virtio-blk-pci,addr=3,drive=d"],
];

/** Ends before the sector that the guest reads, for as long as it is to be so. */
const cutOff = (): void => truncateSync(disk, SECTOR * 512);
const whole = (): void => writeFileSync(disk, new Uint8Array(BYTES));

/** A machine that has its monitor on standard input stands before its first instruction. */
async function standing(actions: string): Promise<Dialogue> {
  whole();
  const run = ours("-S", "-monitor", "stdio", ...drive(actions));
  run.say("info status");
  await run.says(/VM status: paused/);
  return run;
}

test("the monitor's cont tries again, and the guest knows nothing of it", async () => {
  const run = await standing("rerror=stop");
  cutOff();
  run.say("cont");
  await run.says(/the machine is stopped\n/, "err");
  run.say("info status");
  await run.says(/VM status: paused \(io-error\)/);
  run.say("cont");
  run.say("info status");
  await run.says(/io-error[\s\S]*io-error/);
  whole();
  run.say("cont");
  expect(await run.ended).toBe(DONE);
  expect(run.err).toBe(
    `emu: disk ${disk}: cannot read it: the file has become shorter: the machine is stopped\n`,
  );
});

describe("QMP", () => {
  type Message = Record<string, unknown>;

  /** Messages up to the guest's end, without what differs from run to run. */
  async function dialogue(run: Dialogue, heal: () => void): Promise<Message[]> {
    await run.says(/"QMP"/);
    run.say('{"execute":"qmp_capabilities"}');
    await run.says(/"return"/);
    run.say('{"execute":"cont"}');
    await run.says(/"STOP"/);
    run.say('{"execute":"query-status"}');
    await run.says(/io-error/);
    heal();
    run.say('{"execute":"cont"}');
    await run.ended;
    const lines = run.out.split(/\r?\n/).filter((line) => line !== "");
    return lines.slice(2).map((line) => {
      const { timestamp: _, data, ...rest } = JSON.parse(line) as Message;
      const { device: __, "node-name": ___, reason: ____, ...known } = (data ?? {}) as Message;
      return data === undefined ? rest : { ...rest, data: known };
    });
  }

  /** Events and answers apart: which comes first is a matter of speed. The guest's end is no matter here. */
  const sorted = (messages: Message[]): { events: Message[]; answers: Message[] } => ({
    events: messages.filter(({ event }) => event !== undefined && event !== "SHUTDOWN"),
    answers: messages.filter(({ event }) => event === undefined),
  });

  const expected = {
    events: [
      { event: "RESUME" },
      { event: "BLOCK_IO_ERROR", data: { operation: "read", action: "stop", nospace: false } },
      { event: "STOP" },
      { event: "RESUME" },
    ],
    answers: [
      { return: {} },
      { return: { status: "io-error", singlestep: false, running: false } },
      { return: {} },
    ],
  };

  test("tells of the failure, the stop and what follows", async () => {
    whole();
    const run = ours("-S", "-qmp", "stdio", ...drive("rerror=stop"));
    await run.says(/"QMP"/);
    cutOff();
    expect(sorted(await dialogue(run, whole))).toEqual(expected);
  });

  test.skipIf(!hasQemu)("… as QEMU's", async () => {
    whole();
    const once = ["event=none", "iotype=read", "errno=5", `sector=${SECTOR}`, "once=on"].map(
      (setting) => `file.inject-error.0.${setting}`,
    );
    const image = ["file.driver=blkdebug", ...once, `file.image.filename=${disk}`];
    const options = ["if=none", "id=d", "driver=raw", "rerror=stop", ...image];
    const run = new Dialogue(QEMU, [
      ...["-accel", "tcg", "-machine", "q35", "-nic", "none", ...GUEST, "-S", "-qmp", "stdio"],
      ...["-drive", options.join(","), "-device", "virtio-blk-pci,addr=3,drive=d"],
    ]);
    expect(sorted(await dialogue(run, () => {}))).toEqual(expected);
  });
});

test("nobody can let it run: it ends, and says so", async () => {
  const run = await standing("rerror=stop");
  cutOff();
  run.say("cont");
  run.child.stdin?.end();
  expect(await run.ended).toBe(1);
  expect(run.err).toContain(": the machine is stopped\n");
  expect(run.err).toContain("neither gdb nor the monitor can let it run\n");
});

test("rerror=report is the default", async () => {
  const run = await standing("werror=stop");
  cutOff();
  run.say("cont");
  expect(await run.ended).toBe(DONE);
  expect(run.err).toContain(`emu: disk ${disk}: cannot read it: the file has become shorter\n`);
  expect(run.err).not.toContain("stopped");
});

test.each([
  ["-drive", `file=${disk},if=floppy,werror=stop`, "werror is not supported by this bus type"],
  ["-drive", `file=${disk},if=pflash,rerror=report`, "rerror is not supported by this bus type"],
  ["-drive", `file=${disk},werror=bogus`, "expected report, ignore, stop, enospc"],
  ["-drive", `file=${disk},rerror=enospc`, "expected report, ignore, stop"],
])("%s %s is refused", (option, value, why) => {
  const { status, stderr } = spawnSync(process.execPath, [emu, option, value], {
    encoding: "utf8",
    timeout: HANG_MS,
  });
  expect([status, stderr]).toEqual([2, expect.stringContaining(why)]);
});
