// Compares what programs do on Linux and in the guest, and tells of it.

import { type GuestOptions, runInGuest } from "./guest.ts";
import { runOnLinux } from "./linux.ts";
import type { Outcome, Program } from "./program.ts";

export interface Comparison {
  program: Program;
  /** What is right, and what the guest did, both as they are compared. */
  right: string;
  guest: string;
}

export const isSame = ({ right, guest }: Comparison): boolean => right === guest;

/**
 * What counts of a run. A missing last line end is put in, since the roottask puts its own line behind; numbers of
 * processes, addresses of stacks and mappings, and times of day are not to be the same.
 */
export function comparable({ text, end }: Outcome): string {
  const lines = text === "" || text.endsWith("\n") ? text : `${text}\n`;
  return `${lines}end: ${end}\n`
    .replace(/\b(pid[ =:]+)\d+/gi, "$1PID")
    .replace(/\b0x7[0-9a-f]{7,11}\b/g, "ADDRESS")
    .replace(/\b\d\d:\d\d:\d\d\b/g, "TIME");
}

/** How often Linux is asked again where the guest's answer is not the first one. */
const RETRIES = 4;

/**
 * Runs programs on both sides; where an answer is known, not on Linux. Which of two processes is first is up to Linux and
 * the load of this machine: what it does in one of a few runs is right.
 */
export async function compare(
  programs: readonly Program[],
  options: GuestOptions = {},
): Promise<Comparison[]> {
  const asked = programs.filter(({ answer }) => answer === undefined);
  const answers = await runOnLinux(asked);
  const right = new Map(asked.map((program, index) => [program, answers[index] as Outcome]));
  const guest = await runInGuest(programs, options);
  const all = programs.map((program, index) => ({
    program,
    right: comparable(program.answer ?? (right.get(program) as Outcome)),
    guest: comparable(guest[index] as Outcome),
  }));
  for (let retry = 0; retry < RETRIES; retry++) {
    const again = all.filter((each) => !isSame(each) && each.program.answer === undefined);
    const others = await runOnLinux(again.map(({ program }) => program));
    for (const [index, each] of again.entries()) {
      if (comparable(others[index] as Outcome) === each.guest) each.right = each.guest;
    }
  }
  return all;
}
