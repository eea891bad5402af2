// timer_create(2) and its companions.
#include "say.h"
#include <limits.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/syscall.h>

// The kernel's ids, which C libraries need not show.
static long create(clockid_t clock, struct sigevent *event, int *id) { return syscall(SYS_timer_create, clock, event, id); }
static long settime(int id, int flags, const struct itimerspec *new, struct itimerspec *old) {
  return syscall(SYS_timer_settime, id, flags, new, old);
}
static long gettime(int id, struct itimerspec *now) { return syscall(SYS_timer_gettime, id, now); }
static long getoverrun(int id) { return syscall(SYS_timer_getoverrun, id); }
static long delete(int id) { return syscall(SYS_timer_delete, id); }

static volatile sig_atomic_t count[65];
static siginfo_t told;
static volatile int by;

static void ring(int number, siginfo_t *info, void *context) {
  count[number]++;
  told = *info;
  by = syscall(SYS_gettid);
}

static struct sigevent signals(int number, void *value) {
  struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = number};
  event.sigev_value.sival_ptr = value;
  return event;
}

static const struct itimerspec off, soon = {{0, 0}, {0, 20000000}}, repeated = {{0, 10000000}, {0, 10000000}},
                                    far = {{7, 8}, {1000, 999999999}};

static volatile int tid;
static void *other(void *unused) {
  tid = syscall(SYS_gettid);
  while (tid) usleep(1000);
  return 0;
}

static long now(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return t.tv_sec * 1000000000L + t.tv_nsec;
}

static struct itimerspec at(long time) { return (struct itimerspec){{0, 0}, {time / 1000000000, time % 1000000000}}; }

int main(int argc, char **argv) {
  if (argc > 1) {
    SAY(gettime(0, &(struct itimerspec){0}));
    return 0;
  }
  int id = -1, second = -1;
  struct itimerspec value, old;
  on(SIGALRM, ring, 0);
  on(SIGUSR1, ring, 0);
  on(SIGRTMIN, ring, 0);
  SAY(create(CLOCK_MONOTONIC, 0, &id));
  SAY(id);
  SAY(gettime(id, &value));
  SAY(value.it_value.tv_sec + value.it_value.tv_nsec + value.it_interval.tv_sec);
  SAY(settime(id, 0, &far, &old));
  SAY(old.it_value.tv_sec);
  SAY(gettime(id, &value));
  SAY(value.it_value.tv_sec);
  SAY(value.it_interval.tv_sec);
  SAY(value.it_interval.tv_nsec);
  SAY(settime(id, 0, &off, &old));
  SAY(old.it_value.tv_sec);
  SAY(old.it_interval.tv_nsec);
  SAY(settime(id, 0, &soon, 0));
  pause();
  SAY(count[SIGALRM]);
  SAY(told.si_signo);
  SAY(told.si_code);
  SAY(told.si_timerid);
  SAY(told.si_overrun);
  SAY(told.si_value.sival_int);
  SAY(getoverrun(id));
  SAY(gettime(id, &value));
  SAY(value.it_value.tv_nsec);

  struct sigevent event = signals(SIGRTMIN, &id);
  SAY(create(CLOCK_REALTIME, &event, &second));
  SAY(second);
  SAY(settime(second, 0, &repeated, 0));
  while (count[SIGRTMIN] < 3) pause();
  while (count[SIGRTMIN] < 6);
  SAY(told.si_code);
  SAY(told.si_timerid);
  SAY(told.si_value.sival_ptr == &id);
  // Blocked: one signal, and the others are counted.
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGRTMIN);
  sigprocmask(SIG_BLOCK, &set, 0);
  settime(second, 0, &off, 0);
  settime(second, 0, &repeated, 0);
  usleep(105000);
  siginfo_t info;
  SAY(sigwaitinfo(&set, &info) == SIGRTMIN);
  SAY(info.si_overrun >= 5);
  SAY(getoverrun(second) == info.si_overrun);
  SAY(settime(second, 0, &off, &old));
  SAY(old.it_interval.tv_nsec);
  SAY(sigtimedwait(&set, &info, &(struct timespec){0, 50000000}));
  // What was sent before it was set again, or deleted, is gone.
  settime(second, 0, &(struct itimerspec){{0, 0}, {0, 1}}, 0);
  usleep(10000);
  settime(second, 0, &far, 0);
  SAY(sigtimedwait(&set, &info, &(struct timespec){0, 0}));
  settime(second, 0, &(struct itimerspec){{0, 0}, {0, 1}}, 0);
  usleep(10000);
  sigprocmask(SIG_UNBLOCK, &set, 0);
  int before = count[SIGRTMIN];
  SAY(before);
  SAY(delete(second));
  SAY(delete(second));
  SAY(settime(second, 0, &soon, 0));
  SAY(gettime(second, &value));
  SAY(getoverrun(second));
  // Many expirations.
  event = signals(SIGUSR1, 0);
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  sigprocmask(SIG_BLOCK, &set, 0);
  SAY(create(CLOCK_MONOTONIC, &event, &second));
  SAY(second);
  SAY(settime(second, TIMER_ABSTIME, &(struct itimerspec){{0, 1}, {0, 1}}, 0));
  usleep(1000);
  SAY(sigwaitinfo(&set, &info) == SIGUSR1);
  SAY(info.si_overrun > 1000000);
  settime(second, 0, &off, 0);
  // Absolute times, past and future.
  value = at(now(CLOCK_MONOTONIC) + 20000000);
  SAY(settime(second, TIMER_ABSTIME, &value, 0));
  SAY(sigwaitinfo(&set, &info) == SIGUSR1);
  SAY(now(CLOCK_MONOTONIC) >= value.it_value.tv_sec * 1000000000L + value.it_value.tv_nsec);
  SAY(settime(second, TIMER_ABSTIME, &(struct itimerspec){{0, 0}, {0, 1}}, 0));
  SAY(sigwaitinfo(&set, &info) == SIGUSR1);
  delete(second);
  const clockid_t absolute[] = {CLOCK_REALTIME, CLOCK_BOOTTIME, CLOCK_TAI, CLOCK_MONOTONIC};
  for (int i = 0; i < 4; i++) {
    create(absolute[i], &event, &second);
    value = at(now(absolute[i]) + 10000000);
    settime(second, TIMER_ABSTIME, &value, 0);
    SAY(sigwaitinfo(&set, &info) == SIGUSR1);
    SAY(now(absolute[i]) >= value.it_value.tv_sec * 1000000000L + value.it_value.tv_nsec);
    delete(second);
  }
  // Nobody is told.
  event.sigev_notify = SIGEV_NONE;
  event.sigev_signo = 99;
  SAY(create(CLOCK_MONOTONIC, &event, &second));
  SAY(settime(second, 0, &soon, 0));
  gettime(second, &value);
  SAY(value.it_value.tv_nsec > 0 && value.it_value.tv_nsec <= 20000000);
  usleep(40000);
  SAY(gettime(second, &value));
  SAY(value.it_value.tv_nsec);
  SAY(settime(second, 0, &repeated, 0));
  usleep(25000);
  SAY(gettime(second, &value));
  SAY(value.it_value.tv_nsec > 0 && value.it_value.tv_nsec <= 10000000);
  delete(second);
  sigprocmask(SIG_UNBLOCK, &set, 0);
  // A thread is told.
  pthread_t thread;
  pthread_create(&thread, 0, other, 0);
  while (!tid) usleep(1000);
  event = signals(SIGUSR1, 0);
  event.sigev_notify = SIGEV_THREAD_ID;
  event._sigev_un._tid = tid;
  SAY(create(CLOCK_MONOTONIC, &event, &second));
  SAY(settime(second, 0, &soon, 0));
  while (!count[SIGUSR1]) usleep(1000);
  SAY(by == tid);
  int gone = tid;
  tid = 0;
  pthread_join(thread, 0);
  before = count[SIGUSR1];
  SAY(settime(second, 0, &soon, 0));
  usleep(50000);
  SAY(count[SIGUSR1] - before);
  delete(second);
  event._sigev_un._tid = gone;
  SAY(create(CLOCK_MONOTONIC, &event, &second));
  event._sigev_un._tid = 0;
  SAY(create(CLOCK_MONOTONIC, &event, &second));
  // CPU time.
  const clockid_t cpu[] = {CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID, ~getpid() << 3 | 2};
  for (int i = 0; i < 3; i++) {
    event = signals(SIGUSR1, 0);
    SAY(create(cpu[i], &event, &second));
    before = count[SIGUSR1];
    long start = now(cpu[i]);
    SAY(settime(second, 0, &soon, 0));
    usleep(60000);
    SAY(count[SIGUSR1] - before);
    while (count[SIGUSR1] == before);
    SAY(now(cpu[i]) - start >= 20000000);
    SAY(settime(second, 0, &repeated, 0));
    while (count[SIGUSR1] < before + 4);
    SAY(settime(second, 0, &off, &old));
    SAY(old.it_value.tv_nsec > 0 && old.it_value.tv_nsec <= 10000000);
    value = at(now(cpu[i]) + 15000000);
    before = count[SIGUSR1];
    SAY(settime(second, TIMER_ABSTIME, &value, 0));
    while (count[SIGUSR1] == before);
    SAY(now(cpu[i]) >= value.it_value.tv_sec * 1000000000L + value.it_value.tv_nsec);
    delete(second);
  }
  // Ignored signals, and those that are handled again.
  create(CLOCK_MONOTONIC, &(struct sigevent){.sigev_signo = SIGUSR1}, &second);
  signal(SIGUSR1, SIG_IGN);
  settime(second, 0, &repeated, 0);
  usleep(30000);
  before = count[SIGUSR1];
  on(SIGUSR1, ring, 0);
  while (count[SIGUSR1] == before) usleep(1000);
  delete(second);
  // Errors.
  SAY(create(4, 0, &second));
  SAY(create(5, 0, &second));
  SAY(create(6, 0, &second));
  SAY(create(10, 0, &second));
  SAY(create(12, 0, &second));
  SAY(create(-1, 0, &second));
  SAY(create(~29999 << 3 | 2, 0, &second));
  SAY(syscall(SYS_timer_create, CLOCK_MONOTONIC, 8, &second));
  SAY(syscall(SYS_timer_create, 99, 8, &second));
  SAY(syscall(SYS_timer_create, CLOCK_MONOTONIC, 0, 8));
  event = signals(0, 0);
  SAY(create(CLOCK_MONOTONIC, &event, &second));
  event = signals(65, 0);
  SAY(create(CLOCK_MONOTONIC, &event, &second));
  event = signals(64, 0);
  event.sigev_notify = 3;
  SAY(create(CLOCK_MONOTONIC, &event, &second));
  SAY(settime(id, 0, 0, 0));
  SAY(syscall(SYS_timer_settime, id, 0, 8, 0));
  SAY(syscall(SYS_timer_settime, 77, 0, 8, 0));
  SAY(settime(77, 0, &far, 0));
  SAY(settime(-1, 0, &far, 0));
  SAY(settime(id, 0, &(struct itimerspec){{0, 0}, {0, 1000000000}}, 0));
  SAY(settime(id, 0, &(struct itimerspec){{-1, 0}, {0, 1}}, 0));
  SAY(syscall(SYS_timer_settime, id, 0, &far, 8));
  SAY(gettime(id, &value));
  SAY(value.it_value.tv_sec);
  SAY(syscall(SYS_timer_gettime, id, 8));
  SAY(syscall(SYS_timer_gettime, 77, 8));
  SAY(getoverrun(-1));
  SAY(delete(-1));
  // The limit of signals that may queue is one of timers.
  struct rlimit limit = {0, 0};
  pid_t child = fork();
  if (child == 0) {
    SAY(gettime(id, &value));
    setrlimit(RLIMIT_SIGPENDING, &limit);
    SAY(create(CLOCK_MONOTONIC, 0, &second));
    execl(argv[0], argv[0], "again", (char *)0);
  }
  say_wait("child", child);
  return 0;
}
