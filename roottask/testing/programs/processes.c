// Processes: copies of memory, a borrowed one, a program in the place of another, and what their ends tell.
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static int value = 1;
static volatile int told;

static void on_child(int signal) { told = signal; }

int main(int count, char **words) {
  setbuf(stdout, NULL);
  if (count > 1) {
    printf("began again with %s\n", words[1]);
    return 5;
  }
  int status = 0;
  int *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  signal(SIGCHLD, on_child);
  int child = fork();
  if (child == 0) {
    value = 2;
    *shared = 3;
    _exit(7);
  }
  printf("%d", waitpid(child, &status, 0) == child);
  printf(" status %x, value %d, shared %d, signal %d\n", status, value, *shared, told);
  child = vfork();
  if (child == 0) {
    value = 9;
    execl(words[0], words[0], "vfork", NULL);
    _exit(1);
  }
  printf("%d", waitpid(child, &status, 0) == child);
  printf(" status %x, value %d\n", status, value);
  child = fork();
  if (child == 0)
    for (;;) pause();
  kill(child, SIGTERM);
  siginfo_t info;
  printf("%d", waitid(P_PID, child, &info, WEXITED | WNOWAIT));
  printf(" code %d, status %d, %d\n", info.si_code, info.si_status, info.si_pid == child);
  printf("%d", waitpid(child, &status, WNOHANG) == child);
  printf(" status %x, then %d %d\n", status, wait(&status), errno == ECHILD);
  int made = 0;
  for (int i = 0; i < 200; i++) {
    child = fork();
    if (child == 0) _exit(i & 127);
    if (child > 0 && waitpid(child, &status, 0) == child && WEXITSTATUS(status) == (i & 127)) made++;
  }
  printf("%d children\n", made);
  return 0;
}
