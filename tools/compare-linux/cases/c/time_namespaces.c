// Time namespaces: offsets of clocks in /proc/PID/timens_offsets, and what of a process that begins or is executed there goes by
// them: clocks with and without the vDSO, sleeps, timers, futexes, sysinfo(2).
#include "say.h"
#include <linux/futex.h>
#include <linux/nsfs.h>
#include <linux/sched.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/sysinfo.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif

static struct timespec before[2];

static void write_offsets(const char *what) {
  int file = open("/proc/self/timens_offsets", O_WRONLY);
  errno = 0;
  long result = write(file, what, strlen(what));
  close(file);
  printf("write \"%s\"", what);
  say("", result);
}

static void show_offsets(void) {
  char text[200];
  int file = open("/proc/self/timens_offsets", O_RDONLY);
  long length = read(file, text, sizeof text);
  close(file);
  fwrite(text, 1, length < 0 ? 0 : length, stdout);
  fflush(stdout);
}

static unsigned long number(const char *name) {
  struct stat about = {0};
  return stat(name, &about) == 0 ? about.st_ino : 0;
}

static void note(void) {
  clock_gettime(CLOCK_MONOTONIC, &before[0]);
  clock_gettime(CLOCK_BOOTTIME, &before[1]);
}

/** How far clocks are from what they were, in tens of seconds, rounded. */
static void clocks(const char *who) {
  static const int ids[] = {CLOCK_MONOTONIC, CLOCK_MONOTONIC_RAW, CLOCK_MONOTONIC_COARSE, CLOCK_BOOTTIME};
  printf("%s:", who);
  for (int i = 0; i < 4; i++) {
    struct timespec shown, called;
    clock_gettime(ids[i], &shown);
    syscall(SYS_clock_gettime, ids[i], &called);
    printf(" %ld %ld", (shown.tv_sec - before[i == 3].tv_sec + 5) / 10, (called.tv_sec - before[i == 3].tv_sec + 5) / 10);
  }
  struct sysinfo info;
  sysinfo(&info);
  double up = 0;
  FILE *file = fopen("/proc/uptime", "r");
  fscanf(file, "%lf", &up);
  fclose(file);
  printf(" up %ld %ld\n", (info.uptime - before[1].tv_sec + 5) / 10, ((long)up - before[1].tv_sec + 5) / 10);
  fflush(stdout);
}

/** Seconds, rounded, that something takes until clock `id` is two tenths on. */
static void waits(int id) {
  struct timespec now, end, begin, then;
  clock_gettime(CLOCK_REALTIME, &begin);
  clock_gettime(id, &now);
  end = now;
  end.tv_nsec += 200000000;
  if (end.tv_nsec >= 1000000000) end.tv_sec++, end.tv_nsec -= 1000000000;
  SAY(clock_nanosleep(id, TIMER_ABSTIME, &end, NULL));
  int file = timerfd_create(id, 0);
  end.tv_sec++;
  struct itimerspec spec = {.it_value = end};
  SAY(timerfd_settime(file, TFD_TIMER_ABSTIME, &spec, NULL));
  struct itimerspec left;
  SAY(timerfd_gettime(file, &left));
  SAY(left.it_value.tv_sec <= 1);
  timer_t timer;
  struct sigevent event = {.sigev_notify = SIGEV_NONE};
  SAY(timer_create(id, &event, &timer));
  SAY(timer_settime(timer, TIMER_ABSTIME, &spec, NULL));
  SAY(timer_gettime(timer, &left));
  SAY(left.it_value.tv_sec <= 1);
  int word = 0;
  if (id == CLOCK_MONOTONIC) {
    end.tv_sec--;
    SAY(syscall(SYS_futex, &word, FUTEX_WAIT_BITSET, 0, &end, NULL, FUTEX_BITSET_MATCH_ANY));
  }
  clock_gettime(CLOCK_REALTIME, &then);
  SAY(then.tv_sec - begin.tv_sec <= 1);
}

int main(int count, char **words) {
  if (count > 1) {
    sscanf(words[1], "%ld", &before[0].tv_sec);
    sscanf(words[2], "%ld", &before[1].tv_sec);
    clocks("executed");
    return 0;
  }
  show_offsets();
  write_offsets("monotonic 5 0\n");
  SAY(unshare(CLONE_NEWTIME));
  unsigned long own = number("/proc/self/ns/time");
  SAY(number("/proc/self/ns/time_for_children") == own);
  int file = open("/proc/self/ns/time_for_children", O_RDONLY);
  int first = open("/proc/self/ns/time", O_RDONLY);
  SAY(ioctl(file, NS_GET_NSTYPE) == CLONE_NEWTIME);
  SAY(ioctl(file, NS_GET_PARENT));
  const char *tries[] = {"monotonic 5 7", "7 3 1\n", "1 9 1\n7 8 2\n", "boottime -1000000000 0", "monotonic 10000000000 0", "monotonic 1 1000000000", "monotonic 1 -1", "real 1 1", "monotonic 1", "monotonic 1 2 3", "  monotonic   4  2  ", "", "monotonic 1 1\nmonotonic 2 2\nboottime 3 3\n", "monotonic -0 500000000\n", "monotonic x 0", "monotonic 1 1\n\n"};
  for (unsigned i = 0; i < sizeof tries / sizeof tries[0]; i++) write_offsets(tries[i]), show_offsets();
  write_offsets("monotonic 1000000 0\nboottime 2000000 0\n");
  note();
  clocks("before");
  pid_t child = fork();
  if (child == 0) {
    clocks("child");
    waits(CLOCK_MONOTONIC);
    waits(CLOCK_BOOTTIME);
    SAY(number("/proc/self/ns/time") == own);
    SAY(number("/proc/self/ns/time") == number("/proc/self/ns/time_for_children"));
    write_offsets("monotonic 5 0\n");
    SAY(unshare(CLONE_NEWTIME));
    show_offsets();
    write_offsets("monotonic 20 0\n");
    pid_t inner = fork();
    if (inner == 0) {
      struct timespec now;
      clock_gettime(CLOCK_MONOTONIC, &now);
      SAY((now.tv_sec - before[0].tv_sec + 5) / 10);
      SAY(setns(first, 0));
      clocks("back");
      SAY(setns(file, CLONE_NEWTIME));
      clocks("again");
      _exit(0);
    }
    say_wait("inner", inner);
    _exit(0);
  }
  say_wait("child", child);
  clocks("after");
  char one[24], other[24];
  snprintf(one, sizeof one, "%ld", before[0].tv_sec);
  snprintf(other, sizeof other, "%ld", before[1].tv_sec);
  fflush(stdout);
  child = vfork();
  if (child == 0) {
    execl("/proc/self/exe", "again", one, other, NULL);
    _exit(1);
  }
  say_wait("executed", child);
  struct clone_args args = {.flags = CLONE_NEWTIME, .exit_signal = SIGCHLD};
  fflush(stdout);
  child = syscall(SYS_clone3, &args, sizeof args);
  if (child == 0) {
    clocks("clone3");
    write_offsets("monotonic 5 0\n");
    _exit(0);
  }
  say_wait("clone3", child);
  setresuid(1000, 1000, 1000);
  SAY(unshare(CLONE_NEWTIME));
  return 0;
}
