// PR_SET_PDEATHSIG: whose end it is about (the thread that forked, and who the child is passed on to), which thread of the
// child has asked, what the signal tells.
#include "say.h"
#include <pthread.h>
#include <sys/prctl.h>

static int ready[2], go[2], end[2];

static void tell(int fd) { write(fd, "", 1); }

static void await(int fd) {
  char byte;
  read(fd, &byte, 1);
}

// Takes the next signal, and says from whom it is.
static void take(const char *what, pid_t from) {
  sigset_t set;
  siginfo_t info = {0};
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  struct timespec limit = {20, 0};
  int got = sigtimedwait(&set, &info, &limit);
  printf("%s: %s, code %d, of %s\n", what, got == SIGUSR1 ? "signal" : "none", info.si_code,
         info.si_pid == from ? "its parent" : "somebody else");
  fflush(stdout);
}

static void block(void) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  sigprocmask(SIG_BLOCK, &set, 0);
}

static pid_t parent;
static pid_t child;

static void *forks(void *unused) {
  (void)unused;
  child = fork();
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGUSR1);
    tell(ready[1]);
    take("its thread has ended", parent);
    SAY(getppid() == parent);
    tell(ready[1]);
    _exit(0);
  }
  await(go[0]);
  return 0;
}

// The thread that has forked ends, the process stays.
static void thread_ends(void) {
  pthread_t thread;
  parent = getpid();
  pthread_create(&thread, 0, forks, 0);
  await(ready[0]);
  tell(go[1]);
  pthread_join(thread, 0);
  await(ready[0]);
  say_wait("child of a thread", child);
}

static void *sleeps(void *unused) {
  (void)unused;
  await(end[0]);
  return 0;
}

// A thread that has not forked ends: nothing.
static void other_ends(void) {
  pthread_t thread;
  pthread_create(&thread, 0, sleeps, 0);
  child = fork();
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGUSR1);
    tell(ready[1]);
    await(go[0]);
    sigset_t pending;
    sigpending(&pending);
    SAY(sigismember(&pending, SIGUSR1));
    _exit(0);
  }
  await(ready[0]);
  tell(end[1]);
  pthread_join(thread, 0);
  tell(go[1]);
  say_wait("child of another", child);
}

static void *asks(void *unused) {
  (void)unused;
  prctl(PR_SET_PDEATHSIG, SIGUSR1);
  tell(ready[1]);
  pause();
  return 0;
}

// A thread of the child asks, and then its parent, whose own parent takes the child over; then that ends, too.
static void passed_on(void) {
  pid_t reaper = fork();
  if (reaper == 0) {
    close(end[0]);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    pid_t between = fork();
    if (between == 0) {
      parent = getpid();
      pid_t above = getppid();
      if (fork() == 0) {
        pthread_t thread;
        pthread_create(&thread, 0, asks, 0);
        take("a thread has asked", parent);
        SAY(getppid() == above);
        tell(ready[1]);
        take("passed on", above);
        write(end[1], "x", 1);
        _exit(0);
      }
      await(ready[0]);
      _exit(0);
    }
    // Told when the grandchild has said its part; it tells that by the pipe on which the other has waited.
    siginfo_t info;
    waitid(P_PID, between, &info, WEXITED | WNOWAIT);
    await(ready[0]);
    say_wait("between", between);
    _exit(0);
  }
  close(end[1]);
  // Told when nobody else has anything to say any more.
  char byte = 0;
  int told = read(end[0], &byte, 1), ended = read(end[0], &byte, 1);
  say_wait("reaper", reaper);
  SAY(told);
  SAY(ended);
}

// Threads and children do not have what was asked for.
static void *looks(void *unused) {
  (void)unused;
  int value = -1;
  prctl(PR_GET_PDEATHSIG, &value);
  printf("thread: %d\n", value);
  return 0;
}

int main(void) {
  block();
  pipe(ready), pipe(go), pipe(end);
  thread_ends();
  other_ends();
  passed_on();
  prctl(PR_SET_PDEATHSIG, SIGUSR2);
  pthread_t thread;
  pthread_create(&thread, 0, looks, 0);
  pthread_join(thread, 0);
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) {
    looks(0);
    fflush(stdout);
    _exit(0);
  }
  say_wait("child", pid);
  return 0;
}
