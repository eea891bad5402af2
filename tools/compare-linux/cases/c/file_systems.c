// Kinds of file systems by sysfs(2), and room by ustat(2): calls that hosts may be built without say ENOSYS.
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/syscall.h>
#include <unistd.h>

struct room { int blocks; unsigned long inodes; char names[16]; };

static void said(const char *what, long result) {
  printf("%s: %s\n", what, result < 0 ? strerrorname_np(errno) : "done");
}

int main(void) {
  char name[64] = "";
  struct stat here;
  struct room room;
  long index = syscall(SYS_sysfs, 1L, "proc");
  if (index < 0 && errno == ENOSYS) return puts("no sysfs") < 0;
  syscall(SYS_sysfs, 2L, index, name);
  printf("proc is %s, among others %d\n", name, index < syscall(SYS_sysfs, 3L));
  said("unknown", syscall(SYS_sysfs, 1L, "nothing"));
  said("empty", syscall(SYS_sysfs, 1L, ""));
  said("nowhere", syscall(SYS_sysfs, 1L, NULL));
  said("to nowhere", syscall(SYS_sysfs, 2L, index, NULL));
  said("no index", syscall(SYS_sysfs, 2L, 1000L, name));
  said("option", syscall(SYS_sysfs, 4L));
  stat(".", &here);
  memset(&room, 1, sizeof room);
  said("room", syscall(SYS_ustat, (unsigned)here.st_dev, &room));
  printf("some %d, no name %d\n", room.blocks > 0 && room.inodes > 0, room.names[0] == 0);
  said("no device", syscall(SYS_ustat, 0xffffffffu, &room));
  said("room nowhere", syscall(SYS_ustat, (unsigned)here.st_dev, NULL));
  return 0;
}
