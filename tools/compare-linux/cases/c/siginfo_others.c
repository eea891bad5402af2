// Signals with values to other processes and their threads: rt_sigqueueinfo(2), rt_tgsigqueueinfo(2), tgkill(2), tkill(2).
#include "say.h"
#include <sys/syscall.h>

int main(void) {
  sigset_t set;
  sigfillset(&set);
  sigprocmask(SIG_BLOCK, &set, 0);
  pid_t parent = getpid();
  int ends[2];
  pipe(ends);
  pid_t child = fork();
  if (child == 0) {
    siginfo_t info;
    char byte;
    read(ends[0], &byte, 1);
    while (sigwaitinfo(&set, &info) != SIGTERM) {
      if (info.si_signo < SIGRTMIN) continue;
      printf("%d: code %d, from %d, value %d\n", info.si_signo - SIGRTMIN, info.si_code, info.si_pid == parent, info.si_value.sival_int);
    }
    _exit(0);
  }
  siginfo_t info = {.si_code = SI_QUEUE, .si_value.sival_int = 5};
  info.si_pid = parent;
  SAY(sigqueue(child, SIGRTMIN + 1, (union sigval){.sival_int = 9}));
  SAY(syscall(SYS_rt_sigqueueinfo, child, SIGRTMIN + 2, &info));
  SAY(syscall(SYS_rt_tgsigqueueinfo, child, child, SIGRTMIN + 3, &info));
  SAY(syscall(SYS_tgkill, child, child, SIGRTMIN + 4));
  SAY(syscall(SYS_tkill, child, SIGRTMIN + 5));
  SAY(syscall(SYS_rt_sigqueueinfo, child, 0, &info));
  SAY(syscall(SYS_rt_sigqueueinfo, child, 65, &info));
  SAY(syscall(SYS_rt_tgsigqueueinfo, parent, child, SIGRTMIN, &info));
  SAY(syscall(SYS_tgkill, parent, child, SIGRTMIN));
  info.si_code = SI_USER;
  SAY(syscall(SYS_rt_sigqueueinfo, child, SIGRTMIN + 6, &info));
  SAY(syscall(SYS_rt_tgsigqueueinfo, child, child, SIGRTMIN + 6, &info));
  SAY(syscall(SYS_rt_sigqueueinfo, parent, SIGRTMIN + 6, &info));
  info.si_code = SI_TKILL;
  SAY(syscall(SYS_rt_sigqueueinfo, child, SIGRTMIN + 6, &info));
  SAY(syscall(SYS_rt_sigqueueinfo, 30000, SIGRTMIN, &info));
  SAY(syscall(SYS_rt_sigqueueinfo, child, SIGRTMIN, 8));
  SAY(syscall(SYS_tkill, 30000, SIGRTMIN));
  // Another user may not.
  pid_t other = fork();
  if (other == 0) {
    SAY(setuid(1000));
    info.si_code = SI_QUEUE;
    SAY(syscall(SYS_tkill, child, SIGRTMIN + 7));
    SAY(syscall(SYS_tkill, child, 0));
    SAY(syscall(SYS_rt_sigqueueinfo, child, SIGRTMIN + 7, &info));
    SAY(syscall(SYS_rt_tgsigqueueinfo, child, child, SIGRTMIN + 7, &info));
    _exit(0);
  }
  say_wait("other", other);
  SAY(kill(child, SIGTERM));
  write(ends[1], "x", 1);
  say_wait("child", child);
  SAY(syscall(SYS_rt_sigqueueinfo, child, SIGRTMIN, &info));
  return 0;
}
