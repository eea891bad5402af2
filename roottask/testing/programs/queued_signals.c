// Signals that wait: real-time ones queue with their values, the lowest is taken first, calls begin again or don't.
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static void result(const char *what, long value) {
  printf("%s: %ld, error %d\n", what, value, value == -1 ? errno : 0);
}

static int order[16], values[16], count;

static void handler(int signal, siginfo_t *info, void *context) {
  order[count & 15] = signal;
  values[count++ & 15] = info->si_code == SI_QUEUE ? info->si_value.sival_int : -1;
}

static void on(int signal, int flags) {
  struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | flags};
  sigfillset(&action.sa_mask);
  sigaction(signal, &action, 0);
}

static sigset_t mask;

static void *from_thread(void *main_thread) {
  usleep(20000);
  pthread_kill(*(pthread_t *)main_thread, SIGUSR1);
  usleep(20000);
  return (void *)write(*(int *)((pthread_t *)main_thread + 1), "x", 1);
}

static void restarts(int flags) {
  struct { pthread_t self; int fd; } to = {pthread_self()};
  int ends[2];
  char byte;
  pipe(ends);
  to.fd = ends[1];
  on(SIGUSR1, flags);
  pthread_t thread;
  pthread_create(&thread, 0, from_thread, &to);
  result(flags ? "read with SA_RESTART" : "read", read(ends[0], &byte, 1));
  pthread_join(thread, 0);
}

int main(void) {
  for (int i = 0; i < 3; i++) {
    on(SIGRTMIN + i, 0);
    sigaddset(&mask, SIGRTMIN + i);
  }
  on(SIGUSR1, 0);
  sigaddset(&mask, SIGUSR1);
  sigprocmask(SIG_BLOCK, &mask, 0);
  for (int i = 0; i < 6; i++) {
    union sigval value = {.sival_int = i};
    sigqueue(getpid(), SIGRTMIN + 2 - i % 3, value);
    sigqueue(getpid(), SIGUSR1, value);
  }
  siginfo_t info;
  struct timespec none = {0, 0}, some = {0, 1000000};
  for (int i = 0; i < 8; i++) {
    int signal = sigtimedwait(&mask, &info, &none);
    result("sigtimedwait", signal < SIGRTMIN ? signal : 100 + signal - SIGRTMIN);
    if (i < 7) printf("value %d code %d\n", info.si_value.sival_int, info.si_code);
  }
  result("with time", sigtimedwait(&mask, &info, &some));
  some.tv_nsec = -1;
  result("no time", sigtimedwait(&mask, &info, &some));
  info.si_code = SI_USER;
  result("claims", syscall(SYS_rt_sigqueueinfo, 1 << 30, SIGUSR1, &info));
  info.si_code = SI_QUEUE;
  result("nobody", syscall(SYS_rt_sigqueueinfo, 1 << 30, SIGUSR1, &info));
  result("no signal", syscall(SYS_rt_sigqueueinfo, getpid(), 65, &info));
  result("no info", syscall(SYS_rt_sigqueueinfo, getpid(), SIGUSR1, 0));
  result("no thread", syscall(SYS_rt_tgsigqueueinfo, getpid(), 0, SIGUSR1, &info));

  struct rlimit limit = {4, 4};
  setrlimit(RLIMIT_SIGPENDING, &limit);
  union sigval value = {.sival_int = 7};
  int sent = 0;
  while (sent < 9 && sigqueue(getpid(), SIGRTMIN, value) == 0) sent++;
  result("queue is full", sent < 9 ? -1 : 0);
  result("kill all the same", kill(getpid(), SIGRTMIN + 1));
  signal(SIGRTMIN, SIG_IGN);
  result("ignored", sigtimedwait(&mask, &info, &none) - SIGRTMIN);
  on(SIGRTMIN, 0);
  count = 0;
  sigset_t empty;
  sigemptyset(&empty);
  raise(SIGUSR1);
  result("sigsuspend", sigsuspend(&empty));
  result("handled", count);
  sigprocmask(SIG_SETMASK, &empty, 0);
  restarts(0);
  restarts(SA_RESTART);
  return 0;
}
