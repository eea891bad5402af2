// renameat2(2) with RENAME_WHITEOUT, as a tmpfs does it: a character device 0 stays at the old name.
#include "say.h"
#include <dirent.h>
#include <sys/sysmacros.h>
#include <sys/inotify.h>
#define NOREPLACE 1
#define EXCHANGE 2
#define WHITEOUT 4
static int rename2(const char *old, const char *new, int flags) {
  return renameat2(AT_FDCWD, old, AT_FDCWD, new, flags);
}
static void show(const char *path) {
  struct stat s;
  if (lstat(path, &s)) {
    printf("  %s: %s\n", path, strerrorname_np(errno));
    return;
  }
  printf("  %s: mode %o links %ld", path, s.st_mode, (long)s.st_nlink);
  if (S_ISCHR(s.st_mode)) printf(" device %d:%d owner %d group %d", major(s.st_rdev), minor(s.st_rdev), s.st_uid == geteuid(), s.st_gid == getegid());
  puts("");
}
static void make(const char *path) {
  int fd = open(path, O_CREAT | O_WRONLY, 0640);
  close(fd);
}
int main(void) {
  mkdir("/tmp/w", 0755), mkdir("/tmp/w/to", 0755), chdir("/tmp/w");
  make("a"), make("b"), mkdir("d", 0755), mkdir("full", 0755), make("full/x"), symlink("a", "link");
  SAY(rename2("a", "c", 8)), SAY(rename2("a", "c", WHITEOUT | 8)), SAY(rename2("a", "b", WHITEOUT | EXCHANGE)), SAY(rename2("a", "b", 7));
  SAY(rename2("absent", "c", WHITEOUT)), SAY(rename2("a", "a", WHITEOUT)), show("a"), SAY(rename2("a", "d", WHITEOUT)), SAY(rename2("d", "a", WHITEOUT)), SAY(rename2("d", "full", WHITEOUT)), SAY(rename2("d", "d/e", WHITEOUT)), SAY(rename2("a", ".", WHITEOUT)), SAY(rename2("a", "b", WHITEOUT | NOREPLACE)), show("a"), show("b"), show("d");
  link("b", "same"), SAY(rename2("b", "same", WHITEOUT)), show("b"), show("same");
  umask(077);
  int watch = inotify_init1(IN_NONBLOCK);
  inotify_add_watch(watch, ".", IN_ALL_EVENTS);
  SAY(rename2("a", "c", WHITEOUT)), show("a"), show("c");
  char events[4096];
  long size = read(watch, events, sizeof events);
  for (long i = 0; i < size;) {
    struct inotify_event *e = (void *)(events + i);
    printf("  event %x %s\n", e->mask, e->len ? e->name : "");
    i += sizeof *e + e->len;
  }
  close(watch);
  SAY(rename2("c", "b", WHITEOUT)), show("c"), show("b");
  SAY(rename2("link", "to/link", WHITEOUT | NOREPLACE)), show("link"), show("to/link");
  SAY(rename2("d", "to/d", WHITEOUT)), show("d"), show("to/d"), show("."), show("to");
  SAY(rename2("d", "to/d", WHITEOUT)), SAY(rename2("d", "to/again", WHITEOUT)), show("d"), show("to/again");
  SAY(access("c", F_OK)), SAY(unlink("c")), show("c");
  SAY(rename2("full", "a", WHITEOUT)), SAY(rename2("b", "a", WHITEOUT)), show("a"), show("b");
  SAY(mknod("plain", S_IFCHR | 0600, 0)), show("plain");
  struct stat before, after;
  stat("to", &before), mkdir("other", 0755), rename2("to/link", "other/link", WHITEOUT), stat("to", &after);
  SAY(after.st_size - before.st_size), SAY(after.st_nlink - before.st_nlink);
  chmod("to", S_ISGID | 0777), SAY(rename2("to/d", "other/d", WHITEOUT)), show("to/d"), show("other/d");
  DIR *folder = opendir(".");
  int names = 0, devices = 0;
  for (struct dirent *e; (e = readdir(folder)); names++) devices += e->d_type == DT_CHR;
  closedir(folder);
  SAY(names), SAY(devices);
  chdir("/"), system("busybox rm -rf /tmp/w");
  return 0;
}
