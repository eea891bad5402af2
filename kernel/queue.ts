// First-in first-out queues of kernel objects: a ring through the members' own fields, so that queuing takes no
// memory and cannot fail. An object is in one queue at a time.

/**
 * The word that holds the first member of a ring, 0 while it is empty. T has the fields `queuePrev` and
 * `queueNext` of its own type, both null while it is in no queue.
 */
@unmanaged
export class Queue<T> {
  head: T;

  isEmpty(): bool {
    return changetype<usize>(this.head) === 0;
  }

  /** Puts `member` behind all others. */
  enqueue(member: T): void {
    const head = this.head;
    if (changetype<usize>(head) === 0) {
      member.queuePrev = member;
      member.queueNext = member;
      this.head = member;
      return;
    }
    member.queueNext = head;
    member.queuePrev = head.queuePrev;
    head.queuePrev.queueNext = member;
    head.queuePrev = member;
  }

  /** Puts `member` before all others. */
  enqueueFirst(member: T): void {
    this.enqueue(member);
    this.head = member;
  }

  /** Takes `member`, which is in this queue, out. */
  remove(member: T): void {
    if (member.queueNext === member) this.head = changetype<T>(0);
    else {
      member.queueNext.queuePrev = member.queuePrev;
      member.queuePrev.queueNext = member.queueNext;
      if (this.head === member) this.head = member.queueNext;
    }
    member.queuePrev = changetype<T>(0);
    member.queueNext = changetype<T>(0);
  }

  /** Takes the first member out; null when there is none. */
  dequeue(): T {
    const head = this.head;
    if (changetype<usize>(head) !== 0) this.remove(head);
    return head;
  }
}

/** Whether an object with the fields of a queue's member is in one. */
export function isQueued<T>(member: T): bool {
  return changetype<usize>(member.queueNext) !== 0;
}
