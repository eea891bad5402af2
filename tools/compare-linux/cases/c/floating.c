// signal(7): floating-point state across a handler.
#include "say.h"
#include <fenv.h>
static volatile double seen;
static void spoil(int number, siginfo_t *info, void *context) {
  seen = 3.5 * number;
  fesetround(FE_UPWARD);
  __asm__ volatile("xorps %%xmm5, %%xmm5; fldpi; fstp %%st(0)" ::: "xmm5");
}
int main(void) {
  on(SIGUSR1, spoil, 0);
  double kept = 1.25, out;
  fesetround(FE_DOWNWARD);
  int pid = getpid();
  long result;
  __asm__ volatile("movsd %3, %%xmm5; syscall; movsd %%xmm5, %0"
                   : "=m"(out), "=a"(result)
                   : "a"(62L), "m"(kept), "D"((long)pid), "S"((long)SIGUSR1)
                   : "rcx", "r11", "memory", "xmm5");
  printf("%ld %.2f %.2f %d\n", result, out, seen, fegetround() == FE_DOWNWARD);
  return 0;
}
