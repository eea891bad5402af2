// execve(2): arguments, environment, what stays and what goes.
#include "say.h"
int main(int argc, char **argv) {
  if (argc > 1) {
    printf("again %s %s, fd 9 %s, blocked %d, ignored %d\n", argv[1], getenv("X"),
           fcntl(9, F_GETFD) < 0 ? "closed" : "open",
           ({ sigset_t s; sigprocmask(0, 0, &s); sigismember(&s, SIGUSR1); }),
           ({ struct sigaction a; sigaction(SIGUSR2, 0, &a); a.sa_handler == SIG_IGN; }));
    return 5;
  }
  SAY(execl("/missing", "x", NULL));
  SAY(execl("/etc/passwd", "x", NULL));
  SAY(execl("/tmp", "x", NULL));
  SAY(execl("/etc/passwd/x", "x", NULL));
  SAY(execve("", argv, 0));
  SAY(execve((char *)1, argv, 0));
  dup2(1, 9);
  fcntl(9, F_SETFD, FD_CLOEXEC);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  sigprocmask(SIG_BLOCK, &set, 0);
  signal(SIGUSR2, SIG_IGN);
  char *arguments[] = {argv[0], "word", 0}, *environment[] = {"X=y", 0};
  execve(argv[0], arguments, environment);
  perror("execve");
  return 1;
}
