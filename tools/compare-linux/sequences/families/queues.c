// POSIX message queues, in an IPC namespace of the seed's own where there are any.
#include "../sequence.h"
#include <mqueue.h>
#include <sched.h>

static const char *name(void) { return WORD("q1", "q1", "q2", "q3", "", "q/x", ".", "..") ; }

static void begin(void) {
  CALL(unshare, CLONE_NEWIPC);
  handle(SIGUSR1, note_signal, 0), handle(34, note_signal, 0);
  if (draw(4) == 0) CALL(setresuid, -1, 1000, -1);
}

static void end(void) {
  CALL(setresuid, -1, 0, -1);
  CALL(mq_unlink, "q1"), CALL(mq_unlink, "q2"), CALL(mq_unlink, "q3");
}

static void step(void) {
  const char *called = name();
  int fd = slot();
  struct mq_attr attributes = {ONE(0, 0, O_NONBLOCK, 3), ONE(1, 2, 5, 10, 11, 0, -1), ONE(1, 16, 100, 8192, 8193, 0)}, old = {0};
  const struct timespec past = {ONE(0, 1, -1), ONE(0, 1, 1000000000)};
  long size = ONE(0, 1, 16, 17, 100, 8192), result;
  unsigned priority = ONE(0, 1, 2, 5, 32767, 32768);
  struct pollfd polled = {fd, POLLIN | POLLOUT, 0};
  struct stat st;
  switch (draw(16)) {
  case 0: case 1: case 2: {
    long flags = ONE(O_RDONLY, O_WRONLY, O_RDWR, O_RDWR, 3) | ONE(0, O_CREAT, O_CREAT, O_CREAT | O_EXCL, O_CLOEXEC) | O_NONBLOCK;
    keep(result = CALL(mq_open, called, flags, ONE(0600, 0400, 0666), draw(2) ? spoiled(&attributes) : 0));
    return tell("mq_open %s %lo %ld %ld = %ld", called, flags, attributes.mq_maxmsg, attributes.mq_msgsize, result);
  }
  case 3: return tell("mq_unlink %s = %ld", called, CALL(mq_unlink, called));
  case 4: case 5: case 6:
    memset(buffer, draw(256), 8192);
    return tell("mq_send %d %ld %u = %ld", fd, size, priority, CALL(mq_timedsend, fd, spoiled(buffer), size, priority, draw(3) ? 0 : spoiled((void *)&past)));
  case 7: case 8: case 9:
    priority = 99;
    result = CALL(mq_timedreceive, fd, spoiled(buffer), draw(3) ? 8192 : size, draw(3) ? &priority : 0, draw(3) ? 0 : &past);
    return tell("mq_receive %d = %ld %u %x", fd, result, priority, result > 0 ? sum(buffer, result) : 0);
  case 10: case 11:
    result = CALL(mq_getsetattr, fd, 0, spoiled(&old));
    return tell("mq_getattr %d = %ld %lx %ld %ld %ld", fd, result, old.mq_flags, old.mq_maxmsg, old.mq_msgsize, old.mq_curmsgs);
  case 12:
    attributes.mq_flags |= O_NONBLOCK;
    result = CALL(mq_getsetattr, fd, spoiled(&attributes), draw(2) ? 0 : &old);
    return tell("mq_setattr %d %lx = %ld %lx", fd, attributes.mq_flags, result, old.mq_flags);
  case 13: {
    struct sigevent event = {.sigev_notify = ONE(SIGEV_SIGNAL, SIGEV_SIGNAL, SIGEV_NONE, 5), .sigev_signo = ONE(SIGUSR1, 34, 0, 65)};
    return tell("mq_notify %d = %ld", fd, CALL(mq_notify, fd, draw(3) ? spoiled(&event) : 0));
  }
  case 14:
    if (draw(2)) return tell("close %d = %ld", fd, CALL(close, fd));
    result = CALL(fstat, fd, &st);
    return tell("fstat %d = %ld %o %ld", fd, result, result ? 0 : st.st_mode, result ? 0 : (long)st.st_size);
  default:
    result = CALL(poll, &polled, 1, 0);
    return tell("poll %d = %ld %x", fd, result, polled.revents);
  }
}

const struct family queues_family = {"queues", begin, step, end};
