// A run of the command `emu`: its options onto the Machine API, the host's terminal onto the guest's serial line. It
// owns the process: signals, exit status, and giving the terminal back on every way out.

import { GuestEventLog } from "../debug/log.ts";
import { RunControl } from "../debug/run-control.ts";
import type { Stop } from "../machine.ts";
import { Monitor } from "../monitor/monitor.ts";
import type { SerialLine } from "../serial-line.ts";
import { machineOptions } from "./cli-machine.ts";
import type { Chardev, CliOptions } from "./cli-options.ts";
import { HostInput } from "./input.ts";
import { Machine } from "./machine.ts";
import { HostOfMonitor } from "./monitor-host.ts";
import { FdSink, fileSink, lineWriter, nullSink, type Sink } from "./output.ts";
import type { WebDisplay } from "./web-display.ts";

const EXIT_FAILED = 1;
/** 128 + signal number, as a shell reports it. */
const EXIT_SIGNAL = { SIGHUP: 129, SIGINT: 130, SIGPIPE: 141, SIGTERM: 143 } as const;

/** What pages say of a machine that waits, and of one that is over. */
const WAITING = {
  idle: { state: "waiting", reason: "every CPU halts until there is input" },
  suspended: { state: "waiting", reason: "the machine sleeps (ACPI S3)" },
} as const;
const OFF: Readonly<Record<string, string>> = {
  "power-off": "the guest has switched the machine off",
  reset: "the guest has reset the machine, which ends the run",
  "triple-fault": "triple fault",
  dead: "every CPU halts with interrupts off",
  unbootable: "nothing boots",
};

const PROMPT = "(emu) ";
const forever = new Promise<void>(() => {});

const KEYS = [
  "Ctrl-A H    this help",
  "Ctrl-A X    end the run",
  "Ctrl-A C    monitor and back",
  "Ctrl-A Ctrl-A    send Ctrl-A",
  "",
].join("\r\n");

export class Session {
  readonly #options: CliOptions;
  readonly #stdout = new FdSink(1);
  readonly #stderr = new FdSink(2);
  readonly #sinks: Sink[] = [];
  #input: HostInput | undefined;
  /** The serial line that standard input is typed into. */
  #typed: SerialLine | undefined;
  #monitor: Monitor | undefined;
  #host: HostOfMonitor | undefined;
  #log: GuestEventLog | undefined;
  #display: WebDisplay | undefined;
  /** Standard input goes to the monitor, and what has been typed of its line. */
  #inMonitor = false;
  #line = "";
  /** The monitor's answers, one after the other. */
  #answers: Promise<void> = Promise.resolve();

  constructor(options: CliOptions) {
    this.#options = options;
    this.#stdout.onClosed = () => this.leave(EXIT_SIGNAL.SIGPIPE);
  }

  /** Ends the process with everything written and the terminal as it was. */
  leave(status: number): never {
    this.flush();
    this.#input?.restore();
    process.exit(status);
  }

  flush(): void {
    this.#stdout.flush();
    for (const sink of this.#sinks) sink.flush();
  }

  /** Text for the person at the terminal, after what the guest has said. */
  say(text: string): void {
    this.flush();
    this.#stderr.text(this.#input?.raw ? text.replaceAll("\n", "\r\n") : text);
  }

  #sink(device: Chardev, option: string): Sink {
    if (device.kind === "none" || device.kind === "null") return nullSink;
    if (device.kind === "stdio") return this.#stdout;
    const sink = fileSink(device.path, option);
    sink.onClosed = (error) => {
      this.say(`emu: ${option} file:${device.path}: ${error.message}\n`);
      this.leave(EXIT_FAILED);
    };
    this.#sinks.push(sink);
    return sink;
  }

  #startInput(machine: Machine): void {
    const { serials, serialIsMonitor, monitor } = this.#options;
    const port = serials.findIndex((device) => device.kind === "stdio");
    if (port < 0 && !monitor) return;
    this.#typed = machine.serialLines[port];
    this.#inMonitor = monitor;
    this.#input = new HostInput(
      {
        onBytes: (bytes) => {
          if (this.#inMonitor) this.#typeCommand(bytes);
          else this.#typed?.send(bytes);
        },
        onQuit: () => this.leave(0),
        onMonitor: () => this.#switchMonitor(),
        onHelp: () => this.say(KEYS),
        onInterrupt: () => this.leave(EXIT_SIGNAL.SIGINT),
        onEnd: () => {
          if (this.#inMonitor && this.#line !== "") this.#command();
        },
      },
      serialIsMonitor,
    );
    this.#input.start();
    if (monitor) this.say(PROMPT);
  }

  #switchMonitor(): void {
    if (this.#options.monitor) return;
    this.#inMonitor = !this.#inMonitor;
    this.say(
      this.#inMonitor ? `\nmonitor: help lists the commands, Ctrl-A C leaves\n${PROMPT}` : "\n",
    );
  }

  /** Collects a line for the monitor, with echo where the terminal is raw. */
  #typeCommand(bytes: Uint8Array): void {
    for (const byte of bytes) {
      if (byte === 13 || byte === 10) {
        if (this.#input?.raw) this.say("\n");
        this.#command();
      } else if (byte === 127 || byte === 8) {
        if (this.#line !== "" && this.#input?.raw) this.say("\b \b");
        this.#line = this.#line.slice(0, -1);
      } else {
        this.#line += String.fromCharCode(byte);
        if (this.#input?.raw) this.say(String.fromCharCode(byte));
      }
    }
  }

  /** Has the monitor answer the line that was typed, after those before it. */
  #command(): void {
    const line = this.#line;
    this.#line = "";
    this.#answers = this.#answers.then(async () => {
      const answer = await this.#monitor?.execute(line);
      this.say(`${answer ?? ""}${this.#inMonitor ? PROMPT : ""}`);
    });
  }

  async #build(): Promise<Machine> {
    const o = this.#options;
    const options = machineOptions(o);
    const serials = o.serials.map((device) => this.#sink(device, "-serial"));
    const debugcon = this.#sink(o.debugcon, "-debugcon");
    const logSink =
      o.logFile === undefined ? this.#stderr : this.#sink({ kind: "file", path: o.logFile }, "-D");
    if (o.logFile === undefined) this.#sinks.push(this.#stderr);
    const log = new GuestEventLog(o.log, lineWriter(logSink));
    const machine = await Machine.create({
      ...options,
      onSerial: (byte, port) => {
        serials[port]?.write(byte);
        if (port === 0) this.#display?.serial(byte);
      },
      onDebugConsole: (byte) => debugcon.write(byte),
      onUnimplemented: (what) => this.say(`emu: not implemented: ${what}\n`),
      onAbsent: (what) => log.unimplemented(what),
      onGuestError: (what) => log.guestError(what),
      onTrace: (...event) => log.event(...event),
    });
    log.machine = machine;
    this.#log = log;
    if (o.log.includes("in_asm")) log.disassemble = await machine.options.disassembler?.();
    if (log.traceMask !== 0) machine.core.set_trace(log.traceMask);
    machine.beforeYield = () => this.flush();
    return machine;
  }

  async run(): Promise<never> {
    const o = this.#options;
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
      process.on(signal, () => this.leave(EXIT_SIGNAL[signal]));
    }
    process.on("exit", () => this.#input?.restore());
    const machine = await this.#build();
    const control = new RunControl(machine, o.freeze);
    this.#host = new HostOfMonitor({
      control,
      log: this.#log as GuestEventLog,
      folder: process.cwd(),
      gdbArchitecture: o.gdbArchitecture,
      execute: (line) => this.#monitor?.execute(line) ?? Promise.resolve(""),
      quit: () => this.leave(0),
      onSink: (sink) => this.#sinks.push(sink),
    });
    this.#monitor = new Monitor(control, this.#host);
    if (o.display.kind === "web") await this.#startDisplay(control, this.#monitor, o.display.port);
    if (o.gdbPort !== undefined) await this.#host.gdbServer(o.gdbPort);
    this.#startInput(machine);
    // What a file says is said before the first instruction, so that a run with it is repeatable.
    await this.#answers;
    const abandoned = this.#abandoned(control);
    for (;;) {
      const stop = await Promise.race([control.run(), abandoned]);
      this.flush();
      if (this.#maySomebodyWake(stop)) {
        this.#display?.standstill(WAITING[stop.kind]);
        await Promise.race([this.#input?.wait() ?? forever, control.poked()]);
        this.#display?.standstill(undefined);
        continue;
      }
      await this.#answers;
      await this.#end(machine, stop);
    }
  }

  /** Whether input, the monitor or a debugger can let an idle machine go on. */
  #maySomebodyWake(stop: { kind: string }): stop is { kind: "idle" | "suspended" } {
    if (this.#display !== undefined || this.#host?.gdbConnected) {
      return stop.kind === "idle" || stop.kind === "suspended";
    }
    if (!this.#input?.open) return false;
    if (stop.kind === "suspended") return true;
    return stop.kind === "idle" && (this.#typed?.listens === true || this.#inMonitor);
  }

  /** Resolves when the machine stands still and there is nobody who could let it run. */
  async #abandoned(control: RunControl): Promise<{ kind: "abandoned" }> {
    while (this.#input?.open) await this.#input.wait();
    await this.#answers;
    const isWatched = this.#host?.gdbListens === true || this.#display !== undefined;
    if (!control.paused || isWatched) await forever;
    return { kind: "abandoned" };
  }

  async #startDisplay(control: RunControl, monitor: Monitor, port: number): Promise<void> {
    const [{ WebDisplay: Display }, { showInBrowser }] = await Promise.all([
      import("./web-display.ts"),
      import("./browser.ts"),
    ]);
    const { kernel, disks } = this.#options;
    const viewed = {
      control,
      title: kernel ?? disks.map(({ path }) => path).join(", "),
      execute: (line: string) => monitor.execute(line),
    };
    this.#display = await Display.open(viewed, port);
    this.say(`emu: the screen is at ${this.#display.url}\n`);
    await showInBrowser(this.#display.url);
  }

  async #end(machine: Machine, stop: Stop | { kind: "abandoned" }): Promise<void> {
    this.#display?.standstill({ state: "off", reason: OFF[stop.kind] ?? "the machine is off" });
    await this.#display?.close();
    switch (stop.kind) {
      case "abandoned":
        this.say(
          `${this.#inMonitor ? "\n" : ""}emu: the machine is stopped, and neither gdb nor the monitor can let it run\n`,
        );
        this.leave(EXIT_FAILED);
        break;
      case "power-off":
      case "reset":
        this.leave(0);
        break;
      case "debug-exit":
        this.leave(stop.status);
        break;
      case "triple-fault":
        await this.#died(machine, "triple fault", stop.cpu);
        break;
      case "dead":
        await this.#died(
          machine,
          "every CPU halts with interrupts off: nothing can happen any more",
        );
        break;
      case "suspended":
        this.say("emu: the machine sleeps (ACPI S3), and there is no monitor to wake it up\n");
        this.leave(EXIT_FAILED);
        break;
      case "idle":
        await this.#died(machine, "every CPU halts and nothing is set that could wake one");
        break;
      case "unbootable": {
        const media = this.#options.disks.map((d) => d.path).join(", ");
        this.say(
          `emu: nothing on ${media} boots: expected a master boot record (55 AA at byte 510) or El Torito\n`,
        );
        this.leave(EXIT_FAILED);
        break;
      }
      case "unimplemented":
        await this.#died(
          machine,
          `CPU ${stop.cpu} met an instruction that is not implemented`,
          stop.cpu,
        );
        break;
    }
  }

  async #died(machine: Machine, why: string, cpu?: number): Promise<never> {
    const which = cpu === undefined ? machine.cpus.map((c) => c.cpu) : [cpu];
    const reports: string[] = [];
    for (const n of which.slice(0, 4)) reports.push(await machine.report(n));
    this.say(`\nemu: ${why}\n${reports.join("\n\n")}\n`);
    return this.leave(EXIT_FAILED);
  }
}
