// What the programs print: an expression with its value, or with the error that it ended with.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SAY(expression) (errno = 0, say(#expression, (long)(expression)))

static inline void say(const char *expression, long value) {
  if (value == -1 && errno != 0) printf("%s: %s\n", expression, strerrorname_np(errno));
  else printf("%s: %ld\n", expression, value);
  fflush(stdout);
}

static inline int say_wait(const char *what, pid_t pid) {
  int status = 0;
  pid_t got = waitpid(pid, &status, 0);
  if (got != pid) printf("%s: wait %s\n", what, strerrorname_np(errno));
  else if (WIFEXITED(status)) printf("%s: exited %d\n", what, WEXITSTATUS(status));
  else if (WIFSIGNALED(status)) printf("%s: signal %d\n", what, WTERMSIG(status));
  fflush(stdout);
  return status;
}

static inline void on(int number, void (*handler)(int, siginfo_t *, void *), int flags) {
  struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | flags};
  sigaction(number, &action, 0);
}

/** Waits until `pid`, a child, sleeps in a call. */
static inline void until_asleep(pid_t pid) {
  char path[40], state = 0;
  snprintf(path, sizeof path, "/proc/%d/stat", pid);
  while (state != 'S') {
    FILE *file = fopen(path, "r");
    if (file == NULL || fscanf(file, "%*d (%*[^)]) %c", &state) != 1) state = 0;
    if (file != NULL) fclose(file);
    usleep(1000);
  }
}
