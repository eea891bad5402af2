// Timers that send signals: timer_create and its like, setitimer, alarm. They are far away, or over at once and waited for.
#include "../sequence.h"
#include <sys/time.h>

static int timers[6], of_cpu[6];

static void begin(void) {
  memset(timers, -1, sizeof timers);
  unsigned long blocked = 1ul << (SIGUSR1 - 1) | 1ul << 33 | 1ul << (SIGALRM - 1);
  handle(SIGUSR1, note_signal, 0), handle(34, note_signal, 0), handle(SIGALRM, note_signal, 0), handle(SIGVTALRM, note_signal, 0), handle(SIGPROF, note_signal, 0);
  CALL(rt_sigprocmask, SIG_BLOCK, &blocked, 0, 8);
}

static int some_timer(int *place) { *place = draw(6); return draw(20) ? timers[*place] : (int)ONE(99, -1, 1 << 30); }

/** Thousands of seconds left. */
static long roughly(const struct timespec *left) {
  long thousands = (left->tv_sec + 500) / 1000;
  return left->tv_sec < 0 ? -1 : thousands > 10 ? 10 : thousands;
}

static void take(void) {
  unsigned long set = 1ul << (SIGUSR1 - 1) | 1ul << 33 | 1ul << (SIGALRM - 1);
  siginfo_t info;
  const struct timespec none = {0, 0};
  memset(&info, 0, sizeof info);
  long result = CALL(rt_sigtimedwait, &set, &info, &none, 8);
  tell(" sigtimedwait = %ld %d %d %d", result, info.si_code, info.si_code == SI_TIMER ? info.si_overrun : 0, result > 0 && info.si_code == SI_TIMER && info.si_signo != SIGALRM ? info.si_value.sival_int : -1);
}

/** From 6.13 on a timer that does not run has no interval. */
static long interval_of(const struct itimerspec *of) { return of->it_value.tv_sec || of->it_value.tv_nsec ? of->it_interval.tv_sec : 0; }

static void step(void) {
  int place, id = some_timer(&place);
  long result, clock = ONE(CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_MONOTONIC, CLOCK_BOOTTIME, CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID, 99, -1, CLOCK_MONOTONIC_RAW);
  struct itimerspec value = {{ONE(0, 0, 5000), 0}, {ONE(0, 5000, 3000, -1), ONE(0, 0, 0, 1000000000)}}, old = {{0, 0}, {0, 0}};
  switch (draw(16)) {
  case 0: case 1: case 2: {
    struct sigevent event = {.sigev_notify = (int)ONE(SIGEV_SIGNAL, SIGEV_SIGNAL, SIGEV_NONE, SIGEV_THREAD_ID, 9), .sigev_signo = (int)ONE(SIGUSR1, 34, 34, 0, 65)};
    event.sigev_value.sival_int = draw(100);
    event._sigev_un._tid = (int)(draw(4) ? getpid() : 1);
    int made = -1;
    if (timers[place] >= 0) CALL(timer_delete, timers[place]), timers[place] = -1;
    result = CALL(timer_create, clock, draw(6) ? spoiled(&event) : 0, spoiled(&made));
    if (result == 0) timers[place] = made, of_cpu[place] = clock == CLOCK_PROCESS_CPUTIME_ID || clock == CLOCK_THREAD_CPUTIME_ID;
    return tell("timer_create %ld %d %d = %ld", clock, event.sigev_notify, event.sigev_signo, result);
  }
  case 3: case 4: case 5: {
    // What has been used up of the processor is found at a tick.
    int past = draw(2) && !of_cpu[place];
    long flags = past ? TIMER_ABSTIME : ONE(0, 0, 0, 2);
    // Longer than any clock has run, so that nothing is missed.
    if (past) value.it_value = (struct timespec){0, 1}, value.it_interval.tv_sec = ONE(0, 4000000000);
    result = CALL(timer_settime, id, flags, spoiled(&value), draw(2) ? &old : 0);
    tell("timer_settime %ld %ld %ld = %ld %ld %ld", flags, value.it_value.tv_sec, value.it_interval.tv_sec, result, roughly(&old.it_value), interval_of(&old));
    if (result == 0 && past) {
      const struct timespec moment = {0, 200000};
      nanosleep(&moment, 0);
      // A signal that nobody has taken yet is kept or dropped with its timer, as the version has it.
      return take();
    }
    return;
  }
  case 6: result = CALL(timer_gettime, id, spoiled(&old)); return tell("timer_gettime = %ld %ld %ld", result, roughly(&old.it_value), interval_of(&old));
  case 7: return tell("timer_getoverrun = %ld", CALL(timer_getoverrun, id));
  case 8: result = CALL(timer_delete, id); if (result == 0 && id == timers[place]) timers[place] = -1; return tell("timer_delete = %ld", result);
  case 9: case 10: case 11: return take();
  case 12: case 13: {
    long which = ONE(ITIMER_REAL, ITIMER_VIRTUAL, ITIMER_PROF, 3, -1);
    struct itimerval set = {{ONE(0, 5000), 0}, {ONE(0, 4000, 9000, -1), ONE(0, 0, 1000000)}}, was = {{0, 0}, {0, 0}};
    if (draw(2)) result = CALL(setitimer, which, draw(8) ? spoiled(&set) : 0, draw(2) ? spoiled(&was) : 0);
    else result = CALL(getitimer, which, spoiled(&was));
    return tell("itimer %ld = %ld %ld %ld", which, result, (was.it_value.tv_sec + 500) / 1000, was.it_interval.tv_sec);
  }
  case 14: { long seconds = ONE(0, 3000, 7000); result = CALL(alarm, seconds); return tell("alarm %ld = %ld", seconds, (result + 500) / 1000); }
  default: {
    long which = ONE(0, 1, 4, 7, 2, 3, 11, 12, -1);
    struct timespec now = {0, 0};
    if (draw(2)) { result = CALL(clock_getres, which, draw(5) ? spoiled(&now) : 0); return tell("clock_getres %ld = %ld %ld", which, result, now.tv_nsec); }
    struct timespec until = {ONE(0, 0, 0, -1), ONE(0, 1, 1000000000)};
    result = CALL(clock_nanosleep, which, draw(3) || which == CLOCK_PROCESS_CPUTIME_ID ? TIMER_ABSTIME : 0, &until, &now);
    return tell("clock_nanosleep %ld = %ld", which, result);
  }
  }
}

const struct family alarms_family = {"alarms", begin, step, 0};
