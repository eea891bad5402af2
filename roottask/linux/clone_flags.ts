// Flags of clone(2), clone3(2) and unshare(2), include/uapi/linux/sched.h.

/** Of clone(2) alone: the bits of the signal that the parent gets. */
export const CSIGNAL: u64 = 0xff;
/** Of clone3(2) and unshare(2), where CSIGNAL means nothing. */
export const CLONE_NEWTIME: u64 = 0x80;
export const CLONE_VM: u64 = 0x100;
export const CLONE_FS: u64 = 0x200;
export const CLONE_FILES: u64 = 0x400;
export const CLONE_SIGHAND: u64 = 0x800;
export const CLONE_PIDFD: u64 = 0x1000;
export const CLONE_PTRACE: u64 = 0x2000;
export const CLONE_VFORK: u64 = 0x4000;
export const CLONE_PARENT: u64 = 0x8000;
export const CLONE_THREAD: u64 = 0x1_0000;
export const CLONE_NEWNS: u64 = 0x2_0000;
export const CLONE_SYSVSEM: u64 = 0x4_0000;
export const CLONE_SETTLS: u64 = 0x8_0000;
export const CLONE_PARENT_SETTID: u64 = 0x10_0000;
export const CLONE_CHILD_CLEARTID: u64 = 0x20_0000;
export const CLONE_DETACHED: u64 = 0x40_0000;
export const CLONE_UNTRACED: u64 = 0x80_0000;
export const CLONE_CHILD_SETTID: u64 = 0x100_0000;
export const CLONE_NEWCGROUP: u64 = 0x200_0000;
export const CLONE_NEWUTS: u64 = 0x400_0000;
export const CLONE_NEWIPC: u64 = 0x800_0000;
export const CLONE_NEWUSER: u64 = 0x1000_0000;
export const CLONE_NEWPID: u64 = 0x2000_0000;
export const CLONE_NEWNET: u64 = 0x4000_0000;
/** Of clone3(2) alone. */
export const CLONE_CLEAR_SIGHAND: u64 = 0x1_0000_0000;
export const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;

/** All that clone(2) knows; CLONE_IO among them, which changes nothing here. */
export const CLONE_LEGACY_FLAGS: u64 = 0xffff_ffff;
/** Namespaces. Of all but mounts, host names, IPC, ids and times there is none but the first. */
export const NAMESPACES: u64 =
  CLONE_NEWTIME |
  CLONE_NEWNS |
  CLONE_NEWCGROUP |
  CLONE_NEWUTS |
  CLONE_NEWIPC |
  CLONE_NEWUSER |
  CLONE_NEWPID |
  CLONE_NEWNET;
