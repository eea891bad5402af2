// Processes, threads and what they have leave no memory behind: as much is free after many of them as after some.
#include "say.h"
#include <pthread.h>
#include <sys/mman.h>
#include <sys/sysinfo.h>
#include <sys/syscall.h>

extern char **environ;

static unsigned long free_bytes(void) {
  struct sysinfo info;
  sysinfo(&info);
  return info.freeram;
}

static void *ends(void *unused) { return unused; }

static void once(int i) {
  int fd[2];
  pipe(fd);
  pid_t pid = i % 3 == 0 ? vfork() : fork();
  if (pid == 0) {
    execl("/bin/busybox", "true", (char *)0);
    _exit(1);
  }
  int pidfd = syscall(SYS_pidfd_open, pid, 0);
  waitpid(pid, 0, 0);
  close(pidfd), close(fd[0]), close(fd[1]);
  pthread_t thread;
  pthread_create(&thread, 0, ends, 0);
  pthread_join(thread, 0);
  char *p = mmap(0, 1 << 18, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  memset(p, 1, 1 << 18);
  if ((pid = fork()) == 0) {
    memset(p, 2, 1 << 18);
    _exit(0);
  }
  kill(pid, SIGKILL);
  waitpid(pid, 0, 0);
  munmap(p, 1 << 18);
}

int main(int count, char **arguments) {
  int rounds = count > 1 ? atoi(arguments[1]) : 60;
  for (int i = 0; i < 30; i++) once(i);
  unsigned long before = free_bytes();
  for (int i = 0; i < rounds; i++) once(i);
  unsigned long after = free_bytes();
  // Pages that are kept to be used again.
  printf("%s\n", before <= after + 16384 ? "nothing is lost" : "memory is lost");
  if (before > after + 16384) printf("%lu bytes\n", before - after);
  return 0;
}
