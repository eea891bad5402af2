// How wide the arguments of the system calls are, as the kernel declares them (include/linux/syscalls.h; where a
// function passes a long on as an int, what arrives): an `int` argument uses 32 of a register's bits, whatever the
// others are. What a call gets is narrowed here, before it is made, so that its function sees the values the kernel's
// would. A call that is not listed uses whole registers.

import { Utcb } from "../libhedron/utcb";
import {
  SYS_accept,
  SYS_accept4,
  SYS_access,
  SYS_add_key,
  SYS_alarm,
  SYS_arch_prctl,
  SYS_bind,
  SYS_chmod,
  SYS_chown,
  SYS_clock_adjtime,
  SYS_clock_getres,
  SYS_clock_gettime,
  SYS_clock_nanosleep,
  SYS_clock_settime,
  SYS_close,
  SYS_close_range,
  SYS_connect,
  SYS_copy_file_range,
  SYS_creat,
  SYS_dup,
  SYS_dup2,
  SYS_dup3,
  SYS_epoll_create,
  SYS_epoll_create1,
  SYS_epoll_ctl,
  SYS_epoll_pwait,
  SYS_epoll_pwait2,
  SYS_epoll_wait,
  SYS_eventfd,
  SYS_eventfd2,
  SYS_execveat,
  SYS_exit,
  SYS_exit_group,
  SYS_faccessat,
  SYS_faccessat2,
  SYS_fadvise64,
  SYS_fallocate,
  SYS_fchdir,
  SYS_fchmod,
  SYS_fchmodat,
  SYS_fchown,
  SYS_fchownat,
  SYS_fcntl,
  SYS_fdatasync,
  SYS_fgetxattr,
  SYS_flistxattr,
  SYS_flock,
  SYS_fremovexattr,
  SYS_fsetxattr,
  SYS_fstat,
  SYS_fstatfs,
  SYS_fsync,
  SYS_ftruncate,
  SYS_futex,
  SYS_futex_waitv,
  SYS_futimesat,
  SYS_get_robust_list,
  SYS_getdents,
  SYS_getdents64,
  SYS_getgroups,
  SYS_getitimer,
  SYS_getpeername,
  SYS_getpgid,
  SYS_getpriority,
  SYS_getrandom,
  SYS_getrlimit,
  SYS_getrusage,
  SYS_getsid,
  SYS_getsockname,
  SYS_getsockopt,
  SYS_inotify_add_watch,
  SYS_inotify_init1,
  SYS_inotify_rm_watch,
  SYS_io_setup,
  SYS_ioctl,
  SYS_ioprio_get,
  SYS_ioprio_set,
  SYS_kcmp,
  SYS_keyctl,
  SYS_kill,
  SYS_lchown,
  SYS_linkat,
  SYS_listen,
  SYS_lseek,
  SYS_lsetxattr,
  SYS_madvise,
  SYS_membarrier,
  SYS_memfd_create,
  SYS_mkdir,
  SYS_mkdirat,
  SYS_mknod,
  SYS_mknodat,
  SYS_mlock2,
  SYS_mlockall,
  SYS_mq_getsetattr,
  SYS_mq_notify,
  SYS_mq_open,
  SYS_mq_timedreceive,
  SYS_mq_timedsend,
  SYS_msgctl,
  SYS_msgget,
  SYS_msgrcv,
  SYS_msgsnd,
  SYS_msync,
  SYS_name_to_handle_at,
  SYS_newfstatat,
  SYS_open,
  SYS_open_by_handle_at,
  SYS_openat,
  SYS_openat2,
  SYS_personality,
  SYS_pidfd_getfd,
  SYS_pidfd_open,
  SYS_pidfd_send_signal,
  SYS_pipe2,
  SYS_poll,
  SYS_ppoll,
  SYS_prctl,
  SYS_pread64,
  SYS_preadv,
  SYS_preadv2,
  SYS_prlimit64,
  SYS_process_vm_readv,
  SYS_process_vm_writev,
  SYS_pselect6,
  SYS_pwrite64,
  SYS_pwritev,
  SYS_pwritev2,
  SYS_read,
  SYS_readahead,
  SYS_readlink,
  SYS_readlinkat,
  SYS_readv,
  SYS_reboot,
  SYS_recvfrom,
  SYS_recvmmsg,
  SYS_recvmsg,
  SYS_renameat,
  SYS_renameat2,
  SYS_request_key,
  SYS_rseq,
  SYS_rt_sigaction,
  SYS_rt_sigprocmask,
  SYS_rt_sigqueueinfo,
  SYS_rt_tgsigqueueinfo,
  SYS_sched_get_priority_max,
  SYS_sched_get_priority_min,
  SYS_sched_getaffinity,
  SYS_sched_getattr,
  SYS_sched_getparam,
  SYS_sched_getscheduler,
  SYS_sched_rr_get_interval,
  SYS_sched_setaffinity,
  SYS_sched_setattr,
  SYS_sched_setparam,
  SYS_sched_setscheduler,
  SYS_seccomp,
  SYS_select,
  SYS_semctl,
  SYS_semget,
  SYS_semop,
  SYS_semtimedop,
  SYS_sendfile,
  SYS_sendmmsg,
  SYS_sendmsg,
  SYS_sendto,
  SYS_setdomainname,
  SYS_setfsgid,
  SYS_setfsuid,
  SYS_setgid,
  SYS_setgroups,
  SYS_sethostname,
  SYS_setitimer,
  SYS_setpgid,
  SYS_setpriority,
  SYS_setregid,
  SYS_setresgid,
  SYS_setresuid,
  SYS_setreuid,
  SYS_setrlimit,
  SYS_setsockopt,
  SYS_setuid,
  SYS_setxattr,
  SYS_shmat,
  SYS_shmctl,
  SYS_shmget,
  SYS_shutdown,
  SYS_signalfd,
  SYS_signalfd4,
  SYS_socket,
  SYS_socketpair,
  SYS_splice,
  SYS_statx,
  SYS_symlinkat,
  SYS_sync_file_range,
  SYS_syncfs,
  SYS_sysfs,
  SYS_tee,
  SYS_tgkill,
  SYS_timer_create,
  SYS_timer_delete,
  SYS_timer_getoverrun,
  SYS_timer_gettime,
  SYS_timer_settime,
  SYS_timerfd_create,
  SYS_timerfd_gettime,
  SYS_timerfd_settime,
  SYS_tkill,
  SYS_umask,
  SYS_umount2,
  SYS_unlinkat,
  SYS_ustat,
  SYS_utimensat,
  SYS_vhangup,
  SYS_vmsplice,
  SYS_wait4,
  SYS_waitid,
  SYS_write,
  SYS_writev,
} from "./numbers";

/** Widths of an argument. */
const SIGNED: u32 = 1;
const UNSIGNED: u32 = 2;
const SHORT: u32 = 3;
/** Bits of a width, those of the first argument lowest. */
const WIDTH_BITS: u32 = 2;

const LETTER_I: i32 = 105;
const LETTER_M: i32 = 109;
const LETTER_U: i32 = 117;

/** Widths per call, 0 where all of its arguments are whole registers. */
const widths = memory.data(512 * 2);

/** A letter per argument: `i` int, `u` unsigned int, `m` umode_t (16 bits), `l` a long, a size, a pointer. */
function declare(call: u32, letters: string): void {
  let all: u32 = 0;
  for (let i = 0; i < letters.length; i++) {
    const letter = letters.charCodeAt(i);
    let width: u32 = 0;
    if (letter === LETTER_I) width = SIGNED;
    else if (letter === LETTER_U) width = UNSIGNED;
    else if (letter === LETTER_M) width = SHORT;
    all |= width << ((i as u32) * WIDTH_BITS);
  }
  store<u16>(widths + call * 2, all as u16);
}

/** Widths of the arguments of `call`, which is below 512: 0 where there is nothing to narrow. */
export function widthsOf(call: u32): u32 {
  return load<u16>(widths + call * 2) as u32;
}

function narrowed(value: u64, width: u32): u64 {
  if (width === SIGNED) return value as i32 as i64 as u64;
  if (width === UNSIGNED) return value & 0xffff_ffff;
  return width === SHORT ? value & 0xffff : value;
}

/** Narrows the arguments in `regs` to `all`, the widths of a call. */
export function narrow(regs: Utcb, all: u32): void {
  regs.rdi = narrowed(regs.rdi, all & 3);
  regs.rsi = narrowed(regs.rsi, (all >> 2) & 3);
  regs.rdx = narrowed(regs.rdx, (all >> 4) & 3);
  regs.r10 = narrowed(regs.r10, (all >> 6) & 3);
  regs.r8 = narrowed(regs.r8, (all >> 8) & 3);
  regs.r9 = narrowed(regs.r9, (all >> 10) & 3);
}

/** Declares all calls; comes before the first one. */
export function declareArguments(): void {
  declare(SYS_read, "ull");
  declare(SYS_write, "ull");
  declare(SYS_open, "lim");
  declare(SYS_close, "u");
  declare(SYS_fstat, "ul");
  declare(SYS_poll, "lui");
  declare(SYS_lseek, "ulu");
  declare(SYS_rt_sigaction, "illl");
  declare(SYS_rt_sigprocmask, "illl");
  declare(SYS_ioctl, "uul");
  declare(SYS_pread64, "ulll");
  declare(SYS_pwrite64, "ulll");
  declare(SYS_readv, "ulu");
  declare(SYS_writev, "ulu");
  declare(SYS_access, "li");
  declare(SYS_select, "illll");
  declare(SYS_msync, "lli");
  declare(SYS_madvise, "lli");
  declare(SYS_dup, "u");
  declare(SYS_dup2, "uu");
  declare(SYS_getitimer, "il");
  declare(SYS_alarm, "u");
  declare(SYS_setitimer, "ill");
  declare(SYS_sendfile, "iill");
  declare(SYS_socket, "iii");
  declare(SYS_connect, "ili");
  declare(SYS_accept, "ill");
  declare(SYS_sendto, "illili");
  declare(SYS_recvfrom, "illill");
  declare(SYS_sendmsg, "ilu");
  declare(SYS_recvmsg, "ilu");
  declare(SYS_shutdown, "ii");
  declare(SYS_bind, "ili");
  declare(SYS_listen, "ii");
  declare(SYS_getsockname, "ill");
  declare(SYS_getpeername, "ill");
  declare(SYS_socketpair, "iiil");
  declare(SYS_setsockopt, "iiili");
  declare(SYS_getsockopt, "iiill");
  declare(SYS_exit, "i");
  declare(SYS_wait4, "ilil");
  declare(SYS_kill, "ii");
  declare(SYS_fcntl, "uul");
  declare(SYS_flock, "uu");
  declare(SYS_fsync, "u");
  declare(SYS_fdatasync, "u");
  declare(SYS_ftruncate, "ul");
  declare(SYS_getdents, "ulu");
  declare(SYS_fchdir, "u");
  declare(SYS_umount2, "li");
  declare(SYS_mkdir, "lm");
  declare(SYS_creat, "lm");
  declare(SYS_readlink, "lli");
  declare(SYS_chmod, "lm");
  declare(SYS_fchmod, "um");
  declare(SYS_chown, "luu");
  declare(SYS_fchown, "uuu");
  declare(SYS_lchown, "luu");
  declare(SYS_umask, "i");
  declare(SYS_getrlimit, "ul");
  declare(SYS_getrusage, "il");
  declare(SYS_setuid, "u");
  declare(SYS_setgid, "u");
  declare(SYS_setpgid, "ii");
  declare(SYS_setreuid, "uu");
  declare(SYS_setregid, "uu");
  declare(SYS_getgroups, "il");
  declare(SYS_setgroups, "il");
  declare(SYS_setresuid, "uuu");
  declare(SYS_setresgid, "uuu");
  declare(SYS_getpgid, "i");
  declare(SYS_setfsuid, "u");
  declare(SYS_setfsgid, "u");
  declare(SYS_getsid, "i");
  declare(SYS_rt_sigqueueinfo, "iil");
  declare(SYS_mknod, "lmu");
  declare(SYS_personality, "u");
  declare(SYS_fstatfs, "ul");
  declare(SYS_getpriority, "ii");
  declare(SYS_ioprio_get, "ii");
  declare(SYS_ioprio_set, "iii");
  declare(SYS_setpriority, "iii");
  declare(SYS_sched_setparam, "il");
  declare(SYS_sched_getparam, "il");
  declare(SYS_sched_setscheduler, "iil");
  declare(SYS_sched_getscheduler, "i");
  declare(SYS_sched_get_priority_max, "i");
  declare(SYS_sched_get_priority_min, "i");
  declare(SYS_sched_rr_get_interval, "il");
  declare(SYS_mlockall, "i");
  declare(SYS_prctl, "illll");
  declare(SYS_arch_prctl, "il");
  declare(SYS_setrlimit, "ul");
  declare(SYS_tkill, "ii");
  declare(SYS_setxattr, "lllli");
  declare(SYS_lsetxattr, "lllli");
  declare(SYS_fsetxattr, "illli");
  declare(SYS_fgetxattr, "illl");
  declare(SYS_flistxattr, "ill");
  declare(SYS_fremovexattr, "il");
  declare(SYS_futex, "liullu");
  declare(SYS_futex_waitv, "luuli");
  declare(SYS_sched_setaffinity, "iul");
  declare(SYS_sched_getaffinity, "iul");
  declare(SYS_epoll_create, "i");
  declare(SYS_getdents64, "ulu");
  declare(SYS_fadvise64, "illi");
  declare(SYS_timer_create, "ill");
  declare(SYS_timer_settime, "iill");
  declare(SYS_timer_gettime, "il");
  declare(SYS_timer_getoverrun, "i");
  declare(SYS_timer_delete, "i");
  declare(SYS_clock_settime, "il");
  declare(SYS_clock_gettime, "il");
  declare(SYS_clock_getres, "il");
  declare(SYS_clock_nanosleep, "iill");
  declare(SYS_exit_group, "i");
  declare(SYS_epoll_wait, "ilii");
  declare(SYS_epoll_ctl, "iiil");
  declare(SYS_tgkill, "iii");
  declare(SYS_waitid, "iilil");
  declare(SYS_inotify_add_watch, "ilu");
  declare(SYS_inotify_rm_watch, "ii");
  declare(SYS_openat, "ilim");
  declare(SYS_openat2, "illl");
  declare(SYS_mkdirat, "ilm");
  declare(SYS_mknodat, "ilmu");
  declare(SYS_fchownat, "iluui");
  declare(SYS_newfstatat, "illi");
  declare(SYS_unlinkat, "ili");
  declare(SYS_renameat, "ilil");
  declare(SYS_linkat, "ilili");
  declare(SYS_symlinkat, "lil");
  declare(SYS_readlinkat, "illi");
  declare(SYS_fchmodat, "ilm");
  declare(SYS_faccessat, "ili");
  declare(SYS_pselect6, "illlll");
  declare(SYS_ppoll, "lulll");
  declare(SYS_splice, "ilillu");
  declare(SYS_tee, "iilu");
  declare(SYS_vmsplice, "iluu");
  declare(SYS_utimensat, "illi");
  declare(SYS_epoll_pwait, "iliill");
  declare(SYS_signalfd, "ill");
  declare(SYS_timerfd_create, "ii");
  declare(SYS_eventfd, "u");
  declare(SYS_fallocate, "iill");
  declare(SYS_timerfd_settime, "iill");
  declare(SYS_timerfd_gettime, "il");
  declare(SYS_accept4, "illi");
  declare(SYS_signalfd4, "illi");
  declare(SYS_eventfd2, "ui");
  declare(SYS_epoll_create1, "i");
  declare(SYS_dup3, "uui");
  declare(SYS_pipe2, "li");
  declare(SYS_inotify_init1, "i");
  declare(SYS_preadv, "ulull");
  declare(SYS_pwritev, "ulull");
  declare(SYS_rt_tgsigqueueinfo, "iiil");
  declare(SYS_get_robust_list, "ill");
  declare(SYS_sched_setattr, "ilu");
  declare(SYS_sched_getattr, "iluu");
  declare(SYS_sendmmsg, "ilui");
  declare(SYS_recvmmsg, "iluil");
  declare(SYS_prlimit64, "iull");
  declare(SYS_process_vm_readv, "ilulll");
  declare(SYS_process_vm_writev, "ilulll");
  declare(SYS_kcmp, "iiill");
  declare(SYS_syncfs, "i");
  declare(SYS_renameat2, "ililu");
  declare(SYS_getrandom, "llu");
  declare(SYS_seccomp, "uul");
  declare(SYS_memfd_create, "lu");
  declare(SYS_execveat, "illli");
  declare(SYS_membarrier, "iui");
  declare(SYS_mlock2, "lli");
  declare(SYS_copy_file_range, "ilillu");
  declare(SYS_preadv2, "ululli");
  declare(SYS_pwritev2, "ululli");
  declare(SYS_statx, "iluul");
  declare(SYS_rseq, "luiu");
  declare(SYS_pidfd_send_signal, "iilu");
  declare(SYS_pidfd_open, "iu");
  declare(SYS_pidfd_getfd, "iiu");
  declare(SYS_close_range, "uuu");
  declare(SYS_faccessat2, "ilii");
  declare(SYS_epoll_pwait2, "ililll");
  declare(SYS_shmget, "ili");
  declare(SYS_shmat, "ili");
  declare(SYS_shmctl, "iil");
  declare(SYS_semget, "iii");
  declare(SYS_semop, "ilu");
  declare(SYS_semctl, "iiil");
  declare(SYS_msgget, "ii");
  declare(SYS_msgsnd, "illi");
  declare(SYS_msgrcv, "illli");
  declare(SYS_msgctl, "iil");
  declare(SYS_semtimedop, "ilul");
  declare(SYS_mq_open, "liml");
  declare(SYS_mq_timedsend, "illul");
  declare(SYS_mq_timedreceive, "illll");
  declare(SYS_mq_notify, "il");
  declare(SYS_mq_getsetattr, "ill");
  declare(SYS_futimesat, "ill");
  declare(SYS_readahead, "ill");
  declare(SYS_sync_file_range, "illu");
  declare(SYS_sethostname, "li");
  declare(SYS_setdomainname, "li");
  declare(SYS_clock_adjtime, "il");
  declare(SYS_name_to_handle_at, "illli");
  declare(SYS_open_by_handle_at, "ili");
  declare(SYS_sysfs, "ill");
  declare(SYS_ustat, "ul");
  declare(SYS_add_key, "lllli");
  declare(SYS_request_key, "llli");
  declare(SYS_keyctl, "illll");
  declare(SYS_io_setup, "ul");
  declare(SYS_reboot, "iiul");
  declare(SYS_vhangup, "");
}
