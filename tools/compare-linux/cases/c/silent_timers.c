// Timers by which nobody is told (SIGEV_NONE) beside those that send signals: what timer_gettime(2) and timer_settime(2) tell
// of one that was set and is not any more. Linux keeps no mark of the former, but the time until which they were set.
#include "say.h"

static timer_t timer;

static const char *roughly(struct timespec time) {
  if (time.tv_sec > 50) return "long";
  if (time.tv_sec > 0) return "some";
  return time.tv_nsec > 0 ? "short" : "nothing";
}

static void get(const char *what) {
  struct itimerspec now = {0};
  int result = timer_gettime(timer, &now);
  printf("%s: %d, left %s, interval %ld\n", what, result, roughly(now.it_value), (long)now.it_interval.tv_sec);
}

static void set(const char *what, int flags, long seconds, long nanoseconds, long interval) {
  struct itimerspec wanted = {{interval, 0}, {seconds, nanoseconds}}, old = {0};
  int result = timer_settime(timer, flags, &wanted, &old);
  printf("%s: %d, left %s, interval %ld\n", what, result, roughly(old.it_value), (long)old.it_interval.tv_sec);
  get("  then");
}

/** One that is due in the past, by the clock. */
static void past(void) {
  set("past", TIMER_ABSTIME, 0, 1, 0);
  usleep(1000);
  get("later");
  set("off", 0, 0, 0, 0);
  set("past, again and again", TIMER_ABSTIME, 0, 1, 4000000000);
  usleep(1000);
  get("later");
  set("off", 0, 0, 0, 0);
  get("still");
  set("off, with an interval", 0, 0, 0, 77);
}

int main(void) {
  static const clockid_t clocks[] = {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME, CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID};
  signal(SIGUSR1, SIG_IGN);
  for (int silent = 0; silent < 2; silent++)
    for (unsigned i = 0; i < sizeof clocks / sizeof *clocks; i++) {
      struct sigevent event = {.sigev_notify = silent ? SIGEV_NONE : SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
      printf("%s, clock %d: %d\n", silent ? "silent" : "by signal", clocks[i], timer_create(clocks[i], &event, &timer));
      get("new");
      set("off", 0, 0, 0, 0);
      set("far", 0, 1000, 0, 0);
      set("off", 0, 0, 0, 0);
      set("off again", 0, 0, 0, 0);
      set("far, again and again", 0, 1000, 0, 2000);
      set("off", 0, 0, 0, 0);
      if (i < 3) past();
      timer_delete(timer);
    }
  return 0;
}
