// A chain of processes each of which makes the next one and ends: a signal to their group always reaches the one that is
// there, since fork(2) makes nobody behind the back of a signal that has come (kernel/fork.c, copy_process()).

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static void run(int to) {
  setpgid(0, 0);
  for (;;) {
    if (write(to, "x", 1) != 1) _exit(1);
    pid_t pid = fork();
    if (pid < 0) _exit(2);
    if (pid > 0) _exit(0);
  }
}

static volatile sig_atomic_t seen;
static void note(int signal) { seen = signal; }

int main(void) {
  // Whoever is left by its parent is this one's child then.
  if (prctl(PR_SET_CHILD_SUBREAPER, 1)) return 1;
  int killed = 0, failed = 0;
  for (int round = 0; round < 60; round++) {
    int fd[2];
    if (pipe(fd)) return 1;
    pid_t pid = fork();
    if (pid == 0) run(fd[1]);
    setpgid(pid, pid);
    close(fd[1]);
    char byte;
    for (int i = 0; i <= round; i++) failed += read(fd[0], &byte, 1) != 1;
    failed += kill(-pid, SIGKILL) != 0;
    int status, last = 0;
    while (wait(&status) > 0) {
      if (WIFSIGNALED(status)) last++;
      else failed += WEXITSTATUS(status) != 0;
    }
    // The maker of the last one may not have ended yet.
    killed += last == 1 || last == 2;
    failed += kill(-pid, 0) != -1 || errno != ESRCH;
    close(fd[0]);
  }
  printf("killed %d failed %d\n", killed, failed);

  // Handlers without SA_RESTART do not end the call.
  struct sigaction action = {.sa_handler = note};
  sigaction(SIGALRM, &action, 0);
  pid_t self = getpid(), pid = fork();
  if (pid == 0) for (int i = 0; i < 3000; i++) kill(self, SIGALRM);
  if (pid == 0) _exit(0);
  int interrupted = 0;
  for (int i = 0; i < 300; i++) {
    pid_t child = fork();
    if (child == 0) _exit(0);
    if (child < 0) interrupted++;
    else while (waitpid(child, 0, 0) < 0 && errno == EINTR);
  }
  while (waitpid(pid, 0, 0) < 0 && errno == EINTR);
  printf("interrupted %d, signal %s\n", interrupted, seen == SIGALRM ? "seen" : "not seen");
  return 0;
}
