// Events of open files whose names are exchanged, moved or taken away, by the directory that is watched: they tell the name that the
// file has, or had last.
#include "say.h"
#include <sys/inotify.h>

static int instance;

static void dump(const char *what) {
  char events[4096];
  long length = read(instance, events, sizeof events);
  printf("%s:", what);
  for (long at = 0; at < length;) {
    struct inotify_event *event = (void *)(events + at);
    printf(" %x %s", event->mask, event->len ? event->name : "-");
    at += sizeof *event + event->len;
  }
  printf("\n");
  fflush(stdout);
}

static void make(const char *name, int directory) {
  if (directory) mkdir(name, 0755);
  else close(open(name, O_CREAT | O_WRONLY, 0644));
}

static void take(const char *name, int directory) {
  if (directory) rmdir(name);
  else unlink(name);
}

static void with(int first, int second, int exchange, int watch_both) {
  printf("directories %d %d, exchange %d, watched %d\n", first, second, exchange, watch_both);
  mkdir("/tmp/d", 0755);
  mkdir("/tmp/o", 0755);
  chdir("/tmp/d");
  const char *other = watch_both ? "../o/b" : "b";
  make("a", first);
  if (exchange) make(other, second);
  instance = inotify_init1(IN_NONBLOCK);
  inotify_add_watch(instance, ".", IN_ALL_EVENTS);
  if (watch_both) inotify_add_watch(instance, "../o", IN_ALL_EVENTS);
  int a = open("a", O_RDONLY), b = open(other, O_RDONLY);
  dump("open");
  SAY(renameat2(AT_FDCWD, "a", AT_FDCWD, other, exchange ? RENAME_EXCHANGE : 0));
  dump("rename");
  fchmod(a, 0700);
  if (b >= 0) fchmod(b, 0700);
  dump("modes");
  take(other, first);
  dump("take");
  fchmod(a, 0755);
  close(a);
  dump("close the first");
  if (exchange) take("a", second);
  dump("take");
  if (b >= 0) fchmod(b, 0755), close(b);
  dump("close the second");
  close(instance);
  chdir("/");
  rmdir("/tmp/d");
  rmdir("/tmp/o");
}

int main(void) {
  for (int kinds = 0; kinds < 4; kinds++)
    for (int exchange = 0; exchange < 2; exchange++)
      for (int both = 0; both < 2; both++) with(kinds & 1, kinds >> 1, exchange, both);
  return 0;
}
