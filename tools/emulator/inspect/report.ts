// What a person wants to read when a machine died: registers, control registers, the code around
// RIP, the call stack with names, and the top of the stack.

import type { CoreExports } from "../core/interface.ts";
import type { CpuAccess } from "../platform/cpu-access.ts";
import { callStack, type LinearMemory } from "./call-stack.ts";
import type { Disassemble } from "./disassembly.ts";
import { registerLines } from "./registers.ts";
import type { SymbolTable } from "./symbols.ts";

/** What a report needs of a machine. */
export interface Inspected extends LinearMemory {
  readonly core: Pick<CoreExports, "time">;
  readonly cpus: readonly CpuAccess[];
  readonly options: { disassembler?: () => Promise<Disassemble> };
  symbols(): SymbolTable | undefined;
}

const CODE_BYTES = 96;
const CODE_LINES = 8;
const STACK_WORDS = 16;

const hex = (value: bigint | number, digits: number): string =>
  value.toString(16).padStart(digits, "0");

async function codeLines(
  machine: Inspected,
  cpu: CpuAccess,
  symbols?: SymbolTable,
): Promise<string[]> {
  const rip = cpu.wide("rip");
  const linear = cpu.codeBits === 64 ? rip : BigInt.asUintN(32, cpu.segment("cs").base + rip);
  const code = machine.readLinear(linear, CODE_BYTES, cpu.cpu);
  if (code.length === 0) return [`  RIP 0x${hex(rip, 1)} is not mapped`];
  const digits = (bytes: Uint8Array): string => [...bytes].map((b) => hex(b, 2)).join("");
  const disassemble = await machine.options.disassembler?.();
  if (disassemble === undefined) return [`=> ${hex(rip, 1)}: ${digits(code.subarray(0, 32))}`];
  const describe = (target: bigint): string => symbols?.describe(target) ?? "";
  return disassemble(code, rip, cpu.codeBits, CODE_LINES, describe).map(
    (l, i) =>
      `${i === 0 ? "=>" : "  "} ${hex(l.address, 1)}: ${digits(l.bytes).padEnd(22)} ${l.text}`,
  );
}

function word(
  memory: LinearMemory,
  cpu: CpuAccess,
  address: bigint,
  size: number,
): bigint | undefined {
  const bytes = memory.readLinear(address, size, cpu.cpu);
  if (bytes.length < size) return undefined;
  return bytes.reduceRight((value, b) => (value << 8n) | BigInt(b), 0n);
}

/** Frames with their numbers, and return addresses that were found with their places. */
export function stackLines(memory: LinearMemory, cpu: CpuAccess, symbols?: SymbolTable): string[] {
  return callStack(memory, cpu, symbols).map(({ address, offset }, i) => {
    const label = offset === undefined ? `#${i} ` : `[rsp+0x${hex(offset, 1)}] `;
    const where = i === 0 ? symbols?.locate(address) : symbols?.locateCall(address);
    return `  ${label} 0x${hex(address, 1)} ${where ?? ""}`.trimEnd();
  });
}

/** The whole report on one CPU, lines separated by newlines. */
export async function crashReport(machine: Inspected, which: number): Promise<string> {
  const cpu = machine.cpus[which];
  if (cpu === undefined) return `there is no CPU ${which}`;
  const symbols = machine.symbols();
  const size = cpu.codeBits === 64 ? 8 : 4;
  const where = symbols?.describe(cpu.wide("rip")) ?? "";
  const source = symbols?.line(cpu.wide("rip"));
  const lines = [
    `CPU ${which} at RIP 0x${hex(cpu.wide("rip"), 1)}${where === "" ? "" : ` (${where})`}${source === undefined ? "" : ` in ${source.file}:${source.line}`}, virtual time ${(machine.core.time() / 1e9).toFixed(6)} s`,
    ...registerLines(cpu),
    "Code:",
    ...(await codeLines(machine, cpu, symbols)),
    "Call stack:",
    ...stackLines(machine, cpu, symbols),
    "Stack:",
  ];
  for (let i = 0; i < STACK_WORDS; i += 4) {
    const at = cpu.general("rsp") + BigInt(i * size);
    const words = [0, 1, 2, 3].map((k) => word(machine, cpu, at + BigInt(k * size), size));
    if (words[0] === undefined) break;
    lines.push(
      `  ${hex(at, 1)}: ${words.map((w) => (w === undefined ? "?" : hex(w, size * 2))).join(" ")}`,
    );
  }
  return lines.join("\n");
}
