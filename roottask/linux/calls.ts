// Which system calls there are: one line each.

import * as files from "./files";
import * as identity from "./identity";
import * as mapping from "./memory";
import {
  SYS_access,
  SYS_arch_prctl,
  SYS_brk,
  SYS_chdir,
  SYS_chmod,
  SYS_chown,
  SYS_clock_getres,
  SYS_clock_gettime,
  SYS_clock_nanosleep,
  SYS_clone,
  SYS_clone3,
  SYS_close,
  SYS_close_range,
  SYS_copy_file_range,
  SYS_creat,
  SYS_dup,
  SYS_dup2,
  SYS_dup3,
  SYS_exit,
  SYS_exit_group,
  SYS_faccessat,
  SYS_faccessat2,
  SYS_fadvise64,
  SYS_fchdir,
  SYS_fchmod,
  SYS_fchmodat,
  SYS_fchownat,
  SYS_fcntl,
  SYS_fdatasync,
  SYS_flock,
  SYS_fstat,
  SYS_fstatfs,
  SYS_fsync,
  SYS_ftruncate,
  SYS_futex,
  SYS_getcpu,
  SYS_getcwd,
  SYS_getdents64,
  SYS_getegid,
  SYS_geteuid,
  SYS_getgid,
  SYS_getgroups,
  SYS_getpgid,
  SYS_getpgrp,
  SYS_getpid,
  SYS_getppid,
  SYS_getpriority,
  SYS_getrandom,
  SYS_getresgid,
  SYS_getresuid,
  SYS_getrlimit,
  SYS_getrusage,
  SYS_getsid,
  SYS_gettid,
  SYS_gettimeofday,
  SYS_getuid,
  SYS_ioctl,
  SYS_kill,
  SYS_lchown,
  SYS_link,
  SYS_linkat,
  SYS_lseek,
  SYS_lstat,
  SYS_madvise,
  SYS_mkdir,
  SYS_mkdirat,
  SYS_mknod,
  SYS_mknodat,
  SYS_mlock,
  SYS_mmap,
  SYS_mprotect,
  SYS_mremap,
  SYS_msync,
  SYS_munlock,
  SYS_munmap,
  SYS_nanosleep,
  SYS_newfstatat,
  SYS_open,
  SYS_openat,
  SYS_pause,
  SYS_personality,
  SYS_poll,
  SYS_ppoll,
  SYS_prctl,
  SYS_pread64,
  SYS_preadv,
  SYS_preadv2,
  SYS_prlimit64,
  SYS_pselect6,
  SYS_pwrite64,
  SYS_pwritev,
  SYS_pwritev2,
  SYS_read,
  SYS_readlink,
  SYS_readlinkat,
  SYS_readv,
  SYS_rename,
  SYS_renameat,
  SYS_renameat2,
  SYS_rmdir,
  SYS_rseq,
  SYS_rt_sigaction,
  SYS_rt_sigpending,
  SYS_rt_sigprocmask,
  SYS_rt_sigreturn,
  SYS_rt_sigsuspend,
  SYS_sched_getaffinity,
  SYS_sched_getscheduler,
  SYS_sched_setaffinity,
  SYS_sched_yield,
  SYS_select,
  SYS_sendfile,
  SYS_set_robust_list,
  SYS_set_tid_address,
  SYS_setgid,
  SYS_setpgid,
  SYS_setpriority,
  SYS_setregid,
  SYS_setreuid,
  SYS_setsid,
  SYS_setuid,
  SYS_sigaltstack,
  SYS_stat,
  SYS_statfs,
  SYS_statx,
  SYS_symlink,
  SYS_symlinkat,
  SYS_sync,
  SYS_syncfs,
  SYS_sysinfo,
  SYS_tgkill,
  SYS_time,
  SYS_times,
  SYS_tkill,
  SYS_truncate,
  SYS_umask,
  SYS_uname,
  SYS_unlink,
  SYS_unlinkat,
  SYS_utimensat,
  SYS_wait4,
  SYS_waitid,
  SYS_write,
  SYS_writev,
} from "./numbers";
import * as paths from "./paths";
import * as signals from "./signals";
import { on } from "./table";
import * as threads from "./threads";
import * as time from "./time";

function fileCalls(): void {
  on(SYS_read, files.sysRead);
  on(SYS_write, files.sysWrite);
  on(SYS_close, files.sysClose);
  on(SYS_poll, files.sysPoll);
  on(SYS_lseek, files.sysLseek);
  on(SYS_ioctl, files.sysIoctl);
  on(SYS_pread64, files.sysPread);
  on(SYS_pwrite64, files.sysPwrite);
  on(SYS_readv, files.sysReadv);
  on(SYS_writev, files.sysWritev);
  on(SYS_select, files.sysSelect);
  on(SYS_dup, files.sysDup);
  on(SYS_dup2, files.sysDup2);
  on(SYS_sendfile, files.sysSendfile);
  on(SYS_fcntl, files.sysFcntl);
  on(SYS_flock, files.sysNothing);
  on(SYS_fsync, files.sysNothing);
  on(SYS_fdatasync, files.sysNothing);
  on(SYS_ftruncate, files.sysFtruncate);
  on(SYS_fadvise64, files.sysNothing);
  on(SYS_pselect6, files.sysPselect);
  on(SYS_ppoll, files.sysPpoll);
  on(SYS_dup3, files.sysDup3);
  on(SYS_preadv, files.sysPreadv);
  on(SYS_pwritev, files.sysPwritev);
  on(SYS_syncfs, files.sysNothing);
  on(SYS_copy_file_range, files.sysCopyFileRange);
  on(SYS_preadv2, files.sysPreadv2);
  on(SYS_pwritev2, files.sysPwritev2);
  on(SYS_close_range, files.sysCloseRange);
}

function pathCalls(): void {
  on(SYS_open, paths.sysOpen);
  on(SYS_stat, paths.sysStat);
  on(SYS_fstat, paths.sysFstat);
  on(SYS_lstat, paths.sysLstat);
  on(SYS_access, paths.sysAccess);
  on(SYS_truncate, paths.sysTruncate);
  on(SYS_getcwd, paths.sysGetcwd);
  on(SYS_chdir, paths.sysChdir);
  on(SYS_fchdir, paths.sysFchdir);
  on(SYS_rename, paths.sysRename);
  on(SYS_mkdir, paths.sysMkdir);
  on(SYS_rmdir, paths.sysRmdir);
  on(SYS_creat, paths.sysCreat);
  on(SYS_link, paths.sysLink);
  on(SYS_unlink, paths.sysUnlink);
  on(SYS_symlink, paths.sysSymlink);
  on(SYS_readlink, paths.sysReadlink);
  on(SYS_chmod, paths.sysChmod);
  on(SYS_fchmod, paths.sysFchmod);
  on(SYS_chown, paths.sysChown);
  on(SYS_lchown, paths.sysChown);
  on(SYS_umask, paths.sysUmask);
  on(SYS_mknod, paths.sysNotPermitted);
  on(SYS_statfs, paths.sysStatfs);
  on(SYS_fstatfs, paths.sysFstatfs);
  on(SYS_getdents64, paths.sysGetdents64);
  on(SYS_openat, paths.sysOpenat);
  on(SYS_mkdirat, paths.sysMkdirat);
  on(SYS_mknodat, paths.sysNotPermitted);
  on(SYS_fchownat, paths.sysFchownat);
  on(SYS_newfstatat, paths.sysNewfstatat);
  on(SYS_unlinkat, paths.sysUnlinkat);
  on(SYS_renameat, paths.sysRenameat);
  on(SYS_linkat, paths.sysLinkat);
  on(SYS_symlinkat, paths.sysSymlinkat);
  on(SYS_readlinkat, paths.sysReadlinkat);
  on(SYS_fchmodat, paths.sysFchmodat);
  on(SYS_faccessat, paths.sysFaccessat);
  on(SYS_utimensat, paths.sysUtimensat);
  on(SYS_renameat2, paths.sysRenameat2);
  on(SYS_statx, paths.sysStatx);
  on(SYS_faccessat2, paths.sysFaccessat);
}

function memoryCalls(): void {
  on(SYS_mmap, mapping.sysMmap);
  on(SYS_mprotect, mapping.sysMprotect);
  on(SYS_munmap, mapping.sysMunmap);
  on(SYS_brk, mapping.sysBrk);
  on(SYS_mremap, mapping.sysMremap);
  on(SYS_madvise, mapping.sysMadvise);
  on(SYS_msync, identity.sysZero);
  on(SYS_mlock, identity.sysZero);
  on(SYS_munlock, identity.sysZero);
}

function signalCalls(): void {
  on(SYS_rt_sigaction, signals.sysSigaction);
  on(SYS_rt_sigprocmask, signals.sysSigprocmask);
  on(SYS_rt_sigreturn, signals.sysSigreturn);
  on(SYS_pause, signals.sysSigsuspend);
  on(SYS_kill, signals.sysKill);
  on(SYS_rt_sigpending, signals.sysSigpending);
  on(SYS_rt_sigsuspend, signals.sysSigsuspend);
  on(SYS_sigaltstack, signals.sysSigaltstack);
  on(SYS_tkill, signals.sysTkill);
  on(SYS_tgkill, signals.sysTgkill);
}

function timeCalls(): void {
  on(SYS_nanosleep, time.sysNanosleep);
  on(SYS_gettimeofday, time.sysGettimeofday);
  on(SYS_times, time.sysTimes);
  on(SYS_time, time.sysTime);
  on(SYS_clock_gettime, time.sysClockGettime);
  on(SYS_clock_getres, time.sysClockGetres);
  on(SYS_clock_nanosleep, time.sysClockNanosleep);
}

function identityCalls(): void {
  on(SYS_sched_yield, threads.sysSchedYield);
  on(SYS_clone, threads.sysClone);
  on(SYS_clone3, identity.sysAbsent);
  on(SYS_getpid, identity.sysGetpid);
  on(SYS_exit, threads.sysExit);
  on(SYS_wait4, identity.sysNoChild);
  on(SYS_uname, identity.sysUname);
  on(SYS_getrlimit, identity.sysGetrlimit);
  on(SYS_getrusage, identity.sysGetrusage);
  on(SYS_sysinfo, identity.sysSysinfo);
  on(SYS_getuid, identity.sysZero);
  on(SYS_getgid, identity.sysZero);
  on(SYS_geteuid, identity.sysZero);
  on(SYS_getegid, identity.sysZero);
  on(SYS_setuid, identity.sysBecomeRoot);
  on(SYS_setgid, identity.sysBecomeRoot);
  on(SYS_setpgid, identity.sysZero);
  on(SYS_getppid, identity.sysZero);
  on(SYS_getpgrp, identity.sysGetpid);
  on(SYS_setsid, identity.sysGetpid);
  on(SYS_setreuid, identity.sysBecomeRoot);
  on(SYS_setregid, identity.sysBecomeRoot);
  on(SYS_getgroups, identity.sysZero);
  on(SYS_getresuid, identity.sysGetres);
  on(SYS_getresgid, identity.sysGetres);
  on(SYS_getpgid, identity.sysGetpid);
  on(SYS_getsid, identity.sysGetpid);
  on(SYS_personality, identity.sysZero);
  on(SYS_getpriority, identity.sysGetpriority);
  on(SYS_setpriority, identity.sysZero);
  on(SYS_sched_getscheduler, identity.sysZero);
  on(SYS_prctl, identity.sysPrctl);
  on(SYS_arch_prctl, identity.sysArchPrctl);
  on(SYS_gettid, identity.sysGettid);
  on(SYS_futex, threads.sysFutex);
  on(SYS_sync, identity.sysZero);
  on(SYS_sched_setaffinity, identity.sysZero);
  on(SYS_sched_getaffinity, identity.sysSchedGetaffinity);
  on(SYS_set_tid_address, identity.sysSetTidAddress);
  on(SYS_exit_group, identity.sysExitGroup);
  on(SYS_waitid, identity.sysNoChild);
  on(SYS_set_robust_list, identity.sysZero);
  on(SYS_prlimit64, identity.sysPrlimit);
  on(SYS_getcpu, identity.sysGetcpu);
  on(SYS_getrandom, identity.sysGetrandom);
  on(SYS_rseq, identity.sysAbsent);
}

/** Fills the table. */
export function enterCalls(): void {
  fileCalls();
  pathCalls();
  memoryCalls();
  signalCalls();
  timeCalls();
  identityCalls();
}
