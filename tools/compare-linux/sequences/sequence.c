// A random sequence of system calls: sequence FIRST SEEDS CALLS [KEPT]. Prints a hash of all results for each seed; with
// KEPT ("0-9,12"), the results of those calls of one seed in place of all. What call number i does depends on seed and
// i alone, so that calls can be left out. Each seed has an empty folder below /tmp, no descriptors and no mappings.
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { SLOTS = 8, PAGES = 16, PAGE = 4096, FIRST_COPY = 20, COPIES = 8, MOST_FDS = 600 };
/** Addresses of mappings must be the same everywhere. */
#define AREA ((char *)0x20000000)

static uint64_t state, hash;
static int verbose, fds[SLOTS];
static char base[64], buffer[1 << 16];
static volatile int caught[64], caught_count;
static sigjmp_buf back;
static volatile int touching;
static const int numbers[] = {SIGUSR1, SIGUSR2, SIGWINCH, SIGCHLD, 34, 35};

/** A number below `n`. */
static unsigned draw(unsigned n) {
  state += 0x9e3779b97f4a7c15;
  uint64_t z = state;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
  z = (z ^ z >> 27) * 0x94d049bb133111eb;
  return (unsigned)((z ^ z >> 31) >> 32) % n;
}

/** The kernel's own answer: a negative number is an error. */
static long call(long number, long a, long b, long c, long d, long e) {
  long result;
  register long r10 __asm__("r10") = d, r8 __asm__("r8") = e, r9 __asm__("r9") = 0;
  __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9) : "rcx", "r11", "memory");
  return result;
}

static void tell(const char *format, ...) {
  char text[4096];
  va_list list;
  va_start(list, format);
  vsnprintf(text, sizeof text, format, list);
  va_end(list);
  for (char *c = text; *c; c++) hash = (hash ^ (unsigned char)*c) * 0x100000001b3;
  if (verbose) fputs(text, stdout);
}

static void handler(int number, siginfo_t *info, void *context) {
  if ((number == SIGSEGV || number == SIGBUS) && touching) {
    touching = 0;
    siglongjmp(back, number * 16 + info->si_code);
  }
  if (caught_count < 64) caught[caught_count++] = number;
}

static void handle(int number, void *action) {
  struct sigaction set = {.sa_flags = SA_SIGINFO};
  set.sa_sigaction = action;
  sigaction(number, &set, 0);
}

static const char *path(void) {
  static const char *const names[] = {"a", "b", "c", "d", "e", "d/a", "d/b", "d/e", "e/x", "d/../a", "./b", "a/", "d/", "a/x", "missing/x", "", "l", "l/a", ".", "d/."};
  return names[draw(20)];
}

static int slot(void) { return fds[draw(SLOTS)]; }
static void keep(long fd) { if (fd >= 0 && fd < MOST_FDS) fds[draw(SLOTS)] = (int)fd; }
static char *page(void) { return AREA + draw(PAGES) * PAGE; }
static long length(void) { return (const long[]){0, 1, 7, 100, 4095, 4096, 4097, 10000, 20000}[draw(9)]; }
static int protection(void) { return (const int[]){PROT_NONE, PROT_READ, PROT_READ | PROT_WRITE, PROT_READ | PROT_WRITE}[draw(4)]; }
/** A buffer that is there, or part of the area, which may not be. */
static char *memory(void) { return draw(4) == 0 ? page() + draw(2) * 4000 : buffer; }

static unsigned sum(const char *bytes, long n) {
  unsigned value = 1;
  for (long i = 0; i < n; i++) value = value * 31 + (unsigned char)bytes[i];
  return value;
}

static void status(const char *name, long result, const struct stat *st) {
  if (result < 0) return tell("%s %ld", name, result);
  long size = S_ISREG(st->st_mode) || S_ISLNK(st->st_mode) ? (long)st->st_size : -1;
  tell("%s %o %ld %ld %d", name, st->st_mode, (long)st->st_nlink, size, st->st_uid);
}

static int by_name(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static void list(int fd) {
  static char entries[8192];
  char *names[64];
  int n = 0;
  call(SYS_lseek, fd, 0, SEEK_SET, 0, 0);
  long got = call(SYS_getdents64, fd, (long)entries, sizeof entries, 0, 0);
  for (long at = 0; at < got && n < 64; at += *(unsigned short *)(entries + at + 16)) names[n++] = entries + at + 19;
  if (got > 0) qsort(names, n, sizeof *names, by_name);
  tell("getdents %d %ld", fd, got < 0 ? got : n);
  for (int i = 0; i < n; i++) tell(" %s/%d", names[i], names[i][-1]);
}

static void touch(void) {
  volatile char *at = page() + draw(PAGE);
  int write = draw(3) == 0, fault = sigsetjmp(back, 1), value = 0;
  if (fault == 0) {
    touching = 1;
    if (write) *at = (char)draw(256);
    else value = *at;
    touching = 0;
  }
  tell("touch %ld %d: %d fault %d", (long)((char *)at - AREA), write, value, fault);
}

static void signals(void) {
  int number = numbers[draw(6)];
  unsigned long set = 0;
  struct timespec zero = {0, 0};
  siginfo_t info;
  switch (draw(6)) {
  case 0: {
    int can_default = number == SIGWINCH || number == SIGCHLD, kind = draw(can_default ? 3 : 2);
    handle(number, kind == 0 ? (void *)handler : kind == 1 ? (void *)SIG_IGN : (void *)SIG_DFL);
    return tell("sigaction %d %d", number, kind);
  }
  case 1:
    for (int i = draw(3); i >= 0; i--) set |= 1ul << (numbers[draw(6)] - 1);
    int how = draw(4);
    unsigned long old = 0;
    long result = call(SYS_rt_sigprocmask, how, (long)&set, (long)&old, 8, 0);
    return tell("sigprocmask %d %lx = %ld %lx", how, set, result, old);
  case 2:
    result = call(SYS_rt_sigpending, (long)&set, 8, 0, 0, 0);
    return tell("sigpending = %ld %lx", result, set);
  case 3:
    set = 1ul << (number - 1);
    result = call(SYS_rt_sigtimedwait, (long)&set, (long)&info, (long)&zero, 8, 0);
    return tell("sigtimedwait %d = %ld", number, result);
  default:
    return tell("kill %d = %ld", number, call(SYS_kill, getpid(), number, 0, 0, 0));
  }
}

static void waits(void) {
  static const int epoll_events[] = {EPOLLIN, EPOLLOUT, EPOLLIN | EPOLLOUT};
  struct epoll_event event = {epoll_events[draw(3)], {.u64 = draw(100)}}, out[4];
  struct pollfd polled[2] = {{slot(), POLLIN | POLLOUT, 0}, {slot(), POLLIN, 0}};
  int e = slot(), fd = slot(), operation = 1 + draw(3);
  long result;
  switch (draw(5)) {
  case 0:
    result = call(SYS_epoll_create1, 0, 0, 0, 0, 0);
    keep(result);
    return tell("epoll_create = %ld", result);
  case 1: return tell("epoll_ctl %d %d %d = %ld", e, operation, fd, call(SYS_epoll_ctl, e, operation, fd, (long)&event, 0));
  case 2:
    result = call(SYS_epoll_wait, e, (long)out, 1, 0, 0);
    tell("epoll_wait %d = %ld", e, result);
    if (result == 1) tell(" %x", out[0].events);
    return;
  case 3:
    result = call(SYS_eventfd2, draw(5), 04000, 0, 0, 0);
    keep(result);
    return tell("eventfd = %ld", result);
  default:
    result = call(SYS_poll, (long)polled, 2, 0, 0, 0);
    return tell("poll %d %d = %ld %x %x", polled[0].fd, polled[1].fd, result, polled[0].revents, polled[1].revents);
  }
}

static void mappings(void) {
  char *at = page();
  long n = (1 + draw(4)) * PAGE, result;
  int prot = protection(), fd = slot(), shared = draw(2);
  long offset = draw(3) * PAGE;
  switch (draw(7)) {
  case 0:
  case 1: return tell("mmap %ld %ld %d = %d", at - AREA, n, prot, call(SYS_mmap, (long)at, n, prot, MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, -1) == (long)at);
  case 2: {
    void *got = mmap(at, n, prot, MAP_FIXED | (shared ? MAP_SHARED : MAP_PRIVATE), fd, offset);
    return tell("mmap %ld %ld %d %s %d %ld = %d", at - AREA, n, prot, shared ? "shared" : "private", fd, offset, got == at);
  }
  case 3: return tell("munmap %ld %ld = %ld", at - AREA, n, call(SYS_munmap, (long)at, n, 0, 0, 0));
  case 4: return tell("mprotect %ld %ld %d = %ld", at - AREA, n, prot, call(SYS_mprotect, (long)at, n, prot, 0, 0));
  case 5:
    result = call(SYS_madvise, (long)at, n, MADV_DONTNEED, 0, 0);
    return tell("madvise %ld %ld = %ld", at - AREA, n, result);
  default: return tell("msync %ld %ld = %ld", at - AREA, n, call(SYS_msync, (long)at, n, MS_SYNC, 0, 0));
  }
}

static void transfers(void) {
  int fd = slot(), other = slot();
  char *at = memory();
  long n = length(), offset = draw(2) ? draw(20000) : (long)draw(3) * PAGE - 1, result;
  struct iovec v[2] = {{at, n}, {buffer, length()}};
  for (int i = 0; at == buffer && i < n; i += 61) buffer[i] = (char)(i + offset);
  switch (draw(11)) {
  case 0:
  case 1: return tell("write %d %ld = %ld", fd, n, call(SYS_write, fd, (long)at, n, 0, 0));
  case 2:
  case 3:
    result = call(SYS_read, fd, (long)at, n, 0, 0);
    return tell("read %d %ld = %ld %x", fd, n, result, result > 0 && at == buffer ? sum(at, result) : 0);
  case 4:
    result = call(SYS_pread64, fd, (long)at, n, offset, 0);
    return tell("pread %d %ld %ld = %ld %x", fd, n, offset, result, result > 0 && at == buffer ? sum(at, result) : 0);
  case 5: return tell("pwrite %d %ld %ld = %ld", fd, n, offset, call(SYS_pwrite64, fd, (long)at, n, offset, 0));
  case 6: return tell("writev %d %ld %ld = %ld", fd, n, (long)v[1].iov_len, call(SYS_writev, fd, (long)v, 2, 0, 0));
  case 7: return tell("readv %d %ld %ld = %ld", fd, n, (long)v[1].iov_len, call(SYS_readv, fd, (long)v, 2, 0, 0));
  case 8: {
    int whence = draw(6);
    return tell("lseek %d %ld %d = %ld", fd, offset, whence, call(SYS_lseek, fd, offset, whence, 0, 0));
  }
  case 9: return tell("ftruncate %d %ld = %ld", fd, offset, call(SYS_ftruncate, fd, offset, 0, 0, 0));
  default: return tell("sendfile %d %d %ld = %ld", fd, other, n, call(SYS_sendfile, fd, other, 0, n, 0));
  }
}

static void descriptors(void) {
  static const int flags[] = {O_NONBLOCK, O_NONBLOCK | O_APPEND};
  int fd = slot(), copy = FIRST_COPY + draw(COPIES), on = draw(2), ends[2] = {-1, -1};
  long result;
  switch (draw(10)) {
  case 0:
  case 1:
  case 2: return tell("close %d = %ld", fd, call(SYS_close, fd, 0, 0, 0, 0));
  case 3:
    keep(result = call(SYS_dup, fd, 0, 0, 0, 0));
    return tell("dup %d = %ld", fd, result);
  case 4:
    keep(result = call(SYS_dup2, fd, copy, 0, 0, 0));
    return tell("dup2 %d %d = %ld", fd, copy, result);
  case 5:
    keep(result = call(SYS_fcntl, fd, F_DUPFD, copy, 0, 0));
    return tell("dupfd %d %d = %ld", fd, copy, result);
  case 6: return tell("getfl %d = %lo", fd, call(SYS_fcntl, fd, F_GETFL, 0, 0, 0));
  case 7: return tell("setfl %d %d = %ld", fd, on, call(SYS_fcntl, fd, F_SETFL, flags[on], 0, 0));
  case 8:
    result = call(SYS_fcntl, fd, F_SETFD, on, 0, 0);
    return tell("setfd %d %d = %ld %ld", fd, on, result, call(SYS_fcntl, fd, F_GETFD, 0, 0, 0));
  default:
    result = call(SYS_pipe2, (long)ends, O_NONBLOCK, 0, 0, 0);
    keep(ends[0]);
    keep(ends[1]);
    return tell("pipe = %ld %d %d", result, ends[0], ends[1]);
  }
}

static void names(void) {
  static const int modes[] = {O_RDONLY, O_WRONLY, O_RDWR}, more[] = {0, O_CREAT, O_CREAT, O_CREAT | O_EXCL, O_CREAT | O_TRUNC, O_TRUNC, O_APPEND | O_CREAT, O_DIRECTORY, O_NOFOLLOW, O_PATH};
  const char *one = path(), *two = path();
  int fd = slot(), flags = modes[draw(3)] | more[draw(10)] | O_NONBLOCK, mode = (const int[]){0644, 0600, 0755, 0777, 0}[draw(5)];
  struct stat st;
  long result;
  switch (draw(24)) {
  case 0:
  case 1:
  case 2:
  case 3:
  case 4:
    keep(result = call(SYS_open, (long)one, flags, mode, 0, 0));
    return tell("open %s %o %o = %ld", one, flags, mode, result);
  case 5: return tell("unlink %s = %ld", one, call(SYS_unlink, (long)one, 0, 0, 0, 0));
  case 6:
  case 7: return tell("mkdir %s %o = %ld", one, mode, call(SYS_mkdir, (long)one, mode, 0, 0, 0));
  case 8: return tell("rmdir %s = %ld", one, call(SYS_rmdir, (long)one, 0, 0, 0, 0));
  case 9: {
    int how = draw(4);
    return tell("rename %s %s %d = %ld", one, two, how, call(SYS_renameat2, AT_FDCWD, (long)one, AT_FDCWD, (long)two, how));
  }
  case 10: return tell("link %s %s = %ld", one, two, call(SYS_link, (long)one, (long)two, 0, 0, 0));
  case 11: return tell("symlink %s %s = %ld", one, two, call(SYS_symlink, (long)one, (long)two, 0, 0, 0));
  case 12:
    result = call(SYS_readlink, (long)one, (long)buffer, 100, 0, 0);
    return tell("readlink %s = %ld %.*s", one, result, result < 0 ? 0 : (int)result, buffer);
  case 13:
  case 14:
    result = call(SYS_stat, (long)one, (long)&st, 0, 0, 0);
    tell("stat %s ", one);
    return status("=", result, &st);
  case 15:
    result = call(SYS_lstat, (long)one, (long)&st, 0, 0, 0);
    tell("lstat %s ", one);
    return status("=", result, &st);
  case 16:
    result = call(SYS_fstat, fd, (long)&st, 0, 0, 0);
    tell("fstat %d ", fd);
    return status("=", result, &st);
  case 17: return tell("chmod %s %o = %ld", one, mode, call(SYS_chmod, (long)one, mode, 0, 0, 0));
  case 18: return tell("truncate %s = %ld", one, call(SYS_truncate, (long)one, length(), 0, 0, 0));
  case 19: return tell("access %s = %ld", one, call(SYS_access, (long)one, draw(8), 0, 0, 0));
  case 20:
    if (draw(2)) one = base;
    return tell("chdir %s = %ld", one, call(SYS_chdir, (long)one, 0, 0, 0, 0));
  case 21:
    result = call(SYS_getcwd, (long)buffer, 200, 0, 0, 0);
    return tell("getcwd = %ld %s", result, result > 0 ? buffer : "");
  case 22: return tell("mkfifo %s = %ld", one, call(SYS_mknod, (long)one, S_IFIFO | mode, 0, 0, 0));
  default: return list(fd);
  }
}

static void (*const kinds[])(void) = {names, names, names, transfers, transfers, descriptors, mappings, touch, signals, waits};

static void begin(uint64_t seed) {
  for (int fd = 3; fd < 1024; fd++) close(fd);
  munmap(AREA, (PAGES + 8) * PAGE);
  sigset_t none;
  sigemptyset(&none);
  for (int i = 0; i < 6; i++) handle(numbers[i], handler);
  sigprocmask(SIG_SETMASK, &none, 0);
  handle(SIGPIPE, handler);
  handle(SIGSEGV, handler);
  handle(SIGBUS, handler);
  caught_count = 0;
  memset(buffer, 0, sizeof buffer);
  for (int i = 0; i < SLOTS; i++) fds[i] = -1;
  snprintf(base, sizeof base, "/tmp/s%lu", (unsigned long)seed);
  umask(022);
  if (mkdir(base, 0755) != 0 || chdir(base) != 0) perror(base), exit(1);
}

static int kept(const char *list, int index) {
  while (list && *list) {
    char *end;
    long from = strtol(list, &end, 10), to = *end == '-' ? strtol(end + 1, &end, 10) : from;
    if (index >= from && index <= to) return 1;
    list = *end == ',' ? end + 1 : end;
  }
  return 0;
}

int main(int argc, char **argv) {
  if (argc < 4) return 2;
  uint64_t first = strtoull(argv[1], 0, 10), seeds = strtoull(argv[2], 0, 10);
  int calls = atoi(argv[3]);
  verbose = argc > 4;
  for (uint64_t seed = first; seed < first + seeds; seed++) {
    begin(seed);
    hash = 0xcbf29ce484222325;
    for (int i = 0; i < calls; i++) {
      if (verbose && !kept(argv[4], i)) continue;
      state = seed * 0xd1342543de82ef95 + (uint64_t)i * 0x2545f4914f6cdd1d;
      if (verbose) printf("%d ", i);
      kinds[draw(10)]();
      for (int k = 0; k < caught_count; k++) tell(" signal %d", caught[k]);
      caught_count = 0;
      tell("\n");
      if (verbose) fflush(stdout);
    }
    if (!verbose) printf("%lu %016lx\n", (unsigned long)seed, (unsigned long)hash);
  }
  return 0;
}
