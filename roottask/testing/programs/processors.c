// Threads and processes on all processors there are, 64 at most: affinity (sched_setaffinity(2)), threads that wait for
// each other without a call, memory that is taken away under a thread that uses it, signals, forks and ends meanwhile.
// What is printed is the same whatever the number of processors is.
#define _GNU_SOURCE
#include <errno.h>
#include <fenv.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int cpus[64], count;

static void check(int right, const char *what) {
  if (!right) printf("WRONG: %s\n", what), fflush(stdout), _exit(1);
}

static cpu_set_t only(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  return set;
}

static int where(void) {
  unsigned cpu = -1, node = -1;
  check(syscall(SYS_getcpu, &cpu, &node, 0) == 0, "getcpu");
  return cpu;
}

static void pin(int which) {
  cpu_set_t set = only(cpus[which % count]);
  check(sched_setaffinity(0, sizeof set, &set) == 0, "sched_setaffinity");
}

static void find(void) {
  cpu_set_t set;
  check(sched_getaffinity(0, sizeof set, &set) == 0, "sched_getaffinity");
  for (int cpu = 0; cpu < 64; cpu++) if (CPU_ISSET(cpu, &set)) cpus[count++] = cpu;
  check(count > 0, "there is a processor");
}

static pthread_t begin(void *(*run)(void *), void *argument) {
  pthread_t thread;
  check(pthread_create(&thread, 0, run, argument) == 0, "pthread_create");
  return thread;
}

/* Affinity */

static __thread int local = 41;

/** Goes round all processors: registers, thread-local memory and rounding stay what they were. */
static void round_trip(void) {
  double sum = 1;
  fesetround(FE_UPWARD);
  for (int i = 0; i < 40; i++) {
    pin(i);
    check(where() == cpus[i % count], "a thread is where it has been sent");
    check(sched_getcpu() == where(), "sched_getcpu agrees");
    check(fegetround() == FE_UPWARD && local == 41 + i, "a thread takes its state along");
    sum *= 1.5, local++;
  }
  check(sum > 1.1e7 && sum < 1.2e7, "floating-point registers");
  fesetround(FE_TONEAREST);
}

static atomic_int stop, turns;

static void *run_on(void *argument) {
  pin((intptr_t)argument);
  while (!stop) {
    check(where() == cpus[(intptr_t)argument % count], "a thread stays where it may be");
    turns++;
  }
  return 0;
}

static atomic_int seen;

/** Spins without a call until it has been moved. */
static void *look(void *argument) {
  (void)argument;
  while (!stop) seen = sched_getcpu();
  return 0;
}

static int ends[2];

static void *wait_and_look(void *argument) {
  char byte;
  (void)argument;
  check(read(ends[0], &byte, 1) == 1, "read");
  return (void *)(intptr_t)where();
}

static void affinity(void) {
  cpu_set_t all, set;
  check(sched_getaffinity(0, sizeof all, &all) == 0, "sched_getaffinity");
  round_trip();
  for (int i = 0; i < count; i++) {
    pin(i);
    pid_t child = fork();
    if (child == 0) _exit(where() == cpus[i] ? 7 : 1);
    int status;
    check(waitpid(child, &status, 0) == child && WEXITSTATUS(status) == 7, "a child inherits");
  }
  check(sched_setaffinity(0, sizeof all, &all) == 0, "all again");
  pthread_t thread = begin(look, 0);
  for (int i = 0; i < 3 * count; i++) {
    set = only(cpus[i % count]);
    check(pthread_setaffinity_np(thread, sizeof set, &set) == 0, "pthread_setaffinity_np");
    while (seen != cpus[i % count]) sched_yield();
  }
  stop = 1, pthread_join(thread, 0), stop = 0;
  check(pipe(ends) == 0, "pipe");
  for (int i = 0; i < count; i++) {
    void *was;
    thread = begin(wait_and_look, 0);
    set = only(cpus[i]);
    check(pthread_setaffinity_np(thread, sizeof set, &set) == 0, "of one that waits");
    check(write(ends[1], "x", 1) == 1, "write");
    pthread_join(thread, &was);
    check((intptr_t)was == cpus[i], "one that waited has moved");
  }
  pthread_t threads[8];
  for (int i = 0; i < 8; i++) threads[i] = begin(run_on, (void *)(intptr_t)i);
  while (turns < 1000) sched_yield();
  stop = 1;
  for (int i = 0; i < 8; i++) pthread_join(threads[i], 0);
  stop = 0;
  CPU_ZERO(&set);
  printf("none %d", sched_setaffinity(0, sizeof set, &set)), printf(" %d", errno);
  printf(", nobody's %d", sched_setaffinity(999999, sizeof all, &all)), printf(" %d\n", errno);
}

/* Threads that wait for each other without a call */

static atomic_int turn;
enum { PARALLEL = 20000, ALTERNATING = 20 };
static int handovers;

static void *hand_over(void *argument) {
  int mine = (intptr_t)argument;
  pin(mine);
  for (int i = 0; i < handovers; i++) {
    while (turn != mine) ;
    turn = !mine;
  }
  return 0;
}

static void parallel(void) {
  handovers = count > 1 ? PARALLEL : ALTERNATING;
  pthread_t one = begin(hand_over, (void *)0), two = begin(hand_over, (void *)1);
  pthread_join(one, 0), pthread_join(two, 0);
}

/* Barriers of one side alone: membarrier(2) */

enum { PRIVATE_EXPEDITED = 8, REGISTER_PRIVATE_EXPEDITED = 16, BARRIERS = 2000 };
static volatile int round_begun, round_done, mine, others, seen_by_other;

static void *store_and_look(void *argument) {
  pin((intptr_t)argument);
  for (int i = 1; i <= BARRIERS; i++) {
    while (round_begun != i) if (count == 1) sched_yield();
    others = 1;
    __asm__ volatile("" : : : "memory");
    seen_by_other = mine;
    round_done = i;
  }
  return 0;
}

/** Of two that store and then look for what the other one stores, one finds it. */
static void barriers(void) {
  pin(0);
  check(syscall(SYS_membarrier, REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0, "membarrier: register");
  pthread_t thread = begin(store_and_look, (void *)1);
  for (int i = 1; i <= BARRIERS; i++) {
    mine = others = 0;
    atomic_thread_fence(memory_order_seq_cst);
    round_begun = i;
    mine = 1;
    check(syscall(SYS_membarrier, PRIVATE_EXPEDITED, 0, 0) == 0, "membarrier");
    int seen_here = others;
    while (round_done != i) if (count == 1) sched_yield();
    check(seen_here || seen_by_other, "one of two sees the other");
  }
  pthread_join(thread, 0);
}

/* Locks */

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER, inheriting;
static long guarded, inherited;
static atomic_long added;

static void *lock_often(void *argument) {
  pin((intptr_t)argument);
  for (int i = 0; i < 500; i++) {
    pthread_mutex_lock(&mutex), guarded++, pthread_mutex_unlock(&mutex);
    pthread_mutex_lock(&inheriting), inherited++, pthread_mutex_unlock(&inheriting);
    added++;
  }
  return 0;
}

static void *ping(void *argument) {
  int *pipes = argument;
  char byte;
  pin(1);
  while (read(pipes[0], &byte, 1) == 1) check(write(pipes[3], &byte, 1) == 1, "pong");
  close(pipes[3]);
  return 0;
}

static void locks(void) {
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes), pthread_mutexattr_setprotocol(&attributes, PTHREAD_PRIO_INHERIT);
  pthread_mutex_init(&inheriting, &attributes);
  pthread_t threads[6];
  for (int i = 0; i < 6; i++) threads[i] = begin(lock_often, (void *)(intptr_t)i);
  for (int i = 0; i < 6; i++) pthread_join(threads[i], 0);
  printf("locked %ld %ld, added %ld\n", guarded, inherited, (long)added);
  int pipes[4];
  char byte = 0;
  check(pipe(pipes) == 0 && pipe(pipes + 2) == 0, "pipes");
  pthread_t other = begin(ping, pipes);
  pin(0);
  for (int i = 0; i < 1000; i++) check(write(pipes[1], &byte, 1) == 1 && read(pipes[2], &byte, 1) == 1, "ping");
  close(pipes[1]);
  pthread_join(other, 0);
  close(pipes[0]), close(pipes[2]);
}

/* Memory that is taken away */

static volatile long *_Atomic place;
static atomic_long faults, writes;

static void fault(int signal) {
  (void)signal;
  faults++;
  sched_yield();
}

static void *use(void *argument) {
  (void)argument;
  pin(1);
  while (!stop) {
    volatile long *at = place;
    if (at) ++*at, writes++;
  }
  return 0;
}

static void *fresh(void) {
  void *page = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  check(page != MAP_FAILED, "mmap");
  return page;
}

static void await_write(void) {
  for (long before = writes; writes == before;) sched_yield();
}

/** The page has been missed or not been writable for somebody. */
static void await_fault(void) {
  for (long before = faults; faults == before;) sched_yield();
}

static int stays(volatile long *at) {
  long before = *at;
  for (volatile int i = 0; i < 300; i++) ;
  return *at == before;
}

static void memory(void) {
  struct sigaction action = {.sa_handler = fault, .sa_flags = SA_RESTART};
  sigaction(SIGSEGV, &action, 0);
  long *page = fresh(), *other = fresh();
  place = page;
  pin(0);
  pthread_t user = begin(use, 0);
  int rounds = count > 1 ? 25 : 4;
  for (int i = 0; i < rounds; i++) {
    await_write();
    check(mprotect(page, 4096, PROT_READ) == 0, "mprotect");
    await_fault();
    check(stays(page), "nobody writes to a page that may only be read");
    check(mprotect(page, 4096, PROT_READ | PROT_WRITE) == 0, "mprotect");
    await_write();
    check(mremap(page, 4096, 4096, MREMAP_MAYMOVE | MREMAP_FIXED, other) == other, "mremap");
    await_fault();
    check(stays(other), "nobody writes to a page that has moved");
    check(mmap(page, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == page, "mmap");
    await_write();
    check(munmap(page, 4096) == 0, "munmap");
    check(mmap(page, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == page, "mmap");
    await_fault();
    check(*page == 0 && stays(page), "a new page is empty");
    check(mprotect(page, 4096, PROT_READ | PROT_WRITE) == 0, "mprotect");
    await_write();
    pid_t child = fork();
    if (child == 0) _exit(stays(page) && stays(page) ? 5 : 1);
    await_write();
    int status;
    check(waitpid(child, &status, 0) == child && WEXITSTATUS(status) == 5, "nobody writes to a child's page");
  }
  stop = 1, pthread_join(user, 0), stop = 0, place = 0;
  signal(SIGSEGV, SIG_DFL);
}

/* Signals and ends */

static atomic_int taken;

static void take(int signal) {
  (void)signal;
  taken++;
}

static void *spin(void *argument) {
  pin((intptr_t)argument);
  turns++;
  while (!stop) ;
  return 0;
}

static void signals(void) {
  signal(SIGUSR1, take);
  pin(0);
  pthread_t thread = begin(spin, (void *)1);
  int rounds = count > 1 ? 100 : 10;
  for (int i = 0; i < rounds; i++) {
    check(pthread_kill(thread, SIGUSR1) == 0, "pthread_kill");
    while (taken == i) sched_yield();
  }
  check(taken == rounds, "each signal once");
  stop = 1, pthread_join(thread, 0), stop = 0;
}

static void *leave(void *argument) {
  (void)argument;
  _exit(4);
}

/** A child whose threads spin on all processors ends in some way; its status. */
static int end(int how, char *self) {
  fflush(stdout);
  pid_t child = fork();
  int status;
  if (child == 0) {
    turns = 0;
    for (int i = 0; i < 4; i++) begin(spin, (void *)(intptr_t)i);
    while (turns < 4) sched_yield();
    if (how == 0) _exit(9);
    if (how == 1) execl(self, self, "again", (char *)0);
    if (how == 2) kill(getpid(), SIGTERM);
    if (how == 3) begin(leave, 0);
    if (how == 4) __builtin_trap();
    while (1) pause();
  }
  if (how == 5) usleep(1000), kill(child, SIGKILL);
  check(waitpid(child, &status, 0) == child, "waitpid");
  return status;
}

static void storm(void) {
  int status, sum = 0;
  for (int i = 0; i < 40; i++) {
    pid_t children[6];
    for (int j = 0; j < 6; j++) {
      children[j] = fork();
      if (children[j] == 0) {
        pid_t inner = fork();
        if (inner == 0) _exit(j);
        check(waitpid(inner, &status, 0) == inner, "inner");
        _exit(WEXITSTATUS(status) + 1);
      }
      check(children[j] > 0, "fork");
    }
    for (int j = 0; j < 6; j++) check(waitpid(children[j], &status, 0) == children[j], "child"), sum += WEXITSTATUS(status);
  }
  printf("storm %d\n", sum);
}

/* Clocks of CPU time */

static long now(clockid_t clock) {
  struct timespec time;
  check(clock_gettime(clock, &time) == 0, "clock_gettime");
  return time.tv_sec * 1000000000 + time.tv_nsec;
}

static void *work(void *argument) {
  pin((intptr_t)argument);
  while (now(CLOCK_THREAD_CPUTIME_ID) < 20000000) ;
  return 0;
}

static void clocks(void) {
  long before = now(CLOCK_PROCESS_CPUTIME_ID);
  pthread_t one = begin(work, (void *)0), two = begin(work, (void *)1);
  pthread_join(one, 0), pthread_join(two, 0);
  long used = now(CLOCK_PROCESS_CPUTIME_ID) - before;
  check(used >= 40000000, "both count");
}

int main(int argc, char **argv) {
  if (argc > 1 && !strcmp(argv[1], "again")) return 3;
  find();
  affinity(), puts("affinity");
  cpu_set_t all;
  CPU_ZERO(&all);
  for (int i = 0; i < count; i++) CPU_SET(cpus[i], &all);
  parallel(), puts("parallel");
  barriers(), puts("barriers");
  locks(), puts("locks");
  sched_setaffinity(0, sizeof all, &all);
  memory(), puts("memory");
  sched_setaffinity(0, sizeof all, &all);
  signals(), puts("signals");
  sched_setaffinity(0, sizeof all, &all);
  for (int how = 0; how < 6; how++) printf("end %d: %x\n", how, end(how, argv[0]));
  storm();
  clocks(), puts("clocks");
  return 0;
}
