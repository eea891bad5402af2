// Handles of files: what they are like, that they lead to the file by whatever name, and what is refused. Opening by them
// needs rights that a host's root may lack: it is told with what the host says to the first attempt.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

struct handle {
  unsigned bytes;
  int type;
  unsigned char data[128];
};

static long said(const char *what, long result) {
  if (result < 0) printf("%s: %s\n", what, strerrorname_np(errno));
  else printf("%s: %ld\n", what, result);
  return result;
}

static long of(int fd, const char *path, struct handle *to, int flags) {
  int mount = 0;
  return syscall(SYS_name_to_handle_at, fd, path, to, &mount, flags);
}

static void names(void) {
  struct handle one = {0}, other = {128}, link = {128}, followed = {128};
  said("no room", of(AT_FDCWD, "file", &one, 0));
  printf("bytes %u\n", one.bytes);
  said("room", of(AT_FDCWD, "file", &one, 0));
  printf("bytes %u type %d\n", one.bytes, one.type);
  said("other name", of(AT_FDCWD, "hard", &other, 0));
  printf("the same %d\n", one.bytes == other.bytes && memcmp(one.data, other.data, one.bytes) == 0);
  said("link", of(AT_FDCWD, "soft", &link, 0));
  said("followed", of(AT_FDCWD, "soft", &followed, AT_SYMLINK_FOLLOW));
  printf("link differs %d, followed the same %d\n", memcmp(one.data, link.data, one.bytes) != 0,
         memcmp(one.data, followed.data, one.bytes) == 0);
  int fd = open("file", O_RDONLY), pipes[2];
  memset(&other, 0, sizeof other);
  other.bytes = 128;
  said("by descriptor", of(fd, "", &other, AT_EMPTY_PATH));
  printf("the same %d\n", memcmp(one.data, other.data, one.bytes) == 0);
  said("empty", of(fd, "", &other, 0));
  close(fd);
  other.bytes = 129;
  said("too long", of(AT_FDCWD, "file", &other, 0));
  said("flags", of(AT_FDCWD, "file", &other, 0x4000000));
  said("flags first", of(AT_FDCWD, "absent", NULL, 0x4000000));
  said("absent", of(AT_FDCWD, "absent", NULL, 0));
  said("nowhere", of(AT_FDCWD, "file", NULL, 0));
  other.bytes = 128;
  said("no mount", syscall(SYS_name_to_handle_at, AT_FDCWD, "file", &other, NULL, 0));
  if (pipe(pipes) != 0) exit(1);
  said("pipe", of(pipes[0], "", &other, AT_EMPTY_PATH));
  said("wrong descriptor", of(99, "file", &other, 0));
}

static void opening(void) {
  struct handle found = {128}, directory = {128};
  of(AT_FDCWD, "file", &found, 0);
  of(AT_FDCWD, "folder", &directory, 0);
  int here = open(".", O_RDONLY);
  long fd = syscall(SYS_open_by_handle_at, here, &found, O_RDONLY);
  if (fd < 0 && errno == EPERM) {
    puts("no rights");
    return;
  }
  char text[8] = {0};
  printf("opened %d, read %zd: %s\n", fd >= 0, read(fd, text, 7), text);
  close(fd);
  said("to write a folder", syscall(SYS_open_by_handle_at, here, &directory, O_RDWR));
  said("no descriptor", syscall(SYS_open_by_handle_at, 99, &found, O_RDONLY));
  said("nowhere", syscall(SYS_open_by_handle_at, here, NULL, O_RDONLY));
  said("exclusive", syscall(SYS_open_by_handle_at, here, &found, O_CREAT | O_EXCL));
  struct handle wrong = found;
  wrong.bytes = 0;
  said("no bytes", syscall(SYS_open_by_handle_at, here, &wrong, O_RDONLY));
  wrong.bytes = 129;
  said("too many", syscall(SYS_open_by_handle_at, here, &wrong, O_RDONLY));
  wrong.bytes = 4;
  said("too few", syscall(SYS_open_by_handle_at, here, &wrong, O_RDONLY));
  unlink("file");
  unlink("hard");
  said("gone", syscall(SYS_open_by_handle_at, here, &found, O_RDONLY));
}

int main(void) {
  int fd = open("file", O_RDWR | O_CREAT, 0600);
  if (write(fd, "inside", 6) != 6 || link("file", "hard") != 0 || symlink("file", "soft") != 0) return 1;
  close(fd);
  mkdir("folder", 0700);
  names();
  opening();
  return 0;
}
