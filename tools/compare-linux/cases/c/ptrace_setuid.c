// A program that is to have more rights than who started it gets them where nobody may look into it: traced by a user without
// CAP_SYS_PTRACE it does not.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void copySelf(void) {
  static char bytes[1 << 16];
  int from = open("/proc/self/exe", O_RDONLY), to = open("raised", O_CREAT | O_WRONLY | O_TRUNC, 0755);
  for (ssize_t n; (n = read(from, bytes, sizeof bytes)) > 0;) write(to, bytes, n);
  close(from), close(to);
  chmod("raised", 04755);
}

/** Runs the program as user 1000, traced or not: its exit status. */
static int run(int traced, int user) {
  fflush(stdout);
  pid_t outer = fork();
  if (outer == 0) {
    if (user && setuid(user)) _exit(90);
    pid_t child = fork();
    if (child == 0) {
      if (!user && setuid(1000)) _exit(91);
      if (traced) ptrace(PTRACE_TRACEME, 0, 0, 0);
      execl("./raised", "raised", "1", (char *)0);
      _exit(92);
    }
    int status;
    while (waitpid(child, &status, 0) == child && WIFSTOPPED(status)) ptrace(PTRACE_CONT, child, 0, 0);
    _exit(WEXITSTATUS(status));
  }
  int status;
  waitpid(outer, &status, 0);
  return WEXITSTATUS(status);
}

int main(int argc, char **argv) {
  if (argc > 1) return geteuid() == 0 ? 10 : geteuid() == 1000 ? 20 : 30;
  copySelf();
  printf("by itself %d\n", run(0, 1000));
  printf("traced by its user %d\n", run(1, 1000));
  printf("traced by root %d\n", run(1, 0));
  pid_t other = fork();
  if (other == 0) {
    setuid(1000);
    long result = ptrace(PTRACE_ATTACH, getppid(), 0, 0);
    printf("root's process: %s\n", result < 0 ? strerrorname_np(errno) : "done");
    fflush(stdout);
    _exit(0);
  }
  waitpid(other, 0, 0);
  return 0;
}
