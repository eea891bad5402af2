// /proc/config.gz: what there is here of what Linux can be built with or without, in the form that kernels tell it
// (CONFIG_IKCONFIG_PROC): lines of CONFIG_… for options that programs look for, in a file of gzip (RFC 1952) whose contents
// are not compressed (RFC 1951, 3.2.4). An option stands for what it brings to programs; those that say how a kernel is made are
// left out. CHECKPOINT_RESTORE is here for ids that can be chosen and messages that can be copied.

import { byte, bytes, text, textLength, textStart } from "./writer";

const SPACE: i32 = 32;

/** Writes a line for each of `names`, which blanks part. */
function lines(names: string, there: bool): void {
  let at = 0;
  while (at < names.length) {
    text(there ? "CONFIG_" : "# CONFIG_");
    while (at < names.length && names.charCodeAt(at) !== SPACE) {
      byte(names.charCodeAt(at) as u8);
      at++;
    }
    text(there ? "=y\n" : " is not set\n");
    at++;
  }
}

function present(): void {
  lines("64BIT X86_64 X86 MMU SMP MULTIUSER BINFMT_ELF BINFMT_SCRIPT COREDUMP ELF_CORE", true);
  lines("NET UNIX INET IPV6 TTY UNIX98_PTYS", true);
  lines("PROC_FS PROC_SYSCTL PROC_PAGE_MONITOR IKCONFIG IKCONFIG_PROC", true);
  lines("TMPFS TMPFS_XATTR SHMEM MEMFD_CREATE FHANDLE FILE_LOCKING DNOTIFY INOTIFY_USER", true);
  lines("EPOLL EVENTFD SIGNALFD TIMERFD POSIX_TIMERS AIO FUTEX FUTEX_PI MEMBARRIER KCMP", true);
  lines("SYSVIPC SYSVIPC_SYSCTL POSIX_MQUEUE POSIX_MQUEUE_SYSCTL KEYS", true);
  lines("CROSS_MEMORY_ATTACH ADVISE_SYSCALLS CHECKPOINT_RESTORE SECCOMP SECCOMP_FILTER", true);
  lines("PID_NS TIME_NS", true);
}

function absent(): void {
  lines("MODULES CGROUPS USER_NS NET_NS", false);
  lines("IO_URING FANOTIFY USERFAULTFD BPF_SYSCALL PERF_EVENTS RSEQ MODIFY_LDT_SYSCALL", false);
  lines("SWAP NUMA KSM HUGETLBFS TRANSPARENT_HUGEPAGE MEMORY_FAILURE", false);
  lines("BSD_PROCESS_ACCT QUOTA AUDIT SECURITY PRINTK PREEMPT_RT", false);
  lines("PACKET TLS BLK_DEV_LOOP BLK_DEV_RAM", false);
}

const trailer = memory.data(8);
/** Of gzip: magic, method, no flags and no time, made on Unix; and of the only block: that it is the last, and stored. */
const HEAD_BYTES: u32 = 10;
const BLOCK_BYTES: u32 = 5;
const head = memory.data<u8>([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 1, 0, 0, 0, 0]);
const POLYNOMIAL: u32 = 0xedb8_8320;

/** CRC-32 of `count` bytes (RFC 1952, 8). */
function checksum(from: usize, count: u32): u32 {
  let sum: u32 = 0xffff_ffff;
  for (let i: u32 = 0; i < count; i++) {
    sum ^= load<u8>(from + i) as u32;
    for (let bit = 0; bit < 8; bit++) sum = (sum >> 1) ^ ((sum & 1) !== 0 ? POLYNOMIAL : 0);
  }
  return ~sum;
}

/** Writes the file. */
export function config(): void {
  const start = textStart() + textLength();
  bytes(head, HEAD_BYTES + BLOCK_BYTES);
  text("#\n# What programs find on Trihedron, as options of Linux 6.1\n#\n");
  present();
  absent();
  const contents = start + HEAD_BYTES + BLOCK_BYTES;
  const size = (textStart() + textLength() - contents) as u32;
  store<u16>(start + HEAD_BYTES + 1, size as u16);
  store<u16>(start + HEAD_BYTES + 3, ~size as u16);
  store<u32>(trailer, checksum(contents, size));
  store<u32>(trailer + 4, size);
  bytes(trailer, 8);
}
