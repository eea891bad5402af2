// Calls that newer ones have taken the place of, as programs still make them, and advice about files.
#include "say.h"
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timex.h>
#include <sys/uio.h>
#include <utime.h>

static void times(const char *what) {
  struct stat s;
  stat("file", &s);
  printf("%s: %ld.%09ld %ld.%09ld\n", what, (long)s.st_atim.tv_sec, s.st_atim.tv_nsec, (long)s.st_mtim.tv_sec, s.st_mtim.tv_nsec);
}

static void file_times(void) {
  struct utimbuf both = {11, 22};
  struct timeval values[2] = {{33, 44}, {55, 66}};
  SAY(syscall(SYS_utime, "file", &both));
  times("utime");
  SAY(syscall(SYS_utimes, "file", values));
  times("utimes");
  values[0].tv_sec = 77;
  SAY(syscall(SYS_futimesat, AT_FDCWD, "file", values));
  times("futimesat");
  int fd = open("file", O_RDONLY);
  values[1].tv_sec = -88;
  SAY(syscall(SYS_futimesat, fd, NULL, values));
  times("of a descriptor");
  close(fd);
  values[1].tv_usec = 1000000;
  SAY(syscall(SYS_utimes, "file", values));
  values[1].tv_usec = -1;
  SAY(syscall(SYS_utimes, "file", values));
  SAY(syscall(SYS_utimes, "absent", values));
  SAY(syscall(SYS_utimes, "file", (void *)8));
  SAY(syscall(SYS_utime, "file", (void *)8));
  SAY(syscall(SYS_utime, "absent", NULL));
  SAY(syscall(SYS_utime, (void *)8, NULL));
  SAY(syscall(SYS_futimesat, -1, "file", NULL));
  SAY(syscall(SYS_futimesat, -1, NULL, NULL));
  SAY(syscall(SYS_utime, "file", NULL));
  struct stat s;
  stat("file", &s);
  SAY(time(NULL) - s.st_mtime < 100);
}

struct entry {
  unsigned long inode, offset;
  unsigned short length;
  char name[];
};

static void directory(void) {
  mkdir("d", 0755);
  close(open("d/a-name", O_CREAT | O_WRONLY, 0644));
  mkdir("d/directory", 0755);
  symlink("nowhere", "d/link");
  char buffer[1000];
  int fd = open("d", O_RDONLY), sum = 0, found = 0, files = 0, directories = 0, links = 0;
  SAY(syscall(SYS_getdents, fd, buffer, 20));
  for (;;) {
    long got = syscall(SYS_getdents, fd, buffer, 60);
    if (got <= 0) break;
    for (long at = 0; at < got;) {
      struct entry *entry = (void *)(buffer + at);
      int type = buffer[at + entry->length - 1];
      found++, files += type == 8, directories += type == 4, links += type == 10;
      sum += entry->length - (entry->name[0] == 'a' ? 0 : 24);
      at += entry->length;
    }
  }
  printf("%d bytes, %d entries, %d files, %d directories, %d links\n", sum, found, files, directories, links);
  lseek(fd, 0, SEEK_SET);
  SAY(syscall(SYS_getdents, fd, (void *)8, 100));
  SAY(syscall(SYS_getdents, -1, buffer, 100));
  close(fd);
  fd = open("file", O_RDONLY);
  SAY(syscall(SYS_getdents, fd, buffer, 100));
  close(fd);
}

static void advice(void) {
  int fd = open("file", O_RDWR), out = open("file", O_WRONLY), ends[2];
  if (pipe(ends) != 0) return;
  SAY(readahead(fd, 0, 100));
  SAY(readahead(fd, -1, 100) == 0 || errno == EINVAL);
  SAY(readahead(out, 0, 100));
  SAY(readahead(ends[0], 0, 100));
  SAY(readahead(-1, 0, 100));
  SAY(sync_file_range(fd, 0, 0, 7));
  SAY(sync_file_range(fd, 0, 0, 8));
  SAY(sync_file_range(fd, -1, 0, 0));
  SAY(sync_file_range(fd, 5, -6, 0));
  SAY(sync_file_range(fd, 5, 1UL << 62, 2));
  SAY(sync_file_range(ends[0], 0, 0, 2));
  SAY(sync_file_range(ends[0], 0, 0, 9));
  SAY(sync_file_range(-1, 0, 0, 9));
}

static void memory(void) {
  int ends[2];
  char own[40] = "", text[] = "some text of a process", more[] = "and more";
  if (pipe(ends) != 0) return;
  pid_t pid = fork();
  if (pid == 0) {
    strcpy(text, "changed by the child");
    if (write(ends[1], "", 1) != 1) _exit(1);
    for (;;) pause();
  }
  char byte;
  SAY(read(ends[0], &byte, 1));
  struct iovec local[2] = {{own, 5}, {own + 10, 20}}, remote[2] = {{text, 8}, {more, 5}}, bad = {(void *)8, 4};
  SAY(process_vm_readv(pid, local, 2, remote, 2, 0));
  printf("%.5s|%.8s\n", own, own + 10);
  strcpy(own, "WRITTEN");
  SAY(process_vm_writev(pid, local, 1, remote, 1, 0));
  memset(own, 0, sizeof own);
  SAY(process_vm_readv(pid, local, 1, remote, 1, 0));
  printf("%s, %s\n", own, text);
  SAY(process_vm_readv(pid, local, 2, &bad, 1, 0));
  SAY(process_vm_readv(pid, &bad, 1, remote, 1, 0));
  struct iovec partly[2] = {{text, 3}, {(void *)8, 4}};
  SAY(process_vm_readv(pid, local, 2, partly, 2, 0));
  SAY(process_vm_readv(pid, local, 1, remote, 1, 1));
  SAY(process_vm_readv(pid, local, 1025, remote, 1, 0));
  SAY(process_vm_readv(pid, local, 1, remote, 1025, 0));
  SAY(process_vm_readv(pid, local, 0, remote, 1, 0));
  SAY(process_vm_readv(pid, local, 1, remote, 0, 0));
  SAY(process_vm_readv(pid, local, 1, (void *)8, 1, 0));
  SAY(process_vm_writev(pid, local, 1, &(struct iovec){(void *)printf, 4}, 1, 0));
  kill(pid, SIGKILL);
  waitpid(pid, NULL, 0);
  SAY(process_vm_readv(pid, local, 1, remote, 1, 0));
}

static void refused(void) {
  struct timespec bad = {0, -1};
  struct timeval worse = {0, 1000000};
  SAY(clock_settime(CLOCK_REALTIME, &bad));
  SAY(syscall(SYS_clock_settime, CLOCK_REALTIME, 8));
  SAY(clock_settime(CLOCK_MONOTONIC, &(struct timespec){1, 0}));
  SAY(clock_settime(999, &(struct timespec){1, 0}));
  SAY(settimeofday(&worse, NULL));
  SAY(syscall(SYS_settimeofday, 8, NULL));
  SAY(syscall(SYS_adjtimex, 8));
  struct timex state = {.modes = 0};
  SAY(adjtimex(&state) >= 0);
  SAY(clock_adjtime(CLOCK_REALTIME, &state) >= 0);
  SAY(clock_adjtime(CLOCK_MONOTONIC, &state));
  SAY(clock_adjtime(999, &state));
}

int main(void) {
  close(open("file", O_CREAT | O_WRONLY, 0644));
  file_times();
  directory();
  advice();
  memory();
  refused();
  unlink("d/a-name"), unlink("d/link"), rmdir("d/directory"), rmdir("d"), unlink("file");
  return 0;
}
