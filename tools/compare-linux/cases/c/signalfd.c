// signalfd(2): what is read of which signal, blocking, poll(2), epoll(7), fork(2), masks that change.
#include "say.h"
#include <pthread.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/time.h>

static struct signalfd_siginfo got[4];
static volatile sig_atomic_t handled;

static void ring(int number, siginfo_t *info, void *context) { handled++; }

static void show(int fd) {
  memset(got, 0xff, sizeof got);
  SAY(read(fd, got, sizeof got));
}

static void sender(const struct signalfd_siginfo *info) {
  printf("signal %u, errno %d, code %d, own pid %d, uid %u, int %d, ptr %llx, status %d, overrun %u, tid %u\n",
         info->ssi_signo, info->ssi_errno, info->ssi_code, info->ssi_pid == (unsigned)getpid(), info->ssi_uid,
         info->ssi_int, (unsigned long long)info->ssi_ptr, info->ssi_status, info->ssi_overrun, info->ssi_tid);
}

static int ready(int fd) {
  struct pollfd p = {fd, POLLIN | POLLOUT, 0};
  int count = poll(&p, 1, 0);
  return count < 0 ? -1 : p.revents;
}

static void *raise_later(void *unused) {
  usleep(30000);
  kill(getpid(), SIGUSR1);
  return 0;
}

int main(void) {
  sigset_t set, all;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  sigaddset(&set, SIGUSR2);
  sigaddset(&set, SIGCHLD);
  sigaddset(&set, SIGALRM);
  sigaddset(&set, SIGRTMIN);
  sigaddset(&set, SIGKILL);
  all = set;
  sigprocmask(SIG_BLOCK, &set, 0);
  int fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
  SAY(fd);
  SAY(fcntl(fd, F_GETFD));
  SAY(fcntl(fd, F_GETFL));
  SAY(lseek(fd, 5, SEEK_SET));
  SAY(ready(fd));
  show(fd);
  SAY(read(fd, got, 127));
  SAY(write(fd, got, 128));
  kill(getpid(), SIGUSR1);
  SAY(ready(fd));
  show(fd);
  sender(got);
  SAY(ready(fd));
  SAY(got[1].ssi_signo);
  raise(SIGUSR2);
  show(fd);
  sender(got);
  sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_ptr = (void *)0x123456789abc});
  sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 7});
  kill(getpid(), SIGUSR2);
  kill(getpid(), SIGUSR1);
  kill(getpid(), SIGUSR1);
  show(fd);
  for (int i = 0; i < 4; i++) sender(got + i);
  show(fd);
  for (int i = 0; i < 3; i++) kill(getpid(), SIGRTMIN);
  SAY(read(fd, got, 300));
  SAY(read(fd, got, 128));
  SAY(read(fd, got, 128));
  pid_t child = fork();
  if (child == 0) _exit(5);
  while (!ready(fd)) usleep(1000);
  show(fd);
  SAY(got->ssi_signo == SIGCHLD && got->ssi_pid == (unsigned)child);
  SAY(got->ssi_code);
  SAY(got->ssi_status);
  say_wait("child", child);
  timer_t timer;
  struct sigevent event = {.sigev_signo = SIGRTMIN, .sigev_value.sival_int = 77};
  timer_create(CLOCK_MONOTONIC, &event, &timer);
  timer_settime(timer, 0, &(struct itimerspec){{0, 0}, {0, 1000000}}, 0);
  while (!ready(fd)) usleep(1000);
  show(fd);
  printf("signal %u, code %d, tid %u, overrun %u, int %d\n", got->ssi_signo, got->ssi_code, got->ssi_tid,
         got->ssi_overrun, got->ssi_int);
  // The siginfo that a handler or sigwaitinfo would have got is gone with it.
  sigset_t pending;
  kill(getpid(), SIGUSR1);
  sigpending(&pending);
  SAY(sigismember(&pending, SIGUSR1));
  show(fd);
  sigpending(&pending);
  SAY(sigismember(&pending, SIGUSR1));
  // Blocking.
  SAY(fcntl(fd, F_SETFL, 0));
  setitimer(ITIMER_REAL, &(struct itimerval){{0, 0}, {0, 20000}}, 0);
  show(fd);
  sender(got);
  pthread_t thread;
  pthread_create(&thread, 0, raise_later, 0);
  show(fd);
  SAY(got->ssi_signo);
  pthread_join(thread, 0);
  pthread_create(&thread, 0, raise_later, 0);
  struct pollfd p = {fd, POLLIN, 0};
  SAY(poll(&p, 1, 5000));
  SAY(p.revents);
  show(fd);
  pthread_join(thread, 0);
  // Another signal interrupts.
  on(SIGHUP, ring, 0);
  pid_t self = getpid();
  child = fork();
  if (child == 0) {
    usleep(30000);
    kill(self, SIGHUP);
    _exit(0);
  }
  sigdelset(&set, SIGCHLD);
  SAY(signalfd(fd, &set, 0) == fd);
  show(fd);
  SAY(handled);
  say_wait("child", child);
  SAY(signalfd(fd, &all, 0) == fd);
  show(fd);
  SAY(got->ssi_signo);
  // epoll, level and edge.
  int epoll = epoll_create1(0);
  struct epoll_event wanted = {EPOLLIN, {.u32 = 9}}, events[2];
  SAY(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &wanted));
  SAY(epoll_wait(epoll, events, 2, 0));
  kill(getpid(), SIGUSR1);
  SAY(epoll_wait(epoll, events, 2, 1000));
  SAY(events->events);
  SAY(events->data.u32);
  SAY(epoll_wait(epoll, events, 2, 0));
  show(fd);
  SAY(epoll_wait(epoll, events, 2, 0));
  wanted.events = EPOLLIN | EPOLLET;
  SAY(epoll_ctl(epoll, EPOLL_CTL_MOD, fd, &wanted));
  pthread_create(&thread, 0, raise_later, 0);
  SAY(epoll_wait(epoll, events, 2, 5000));
  SAY(epoll_wait(epoll, events, 2, 0));
  pthread_join(thread, 0);
  show(fd);
  // The mask changes; what is not in it is not read.
  sigemptyset(&set);
  sigaddset(&set, SIGUSR2);
  kill(getpid(), SIGUSR1);
  SAY(ready(fd));
  SAY(signalfd(fd, &set, 0) == fd);
  SAY(ready(fd));
  kill(getpid(), SIGUSR2);
  show(fd);
  SAY(got->ssi_signo);
  SAY(signalfd(fd, &all, SFD_NONBLOCK) == fd);
  show(fd);
  SAY(got->ssi_signo);
  // A child reads its own signals.
  kill(getpid(), SIGUSR1);
  child = fork();
  if (child == 0) {
    SAY(ready(fd));
    kill(getpid(), SIGUSR2);
    show(fd);
    sender(got);
    _exit(0);
  }
  say_wait("reader", child);
  SAY(ready(fd));
  show(fd);
  SAY(got[0].ssi_signo);
  SAY(got[1].ssi_signo);
  // Not blocked, a handler gets it.
  on(SIGUSR1, ring, 0);
  sigprocmask(SIG_UNBLOCK, &all, 0);
  handled = 0;
  kill(getpid(), SIGUSR1);
  SAY(handled);
  SAY(ready(fd));
  sigprocmask(SIG_BLOCK, &all, 0);
  // Errors.
  SAY(signalfd(-1, &set, 1));
  SAY(signalfd(fd, &set, 1));
  SAY(signalfd(99, &set, 0));
  SAY(signalfd(0, &set, 0));
  SAY(signalfd(-2, &set, 0));
  SAY(syscall(SYS_signalfd4, -1, &set, 4, 0));
  SAY(syscall(SYS_signalfd4, -1, 8, 8, 0));
  SAY(syscall(SYS_signalfd, -1, &set, 16));
  int other = syscall(SYS_signalfd, -1, &set, 8);
  SAY(fcntl(other, F_GETFL));
  SAY(dup(other) > other);
  kill(getpid(), SIGUSR2);
  SAY(syscall(SYS_read, other, 8, 128));
  SAY(close(other));
  SAY(close(fd));
  return 0;
}
