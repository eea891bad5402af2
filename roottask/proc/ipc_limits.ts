// Limits of objects of System V and message queues of POSIX as files of /proc/sys (proc_sys_kernel(5), mq_overview(7)).

import { SHMALL, SHMMAX, SHMMNI } from "../linux/ipc/memory";
import { MSGMAX, MSGMNB, MSGMNI } from "../linux/ipc/messages";
import { MSG_MAX, MSGSIZE_MAX, QUEUES_MAX } from "../linux/ipc/posix_queue_calls";
import { SEMMNI, SEMMNS, SEMMSL, SEMOPM } from "../linux/ipc/semaphores";
import { byte, number } from "./writer";

function line(value: u64): void {
  number(value);
  byte(10);
}

export function shmmax(): void {
  line(SHMMAX);
}

export function shmall(): void {
  line(SHMALL);
}

export function shmmni(): void {
  line(SHMMNI as u64);
}

export function msgmax(): void {
  line(MSGMAX as u64);
}

export function msgmnb(): void {
  line(MSGMNB as u64);
}

export function msgmni(): void {
  line(MSGMNI as u64);
}

export function sem(): void {
  number(SEMMSL as u64);
  byte(9);
  number(SEMMNS as u64);
  byte(9);
  number(SEMOPM as u64);
  byte(9);
  line(SEMMNI as u64);
}

export function queuesMax(): void {
  line(QUEUES_MAX as u64);
}

export function msgMax(): void {
  line(MSG_MAX);
}

export function msgsizeMax(): void {
  line(MSGSIZE_MAX);
}
