// gdb's remote serial protocol (GDB manual, appendix E), all-stop: CPUs are the threads of
// one process, thread n is CPU n - 1. Memory is what the selected CPU sees at linear addresses,
// without regard to protection; addresses of devices are not touched.

import { writeLinear } from "../platform/page-walk.ts";
import { bytesOfText, frame, hex, PacketReader, unhex } from "./gdb-packets.ts";
import {
  GDB_TARGETS,
  type GdbArchitecture,
  type GdbTarget,
  likelyArchitecture,
} from "./gdb-target.ts";
import type { Halt, RunControl, WatchKind } from "./run-control.ts";

const PACKET_BYTES = 0x4000;
const SIGINT = 2;
const SIGTRAP = 5;
/** The first thread stands still for the debugger. */
const STOPPED = "T05thread:1;";

/** Hexadecimal digits of a text's bytes. */
const text = (t: string): string => hex(new TextEncoder().encode(t));

const WATCH_OF_Z: Record<string, WatchKind> = { "2": "write", "3": "read", "4": "access" };
const WATCH_REASON: Record<WatchKind, string> = {
  write: "watch",
  read: "rwatch",
  access: "awatch",
};

/** The way to a debugger: a socket's other end, or whatever carries bytes. */
export interface GdbConnection {
  write(bytes: Uint8Array): void;
  close(): void;
}

/** What the connection tells the server. */
export interface GdbPeer {
  /** Bytes of the debugger. */
  receive(bytes: Uint8Array): void;
  /** The debugger has gone. */
  closed(): void;
}

export class GdbServer {
  readonly #control: RunControl;
  readonly #monitor: (line: string) => Promise<string>;
  /** The debugger kills the machine. */
  onKill: () => void = () => {};
  #connection: GdbConnection | undefined;
  #acknowledge = true;
  /** CPU for g, m and so on, and for c and s. */
  #selected = 0;
  /** What this debugger was told about the registers. */
  #target: GdbTarget = GDB_TARGETS["x86-64"];
  readonly #architecture: GdbArchitecture | undefined;
  /** Addresses with breakpoints that the debugger calls hardware's. */
  readonly #hardware = new Set<bigint>();
  #lastStop = STOPPED;
  /** A stop reply is owed. */
  #running = false;

  /**
   * `monitor` answers gdb's monitor command. Without `architecture` a debugger gets the one that its kernel most
   * likely has.
   */
  constructor(
    control: RunControl,
    monitor: (line: string) => Promise<string>,
    architecture?: GdbArchitecture,
  ) {
    this.#control = control;
    this.#architecture = architecture;
    this.#monitor = monitor;
    control.onHalt.add((halt) => this.#halted(halt));
  }

  /** True while a debugger is connected. */
  get connected(): boolean {
    return this.#connection !== undefined;
  }

  /** Takes a debugger that has connected; undefined if there is one already. */
  connect(connection: GdbConnection): GdbPeer | undefined {
    if (this.#connection !== undefined) return undefined;
    this.#connection = connection;
    this.#acknowledge = true;
    this.#running = false;
    this.#selected = 0;
    this.#lastStop = STOPPED;
    const reader = new PacketReader();
    // A debugger finds the machine standing still.
    let queue = this.#standing().then(() => {
      const { kernel } = this.#control.machine;
      const likely = (): GdbArchitecture => likelyArchitecture(this.#access(), kernel?.data);
      this.#target = GDB_TARGETS[this.#architecture ?? likely()];
    });
    return {
      receive: (bytes) => {
        for (const item of reader.feed(bytes)) {
          queue = queue.then(() => {
            if (item.kind === "interrupt") return this.#interrupt();
            return this.#receive(item.kind === "packet" ? item.body : undefined);
          });
        }
      },
      closed: () => {
        if (this.#connection !== connection) return;
        this.#connection = undefined;
        this.#forget();
        this.#control.resume();
      },
    };
  }

  /** Pauses the machine; resolves when it is. */
  async #standing(): Promise<void> {
    const { onHalt } = this.#control;
    if (this.#control.paused) return;
    await new Promise<void>((resolve) => {
      const halted = (): void => {
        onHalt.delete(halted);
        resolve();
      };
      onHalt.add(halted);
      this.#control.pause();
    });
    this.#lastStop = STOPPED;
  }

  /** Removes what the debugger has left in the machine. */
  #forget(): void {
    this.#hardware.clear();
    for (const address of this.#control.breakpoints()) this.#control.clearBreakpoint(address);
    for (const watch of [...this.#control.watchpoints()]) this.#control.clearWatchpoint(watch);
  }

  #interrupt(): void {
    if (this.#control.paused && !this.#running) return;
    this.#control.pause();
  }

  #send(body: string): void {
    this.#connection?.write(frame(body));
  }

  /** A packet, or undefined for one with a wrong checksum. */
  async #receive(body: string | undefined): Promise<void> {
    if (this.#acknowledge) this.#connection?.write(bytesOfText(body === undefined ? "-" : "+"));
    if (body === undefined) return;
    let reply: string | undefined;
    try {
      reply = await this.#answer(body);
    } catch {
      // Numbers that are none, and what else a debugger should not send.
      reply = "E01";
    }
    if (reply !== undefined) this.#send(reply);
  }

  #halted(halt: Halt): void {
    if (halt.kind === "ended") {
      const status = halt.stop.kind === "debug-exit" ? halt.stop.status : 0;
      const died = halt.stop.kind === "triple-fault" || halt.stop.kind === "dead";
      this.#lastStop = died ? "X0b" : `W${status.toString(16).padStart(2, "0")}`;
    } else {
      const cpu = "cpu" in halt ? halt.cpu : this.#selected;
      this.#selected = cpu;
      const thread = `thread:${(cpu + 1).toString(16)};`;
      const signal = ["paused", "io-error"].includes(halt.kind) ? SIGINT : SIGTRAP;
      let reason = "";
      if (halt.kind === "breakpoint") {
        const at = this.#control.machine.cpus[cpu]?.linearRip ?? 0n;
        reason = this.#hardware.has(at) ? "hwbreak:;" : "swbreak:;";
      }
      if (halt.kind === "watchpoint") {
        reason = `${WATCH_REASON[halt.watch.kind]}:${halt.watch.address.toString(16)};`;
      }
      this.#lastStop = `T${signal.toString(16).padStart(2, "0")}${thread}${reason}`;
    }
    if (!this.#running) return;
    this.#running = false;
    this.#send(this.#lastStop);
  }

  #cpu(): number {
    return Math.min(this.#selected, this.#control.machine.cpus.length - 1);
  }

  #access() {
    const cpu = this.#control.machine.cpus[this.#cpu()];
    if (cpu === undefined) throw new Error("a machine has at least one CPU");
    return cpu;
  }

  async #answer(packet: string): Promise<string | undefined> {
    const rest = packet.slice(1);
    switch (packet[0]) {
      case "?":
        return this.#lastStop;
      case "g":
        return hex(this.#target.readAll(this.#access()));
      case "G":
        this.#target.writeAll(this.#access(), unhex(rest));
        this.#access().commit();
        return "OK";
      case "p": {
        const bytes = this.#target.read(this.#access(), Number.parseInt(rest, 16));
        return bytes === undefined ? "E01" : hex(bytes);
      }
      case "P": {
        const [n, value] = rest.split("=");
        const done = this.#target.write(
          this.#access(),
          Number.parseInt(n ?? "", 16),
          unhex(value ?? ""),
        );
        if (done) this.#access().commit();
        return done ? "OK" : "E01";
      }
      case "m":
        return this.#readMemory(rest);
      case "M":
      case "X":
        return this.#writeMemory(rest, packet[0] === "X");
      case "c":
      case "s":
        if (rest !== "") {
          this.#access().setWide("rip", BigInt(`0x${rest}`));
          this.#access().commit();
        }
        return this.#go(packet[0] === "s", this.#cpu());
      case "v":
        return this.#vPacket(packet);
      case "Z":
      case "z":
        return this.#point(packet[0] === "Z", rest);
      case "H": {
        const thread = Number.parseInt(rest.slice(1), 16);
        if (thread > this.#control.machine.cpus.length) return "E01";
        if (thread > 0) this.#selected = thread - 1;
        return "OK";
      }
      case "T":
        return Number.parseInt(rest, 16) <= this.#control.machine.cpus.length ? "OK" : "E01";
      case "D":
        this.#forget();
        this.#send("OK");
        this.#control.resume();
        return undefined;
      case "k":
        this.#connection?.close();
        this.onKill();
        return undefined;
      case "q":
      case "Q":
        return await this.#query(packet);
      default:
        return "";
    }
  }

  #go(step: boolean, cpu: number): undefined {
    this.#running = true;
    if (step) this.#control.step(cpu);
    else this.#control.resume();
    return undefined;
  }

  #vPacket(packet: string): string | undefined {
    if (packet === "vCont?") return "vCont;c;C;s;S";
    if (packet.startsWith("vCont;")) {
      // The first action that names a step decides; all-stop resumes everything else with it.
      for (const action of packet.slice(6).split(";")) {
        const [what, thread] = action.split(":");
        if (what?.[0] !== "s" && what?.[0] !== "S") continue;
        const cpu =
          thread === undefined || thread === "-1" ? this.#cpu() : Number.parseInt(thread, 16) - 1;
        return this.#go(true, Math.max(cpu, 0));
      }
      return this.#go(false, this.#cpu());
    }
    if (packet.startsWith("vKill")) {
      this.#send("OK");
      this.onKill();
      return undefined;
    }
    return "";
  }

  #readMemory(arguments_: string): string {
    const [address, length] = arguments_.split(",");
    const bytes = this.#control.machine.readLinear(
      BigInt(`0x${address}`),
      Math.min(Number.parseInt(length ?? "0", 16), PACKET_BYTES / 2),
      this.#access().cpu,
    );
    return bytes.length === 0 && length !== "0" ? "E14" : hex(bytes);
  }

  #writeMemory(arguments_: string, binary: boolean): string {
    const colon = arguments_.indexOf(":");
    const [address] = arguments_.slice(0, colon).split(",");
    const data = arguments_.slice(colon + 1);
    const bytes = binary ? bytesOfText(data) : unhex(data);
    const done = writeLinear(
      this.#access(),
      this.#control.machine.ram,
      BigInt(`0x${address}`),
      bytes,
    );
    return done ? "OK" : "E14";
  }

  #point(set: boolean, arguments_: string): string {
    const [type, address, kind] = arguments_.split(",");
    const at = BigInt(`0x${address}`);
    if (type === "0" || type === "1") {
      if (set) this.#control.setBreakpoint(at);
      else this.#control.clearBreakpoint(at);
      if (set && type === "1") this.#hardware.add(at);
      else this.#hardware.delete(at);
      return "OK";
    }
    const watch = WATCH_OF_Z[type ?? ""];
    if (watch === undefined) return "";
    const point = { kind: watch, address: at, length: Number.parseInt(kind ?? "1", 16) };
    return (set ? this.#control.setWatchpoint(point) : this.#control.clearWatchpoint(point))
      ? "OK"
      : "E01";
  }

  async #query(packet: string): Promise<string> {
    const { cpus } = this.#control.machine;
    const [name, ...parameters] = packet.split(":");
    switch (name) {
      case "qSupported":
        return `PacketSize=${PACKET_BYTES.toString(16)};qXfer:features:read+;QStartNoAckMode+;swbreak+;hwbreak+;vContSupported+`;
      case "QStartNoAckMode":
        this.#acknowledge = false;
        return "OK";
      case "qXfer":
        return parameters.slice(0, 3).join(":") === "features:read:target.xml"
          ? chunkOf(this.#target.xml, parameters[3] ?? "0,0")
          : "E00";
      case "qAttached":
        return "1";
      case "qC":
        return `QC${(this.#cpu() + 1).toString(16)}`;
      case "qfThreadInfo":
        return `m${cpus.map((c) => (c.cpu + 1).toString(16)).join(",")}`;
      case "qsThreadInfo":
        return "l";
    }
    if (packet.startsWith("qThreadExtraInfo,")) {
      const n = Number.parseInt(packet.slice(17), 16) - 1;
      const states = ["running", "halted", "waiting for SIPI", "shut down"];
      return text(`CPU#${n} [${states[cpus[n]?.activity ?? 0]}]`);
    }
    if (packet.startsWith("qRcmd,")) {
      const line = new TextDecoder().decode(unhex(packet.slice(6)));
      return text(await this.#monitor(line));
    }
    return "";
  }
}

/** Part of a document: "m" with more to come, "l" for the last piece. */
function chunkOf(document: string, range: string): string {
  const [offset, length] = range.split(",").map((n) => Number.parseInt(n, 16));
  const part = document.slice(offset ?? 0, (offset ?? 0) + (length ?? 0));
  return ((offset ?? 0) + part.length >= document.length ? "l" : "m") + part;
}
