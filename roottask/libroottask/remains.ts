// What is left of a process' first thread between its end and that of the process' record: whom it acted as, how it was
// scheduled and where it might run. Calls that take a process id tell it and change it until somebody has waited for the
// process, whether other threads go on or not. It is a thread's record that runs nothing, outside of slots and of the
// program's list of threads: files, portals and messages are not there.

import { dropCredentials, keepCredentials } from "./credentials";
import { allocate, create, destroy, release } from "./heap";
import {
  ABI_LINUX,
  Program,
  programWithId,
  THREAD_PERSONALITY_BYTES,
  Thread,
  threadWithId,
} from "./program";

/** `thread` is about to be taken away. Nothing is left where memory is out. */
export function leaveRemains(thread: Thread): void {
  const program = thread.program;
  if (program.abi !== ABI_LINUX || thread.id !== program.id) return;
  const rest = create<Thread>();
  if (rest === null) return;
  rest.usedTime = thread.usedTime;
  rest.handledTicks = thread.handledTicks;
  rest.toldUserTime = thread.toldUserTime;
  rest.processor = thread.processor;
  rest.processors = thread.processors;
  rest.credentials = keepCredentials(thread.credentials);
  if (!addRemains(program, rest)) return;
  memory.copy(rest.personality, thread.personality, THREAD_PERSONALITY_BYTES);
}

/** Makes `rest`, which has credentials, what is left of `program`; it goes where memory is out: false. */
export function addRemains(program: Program, rest: Thread): bool {
  const storage = allocate(THREAD_PERSONALITY_BYTES);
  if (storage === 0) {
    dropCredentials(rest.credentials);
    destroy<Thread>(rest);
    return false;
  }
  memory.fill(storage, 0, THREAD_PERSONALITY_BYTES);
  rest.personality = storage;
  rest.id = program.id;
  rest.program = program;
  dropRemains(program);
  program.remains = rest;
  return true;
}

/** Frees what is left of the first thread of `program`. */
export function dropRemains(program: Program): void {
  const rest = program.remains;
  if (rest === null) return;
  program.remains = null;
  dropCredentials(rest.credentials);
  release(rest.personality, THREAD_PERSONALITY_BYTES);
  destroy<Thread>(rest);
}

/** `thread` has ended: it is what is left of one. */
export function isRemains(thread: Thread): bool {
  return thread.program.remains === thread;
}

/** The thread with this id, or what is left of it; null where there is neither. */
export function threadOrRemains(id: u32): Thread | null {
  const thread = threadWithId(id);
  if (thread !== null) return thread;
  const program = programWithId(id);
  return program === null ? null : program.remains;
}

/** The first of the threads of `program`, what is left of one among them; `nextMember` leads on. */
export function firstMember(program: Program): Thread | null {
  const rest = program.remains;
  return rest !== null ? rest : program.threads;
}

export function nextMember(thread: Thread): Thread | null {
  return isRemains(thread) ? thread.program.threads : thread.next;
}
