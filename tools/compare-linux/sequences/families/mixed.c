// Files and their names, directories, descriptors, pipes and FIFOs, epoll, memory, and signals that a process sends itself,
// all in one sequence.
#include "../sequence.h"
#include <dirent.h>
#include <sys/epoll.h>

enum { PAGES = 16, FIRST_COPY = 20, COPIES = 8 };
/** Addresses of mappings must be the same everywhere. */
#define AREA ((char *)0x200000000)

static const int numbers[] = {SIGUSR1, SIGUSR2, SIGWINCH, SIGCHLD, 34, 35};

static const char *path(void) {
  static const char *const names[] = {"a", "b", "c", "d", "e", "d/a", "d/b", "d/e", "e/x", "d/../a", "./b", "a/", "d/", "a/x", "missing/x", "", "l", "l/a", ".", "d/."};
  return names[draw(20)];
}

static char *page(void) { return AREA + draw(PAGES) * PAGE; }
static long length(void) { return (const long[]){0, 1, 7, 100, 4095, 4096, 4097, 10000, 20000}[draw(9)]; }
static int protection(void) { return (const int[]){PROT_NONE, PROT_READ, PROT_READ | PROT_WRITE, PROT_READ | PROT_WRITE}[draw(4)]; }
/** A buffer that is there, or part of the area, which may not be. */
static char *memory(void) { return draw(4) == 0 ? page() + draw(2) * 4000 : buffer; }

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
  CALL(lseek, fd, 0, SEEK_SET);
  long got = CALL(getdents64, fd, entries, sizeof entries);
  for (long at = 0; at < got && n < 64; at += *(unsigned short *)(entries + at + 16)) names[n++] = entries + at + 19;
  if (got > 0) qsort(names, n, sizeof *names, by_name);
  tell("getdents %d %ld", fd, got < 0 ? got : n);
  for (int i = 0; i < n; i++) tell(" %s/%d", names[i], names[i][-1]);
}

static void touch(void) {
  volatile char *at = page() + draw(PAGE);
  int write = draw(3) == 0, value = write ? draw(256) : 0, fault = touched(at, write, &value);
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
    handle(number, kind == 0 ? (void *)note_signal : kind == 1 ? (void *)SIG_IGN : (void *)SIG_DFL, 0);
    return tell("sigaction %d %d", number, kind);
  }
  case 1:
    for (int i = draw(3); i >= 0; i--) set |= 1ul << (numbers[draw(6)] - 1);
    int how = draw(4);
    unsigned long old = 0;
    long result = CALL(rt_sigprocmask, how, &set, &old, 8);
    return tell("sigprocmask %d %lx = %ld %lx", how, set, result, old);
  case 2:
    result = CALL(rt_sigpending, &set, 8);
    return tell("sigpending = %ld %lx", result, set);
  case 3:
    set = 1ul << (number - 1);
    result = CALL(rt_sigtimedwait, &set, &info, &zero, 8);
    return tell("sigtimedwait %d = %ld", number, result);
  default:
    return tell("kill %d = %ld", number, CALL(kill, getpid(), number));
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
    result = CALL(epoll_create1, 0);
    keep(result);
    return tell("epoll_create = %ld", result);
  case 1: return tell("epoll_ctl %d %d %d = %ld", e, operation, fd, CALL(epoll_ctl, e, operation, fd, &event));
  case 2:
    result = CALL(epoll_wait, e, out, 1);
    tell("epoll_wait %d = %ld", e, result);
    if (result == 1) tell(" %x", out[0].events);
    return;
  case 3:
    result = CALL(eventfd2, draw(5), 04000);
    keep(result);
    return tell("eventfd = %ld", result);
  default:
    result = CALL(poll, polled, 2);
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
  case 1: return tell("mmap %ld %ld %d = %d", at - AREA, n, prot, CALL(mmap, at, n, prot, MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, -1) == (long)at);
  case 2: {
    void *got = mmap(at, n, prot, MAP_FIXED | (shared ? MAP_SHARED : MAP_PRIVATE), fd, offset);
    return tell("mmap %ld %ld %d %s %d %ld = %d", at - AREA, n, prot, shared ? "shared" : "private", fd, offset, got == at);
  }
  case 3: return tell("munmap %ld %ld = %ld", at - AREA, n, CALL(munmap, at, n));
  case 4: return tell("mprotect %ld %ld %d = %ld", at - AREA, n, prot, CALL(mprotect, at, n, prot));
  case 5:
    result = CALL(madvise, at, n, MADV_DONTNEED);
    return tell("madvise %ld %ld = %ld", at - AREA, n, result);
  default: return tell("msync %ld %ld = %ld", at - AREA, n, CALL(msync, at, n, MS_SYNC));
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
  case 1: n = writable_bytes(fd, n); return tell("write %d %ld = %ld", fd, n, CALL(write, fd, at, n));
  case 2:
  case 3:
    result = CALL(read, fd, at, n);
    return tell("read %d %ld = %ld %x", fd, n, result, result > 0 && at == buffer ? sum(at, result) : 0);
  case 4:
    result = CALL(pread64, fd, at, n, offset);
    return tell("pread %d %ld %ld = %ld %x", fd, n, offset, result, result > 0 && at == buffer ? sum(at, result) : 0);
  case 5: return tell("pwrite %d %ld %ld = %ld", fd, n, offset, CALL(pwrite64, fd, at, n, offset));
  case 6:
    for (int i = 0; i < 2; i++) v[i].iov_len = (size_t)writable_bytes(fd, (long)v[i].iov_len);
    return tell("writev %d %ld %ld = %ld", fd, n, (long)v[1].iov_len, CALL(writev, fd, v, 2));
  case 7: return tell("readv %d %ld %ld = %ld", fd, n, (long)v[1].iov_len, CALL(readv, fd, v, 2));
  case 8: {
    int whence = draw(6);
    return tell("lseek %d %ld %d = %ld", fd, offset, whence, CALL(lseek, fd, offset, whence));
  }
  case 9: return tell("ftruncate %d %ld = %ld", fd, offset, CALL(ftruncate, fd, offset));
  // From 6.5 on nothing is nothing, even of what cannot be spliced.
  default: if (n == 0) n = 1; return tell("sendfile %d %d %ld = %ld", fd, other, n, CALL(sendfile, fd, other, 0, n));
  }
}

static void descriptors(void) {
  static const int flags[] = {O_NONBLOCK, O_NONBLOCK | O_APPEND};
  int fd = slot(), copy = FIRST_COPY + draw(COPIES), on = draw(2), ends[2] = {-1, -1};
  long result;
  switch (draw(10)) {
  case 0:
  case 1:
  case 2: return tell("close %d = %ld", fd, CALL(close, fd));
  case 3:
    keep(result = CALL(dup, fd));
    return tell("dup %d = %ld", fd, result);
  case 4:
    keep(result = CALL(dup2, fd, copy));
    return tell("dup2 %d %d = %ld", fd, copy, result);
  case 5:
    keep(result = CALL(fcntl, fd, F_DUPFD, copy));
    return tell("dupfd %d %d = %ld", fd, copy, result);
  case 6: return tell("getfl %d = %lo", fd, CALL(fcntl, fd, F_GETFL));
  case 7: return tell("setfl %d %d = %ld", fd, on, CALL(fcntl, fd, F_SETFL, flags[on]));
  case 8:
    result = CALL(fcntl, fd, F_SETFD, on);
    return tell("setfd %d %d = %ld %ld", fd, on, result, CALL(fcntl, fd, F_GETFD));
  default:
    result = CALL(pipe2, ends, O_NONBLOCK);
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
    keep(result = CALL(open, one, flags, mode));
    return tell("open %s %o %o = %ld", one, flags, mode, result);
  case 5: return tell("unlink %s = %ld", one, CALL(unlink, one));
  case 6:
  case 7: return tell("mkdir %s %o = %ld", one, mode, CALL(mkdir, one, mode));
  case 8: return tell("rmdir %s = %ld", one, CALL(rmdir, one));
  case 9: {
    int how = draw(4);
    return tell("rename %s %s %d = %ld", one, two, how, CALL(renameat2, AT_FDCWD, one, AT_FDCWD, two, how));
  }
  case 10: return tell("link %s %s = %ld", one, two, CALL(link, one, two));
  case 11: return tell("symlink %s %s = %ld", one, two, CALL(symlink, one, two));
  case 12:
    result = CALL(readlink, one, buffer, 100);
    return tell("readlink %s = %ld %.*s", one, result, result < 0 ? 0 : (int)result, buffer);
  case 13:
  case 14:
    result = CALL(stat, one, &st);
    tell("stat %s ", one);
    return status("=", result, &st);
  case 15:
    result = CALL(lstat, one, &st);
    tell("lstat %s ", one);
    return status("=", result, &st);
  case 16:
    result = CALL(fstat, fd, &st);
    tell("fstat %d ", fd);
    return status("=", result, &st);
  case 17: return tell("chmod %s %o = %ld", one, mode, CALL(chmod, one, mode));
  case 18: return tell("truncate %s = %ld", one, CALL(truncate, one, length()));
  case 19: return tell("access %s = %ld", one, CALL(access, one, draw(8)));
  case 20:
    if (draw(2)) one = base;
    return tell("chdir %s = %ld", one, CALL(chdir, one));
  case 21:
    result = CALL(getcwd, buffer, 200);
    return tell("getcwd = %ld %s", result, result > 0 ? buffer : "");
  case 22: return tell("mkfifo %s = %ld", one, CALL(mknod, one, S_IFIFO | mode));
  default: return list(fd);
  }
}

static void (*const kinds[])(void) = {names, names, names, transfers, transfers, descriptors, mappings, touch, signals, waits};

static void begin(void) {
  for (int i = 0; i < 6; i++) handle(numbers[i], note_signal, 0);
  handle(SIGPIPE, note_signal, 0);
  handle(SIGSEGV, note_signal, 0);
  handle(SIGBUS, note_signal, 0);
}

static void step(void) { kinds[draw(10)](); }

const struct family mixed_family = {"mixed", begin, step, 0};
