// Frames of signals that cannot be written: SIGSEGV comes in the place of the signal, by its handler where that has a stack.
#include "say.h"
#include <sys/mman.h>

static char *stack;
static volatile int handled;

static void fault(int number, siginfo_t *info, void *context) {
  handled++;
  printf("fault: signal %d, code %d, address %d\n", number, info->si_code, info->si_addr != 0);
  fflush(stdout);
  mprotect(stack, 65536, PROT_READ | PROT_WRITE);
}

static void handler(int number, siginfo_t *info, void *context) {
  handled += 100;
  printf("handler: signal %d\n", number);
  fflush(stdout);
}

static void child(const char *what, int fault_flags, int flags, int block, int rights) {
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) {
    stack_t own = {.ss_sp = stack, .ss_size = 65536};
    sigaltstack(&own, 0);
    if (fault_flags >= 0) on(SIGSEGV, fault, fault_flags);
    on(SIGUSR1, handler, SA_ONSTACK | flags);
    if (block) {
      sigset_t set;
      sigemptyset(&set);
      sigaddset(&set, SIGSEGV);
      sigprocmask(SIG_BLOCK, &set, 0);
    }
    mprotect(stack, 65536, rights);
    raise(SIGUSR1);
    printf("%s: handled %d\n", what, handled);
    fflush(stdout);
    raise(SIGUSR1);
    printf("%s: then %d\n", what, handled);
    fflush(stdout);
    _exit(0);
  }
  say_wait(what, pid);
}

int main(void) {
  stack = mmap(0, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  child("read only", 0, 0, 0, PROT_READ);
  child("no access", 0, 0, 0, PROT_NONE);
  child("once", 0, SA_RESETHAND, 0, PROT_READ);
  child("fault on the same stack", SA_ONSTACK, 0, 0, PROT_READ);
  child("no handler of faults", -1, 0, 0, PROT_READ);
  child("faults blocked", 0, 0, 1, PROT_READ);
  child("in order", 0, 0, 0, PROT_READ | PROT_WRITE);
  SAY(waitpid(-2147483647 - 1, 0, 0));
  return 0;
}
