// alarm(2), setitimer(2), timer_create(2), timerfd_create(2), nanosleep(2), pause(2).
#include "say.h"
#include <sys/time.h>
#include <sys/timerfd.h>
static volatile int rang;
static void ring(int number, siginfo_t *info, void *context) { rang++; }
int main(void) {
  on(SIGALRM, ring, 0);
  SAY(alarm(10));
  SAY(alarm(0));
  struct itimerval soon = {{0, 0}, {0, 20000}}, repeated = {{0, 10000}, {0, 10000}}, off = {{0}};
  SAY(setitimer(ITIMER_REAL, &soon, 0));
  SAY(pause());
  SAY(rang);
  SAY(setitimer(ITIMER_REAL, &repeated, 0));
  while (rang < 4) pause();
  SAY(setitimer(ITIMER_REAL, &off, 0));
  SAY(setitimer(9, &off, 0));
  struct timespec ten = {10, 0}, left = {0, 0};
  setitimer(ITIMER_REAL, &soon, 0);
  SAY(nanosleep(&ten, &left));
  SAY(left.tv_sec);
  timer_t timer;
  SAY(timer_create(CLOCK_MONOTONIC, 0, &timer));
  struct itimerspec at = {{0, 0}, {0, 5000000}};
  SAY(timer_settime(timer, 0, &at, 0));
  pause();
  SAY(timer_delete(timer));
  SAY(timer_delete(timer));
  int fd = timerfd_create(CLOCK_MONOTONIC, 0);
  unsigned long expired = 0;
  SAY(timerfd_settime(fd, 0, &at, 0));
  SAY(read(fd, &expired, 8));
  SAY(expired);
  SAY(nanosleep(&(struct timespec){0, 1000000000}, 0));
  SAY(nanosleep(&(struct timespec){-1, 0}, 0));
  return 0;
}
