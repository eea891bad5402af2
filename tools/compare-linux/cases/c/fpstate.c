// x87 and SSE state over fork(2) and clone(2): a child begins with its parent's.
#include "say.h"
#include <fenv.h>
#include <pthread.h>
#include <sys/syscall.h>

static void show(const char *what) {
  unsigned short control;
  unsigned mxcsr;
  __asm__ volatile("fnstcw %0\n stmxcsr %1" : "=m"(control), "=m"(mxcsr));
  printf("%s: control %#x, mxcsr %#x, rounding %d\n", what, control, mxcsr & ~0x3f, fegetround());
  fflush(stdout);
}

/** fork(2) with values in XMM15 and on the x87 stack; what the one who returns finds there. */
static long forked(unsigned long *vector, double *top) {
  long result;
  unsigned long in[2] = {0x123456789abcdef0, 0x0fedcba987654321}, out[2];
  double value = 2.5, popped;
  __asm__ volatile("fldl %3\n movups %4, %%xmm15\n mov %5, %%eax\n syscall\n movups %%xmm15, %1\n fstpl %2"
                   : "=&a"(result), "=m"(out), "=m"(popped)
                   : "m"(value), "m"(in), "i"(SYS_fork)
                   : "rcx", "r11", "xmm15", "memory");
  vector[0] = out[0];
  vector[1] = out[1];
  *top = popped;
  return result;
}

static void *thread(void *unused) {
  show("thread");
  return 0;
}

int main(void) {
  fesetround(FE_UPWARD);
  unsigned short control = 0x27f | 0x800;
  __asm__ volatile("fldcw %0" : : "m"(control));
  show("parent");
  unsigned long vector[2];
  double top;
  long child = forked(vector, &top);
  if (child == 0) {
    show("child");
    printf("child: %lx %lx %g\n", vector[0], vector[1], top);
    fflush(stdout);
    _exit(0);
  }
  say_wait("fork", child);
  printf("parent: %lx %lx %g\n", vector[0], vector[1], top);
  pthread_t id;
  pthread_create(&id, 0, thread, 0);
  pthread_join(id, 0);
  child = vfork();
  if (child == 0) {
    show("vfork");
    _exit(0);
  }
  say_wait("vfork", child);
  show("parent");
  return 0;
}
