// alarm(2): what it returns, that it interrupts calls and ends programs, over fork(2) and execve(2), to a busy program.
#include "say.h"
#include <sys/time.h>
#include <sys/wait.h>

static volatile sig_atomic_t rang;
static siginfo_t told;

static void ring(int number, siginfo_t *info, void *context) {
  told = *info;
  rang++;
}

static void soon(void) { setitimer(ITIMER_REAL, &(struct itimerval){{0, 0}, {0, 20000}}, 0); }

int main(int argc, char **argv) {
  if (argc > 1) {
    // The alarm was set before execve(2).
    SAY(alarm(0) > 0);
    struct itimerval now;
    SAY(getitimer(ITIMER_VIRTUAL, &now));
    SAY(now.it_value.tv_sec >= 50 && now.it_value.tv_sec <= 60);
    SAY(now.it_interval.tv_sec);
    return 7;
  }
  on(SIGALRM, ring, 0);
  SAY(alarm(100));
  SAY(alarm(200));
  SAY(alarm(0));
  SAY(alarm(0));
  SAY(alarm(0xffffffff));
  SAY(alarm(0) > 4000000000);
  soon();
  SAY(alarm(0));
  soon();
  SAY(pause());
  SAY(rang);
  SAY(told.si_signo);
  SAY(told.si_code);
  SAY(told.si_pid);
  SAY(told.si_uid);
  // A program that makes no calls.
  soon();
  while (rang < 2);
  SAY(rang);
  // Blocked, it is pending.
  sigset_t set, old;
  sigemptyset(&set);
  sigaddset(&set, SIGALRM);
  sigprocmask(SIG_BLOCK, &set, &old);
  soon();
  siginfo_t info;
  SAY(sigwaitinfo(&set, &info));
  SAY(info.si_code);
  SAY(rang);
  soon();
  usleep(60000);
  sigset_t pending;
  sigpending(&pending);
  SAY(sigismember(&pending, SIGALRM));
  sigprocmask(SIG_SETMASK, &old, 0);
  SAY(rang);
  // A read, with and without SA_RESTART.
  int ends[2];
  char byte;
  SAY(pipe(ends));
  soon();
  SAY(read(ends[0], &byte, 1));
  on(SIGALRM, ring, SA_RESTART);
  pid_t writer = fork();
  if (writer == 0) {
    SAY(alarm(0));
    usleep(150000);
    _exit(write(ends[1], "x", 1));
  }
  soon();
  SAY(read(ends[0], &byte, 1));
  SAY(rang);
  say_wait("writer", writer);
  // A child has no alarm of its parent's, a program that replaces another does.
  alarm(50);
  pid_t child = fork();
  if (child == 0) _exit(alarm(0));
  say_wait("fork", child);
  SAY(alarm(0) > 0);
  child = fork();
  if (child == 0) {
    alarm(60);
    setitimer(ITIMER_VIRTUAL, &(struct itimerval){{3, 0}, {60, 0}}, 0);
    execl(argv[0], argv[0], "again", (char *)0);
    _exit(1);
  }
  say_wait("execve", child);
  // Nobody handles it.
  child = fork();
  if (child == 0) {
    signal(SIGALRM, SIG_DFL);
    soon();
    while (1);
  }
  say_wait("busy", child);
  child = fork();
  if (child == 0) {
    signal(SIGALRM, SIG_DFL);
    soon();
    pause();
  }
  say_wait("waiting", child);
  return 0;
}
