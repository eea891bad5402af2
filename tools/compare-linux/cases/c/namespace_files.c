// The files of namespaces in /proc/PID/ns: what they are, who has the same, and what ioctl(2) tells of them. The answer is
// that of a process in the first namespace of users, which programs on a host need not be in.
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static long said(const char *what, long result) {
  if (result < 0) printf("%s: %s\n", what, strerrorname_np(errno));
  else printf("%s: %ld\n", what, result);
  return result;
}

static const char *const names[] = {"cgroup", "ipc", "mnt", "net", "pid", "pid_for_children", "time",
                                    "time_for_children", "user", "uts"};

static void listed(void) {
  struct dirent **all;
  int count = scandir("/proc/self/ns", &all, NULL, alphasort);
  for (int i = 0; i < count; i++) printf("%s%c", all[i]->d_name, i + 1 < count ? ' ' : '\n');
}

static void of(const char *name) {
  char path[64], text[64] = "", other[64] = "", *at;
  struct stat about, opened;
  snprintf(path, sizeof path, "/proc/self/ns/%s", name);
  lstat(path, &about);
  long length = readlink(path, text, sizeof text - 1);
  at = strchr(text, '[');
  printf("%s: %o %.*s\n", name, about.st_mode, at == NULL ? 0 : (int)(at - text), text);
  int fd = open(path, O_RDONLY);
  fstat(fd, &opened);
  printf("mode %o links %lu size %ld number %d\n", opened.st_mode, opened.st_nlink, (long)opened.st_size,
         at != NULL && opened.st_ino == strtoul(at + 1, NULL, 10));
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  printf("descriptor the same %d\n", readlink(path, other, sizeof other - 1) == length && strcmp(text, other) == 0);
  int flags;
  unsigned owner = 9;
  said("read", read(fd, text, 1));
  said("write", write(fd, text, 1));
  said("seek", lseek(fd, 0, SEEK_SET));
  said("map", mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0) == MAP_FAILED ? -1 : 0);
  said("flags", ioctl(fd, FS_IOC_GETFLAGS, &flags));
  printf("type %#x\n", ioctl(fd, NS_GET_NSTYPE));
  said("parent", ioctl(fd, NS_GET_PARENT) < 0 ? -1 : 0);
  said("owner", ioctl(fd, NS_GET_OWNER_UID, &owner));
  printf("is %u\n", owner);
  said("owner nowhere", ioctl(fd, NS_GET_OWNER_UID, NULL));
  int users = ioctl(fd, NS_GET_USERNS);
  said("users", users < 0 ? -1 : 0);
  if (users >= 0) {
    stat("/proc/self/ns/user", &about);
    fstat(users, &opened);
    printf("its users %d, type %#x, closes %d\n", about.st_ino == opened.st_ino, ioctl(users, NS_GET_NSTYPE),
           fcntl(users, F_GETFD));
    close(users);
  }
  said("other", ioctl(fd, 0xb7ff));
  close(fd);
}

/** The number of namespace `name` of process `who`. */
static unsigned long number(const char *who, const char *name) {
  char path[64];
  struct stat about = {0};
  snprintf(path, sizeof path, "/proc/%s/ns/%s", who, name);
  stat(path, &about);
  return about.st_ino;
}

int main(void) {
  listed();
  for (unsigned i = 0; i < sizeof names / sizeof *names; i++) of(names[i]);
  unsigned long before = number("self", "mnt");
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    char parent[16];
    snprintf(parent, sizeof parent, "%d", getppid());
    printf("the parent's %d\n", number("self", "mnt") == number(parent, "mnt"));
    said("own mounts", unshare(CLONE_NEWNS));
    printf("the parent's %d, names %d\n", number("self", "mnt") == number(parent, "mnt"),
           number("thread-self", "uts") == number(parent, "uts"));
    fflush(stdout);
    _exit(0);
  }
  waitpid(child, NULL, 0);
  printf("as before %d\n", number("self", "mnt") == before);
  int held = open("/proc/self/ns/mnt", O_RDONLY);
  unshare(CLONE_NEWNS);
  unshare(CLONE_NEWNS);
  printf("another %d, type of the old one %#x\n", number("self", "mnt") != before, ioctl(held, NS_GET_NSTYPE));
  said("no such", open("/proc/self/ns/other", O_RDONLY));
  said("made", mkdir("/proc/self/ns/other", 0755));
  return 0;
}
