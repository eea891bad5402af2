// sigaltstack(2): what is left of a stack by execve(2) and by threads, and changes that are none.
#include "say.h"
#include <pthread.h>

static char room[16384] __attribute__((aligned(16)));

static void try(const char *what, void *at, size_t size, int flags) {
  const stack_t stack = {.ss_sp = at, .ss_size = size, .ss_flags = flags};
  long result = sigaltstack(&stack, 0);
  printf("%s, flags %#x: %s\n", what, flags, result == 0 ? "0" : strerrorname_np(errno));
}

static void all(const char *where) {
  printf("%s:\n", where);
  stack_t now;
  sigaltstack(0, &now);
  printf("flags %#x, size %zu\n", now.ss_flags, now.ss_size);
  try("nothing", 0, 0, 0);
  try("nothing", 0, 0, SS_ONSTACK);
  try("nothing", 0, 0, SS_DISABLE);
  try("nothing", 0, 0, 0);
  try("nothing", 0, 0, (int)(1u << 31));
  try("a size", 0, 100, 0);
  fflush(stdout);
}

static void *of_thread(void *none) {
  all("thread");
  return none;
}

int main(int argc, char **argv) {
  if (argc > 1) {
    all(argv[1]);
    return 0;
  }
  static const int flags[] = {0, SS_ONSTACK, SS_DISABLE, (int)(1u << 31)};
  for (int i = 0; i < 4; i++) {
    try("room", room, sizeof room, flags[i]);
    if (flags[i] != SS_DISABLE) try("room again", room, sizeof room, flags[i]);
    pid_t pid = fork();
    if (pid == 0) {
      execl("/proc/self/exe", argv[0], "executed", (char *)0);
      _exit(1);
    }
    say_wait("executed", pid);
    pthread_t thread;
    pthread_create(&thread, 0, of_thread, 0);
    pthread_join(thread, 0);
  }
  return 0;
}
