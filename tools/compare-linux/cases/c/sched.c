// Policies, priorities, nice values, processors, personality: what is set is told, and inherited (sched(7)).
#include "say.h"
#include <pthread.h>
#include <sched.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#define RAW(name, ...) syscall(SYS_##name, ##__VA_ARGS__)
struct sched_attr { int size, sched_policy; long sched_flags; int sched_nice, sched_priority; long runtime, deadline, period; int least, most; };
#define CHILD(name, ...) do { fflush(stdout); pid_t child = fork(); \
  if (child == 0) { __VA_ARGS__; fflush(stdout); _exit(0); } say_wait(name, child); } while (0)
static void show(const char *what) {
  struct sched_param p = {-1};
  struct sched_attr a = {0};
  long policy = RAW(sched_getscheduler, 0), parameters = RAW(sched_getparam, 0, &p), attributes = RAW(sched_getattr, 0, &a, sizeof a, 0);
  printf("%s: policy %lx %ld priority %d nice %ld attributes %ld size %d policy %d flags %d nice %d priority %d\n", what, policy, parameters, p.sched_priority,
         20 - RAW(getpriority, PRIO_PROCESS, 0), attributes, a.size, a.sched_policy, (int)a.sched_flags & 1, a.sched_nice, a.sched_priority);
  fflush(stdout);
}
static long set(int policy, int priority) {
  struct sched_param p = {priority};
  return RAW(sched_setscheduler, 0, policy, &p);
}
static long attributes(int size, int policy, int flags, int nice, int priority) {
  struct sched_attr a = {.size = size, .sched_policy = policy, .sched_flags = flags, .sched_nice = nice, .sched_priority = priority};
  return RAW(sched_setattr, 0, &a, 0);
}
static void *thread(void *argument) {
  show(argument);
  return 0;
}
int main(int argc, char **argv) {
  if (argc > 1) {
    show("executed");
    SAY(RAW(personality, -1));
    return 0;
  }
  RAW(setpriority, PRIO_PROCESS, 0, 0);
  show("begin");
  static const int policies[] = {0, 1, 2, 3, 4, 5, 6, 8, -1};
  for (int i = 0; i < 9; i++) SAY(RAW(sched_get_priority_max, policies[i])), SAY(RAW(sched_get_priority_min, policies[i]));
  for (int i = 0; i < 9; i++)
    if (policies[i] != 6) SAY(set(policies[i], 0)), SAY(set(policies[i], 5)), SAY(set(policies[i], 100)), show("now");
  SAY(set(0, 0));
  struct sched_param p = {3};
  SAY(RAW(sched_setparam, 0, &p)), SAY(RAW(sched_setparam, 0, 0)), SAY(RAW(sched_setparam, -1, &p)), SAY(RAW(sched_setparam, 999999, &p)), SAY(RAW(sched_getparam, 0, 0)), SAY(RAW(sched_getparam, 0, 8)), SAY(RAW(sched_setscheduler, 0, 0, 0)), SAY(RAW(sched_setscheduler, 0, 0, 8)), SAY(RAW(sched_getscheduler, -1)), SAY(RAW(sched_getscheduler, 999999));
  SAY(set(SCHED_RR, 7)), p.sched_priority = 9, SAY(RAW(sched_setparam, 0, &p)), show("rr");
  struct timespec t;
  SAY(RAW(sched_rr_get_interval, 0, &t)), SAY(t.tv_nsec), SAY(RAW(sched_rr_get_interval, -1, &t)), SAY(RAW(sched_rr_get_interval, 999999, &t)), SAY(RAW(sched_rr_get_interval, 0, 8));
  CHILD("rr child", show("child"); execl(argv[0], argv[0], "executed", NULL));
  SAY(set(SCHED_FIFO, 7)), SAY(RAW(sched_rr_get_interval, 0, &t)), SAY(t.tv_nsec);
  SAY(set(SCHED_FIFO | 0x40000000, 7)), show("reset"), SAY(set(SCHED_OTHER, 0)), show("kept");
  SAY(set(SCHED_FIFO | 0x40000000, 7));
  CHILD("reset child", show("child"); SAY(RAW(setpriority, PRIO_PROCESS, 0, -5)); show("nice"));
  pthread_t other;
  pthread_create(&other, 0, thread, "thread"), pthread_join(other, 0);
  SAY(set(SCHED_OTHER, 0));
  SAY(RAW(setpriority, PRIO_PROCESS, 0, -5)), show("nice -5"), SAY(RAW(setpriority, PRIO_PROCESS, 0, 100)), show("nice 100"), SAY(RAW(setpriority, PRIO_PROCESS, 0, -100)), show("nice -100"), SAY(RAW(setpriority, PRIO_PROCESS, 0, 3));
  SAY(RAW(setpriority, 3, 0, 0)), SAY(RAW(setpriority, -1, 0, 0)), SAY(RAW(getpriority, 3, 0)), SAY(RAW(getpriority, PRIO_PROCESS, 999999)), SAY(RAW(setpriority, PRIO_PGRP, 999999, 0)), SAY(RAW(getpriority, PRIO_PGRP, 0) > 0), SAY(RAW(getpriority, PRIO_USER, 77));
  CHILD("not root", SAY(RAW(setuid, 77)); SAY(RAW(getpriority, PRIO_USER, 0)); SAY(RAW(setpriority, PRIO_PROCESS, 0, 2)); SAY(RAW(setpriority, PRIO_PROCESS, 0, 9)); SAY(RAW(setpriority, PRIO_PROCESS, getppid(), 9)); SAY(set(SCHED_FIFO, 1)); SAY(set(SCHED_BATCH, 0)); SAY(set(SCHED_IDLE, 0)); SAY(set(SCHED_OTHER, 0)); show("user");
        SAY(RAW(sched_setscheduler, getppid(), 0, &p)); unsigned long mask = 1; SAY(RAW(sched_setaffinity, 0, 8, &mask)); SAY(RAW(sched_setaffinity, getppid(), 8, &mask)); SAY(attributes(48, 0, 0, 1, 0)); SAY(attributes(48, 0, 0, 12, 0)));
  SAY(attributes(0, SCHED_OTHER, 0, 4, 0)), show("attributes"), SAY(attributes(48, SCHED_FIFO, 1, 0, 11)), show("attributes"), SAY(attributes(56, SCHED_BATCH, 0, 19, 0)), show("attributes"), SAY(attributes(47, 0, 0, 0, 0)), SAY(attributes(5000, 0, 0, 0, 0)), SAY(attributes(48, -1, 0, 0, 0)), SAY(attributes(48, 0, 0x1000, 0, 0)), SAY(attributes(48, 9, 0, 0, 0)), SAY(attributes(48, 0, 8, 5, 0)), show("keep policy"), SAY(attributes(48, 0, 0x18, 9, 0)), show("keep both"), SAY(attributes(48, SCHED_FIFO, 0, 0, 0));
  CHILD("reset kept", SAY(set(SCHED_BATCH | SCHED_RESET_ON_FORK, 0)); SAY(attributes(48, 0, 8, 7, 0)); show("kept"); SAY(attributes(48, 0, 0, 7, 0)); show("given up"); SAY(attributes(48, 0, 9, 7, 0)); show("not taken");
        SAY(set(SCHED_RESET_ON_FORK, 0)); SAY(RAW(setuid, 77)); SAY(attributes(48, 0, 8, 8, 0)); show("user"); SAY(attributes(48, 0, 0, 8, 0)));
  struct sched_attr a;
  SAY(RAW(sched_getattr, 0, &a, 47, 0)), SAY(RAW(sched_getattr, 0, &a, 5000, 0)), SAY(RAW(sched_getattr, 0, &a, 48, 1)), SAY(RAW(sched_getattr, -1, &a, 48, 0)), SAY(RAW(sched_getattr, 0, 0, 48, 0)), SAY(RAW(sched_getattr, 999999, &a, 48, 0)), SAY(RAW(sched_getattr, 0, &a, 48, 0)), SAY(a.size), SAY(RAW(sched_setattr, 0, 0, 0)), SAY(RAW(sched_setattr, 0, &a, 1)), SAY(RAW(sched_setattr, 0, 8, 0));
  unsigned long mask[16] = {1};
  SAY(RAW(sched_setaffinity, 0, 8, mask)), SAY(RAW(sched_getaffinity, 0, 128, mask) >= 8), SAY(mask[0]), SAY(RAW(sched_getaffinity, 0, 7, mask)), SAY(RAW(sched_getaffinity, 0, 9, mask)), SAY(RAW(sched_getaffinity, 999999, 8, mask)), SAY(RAW(sched_getaffinity, 0, 8, 8)), SAY(RAW(sched_setaffinity, 0, 8, 8)), SAY(RAW(sched_setaffinity, 999999, 8, mask));
  mask[0] = 0, SAY(RAW(sched_setaffinity, 0, 8, mask)), SAY(RAW(sched_setaffinity, 0, 0, mask)), mask[0] = ~1L, mask[0] = 1, SAY(RAW(sched_setaffinity, 0, 1, mask));
  SAY(RAW(personality, -1)), SAY(RAW(personality, ADDR_NO_RANDOMIZE)), SAY(RAW(personality, -1));
  CHILD("personality", SAY(RAW(personality, -1)); execl(argv[0], argv[0], "executed", NULL));
  SAY(RAW(personality, 0)), SAY(RAW(sched_yield));
  return 0;
}
