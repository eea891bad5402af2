// Times run() as the routine `bench` of bench.ts does: writes (result, nanoseconds) pairs, as many as
// the argument says, to standard output.

#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

int64_t run(void);

static int64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return t.tv_sec * 1000000000ll + t.tv_nsec;
}

int main(int argc, char **argv) {
  for (int rounds = argc > 1 ? atoi(argv[1]) : 1; rounds > 0; rounds--) {
    int64_t before = now();
    int64_t pair[2] = {run(), 0};
    pair[1] = now() - before;
    if (write(1, pair, sizeof pair) != sizeof pair) return 1;
  }
  return 0;
}
