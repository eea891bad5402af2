// semget(2), semop(2), semtimedop(2), semctl(2).

import { Utcb } from "../../libhedron/utcb";
import { monotonic } from "../../libroottask/clock";
import { E2BIG, EACCES, EFAULT, EFBIG, EINVAL, ENOMEM, ERANGE } from "../../libroottask/errno";
import { create } from "../../libroottask/heap";
import { seenId } from "../../libroottask/pid_numbers";
import { Program, Thread } from "../../libroottask/program";
import { copyFrom, copyTo } from "../../libroottask/space";
import { timespec } from "../time";
import {
  existing,
  fillPermissions,
  giveUp,
  highestPlace,
  IPC_INFO,
  IPC_RMID,
  IPC_SET,
  IPC_STAT,
  ipcSpaceHere,
  keep,
  NEW,
  objectToTell,
  objectWith,
  PERM_BYTES,
  permitControl,
  permits,
  secondsNow,
  TO_READ,
  TO_WRITE,
  takePermissions,
  tellError,
} from "./objects";
import { IpcSpace } from "./records";
import {
  forgetUndo,
  SEMVMX,
  SemaphoreSet,
  semaphoreValue,
  setterOf,
  setValue,
  Undo,
} from "./semaphore_sets";
import {
  attempt,
  BLOCKED,
  countWaiting,
  DONE,
  newSet,
  OPERATION_BYTES,
  operationChange,
  operationFlags,
  operationNumber,
  removeSet,
  SEM_UNDO,
  SemaphoreSleeper,
  stoppedAt,
  tellSleepers,
} from "./semaphores";
import { CHANGES, letGo, sleep, WAITS_FOR_ZERO } from "./sleepers";
import { undoOf } from "./undo";

/** Commands of semctl(2), include/uapi/linux/sem.h. */
const GETPID: u32 = 11;
const GETVAL: u32 = 12;
const GETALL: u32 = 13;
const GETNCNT: u32 = 14;
const GETZCNT: u32 = 15;
const SETVAL: u32 = 16;
const SETALL: u32 = 17;
const SEM_STAT: u32 = 18;
const SEM_INFO: u32 = 19;
const SEM_STAT_ANY: u32 = 20;

/** struct semid64_ds and struct seminfo: bytes; what the latter tells of what is not kept (SEMMAP and SEMMNU, SEMUME), and of an undo's size. */
const DS_BYTES: u32 = 104;
const INFO_BYTES: u32 = 40;
const SEMMNU: u32 = 1_024_000_000;
const SEMUME: u32 = 500;
const SEMUSZ: u32 = 20;
/** Semaphores that are copied at a time, 16 bits each. */
const VALUES: u32 = 64;
const buffer = memory.data(128);

function setWith(space: IpcSpace, id: u64): SemaphoreSet | null {
  return changetype<SemaphoreSet | null>(objectWith(space.sets, id));
}

/** semget(key, count, flags). */
export function sysSemget(program: Program, regs: Utcb): i64 {
  const count = regs.rsi as i32;
  const space = ipcSpaceHere();
  if (space === null) return -ENOMEM;
  if (count < 0 || count > (space.semmsl as i32)) return -EINVAL;
  const key = regs.rdi as u32;
  const id = existing(space.sets, key, regs.rdx, count as u64);
  if (id !== NEW) return id;
  return count === 0 ? -EINVAL : newSet(space, key, count as u32, regs.rdx);
}

/** What the operations of a call are like: the highest number, whether they change semaphores, whether any is undone. */
let highest: u32 = 0;
let changes: bool = false;
let undoes: bool = false;

function look(operations: usize, count: u32): void {
  highest = 0;
  changes = false;
  undoes = false;
  for (let i: u32 = 0; i < count; i++) {
    highest = max<u32>(highest, operationNumber(operations, i));
    if (operationChange(operations, i) !== 0) changes = true;
    if ((operationFlags(operations, i) & SEM_UNDO) !== 0) undoes = true;
  }
}

/** Lets `thread` wait until monotonic time `end` (0: for ever) for the operations in `storage`, which goes with it. */
function wait(
  thread: Thread,
  set: SemaphoreSet,
  storage: usize,
  count: u32,
  undo: Undo | null,
  end: u64,
): i64 {
  const sleeper = create<SemaphoreSleeper>();
  if (sleeper === null) {
    giveUp(storage, count * OPERATION_BYTES);
    return -ENOMEM;
  }
  sleeper.bytes = offsetof<SemaphoreSleeper>() as u32;
  sleeper.kind = changes ? CHANGES : WAITS_FOR_ZERO;
  sleeper.storage = storage;
  sleeper.storageBytes = count * OPERATION_BYTES;
  sleeper.count = count;
  sleeper.blocking = stoppedAt;
  sleeper.undo = undo;
  const result = sleep(thread, set, sleeper, end);
  letGo(sleeper);
  return result;
}

/** Does the operations in `storage` on the set with `id`: 0, a negative error, or BLOCKED for `set` and `undo`. */
let foundSet: SemaphoreSet = changetype<SemaphoreSet>(0);
let foundUndo: Undo | null = null;

function operate(program: Program, id: u64, storage: usize, count: u32): i64 {
  const space = ipcSpaceHere();
  if (space === null) return -ENOMEM;
  const set = setWith(space, id);
  if (set === null) return -EINVAL;
  look(storage, count);
  if ((highest as u64) >= set.size) return -EFBIG;
  if (!permits(set, changes ? TO_WRITE : TO_READ)) return -EACCES;
  const undo: Undo | null = undoes ? undoOf(program, set) : null;
  if (undoes && undo === null) return -ENOMEM;
  const result = attempt(set, storage, count, undo, program.id);
  if (result === DONE && changes) tellSleepers(set);
  foundSet = set;
  foundUndo = undo;
  return result;
}

/** semop(2) and semtimedop(2): waits until monotonic time `end`, 0 for ever. */
function semop(thread: Thread, regs: Utcb, end: u64): i64 {
  const program = thread.program;
  const count = regs.rdx as u32;
  const storage = keep((count as u64) * OPERATION_BYTES);
  if (storage === 0) return -ENOMEM;
  let result: i64 = -EFAULT;
  if (copyFrom(program.space, storage, regs.rsi, count * OPERATION_BYTES)) {
    result = (regs.rdi as i32) < 0 ? -EINVAL : operate(program, regs.rdi, storage, count);
  }
  if (result === BLOCKED) return wait(thread, foundSet, storage, count, foundUndo, end);
  giveUp(storage, count * OPERATION_BYTES);
  return result;
}

/** How many operations a call of `program` has is none, or too many. */
function wrongCount(program: Program, count: u32): i64 {
  const space = ipcSpaceHere();
  if (space === null) return -ENOMEM;
  if (count > space.semopm) return -E2BIG;
  return count === 0 ? -EINVAL : 0;
}

/** semop(id, operations, count). */
export function sysSemop(thread: Thread, regs: Utcb): i64 {
  const error = wrongCount(thread.program, regs.rdx as u32);
  return error === 0 ? semop(thread, regs, 0) : error;
}

/** semtimedop(id, operations, count, timeout). */
export function sysSemtimedop(thread: Thread, regs: Utcb): i64 {
  if (regs.r10 === 0) return sysSemop(thread, regs);
  const time = timespec(thread.program, regs.r10);
  if (time === -EFAULT) return time;
  const error = wrongCount(thread.program, regs.rdx as u32);
  if (error !== 0) return error;
  return time < 0 ? time : semop(thread, regs, monotonic() + (time as u64));
}

/** IPC_INFO and SEM_INFO. */
function tellInfo(program: Program, space: IpcSpace, command: u32, address: u64): i64 {
  store<u32>(buffer, SEMMNU);
  store<u32>(buffer + 4, space.semmni);
  store<u32>(buffer + 8, space.semmns);
  store<u32>(buffer + 12, SEMMNU);
  store<u32>(buffer + 16, space.semmsl);
  store<u32>(buffer + 20, space.semopm);
  store<u32>(buffer + 24, SEMUME);
  const used = command !== IPC_INFO;
  store<u32>(buffer + 28, used ? space.sets.used : SEMUSZ);
  store<u32>(buffer + 32, SEMVMX);
  store<u32>(buffer + 36, used ? (space.semaphores as u32) : (SEMVMX as u32));
  if (!copyTo(program.space, address, buffer, INFO_BYTES)) return -EFAULT;
  return highestPlace(space.sets);
}

/** IPC_STAT and its like. */
function tell(program: Program, space: IpcSpace, id: u64, command: u32, address: u64): i64 {
  const exact = command === IPC_STAT;
  const object = objectToTell(space.sets, id, exact, command === SEM_STAT_ANY);
  if (object === null) return tellError;
  const set = changetype<SemaphoreSet>(object);
  memory.fill(buffer, 0, DS_BYTES);
  fillPermissions(set, buffer);
  store<i64>(buffer + 48, set.operationTime);
  store<i64>(buffer + 64, set.changeTime);
  store<u64>(buffer + 80, set.size);
  if (!copyTo(program.space, address, buffer, DS_BYTES)) return -EFAULT;
  return exact ? 0 : (set.id as i64);
}

/** SETVAL. */
function setOne(program: Program, space: IpcSpace, regs: Utcb): i64 {
  const value = regs.r10 as i32;
  if (value < 0 || value > SEMVMX) return -ERANGE;
  const set = setWith(space, regs.rdi);
  if (set === null || (regs.rsi as u32 as u64) >= set.size) return -EINVAL;
  if (!permits(set, TO_WRITE)) return -EACCES;
  forgetUndo(set, regs.rsi as u32);
  setValue(set, regs.rsi as u32, value, program.id);
  set.changeTime = secondsNow();
  tellSleepers(set);
  return 0;
}

/** GETALL. */
function getAll(program: Program, set: SemaphoreSet, address: u64): i64 {
  const size = set.size as u32;
  for (let first: u32 = 0; first < size; first += VALUES) {
    const count = min<u32>(VALUES, size - first);
    for (let i: u32 = 0; i < count; i++)
      store<u16>(buffer + i * 2, semaphoreValue(set, first + i) as u16);
    if (!copyTo(program.space, address + ((first * 2) as u64), buffer, count * 2)) return -EFAULT;
  }
  return 0;
}

/** SETALL: all values are looked at before the first is set. */
function setAll(program: Program, set: SemaphoreSet, address: u64): i64 {
  const size = set.size as u32;
  const values = keep(size * 2);
  if (values === 0) return -ENOMEM;
  let error: i64 = copyFrom(program.space, values, address, size * 2) ? 0 : -EFAULT;
  for (let i: u32 = 0; i < size && error === 0; i++) {
    if ((load<u16>(values + i * 2) as i32) > SEMVMX) error = -ERANGE;
  }
  for (let i: u32 = 0; i < size && error === 0; i++) {
    forgetUndo(set, i);
    setValue(set, i, load<u16>(values + i * 2) as i32, program.id);
  }
  giveUp(values, size * 2);
  if (error !== 0) return error;
  set.changeTime = secondsNow();
  tellSleepers(set);
  return 0;
}

/** GETVAL, GETPID, GETNCNT, GETZCNT, GETALL, SETALL. */
function ofValues(program: Program, space: IpcSpace, regs: Utcb, command: u32): i64 {
  const set = setWith(space, regs.rdi);
  if (set === null) return -EINVAL;
  if (!permits(set, command === SETALL ? TO_WRITE : TO_READ)) return -EACCES;
  if (command === GETALL) return getAll(program, set, regs.r10);
  if (command === SETALL) return setAll(program, set, regs.r10);
  const number = regs.rsi as u32;
  if ((number as u64) >= set.size) return -EINVAL;
  if (command === GETVAL) return semaphoreValue(set, number) as i64;
  if (command === GETPID) return seenId(setterOf(set, number)) as i64;
  return countWaiting(set, number, command === GETZCNT);
}

/** IPC_RMID and IPC_SET. */
function change(program: Program, space: IpcSpace, regs: Utcb, sets: bool): i64 {
  if (sets && !copyFrom(program.space, buffer, regs.r10, PERM_BYTES)) return -EFAULT;
  const set = setWith(space, regs.rdi);
  if (set === null) return -EINVAL;
  const error = permitControl(set);
  if (error !== 0) return error;
  if (sets) return takePermissions(set, buffer);
  removeSet(set);
  return 0;
}

/** semctl(id, number, command, argument). */
export function sysSemctl(program: Program, regs: Utcb): i64 {
  if ((regs.rdi as i32) < 0) return -EINVAL;
  const space = ipcSpaceHere();
  if (space === null) return -ENOMEM;
  const command = regs.rdx as u32;
  switch (command) {
    case IPC_INFO:
    case SEM_INFO:
      return tellInfo(program, space, command, regs.r10);
    case IPC_STAT:
    case SEM_STAT:
    case SEM_STAT_ANY:
      return tell(program, space, regs.rdi, command, regs.r10);
    case SETVAL:
      return setOne(program, space, regs);
    case GETVAL:
    case GETPID:
    case GETNCNT:
    case GETZCNT:
    case GETALL:
    case SETALL:
      return ofValues(program, space, regs, command);
    case IPC_SET:
    case IPC_RMID:
      return change(program, space, regs, command === IPC_SET);
    default:
      return -EINVAL;
  }
}
