// Strict mode of seccomp(2). A host that has filters already would refuse it, so what Linux says is written down.
#define _GNU_SOURCE
#include <errno.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void say(const char *text) { write(1, text, strlen(text)); }

static void enter(void) {
  if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT, 0, 0, 0) != 0) say("refused\n");
}

static void apart(const char *what, void (*body)(void)) {
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) body(), syscall(SYS_exit, 0);
  int status;
  waitpid(child, &status, 0);
  if (WIFSIGNALED(status)) printf("%s: signal %d%s\n", what, WTERMSIG(status), WCOREDUMP(status) ? " with a core" : "");
  else printf("%s: status %d\n", what, WEXITSTATUS(status));
}

static void allowed(void) {
  char byte;
  int ends[2];
  pipe(ends), write(ends[1], "x", 1);
  enter();
  if (read(ends[0], &byte, 1) == 1) say("read and written\n");
  if (read(77, &byte, 1) == -1) say("an error is an error\n");
  syscall(SYS_exit, 7);
}
static void group(void) { enter(), syscall(SYS_exit_group, 7); }
static void ids(void) { enter(), syscall(SYS_getpid); }
static void asks(void) { enter(), prctl(PR_GET_SECCOMP, 0, 0, 0, 0); }
static void unknown(void) { enter(), syscall(1000); }
static void by_call(void) { syscall(SYS_seccomp, SECCOMP_SET_MODE_STRICT, 0, 0), syscall(SYS_getppid); }


static void *strict(void *unused) { return enter(), syscall(SYS_getpid), NULL; }
static void thread(void) {
  pthread_t other;
  pthread_create(&other, 0, strict, 0);
  pthread_join(other, 0);
  say("the other thread is gone\n");
  syscall(SYS_exit_group, prctl(PR_GET_SECCOMP, 0, 0, 0, 0) + 4);
}

int main(void) {
  apart("what is allowed", allowed);
  apart("exit_group", group);
  apart("getpid", ids);
  apart("prctl", asks);
  apart("a call that there is not", unknown);
  apart("by seccomp(2)", by_call);
  apart("a thread", thread);
}
