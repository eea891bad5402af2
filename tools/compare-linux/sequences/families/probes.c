// Arguments, one of them wrong and the others good: which error is told. Every call begins with the same files and memory,
// so that each stands alone; of calls that succeed nothing but that is told.
#include "../sequence.h"
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/statfs.h>
#include <sys/timerfd.h>
#include <sys/times.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <sys/xattr.h>

/** Descriptors of every call: a file, a folder, the ends of a pipe, a file by O_PATH, an epoll instance, a socket, and others. */
enum { FILE_FD = 20, FOLDER_FD, READ_FD, WRITE_FD, PATH_FD, EPOLL_FD, SOCKET_FD, EVENT_FD, TIMER_FD, SIGNAL_FD, WATCH_FD, READ_ONLY_FD, DATAGRAM_FD, END_FD, CLOSED_FD = 40 };
/** Memory of argument number i: a page, nothing, and the page as it is read-only. */
#define PLACE(i) ((char *)0x300000000 + (i) * 16 * PAGE)
enum { NOTHING = 4 * PAGE, READ_ONLY = 8 * PAGE };

/**
 * What an argument is: f a descriptor, p a path, w a second path, z zeroes, o room for results, v two pieces of memory, t a
 * time, T one that is not left out, k a pair of times, e an event, n a length, g flags, i a number of 32 bits, d a process,
 * l a number of 64 bits, . one that stays. Objects that all of the machine have (System V) are never made, and none is used.
 */
struct probe { const char *name; long number; const char *kinds; long values[6]; };
#define P(name, kinds, ...) {#name, SYS_##name, kinds, {__VA_ARGS__}}
static const struct probe probes[] = {
  P(read, "fon", FILE_FD, 64, 10), P(write, "fzn", FILE_FD, 64, 10), P(pread64, "fonl", FILE_FD, 64, 10, 0),
  P(pwrite64, "fznl", FILE_FD, 64, 10, 5), P(readv, "fvi", FILE_FD, 32, 2), P(writev, "fvi", FILE_FD, 32, 2),
  P(preadv, "fvil.", FILE_FD, 32, 2, 0, 0), P(pwritev, "fvil.", FILE_FD, 32, 2, 0, 0),
  P(preadv2, "fvil.g", FILE_FD, 32, 2, 0, 0, 0), P(open, "pgi", 2, O_RDWR, 0644),
  P(openat, "fpgi", FOLDER_FD, 2, O_RDWR, 0644), P(creat, "pi", 2, 0644), P(lseek, "fli", FILE_FD, 5, 0), P(dup, "f", FILE_FD),
  P(dup3, "f.g", FILE_FD, 50, 0), P(close, "f", FILE_FD), P(stat, "po", 2, 144), P(lstat, "po", 2, 144),
  P(fstat, "fo", FILE_FD, 144), P(newfstatat, "fpog", FOLDER_FD, 2, 144, 0), P(statx, "fpggo", FOLDER_FD, 2, 0, 0x7ff, 256),
  P(statfs, "po", 2, 120), P(fstatfs, "fo", FILE_FD, 120), P(access, "pi", 2, 4), P(faccessat, "fpi", FOLDER_FD, 2, 4),
  P(faccessat2, "fpig", FOLDER_FD, 2, 4, 0), P(chmod, "pi", 2, 0644), P(fchmod, "fi", FILE_FD, 0644),
  P(fchmodat, "fpi", FOLDER_FD, 2, 0644), P(chown, "pii", 2, 0, 0), P(lchown, "pii", 2, 0, 0), P(fchown, "fii", FILE_FD, 0, 0),
  P(fchownat, "fpiig", FOLDER_FD, 2, 0, 0, 0), P(truncate, "pl", 2, 100), P(ftruncate, "fl", FILE_FD, 100),
  P(fallocate, "fgl.", FILE_FD, 0, 0, 100), P(fadvise64, "flli", FILE_FD, 0, 10, 0), P(readahead, "fln", FILE_FD, 0, 10),
  P(fsync, "f", FILE_FD), P(fdatasync, "f", FILE_FD), P(sync_file_range, "fllg", FILE_FD, 0, 10, 1),
  P(flock, "fi", FILE_FD, 2 | 4), P(mkdir, "wi", 4, 0755), P(mkdirat, "fwi", FOLDER_FD, 4, 0755), P(rmdir, "p", 2),
  P(unlink, "p", 2), P(unlinkat, "fpg", FOLDER_FD, 2, 0), P(rename, "pw", 2, 4),
  P(renameat, "fpfw", FOLDER_FD, 2, FOLDER_FD, 4), P(renameat2, "fpfwg", FOLDER_FD, 2, FOLDER_FD, 4, 0), P(link, "pw", 2, 4),
  P(linkat, "fpfwg", FOLDER_FD, 2, FOLDER_FD, 4, 0), P(symlink, "pw", 2, 4), P(symlinkat, "pfw", 2, FOLDER_FD, 4),
  P(readlink, "pon", 2, 64, 10), P(readlinkat, "fpon", FOLDER_FD, 2, 64, 10), P(mknod, "wil", 4, S_IFIFO | 0644, 0),
  P(mknodat, "fwil", FOLDER_FD, 4, S_IFIFO | 0644, 0), P(chdir, "p", 2), P(fchdir, "f", FOLDER_FD), P(getcwd, "on", 256, 256),
  P(getdents64, "fon", FOLDER_FD, 512, 512), P(utimensat, "fpkg", FOLDER_FD, 2, 32, 0), P(utimes, "pk", 2, 32),
  P(futimesat, "fpk", FOLDER_FD, 2, 32), P(utime, "pk", 2, 16), P(getxattr, "pwon", 2, 4, 64, 10),
  P(setxattr, "pwzng", 2, 4, 8, 8, 0), P(fsetxattr, "fwzng", FILE_FD, 4, 8, 8, 0), P(listxattr, "pon", 2, 64, 64),
  P(removexattr, "pw", 2, 4), P(pipe2, "og", 8, 0), P(pipe, "o", 8), P(tee, "ffng", READ_FD, WRITE_FD, 10, 2),
  P(splice, "fzfzng", READ_FD, 0, WRITE_FD, 0, 10, 2), P(vmsplice, "fvng", WRITE_FD, 32, 2, 2),
  P(sendfile, "ffzn", WRITE_FD, FILE_FD, 8, 10), P(copy_file_range, "fzfzng", FILE_FD, 8, FILE_FD, 8, 0, 0),
  P(poll, "zi.", 16, 2, 0), P(ppoll, "ziTzn", 16, 2, 16, 8, 8), P(select, "izzzT", 30, 8, 8, 8, 16), P(epoll_create1, "g", 0),
  P(epoll_create, "i", 5), P(epoll_ctl, "fife", EPOLL_FD, 1, READ_FD, 12), P(epoll_wait, "foi.", EPOLL_FD, 48, 4, 0),
  P(epoll_pwait, "foi.zn", EPOLL_FD, 48, 4, 0, 8, 8), P(epoll_pwait2, "foiTzn", EPOLL_FD, 48, 4, 16, 8, 8),
  P(eventfd2, "ig", 0, 0), P(signalfd4, "fzng", -1, 8, 8, 0), P(timerfd_create, "ig", 1, 0),
  P(timerfd_settime, "fgto", TIMER_FD, 0, 32, 32), P(timerfd_gettime, "fo", TIMER_FD, 32), P(inotify_init1, "g", 0),
  P(inotify_add_watch, "fpg", WATCH_FD, 2, IN_OPEN), P(inotify_rm_watch, "fi", WATCH_FD, 1), P(socket, "iii", 1, 1, 0),
  P(socketpair, "iiio", 1, 1, 0, 8), P(bind, "fzi", SOCKET_FD, 16, 16), P(listen, "fi", SOCKET_FD, 1),
  P(connect, "fzi", DATAGRAM_FD, 16, 16), P(getsockname, "fon", SOCKET_FD, 110, 4), P(getpeername, "foo", SOCKET_FD, 110, 4),
  P(sendto, "fznizi", SOCKET_FD, 16, 10, 0x40, 0, 0), P(recvfrom, "fonizz", SOCKET_FD, 16, 10, 0x40, 0, 0),
  P(shutdown, "fi", SOCKET_FD, 0), P(setsockopt, "fiizi", SOCKET_FD, 1, 2, 4, 4),
  P(getsockopt, "fiioo", SOCKET_FD, 1, 3, 4, 4), P(sendmsg, "fzi", SOCKET_FD, 56, 0x40),
  P(recvmsg, "fzi", SOCKET_FD, 56, 0x40), P(accept4, "foog", SOCKET_FD, 16, 4, 0), P(sendmmsg, "fzii", SOCKET_FD, 64, 1, 0x40),
  P(recvmmsg, "fziit", SOCKET_FD, 64, 1, 0x40, 16), P(rt_sigaction, "izon", 10, 32, 32, 8),
  P(rt_sigprocmask, "izon", 0, 8, 8, 8), P(rt_sigpending, "on", 8, 8), P(rt_sigtimedwait, "zoTn", 8, 128, 16, 8),
  P(sigaltstack, "zo", 24, 24), P(kill, "di", 1 << 22, 0), P(tkill, "di", 1 << 22, 0), P(tgkill, "ddi", 1 << 22, 1 << 22, 0),
  P(rt_sigqueueinfo, "diz", 1 << 22, 0, 128), P(nanosleep, "to", 16, 16), P(clock_nanosleep, "igto", 1, 0, 16, 16),
  P(clock_gettime, "io", 1, 16), P(clock_getres, "io", 1, 16), P(gettimeofday, "oo", 16, 8), P(time, "o", 8),
  P(times, "o", 32), P(getitimer, "io", 0, 32), P(setitimer, "izo", 1, 32, 32), P(timer_create, "izo", 1, 0, 4),
  P(timer_gettime, "io", 77, 32), P(timer_settime, "igto", 77, 0, 32, 32), P(timer_delete, "i", 77),
  P(timer_getoverrun, "i", 77), P(getrlimit, "io", 7, 16), P(setrlimit, ".z", 4, 16), P(prlimit64, "d.zo", 0, 4, 16, 16),
  P(getrusage, "io", 0, 144), P(sysinfo, "o", 112), P(uname, "o", 390), P(getgroups, "io", 8, 64), P(setgroups, "iz", 1, 8),
  P(getresuid, "ooo", 4, 4, 4), P(getresgid, "ooo", 4, 4, 4), P(getpriority, "id", 0, 0), P(setpriority, "idi", 0, 0, 0),
  P(getcpu, "ooo", 4, 4, 8), P(getrandom, "ong", 16, 16, 0), P(capget, "zo", 8, 24), P(getpgid, "d", 0), P(getsid, "d", 0),
  P(wait4, "dogo", -1, 4, 1, 144), P(waitid, "iiogo", 0, 0, 128, 1 | 4, 144), P(sched_getparam, "do", 0, 4),
  P(sched_setparam, "dz", 0, 4), P(sched_getscheduler, "d", 0), P(sched_setscheduler, "diz", 0, 0, 4),
  P(sched_get_priority_max, "i", 1), P(sched_rr_get_interval, "do", 0, 16), P(sched_getaffinity, "dno", 0, 8, 8),
  P(sched_getattr, "doig", 0, 56, 56, 0), P(ioprio_get, "id", 1, 0), P(madvise, "oni", PAGE, PAGE, 0),
  P(mincore, "ono", PAGE, PAGE, 8), P(msync, "ong", PAGE, PAGE, 1), P(mlock, "on", PAGE, PAGE), P(munlock, "on", PAGE, PAGE),
  P(mprotect, "ong", PAGE, PAGE, 3), P(memfd_create, "wg", 4, 0), P(process_vm_readv, "dvnvng", 0, 32, 2, 32, 2, 0),
  P(membarrier, "igi", 0, 0, 0), P(set_robust_list, "zn", 24, 24), P(get_robust_list, "doo", 0, 8, 8),
  P(set_tid_address, "o", 4), P(futex, "zilt", 4, 1, 1, 16), P(futex_waitv, "zigti", 24, 1, 0, 16, 1),
  P(mq_open, "p.iz", 2, 0, 0600, 0), P(mq_unlink, "p", 2), P(mq_timedsend, "fznit", FILE_FD, 16, 10, 0, 16),
  P(mq_getsetattr, "fzo", FILE_FD, 0, 64), P(msgget, ".g", 77, 0), P(msgsnd, ".zng", 9999, 16, 8, 2048),
  P(msgrcv, ".onlg", 9999, 16, 8, 0, 2048), P(semop, ".zn", 9999, 6, 1), P(shmat, ".og", 9999, 0, 0),
  P(semget, ".i.", 77, 1, 0), P(getpeername, "fon", DATAGRAM_FD, 110, 4), P(pidfd_open, "dg", 1 << 22, 0),
  P(close_range, ".ig", 41, 50, 0), P(kcmp, "ddill", 1 << 22, 1 << 22, 0, 0, 0), P(umount2, "pg", 2, 0), P(chroot, "w", 4),
  P(ioctl, "fio", FILE_FD, 0x541b, 8), P(fcntl, "fil", FILE_FD, 1, 0),
};
enum { PROBES = sizeof probes / sizeof *probes };

static void begin(void) {
  // How many groups there are, and what is left of others' alternate stacks, is the same everywhere.
  const stack_t none = {.ss_flags = SS_DISABLE};
  CALL(setgroups, 0, 0), CALL(sigaltstack, &none, 0);
  handle(SIGPIPE, SIG_IGN, 0), handle(SIGXFSZ, SIG_IGN, 0);
  mkdir("d", 0755);
  for (int i = 0; i < 6; i++) mmap(PLACE(i) + READ_ONLY, PAGE, PROT_READ, MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void move(int from, int to) {
  dup2(from, to);
  if (from != to) close(from);
}

/** Files, descriptors and memory as every call finds them. */
static void prepare(void) {
  int ends[2];
  close_range(3, 100, 0);
  if (chdir(base)) exit(1);
  umask(022);
  unlink("b"), rmdir("b"), unlink("d/b"), rmdir("d/b"), unlink("a"), unlink("d/a");
  move(open("a", O_CREAT | O_RDWR | O_TRUNC, 0644), FILE_FD), move(open("d/a", O_CREAT | O_RDWR, 0644), 50), close(50);
  if (write(FILE_FD, "0123456789abcdefghij", 20) != 20 || lseek(FILE_FD, 0, 0)) exit(1);
  move(open("d", O_RDONLY), FOLDER_FD), move(open("a", O_PATH), PATH_FD), move(open("a", O_RDONLY), READ_ONLY_FD);
  if (pipe2(ends, O_NONBLOCK)) exit(1);
  move(ends[0], READ_FD), move(ends[1], WRITE_FD);
  move(epoll_create1(0), EPOLL_FD), move(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0), SOCKET_FD), move(socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0), DATAGRAM_FD);
  sigset_t none;
  sigemptyset(&none);
  move((int)syscall(SYS_eventfd2, 0, O_NONBLOCK), EVENT_FD), move(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK), TIMER_FD), move(signalfd(-1, &none, SFD_NONBLOCK), SIGNAL_FD), move(inotify_init1(IN_NONBLOCK), WATCH_FD);
  for (int i = 0; i < 6; i++) mmap(PLACE(i), PAGE, PROT_READ | PROT_WRITE, MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

/** Puts what a pointer of that kind leads to at `to`; results: how many bytes of it count. */
static long fill(char kind, long size, int number, char *to) {
  memset(to, 0, (size_t)size);
  if (kind == 'p') return strcpy(to, "a"), 2;
  if (kind == 'w') return strcpy(to, "b"), 2;
  if (kind == 'o' && size == 4) *(int *)to = 16;
  if (kind == 'e') *(struct epoll_event *)to = (struct epoll_event){.events = EPOLLIN};
  if (kind == 'v') {
    struct iovec pieces[2] = {{buffer + number * 100, 5}, {buffer + number * 100 + 50, 5}};
    memcpy(to, pieces, sizeof pieces);
  }
  return size;
}

/** The number of a flag that may be the other way; 31 where versions differ in what it is. */
static long flag_of(long number) {
  long bit = draw(64);
  // Whether there are pipes of notifications is a matter of the kernel's configuration.
  if (number == SYS_pipe2 && bit == 7) return 31;
  // A queue would be there for others.
  if (number == SYS_msgget && bit == 9) return 31;
  // O_DIRECT of tmpfs is of 6.6.
  if ((number == SYS_open || number == SYS_openat) && bit == 14) return 31;
  // MFD_NOEXEC_SEAL and MFD_EXEC are of 6.3, and not every kernel has large pages.
  if (number == SYS_memfd_create && bit >= 2 && bit <= 4) return 31;
  // RWF_NOWAIT of tmpfs is of 6.6, RWF_NOAPPEND of 6.9.
  if (number == SYS_preadv2 && (bit == 3 || bit == 5)) return 31;
  // PIDFD_THREAD is of 6.9.
  if (number == SYS_pidfd_open && bit == 7) return 31;
  return bit;
}

/** A number in place of argument `at`, which is `right`. */
static long number_of(long number, int at, long right) {
  long wrong = ONE(-1, 0, 1, 2, 3, 99, 1 << 30, 1l << 31, 0x7fffffff, right | 1l << 32, right | 1l << 63);
  // Nice values are this process's alone, not its user's or group's.
  if ((number == SYS_setpriority || number == SYS_getpriority) && at == 0 && (wrong == 1 || wrong == 2)) return 3;
  // FIBMAP asks for rights first, and hosts differ in them.
  if (number == SYS_ioctl && wrong == 1) return 3;
  return wrong;
}

/** A descriptor in place of `right`. */
static long descriptor_of(long number, long right) {
  long wrong = ONE(-1, 999, CLOSED_FD, FOLDER_FD, READ_FD, WRITE_FD, PATH_FD, READ_ONLY_FD, EPOLL_FD, SOCKET_FD, EVENT_FD, TIMER_FD, SIGNAL_FD, WATCH_FD, FILE_FD, AT_FDCWD, right + (1l << 32), 1l << 31);
  // From 6.16 on the owner of what has no name cannot be set.
  int owned = number == SYS_fchown || number == SYS_fchmod || number == SYS_fchownat;
  if (owned && wrong >= EPOLL_FD && wrong <= WATCH_FD && wrong != SOCKET_FD) return FILE_FD;
  // From 6.10 on an event counter takes 8 bytes and no more.
  if (number == SYS_write && wrong == EVENT_FD) return FILE_FD;
  // Of 6.9 is an ioctl(2) of epoll instances, of 6.13 attributes of the working directory by its number.
  if (number == SYS_ioctl && wrong == EPOLL_FD) return FILE_FD;
  if (number == SYS_fsetxattr && wrong == AT_FDCWD) return -1;
  return wrong;
}

static int is_pointer(char kind) { return strchr("pwzovtTke", kind) != 0; }

static void step(void) {
  const struct probe *probe = &probes[draw(PROBES)];
  int count = (int)strlen(probe->kinds), wrong = (int)draw((unsigned)count), way = 0;
  long arguments[6] = {0}, spoiled_by = 0;
  prepare();
  for (int i = 0; i < count; i++) {
    char kind = probe->kinds[i];
    long value = arguments[i] = probe->values[i];
    if (is_pointer(kind) && value != 0) {
      value = fill(kind, value, i, PLACE(i));
      arguments[i] = (long)PLACE(i);
    }
    if (i != wrong || kind == '.') continue;
    if (is_pointer(kind)) {
      way = (int)draw(8);
      // Without a time some would wait for ever.
      if (way == 0 && kind == 'T') way = 1;
      if (value == 0) value = 8;
      char *half = PLACE(i) + PAGE - (value + 1) / 2, *edge = PLACE(i) + PAGE - value;
      // At the end of the page is all of it, or half; memory that can only be read has zeroes.
      if (way == 3) memmove(half, PLACE(i), (size_t)(value + 1) / 2);
      if (way == 5) memmove(edge, PLACE(i), (size_t)value);
      const long places[] = {0, 8, (long)0xffff800000000000, (long)half, (long)PLACE(i) + NOTHING, (long)edge, -1, (long)PLACE(i) + READ_ONLY};
      arguments[i] = places[way];
      spoiled_by = way;
    } else if (kind == 'f') {
      arguments[i] = spoiled_by = descriptor_of(probe->number, value);
    } else if (kind == 'g') {
      spoiled_by = flag_of(probe->number);
      arguments[i] ^= 1l << spoiled_by;
    } else if (kind == 'i') {
      arguments[i] = spoiled_by = number_of(probe->number, i, value);
    } else if (kind == 'd') {
      // Which small numbers are processes, or groups below 0, is not the same everywhere.
      arguments[i] = spoiled_by = ONE(-0x3ffffffe, 1 << 22, 1 << 30, 1l << 31, 0x7fffffff, arguments[i] | 1l << 32, arguments[i] | 1l << 63);
    } else arguments[i] = spoiled_by = ONE(0, 1, -1, -4096, 1l << 31, 1l << 32, 1l << 40, 1l << 62, 7, 9);
  }
  long result = call(probe->number, arguments[0], arguments[1], arguments[2], arguments[3], arguments[4], arguments[5]);
  if (probe->number == SYS_timer_create && result == 0) CALL(timer_delete, *(int *)arguments[2]);
  tell("%s %d %lx = %ld", probe->name, wrong, spoiled_by, result < 0 && result > -4096 ? result : 0);
}

const struct family probes_family = {"probes", begin, step, 0};
