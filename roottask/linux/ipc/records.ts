// The records of objects of System V (objects.ts) and of the threads that wait for them (sleepers.ts).

import { Thread } from "../../libroottask/program";

/** What threads wait for. */
@unmanaged
export class Slept {
  /** Those who do, in the order of their coming. */
  sleepers: Sleeper | null;
}

@unmanaged
export class IpcObject extends Slept {
  id: u32;
  /** 0, IPC_PRIVATE, for none. */
  key: u32;
  /** Permissions, and bits of the kind above them. */
  mode: u32;
  user: u32;
  group: u32;
  creator: u32;
  creatorGroup: u32;
  /** Bytes of a segment, semaphores of a set; what shmget(2) and semget(2) may ask for. */
  size: u64;
  /** Last change by IPC_SET and its like, seconds since 1970. */
  changeTime: i64;
  space: IpcSpace;
}

/** Objects of one kind. */
@unmanaged
export class IpcTable {
  /** A pointer per place. */
  places: usize;
  capacity: u32;
  /** Objects there are. */
  used: u32;
  /** One past the place taken last, and the number above the next. */
  next: u32;
  sequence: u32;
  /** The id that the next object is to have, where there is room for it; -1 where any will do. */
  wanted: i32;
}

/** What is in a namespace of IPC. */
@unmanaged
export class IpcSpace {
  /** Nobody is in the namespace any more. */
  left: u32;
  segments: IpcTable;
  sets: IpcTable;
  queues: IpcTable;
  /** Pages of all segments, semaphores of all sets, messages and their bytes in all queues. */
  pages: u64;
  semaphores: u64;
  messages: u64;
  messageBytes: u64;
  /** The first of the message queues of POSIX (posix_queue.ts), and how many there are. */
  posixQueues: usize;
  posixCount: u32;
  /** Bytes of a segment, pages of all, segments (/proc/sys/kernel/shmmax and its like; the same for those that follow). */
  shmmax: u64;
  shmall: u64;
  shmmni: u32;
  /** Bytes of a message and of a queue, queues. */
  msgmax: u32;
  msgmnb: u32;
  msgmni: u32;
  /** Semaphores of a set and of all, operations of a call, sets: one after the other, as /proc/sys/kernel/sem has them. */
  semmsl: u32;
  semmns: u32;
  semopm: u32;
  semmni: u32;
  /** /proc/sys/fs/mqueue: queues; messages of one and their size at most, and where no attributes are given. */
  queuesMax: u32;
  msgMax: u32;
  msgsizeMax: u32;
  msgDefault: u32;
  msgsizeDefault: u32;
}

@unmanaged
export class Sleeper {
  next: Sleeper | null;
  object: Slept;
  thread: Thread;
  kind: u32;
  /** It has been taken out of its object's list, and `status` is its result. */
  done: u32;
  status: i64;
  /** Storage that goes with it (objects.ts, `keep`): operations, or a message. */
  storage: usize;
  storageBytes: u32;
  /** Bytes of this record. */
  bytes: u32;
}
