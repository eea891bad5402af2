// A run of the command `emu`: its options onto the Machine API, the host's terminal onto the guest's serial line. It
// owns the process: signals, exit status, and giving the terminal back on every way out.

import { GuestEventLog } from "../debug/log.ts";
import { RunControl } from "../debug/run-control.ts";
import type { Stop } from "../machine.ts";
import { Monitor } from "../monitor/monitor.ts";
import type { Recording } from "../recording.ts";
import type { SerialLine } from "../serial-line.ts";
import { type Chardev, isSocket, type SocketAddress } from "./chardev.ts";
import { machineOptions } from "./cli-machine.ts";
import { type CliOptions, linesOf } from "./cli-options.ts";
import { UsageError } from "./cli-values.ts";
import type { ConsoleKind, CursesDisplay } from "./curses/curses-display.ts";
import type { TextConsole } from "./curses/text-console.ts";
import { type Dialogue, Dialogues } from "./dialogues.ts";
import { HostInput } from "./input.ts";
import { Machine } from "./machine.ts";
import { HostOfMonitor } from "./monitor-host.ts";
import type { HostNetwork } from "./network/host-network.ts";
import { FdSink, fileSink, lineWriter, nullSink, type Sink } from "./output.ts";
import { writePidFile } from "./pid-file.ts";
import { Recorder, Replay, readRecordingFile } from "./recorder.ts";
import { SocketDevice } from "./socket-device.ts";
import type { VncServer } from "./vnc/vnc-server.ts";
import type { WebDisplay } from "./web-display.ts";

const EXIT_FAILED = 1;
/** 128 + signal number, as a shell reports it. */
const EXIT_SIGNAL = {
  ...{ SIGHUP: 129, SIGINT: 130, SIGQUIT: 131, SIGPIPE: 141, SIGTERM: 143 },
} as const;

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

/** Bytes that wait for the guest before more is read from a socket. */
const MAX_TYPED = 65536;

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
  #curses: CursesDisplay | undefined;
  #vnc: VncServer | undefined;
  #dialogues: Dialogues | undefined;
  /** The monitor or QMP on standard input and output, once there is one. */
  #dialogue: (Dialogue & { show?(): void }) | undefined;
  /** Standard input goes there. */
  #inDialogue = false;
  #recorder: Recorder | undefined;
  #replay: Replay | undefined;
  #network: HostNetwork | undefined;
  /** Sockets of the guest's serial ports and debug console. */
  readonly #sockets: { device: SocketDevice; line?: SerialLine }[] = [];

  constructor(options: CliOptions) {
    this.#options = options;
    this.#stdout.onClosed = () => this.#leaveAtOnce(EXIT_SIGNAL.SIGPIPE);
  }

  /** Leaves in the middle of an instruction, which is no point where a recording could end. */
  #leaveAtOnce(status: number): never {
    this.#recorder = undefined;
    return this.leave(status);
  }

  /** Ends the process with everything written and the terminal as it was. */
  leave(status: number): never {
    this.#recorder?.end();
    this.flush();
    this.restore();
    for (const device of this.#allSockets()) device.close();
    this.#network?.close();
    process.exit(status);
  }

  /** Gives the terminal back, and says what had to wait for that. */
  restore(): void {
    this.#input?.restore();
    const held = this.#curses?.restore();
    if (held) this.#stderr.text(held);
  }

  #allSockets(): SocketDevice[] {
    return [...this.#sockets.map(({ device }) => device), ...(this.#dialogues?.devices ?? [])];
  }

  /** Lets those at sockets have what was sent, then leaves. */
  async #leaveHeard(status: number): Promise<never> {
    await Promise.all(this.#allSockets().map((device) => device.drain()));
    return this.leave(status);
  }

  flush(): void {
    this.#stdout.flush();
    for (const sink of this.#sinks) sink.flush();
  }

  /** Text for the person at the terminal, after what the guest has said. */
  say(text: string): void {
    this.flush();
    if (this.#curses?.holds(text)) return;
    this.#stderr.text(this.#input?.raw ? text.replaceAll("\n", "\r\n") : text);
  }

  #sink(device: Chardev, option: string): Sink {
    if (device.kind === "none" || device.kind === "null") return nullSink;
    if (device.kind === "stdio") return this.#stdout;
    if (device.kind === "vc" || isSocket(device)) {
      throw new Error(`${option}: this is opened when there is a machine`);
    }
    const sink = fileSink(device.path, option);
    sink.onClosed = (error) => {
      this.say(`emu: ${option} file:${device.path}: ${error.message}\n`);
      this.#leaveAtOnce(EXIT_FAILED);
    };
    this.#sinks.push(sink);
    return sink;
  }

  /** A sink whose bytes go to a file, too. */
  #logged(sink: Sink, path: string): Sink {
    const log = this.#sink({ kind: "file", path }, "-chardev logfile");
    return {
      write: (byte) => {
        log.write(byte);
        sink.write(byte);
      },
      flush: () => sink.flush(),
    };
  }

  /** The sockets of serial ports and debug console; those to wait for are waited for. */
  #openSocket(
    address: SocketAddress,
    option: string,
    machine: Machine,
    port?: number,
  ): Promise<SocketDevice> {
    return SocketDevice.open(address, option, (device) => {
      const line = port === undefined ? undefined : machine.serialLines[port];
      this.#sockets.push({ device, line });
      this.#sinks.push(device);
      if (port === undefined || line === undefined) return;
      device.onBytes = (bytes) => machine.input({ kind: "serial", port, bytes });
      device.mayRead = () => line.pending < MAX_TYPED;
    });
  }

  #console(kind: ConsoleKind, number: number): TextConsole {
    if (this.#curses === undefined) throw new Error("a console needs -display curses");
    const console = this.#curses.console(kind, number);
    this.#sinks.push(console);
    return console;
  }

  #serialConsole(machine: Machine, port: number): TextConsole {
    const console = this.#console("serial", port);
    const line = machine.serialLines[port];
    console.onBytes = (bytes) => {
      if (line !== undefined && line.pending < MAX_TYPED) {
        machine.input({ kind: "serial", port, bytes });
      }
    };
    return console;
  }

  /** Monitors and QMP on consoles of their own. */
  #startConsoles(kind: "monitor" | "qmp", devices: readonly Chardev[]): void {
    const asked = devices.filter((device) => device.kind === "vc");
    for (const number of asked.keys()) {
      const console = this.#console(kind, number);
      const write = (text: string): void => console.text(text);
      const dialogue = this.#dialogues?.start(kind, kind === "monitor", write, () => {});
      console.onBytes = (bytes) => dialogue?.receive(bytes);
    }
  }

  #startInput(machine: Machine): void {
    const { passInterrupt, monitors, qmps } = this.#options;
    const isStdio = ({ kind }: Chardev): boolean => kind === "stdio";
    const port = linesOf(this.#options).findIndex(isStdio);
    const asked = monitors.some(isStdio) ? "monitor" : qmps.some(isStdio) ? "qmp" : undefined;
    if (port < 0 && asked === undefined) return;
    this.#typed = machine.serialLines[port];
    if (asked !== undefined) this.#startDialogue(asked);
    this.#input = new HostInput(
      {
        onBytes: (bytes) => {
          if (this.#inDialogue) this.#dialogue?.receive(bytes);
          else machine.input({ kind: "serial", port, bytes });
        },
        onQuit: () => this.leave(0),
        onMonitor: () => {
          if (asked === undefined) this.#switchMonitor();
        },
        onHelp: () => this.say(KEYS),
        onInterrupt: () => this.leave(EXIT_SIGNAL.SIGINT),
        onEnd: () => this.#dialogue?.end(),
      },
      passInterrupt,
    );
    this.#input.start();
  }

  #startDialogue(kind: "monitor" | "qmp"): void {
    const terminal = kind === "monitor" && process.stdin.isTTY === true;
    this.#inDialogue = true;
    this.#dialogue = this.#dialogues?.start(
      kind,
      terminal,
      (text) => {
        this.flush();
        this.#stdout.text(text);
      },
      () => this.leave(EXIT_FAILED),
    );
  }

  #switchMonitor(): void {
    this.#inDialogue = !this.#inDialogue;
    if (!this.#inDialogue) this.say("\n");
    else if (this.#dialogue === undefined) this.#startDialogue("monitor");
    else this.#dialogue.show?.();
  }

  async #build(): Promise<Machine> {
    const o = this.#options;
    const recording = o.replay === undefined ? undefined : readRecordingFile(o.replay);
    if (recording?.start.clockStart !== undefined) o.clockStart = recording.start.clockStart;
    const options = machineOptions(o);
    // Sockets and consoles follow when there is somebody to type to.
    const plain = (device: Chardev, option: string): Sink =>
      isSocket(device) || device.kind === "vc" ? nullSink : this.#sink(device, option);
    const lines = linesOf(o);
    const option = (port: number): string => (port < o.serials.length ? "-serial" : "-chardev");
    const serials = lines.map((device, port) => plain(device, option(port)));
    let debugcon = plain(o.debugcon, "-debugcon");
    const logSink =
      o.logFile === undefined ? this.#stderr : this.#sink({ kind: "file", path: o.logFile }, "-D");
    if (o.logFile === undefined) {
      if (o.log.length > 0 && this.#curses !== undefined && process.stderr.isTTY) {
        throw new UsageError(
          "-d: -display curses has the terminal: -D FILE says where else the log goes",
        );
      }
      this.#sinks.push(this.#stderr);
    }
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
      onHostError: (what) => this.say(`emu: ${what}\n`),
      onTrace: (...event) => log.event(...event),
    });
    log.machine = machine;
    this.#log = log;
    if (o.log.includes("in_asm")) log.disassemble = await machine.options.disassembler?.();
    if (log.traceMask !== 0) machine.core.set_trace(log.traceMask);
    machine.beforeYield = () => this.flush();
    this.#followInput(machine, recording);
    // What arrived when a run was recorded arrives again, and nothing else.
    if (recording === undefined && o.network.cards.length > 0) {
      const { HostNetwork: Network } = await import("./network/host-network.ts");
      this.#network = await Network.open(machine, o.network, (line) => this.say(`emu: ${line}\n`));
    }
    for (const [port, device] of lines.entries()) {
      if (device.kind === "vc") serials[port] = this.#serialConsole(machine, port);
      if (!isSocket(device)) continue;
      serials[port] = await this.#openSocket(device, option(port), machine, port);
    }
    for (const [port, { logFile }] of lines.entries()) {
      const sink = serials[port];
      if (logFile !== undefined && sink !== undefined) serials[port] = this.#logged(sink, logFile);
    }
    if (o.debugcon.kind === "vc") debugcon = this.#console("debugcon", 0);
    if (isSocket(o.debugcon)) {
      debugcon = await this.#openSocket(o.debugcon, "-debugcon", machine);
    }
    if (o.debugcon.logFile !== undefined) debugcon = this.#logged(debugcon, o.debugcon.logFile);
    return machine;
  }

  /** Records what comes from now on, and replays what came another time. */
  #followInput(machine: Machine, recording: Recording | undefined): void {
    const { record, replay, clockStart } = this.#options;
    if (recording !== undefined) {
      const replayed = new Replay(machine, recording, replay ?? "");
      replayed.onDifference = (what) => this.say(`emu: ${what}\n`);
      this.#replay = replayed;
    }
    if (record !== undefined) {
      const sink = fileSink(record, "-record");
      sink.onClosed = (error) => {
        this.say(`emu: -record ${record}: ${error.message}\n`);
        this.#leaveAtOnce(EXIT_FAILED);
      };
      this.#recorder = new Recorder(machine, sink, clockStart);
    }
    machine.onInput = (input) => {
      this.#replay?.input(input);
      this.#recorder?.input(input);
    };
    this.#replay?.start();
  }

  /** Ends a replay where the recorded run ended, and where the guest has ended in another way. */
  #judge(replay: Replay, stop: { kind: string }): void {
    const verdict = replay.verdict();
    // A recording that was cut off goes on with the input of whoever is there.
    if (verdict === undefined) return;
    const isOver = ["limit", "idle", "suspended"].includes(stop.kind);
    if (verdict === "" && !isOver) return;
    this.say(`emu: ${verdict === "" ? replay.equal : verdict}\n`);
    this.leave(verdict === "" ? 0 : EXIT_FAILED);
  }

  async run(): Promise<never> {
    const o = this.#options;
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"] as const) {
      process.on(signal, () => this.leave(EXIT_SIGNAL[signal]));
    }
    process.on("exit", () => this.restore());
    if (o.pidFile !== undefined) writePidFile(o.pidFile);
    if (o.display.kind === "curses") {
      const { CursesDisplay: Curses } = await import("./curses/curses-display.ts");
      this.#curses = new Curses((text) => this.#stdout.text(text));
    }
    const machine = await this.#build();
    const control = new RunControl(machine, o.freeze);
    if (this.#replay !== undefined) control.end = this.#replay.endTime;
    this.#host = new HostOfMonitor({
      control,
      log: this.#log as GuestEventLog,
      name: o.name,
      folder: process.cwd(),
      gdbArchitecture: o.gdbArchitecture,
      execute: (line) => this.#monitor?.execute(line) ?? Promise.resolve(""),
      quit: () => this.#quit(),
      onSink: (sink) => this.#sinks.push(sink),
    });
    this.#monitor = new Monitor(control, this.#host);
    if (o.display.kind === "web") await this.#startDisplay(control, this.#monitor, o.display.port);
    if (o.vnc !== undefined) await this.#startVnc(machine, o.vnc);
    if (o.gdbPort !== undefined) await this.#host.gdbServer(o.gdbPort);
    this.#dialogues = new Dialogues({ control, host: this.#host });
    await this.#dialogues.open("monitor", o.monitors);
    await this.#dialogues.open("qmp", o.qmps);
    this.#startConsoles("monitor", o.monitors);
    this.#startConsoles("qmp", o.qmps);
    this.#curses?.start(machine);
    this.#startInput(machine);
    if (o.loadvm !== undefined) await this.#load(o.loadvm, this.#monitor);
    // What a file says is said before the first instruction, so that a run with it is repeatable.
    await this.#dialogue?.answered;
    const abandoned = this.#abandoned(control);
    control.onHalt.add(({ kind }) => {
      if (kind === "io-error" && !this.#maySomebodyLetItRun) {
        void this.#end(machine, { kind: "abandoned" });
      }
    });
    for (;;) {
      const stop = await Promise.race([control.run(), abandoned]);
      this.flush();
      if (this.#replay !== undefined) this.#judge(this.#replay, stop);
      if (this.#maySomebodyWake(stop)) {
        this.#display?.standstill(WAITING[stop.kind]);
        await Promise.race([this.#input?.wait() ?? forever, control.poked()]);
        this.#display?.standstill(undefined);
        continue;
      }
      await this.#dialogue?.answered;
      await this.#end(machine, stop);
    }
  }

  /** Has the machine begin as a snapshot has it. */
  async #load(name: string, monitor: Monitor): Promise<void> {
    const refusal = await monitor.execute(`loadvm ${name}`);
    if (refusal === "") return;
    this.say(`emu: -loadvm ${name}: ${refusal.trim()}\n`);
    this.leave(EXIT_FAILED);
  }

  async #startVnc(machine: Machine, asked: NonNullable<CliOptions["vnc"]>): Promise<void> {
    const { VNC_PORT, VncServer: Server } = await import("./vnc/vnc-server.ts");
    this.#vnc = await Server.open(machine, {
      host: asked.host,
      port: VNC_PORT + asked.display,
      password: asked.password,
      title: this.#title,
    });
    if (this.#host !== undefined) this.#host.vnc = this.#vnc;
    const locked = asked.password
      ? "; the monitor's set_password vnc PASSWORD lets clients in"
      : "";
    this.say(`emu: VNC server running on ${asked.host}:${this.#vnc.port}${locked}\n`);
  }

  /** What a window with the machine's screen is called. */
  get #title(): string {
    const { name, kernel, disks } = this.#options;
    return name ?? kernel ?? disks.flatMap(({ path }) => path || []).join(", ");
  }

  /** The monitor's or QMP's quit, or a debugger's kill. */
  #quit(): void {
    if (this.#allSockets().length === 0) this.leave(0);
    void this.#leaveHeard(0);
  }

  /** Somebody may look at the screen, and type. */
  get #isShown(): boolean {
    return [this.#display, this.#vnc, this.#curses].some((display) => display !== undefined);
  }

  /** Whether input, the monitor or a debugger can let an idle machine go on. */
  #maySomebodyWake(stop: { kind: string }): stop is { kind: "idle" | "suspended" } {
    const isWatched = this.#isShown || this.#dialogues?.attended;
    if (isWatched || this.#host?.gdbConnected) {
      return stop.kind === "idle" || stop.kind === "suspended";
    }
    if (
      stop.kind === "idle" &&
      this.#sockets.some(({ device, line }) => device.open && line?.listens)
    ) {
      return true;
    }
    if (stop.kind === "idle" && this.#network?.isOpen) return true;
    if (!this.#input?.open) return false;
    if (stop.kind === "suspended") return true;
    return stop.kind === "idle" && (this.#typed?.listens === true || this.#inDialogue);
  }

  /** There is a monitor or a debugger, or may be. */
  get #maySomebodyLetItRun(): boolean {
    const isWatched = this.#host?.gdbListens || this.#isShown || this.#dialogues?.attended;
    return this.#input?.open === true || isWatched === true;
  }

  /** Resolves when the machine stands still and there is nobody who could let it run. */
  async #abandoned(control: RunControl): Promise<{ kind: "abandoned" }> {
    while (this.#input?.open) await this.#input.wait();
    await this.#dialogue?.answered;
    if (!control.paused || this.#maySomebodyLetItRun) await forever;
    return { kind: "abandoned" };
  }

  async #startDisplay(control: RunControl, monitor: Monitor, port: number): Promise<void> {
    const [{ WebDisplay: Display }, { showInBrowser }] = await Promise.all([
      import("./web-display.ts"),
      import("./browser.ts"),
    ]);
    const viewed = {
      control,
      title: this.#title,
      execute: (line: string) => monitor.execute(line),
    };
    this.#display = await Display.open(viewed, port);
    this.#display.onBroken = (reason) => this.say(`emu: ${reason}\n`);
    this.say(`emu: the screen is at ${this.#display.url}\n`);
    await showInBrowser(this.#display.url);
  }

  async #end(machine: Machine, stop: Stop | { kind: "abandoned" }): Promise<void> {
    this.#display?.standstill({ state: "off", reason: OFF[stop.kind] ?? "the machine is off" });
    await this.#display?.close();
    await Promise.all(this.#allSockets().map((device) => device.drain()));
    switch (stop.kind) {
      case "abandoned":
        this.say(`emu: the machine is stopped, and neither gdb nor the monitor can let it run\n`);
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
        const media = this.#options.disks.flatMap(({ path }) => path || []).join(", ");
        if (media === "") {
          this.say(
            "emu: the kernel left it to the BIOS to boot something else, and there is no disk with it\n",
          );
        } else if (stop.started) {
          this.say(
            `emu: what was started from ${media} gave up, and there is nothing else to boot\n`,
          );
        } else {
          this.say(
            `emu: nothing on ${media} boots: expected a master boot record (55 AA at byte 510) or El Torito\n`,
          );
        }
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
