// More descriptors than a program has at first: RLIMIT_NOFILE raised, and what a table of that size is for the calls about it.
#include "say.h"
#include <poll.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/syscall.h>

static long room(void) {
  char line[128];
  long count = -1;
  FILE *file = fopen("/proc/self/status", "r");
  while (fgets(line, sizeof line, file) != NULL) sscanf(line, "FDSize: %ld", &count);
  fclose(file);
  return count;
}

static int last(void) {
  int fd = -1;
  for (int i = 0; i < 3; i++) fd = dup(0);
  return fd;
}

static int opened(int from, int to) {
  int count = 0;
  for (int fd = from; fd < to; fd++) count += fcntl(fd, F_GETFD) >= 0;
  return count;
}

int main(void) {
  close_range(3, ~0U, 0);
  struct rlimit limit = {1024, 0}, wanted;
  getrlimit(RLIMIT_NOFILE, &wanted);
  limit.rlim_max = wanted.rlim_max;
  SAY(setrlimit(RLIMIT_NOFILE, &limit));
  int fd = 0;
  while ((fd = dup(0)) >= 0) continue;
  SAY(fd);
  SAY(opened(0, 4096));
  SAY(dup2(0, 1024));
  SAY(fcntl(0, F_DUPFD, 1024));
  limit.rlim_cur = 3000;
  SAY(setrlimit(RLIMIT_NOFILE, &limit));
  SAY(dup(0));
  SAY(dup2(0, 1500));
  SAY(dup3(0, 2999, O_CLOEXEC));
  SAY(dup2(0, 3000));
  SAY(fcntl(0, F_DUPFD, 1500));
  SAY(fcntl(0, F_DUPFD_CLOEXEC, 2998));
  SAY(fcntl(0, F_DUPFD, 2998));
  SAY(fcntl(2998, F_GETFD));
  close(5), close(1400), close(4);
  SAY(last());
  int ends[2];
  SAY(pipe(ends));
  SAY(ends[0]);
  SAY(dup2(ends[0], 2000));
  unsigned char sets[512] = {0};
  sets[2000 / 8] |= 1 << 2000 % 8;
  struct timeval now = {0, 0};
  SAY(select(2001, (fd_set *)sets, 0, 0, &now));
  write(ends[1], "", 1);
  sets[2000 / 8] |= 1 << 2000 % 8;
  SAY(select(2001, (fd_set *)sets, 0, 0, &now));
  SAY(sets[2000 / 8]);
  SAY(select(2000, (fd_set *)sets, 0, 0, &now));
  sets[2100 / 8] |= 1 << 2100 % 8;
  SAY(select(2101, (fd_set *)sets, 0, 0, &now));
  struct pollfd polled = {2000, POLLIN, 0};
  SAY(poll(&polled, 1, 0));
  SAY(room());
  pid_t child = fork();
  if (child == 0) {
    SAY(room());
    SAY(opened(0, 4096));
    SAY(close_range(1100, ~0U, 0));
    SAY(opened(0, 4096));
    pid_t second = fork();
    if (second == 0) {
      SAY(room());
      SAY(close_range(60, ~0U, 0));
      pid_t third = fork();
      if (third == 0) {
        SAY(room());
        _exit(0);
      }
      say_wait("third", third);
      _exit(0);
    }
    say_wait("second", second);
    _exit(0);
  }
  say_wait("child", child);
  SAY(close_range(100, ~0U, CLOSE_RANGE_CLOEXEC));
  SAY(fcntl(2000, F_GETFD));
  limit.rlim_cur = 10;
  SAY(setrlimit(RLIMIT_NOFILE, &limit));
  SAY(fcntl(2000, F_GETFD));
  SAY(dup2(0, 2000));
  SAY(dup2(0, 11));
  SAY(close(2000));
  SAY(dup(0));
  char entries[1024];
  int directory = close(6) == 0 ? open("/", O_RDONLY | O_DIRECTORY) : -1;
  SAY(directory);
  SAY(syscall(SYS_getdents64, directory, entries, 0x80000000UL));
  SAY(syscall(SYS_getdents64, directory, entries, 0xffffffffUL));
  SAY(syscall(SYS_getdents64, directory, entries, 0x100000000UL));
  SAY(syscall(SYS_getdents64, directory, entries, 0x100000400UL) > 0);
  return 0;
}
