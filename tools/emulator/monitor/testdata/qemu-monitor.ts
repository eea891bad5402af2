// QEMU's monitor as an oracle: a machine with a kernel, asked through QMP on its standard input and output.

import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { QEMU } from "../../../testing/host-tools.ts";

export type QmpMessage = Record<string, unknown>;

const TURN_MS = 20;
const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, TURN_MS));

export class QemuMonitor {
  readonly #child: ChildProcess;
  readonly #folder: string;
  readonly #messages: QmpMessage[] = [];
  #arrived: () => void = () => {};

  private constructor(kernel: Uint8Array, extra: readonly string[]) {
    this.#folder = mkdtempSync(join(tmpdir(), "emu-monitor-"));
    writeFileSync(join(this.#folder, "kernel"), kernel);
    this.#child = spawn(
      QEMU,
      [
        ...["-accel", "tcg", "-machine", "q35", "-cpu", "qemu64", "-m", "16M", "-nic", "none"],
        ...["-display", "none", "-serial", `file:${join(this.#folder, "serial")}`],
        ...["-monitor", "none", "-qmp", "stdio"],
        ...["-kernel", join(this.#folder, "kernel"), ...extra],
      ],
      { stdio: ["pipe", "pipe", "inherit"] },
    );
    createInterface({ input: this.#child.stdout as NodeJS.ReadableStream }).on("line", (line) => {
      this.#messages.push(JSON.parse(line) as QmpMessage);
      this.#arrived();
    });
  }

  /** Starts QEMU and lets the kernel run until it has sent `text` on COM1; QMP is then negotiated or not. */
  static async until(
    text: string,
    kernel: Uint8Array,
    negotiate = true,
    extra: readonly string[] = [],
  ): Promise<QemuMonitor> {
    const qemu = new QemuMonitor(kernel, extra);
    await qemu.next();
    if (negotiate) await qemu.ask({ execute: "qmp_capabilities" });
    while (!qemu.serial.includes(text)) await turn();
    return qemu;
  }

  /** Starts QEMU and lets the kernel run until its CPU halts. */
  static async boot(kernel: Uint8Array, extra: readonly string[] = []): Promise<QemuMonitor> {
    const qemu = new QemuMonitor(kernel, extra);
    await qemu.next();
    await qemu.ask({ execute: "qmp_capabilities" });
    while (!/[ER]FL=.*HLT=1/.test(await qemu.human("info registers"))) await turn();
    return qemu;
  }

  /** What the guest has sent on COM1. */
  get serial(): string {
    return readFileSync(join(this.#folder, "serial"), "latin1");
  }

  /** Resolves when the guest has ended the run. */
  async ended(): Promise<void> {
    if (this.#child.exitCode === null)
      await new Promise((resolve) => this.#child.on("exit", resolve));
  }

  /** The next message, event or answer. */
  async next(): Promise<QmpMessage> {
    while (this.#messages.length === 0) {
      await new Promise<void>((resolve) => {
        this.#arrived = resolve;
      });
    }
    return this.#messages.shift() as QmpMessage;
  }

  send(text: string): void {
    this.#child.stdin?.write(text);
  }

  /** The answer to a command; events on the way are dropped. */
  async ask(command: object): Promise<QmpMessage> {
    this.send(`${JSON.stringify(command)}\n`);
    for (;;) {
      const message = await this.next();
      if (!("event" in message)) return message;
    }
  }

  /** What the human monitor answers to a line. */
  async human(line: string): Promise<string> {
    const command = { execute: "human-monitor-command", arguments: { "command-line": line } };
    const { return: text } = await this.ask(command);
    return String(text).replaceAll("\r", "");
  }

  close(): void {
    this.#child.kill("SIGKILL");
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
