// Processes, threads and what they have leave no memory behind: as much is free after many of them as after some.
#include "say.h"
#include <linux/aio_abi.h>
#include <linux/keyctl.h>
#include <poll.h>
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

// Ends, or becomes another program, with requests that wait and with keys.
static void leaves(int i) {
  int fd[2];
  aio_context_t first = 0, second = 0;
  pipe(fd);
  syscall(SYS_io_setup, 100, &first);
  syscall(SYS_io_setup, 1, &second);
  struct iocb request = {.aio_lio_opcode = IOCB_CMD_POLL, .aio_fildes = fd[0], .aio_buf = POLLIN}, *list = &request;
  for (int n = 0; n < 20; n++) syscall(SYS_io_submit, first, 1L, &list);
  syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, 0);
  long ring = syscall(SYS_add_key, "keyring", "ring", 0, 0L, KEY_SPEC_PROCESS_KEYRING);
  syscall(SYS_add_key, "user", "key", environ, 100L, ring);
  syscall(SYS_keyctl, KEYCTL_LINK, ring, KEY_SPEC_SESSION_KEYRING);
  syscall(SYS_add_key, "user", "other", environ, 100L, KEY_SPEC_THREAD_KEYRING);
  if (i % 2 == 0) execl("/bin/busybox", "true", (char *)0);
  _exit(0);
}

static void once(int i) {
  int fd[2];
  pipe(fd);
  pid_t pid = i % 3 == 0 ? vfork() : fork();
  if (pid == 0) {
    execl("/bin/busybox", "true", (char *)0);
    _exit(1);
  }
  pid_t leaving = fork();
  if (leaving == 0) leaves(i);
  waitpid(leaving, 0, 0);
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
