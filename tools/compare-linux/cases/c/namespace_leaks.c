// Namespaces leave no memory behind, however those in them and those that have them come to their end.
#include "say.h"
#include <linux/sched.h>
#include <sched.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif

static unsigned long free_bytes(void) {
  struct sysinfo info;
  sysinfo(&info);
  return info.freeram;
}

static void inside(int i) {
  if (i % 3 == 0) execl("/bin/busybox", "true", (char *)0);
  if (i % 3 == 1) {
    for (int n = 0; n < 3; n++)
      if (fork() == 0) pause();
    unshare(CLONE_NEWPID);
    if (fork() == 0) pause();
  }
  unshare(CLONE_NEWTIME | CLONE_NEWUTS);
  _exit(0);
}

static int begun;

static void once(int i) {
  struct clone_args args = {.flags = CLONE_NEWPID | CLONE_NEWTIME | CLONE_NEWUTS | CLONE_NEWIPC, .exit_signal = SIGCHLD};
  pid_t pid = syscall(SYS_clone3, &args, sizeof args);
  if (pid == 0) inside(i);
  if (pid > 0) begun++;
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/ns/%s", pid, i % 2 ? "pid" : "time");
  int file = open(path, O_RDONLY);
  if (i % 4 == 0) kill(pid, SIGKILL);
  waitpid(pid, 0, 0);
  // Who enters it finds nobody to be the first any more.
  if (i % 2 && (pid = fork()) == 0) {
    setns(file, CLONE_NEWPID);
    _exit(fork() == -1);
  }
  waitpid(pid, 0, 0);
  close(file);
}

int main(void) {
  for (int i = 0; i < 24; i++) once(i);
  unsigned long before = free_bytes();
  for (int i = 0; i < 60; i++) once(i);
  unsigned long after = free_bytes();
  printf("begun %d\n", begun);
  // Pages that are kept to be used again.
  printf("%s\n", before <= after + 16384 ? "nothing is lost" : "memory is lost");
  if (before > after + 16384) printf("%lu bytes\n", before - after);
  return 0;
}
