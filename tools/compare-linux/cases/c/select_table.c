// select(2) and descriptors beyond the table: how far it looks.
#include "say.h"
#include <sys/select.h>

static void ask(int count, int bit) {
  fd_set set;
  FD_ZERO(&set);
  FD_SET(bit, &set);
  struct timeval none = {0, 0};
  errno = 0;
  int r = select(count, &set, NULL, NULL, &none);
  printf("%d of %d: %s, bit %d\n", bit, count, r < 0 ? strerrorname_np(errno) : r ? "ready" : "not", FD_ISSET(bit, &set) != 0);
  fflush(stdout);
}

static void all(void) {
  static const int bits[] = {40, 63, 64, 100, 127, 128, 255, 256, 400, 511, 512, 600, 1023};
  for (unsigned i = 0; i < sizeof bits / sizeof *bits; i++) ask(1024, bits[i]);
  ask(63, 63);
  ask(101, 100);
}

int main(void) {
  // The table begins small in a child, which has what is open and no more: who started this may have left something open.
  close_range(3, ~0u, 0);
  static const int high[] = {-1, 63, 64, 127, 128, 300, 600};
  int null = open("/dev/null", O_RDONLY);
  for (unsigned i = 0; i < sizeof high / sizeof *high; i++) {
    pid_t child = fork();
    if (child == 0) {
      if (high[i] >= 0) printf("dup2 %d\n", dup2(null, high[i]) == high[i]), close(high[i]);
      all();
      if (high[i] > 127) {
        // A copy has room for what is open.
        pid_t inner = fork();
        if (inner == 0) ask(1024, 100), ask(1024, 255), _exit(0);
        say_wait("copy", inner);
      }
      _exit(0);
    }
    say_wait("child", child);
  }
  return 0;
}
