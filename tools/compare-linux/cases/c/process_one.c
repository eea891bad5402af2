// Process 1: what is seen of it, and what others than root may not do with it. The answer is that of a Linux whose process 1
// is of another user than who asks; what root may do is left out, as it would be done to the init of a host.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static long said(const char *what, long result) {
  if (result < 0) printf("%s: %s\n", what, strerrorname_np(errno));
  else printf("%s: %ld\n", what, result);
  return result;
}

static void look(void) {
  int id = 0, parent = -1, group = -1, session = -1;
  char name[64] = "", state = 0;
  FILE *stat = fopen("/proc/1/stat", "r");
  if (stat == NULL || fscanf(stat, "%d (%60[^)]) %c %d %d %d", &id, name, &state, &parent, &group, &session) != 6)
    printf("no stat\n");
  printf("id %d, parent %d, named %d, alive %d\n", id, parent, name[0] != 0, state != 'Z' && state != 'X');
  printf("group %d, session %d\n", getpgid(1) == group, getsid(1) == session);
  printf("policy %d\n", sched_getscheduler(1) >= 0);
  struct sched_param none = {0};
  said("parameters", sched_getparam(1, &none));
  said("bad policy", sched_setscheduler(1, 99, &none));
  said("bad address", syscall(SYS_sched_setscheduler, 1, 0, -1));
  errno = 0;
  long priority = getpriority(PRIO_PROCESS, 1);
  printf("priority %d\n", priority >= -20 && errno == 0);
  said("waited for", waitpid(1, NULL, WNOHANG));
  said("setpgid", setpgid(1, 0));
  int file = syscall(SYS_pidfd_open, 1, 0);
  printf("pidfd %d\n", file >= 0);
  struct {
    int fd;
    short events, revents;
  } ready = {file, 1, 0};
  said("not ended", syscall(SYS_poll, &ready, 1, 0));
  close(file);
}

static void others(void) {
  if (getuid() == 0 && (setgid(1000) != 0 || setuid(1000) != 0)) exit(1);
  struct sched_param none = {0};
  siginfo_t info = {0};
  info.si_signo = SIGUSR1;
  info.si_code = SI_QUEUE;
  int directory = open("/proc/1", O_RDONLY | O_DIRECTORY);
  printf("directory %d\n", directory >= 0);
  said("kill", kill(1, 0));
  said("kill by signal", kill(1, SIGTERM));
  said("no signal", kill(1, 65));
  said("tgkill", syscall(SYS_tgkill, 1, 1, SIGTERM));
  said("queue", syscall(SYS_rt_sigqueueinfo, 1, SIGUSR1, &info));
  said("by directory", syscall(SYS_pidfd_send_signal, directory, SIGUSR1, &info, 0));
  said("priority", setpriority(PRIO_PROCESS, 1, -2));
  said("higher priority", setpriority(PRIO_PROCESS, 1, 2));
  said("policy", sched_setscheduler(1, SCHED_OTHER, &none));
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(0, &set);
  said("affinity", sched_setaffinity(1, sizeof set, &set));
  struct rlimit limit;
  said("limits", prlimit(1, RLIMIT_CORE, NULL, &limit));
  said("kcmp", syscall(SYS_kcmp, 1, getpid(), 1, 0, 0));
  fflush(stdout);
  _exit(0);
}

int main(void) {
  look();
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) others();
  waitpid(child, NULL, 0);
  return 0;
}
