// Which system calls there are: one line each, which also says whether a call works on its program or on
// the thread that makes it.

import * as asynchronous from "./aio/calls";
import * as alternate from "./alternate_stack";
import { declareArguments } from "./arguments";
import * as attributes from "./attributes";
import * as children from "./children";
import * as clone from "./clone";
import * as credentials from "./credentials";
import * as descriptors from "./descriptors";
import * as directories from "./directories";
import * as epoll from "./epoll";
import * as events from "./event_descriptors";
import * as exec from "./exec";
import * as extended from "./extended_attributes";
import * as fileHandles from "./file_handles";
import * as fileSystems from "./file_systems";
import * as fileTimes from "./file_times";
import * as futexWaitv from "./futex_waitv";
import * as groups from "./groups";
import * as hostNames from "./host_names";
import * as identity from "./identity";
import * as inotify from "./inotify";
import * as intervals from "./interval_timers";
import * as ioPriority from "./io_priority";
import * as segments from "./ipc/memory";
import * as messages from "./ipc/message_calls";
import * as notifications from "./ipc/posix_notify";
import * as posixQueues from "./ipc/posix_queue_calls";
import * as semaphores from "./ipc/semaphore_calls";
import * as kcmp from "./kcmp";
import * as keyCalls from "./keys/calls";
import * as keyControl from "./keys/control";
import * as limits from "./limits";
import * as locks from "./locks";
import * as madvise from "./madvise";
import * as membarrier from "./membarrier";
import * as mapping from "./memory";
import * as memoryLocks from "./memory_locks";
import * as mounts from "./mounts";
import * as mremap from "./mremap";
import * as setns from "./namespaces/setns";
import {
  SYS_accept,
  SYS_accept4,
  SYS_access,
  SYS_add_key,
  SYS_adjtimex,
  SYS_alarm,
  SYS_arch_prctl,
  SYS_bind,
  SYS_brk,
  SYS_capget,
  SYS_capset,
  SYS_chdir,
  SYS_chmod,
  SYS_chown,
  SYS_chroot,
  SYS_clock_adjtime,
  SYS_clock_getres,
  SYS_clock_gettime,
  SYS_clock_nanosleep,
  SYS_clock_settime,
  SYS_clone,
  SYS_clone3,
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
  SYS_execve,
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
  SYS_fork,
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
  SYS_getcpu,
  SYS_getcwd,
  SYS_getdents,
  SYS_getdents64,
  SYS_getegid,
  SYS_geteuid,
  SYS_getgid,
  SYS_getgroups,
  SYS_getitimer,
  SYS_getpeername,
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
  SYS_getsockname,
  SYS_getsockopt,
  SYS_gettid,
  SYS_gettimeofday,
  SYS_getuid,
  SYS_getxattr,
  SYS_inotify_add_watch,
  SYS_inotify_init,
  SYS_inotify_init1,
  SYS_inotify_rm_watch,
  SYS_io_cancel,
  SYS_io_destroy,
  SYS_io_getevents,
  SYS_io_pgetevents,
  SYS_io_setup,
  SYS_io_submit,
  SYS_ioctl,
  SYS_ioprio_get,
  SYS_ioprio_set,
  SYS_kcmp,
  SYS_keyctl,
  SYS_kill,
  SYS_lchown,
  SYS_lgetxattr,
  SYS_link,
  SYS_linkat,
  SYS_listen,
  SYS_listxattr,
  SYS_llistxattr,
  SYS_lremovexattr,
  SYS_lseek,
  SYS_lsetxattr,
  SYS_lstat,
  SYS_madvise,
  SYS_membarrier,
  SYS_memfd_create,
  SYS_mincore,
  SYS_mkdir,
  SYS_mkdirat,
  SYS_mknod,
  SYS_mknodat,
  SYS_mlock,
  SYS_mlock2,
  SYS_mlockall,
  SYS_mmap,
  SYS_mount,
  SYS_mprotect,
  SYS_mq_getsetattr,
  SYS_mq_notify,
  SYS_mq_open,
  SYS_mq_timedreceive,
  SYS_mq_timedsend,
  SYS_mq_unlink,
  SYS_mremap,
  SYS_msgctl,
  SYS_msgget,
  SYS_msgrcv,
  SYS_msgsnd,
  SYS_msync,
  SYS_munlock,
  SYS_munlockall,
  SYS_munmap,
  SYS_name_to_handle_at,
  SYS_nanosleep,
  SYS_newfstatat,
  SYS_open,
  SYS_open_by_handle_at,
  SYS_openat,
  SYS_openat2,
  SYS_pause,
  SYS_personality,
  SYS_pidfd_getfd,
  SYS_pidfd_open,
  SYS_pidfd_send_signal,
  SYS_pipe,
  SYS_pipe2,
  SYS_pivot_root,
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
  SYS_ptrace,
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
  SYS_remap_file_pages,
  SYS_removexattr,
  SYS_rename,
  SYS_renameat,
  SYS_renameat2,
  SYS_request_key,
  SYS_restart_syscall,
  SYS_rmdir,
  SYS_rseq,
  SYS_rt_sigaction,
  SYS_rt_sigpending,
  SYS_rt_sigprocmask,
  SYS_rt_sigqueueinfo,
  SYS_rt_sigreturn,
  SYS_rt_sigsuspend,
  SYS_rt_sigtimedwait,
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
  SYS_sched_yield,
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
  SYS_set_robust_list,
  SYS_set_tid_address,
  SYS_setdomainname,
  SYS_setfsgid,
  SYS_setfsuid,
  SYS_setgid,
  SYS_setgroups,
  SYS_sethostname,
  SYS_setitimer,
  SYS_setns,
  SYS_setpgid,
  SYS_setpriority,
  SYS_setregid,
  SYS_setresgid,
  SYS_setresuid,
  SYS_setreuid,
  SYS_setrlimit,
  SYS_setsid,
  SYS_setsockopt,
  SYS_settimeofday,
  SYS_setuid,
  SYS_setxattr,
  SYS_shmat,
  SYS_shmctl,
  SYS_shmdt,
  SYS_shmget,
  SYS_shutdown,
  SYS_sigaltstack,
  SYS_signalfd,
  SYS_signalfd4,
  SYS_socket,
  SYS_socketpair,
  SYS_splice,
  SYS_stat,
  SYS_statfs,
  SYS_statx,
  SYS_symlink,
  SYS_symlinkat,
  SYS_sync,
  SYS_sync_file_range,
  SYS_syncfs,
  SYS_sysfs,
  SYS_sysinfo,
  SYS_tee,
  SYS_tgkill,
  SYS_time,
  SYS_timer_create,
  SYS_timer_delete,
  SYS_timer_getoverrun,
  SYS_timer_gettime,
  SYS_timer_settime,
  SYS_timerfd_create,
  SYS_timerfd_gettime,
  SYS_timerfd_settime,
  SYS_times,
  SYS_tkill,
  SYS_truncate,
  SYS_umask,
  SYS_umount2,
  SYS_uname,
  SYS_unlink,
  SYS_unlinkat,
  SYS_unshare,
  SYS_ustat,
  SYS_utime,
  SYS_utimensat,
  SYS_utimes,
  SYS_vfork,
  SYS_vhangup,
  SYS_vmsplice,
  SYS_wait4,
  SYS_waitid,
  SYS_write,
  SYS_writev,
} from "./numbers";
import * as openat2 from "./openat2";
import * as paths from "./paths";
import * as pidfd from "./pidfd";
import * as pipe from "./pipe";
import * as poll from "./poll";
import * as timers from "./posix_timers";
import * as prctl from "./prctl";
import * as processMemory from "./process_vm";
import * as requests from "./ptrace/requests";
import * as reboot from "./reboot";
import * as remapFilePages from "./remap_file_pages";
import * as restart from "./restart";
import * as robust from "./robust";
import * as scheduling from "./scheduling";
import * as seccomp from "./seccomp/calls";
import * as setClock from "./set_clock";
import * as signalCalls from "./signal_calls";
import * as signalFiles from "./signalfd";
import * as signals from "./signals";
import * as socketHeaders from "./socket_headers";
import * as socketOptions from "./socket_options";
import * as sockets from "./sockets";
import * as splice from "./splice";
import { onProgram, onThread } from "./table";
import * as threads from "./threads";
import * as time from "./time";
import * as transfer from "./transfer";
import * as unshare from "./unshare";
import * as usage from "./usage";
import * as vhangup from "./vhangup";

function fileCalls(): void {
  onThread(SYS_read, transfer.sysRead);
  onThread(SYS_write, transfer.sysWrite);
  onProgram(SYS_close, descriptors.sysClose);
  onThread(SYS_poll, poll.sysPoll);
  onProgram(SYS_lseek, descriptors.sysLseek);
  onThread(SYS_ioctl, descriptors.sysIoctl);
  onThread(SYS_pread64, transfer.sysPread);
  onThread(SYS_pwrite64, transfer.sysPwrite);
  onThread(SYS_readv, transfer.sysReadv);
  onThread(SYS_writev, transfer.sysWritev);
  onThread(SYS_select, poll.sysSelect);
  onProgram(SYS_dup, descriptors.sysDup);
  onProgram(SYS_dup2, descriptors.sysDup2);
  onThread(SYS_sendfile, transfer.sysSendfile);
  onThread(SYS_fcntl, descriptors.sysFcntl);
  onThread(SYS_flock, locks.sysFlock);
  onThread(SYS_fallocate, descriptors.sysFallocate);
  onThread(SYS_fsync, descriptors.sysFsync);
  onThread(SYS_fdatasync, descriptors.sysFsync);
  onThread(SYS_ftruncate, descriptors.sysFtruncate);
  onProgram(SYS_fadvise64, descriptors.sysFadvise);
  onProgram(SYS_readahead, descriptors.sysReadahead);
  onProgram(SYS_sync_file_range, descriptors.sysSyncFileRange);
  onThread(SYS_pselect6, poll.sysPselect);
  onThread(SYS_ppoll, poll.sysPpoll);
  onProgram(SYS_dup3, descriptors.sysDup3);
  onThread(SYS_preadv, transfer.sysPreadv);
  onThread(SYS_pwritev, transfer.sysPwritev);
  onProgram(SYS_syncfs, descriptors.sysSyncfs);
  onThread(SYS_memfd_create, paths.sysMemfdCreate);
  onThread(SYS_copy_file_range, transfer.sysCopyFileRange);
  onThread(SYS_preadv2, transfer.sysPreadv2);
  onThread(SYS_pwritev2, transfer.sysPwritev2);
  onThread(SYS_close_range, descriptors.sysCloseRange);
}

function eventCalls(): void {
  onProgram(SYS_pipe, pipe.sysPipe);
  onProgram(SYS_epoll_create, epoll.sysEpollCreate);
  onThread(SYS_epoll_wait, epoll.sysEpollWait);
  onProgram(SYS_epoll_ctl, epoll.sysEpollCtl);
  onThread(SYS_epoll_pwait, epoll.sysEpollPwait);
  onThread(SYS_splice, splice.sysSplice);
  onThread(SYS_tee, splice.sysTee);
  onThread(SYS_vmsplice, splice.sysVmsplice);
  onProgram(SYS_signalfd, signalFiles.sysSignalfd);
  onProgram(SYS_signalfd4, signalFiles.sysSignalfd4);
  onProgram(SYS_timerfd_create, events.sysTimerfdCreate);
  onProgram(SYS_eventfd, events.sysEventfd);
  onProgram(SYS_timerfd_settime, events.sysTimerfdSettime);
  onProgram(SYS_timerfd_gettime, events.sysTimerfdGettime);
  onProgram(SYS_eventfd2, events.sysEventfd2);
  onProgram(SYS_epoll_create1, epoll.sysEpollCreate1);
  onProgram(SYS_pipe2, pipe.sysPipe2);
  onProgram(SYS_inotify_init, inotify.sysInotifyInit);
  onProgram(SYS_inotify_add_watch, inotify.sysInotifyAddWatch);
  onProgram(SYS_inotify_rm_watch, inotify.sysInotifyRmWatch);
  onProgram(SYS_inotify_init1, inotify.sysInotifyInit1);
  onThread(SYS_epoll_pwait2, epoll.sysEpollPwait2);
}

function asynchronousCalls(): void {
  onProgram(SYS_io_setup, asynchronous.sysIoSetup);
  onProgram(SYS_io_destroy, asynchronous.sysIoDestroy);
  onThread(SYS_io_getevents, asynchronous.sysIoGetevents);
  onThread(SYS_io_submit, asynchronous.sysIoSubmit);
  onProgram(SYS_io_cancel, asynchronous.sysIoCancel);
  onThread(SYS_io_pgetevents, asynchronous.sysIoPgetevents);
}

function socketCalls(): void {
  onProgram(SYS_socket, sockets.sysSocket);
  onProgram(SYS_socketpair, sockets.sysSocketpair);
  onThread(SYS_bind, sockets.sysBind);
  onThread(SYS_listen, sockets.sysListen);
  onThread(SYS_accept, sockets.sysAccept);
  onThread(SYS_accept4, sockets.sysAccept4);
  onThread(SYS_connect, sockets.sysConnect);
  onThread(SYS_getsockname, sockets.sysGetsockname);
  onThread(SYS_getpeername, sockets.sysGetpeername);
  onThread(SYS_shutdown, sockets.sysShutdown);
  onThread(SYS_sendto, sockets.sysSendto);
  onThread(SYS_recvfrom, sockets.sysRecvfrom);
  onThread(SYS_sendmsg, socketHeaders.sysSendmsg);
  onThread(SYS_recvmsg, socketHeaders.sysRecvmsg);
  onThread(SYS_sendmmsg, socketHeaders.sysSendmmsg);
  onThread(SYS_recvmmsg, socketHeaders.sysRecvmmsg);
  onThread(SYS_getsockopt, socketOptions.sysGetsockopt);
  onThread(SYS_setsockopt, socketOptions.sysSetsockopt);
}

function pathCalls(): void {
  onThread(SYS_open, paths.sysOpen);
  onProgram(SYS_stat, attributes.sysStat);
  onProgram(SYS_fstat, attributes.sysFstat);
  onProgram(SYS_lstat, attributes.sysLstat);
  onThread(SYS_access, attributes.sysAccess);
  onThread(SYS_truncate, attributes.sysTruncate);
  onProgram(SYS_getcwd, directories.sysGetcwd);
  onProgram(SYS_chdir, directories.sysChdir);
  onProgram(SYS_fchdir, directories.sysFchdir);
  onProgram(SYS_chroot, directories.sysChroot);
  onProgram(SYS_mount, mounts.sysMount);
  onProgram(SYS_umount2, mounts.sysUmount2);
  onProgram(SYS_pivot_root, mounts.sysPivotRoot);
  onProgram(SYS_rename, paths.sysRename);
  onProgram(SYS_mkdir, paths.sysMkdir);
  onProgram(SYS_rmdir, paths.sysRmdir);
  onThread(SYS_creat, paths.sysCreat);
  onProgram(SYS_link, paths.sysLink);
  onProgram(SYS_unlink, paths.sysUnlink);
  onProgram(SYS_symlink, paths.sysSymlink);
  onProgram(SYS_readlink, paths.sysReadlink);
  onProgram(SYS_chmod, attributes.sysChmod);
  onProgram(SYS_fchmod, attributes.sysFchmod);
  onProgram(SYS_chown, attributes.sysChown);
  onProgram(SYS_fchown, attributes.sysFchown);
  onProgram(SYS_lchown, attributes.sysLchown);
  onProgram(SYS_umask, attributes.sysUmask);
  onProgram(SYS_mknod, paths.sysMknod);
  onProgram(SYS_statfs, attributes.sysStatfs);
  onProgram(SYS_fstatfs, attributes.sysFstatfs);
  onProgram(SYS_getdents64, directories.sysGetdents64);
  onThread(SYS_openat, paths.sysOpenat);
  onThread(SYS_openat2, openat2.sysOpenat2);
  onProgram(SYS_mkdirat, paths.sysMkdirat);
  onProgram(SYS_mknodat, paths.sysMknodat);
  onProgram(SYS_fchownat, attributes.sysFchownat);
  onProgram(SYS_newfstatat, attributes.sysNewfstatat);
  onProgram(SYS_unlinkat, paths.sysUnlinkat);
  onProgram(SYS_renameat, paths.sysRenameat);
  onProgram(SYS_linkat, paths.sysLinkat);
  onProgram(SYS_symlinkat, paths.sysSymlinkat);
  onProgram(SYS_readlinkat, paths.sysReadlinkat);
  onProgram(SYS_fchmodat, attributes.sysFchmodat);
  onThread(SYS_faccessat, attributes.sysFaccessat);
  onProgram(SYS_utime, fileTimes.sysUtime);
  onProgram(SYS_getdents, directories.sysGetdents);
  onProgram(SYS_utimes, fileTimes.sysUtimes);
  onProgram(SYS_futimesat, fileTimes.sysFutimesat);
  onProgram(SYS_utimensat, fileTimes.sysUtimensat);
  onProgram(SYS_renameat2, paths.sysRenameat2);
  onProgram(SYS_statx, attributes.sysStatx);
  onThread(SYS_faccessat2, attributes.sysFaccessat2);
  onProgram(SYS_name_to_handle_at, fileHandles.sysNameToHandleAt);
  onThread(SYS_open_by_handle_at, fileHandles.sysOpenByHandleAt);
  onProgram(SYS_sysfs, fileSystems.sysSysfs);
  onProgram(SYS_ustat, fileSystems.sysUstat);
}

function extendedAttributeCalls(): void {
  onProgram(SYS_setxattr, extended.sysSetxattr);
  onProgram(SYS_lsetxattr, extended.sysLsetxattr);
  onProgram(SYS_fsetxattr, extended.sysFsetxattr);
  onProgram(SYS_getxattr, extended.sysGetxattr);
  onProgram(SYS_lgetxattr, extended.sysLgetxattr);
  onProgram(SYS_fgetxattr, extended.sysFgetxattr);
  onProgram(SYS_listxattr, extended.sysListxattr);
  onProgram(SYS_llistxattr, extended.sysLlistxattr);
  onProgram(SYS_flistxattr, extended.sysFlistxattr);
  onProgram(SYS_removexattr, extended.sysRemovexattr);
  onProgram(SYS_lremovexattr, extended.sysLremovexattr);
  onProgram(SYS_fremovexattr, extended.sysFremovexattr);
}

function memoryCalls(): void {
  onProgram(SYS_mmap, mapping.sysMmap);
  onProgram(SYS_mprotect, mapping.sysMprotect);
  onProgram(SYS_munmap, mapping.sysMunmap);
  onProgram(SYS_brk, mapping.sysBrk);
  onProgram(SYS_mincore, mapping.sysMincore);
  onProgram(SYS_mremap, mremap.sysMremap);
  onProgram(SYS_remap_file_pages, remapFilePages.sysRemapFilePages);
  onProgram(SYS_madvise, madvise.sysMadvise);
  onProgram(SYS_msync, mapping.sysMsync);
  onProgram(SYS_mlock, memoryLocks.sysMlock);
  onProgram(SYS_munlock, memoryLocks.sysMunlock);
  onProgram(SYS_mlockall, memoryLocks.sysMlockall);
  onProgram(SYS_munlockall, memoryLocks.sysMunlockall);
  onThread(SYS_process_vm_readv, processMemory.sysProcessVmReadv);
  onThread(SYS_process_vm_writev, processMemory.sysProcessVmWritev);
  onProgram(SYS_membarrier, membarrier.sysMembarrier);
  onProgram(SYS_mlock2, memoryLocks.sysMlock2);
}

function ipcCalls(): void {
  onProgram(SYS_shmget, segments.sysShmget);
  onProgram(SYS_shmat, segments.sysShmat);
  onProgram(SYS_shmctl, segments.sysShmctl);
  onProgram(SYS_semget, semaphores.sysSemget);
  onThread(SYS_semop, semaphores.sysSemop);
  onProgram(SYS_semctl, semaphores.sysSemctl);
  onProgram(SYS_shmdt, segments.sysShmdt);
  onProgram(SYS_msgget, messages.sysMsgget);
  onThread(SYS_msgsnd, messages.sysMsgsnd);
  onThread(SYS_msgrcv, messages.sysMsgrcv);
  onProgram(SYS_msgctl, messages.sysMsgctl);
  onThread(SYS_semtimedop, semaphores.sysSemtimedop);
  onThread(SYS_mq_open, posixQueues.sysMqOpen);
  onProgram(SYS_mq_unlink, posixQueues.sysMqUnlink);
  onThread(SYS_mq_timedsend, posixQueues.sysMqTimedsend);
  onThread(SYS_mq_timedreceive, posixQueues.sysMqTimedreceive);
  onProgram(SYS_mq_notify, notifications.sysMqNotify);
  onProgram(SYS_mq_getsetattr, posixQueues.sysMqGetsetattr);
}

function keyCallTable(): void {
  onThread(SYS_add_key, keyCalls.sysAddKey);
  onThread(SYS_request_key, keyCalls.sysRequestKey);
  onThread(SYS_keyctl, keyControl.sysKeyctl);
}

function signalTable(): void {
  onProgram(SYS_rt_sigaction, signals.sysSigaction);
  onThread(SYS_rt_sigprocmask, signals.sysSigprocmask);
  onThread(SYS_rt_sigreturn, signals.sysSigreturn);
  onThread(SYS_pause, signalCalls.sysPause);
  onThread(SYS_kill, signalCalls.sysKill);
  onThread(SYS_rt_sigpending, signals.sysSigpending);
  onThread(SYS_rt_sigsuspend, signalCalls.sysSigsuspend);
  onThread(SYS_sigaltstack, alternate.sysSigaltstack);
  onThread(SYS_tkill, signalCalls.sysTkill);
  onThread(SYS_tgkill, signalCalls.sysTgkill);
  onThread(SYS_rt_sigqueueinfo, signalCalls.sysSigqueueinfo);
  onThread(SYS_rt_tgsigqueueinfo, signalCalls.sysTgsigqueueinfo);
  onThread(SYS_rt_sigtimedwait, signalCalls.sysSigtimedwait);
}

function timerCalls(): void {
  onProgram(SYS_getitimer, intervals.sysGetitimer);
  onProgram(SYS_alarm, intervals.sysAlarm);
  onProgram(SYS_setitimer, intervals.sysSetitimer);
  onThread(SYS_timer_create, timers.sysTimerCreate);
  onProgram(SYS_timer_settime, timers.sysTimerSettime);
  onProgram(SYS_timer_gettime, timers.sysTimerGettime);
  onProgram(SYS_timer_getoverrun, timers.sysTimerGetoverrun);
  onProgram(SYS_timer_delete, timers.sysTimerDelete);
}

function timeCalls(): void {
  onThread(SYS_nanosleep, time.sysNanosleep);
  onProgram(SYS_gettimeofday, time.sysGettimeofday);
  onProgram(SYS_times, usage.sysTimes);
  onProgram(SYS_time, time.sysTime);
  onProgram(SYS_settimeofday, setClock.sysSettimeofday);
  onProgram(SYS_adjtimex, setClock.sysAdjtimex);
  onThread(SYS_clock_settime, setClock.sysClockSettime);
  onProgram(SYS_clock_adjtime, setClock.sysClockAdjtime);
  onThread(SYS_clock_gettime, time.sysClockGettime);
  onThread(SYS_clock_getres, time.sysClockGetres);
  onThread(SYS_clock_nanosleep, time.sysClockNanosleep);
}

function identityCalls(): void {
  onThread(SYS_sched_yield, threads.sysSchedYield);
  onThread(SYS_clone, clone.sysClone);
  onThread(SYS_clone3, clone.sysClone3);
  onProgram(SYS_getpid, identity.sysGetpid);
  onThread(SYS_exit, threads.sysExit);
  onThread(SYS_fork, clone.sysFork);
  onThread(SYS_vfork, clone.sysVfork);
  onThread(SYS_unshare, unshare.sysUnshare);
  onThread(SYS_setns, setns.sysSetns);
  onThread(SYS_kcmp, kcmp.sysKcmp);
  onProgram(SYS_pidfd_open, pidfd.sysPidfdOpen);
  onThread(SYS_pidfd_send_signal, pidfd.sysPidfdSendSignal);
  onThread(SYS_pidfd_getfd, pidfd.sysPidfdGetfd);
  onThread(SYS_execve, exec.sysExecve);
  onThread(SYS_execveat, exec.sysExecveat);
  onThread(SYS_wait4, children.sysWait4);
  onProgram(SYS_uname, identity.sysUname);
  onThread(SYS_reboot, reboot.sysReboot);
  onProgram(SYS_vhangup, vhangup.sysVhangup);
  onProgram(SYS_sethostname, hostNames.sysSethostname);
  onProgram(SYS_setdomainname, hostNames.sysSetdomainname);
  onProgram(SYS_getrlimit, limits.sysGetrlimit);
  onThread(SYS_getrusage, usage.sysGetrusage);
  onProgram(SYS_sysinfo, identity.sysSysinfo);
  onThread(SYS_getuid, credentials.sysGetuid);
  onThread(SYS_getgid, credentials.sysGetgid);
  onThread(SYS_geteuid, credentials.sysGeteuid);
  onThread(SYS_getegid, credentials.sysGetegid);
  onThread(SYS_setuid, credentials.sysSetuid);
  onThread(SYS_setgid, credentials.sysSetgid);
  onProgram(SYS_setpgid, groups.sysSetpgid);
  onProgram(SYS_getppid, groups.sysGetppid);
  onProgram(SYS_getpgrp, groups.sysGetpgrp);
  onProgram(SYS_setsid, groups.sysSetsid);
  onThread(SYS_setreuid, credentials.sysSetreuid);
  onThread(SYS_setregid, credentials.sysSetregid);
  onThread(SYS_getgroups, credentials.sysGetgroups);
  onThread(SYS_setgroups, credentials.sysSetgroups);
  onThread(SYS_setresuid, credentials.sysSetresuid);
  onThread(SYS_setresgid, credentials.sysSetresgid);
  onThread(SYS_setfsuid, credentials.sysSetfsuid);
  onThread(SYS_setfsgid, credentials.sysSetfsgid);
  onThread(SYS_capget, credentials.sysCapget);
  onThread(SYS_capset, credentials.sysCapset);
  onThread(SYS_getresuid, credentials.sysGetresuid);
  onThread(SYS_getresgid, credentials.sysGetresgid);
  onProgram(SYS_getpgid, groups.sysGetpgid);
  onProgram(SYS_getsid, groups.sysGetsid);
  onThread(SYS_personality, scheduling.sysPersonality);
  onThread(SYS_getpriority, scheduling.sysGetpriority);
  onThread(SYS_ioprio_get, ioPriority.sysIoprioGet);
  onThread(SYS_ioprio_set, ioPriority.sysIoprioSet);
  onThread(SYS_setpriority, scheduling.sysSetpriority);
  onThread(SYS_sched_setparam, scheduling.sysSchedSetparam);
  onThread(SYS_sched_getparam, scheduling.sysSchedGetparam);
  onThread(SYS_sched_setscheduler, scheduling.sysSchedSetscheduler);
  onProgram(SYS_sched_get_priority_max, scheduling.sysSchedGetPriorityMax);
  onProgram(SYS_sched_get_priority_min, scheduling.sysSchedGetPriorityMin);
  onThread(SYS_sched_rr_get_interval, scheduling.sysSchedRrGetInterval);
  onThread(SYS_sched_setattr, scheduling.sysSchedSetattr);
  onThread(SYS_sched_getattr, scheduling.sysSchedGetattr);
  onThread(SYS_get_robust_list, robust.sysGetRobustList);
  onThread(SYS_sched_getscheduler, scheduling.sysSchedGetscheduler);
  onThread(SYS_prctl, prctl.sysPrctl);
  onThread(SYS_arch_prctl, identity.sysArchPrctl);
  onThread(SYS_gettid, identity.sysGettid);
  onThread(SYS_futex, threads.sysFutex);
  onThread(SYS_sync, descriptors.sysSync);
  onThread(SYS_futex_waitv, futexWaitv.sysFutexWaitv);
  onThread(SYS_sched_setaffinity, scheduling.sysSchedSetaffinity);
  onThread(SYS_sched_getaffinity, scheduling.sysSchedGetaffinity);
  onThread(SYS_set_tid_address, identity.sysSetTidAddress);
  onThread(SYS_exit_group, identity.sysExitGroup);
  onThread(SYS_waitid, children.sysWaitid);
  onThread(SYS_set_robust_list, robust.sysSetRobustList);
  onProgram(SYS_setrlimit, limits.sysSetrlimit);
  onThread(SYS_prlimit64, limits.sysPrlimit);
  onThread(SYS_getcpu, identity.sysGetcpu);
  onProgram(SYS_getrandom, identity.sysGetrandom);
  onThread(SYS_seccomp, seccomp.sysSeccomp);
  onThread(SYS_ptrace, requests.sysPtrace);
  onThread(SYS_restart_syscall, restart.sysRestartSyscall);
  onProgram(SYS_rseq, identity.sysAbsent);
}

/** Fills the table, and that of the arguments. */
export function enterCalls(): void {
  declareArguments();
  fileCalls();
  eventCalls();
  asynchronousCalls();
  socketCalls();
  pathCalls();
  extendedAttributeCalls();
  memoryCalls();
  ipcCalls();
  keyCallTable();
  signalTable();
  timeCalls();
  timerCalls();
  identityCalls();
}
