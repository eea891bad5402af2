// Signals by ids of threads that are not their process' first, and by directories of /proc; what the error queue of a
// socket has; times that STICKY_TIMEOUTS leaves alone; what fdinfo tells of descriptors that have no file; names of threads
// written to /proc.
#include "inet.h"
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/select.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#ifndef SYS_pidfd_send_signal
#define SYS_pidfd_send_signal 424
#endif

static volatile int taken, code, value;
static volatile pid_t other;
static pthread_barrier_t begin, end;

static void take(int number, siginfo_t *info, void *context) {
  taken = number;
  code = info->si_code;
  value = info->si_value.sival_int;
}

static void *thread(void *argument) {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, 0);
  other = syscall(SYS_gettid);
  pthread_barrier_wait(&begin);
  siginfo_t info = {.si_signo = SIGUSR1, .si_code = 0};
  SAY(syscall(SYS_rt_sigqueueinfo, getpid(), SIGUSR1, &info));
  SAY(syscall(SYS_rt_sigqueueinfo, other, SIGUSR1, &info));
  SAY(syscall(SYS_rt_tgsigqueueinfo, getpid(), getpid(), SIGUSR1, &info));
  pthread_barrier_wait(&end);
  pthread_barrier_wait(&begin);
  return 0;
}

static void came(void) {
  printf("signal %d code %d value %d\n", taken, code, value);
  fflush(stdout);
  taken = code = value = 0;
}

static void signals(void) {
  pthread_t id;
  on(SIGUSR1, take, 0);
  on(SIGUSR2, take, 0);
  pthread_barrier_init(&begin, 0, 2);
  pthread_barrier_init(&end, 0, 2);
  pthread_create(&id, 0, thread, 0);
  pthread_barrier_wait(&begin);
  pthread_barrier_wait(&end);
  came();
  SAY(kill(other, 0));
  SAY(kill(other, SIGUSR2));
  came();
  siginfo_t info = {.si_signo = SIGUSR1, .si_code = SI_QUEUE, .si_value.sival_int = 7};
  SAY(syscall(SYS_rt_sigqueueinfo, other, SIGUSR1, &info));
  came();
  SAY(kill(-other, 0));
  pthread_barrier_wait(&begin);
  pthread_join(id, 0);
  // It is gone a little later.
  while (kill(other, 0) == 0) sched_yield();
  SAY(kill(other, 0));
  int directory = open("/proc/self", O_RDONLY | O_DIRECTORY);
  SAY(syscall(SYS_pidfd_send_signal, directory, SIGUSR1, 0, 0));
  came();
  SAY(syscall(SYS_pidfd_send_signal, open("/proc/self", O_PATH), SIGUSR1, 0, 0));
  SAY(syscall(SYS_pidfd_send_signal, open("/proc/self/task", O_RDONLY), SIGUSR1, 0, 0));
  SAY(syscall(SYS_pidfd_send_signal, open("/proc", O_RDONLY), SIGUSR1, 0, 0));
  SAY(syscall(SYS_pidfd_send_signal, open("/proc/self/stat", O_RDONLY), SIGUSR1, 0, 0));
  pid_t child = fork();
  if (child == 0) {
    pause();
    _exit(0);
  }
  char path[40];
  snprintf(path, sizeof path, "/proc/%d", child);
  int gone = open(path, O_RDONLY);
  SAY(syscall(SYS_pidfd_send_signal, gone, SIGKILL, 0, 0));
  say_wait("child", child);
  SAY(syscall(SYS_pidfd_send_signal, gone, SIGKILL, 0, 0));
}

static void queues(void) {
  int udp = socket(AF_INET, SOCK_DGRAM, 0), tcp = socket(AF_INET, SOCK_STREAM, 0);
  int udp6 = socket(AF_INET6, SOCK_DGRAM, 0);
  SAY(recv(udp, buffer, 10, MSG_ERRQUEUE));
  SAY(recv(udp6, buffer, 10, MSG_ERRQUEUE | MSG_WAITALL));
  SAY(recv(tcp, buffer, 10, MSG_ERRQUEUE));
  listen(tcp, 1);
  SAY(recv(tcp, buffer, 10, MSG_ERRQUEUE | MSG_OOB));
}

static void times(void) {
  struct timeval t = {0, 2000};
  struct timespec s = {0, 2000000};
  personality(PER_LINUX | STICKY_TIMEOUTS);
  SAY(select(0, 0, 0, 0, &t));
  SAY(pselect(0, 0, 0, 0, &s, 0));
  printf("%ld %ld\n", (long)t.tv_usec, s.tv_nsec);
  personality(PER_LINUX);
  SAY(select(0, 0, 0, 0, &t));
  printf("%ld\n", (long)t.tv_usec);
}

/* The lines of a descriptor's fdinfo about its kind. */
static void told(const char *what, int fd) {
  char line[200];
  snprintf(line, sizeof line, "/proc/self/fdinfo/%d", fd);
  FILE *file = fopen(line, "r");
  printf("%s\n", what);
  while (fgets(line, sizeof line, file)) {
    if (!strncmp(line, "pos", 3) || !strncmp(line, "flags", 5) || !strncmp(line, "mnt", 3)) continue;
    if (!strncmp(line, "ino:", 4) || !strncmp(line, "eventfd-id", 10)) continue;
    if (!strncmp(line, "eventfd-semaphore", 17)) continue;
    char *numbers = strstr(line, " ino:"), *mask = strstr(line, " mask:");
    if (mask) {
      unsigned set;
      sscanf(mask, " mask:%x", &set);
      *numbers = 0;
      printf("  %s mask %x\n", line, set);
    } else {
      if (numbers) strcpy(numbers, "\n");
      printf("  %s", line);
    }
  }
  fclose(file);
  fflush(stdout);
}

static void descriptors(void) {
  int watching = inotify_init(), counter = eventfd(300, 0), both = epoll_create(1);
  inotify_add_watch(watching, "/tmp", IN_MODIFY | IN_ONESHOT);
  inotify_add_watch(watching, "/", IN_CREATE | IN_EXCL_UNLINK);
  told("watches", watching);
  told("counter", counter);
  dup2(counter, 100);
  struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.u64 = 0x123456789abc};
  epoll_ctl(both, EPOLL_CTL_ADD, 100, &event);
  told("epoll", both);
  sigset_t some;
  sigemptyset(&some);
  sigaddset(&some, SIGUSR1);
  sigaddset(&some, SIGRTMAX);
  told("signals", signalfd(-1, &some, 0));
  int timer = timerfd_create(CLOCK_MONOTONIC, 0);
  told("timer", timer);
  struct itimerspec spec = {{3, 4}, {0, 0}};
  timerfd_settime(timer, TFD_TIMER_ABSTIME, &spec, 0);
  told("timer", timer);
}

static void put(const char *path, const char *text) {
  int fd = open(path, O_WRONLY);
  long size = write(fd, text, strlen(text));
  if (size < 0) printf("%s '%s': %s\n", path, text, strerrorname_np(errno));
  else printf("%s '%s': %ld\n", path, text, size);
  close(fd);
  char read_[40] = "";
  fd = open(path, O_RDONLY);
  if (read(fd, read_, 39) >= 0) printf("  %s", read_);
  close(fd);
  fflush(stdout);
}

static void written(void) {
  char name[16];
  put("/proc/self/comm", "other");
  put("/proc/self/comm", "a name with too many letters");
  prctl(PR_GET_NAME, name);
  puts(name);
  put("/proc/thread-self/comm", "thread");
  put("/proc/self/oom_score_adj", "500\n");
  put("/proc/self/oom_score_adj", " 600 ");
  put("/proc/self/oom_score_adj", "1001");
  put("/proc/self/oom_score_adj", "-1001");
  put("/proc/self/oom_score_adj", "much");
  put("/proc/self/oom_score_adj", "");
  if (fork() == 0) {
    put("/proc/self/oom_score_adj", "+700");
    _exit(0);
  }
  wait(0);
}

int main(void) {
  signals();
  queues();
  times();
  descriptors();
  written();
  return 0;
}
