// The items of -d and how their lines look. Interrupts and resets come from the core's trace events,
// the others from the platform.

import type { Sink } from "../host/output.ts";
import type { Machine } from "../machine.ts";

/** What -d can show. */
export const LOG_ITEMS = ["int", "cpu_reset", "guest_errors", "unimp"] as const;
export type LogItem = (typeof LOG_ITEMS)[number];

/** Bits of the core's trace mask (core/guest/tracing.ts). */
const TRACE_INTERRUPT = 0;
const TRACE_RESET = 1;

const KINDS = ["exception", "interrupt", "software interrupt"] as const;
/** Intel SDM vol. 3A, table 6-1. */
const EXCEPTIONS = [
  "#DE",
  "#DB",
  "NMI",
  "#BP",
  "#OF",
  "#BR",
  "#UD",
  "#NM",
  "#DF",
  "",
  "#TS",
  "#NP",
  "#SS",
  "#GP",
  "#PF",
  "",
  "#MF",
  "#AC",
  "#MC",
  "#XM",
  "#VE",
  "#CP",
] as const;

export class GuestEventLog {
  readonly #items: ReadonlySet<LogItem>;
  readonly #out: (line: string) => void;
  machine: Machine | undefined;

  constructor(items: readonly LogItem[], out: (line: string) => void) {
    this.#items = new Set(items);
    this.#out = out;
  }

  /** The mask for the core's `set_trace`. */
  get traceMask(): number {
    return (
      (this.#items.has("int") ? 1 << TRACE_INTERRUPT : 0) |
      (this.#items.has("cpu_reset") ? 1 << TRACE_RESET : 0)
    );
  }

  unimplemented(what: string): void {
    if (this.#items.has("unimp")) this.#out(`unimp: ${what}`);
  }

  guestError(what: string): void {
    if (this.#items.has("guest_errors")) this.#out(`guest error: ${what}`);
  }

  /** A trace event of the core. */
  event(cpu: number, event: number, a: number, b: number): void {
    const time = ((this.machine?.core.time() ?? 0) / 1e9).toFixed(9);
    if (event === TRACE_RESET) {
      this.#out(`${time} CPU${cpu}: reset${a === 0 ? "" : `, startup vector 0x${a.toString(16)}`}`);
      return;
    }
    const access = this.machine?.cpus[cpu];
    const vector = a & 0xff;
    const kind = KINDS[(a >> 8) & 3] ?? "";
    const name = a >> 8 === 0 ? ` ${EXCEPTIONS[vector] ?? ""}` : "";
    const where =
      access === undefined
        ? ""
        : ` RIP=0x${access.wide("rip").toString(16)} RSP=0x${access.general("rsp").toString(16)} CPL=${access.cpl}${vector === 14 && a >> 8 === 0 ? ` CR2=0x${access.wide("cr2").toString(16)}` : ""}`;
    this.#out(
      `${time} CPU${cpu}: ${kind} 0x${vector.toString(16).padStart(2, "0")}${name} error=${(b >>> 0).toString(16).padStart(4, "0")}${where}`,
    );
  }
}

/** Writes lines to a sink. */
export function lineWriter(sink: Sink): (line: string) => void {
  return (line) => {
    for (const byte of new TextEncoder().encode(`${line}\n`)) sink.write(byte);
  };
}
