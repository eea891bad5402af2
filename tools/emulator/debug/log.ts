// The items of -d and how their lines look. Interrupts and resets come from the core's trace events,
// the others from the platform.

import { TRACE_DECODED, TRACE_EXECUTED, TRACE_INTERRUPT, TRACE_RESET } from "../core/protocol.ts";
import type { Disassemble } from "../inspect/disassembly.ts";
import type { SymbolTable } from "../inspect/symbols.ts";
import type { Machine } from "../machine.ts";

/** What -d can show. */
export const LOG_ITEMS = ["int", "exec", "in_asm", "cpu_reset", "guest_errors", "unimp"] as const;
export type LogItem = (typeof LOG_ITEMS)[number];

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
  #items: ReadonlySet<LogItem>;
  #out: (line: string) => void;
  machine: Machine | undefined;
  /** Needed for in_asm. */
  disassemble: Disassemble | undefined;

  constructor(items: readonly LogItem[], out: (line: string) => void) {
    this.#items = new Set(items);
    this.#out = out;
  }

  /** What is logged from now on; the core must be told `traceMask`. */
  setItems(items: readonly LogItem[]): void {
    this.#items = new Set(items);
  }

  /** Where lines go from now on. */
  setOutput(out: (line: string) => void): void {
    this.#out = out;
  }

  /** The mask for the core's `set_trace`. */
  get traceMask(): number {
    return (
      (this.#items.has("int") ? 1 << TRACE_INTERRUPT : 0) |
      (this.#items.has("cpu_reset") ? 1 << TRACE_RESET : 0) |
      (this.#items.has("in_asm") ? 1 << TRACE_DECODED : 0) |
      (this.#items.has("exec") ? 1 << TRACE_EXECUTED : 0)
    );
  }

  unimplemented(what: string): void {
    if (this.#items.has("unimp")) this.#out(`unimp: ${what}`);
  }

  guestError(what: string): void {
    if (this.#items.has("guest_errors")) this.#out(`guest error: ${what}`);
  }

  /** A trace event of the core. */
  event(cpu: number, event: number, a: number, b: number, c: number): void {
    if (event === TRACE_DECODED || event === TRACE_EXECUTED) {
      this.#block(cpu, event, (BigInt(b >>> 0) << 32n) | BigInt(a >>> 0), c);
      return;
    }
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

  /** A block of code has been decoded, or is about to execute. */
  #block(cpu: number, event: number, rip: bigint, length: number): void {
    const { machine } = this;
    const access = machine?.cpus[cpu];
    if (machine === undefined || access === undefined) return;
    const linear =
      access.codeBits === 64 ? rip : BigInt.asUintN(32, rip + access.segment("cs").base);
    if (event === TRACE_EXECUTED) {
      const where = this.#symbols()?.locate(linear) ?? "";
      this.#out(`CPU${cpu}: 0x${rip.toString(16)} ${where}`.trimEnd());
      return;
    }
    const name = this.#symbols()?.describe(linear) ?? "";
    const source = this.#symbols()?.line(linear);
    this.#out(
      `CPU${cpu}: code at 0x${rip.toString(16)}${name === "" ? "" : ` (${name})`}${source === undefined ? "" : ` in ${source.file}:${source.line}`}`,
    );
    const code = machine.readLinear(linear, length, cpu);
    const lines = this.disassemble?.(code, rip, access.codeBits, code.length) ?? [];
    for (const { address, text } of lines) this.#out(`  0x${address.toString(16)}: ${text}`);
  }

  #table: SymbolTable | undefined;

  /** The kernel's symbols, read at first use. */
  #symbols(): SymbolTable | undefined {
    this.#table ??= this.machine?.symbols();
    return this.#table;
  }
}
