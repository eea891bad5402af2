// setitimer(2), getitimer(2): values, intervals, the timers of CPU time.
#include "say.h"
#include <sys/syscall.h>
#include <sys/time.h>

static volatile sig_atomic_t count[65];
static volatile int code;

static void ring(int number, siginfo_t *info, void *context) {
  count[number]++;
  code = info->si_code;
}

static const struct itimerval off, soon = {{0, 0}, {0, 20000}}, repeated = {{0, 10000}, {0, 10000}};

static long microseconds(struct timeval t) { return t.tv_sec * 1000000 + t.tv_usec; }

int main(void) {
  struct itimerval old, now;
  on(SIGALRM, ring, 0);
  on(SIGVTALRM, ring, 0);
  on(SIGPROF, ring, 0);
  SAY(getitimer(ITIMER_REAL, &now));
  SAY(microseconds(now.it_value) + microseconds(now.it_interval));
  struct itimerval far = {{5, 250}, {1000, 999999}};
  SAY(setitimer(ITIMER_REAL, &far, 0));
  SAY(getitimer(ITIMER_REAL, &now));
  SAY(now.it_interval.tv_sec);
  SAY(now.it_interval.tv_usec);
  SAY(now.it_value.tv_sec);
  SAY(setitimer(ITIMER_REAL, &off, &old));
  SAY(old.it_interval.tv_sec);
  SAY(old.it_value.tv_sec);
  SAY(getitimer(ITIMER_REAL, &now));
  SAY(microseconds(now.it_value) + microseconds(now.it_interval));
  // An interval without a value is none.
  SAY(setitimer(ITIMER_REAL, &(struct itimerval){{1, 0}, {0, 0}}, 0));
  SAY(getitimer(ITIMER_REAL, &now));
  SAY(microseconds(now.it_value));

  SAY(setitimer(ITIMER_REAL, &repeated, 0));
  while (count[SIGALRM] < 5) pause();
  SAY(code);
  SAY(getitimer(ITIMER_REAL, &now));
  SAY(microseconds(now.it_value) > 0 && microseconds(now.it_value) <= 10000);
  SAY(microseconds(now.it_interval));
  int busy = count[SIGALRM];
  while (count[SIGALRM] < busy + 3);
  SAY(setitimer(ITIMER_REAL, &off, 0));
  int last = count[SIGALRM];
  usleep(50000);
  SAY(count[SIGALRM] - last);

  SAY(setitimer(ITIMER_VIRTUAL, &soon, 0));
  while (count[SIGVTALRM] == 0);
  SAY(code);
  SAY(getitimer(ITIMER_VIRTUAL, &now));
  SAY(microseconds(now.it_value) + microseconds(now.it_interval));
  SAY(setitimer(ITIMER_PROF, &repeated, 0));
  while (count[SIGPROF] < 4);
  SAY(code);
  SAY(setitimer(ITIMER_PROF, &off, &old));
  SAY(microseconds(old.it_interval));
  SAY(microseconds(old.it_value) > 0);
  // Nothing rings while the program sleeps.
  setitimer(ITIMER_VIRTUAL, &(struct itimerval){{0, 0}, {0, 100000}}, 0);
  setitimer(ITIMER_PROF, &(struct itimerval){{0, 0}, {0, 100000}}, 0);
  SAY(usleep(300000));
  SAY(count[SIGVTALRM]);
  setitimer(ITIMER_PROF, &off, 0);
  setitimer(ITIMER_VIRTUAL, &off, 0);

  // Ignored, and handled again.
  setitimer(ITIMER_REAL, &repeated, 0);
  signal(SIGALRM, SIG_IGN);
  usleep(50000);
  last = count[SIGALRM];
  on(SIGALRM, ring, 0);
  setitimer(ITIMER_REAL, &repeated, 0);
  while (count[SIGALRM] == last) pause();
  setitimer(ITIMER_REAL, &off, 0);

  SAY(setitimer(3, &off, 0));
  SAY(setitimer(-1, &off, 0));
  SAY(getitimer(3, &now));
  SAY(setitimer(ITIMER_REAL, &(struct itimerval){{0, 0}, {0, 1000000}}, 0));
  SAY(setitimer(ITIMER_REAL, &(struct itimerval){{0, -1}, {0, 0}}, 0));
  SAY(setitimer(ITIMER_REAL, &(struct itimerval){{0, 0}, {-1, 0}}, 0));
  SAY(syscall(SYS_setitimer, ITIMER_REAL, 8, 0));
  SAY(syscall(SYS_setitimer, ITIMER_REAL, &far, 8));
  SAY(alarm(0) > 0);
  SAY(syscall(SYS_setitimer, ITIMER_REAL, &far, 0));
  SAY(syscall(SYS_setitimer, ITIMER_REAL, 0, &old));
  SAY(old.it_value.tv_sec);
  SAY(alarm(0));
  SAY(syscall(SYS_getitimer, ITIMER_REAL, 8));

  setitimer(ITIMER_REAL, &far, 0);
  setitimer(ITIMER_PROF, &far, 0);
  pid_t child = fork();
  if (child == 0) {
    getitimer(ITIMER_REAL, &now);
    getitimer(ITIMER_PROF, &old);
    _exit(microseconds(now.it_value) + microseconds(old.it_value) != 0);
  }
  say_wait("fork", child);
  return 0;
}
