// How CPU time is parted: what a process computes is its own, what calls do for it is the system's, by getrusage(2), times(2),
// /proc/PID/stat, a timer and a clock; and that of children.
#include "say.h"
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/times.h>

static struct timespec now(clockid_t clock) {
  struct timespec time;
  clock_gettime(clock, &time);
  return time;
}

/** Computes for a fifth of a second of CPU time, or makes calls. */
static void use(int calls) {
  struct timespec begin = now(CLOCK_PROCESS_CPUTIME_ID), end;
  static char bytes[65536];
  int file = open("/tmp/file", O_RDWR | O_CREAT, 0600);
  do {
    for (volatile int i = 0; i < (calls ? 1 : 100000); i++) {
      if (calls) pwrite(file, bytes, sizeof bytes, 0);
    }
    end = now(CLOCK_PROCESS_CPUTIME_ID);
  } while ((end.tv_sec - begin.tv_sec) * 1000000000L + end.tv_nsec - begin.tv_nsec < 200000000);
  close(file);
}

/** Tenths of a second, rounded. */
static long told(struct timeval time) {
  return (time.tv_sec * 1000 + time.tv_usec / 1000 + 50) / 100;
}

static void show(const char *what) {
  struct rusage own, children, thread;
  struct tms all;
  getrusage(RUSAGE_SELF, &own);
  getrusage(RUSAGE_CHILDREN, &children);
  getrusage(RUSAGE_THREAD, &thread);
  times(&all);
  printf("%s: own time at least a tenth %d %d %d, calls %d %d %d, of children %d %d, calls %d %d\n", what,
         told(own.ru_utime) >= 1, told(thread.ru_utime) >= 1, all.tms_utime >= 10,
         told(own.ru_stime) >= 1, told(thread.ru_stime) >= 1, all.tms_stime >= 10,
         told(children.ru_utime) >= 1, all.tms_cutime >= 10, told(children.ru_stime) >= 1, all.tms_cstime >= 10);
  unsigned long user = 0, system = 0;
  FILE *file = fopen("/proc/self/stat", "r");
  fscanf(file, "%*d %*s %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system);
  fclose(file);
  printf("stat %d %d\n", user >= 10, system >= 10);
  fflush(stdout);
}

/** Whether ITIMER_VIRTUAL and the clock of user time stand while calls are made, a fifth of a second. */
static void measured(int calls) {
  struct itimerval timer = {.it_value = {.tv_sec = 10}}, left;
  setitimer(ITIMER_VIRTUAL, &timer, NULL);
  struct timespec before = now((~0u << 3) | 1);
  use(calls);
  getitimer(ITIMER_VIRTUAL, &left);
  struct timespec after = now((~0u << 3) | 1);
  long clock = (after.tv_sec - before.tv_sec) * 1000 + (after.tv_nsec - before.tv_nsec) / 1000000;
  long rang = 10000 - left.it_value.tv_sec * 1000 - left.it_value.tv_usec / 1000;
  printf("measured with calls %d: more than a tenth %d %d\n", calls, clock > 100, rang > 100);
  fflush(stdout);
}

int main(void) {
  show("begin");
  use(0);
  show("computed");
  use(1);
  show("called");
  measured(0);
  measured(1);
  pid_t child = fork();
  if (child == 0) {
    show("child");
    use(0);
    use(1);
    _exit(0);
  }
  say_wait("child", child);
  show("waited");
  return 0;
}
