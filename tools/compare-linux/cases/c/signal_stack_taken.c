// Handlers on a stack that another thread makes unwritable all the time: where a frame finds no room there is a SIGSEGV, whose
// handler has the stack of the program.
#include "say.h"
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>

enum { ROUNDS = 10000 };
static char stack[40960] __attribute__((aligned(4096)));
static volatile int done, handled;

// No instruction of these writes to their stack.
__attribute__((naked)) static void hangs_up(int signal) { __asm__("incl handled(%rip)\n\tret"); }
__attribute__((naked)) static void misses(int signal) { __asm__("incl handled(%rip)\n\tret"); }

static void *take(void *none) {
  for (int i = 0; !done; i++) {
    mprotect(stack, sizeof stack, PROT_READ);
    // At ever other times of a signal's way.
    for (volatile int k = i % 97; k > 0; k--);
    mprotect(stack, sizeof stack, PROT_READ | PROT_WRITE);
  }
  return none;
}

int main(void) {
  stack_t alternate = {stack, 0, sizeof stack};
  struct sigaction action = {.sa_handler = misses};
  pthread_t taker;
  sigaction(SIGSEGV, &action, 0);
  action.sa_handler = hangs_up, action.sa_flags = SA_ONSTACK;
  sigaction(SIGHUP, &action, 0);
  sigaltstack(&alternate, 0);
  pthread_create(&taker, 0, take, 0);
  // Kept in a register of the extended state all the time.
  double before = 123.456, after;
  long thread = syscall(SYS_gettid);
  __asm__ volatile("movsd %0, %%xmm9" : : "m"(before) : "xmm9");
  for (int i = 0; i < ROUNDS; i++) {
    long result;
    __asm__ volatile("syscall" : "=a"(result) : "0"(SYS_tkill), "D"(thread), "S"(SIGHUP) : "rcx", "r11", "memory");
  }
  __asm__ volatile("movsd %%xmm9, %0" : "=m"(after));
  done = 1;
  pthread_join(taker, 0);
  SAY(after == before);
  SAY(handled == ROUNDS);
  return 0;
}
