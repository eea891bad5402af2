// signal(7): pending, queued and waited for.
#include "say.h"
static int delivered;
static void count(int number, siginfo_t *info, void *context) { delivered++; }
int main(void) {
  sigset_t set, pending;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  sigaddset(&set, SIGRTMIN + 1);
  sigprocmask(SIG_BLOCK, &set, 0);
  on(SIGUSR1, count, 0);
  on(SIGRTMIN + 1, count, 0);
  for (int i = 0; i < 3; i++) kill(getpid(), SIGUSR1), kill(getpid(), SIGRTMIN + 1);
  sigpending(&pending);
  SAY(sigismember(&pending, SIGUSR1) * 10 + sigismember(&pending, SIGRTMIN + 1));
  struct timespec zero = {0, 0};
  siginfo_t info;
  SAY(sigtimedwait(&set, &info, &zero) == SIGUSR1);
  SAY(sigtimedwait(&set, &info, &zero) == SIGRTMIN + 1);
  sigprocmask(SIG_UNBLOCK, &set, 0);
  SAY(delivered);
  SAY(sigtimedwait(&set, &info, &zero));
  sigprocmask(SIG_BLOCK, &set, 0);
  kill(getpid(), SIGUSR1);
  sigset_t none;
  sigemptyset(&none);
  SAY(sigsuspend(&none));
  SAY(delivered);
  SAY(sigaction(SIGKILL, &(struct sigaction){.sa_handler = SIG_IGN}, 0));
  SAY(sigaction(65, 0, 0));
  return 0;
}
