// pidfd_open(2), pidfd_send_signal(2), pidfd_getfd(2), waitid(2) of descriptors, poll(2) and epoll(7) on them.
#include "say.h"
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#ifndef P_PIDFD
#define P_PIDFD 3
#endif

static int gate[2];

// A child that waits until a byte is written to the gate.
static pid_t child(int status) {
  pid_t pid = fork();
  if (pid == 0) {
    char c;
    read(gate[0], &c, 1);
    _exit(status);
  }
  return pid;
}

static void let_go(void) { write(gate[1], "x", 1); }
static int pidfd_open(pid_t pid, unsigned flags) { return syscall(SYS_pidfd_open, pid, flags); }
static int send_signal(int fd, int number, void *info, unsigned flags) {
  return syscall(SYS_pidfd_send_signal, fd, number, info, flags);
}
static int getfd(int pidfd, int fd, unsigned flags) { return syscall(SYS_pidfd_getfd, pidfd, fd, flags); }

static int ready(int fd, int milliseconds) {
  struct pollfd p = {.fd = fd, .events = POLLIN};
  int n = poll(&p, 1, milliseconds);
  return n <= 0 ? n : p.revents & POLLIN;
}

// The value of a line of fdinfo against `pid`.
static void info(int fd, pid_t pid) {
  char path[64], line[256];
  snprintf(path, sizeof path, "/proc/self/fdinfo/%d", fd);
  FILE *f = fopen(path, "r");
  while (f && fgets(line, sizeof line, f)) {
    int value;
    if (sscanf(line, "Pid: %d", &value) == 1) printf("fdinfo: Pid %s\n", value == pid ? "is right" : value == -1 ? "-1" : "is wrong");
  }
  if (f) fclose(f);
}

static volatile int got_value, got_code;
static void takes(int number, siginfo_t *i, void *unused) {
  (void)number, (void)unused;
  got_value = i->si_value.sival_int, got_code = i->si_code;
}

static void *thread(void *fd) {
  int tid = syscall(SYS_gettid);
  int result = pidfd_open(tid, 0);
  SAY(result == -1 && (errno == EINVAL || errno == ENOENT));
  (void)fd;
  return 0;
}

int main(void) {
  setvbuf(stdout, 0, _IONBF, 0);
  pipe(gate);
  signal(SIGPIPE, SIG_IGN);
  SAY(pidfd_open(0, 0));
  SAY(pidfd_open(-1, 0));
  SAY(pidfd_open(1 << 29, 0));
  SAY(pidfd_open(getpid(), 1));
  SAY(pidfd_open(1 << 29, 1));
  pid_t pid = child(5);
  int fd = pidfd_open(pid, 0);
  SAY(fd >= 0);
  SAY(fcntl(fd, F_GETFD));
  SAY(fcntl(fd, F_GETFL) & O_NONBLOCK);
  char c;
  SAY(read(fd, &c, 1));
  SAY(write(fd, &c, 1));
  SAY(lseek(fd, 0, SEEK_SET));
  info(fd, pid);
  SAY(ready(fd, 0));
  siginfo_t i;
  memset(&i, 0, sizeof i);
  SAY(waitid(P_PIDFD, fd, &i, WEXITED | WNOHANG));
  SAY(i.si_pid);
  SAY(waitid(P_PIDFD, -1, &i, WEXITED));
  SAY(waitid(P_PIDFD, 1, &i, WEXITED));
  SAY(waitid(P_PIDFD, 999, &i, WEXITED));
  SAY(waitid(P_PIDFD, fd, &i, 0));
  SAY(send_signal(fd, 0, 0, 0));
  SAY(send_signal(fd, 65, 0, 0));
  SAY(send_signal(fd, 0, 0, 1u << 31));
  SAY(send_signal(1, 0, 0, 0));
  SAY(send_signal(999, 0, 0, 0));
  SAY(send_signal(fd, 0, (void *)8, 0));
  int epoll = epoll_create1(0);
  struct epoll_event event = {.events = EPOLLIN, .data.u32 = 7};
  SAY(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event));
  SAY(epoll_wait(epoll, &event, 1, 0));
  let_go();
  SAY(epoll_wait(epoll, &event, 1, 10000));
  SAY(event.data.u32);
  SAY(ready(fd, 10000));
  SAY(send_signal(fd, SIGKILL, 0, 0));
  info(fd, pid);
  SAY(waitid(P_PIDFD, fd, &i, WEXITED | WNOWAIT));
  SAY(i.si_status);
  SAY(waitid(P_PIDFD, fd, &i, WEXITED));
  SAY(i.si_pid == pid);
  SAY(waitid(P_PIDFD, fd, &i, WEXITED));
  SAY(send_signal(fd, 0, 0, 0));
  SAY(getfd(fd, 0, 0));
  SAY(ready(fd, 0));
  info(fd, -1);
  close(fd);
  // One that does not let anybody wait.
  pid = child(6);
  fd = pidfd_open(pid, O_NONBLOCK);
  SAY(fcntl(fd, F_GETFL) & O_NONBLOCK);
  SAY(waitid(P_PIDFD, fd, &i, WEXITED));
  SAY(waitid(P_PIDFD, fd, &i, WEXITED | WNOHANG));
  // Descriptors of the child.
  int copy = getfd(fd, gate[1], 0);
  SAY(copy >= 0);
  SAY(fcntl(copy, F_GETFD));
  SAY(getfd(fd, 999, 0));
  SAY(getfd(fd, 0, 1));
  SAY(getfd(1, 0, 0));
  SAY(getfd(999, 0, 0));
  write(copy, "y", 1);
  SAY(ready(fd, 10000));
  SAY(getfd(fd, 0, 0) == -1 && (errno == EBADF || errno == ESRCH));
  say_wait("child", pid);
  close(fd), close(copy);
  // A child that is killed.
  pid = child(0);
  fd = pidfd_open(pid, 0);
  SAY(send_signal(fd, SIGTERM, 0, 0));
  SAY(waitid(P_PIDFD, fd, &i, WEXITED));
  SAY(i.si_code == CLD_KILLED && i.si_status == SIGTERM);
  // Signals with values, to itself and to others.
  int self = pidfd_open(getpid(), 0);
  on(SIGRTMIN, takes, 0);
  memset(&i, 0, sizeof i);
  i.si_signo = SIGRTMIN, i.si_code = SI_QUEUE, i.si_value.sival_int = 42;
  SAY(send_signal(self, SIGRTMIN, &i, 0));
  SAY(got_value);
  SAY(got_code == SI_QUEUE);
  SAY(send_signal(self, SIGRTMIN + 1, &i, 0));
  i.si_code = SI_USER;
  SAY(send_signal(self, SIGRTMIN, &i, 0));
  SAY(got_code);
  pid = child(0);
  int other = pidfd_open(pid, 0);
  SAY(send_signal(other, SIGRTMIN, &i, 0));
  i.si_code = SI_TKILL;
  SAY(send_signal(other, SIGRTMIN, &i, 0));
  let_go();
  say_wait("told", pid);
  // clone(2) and clone3(2).
  int made = -1;
  pid = syscall(SYS_clone, CLONE_PIDFD | SIGCHLD, 0, &made, 0, 0);
  if (pid == 0) _exit(3);
  SAY(made >= 0);
  SAY(fcntl(made, F_GETFD));
  info(made, pid);
  SAY(waitid(P_PIDFD, made, &i, WEXITED));
  SAY(i.si_status);
  SAY(syscall(SYS_clone, CLONE_PIDFD | SIGCHLD, 0, 8, 0, 0));
  SAY(syscall(SYS_clone, CLONE_PIDFD | CLONE_PARENT_SETTID | SIGCHLD, 0, &made, 0, 0));
  SAY(syscall(SYS_clone, CLONE_PIDFD | CLONE_DETACHED | SIGCHLD, 0, &made, 0, 0));
  int tid = 0;
  struct clone_args a = {.flags = CLONE_PIDFD | CLONE_PARENT_SETTID, .exit_signal = SIGCHLD,
                         .pidfd = (uintptr_t)&made, .parent_tid = (uintptr_t)&tid};
  pid = syscall(SYS_clone3, &a, sizeof a);
  if (pid == 0) _exit(4);
  SAY(tid == pid);
  SAY(waitid(P_PIDFD, made, &i, WEXITED));
  SAY(i.si_status);
  a.parent_tid = a.pidfd;
  SAY(syscall(SYS_clone3, &a, sizeof a));
  struct rlimit limit = {0, 0};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = 3;
  setrlimit(RLIMIT_NOFILE, &limit);
  SAY(pidfd_open(getpid(), 0));
  SAY(syscall(SYS_clone, CLONE_PIDFD | SIGCHLD, 0, &made, 0, 0));
  SAY(waitpid(-1, 0, 0));
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  pthread_t t;
  pthread_create(&t, 0, thread, 0);
  pthread_join(t, 0);
  // A process that nobody waits for.
  signal(SIGCHLD, SIG_IGN);
  pid = child(0);
  fd = pidfd_open(pid, 0);
  let_go();
  SAY(ready(fd, 10000));
  while (send_signal(fd, 0, 0, 0) == 0) sched_yield();
  SAY(errno == ESRCH);
  return 0;
}
