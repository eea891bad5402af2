// restart_syscall(2), as a tracer sees it: a sleep that a stop interrupts goes on by that call.
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void show(const char *what, pid_t child) {
  struct user_regs_struct regs;
  int status = 0;
  waitpid(child, &status, 0);
  if (!WIFSTOPPED(status)) {
    printf("%s: status %x\n", what, status);
    return;
  }
  ptrace(PTRACE_GETREGS, child, 0, &regs);
  printf("%s: stop %d, call %lld, result %lld\n", what, WSTOPSIG(status), (long long)regs.orig_rax, (long long)regs.rax);
}

int main(void) {
  // Nothing is to go on with.
  printf("by itself %ld\n", syscall(SYS_restart_syscall) == -1 ? (long)errno : 0l);
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    ptrace(PTRACE_TRACEME, 0, 0, 0);
    raise(SIGSTOP);
    struct timespec time = {0, 300000000};
    _exit(syscall(SYS_nanosleep, &time, 0) == 0 ? 4 : errno);
  }
  show("child", child);
  ptrace(PTRACE_SYSCALL, child, 0, 0);
  show("sleep", child);
  kill(child, SIGWINCH);
  ptrace(PTRACE_SYSCALL, child, 0, 0);
  show("interrupted", child);
  ptrace(PTRACE_SYSCALL, child, 0, 0);
  show("signal", child);
  ptrace(PTRACE_SYSCALL, child, 0, 0);
  show("again", child);
  ptrace(PTRACE_SYSCALL, child, 0, 0);
  show("done", child);
  ptrace(PTRACE_CONT, child, 0, 0);
  show("end", child);
  return 0;
}
