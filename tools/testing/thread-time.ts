// Processor time of single threads of the programs that this process has started, on Linux: what a thread does is seldom all
// that its process does, and on a loaded host the clock says little (proc(5), /proc/pid/task).

import { existsSync, readdirSync, readFileSync } from "node:fs";

export interface Thread {
  process: number;
  thread: number;
}

export const hasThreadTimes = existsSync("/proc/self/schedstat");

/** Processor time that a thread has had, ms; 0 for one that is gone. */
export function threadMs({ process, thread }: Thread): number {
  try {
    const text = readFileSync(`/proc/${process}/task/${thread}/schedstat`, "utf8");
    return Number(text.split(" ")[0]) / 1e6;
  } catch {
    return 0;
  }
}

/** The thread that has called this in a program of one thread: the first. */
export const firstThread = (of: number = process.pid): Thread => ({ process: of, thread: of });

function parentOf(id: number): number {
  try {
    return Number(/^PPid:\s*(\d+)/m.exec(readFileSync(`/proc/${id}/status`, "utf8"))?.[1] ?? 0);
  } catch {
    return 0;
  }
}

function isOurs(id: number): boolean {
  for (let at = id; at > 1; at = parentOf(at)) {
    if (at === process.pid) return true;
  }
  return false;
}

/** Threads whose name begins with `name`, among the programs that this one has started, and those that they have. */
export function threadsNamed(name: string): Thread[] {
  const found: Thread[] = [];
  for (const entry of readdirSync("/proc")) {
    const id = Number(entry);
    if (!Number.isInteger(id) || !isOurs(id)) continue;
    try {
      for (const thread of readdirSync(`/proc/${id}/task`).map(Number)) {
        const text = readFileSync(`/proc/${id}/task/${thread}/comm`, "utf8");
        if (text.startsWith(name)) found.push({ process: id, thread });
      }
    } catch {
      // A program that has ended meanwhile.
    }
  }
  return found;
}
