// `make check-syscalls`: which calls of Linux static executables contain, and which of them the personality answers.
// For each SYSCALL instruction the numbers that can reach it are found in the code (trace.ts); where that cannot be
// done, the place and the reason are reported.

import { readFileSync } from "node:fs";
import { ElfError, type ElfFile, Machine, readElf, SegmentType } from "../elf/index.ts";
import { ProgramCode } from "./code.ts";
import { type CallTable, readCallTable } from "./table.ts";
import { NumberTracer } from "./trace.ts";

/** Something that keeps a file from being looked at, in one line. */
export class CheckError extends Error {
  override name = "CheckError";
}

/** A call with the addresses of its SYSCALL instructions. */
export interface FoundCall {
  number: number;
  sites: number[];
}

export interface Calls {
  /** By number. */
  calls: FoundCall[];
  /** Places where other numbers may arrive than those that are known, and why. */
  unknown: { address: number; reason: string }[];
  /** Addresses of INT 80h, by which 32-bit programs make calls. */
  old: number[];
}

const EXIT_MISSING = 1;
const EXIT_UNREADABLE = 2;

/** Finds the calls in the executable `bytes`; `name` is for messages. Throws `CheckError`. */
export function findCalls(bytes: Uint8Array, name: string): Calls {
  const code = readCode(bytes, name);
  const tracer = new NumberTracer(code);
  const calls = new Map<number, FoundCall>();
  const unknown: Calls["unknown"] = [];
  for (const site of code.sites) {
    const address = code.address(site);
    const numbers = tracer.trace(site);
    for (const number of numbers.known) {
      const call = calls.get(number) ?? { number, sites: [] };
      call.sites.push(address);
      calls.set(number, call);
    }
    const reasons = [...numbers.unknown].sort().join("; ");
    if (reasons !== "") unknown.push({ address, reason: reasons });
  }
  tracer.free();
  return {
    calls: [...calls.values()].sort((a, b) => a.number - b.number),
    unknown,
    old: code.sites32,
  };
}

function readCode(bytes: Uint8Array, name: string): ProgramCode {
  try {
    const elf = readElf(bytes, name);
    requireStatic(elf, name);
    return new ProgramCode(elf, name);
  } catch (error) {
    if (error instanceof ElfError) throw new CheckError(error.message);
    throw error;
  }
}

function requireStatic(elf: ElfFile, name: string): void {
  if (elf.class !== 64 || elf.machine !== Machine.X86_64) {
    throw new CheckError(`${name}: not for x86-64, which alone is looked at`);
  }
  if (elf.segments.some(({ type }) => type === SegmentType.Interp)) {
    throw new CheckError(
      `${name}: linked dynamically; its calls are in libraries, link it statically`,
    );
  }
}

const hex = (address: number): string => `0x${address.toString(16)}`;

/** At most eight addresses. */
function places(addresses: number[]): string {
  const shown = addresses.slice(0, 8).map(hex).join(" ");
  return addresses.length > 8 ? `${shown} and ${addresses.length - 8} more` : shown;
}

/** The report on one program, several lines. */
export function formatCalls(name: string, found: Calls, table: CallTable): string {
  const named = ({ number }: FoundCall): string => table.name(number) ?? `${number}`;
  const of = (status: string): FoundCall[] =>
    found.calls.filter(({ number }) => table.status(number) === status);
  const missing = of("missing");
  const lines = [
    `${name}: ${found.calls.length} system calls, ${missing.length} not answered, ${found.unknown.length} places with other numbers`,
  ];
  const list = (title: string, calls: FoundCall[]): void => {
    if (calls.length > 0) lines.push(`  ${title}: ${calls.map(named).join(" ")}`);
  };
  list("answered", of("answered"));
  list("refused on purpose (ENOSYS)", of("refused"));
  for (const call of missing)
    lines.push(`  not answered: ${named(call)}, at ${places(call.sites)}`);
  const reasons = new Map<string, number[]>();
  for (const { address, reason } of found.unknown) {
    reasons.set(reason, [...(reasons.get(reason) ?? []), address]);
  }
  for (const [reason, at] of reasons) lines.push(`  number unknown (${reason}): at ${places(at)}`);
  if (found.old.length > 0)
    lines.push(`  calls of 32-bit programs (INT 80h): at ${places(found.old)}`);
  return lines.join("\n");
}

/**
 * Reports on the executables `files` through `print` and on those that cannot be read through `complain`. The exit
 * status: 0 where every number that is known is answered or refused on purpose, 1 where one is not, 2 where a file could
 * not be looked at.
 */
export function checkSyscalls(
  root: string,
  files: readonly { name: string; path: string }[],
  print: (text: string) => void,
  complain: (line: string) => void,
): number {
  const table = readCallTable(root);
  let status = 0;
  for (const { name, path } of files) {
    try {
      const found = findCalls(readFileSync(path), name);
      print(formatCalls(name, found, table));
      const missing = found.calls.some(({ number }) => table.status(number) === "missing");
      if (missing || found.old.length > 0) status = Math.max(status, EXIT_MISSING);
    } catch (error) {
      if (!(error instanceof CheckError) && (error as NodeJS.ErrnoException).code === undefined)
        throw error;
      complain(
        error instanceof CheckError ? error.message : `${name}: ${(error as Error).message}`,
      );
      status = EXIT_UNREADABLE;
    }
  }
  return status;
}
