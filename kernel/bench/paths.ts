// The ways through the kernel that are counted, and what the reference kernel (the published one with foreign
// system calls, release build of GCC 12.2 with link-time optimization) needs for each.

export type PathName =
  | "pt_ctrl"
  | "call and reply"
  | "call and reply, 64 words"
  | "call and reply, across domains"
  | "semaphore up and down"
  | "exception"
  | "foreign system call"
  | "pt_ctrl, foreign domain"
  | "call and reply, foreign domain";

export interface Path {
  name: PathName;
  /** Instructions a round on the reference kernel: counted by cli.ts with `--accel tcg`, on QEMU 7.2. */
  reference: number;
}

export const paths: readonly Path[] = [
  { name: "pt_ctrl", reference: 116 },
  { name: "call and reply", reference: 598 },
  { name: "call and reply, 64 words", reference: 1366 },
  { name: "call and reply, across domains", reference: 694 },
  { name: "semaphore up and down", reference: 374 },
  { name: "exception", reference: 641 },
  { name: "foreign system call", reference: 843 },
  { name: "pt_ctrl, foreign domain", reference: 113 },
  { name: "call and reply, foreign domain", reference: 691 },
];

/** Part of the reference's instructions that this kernel may need. */
export const GOAL = 0.7;
