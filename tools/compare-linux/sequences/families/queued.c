// Signals that a process sends itself: queued values, masks, waiting for them, alternate stacks, and flags of actions.
#include "../sequence.h"

enum { COUNT = 10 };
static const int numbers[COUNT] = {SIGUSR1, SIGUSR2, SIGWINCH, SIGCHLD, SIGURG, 34, 35, 36, 64, SIGALRM};
static char stack[2][262144] __attribute__((aligned(4096)));

static void got(int number, siginfo_t *info, void *context) {
  unsigned long mask = 0;
  char here;
  stack_t now;
  CALL(rt_sigprocmask, 0, 0, &mask, 8);
  CALL(sigaltstack, 0, &now);
  int on = &here >= stack[0] && &here < stack[0] + sizeof stack;
  tell(" <%d %d %d %lx %d %d %d", number, info->si_code, info->si_code == SI_USER || info->si_code == SI_TKILL ? 0 : info->si_value.sival_int, mask, on, now.ss_flags, info->si_pid == getpid());
  tell(">");
  (void)context;
}

static int number(void) { return draw(20) ? numbers[draw(COUNT)] : (int)ONE(0, 65, -1, SIGKILL, SIGSTOP, 33); }
static unsigned long set_of(void) {
  unsigned long set = 0;
  for (int i = draw(5); i >= 0; i--) set |= 1ul << (numbers[draw(COUNT)] - 1);
  return set;
}

struct kernel_action { void *handler; unsigned long flags; void *restorer; unsigned long mask; };
static struct kernel_action first[65];

static void begin(void) {
  for (int i = 0; i < COUNT; i++) {
    handle(numbers[i], got, 0);
    CALL(rt_sigaction, numbers[i], 0, &first[numbers[i]], 8);
  }
}

static void step(void) {
  int n = number();
  unsigned long set = set_of(), old = 0;
  long result;
  siginfo_t info;
  const struct timespec none = {0, 0};
  switch (draw(17)) {
  case 0: case 1: {
    struct kernel_action action = first[numbers[draw(COUNT)]], was = {0};
    int kind = draw(6);
    action.mask = draw(3) ? 0 : set;
    action.flags |= some(SA_NODEFER | SA_RESETHAND | SA_ONSTACK | SA_RESTART | SA_NOCLDSTOP);
    if (kind == 0) action.handler = SIG_IGN;
    // What is reset may be deadly, so only signals that are ignored by themselves are.
    if (n != SIGWINCH && n != SIGCHLD && n != SIGURG) action.flags &= ~(unsigned long)SA_RESETHAND;
    else if (kind == 1) action.handler = SIG_DFL;
    if (n == SIGKILL || n == SIGSTOP) kind = 0;
    result = CALL(rt_sigaction, n, draw(6) ? spoiled(&action) : 0, draw(2) ? &was : 0, draw(20) ? 8 : 16);
    return tell("sigaction %d %d %lx %lx = %ld %lx %lx %d", n, kind, action.flags, action.mask, result, was.flags, was.mask, was.handler == SIG_IGN ? 1 : was.handler == SIG_DFL ? 0 : 2);
  }
  case 2: case 3: case 4: {
    long how = draw(4);
    result = CALL(rt_sigprocmask, how, draw(6) ? spoiled(&set) : 0, draw(2) ? spoiled(&old) : 0, draw(20) ? 8 : 4);
    return tell("sigprocmask %ld %lx = %ld %lx", how, set, result, old);
  }
  case 5: case 6: case 7: {
    memset(&info, 0, sizeof info);
    info.si_signo = n, info.si_code = (int)ONE(SI_QUEUE, SI_QUEUE, SI_TIMER, SI_MESGQ, -50, SI_USER, SI_KERNEL, SI_TKILL), info.si_value.sival_int = draw(1000), info.si_pid = getpid();
    if (n == SIGKILL || n == SIGSTOP) n = 0;
    result = draw(2) ? CALL(rt_sigqueueinfo, getpid(), n, spoiled(&info)) : CALL(rt_tgsigqueueinfo, getpid(), getpid(), n, spoiled(&info));
    return tell(" sigqueue %d %d = %ld", n, info.si_code, result);
  }
  case 8: case 9:
    if (n == SIGKILL || n == SIGSTOP) n = 0;
    result = draw(2) ? CALL(kill, getpid(), n) : draw(2) ? CALL(tgkill, getpid(), getpid(), n) : CALL(tkill, getpid(), n);
    return tell(" kill %d = %ld", n, result);
  case 10: result = CALL(rt_sigpending, spoiled(&set), draw(20) ? 8 : 16); return tell("sigpending = %ld %lx", result, result ? 0 : set);
  case 11: case 12: case 13: {
    memset(&info, 0, sizeof info);
    struct timespec bad = {-1, 0};
    unsigned long want = draw(20) ? set : ~0ul;
    result = CALL(rt_sigtimedwait, spoiled(&want), draw(3) ? spoiled(&info) : 0, draw(20) ? &none : &bad, draw(20) ? 8 : 4);
    return tell("sigtimedwait %lx = %ld %d %d", want, result, info.si_code, info.si_code == SI_QUEUE ? info.si_value.sival_int : 0);
  }
  case 14: {
    // Only where something comes that is let in.
    CALL(rt_sigpending, &old, 8);
    struct kernel_action action = {0};
    int i = draw(COUNT);
    CALL(rt_sigaction, numbers[i], 0, &action, 8);
    if (!(old >> (numbers[i] - 1) & 1) || (long)action.handler < 2) return tell("nothing waits");
    unsigned long open_to = ~(1ul << (numbers[i] - 1));
    result = CALL(rt_sigsuspend, &open_to, 8);
    return tell(" sigsuspend %d = %ld", numbers[i], result);
  }
  default: {
    stack_t wanted = {stack[draw(2)], (int)ONE(0, 0, SS_DISABLE, 1, 1 << 31, 8), (size_t)ONE(262144, 262144, 131072, 100, 0, 2047)}, was = {0, 0, 0};
    result = CALL(sigaltstack, draw(4) ? spoiled(&wanted) : 0, draw(2) ? spoiled(&was) : 0);
    return tell("sigaltstack %x %ld = %ld %d %x %ld", wanted.ss_flags, (long)wanted.ss_size, result, was.ss_sp == stack[0] ? 0 : was.ss_sp == stack[1] ? 1 : 2, was.ss_flags, (long)was.ss_size);
  }
  }
}

const struct family queued_family = {"queued", begin, step, 0};
