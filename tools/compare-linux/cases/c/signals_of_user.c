// RLIMIT_SIGPENDING: signals are counted for a user, all processes together.
#include "say.h"
#include <sys/resource.h>
#include <time.h>

static long queued(void) {
  char line[128];
  long count = -1;
  FILE *file = fopen("/proc/self/status", "r");
  while (fgets(line, sizeof line, file) != NULL) sscanf(line, "SigQ: %ld/", &count);
  fclose(file);
  return count;
}

static int send(pid_t to) {
  union sigval value = {.sival_int = 1};
  return sigqueue(to, SIGRTMIN, value);
}

static int ready[2], go[2];

int main(void) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGRTMIN);
  sigaddset(&set, SIGUSR1);
  sigprocmask(SIG_BLOCK, &set, 0);
  pipe(ready), pipe(go);
  long base = queued();
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    char byte;
    for (int i = 0; i < 5; i++) send(getpid());
    write(ready[1], "", 1);
    read(go[0], &byte, 1);
    _exit(0);
  }
  char byte;
  read(ready[0], &byte, 1);
  SAY(queued() - base);
  struct rlimit limit;
  getrlimit(RLIMIT_SIGPENDING, &limit);
  limit.rlim_cur = base + 7;
  SAY(setrlimit(RLIMIT_SIGPENDING, &limit));
  SAY(send(getpid()));
  SAY(send(getpid()));
  SAY(send(getpid()));
  SAY(queued() - base);
  // One that is no real-time signal is sent without what it tells, and counts all the same.
  SAY(kill(getpid(), SIGUSR1));
  SAY(queued() - base);
  // The limit is that of who gets it.
  SAY(send(child));
  SAY(queued() - base);
  struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN};
  timer_t timer;
  SAY(timer_create(CLOCK_MONOTONIC, &event, &timer));
  struct timespec now = {0, 0};
  siginfo_t info;
  SAY(sigtimedwait(&set, &info, &now));
  SAY(queued() - base);
  SAY(sigtimedwait(&set, &info, &now) == SIGRTMIN);
  SAY(send(getpid()));
  write(go[1], "", 1);
  waitpid(child, 0, 0);
  SAY(queued() - base);
  SAY(timer_create(CLOCK_MONOTONIC, &event, &timer));
  SAY(queued() - base);
  SAY(timer_delete(timer));
  SAY(queued() - base);
  while (sigtimedwait(&set, &info, &now) > 0) continue;
  SAY(queued() - base);
  return 0;
}
