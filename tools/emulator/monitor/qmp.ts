// QMP, QEMU's protocol for programs (docs/interop/qmp-spec.txt of QEMU): a greeting, negotiation, commands that are
// answered in order, events in between. Out-of-band execution is not offered.

import type { RunEvent } from "../debug/run-control.ts";
import { QemuError } from "./command-line.ts";
import { JsonStream, JsonStreamError } from "./json-stream.ts";
import { type Arguments, checkMembers, type QmpContext, QmpError } from "./qmp-command.ts";
import { greeting, QMP_COMMANDS } from "./qmp-commands.ts";

const isObject = (value: unknown): value is Arguments =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Microseconds of a second, from a time in ms. */
const timestamp = (now: number): object => ({
  seconds: Math.floor(now / 1000),
  microseconds: Math.floor((now % 1000) * 1000),
});

export interface QmpConnection {
  write(text: string): void;
  /** Ends the process; what was written is on its way. */
  quit(): void;
}

/** One client. Any number may watch one machine. */
export class QmpSession {
  readonly #context: QmpContext;
  readonly #connection: QmpConnection;
  readonly #stream = new JsonStream();
  readonly #decoder = new TextDecoder();
  #negotiated = false;
  #queue: Promise<void> = Promise.resolve();
  readonly #unsubscribe: (() => void)[] = [];

  constructor(context: QmpContext, connection: QmpConnection) {
    this.#context = context;
    this.#connection = connection;
    const { control } = context;
    const halted = (halt: { kind: string; stop?: { kind: string } }): void => {
      if (halt.kind === "ended") this.#ended(halt.stop?.kind ?? "");
      else this.#event("STOP");
    };
    const happened = (event: RunEvent): void => this.#happened(event);
    control.onHalt.add(halted);
    control.onEvent.add(happened);
    this.#unsubscribe.push(
      () => control.onHalt.delete(halted),
      () => control.onEvent.delete(happened),
    );
    this.#send(greeting(context));
  }

  /** Resolves when all that was asked has been answered. */
  get answered(): Promise<void> {
    return this.#queue;
  }

  #send(message: object): void {
    this.#connection.write(`${JSON.stringify(message)}\r\n`);
  }

  #event(event: string, data?: object): void {
    if (!this.#negotiated) return;
    const now = performance.timeOrigin + performance.now();
    this.#send({ timestamp: timestamp(now), event, ...(data === undefined ? {} : { data }) });
  }

  #happened(event: RunEvent): void {
    if (event.kind === "resume") this.#event("RESUME");
    else if (event.kind === "power-button") this.#event("POWERDOWN");
    else if (event.kind === "disk-failure") this.#diskFailed(event);
    else if (event.kind === "tray") this.#trayMoved(event);
    else {
      const guest = event.by === "guest";
      const reason = guest ? "guest-reset" : "host-qmp-system-reset";
      this.#event("RESET", { guest, reason });
    }
  }

  /** DEVICE_TRAY_MOVED (qapi/block.json). */
  #trayMoved({ disk, open }: RunEvent & { kind: "tray" }): void {
    const { driveName: device, deviceId: id = disk.name } = disk;
    this.#event("DEVICE_TRAY_MOVED", { device, "tray-open": open, id });
  }

  /** BLOCK_IO_ERROR (qapi/block-core.json): to QEMU a flush is a write. */
  #diskFailed({ disk, failure }: RunEvent & { kind: "disk-failure" }): void {
    const { operation, action, noSpace: nospace, reason } = failure;
    this.#event("BLOCK_IO_ERROR", {
      device: disk.driveName,
      "node-name": disk.name,
      operation: operation === "read" ? "read" : "write",
      action,
      nospace,
      reason,
    });
  }

  #ended(kind: string): void {
    const reason =
      kind === "reset" || kind === "triple-fault"
        ? "guest-reset"
        : kind === "power-off" || kind === "debug-exit"
          ? "guest-shutdown"
          : "guest-panic";
    this.#event("SHUTDOWN", { guest: true, reason });
  }

  receive(bytes: Uint8Array): void {
    const text = this.#decoder.decode(bytes, { stream: true });
    for (const value of this.#stream.feed(text)) {
      this.#queue = this.#queue.then(() => this.#answer(value));
    }
  }

  async #answer(request: unknown): Promise<void> {
    const id = isObject(request) && "id" in request ? { id: request.id } : {};
    try {
      const result = await this.#execute(request);
      this.#send({ return: result, ...id });
      if (isObject(request) && request.execute === "quit") this.#connection.quit();
    } catch (error) {
      const kind =
        error instanceof QmpError || error instanceof QemuError ? error.kind : "GenericError";
      this.#send({ ...id, error: { class: kind, desc: (error as Error).message } });
    }
  }

  async #execute(request: unknown): Promise<unknown> {
    if (request instanceof JsonStreamError) throw new QmpError(request.message);
    if (!isObject(request)) throw new QmpError("QMP input must be a JSON object");
    for (const name of Object.keys(request)) {
      if (!["execute", "arguments", "id"].includes(name)) {
        throw new QmpError(`QMP input member '${name}' is unexpected`);
      }
    }
    const { execute: name, arguments: given = {} } = request;
    if (name === undefined) throw new QmpError("QMP input lacks member 'execute'");
    if (typeof name !== "string") {
      throw new QmpError("QMP input member 'execute' must be a string");
    }
    if (!isObject(given)) throw new QmpError("QMP input member 'arguments' must be an object");
    if (!this.#negotiated) return this.#negotiate(name, given);
    if (name === "qmp_capabilities") {
      throw new QmpError(
        "Capabilities negotiation is already complete, command ignored",
        "CommandNotFound",
      );
    }
    const command = QMP_COMMANDS.find((c) => c.name === name);
    if (command === undefined) {
      throw new QmpError(`The command ${name} has not been found`, "CommandNotFound");
    }
    checkMembers(given, command.parameters ?? {});
    if (name === "quit") this.#event("SHUTDOWN", { guest: false, reason: "host-qmp-quit" });
    return command.run(this.#context, given);
  }

  #negotiate(name: string, given: Arguments): object {
    if (name !== "qmp_capabilities") {
      throw new QmpError(
        "Expecting capabilities negotiation with 'qmp_capabilities'",
        "CommandNotFound",
      );
    }
    checkMembers(given, { enable: { type: "array", optional: true } });
    for (const capability of (given.enable as unknown[] | undefined) ?? []) {
      throw new QmpError(`Parameter 'enable' does not accept value '${capability}'`);
    }
    this.#negotiated = true;
    return {};
  }

  /** An answer is never owed for half a request. */
  end(): void {}

  /** The client has gone. */
  close(): void {
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
  }
}
