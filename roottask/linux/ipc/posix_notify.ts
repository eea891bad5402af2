// mq_notify(2): a process is told once when a message comes to an empty queue that nobody waits at. With SIGEV_THREAD
// what it gave comes back as a message of a netlink socket (ipc/mqueue.c of Linux 6.1); where that has no room for one
// more, the call is refused in place of waiting.

import { Utcb } from "../../libhedron/utcb";
import { fileAt } from "../../libroottask/descriptors";
import { EAGAIN, EBADF, EBUSY, EFAULT, EINVAL, ENOTSOCK } from "../../libroottask/errno";
import { O_PATH } from "../../libroottask/open_file";
import { seenBy } from "../../libroottask/pid_numbers";
import { currentThread, Program, programWithId, Thread } from "../../libroottask/program";
import { isSocket, keepSocket, letGo, Socket, socketOf } from "../../libroottask/socket";
import { copyFrom } from "../../libroottask/space";
import { AF_NETLINK } from "../netlink";
import { deliverBytes, isFull } from "../netlink_answer";
import { INFO_PID, INFO_UID, INFO_VALUE, signalInfo } from "../signal_queue";
import { fillInfo, raise } from "../signals";
import { SIGNALS } from "../state";
import { isQueue, PosixQueue, queueOf } from "./posix_queue";

const SIGEV_SIGNAL: u32 = 0;
const SIGEV_NONE: u32 = 1;
const SIGEV_THREAD: u32 = 2;
/** si_code of the signal. */
const SI_MESGQ: i32 = -3;

/** struct sigevent: value, signal (of SIGEV_THREAD a descriptor), kind. */
const EVENT_BYTES: u32 = 64;
const EVENT_SIGNAL: usize = 8;
const EVENT_NOTIFY: usize = 12;
/** What a socket is told (NOTIFY_COOKIE_LEN), and what its last byte says then: a message has come, or nothing will be told. */
const COOKIE_BYTES: u32 = 32;
const NOTIFY_WOKENUP: u8 = 1;
const NOTIFY_REMOVED: u8 = 2;
const event = memory.data(64);
const cookie = memory.data(32);

/** Nobody is told any more; the socket that was to be is, in a call of `thread`, for `reason`. */
function forgetOwner(thread: Thread, queue: PosixQueue, reason: u8): void {
  queue.owner = 0;
  queue.signal = 0;
  queue.notifies = 0;
  if (queue.socket === 0) return;
  const socket = changetype<Socket>(queue.socket);
  queue.socket = 0;
  const told = cookieOf(queue);
  store<u8>(told + COOKIE_BYTES - 1, reason);
  if (socket.dead === 0) deliverBytes(thread, socket, told, COOKIE_BYTES);
  letGo(socket);
}

function cookieOf(queue: PosixQueue): usize {
  return changetype<usize>(queue) + offsetof<PosixQueue>("cookie0");
}

/** The process that closes a descriptor of `queue` is not told any more. */
export function leaveQueue(queue: PosixQueue): void {
  const thread = currentThread();
  if (queue.owner !== 0 && queue.owner === thread.program.id) {
    forgetOwner(thread, queue, NOTIFY_REMOVED);
  }
}

/** `sender` has sent the first message: tells who wants to know. */
export function tellOwner(sender: Thread, queue: PosixQueue): void {
  if (queue.owner === 0) return;
  const owner = programWithId(queue.owner);
  if (queue.notifies === SIGEV_SIGNAL && queue.signal !== 0 && owner !== null) {
    fillInfo(queue.signal, SI_MESGQ);
    store<u32>(signalInfo + INFO_PID, seenBy(owner, sender.program.id));
    store<u32>(signalInfo + INFO_UID, sender.credentials.user);
    store<u64>(signalInfo + INFO_VALUE, queue.value);
    raise(sender, owner, null, queue.signal);
  }
  forgetOwner(sender, queue, NOTIFY_WOKENUP);
}

/** The socket that the event of SIGEV_THREAD that was checked last names. */
let listener: Socket | null = null;

/** What `event` asks for can be had: 0 or a negative error. */
function checkEvent(program: Program): i64 {
  const kind = load<u32>(event + EVENT_NOTIFY);
  const signal = load<u32>(event + EVENT_SIGNAL);
  if (kind > SIGEV_THREAD) return -EINVAL;
  if (kind === SIGEV_SIGNAL && signal > SIGNALS) return -EINVAL;
  if (kind !== SIGEV_THREAD) return 0;
  if (!copyFrom(program.space, cookie, load<u64>(event), COOKIE_BYTES)) return -EFAULT;
  const file = fileAt(program.files, signal as u64);
  if (file === null || (file.flags & O_PATH) !== 0) return -EBADF;
  if (!isSocket(file)) return -ENOTSOCK;
  const socket = socketOf(file);
  if (socket.protocol.family !== AF_NETLINK) return -EINVAL;
  listener = socket;
  return isFull(socket) ? -EAGAIN : 0;
}

/** mq_notify(queue, event). */
export function sysMqNotify(program: Program, regs: Utcb): i64 {
  const asks = regs.rsi !== 0;
  if (asks) {
    if (!copyFrom(program.space, event, regs.rsi, EVENT_BYTES)) return -EFAULT;
    const error = checkEvent(program);
    if (error !== 0) return error;
  }
  const file = fileAt(program.files, regs.rdi);
  if (file === null || !isQueue(file) || (file.flags & O_PATH) !== 0) return -EBADF;
  const queue = queueOf(file);
  if (!asks) {
    if (queue.owner === program.id) forgetOwner(currentThread(), queue, NOTIFY_REMOVED);
    return 0;
  }
  if (queue.owner !== 0) return -EBUSY;
  queue.owner = program.id;
  queue.notifies = load<u32>(event + EVENT_NOTIFY);
  queue.signal = queue.notifies === SIGEV_NONE ? 0 : load<u32>(event + EVENT_SIGNAL);
  queue.value = load<u64>(event);
  const socket = listener;
  if (queue.notifies === SIGEV_THREAD && socket !== null) {
    keepSocket(socket);
    queue.socket = changetype<usize>(socket);
    memory.copy(cookieOf(queue), cookie, COOKIE_BYTES);
  }
  return 0;
}
