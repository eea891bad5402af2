// What inotify(7) tells of a name that another replaces: a file, a directory, one that is still open.
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

static int watcher;

static void show(const char *what) {
  char events[4096] __attribute__((aligned(8)));
  long count = read(watcher, events, sizeof events);
  printf("%s:", what);
  for (long at = 0; at < count;) {
    struct inotify_event *event = (void *)(events + at);
    printf(" [%d %x %s]", event->wd, event->mask, event->len ? event->name : "");
    at += sizeof *event + event->len;
  }
  printf("\n");
}

static void make(const char *name, int directory) {
  if (directory) mkdir(name, 0700);
  else close(open(name, O_CREAT | O_WRONLY, 0600));
}

int main(void) {
  char folder[] = "/tmp/replaceXXXXXX";
  if (mkdtemp(folder) == 0 || chdir(folder) != 0) return 1;
  for (int directory = 0; directory < 2; directory++) {
    watcher = inotify_init1(IN_NONBLOCK);
    make("old", directory), make("new", directory), make("open", directory);
    int held = open("open", O_RDONLY);
    inotify_add_watch(watcher, ".", IN_ALL_EVENTS);
    inotify_add_watch(watcher, "old", IN_ALL_EVENTS);
    inotify_add_watch(watcher, "new", IN_ALL_EVENTS);
    inotify_add_watch(watcher, "open", IN_ALL_EVENTS);
    rename("old", "new");
    show("replaced");
    rename("new", "open");
    show("replaced while open");
    close(held);
    show("closed");
    directory ? rmdir("open") : unlink("open");
    show("gone");
    close(watcher);
  }
  chdir("/");
  return rmdir(folder);
}
