// Descriptors of events: eventfd, signalfd, timerfd, and epoll over them, itself included. Timers are far away, or are over
// before anybody looks.
#include "../sequence.h"
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>

static void begin(void) {
  handle(SIGUSR1, note_signal, 0), handle(SIGUSR2, note_signal, 0), handle(34, note_signal, 0), handle(SIGPIPE, note_signal, 0);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1), sigaddset(&set, 34);
  sigprocmask(SIG_BLOCK, &set, 0);
}

static void timers(int fd) {
  long clock = ONE(CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_MONOTONIC, CLOCK_BOOTTIME, CLOCK_PROCESS_CPUTIME_ID, 99), result;
  struct itimerspec value = {{ONE(0, 0, 5000), 0}, {ONE(0, 5000, 5000, -1), ONE(0, 0, 1, 1000000000)}}, old = {{0, 0}, {0, 0}};
  long flags = 0;
  switch (draw(4)) {
  case 0: keep(result = CALL(timerfd_create, clock, ONE(TFD_NONBLOCK, TFD_NONBLOCK | TFD_CLOEXEC, TFD_NONBLOCK | 1))); return tell("timerfd_create %ld = %ld", clock, result);
  case 1: case 2: {
    int past = draw(2);
    if (past) value.it_value = (struct timespec){0, 1}, value.it_interval.tv_sec = ONE(0, 4000000000), flags = TFD_TIMER_ABSTIME;
    else if (draw(16) == 0) flags = ONE(2, 3, 4, 8);
    if (!past && value.it_value.tv_sec == 0 && value.it_value.tv_nsec > 0) value.it_value.tv_sec = 5000;
    result = CALL(timerfd_settime, fd, flags, spoiled(&value), draw(2) ? spoiled(&old) : 0);
    tell("timerfd_settime %d %lx %ld %ld = %ld %d %ld", fd, flags, value.it_value.tv_sec, value.it_interval.tv_sec, result, old.it_value.tv_sec > 0 || old.it_value.tv_nsec > 0, old.it_interval.tv_sec);
    struct pollfd polled = {fd, POLLIN, 0};
    if (result == 0 && past) poll(&polled, 1, 2000);
    return;
  }
  default:
    result = CALL(timerfd_gettime, fd, spoiled(&old));
    return tell("timerfd_gettime %d = %ld %d %ld", fd, result, old.it_value.tv_sec > 0 || old.it_value.tv_nsec > 0, old.it_interval.tv_sec);
  }
}

static void step(void) {
  int fd = slot(), other = slot();
  long result, size = ONE(8, 8, 8, 0, 7, 16, 128, 300), flags;
  uint64_t value = ONE(0, 1, 1, 5, 1000, -1, -2, 1l << 40);
  unsigned long set = some(1ul << (SIGUSR1 - 1) | 1ul << (SIGUSR2 - 1) | 1ul << 33 | 1ul << (SIGKILL - 1));
  struct epoll_event event = {some(EPOLLIN | EPOLLOUT | EPOLLET | EPOLLONESHOT | EPOLLRDHUP | EPOLLPRI | EPOLLEXCLUSIVE), {.u64 = draw(100)}}, out[4];
  int ends[2] = {-1, -1};
  switch (draw(24)) {
  case 0: case 1:
    flags = EFD_NONBLOCK | ONE(0, EFD_SEMAPHORE, EFD_CLOEXEC, 2);
    keep(result = CALL(eventfd2, (unsigned)value, flags));
    return tell("eventfd %u %lx = %ld", (unsigned)value, flags, result);
  case 2: case 3: case 4: return tell("write %d %lx %ld = %ld", fd, value, size, CALL(write, fd, spoiled(&value), size > 16 ? 8 : size == 16 ? 8 : size));
  case 5: case 6: case 7: {
    memset(buffer, 0, 512);
    result = CALL(read, fd, spoiled(buffer), size);
    tell("read %d %ld = %ld", fd, size, result);
    if (result == 8) return tell(" %lx", *(uint64_t *)buffer);
    struct signalfd_siginfo *info = (void *)buffer;
    for (long i = 0; i < result / 128; i++) tell(" [%u %d %d %d]", info[i].ssi_signo, info[i].ssi_code, info[i].ssi_int, info[i].ssi_pid == (unsigned)getpid());
    return;
  }
  case 8: case 9:
    flags = ONE(SFD_NONBLOCK, SFD_NONBLOCK | SFD_CLOEXEC, SFD_NONBLOCK | 1);
    int on = draw(3) ? -1 : fd;
    result = CALL(signalfd4, on, spoiled(&set), draw(16) ? 8 : 4, flags);
    if (on == -1) keep(result);
    return tell("signalfd %d %lx %lx = %ld", on, set, flags, result);
  case 10: { int number = (int)ONE(SIGUSR1, SIGUSR2, 34); union sigval v = {.sival_int = (int)draw(9)}; return tell("queue %d = %d", number, sigqueue(getpid(), number, v)); }
  case 11: { long how = draw(4); return tell("sigprocmask %ld %lx = %ld", how, set & ~(1ul << 8), CALL(rt_sigprocmask, how, &set, 0, 8)); }
  case 12: case 13: case 14: return timers(fd);
  case 15: keep(result = CALL(epoll_create1, ONE(0, EPOLL_CLOEXEC, 1))); return tell("epoll_create = %ld", result);
  case 16: case 17: case 18: {
    long operation = ONE(1, 1, 1, 2, 3, 3, 0, 4);
    return tell("epoll_ctl %d %ld %d %x = %ld", fd, operation, other, event.events, CALL(epoll_ctl, fd, operation, other, spoiled(&event)));
  }
  case 19: case 20: {
    long most = ONE(4, 4, 1, 2, 0, -1);
    // What is looked at first has changed.
    int there = CALL(fcntl, fd, F_GETFD, 0) >= 0;
    if (!there) most = 4;
    const struct timespec none = {0, 0};
    result = draw(2) ? CALL(epoll_wait, fd, there ? spoiled(out) : out, most, 0) : CALL(epoll_pwait2, fd, out, most, &none, draw(3) ? 0 : spoiled(&set), draw(10) ? 8 : 7);
    tell("epoll_wait %d %ld = %ld", fd, most, result);
    // Their order is that of becoming ready, which is told as well.
    for (long i = 0; i < result; i++) tell(" %x/%ld", out[i].events, (long)out[i].data.u64);
    return;
  }
  case 21: {
    struct pollfd polled[2] = {{fd, POLLIN | POLLOUT, 0}, {other, POLLIN, 0}};
    result = CALL(poll, polled, 2, 0);
    return tell("poll %d %d = %ld %x %x", fd, other, result, polled[0].revents, polled[1].revents);
  }
  case 22:
    if (draw(3)) return tell("close %d = %ld", fd, CALL(close, fd));
    keep(result = CALL(dup, fd));
    return tell("dup %d = %ld", fd, result);
  default:
    result = CALL(pipe2, ends, O_NONBLOCK);
    keep(ends[0]), keep(ends[1]);
    return tell("pipe = %ld %d %d", result, ends[0], ends[1]);
  }
}

const struct family events_family = {"events", begin, step, 0};
