// Faults in functions that are known by name, to be reported: argv[1] says which. Compiled with frame pointers.
#include <pthread.h>
#include <string.h>

static volatile int deep = 1;

__attribute__((noinline)) void fault(void) {
  asm volatile("movl $1, (%0)" ::"r"(16L) : "memory");
  deep++;
}

__attribute__((noinline)) void middle(void) {
  fault();
  deep++;
}

__attribute__((noinline)) void outer(void) {
  middle();
  deep++;
}

// A call of what is no code.
__attribute__((noinline)) void nowhere(void) {
  void (*volatile code)(void) = 0;
  code();
  deep++;
}

// A chain of frames that leads in a circle, and one that leads nowhere.
__attribute__((noinline)) void circle(void) {
  static long frame[2];
  frame[0] = (long)frame;
  frame[1] = (long)__builtin_return_address(0);
  asm volatile("movq %0, %%rbp\n movl $1, 16" ::"r"(frame) : "memory");
}

__attribute__((noinline)) void lost(void) {
  asm volatile("movq $-16, %%rbp\n movl $1, 16" ::: "memory");
}

__attribute__((noinline)) long endless(long n) {
  volatile char page[4096];
  page[0] = 1;
  return endless(n + 1) + page[0];
}

static void *thread(void *unused) {
  outer();
  return unused;
}

int main(int argc, char **argv) {
  const char *what = argc > 1 ? argv[1] : "";
  if (strcmp(what, "outer") == 0) outer();
  if (strcmp(what, "nowhere") == 0) nowhere();
  if (strcmp(what, "circle") == 0) circle();
  if (strcmp(what, "lost") == 0) lost();
  if (strcmp(what, "endless") == 0) endless(0);
  pthread_t other;
  if (strcmp(what, "thread") == 0) pthread_create(&other, 0, thread, 0), pthread_join(other, 0);
  return deep;
}
