// sigaltstack(2) with SS_AUTODISARM, and what a handler's end makes of the stack.
#include "say.h"
#include <ucontext.h>

#ifndef SS_AUTODISARM
#define SS_AUTODISARM (1U << 31)
#endif

static char first[16384] __attribute__((aligned(16))), second[16384] __attribute__((aligned(16)));
static volatile int depth;

static int on_stack(const void *place, const char *stack) { return (const char *)place >= stack && (const char *)place < stack + 16384; }

static void show(const char *what) {
  stack_t now;
  sigaltstack(0, &now);
  printf("%s: %s, flags %#x, size %zu\n", what, now.ss_sp == first ? "first" : now.ss_sp == second ? "second" : now.ss_sp ? "other" : "none",
         now.ss_flags, now.ss_size);
}

static void nested(int number, siginfo_t *info, void *context) {
  int here;
  depth++;
  printf("handler %d: first %d, second %d\n", depth, on_stack(&here, first), on_stack(&here, second));
  show("inside");
  ucontext_t *frame = context;
  printf("frame: first %d, second %d, flags %#x\n", frame->uc_stack.ss_sp == first, frame->uc_stack.ss_sp == second, frame->uc_stack.ss_flags & ~SS_DISABLE);
  if (number == SIGUSR1 && depth < 3) raise(SIGUSR1);
  if (number == SIGUSR2) {
    stack_t other = {.ss_sp = second, .ss_size = sizeof second};
    SAY(sigaltstack(&other, 0));
    show("changed");
  }
  if (number == SIGHUP) frame->uc_stack = (stack_t){.ss_sp = second, .ss_size = sizeof second};
}

int main(void) {
  on(SIGUSR1, nested, SA_ONSTACK | SA_NODEFER);
  on(SIGUSR2, nested, SA_ONSTACK);
  on(SIGHUP, nested, SA_ONSTACK);
  show("start");
  stack_t plain = {.ss_sp = first, .ss_size = sizeof first};
  stack_t leaving = {.ss_sp = first, .ss_size = sizeof first, .ss_flags = SS_AUTODISARM};
  SAY(sigaltstack(&plain, 0));
  show("plain");
  raise(SIGUSR1);
  depth = 0;
  raise(SIGUSR2);
  show("after");
  raise(SIGHUP);
  show("after");
  SAY(sigaltstack(&leaving, 0));
  show("leaving");
  depth = 0;
  raise(SIGUSR1);
  show("after");
  raise(SIGUSR2);
  show("after");
  depth = 0;
  raise(SIGHUP);
  show("after");
  leaving.ss_flags |= SS_ONSTACK;
  SAY(sigaltstack(&leaving, 0));
  show("both");
  leaving.ss_flags = SS_AUTODISARM | SS_DISABLE;
  SAY(sigaltstack(&leaving, 0));
  show("disabled");
  plain.ss_flags = SS_ONSTACK | SS_DISABLE;
  SAY(sigaltstack(&plain, 0));
  plain.ss_flags = 4;
  SAY(sigaltstack(&plain, 0));
  plain.ss_flags = SS_DISABLE;
  plain.ss_size = 1;
  SAY(sigaltstack(&plain, 0));
  plain.ss_flags = 0;
  SAY(sigaltstack(&plain, 0));
  return 0;
}
