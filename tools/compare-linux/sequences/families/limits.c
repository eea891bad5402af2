// Limits of a process, and what they keep it from.
#include "../sequence.h"
#include <sys/resource.h>
#include <sys/socket.h>

#define AREA ((char *)0x200000000)

static void begin(void) {
  handle(SIGXFSZ, note_signal, 0);
  handle(SIGXCPU, note_signal, 0);
  keep(open("a", O_CREAT | O_RDWR, 0644));
  keep(open("b", O_CREAT | O_RDWR | O_APPEND, 0644));
  static const struct { int resource; struct rlimit limit; } first[] = {{RLIMIT_NOFILE, {1024, 1024}}, {RLIMIT_FSIZE, {-1, -1}}, {RLIMIT_MEMLOCK, {65536, 65536}}, {RLIMIT_MSGQUEUE, {819200, 819200}}, {RLIMIT_NICE, {0, 0}}, {RLIMIT_RTPRIO, {0, 0}}, {RLIMIT_CORE, {0, -1}}, {RLIMIT_DATA, {-1, -1}}, {RLIMIT_AS, {-1, -1}}};
  for (size_t i = 0; i < sizeof first / sizeof *first; i++) CALL(prlimit64, 0, first[i].resource, &first[i].limit, 0);
  if (draw(2)) CALL(setresuid, 1000, 1000, 1000);
}

static long amount(void) {
  return ONE(0, 1, 2, 3, 4, 5, 8, 10, 20, 100, 4095, 4096, 4097, 8192, 20000, 65536, 1 << 20, 1024, 1 << 20, -1, -2, 1l << 62);
}

static void step(void) {
  int fd = slot(), ends[2] = {-1, -1};
  long resource = ONE(RLIMIT_NOFILE, RLIMIT_NOFILE, RLIMIT_FSIZE, RLIMIT_FSIZE, RLIMIT_MEMLOCK, RLIMIT_MSGQUEUE, RLIMIT_NICE, RLIMIT_RTPRIO, RLIMIT_CORE, RLIMIT_DATA, RLIMIT_AS, 16, -1);
  struct rlimit set = {amount(), amount()}, old = {0, 0};
  long result, size = ONE(0, 1, 10, 1000, 4096, 10000), offset = ONE(0, 1, 3, 4095, 4096, 5000, 70000);
  char *at = AREA + draw(32) * PAGE;
  switch (draw(20)) {
  case 0: case 1: case 2: case 3:
    if (draw(3)) set.rlim_max = -1;
    // More descriptors the guest has not.
    if (resource == RLIMIT_NOFILE && set.rlim_max > 1024) set.rlim_max = 1024;
    // A process that may map nothing at all cannot go on.
    if (resource == RLIMIT_AS || resource == RLIMIT_DATA) set.rlim_cur = set.rlim_max = ONE(1l << 40, 1l << 41, -1);
    result = CALL(prlimit64, 0, resource, spoiled(&set), draw(2) ? &old : 0);
    return tell("prlimit %ld %lx %lx = %ld %lx", resource, set.rlim_cur, set.rlim_max, result, old.rlim_cur);
  case 4:
    result = CALL(getrlimit, resource, spoiled(&old));
    return tell("getrlimit %ld = %ld %lx %lx", resource, result, old.rlim_cur, old.rlim_max);
  case 5:
    if (resource == RLIMIT_AS || resource == RLIMIT_DATA || (resource == RLIMIT_NOFILE && set.rlim_max > 1024)) return tell("nothing");
    return tell("setrlimit %ld %lx %lx = %ld", resource, set.rlim_cur, set.rlim_max, CALL(setrlimit, resource, &set));
  case 6: keep(result = CALL(open, WORD("a", "b", "c", "."), O_RDONLY)); return tell("open = %ld", result);
  case 7: keep(result = CALL(dup, fd)); return tell("dup %d = %ld", fd, result);
  case 8: { long to = ONE(4, 5, 10, 19, 20, 100, 1023, 1024); result = CALL(dup2, fd, to); if (to > 20) CALL(close, to); else keep(result); return tell("dup2 %d %ld = %ld", fd, to, result); }
  case 9: { long from = ONE(3, 5, 10, 19, 20, 1023, 1024, 5000); keep(result = CALL(fcntl, fd, F_DUPFD, from)); return tell("dupfd %d %ld = %ld", fd, from, result); }
  case 10: result = CALL(pipe2, ends, O_NONBLOCK); keep(ends[0]), keep(ends[1]); return tell("pipe = %ld %d %d", result, ends[0], ends[1]);
  case 11: result = CALL(socketpair, AF_UNIX, SOCK_STREAM, 0, ends); keep(ends[0]), keep(ends[1]); return tell("socketpair = %ld %d %d", result, ends[0], ends[1]);
  case 12: return tell("close %d = %ld", fd, CALL(close, fd));
  case 13: size = writable_bytes(fd, size); return tell("write %d %ld = %ld", fd, size, CALL(write, fd, buffer, size));
  case 14: return tell("pwrite %d %ld %ld = %ld", fd, size, offset, CALL(pwrite64, fd, buffer, size, offset));
  case 15: {
    int kind = draw(3);
    result = kind == 0 ? CALL(ftruncate, fd, offset) : kind == 1 ? CALL(truncate, WORD("a", "b"), offset) : CALL(fallocate, fd, draw(2), offset, size);
    return tell("grow %d %d %ld %ld = %ld", kind, fd, offset, size, result);
  }
  // From 6.5 on nothing is nothing, even of what cannot be spliced.
  case 16: { int other = slot(); if (size == 0) size = 1; return tell("sendfile %d %d = %ld", fd, other, CALL(sendfile, fd, other, 0, size)); }
  case 17: {
    int kind = draw(5);
    result = kind == 0 ? CALL(mmap, at, (1 + draw(6)) * PAGE, PROT_READ | PROT_WRITE, MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS | (draw(2) ? MAP_LOCKED : 0), -1, 0) : kind == 1 ? CALL(mlock, at, (1 + draw(6)) * PAGE) : kind == 2 ? CALL(munlock, at, draw(20) * PAGE) : kind == 3 ? CALL(munmap, at, draw(20) * PAGE) : CALL(mlock2, at, (1 + draw(6)) * PAGE, draw(3));
    return tell("memory %d %ld = %lx", kind, at - AREA, result);
  }
  case 18: {
    long which = ONE(PRIO_PROCESS, PRIO_PROCESS, PRIO_PGRP + 9), value = ONE(-20, -5, 0, 5, 10, 19, 30);
    result = CALL(setpriority, which, 0, value);
    return tell("setpriority %ld %ld = %ld %ld", which, value, result, CALL(getpriority, PRIO_PROCESS, 0));
  }
  default:
    result = CALL(eventfd2, 0, O_NONBLOCK);
    keep(result);
    return tell("eventfd = %ld", result);
  }
}

const struct family limits_family = {"limits", begin, step, 0};
