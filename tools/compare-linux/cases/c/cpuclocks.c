// CPU time: clock_gettime(2) of processes and threads, clock_getcpuclockid(3), times(2), getrusage(2), wait4(2).
#include "say.h"
#include <pthread.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/times.h>

static long now(clockid_t clock) {
  struct timespec t;
  return clock_gettime(clock, &t) == 0 ? t.tv_sec * 1000000000L + t.tv_nsec : -1;
}

static long user(int who) {
  struct rusage u;
  return getrusage(who, &u) == 0 ? u.ru_utime.tv_sec * 1000000 + u.ru_utime.tv_usec : -1;
}

/** Uses so many nanoseconds of CPU time. */
static void burn(long nanoseconds) {
  long end = now(CLOCK_THREAD_CPUTIME_ID) + nanoseconds;
  while (now(CLOCK_THREAD_CPUTIME_ID) < end);
}

static void nap(long nanoseconds) { nanosleep(&(struct timespec){0, nanoseconds}, 0); }

static clockid_t others;
static volatile int stage;

static void *thread(void *unused) {
  pthread_getcpuclockid(pthread_self(), &others);
  burn(60000000);
  stage = 1;
  while (stage != 2) nap(1000000);
  return 0;
}

int main(void) {
  long before = now(CLOCK_PROCESS_CPUTIME_ID);
  SAY(before >= 0 && before < 1000000000);
  nap(300000000);
  long after = now(CLOCK_PROCESS_CPUTIME_ID);
  SAY(after - before < 150000000);
  burn(50000000);
  SAY(now(CLOCK_PROCESS_CPUTIME_ID) - after >= 50000000);
  SAY(clock() >= 50000);
  struct tms ticks;
  SAY(times(&ticks) != -1);
  SAY(ticks.tms_utime + ticks.tms_stime >= 4 && ticks.tms_utime + ticks.tms_stime < 100);
  SAY(ticks.tms_cutime + ticks.tms_cstime);

  pthread_t id;
  pthread_create(&id, 0, thread, 0);
  while (!stage) nap(1000000);
  SAY(now(others) >= 60000000);
  SAY(now(CLOCK_THREAD_CPUTIME_ID) < now(CLOCK_PROCESS_CPUTIME_ID) - 55000000);
  SAY(user(RUSAGE_THREAD) <= user(RUSAGE_SELF));
  stage = 2;
  pthread_join(id, 0);
  SAY(now(others));
  SAY(now(CLOCK_PROCESS_CPUTIME_ID) >= 110000000);

  clockid_t clock;
  SAY(clock_getcpuclockid(0, &clock));
  SAY(clock == CLOCK_PROCESS_CPUTIME_ID || now(clock) > 0);
  SAY(clock_getcpuclockid(getpid(), &clock));
  SAY(now(clock) > 0);
  SAY(clock_getcpuclockid(30000, &clock) != 0);
  struct timespec resolution = {1, 1};
  SAY(clock_getres(CLOCK_PROCESS_CPUTIME_ID, &resolution));
  SAY(resolution.tv_sec);
  SAY(resolution.tv_nsec);
  SAY(clock_getres(clock, 0));
  SAY(syscall(SYS_clock_gettime, ~0 << 3 | 3, &resolution));
  SAY(syscall(SYS_clock_gettime, ~29999 << 3 | 2, &resolution));
  SAY(syscall(SYS_clock_gettime, ~29999 << 3 | 6, &resolution));
  SAY(syscall(SYS_clock_gettime, 12, &resolution));
  SAY(clock_nanosleep(CLOCK_THREAD_CPUTIME_ID, 0, &resolution, 0));

  struct rusage u;
  SAY(getrusage(RUSAGE_CHILDREN, &u));
  SAY(u.ru_utime.tv_sec * 1000000 + u.ru_utime.tv_usec);
  SAY(u.ru_maxrss);
  SAY(getrusage(7, &u));
  pid_t child = fork();
  if (child == 0) {
    SAY(now(CLOCK_PROCESS_CPUTIME_ID) < 50000000);
    pid_t grandchild = fork();
    if (grandchild == 0) {
      burn(40000000);
      _exit(0);
    }
    waitpid(grandchild, 0, 0);
    burn(40000000);
    _exit(3);
  }
  int status = 0;
  SAY(wait4(child, &status, 0, &u) == child);
  SAY(WEXITSTATUS(status));
  long spent = u.ru_utime.tv_sec * 1000000 + u.ru_utime.tv_usec + u.ru_stime.tv_sec * 1000000 + u.ru_stime.tv_usec;
  SAY(spent >= 78000 && spent < 1000000);
  SAY(u.ru_maxrss > 0);
  struct rusage all;
  SAY(getrusage(RUSAGE_CHILDREN, &all));
  SAY(all.ru_utime.tv_usec + all.ru_stime.tv_usec == u.ru_utime.tv_usec + u.ru_stime.tv_usec);
  SAY(all.ru_maxrss == u.ru_maxrss);
  times(&ticks);
  SAY(ticks.tms_cutime + ticks.tms_cstime >= 6);
  signal(SIGCHLD, SIG_IGN);
  if ((child = fork()) == 0) {
    burn(20000000);
    _exit(0);
  }
  SAY(wait4(child, 0, 0, 0));
  SAY(getrusage(RUSAGE_CHILDREN, &u));
  SAY(all.ru_utime.tv_usec + all.ru_stime.tv_usec == u.ru_utime.tv_usec + u.ru_stime.tv_usec);
  return 0;
}
