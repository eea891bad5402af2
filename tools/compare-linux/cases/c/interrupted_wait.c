// A wait for a child that a signal ends, right before the child is ended as well: the handler may still wait for it. GNU make
// That is what timeout(1) does to GNU make, which takes the other order, in which Linux may do it on a busy machine, for an error.
#include "say.h"

static pid_t child;
static int status;
static volatile long taken;

static void handle(int signal) { taken = waitpid(child, &status, 0); }

static void interrupt(const char *what, int flags) {
  struct sigaction action = {.sa_handler = handle, .sa_flags = flags};
  sigaction(SIGINT, &action, 0);
  taken = 0;
  if ((child = fork()) == 0) pause();
  pid_t parent = getpid(), sender = fork();
  if (sender == 0) {
    usleep(50000);
    kill(parent, SIGINT), kill(child, SIGKILL);
    _exit(0);
  }
  int got;
  errno = 0;
  long waited = waitpid(child, &got, 0);
  printf("%s: %s, ", what, waited == -1 ? strerrorname_np(errno) : "the child");
  printf("the handler %s\n", taken == child ? "had the child" : "had none");
  waitpid(sender, 0, 0);
}

int main(void) {
  interrupt("a signal", 0);
  interrupt("one with SA_RESTART", SA_RESTART);
  return 0;
}
