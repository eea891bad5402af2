// clock_gettime(2), clock_nanosleep(2), times(2), getrusage(2).
#include "say.h"
#include <sys/syscall.h>
#include <sys/resource.h>
#include <sys/times.h>
int main(void) {
  struct timespec a, b;
  SAY(clock_gettime(CLOCK_MONOTONIC, &a));
  nanosleep(&(struct timespec){0, 20000000}, 0);
  clock_gettime(CLOCK_MONOTONIC, &b);
  SAY((b.tv_sec - a.tv_sec) * 1000 + (b.tv_nsec - a.tv_nsec) / 1000000 >= 20);
  SAY(clock_gettime(99, &a));
  SAY(clock_getres(CLOCK_REALTIME, &a));
  SAY(clock() < CLOCKS_PER_SEC);
  b.tv_nsec = 0;
  SAY(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &b, 0));
  SAY(clock_nanosleep(77, 0, &b, 0));
  // By clocks that are only read nobody sleeps, which is found before the time is looked at.
  for (int clock = CLOCK_THREAD_CPUTIME_ID; clock < CLOCK_BOOTTIME; clock++) {
    SAY(clock);
    SAY(syscall(SYS_clock_nanosleep, clock, 0, &(struct timespec){0, 1}, 0));
    SAY(syscall(SYS_clock_nanosleep, clock, 0, &(struct timespec){0, -1}, 0));
    SAY(syscall(SYS_clock_nanosleep, clock, 0, 8, 0));
  }
  SAY(syscall(SYS_clock_nanosleep, CLOCK_BOOTTIME, 0, &(struct timespec){0, 1}, 0));
  SAY(syscall(SYS_clock_nanosleep, 10, 0, &(struct timespec){0, 1}, 0));
  struct tms t;
  SAY(times(&t) != -1);
  struct rusage usage;
  SAY(getrusage(RUSAGE_SELF, &usage));
  SAY(getrusage(5, &usage));
  SAY(usage.ru_maxrss > 0);
  SAY(time(0) > 1000000000);
  return 0;
}
