// gdb's remote serial protocol over TCP (GDB manual, appendix E), all-stop: CPUs are the threads of
// one process, thread n is CPU n - 1. Memory is what the selected CPU sees at linear addresses,
// without regard to protection; addresses of devices are not touched.

import { createServer, type Server, type Socket } from "node:net";
import { LoadError } from "../loader/load-error.ts";
import { readLinear, writeLinear } from "../platform/page-walk.ts";
import { readAll, readRegister, targetXml, writeAll, writeRegister } from "./gdb-target.ts";
import type { Halt, RunControl, WatchKind } from "./run-control.ts";

const PACKET_BYTES = 0x4000;
const SIGINT = 2;
const SIGTRAP = 5;
const INTERRUPT_BYTE = 3;

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const unhex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "hex"));
const text = (t: string): string => Buffer.from(t, "utf8").toString("hex");

const WATCH_OF_Z: Record<string, WatchKind> = { "2": "write", "3": "read", "4": "access" };
const WATCH_REASON: Record<WatchKind, string> = {
  write: "watch",
  read: "rwatch",
  access: "awatch",
};

/** Splits what arrives into packets, acknowledgements and interrupts. */
class PacketReader {
  #pending = Buffer.alloc(0);

  *feed(data: Buffer): Generator<{ kind: "packet" | "bad"; body: Buffer } | { kind: "interrupt" }> {
    this.#pending = Buffer.concat([this.#pending, data]);
    for (;;) {
      const first = this.#pending[0];
      if (first === undefined) return;
      if (first === INTERRUPT_BYTE) {
        this.#pending = this.#pending.subarray(1);
        yield { kind: "interrupt" };
        continue;
      }
      if (first !== 0x24) {
        this.#pending = this.#pending.subarray(1);
        continue;
      }
      const end = this.#pending.indexOf(0x23);
      if (end < 0 || this.#pending.length < end + 3) return;
      const raw = this.#pending.subarray(1, end);
      const given = Number.parseInt(this.#pending.toString("latin1", end + 1, end + 3), 16);
      const sum = raw.reduce((s, b) => s + b, 0) & 0xff;
      this.#pending = this.#pending.subarray(end + 3);
      yield { kind: sum === given ? "packet" : "bad", body: unescaped(raw) };
    }
  }
}

/** "}" escapes the next byte, which is sent with bit 5 flipped. */
function unescaped(raw: Buffer): Buffer {
  const out: number[] = [];
  for (let i = 0; i < raw.length; i++) {
    if (raw[i] === 0x7d) out.push((raw[++i] ?? 0) ^ 0x20);
    else out.push(raw[i] as number);
  }
  return Buffer.from(out);
}

export class GdbServer {
  readonly #control: RunControl;
  readonly #monitor: (line: string) => Promise<string>;
  /** The debugger kills the machine. */
  onKill: () => void = () => {};
  #server: Server | undefined;
  #socket: Socket | undefined;
  #acknowledge = true;
  /** CPU for g, m and so on, and for c and s. */
  #selected = 0;
  #lastStop = "S05";
  /** A stop reply is owed. */
  #running = false;

  /** `monitor` answers gdb's monitor command. */
  constructor(control: RunControl, monitor: (line: string) => Promise<string>) {
    this.#control = control;
    this.#monitor = monitor;
    control.onHalt.add((halt) => this.#halted(halt));
  }

  /** True while a debugger is connected. */
  get connected(): boolean {
    return this.#socket !== undefined;
  }

  /** Listens on 127.0.0.1 and returns the port (another one for 0). Throws `LoadError` if it is taken. */
  async listen(port: number): Promise<number> {
    const server = createServer((socket) => this.#accept(socket));
    this.#server = server;
    await new Promise<void>((resolve, reject) => {
      server.once("error", (error) =>
        reject(new LoadError(`gdb: cannot listen on port ${port}: ${error.message}`)),
      );
      server.listen(port, "127.0.0.1", resolve);
    });
    const address = server.address();
    return typeof address === "object" && address !== null ? address.port : port;
  }

  close(): void {
    this.#socket?.destroy();
    this.#server?.close();
  }

  #accept(socket: Socket): void {
    if (this.#socket !== undefined) {
      socket.destroy();
      return;
    }
    socket.setNoDelay(true);
    this.#socket = socket;
    this.#acknowledge = true;
    this.#running = false;
    this.#selected = 0;
    // A debugger finds the machine standing still.
    this.#control.pause();
    const reader = new PacketReader();
    let queue = Promise.resolve();
    socket.on("data", (data) => {
      for (const item of reader.feed(data)) {
        if (item.kind === "interrupt") this.#interrupt();
        else queue = queue.then(() => this.#receive(item.kind === "packet", item.body));
      }
    });
    const gone = (): void => {
      if (this.#socket !== socket) return;
      this.#socket = undefined;
      this.#forget();
      this.#control.resume();
    };
    socket.on("close", gone);
    socket.on("error", gone);
  }

  /** Removes what the debugger has left in the machine. */
  #forget(): void {
    for (const address of this.#control.breakpoints()) this.#control.clearBreakpoint(address);
    for (const watch of [...this.#control.watchpoints()]) this.#control.clearWatchpoint(watch);
  }

  #interrupt(): void {
    if (this.#control.paused && !this.#running) return;
    this.#control.pause();
  }

  #send(body: string): void {
    const escaped = body.replace(
      /[}#$*]/g,
      (c) => `}${String.fromCharCode(c.charCodeAt(0) ^ 0x20)}`,
    );
    let sum = 0;
    for (let i = 0; i < escaped.length; i++) sum = (sum + escaped.charCodeAt(i)) & 0xff;
    this.#socket?.write(`$${escaped}#${sum.toString(16).padStart(2, "0")}`, "latin1");
  }

  async #receive(good: boolean, body: Buffer): Promise<void> {
    if (this.#acknowledge) this.#socket?.write(good ? "+" : "-");
    if (!good) return;
    const reply = await this.#answer(body.toString("latin1"));
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
      const signal = halt.kind === "paused" ? SIGINT : SIGTRAP;
      let reason = "";
      if (halt.kind === "breakpoint") reason = "swbreak:;";
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
        return hex(readAll(this.#access()));
      case "G":
        writeAll(this.#access(), unhex(rest));
        this.#access().commit();
        return "OK";
      case "p": {
        const bytes = readRegister(this.#access(), Number.parseInt(rest, 16));
        return bytes === undefined ? "E01" : hex(bytes);
      }
      case "P": {
        const [n, value] = rest.split("=");
        const done = writeRegister(
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
        this.#socket?.destroy();
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
    const bytes = readLinear(
      this.#access(),
      this.#control.machine.ram,
      BigInt(`0x${address}`),
      Math.min(Number.parseInt(length ?? "0", 16), PACKET_BYTES / 2),
    );
    return bytes.length === 0 && length !== "0" ? "E14" : hex(bytes);
  }

  #writeMemory(arguments_: string, binary: boolean): string {
    const colon = arguments_.indexOf(":");
    const [address] = arguments_.slice(0, colon).split(",");
    const data = arguments_.slice(colon + 1);
    const bytes = binary ? new Uint8Array(Buffer.from(data, "latin1")) : unhex(data);
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
          ? chunkOf(targetXml(), parameters[3] ?? "0,0")
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
      return text(await this.#monitor(Buffer.from(packet.slice(6), "hex").toString("utf8")));
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
