// Waits that end at a time of day: clock_nanosleep(2), FUTEX_WAIT_BITSET and FUTEX_LOCK_PI of futex(2), timers, and what is
// built of them. They take as long as they should, and times beyond all are not over.
#include "say.h"
#include <linux/futex.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>

static long long now(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static struct timespec in(clockid_t clock, int milliseconds) {
  long long end = now(clock) + milliseconds * 1000000LL;
  return (struct timespec){end / 1000000000, end % 1000000000};
}

// The call that is the second argument takes at least 30 milliseconds.
#define TAKES(clock, call) { struct timespec end = in(clock, 30); long long begin = now(CLOCK_MONOTONIC); \
    SAY(call); printf("  waited: %d\n", now(CLOCK_MONOTONIC) - begin >= 29000000); }

static int word = 1;

static long futex(int *address, int operation, int value, const struct timespec *limit) {
  return syscall(SYS_futex, address, operation, value, limit, 0, FUTEX_BITSET_MATCH_ANY);
}

static void nothing(int number, siginfo_t *info, void *context) {}

int main(void) {
  TAKES(CLOCK_REALTIME, clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &end, 0));
  TAKES(CLOCK_TAI, clock_nanosleep(CLOCK_TAI, TIMER_ABSTIME, &end, 0));
  TAKES(CLOCK_MONOTONIC, clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &end, 0));
  TAKES(CLOCK_REALTIME, futex(&word, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 1, &end));
  TAKES(CLOCK_REALTIME, futex(&word, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME | FUTEX_PRIVATE_FLAG, 1, &end));
  TAKES(CLOCK_MONOTONIC, futex(&word, FUTEX_WAIT_BITSET, 1, &end));
  sem_t semaphore;
  sem_init(&semaphore, 0, 0);
  TAKES(CLOCK_REALTIME, sem_timedwait(&semaphore, &end));
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
  pthread_mutex_lock(&mutex);
  TAKES(CLOCK_REALTIME, pthread_cond_timedwait(&condition, &mutex, &end) == ETIMEDOUT);
  TAKES(CLOCK_REALTIME, pthread_mutex_timedlock(&mutex, &end) == ETIMEDOUT);
  int timer = timerfd_create(CLOCK_REALTIME, 0);
  unsigned long long count = 0;
  TAKES(CLOCK_REALTIME, (timerfd_settime(timer, TFD_TIMER_ABSTIME, &(struct itimerspec){.it_value = end}, 0),
                         read(timer, &count, sizeof count)));

  // What has passed is over at once; what never comes is not.
  struct timespec past = in(CLOCK_REALTIME, -1000), zero = {0}, never = {0x7fffffffffffffff, 999999999};
  SAY(clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &past, 0));
  SAY(clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &zero, 0));
  SAY(futex(&word, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 1, &past));
  SAY(futex(&word, FUTEX_WAIT_BITSET, 1, &zero));
  struct itimerval soon = {.it_value.tv_usec = 20000};
  on(SIGALRM, nothing, 0);
  setitimer(ITIMER_REAL, &soon, 0);
  SAY(clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &never, 0) == EINTR);
  setitimer(ITIMER_REAL, &soon, 0);
  SAY(nanosleep(&never, 0));
  setitimer(ITIMER_REAL, &soon, 0);
  SAY(futex(&word, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 1, &never));
  setitimer(ITIMER_REAL, &soon, 0);
  SAY(futex(&word, FUTEX_WAIT, 1, &never));
  struct timespec large = {4000000000, 0};
  setitimer(ITIMER_REAL, &soon, 0);
  SAY(clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &large, 0) == EINTR);

  // Wrong times are found before the futex is looked at.
  struct timespec wrong = {0, 1000000000}, negative = {-1, 0};
  SAY(futex(&word, FUTEX_WAIT, 7, &wrong));
  SAY(futex(&word, FUTEX_WAIT, 7, &negative));
  SAY(futex(&word, FUTEX_WAIT, 7, (void *)8));
  SAY(futex((int *)4096, FUTEX_WAIT, 7, (void *)8));
  SAY(futex((int *)4097, FUTEX_WAIT, 7, &wrong));
  SAY(futex(&word, FUTEX_WAIT | FUTEX_CLOCK_REALTIME, 7, 0));
  SAY(futex(&word, FUTEX_WAKE | FUTEX_CLOCK_REALTIME, 7, 0));
  SAY(futex(&word, FUTEX_LOCK_PI, 0, &wrong));
  return 0;
}
