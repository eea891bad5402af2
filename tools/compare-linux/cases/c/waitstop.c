// Stopped and continued children: wait4(2) and waitid(2), SIGCHLD and SA_NOCLDSTOP, orphaned groups.
#include "say.h"
#include <sys/resource.h>

static volatile sig_atomic_t told;
static siginfo_t last;

static void ring(int number, siginfo_t *info, void *context) {
  last = *info;
  told++;
}

static void show(const char *what, pid_t got, pid_t child, int status) {
  if (got != child) printf("%s: %s\n", what, got == 0 ? "nothing" : got > 0 ? "another" : strerrorname_np(errno));
  else if (WIFEXITED(status)) printf("%s: exited %d\n", what, WEXITSTATUS(status));
  else if (WIFSIGNALED(status)) printf("%s: signal %d\n", what, WTERMSIG(status));
  else if (WIFSTOPPED(status)) printf("%s: stopped %d\n", what, WSTOPSIG(status));
  else if (WIFCONTINUED(status)) printf("%s: continued %#x\n", what, status);
  else printf("%s: status %#x\n", what, status);
  fflush(stdout);
}

static void wait_for(const char *what, pid_t child, int options) {
  int status = 0;
  errno = 0;
  pid_t got = waitpid(child, &status, options);
  show(what, got, child, status);
}

static void wait_id(const char *what, pid_t child, int options) {
  siginfo_t info;
  memset(&info, 0, sizeof info);
  errno = 0;
  if (waitid(P_PID, child, &info, options) < 0) printf("%s: %s\n", what, strerrorname_np(errno));
  else if (info.si_pid == 0) printf("%s: nothing\n", what);
  else printf("%s: signal %d, child %d, code %d, status %d\n", what, info.si_signo, info.si_pid == child, info.si_code, info.si_status);
  fflush(stdout);
}

static pid_t waiting(int own_group) {
  pid_t child = fork();
  if (child == 0) {
    if (own_group) setpgid(0, 0);
    while (1) pause();
  }
  if (own_group) setpgid(child, child);
  return child;
}

int main(void) {
  setpgid(0, 0);
  pid_t child = waiting(0);
  wait_for("runs", child, WNOHANG | WUNTRACED | WCONTINUED);
  kill(child, SIGSTOP);
  wait_for("stop", child, WUNTRACED);
  wait_for("again", child, WNOHANG | WUNTRACED);
  kill(child, SIGCONT);
  wait_for("continue", child, WCONTINUED);
  wait_for("again", child, WNOHANG | WCONTINUED);
  // Not asked for.
  kill(child, SIGSTOP);
  wait_id("stopped, kept", child, WSTOPPED | WNOWAIT);
  wait_for("exit alone", child, WNOHANG);
  wait_id("continued alone", child, WCONTINUED | WNOHANG);
  wait_id("stopped", child, WSTOPPED);
  kill(child, SIGCONT);
  wait_id("continued, kept", child, WCONTINUED | WNOWAIT);
  wait_id("continued", child, WCONTINUED | WEXITED | WSTOPPED);
  wait_id("nothing", child, WCONTINUED | WEXITED | WSTOPPED | WNOHANG);
  // A stop that is over before anybody asks is a continuation.
  kill(child, SIGSTOP);
  wait_id("stopped, kept", child, WSTOPPED | WNOWAIT);
  kill(child, SIGCONT);
  wait_for("both", child, WUNTRACED | WCONTINUED);
  struct rusage usage;
  int status;
  kill(child, SIGSTOP);
  SAY(wait4(child, &status, WUNTRACED, &usage) == child);
  SAY(usage.ru_maxrss > 0);
  // Stopped, it takes nothing but SIGKILL and SIGCONT.
  kill(child, SIGTERM);
  usleep(20000);
  wait_for("stopped, SIGTERM", child, WNOHANG);
  kill(child, SIGCONT);
  wait_for("SIGTERM", child, 0);
  child = waiting(0);
  kill(child, SIGSTOP);
  wait_for("stop", child, WUNTRACED);
  kill(child, SIGKILL);
  wait_for("SIGKILL", child, WUNTRACED | WCONTINUED);
  wait_for("gone", child, WUNTRACED);

  // SIGCHLD.
  on(SIGCHLD, ring, 0);
  child = waiting(0);
  kill(child, SIGSTOP);
  while (told < 1) usleep(1000);
  SAY(last.si_code);
  SAY(last.si_pid == child);
  SAY(last.si_status);
  kill(child, SIGCONT);
  while (told < 2) usleep(1000);
  SAY(last.si_code);
  SAY(last.si_status);
  on(SIGCHLD, ring, SA_NOCLDSTOP);
  kill(child, SIGSTOP);
  wait_for("stop", child, WUNTRACED);
  kill(child, SIGCONT);
  wait_for("continue", child, WCONTINUED);
  usleep(20000);
  SAY(told);
  kill(child, SIGTERM);
  while (told < 3) usleep(1000);
  SAY(last.si_code);
  wait_for("end", child, 0);
  signal(SIGCHLD, SIG_DFL);

  // Its own stop, and that of a terminal's signals in a group of its own.
  child = fork();
  if (child == 0) {
    raise(SIGSTOP);
    raise(SIGSTOP);
    _exit(9);
  }
  wait_for("raise", child, WUNTRACED);
  kill(child, SIGCONT);
  wait_for("raise", child, WUNTRACED);
  kill(child, SIGCONT);
  wait_for("exit", child, WUNTRACED);
  const int stops[] = {SIGTSTP, SIGTTIN, SIGTTOU};
  for (int i = 0; i < 3; i++) {
    child = waiting(1);
    kill(child, stops[i]);
    wait_for("of a terminal", child, WUNTRACED);
    kill(child, SIGKILL);
    wait_for("end", child, 0);
  }
  // The group is an orphan where no parent in the session is outside of it.
  child = fork();
  if (child == 0) {
    setsid();
    raise(SIGTSTP);
    pid_t grandchild = fork();
    if (grandchild == 0) {
      raise(SIGTTIN);
      _exit(4);
    }
    wait_for("orphans", grandchild, WUNTRACED);
    _exit(3);
  }
  wait_for("orphans", child, WUNTRACED);
  // Any child, and those of a group.
  pid_t first = waiting(1), second = waiting(0);
  kill(second, SIGSTOP);
  errno = 0;
  pid_t got = waitpid(-1, &status, WUNTRACED);
  show("any", got, second, status);
  kill(first, SIGSTOP);
  got = waitpid(-first, &status, WUNTRACED);
  show("group", got, first, status);
  kill(first, SIGKILL);
  kill(second, SIGKILL);
  wait_for("first", first, 0);
  wait_for("second", second, 0);
  // A child that has ended does not stop any more.
  child = fork();
  if (child == 0) _exit(2);
  wait_id("ended, kept", child, WEXITED | WNOWAIT);
  wait_id("stopped alone", child, WSTOPPED);
  wait_for("end", child, 0);
  return 0;
}
